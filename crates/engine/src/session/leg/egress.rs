//! From audio to a leg's packets: frames gathered into packets of the leg's packet time, and encoded.
//!
//! An egress lives as long as its codec and parameters. A change of source changes what flows in; the encoder's state,
//! the sequence numbers and the timestamps go on. At the change the old signal is continued for 5 ms and cross-faded
//! with the new one, so that no step is heard.

use std::time::Duration;

use mediapoint_codec::comfort_noise::NoiseAnalyser;
use mediapoint_codec::{Encoder, EncoderSettings, Encoding, Transmission, encoder};
use mediapoint_net::prefetch;
use mediapoint_packet::rtp::PayloadType;

use crate::api::codec::PayloadCodec;
use crate::api::leg::{LegConfig, PacketTime};
use crate::session::frame::{FrameKind, samples};
use crate::session::leg::crossfade::Crossfade;
use crate::session::source::player::{MAX_READY, PAYLOAD_MILLIS, ReadyPayload};

/// Octets of a payload of constant size at most, so that the packet fits any network: room is left for RTP header, tag and
/// tunnels.
const MAX_PAYLOAD: usize = 1380;

/// Peaks of silence: a decoder may go on from another past there. -48 dBov.
const QUIET: u16 = 128;

/// Peaks of the pauses of speech, -30 dBov. An encoder that took the same audio for [`SAME`] packets has a like past: what a
/// decoder makes of the change differs by 47 dB of signal to noise with G.729 in the mean of 300 changes in speech, 33 dB with
/// G.722, 49 dB with Opus, and no peak is greater by more than a fifth.
const FAINT: u16 = 1024;

/// Packets on end after which two encoders of the same audio are alike: in pauses, and anywhere.
const SAME: u32 = 25;
const SAME_LONG: u32 = 200;

/// Milliseconds in which a signal ends: the fade-out, and the silence behind it that pushes it through a codec's look-ahead.
pub(crate) const FADE_MILLIS: u32 = 20;

/// Comfort noise is described again after this long.
const NOISE_AGAIN: Duration = Duration::from_millis(400);

/// What decides how audio is encoded. Another value of it needs another encoder.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct EncoderSpec {
    entry: PayloadCodec,
    packet_time: PacketTime,
    settings: EncoderSettings,
    /// Payload type of comfort noise at this clock rate, where the party has one [RFC3389 4].
    noise: Option<PayloadType>,
}

impl EncoderSpec {
    /// How to encode for a leg; `None` where the engine can encode none of its codecs.
    pub(crate) fn new(config: &LegConfig) -> Option<Self> {
        let entry = config.codecs.iter().find(|entry| entry.codec.is_convertible())?.clone();
        // These describe noise in payloads of their own.
        let own_noise = matches!(
            entry.codec.encoding,
            Encoding::G729 | Encoding::Opus | Encoding::Amr(_) | Encoding::AmrWb(_)
        );
        let noise = config
            .codecs
            .iter()
            .filter(|other| !own_noise && other.codec.encoding == Encoding::ComfortNoise)
            .find(|other| other.codec.clock_rate == entry.codec.clock_rate)
            .map(|other| other.payload_type);
        Some(Self { entry, packet_time: config.packet_time, settings: config.encoder.clone(), noise })
    }

    /// True where packets of 20 ms are encoded as a prompt's payloads are: with no other settings than the usual ones.
    pub(crate) fn is_plain(&self) -> bool {
        let usual = EncoderSettings { dtx: self.settings.dtx, ..EncoderSettings::default() };
        self.settings == usual && packet_millis(self) == PAYLOAD_MILLIS
    }

    /// The same without discontinuous transmission.
    pub(crate) fn without_dtx(&self) -> Self {
        let settings = EncoderSettings { dtx: false, ..self.settings.clone() };
        Self { settings, ..self.clone() }
    }

    /// How the encoder is set.
    pub(crate) const fn settings(&self) -> &EncoderSettings {
        &self.settings
    }

    /// The codec.
    pub(crate) const fn entry(&self) -> &PayloadCodec {
        &self.entry
    }

    fn encoder(&self, rate: u32) -> Option<Box<dyn Encoder>> {
        encoder(&self.entry.codec, rate, &self.entry.parameters, &self.settings).ok()
    }
}

