//! Loops through other servers: what a leg is sent comes back to it, is sent again, and goes round for ever. Own addresses are
//! refused as destinations, so that there is always another server in a loop, and nothing in a header tells it.
//!
//! What tells it is the payloads. One of them is marked; where it comes again and again, the leg is in a loop or is sent a
//! tone. The proof is the cure: the leg's media is dropped for two seconds. A loop is empty then; a source that goes on is
//! none. Where the mark does not come again, another payload is marked. So a packet costs one comparison.

use std::hash::{BuildHasher, RandomState};
use std::mem::offset_of;
use std::time::Duration;

use mediapoint_packet::Time;

/// A payload that comes again within this time has gone round.
const LONGEST_ROUND: Duration = Duration::from_secs(5);

/// Where a payload is nothing to be marked, another one is looked at after this time.
const NEXT_LOOK: Duration = Duration::from_millis(200);

/// For how long the mark must have come again, and while the leg is flooded, as a loop that multiplies does.
const SUSPECT_AFTER: Duration = Duration::from_secs(60);
const SUSPECT_FLOOD_AFTER: Duration = Duration::from_secs(1);

/// How often it must have come again at least.
const LEAST_REPEATS: u32 = 6;

/// For how long a suspected leg's media is dropped.
const CUT: Duration = Duration::from_secs(2);

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LoopVerdict {
    Pass,
    /// It is dropped, and is the first that is.
    CutBegins,
    Cut,
}

/// What each packet is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    /// Eight octets of the payload that is marked.
    sample: u64,
    /// When another payload is to be marked, unless this one comes again.
    until: Time,
    cut: bool,
}

/// Watches what comes to one leg. The field that every packet needs comes last, beside those of the leg.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct LoopWatch {
    /// Of the whole payload that is marked.
    hash: u64,
    /// Since when it has come again, and how often.
    since: Option<Time>,
    repeats: u32,
    cut_until: Time,
    /// What repeats now has gone on after a cut: it is no loop.
    cleared: bool,
    hasher: RandomState,
    mark: Mark,
}

impl Default for LoopWatch {
    fn default() -> Self {
        Self {
            mark: Mark { sample: 0, until: Time::ZERO, cut: false },
            hash: 0,
            since: None,
            repeats: 0,
            cut_until: Time::ZERO,
            cleared: false,
            hasher: RandomState::new(),
        }
    }
}

impl LoopWatch {
    /// Where what every packet needs begins.
    pub(crate) const HOT_FROM: usize = offset_of!(Self, mark);

    /// Takes note of a payload that came. `is_flooded` tells whether more comes to the leg than it takes.
    pub(crate) fn observe(
        &mut self,
        now: Time,
        payload: &[u8],
        is_flooded: impl FnOnce() -> bool,
    ) -> LoopVerdict {
        let Mark { sample, until, cut } = self.mark;
        let own = sample_of(payload);
        if own != sample && now < until && !cut {
            LoopVerdict::Pass
        } else {
            self.look(now, payload, is_flooded())
        }
    }

    /// True where nothing comes again at present.
    pub(crate) const fn is_quiet(&self) -> bool {
        self.since.is_none() && !self.mark.cut
    }

    #[cold]
    fn look(&mut self, now: Time, payload: &[u8], flooded: bool) -> LoopVerdict {
        if self.mark.cut {
            if now < self.cut_until {
                return LoopVerdict::Cut;
            }
            self.mark.cut = false;
            self.cleared = true;
            // The mark is known still, so that the same tone is not new.
            self.mark.until = now + LONGEST_ROUND;
        }
        let hash = self.hasher.hash_one(payload);
        if hash == self.hash && now < self.mark.until {
            self.mark.until = now + LONGEST_ROUND;
            self.repeats = self.repeats.saturating_add(1);
            let since = *self.since.get_or_insert(now);
            let needed = if flooded { SUSPECT_FLOOD_AFTER } else { SUSPECT_AFTER };
            if self.cleared || self.repeats < LEAST_REPEATS || now.since(since) < needed {
                return LoopVerdict::Pass;
            }
            self.mark.cut = true;
            self.cut_until = now + CUT;
            return LoopVerdict::CutBegins;
        }
        if now >= self.mark.until {
            self.mark_anew(now, hash, payload);
        }
        LoopVerdict::Pass
    }

    /// Marks a payload; none of silence, of which every octet is the same.
    fn mark_anew(&mut self, now: Time, hash: u64, payload: &[u8]) {
        (self.since, self.repeats, self.cleared) = (None, 0, false);
        let is_silence = payload.windows(2).all(|pair| pair.first() == pair.last());
        if is_silence {
            self.mark.until = now + NEXT_LOOK;
            return;
        }
        self.hash = hash;
        self.mark = Mark { sample: sample_of(payload), until: now + LONGEST_ROUND, cut: false };
    }
}

/// The eight octets in the middle of a payload; 0 of a shorter one.
fn sample_of(payload: &[u8]) -> u64 {
    let middle = payload.get(payload.len() / 2..).unwrap_or_default();
    middle.first_chunk().map_or(0, |octets| u64::from_le_bytes(*octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(n: u64) -> Vec<u8> {
        (0..160_u64)
            .map(|at| ((n + 1).wrapping_mul(at + 7).wrapping_mul(2_654_435_761) >> 13 & 0xff) as u8)
            .collect()
    }

    fn at(n: u64) -> Time {
        Time::from_millis(n * 20)
    }

    #[test]
    fn speech_is_never_cut() {
        let mut watch = LoopWatch::default();
        for n in 0..200_000 {
            assert_eq!(watch.observe(at(n), &payload(n), || n % 2 == 0), LoopVerdict::Pass);
        }
    }

    #[test]
    fn what_goes_round_is_cut_after_a_minute_and_for_two_seconds() {
        let mut watch = LoopWatch::default();
        let verdicts: Vec<LoopVerdict> =
            (0..4000).map(|n| watch.observe(at(n), &payload(n % 100), || false)).collect();
        let begins = verdicts.iter().position(|verdict| *verdict == LoopVerdict::CutBegins).unwrap();
        assert!((3000..3300).contains(&begins), "after {begins} packets");
        let cut = verdicts.iter().filter(|verdict| **verdict == LoopVerdict::Cut).count();
        assert!((90..=100).contains(&cut), "{cut}");
    }

    #[test]
    fn tone_that_goes_on_is_cut_once() {
        let mut watch = LoopWatch::default();
        let cuts = (0..100_000)
            .filter(|n| watch.observe(at(*n), &payload(n % 40), || false) == LoopVerdict::CutBegins);
        assert_eq!(cuts.count(), 1);
        // Speech, and then it may be a loop again.
        for n in 0..1000 {
            watch.observe(at(100_000 + n), &payload(1000 + n), || false);
        }
        let again = (101_000..110_000)
            .filter(|n| watch.observe(at(*n), &payload(n % 40), || false) == LoopVerdict::CutBegins);
        assert_eq!(again.count(), 1);
    }

    #[test]
    fn loop_that_multiplies_is_cut_after_a_second() {
        let mut watch = LoopWatch::default();
        let first = (0..10_000_u64).find(|n| {
            watch.observe(Time::from_millis(n * 2), &payload(n % 100), || true) == LoopVerdict::CutBegins
        });
        assert!(first.is_some_and(|n| n < 800), "{first:?}");
    }

    #[test]
    fn silence_is_no_loop() {
        let mut watch = LoopWatch::default();
        assert!((0..100_000).all(|n| watch.observe(at(n), &[0xff; 160], || true) == LoopVerdict::Pass));
    }
}
