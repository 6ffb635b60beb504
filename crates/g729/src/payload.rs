//! RTP payloads of G.729 [RFC3551 4.5.6]: any number of speech frames, then one SID at most.

use core::fmt;
use core::iter::FusedIterator;

use crate::frame::Frame;

/// A payload whose length no frames add up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedPayload {
    /// Octets of the payload.
    pub len: usize,
}

impl fmt::Display for MalformedPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} octets are no whole number of speech frames with or without a SID", self.len)
    }
}

impl core::error::Error for MalformedPayload {}

/// Why frames cannot be one payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PackError {
    /// A frame follows the SID, or nothing was to be sent before it: the receiver would take it for an earlier one.
    OutOfPlace {
        /// Which frame, from zero.
        index: usize,
    },
    /// The buffer is too small.
    Room {
        /// Octets needed.
        needed: usize,
        /// Octets there.
        available: usize,
    },
}

impl fmt::Display for PackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfPlace { index } => write!(f, "frame {index} would be taken for an earlier one"),
            Self::Room { needed, available } => write!(f, "{needed} octets do not fit into {available}"),
        }
    }
}

impl core::error::Error for PackError {}

/// The frames of a payload, in order.
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    rest: &'a [u8],
}

/// Splits a payload into its frames. An empty one has none.
///
/// ```
/// use mediapoint_g729::{Frame, payload};
///
/// let frames: Vec<Frame> = payload::split(&[0; 22])?.collect();
/// assert_eq!(frames, [Frame::Speech([0; 10]), Frame::Speech([0; 10]), Frame::Sid([0; 2])]);
/// assert!(payload::split(&[0; 12]).is_ok());
/// assert!(payload::split(&[0; 13]).is_err());
/// # Ok::<(), payload::MalformedPayload>(())
/// ```
///
/// # Errors
/// [`MalformedPayload`] when the length is neither `10 n` nor `10 n + 2`.
pub const fn split(payload: &[u8]) -> Result<Frames<'_>, MalformedPayload> {
    match payload.len() % Frame::SPEECH_LEN {
        0 | Frame::SID_LEN => Ok(Frames { rest: payload }),
        _ => Err(MalformedPayload { len: payload.len() }),
    }
}

impl Iterator for Frames<'_> {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        if let Some((octets, rest)) = self.rest.split_first_chunk() {
            self.rest = rest;
            return Some(Frame::Speech(*octets));
        }
        let (octets, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(Frame::Sid(*octets))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let count = self.rest.len().div_ceil(Frame::SPEECH_LEN);
        (count, Some(count))
    }
}

impl ExactSizeIterator for Frames<'_> {}
impl FusedIterator for Frames<'_> {}

/// Writes frames as one payload and returns its length. Untransmitted frames at the end add nothing.
///
/// # Errors
/// [`PackError`] when a frame follows a SID or an untransmitted one, or `out` is too small; `out` is untouched then.
pub fn pack(frames: &[Frame], out: &mut [u8]) -> Result<usize, PackError> {
    let mut ended = false;
    for (index, frame) in frames.iter().enumerate() {
        if ended && *frame != Frame::Untransmitted {
            return Err(PackError::OutOfPlace { index });
        }
        ended |= !matches!(frame, Frame::Speech(_));
    }
    let needed = frames.iter().map(|frame| frame.as_bytes().len()).sum();
    let available = out.len();
    let mut rest = out.get_mut(..needed).ok_or(PackError::Room { needed, available })?;
    for octets in frames.iter().map(Frame::as_bytes) {
        let Some((place, after)) = rest.split_at_mut_checked(octets.len()) else { break };
        place.copy_from_slice(octets);
        rest = after;
    }
    Ok(needed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEECH: Frame = Frame::Speech([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    const SID: Frame = Frame::Sid([11, 12]);

    // test-of: [RFC3551 4.5.6]
    #[test]
    fn sid_is_the_last_frame_of_a_payload() {
        for frames in [&[][..], &[SID], &[SPEECH], &[SPEECH, SPEECH], &[SPEECH, SPEECH, SID]] {
            let mut out = [0; 40];
            let len = pack(frames, &mut out).unwrap();
            let split = split(&out[..len]).unwrap();
            assert_eq!(split.len(), frames.len());
            assert_eq!(split.collect::<Vec<_>>(), frames);
        }
        assert_eq!(pack(&[SID, SPEECH], &mut [0; 40]), Err(PackError::OutOfPlace { index: 1 }));
        assert_eq!(pack(&[SPEECH, SID, SID], &mut [0; 40]), Err(PackError::OutOfPlace { index: 2 }));
    }

    #[test]
    fn frame_after_a_gap_is_refused_and_a_gap_at_the_end_adds_nothing() {
        assert_eq!(pack(&[SPEECH, SID, Frame::Untransmitted], &mut [0; 12]), Ok(12));
        assert_eq!(
            pack(&[SPEECH, Frame::Untransmitted, SPEECH], &mut [0; 40]),
            Err(PackError::OutOfPlace { index: 2 })
        );
    }

    #[test]
    fn every_other_length_is_refused() {
        for len in 0..64 {
            let payload = [0; 64];
            assert_eq!(split(&payload[..len]).is_ok(), matches!(len % 10, 0 | 2), "{len}");
        }
    }

    #[test]
    fn too_small_a_buffer_is_left_alone() {
        let mut out = [0xaa; 19];
        assert_eq!(pack(&[SPEECH, SPEECH], &mut out), Err(PackError::Room { needed: 20, available: 19 }));
        assert_eq!(out, [0xaa; 19]);
    }
}
