//! What the threads of a phone share: what was agreed, and the two halves that send and receive.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;

use bytes::Bytes;
use mediapoint_packet::Time;
use mediapoint_packet::demux::is_rtcp;

use super::receiver::Receiver;
use super::reporter::Reporter;
use super::sockets::Sockets;
use super::transmitter::Transmitter;
use super::{PhoneConfig, PhoneError, PhoneStats};
use crate::clock::{now, ntp_now};
use crate::recording::SAMPLE_RATE;
use crate::sdes::Crypto;
use crate::sdp::{Coding, Description, Direction, Format};

pub(super) struct State {
    config: PhoneConfig,
    sockets: Sockets,
    /// One key for each suite, tagged from 1.
    keys: Vec<Crypto>,
    session: (u64, u64),
    direction: Direction,
    on_hold: bool,
    peer: Option<Peer>,
    heard_from: Option<SocketAddr>,
    slot: u64,
    running: bool,
    pub(super) transmitter: Transmitter,
    pub(super) receiver: Receiver,
    pub(super) reporter: Reporter,
    pub(super) rtcp_sent: u64,
    pub(super) skipped_slots: u64,
    pub(super) send_errors: u64,
}

/// The party that was agreed with.
struct Peer {
    rtp: SocketAddr,
    rtcp: SocketAddr,
    rtcp_mux: bool,
    receives: bool,
    keys: Option<(Crypto, Crypto)>,
}

/// A datagram to send after the lock is given back.
pub(super) struct Outgoing {
    pub(super) socket: Arc<UdpSocket>,
    pub(super) to: SocketAddr,
    pub(super) bytes: Bytes,
}

impl State {
    pub(super) fn new(config: PhoneConfig) -> Result<Self, PhoneError> {
        let sockets = Sockets::bind(config.address)?;
        let limit = config.record_samples();
        let mut state = Self {
            sockets,
            keys: Vec::new(),
            session: (u64::from(rand::random::<u32>()), 0),
            direction: Direction::SendRecv,
            on_hold: false,
            peer: None,
            heard_from: None,
            slot: 0,
            running: true,
            transmitter: Transmitter::new(limit),
            receiver: Receiver::new(limit),
            reporter: Reporter::new(config.name.clone()),
            rtcp_sent: 0,
            skipped_slots: 0,
            send_errors: 0,
            config,
        };
        state.rekey();
        Ok(state)
    }

    pub(super) fn offer(&mut self) -> Description {
        let audio = self.config.codecs.iter().map(|codec| Format::audio(*codec));
        let formats = audio.chain(self.config.events.map(Format::event)).collect();
        let description = self.describe(formats, self.keys.clone(), self.config.rtcp_mux, self.direction);
        // The peer may send in any of these before its answer comes [RFC3264 5.1]. Without its key, which is in the
        // answer, SRTP can only be passed over until then.
        if self.peer.is_none() && self.config.suites.is_empty() {
            self.receiver.set_formats(description.formats.clone());
        }
        description
    }

    pub(super) fn answer(&mut self, offer: &str) -> Result<Description, PhoneError> {
        let offer = Description::parse(offer)?;
        let audio = self.common_audio(&offer)?;
        let keys = match self.theirs(&offer)? {
            Some(theirs) => {
                let own = self.keys.iter().find(|own| own.suite == theirs.suite);
                let own = own.ok_or_else(|| no_common_keying(&offer))?;
                Some((own.with_tag(theirs.tag), theirs))
            }
            None => None,
        };
        let event = self.common_event(audio, &offer);
        let formats: Vec<_> = [audio].into_iter().chain(event).collect();
        let rtcp_mux = self.config.rtcp_mux && offer.rtcp_mux;
        let direction = match self.direction {
            Direction::SendRecv => offer.direction.mirrored(),
            own => own,
        };
        let own_key = keys.iter().map(|(own, _)| own.clone()).collect();
        let mut description = self.describe(formats, own_key, rtcp_mux, direction);
        description.transport = offer.transport;
        self.agree(&offer, description.formats.clone(), keys, rtcp_mux);
        Ok(description)
    }

