//! What a leg receives: a bounded table of the streams of its party, each with state of its own, and the figures of all
//! of them [RFC3550 A.1, A.3, A.8].
//!
//! State is made of what the latch took, and with SRTP of what is authentic, so that nobody else can fill the table; the
//! stream that was least recently used gives way.
//!
//! One stream of audio is forwarded at a time. Another one that begins, or comes back after a pause, takes over at once;
//! one that goes on beside it is left out, since two at a time in one stream are noise. What is no audio, such as telephone
//! events under an SSRC of their own [RFC4733 2.1], goes on beside it.
//!
//! A run is a stretch of a stream whose numbers go on. The rewriter of each sending leg maps every run onto its own
//! unbroken sequence.

use std::mem::offset_of;
use std::time::Duration;

use mediapoint_packet::Time;
use mediapoint_packet::rtp::{PayloadType, RtpTicks, Seq, Ssrc};

use crate::api::stats::SsrcStatistics;
use crate::session::leg::handover::{Passed, Standing};
use crate::session::leg::received_stream::{Judgement, ReceivedStream};
use crate::session::snapshot::stream::ReceiverSnapshot;

/// Streams of a leg at most; more than any party uses at one time.
pub const MAX_STREAMS: usize = 8;

/// A stream of audio that comes after such a pause, or after so many packets of others, comes back.
const PAUSE: Duration = Duration::from_millis(100);
const PAUSE_PACKETS: u64 = 4;

/// Packets in sequence after which a stream that was left out takes over.
const RETURN_RUN: u8 = 3;

/// What the receiver needs of a packet.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// When it came.
    pub now: Time,
    /// Its SSRC.
    pub ssrc: Ssrc,
    /// Its sequence number.
    pub sequence: Seq,
    /// Its timestamp.
    pub timestamp: RtpTicks,
    /// Clock rate of its payload type, in hertz.
    pub clock_rate: u32,
    /// Octets of its payload.
    pub octets: usize,
    /// False for what is no audio, such as a telephone event: it goes on beside the audio of other streams.
    pub audio: bool,
    /// True where SRTP took it: it is no copy of an earlier one.
    pub authenticated: bool,
    /// True for the first one from another address.
    pub moved: bool,
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is new.
    Take(Taken),
    /// It came before.
    Duplicate,
    /// Its sequence number is out of proportion and not confirmed yet, or it belongs to a stream that was left.
    OutOfRange,
}

/// A packet's place among what the party sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Number of the run.
    pub run: u32,
    /// Sequence number extended over wrap-arounds; comparable within the run.
    pub index: u64,
    /// Number of the stretch of audio; a later one is higher.
    pub stretch: u32,
    /// False for what comes beside the stream of audio.
    pub in_audio_stream: bool,
    /// True for the first packet of a stretch of audio that is not the leg's first.
    pub restarted: bool,
    /// True where no packet of the run had a higher number.
    pub newest: bool,
}

/// The streams of one party. The fields that every packet needs come first.
#[repr(C)]
#[derive(Debug, Clone, Default)]
pub struct Receiver {
    received: u64,
    octets: u64,
    stretch: u32,
    /// Packets in sequence of a stream that was left out.
    left_out: u8,
    payload_type: Option<PayloadType>,
    /// The stream of audio; before there is one, the first stream.
    main: Option<ReceivedStream>,
    left_out_ssrc: Ssrc,
    /// The other streams; apart, because there are none as a rule.
    others: Vec<ReceivedStream>,
    runs: u32,
    restarts: u32,
    duplicates: u64,
    out_of_order: u64,
    /// Of streams that gave way.
    lost_before: u64,
    bursts_before: u64,
    /// Octets that are noted at streams; the rest is of the stream of audio.
    octets_noted: u64,
}

impl Receiver {
    /// Octets that every packet needs.
    pub(crate) const HOT: usize = offset_of!(Self, main) + ReceivedStream::HOT;

    /// SSRC of the stream of audio.
    #[must_use]
    pub fn ssrc(&self) -> Option<Ssrc> {
        self.main.as_ref().map(|stream| stream.ssrc)
    }

    /// True for the SSRC of one of the party's streams.
    #[must_use]
    pub fn knows(&self, ssrc: Ssrc) -> bool {
        self.streams().any(|stream| stream.ssrc == ssrc)
    }

    /// The payload type of the audio packet that came last.
    #[must_use]
    pub const fn payload_type(&self) -> Option<PayloadType> {
        self.payload_type
    }

