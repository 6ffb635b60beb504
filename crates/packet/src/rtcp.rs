//! RTCP [RFC3550 6.1]: compound packets validated as a whole before any part of them is believed,
//! reduced-size packets [RFC5506 4.1], and a writer that fills the caller's buffer. Intervals and statistics
//! are elsewhere.

mod app;
mod bye;
mod extended;
mod feedback;
mod report;
mod source_description;
mod writer;

pub use app::App;
pub use extended::{Block, Blocks, Extended, LastReceiverReport, LastReceiverReports, VoipMetrics};
pub use feedback::{FullIntraRequests, LostSequences, PayloadFeedback, TransportFeedback};
pub use report::{ReportBlock, ReportBlocks, SenderInfo};
pub use source_description::{Chunk, Chunks, Item, Items, SourceDescription};
pub use writer::CompoundWriter;

pub use crate::error::{Malformed, WriteError};

use crate::cursor::Cursor;
use crate::rtp::{Ssrc, Ssrcs};

/// The RTCP packet types this module knows.
mod kind {
    /// Sender report [RFC3550 6.4.1].
    pub(super) const SENDER_REPORT: u8 = 200;
    /// Receiver report [RFC3550 6.4.2].
    pub(super) const RECEIVER_REPORT: u8 = 201;
    /// Source description [RFC3550 6.5].
    pub(super) const SOURCE_DESCRIPTION: u8 = 202;
    /// Goodbye [RFC3550 6.6].
    pub(super) const BYE: u8 = 203;
    /// Application-defined [RFC3550 6.7].
    pub(super) const APP: u8 = 204;
    /// Transport layer feedback [RFC4585 6.1].
    pub(super) const TRANSPORT_FEEDBACK: u8 = 205;
    /// Payload-specific feedback [RFC4585 6.1].
    pub(super) const PAYLOAD_FEEDBACK: u8 = 206;
    /// Extended report [RFC3611 2].
    pub(super) const EXTENDED: u8 = 207;
}

const VERSION: u8 = 2;
const PADDING: u8 = 0x20;
const COUNT: u8 = 0x1f;
const HEADER_LEN: usize = 4;

/// A datagram of one or more RTCP packets, all of them valid.
#[derive(Debug, Clone, Copy)]
pub struct Compound<'a> {
    datagram: Cursor<'a>,
    reduced_size: bool,
}

impl<'a> Compound<'a> {
    /// Reads a whole datagram, and refuses all of it where any part is malformed [RFC3550 A.2].
    ///
    /// # Errors
    /// [`Malformed`] with the reason found first.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, Malformed> {
        let mut cur = Cursor::new(datagram);
        let first = Raw::read(&mut cur)?;
        // [RFC3550 A.2] Padding belongs on the last packet. A receiver checks the first one only, and peers
        // do pad feedback that others follow.
        if first.padded && !cur.is_empty() {
            return Err(Malformed::PaddedFirst(first.kind));
        }
        first.interpret()?;
        while !cur.is_empty() {
            Raw::read(&mut cur)?.interpret()?;
        }
        // [RFC5506 3.4.2] A compound starts with a report; what starts otherwise is of reduced size.
        let reduced_size = !matches!(first.kind, kind::SENDER_REPORT | kind::RECEIVER_REPORT);
        Ok(Self { datagram: Cursor::new(datagram), reduced_size })
    }

    /// True where the first packet is no report, which only a session that agreed on reduced-size RTCP may
    /// send [RFC5506 4.1].
    #[must_use]
    pub const fn is_reduced_size(&self) -> bool {
        self.reduced_size
    }

    /// The packets in the order sent.
    #[must_use]
    pub const fn packets(&self) -> Packets<'a> {
        Packets { cur: self.datagram }
    }
}

impl<'a> IntoIterator for Compound<'a> {
    type Item = Packet<'a>;
    type IntoIter = Packets<'a>;

    fn into_iter(self) -> Packets<'a> {
        self.packets()
    }
}

impl<'a> IntoIterator for &Compound<'a> {
    type Item = Packet<'a>;
    type IntoIter = Packets<'a>;

    fn into_iter(self) -> Packets<'a> {
        self.packets()
    }
}

/// The packets of a [`Compound`].
#[derive(Debug, Clone)]
pub struct Packets<'a> {
    cur: Cursor<'a>,
}

impl<'a> Iterator for Packets<'a> {
    type Item = Packet<'a>;

    fn next(&mut self) -> Option<Packet<'a>> {
        // `Compound::parse` has seen every packet to be valid, so that an error means the end.
        Raw::read(&mut self.cur).and_then(|raw| raw.interpret()).ok()
    }
}

