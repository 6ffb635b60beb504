//! Where the packets of a stream stand in time, and what is missing between them.

use super::{Cut, packet_length};

/// No position is later; so none ever overflows.
const LATEST: u64 = 1 << 62;
/// The longest gap that is filled, in samples at 48 kHz: an hour. What is longer is a position that means nothing.
const MAX_GAP: u64 = 3600 * 48_000;
/// The position of a page on which no packet ends [RFC3533 6].
const NO_POSITION: u64 = u64::MAX;
/// Gaps that are told one by one.
const TOLD: usize = 8;

/// A page as it is read.
#[derive(Debug)]
pub(super) struct Page {
    /// Where it begins in the file.
    pub(super) at: u64,
    /// Where its audio ends, in samples at 48 kHz.
    pub(super) granule: u64,
    /// It ends the stream.
    pub(super) last: bool,
    /// Pages that are missing between it and the last one on which a packet ended.
    pub(super) missing: u32,
    /// The packets that end on it.
    pub(super) packets: Vec<Vec<u8>>,
}

/// What a page brings.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stretch {
    /// A packet, with the audio that is not to be heard.
    Packet(Vec<u8>, Cut),
    /// Audio that is missing, in samples at 48 kHz.
    Gap(u64),
}

/// Which samples of a stream are to be heard.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    /// Samples up to the end of the last page; none before the first.
    pub(super) position: Option<u64>,
    /// Samples of the beginning that are still to be left out.
    pub(super) skip: u64,
    pub(super) gaps: Vec<Gap>,
    /// Gaps beyond those, and their samples.
    pub(super) further: (u64, u64),
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Gap {
    /// The page behind it.
    at: u64,
    pages: u32,
    length: Option<u64>,
}

impl Timeline {
    /// Finds out which samples of the page's packets are to be heard [RFC7845 4], and what is missing before them.
    pub(super) fn place(&mut self, page: Page) -> Vec<Stretch> {
        let length: u64 = page.packets.iter().map(|packet| packet_length(packet)).sum();
        let granule = page.granule.min(LATEST);
        let mut placed = Vec::with_capacity(page.packets.len() + 1);
        let start = match self.position {
            Some(position) => position + self.gap(&page, position + length, &mut placed),
            // Pages that are missing behind the headers were the first ones.
            None if page.missing > 0 => self.gap(&page, length, &mut placed),
            // A recording that began in the middle of a stream begins later than at 0.
            None => granule.saturating_sub(length),
        };
        // An end may cut off the last page.
        let end = if page.last { granule.max(start).min(start + length) } else { start + length };
        let mut at = start;
        for packet in page.packets {
            let after = at + packet_length(&packet);
            let front = self.skip.min(after - at);
            self.skip -= front;
            let back = after.saturating_sub(end).min(after - at);
            at = after;
            placed.push(Stretch::Packet(packet, Cut { front, back }));
        }
        self.position = Some(at);
        placed
    }

    /// Samples that are missing before a page whose packets would end at `end` if none were.
    fn gap(&mut self, page: &Page, end: u64, placed: &mut Vec<Stretch>) -> u64 {
        let mut gap =
            if page.granule == NO_POSITION { 0 } else { page.granule.min(LATEST).saturating_sub(end) };
        let unit = page.packets.first().map_or(0, |packet| packet_length(packet));
        if page.last && page.missing > 0 && unit > 0 {
            // What the end cuts off is less than a packet, and packets are of one length.
            gap = gap.next_multiple_of(unit);
        } else if page.last {
            // The end may say more than there is.
            gap = 0;
        }
        if page.missing == 0 && gap == 0 {
            return 0;
        }
        let known = gap > 0 && gap <= MAX_GAP;
        let told = Gap { at: page.at, pages: page.missing, length: known.then_some(gap) };
        if self.gaps.len() < TOLD {
            self.gaps.push(told);
        } else {
            self.further.0 += 1;
            self.further.1 += told.length.unwrap_or(0);
        }
        if !known {
            return 0;
        }
        let skipped = self.skip.min(gap);
        self.skip -= skipped;
        placed.push(Stretch::Gap(gap - skipped));
        gap
    }

    /// What there is to say of gaps.
    pub(super) fn remarks(&self) -> Vec<String> {
        let mut remarks: Vec<String> = self.gaps.iter().map(Gap::describe).collect();
        if self.further.0 > 0 {
            remarks.push(format!("{} further gaps, {} in all", self.further.0, seconds(self.further.1)));
        }
        remarks
    }
}

impl Gap {
    fn describe(&self) -> String {
        let length = match self.length {
            Some(length) => format!("a gap of {}", seconds(length)),
            None => "a gap of unknown length, which is not filled,".to_owned(),
        };
        let why = match self.pages {
            0 => "its position says so".to_owned(),
            1 => "1 page is missing".to_owned(),
            pages => format!("{pages} pages are missing"),
        };
        format!("{length} before the page at byte {}: {why}", self.at)
    }
}

/// Samples at 48 kHz as seconds.
fn seconds(samples: u64) -> String {
    let ms = samples / 48;
    format!("{}.{:03} s", ms / 1000, ms % 1000)
}
