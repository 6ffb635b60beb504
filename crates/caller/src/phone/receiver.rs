//! What a phone makes of what it receives: decrypted, counted, decoded and put in its place. Told the time.

use mediapoint_packet::Time;
use rtp::packet::Packet;
use webrtc_srtp::context::Context;

use crate::codec::{Codec, Listener};
use crate::event::DigitListener;
use crate::reception::{Order, Reception};
use crate::recording::Recording;
use crate::sdp::{Coding, Format};
use crate::wire;

pub(super) struct Receiver {
    formats: Vec<Format>,
    /// The coders of codecs that were heard.
    listeners: Vec<(Codec, Listener)>,
    unprotect: Option<Context>,
    /// Keys before the last change, for what was under way then.
    unprotect_before: Option<Context>,
    stream: Option<Reception>,
    finished: Totals,
    heard: Recording,
    digits: DigitListener,
    counts: Counts,
}

/// Counters over all the streams that a phone heard.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Totals {
    pub(super) received: u64,
    pub(super) lost: u64,
    pub(super) late: u64,
    pub(super) duplicates: u64,
}

/// Datagrams that were not counted as part of a stream, and changes of it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) sources: u64,
    pub(super) undecryptable: u64,
    pub(super) malformed: u64,
    pub(super) unknown_type: u64,
    pub(super) markers: u64,
}

impl Receiver {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            formats: Vec::new(),
            listeners: Vec::new(),
            unprotect: None,
            unprotect_before: None,
            stream: None,
            finished: Totals::default(),
            heard: Recording::new(limit),
            digits: DigitListener::default(),
            counts: Counts::default(),
        }
    }

    /// Understands `formats` from now on.
    pub(super) fn set_formats(&mut self, formats: Vec<Format>) {
        self.formats = formats;
    }

    /// Uses new keys from now on, and the present ones for what they still fit.
    pub(super) fn set_protection(&mut self, context: Option<Context>) {
        self.unprotect_before = self.unprotect.take();
        self.unprotect = context;
    }

    /// Takes an RTP datagram in.
    pub(super) fn handle(&mut self, now: Time, datagram: &[u8]) {
        let packet = if self.unprotect.is_some() {
            match self.unprotect_rtp(datagram) {
                Some(plain) => wire::parse(&plain),
                None => {
                    self.counts.undecryptable += 1;
                    return;
                }
            }
        } else {
            wire::parse(datagram)
        };
        match packet {
            Some(packet) => self.handle_packet(now, &packet),
            None => self.counts.malformed += 1,
        }
    }

    /// Decrypts an RTCP datagram where keys are agreed; `None` where that fails.
    pub(super) fn open_rtcp(&mut self, datagram: &[u8]) -> Option<bytes::Bytes> {
        let Some(context) = &mut self.unprotect else { return Some(bytes::Bytes::copy_from_slice(datagram)) };
        let mut opened = wire::unprotect_rtcp(context, datagram);
        if let (None, Some(before)) = (&opened, &mut self.unprotect_before) {
            opened = wire::unprotect_rtcp(before, datagram);
        }
        if opened.is_none() {
            self.counts.undecryptable += 1;
        }
        opened
    }

    pub(super) fn stream(&self) -> Option<&Reception> {
        self.stream.as_ref()
    }

    pub(super) fn stream_mut(&mut self) -> Option<&mut Reception> {
        self.stream.as_mut()
    }

    pub(super) fn totals(&self) -> Totals {
        self.stream.as_ref().map_or(self.finished, |stream| self.finished.plus(stream))
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    pub(super) fn heard(&self) -> &Recording {
        &self.heard
    }

    pub(super) fn digits(&self) -> &DigitListener {
        &self.digits
    }

    fn unprotect_rtp(&mut self, datagram: &[u8]) -> Option<bytes::Bytes> {
        let opened = self.unprotect.as_mut().and_then(|context| wire::unprotect(context, datagram));
        match (opened, &mut self.unprotect_before) {
            (None, Some(before)) => wire::unprotect(before, datagram),
            (opened, _) => opened,
        }
    }

    fn handle_packet(&mut self, now: Time, packet: &Packet) {
        let header = &packet.header;
        let format = self.formats.iter().find(|format| format.payload_type == header.payload_type);
        let Some(coding) = format.map(|format| format.coding) else {
            self.counts.unknown_type += 1;
            return;
        };
        if self.book(now, packet, coding.clock_rate()) == Order::Duplicate {
            return;
        }
        self.counts.markers += u64::from(header.marker);
        match coding {
            Coding::Event => {
                if !self.digits.handle(now, header.timestamp, &packet.payload) {
                    self.counts.malformed += 1;
                }
            }
            Coding::Audio(codec) => self.handle_audio(now, packet, codec),
        }
    }

    fn handle_audio(&mut self, now: Time, packet: &Packet, codec: Codec) {
        let stamp = (packet.header.timestamp, codec.clock_rate());
        let decoded = match listener(&mut self.listeners, codec) {
            Some(listener) => listener.decode(&packet.payload).ok(),
            None => None,
        };
        match decoded {
            Some(samples) => self.heard.put_clocked(now, packet.header.ssrc, stamp, samples),
            None => self.counts.malformed += 1,
        }
    }

    /// Counts the packet in its stream, which may begin with it.
    fn book(&mut self, now: Time, packet: &Packet, clock_rate: u32) -> Order {
        let (ssrc, seq, timestamp) =
            (packet.header.ssrc, packet.header.sequence_number, packet.header.timestamp);
        if let Some(stream) = self.stream.as_mut().filter(|stream| stream.ssrc() == ssrc)
            && let Some(order) = stream.handle(now, seq, timestamp)
        {
            return order;
        }
        if let Some(over) = self.stream.take() {
            self.finished = self.finished.plus(&over);
        }
        self.counts.sources += 1;
        let stream = self.stream.insert(Reception::new(ssrc, seq).with_clock(clock_rate));
        stream.handle(now, seq, timestamp).unwrap_or(Order::Newest)
    }
}