/// One RTCP packet.
#[derive(Debug, Clone)]
pub enum Packet<'a> {
    /// What a source sent and received [RFC3550 6.4.1].
    SenderReport {
        /// The source that reports.
        ssrc: Ssrc,
        /// What it sent.
        info: SenderInfo,
        /// What it received, one block for each source it heard.
        reports: ReportBlocks<'a>,
    },
    /// What a party that sent nothing received [RFC3550 6.4.2].
    ReceiverReport {
        /// The party that reports.
        ssrc: Ssrc,
        /// What it received, one block for each source it heard.
        reports: ReportBlocks<'a>,
    },
    /// Names of sources [RFC3550 6.5].
    SourceDescription(SourceDescription<'a>),
    /// Sources that leave [RFC3550 6.6].
    Bye {
        /// The sources; there may be none.
        ssrcs: Ssrcs<'a>,
        /// Why, in UTF-8 by the specification, not by the peer's word.
        reason: Option<&'a [u8]>,
    },
    /// Application-defined [RFC3550 6.7].
    App(App<'a>),
    /// Transport layer feedback [RFC4585 6.2].
    TransportFeedback(TransportFeedback<'a>),
    /// Payload-specific feedback [RFC4585 6.3].
    PayloadFeedback(PayloadFeedback<'a>),
    /// Extended report [RFC3611 2].
    Extended(Extended<'a>),
    /// A type that this module does not know; to be ignored [RFC3550 6.1].
    Unknown(Unknown<'a>),
}

/// A packet of a type that this module does not know.
#[derive(Debug, Clone, Copy)]
pub struct Unknown<'a> {
    /// RTCP packet type.
    pub kind: u8,
    /// The five bits beside the version, a count in most types.
    pub count: u8,
    /// What follows the four-byte header, without padding.
    pub body: &'a [u8],
}

/// The common header, and the bytes it says are the packet's own.
#[derive(Debug, Clone, Copy)]
struct Raw<'a> {
    count: u8,
    kind: u8,
    padded: bool,
    body: Cursor<'a>,
}

impl<'a> Raw<'a> {
    fn read(cur: &mut Cursor<'a>) -> Result<Self, Malformed> {
        let available = cur.remaining();
        let [first, kind, l0, l1] = cur.array()?;
        if first >> 6 != VERSION {
            return Err(Malformed::Version(first >> 6));
        }
        let len = usize::from(u16::from_be_bytes([l0, l1])) * 4;
        let body = cur.take(len).map_err(|_| Malformed::RtcpLength {
            kind,
            declared: len + HEADER_LEN,
            available,
        })?;
        let padded = first & PADDING != 0;
        let body = if padded { without_padding(body)? } else { body };
        Ok(Self { count: first & COUNT, kind, padded, body: Cursor::new(body) })
    }

    fn interpret(self) -> Result<Packet<'a>, Malformed> {
        let Self { count, kind, mut body, .. } = self;
        Ok(match kind {
            kind::SENDER_REPORT => Packet::SenderReport {
                ssrc: Ssrc(body.u32()?),
                info: SenderInfo::read(&mut body)?,
                reports: ReportBlocks::read(count, &mut body)?,
            },
            kind::RECEIVER_REPORT => Packet::ReceiverReport {
                ssrc: Ssrc(body.u32()?),
                reports: ReportBlocks::read(count, &mut body)?,
            },
            kind::SOURCE_DESCRIPTION => Packet::SourceDescription(SourceDescription::read(count, body)?),
            kind::BYE => {
                let (ssrcs, reason) = bye::read(count, body)?;
                Packet::Bye { ssrcs, reason }
            }
            kind::APP => Packet::App(App::read(count, body)?),
            kind::TRANSPORT_FEEDBACK => Packet::TransportFeedback(TransportFeedback::read(count, body)?),
            kind::PAYLOAD_FEEDBACK => Packet::PayloadFeedback(PayloadFeedback::read(count, body)?),
            kind::EXTENDED => Packet::Extended(Extended::read(body)?),
            _ => Packet::Unknown(Unknown { kind, count, body: body.rest() }),
        })
    }
}

/// The last byte counts the padding, itself included [RFC3550 6.4.1]. That should be whole words; peers that
/// pad a goodbye or feedback to a word's end count the bytes they filled, which does no harm.
fn without_padding(body: &[u8]) -> Result<&[u8], Malformed> {
    let count = body.last().copied().unwrap_or(0);
    if count == 0 || usize::from(count) > body.len() {
        return Err(Malformed::Padding { count, available: body.len() });
    }
    Ok(body.get(..body.len() - usize::from(count)).unwrap_or_default())
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod webrtc_rs;
