//! One phone of the load: what it sends next, and what it makes of what it hears.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use mediapoint_g711::Law;
use mediapoint_net::{SocketOptions, UdpSocket};
use mediapoint_packet::demux::is_rtcp;
use mediapoint_packet::{PacketBuf, Time};
use rtp::header::Header;
use webrtc_srtp::context::Context;

use super::LoadError;
use super::mark::Mark;
use super::sound::Way;
use super::voice::Voice;
use super::watch::{Kept, Watch};
use crate::codec::PACKET_MS;
use crate::wire;

/// Packets whose sending time is remembered, 5 s of them; one that comes later is counted as stale.
const REMEMBERED: usize = 256;

/// Phones whose audio is listened to, where no mark says what it is: the first four calls.
const LISTENED: u16 = 8;

/// Packets whose sending is kept for that at most: 30 s.
const KEPT: usize = 1_500;

/// What became of a received datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// Packet `index` of the peer.
    Packet(u32),
    /// Audio, so much earlier or later after the packet before it than its timestamp says.
    Audio {
        /// `None` for the first packet.
        off: Option<Duration>,
    },
    /// Audio that came before.
    Again,
    /// RTCP, which the load takes no part in.
    Rtcp,
    /// Not to be decrypted, parsed or read.
    Damaged,
    /// Another phone's packet.
    Misrouted,
}

/// One phone.
pub(super) struct Endpoint {
    number: u16,
    remote: SocketAddr,
    voice: Voice,
    header: Header,
    /// RTP ticks of a packet.
    ticks: u32,
    index: u32,
    protect: Option<Context>,
    unprotect: Option<Context>,
    /// Of the packets this phone sent.
    journal: Journal,
    /// Over what it hears, where that has no marks.
    watch: Option<Watch>,
    /// What it said since the measurement began, where its partner is listened to.
    said: Option<Vec<Kept>>,
    /// It is to be sent nothing.
    deaf: bool,
}

/// What was agreed for a phone.
pub(super) struct Line {
    pub(super) remote: SocketAddr,
    pub(super) payload_type: u8,
    pub(super) keys: Option<Keys>,
}

/// Keys of both directions.
pub(super) struct Keys {
    pub(super) protect: Context,
    pub(super) unprotect: Context,
}

impl Endpoint {
    /// A phone of plain RTP that marks its packets.
    pub(super) fn plain(number: u16, remote: SocketAddr) -> Self {
        let line = Line { remote, payload_type: 0, keys: None };
        Self::new(number, line, &Voice::Marks(Law::Mu))
    }

    pub(super) fn new(number: u16, line: Line, voice: &Voice) -> Self {
        Self::made(number, line, voice, number < LISTENED)
    }

    /// A member of a conference: what it hears is nobody's own speech, and is not kept.
    pub(super) fn member(number: u16, line: Line, voice: &Voice) -> Self {
        Self::made(number, line, voice, false)
    }

    fn made(number: u16, line: Line, voice: &Voice, listened: bool) -> Self {
        let header = Header {
            version: 2,
            payload_type: line.payload_type,
            // Below half, so that no roll-over can be guessed wrong at the start [RFC3711 3.3.1].
            sequence_number: rand::random::<u16>() >> 1,
            timestamp: rand::random(),
            ssrc: rand::random(),
            marker: true,
            ..Header::default()
        };
        let (protect, unprotect) = line.keys.map(|keys| (keys.protect, keys.unprotect)).unzip();
        let codec = voice.codec();
        let (watch, said) = match voice {
            Voice::Marks(_) => (None, None),
            Voice::Speech(_) => (Some(Watch::new(codec, listened)), listened.then(Vec::new)),
        };
        Self {
            number,
            remote: line.remote,
            voice: voice.clone(),
            header,
            ticks: codec.clock_rate() / 1000 * PACKET_MS,
            index: 0,
            protect,
            unprotect,
            journal: Journal::new(),
            watch,
            said,
            deaf: false,
        }
    }

    /// The same phone, which is to be sent nothing.
    pub(super) fn deaf(self) -> Self {
        Self { deaf: true, ..self }
    }

