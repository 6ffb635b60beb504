//! The command line of `mediapoint-tools codec`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::name::{CodecName, Format};

#[derive(Debug, Args)]
pub(crate) struct CodecArguments {
    #[command(subcommand)]
    pub(super) command: CodecCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum CodecCommand {
    /// Code the samples of a file: IN holds samples, OUT coded frames
    ///
    /// Channels are mixed to one and the rate is converted to the codec's. OUT has its
    /// name once it is complete; until then it is written under another one beside.
    #[command(after_help = ENCODE_EXAMPLES)]
    Encode(EncodeArguments),
    /// Decode the coded frames of a file: IN holds coded frames, OUT samples
    ///
    /// Frames that an ITU file marks as erased are concealed, pauses filled with comfort noise.
    #[command(after_help = DECODE_EXAMPLES)]
    Decode(DecodeArguments),
    /// List the codecs: names, payload types, rates, frames, and the files that hold them
    List,
}

macro_rules! with_formats {
    ($rest:literal) => {
        concat!(
            "\
Formats, told by the first bytes or else the extension, unless named:
  samples  wav     .wav                           any WAV file in; 16-bit mono out
           raw     .raw .pcm                      16-bit little-endian, mono, at the codec's rate
           audio   .flac .mp3 .aiff .au .ogg      other audio files; in only
  coded    octets  .g729 .gsm .g722 .ulaw .alaw   frames back to back
           itu     .bit                           the ITU's serial words of G.729: SIDs, pauses, erasures
           ogg     .opus .ogg                     Ogg Opus

",
            $rest
        )
    };
}

pub(crate) const EXAMPLES: &str = with_formats!(
    "\
Examples:
  mediapoint-tools codec encode speech.wav speech.g729
  mediapoint-tools codec encode --bitrate 16k speech.wav speech.opus
  mediapoint-tools codec encode --dtx speech.wav speech.bit
  mediapoint-tools codec decode speech.bit speech.wav
  mediapoint-tools codec list

Exit codes: 0 done, 1 something is wrong with a file, 2 unusable arguments."
);

const ENCODE_EXAMPLES: &str = with_formats!(
    "\
Examples:
  mediapoint-tools codec encode speech.wav speech.g729
  mediapoint-tools codec encode --dtx speech.wav speech.bit
  mediapoint-tools codec encode --bitrate 16k --ptime 60 speech.flac speech.opus
  mediapoint-tools codec encode --input-format raw speech.in speech.bit
  mediapoint-tools codec encode --input-format wav - out.alaw < speech.wav"
);

const DECODE_EXAMPLES: &str = with_formats!(
    "\
Examples:
  mediapoint-tools codec decode speech.g729 speech.wav
  mediapoint-tools codec decode erasure.bit erasure.raw
  mediapoint-tools codec decode --rate 8000 speech.opus speech.wav
  mediapoint-tools codec decode --codec g722 --input-format octets in.bin out.wav
  mediapoint-tools codec decode speech.ulaw --output-format wav - | aplay"
);

/// What both directions take.
#[derive(Debug, Args)]
pub(super) struct Files {
    /// The codec [default: told by the extension of the coded file]
    #[arg(long, value_enum, ignore_case = true, value_name = "NAME")]
    pub(super) codec: Option<CodecName>,
    /// How IN is kept: wav, raw or audio for samples, octets, itu or ogg for coded frames [default: told by its
    /// extension]
    #[arg(long, value_enum, value_name = "FORMAT", hide_possible_values = true)]
    pub(super) input_format: Option<Format>,
    /// How OUT is kept, likewise
    #[arg(long, value_enum, value_name = "FORMAT", hide_possible_values = true)]
    pub(super) output_format: Option<Format>,
    /// Sample rate that Opus works at: 8000, 12000, 16000, 24000 or 48000 Hz [default: that of the audio file; 48000
    /// for raw]
    #[arg(long, value_name = "HZ")]
    pub(super) rate: Option<u32>,
    /// No summary and no progress bar; errors only
    #[arg(long, short)]
    pub(super) quiet: bool,
    /// File to read; `-` is standard input
    #[arg(value_name = "IN")]
    pub(super) input: PathBuf,
    /// File to write, over one that is there; `-` is standard output
    #[arg(value_name = "OUT")]
    pub(super) output: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct EncodeArguments {
    /// Leave pauses out, and describe their noise: G.729 (Annex B, as `itu`) and Opus
    #[arg(long)]
    pub(super) dtx: bool,
    /// Bit rate of Opus in bit/s or with a k, 6k to 510k [default: 16k at 8 kHz to 32k at 48 kHz]
    #[arg(long, value_name = "BITS", value_parser = bitrate)]
    pub(super) bitrate: Option<u32>,
    /// Effort of the Opus encoder, 0 to 10 [default: 10]
    #[arg(long, value_name = "EFFORT", value_parser = clap::value_parser!(u8).range(0..=10))]
    pub(super) complexity: Option<u8>,
    /// Milliseconds of a packet of Opus, 10 to 120 in steps of 10 [default: 20]
    #[arg(long, value_name = "MS", value_parser = ptime)]
    pub(super) ptime: Option<u8>,
    #[command(flatten)]
    pub(super) files: Files,
}

#[derive(Debug, Args)]
pub(super) struct DecodeArguments {
    /// Taken so that both directions can be given the same options; the file itself says where its pauses are
    #[arg(long, hide = true)]
    pub(super) dtx: bool,
    #[command(flatten)]
    pub(super) files: Files,
}

/// Bits a second: `16000`, `16k` or `24.5k`.
fn bitrate(text: &str) -> Result<u32, String> {
    let lower = text.to_ascii_lowercase();
    let bits = match lower.strip_suffix('k') {
        None => lower.parse().ok(),
        Some(kilo) => {
            let (whole, decimals) = kilo.split_once('.').unwrap_or((kilo, ""));
            let is_short = (1..=3).contains(&whole.len()) && decimals.len() <= 3;
            let digits = format!("{whole}{decimals:0<3}");
            digits.parse().ok().filter(|_| is_short && digits.bytes().all(|byte| byte.is_ascii_digit()))
        }
    };
    let allowed = |bits: &u32| (6000..=510_000).contains(bits);
    bits.filter(allowed).ok_or_else(|| "allowed: 6k to 510k, such as 16k, 24.5k or 16000".to_owned())
}

fn ptime(text: &str) -> Result<u8, String> {
    let allowed = |ms: &u8| (10..=120).contains(ms) && ms.is_multiple_of(10);
    text.parse().ok().filter(allowed).ok_or_else(|| "allowed: 10, 20, 30, … 120".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bit_rate_may_have_a_k() {
        let allowed =
            [("16k", 16_000), ("16K", 16_000), ("24.5k", 24_500), ("6000", 6000), ("510k", 510_000)];
        for (text, bits) in allowed {
            assert_eq!(bitrate(text), Ok(bits), "{text}");
        }
        for text in ["", "k", ".5k", "5k", "511k", "16kk", "16M", "-16k", "1e4", "24.5555k", "+9.999k"] {
            assert!(bitrate(text).is_err_and(|error| error.contains("allowed: 6k to 510k")), "{text}");
        }
    }
}
