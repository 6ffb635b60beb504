//! The sending half of a leg: the rewriter of RTP headers, the payload map from its source leg, the egress, the counters.

use std::mem::offset_of;
use std::net::SocketAddr;

use mediapoint_g711::Law;
use mediapoint_g711::{a_to_mu_in_place, decode, encode, mu_to_a_in_place};
use mediapoint_packet::buffer::{CAPACITY, TAIL_ROOM};
use mediapoint_packet::rtp::{FIXED_HEADER_LEN, HeaderPatch, PayloadType, RtpHeader, patch};
use mediapoint_packet::{PacketBuf, Time};

use crate::api::source::Source;
use crate::session::Output;
use crate::session::frame::{Frame, FrameKind, samples};
use crate::session::leg::beep::LegBeep;
use crate::session::leg::digits::Digits;
use crate::session::leg::egress::{Egress, FADE_MILLIS, Packetized};
use crate::session::leg::gate::Gate;
use crate::session::leg::mode::ModeRequest;
use crate::session::leg::rewriter::{Input, RtpRewriter};
use crate::session::leg::transport::{RtpMeta, Transport};
use crate::session::payload_map::{Conversion, PayloadMap, PayloadRule};
use crate::session::snapshot::stream::PathSnapshot;
use crate::session::source::player::ReadyPayload;

/// Octets of G.711 that a cross-fade looks back on: 5 ms.
pub(super) const TAIL: usize = 40;

/// Milliseconds of the pieces in which waiting audio is sent ahead of its time.
const PIECE_MILLIS: u32 = 10;

/// Counters of what a leg sent.
#[derive(Debug, Clone, Copy, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Sent {
    pub(crate) packets: u64,
    pub(crate) octets: u64,
    pub(crate) unsent: u64,
    #[serde(default)]
    pub(crate) shared_payloads: u64,
}

/// Why a packet was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unsent {
    NoCommonCodec,
    TooLate,
    Protect,
    NoDestination,
    OnHold,
    Blocked,
}

/// How the source's audio reaches the party.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Path {
    /// Packets of the source leg are forwarded.
    #[default]
    Forward,
    /// Audio of the source is encoded at the tick.
    Transcode,
}

/// The end of the G.711 packet that was forwarded last.
#[derive(Debug, Clone, Copy)]
pub(super) struct ForwardedTail {
    pub(super) law: Law,
    pub(super) octets: [u8; TAIL],
}

impl ForwardedTail {
    pub(super) fn last_sample(&self) -> i16 {
        let [.., last] = self.octets;
        decode(self.law, last)
    }
}

/// The sending half of one leg. The fields that every packet needs come first.
#[repr(C)]
pub(crate) struct Sender {
    /// True where the direction lets the engine send, and media passes as it is.
    pub(crate) open: bool,
    /// True where the direction lets the engine send.
    pub(crate) allowed: bool,
    path: Path,
    /// The first forwarded packet is cross-faded with the end of the encoded audio.
    join: bool,
    /// True where a packet tap wants copies of what the party is sent.
    pub(crate) tapped: bool,
    /// Digits that the party is to be sent.
    pub(crate) digits: Option<Box<Digits>>,
    pub(crate) egress: Option<Box<Egress>>,
    pub(crate) map: PayloadMap,
    pub(crate) sent: Sent,
    pub(super) tail: Option<ForwardedTail>,
    pub(crate) rewriter: RtpRewriter,
    /// Events of the source that the party did not agree to reach it as tones.
    pub(super) events_as_tones: bool,
    /// The source whose audio was gathered last.
    pub(super) gathered_from: Source,
    /// Milliseconds of the coming frames of a source that the party has had: they were sent ahead of their time, or forwarded,
    /// and stayed for taps and mixes.
    pub(super) had: u32,
    pub(super) had_of: Source,
    /// Milliseconds in which the signal of the source before is still to end.
    pub(super) fade: u32,
    pub(crate) gate: Gate,
    /// A beep over what the source gives; none until the first one is due.
    pub(crate) beep: Option<Box<LegBeep>>,
    /// The mode that the party asks for.
    pub(super) mode_request: Option<ModeRequest>,
}