/// A payload that is to be sent, or the pause in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packetized {
    /// A packet of so many ticks of the RTP clock, after so many of silence.
    Packet { payload_type: PayloadType, len: usize, skipped: u32, ticks: u32, marker: bool },
    /// No packet, for so many ticks.
    Pause { ticks: u32 },
}

/// Cache lines at the beginning of an egress that each tick needs.
const HOT_LINES: usize = 4;

/// The sending half of a leg's media path. The fields that every tick needs come first.
#[repr(C)]
pub(crate) struct Egress {
    rate: u32,
    clock_rate: u32,
    /// Samples of a packet, its ticks of the RTP clock, and samples of a frame of the codec.
    packet: usize,
    packet_ticks: u32,
    payload_type: PayloadType,
    /// What is made of audio depends on the audio before.
    has_memory: bool,
    frame: usize,
    encoder: Box<dyn Encoder>,
    /// Audio that waits for its packet to be full.
    gathered: Box<[i16]>,
    filled: usize,
    /// All of `gathered` is comfort noise.
    noisy: bool,
    /// Nothing was sent for the audio before: the next speech packet is marked [RFC3551 4.1].
    paused: bool,
    /// Audio since noise was described last; `None` outside of pauses.
    since_noise: Option<Duration>,
    crossfade: Crossfade,
    /// The last packet's audio, with which a new encoder is started.
    last: Vec<i16>,
    /// The last packet was not encoded here: the encoder has to be brought to where the decoder is.
    stale: bool,
    /// Packets on end for which this encoder and the one of the payloads made before took the same audio.
    alike: u32,
    /// The next packet is a payload that was made of its audio before, which was not gathered.
    passed: bool,
    analyser: Option<NoiseAnalyser>,
    spec: EncoderSpec,
}

impl Egress {
    /// An encoder for a leg whose sources have audio of up to `rate` hertz.
    pub(crate) fn new(spec: EncoderSpec, rate: u32) -> Option<Self> {
        let encoder = spec.encoder(rate)?;
        let rate = encoder.sample_rate();
        let packet = samples(rate, packet_millis(&spec));
        let frame = encoder.granule().max(1);
        // A packet that is all but full, and a tick or the end of a signal, which fills up a packet.
        let gathered = (packet + samples(rate, FADE_MILLIS)).next_multiple_of(packet.max(1));
        let analyser = spec.noise.map(|_| NoiseAnalyser::new(rate));
        let clock_rate = spec.entry.codec.clock_rate;
        let has_memory =
            !matches!(spec.entry.codec.encoding, Encoding::Pcmu | Encoding::Pcma | Encoding::L16);
        Some(Self {
            clock_rate,
            encoder,
            rate,
            packet,
            packet_ticks: ticks(packet, clock_rate, rate),
            payload_type: spec.entry.payload_type,
            has_memory,
            frame,
            gathered: vec![0; gathered].into_boxed_slice(),
            filled: 0,
            noisy: false,
            paused: true,
            crossfade: Crossfade::new(rate),
            analyser,
            since_noise: None,
            last: Vec::with_capacity(packet),
            stale: false,
            alike: 0,
            passed: false,
            spec,
        })
    }

    /// Asks the processor for what the next tick needs.
    pub(crate) fn prefetch(&self) {
        prefetch(self, HOT_LINES);
    }

    /// How it encodes.
    pub(crate) const fn spec(&self) -> &EncoderSpec {
        &self.spec
    }

    pub(super) fn encoder_mut(&mut self) -> &mut dyn Encoder {
        &mut *self.encoder
    }

    /// Sample rate of the audio it takes, in hertz.
    pub(crate) const fn rate(&self) -> u32 {
        self.rate
    }

    /// RTP clock rate of its packets in hertz.
    pub(crate) const fn clock_rate(&self) -> u32 {
        self.clock_rate
    }

