//! The codecs that phones speak, and their coders between payloads and the 8 kHz that phones play and record.

use std::fmt;
use std::str::FromStr;

use mediapoint_codec::resample::Resampler;
use mediapoint_codec::{
    DecodeError, Decoder, EncodeError, Encoder, EncoderSettings, Parameters, Transmission, Unsupported,
};
use mediapoint_g711::Law;

use crate::recording::SAMPLE_RATE;

/// Audio of one packet in milliseconds.
pub const PACKET_MS: u32 = 20;

/// Samples of a packet at [`SAMPLE_RATE`].
pub const PACKET: usize = (SAMPLE_RATE / 1000 * PACKET_MS) as usize;

/// Octets that a payload of [`PACKET_MS`] has at most, with room to spare.
const MAX_PAYLOAD: usize = 1_500;

/// Samples that are decoded from a packet at most: 120 ms at 48 kHz.
const MAX_SAMPLES: usize = 5_760;

/// A codec that phones speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 mu-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722 at 64 kbit/s.
    G722,
    /// G.729 Annex A; phones ask for it without the noise frames of Annex B, so that each packet has all its speech.
    G729,
    /// Opus of 48 kHz in mono, without in-band error correction and without pauses.
    Opus,
    /// GSM full rate.
    Gsm,
    /// AMR at its highest rate, bandwidth-efficient.
    Amr,
    /// AMR-WB at its highest rate, bandwidth-efficient.
    AmrWb,
}

impl Codec {
    /// Every codec that is built in.
    #[cfg(not(feature = "amr"))]
    pub const ALL: [Self; 6] = [Self::Pcmu, Self::Pcma, Self::G722, Self::G729, Self::Opus, Self::Gsm];
    /// Every codec that is built in.
    #[cfg(feature = "amr")]
    pub const ALL: [Self; 8] =
        [Self::Pcmu, Self::Pcma, Self::G722, Self::G729, Self::Opus, Self::Gsm, Self::Amr, Self::AmrWb];