    pub(super) fn accept(&mut self, answer: &str) -> Result<(), PhoneError> {
        let answer = Description::parse(answer)?;
        let audio = self.common_audio(&answer)?;
        let keys = match self.theirs(&answer)? {
            Some(theirs) => {
                let own = self.keys.iter().find(|own| own.tag == theirs.tag && own.suite == theirs.suite);
                let own = own.ok_or_else(|| no_common_keying(&answer))?;
                Some((own.clone(), theirs))
            }
            None => None,
        };
        let event = self.common_event(audio, &answer);
        let mut formats: Vec<_> = [audio].into_iter().chain(event).collect();
        // What was offered may still be under way in another codec.
        formats.extend(self.config.codecs.iter().map(|codec| Format::audio(*codec)));
        let rtcp_mux = self.config.rtcp_mux && answer.rtcp_mux;
        self.agree(&answer, formats, keys, rtcp_mux);
        Ok(())
    }

    pub(super) fn hold(&mut self, on_hold: bool) {
        self.on_hold = on_hold;
        self.set_direction(if on_hold { Direction::SendOnly } else { Direction::SendRecv });
    }

    pub(super) fn set_direction(&mut self, direction: Direction) {
        self.direction = direction;
        self.enable();
    }

    pub(super) fn change_ports(&mut self) -> Result<SocketAddr, PhoneError> {
        self.sockets = Sockets::bind(self.config.address)?;
        Ok(self.sockets.rtp_addr)
    }

    pub(super) fn rekey(&mut self) {
        self.keys =
            self.config.suites.iter().zip(1..).map(|(suite, tag)| Crypto::random(tag, *suite)).collect();
    }

    pub(super) fn local_addr(&self) -> SocketAddr {
        self.sockets.rtp_addr
    }

    pub(super) fn stop(&mut self) {
        self.running = false;
    }

    pub(super) fn is_running(&self) -> bool {
        self.running
    }

    pub(super) fn rtcp_interval(&self) -> std::time::Duration {
        self.config.rtcp_interval
    }

    /// The socket of RTP, or of RTCP.
    pub(super) fn socket(&self, rtcp: bool) -> Arc<UdpSocket> {
        Arc::clone(if rtcp { &self.sockets.rtcp } else { &self.sockets.rtp })
    }

    /// The RTP datagram of a slot, if the phone sends in it.
    pub(super) fn next_rtp(&mut self, at: Time, slot: u64) -> Option<Outgoing> {
        self.slot = slot;
        let to = self.peer.as_ref()?.rtp;
        let bytes = self.transmitter.next(at, slot)?;
        Some(Outgoing { socket: self.socket(false), to, bytes })
    }

    /// An RTCP datagram of now, if there is a peer.
    pub(super) fn next_rtcp(&mut self, bye: bool) -> Option<Outgoing> {
        let peer = self.peer.as_ref()?;
        let (to, on_rtp_port) = if peer.rtcp_mux { (peer.rtp, true) } else { (peer.rtcp, false) };
        let info = self.transmitter.info(self.slot);
        let plain = self.reporter.write(now(), ntp_now(), info, self.receiver.stream_mut(), bye)?;
        let bytes = match self.transmitter.protection_mut() {
            Some(context) => context.encrypt_rtcp(&plain).ok()?,
            None => plain,
        };
        self.rtcp_sent += 1;
        Some(Outgoing { socket: self.socket(!on_rtp_port), to, bytes })
    }

    pub(super) fn say_bye(&mut self) {
        if let Some(bye) = self.next_rtcp(true) {
            // Best effort, as UDP is.
            let _ = bye.socket.send_to(&bye.bytes, bye.to);
        }
    }

    /// Takes a datagram in that came to either port.
    pub(super) fn handle(&mut self, from: SocketAddr, datagram: &[u8]) {
        if is_rtcp(datagram) {
            if let Some(plain) = self.receiver.open_rtcp(datagram) {
                self.reporter.handle(now(), ntp_now(), &plain);
            }
        } else {
            self.heard_from = Some(from);
            self.receiver.handle(now(), datagram);
        }
    }

    pub(super) fn stats(&self) -> PhoneStats {
        let (packets_sent, octets_sent) = self.transmitter.counts();
        let (totals, counts) = (self.receiver.totals(), self.receiver.counts());
        let (rtcp_received, sender_reports) = self.reporter.counts();
        let stream = self.receiver.stream();
        PhoneStats {
            packets_sent,
            octets_sent,
            packets_received: totals.received,
            lost: totals.lost,
            out_of_order: totals.late,
            duplicates: totals.duplicates,
            jitter_ms: stream.map_or(0.0, |stream| stream.jitter().as_secs_f64() * 1_000.0),
            sources: counts.sources,
            markers: counts.markers,
            heard_ssrc: stream.map(|stream| stream.ssrc()),
            heard_from: self.heard_from,
            undecryptable: counts.undecryptable,
            malformed: counts.malformed,
            unknown_type: counts.unknown_type,
            rtcp_sent: self.rtcp_sent,
            rtcp_received,
            sender_reports,
            remote: self.reporter.remote(),
            bye: self.reporter.heard_bye(),
            digits: self.receiver.digits().heard().len(),
            heard_samples: self.receiver.heard().samples().len(),
            playing: self.transmitter.is_playing(),
            pressing: self.transmitter.is_pressing(),
            skipped_slots: self.skipped_slots,
            send_errors: self.send_errors,
        }
    }