    /// Encodes at a higher sample rate where the codec can: a source with more bandwidth feeds the leg. The new encoder is
    /// started on the audio encoded last, so that its look-ahead and its predictors are not empty.
    pub(crate) fn raise_rate(&mut self, rate: u32) {
        if rate <= self.rate {
            return;
        }
        let Some(mut next) = Self::new(self.spec.clone(), rate) else { return };
        if next.rate <= self.rate {
            return;
        }
        let Ok(mut resampler) = mediapoint_codec::resample::Resampler::new(self.rate, next.rate) else {
            return;
        };
        let mut primer = vec![0; next.gathered.len()];
        let len = resampler.process(&self.last, &mut primer).min(next.packet);
        if len == next.packet {
            let mut discarded = [0; MAX_PAYLOAD];
            let primer = primer.get(..len).unwrap_or_default();
            // An encoder that refuses it begins without.
            let _: Result<_, _> = next.encoder.encode(primer, &mut discarded);
        }
        let waiting = self.gathered.get(..self.filled).unwrap_or_default();
        next.filled = resampler.process(waiting, &mut next.gathered);
        next.crossfade.remember(primer.get(..len).unwrap_or_default());
        next.crossfade.remember(next.gathered.get(..next.filled).unwrap_or_default());
        (next.noisy, next.paused) = (self.noisy, self.paused);
        *self = next;
    }

