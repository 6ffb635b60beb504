//! Why there is no coder, or why one refused. All are `Copy`, so that a packet's refusal costs nothing to count.

/// There is no coder for this codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unsupported {
    /// No coder for the encoding at all: an event, noise, video, or a codec that is only relayed.
    #[error("no coder for this encoding")]
    Encoding,
    /// The encoding has no such RTP clock rate.
    #[error("no coder for this encoding at a clock rate of {0} Hz")]
    ClockRate(u32),
    /// More channels than the coder takes.
    #[error("no coder for this encoding with {0} channels")]
    Channels(u8),
    /// The codec library refused to make a coder, with its own code.
    #[error("codec library refused with code {0}")]
    Library(i32),
}

/// Why a payload was not decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The payload is empty, cut off, or not of this codec.
    #[error("payload of {len} bytes is not of this codec")]
    Malformed {
        /// Bytes of the payload.
        len: usize,
    },
    /// The payload stands for more samples than there is room for.
    #[error("payload stands for {need} samples, there is room for {have}")]
    NoRoom {
        /// Samples it stands for.
        need: usize,
        /// Samples there is room for.
        have: usize,
    },
}

/// Why audio was not encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// No packet of this codec has that length.
    #[error("no packet of this codec stands for {samples} samples")]
    Length {
        /// Samples given.
        samples: usize,
    },
    /// The coded audio does not fit into the payload buffer.
    #[error("payload needs {need} bytes, there is room for {have}")]
    NoRoom {
        /// Bytes needed, at least.
        need: usize,
        /// Bytes of the buffer.
        have: usize,
    },
    /// The codec library refused, with its own code.
    #[error("codec library refused with code {0}")]
    Library(i32),
}
