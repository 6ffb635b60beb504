//! From a codec to its coders.

#[cfg(feature = "amr")]
use crate::amr::{AmrDecoder, AmrEncoder, AmrLayout, Band, ModeControl};
use crate::codec::{Codec, Encoding};
use crate::coder::{Decoder, Encoder};
use crate::error::Unsupported;
use crate::g711::{G711Decoder, G711Encoder};
use crate::g722::{G722Decoder, G722Encoder};
use crate::g729::{G729Decoder, G729Encoder};
use crate::gsm::{GsmDecoder, GsmEncoder};
use crate::l16::{L16Decoder, L16Encoder};
use crate::opus::{OpusDecoder, OpusEncoder};
use crate::parameters::Parameters;
use crate::settings::EncoderSettings;

/// A decoder for `codec`. `rate` is the sample rate in hertz that the caller would like; only Opus can follow, and what
/// it became is the decoder's [`sample_rate`](Decoder::sample_rate).
///
/// # Errors
/// [`Unsupported`] says what there is no decoder for.
pub fn decoder(codec: &Codec, rate: u32) -> Result<Box<dyn Decoder>, Unsupported> {
    match check(codec)? {
        Coding::Pcmu => Ok(Box::new(G711Decoder::<false>)),
        Coding::Pcma => Ok(Box::new(G711Decoder::<true>)),
        Coding::G722 => Ok(Box::new(G722Decoder::new())),
        Coding::G729 => Ok(Box::new(G729Decoder::new())),
        Coding::Gsm => Ok(Box::new(GsmDecoder::new())),
        #[cfg(feature = "amr")]
        Coding::Amr(band, layout) => Ok(Box::new(AmrDecoder::new(band, layout)?)),
        Coding::L16 => Ok(Box::new(L16Decoder::new(codec.clock_rate))),
        Coding::Opus => Ok(Box::new(OpusDecoder::new(rate)?)),
    }
}

/// Whether there is a [`decoder`] for `codec`, without making one.
///
/// # Errors
/// [`Unsupported`] says what there is no decoder for.
pub fn check_decoder(codec: &Codec) -> Result<(), Unsupported> {
    check(codec).map(|_| ())
}

/// An encoder for `codec`, towards a party that asked for `party`. `rate_hint` is the sample rate in hertz of the audio
/// at hand; Opus encodes at the lower of it and what the party can play.
///
/// # Errors
/// [`Unsupported`] says what there is no encoder for.
pub fn encoder(
    codec: &Codec,
    rate_hint: u32,
    party: &Parameters,
    settings: &EncoderSettings,
) -> Result<Box<dyn Encoder>, Unsupported> {
    match check(codec)? {
        Coding::Pcmu => Ok(Box::new(G711Encoder::<false>)),
        Coding::Pcma => Ok(Box::new(G711Encoder::<true>)),
        Coding::G722 => Ok(Box::new(G722Encoder::new())),
        Coding::G729 => Ok(Box::new(G729Encoder::new(settings.dtx && party.annex_b))),
        Coding::Gsm => Ok(Box::new(GsmEncoder::new())),
        #[cfg(feature = "amr")]
        Coding::Amr(band, layout) => {
            let modes = ModeControl::new(band, &party.amr);
            Ok(Box::new(AmrEncoder::new(band, layout, modes, settings.dtx)?))
        }
        Coding::L16 => Ok(Box::new(L16Encoder::new(codec.clock_rate))),
        Coding::Opus => Ok(Box::new(OpusEncoder::new(rate_hint, &party.opus, settings)?)),
    }
}

/// The codings there are coders for.
pub(crate) enum Coding {
    Pcmu,
    Pcma,
    G722,
    G729,
    Gsm,
    #[cfg(feature = "amr")]
    Amr(Band, AmrLayout),
    L16,
    Opus,
}

/// Which coding `codec` is, if its clock and channels are ones that there are coders for.
pub(crate) fn check(codec: &Codec) -> Result<Coding, Unsupported> {
    let (coding, clocks, channels): (_, &[u32], _) = match codec.encoding {
        Encoding::Pcmu => (Coding::Pcmu, &[8000], 1),
        Encoding::Pcma => (Coding::Pcma, &[8000], 1),
        Encoding::G722 => (Coding::G722, &[8000], 1),
        Encoding::G729 => (Coding::G729, &[8000], 1),
        Encoding::Gsm => (Coding::Gsm, &[8000], 1),
        #[cfg(feature = "amr")]
        Encoding::Amr(layout) if layout.is_coded() => (Coding::Amr(Band::Narrow, layout), &[8000], 1),
        #[cfg(feature = "amr")]
        Encoding::AmrWb(layout) if layout.is_coded() => (Coding::Amr(Band::Wide, layout), &[16_000], 1),
        Encoding::L16 => (Coding::L16, &[8000, 16_000, 48_000], 1),
        Encoding::Opus => (Coding::Opus, &[48_000], 2),
        _ => return Err(Unsupported::Encoding),
    };
    if !clocks.contains(&codec.clock_rate) {
        return Err(Unsupported::ClockRate(codec.clock_rate));
    }
    if codec.channels > channels {
        return Err(Unsupported::Channels(codec.channels));
    }
    Ok(coding)
}
