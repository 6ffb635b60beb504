//! Sequence numbers of streams that are relayed as they come, on a leg with SRTP. A sender that begins its numbers anew under one
//! SSRC would have packets refused: no index is used twice under one key [RFC3711 9.1]. They go on with the next numbers
//! instead. Feedback that names numbers is brought back to those of the sender.

use mediapoint_packet::rtp::{RtpTicks, RtpView, Seq, Ssrc};

use crate::session::snapshot::stream::RenumberedSnapshot;

/// Streams of a leg that are told apart: as many as its SRTP sends.
const MAX_STREAMS: usize = 32;

/// Where the sequence number stands in a header [RFC3550 5.1].
const SEQUENCE: std::ops::Range<usize> = 2..4;

/// Packet type of transport feedback, and the format that names packets missed [RFC4585 6.1, 6.2.1].
const TRANSPORT_FEEDBACK: u8 = 205;
const NACK: u8 = 1;

#[derive(Debug, Clone)]
struct Stream {
    ssrc: Ssrc,
    /// The highest number that came, and the newest timestamp.
    highest: Seq,
    timestamp: RtpTicks,
    /// Bit n: the number n below `highest` came.
    seen: u128,
    /// From numbers received to those sent.
    offset: u16,
    /// The number that would confirm that what looked like a copy began the numbers anew [RFC3550 A.1].
    awaited: Option<Seq>,
}

/// The streams of a leg.
#[derive(Debug, Clone, Default)]
pub(crate) struct Renumbered {
    streams: Vec<Stream>,
}

impl Renumbered {
    /// Gives a packet that is to be protected its number.
    pub(crate) fn apply(&mut self, packet: &mut [u8]) {
        let Ok(view) = RtpView::parse(packet) else { return };
        let (ssrc, sequence, timestamp) = (view.ssrc(), view.sequence(), view.timestamp());
        let offset = match self.streams.iter_mut().find(|stream| stream.ssrc == ssrc) {
            Some(stream) => stream.follow(sequence, timestamp),
            None => {
                if self.streams.len() < MAX_STREAMS {
                    let stream =
                        Stream { ssrc, highest: sequence, timestamp, seen: 1, offset: 0, awaited: None };
                    self.streams.push(stream);
                }
                0
            }
        };
        if offset != 0
            && let Some(octets) = packet.get_mut(SEQUENCE)
        {
            octets.copy_from_slice(&sequence.0.wrapping_add(offset).to_be_bytes());
        }
    }

    /// Brings the numbers that the party misses back to those of their sender [RFC4585 6.2.1].
    pub(crate) fn restore_feedback(&self, compound: &mut [u8]) {
        if self.streams.iter().all(|stream| stream.offset == 0) {
            return;
        }
        let mut rest = compound;
        while let [first, kind, high, low, ..] = *rest {
            let len = 4 * (usize::from(u16::from_be_bytes([high, low])) + 1);
            let Some((packet, behind)) = rest.split_at_mut_checked(len) else { return };
            if (first & 0x1f, kind) == (NACK, TRANSPORT_FEEDBACK)
                && let Some((head, lost)) = packet.split_at_mut_checked(12)
                && let Some(ssrc) = head.last_chunk()
            {
                let ssrc = Ssrc(u32::from_be_bytes(*ssrc));
                for entry in lost.chunks_exact_mut(4) {
                    if let Some(number) = entry.first_chunk_mut() {
                        *number = self.original(ssrc, u16::from_be_bytes(*number)).to_be_bytes();
                    }
                }
            }
            rest = behind;
        }
    }

    /// The sender's number for one that was sent in a stream.
    fn original(&self, ssrc: Ssrc, sent: u16) -> u16 {
        let stream = self.streams.iter().find(|stream| stream.ssrc == ssrc);
        sent.wrapping_sub(stream.map_or(0, |stream| stream.offset))
    }

    pub(crate) fn save(&self) -> Vec<RenumberedSnapshot> {
        let save = |stream: &Stream| RenumberedSnapshot {
            ssrc: stream.ssrc.0,
            highest: stream.highest.0,
            timestamp: stream.timestamp.0,
            #[expect(clippy::cast_possible_truncation, reason = "both halves are kept")]
            seen: [(stream.seen >> 64) as u64, stream.seen as u64],
            offset: stream.offset,
        };
        self.streams.iter().map(save).collect()
    }

    pub(crate) fn restored(saved: &[RenumberedSnapshot]) -> Self {
        let restore = |saved: &RenumberedSnapshot| Stream {
            ssrc: Ssrc(saved.ssrc),
            highest: Seq(saved.highest),
            timestamp: RtpTicks(saved.timestamp),
            seen: u128::from(saved.seen[0]) << 64 | u128::from(saved.seen[1]),
            offset: saved.offset,
            awaited: None,
        };
        Self { streams: saved.iter().take(MAX_STREAMS).map(restore).collect() }
    }
}

