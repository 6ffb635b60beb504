//! What a leg's party hears, encoded: audio of ticks gathered into packets of the leg's packet time.

use std::time::Duration;

use mediapoint_codec::comfort_noise::NoiseAnalyser;
use mediapoint_codec::resample::Resampler;
use mediapoint_codec::{Encoder, EncoderSettings, Encoding, Transmission, encoder};
use mediapoint_packet::rtp::PayloadType;

use crate::api::codec::PayloadCodec;
use crate::api::leg::PacketTime;
use crate::core::TICK_MAX_SAMPLES;
use crate::core::hearing::samples;

/// Samples that are gathered at most: a packet of 60 ms and a tick, at 48 kHz.
const GATHERED: usize = 2880 + TICK_MAX_SAMPLES;

/// Octets of a payload of constant size at most, so that the packet fits any network: RTP header, tag and tunnels left room for.
const MAX_PAYLOAD: usize = 1380;

/// A description of the noise is sent again after this long.
const NOISE_AGAIN: Duration = Duration::from_millis(400);

/// What decides how audio is encoded; another value of it needs another encoder.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wanted {
    pub(super) entry: PayloadCodec,
    pub(super) packet_time: PacketTime,
    pub(super) settings: EncoderSettings,
    /// Payload type of comfort noise in this clock, where the party knows it [RFC3389 4].
    pub(super) noise: Option<PayloadType>,
    /// Sample rate of the audio to be encoded, in hertz.
    pub(super) rate: u32,
}

impl Wanted {
    /// What a party with these codecs is to be sent, of audio of `rate` hertz.
    pub(super) fn new(
        codecs: &[PayloadCodec],
        packet_time: PacketTime,
        settings: &EncoderSettings,
        rate: u32,
    ) -> Option<Self> {
        let entry = codecs.iter().find(|entry| entry.codec.is_convertible())?.clone();
        // G.729 and Opus describe noise in payloads of their own.
        let own_noise = matches!(entry.codec.encoding, Encoding::G729 | Encoding::Opus);
        let noise = codecs
            .iter()
            .filter(|other| !own_noise && other.codec.encoding == Encoding::ComfortNoise)
            .find(|other| other.codec.clock_rate == entry.codec.clock_rate)
            .map(|other| other.payload_type);
        Some(Self { entry, packet_time, settings: settings.clone(), noise, rate })
    }
}

/// Audio on its way to an encoder is of one of these kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sound {
    /// Something to be heard.
    Audio,
    /// The background noise of a pause.
    Noise,
}

/// A payload that is to be sent, or the silence in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Product {
    /// A packet of this many ticks of the RTP clock, after so many of silence.
    Packet { payload_type: PayloadType, len: usize, skipped: u32, ticks: u32, marker: bool },
    /// None, for so many ticks.
    Pause { ticks: u32 },
}

/// The sending half of a leg's media path.
pub(super) struct Speaking {
    wanted: Wanted,
    encoder: Box<dyn Encoder>,
    resampler: Option<Resampler>,
    /// Audio at the encoder's rate that waits for its packet to be full.
    gathered: Box<[i16; GATHERED]>,
    filled: usize,
    packet: usize,
    clock_rate: u32,
    noisy: bool,
    analyser: Option<NoiseAnalyser>,
    /// Audio since the noise was described last; `None` outside of pauses.
    since_noise: Option<Duration>,
    paused: bool,
}

impl Speaking {
    /// An encoder for the party; `None` where there is none for the codec.
    pub(super) fn new(wanted: Wanted) -> Option<Self> {
        let entry = &wanted.entry;
        let encoder = encoder(&entry.codec, wanted.rate, &entry.parameters, &wanted.settings).ok()?;
        let rate = encoder.sample_rate();
        let resampler = match rate == wanted.rate {
            true => None,
            false => Some(Resampler::new(wanted.rate, rate).ok()?),
        };
        let millis = u32::try_from(wanted.packet_time.encoded().as_millis()).unwrap_or(20);
        let packet = samples(rate, longest(&wanted, millis));
        let analyser = wanted.noise.map(|_| NoiseAnalyser::new(rate));
        Some(Self {
            clock_rate: entry.codec.clock_rate,
            encoder,
            resampler,
            gathered: Box::new([0; GATHERED]),
            filled: 0,
            packet,
            noisy: false,
            analyser,
            since_noise: None,
            paused: false,
            wanted,
        })
    }

    pub(super) const fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// RTP clock rate of what it makes, in hertz.
    pub(super) const fn clock_rate(&self) -> u32 {
        self.clock_rate
    }

    /// True where nothing waits for its packet to be full.
    pub(super) const fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// True where a tick of `millis` milliseconds fills whole packets only, or whole ticks fill a packet.
    pub(super) fn fits_tick(&self, millis: u32) -> bool {
        let tick = samples(self.encoder.sample_rate(), millis);
        tick != 0 && self.packet.is_multiple_of(tick)
    }

