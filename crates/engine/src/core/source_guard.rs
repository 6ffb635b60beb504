//! Whose packets a leg takes and where it sends: learn once from the first authentic packets, then hold.
//!
//! A packet's way: [`SourceGuard::admits`] is asked before any cryptography, [`SourceGuard::observe`] after a packet has
//! proved authentic (SRTP) or well-formed (plain RTP). On a plain leg an address that the signalling did not name must
//! show [`PROBATION`] packets in sequence before it is believed [RFC3550 A.1].

use std::net::SocketAddr;
use std::time::Duration;

use mediapoint_packet::Time;
use mediapoint_packet::rtp::{Seq, Ssrc};

use crate::api::leg::SourceGuard as Policy;

/// Packets in sequence that an unsignalled source must show on a leg without SRTP.
pub const PROBATION: u8 = 2;

/// How long after it was learnt a source still yields to one that fits the signalling better.
pub const SETTLING: Duration = Duration::from_secs(3);

/// Sources that are on probation at one time.
const CANDIDATES: usize = 8;

/// An old source that was heard within this time is still there: only who fits the signalling replaces it.
const STILL_THERE: Duration = Duration::from_millis(100);

/// Largest step forward by which a stream that moves still goes on.
const IN_SEQUENCE: i16 = 100;

/// What the guard is shown of a packet.
#[derive(Debug, Clone, Copy)]
pub struct Shown {
    /// Where it came from.
    pub from: SocketAddr,
    /// True where SRTP authenticated it.
    pub authenticated: bool,
    /// Its SSRC.
    pub ssrc: Ssrc,
    /// Its sequence number; `None` for a datagram that has none, of which any two are in sequence.
    pub sequence: Option<Seq>,
}

/// What the guard says of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Take it.
    Take,
    /// Take it: its source has just become the leg's.
    TakeAndLearn,
    /// Refuse it.
    Refuse,
}

#[derive(Debug, Clone, Copy)]
struct Candidate {
    from: SocketAddr,
    ssrc: Ssrc,
    last: Option<Seq>,
    shown: u8,
    at: Time,
}

/// Who was heard before learning began anew.
#[derive(Debug, Clone, Copy)]
struct Old {
    from: SocketAddr,
    heard: Time,
    /// When learning began anew.
    since: Time,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Nothing learnt since the last (re)start; `old` is heard until replaced, and is the source again where it is
    /// still there after [`SETTLING`]: a leg that stayed open would be a stranger's for the taking.
    Learning {
        old: Option<Old>,
    },
    Held {
        from: SocketAddr,
        since: Time,
    },
}

/// The guard of one leg's RTP.
#[derive(Debug, Clone)]
pub struct SourceGuard {
    policy: Policy,
    signalled: Option<SocketAddr>,
    state: State,
    candidates: [Option<Candidate>; CANDIDATES],
    /// The stream held, to recognise it when it moves.
    stream: Option<(Ssrc, Seq)>,
}

impl SourceGuard {
    /// A guard that has learnt nothing.
    #[must_use]
    pub const fn new(policy: Policy, signalled: Option<SocketAddr>) -> Self {
        Self {
            policy,
            signalled,
            state: State::Learning { old: None },
            candidates: [None; CANDIDATES],
            stream: None,
        }
    }

    /// Takes a new policy and signalled address; learns anew where the address moved or `relearn` says so.
    pub fn configure(&mut self, now: Time, policy: Policy, signalled: Option<SocketAddr>, relearn: bool) {
        let moved = signalled.is_some() && signalled != self.signalled && self.signalled.is_some();
        self.policy = policy;
        if signalled.is_some() {
            self.signalled = signalled;
        }
        if moved || relearn {
            let old = match self.state {
                State::Held { from, .. } => Some(Old { from, heard: now, since: now }),
                State::Learning { old } => old.map(|old| Old { since: now, ..old }),
            };
            self.candidates = [None; CANDIDATES];
            // A party that says it is where it is already heard has not moved.
            self.state = match self.state {
                State::Held { from, since } if signalled == Some(from) && !relearn => {
                    State::Held { from, since }
                }
                _ => State::Learning { old },
            };
        }
    }

