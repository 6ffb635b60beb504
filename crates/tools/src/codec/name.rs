//! The codecs and file formats by the names that the command line and file extensions have for them.

use std::ffi::OsStr;
use std::fmt;
use std::path::Path;

use clap::ValueEnum;
use mediapoint_codec::Codec;

/// A codec whose audio can be kept in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CodecName {
    /// ITU-T G.729 Annex A, with Annex B
    G729,
    /// Opus, RFC 6716
    Opus,
    /// GSM full rate, GSM 06.10
    Gsm,
    /// ITU-T G.722 at 64 kbit/s
    G722,
    /// G.711 mu-law
    Pcmu,
    /// G.711 A-law
    Pcma,
}

impl CodecName {
    /// What it is to the coders.
    pub(crate) const fn codec(self) -> Codec {
        match self {
            Self::G729 => Codec::G729,
            Self::Opus => Codec::OPUS,
            Self::Gsm => Codec::GSM,
            Self::G722 => Codec::G722,
            Self::Pcmu => Codec::PCMU,
            Self::Pcma => Codec::PCMA,
        }
    }

    /// True where pauses can be left out.
    pub(crate) const fn has_dtx(self) -> bool {
        matches!(self, Self::G729 | Self::Opus)
    }

    /// Formats that coded frames of it are kept in; the first is the usual one.
    pub(crate) const fn formats(self) -> &'static [Format] {
        match self {
            Self::G729 => &[Format::Octets, Format::Itu],
            Self::Opus => &[Format::Ogg],
            Self::Gsm | Self::G722 | Self::Pcmu | Self::Pcma => &[Format::Octets],
        }
    }

    /// Extensions of files with its coded frames.
    pub(crate) fn extensions(self) -> impl Iterator<Item = &'static str> {
        CODED.iter().filter(move |(_, codec, _)| *codec == self).map(|(extension, ..)| *extension)
    }

    /// Sample rate of raw samples in hertz, where no other is asked for.
    pub(crate) const fn raw_rate(self) -> u32 {
        match self {
            Self::G729 | Self::Gsm | Self::Pcmu | Self::Pcma => 8000,
            Self::G722 => 16_000,
            Self::Opus => 48_000,
        }
    }

    /// Octets of a frame, of a codec that has frames of one size.
    pub(crate) const fn frame_len(self) -> Option<usize> {
        match self {
            Self::G729 => Some(mediapoint_g729::Frame::SPEECH_LEN),
            Self::Gsm => Some(33),
            Self::Opus | Self::G722 | Self::Pcmu | Self::Pcma => None,
        }
    }

    /// Milliseconds that one call of the coders stands for, where there is no choice.
    pub(crate) const fn frame_ms(self) -> u8 {
        match self {
            Self::G729 => 10,
            Self::Opus | Self::Gsm | Self::G722 | Self::Pcmu | Self::Pcma => 20,
        }
    }
}

impl fmt::Display for CodecName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::G729 => "G.729",
            Self::Opus => "Opus",
            Self::Gsm => "GSM",
            Self::G722 => "G.722",
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
        })
    }
}

/// How samples or coded frames are kept in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Samples: a WAV file; any rate, channels and coding on input, 16-bit mono on output
    Wav,
    /// Samples: 16-bit little-endian, mono, at the codec's rate, without a head
    Raw,
    /// Samples, input only: WAV, AIFF, AU, FLAC, MP3, Ogg Vorbis or Matroska, told by the content
    Audio,
    /// Coded: frames back to back, for G.729, GSM, G.722, PCMU and PCMA
    Octets,
    /// Coded: the ITU's serial format of G.729, a 16-bit word a bit, with SIDs, pauses and erasures
    Itu,
    /// Coded: Ogg Opus, RFC 7845
    Ogg,
}

impl Format {
    /// True for samples, false for coded frames.
    pub(crate) const fn is_samples(self) -> bool {
        matches!(self, Self::Wav | Self::Raw | Self::Audio)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wav => "wav",
            Self::Raw => "raw",
            Self::Audio => "audio",
            Self::Octets => "octets",
            Self::Itu => "itu",
            Self::Ogg => "ogg",
        })
    }
}

/// Extensions of files with samples.
const SAMPLES: &[(&str, Format)] = &[
    ("wav", Format::Wav),
    ("wave", Format::Wav),
    ("raw", Format::Raw),
    ("pcm", Format::Raw),
    ("aif", Format::Audio),
    ("aiff", Format::Audio),
    ("au", Format::Audio),
    ("snd", Format::Audio),
    ("flac", Format::Audio),
    ("mp3", Format::Audio),
    ("ogg", Format::Audio),
    ("oga", Format::Audio),
    ("mka", Format::Audio),
];

/// Extensions of files with coded frames.
const CODED: &[(&str, CodecName, Format)] = &[
    ("g729", CodecName::G729, Format::Octets),
    ("bit", CodecName::G729, Format::Itu),
    ("opus", CodecName::Opus, Format::Ogg),
    ("ogg", CodecName::Opus, Format::Ogg),
    ("gsm", CodecName::Gsm, Format::Octets),
    ("g722", CodecName::G722, Format::Octets),
    ("ulaw", CodecName::Pcmu, Format::Octets),
    ("ul", CodecName::Pcmu, Format::Octets),
    ("alaw", CodecName::Pcma, Format::Octets),
    ("al", CodecName::Pcma, Format::Octets),
];

/// The extension of a file name in lower case.
pub(crate) fn extension(path: &Path) -> Option<String> {
    path.extension().and_then(OsStr::to_str).map(str::to_ascii_lowercase)
}

/// What the extension says of a file with samples.
pub(crate) fn samples_format(path: &Path) -> Option<Format> {
    let extension = extension(path)?;
    SAMPLES.iter().find(|(name, _)| *name == extension).map(|(_, format)| *format)
}

/// What the extension says of a file with coded frames.
pub(crate) fn coded_format(path: &Path) -> Option<(CodecName, Format)> {
    let extension = extension(path)?;
    CODED.iter().find(|(name, ..)| *name == extension).map(|(_, codec, format)| (*codec, *format))
}

/// The extensions of one side, for people.
pub(crate) fn known_extensions(samples: bool) -> String {
    let names: Vec<String> = if samples {
        SAMPLES.iter().map(|(name, _)| format!(".{name}")).collect()
    } else {
        CODED.iter().map(|(name, ..)| format!(".{name}")).collect()
    };
    names.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_compare_without_case_and_depend_on_the_side() {
        assert_eq!(samples_format(Path::new("a/B.WAV")), Some(Format::Wav));
        assert_eq!(samples_format(Path::new("a.ogg")), Some(Format::Audio));
        assert_eq!(coded_format(Path::new("a.ogg")), Some((CodecName::Opus, Format::Ogg)));
        assert_eq!(coded_format(Path::new("a.BIT")), Some((CodecName::G729, Format::Itu)));
        assert_eq!(coded_format(Path::new("a.wav")), None);
        assert_eq!(samples_format(Path::new("wav")), None);
    }

    #[test]
    fn each_extension_belongs_to_a_format_of_its_codec() {
        for (extension, codec, format) in CODED {
            assert!(codec.formats().contains(format) && !format.is_samples(), "{extension}");
        }
        assert!(SAMPLES.iter().all(|(_, format)| format.is_samples()));
    }
}
