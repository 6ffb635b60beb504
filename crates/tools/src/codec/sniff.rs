//! What the first bytes of a file say that it is. They count more than its extension, which people get wrong or leave out.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use mediapoint_prompt::{FileFormat, HEAD_BYTES};

use super::error::is_standard;
use super::name::{CodecName, Format};

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// Samples in this format.
    Samples(Format),
    /// Coded frames.
    Coded(CodecName, Format),
}

/// Looks at a file; `None` where its first bytes are those of many, as of frames back to back, and for standard input, which can
/// be read once.
pub(super) fn content(path: &Path) -> Option<Content> {
    if is_standard(path) {
        return None;
    }
    let file = File::open(path).ok()?;
    // What is no file may wait for somebody to write.
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut head = Vec::new();
    file.take(HEAD_BYTES as u64).read_to_end(&mut head).ok()?;
    of(&head)
}

fn of(head: &[u8]) -> Option<Content> {
    Some(match FileFormat::of_content(head)? {
        FileFormat::Wav => Content::Samples(Format::Wav),
        FileFormat::OggOpus => Content::Coded(CodecName::Opus, Format::Ogg),
        FileFormat::G729Serial => Content::Coded(CodecName::G729, Format::Itu),
        _ => Content::Samples(Format::Audio),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_say_what_a_file_is() {
        let serial = [&b"\x21\x6b\x50\x00"[..], &[0x7f, 0, 0x81, 0].repeat(15)].concat();
        for (head, content) in [
            (&b"RIFF\x24\0\0\0WAVEfmt "[..], Some(Content::Samples(Format::Wav))),
            (b"RIFF\x24\0\0\0AVI LIST", None),
            (b"fLaC\0\0\0\x22", Some(Content::Samples(Format::Audio))),
            (b".snd\0\0\0\x18", Some(Content::Samples(Format::Audio))),
            (b"FORM\0\0\0\x18AIFC", Some(Content::Samples(Format::Audio))),
            (b"ID3\x03", Some(Content::Samples(Format::Audio))),
            (b"OggS\0\x02OpusHead", Some(Content::Coded(CodecName::Opus, Format::Ogg))),
            (b"OggS\0\x02\x01vorbis", Some(Content::Samples(Format::Audio))),
            (&serial, Some(Content::Coded(CodecName::G729, Format::Itu))),
            (b"\x21\x6b\x50\x00anything else", None),
            (b"\xd5\xd5\xd5\xd5", None),
            (b"", None),
        ] {
            assert_eq!(of(head), content, "{}", head.escape_ascii());
        }
    }
}