    /// Where packets for the party go.
    #[must_use]
    pub fn destination(&self) -> Option<SocketAddr> {
        match (self.policy, self.state) {
            (Policy::Asymmetric | Policy::Signalled, _) => self.signalled,
            (_, State::Held { from, .. }) => Some(from),
            (_, State::Learning { old }) => self.signalled.or(old.map(|old| old.from)),
        }
    }

    /// The source learnt, where one was.
    #[must_use]
    pub const fn learnt(&self) -> Option<SocketAddr> {
        match self.state {
            State::Held { from, .. } => Some(from),
            State::Learning { .. } => None,
        }
    }

    /// True where a packet from `from` is worth authenticating.
    #[must_use]
    pub fn admits(&self, now: Time, from: SocketAddr) -> bool {
        if self.policy == Policy::Signalled {
            return self.signalled == Some(from);
        }
        match self.state {
            State::Learning { .. } => true,
            State::Held { from: held, since } => {
                from == held
                    || self.policy == Policy::Handover
                    || self.rank(from) > self.rank(held)
                        && (now.since(since) < SETTLING || self.signalled == Some(from))
            }
        }
    }

    /// True where RTCP from `from` may be believed without authentication: the machine is that of the party.
    #[must_use]
    pub fn knows_host(&self, from: SocketAddr) -> bool {
        match self.state {
            State::Held { from: held, .. } => held.ip() == from.ip(),
            State::Learning { old } => {
                self.signalled.is_some_and(|signalled| signalled.ip() == from.ip())
                    || old.is_some_and(|old| old.from.ip() == from.ip())
            }
        }
    }

    /// Judges a packet that is authentic as far as the leg can tell.
    pub fn observe(&mut self, now: Time, shown: &Shown) -> Admission {
        if !self.admits(now, shown.from) {
            return Admission::Refuse;
        }
        match self.state {
            State::Held { from, .. } if from == shown.from => {
                self.remember(shown);
                Admission::Take
            }
            State::Held { .. } => self.observe_mover(now, shown),
            State::Learning { old } => self.observe_newcomer(now, shown, old),
        }
    }

    fn observe_newcomer(&mut self, now: Time, shown: &Shown, old: Option<Old>) -> Admission {
        if let Some(old) = old
            && old.from == shown.from
        {
            self.remember(shown);
            self.state = if now.since(old.since) < SETTLING {
                State::Learning { old: Some(Old { heard: now, ..old }) }
            } else {
                State::Held { from: old.from, since: now }
            };
            return Admission::Take;
        }
        if shown.authenticated || self.signalled == Some(shown.from) {
            return self.hold(now, shown);
        }
        let free = old.is_none_or(|old| now.since(old.heard) >= STILL_THERE);
        if self.passes_probation(now, shown) && free { self.hold(now, shown) } else { Admission::Refuse }
    }

    fn observe_mover(&mut self, now: Time, shown: &Shown) -> Admission {
        let signalled = self.signalled == Some(shown.from);
        if self.policy == Policy::Handover && !shown.authenticated && !signalled {
            let continues = self.stream.is_some_and(|(ssrc, last)| {
                let step = shown.sequence.map_or(0, |sequence| sequence.distance_from(last));
                ssrc == shown.ssrc && (1..=IN_SEQUENCE).contains(&step)
            });
            if !continues {
                return Admission::Refuse;
            }
        }
        let settling = matches!(self.state, State::Held { since, .. } if now.since(since) < SETTLING);
        let believed = shown.authenticated || (settling && signalled);
        if believed || self.passes_probation(now, shown) { self.hold(now, shown) } else { Admission::Refuse }
    }

