//! What a file holds, told by its first bytes, its name, or whoever asks for it.

use std::path::Path;

/// Bytes of a file that [`FileFormat::of_content`] looks at.
pub const HEAD_BYTES: usize = 4096;
/// Words that begin a frame of the ITU's serial format: a good one, a bad one.
const SYNC: [[u8; 2]; 2] = [[0x21, 0x6b], [0x20, 0x6b]];

/// A file's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FileFormat {
    /// WAV: linear samples, floating point, G.711, ADPCM.
    Wav,
    /// AIFF and AIFF-C.
    Aiff,
    /// Sun's AU.
    Au,
    /// FLAC.
    Flac,
    /// MP3.
    Mp3,
    /// Ogg with Vorbis, FLAC or anything but Opus.
    Ogg,
    /// Ogg Opus, RFC 7845.
    OggOpus,
    /// Matroska and WebM. The readers of tools know it, prompts may not be of it.
    Matroska,
    /// Octets of G.711 mu-law, and nothing else.
    Pcmu,
    /// Octets of G.711 A-law, and nothing else.
    Pcma,
    /// Octets of G.722 at 64 kbit/s, and nothing else.
    G722,
    /// Frames of 10 octets of G.729, and nothing else.
    G729,
    /// The ITU's serial format of G.729.
    G729Serial,
    /// Frames of 33 octets of GSM full rate, and nothing else.
    Gsm,
    /// 16-bit little-endian mono samples at 8 kHz, and nothing else.
    Raw8k,
    /// The same at 16 kHz.
    Raw16k,
    /// The same at 48 kHz.
    Raw48k,
}

impl FileFormat {
    /// What the first [`HEAD_BYTES`] of a file say that it is; `None` where they are those of many, as of frames back to
    /// back.
    #[must_use]
    pub fn of_content(head: &[u8]) -> Option<Self> {
        let is_riff = head.starts_with(b"RIFF") || head.starts_with(b"RF64") || head.starts_with(b"BW64");
        if is_riff && head.get(8..12) == Some(b"WAVE") {
            return Some(Self::Wav);
        }
        if head.starts_with(b"FORM") && matches!(head.get(8..12), Some(b"AIFF" | b"AIFC")) {
            return Some(Self::Aiff);
        }
        if head.starts_with(b"OggS") {
            // Ogg names its codec behind the head of the first page.
            let first = head.get(..64).unwrap_or(head);
            let is_opus = first.windows(8).any(|bytes| bytes == b"OpusHead");
            return Some(if is_opus { Self::OggOpus } else { Self::Ogg });
        }
        let magics: [(&[u8], Self); 4] = [
            (b"fLaC", Self::Flac),
            (b".snd", Self::Au),
            (b"ID3", Self::Mp3),
            (b"\x1a\x45\xdf\xa3", Self::Matroska),
        ];
        if let Some((_, format)) = magics.iter().find(|(magic, _)| head.starts_with(magic)) {
            return Some(*format);
        }
        if is_serial(head) {
            return Some(Self::G729Serial);
        }
        is_mp3(head).then_some(Self::Mp3)
    }

    /// What the extension of a file's name says, compared without case; `None` for one that is not known.
    #[must_use]
    pub fn of_extension(extension: &str) -> Option<Self> {
        Some(match extension.to_ascii_lowercase().as_str() {
            "wav" | "wave" | "rf64" | "bw64" => Self::Wav,
            "aif" | "aiff" | "aifc" => Self::Aiff,
            "au" | "snd" => Self::Au,
            "flac" => Self::Flac,
            "mp3" => Self::Mp3,
            "ogg" | "oga" => Self::Ogg,
            "opus" => Self::OggOpus,
            "ul" | "ulaw" | "mulaw" | "pcmu" | "mu" => Self::Pcmu,
            "al" | "alaw" | "pcma" => Self::Pcma,
            "g722" => Self::G722,
            "g729" => Self::G729,
            "bit" => Self::G729Serial,
            "gsm" => Self::Gsm,
            _ => return None,
        })
    }

