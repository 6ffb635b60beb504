//! From the arguments to what is to be done, or to what is wrong with them: nothing has been opened yet.

use std::path::Path;

use super::arguments::{DecodeArguments, EncodeArguments, Files};
use super::error::{FileName, Side, SideOf, UsageError, is_standard};
use super::name::{CodecName, Format, coded_format, samples_format};
use super::sniff::Content;

/// Sample rates that Opus works at, in hertz.
pub(super) const OPUS_RATES: [u32; 5] = [8000, 12_000, 16_000, 24_000, 48_000];

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) codec: CodecName,
    /// How the samples are kept.
    pub(super) samples: Format,
    /// How the coded frames are kept.
    pub(super) coded: Format,
    /// Rate to work at where there is a choice, in hertz.
    pub(super) rate: Option<u32>,
}

impl Plan {
    /// What `mediapoint-tools codec encode` is to do; `found` is what the first bytes of IN say.
    pub(super) fn encode(arguments: &EncodeArguments, found: Option<Content>) -> Result<Self, UsageError> {
        let files = &arguments.files;
        let samples = match (files.input_format, found) {
            (Some(format), _) | (None, Some(Content::Samples(format))) => format,
            (None, Some(Content::Coded(_, format))) => {
                return Err(UsageError::WrongSide { format, side: SideOf::EncodeInput });
            }
            (None, None) => samples_of(&files.input, Side::Input)?,
        };
        let (codec, coded) = coded_of(files, Side::Output)?;
        check_sides(samples, SideOf::EncodeInput)?;
        check_sides(coded, SideOf::EncodeOutput)?;
        check_pair(codec, coded)?;
        if arguments.dtx && !codec.has_dtx() {
            return Err(UsageError::NoDtx { codec });
        }
        if arguments.dtx && codec == CodecName::G729 && coded == Format::Octets {
            return Err(UsageError::DtxOctets);
        }
        let given = [
            ("--bitrate", arguments.bitrate.is_some()),
            ("--complexity", arguments.complexity.is_some()),
            ("--ptime", arguments.ptime.is_some()),
        ];
        check_opus_options(codec, &given)?;
        Ok(Self { codec, samples, coded, rate: rate(files, codec)? })
    }

    /// What `mediapoint-tools codec decode` is to do; `found` is what the first bytes of IN say.
    pub(super) fn decode(arguments: &DecodeArguments, found: Option<Content>) -> Result<Self, UsageError> {
        let files = &arguments.files;
        let (codec, coded) = match found.filter(|_| files.codec.is_none() && files.input_format.is_none()) {
            Some(Content::Coded(codec, format)) => (codec, format),
            Some(Content::Samples(format)) => {
                return Err(UsageError::WrongSide { format, side: SideOf::DecodeInput });
            }
            None => coded_of(files, Side::Input)?,
        };
        let samples = match files.output_format {
            Some(Format::Audio) => return Err(UsageError::AudioOutput),
            Some(format) => format,
            None => match samples_of(&files.output, Side::Output)? {
                Format::Audio => return Err(UsageError::AudioOutput),
                format => format,
            },
        };
        check_sides(coded, SideOf::DecodeInput)?;
        check_sides(samples, SideOf::DecodeOutput)?;
        check_pair(codec, coded)?;
        Ok(Self { codec, samples, coded, rate: rate(files, codec)? })
    }
}

/// The format of a file with samples, by its extension.
fn samples_of(path: &Path, side: Side) -> Result<Format, UsageError> {
    if let Some(format) = samples_format(path) {
        return Ok(format);
    }
    if let Some((_, format)) = coded_format(path) {
        let side = if side == Side::Input { SideOf::EncodeInput } else { SideOf::DecodeOutput };
        return Err(UsageError::WrongSide { format, side });
    }
    Err(untold(path, true, side))
}

/// The codec and the format of the coded file.
fn coded_of(files: &Files, side: Side) -> Result<(CodecName, Format), UsageError> {
    let (path, format, wrong) = match side {
        Side::Input => (&files.input, files.input_format, SideOf::DecodeInput),
        Side::Output => (&files.output, files.output_format, SideOf::EncodeOutput),
    };
    let told = coded_format(path);
    match (files.codec, format, told) {
        (Some(codec), Some(format), _) => Ok((codec, format)),
        (Some(said), None, Some((told, _))) if said != told => {
            Err(UsageError::Disagree { path: path.clone(), told, said })
        }
        (Some(_), None, Some(told)) | (None, None, Some(told)) => Ok(told),
        (None, Some(format), Some((codec, _))) => Ok((codec, format)),
        (None, Some(Format::Itu), None) => Ok((CodecName::G729, Format::Itu)),
        (None, Some(Format::Ogg), None) => Ok((CodecName::Opus, Format::Ogg)),
        (None, Some(_), None) => Err(UsageError::NoCodec),
        (_, None, None) => match samples_format(path) {
            Some(format) => Err(UsageError::WrongSide { format, side: wrong }),
            None => Err(untold(path, false, side)),
        },
    }
}