    /// Notes the payload type of a packet that is not counted into a stream.
    pub const fn note_payload_type(&mut self, payload_type: PayloadType) {
        self.payload_type = Some(payload_type);
    }

    /// Packets taken.
    #[must_use]
    pub const fn received(&self) -> u64 {
        self.received
    }

    /// Payload octets taken.
    #[must_use]
    pub const fn octets(&self) -> u64 {
        self.octets
    }

    /// Packets that came twice.
    #[must_use]
    pub const fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// Packets that came late.
    #[must_use]
    pub const fn out_of_order(&self) -> u64 {
        self.out_of_order
    }

    /// Stretches of audio after the first.
    #[must_use]
    pub const fn restarts(&self) -> u32 {
        self.restarts
    }

    /// Packets lost since the beginning.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost_before + self.streams().map(ReceivedStream::lost).sum::<u64>()
    }

    /// Interarrival jitter of the audio, as time.
    #[must_use]
    pub fn jitter(&self) -> Duration {
        self.main.as_ref().map_or(Duration::ZERO, ReceivedStream::jitter)
    }

    /// How much longer bursts of loss are than chance would have them; 1 where loss is random [ITU-T G.107 3.5].
    #[must_use]
    pub fn burst_ratio(&self) -> f32 {
        let lost = self.lost();
        let bursts = self.bursts_before + self.streams().map(ReceivedStream::bursts).sum::<u64>();
        if lost == 0 || bursts == 0 {
            return 1.0;
        }
        #[expect(clippy::cast_precision_loss, reason = "a ratio for a quality estimate")]
        let (mean_run, loss) =
            (lost as f32 / bursts as f32, lost as f32 / (lost + self.received).max(1) as f32);
        (mean_run * (1.0 - loss)).max(1.0)
    }

    /// Share of packets lost, 0 to 1.
    #[must_use]
    pub fn loss_share(&self) -> f32 {
        let lost = self.lost();
        #[expect(clippy::cast_precision_loss, reason = "a ratio for a quality estimate")]
        let share = lost as f32 / (lost + self.received).max(1) as f32;
        share
    }

    /// The figures of each stream, that of the audio first.
    pub(crate) fn statistics(&self) -> impl Iterator<Item = SsrcStatistics> {
        let more = self.octets.saturating_sub(self.octets_noted);
        let main = self.main.iter().map(move |main| main.statistics(more));
        main.chain(self.others.iter().map(|stream| stream.statistics(0)))
    }

    fn streams(&self) -> impl Iterator<Item = &ReceivedStream> {
        self.main.iter().chain(&self.others)
    }

    /// The streams that a report has blocks on: that of the audio, and those of which packets have come since the last one
    /// [RFC3550 6.4].
    pub(super) fn reported_streams(&mut self) -> impl Iterator<Item = &mut ReceivedStream> {
        self.main.iter_mut().chain(self.others.iter_mut().filter(|stream| stream.has_news()))
    }

    /// Notes that the party was signalled anew: its streams may begin anew, too.
    pub fn renew(&mut self, now: Time) {
        self.main.iter_mut().chain(&mut self.others).for_each(|stream| stream.renew(now));
    }

    /// Judges a packet by its SSRC and sequence number, and counts it.
    #[inline]
    pub fn observe(&mut self, packet: &Arrival) -> Verdict {
        let verdict = match &mut self.main {
            Some(main) if main.ssrc == packet.ssrc => {
                self.left_out = 0;
                match main.judge(packet) {
                    Judgement::Newest => Verdict::Take(Taken {
                        run: main.run,
                        index: main.highest,
                        stretch: self.stretch,
                        in_audio_stream: true,
                        restarted: false,
                        newest: true,
                    }),
                    other => self.observe_odd(packet, other),
                }
            }
            _ => self.observe_other_and_note(packet),
        };
        match verdict {
            Verdict::Take(_) => {
                self.received += 1;
                self.octets += packet.octets as u64;
            }
            Verdict::Duplicate => self.duplicates += 1,
            Verdict::OutOfRange => {}
        }
        verdict
    }

    /// A packet of the stream of audio that is not the next one.
    #[cold]
    fn observe_odd(&mut self, packet: &Arrival, judgement: Judgement) -> Verdict {
        let Some(main) = &mut self.main else { return Verdict::OutOfRange };
        let (index, restarted) = match judgement {
            Judgement::Duplicate => return Verdict::Duplicate,
            Judgement::OutOfRange => return Verdict::OutOfRange,
            Judgement::Newest => (main.highest, false),
            Judgement::Late(index) => {
                self.out_of_order += 1;
                (index, false)
            }
            Judgement::Restart => {
                self.runs = self.runs.wrapping_add(1);
                main.restart(self.runs, packet);
                self.stretch = self.stretch.wrapping_add(1);
                self.restarts = self.restarts.saturating_add(1);
                (main.highest, true)
            }
        };
        Verdict::Take(Taken {
            run: main.run,
            index,
            stretch: self.stretch,
            in_audio_stream: true,
            restarted,
            newest: index == main.highest,
        })
    }

    /// A packet of another stream than that of the audio; its octets are noted there, unless it takes over.
    #[cold]
    fn observe_other_and_note(&mut self, packet: &Arrival) -> Verdict {
        let verdict = self.observe_other(packet);
        if let Verdict::Take(Taken { in_audio_stream: false, .. }) = verdict
            && let Some(stream) = self.others.iter_mut().find(|stream| stream.ssrc == packet.ssrc)
        {
            stream.octets += packet.octets as u64;
            self.octets_noted += packet.octets as u64;
        }
        verdict
    }

    fn observe_other(&mut self, packet: &Arrival) -> Verdict {
        let Some(place) = self.others.iter().position(|stream| stream.ssrc == packet.ssrc) else {
            return self.begin(packet);
        };
        let Some(stream) = self.others.get_mut(place) else { return Verdict::OutOfRange };
        let pause = packet.now.since(stream.at);
        let between = self.received - stream.left_at.min(self.received);
        let judgement = stream.judge(packet);
        match judgement {
            Judgement::Duplicate => return Verdict::Duplicate,
            Judgement::OutOfRange => return Verdict::OutOfRange,
            Judgement::Late(_) => self.out_of_order += 1,
            Judgement::Newest => {}
            Judgement::Restart => {
                self.runs = self.runs.wrapping_add(1);
                stream.restart(self.runs, packet);
            }
        }
        stream.left_at = self.received;
        let index = match judgement {
            Judgement::Late(index) => index,
            _ => stream.highest,
        };
        if !packet.audio {
            return Verdict::Take(self.beside(place, index));
        }
        if matches!(judgement, Judgement::Late(_)) {
            return Verdict::OutOfRange;
        }
        let comes_back = pause >= PAUSE || between >= PAUSE_PACKETS || judgement == Judgement::Restart;
        if comes_back || self.passes_run(packet.ssrc) {
            return Verdict::Take(self.take_over(place));
        }
        Verdict::OutOfRange
    }

    /// Counts the packets in sequence of a stream that was left out; true when there are enough.
    fn passes_run(&mut self, ssrc: Ssrc) -> bool {
        if self.left_out_ssrc != ssrc {
            (self.left_out_ssrc, self.left_out) = (ssrc, 0);
        }
        self.left_out += 1;
        self.left_out >= RETURN_RUN
    }

    /// The first packet of a stream.
    fn begin(&mut self, packet: &Arrival) -> Verdict {
        let mut run = 0;
        if self.main.is_some() {
            self.runs = self.runs.wrapping_add(1);
            run = self.runs;
        }
        let stream = ReceivedStream::new(run, packet);
        let index = stream.highest;
        if self.main.is_none() {
            self.main = Some(stream);
            let stretch = self.stretch;
            let taken = Taken { run, index, stretch, in_audio_stream: true, restarted: false, newest: true };
            return Verdict::Take(taken);
        }
        let place = self.make_place(stream);
        Verdict::Take(if packet.audio { self.take_over(place) } else { self.beside(place, index) })
    }

    /// Puts a stream among the others, in the place of the one least recently used where there are too many.
    fn make_place(&mut self, stream: ReceivedStream) -> usize {
        if self.others.len() < MAX_STREAMS - 1 {
            self.others.reserve_exact(MAX_STREAMS - 1 - self.others.len());
            self.others.push(stream);
            return self.others.len() - 1;
        }
        let oldest = self.others.iter().enumerate().min_by_key(|(_, stream)| stream.at);
        let place = oldest.map_or(0, |(place, _)| place);
        if let Some(old) = self.others.get_mut(place) {
            self.lost_before += old.lost();
            self.bursts_before += old.bursts();
            *old = stream;
        }
        place
    }

    /// Makes another stream that of the audio; its packet that came last is the first of a stretch.
    fn take_over(&mut self, place: usize) -> Taken {
        let mut restarted = false;
        if let (Some(main), Some(stream)) = (&mut self.main, self.others.get_mut(place)) {
            restarted = main.audio;
            main.octets += self.octets - self.octets_noted.min(self.octets);
            self.octets_noted = self.octets;
            main.left_at = self.received;
            std::mem::swap(main, stream);
        }
        self.stretch = self.stretch.wrapping_add(1);
        self.restarts = self.restarts.saturating_add(u32::from(restarted));
        self.left_out = 0;
        let (run, index) = self.main.as_ref().map_or((0, 0), |main| (main.run, main.highest));
        Taken { run, index, stretch: self.stretch, in_audio_stream: true, restarted, newest: true }
    }

    /// A packet that comes beside the stream of audio.
    fn beside(&self, place: usize, index: u64) -> Taken {
        let stream = self.others.get(place);
        let (run, highest) = stream.map_or((0, 0), |stream| (stream.run, stream.highest));
        let newest = index == highest;
        Taken { run, index, stretch: self.stretch, in_audio_stream: false, restarted: false, newest }
    }

    /// Where comfort noise of another clock than the audio's stands on that: it must not move the time line of the audio.
    #[cold]
    pub(crate) fn on_audio_clock(
        &self,
        now: Time,
        (ssrc, timestamp): (Ssrc, RtpTicks),
        clock_rate: u32,
    ) -> Option<(RtpTicks, u32)> {
        let main = self.main.as_ref().filter(|main| main.ssrc == ssrc)?;
        main.on_audio_clock(now, timestamp, clock_rate)
    }

    /// Counts a taken audio packet's arrival into the interarrival jitter [RFC3550 A.8].
    pub fn observe_arrival(
        &mut self,
        now: Time,
        timestamp: RtpTicks,
        clock_rate: u32,
        payload_type: PayloadType,
    ) {
        self.payload_type = Some(payload_type);
        if let Some(main) = &mut self.main {
            main.observe_arrival(now, timestamp, clock_rate);
        }
    }
}