    /// Its name in session descriptions.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
            Self::G722 => "G722",
            Self::G729 => "G729",
            Self::Opus => "opus",
            Self::Gsm => "GSM",
            Self::Amr => "AMR",
            Self::AmrWb => "AMR-WB",
        }
    }

    /// The law, of G.711.
    #[must_use]
    pub const fn law(self) -> Option<Law> {
        match self {
            Self::Pcmu => Some(Law::Mu),
            Self::Pcma => Some(Law::A),
            _ => None,
        }
    }

    /// RTP clock in hertz. That of G.722 is not its sample rate [RFC3551 4.5.2].
    #[must_use]
    pub const fn clock_rate(self) -> u32 {
        match self {
            Self::Opus => 48_000,
            Self::AmrWb => 16_000,
            _ => 8_000,
        }
    }

    /// The payload type that it is offered under: its static one, or one from 96 on.
    #[must_use]
    pub const fn payload_type(self) -> u8 {
        match self {
            Self::Pcmu => 0,
            Self::Pcma => 8,
            Self::G722 => 9,
            Self::G729 => 18,
            Self::Opus => 96,
            Self::Gsm => 3,
            Self::Amr => 97,
            Self::AmrWb => 98,
        }
    }

    /// What its `a=fmtp` line says.
    #[must_use]
    pub const fn parameters(self) -> Option<&'static str> {
        match self {
            Self::G729 => Some("annexb=no"),
            Self::Opus => Some("useinbandfec=0"),
            _ => None,
        }
    }

    /// What its `a=rtpmap` line says.
    pub(crate) const fn map_name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU/8000",
            Self::Pcma => "PCMA/8000",
            Self::G722 => "G722/8000",
            Self::G729 => "G729/8000",
            // [RFC7587 7]: always, however many channels are sent.
            Self::Opus => "opus/48000/2",
            Self::Gsm => "GSM/8000",
            Self::Amr => "AMR/8000",
            Self::AmrWb => "AMR-WB/16000",
        }
    }

    const fn coding(self) -> mediapoint_codec::Codec {
        match self {
            Self::Pcmu => mediapoint_codec::Codec::PCMU,
            Self::Pcma => mediapoint_codec::Codec::PCMA,
            Self::G722 => mediapoint_codec::Codec::G722,
            Self::G729 => mediapoint_codec::Codec::G729,
            Self::Opus => mediapoint_codec::Codec::OPUS,
            Self::Gsm => mediapoint_codec::Codec::GSM,
            Self::Amr => mediapoint_codec::Codec::AMR,
            Self::AmrWb => mediapoint_codec::Codec::AMR_WB,
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no codec of phones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("allowed: pcmu, pcma, g722, g729, opus, gsm, and where they are built in amr, amr-wb")]
pub struct UnknownCodec;

impl FromStr for Codec {
    type Err = UnknownCodec;

    fn from_str(name: &str) -> Result<Self, UnknownCodec> {
        Self::ALL.into_iter().find(|codec| codec.name().eq_ignore_ascii_case(name)).ok_or(UnknownCodec)
    }
}

/// 8 kHz samples to payloads.
pub struct Speaker {
    encoder: Box<dyn Encoder>,
    resampler: Option<Resampler>,
    /// The samples at the encoder's rate.
    wide: Vec<i16>,
    payload: Box<[u8]>,
}

impl Speaker {
    /// An encoder of `codec`. G.722 and AMR-WB are given 16 kHz and Opus 48 kHz, as phones of those codecs record.
    ///
    /// # Errors
    /// [`Unsupported`] where there is no encoder for it.
    pub fn new(codec: Codec) -> Result<Self, Unsupported> {
        let coding = codec.coding();
        let party = Parameters::parse(&coding, codec.parameters().unwrap_or_default());
        let encoder = mediapoint_codec::encoder(
            &coding,
            codec.clock_rate().max(SAMPLE_RATE),
            &party,
            &EncoderSettings::default(),
        )?;
        let resampler = converter(SAMPLE_RATE, encoder.sample_rate())?;
        let wide = vec![0; PACKET * (encoder.sample_rate() / SAMPLE_RATE) as usize];
        Ok(Self { encoder, resampler, wide, payload: vec![0; MAX_PAYLOAD].into_boxed_slice() })
    }

    /// Encodes a packet; nothing where the codec has nothing to send.
    ///
    /// # Errors
    /// [`EncodeError`] where the encoder refuses.
    pub fn encode(&mut self, frame: &[i16; PACKET]) -> Result<&[u8], EncodeError> {
        let samples = match &mut self.resampler {
            Some(resampler) => {
                let len = resampler.process(frame, &mut self.wide);
                self.wide.get(..len).unwrap_or_default()
            }
            None => frame,
        };
        let encoded = self.encoder.encode(samples, &mut self.payload)?;
        let len = if encoded.kind == Transmission::Nothing { 0 } else { encoded.len };
        Ok(self.payload.get(..len).unwrap_or_default())
    }
}

/// Payloads to 8 kHz samples.
pub struct Listener {
    decoder: Box<dyn Decoder>,
    resampler: Option<Resampler>,
    decoded: Box<[i16]>,
    narrow: Box<[i16]>,
}

impl Listener {
    /// A decoder of `codec`.
    ///
    /// # Errors
    /// [`Unsupported`] where there is no decoder for it.
    pub fn new(codec: Codec) -> Result<Self, Unsupported> {
        let decoder = mediapoint_codec::decoder(&codec.coding(), SAMPLE_RATE)?;
        let resampler = converter(decoder.sample_rate(), SAMPLE_RATE)?;
        let room = || vec![0; MAX_SAMPLES].into_boxed_slice();
        Ok(Self { decoder, resampler, decoded: room(), narrow: room() })
    }

    /// Decodes a payload.
    ///
    /// # Errors
    /// [`DecodeError`] where it is not of this codec.
    pub fn decode(&mut self, payload: &[u8]) -> Result<&[i16], DecodeError> {
        let decoded = self.decoder.decode(payload, &mut self.decoded)?;
        let samples = self.decoded.get(..decoded.samples).unwrap_or_default();
        Ok(match &mut self.resampler {
            Some(resampler) => {
                let len = resampler.process(samples, &mut self.narrow);
                self.narrow.get(..len).unwrap_or_default()
            }
            None => samples,
        })
    }
}

fn converter(from: u32, to: u32) -> Result<Option<Resampler>, Unsupported> {
    if from == to {
        return Ok(None);
    }
    Resampler::new(from, to).map(Some).map_err(|_| Unsupported::ClockRate(from.max(to)))
}

/// Asserts that synthetic speech has passed a codec. GSM's long-term predictor, of 40 samples, does not follow its harmonics, which are
/// sharper than a voice's: it makes it some 4 dB louder. How GSM sounds is measured with recorded speech in `mediapoint-codec`.
#[cfg(test)]
pub(crate) fn assert_known_again(codec: Codec, likeness: &crate::similarity::Similarity) {
    let known = match codec {
        Codec::Gsm => {
            likeness.band_correlation > 0.8 && likeness.level_db.abs() < 6.0 && likeness.coverage > 0.9
        }
        _ => likeness.is_same_speech(),
    };
    assert!(known, "{codec}: {likeness:?}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::similarity::alike;
    use crate::speech;

    #[test]
    fn names_are_read_in_any_case_and_others_are_refused() {
        for codec in Codec::ALL {
            assert_eq!(codec.name().to_uppercase().parse(), Ok(codec));
            assert_eq!(codec.name().to_lowercase().parse(), Ok(codec));
        }
        assert_eq!("speex".parse::<Codec>(), Err(UnknownCodec));
    }

    // test-of: [RFC3551 4.5.2]
    #[test]
    fn a_packet_of_each_codec_is_20_ms() {
        for codec in Codec::ALL {
            let (mut speaker, mut listener) = (Speaker::new(codec).unwrap(), Listener::new(codec).unwrap());
            for _ in 0..3 {
                let payload = speaker.encode(&[700; PACKET]).unwrap();
                assert_eq!(listener.decode(payload).unwrap().len(), PACKET, "{codec}");
            }
        }
    }

    #[test]
    fn speech_through_each_codec_is_known_again() {
        let said: Vec<i16> = speech::synthetic(4 * SAMPLE_RATE as usize);
        for codec in Codec::ALL {
            let (mut speaker, mut listener) = (Speaker::new(codec).unwrap(), Listener::new(codec).unwrap());
            let mut heard = Vec::new();
            for frame in said.as_chunks::<PACKET>().0 {
                let payload = speaker.encode(frame).unwrap();
                heard.extend_from_slice(listener.decode(payload).unwrap());
            }
            let likeness = alike(&said, &heard, &[]);
            assert_known_again(codec, &likeness);
            assert!((0..400).contains(&likeness.lag_samples), "{codec}: {likeness:?}");
        }
    }
}