    pub(super) fn is_deaf(&self) -> bool {
        self.deaf
    }

    pub(super) fn remote(&self) -> SocketAddr {
        self.remote
    }

    pub(super) fn journal_mut(&mut self) -> &mut Journal {
        &mut self.journal
    }

    pub(super) fn watch(&self) -> Option<&Watch> {
        self.watch.as_ref()
    }

    /// Counts from here on.
    pub(super) fn start(&mut self) {
        self.journal.start();
        if let Some(watch) = &mut self.watch {
            watch.start();
        }
    }

    /// From this phone to `partner`, where both were listened to.
    pub(super) fn way_to<'a>(&'a self, partner: &'a Self) -> Option<Way<'a>> {
        let Voice::Speech(said_in) = &self.voice else { return None };
        let watch = partner.watch.as_ref()?;
        Some(Way { said_in, said: self.said.as_ref()?, heard_in: watch.codec(), heard: watch.tape()? })
    }

    /// Writes the next packet into `out` and books it as sent at `now`; false where it could not be made.
    pub(super) fn write_next(&mut self, now: Time, out: &mut PacketBuf) -> bool {
        let written = self.voice.payload(self.number, self.index, |payload| {
            if let Some(said) =
                self.said.as_mut().filter(|said| self.journal.counts_now() && said.len() < KEPT)
            {
                said.push(Kept { at: now, timestamp: self.header.timestamp, payload: payload.into() });
            }
            wire::write_to(&self.header, payload, out.storage_mut())
        });
        let Some(len) = written else { return false };
        out.set_len(len);
        if let Some(context) = &mut self.protect {
            match context.encrypt_rtp_with_header(out.bytes(), &self.header) {
                Ok(protected) if out.fill(&protected) => {}
                _ => return false,
            }
        }
        self.journal.sent(self.index, now);
        self.index = self.index.wrapping_add(1);
        self.header.marker = false;
        self.header.sequence_number = self.header.sequence_number.wrapping_add(1);
        self.header.timestamp = self.header.timestamp.wrapping_add(self.ticks);
        true
    }

    /// Reads a datagram that came to this phone at `now`.
    pub(super) fn read(&mut self, now: Time, datagram: &[u8]) -> Heard {
        if is_rtcp(datagram) {
            return Heard::Rtcp;
        }
        let plain;
        let datagram = match &mut self.unprotect {
            None => datagram,
            Some(context) => match wire::unprotect(context, datagram) {
                Some(bytes) => {
                    plain = bytes;
                    &plain
                }
                None => return Heard::Damaged,
            },
        };
        let Some((header, payload)) = wire::parse_header(datagram) else { return Heard::Damaged };
        if header.payload_type != self.header.payload_type {
            return Heard::Damaged;
        }
        if let Some(watch) = &mut self.watch {
            return watch.handle(now, &header, payload);
        }
        match Mark::read(payload) {
            Some(mark) if mark.stream == self.number ^ 1 => Heard::Packet(mark.index),
            Some(_) => Heard::Misrouted,
            None => Heard::Damaged,
        }
    }
}

/// What is known of a packet when its arrival is booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// It came for the first time, so long after it was sent.
    First(Duration),
    /// It came before.
    Again,
    /// It was sent too long ago to know, or never.
    Stale,
}

/// When the last packets were sent, and whether they arrived.
pub(super) struct Journal {
    entries: Box<[Entry; REMEMBERED]>,
    /// Packets that belong to the measurement: sent, and arrived.
    counted: Option<(u64, u64)>,
}

#[derive(Clone, Copy, Default)]
struct Entry {
    index: u32,
    sent: Option<Time>,
    counted: bool,
    arrived: bool,
}

impl Journal {
    fn new() -> Self {
        Self { entries: Box::new([Entry::default(); REMEMBERED]), counted: None }
    }

    /// Packets sent from now on count, until [`Journal::stop`].
    pub(super) fn start(&mut self) {
        self.counted = Some((0, 0));
    }

    /// True once packets count.
    fn counts_now(&self) -> bool {
        self.counted.is_some()
    }

    /// Packets sent and arrived of those that count.
    pub(super) fn counts(&self) -> (u64, u64) {
        self.counted.unwrap_or_default()
    }