    /// Begins after something that it did not make: the first packet of it is marked where `marked`.
    pub(super) fn begin(&mut self, marked: bool) {
        self.filled = 0;
        self.paused = marked;
        self.since_noise = None;
    }

    /// Takes the audio of a tick.
    pub(super) fn gather(&mut self, sound: Sound, pcm: &[i16]) {
        if self.filled == 0 {
            self.noisy = true;
        }
        self.noisy &= sound == Sound::Noise;
        let room = self.gathered.get_mut(self.filled..).unwrap_or_default();
        self.filled += match &mut self.resampler {
            Some(resampler) => resampler.process(pcm, room),
            None => {
                let taken = pcm.len().min(room.len());
                if let (Some(to), Some(from)) = (room.get_mut(..taken), pcm.get(..taken)) {
                    to.copy_from_slice(from);
                }
                taken
            }
        };
    }

    /// Samples of the next packet; 0 where it is not full. `flush` takes what there is for full.
    fn next_packet(&self, flush: bool) -> usize {
        match self.filled {
            filled if filled >= self.packet => self.packet,
            filled if flush => filled,
            _ => 0,
        }
    }

    /// True where there is a packet to encode.
    pub(super) fn is_ready(&self, flush: bool) -> bool {
        self.next_packet(flush) != 0
    }

    /// Encodes the next packet to the beginning of `payload`.
    pub(super) fn encode(&mut self, payload: &mut [u8], flush: bool) -> Product {
        let len = self.next_packet(flush);
        let product = self.encode_packet(len, payload);
        self.take(len);
        product
    }

    /// Gives the next packet up, and tells how many ticks that is.
    pub(super) fn give_up(&mut self, flush: bool) -> u32 {
        let len = self.next_packet(flush);
        self.take(len);
        self.ticks(len)
    }

    fn take(&mut self, len: usize) {
        self.gathered.copy_within(len..self.filled, 0);
        self.filled -= len;
    }

    fn encode_packet(&mut self, len: usize, payload: &mut [u8]) -> Product {
        let ticks = self.ticks(len);
        let pcm = self.gathered.get(..len).unwrap_or_default();
        if self.noisy
            && let (Some(analyser), Some(noise)) = (&mut self.analyser, self.wanted.noise)
        {
            analyser.analyse(pcm);
            let rate = u64::from(self.encoder.sample_rate().max(1));
            let lasted = Duration::from_millis(len as u64 * 1000 / rate);
            self.paused = true;
            return match self.since_noise {
                Some(since) if since < NOISE_AGAIN => {
                    self.since_noise = Some(since + lasted);
                    Product::Pause { ticks }
                }
                _ => {
                    self.since_noise = Some(lasted);
                    Product::Packet {
                        payload_type: noise,
                        len: analyser.payload(payload),
                        skipped: 0,
                        ticks,
                        marker: false,
                    }
                }
            };
        }
        self.since_noise = None;
        let payload_type = self.wanted.entry.payload_type;
        match self.encoder.encode(pcm, payload) {
            Ok(encoded) if encoded.kind != Transmission::Nothing => {
                let speech = encoded.kind == Transmission::Speech;
                let marker = speech && std::mem::take(&mut self.paused);
                self.paused |= !speech;
                let skipped = self.ticks(encoded.skipped).min(ticks);
                Product::Packet { payload_type, len: encoded.len, skipped, ticks: ticks - skipped, marker }
            }
            _ => {
                self.paused = true;
                Product::Pause { ticks }
            }
        }
    }

    /// Ticks of the RTP clock in a number of the encoder's samples.
    fn ticks(&self, samples: usize) -> u32 {
        let ticks =
            samples as u64 * u64::from(self.clock_rate) / u64::from(self.encoder.sample_rate().max(1));
        u32::try_from(ticks).unwrap_or(0)
    }

    /// Ticks of the RTP clock in a number of milliseconds.
    pub(super) const fn ticks_of(&self, millis: u32) -> u32 {
        self.clock_rate / 1000 * millis
    }

    /// Notes that the party hears nothing for a while.
    pub(super) fn pause(&mut self) {
        self.paused = true;
        self.since_noise = None;
    }
}

/// The packet time of a codec, so that its packets fit the network.
fn longest(wanted: &Wanted, millis: u32) -> u32 {
    let codec = &wanted.entry.codec;
    if codec.encoding != Encoding::L16 {
        return millis;
    }
    let octets_per_ms = codec.clock_rate / 1000 * 2 * u32::from(codec.channels);
    let most = u32::try_from(MAX_PAYLOAD).unwrap_or(1380) / octets_per_ms.max(1) / 10 * 10;
    millis.min(most.max(10))
}