impl Sender {
    /// Octets that every packet needs.
    pub(crate) const HOT: usize = offset_of!(Self, rewriter) + RtpRewriter::HOT;

    pub(crate) fn new(rewriter: RtpRewriter, allowed: bool) -> Self {
        Self {
            rewriter,
            sent: Sent::default(),
            open: allowed,
            allowed,
            path: Path::Forward,
            map: PayloadMap::none(),
            egress: None,
            tail: None,
            digits: None,
            events_as_tones: false,
            gathered_from: Source::Silence,
            join: false,
            tapped: false,
            had: 0,
            had_of: Source::Silence,
            fade: 0,
            gate: Gate::default(),
            beep: None,
            mode_request: None,
        }
    }

    /// Sets whether the direction lets the engine send.
    pub(crate) fn set_allowed(&mut self, allowed: bool) {
        self.allowed = allowed;
        self.settle_open();
    }

    /// True where audio is encoded for the party.
    pub(crate) const fn transcodes(&self) -> bool {
        matches!(self.path, Path::Transcode)
    }

    /// True where ticks are needed although nothing follows: a signal fades out, or audio waits for its packet to be full.
    pub(crate) fn has_begun_packet(&self) -> bool {
        self.transcodes() && (self.fade > 0 || self.egress.as_ref().is_some_and(|egress| !egress.is_empty()))
    }

    /// Changes to encoded audio. `first` is the packet whose audio is encoded first, where the source is a leg whose packets
    /// were forwarded; true where its timestamp follows the last packet without a gap.
    pub(crate) fn enter_transcoding(&mut self, now: Time, first: Option<&Input>, source: Source) -> bool {
        let Some(egress) = &mut self.egress else { return false };
        self.path = Path::Transcode;
        let followed = self.rewriter.begin_encoded(now, first, egress.clock_rate());
        egress.begin(!followed);
        // Audio that goes on needs no join; elsewhere the forwarded signal breaks off.
        if followed {
            self.gathered_from = source;
        }
        if let Some(tail) = self.tail.take().filter(|_| !followed) {
            egress.follow(&tail.octets.map(|octet| decode(tail.law, octet)));
        }
        followed
    }

    /// Changes to forwarding the packets of `source`. What is gathered must have been sent.
    pub(crate) fn leave_transcoding(&mut self, source: Source) {
        self.path = Path::Forward;
        self.tail = None;
        // The packets of the source that was encoded follow its audio. Those of another one break it off.
        self.join = self.gathered_from != source;
        self.gathered_from = source;
        if let Some(egress) = self.egress.as_mut().filter(|_| self.join) {
            egress.crossfade().start();
        }
    }

    /// Rewrites a packet of the source leg for the party, in place. Protection is left to the caller.
    pub(crate) fn rewrite(
        &mut self,
        now: Time,
        input: &Input,
        meta: &RtpMeta,
        packet: &mut PacketBuf,
    ) -> Result<(), Unsent> {
        let rule = self.map.find(meta.payload_type);
        let conversion = rule.map_or(Conversion::Transcode, |rule| rule.conversion_of(meta.payload.len()));
        let Some(rule) = rule.filter(|_| conversion != Conversion::Transcode) else {
            self.rewriter.skip(input);
            return Err(Unsent::NoCommonCodec);
        };
        let clocks = match conversion {
            Conversion::EventClock { from, to } => Some((from, to)),
            _ => None,
        };
        let mut outgoing = if self.transcodes() {
            // Among encoded packets it would have a number behind those of the later segment.
            if clocks.is_some_and(|clocks| self.rewriter.events.is_behind(input, clocks)) {
                return Err(Unsent::TooLate);
            }
            self.rewriter.map_event(now, input)
        } else {
            self.rewriter.map(now, input).ok_or(Unsent::TooLate)?
        };
        let payload = packet.bytes_mut().get_mut(meta.payload.clone()).unwrap_or_default();
        match conversion {
            Conversion::None | Conversion::Transcode | Conversion::EventClock { .. } => {}
            Conversion::MuToA => mu_to_a_in_place(payload),
            Conversion::AToMu => a_to_mu_in_place(payload),
        }
        if input.event {
            let segment = match clocks {
                Some(clocks) => self.rewriter.events.convert(input, payload, clocks),
                None => input.timestamp.0.wrapping_sub(input.part.begin.0),
            };
            outgoing.timestamp = outgoing.timestamp.wrapping_add(segment);
        }
        self.follow_forwarded(&rule, payload);
        let header = HeaderPatch {
            marker: outgoing.marker,
            payload_type: rule.payload_type,
            sequence: outgoing.sequence,
            timestamp: outgoing.timestamp,
            ssrc: self.rewriter.ssrc(),
        };
        patch(packet.bytes_mut(), &header).map_err(|_| Unsent::TooLate)
    }

