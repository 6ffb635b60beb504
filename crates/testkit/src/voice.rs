//! Real audio on both ends of a call: what a party says, encoded as its codec does, and what it heard, decoded and laid
//! out by timestamps.

use std::time::Duration;

use mediapoint_engine::{EncoderSettings, Parameters, PayloadCodec};
use mediapoint_packet::Time;

use mediapoint_codec::{Decoder, Encoder, Encoding, Transmission, decoder, encoder};

use crate::heard::HeardPacket;

/// What a party says: a function of the sample's number at the encoder's rate.
pub type Sound = Box<dyn Fn(u64, u32) -> i16>;

/// A tone of `hertz` at an amplitude of 8000, as a [`Sound`].
pub fn tone(hertz: f64) -> impl Fn(u64, u32) -> i16 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a tone within 16 bits")]
    move |n, rate| (8000.0 * (n as f64 / f64::from(rate) * hertz * std::f64::consts::TAU).sin()) as i16
}

/// A party's microphone and encoder.
pub struct Voice {
    encoder: Box<dyn Encoder>,
    sound: Sound,
    said: u64,
    keep: bool,
    /// What was said, where it is kept.
    pub said_pcm: Vec<i16>,
}

impl Voice {
    /// Says `sound` in `entry`'s codec, sampled at about `rate`.
    ///
    /// # Panics
    /// Where there is no encoder for the codec.
    #[must_use]
    pub fn new(
        entry: &PayloadCodec,
        rate: u32,
        settings: &EncoderSettings,
        sound: impl Fn(u64, u32) -> i16 + 'static,
    ) -> Self {
        Self::with_sound(entry, rate, settings, Box::new(sound))
    }

    #[expect(clippy::expect_used, reason = "a test that speaks what nobody can has failed")]
    fn with_sound(entry: &PayloadCodec, rate: u32, settings: &EncoderSettings, sound: Sound) -> Self {
        let encoder = encoder(&entry.codec, rate, &Parameters::default(), settings).expect("an encoder");
        Self { encoder, sound, said: 0, keep: false, said_pcm: Vec::new() }
    }

    /// Keeps what is said.
    #[must_use]
    pub fn kept(self) -> Self {
        Self { keep: true, ..self }
    }

    /// Goes on in another codec, with the same sound where it was.
    #[must_use]
    pub fn changed(self, entry: &PayloadCodec, rate: u32, settings: &EncoderSettings) -> Self {
        let before = u64::from(self.encoder.sample_rate());
        let next = Self::with_sound(entry, rate, settings, self.sound);
        let after = u64::from(next.encoder.sample_rate());
        Self { said: self.said * after / before, keep: self.keep, said_pcm: self.said_pcm, ..next }
    }

    /// Sample rate of the sound in hertz.
    #[must_use]
    pub fn rate(&self) -> u32 {
        self.encoder.sample_rate()
    }

    /// Encodes the next packet of that length; 0 octets where nothing is to be sent.
    pub(crate) fn next(&mut self, ptime: Duration, payload: &mut [u8]) -> usize {
        let rate = self.encoder.sample_rate();
        let samples = (u64::try_from(ptime.as_micros()).unwrap_or(0) * u64::from(rate) + 500_000) / 1_000_000;
        let pcm: Vec<i16> = (self.said..self.said + samples).map(|n| (self.sound)(n, rate)).collect();
        self.said += samples;
        if self.keep {
            self.said_pcm.extend_from_slice(&pcm);
        }
        match self.encoder.encode(&pcm, payload) {
            Ok(encoded) if encoded.kind != Transmission::Nothing => encoded.len,
            _ => 0,
        }
    }

    /// Lets time pass without a word.
    pub(crate) fn skip(&mut self, ptime: Duration) {
        let rate = u64::from(self.encoder.sample_rate());
        self.said += (u64::try_from(ptime.as_micros()).unwrap_or(0) * rate + 500_000) / 1_000_000;
    }
}

impl std::fmt::Debug for Voice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Voice").field("said", &self.said).finish_non_exhaustive()
    }
}

/// What came to a party's ear.
#[derive(Debug, Clone, Default)]
pub struct Ear {
    /// The audio from the first packet on, at the rate asked for; silence where nothing came.
    pub pcm: Vec<i16>,
    /// True for each sample that a packet carried.
    pub covered: Vec<bool>,
    /// When each packet came, and the number of its first sample.
    pub arrivals: Vec<(Time, usize)>,
    /// Samples of each packet.
    pub lengths: Vec<usize>,
}

impl Ear {
    /// Decodes what was heard, in the order it came, to audio of `rate` hertz. Each of `codecs` that
    /// can be decoded is; packets of others are passed over.
    ///
    /// # Panics
    /// Where a packet cannot be decoded, or two packets claim the same audio.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test that hears what nobody can decode has failed")]
    pub fn new(packets: &[HeardPacket], codecs: &[PayloadCodec], rate: u32) -> Self {
        let mut decoders: Vec<_> =
            codecs.iter().filter_map(|entry| Some((entry, decoder(&entry.codec, rate).ok()?))).collect();
        let mut ear = Self::default();
        let mut at = None;
        for packet in packets {
            let known = |(entry, _): &&mut (&PayloadCodec, Box<dyn Decoder>)| {
                entry.payload_type == packet.payload_type && entry.codec.encoding != Encoding::ComfortNoise
            };
            let Some((entry, decoder)) = decoders.iter_mut().find(known) else { continue };
            let mut pcm = vec![0; 6000];
            let decoded = decoder.decode(&packet.payload, &mut pcm).expect("a payload that can be decoded");
            assert_eq!(decoder.sample_rate(), rate, "the ear hears {rate} Hz");
            pcm.truncate(decoded.samples);
            let start = match at {
                None => 0,
                Some((before, sample)) => {
                    let ticks = i64::from(packet.timestamp.distance_from(before));
                    let moved = ticks * i64::from(rate) / i64::from(entry.codec.clock_rate);
                    usize::try_from(i64::try_from(sample).unwrap_or(0) + moved).expect("time goes on")
                }
            };
            at = Some((packet.timestamp, start));
            ear.put(packet.at, start, &pcm);
        }
        ear
    }

    #[expect(clippy::indexing_slicing, reason = "the room was made just before")]
    fn put(&mut self, at: Time, start: usize, pcm: &[i16]) {
        let end = start + pcm.len();
        if self.pcm.len() < end {
            self.pcm.resize(end, 0);
            self.covered.resize(end, false);
        }
        assert!(self.covered[start..end].iter().all(|covered| !covered), "audio twice from sample {start}");
        self.pcm[start..end].copy_from_slice(pcm);
        self.covered[start..end].fill(true);
        self.arrivals.push((at, start));
        self.lengths.push(pcm.len());
    }

    /// Samples that no packet carried, between the first and the last that one did.
    #[must_use]
    pub fn missing(&self) -> usize {
        self.covered.iter().filter(|covered| !**covered).count()
    }

    /// How far each sample is from what a pure tone of `hertz` asks for after the two before it: the greatest such
    /// distance. Every break in the tone shows, however it came about.
    #[must_use]
    #[expect(clippy::indexing_slicing, reason = "windows of three")]
    pub fn worst_break(&self, hertz: f64, rate: u32, from: usize) -> f64 {
        let turn = 2.0 * (std::f64::consts::TAU * hertz / f64::from(rate)).cos();
        let rest = self.pcm.get(from..).unwrap_or_default();
        rest.windows(3)
            .map(|three| (f64::from(three[2]) - turn * f64::from(three[1]) + f64::from(three[0])).abs())
            .fold(0.0, f64::max)
    }
}
