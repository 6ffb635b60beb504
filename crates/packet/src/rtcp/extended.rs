//! Extended reports [RFC3611 2]: the blocks, and of those the receiver reference time, the delay since the
//! last of them, and the VoIP metrics. Other blocks are handed out as they are.

use crate::cursor::{Cursor, Sink};
use crate::error::{Malformed, TooShort, WriteError};
use crate::ntp::NtpTime;
use crate::rtp::Ssrc;

use super::kind;
use super::writer::CompoundWriter;

/// Block types [RFC3611 4].
mod block_kind {
    /// Receiver reference time [RFC3611 4.4].
    pub(super) const REFERENCE_TIME: u8 = 4;
    /// Delay since the last receiver report [RFC3611 4.5].
    pub(super) const LAST_RECEIVER_REPORT: u8 = 5;
    /// VoIP metrics [RFC3611 4.7].
    pub(super) const VOIP_METRICS: u8 = 7;
}

const BLOCK_HEADER_LEN: usize = 4;
/// Bytes of a VoIP metrics block after its header [RFC3611 4.7].
const VOIP_METRICS_LEN: usize = 32;
/// Bytes of one entry of a DLRR block [RFC3611 4.5].
const LAST_RECEIVER_REPORT_LEN: usize = 12;
/// What a metric holds where it was not measured [RFC3611 4.7].
const UNAVAILABLE: u8 = 127;

/// An extended report: some blocks, all of them valid.
#[derive(Debug, Clone, Copy)]
pub struct Extended<'a> {
    /// Who reports.
    pub ssrc: Ssrc,
    blocks: Cursor<'a>,
}

impl<'a> Extended<'a> {
    pub(super) fn read(mut body: Cursor<'a>) -> Result<Self, Malformed> {
        let ssrc = Ssrc(body.u32()?);
        let mut cur = body;
        while !cur.is_empty() {
            Block::read(&mut cur)?;
        }
        Ok(Self { ssrc, blocks: body })
    }

    /// The blocks in the order sent.
    #[must_use]
    pub const fn blocks(&self) -> Blocks<'a> {
        Blocks { cur: self.blocks }
    }
}

/// The blocks of an extended report.
#[derive(Debug, Clone)]
pub struct Blocks<'a> {
    cur: Cursor<'a>,
}

impl<'a> Iterator for Blocks<'a> {
    type Item = Block<'a>;

    fn next(&mut self) -> Option<Block<'a>> {
        Block::read(&mut self.cur).ok()
    }
}

/// One block of an extended report.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Block<'a> {
    /// When a party that sends no media sent this report [RFC3611 4.4].
    ReferenceTime(NtpTime),
    /// The answers to such reports [RFC3611 4.5].
    LastReceiverReports(LastReceiverReports<'a>),
    /// How a call sounds to its receiver [RFC3611 4.7].
    VoipMetrics(VoipMetrics),
    /// A block of another type.
    Other {
        /// Block type.
        kind: u8,
        /// Eight bits that the type defines.
        specific: u8,
        /// What follows the block's four-byte header.
        data: &'a [u8],
    },
}

impl<'a> Block<'a> {
    fn read(cur: &mut Cursor<'a>) -> Result<Self, Malformed> {
        let available = cur.remaining();
        let [kind, specific] = cur.array()?;
        let len = usize::from(cur.u16()?) * 4;
        let declared = len + BLOCK_HEADER_LEN;
        let wrong = |available| Malformed::ExtendedBlock { kind, declared, available };
        let data = cur.take(len).map_err(|_| wrong(available))?;
        // [RFC3611 4.4] [RFC3611 4.7] These types have one length each; a DLRR block holds whole entries.
        match kind {
            block_kind::REFERENCE_TIME => match data.as_array() {
                Some(time) => Ok(Self::ReferenceTime(NtpTime(u64::from_be_bytes(*time)))),
                None => Err(wrong(BLOCK_HEADER_LEN + 8)),
            },
            block_kind::LAST_RECEIVER_REPORT if len.is_multiple_of(LAST_RECEIVER_REPORT_LEN) => {
                Ok(Self::LastReceiverReports(LastReceiverReports { cur: Cursor::new(data) }))
            }
            block_kind::LAST_RECEIVER_REPORT => {
                Err(wrong(BLOCK_HEADER_LEN + len.next_multiple_of(LAST_RECEIVER_REPORT_LEN)))
            }
            block_kind::VOIP_METRICS if len == VOIP_METRICS_LEN => {
                VoipMetrics::read(&mut Cursor::new(data)).map(Self::VoipMetrics)
            }
            block_kind::VOIP_METRICS => Err(wrong(BLOCK_HEADER_LEN + VOIP_METRICS_LEN)),
            _ => Ok(Self::Other { kind, specific, data }),
        }
    }
}

/// The answer to one receiver's reference time [RFC3611 4.5].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastReceiverReport {
    /// The receiver answered.
    pub ssrc: Ssrc,
    /// Middle 32 bits of its last reference time, 0 for none yet.
    pub last_rr: u32,
    /// Time between receiving that and sending this, in 1/65536 s; 0 for none yet.
    pub delay_since_last_rr: u32,
}

/// The answers in a DLRR block.
#[derive(Debug, Clone)]
pub struct LastReceiverReports<'a> {
    cur: Cursor<'a>,
}

impl Iterator for LastReceiverReports<'_> {
    type Item = LastReceiverReport;

    fn next(&mut self) -> Option<LastReceiverReport> {
        let ssrc = Ssrc(self.cur.u32().ok()?);
        let last_rr = self.cur.u32().ok()?;
        let delay_since_last_rr = self.cur.u32().ok()?;
        Some(LastReceiverReport { ssrc, last_rr, delay_since_last_rr })
    }
}