    /// True where the first packet that a rule forwards is still to be joined to what was encoded.
    pub(super) const fn joins(&self, rule: &PayloadRule) -> bool {
        self.join && rule.law.is_some()
    }

    /// Keeps the end of forwarded G.711, and joins the first packet of it to the audio encoded before.
    fn follow_forwarded(&mut self, rule: &PayloadRule, payload: &mut [u8]) {
        let Some(law) = rule.law else { return };
        if std::mem::take(&mut self.join)
            && let Some(egress) = self.egress.as_mut().filter(|egress| egress.rate() == 8000)
        {
            for piece in payload.chunks_mut(TAIL) {
                let mut pcm = [0; TAIL];
                pcm.iter_mut().zip(piece.iter()).for_each(|(sample, octet)| *sample = decode(law, *octet));
                egress.crossfade().apply(pcm.get_mut(..piece.len()).unwrap_or_default());
                piece.iter_mut().zip(pcm).for_each(|(octet, sample)| *octet = encode(law, sample));
            }
        }
        if let Some(octets) = payload.last_chunk() {
            self.tail = Some(ForwardedTail { law, octets: *octets });
        }
    }

    /// Sends a payload that was made of a frame before, where the stream goes on as it was: nothing begins or ends, waits, or is
    /// joined to what was sent. False where that is not so, with nothing changed.
    fn send_made<O: Output>(
        &mut self,
        now: Time,
        transport: &mut Transport,
        (source, frame, ready): (Source, &Frame, &[u8]),
        out: &mut O,
    ) -> bool {
        let goes_on = self.gathered_from == source
            && self.had == 0
            && self.beep.is_none()
            && self.allowed
            && self.gate.passes()
            && frame.kind() == FrameKind::Audio;
        let Some(egress) = self.egress.as_mut().filter(|_| goes_on) else { return false };
        if frame.rate() != egress.rate() || !egress.takes(frame.pcm(), ready) {
            return false;
        }
        let Some(to) = transport.destination() else { return false };
        let Some(mut packet) = out.take() else { return false };
        let len = FIXED_HEADER_LEN + ready.len();
        let storage = packet.storage_mut().get_mut(..CAPACITY - TAIL_ROOM).unwrap_or_default();
        let Some(room) = storage.get_mut(FIXED_HEADER_LEN..len) else {
            out.give(packet);
            return false;
        };
        room.copy_from_slice(ready);
        self.fade = 0;
        let (payload_type, ticks, marker) = egress.pass_made(frame.pcm());
        let encoded = Encoded { payload_type, len: ready.len(), ticks, marker, shared: true };
        encoded.send(now, (&mut self.rewriter, &mut self.sent), (transport, to), packet, out);
        true
    }