    fn hold(&mut self, now: Time, shown: &Shown) -> Admission {
        self.state = State::Held { from: shown.from, since: now };
        self.candidates = [None; CANDIDATES];
        self.remember(shown);
        Admission::TakeAndLearn
    }

    fn remember(&mut self, shown: &Shown) {
        let Some(sequence) = shown.sequence else { return };
        match &mut self.stream {
            Some((ssrc, last)) if *ssrc == shown.ssrc => {
                if sequence.distance_from(*last) > 0 {
                    *last = sequence;
                }
            }
            stream => *stream = Some((shown.ssrc, sequence)),
        }
    }

    /// Counts a candidate's packets in sequence, without a gap [RFC3550 A.1]; true when it has shown enough.
    fn passes_probation(&mut self, now: Time, shown: &Shown) -> bool {
        let known = self.candidates.iter_mut().flatten().find(|candidate| candidate.from == shown.from);
        if let Some(candidate) = known {
            let awaited = candidate.last.map(|last| last.wrapping_add(1));
            let next = candidate.ssrc == shown.ssrc && awaited == shown.sequence;
            candidate.shown = if next { candidate.shown.saturating_add(1) } else { 1 };
            (candidate.ssrc, candidate.last, candidate.at) = (shown.ssrc, shown.sequence, now);
            return candidate.shown >= PROBATION;
        }
        let candidate =
            Candidate { from: shown.from, ssrc: shown.ssrc, last: shown.sequence, shown: 1, at: now };
        // The one heard least recently gives way, so that no stranger keeps the party from being counted.
        if let Some(place) = self.candidates.iter_mut().min_by_key(|place| place.map(|other| other.at)) {
            *place = Some(candidate);
        }
        PROBATION <= 1
    }