impl Receiver {
    /// Where the stream of audio stands; `None` before it has settled.
    pub(crate) fn standing(&self, now: Time) -> Option<Standing> {
        self.main.as_ref()?.standing(now)
    }

    /// Packets that were not the next one of the stream of audio.
    pub(crate) fn oddities(&self) -> u64 {
        self.duplicates + self.out_of_order + u64::from(self.restarts)
    }

    /// Counts in packets of the stream of audio that came elsewhere.
    pub(crate) fn note_passed(&mut self, passed: &Passed) {
        if let Some(main) = &mut self.main {
            main.note_passed(passed);
            self.received += passed.packets;
            self.octets += passed.octets;
            self.left_out = 0;
        }
    }
}

impl Receiver {
    pub(crate) fn save(&self, now: Time) -> ReceiverSnapshot {
        ReceiverSnapshot {
            streams: self.streams().map(|stream| stream.save(now)).collect(),
            payload_type: self.payload_type.map(PayloadType::get),
            runs: self.runs,
            stretch: self.stretch,
            restarts: self.restarts,
            left_out: (self.left_out_ssrc.0, self.left_out),
            received: self.received,
            octets: self.octets,
            duplicates: self.duplicates,
            out_of_order: self.out_of_order,
            lost_before: self.lost_before,
            bursts_before: self.bursts_before,
            octets_noted: self.octets_noted,
        }
    }

    /// A receiver as it was saved, on a clock that shows `taken` for that moment.
    pub(crate) fn restored(taken: Time, saved: &ReceiverSnapshot) -> Self {
        let mut streams = saved.streams.iter().map(|stream| ReceivedStream::restored(taken, stream));
        let main = streams.next();
        let others = streams.take(MAX_STREAMS - 1).collect();
        Self {
            main,
            received: saved.received,
            octets: saved.octets,
            stretch: saved.stretch,
            left_out: saved.left_out.1,
            payload_type: saved.payload_type.and_then(PayloadType::new),
            left_out_ssrc: Ssrc(saved.left_out.0),
            others,
            runs: saved.runs,
            restarts: saved.restarts,
            duplicates: saved.duplicates,
            out_of_order: saved.out_of_order,
            octets_noted: saved.octets_noted,
            lost_before: saved.lost_before,
            bursts_before: saved.bursts_before,
        }
    }
}

#[cfg(test)]
#[path = "receiver_tests.rs"]
mod tests;