/// Neither option nor extension says how a file is kept.
fn untold(path: &Path, samples: bool, side: Side) -> UsageError {
    match (is_standard(path), side) {
        (true, Side::Input) => UsageError::Stream { name: FileName::Stdin, side },
        (true, Side::Output) => UsageError::Stream { name: FileName::Stdout, side },
        (false, _) if path.extension().is_none() => {
            UsageError::Stream { name: FileName::Path(path.to_owned()), side }
        }
        (false, _) => UsageError::Extension { path: path.to_owned(), samples, side },
    }
}

fn check_sides(format: Format, side: SideOf) -> Result<(), UsageError> {
    let samples = matches!(side, SideOf::EncodeInput | SideOf::DecodeOutput);
    if format.is_samples() == samples { Ok(()) } else { Err(UsageError::WrongSide { format, side }) }
}

fn check_pair(codec: CodecName, format: Format) -> Result<(), UsageError> {
    if codec.formats().contains(&format) {
        return Ok(());
    }
    if codec == CodecName::Opus && format == Format::Octets {
        return Err(UsageError::OpusOctets);
    }
    Err(UsageError::Pair { format, codec })
}

fn check_opus_options(codec: CodecName, given: &[(&'static str, bool)]) -> Result<(), UsageError> {
    let first = given.iter().find(|(_, given)| *given);
    match first {
        Some((option, _)) if codec != CodecName::Opus => Err(UsageError::OpusOnly { option, codec }),
        _ => Ok(()),
    }
}

fn rate(files: &Files, codec: CodecName) -> Result<Option<u32>, UsageError> {
    check_opus_options(codec, &[("--rate", files.rate.is_some())])?;
    match files.rate {
        Some(rate) if !OPUS_RATES.contains(&rate) => Err(UsageError::Rate(rate)),
        rate => Ok(rate),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::arguments::{CodecArguments, CodecCommand};
    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        codec: CodecArguments,
    }

    fn plan(line: &str) -> Result<(CodecName, Format, Format), String> {
        let line = Line::try_parse_from(["codec"].into_iter().chain(line.split(' '))).unwrap();
        let plan = match line.codec.command {
            CodecCommand::Encode(arguments) => Plan::encode(&arguments, None),
            CodecCommand::Decode(arguments) => Plan::decode(&arguments, None),
            CodecCommand::List => unreachable!("no test of it"),
        };
        plan.map(|plan| (plan.codec, plan.samples, plan.coded)).map_err(|error| error.to_string())
    }

    #[test]
    fn extensions_say_everything_where_nothing_is_said() {
        for (line, wanted) in [
            ("encode a.wav a.g729", (CodecName::G729, Format::Wav, Format::Octets)),
            ("encode a.flac a.opus", (CodecName::Opus, Format::Audio, Format::Ogg)),
            ("encode --dtx a.pcm a.bit", (CodecName::G729, Format::Raw, Format::Itu)),
            ("decode a.ulaw a.raw", (CodecName::Pcmu, Format::Raw, Format::Octets)),
            ("decode a.ogg a.wav", (CodecName::Opus, Format::Wav, Format::Ogg)),
            ("decode --codec G722 a.g722 a.wav", (CodecName::G722, Format::Wav, Format::Octets)),
        ] {
            assert_eq!(plan(line), Ok(wanted), "{line}");
        }
    }

    #[test]
    fn what_is_said_overrides_extensions() {
        for (line, wanted) in [
            (
                "encode --codec pcma --input-format raw --output-format octets - -",
                (CodecName::Pcma, Format::Raw, Format::Octets),
            ),
            ("decode --input-format itu a.dat a.wav", (CodecName::G729, Format::Wav, Format::Itu)),
            ("decode --output-format raw a.g722 a.wav", (CodecName::G722, Format::Raw, Format::Octets)),
            (
                "encode --codec g729 --output-format itu a.wav a.g722",
                (CodecName::G729, Format::Wav, Format::Itu),
            ),
        ] {
            assert_eq!(plan(line), Ok(wanted), "{line}");
        }
    }

    #[test]
    fn what_does_not_go_together_says_what_does() {
        for (line, part) in [
            ("encode a.txt a.g729", "known here: .wav"),
            ("encode a.wav a.txt", "name one with --output-format"),
            ("encode - a.g729", "standard input has no extension"),
            ("encode --codec opus --output-format octets a.wav a.x", "--output-format ogg"),
            ("encode --codec opus a.wav a.g729", "--codec says Opus"),
            ("encode --codec pcmu --output-format itu a.wav a.x", "itu does not hold PCMU: use octets"),
            ("encode --dtx a.wav a.g729", "--output-format itu"),
            ("encode --dtx a.wav a.ulaw", "PCMU has no DTX"),
            ("encode --bitrate 8000 a.wav a.g729", "--bitrate is an option of Opus"),
            ("encode --rate 11025 a.wav a.opus", "--rate 11025"),
            ("encode a.g729 a.wav", "is it `decode` that you want?"),
            ("decode a.wav a.g729", "is it `encode` that you want?"),
            ("decode a.g729 a.flac", "write wav or raw"),
            ("decode --input-format octets a.x a.wav", "no codec named"),
        ] {
            let error = plan(line).unwrap_err();
            assert!(error.contains(part), "{line}: {error}");
        }
    }
}
