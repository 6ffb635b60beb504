//! What the first bytes of a file say that it is. They count more than its extension, which people get wrong or leave out.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::error::is_standard;
use super::name::{CodecName, Format};

/// Bytes that are looked at: Ogg names its codec behind the head of the first page.
const HEAD: usize = 64;
/// Words of the ITU's serial format that are looked at.
const SYNC: [[u8; 2]; 2] = [[0x21, 0x6b], [0x20, 0x6b]];

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
    file.take(HEAD as u64).read_to_end(&mut head).ok()?;
    of(&head)
}

fn of(head: &[u8]) -> Option<Content> {
    let is_riff = head.starts_with(b"RIFF") || head.starts_with(b"RF64") || head.starts_with(b"BW64");
    if is_riff && head.get(8..12) == Some(b"WAVE") {
        return Some(Content::Samples(Format::Wav));
    }
    if head.starts_with(b"OggS") {
        let is_opus = head.windows(8).any(|bytes| bytes == b"OpusHead");
        return Some(match is_opus {
            true => Content::Coded(CodecName::Opus, Format::Ogg),
            false => Content::Samples(Format::Audio),
        });
    }
    let is_aiff = head.starts_with(b"FORM") && matches!(head.get(8..12), Some(b"AIFF" | b"AIFC"));
    let others: [&[u8]; 4] = [b"fLaC", b".snd", b"ID3", b"\x1a\x45\xdf\xa3"];
    if is_aiff || others.iter().any(|magic| head.starts_with(magic)) {
        return Some(Content::Samples(Format::Audio));
    }
    let words: Vec<[u8; 2]> = head.as_chunks().0.to_vec();
    // A word that begins a frame, the number of its bits, and nothing but bits behind it.
    if let [sync, [bits, 0], rest @ ..] = words.as_slice()
        && SYNC.contains(sync)
        && [0, 16, 80].contains(bits)
        && rest.iter().take(usize::from(*bits)).all(|bit| matches!(bit, [0x7f | 0x81 | 0, 0]))
    {
        return Some(Content::Coded(CodecName::G729, Format::Itu));
    }
    None
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
