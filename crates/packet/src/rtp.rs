//! RTP packets [RFC3550 5.1]: a validated view for reading, an in-place rewrite of the fixed header for
//! relaying, a fresh header for sending. Payload formats, SRTP and reception statistics are elsewhere.

mod extension;
mod numbers;

use std::ops::Range;

pub use extension::{Element, Elements, Extension};
pub use numbers::{NoPayloadType, PayloadType, RtpTicks, Seq, Ssrc, Ssrcs};

pub use crate::error::{Malformed, TooShort};

use crate::cursor::{Cursor, Sink};

/// Bytes of the header without contributing sources and extension.
pub const FIXED_HEADER_LEN: usize = 12;

/// The only version there is [RFC3550 5.1], in the upper two bits of the first byte.
const VERSION: u8 = 2;
const PADDING: u8 = 0x20;
const EXTENSION: u8 = 0x10;
const CSRC_COUNT: u8 = 0x0f;
const MARKER: u8 = 0x80;

/// A valid RTP packet, borrowed.
#[derive(Clone, Copy)]
pub struct RtpView<'a> {
    marker: bool,
    payload_type: PayloadType,
    sequence: Seq,
    timestamp: RtpTicks,
    ssrc: Ssrc,
    csrcs: &'a [u8],
    extension: Option<Extension<'a>>,
    payload: &'a [u8],
    header_len: usize,
    padding_len: u8,
}

impl<'a> RtpView<'a> {
    /// Reads a packet, and refuses it unless all of its header, extension and padding is in place.
    ///
    /// # Errors
    /// [`Malformed`] with the reason: too short, wrong version, a CSRC list or extension past the end, or
    /// padding that is zero or larger than the payload.
    pub fn parse(packet: &'a [u8]) -> Result<Self, Malformed> {
        let mut cur = Cursor::new(packet);
        let [first, second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] = cur.array()?;
        check_version(first)?;

        let count = first & CSRC_COUNT;
        let available = cur.remaining();
        let csrcs = cur.take(usize::from(count) * 4).map_err(|_| Malformed::CsrcList { count, available })?;
        let extension = if first & EXTENSION != 0 { Some(Extension::read(&mut cur)?) } else { None };

        let header_len = packet.len() - cur.remaining();
        let padding_len = if first & PADDING != 0 { read_padding(cur.rest())? } else { 0 };
        let payload = cur.take(cur.remaining() - usize::from(padding_len))?;
        Ok(Self {
            marker: second & MARKER != 0,
            payload_type: PayloadType::from_second_byte(second),
            sequence: Seq(u16::from_be_bytes([s0, s1])),
            timestamp: RtpTicks(u32::from_be_bytes([t0, t1, t2, t3])),
            ssrc: Ssrc(u32::from_be_bytes([c0, c1, c2, c3])),
            csrcs,
            extension,
            payload,
            header_len,
            padding_len,
        })
    }

    /// The marker bit, whose meaning is the payload format's.
    #[must_use]
    pub const fn marker(&self) -> bool {
        self.marker
    }

    /// The payload type.
    #[must_use]
    pub const fn payload_type(&self) -> PayloadType {
        self.payload_type
    }

    /// The sequence number.
    #[must_use]
    pub const fn sequence(&self) -> Seq {
        self.sequence
    }

    /// The sampling instant of the payload's first byte, in units of the payload's clock.
    #[must_use]
    pub const fn timestamp(&self) -> RtpTicks {
        self.timestamp
    }

    /// The synchronisation source.
    #[must_use]
    pub const fn ssrc(&self) -> Ssrc {
        self.ssrc
    }

    /// The contributing sources, at most 15.
    #[must_use]
    pub fn csrcs(&self) -> Ssrcs<'a> {
        Ssrcs::new(self.csrcs)
    }

    /// The header extension, where there is one.
    #[must_use]
    pub const fn extension(&self) -> Option<Extension<'a>> {
        self.extension
    }

    /// The payload without padding; may be empty.
    #[must_use]
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// Where the payload is in the packet.
    #[must_use]
    pub const fn payload_range(&self) -> Range<usize> {
        self.header_len..self.header_len + self.payload.len()
    }

    /// Bytes before the payload: fixed header, contributing sources and extension.
    #[must_use]
    pub const fn header_len(&self) -> usize {
        self.header_len
    }

    /// Bytes of padding after the payload, the count itself included; 0 where the packet is not padded.
    #[must_use]
    pub const fn padding_len(&self) -> usize {
        self.padding_len as usize
    }
}

