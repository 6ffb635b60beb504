//! One direction of a network path: delay, jitter, loss alone and in bursts, reordering, duplicates, flipped bits.

use std::collections::HashSet;
use std::time::Duration;

use mediapoint_packet::Time;

use crate::random::Random;

/// Loss in bursts: a Gilbert-Elliott channel, stepped once a packet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Burst {
    /// Probability that a good channel turns bad.
    pub enter: f64,
    /// Probability that a bad channel turns good.
    pub leave: f64,
    /// Share of packets lost while it is bad.
    pub loss: f64,
}

/// What a path does to packets. The default is a perfect path of 10 ms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinkProfile {
    /// Least time on the way.
    pub delay: Duration,
    /// Further time on the way, uniform from zero to this. It does not reorder.
    pub jitter: Duration,
    /// Share of packets lost, each by itself.
    pub loss: f64,
    /// Loss in bursts.
    pub burst: Option<Burst>,
    /// Share of packets that come twice.
    pub duplicate: f64,
    /// Share of packets held back by `reorder_by`, while others overtake.
    pub reorder: f64,
    /// How long those are held back.
    pub reorder_by: Duration,
    /// Share of packets with one bit flipped.
    pub corrupt: f64,
}

impl Default for LinkProfile {
    fn default() -> Self {
        Self {
            delay: Duration::from_millis(10),
            jitter: Duration::ZERO,
            loss: 0.0,
            burst: None,
            duplicate: 0.0,
            reorder: 0.0,
            reorder_by: Duration::from_millis(50),
            corrupt: 0.0,
        }
    }
}

impl LinkProfile {
    /// A perfect path of that delay.
    #[must_use]
    pub fn clean(delay: Duration) -> Self {
        Self { delay, ..Self::default() }
    }

    /// A bad path: 3 % loss, 1 % reordered by 50 ms, 1 % duplicated, 25 ms of jitter.
    #[must_use]
    pub fn rough() -> Self {
        Self {
            jitter: Duration::from_millis(25),
            loss: 0.03,
            duplicate: 0.01,
            reorder: 0.01,
            ..Self::default()
        }
    }
}

/// What a link did so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LinkCounts {
    /// Packets given to it.
    pub sent: u64,
    /// Of those, packets lost.
    pub lost: u64,
    /// Second copies made.
    pub duplicated: u64,
    /// Copies with a bit flipped.
    pub corrupted: u64,
    /// Copies that arrived.
    pub arrived: u64,
    /// Packets that arrived, at first, after one that was sent later.
    pub out_of_order: u64,
}

/// When and how one copy of a packet arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub(crate) at: Time,
    pub(crate) number: u64,
    /// True where there are two copies.
    pub(crate) twice: bool,
    /// A random figure that says which bit is flipped.
    pub(crate) flip: Option<u64>,
}

/// One direction of a path.
#[derive(Debug, Clone)]
pub struct Link {
    profile: LinkProfile,
    random: Random,
    bad: bool,
    last_arrival: Time,
    highest_arrived: Option<u64>,
    one_copy_arrived: HashSet<u64>,
    counts: LinkCounts,
}

impl Link {
    /// A link with its own chance.
    #[must_use]
    pub fn new(profile: LinkProfile, random: Random) -> Self {
        Self {
            profile,
            random,
            bad: false,
            last_arrival: Time::ZERO,
            highest_arrived: None,
            one_copy_arrived: HashSet::new(),
            counts: LinkCounts::default(),
        }
    }

    /// Becomes another path from now on.
    pub fn set_profile(&mut self, profile: LinkProfile) {
        self.profile = profile;
    }

    /// What it does.
    #[must_use]
    pub const fn profile(&self) -> &LinkProfile {
        &self.profile
    }

    /// What it did.
    #[must_use]
    pub const fn counts(&self) -> LinkCounts {
        self.counts
    }

