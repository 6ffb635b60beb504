//! A digit as the packets of a telephone event [RFC4733 2.5.1].

use mediapoint_packet::telephone_event::{EventBlock, MAX_VOLUME};

/// Packets that end an event [RFC4733 2.5.1.4].
const ENDS: u8 = 3;

/// One packet to send: header fields and payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventPacket {
    /// RTP timestamp: where the event, or this segment of it, began.
    pub timestamp: u32,
    /// Set in the first packet of an event.
    pub marker: bool,
    /// The payload.
    pub block: EventBlock,
}

/// Turns one event into packets. Times are RTP timestamps; it wants a call at each [`next_at`](Self::next_at).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct EventSender {
    code: u8,
    volume: u8,
    step: u16,
    /// Length of the whole event, once it is known.
    length: Option<u32>,
    began: u32,
    /// Ticks of the event before this segment.
    before: u32,
    sent: u32,
    next: u32,
    first: bool,
    ends: u8,
}

impl EventSender {
    /// An event that begins at timestamp `began`. A packet goes every `step` ticks, such as 160 for 20 ms at 8000 Hz and 400
    /// for 50 ms; a step of 0 counts as 1. Without a `length` it lasts until [`end`](Self::end).
    #[must_use]
    pub const fn new(code: u8, volume: u8, began: u32, step: u16, length: Option<u32>) -> Self {
        let volume = if volume > MAX_VOLUME { MAX_VOLUME } else { volume };
        let step = if step == 0 { 1 } else { step };
        let next = began.wrapping_add(step as u32);
        Self { code, volume, step, length, began, before: 0, sent: 0, next, first: true, ends: 0 }
    }

    /// Timestamp at which the next packet is due, `None` when all have gone.
    #[must_use]
    pub const fn next_at(&self) -> Option<u32> {
        if self.ends < ENDS { Some(self.next) } else { None }
    }

    /// Ends an open event at timestamp `now`, or a longer one early.
    pub fn end(&mut self, now: u32) {
        let length = now.wrapping_sub(self.began).max(1);
        self.length = Some(self.length.map_or(length, |known| known.min(length)));
    }

    /// The packet due at `now`, `None` where none is.
    pub fn poll(&mut self, now: u32) -> Option<EventPacket> {
        let due = self.next_at()?;
        // Timestamps wrap; half of their range lies before now.
        if now.wrapping_sub(due) >= 1 << 31 {
            return None;
        }
        if self.ends == 0 {
            self.sent = self.sent.saturating_add(u32::from(self.step));
        }
        let total = self.length.map_or(self.sent, |length| length.min(self.sent));
        let ended = self.length.is_some_and(|length| self.sent >= length);
        let in_segment = total - self.before.min(total);
        let timestamp = self.began.wrapping_add(self.before);
        // [RFC4733 2.5.1.3] A segment has the greatest duration a block can name; the next one begins where it ends.
        let full = in_segment > u32::from(u16::MAX);
        let duration = u16::try_from(in_segment).unwrap_or(u16::MAX);
        let block = EventBlock { code: self.code, end: ended && !full, volume: self.volume, duration };
        let marker = std::mem::take(&mut self.first);
        self.next = self.next.wrapping_add(u32::from(self.step.max(1)));
        if full {
            self.before = self.before.saturating_add(u32::from(u16::MAX));
            // The rest of this step goes at once with the new segment.
            self.next = due;
            self.sent -= u32::from(self.step).min(self.sent);
        } else if ended {
            self.ends += 1;
        }
        Some(EventPacket { timestamp, marker, block })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut sender: EventSender) -> Vec<EventPacket> {
        let mut packets = Vec::new();
        while let Some(at) = sender.next_at() {
            packets.extend(sender.poll(at));
        }
        packets
    }

    /// test-of: [RFC4733 2.5.1]
    /// test-of: [RFC4733 2.5.1.4]
    #[test]
    fn a_digit_begins_with_a_marker_and_ends_three_times() {
        let packets = all(EventSender::new(5, 10, 1000, 160, Some(400)));
        let seen: Vec<_> = packets.iter().map(|p| (p.marker, p.block.end, p.block.duration)).collect();
        let expected = [
            (true, false, 160),
            (false, false, 320),
            (false, true, 400),
            (false, true, 400),
            (false, true, 400),
        ];
        assert_eq!(seen, expected);
        assert!(packets.iter().all(|p| p.timestamp == 1000 && p.block.code == 5 && p.block.volume == 10));
    }

    /// test-of: [RFC4733 2.5.1.3]
    #[test]
    fn a_long_event_goes_in_segments_that_join() {
        let packets = all(EventSender::new(1, 10, u32::MAX - 5, 400, Some(150_000)));
        let mut starts: Vec<u32> = packets.iter().map(|p| p.timestamp).collect();
        starts.dedup();
        let began = u32::MAX - 5;
        assert_eq!(starts, [began, began.wrapping_add(65_535), began.wrapping_add(131_070)]);
        assert_eq!(packets.iter().filter(|p| p.marker).count(), 1);
        assert_eq!(packets.iter().filter(|p| p.block.end).count(), 3);
        assert_eq!(packets.last().map(|p| p.block.duration), Some(18_930));
    }

    #[test]
    fn an_open_event_lasts_until_it_is_ended() {
        let mut sender = EventSender::new(9, 10, 0, 160, None);
        for step in 1..=100 {
            assert_eq!(sender.poll(step * 160).map(|p| p.block.end), Some(false));
        }
        assert_eq!(sender.poll(16_001), None);
        sender.end(16_050);
        let last = all(sender);
        assert!(last.len() == 3 && last.iter().all(|p| p.block.end && p.block.duration == 16_050));
    }
}