    fn sent(&mut self, index: u32, now: Time) {
        let counted = match &mut self.counted {
            Some((sent, _)) => {
                *sent += 1;
                true
            }
            None => false,
        };
        if let Some(entry) = self.entries.get_mut(index as usize % REMEMBERED) {
            *entry = Entry { index, sent: Some(now), counted, arrived: false };
        }
    }

    /// Books that packet `index` arrived at `now`, and says whether its delay counts.
    pub(super) fn arrived(&mut self, index: u32, now: Time) -> (Arrival, bool) {
        let Some(entry) = self.entries.get_mut(index as usize % REMEMBERED) else {
            return (Arrival::Stale, false);
        };
        match entry.sent {
            Some(_) if entry.index != index => (Arrival::Stale, false),
            None => (Arrival::Stale, false),
            Some(_) if entry.arrived => (Arrival::Again, entry.counted),
            Some(sent) => {
                entry.arrived = true;
                if let Some((_, arrived)) = &mut self.counted
                    && entry.counted
                {
                    *arrived += 1;
                }
                (Arrival::First(now.since(sent)), entry.counted)
            }
        }
    }
}

/// Binds phones, each to an even port whose odd neighbour is left for the RTCP nobody reads.
pub(super) fn bind_phones(address: IpAddr, first: u16, phones: usize) -> Result<Vec<UdpSocket>, LoadError> {
    let mut sockets = Vec::with_capacity(phones);
    let mut port = first & !1;
    while sockets.len() < phones {
        if let Some(socket) = try_bind(address, port)? {
            sockets.push(socket);
        }
        port = match port.checked_add(2) {
            Some(next) => next,
            None if sockets.len() == phones => break,
            None => return Err(LoadError::Ports { first, phones }),
        };
    }
    Ok(sockets)
}

fn try_bind(address: IpAddr, port: u16) -> Result<Option<UdpSocket>, LoadError> {
    match UdpSocket::bind(SocketAddr::new(address, port), &SocketOptions::default()) {
        Ok(socket) => Ok(Some(socket)),
        Err(e) if e.kind() == std::io::ErrorKind::AddrInUse => Ok(None),
        Err(e) => Err(e.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    #[test]
    fn what_arrives_twice_or_too_late_is_told_apart() {
        let mut journal = Journal::new();
        journal.sent(0, at(0));
        journal.start();
        journal.sent(1, at(20));
        journal.sent(2, at(40));
        assert_eq!(journal.arrived(0, at(41)), (Arrival::First(Duration::from_millis(41)), false));
        assert_eq!(journal.arrived(2, at(42)), (Arrival::First(Duration::from_millis(2)), true));
        assert_eq!(journal.arrived(2, at(43)), (Arrival::Again, true));
        assert_eq!(journal.arrived(7, at(44)), (Arrival::Stale, false));
        for index in 3..1 + u32::try_from(REMEMBERED).unwrap() + 1 {
            journal.sent(index, at(60));
        }
        assert_eq!(journal.arrived(1, at(61)), (Arrival::Stale, false));
        assert_eq!(journal.counts(), (u64::try_from(REMEMBERED).unwrap() + 1, 1));
    }

    #[test]
    fn a_packet_is_known_by_its_partner_and_a_stranger_by_nobody() {
        let nowhere = "127.0.0.1:9".parse().unwrap();
        let [mut a, mut b, mut other] = [0, 1, 2].map(|number| Endpoint::plain(number, nowhere));
        let mut buf = PacketBuf::new();
        assert!(a.write_next(at(1), &mut buf) && a.write_next(at(2), &mut buf));
        assert_eq!(b.read(at(3), buf.bytes()), Heard::Packet(1));
        assert_eq!(other.read(at(3), buf.bytes()), Heard::Misrouted);
        assert_eq!(a.read(at(3), buf.bytes()), Heard::Misrouted);
        assert_eq!(b.read(at(3), &[0x80, 200, 0, 0]), Heard::Rtcp);
        assert_eq!(b.read(at(3), &[0x80, 0]), Heard::Damaged);
    }
}