    /// What waits for its packet to be full, and what was encoded last, for tests.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> (usize, i64, i64) {
        let sum = |pcm: &[i16]| pcm.iter().zip(1..).map(|(sample, n)| i64::from(*sample) * n).sum();
        (self.filled, sum(self.gathered.get(..self.filled).unwrap_or_default()), sum(&self.last))
    }

    /// True where nothing waits for its packet to be full.
    pub(crate) const fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// True where nothing was sent for the audio before.
    pub(crate) const fn is_paused(&self) -> bool {
        self.paused
    }

    /// True where whole ticks of `millis` milliseconds fill a packet.
    pub(crate) fn fits_tick(&self, millis: u32) -> bool {
        let tick = samples(self.rate, millis);
        tick != 0 && self.packet.is_multiple_of(tick)
    }

    /// Begins after packets that were not encoded here; the first speech packet is marked where `marked`.
    pub(crate) fn begin(&mut self, marked: bool) {
        self.filled = 0;
        self.paused = marked;
        self.since_noise = None;
    }

    /// The audio that comes next is another signal than the audio before.
    pub(crate) fn change_signal(&mut self) {
        self.crossfade.start();
    }

    /// The end of a signal at 8000 Hz that was forwarded, to be continued by what comes next.
    pub(crate) fn follow(&mut self, tail: &[i16]) {
        if self.rate == 8000 {
            self.crossfade.replace(tail);
            self.crossfade.start();
        }
    }

    /// The continuation of the audio encoded last.
    pub(crate) const fn crossfade(&mut self) -> &mut Crossfade {
        &mut self.crossfade
    }

    /// True where the payload that was made of `pcm` before may be sent in place of encoding it, asked before it is gathered:
    /// it fills the next packet alone, nothing is cross-faded into it, and the party's decoder may go on with it. What predicts
    /// from what it decoded before goes on in the wrong way from another past, unless that is silence: so it begins in a pause
    /// of the signal, or once both encoders took the same for a time, and follows only what its own encoder made.
    pub(crate) fn may_send(&mut self, kind: FrameKind, pcm: &[i16], ready: ReadyPayload<'_>) -> bool {
        let whole = !ready.octets.is_empty()
            && kind == FrameKind::Audio
            && self.filled == 0
            && pcm.len() == self.packet
            && !self.crossfade.is_under_way();
        let alike = std::mem::take(&mut self.alike);
        if !whole || !self.has_memory || (self.stale && ready.follows) {
            return whole;
        }
        let quiet = (self.paused || is_below(&self.last, QUIET)) && is_below(pcm, QUIET);
        let faint = is_below(&self.last, FAINT) && is_below(pcm, FAINT);
        if quiet || alike >= SAME_LONG || (alike >= SAME && faint) {
            return true;
        }
        self.alike = if ready.follows { alike + 1 } else { 0 };
        false
    }

    /// Takes the audio of a tick, at [`Egress::rate`].
    pub(crate) fn gather(&mut self, kind: FrameKind, pcm: &[i16]) {
        if self.filled == 0 {
            self.noisy = true;
        }
        self.noisy &= kind == FrameKind::ComfortNoise;
        let end = (self.filled + pcm.len()).min(self.gathered.len());
        let Some(room) = self.gathered.get_mut(self.filled..end) else { return };
        room.iter_mut().zip(pcm).for_each(|(to, from)| *to = *from);
        self.crossfade.apply(room);
        self.filled = end;
    }

    /// Takes the audio of a tick whose payload was made before and [may be sent](Self::may_send): the next packet is that payload.
    /// An encoder without a memory needs no more of it than the end, for a cross-fade.
    pub(crate) fn pass(&mut self, kind: FrameKind, pcm: &[i16]) {
        if self.has_memory {
            return self.gather(kind, pcm);
        }
        self.noisy = false;
        self.crossfade.remember(pcm);
        self.passed = true;
    }

    /// True where a payload that was made of `pcm` before is the next packet whatever came before, and its time is now.
    pub(crate) fn takes(&self, pcm: &[i16], ready: &[u8]) -> bool {
        !ready.is_empty()
            && self.filled == 0
            && pcm.len() == self.packet
            && !self.has_memory
            && !self.passed
            && !self.crossfade.is_under_way()
    }

    /// The packet that a payload [which it takes](Self::takes) becomes: its payload type, ticks and marker.
    pub(crate) fn pass_made(&mut self, pcm: &[i16]) -> (PayloadType, u32, bool) {
        self.alike = 0;
        self.noisy = false;
        self.since_noise = None;
        self.stale = true;
        self.crossfade.remember(pcm);
        (self.payload_type, self.packet_ticks, std::mem::take(&mut self.paused))
    }

    /// Adds a signal to the audio gathered last.
    pub(crate) fn add(&mut self, pcm: &[i16]) {
        let begin = self.filled.saturating_sub(pcm.len());
        let room = self.gathered.get_mut(begin..self.filled).unwrap_or_default();
        room.iter_mut().zip(pcm).for_each(|(sum, sample)| *sum = sum.saturating_add(*sample));
    }

    /// Takes silence of so many samples in place of audio of that kind.
    pub(crate) fn gather_silence(&mut self, kind: FrameKind, len: usize) {
        const SILENCE: [i16; 960] = [0; 960];
        self.gather(kind, SILENCE.get(..len).unwrap_or(&SILENCE));
    }

    /// Ends the signal: 5 ms in which it fades out, then silence, for as long as codecs look ahead and to the end of a packet.
    /// Nothing where it has ended. Returns how many samples that is.
    pub(crate) fn finish(&mut self) -> usize {
        if self.paused && self.filled == 0 {
            return 0;
        }
        let whole = (self.filled + samples(self.rate, FADE_MILLIS)).next_multiple_of(self.packet.max(1));
        let end = whole.min(self.gathered.len());
        self.crossfade.start();
        let begin = self.filled;
        if let Some(room) = self.gathered.get_mut(begin..end) {
            room.fill(0);
            self.crossfade.apply(room);
            self.filled = end;
        }
        self.filled - begin
    }

    /// Samples of the next packet; 0 where it is not full. With `flush` it is as full as it gets.
    fn next_packet(&self, flush: bool) -> usize {
        match self.filled {
            _ if self.passed => self.packet,
            filled if filled >= self.packet => self.packet,
            // Whole frames of it; less than one cannot be encoded, and its time passes as a pause.
            filled if flush => filled - if filled > self.frame { filled % self.frame } else { 0 },
            _ => 0,
        }
    }

    /// True where there is a packet to encode.
    pub(crate) fn is_ready(&self, flush: bool) -> bool {
        self.next_packet(flush) != 0
    }

    /// Encodes the next packet to the beginning of `payload`, or puts what was made of it before there, where `ready` is not
    /// empty.
    pub(crate) fn encode(&mut self, payload: &mut [u8], flush: bool, ready: &[u8]) -> Packetized {
        let len = self.next_packet(flush);
        let packetized = self.encode_packet(len, payload, ready);
        self.take(len);
        packetized
    }

    /// Drops the next packet and returns how many ticks of the RTP clock it stood for.
    pub(crate) fn drop_packet(&mut self, flush: bool) -> u32 {
        let len = self.next_packet(flush);
        self.take(len);
        self.ticks(len)
    }

    fn take(&mut self, len: usize) {
        if std::mem::take(&mut self.passed) {
            return;
        }
        self.last.clear();
        self.last.extend_from_slice(self.gathered.get(..len).unwrap_or_default());
        if len < self.filled {
            self.gathered.copy_within(len..self.filled, 0);
        }
        self.filled -= len;
    }

    fn encode_packet(&mut self, len: usize, payload: &mut [u8], ready: &[u8]) -> Packetized {
        let ticks = self.ticks(len);
        let pcm = self.gathered.get(..len).unwrap_or_default();
        if self.noisy
            && let (Some(analyser), Some(noise)) = (&mut self.analyser, self.spec.noise)
        {
            analyser.analyse(pcm);
            let lasted = Duration::from_millis(len as u64 * 1000 / u64::from(self.rate.max(1)));
            self.paused = true;
            return match self.since_noise {
                Some(since) if since < NOISE_AGAIN => {
                    self.since_noise = Some(since + lasted);
                    Packetized::Pause { ticks }
                }
                _ => {
                    self.since_noise = Some(lasted);
                    let len = analyser.payload(payload);
                    Packetized::Packet { payload_type: noise, len, skipped: 0, ticks, marker: false }
                }
            };
        }
        self.since_noise = None;
        let payload_type = self.spec.entry.payload_type;
        if let Some(room) = payload.get_mut(..ready.len()).filter(|room| !room.is_empty()) {
            room.copy_from_slice(ready);
            self.stale = true;
            let marker = std::mem::take(&mut self.paused);
            return Packetized::Packet { payload_type, len: room.len(), skipped: 0, ticks, marker };
        }
        if std::mem::take(&mut self.stale) && self.last.len() == self.packet {
            // An encoder that refuses it goes on without.
            let mut discarded = [0; MAX_READY];
            let _: Result<_, _> = self.encoder.encode(&self.last, &mut discarded);
        }
        match self.encoder.encode(pcm, payload) {
            Ok(encoded) if encoded.kind != Transmission::Nothing => {
                let speech = encoded.kind == Transmission::Speech;
                let marker = speech && std::mem::take(&mut self.paused);
                self.paused |= !speech;
                let skipped = self.ticks(encoded.skipped).min(ticks);
                Packetized::Packet { payload_type, len: encoded.len, skipped, ticks: ticks - skipped, marker }
            }
            _ => {
                self.paused = true;
                Packetized::Pause { ticks }
            }
        }
    }

    /// Ticks of the RTP clock in a number of samples.
    pub(crate) fn ticks(&self, samples: usize) -> u32 {
        ticks(samples, self.clock_rate, self.rate)
    }

    /// Ticks of the RTP clock in a number of milliseconds.
    pub(crate) const fn ticks_of(&self, millis: u32) -> u32 {
        self.clock_rate / 1000 * millis
    }

    /// Notes that nothing is sent for a tick.
    pub(crate) fn pause(&mut self) {
        self.paused = true;
        self.since_noise = None;
        // What comes next begins from silence.
        self.crossfade.silence();
    }
}

