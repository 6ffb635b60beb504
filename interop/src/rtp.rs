//! RTP as the harness itself writes and reads it, and the check that a stream has no seam.

use std::time::{Duration, Instant};

use crate::error::{Failure, ensure};

/// Length of a header without extension or contributing sources.
const HEADER: usize = 12;

/// The fields of a header that matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) payload_type: u8,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
}

impl Header {
    /// Reads a header; none when the datagram is no RTP version 2 packet.
    pub(crate) fn read(datagram: &[u8]) -> Option<Self> {
        let [first, second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] = *datagram.first_chunk::<HEADER>()?;
        (first >> 6 == 2).then_some(Self {
            payload_type: second & 0x7f,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([c0, c1, c2, c3]),
        })
    }

    /// A packet with this header.
    pub(crate) fn packet(&self, payload: &[u8]) -> Vec<u8> {
        let mut out = vec![0x80, self.payload_type];
        out.extend_from_slice(&self.sequence.to_be_bytes());
        out.extend_from_slice(&self.timestamp.to_be_bytes());
        out.extend_from_slice(&self.ssrc.to_be_bytes());
        out.extend_from_slice(payload);
        out
    }
}

/// The payload of a packet without extension, contributing sources or padding.
pub(crate) fn payload(datagram: &[u8]) -> &[u8] {
    datagram.get(HEADER..).unwrap_or_default()
}

/// A datagram and when it came.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) at: Instant,
    pub(crate) bytes: Vec<u8>,
}

/// What a listener cannot help hearing: another SSRC, a jump in sequence numbers, a jump in timestamps that is not the
/// time that passed.
pub(crate) fn no_seam(who: &str, arrivals: &[Arrival]) -> Result<(), Failure> {
    no_seam_at(8000, who, arrivals)
}

/// The same for a clock of so many hertz.
pub(crate) fn no_seam_at(clock: u32, who: &str, arrivals: &[Arrival]) -> Result<(), Failure> {
    let packets: Vec<(Instant, Header)> =
        arrivals.iter().filter_map(|arrival| Some((arrival.at, Header::read(&arrival.bytes)?))).collect();
    ensure!(packets.len() > 1, "{who} received {} packets", packets.len());
    for pair in packets.windows(2) {
        let [(before_at, before), (after_at, after)] = pair else { continue };
        ensure!(
            before.ssrc == after.ssrc,
            "{who}: SSRC changed from {:08x} to {:08x} at sequence number {}",
            before.ssrc,
            after.ssrc,
            after.sequence
        );
        let step = after.sequence.wrapping_sub(before.sequence);
        ensure!(step == 1, "{who}: sequence number {} follows {}", after.sequence, before.sequence);
        let ticks = after.timestamp.wrapping_sub(before.timestamp);
        let passed = after_at.duration_since(*before_at);
        ensure!(
            fits(clock, ticks, passed),
            "{who}: timestamp advanced {ticks} in {} ms at sequence number {}",
            passed.as_millis(),
            after.sequence
        );
    }
    Ok(())
}

/// Whether a timestamp step is one packet, or about the silence that was kept.
fn fits(clock: u32, ticks: u32, passed: Duration) -> bool {
    if ticks == clock / 50 {
        return true;
    }
    let expected = passed.as_millis() * u128::from(clock / 1000);
    // A quarter of a second covers scheduling of both ends and a server that counts whole packets.
    u128::from(ticks).abs_diff(expected) <= u128::from(clock / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(headers: &[(u64, u16, u32, u32)]) -> Vec<Arrival> {
        let start = Instant::now();
        headers
            .iter()
            .map(|(ms, sequence, timestamp, ssrc)| Arrival {
                at: start + Duration::from_millis(*ms),
                bytes: Header { payload_type: 0, sequence: *sequence, timestamp: *timestamp, ssrc: *ssrc }
                    .packet(&[0; 160]),
            })
            .collect()
    }

    #[test]
    fn header_reads_back_as_written() {
        let header = Header { payload_type: 8, sequence: 65_535, timestamp: 0xdead_beef, ssrc: 7 };
        assert_eq!(Header::read(&header.packet(&[1])), Some(header));
        assert_eq!(Header::read(&[0x40; 20]), None);
    }

    #[test]
    fn silence_may_pass_but_nothing_may_jump() {
        assert!(no_seam("b", &arrivals(&[(0, 65_535, 0, 1), (20, 0, 160, 1), (1020, 1, 8160, 1)])).is_ok());
        assert!(no_seam("b", &arrivals(&[(0, 1, 0, 1), (20, 2, 160, 2)])).is_err());
        assert!(no_seam("b", &arrivals(&[(0, 1, 0, 1), (20, 3, 320, 1)])).is_err());
        assert!(no_seam("b", &arrivals(&[(0, 1, 0, 1), (20, 2, 90_000, 1)])).is_err());
    }
}