impl Stream {
    /// The offset of a packet.
    fn follow(&mut self, sequence: Seq, timestamp: RtpTicks) -> u16 {
        let step = i32::from(sequence.distance_from(self.highest));
        let later = timestamp.distance_from(self.timestamp) > 0;
        if step > 0 {
            self.highest = sequence;
            self.seen = self.seen.checked_shl(step.unsigned_abs()).unwrap_or(0) | 1;
            self.awaited = None;
            if later {
                self.timestamp = timestamp;
            }
            return self.offset;
        }
        let bit = 1_u128.checked_shl(step.unsigned_abs());
        let copy = bit.is_none_or(|bit| self.seen & bit != 0);
        if let Some(bit) = bit.filter(|_| !copy) {
            // It is late.
            self.seen |= bit;
        } else if later || self.awaited == Some(sequence) {
            // A packet that is later than all others, or two in sequence, began the numbers anew. One alone may just be late.
            let next = self.highest.0.wrapping_add(self.offset).wrapping_add(1);
            self.offset = next.wrapping_sub(sequence.0);
            (self.highest, self.timestamp) = (sequence, timestamp);
            // What is before the first one has no number of its own.
            (self.seen, self.awaited) = (u128::MAX, None);
        } else {
            self.awaited = Some(sequence.wrapping_add(1));
        }
        self.offset
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mediapoint_packet::rtp::{PayloadType, RtpHeader};

    /// The numbers that packets of one stream are sent under, by their numbers and timestamps.
    fn sent(renumbered: &mut Renumbered, packets: &[(u16, u32)]) -> Vec<u16> {
        let one = |&(sequence, timestamp): &(u16, u32)| {
            let header = RtpHeader {
                marker: false,
                payload_type: PayloadType::PCMU,
                sequence: Seq(sequence),
                timestamp: RtpTicks(timestamp),
                ssrc: Ssrc(7),
            };
            let mut packet = [0; 20];
            header.write(&mut packet).unwrap();
            renumbered.apply(&mut packet);
            RtpView::parse(&packet).unwrap().sequence().0
        };
        packets.iter().map(one).collect()
    }

    #[test]
    fn what_is_late_lost_or_a_copy_keeps_its_number() {
        let packets =
            [(65_534, 0), (65_535, 0), (1, 90), (0, 90), (1, 90), (5, 180), (2, 90), (3, 90), (700, 900)];
        let numbers: Vec<u16> = packets.iter().map(|(sequence, _)| *sequence).collect();
        assert_eq!(sent(&mut Renumbered::default(), &packets), numbers);
        // Frames that are sent out of the order of their timestamps.
        assert_eq!(
            sent(&mut Renumbered::default(), &[(9, 0), (11, 100), (10, 300), (12, 300)]),
            [9, 11, 10, 12]
        );
    }

    // test-of: [RFC3711 9.1]
    #[test]
    fn numbers_that_begin_anew_go_on() {
        let mut renumbered = Renumbered::default();
        assert_eq!(
            sent(&mut renumbered, &[(5000, 0), (5001, 90), (0, 180), (1, 180)]),
            [5000, 5001, 5002, 5003]
        );
        assert_eq!(sent(&mut renumbered, &[(3, 270), (2, 270)]), [5005, 5004]);
        assert_eq!(renumbered.original(Ssrc(7), 5005), 3);
        assert_eq!(renumbered.original(Ssrc(8), 5005), 5005, "another stream");
        // Again, near the beginning, and with timestamps that begin anew, too: the second packet tells.
        assert_eq!(sent(&mut renumbered, &[(0, 360), (1, 450)]), [5006, 5007]);
        assert_eq!(sent(&mut renumbered, &[(0, 5), (1, 5), (2, 5)])[1..], [5008, 5009]);
    }

    #[test]
    fn one_packet_that_is_very_late_is_no_new_beginning() {
        let packets = [(5000, 9000), (4800, 10), (5001, 9090), (4801, 20), (5002, 9180)];
        assert_eq!(sent(&mut Renumbered::default(), &packets), [5000, 4800, 5001, 4801, 5002]);
    }

    // test-of: [RFC4585 6.2.1]
    #[test]
    fn what_is_missed_is_told_by_the_senders_numbers() {
        let mut renumbered = Renumbered::default();
        let report = [0x80, 201, 0, 1, 0, 0, 0, 1];
        let missed = |number: u16, ssrc: u8| {
            let [high, low] = number.to_be_bytes();
            let mut packet = report.to_vec();
            packet.extend([0x81, 205, 0, 4, 0, 0, 0, 1, 0, 0, 0, ssrc, high, low, 0, 3, high, low, 0, 0]);
            packet
        };
        let restored = |renumbered: &Renumbered, number, ssrc| {
            let mut packet = missed(number, ssrc);
            renumbered.restore_feedback(&mut packet);
            packet
        };
        sent(&mut renumbered, &[(5000, 0)]);
        assert_eq!(restored(&renumbered, 5000, 7), missed(5000, 7));
        sent(&mut renumbered, &[(0, 90), (1, 90)]);
        assert_eq!(restored(&renumbered, 5002, 7), missed(1, 7));
        assert_eq!(restored(&renumbered, 5002, 8), missed(5002, 8), "another stream");
        // Whatever it is.
        for cut in 0..28 {
            renumbered.restore_feedback(&mut missed(5002, 7)[..cut]);
        }
        renumbered.restore_feedback(&mut [0x81, 205, 0xff, 0xff, 0, 0]);
    }

    #[test]
    fn streams_are_kept_apart_and_bounded() {
        let mut renumbered = Renumbered::default();
        for ssrc in 0..100_u32 {
            let mut packet = [0x80, 96, 0, 9, 0, 0, 0, 1, 0, 0, 0, 0];
            packet[8..].copy_from_slice(&ssrc.to_be_bytes());
            renumbered.apply(&mut packet);
            assert_eq!(packet[2..4], [0, 9]);
        }
        assert_eq!(renumbered.streams.len(), MAX_STREAMS);
        renumbered.apply(&mut [1, 2, 3]);
        let saved = renumbered.save();
        assert_eq!(Renumbered::restored(&saved).save(), saved);
    }
}
