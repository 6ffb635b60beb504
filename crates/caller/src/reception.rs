//! What a receiver knows of one RTP stream: loss, disorder, duplicates and interarrival jitter [RFC3550 6.4.1, A.8].

use std::time::Duration;

use mediapoint_packet::Time;

/// Packets back from the newest within which a duplicate is told from a late packet.
const WINDOW: u64 = 1_024;

/// A larger step of the sequence number is taken for a new beginning of the stream, not for loss [RFC3550 A.1].
const MAX_DROPOUT: i64 = 3_000;

/// RTP clock of most telephone audio and of telephone-event, in ticks a second.
const CLOCK: u32 = 8_000;

/// One packet's place in its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Newer than all before.
    Newest,
    /// Late: newer ones came before it.
    Late,
    /// Seen before.
    Duplicate,
}

/// Counters of one stream. All are since its first packet.
#[derive(Debug, Clone)]
pub struct Reception {
    ssrc: u32,
    /// Extended sequence numbers; the first one is shifted up by one cycle, so that nothing falls below zero.
    first: u64,
    highest: u64,
    /// Bit `n % WINDOW` stands for extended number `n`.
    seen: Box<[u64; (WINDOW / 64) as usize]>,
    received: u64,
    late: u64,
    duplicates: u64,
    /// RTP ticks a second.
    clock: f64,
    jitter_ticks: f64,
    last_transit: Option<f64>,
    reported: Reported,
}

/// Where the last reception report stood.
#[derive(Debug, Clone, Copy, Default)]
struct Reported {
    expected: u64,
    received: u64,
}

/// What a reception report says of a stream [RFC3550 6.4.1].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportBlock {
    /// Loss since the last report, in 256ths.
    pub fraction_lost: u8,
    /// Loss since the beginning, 24 bits.
    pub total_lost: u32,
    /// Cycles and highest sequence number.
    pub highest: u32,
    /// Jitter in RTP ticks.
    pub jitter: u32,
}

impl Reception {
    /// A stream of an RTP clock of 8 kHz that begins with sequence number `seq`, not yet counted.
    #[must_use]
    pub fn new(ssrc: u32, seq: u16) -> Self {
        let first = 0x1_0000 + u64::from(seq);
        Self {
            ssrc,
            first,
            highest: first - 1,
            seen: Box::new([0; (WINDOW / 64) as usize]),
            received: 0,
            late: 0,
            duplicates: 0,
            clock: f64::from(CLOCK),
            jitter_ticks: 0.0,
            last_transit: None,
            reported: Reported::default(),
        }
    }

    /// The same stream with an RTP clock of so many hertz.
    #[must_use]
    pub fn with_clock(self, hertz: u32) -> Self {
        Self { clock: f64::from(hertz.max(1)), ..self }
    }

    /// Books a packet that came at `now`; `None` where its number is so far off that the stream begins anew.
    pub fn handle(&mut self, now: Time, seq: u16, timestamp: u32) -> Option<Order> {
        let step = i64::from(seq.wrapping_sub(self.highest.to_le_bytes_low()).cast_signed());
        if step.abs() > MAX_DROPOUT {
            return None;
        }
        let number = self.highest.checked_add_signed(step)?;
        if step > 0 {
            for skipped in self.highest + 1..=number {
                self.mark(skipped, false);
            }
            self.highest = number;
        } else if self.is_marked(number) {
            self.duplicates += 1;
            return Some(Order::Duplicate);
        } else {
            self.late += 1;
            // One that left before the first that arrived: it was expected all along.
            self.first = self.first.min(number);
        }
        self.mark(number, true);
        self.received += 1;
        self.update_jitter(now, timestamp);
        Some(if step > 0 { Order::Newest } else { Order::Late })
    }

    /// The stream's source.
    #[must_use]
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Packets that came, each once.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Packets that should have come up to the newest and did not.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.expected().saturating_sub(self.received)
    }

    /// Packets that came behind newer ones.
    #[must_use]
    pub fn late(&self) -> u64 {
        self.late
    }

    /// Copies beside the first.
    #[must_use]
    pub fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// Interarrival jitter.
    #[must_use]
    pub fn jitter(&self) -> Duration {
        Duration::from_secs_f64(self.jitter_ticks / self.clock)
    }

    /// The report of now, from which the next one counts its fraction lost [RFC3550 A.3].
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the fields' own widths")]
    pub fn report(&mut self) -> ReportBlock {
        let now = Reported { expected: self.expected(), received: self.received };
        let expected = now.expected - self.reported.expected.min(now.expected);
        let received = now.received - self.reported.received;
        let lost = expected.saturating_sub(received);
        self.reported = now;
        ReportBlock {
            fraction_lost: (lost * 256).checked_div(expected).unwrap_or(0).min(255) as u8,
            total_lost: self.lost().min(0x7f_ffff) as u32,
            highest: (self.highest - 0x1_0000) as u32,
            jitter: self.jitter_ticks as u32,
        }
    }

    fn expected(&self) -> u64 {
        (self.highest + 1).saturating_sub(self.first)
    }

    /// [RFC3550 A.8]
    fn update_jitter(&mut self, now: Time, timestamp: u32) {
        let arrival = now.since(Time::ZERO).as_secs_f64() * self.clock;
        let transit = arrival - f64::from(timestamp);
        if let Some(last) = self.last_transit.replace(transit) {
            // A timestamp that went round is no jitter.
            let difference = (transit - last).abs();
            let difference = difference.min((difference - 4_294_967_296.0).abs());
            self.jitter_ticks += (difference - self.jitter_ticks) / 16.0;
        }
    }

    fn is_marked(&self, number: u64) -> bool {
        // What is older than the window is taken for seen: counting a copy as new would hide loss.
        if self.highest - number.min(self.highest) >= WINDOW {
            return true;
        }
        let bit = number % WINDOW;
        self.seen.get(word(bit)).is_some_and(|word| word >> (bit % 64) & 1 == 1)
    }

    fn mark(&mut self, number: u64, seen: bool) {
        let bit = number % WINDOW;
        if let Some(word) = self.seen.get_mut(word(bit)) {
            let mask = 1 << (bit % 64);
            *word = if seen { *word | mask } else { *word & !mask };
        }
    }
}

