//! Sender and receiver reports [RFC3550 6.4.1] [RFC3550 6.4.2]: what a source sent, and what it received of
//! others.

use std::time::Duration;

use crate::cursor::{Cursor, Sink};
use crate::error::{Malformed, TooShort, WriteError};
use crate::ntp::{NtpTime, duration_from_short};
use crate::rtp::{RtpTicks, Ssrc};

use super::kind;
use super::writer::CompoundWriter;

/// Bytes of one report block [RFC3550 6.4.1].
const BLOCK_LEN: usize = 24;
/// Bytes of the sender information [RFC3550 6.4.1].
const SENDER_INFO_LEN: usize = 20;

/// What a source sent [RFC3550 6.4.1].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderInfo {
    /// Wall-clock time at which the report was sent.
    pub ntp: NtpTime,
    /// The same instant on the clock of the RTP timestamps.
    pub rtp: RtpTicks,
    /// Packets sent since the source started; wraps.
    pub packets: u32,
    /// Payload bytes sent since the source started, without headers and padding; wraps.
    pub octets: u32,
}

impl SenderInfo {
    pub(super) fn read(cur: &mut Cursor<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            ntp: NtpTime(u64::from_be_bytes(cur.array()?)),
            rtp: RtpTicks(cur.u32()?),
            packets: cur.u32()?,
            octets: cur.u32()?,
        })
    }

    fn write(&self, sink: &mut Sink<'_>) -> Result<(), TooShort> {
        sink.put(&self.ntp.0.to_be_bytes())?;
        sink.u32(self.rtp.0)?;
        sink.u32(self.packets)?;
        sink.u32(self.octets)
    }
}

/// What was received of one source [RFC3550 6.4.1].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReportBlock {
    /// The source reported on.
    pub ssrc: Ssrc,
    /// Packets lost since the last report, in 1/256 of those expected.
    pub fraction_lost: u8,
    /// Packets lost since the start; negative where duplicates exceed losses. Held in 24 bits on the wire:
    /// writing clamps it to -8,388,608..=8,388,607.
    pub cumulative_lost: i32,
    /// Highest sequence number received in the low 16 bits, count of its wraps in the high 16.
    pub highest_sequence: u32,
    /// Interarrival jitter in RTP timestamp units.
    pub jitter: u32,
    /// Middle 32 bits of the NTP time of the last sender report received, 0 for none yet.
    pub last_sr: u32,
    /// Time between receiving that report and sending this block, in 1/65536 s; 0 for none yet.
    pub delay_since_last_sr: u32,
}

impl ReportBlock {
    /// The round-trip time that a report received at `arrival` shows [RFC3550 6.4.1]; `None` where the
    /// reporter has had no sender report yet, or where the times contradict each other: a report answered
    /// before it was sent, or one held for longer than it was away.
    #[must_use]
    pub fn round_trip(&self, arrival: NtpTime) -> Option<Duration> {
        if self.last_sr == 0 {
            return None;
        }
        // Past half a cycle (9 hours) the difference is that of a report from the future.
        let since_sent = arrival.middle_32().wrapping_sub(self.last_sr);
        let since_sent = u32::try_from(since_sent.cast_signed()).ok()?;
        since_sent.checked_sub(self.delay_since_last_sr).map(duration_from_short)
    }

    fn read(cur: &mut Cursor<'_>) -> Result<Self, Malformed> {
        let ssrc = Ssrc(cur.u32()?);
        let [fraction_lost, l0, l1, l2] = cur.array()?;
        Ok(Self {
            ssrc,
            fraction_lost,
            // An arithmetic shift extends the sign of the 24 bits.
            cumulative_lost: i32::from_be_bytes([l0, l1, l2, 0]) >> 8,
            highest_sequence: cur.u32()?,
            jitter: cur.u32()?,
            last_sr: cur.u32()?,
            delay_since_last_sr: cur.u32()?,
        })
    }

    fn write(&self, sink: &mut Sink<'_>) -> Result<(), TooShort> {
        let [_, l0, l1, l2] = self.cumulative_lost.clamp(-0x80_0000, 0x7f_ffff).to_be_bytes();
        sink.u32(self.ssrc.0)?;
        sink.put(&[self.fraction_lost, l0, l1, l2])?;
        sink.u32(self.highest_sequence)?;
        sink.u32(self.jitter)?;
        sink.u32(self.last_sr)?;
        sink.u32(self.delay_since_last_sr)
    }
}

/// The blocks of a report, at most 31, in the order sent.
#[derive(Debug, Clone)]
pub struct ReportBlocks<'a> {
    cur: Cursor<'a>,
}

impl<'a> ReportBlocks<'a> {
    /// Takes `count` blocks. What follows them is a profile's extension, which is ignored [RFC3550 6.4.3].
    pub(super) fn read(count: u8, cur: &mut Cursor<'a>) -> Result<Self, Malformed> {
        cur.take(usize::from(count) * BLOCK_LEN).map(|blocks| Self { cur: Cursor::new(blocks) })
    }
}

impl Iterator for ReportBlocks<'_> {
    type Item = ReportBlock;

    fn next(&mut self) -> Option<ReportBlock> {
        ReportBlock::read(&mut self.cur).ok()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let count = self.cur.remaining() / BLOCK_LEN;
        (count, Some(count))
    }
}

impl ExactSizeIterator for ReportBlocks<'_> {}

impl CompoundWriter<'_> {
    /// Appends a sender report of `ssrc`.
    ///
    /// # Errors
    /// [`WriteError`] where there are more than 31 blocks or the buffer is full. Nothing is then written.
    pub fn sender_report(
        &mut self,
        ssrc: Ssrc,
        info: &SenderInfo,
        reports: &[ReportBlock],
    ) -> Result<(), WriteError> {
        let len = 4 + SENDER_INFO_LEN + reports.len() * BLOCK_LEN;
        let mut sink = self.begin(kind::SENDER_REPORT, reports.len(), len)?;
        sink.u32(ssrc.0)?;
        info.write(&mut sink)?;
        reports.iter().try_for_each(|block| block.write(&mut sink))?;
        Ok(())
    }

    /// Appends a receiver report of `ssrc`, which may have no blocks.
    ///
    /// # Errors
    /// [`WriteError`] where there are more than 31 blocks or the buffer is full. Nothing is then written.
    pub fn receiver_report(&mut self, ssrc: Ssrc, reports: &[ReportBlock]) -> Result<(), WriteError> {
        let len = 4 + reports.len() * BLOCK_LEN;
        let mut sink = self.begin(kind::RECEIVER_REPORT, reports.len(), len)?;
        sink.u32(ssrc.0)?;
        reports.iter().try_for_each(|block| block.write(&mut sink))?;
        Ok(())
    }
}
