//! Why audio was not coded or decoded: unusable arguments, or a file, and then what is wrong with it and where.
//!
//! Frames are counted from 1, bytes from 0.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use mediapoint_codec::{DecodeError, EncodeError, Unsupported};
use mediapoint_g729::serial::SerialError;
use mediapoint_prompt::audio::opus::OggError;
use mediapoint_prompt::audio::{RateError, ReadError};

use super::name::{CodecName, Format, known_extensions};

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CodecError {
    /// The arguments do not go together.
    #[error(transparent)]
    Usage(#[from] UsageError),
    /// Something about a file.
    #[error("{file}: {trouble}")]
    File { file: FileName, trouble: Trouble },
    /// There is no such coder.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
}

/// A file as it is told to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FileName {
    Path(PathBuf),
    Stdin,
    Stdout,
}

impl FileName {
    /// An error about this file.
    pub(crate) fn error(&self, trouble: impl Into<Trouble>) -> CodecError {
        CodecError::File { file: self.clone(), trouble: trouble.into() }
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::Stdin => f.write_str("standard input"),
            Self::Stdout => f.write_str("standard output"),
        }
    }
}

/// Which of the two files an argument is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Input,
    Output,
}

impl Side {
    const fn option(self) -> &'static str {
        match self {
            Self::Input => "--input-format",
            Self::Output => "--output-format",
        }
    }
}

/// Arguments that do not go together.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UsageError {
    #[error(
        "{}: its extension does not say what it holds; known here: {}; name one with {}",
        path.display(), known_extensions(*samples), side.option()
    )]
    Extension { path: PathBuf, samples: bool, side: Side },
    #[error("{name} has no extension that says what it holds: name a format with {}", side.option())]
    Stream { name: FileName, side: Side },
    #[error(
        "no codec named: --codec NAME, or give the coded file an extension of {}",
        known_extensions(false)
    )]
    NoCodec,
    #[error("{}: an extension of {told}, yet --codec says {said}; to keep it so, name the format too", path.display())]
    Disagree { path: PathBuf, told: CodecName, said: CodecName },
    #[error("{format} holds {}, and {side} holds {}: {}", kind(*.format), kind_of(!.format.is_samples()), advice(*.side))]
    WrongSide { format: Format, side: SideOf },
    #[error("audio is a format to read only: write wav or raw")]
    AudioOutput,
    #[error(
        "octets cannot hold Opus: its frames vary in size, and nothing would tell where one ends; \
         write Ogg Opus: an OUT of .opus, or --output-format ogg"
    )]
    OpusOctets,
    #[error("{format} does not hold {codec}: {}", formats(*.codec))]
    Pair { format: Format, codec: CodecName },
    #[error(
        "octets cannot hold G.729 with pauses: frames of 10, 2 and 0 octets back to back cannot be told apart; \
         write the ITU's serial format: an OUT of .bit, or --output-format itu"
    )]
    DtxOctets,
    #[error("{codec} has no DTX of its own: leave --dtx out; G.729 and Opus have one")]
    NoDtx { codec: CodecName },
    #[error("{option} is an option of Opus, not of {codec}: leave it out")]
    OpusOnly { option: &'static str, codec: CodecName },
    #[error("--rate {0}: Opus works at 8000, 12000, 16000, 24000 and 48000 Hz")]
    Rate(u32),
    #[error("{}: input and output are one file; name another OUT", path.display())]
    SameFile { path: PathBuf },
    #[error("standard output is a terminal, which cannot show {0}: redirect it, or name a file")]
    Terminal(Format),
}

/// The file that a format was given for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SideOf {
    EncodeInput,
    EncodeOutput,
    DecodeInput,
    DecodeOutput,
}

impl fmt::Display for SideOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EncodeInput => "what is to be encoded",
            Self::EncodeOutput => "what was encoded",
            Self::DecodeInput => "what is to be decoded",
            Self::DecodeOutput => "what was decoded",
        })
    }
}

const fn kind(format: Format) -> &'static str {
    kind_of(format.is_samples())
}

