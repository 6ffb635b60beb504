//! Feedback packets [RFC4585 6.1] with the three messages in common use: generic NACK, picture loss
//! [RFC4585 6.3.1] and full intra request [RFC5104 4.3.1]. Others are handed out as they are.

use crate::cursor::Cursor;
use crate::error::Malformed;
use crate::rtp::{Seq, Ssrc};

/// Transport layer feedback (type 205) [RFC4585 6.2].
#[derive(Debug, Clone, Copy)]
pub struct TransportFeedback<'a> {
    /// Feedback message type, 0 to 31.
    pub fmt: u8,
    /// Who sends the feedback.
    pub sender_ssrc: Ssrc,
    /// The source it is about.
    pub media_ssrc: Ssrc,
    /// Feedback control information; whole 32-bit words unless the peer's padding cuts one.
    pub fci: &'a [u8],
}

impl<'a> TransportFeedback<'a> {
    /// The message type of a generic NACK [RFC4585 6.2.1].
    pub const GENERIC_NACK: u8 = 1;

    pub(super) fn read(fmt: u8, mut body: Cursor<'a>) -> Result<Self, Malformed> {
        let sender_ssrc = Ssrc(body.u32()?);
        let media_ssrc = Ssrc(body.u32()?);
        Ok(Self { fmt, sender_ssrc, media_ssrc, fci: body.rest() })
    }

    /// The sequence numbers that a generic NACK reports lost; none in another message.
    #[must_use]
    pub const fn lost_sequences(&self) -> LostSequences<'a> {
        let fci: &[u8] = if self.fmt == Self::GENERIC_NACK { self.fci } else { &[] };
        LostSequences { cur: Cursor::new(fci), next: Seq(0), following: 0 }
    }
}

/// Sequence numbers reported lost, at most 17 for each word of the packet.
#[derive(Debug, Clone)]
pub struct LostSequences<'a> {
    cur: Cursor<'a>,
    /// The number that the lowest bit of `following` stands for.
    next: Seq,
    following: u16,
}

impl Iterator for LostSequences<'_> {
    type Item = Seq;

    fn next(&mut self) -> Option<Seq> {
        if self.following == 0 {
            // [RFC4585 6.2.1] One lost packet, and a bit for each of the sixteen after it.
            let first = Seq(self.cur.u16().ok()?);
            self.following = self.cur.u16().ok()?;
            self.next = first.wrapping_add(1);
            return Some(first);
        }
        let skipped = self.following.trailing_zeros();
        let lost = self.next.wrapping_add(u16::try_from(skipped).unwrap_or(0));
        self.following = self.following.unbounded_shr(skipped + 1);
        self.next = lost.wrapping_add(1);
        Some(lost)
    }
}

/// Payload-specific feedback (type 206) [RFC4585 6.3].
#[derive(Debug, Clone, Copy)]
pub struct PayloadFeedback<'a> {
    /// Feedback message type, 0 to 31.
    pub fmt: u8,
    /// Who sends the feedback.
    pub sender_ssrc: Ssrc,
    /// The source it is about; 0 in a full intra request, which names it in its entries.
    pub media_ssrc: Ssrc,
    /// Feedback control information; whole 32-bit words unless the peer's padding cuts one.
    pub fci: &'a [u8],
}

impl<'a> PayloadFeedback<'a> {
    /// The message type of a picture loss indication [RFC4585 6.3.1].
    pub const PICTURE_LOSS: u8 = 1;
    /// The message type of a full intra request [RFC5104 4.3.1].
    pub const FULL_INTRA_REQUEST: u8 = 4;

    pub(super) fn read(fmt: u8, mut body: Cursor<'a>) -> Result<Self, Malformed> {
        let sender_ssrc = Ssrc(body.u32()?);
        let media_ssrc = Ssrc(body.u32()?);
        Ok(Self { fmt, sender_ssrc, media_ssrc, fci: body.rest() })
    }

    /// True where this says that the picture of `media_ssrc` was lost.
    #[must_use]
    pub const fn is_picture_loss(&self) -> bool {
        self.fmt == Self::PICTURE_LOSS
    }

    /// The sources asked for a full picture, each with the request's number; none in another message.
    #[must_use]
    pub const fn full_intra_requests(&self) -> FullIntraRequests<'a> {
        let fci: &[u8] = if self.fmt == Self::FULL_INTRA_REQUEST { self.fci } else { &[] };
        FullIntraRequests { cur: Cursor::new(fci) }
    }
}

/// The entries of a full intra request: the source, and a number that a repetition keeps.
#[derive(Debug, Clone)]
pub struct FullIntraRequests<'a> {
    cur: Cursor<'a>,
}

impl Iterator for FullIntraRequests<'_> {
    type Item = (Ssrc, u8);

    fn next(&mut self) -> Option<(Ssrc, u8)> {
        let ssrc = Ssrc(self.cur.u32().ok()?);
        let [number, _, _, _] = self.cur.array().ok()?;
        Some((ssrc, number))
    }
}
