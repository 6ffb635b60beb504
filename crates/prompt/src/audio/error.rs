//! Why an audio file cannot be read.

/// Why audio cannot be read, or not further. Places count bytes from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// Format or coding is none that is known, or the data is damaged where it may not be.
    #[error("{0}")]
    Unreadable(String),
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// It begins as no WAV file does.
    #[error("it begins with \"{}\", a WAV file with RIFF and WAVE", .0.escape_ascii())]
    NotWav(Vec<u8>),
    /// The head of the file is all there is.
    #[error("it ends at byte {at}, before any samples")]
    Ends {
        /// Where it ends.
        at: u64,
    },
    /// Nothing says how the samples are written.
    #[error("samples begin at byte {at}, and no fmt chunk before them says how they are written")]
    NoFormat {
        /// Where they begin.
        at: u64,
    },
    /// A coding that is not read.
    #[error("fmt chunk at byte {at}: coding {tag:#06x} with {bits} bits is not known")]
    Coding {
        /// Where the chunk is.
        at: u64,
        /// The coding's number.
        tag: u16,
        /// Bits of a sample.
        bits: u16,
    },
    /// A number of channels that no audio has.
    #[error("fmt chunk at byte {at}: {channels} channels")]
    Channels {
        /// Where the chunk is.
        at: u64,
        /// How many.
        channels: u16,
    },
    /// It has no audio track.
    #[error("no audio in it")]
    NoAudio,
    /// A sample rate that no audio has.
    #[error("sample rate of {0} Hz")]
    Rate(u32),
    /// The sample rate changes on the way.
    #[error("sample rate changes from {from} Hz to {to} Hz")]
    RateChange {
        /// What it was, in hertz.
        from: u32,
        /// What it becomes, in hertz.
        to: u32,
    },
}
