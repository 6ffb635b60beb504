//! Payloads: the codec mode request, the table of contents, the frames [RFC4867 4.3, 4.4].

use super::frame::{Band, Frame};
use super::layout::AmrLayout;

/// The most frames that a payload has here: 240 ms.
pub const MAX_FRAMES: usize = 12;
/// The codec mode request of who has none [RFC4867 4.3.1].
pub const NO_REQUEST: u8 = 15;

/// Why a payload is not read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AmrError {
    /// It ends before its frames do.
    #[error("payload of {have} octets where its frames need {need}")]
    Ends {
        /// Octets that it needs, as far as is known.
        need: usize,
        /// Octets that there are.
        have: usize,
    },
    /// Something stands behind its frames: another layout than was agreed.
    #[error("payload of {have} octets where its frames have {need}")]
    Behind {
        /// Octets that it needs.
        need: usize,
        /// Octets that there are.
        have: usize,
    },
    /// A frame of a type that no payload may have.
    #[error("frame type {0}")]
    FrameType(u8),
    /// More frames than [`MAX_FRAMES`], or none.
    #[error("{0} frames")]
    Frames(usize),
    /// Interleaved frames, or check sums to be made.
    #[error("layout that is not coded")]
    Layout,
    /// The room for the payload is too small.
    #[error("payload of {need} octets, room for {have}")]
    Room {
        /// Octets that it needs.
        need: usize,
        /// Octets that there are.
        have: usize,
    },
}

/// What a payload holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payload {
    /// The mode that its sender asks to be sent; [`NO_REQUEST`] where it does not care.
    pub request: u8,
    frames: [Frame; MAX_FRAMES],
    count: usize,
}

impl Payload {
    /// Its frames, 20 ms each, in the order of time.
    #[must_use]
    pub fn frames(&self) -> &[Frame] {
        self.frames.get(..self.count).unwrap_or_default()
    }
}

/// Reads a payload.
///
/// # Errors
/// [`AmrError`] where it is none of this layout. A payload with a frame of a type that is not defined is none
/// [RFC4867 4.3.2].
pub fn unpack(band: Band, layout: AmrLayout, octets: &[u8]) -> Result<Payload, AmrError> {
    if layout.interleaving {
        return Err(AmrError::Layout);
    }
    let mut bits = Reader { octets, at: 0 };
    let request = bits.take(4)?;
    bits.align(layout)?;
    let mut payload = Payload { request, frames: [Frame::nothing(band); MAX_FRAMES], count: 0 };
    loop {
        let (follows, kind, good) = (bits.take(1)? == 1, bits.take(4)?, bits.take(1)? == 1);
        bits.align(layout)?;
        band.bits(kind).ok_or(AmrError::FrameType(kind))?;
        let place = payload.frames.get_mut(payload.count).ok_or(AmrError::Frames(MAX_FRAMES + 1))?;
        *place = Frame::empty(band, kind, good);
        payload.count += 1;
        if !follows {
            break;
        }
    }
    let frames = payload.frames.get_mut(..payload.count).unwrap_or_default();
    if layout.crc {
        // Who checks nothing passes over the sums of frames that have bits.
        bits.at += 8 * frames.iter().filter(|frame| frame.bits() > 0).count();
    }
    if layout.octet_align && layout.robust_sorting {
        bits.sorted(frames)?;
    } else {
        bits.in_order(frames, layout.octet_align)?;
    }
    bits.end()?;
    frames.iter_mut().for_each(Frame::clear_rest);
    Ok(payload)
}

/// Writes a payload of frames of one band, and gives how many octets it has.
///
/// # Errors
/// [`AmrError`] for no frames or too many, for a layout that is not coded, and where the room is too small.
pub fn pack(layout: AmrLayout, request: u8, frames: &[Frame], octets: &mut [u8]) -> Result<usize, AmrError> {
    if !layout.is_coded() {
        return Err(AmrError::Layout);
    }
    if !(1..=MAX_FRAMES).contains(&frames.len()) {
        return Err(AmrError::Frames(frames.len()));
    }
    let need = octets_of(layout, frames.iter());
    let have = octets.len();
    let room = octets.get_mut(..need).ok_or(AmrError::Room { need, have })?;
    room.fill(0);
    let mut bits = Writer { octets: room, at: 0 };
    bits.put(request, 4);
    bits.align(layout);
    for (n, frame) in frames.iter().enumerate() {
        bits.put(u8::from(n + 1 < frames.len()), 1);
        bits.put(frame.kind(), 4);
        bits.put(u8::from(frame.is_good()), 1);
        bits.align(layout);
    }
    if layout.octet_align && layout.robust_sorting {
        let longest = frames.iter().map(|frame| frame.octets().len()).max().unwrap_or(0);
        for place in 0..longest {
            frames.iter().filter_map(|frame| frame.octets().get(place)).for_each(|octet| bits.put(*octet, 8));
        }
    } else {
        for frame in frames {
            bits.put_all(frame.octets(), frame.bits());
            bits.align(layout);
        }
    }
    Ok(need)
}