    /// Takes the frame of a tick and sends the packets that it completes: the payload that was made of it before, where that
    /// will do, else what the encoder makes of it.
    pub(crate) fn push<O: Output>(
        &mut self,
        now: Time,
        transport: &mut Transport,
        (source, frame, ready): (Source, &mut Frame, ReadyPayload<'_>),
        millis: u32,
        out: &mut O,
    ) {
        if self.send_made(now, transport, (source, frame, ready.octets), out) {
            return;
        }
        let Some(egress) = &mut self.egress else { return };
        if self.had_of != source {
            self.had = 0;
        }
        let had = self.had.min(millis);
        self.had -= had;
        if had > 0 {
            self.rewriter.pass_silence(egress.ticks_of(had));
        }
        let millis = millis - had;
        if millis == 0 {
            return;
        }
        let to = transport.destination().filter(|_| self.allowed && !self.gate.blocks());
        if to.is_none() {
            egress.begin(true);
        }
        // Where the new source has nothing yet, the signal of the old one fades out.
        let changed = self.gathered_from != source;
        let mut beep = self.beep.as_mut().and_then(|beep| beep.sound());
        let nothing = frame.kind() == FrameKind::Nothing && beep.is_none();
        let fades = changed && nothing && self.gathered_from != Source::Silence && !egress.is_paused();
        self.fade = match (nothing, fades) {
            (false, _) => 0,
            (true, false) => self.fade.saturating_sub(millis),
            (true, true) => FADE_MILLIS,
        };
        let kind = match frame.kind() {
            _ if beep.is_some() => Some(FrameKind::Audio),
            FrameKind::Nothing if egress.is_empty() && self.fade == 0 => None,
            // Silence fills up a packet that has begun.
            FrameKind::Nothing => Some(FrameKind::Audio),
            kind => Some(kind),
        };
        let (Some(to), Some(kind)) = (to, kind) else {
            egress.pause();
            // What comes next comes out of silence.
            self.gathered_from = Source::Silence;
            return self.rewriter.pass_silence(egress.ticks_of(millis));
        };
        if changed && (fades || !nothing) {
            egress.change_signal();
            self.gathered_from = if nothing { Source::Silence } else { source };
        }
        let pcm = frame.at(egress.rate());
        let pcm = pcm.get(samples(egress.rate(), had)..).unwrap_or_default();
        let may_send = beep.is_none() && egress.may_send(kind, pcm, ready);
        let (silenced, changed) = self.gate.encode_silence();
        if may_send && !silenced && !changed {
            egress.pass(kind, pcm);
            return self.send_full(now, (transport, to), (false, ready.octets), out);
        }
        gather(egress, (silenced, changed), kind, pcm);
        if let Some(beep) = &mut beep {
            let pcm = beep.at(egress.rate());
            egress.add(pcm.get(samples(egress.rate(), had)..).unwrap_or_default());
        }
        self.send_full(now, (transport, to), (false, &[]), out);
    }

    /// Takes piece `piece` of 10 ms of what a source had waiting, ahead of its time; with `last`, sends all that is gathered.
    pub(crate) fn push_ahead<O: Output>(
        &mut self,
        now: Time,
        transport: &mut Transport,
        (source, frame): (Source, &mut Frame),
        (piece, last): (usize, bool),
        out: &mut O,
    ) {
        if self.sends_digits() {
            return;
        }
        let Some(egress) = &mut self.egress else { return };
        let to = transport.destination().filter(|_| self.allowed && !self.gate.blocks());
        let Some(to) = to else { return };
        if self.had_of == source && piece < usize::try_from(self.had / PIECE_MILLIS).unwrap_or(0) {
            return;
        }
        if std::mem::replace(&mut self.gathered_from, source) != source {
            egress.change_signal();
        }
        gather(egress, self.gate.encode_silence(), frame.kind(), frame.at(egress.rate()));
        self.rewriter.add_lead(egress.ticks_of(PIECE_MILLIS));
        self.send_ready(now, (transport, to), last, out);
    }

    /// Notes that the party has had the next `pieces` pieces of 10 ms of a source's frames.
    pub(crate) fn set_had(&mut self, source: Source, pieces: usize) {
        self.had = u32::try_from(pieces).unwrap_or(0) * PIECE_MILLIS;
        self.had_of = source;
    }

    /// The next `pieces` pieces of 10 ms of a source's frames were forwarded to the party before it changed to encoded
    /// audio.
    pub(crate) fn pass_forwarded(&mut self, source: Source, pieces: usize) {
        self.set_had(source, pieces);
        if let Some(egress) = &self.egress {
            // No time passes in the stream while they are left out.
            self.rewriter.add_lead(egress.ticks_of(self.had));
        }
    }

    /// Ends the encoded signal with a fade-out, and sends it.
    pub(crate) fn finish<O: Output>(&mut self, now: Time, transport: &mut Transport, out: &mut O) {
        if let Some(egress) = &mut self.egress {
            let _: usize = egress.finish();
        }
        if let Some(to) = transport.destination().filter(|_| self.allowed) {
            self.send_ready(now, (transport, to), true, out);
        }
        if let Some(egress) = &mut self.egress {
            egress.pause();
        }
    }

    /// Sends the packets that are full; with `flush`, all that is gathered.
    pub(crate) fn send_ready<O: Output>(
        &mut self,
        now: Time,
        to: (&mut Transport, SocketAddr),
        flush: bool,
        out: &mut O,
    ) {
        self.send_full(now, to, (flush, &[]), out);
    }

    /// The same; `ready` is the payload of the only packet there is, or empty.
    fn send_full<O: Output>(
        &mut self,
        now: Time,
        (transport, to): (&mut Transport, SocketAddr),
        (flush, ready): (bool, &[u8]),
        out: &mut O,
    ) {
        let Some(egress) = &mut self.egress else { return };
        while egress.is_ready(flush) {
            let Some(mut packet) = out.take() else {
                self.sent.unsent += 1;
                let ticks = egress.drop_packet(flush);
                self.rewriter.pass_silence(ticks);
                continue;
            };
            let room =
                packet.storage_mut().get_mut(FIXED_HEADER_LEN..CAPACITY - TAIL_ROOM).unwrap_or_default();
            match egress.encode(room, flush, ready) {
                Packetized::Pause { ticks } => {
                    self.rewriter.pass_silence(ticks);
                    out.give(packet);
                }
                Packetized::Packet { payload_type, len, skipped, ticks, marker } => {
                    self.rewriter.skip_ahead(skipped);
                    let encoded = Encoded { payload_type, len, ticks, marker, shared: !ready.is_empty() };
                    let stream = (&mut self.rewriter, &mut self.sent);
                    encoded.send(now, stream, (&mut *transport, to), packet, out);
                }
            }
        }
    }
}

/// A payload behind the room for its header, to be sent as the next packet of a stream.
struct Encoded {
    payload_type: PayloadType,
    /// Octets of the payload.
    len: usize,
    ticks: u32,
    marker: bool,
    /// It was made for several listeners.
    shared: bool,
}

impl Encoded {
    fn send<O: Output>(
        self,
        now: Time,
        (rewriter, sent): (&mut RtpRewriter, &mut Sent),
        (transport, to): (&mut Transport, SocketAddr),
        mut packet: PacketBuf,
        out: &mut O,
    ) {
        let outgoing = rewriter.next_encoded(now, self.ticks, self.marker);
        let header = RtpHeader {
            marker: outgoing.marker,
            payload_type: self.payload_type,
            sequence: outgoing.sequence,
            timestamp: outgoing.timestamp,
            ssrc: rewriter.ssrc(),
        };
        packet.set_len(FIXED_HEADER_LEN + self.len);
        if header.write(packet.bytes_mut()).is_ok() && transport.protect_rtp(&mut packet) {
            sent.packets += 1;
            sent.octets += self.len as u64;
            sent.shared_payloads += u64::from(self.shared);
            out.send(transport.ports().rtp, to, packet);
        } else {
            sent.unsent += 1;
            out.give(packet);
        }
    }
}

/// Gives an encoder the audio of a frame, or silence in its place, which may be another signal than before.
fn gather(egress: &mut Egress, (silent, changed): (bool, bool), kind: FrameKind, pcm: &[i16]) {
    if changed {
        egress.change_signal();
    }
    if silent { egress.gather_silence(kind, pcm.len()) } else { egress.gather(kind, pcm) }
}

impl Sender {
    pub(crate) fn save_path(&self) -> PathSnapshot {
        match &self.egress {
            Some(egress) if self.transcodes() => PathSnapshot::Transcode { rate: egress.rate() },
            _ => PathSnapshot::Forward,
        }
    }

    /// Goes on with encoded audio of `source`; the timestamps go on where they were. There is an egress.
    pub(crate) fn restore_transcoding(&mut self, source: Source) {
        debug_assert!(self.egress.is_some(), "an encoder where one is used");
        self.path = Path::Transcode;
        self.gathered_from = source;
    }
}