    /// The same of a path.
    #[must_use]
    pub fn of_path(path: &Path) -> Option<Self> {
        Self::of_extension(path.extension()?.to_str()?)
    }

    /// What a media type of HTTP says, without its parameters; `None` for one that is not known or says nothing.
    #[must_use]
    pub fn of_media_type(media_type: &str) -> Option<Self> {
        let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        Some(match essence.as_str() {
            "audio/wav" | "audio/x-wav" | "audio/wave" | "audio/vnd.wave" => Self::Wav,
            "audio/aiff" | "audio/x-aiff" => Self::Aiff,
            "audio/flac" | "audio/x-flac" => Self::Flac,
            "audio/mpeg" | "audio/mp3" => Self::Mp3,
            "audio/ogg" | "application/ogg" => Self::Ogg,
            // A bare AU file is said to be `audio/basic`, as are octets of PCMU; content tells the first.
            "audio/basic" | "audio/pcmu" => Self::Pcmu,
            "audio/pcma" => Self::Pcma,
            "audio/g722" => Self::G722,
            "audio/g729" => Self::G729,
            "audio/gsm" => Self::Gsm,
            _ => return None,
        })
    }

    /// True for formats that have no head: only a name or an explicit word tells them.
    #[must_use]
    pub const fn is_bare(self) -> bool {
        matches!(
            self,
            Self::Pcmu
                | Self::Pcma
                | Self::G722
                | Self::G729
                | Self::Gsm
                | Self::Raw8k
                | Self::Raw16k
                | Self::Raw48k
        )
    }

    /// The extension by which `symphonia` knows it.
    pub(crate) const fn extension(self) -> Option<&'static str> {
        match self {
            Self::Wav => Some("wav"),
            Self::Aiff => Some("aiff"),
            Self::Au => Some("au"),
            Self::Flac => Some("flac"),
            Self::Mp3 => Some("mp3"),
            Self::Ogg | Self::OggOpus => Some("ogg"),
            _ => None,
        }
    }
}

/// A word that begins a frame, the number of its bits, and nothing but bits behind it.
fn is_serial(head: &[u8]) -> bool {
    let (words, _) = head.get(..64).unwrap_or(head).as_chunks::<2>();
    let [sync, [bits, 0], rest @ ..] = words else { return false };
    SYNC.contains(sync)
        && [0, 16, 80].contains(bits)
        && rest.iter().take(usize::from(*bits)).all(|bit| matches!(bit, [0x7f | 0x81 | 0, 0]))
}

/// Two frames of Layer III, one right behind the other: one alone may stand in any octets.
fn is_mp3(head: &[u8]) -> bool {
    let Some(first) = frame_length(head) else { return false };
    head.get(first..).is_some_and(|next| frame_length(next).is_some())
}

/// Bytes of the frame of Layer III that begins here.
fn frame_length(bytes: &[u8]) -> Option<usize> {
    const MPEG1: [usize; 14] = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
    const MPEG2: [usize; 14] = [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
    let [0xff, second, third, ..] = *bytes else { return None };
    if second & 0xe6 != 0xe2 {
        return None;
    }
    let version = second >> 3 & 3;
    let divisor = match version {
        3 => 1,
        2 => 2,
        0 => 4,
        _ => return None,
    };
    let rate = [44_100, 48_000, 32_000].get(usize::from(third >> 2 & 3))? / divisor;
    let rates = if version == 3 { &MPEG1 } else { &MPEG2 };
    let kilobits = rates.get(usize::from(third >> 4).checked_sub(1)?)?;
    let samples_of_8 = if version == 3 { 144 } else { 72 };
    Some(samples_of_8 * 1000 * kilobits / rate + usize::from(third >> 1 & 1))
}