/// Octets of a payload of `count` frames like one.
#[cfg(feature = "amr")]
pub(super) fn packed_len(layout: AmrLayout, count: usize, frame: &Frame) -> usize {
    octets_of(layout, std::iter::repeat_n(frame, count))
}

/// Octets of a payload.
fn octets_of<'a>(layout: AmrLayout, frames: impl Iterator<Item = &'a Frame>) -> usize {
    if layout.octet_align {
        return 1 + frames.map(|frame| 1 + frame.octets().len()).sum::<usize>();
    }
    let bits = 4 + frames.map(|frame| 6 + usize::from(frame.bits())).sum::<usize>();
    bits.div_ceil(8)
}

/// Bits from octets, most significant first.
struct Reader<'a> {
    octets: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn take(&mut self, width: usize) -> Result<u8, AmrError> {
        self.need(width)?;
        // Those of this octet and the next, as one number.
        let octet = |at: usize| u16::from(self.octets.get(at).copied().unwrap_or_default());
        let pair = octet(self.at / 8) << 8 | octet(self.at / 8 + 1);
        let [value, _] = (pair << (self.at % 8)).to_be_bytes();
        self.at += width;
        Ok(value >> (8 - width))
    }

    fn need(&self, bits: usize) -> Result<(), AmrError> {
        let (need, have) = ((self.at + bits).div_ceil(8), self.octets.len());
        if need > have { Err(AmrError::Ends { need, have }) } else { Ok(()) }
    }

    /// Passes over what fills up an octet.
    fn align(&mut self, layout: AmrLayout) -> Result<(), AmrError> {
        if layout.octet_align {
            self.at = self.at.next_multiple_of(8);
            self.need(0)?;
        }
        Ok(())
    }

    fn in_order(&mut self, frames: &mut [Frame], octet_align: bool) -> Result<(), AmrError> {
        for frame in frames {
            let bits = usize::from(frame.bits());
            self.need(bits)?;
            let end = if octet_align { self.at + bits.next_multiple_of(8) } else { self.at + bits };
            for octet in frame.octets_mut() {
                let width = 8.min(end - self.at);
                *octet = self.take(width)? << (8 - width);
            }
        }
        Ok(())
    }

    /// The first octets of all frames, then the second ones, and so on.
    fn sorted(&mut self, frames: &mut [Frame]) -> Result<(), AmrError> {
        let longest = frames.iter().map(|frame| frame.octets().len()).max().unwrap_or(0);
        for place in 0..longest {
            for frame in &mut *frames {
                if let Some(octet) = frame.octets_mut().get_mut(place) {
                    *octet = self.take(8)?;
                }
            }
        }
        Ok(())
    }

    /// Refuses what has more octets than its frames.
    fn end(&self) -> Result<(), AmrError> {
        let (need, have) = (self.at.div_ceil(8), self.octets.len());
        if have > need { Err(AmrError::Behind { need, have }) } else { self.need(0) }
    }
}

/// Bits into octets that are 0, most significant first.
struct Writer<'a> {
    octets: &'a mut [u8],
    at: usize,
}

impl Writer<'_> {
    fn put(&mut self, value: u8, width: usize) {
        let [upper, lower] = ((u16::from(value) << (16 - width)) >> (self.at % 8)).to_be_bytes();
        for (place, part) in [(self.at / 8, upper), (self.at / 8 + 1, lower)] {
            if let Some(octet) = self.octets.get_mut(place) {
                *octet |= part;
            }
        }
        self.at += width;
    }

    fn put_all(&mut self, octets: &[u8], bits: u16) {
        let mut left = usize::from(bits);
        for octet in octets {
            let width = left.min(8);
            self.put(octet >> (8 - width), width);
            left -= width;
        }
    }

    const fn align(&mut self, layout: AmrLayout) {
        if layout.octet_align {
            self.at = self.at.next_multiple_of(8);
        }
    }
}
