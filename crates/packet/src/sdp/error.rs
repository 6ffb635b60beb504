//! Why a text is not taken as a description.

use std::fmt;

/// What there is too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Bytes in all.
    Bytes,
    /// Lines in all.
    Lines,
    /// Media sections.
    Sections,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes => "bytes",
            Self::Lines => "lines",
            Self::Sections => "media sections",
        })
    }
}

/// A refused description. Line numbers count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// The first line is not `v=0` [RFC8866 5.1].
    #[error("line {line} of the sdp is not v=0")]
    NoVersion {
        /// Where `v=0` was looked for.
        line: usize,
    },
    /// A line is not a letter, an equals sign and a value, or holds a NUL byte [RFC8866 5].
    #[error("line {line} of the sdp is malformed")]
    MalformedLine {
        /// The line.
        line: usize,
    },
    /// An `m=` line without media, port, protocol or format [RFC8866 5.14].
    #[error("media line {line} of the sdp is malformed")]
    MalformedMedia {
        /// The line.
        line: usize,
    },
    /// A `c=` line whose address is none of its family [RFC8866 5.7].
    #[error("connection line {line} of the sdp is malformed")]
    MalformedConnection {
        /// The line.
        line: usize,
    },
    /// One of our limits.
    #[error("sdp has {count} {what}, limit {limit}")]
    TooMany {
        /// What there is too much of.
        what: Limit,
        /// How much was found before reading stopped.
        count: usize,
        /// How much is taken.
        limit: usize,
    },
}