const fn kind_of(samples: bool) -> &'static str {
    if samples { "samples" } else { "coded frames" }
}

const fn advice(side: SideOf) -> &'static str {
    match side {
        SideOf::EncodeInput => "wav, raw or audio; or is it `decode` that you want?",
        SideOf::EncodeOutput => "octets, itu or ogg; or is it `decode` that you want?",
        SideOf::DecodeInput => "octets, itu or ogg; or is it `encode` that you want?",
        SideOf::DecodeOutput => "wav or raw; or is it `encode` that you want?",
    }
}

fn formats(codec: CodecName) -> String {
    let formats: Vec<String> = codec.formats().iter().map(Format::to_string).collect();
    let extensions: Vec<String> = codec.extensions().map(|extension| format!(".{extension}")).collect();
    format!("use {} ({})", formats.join(" or "), extensions.join(" "))
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("cannot open it: {0}")]
    Open(io::Error),
    #[error("cannot create it: {0}")]
    Create(io::Error),
    #[error("cannot write it: {0}")]
    Write(io::Error),
    #[error("cannot read on at byte {at}: {source}")]
    Read { at: u64, source: io::Error },
    #[error("it is a folder")]
    Folder,
    #[error("it is empty")]
    Empty,
    #[error("cannot be read as audio: {source}{}", audio_hint(.source))]
    Audio { source: ReadError },
    #[error("cannot be read further as audio: {source}, after {read} samples")]
    AudioBreaks { read: u64, source: ReadError },
    #[error(transparent)]
    Rate(#[from] RateError),
    #[error(
        "ends in the middle of a sample, at byte {at}: samples of 16 bits take an even number of bytes; \
         is it raw 16-bit audio?"
    )]
    CutSample { at: u64 },
    #[error("ends inside frame {frame}, which begins at byte {at}: {have} of its {need} bytes are there{}", hint(*.codec))]
    CutFrame { frame: u64, at: u64, have: usize, need: usize, codec: CodecName },
    #[error("frame {frame} at byte {at}: {source}{}", serial_hint(*.frame, .source))]
    Serial { frame: u64, at: u64, source: SerialError },
    #[error("frame {frame} at byte {at}: {source}")]
    Frame { frame: u64, at: u64, source: DecodeError },
    #[error("samples before byte {at}: {source}")]
    Encode { at: u64, source: EncodeError },
    #[error("{error}{hint}", error = .0, hint = ogg_hint(.0))]
    Ogg(#[from] OggError),
    #[error("WAV files end at 4 GiB: write raw instead")]
    WavTooLong,
}

const fn ogg_hint(error: &OggError) -> &'static str {
    match error {
        OggError::NotOpus(_) => "; --input-format audio of `encode` reads others",
        _ => "",
    }
}

const fn audio_hint(error: &ReadError) -> &'static str {
    match error {
        ReadError::NotWav(_) => {
            "; --input-format raw reads samples without a head, --input-format audio other audio files"
        }
        ReadError::Coding { .. } => "; other programs, such as ffmpeg, may convert it",
        ReadError::Unreadable(_) => "; --input-format raw reads samples without a head",
        _ => "",
    }
}

const fn hint(codec: CodecName) -> &'static str {
    match codec {
        CodecName::G729 => {
            "; where pauses were left out (DTX), frames cannot be told apart: such audio is kept as itu"
        }
        _ => "",
    }
}

fn serial_hint(frame: u64, source: &SerialError) -> &'static str {
    match source {
        SerialError::Sync(0x216b | 0x206b) => {
            "; its words are big-endian: swap the bytes of each, as `dd conv=swab` does"
        }
        SerialError::Sync(_) if frame == 1 => {
            "; an ITU serial file begins with 0x6b21; --input-format octets reads packed frames"
        }
        SerialError::Sync(_) => ", where 0x6b21 should be: something before it is missing or too much",
        SerialError::Truncated => "; the rest of the file is missing",
        _ => "",
    }
}

/// True where a path stands for standard input or output.
pub(crate) fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}
