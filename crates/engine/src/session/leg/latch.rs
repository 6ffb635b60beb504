//! Which address a leg accepts packets from and sends to: it latches on to the source of the first authentic packets.
//!
//! Order of calls: [`Latch::admits`] is asked before any cryptography, [`Latch::observe`] after a packet has
//! proved authentic (SRTP) or well-formed (plain RTP). On a plain leg an address that the signalling did not name must
//! show [`PROBATION`] packets in sequence before it is believed [RFC3550 A.1].

use std::net::SocketAddr;
use std::time::Duration;

use mediapoint_packet::Time;
use mediapoint_packet::rtp::{Seq, Ssrc};

use crate::api::leg::SourceGuard as LatchPolicy;
use crate::session::snapshot::age::Age;
use crate::session::snapshot::transport::{LatchSnapshot, LatchState, OldSource};

/// Packets in sequence that an unsignalled source must show on a leg without SRTP.
pub const PROBATION: u8 = 2;

/// How long after it was learnt a source still yields to one that fits the signalling better.
pub const SETTLING: Duration = Duration::from_secs(3);

/// Sources that are on probation at one time.
const CANDIDATES: usize = 8;

/// An old source that sent within this time is still there: only one that fits the signalling replaces it.
const STILL_THERE: Duration = Duration::from_millis(100);

/// Largest step forward by which a stream that moves still goes on.
const IN_SEQUENCE: i16 = 100;

/// What the latch needs of a packet.
#[derive(Debug, Clone, Copy)]
pub struct PacketOrigin {
    /// Where it came from.
    pub from: SocketAddr,
    /// True where SRTP authenticated it.
    pub authenticated: bool,
    /// Its SSRC.
    pub ssrc: Ssrc,
    /// Its sequence number; `None` for a datagram that has none, of which any two are in sequence.
    pub sequence: Option<Seq>,
}

/// What the latch decides about a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Take it.
    Accept,
    /// Take it: its source has just become the leg's.
    AcceptAndLatch,
    /// Refuse it.
    Reject,
}

#[derive(Debug, Clone, Copy)]
struct Candidate {
    from: SocketAddr,
    ssrc: Ssrc,
    last: Option<Seq>,
    count: u8,
    at: Time,
}

/// The source from before learning began anew.
#[derive(Debug, Clone, Copy)]
struct Old {
    from: SocketAddr,
    last: Time,
    /// When learning began anew.
    since: Time,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Nothing learnt since the last (re)start; `old` is accepted until replaced, and is the source again where it is
    /// still there after [`SETTLING`]: a leg that stayed open would be a stranger's for the taking.
    Learning {
        old: Option<Old>,
    },
    Held {
        from: SocketAddr,
        since: Time,
    },
}

/// The latch of one leg's RTP.
#[derive(Debug, Clone)]
pub struct Latch {
    policy: LatchPolicy,
    signalled: Option<SocketAddr>,
    state: State,
    /// Apart, because only a leg that has not latched needs them.
    candidates: Box<[Option<Candidate>; CANDIDATES]>,
    /// The stream held, to recognise it when it moves.
    stream: Option<(Ssrc, Seq)>,
}

impl Latch {
    /// A latch that has not latched.
    #[must_use]
    pub fn new(policy: LatchPolicy, signalled: Option<SocketAddr>) -> Self {
        Self {
            policy,
            signalled,
            state: State::Learning { old: None },
            candidates: Box::new([None; CANDIDATES]),
            stream: None,
        }
    }