    /// The arrivals of a packet that is sent now: none, one or two.
    pub(crate) fn carry(&mut self, now: Time) -> [Option<Arrival>; 2] {
        let number = self.counts.sent;
        self.counts.sent += 1;
        if self.loses() {
            self.counts.lost += 1;
            return [None; 2];
        }
        let twice = self.random.chance(self.profile.duplicate);
        let first = self.arrival(now, number, twice);
        let second = twice.then(|| {
            self.counts.duplicated += 1;
            self.arrival(now, number, true)
        });
        [Some(first), second]
    }

    /// Notes that a copy arrived.
    pub(crate) fn note(&mut self, arrival: &Arrival) {
        self.counts.arrived += 1;
        let overtaken = self.highest_arrived.is_some_and(|highest| arrival.number < highest);
        // The second copy to arrive clears what the first one noted.
        let first = !arrival.twice || !self.one_copy_arrived.remove(&arrival.number);
        if first && arrival.twice {
            self.one_copy_arrived.insert(arrival.number);
        }
        if overtaken && first {
            self.counts.out_of_order += 1;
        }
        self.highest_arrived = self.highest_arrived.max(Some(arrival.number));
    }

    fn loses(&mut self) -> bool {
        let mut loss = self.profile.loss;
        if let Some(burst) = self.profile.burst {
            let turn = if self.bad { burst.leave } else { burst.enter };
            self.bad ^= self.random.chance(turn);
            if self.bad {
                loss = burst.loss;
            }
        }
        self.random.chance(loss)
    }

    fn arrival(&mut self, now: Time, number: u64, twice: bool) -> Arrival {
        let mut at = now + self.profile.delay + self.random.duration_below(self.profile.jitter);
        if self.random.chance(self.profile.reorder) {
            at = at + self.profile.reorder_by;
        } else {
            at = at.max(self.last_arrival);
            self.last_arrival = at;
        }
        let flip = self.random.chance(self.profile.corrupt).then(|| self.random.next_u64());
        self.counts.corrupted += u64::from(flip.is_some());
        Arrival { at, number, twice, flip }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(profile: LinkProfile) -> (Vec<Arrival>, LinkCounts) {
        let mut link = Link::new(profile, Random::new(5));
        let mut arrivals: Vec<Arrival> =
            (0..20_000).flat_map(|n| link.carry(Time::from_millis(n * 20))).flatten().collect();
        arrivals.sort_by_key(|arrival| arrival.at);
        for arrival in &arrivals {
            link.note(arrival);
        }
        (arrivals, link.counts())
    }

    #[test]
    fn a_clean_link_delivers_all_in_order_after_its_delay() {
        let (arrivals, counts) = run(LinkProfile::clean(Duration::from_millis(7)));
        assert_eq!(counts, LinkCounts { sent: 20_000, arrived: 20_000, ..LinkCounts::default() });
        assert!(arrivals.iter().all(|one| one.at == Time::from_millis(one.number * 20 + 7)));
    }

    #[test]
    fn shares_are_kept_and_what_is_counted_is_what_happened() {
        let (arrivals, counts) = run(LinkProfile::rough());
        assert_eq!(counts.arrived, counts.sent - counts.lost + counts.duplicated);
        assert!((500..700).contains(&counts.lost), "{counts:?}");
        assert!((150..250).contains(&counts.duplicated), "{counts:?}");
        assert!((130..250).contains(&counts.out_of_order), "{counts:?}");
        assert_eq!(arrivals.len() as u64, counts.arrived);
    }

    #[test]
    fn bursts_lose_in_runs() {
        let burst = Burst { enter: 0.01, leave: 0.2, loss: 1.0 };
        let (arrivals, counts) = run(LinkProfile { burst: Some(burst), ..LinkProfile::default() });
        let runs = arrivals.windows(2).filter(|pair| pair[1].number > pair[0].number + 1).count();
        #[expect(clippy::cast_precision_loss, reason = "a ratio")]
        let mean = counts.lost as f64 / runs as f64;
        assert!((4.0..6.0).contains(&mean), "mean run {mean}");
    }

    #[test]
    fn jitter_alone_never_reorders() {
        let profile = LinkProfile { jitter: Duration::from_millis(90), ..LinkProfile::default() };
        assert_eq!(run(profile).1.out_of_order, 0);
    }
}