fn word(bit: u64) -> usize {
    usize::try_from(bit / 64).unwrap_or(0)
}

/// The low 16 bits, which are the number on the wire.
trait LowSequence {
    fn to_le_bytes_low(self) -> u16;
}

impl LowSequence for u64 {
    fn to_le_bytes_low(self) -> u16 {
        let [low, high, ..] = self.to_le_bytes();
        u16::from_le_bytes([low, high])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn at(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    #[test]
    fn loss_duplicates_and_disorder_are_counted_across_the_wrap() {
        let mut stream = Reception::new(1, 65_534);
        for (seq, order) in [
            (65_534, Order::Newest),
            (65_535, Order::Newest),
            (1, Order::Newest),
            (0, Order::Late),
            (0, Order::Duplicate),
            (3, Order::Newest),
        ] {
            assert_eq!(stream.handle(at(0), seq, 0), Some(order), "{seq}");
        }
        assert_eq!((stream.received(), stream.lost(), stream.late(), stream.duplicates()), (5, 1, 1, 1));
        assert_eq!(stream.report().highest, 0x1_0003);
    }

    proptest! {
        #[test]
        fn counts_agree_with_a_set(first: u16, steps in prop::collection::vec(-40_i32..60, 1..400)) {
            let mut stream = Reception::new(1, first);
            let mut number = i64::from(first);
            let (mut seen, mut highest, mut lowest) = (HashSet::new(), number, number);
            let (mut late, mut duplicates) = (0, 0);
            for step in steps {
                let seq = u16::try_from(number.rem_euclid(0x1_0000)).unwrap();
                prop_assert!(stream.handle(at(0), seq, 0).is_some());
                if !seen.insert(number) {
                    duplicates += 1;
                } else if number < highest {
                    late += 1;
                }
                (highest, lowest) = (highest.max(number), lowest.min(number));
                number = (number + i64::from(step)).max(highest - 500);
            }
            prop_assert_eq!(stream.received(), seen.len() as u64);
            prop_assert_eq!(stream.late(), late);
            prop_assert_eq!(stream.duplicates(), duplicates);
            prop_assert_eq!(stream.lost(), u64::try_from(highest - lowest).unwrap() + 1 - seen.len() as u64);
        }
    }

    // test-of: [RFC3550 A.8]
    #[test]
    fn jitter_is_a_sixteenth_of_each_deviation() {
        let mut stream = Reception::new(1, 0);
        stream.handle(at(0), 0, 0);
        stream.handle(at(20), 1, 160);
        assert_eq!(stream.jitter(), Duration::ZERO);
        stream.handle(at(56), 2, 320);
        let jitter = stream.jitter().as_secs_f64();
        assert!((jitter - 0.001).abs() < 1e-9, "{jitter}");

        let mut wide = Reception::new(1, 0).with_clock(48_000);
        for (seq, millis) in [(0, 0), (1, 20), (2, 56)] {
            wide.handle(at(millis), seq, u32::from(seq) * 960);
        }
        assert!((wide.jitter().as_secs_f64() - 0.001).abs() < 1e-9, "{:?}", wide.jitter());
    }

    // test-of: [RFC3550 A.3]
    #[test]
    fn fraction_lost_is_of_the_interval_since_the_last_report() {
        let mut stream = Reception::new(1, 0);
        for seq in (0..100).filter(|seq| seq % 2 == 0) {
            stream.handle(at(0), seq, 0);
        }
        assert_eq!((stream.report().fraction_lost, stream.report().total_lost), (126, 49));
        for seq in 99..149 {
            stream.handle(at(0), seq, 0);
        }
        assert_eq!((stream.report().fraction_lost, stream.report().total_lost), (0, 49));
    }

    // test-of: [RFC3550 A.1]
    #[test]
    fn a_jump_is_a_new_beginning() {
        let mut stream = Reception::new(1, 0);
        assert!(stream.handle(at(0), 0, 0).is_some());
        assert_eq!(stream.handle(at(0), 30_000, 0), None);
    }
}