    /// Sets a policy and signalled address; learns anew where the address moved or `relearn` says so.
    pub fn configure(
        &mut self,
        now: Time,
        policy: LatchPolicy,
        signalled: Option<SocketAddr>,
        relearn: bool,
    ) {
        let moved = signalled.is_some() && signalled != self.signalled && self.signalled.is_some();
        self.policy = policy;
        if signalled.is_some() {
            self.signalled = signalled;
        }
        if moved || relearn {
            let old = match self.state {
                State::Held { from, .. } => Some(Old { from, last: now, since: now }),
                State::Learning { old } => old.map(|old| Old { since: now, ..old }),
            };
            *self.candidates = [None; CANDIDATES];
            // Hold and re-INVITE keep the latch where the signalled address is the latched one: the party has not moved.
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
            (LatchPolicy::Asymmetric | LatchPolicy::Signalled, _) => self.signalled,
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
        if self.policy == LatchPolicy::Signalled {
            return self.signalled == Some(from);
        }
        match self.state {
            State::Learning { .. } => true,
            State::Held { from: held, since } => {
                from == held
                    || self.policy == LatchPolicy::Handover
                    || self.rank(from) > self.rank(held)
                        && (now.since(since) < SETTLING || self.signalled == Some(from))
            }
        }
    }

    /// True where RTCP from `from` may be accepted without authentication: the host is that of the party.
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

    /// Decides about a packet that is authentic, or well-formed on a leg without SRTP.
    pub fn observe(&mut self, now: Time, origin: &PacketOrigin) -> Admission {
        if !self.admits(now, origin.from) {
            return Admission::Reject;
        }
        match self.state {
            State::Held { from, .. } if from == origin.from => {
                self.remember(origin);
                Admission::Accept
            }
            State::Held { .. } => self.observe_mover(now, origin),
            State::Learning { old } => self.observe_newcomer(now, origin, old),
        }
    }

    fn observe_newcomer(&mut self, now: Time, origin: &PacketOrigin, old: Option<Old>) -> Admission {
        if let Some(old) = old
            && old.from == origin.from
        {
            self.remember(origin);
            self.state = if now.since(old.since) < SETTLING {
                State::Learning { old: Some(Old { last: now, ..old }) }
            } else {
                State::Held { from: old.from, since: now }
            };
            return Admission::Accept;
        }
        if origin.authenticated || self.signalled == Some(origin.from) {
            return self.hold(now, origin);
        }
        let free = old.is_none_or(|old| now.since(old.last) >= STILL_THERE);
        if self.passes_probation(now, origin) && free { self.hold(now, origin) } else { Admission::Reject }
    }

    fn observe_mover(&mut self, now: Time, origin: &PacketOrigin) -> Admission {
        let signalled = self.signalled == Some(origin.from);
        if self.policy == LatchPolicy::Handover && !origin.authenticated && !signalled {
            let continues = self.stream.is_some_and(|(ssrc, last)| {
                let step = origin.sequence.map_or(0, |sequence| sequence.distance_from(last));
                ssrc == origin.ssrc && (1..=IN_SEQUENCE).contains(&step)
            });
            if !continues {
                return Admission::Reject;
            }
        }
        let settling = matches!(self.state, State::Held { since, .. } if now.since(since) < SETTLING);
        let believed = origin.authenticated || (settling && signalled);
        if believed || self.passes_probation(now, origin) {
            self.hold(now, origin)
        } else {
            Admission::Reject
        }
    }

    fn hold(&mut self, now: Time, origin: &PacketOrigin) -> Admission {
        self.state = State::Held { from: origin.from, since: now };
        *self.candidates = [None; CANDIDATES];
        self.remember(origin);
        Admission::AcceptAndLatch
    }

    fn remember(&mut self, origin: &PacketOrigin) {
        let Some(sequence) = origin.sequence else { return };
        match &mut self.stream {
            Some((ssrc, last)) if *ssrc == origin.ssrc => {
                if sequence.distance_from(*last) > 0 {
                    *last = sequence;
                }
            }
            stream => *stream = Some((origin.ssrc, sequence)),
        }
    }

    /// Counts a candidate's packets in sequence, without a gap [RFC3550 A.1]; true when there are enough.
    fn passes_probation(&mut self, now: Time, origin: &PacketOrigin) -> bool {
        let known = self.candidates.iter_mut().flatten().find(|candidate| candidate.from == origin.from);
        if let Some(candidate) = known {
            let awaited = candidate.last.map(|last| last.wrapping_add(1));
            let next = candidate.ssrc == origin.ssrc && awaited == origin.sequence;
            candidate.count = if next { candidate.count.saturating_add(1) } else { 1 };
            (candidate.ssrc, candidate.last, candidate.at) = (origin.ssrc, origin.sequence, now);
            return candidate.count >= PROBATION;
        }
        let candidate =
            Candidate { from: origin.from, ssrc: origin.ssrc, last: origin.sequence, count: 1, at: now };
        // The least recent candidate gives way, so that a flood of other sources does not keep the party from latching.
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

impl Latch {
    pub(crate) fn save(&self, now: Time) -> LatchSnapshot {
        LatchSnapshot {
            signalled: self.signalled,
            state: match self.state {
                State::Learning { old } => LatchState::Learning {
                    old: old.map(|Old { from, last, since }| OldSource {
                        from,
                        last: Age::of(last, now),
                        since: Age::of(since, now),
                    }),
                },
                State::Held { from, since } => LatchState::Held { from, since: Age::of(since, now) },
            },
            stream: self.stream.map(|(ssrc, sequence)| (ssrc.0, sequence.0)),
        }
    }

    /// A latch as it was saved. Candidates begin their probation anew.
    pub(crate) fn restored(now: Time, policy: LatchPolicy, saved: &LatchSnapshot) -> Self {
        let state = match saved.state {
            LatchState::Learning { old } => State::Learning {
                old: old.map(|OldSource { from, last, since }| Old {
                    from,
                    last: last.before(now),
                    since: since.before(now),
                }),
            },
            LatchState::Held { from, since } => State::Held { from, since: since.before(now) },
        };
        let stream = saved.stream.map(|(ssrc, sequence)| (Ssrc(ssrc), Seq(sequence)));
        Self { state, stream, ..Self::new(policy, saved.signalled) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn rtp(from: &str, sequence: u16) -> PacketOrigin {
        PacketOrigin {
            from: address(from),
            authenticated: false,
            ssrc: Ssrc(7),
            sequence: Some(Seq(sequence)),
        }
    }

    fn srtp(from: &str, sequence: u16) -> PacketOrigin {
        PacketOrigin { authenticated: true, ..rtp(from, sequence) }
    }

    fn at(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    const PARTY: &str = "192.0.2.1:4000";
    const STRANGER: &str = "198.51.100.9:9";

    fn latch(policy: LatchPolicy) -> Latch {
        Latch::new(policy, Some(address(PARTY)))
    }

    #[test]
    fn the_signalled_source_is_held_from_its_first_packet() {
        let mut latch = latch(LatchPolicy::Symmetric);
        assert_eq!(latch.observe(at(0), &rtp(PARTY, 1)), Admission::AcceptAndLatch);
        assert!(!latch.admits(at(1), address(STRANGER)));
        assert_eq!(latch.observe(at(1), &rtp(STRANGER, 2)), Admission::Reject);
        assert_eq!(latch.destination(), Some(address(PARTY)));
    }

    #[test]
    fn a_source_behind_nat_is_held_after_two_packets_in_sequence() {
        let mut latch = latch(LatchPolicy::Symmetric);
        let nat = "203.0.113.5:61000";
        assert_eq!(latch.observe(at(0), &rtp(nat, 10)), Admission::Reject);
        assert_eq!(latch.observe(at(20), &rtp(nat, 11)), Admission::AcceptAndLatch);
        assert_eq!(latch.destination(), Some(address(nat)));
    }

    #[test]
    fn packets_out_of_sequence_never_pass_probation() {
        let mut latch = latch(LatchPolicy::Symmetric);
        for (time, sequence) in [(0, 10), (20, 10), (40, 5000), (60, 200)] {
            assert_eq!(latch.observe(at(time), &rtp(STRANGER, sequence)), Admission::Reject);
        }
    }

    #[test]
    fn the_signalled_source_takes_over_from_a_stranger_at_once_while_settling_and_later_after_probation() {
        for (time, taken) in [(1000, Admission::AcceptAndLatch), (60_000, Admission::Reject)] {
            let mut latch = latch(LatchPolicy::Symmetric);
            latch.observe(at(0), &rtp(STRANGER, 1));
            assert_eq!(latch.observe(at(20), &rtp(STRANGER, 2)), Admission::AcceptAndLatch);
            assert_eq!(latch.observe(at(time), &rtp(PARTY, 1)), taken);
            latch.observe(at(time + 20), &rtp(PARTY, 2));
            assert_eq!(latch.destination(), Some(address(PARTY)));
            assert_eq!(latch.observe(at(time + 40), &rtp(STRANGER, 3)), Admission::Reject);
        }
    }

    #[test]
    fn a_source_on_the_signalled_host_takes_over_from_a_stranger_only_while_settling() {
        let beside = "192.0.2.1:4002";
        for (time, taken) in [(1000, true), (60_000, false)] {
            let mut latch = latch(LatchPolicy::Symmetric);
            latch.observe(at(0), &rtp(STRANGER, 1));
            latch.observe(at(20), &rtp(STRANGER, 2));
            latch.observe(at(time), &rtp(beside, 1));
            latch.observe(at(time + 20), &rtp(beside, 2));
            assert_eq!(latch.learnt() == Some(address(beside)), taken);
        }
    }

    #[test]
    fn a_party_to_be_learnt_anew_that_has_not_moved_is_held_again_and_the_leg_does_not_stay_open() {
        let mut latch = latch(LatchPolicy::Symmetric);
        latch.observe(at(0), &rtp(PARTY, 1));
        latch.configure(at(0), LatchPolicy::Symmetric, Some(address(PARTY)), true);
        for sequence in 2..200 {
            let now = at(u64::from(sequence) * 20);
            assert_eq!(latch.observe(now, &rtp(PARTY, sequence)), Admission::Accept);
            assert_eq!(latch.observe(now, &rtp(STRANGER, sequence)), Admission::Reject);
        }
        assert_eq!(latch.learnt(), Some(address(PARTY)));
    }

    #[test]
    fn a_straggler_of_the_old_source_does_not_keep_the_party_from_being_learnt_anew() {
        let mut latch = latch(LatchPolicy::Symmetric);
        let moved = "203.0.113.5:61000";
        latch.observe(at(0), &rtp(PARTY, 1));
        latch.configure(at(20), LatchPolicy::Symmetric, Some(address(PARTY)), true);
        assert_eq!(latch.observe(at(25), &rtp(PARTY, 2)), Admission::Accept);
        for (time, sequence) in [(40, 3), (60, 4), (80, 5), (100, 6), (120, 7)] {
            assert_eq!(latch.observe(at(time), &rtp(moved, sequence)), Admission::Reject);
        }
        assert_eq!(latch.observe(at(140), &rtp(moved, 8)), Admission::AcceptAndLatch);
        assert_eq!(latch.destination(), Some(address(moved)));
    }

    #[test]
    fn a_stranger_never_takes_over_from_the_party() {
        let mut latch = latch(LatchPolicy::Symmetric);
        latch.observe(at(0), &rtp(PARTY, 1));
        for sequence in 2..200 {
            assert_eq!(latch.observe(at(u64::from(sequence)), &rtp(STRANGER, sequence)), Admission::Reject);
        }
    }

    #[test]
    fn a_candidate_is_not_displaced_by_strangers_who_send_more_often() {
        let mut latch = latch(LatchPolicy::Symmetric);
        let nat = "203.0.113.5:61000";
        for n in 0..50_u16 {
            latch.observe(at(u64::from(n) * 3), &rtp(&format!("198.51.100.9:{}", 1000 + n), n * 99));
            assert_eq!(
                latch.observe(at(u64::from(n) * 3), &rtp("198.51.100.8:9", n * 99)),
                Admission::Reject
            );
        }
        latch.observe(at(150), &rtp(nat, 10));
        for n in 0..6 {
            latch.observe(at(155), &rtp(&format!("198.51.100.9:{n}"), 1));
        }
        assert_eq!(latch.observe(at(170), &rtp(nat, 11)), Admission::AcceptAndLatch);
    }

    #[test]
    fn an_authenticated_packet_needs_no_probation() {
        let mut latch = latch(LatchPolicy::Symmetric);
        assert_eq!(latch.observe(at(0), &srtp("203.0.113.5:61000", 10)), Admission::AcceptAndLatch);
    }

    #[test]
    fn a_new_signalled_address_is_sent_to_at_once_and_the_old_source_accepted_until_replaced() {
        let mut latch = latch(LatchPolicy::Symmetric);
        latch.observe(at(0), &rtp(PARTY, 1));
        let moved = "192.0.2.77:5000";
        latch.configure(at(20), LatchPolicy::Symmetric, Some(address(moved)), false);
        assert_eq!(latch.destination(), Some(address(moved)));
        assert_eq!(latch.observe(at(20), &rtp(PARTY, 2)), Admission::Accept);
        assert_eq!(latch.observe(at(40), &rtp(moved, 3)), Admission::AcceptAndLatch);
        assert_eq!(latch.observe(at(60), &rtp(PARTY, 4)), Admission::Reject);
    }

    #[test]
    fn the_same_signalled_address_again_changes_nothing() {
        let mut latch = latch(LatchPolicy::Symmetric);
        let nat = "203.0.113.5:61000";
        latch.observe(at(0), &rtp(nat, 10));
        latch.observe(at(20), &rtp(nat, 11));
        latch.configure(at(20), LatchPolicy::Symmetric, Some(address(PARTY)), false);
        assert_eq!(latch.destination(), Some(address(nat)));
        assert_eq!(latch.observe(at(10_000), &rtp(STRANGER, 12)), Admission::Reject);
    }

    #[test]
    fn an_address_withheld_on_hold_keeps_what_was_learnt() {
        let mut latch = latch(LatchPolicy::Symmetric);
        latch.observe(at(0), &rtp(PARTY, 1));
        latch.configure(at(20), LatchPolicy::Symmetric, None, false);
        assert_eq!(latch.destination(), Some(address(PARTY)));
    }

    #[test]
    fn the_signalled_policy_takes_no_other_source() {
        let mut latch = latch(LatchPolicy::Signalled);
        assert_eq!(latch.observe(at(0), &srtp(STRANGER, 1)), Admission::Reject);
        assert_eq!(latch.observe(at(1), &rtp(PARTY, 1)), Admission::AcceptAndLatch);
    }

    #[test]
    fn asymmetric_accepts_one_source_and_sends_to_the_signalled() {
        let mut latch = latch(LatchPolicy::Asymmetric);
        let other = "203.0.113.5:61000";
        latch.observe(at(0), &rtp(other, 1));
        assert_eq!(latch.observe(at(20), &rtp(other, 2)), Admission::AcceptAndLatch);
        assert_eq!(latch.destination(), Some(address(PARTY)));
        assert_eq!(latch.observe(at(5000), &rtp(STRANGER, 3)), Admission::Reject);
    }

    #[test]
    fn handover_follows_the_stream_and_no_other() {
        let mut latch = latch(LatchPolicy::Handover);
        latch.observe(at(0), &rtp(PARTY, 100));
        let moved = "203.0.113.5:61000";
        let alien = PacketOrigin { ssrc: Ssrc(99), ..rtp(STRANGER, 101) };
        assert_eq!(latch.observe(at(5000), &alien), Admission::Reject);
        assert_eq!(latch.observe(at(5000), &rtp(moved, 101)), Admission::Reject);
        assert_eq!(latch.observe(at(5020), &rtp(moved, 102)), Admission::AcceptAndLatch);
        assert_eq!(latch.destination(), Some(address(moved)));
    }
}