impl std::fmt::Debug for RtpView<'_> {
    /// Shows the header and the payload's length: media never reaches a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RtpView")
            .field("marker", &self.marker)
            .field("payload_type", &self.payload_type)
            .field("sequence", &self.sequence)
            .field("timestamp", &self.timestamp)
            .field("ssrc", &self.ssrc)
            .field("header_len", &self.header_len)
            .field("payload_len", &self.payload.len())
            .field("padding_len", &self.padding_len)
            .finish_non_exhaustive()
    }
}

/// The last byte counts the padding, itself included [RFC3550 5.1].
fn read_padding(body: &[u8]) -> Result<u8, Malformed> {
    let count = body.last().copied().unwrap_or(0);
    if count == 0 || usize::from(count) > body.len() {
        return Err(Malformed::Padding { count, available: body.len() });
    }
    Ok(count)
}

const fn check_version(first: u8) -> Result<(), Malformed> {
    match first >> 6 {
        VERSION => Ok(()),
        other => Err(Malformed::Version(other)),
    }
}

/// New values for the fields of a fixed header that a relay owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderPatch {
    /// Marker bit.
    pub marker: bool,
    /// Payload type.
    pub payload_type: PayloadType,
    /// Sequence number.
    pub sequence: Seq,
    /// Timestamp.
    pub timestamp: RtpTicks,
    /// Synchronisation source.
    pub ssrc: Ssrc,
}

/// Rewrites the fixed header of `packet` in place. Padding, extension, contributing sources and payload stay.
///
/// # Errors
/// [`Malformed`] where there are less than twelve bytes or the version is not 2; nothing is then changed.
pub fn patch(packet: &mut [u8], patch: &HeaderPatch) -> Result<(), Malformed> {
    let available = packet.len();
    let header = packet
        .first_chunk_mut::<FIXED_HEADER_LEN>()
        .ok_or(Malformed::Truncated { needed: FIXED_HEADER_LEN, available })?;
    let [first, ..] = *header;
    check_version(first)?;
    *header = fixed_header(first, patch);
    Ok(())
}

/// A header without contributing sources, extension and padding: what the engine sends of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtpHeader {
    /// Marker bit.
    pub marker: bool,
    /// Payload type.
    pub payload_type: PayloadType,
    /// Sequence number.
    pub sequence: Seq,
    /// Timestamp.
    pub timestamp: RtpTicks,
    /// Synchronisation source.
    pub ssrc: Ssrc,
}

impl RtpHeader {
    /// Writes the header to the start of `out` and returns its length of twelve bytes.
    ///
    /// # Errors
    /// [`TooShort`] where `out` has less than twelve bytes; it is then unchanged.
    #[inline]
    pub fn write(&self, out: &mut [u8]) -> Result<usize, TooShort> {
        let Self { marker, payload_type, sequence, timestamp, ssrc } = *self;
        let fields = HeaderPatch { marker, payload_type, sequence, timestamp, ssrc };
        Sink::new(out).put(&fixed_header(VERSION << 6, &fields))?;
        Ok(FIXED_HEADER_LEN)
    }
}

const fn fixed_header(first: u8, fields: &HeaderPatch) -> [u8; FIXED_HEADER_LEN] {
    let marker = if fields.marker { MARKER } else { 0 };
    let [s0, s1] = fields.sequence.0.to_be_bytes();
    let [t0, t1, t2, t3] = fields.timestamp.0.to_be_bytes();
    let [c0, c1, c2, c3] = fields.ssrc.0.to_be_bytes();
    [first, marker | fields.payload_type.get(), s0, s1, t0, t1, t2, t3, c0, c1, c2, c3]
}

#[cfg(test)]
mod tests;
