//! Loops through other servers: what a leg is sent comes back to it, is sent again, and goes round for ever. Own addresses are
//! refused as destinations, so that there is always another server in a loop, and nothing in a header tells it.
//!
//! What tells it is the payloads: each has been here a moment ago, and no new one is among them. A tone looks the same, so the
//! proof is the cure: the leg's media is dropped for two seconds. A loop is empty then; a source that goes on is none.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use mediapoint_packet::Time;

/// Payloads that are remembered.
const REMEMBERED: usize = 64;

/// One in so many payloads is looked at; which ones depends on their octets, so that they are the same ones each time round.
const SAMPLED: u8 = 8;

/// A payload that comes again within this time has come back.
const LONGEST_ROUND: Duration = Duration::from_secs(5);

/// For how long nothing but repeats must have come, and while the leg is flooded, as a loop that multiplies does.
const SUSPECT_AFTER: Duration = Duration::from_secs(60);
const SUSPECT_FLOOD_AFTER: Duration = Duration::from_secs(1);

/// Repeats that are needed at least.
const LEAST_REPEATS: u32 = 16;

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

/// Watches what comes to one leg.
#[derive(Debug)]
pub(crate) struct LoopWatch {
    seen: Box<[(u64, Time); REMEMBERED]>,
    next: usize,
    hasher: RandomState,
    /// Since when there have been only repeats, and how many.
    repeating: Option<Time>,
    repeats: u32,
    cut_until: Option<Time>,
    /// The repeats of now went on after a cut: they are no loop.
    cleared: bool,
}

impl Default for LoopWatch {
    fn default() -> Self {
        Self {
            seen: Box::new([(0, Time::ZERO); REMEMBERED]),
            next: 0,
            hasher: RandomState::new(),
            repeating: None,
            repeats: 0,
            cut_until: None,
            cleared: false,
        }
    }
}

impl LoopWatch {
    /// Takes note of a payload that came, on a leg that is flooded or not.
    pub(crate) fn observe(&mut self, now: Time, payload: &[u8], flooded: bool) -> LoopVerdict {
        if let Some(until) = self.cut_until {
            if now < until {
                return LoopVerdict::Cut;
            }
            self.cut_until = None;
            self.cleared = true;
            self.forget();
        }
        if !is_sampled(payload) {
            return LoopVerdict::Pass;
        }
        let hash = self.hasher.hash_one(payload);
        let known = self.seen.iter_mut().find(|(seen, _)| *seen == hash);
        match known {
            Some((_, at)) if now.since(*at) <= LONGEST_ROUND => {
                *at = now;
                self.repeats = self.repeats.saturating_add(1);
                let since = *self.repeating.get_or_insert(now);
                let needed = if flooded { SUSPECT_FLOOD_AFTER } else { SUSPECT_AFTER };
                if !self.cleared && self.repeats >= LEAST_REPEATS && now.since(since) >= needed {
                    self.cut_until = Some(now + CUT);
                    return LoopVerdict::CutBegins;
                }
            }
            _ => {
                if let Some(place) = self.seen.get_mut(self.next) {
                    *place = (hash, now);
                }
                self.next = (self.next + 1) % REMEMBERED;
                self.repeating = None;
                self.repeats = 0;
                self.cleared = false;
            }
        }
        LoopVerdict::Pass
    }

    /// Repeats after a cut count anew; what was seen before it is known still, so that the same tone is not new.
    fn forget(&mut self) {
        self.repeating = None;
        self.repeats = 0;
        let now = self.seen.iter().map(|(_, at)| *at).max().unwrap_or(Time::ZERO);
        for (_, at) in self.seen.iter_mut().filter(|(_, at)| now.since(*at) <= LONGEST_ROUND) {
            *at = now + CUT;
        }
    }
}

/// True for one payload in [`SAMPLED`]; never for silence, of which every octet is the same.
pub(crate) fn is_sampled(payload: &[u8]) -> bool {
    let Some((first, rest)) = payload.split_first() else { return false };
    let sum = payload.iter().take(16).fold(0_u8, |sum, octet| sum.wrapping_mul(31).wrapping_add(*octet));
    sum % SAMPLED == 0 && rest.iter().any(|octet| octet != first)
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
            assert_eq!(watch.observe(at(n), &payload(n), n % 2 == 0), LoopVerdict::Pass);
        }
    }

    #[test]
    fn what_goes_round_is_cut_after_a_minute_and_for_two_seconds() {
        let mut watch = LoopWatch::default();
        let verdicts: Vec<LoopVerdict> =
            (0..4000).map(|n| watch.observe(at(n), &payload(n % 100), false)).collect();
        let begins = verdicts.iter().position(|verdict| *verdict == LoopVerdict::CutBegins).unwrap();
        assert!((3000..3300).contains(&begins), "after {begins} packets");
        let cut = verdicts.iter().filter(|verdict| **verdict == LoopVerdict::Cut).count();
        assert!((90..=100).contains(&cut), "{cut}");
    }

    #[test]
    fn tone_that_goes_on_is_cut_once() {
        let mut watch = LoopWatch::default();
        let cuts =
            (0..100_000).filter(|n| watch.observe(at(*n), &payload(n % 40), false) == LoopVerdict::CutBegins);
        assert_eq!(cuts.count(), 1);
        // Speech, and then it may be a loop again.
        for n in 0..1000 {
            watch.observe(at(100_000 + n), &payload(1000 + n), false);
        }
        let again = (101_000..110_000)
            .filter(|n| watch.observe(at(*n), &payload(n % 40), false) == LoopVerdict::CutBegins);
        assert_eq!(again.count(), 1);
    }

    #[test]
    fn loop_that_multiplies_is_cut_after_a_second() {
        let mut watch = LoopWatch::default();
        let first = (0..10_000_u64).find(|n| {
            watch.observe(Time::from_millis(n * 2), &payload(n % 100), true) == LoopVerdict::CutBegins
        });
        assert!(first.is_some_and(|n| n < 800), "{first:?}");
    }

    #[test]
    fn silence_is_no_loop() {
        let mut watch = LoopWatch::default();
        assert!((0..100_000).all(|n| watch.observe(at(n), &[0xff; 160], true) == LoopVerdict::Pass));
    }
}