/// Ticks at `clock_rate` hertz in a number of samples at `rate` hertz.
fn ticks(samples: usize, clock_rate: u32, rate: u32) -> u32 {
    if clock_rate == rate {
        return u32::try_from(samples).unwrap_or(0);
    }
    let ticks = samples as u64 * u64::from(clock_rate) / u64::from(rate.max(1));
    u32::try_from(ticks).unwrap_or(0)
}

/// True where no peak reaches a limit.
fn is_below(pcm: &[i16], limit: u16) -> bool {
    pcm.iter().all(|sample| sample.unsigned_abs() < limit)
}

/// The packet time of a codec in milliseconds, so that its packets fit the network.
fn packet_millis(spec: &EncoderSpec) -> u32 {
    let millis = u32::try_from(spec.packet_time.encoded().as_millis()).unwrap_or(20);
    let codec = &spec.entry.codec;
    match codec.encoding {
        Encoding::L16 => {}
        // Frames of 20 ms, of which a packet has whole ones.
        Encoding::Gsm | Encoding::Amr(_) | Encoding::AmrWb(_) => return millis.next_multiple_of(20),
        _ => return millis,
    }
    let octets_per_ms = codec.clock_rate / 1000 * 2 * u32::from(codec.channels);
    let most = u32::try_from(MAX_PAYLOAD).unwrap_or(1380) / octets_per_ms.max(1) / 10 * 10;
    millis.min(most.max(10))
}
