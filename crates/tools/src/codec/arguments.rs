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
Formats, told by the extension unless named:
  samples  wav     .wav                           any WAV file in; 16-bit mono out
           raw     .raw .pcm                      16-bit little-endian, mono, at the codec's rate
           audio   .flac .mp3 .aiff .ogg          other audio files; in only
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
  mediapoint-tools codec encode --bitrate 16000 speech.wav speech.opus
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
  mediapoint-tools codec encode --bitrate 16000 --ptime 60 speech.flac speech.opus
  mediapoint-tools codec encode --input-format raw speech.in speech.bit
  mediapoint-tools codec encode --input-format wav --codec pcma - speech.alaw < speech.wav"
);

const DECODE_EXAMPLES: &str = with_formats!(
    "\
Examples:
  mediapoint-tools codec decode speech.g729 speech.wav
  mediapoint-tools codec decode erasure.bit erasure.raw
  mediapoint-tools codec decode --rate 8000 speech.opus speech.wav
  mediapoint-tools codec decode --codec g722 --input-format octets payloads.bin speech.wav
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
    /// Bit rate of Opus in bit/s, 6000 to 510000 [default: 16000 at 8 kHz to 32000 at 48 kHz]
    #[arg(long, value_name = "BITS", value_parser = clap::value_parser!(u32).range(6000..=510_000))]
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

fn ptime(text: &str) -> Result<u8, String> {
    let allowed = |ms: &u8| (10..=120).contains(ms) && ms.is_multiple_of(10);
    text.parse().ok().filter(allowed).ok_or_else(|| "allowed: 10, 20, 30, … 120".to_owned())
}