    /// How well an address fits what was signalled: exactly, by its host, or not.
    fn rank(&self, from: SocketAddr) -> u8 {
        match self.signalled {
            Some(signalled) if signalled == from => 2,
            Some(signalled) if signalled.ip() == from.ip() => 1,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn rtp(from: &str, sequence: u16) -> Shown {
        Shown { from: address(from), authenticated: false, ssrc: Ssrc(7), sequence: Some(Seq(sequence)) }
    }

    fn srtp(from: &str, sequence: u16) -> Shown {
        Shown { authenticated: true, ..rtp(from, sequence) }
    }

    fn at(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    const PARTY: &str = "192.0.2.1:4000";
    const STRANGER: &str = "198.51.100.9:9";

    fn guard(policy: Policy) -> SourceGuard {
        SourceGuard::new(policy, Some(address(PARTY)))
    }

    #[test]
    fn the_signalled_source_is_held_from_its_first_packet() {
        let mut guard = guard(Policy::Symmetric);
        assert_eq!(guard.observe(at(0), &rtp(PARTY, 1)), Admission::TakeAndLearn);
        assert!(!guard.admits(at(1), address(STRANGER)));
        assert_eq!(guard.observe(at(1), &rtp(STRANGER, 2)), Admission::Refuse);
        assert_eq!(guard.destination(), Some(address(PARTY)));
    }

    #[test]
    fn a_source_behind_nat_is_held_after_two_packets_in_sequence() {
        let mut guard = guard(Policy::Symmetric);
        let nat = "203.0.113.5:61000";
        assert_eq!(guard.observe(at(0), &rtp(nat, 10)), Admission::Refuse);
        assert_eq!(guard.observe(at(20), &rtp(nat, 11)), Admission::TakeAndLearn);
        assert_eq!(guard.destination(), Some(address(nat)));
    }

    #[test]
    fn packets_out_of_sequence_never_pass_probation() {
        let mut guard = guard(Policy::Symmetric);
        for (time, sequence) in [(0, 10), (20, 10), (40, 5000), (60, 200)] {
            assert_eq!(guard.observe(at(time), &rtp(STRANGER, sequence)), Admission::Refuse);
        }
    }

    #[test]
    fn the_signalled_source_takes_over_from_a_stranger_at_once_while_settling_and_later_after_probation() {
        for (time, taken) in [(1000, Admission::TakeAndLearn), (60_000, Admission::Refuse)] {
            let mut guard = guard(Policy::Symmetric);
            guard.observe(at(0), &rtp(STRANGER, 1));
            assert_eq!(guard.observe(at(20), &rtp(STRANGER, 2)), Admission::TakeAndLearn);
            assert_eq!(guard.observe(at(time), &rtp(PARTY, 1)), taken);
            guard.observe(at(time + 20), &rtp(PARTY, 2));
            assert_eq!(guard.destination(), Some(address(PARTY)));
            assert_eq!(guard.observe(at(time + 40), &rtp(STRANGER, 3)), Admission::Refuse);
        }
    }

    #[test]
    fn a_source_on_the_signalled_host_takes_over_from_a_stranger_only_while_settling() {
        let beside = "192.0.2.1:4002";
        for (time, taken) in [(1000, true), (60_000, false)] {
            let mut guard = guard(Policy::Symmetric);
            guard.observe(at(0), &rtp(STRANGER, 1));
            guard.observe(at(20), &rtp(STRANGER, 2));
            guard.observe(at(time), &rtp(beside, 1));
            guard.observe(at(time + 20), &rtp(beside, 2));
            assert_eq!(guard.learnt() == Some(address(beside)), taken);
        }
    }

    #[test]
    fn a_party_told_to_be_learnt_anew_that_has_not_moved_is_held_again_and_the_leg_does_not_stay_open() {
        let mut guard = guard(Policy::Symmetric);
        guard.observe(at(0), &rtp(PARTY, 1));
        guard.configure(at(0), Policy::Symmetric, Some(address(PARTY)), true);
        for sequence in 2..200 {
            let now = at(u64::from(sequence) * 20);
            assert_eq!(guard.observe(now, &rtp(PARTY, sequence)), Admission::Take);
            assert_eq!(guard.observe(now, &rtp(STRANGER, sequence)), Admission::Refuse);
        }
        assert_eq!(guard.learnt(), Some(address(PARTY)));
    }

    #[test]
    fn a_straggler_of_the_old_source_does_not_keep_the_party_from_being_learnt_anew() {
        let mut guard = guard(Policy::Symmetric);
        let moved = "203.0.113.5:61000";
        guard.observe(at(0), &rtp(PARTY, 1));
        guard.configure(at(20), Policy::Symmetric, Some(address(PARTY)), true);
        assert_eq!(guard.observe(at(25), &rtp(PARTY, 2)), Admission::Take);
        for (time, sequence) in [(40, 3), (60, 4), (80, 5), (100, 6), (120, 7)] {
            assert_eq!(guard.observe(at(time), &rtp(moved, sequence)), Admission::Refuse);
        }
        assert_eq!(guard.observe(at(140), &rtp(moved, 8)), Admission::TakeAndLearn);
        assert_eq!(guard.destination(), Some(address(moved)));
    }

    #[test]
    fn a_stranger_never_takes_over_from_the_party() {
        let mut guard = guard(Policy::Symmetric);
        guard.observe(at(0), &rtp(PARTY, 1));
        for sequence in 2..200 {
            assert_eq!(guard.observe(at(u64::from(sequence)), &rtp(STRANGER, sequence)), Admission::Refuse);
        }
    }

    #[test]
    fn a_candidate_is_not_displaced_by_strangers_who_send_more_often() {
        let mut guard = guard(Policy::Symmetric);
        let nat = "203.0.113.5:61000";
        for n in 0..50_u16 {
            guard.observe(at(u64::from(n) * 3), &rtp(&format!("198.51.100.9:{}", 1000 + n), n * 99));
            assert_eq!(
                guard.observe(at(u64::from(n) * 3), &rtp("198.51.100.8:9", n * 99)),
                Admission::Refuse
            );
        }
        guard.observe(at(150), &rtp(nat, 10));
        for n in 0..6 {
            guard.observe(at(155), &rtp(&format!("198.51.100.9:{n}"), 1));
        }
        assert_eq!(guard.observe(at(170), &rtp(nat, 11)), Admission::TakeAndLearn);
    }

    #[test]
    fn an_authenticated_packet_needs_no_probation() {
        let mut guard = guard(Policy::Symmetric);
        assert_eq!(guard.observe(at(0), &srtp("203.0.113.5:61000", 10)), Admission::TakeAndLearn);
    }

    #[test]
    fn a_new_signalled_address_is_sent_to_at_once_and_the_old_source_heard_until_replaced() {
        let mut guard = guard(Policy::Symmetric);
        guard.observe(at(0), &rtp(PARTY, 1));
        let moved = "192.0.2.77:5000";
        guard.configure(at(20), Policy::Symmetric, Some(address(moved)), false);
        assert_eq!(guard.destination(), Some(address(moved)));
        assert_eq!(guard.observe(at(20), &rtp(PARTY, 2)), Admission::Take);
        assert_eq!(guard.observe(at(40), &rtp(moved, 3)), Admission::TakeAndLearn);
        assert_eq!(guard.observe(at(60), &rtp(PARTY, 4)), Admission::Refuse);
    }

    #[test]
    fn the_same_signalled_address_again_changes_nothing() {
        let mut guard = guard(Policy::Symmetric);
        let nat = "203.0.113.5:61000";
        guard.observe(at(0), &rtp(nat, 10));
        guard.observe(at(20), &rtp(nat, 11));
        guard.configure(at(20), Policy::Symmetric, Some(address(PARTY)), false);
        assert_eq!(guard.destination(), Some(address(nat)));
        assert_eq!(guard.observe(at(10_000), &rtp(STRANGER, 12)), Admission::Refuse);
    }

    #[test]
    fn an_address_withheld_on_hold_keeps_what_was_learnt() {
        let mut guard = guard(Policy::Symmetric);
        guard.observe(at(0), &rtp(PARTY, 1));
        guard.configure(at(20), Policy::Symmetric, None, false);
        assert_eq!(guard.destination(), Some(address(PARTY)));
    }

    #[test]
    fn the_signalled_policy_takes_no_other_source() {
        let mut guard = guard(Policy::Signalled);
        assert_eq!(guard.observe(at(0), &srtp(STRANGER, 1)), Admission::Refuse);
        assert_eq!(guard.observe(at(1), &rtp(PARTY, 1)), Admission::TakeAndLearn);
    }

    #[test]
    fn asymmetric_hears_one_source_and_sends_to_the_signalled() {
        let mut guard = guard(Policy::Asymmetric);
        let other = "203.0.113.5:61000";
        guard.observe(at(0), &rtp(other, 1));
        assert_eq!(guard.observe(at(20), &rtp(other, 2)), Admission::TakeAndLearn);
        assert_eq!(guard.destination(), Some(address(PARTY)));
        assert_eq!(guard.observe(at(5000), &rtp(STRANGER, 3)), Admission::Refuse);
    }

    #[test]
    fn handover_follows_the_stream_and_no_other() {
        let mut guard = guard(Policy::Handover);
        guard.observe(at(0), &rtp(PARTY, 100));
        let moved = "203.0.113.5:61000";
        let alien = Shown { ssrc: Ssrc(99), ..rtp(STRANGER, 101) };
        assert_eq!(guard.observe(at(5000), &alien), Admission::Refuse);
        assert_eq!(guard.observe(at(5000), &rtp(moved, 101)), Admission::Refuse);
        assert_eq!(guard.observe(at(5020), &rtp(moved, 102)), Admission::TakeAndLearn);
        assert_eq!(guard.destination(), Some(address(moved)));
    }
}