    fn describe(
        &mut self,
        formats: Vec<Format>,
        crypto: Vec<Crypto>,
        rtcp_mux: bool,
        direction: Direction,
    ) -> Description {
        self.session.1 += 1;
        let (rtp, rtcp) = (self.sockets.rtp_addr, self.sockets.rtcp_addr);
        let transport = self.config.transport();
        Description { rtp, rtcp, rtcp_mux, transport, formats, crypto, direction, session: self.session }
    }

    /// The first audio format of the peer that this phone speaks.
    fn common_audio(&self, theirs: &Description) -> Result<Format, PhoneError> {
        let speaks = |format: &&Format| matches!(format.coding, Coding::Audio(codec) if self.config.codecs.contains(&codec));
        theirs.formats.iter().find(speaks).copied().ok_or(PhoneError::NoCommonCoding)
    }

    /// The peer's telephone-event, where its clock is that of the audio agreed.
    fn common_event(&self, audio: Format, theirs: &Description) -> Option<Format> {
        let fits = matches!(audio.coding, Coding::Audio(codec) if codec.clock_rate() == SAMPLE_RATE);
        self.config.events.and_then(|_| theirs.event()).filter(|_| fits).map(Format::event)
    }

    /// The peer's first key of a suite that this phone speaks; `None` where both speak plain RTP.
    fn theirs(&self, peer: &Description) -> Result<Option<Crypto>, PhoneError> {
        if !peer.transport.is_secure() && self.config.suites.is_empty() {
            return Ok(None);
        }
        let usable =
            |crypto: &&Crypto| peer.transport.is_secure() && self.config.suites.contains(&crypto.suite);
        peer.crypto.iter().find(usable).cloned().map(Some).ok_or_else(|| no_common_keying(peer))
    }

    fn agree(
        &mut self,
        peer: &Description,
        formats: Vec<Format>,
        keys: Option<(Crypto, Crypto)>,
        rtcp_mux: bool,
    ) {
        let audio = formats.iter().find_map(|format| match format.coding {
            Coding::Audio(codec) => Some((format.payload_type, codec)),
            Coding::Event => None,
        });
        let event = formats.iter().find(|format| format.coding == Coding::Event).map(|f| f.payload_type);
        self.transmitter.set_format(audio, event);
        self.receiver.set_formats(formats);
        self.set_keys(keys.as_ref());
        self.peer = Some(Peer {
            rtp: peer.rtp,
            rtcp: peer.rtcp,
            rtcp_mux,
            receives: peer.direction.receives(),
            keys,
        });
        self.enable();
    }

    /// Makes contexts anew only for keys that changed: the others' roll-over counters go on.
    fn set_keys(&mut self, keys: Option<&(Crypto, Crypto)>) {
        let before = self.peer.as_ref().and_then(|peer| peer.keys.as_ref());
        let same = |pick: fn(&(Crypto, Crypto)) -> &Crypto| match (before, keys) {
            (Some(before), Some(keys)) => pick(before).is_same_key(pick(keys)),
            (None, None) => true,
            _ => false,
        };
        let (same_own, same_theirs) = (same(|keys| &keys.0), same(|keys| &keys.1));
        if !same_own {
            self.transmitter.set_protection(keys.and_then(|(own, _)| own.context()));
        }
        if !same_theirs {
            self.receiver.set_protection(keys.and_then(|(_, theirs)| theirs.context()));
        }
    }

    fn enable(&mut self) {
        let wanted = self.peer.as_ref().is_some_and(|peer| peer.receives);
        self.transmitter.enable(wanted && self.direction.sends() && !self.on_hold);
    }
}

fn no_common_keying(peer: &Description) -> PhoneError {
    PhoneError::NoCommonKeying { transport: peer.transport.name(), offered: peer.crypto.len() }
}