/// How a call sounds to its receiver [RFC3611 4.7]. `None` stands for a metric that was not measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VoipMetrics {
    /// The source reported on.
    pub ssrc: Ssrc,
    /// Packets lost, in 1/256 of those expected.
    pub loss_rate: u8,
    /// Packets discarded for being late or early, in 1/256 of those expected.
    pub discard_rate: u8,
    /// Packets lost or discarded within bursts, in 1/256.
    pub burst_density: u8,
    /// Packets lost or discarded between bursts, in 1/256.
    pub gap_density: u8,
    /// Mean length of a burst in ms.
    pub burst_duration: u16,
    /// Mean length of a gap in ms.
    pub gap_duration: u16,
    /// Last measured round-trip delay in ms, 0 for none.
    pub round_trip_delay: u16,
    /// Last measured delay inside the receiver in ms, 0 for none.
    pub end_system_delay: u16,
    /// Level of speech in dBm0.
    pub signal_level: Option<i8>,
    /// Level of silence in dBm0.
    pub noise_level: Option<i8>,
    /// Residual echo return loss in dB.
    pub residual_echo_return_loss: Option<u8>,
    /// Gap threshold: packets received in a row that end a burst.
    pub gap_minimum: u8,
    /// R factor of this call, 0 to 100.
    pub r_factor: Option<u8>,
    /// R factor of the network beyond this call's own, 0 to 100.
    pub external_r_factor: Option<u8>,
    /// Listening quality MOS in tenths, 10 to 50.
    pub mos_listening: Option<u8>,
    /// Conversational quality MOS in tenths, 10 to 50.
    pub mos_conversational: Option<u8>,
    /// Concealment and jitter buffer kind, bit by bit as on the wire [RFC3611 4.7.6].
    pub receiver_configuration: u8,
    /// Nominal delay of the jitter buffer in ms.
    pub jitter_buffer_nominal: u16,
    /// Highest delay of the jitter buffer so far in ms.
    pub jitter_buffer_maximum: u16,
    /// Highest delay the jitter buffer can reach in ms.
    pub jitter_buffer_absolute_maximum: u16,
}

fn measured(value: u8) -> Option<u8> {
    (value != UNAVAILABLE).then_some(value)
}

fn measured_level(value: u8) -> Option<i8> {
    measured(value).map(u8::cast_signed)
}

impl VoipMetrics {
    fn read(cur: &mut Cursor<'_>) -> Result<Self, Malformed> {
        let ssrc = Ssrc(cur.u32()?);
        let [loss_rate, discard_rate, burst_density, gap_density] = cur.array()?;
        let (burst_duration, gap_duration) = (cur.u16()?, cur.u16()?);
        let (round_trip_delay, end_system_delay) = (cur.u16()?, cur.u16()?);
        let [signal, noise, echo, gap_minimum] = cur.array()?;
        let [r_factor, external_r_factor, mos_listening, mos_conversational] = cur.array()?;
        let [receiver_configuration, _reserved] = cur.array()?;
        Ok(Self {
            ssrc,
            loss_rate,
            discard_rate,
            burst_density,
            gap_density,
            burst_duration,
            gap_duration,
            round_trip_delay,
            end_system_delay,
            signal_level: measured_level(signal),
            noise_level: measured_level(noise),
            residual_echo_return_loss: measured(echo),
            gap_minimum,
            r_factor: measured(r_factor),
            external_r_factor: measured(external_r_factor),
            mos_listening: measured(mos_listening),
            mos_conversational: measured(mos_conversational),
            receiver_configuration,
            jitter_buffer_nominal: cur.u16()?,
            jitter_buffer_maximum: cur.u16()?,
            jitter_buffer_absolute_maximum: cur.u16()?,
        })
    }

    fn write(&self, sink: &mut Sink<'_>) -> Result<(), TooShort> {
        let or_unavailable = |value: Option<u8>| value.unwrap_or(UNAVAILABLE);
        let level = |value: Option<i8>| or_unavailable(value.map(i8::cast_unsigned));
        sink.u32(self.ssrc.0)?;
        sink.put(&[self.loss_rate, self.discard_rate, self.burst_density, self.gap_density])?;
        for delay in [self.burst_duration, self.gap_duration, self.round_trip_delay, self.end_system_delay] {
            sink.u16(delay)?;
        }
        sink.put(&[
            level(self.signal_level),
            level(self.noise_level),
            or_unavailable(self.residual_echo_return_loss),
            self.gap_minimum,
            or_unavailable(self.r_factor),
            or_unavailable(self.external_r_factor),
            or_unavailable(self.mos_listening),
            or_unavailable(self.mos_conversational),
            self.receiver_configuration,
            0,
        ])?;
        sink.u16(self.jitter_buffer_nominal)?;
        sink.u16(self.jitter_buffer_maximum)?;
        sink.u16(self.jitter_buffer_absolute_maximum)
    }
}

impl CompoundWriter<'_> {
    /// Appends an extended report of `ssrc` that holds one VoIP metrics block.
    ///
    /// # Errors
    /// [`WriteError`] where nothing precedes it or the buffer is full. Nothing is then written.
    pub fn voip_metrics(&mut self, ssrc: Ssrc, metrics: &VoipMetrics) -> Result<(), WriteError> {
        let mut sink = self.begin(kind::EXTENDED, 0, 4 + BLOCK_HEADER_LEN + VOIP_METRICS_LEN)?;
        sink.u32(ssrc.0)?;
        sink.put(&[block_kind::VOIP_METRICS, 0, 0, 8])?;
        metrics.write(&mut sink)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
