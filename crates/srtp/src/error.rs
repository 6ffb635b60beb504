//! Why a packet or a key was refused. Every type is `Copy` and holds no secret; a metric can count by variant.

/// A master key that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The key has the wrong length for the suite.
    #[error("master key is {have} bytes, the suite needs {need}")]
    KeyLength {
        /// Bytes given.
        have: usize,
        /// Bytes needed.
        need: usize,
    },
    /// The salt has the wrong length for the suite.
    #[error("master salt is {have} bytes, the suite needs {need}")]
    SaltLength {
        /// Bytes given.
        have: usize,
        /// Bytes needed.
        need: usize,
    },
    /// The master key identifier is empty or over 128 bytes [RFC4568 6.1].
    #[error("master key identifier is {have} bytes, it may have 1 to 128")]
    MkiLength {
        /// Bytes given.
        have: usize,
    },
    /// The operating system gave no random bytes.
    #[error("no random bytes from the operating system")]
    NoRandomness,
}

/// Why an outgoing packet was not protected. The packet is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtectError {
    /// Not an RTP packet of version 2, or not a whole RTCP header.
    #[error("no valid header in {len} bytes")]
    Malformed {
        /// Bytes of the packet.
        len: usize,
    },
    /// The buffer has no room behind the packet for tag, index and identifier.
    #[error("protected packet needs {need} bytes, the buffer has {have}")]
    NoRoom {
        /// Bytes needed.
        need: usize,
        /// Bytes of the whole buffer.
        have: usize,
    },
    /// This packet index was already used with this key: sending it again would give away the keystream.
    #[error("packet index {index} was already sent")]
    IndexReused {
        /// The 48-bit packet index.
        index: u64,
    },
    /// The packet index lies too far behind to know whether it was used.
    #[error("packet index {index} is too old to send")]
    TooOld {
        /// The 48-bit packet index.
        index: u64,
    },
    /// The key has protected all the packets it may [RFC3711 9.2].
    #[error("the master key has reached the end of its life")]
    KeyExhausted,
    /// More SSRCs than this direction was built for. None may be forgotten, since its indexes would be
    /// used again.
    #[error("all {limit} ssrc states are in use")]
    TooManySsrcs {
        /// The limit given to the constructor.
        limit: usize,
    },
}

/// Why an incoming packet was refused. Nothing of the session has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnprotectError {
    /// Too few bytes for the header, the tag and the rest that the suite puts on.
    #[error("packet of {len} bytes is too short")]
    TooShort {
        /// Bytes of the packet.
        len: usize,
    },
    /// Not RTP or RTCP of version 2, or a header that exceeds the packet.
    #[error("no valid header in {len} bytes")]
    Malformed {
        /// Bytes of the packet.
        len: usize,
    },
    /// Wrong tag, wrong key, or a changed packet: nobody can tell which.
    #[error("packet is not authentic")]
    NotAuthentic,
    /// A packet of this index was accepted before.
    #[error("packet index {index} was already accepted")]
    Replayed {
        /// The 48-bit packet index, or the 31-bit SRTCP index.
        index: u64,
    },
    /// The index lies behind the replay window of 128 packets.
    #[error("packet index {index} is behind the replay window")]
    TooOld {
        /// The 48-bit packet index, or the 31-bit SRTCP index.
        index: u64,
    },
    /// The packet would need an index that the key has no more [RFC3711 9.2].
    #[error("the master key has reached the end of its life")]
    KeyExhausted,
    /// The packet names a master key that was not configured.
    #[error("unknown master key identifier")]
    UnknownMki,
    /// An authentic SRTCP packet that is not encrypted (E bit 0), which the options do not allow.
    #[error("authentic rtcp packet is not encrypted")]
    Unencrypted,
}