/// The coder of a codec, made when it is first heard; `None` where there is none.
fn listener(listeners: &mut Vec<(Codec, Listener)>, codec: Codec) -> Option<&mut Listener> {
    if !listeners.iter().any(|(known, _)| *known == codec) {
        listeners.push((codec, Listener::new(codec).ok()?));
    }
    listeners.iter_mut().find(|(known, _)| *known == codec).map(|(_, listener)| listener)
}

impl Totals {
    fn plus(self, stream: &Reception) -> Self {
        Self {
            received: self.received + stream.received(),
            lost: self.lost + stream.lost(),
            late: self.late + stream.late(),
            duplicates: self.duplicates + stream.duplicates(),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use rtp::header::Header;

    use super::*;

    fn packet(ssrc: u32, seq: u16, payload_type: u8) -> Bytes {
        let header = Header {
            version: 2,
            payload_type,
            ssrc,
            sequence_number: seq,
            timestamp: u32::from(seq) * 160,
            ..Header::default()
        };
        wire::write(&Packet { header, payload: Bytes::from_static(&[0xff; 160]) }).unwrap()
    }

    fn receiver() -> Receiver {
        let mut receiver = Receiver::new(100_000);
        receiver.set_formats(vec![Format::audio(Codec::Pcmu)]);
        receiver
    }

    #[test]
    fn streams_are_counted_on_their_own_and_summed() {
        let mut receiver = receiver();
        for seq in [0, 1, 3, 3] {
            receiver.handle(Time::ZERO, &packet(1, seq, 0));
        }
        for seq in [50, 52, 51] {
            receiver.handle(Time::ZERO, &packet(2, seq, 0));
        }
        let totals = receiver.totals();
        assert_eq!((totals.received, totals.lost, totals.late, totals.duplicates), (6, 1, 1, 1));
        assert_eq!(receiver.counts().sources, 2);
    }

    #[test]
    fn what_cannot_be_understood_is_counted_by_reason() {
        let mut receiver = receiver();
        receiver.handle(Time::ZERO, &packet(1, 0, 96));
        receiver.handle(Time::ZERO, &[0x80, 0, 0]);
        receiver.handle(Time::ZERO, &[0x40; 40]);
        // An extension whose elements reach beyond its end.
        let mut hostile = vec![0x90, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0xbe, 0xde, 0, 1, 0x1f, 0, 0, 0];
        receiver.handle(Time::ZERO, &hostile);
        hostile.truncate(17);
        receiver.handle(Time::ZERO, &hostile);
        let counts = receiver.counts();
        assert_eq!((counts.unknown_type, counts.malformed + receiver.totals().received), (1, 4));
        assert!(counts.malformed >= 3);
    }
}
