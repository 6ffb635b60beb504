//! Which address a leg accepts packets from and sends to: it latches on to the source of the first authentic packets.
//!
//! Order of calls: [`Latch::admits`] is asked before any cryptography, [`Latch::observe`] after a packet has
//! proved authentic (SRTP) or well-formed (plain RTP).
//!
//! Who is believed on a plain leg, where any stranger can send: the signalled address at once. The signalled host, or the
//! host that the signalling came from, after [`PROBATION`] packets in sequence [RFC3550 A.1]. Another host only where the
//! party is behind NAT, as its signalled address tells, and may send at all, and after [`PROBATION_ELSEWHERE`] packets:
//! there nothing better is to be had. docs/security.md has the table.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use mediapoint_packet::Time;
use mediapoint_packet::rtp::{Seq, Ssrc};

use crate::api::leg::{LegConfig, SourceGuard as LatchPolicy};
use crate::api::remote::{LocalScope, RemotePolicy, is_public};
use crate::session::snapshot::age::Age;
use crate::session::snapshot::transport::{LatchSnapshot, LatchState, OldSource};

/// Packets in sequence that an unsignalled port of the party's host must show on a leg without SRTP.
pub const PROBATION: u8 = 2;

/// Packets in sequence that another host must show on a leg without SRTP.
pub const PROBATION_ELSEWHERE: u8 = 4;

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

/// What the configuration of a leg says of its party's address.
#[derive(Debug, Clone, Copy, Default)]
pub struct Signalled {
    /// Whose packets are taken.
    pub policy: LatchPolicy,
    /// Where the party is said to be.
    pub address: Option<SocketAddr>,
    /// The host that the signalling came from.
    pub source: Option<IpAddr>,
    /// False where the party is to be silent.
    pub may_send: bool,
}

impl Signalled {
    pub(crate) fn of(config: &LegConfig) -> Self {
        Self {
            policy: config.source_guard,
            address: config.remote.map(|remote| remote.rtp),
            source: config.signalling_source,
            may_send: config.direction.receives(),
        }
    }
}

/// Which addresses can be learnt at all.
#[derive(Debug, Clone, Default)]
pub struct Learnable {
    /// The engine's policy.
    pub policy: Arc<RemotePolicy>,
    /// Where the leg's own address lies.
    pub scope: LocalScope,
}

/// The latch of one leg's RTP.
#[derive(Debug, Clone)]
pub struct Latch {
    policy: LatchPolicy,
    may_send: bool,
    signalled: Option<SocketAddr>,
    source: Option<IpAddr>,
    state: State,
    learnable: Learnable,
    /// Apart, because only a leg that has not latched needs them.
    candidates: Box<[Option<Candidate>; CANDIDATES]>,
    /// The stream held, to recognise it when it moves.
    stream: Option<(Ssrc, Seq)>,
}

impl Latch {
    /// A latch that has not latched.
    #[must_use]
    pub fn new(signalled: Signalled, learnable: Learnable) -> Self {
        Self {
            policy: signalled.policy,
            may_send: signalled.may_send,
            signalled: signalled.address,
            source: signalled.source,
            state: State::Learning { old: None },
            learnable,
            candidates: Box::new([None; CANDIDATES]),
            stream: None,
        }
    }

    /// Follows another configuration; learns anew where the address moved or `relearn` says so.
    pub fn configure(&mut self, now: Time, config: Signalled, relearn: bool) {
        let signalled = config.address;
        let moved = signalled.is_some() && signalled != self.signalled && self.signalled.is_some();
        self.policy = config.policy;
        self.may_send = config.may_send;
        self.source = config.source;
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

    /// True for the signalled address.
    #[must_use]
    pub fn is_signalled(&self, from: SocketAddr) -> bool {
        self.signalled == Some(from)
    }

    /// True for an address that may be sent to.
    #[must_use]
    pub fn is_learnable(&self, from: SocketAddr) -> bool {
        let Learnable { policy, scope } = &self.learnable;
        policy.check(*scope, from).is_ok()
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

    /// True where a stream from there can be the party's.
    fn may_be_learnt(&self, origin: &PacketOrigin) -> bool {
        if !self.is_learnable(origin.from) {
            return false;
        }
        // Nothing is sent to where an asymmetric party sends from.
        if origin.authenticated || self.policy == LatchPolicy::Asymmetric || self.is_expected(origin.from) {
            return true;
        }
        // A stream that is handed over is recognised by its numbers.
        if self.policy == LatchPolicy::Handover && matches!(self.state, State::Held { .. }) {
            return true;
        }
        // Behind NAT the party names a private address, and its signalling comes from another one.
        let is_behind_nat = self.signalled.is_some_and(|signalled| {
            let host = signalled.ip().to_canonical();
            !is_public(host) && self.source.is_none_or(|source| source.to_canonical() != host)
        });
        self.may_send && is_behind_nat
    }

    /// True for the signalled host, and for the one that the signalling came from.
    #[must_use]
    pub fn is_expected(&self, from: SocketAddr) -> bool {
        let host = from.ip().to_canonical();
        self.signalled.is_some_and(|signalled| signalled.ip().to_canonical() == host)
            || self.source.is_some_and(|source| source.to_canonical() == host)
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
        if !self.may_be_learnt(origin) {
            return Admission::Reject;
        }
        if origin.authenticated || self.signalled == Some(origin.from) {
            return self.hold(now, origin);
        }
        let free = old.is_none_or(|old| now.since(old.last) >= STILL_THERE);
        if self.passes_probation(now, origin) && free { self.hold(now, origin) } else { Admission::Reject }
    }

    fn observe_mover(&mut self, now: Time, origin: &PacketOrigin) -> Admission {
        if !self.may_be_learnt(origin) {
            return Admission::Reject;
        }
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
        // A stream that is handed over has shown what nobody else knows.
        let is_known =
            self.is_expected(origin.from) || self.policy == LatchPolicy::Handover && self.learnt().is_some();
        let needed = if is_known { PROBATION } else { PROBATION_ELSEWHERE };
        let known = self.candidates.iter_mut().flatten().find(|candidate| candidate.from == origin.from);
        if let Some(candidate) = known {
            let awaited = candidate.last.map(|last| last.wrapping_add(1));
            let next = candidate.ssrc == origin.ssrc && awaited == origin.sequence;
            candidate.count = if next { candidate.count.saturating_add(1) } else { 1 };
            (candidate.ssrc, candidate.last, candidate.at) = (origin.ssrc, origin.sequence, now);
            return candidate.count >= needed;
        }
        let candidate =
            Candidate { from: origin.from, ssrc: origin.ssrc, last: origin.sequence, count: 1, at: now };
        // The least recent candidate gives way, so that a flood of other sources does not keep the party from latching.
        if let Some(place) = self.candidates.iter_mut().min_by_key(|place| place.map(|other| other.at)) {
            *place = Some(candidate);
        }
        needed <= 1
    }

    /// How well an address fits what was signalled: exactly, by its host, or not.
    fn rank(&self, from: SocketAddr) -> u8 {
        match self.signalled {
            Some(signalled) if signalled == from => 2,
            _ if self.is_expected(from) => 1,
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
    pub(crate) fn restored(
        now: Time,
        config: Signalled,
        learnable: Learnable,
        saved: &LatchSnapshot,
    ) -> Self {
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
        Self { state, stream, ..Self::new(Signalled { address: saved.signalled, ..config }, learnable) }
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

    const PARTY: &str = "192.168.0.1:4000";
    const STRANGER: &str = "198.51.100.9:9";

    fn signalled(policy: LatchPolicy, party: &str) -> Signalled {
        Signalled { policy, address: Some(address(party)), source: None, may_send: true }
    }

    /// Packets of a stream, 20 ms apart, and what was decided about each.
    fn stream(latch: &mut Latch, from: &str, millis: u64, packets: u16) -> Vec<Admission> {
        let packet = |n: u16| (at(millis + u64::from(n) * 20), rtp(from, 1000 + n));
        (0..packets).map(packet).map(|(now, packet)| latch.observe(now, &packet)).collect()
    }

    /// A latch whose party is behind NAT.
    fn latch(policy: LatchPolicy) -> Latch {
        Latch::new(signalled(policy, PARTY), Learnable::default())
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
    fn a_source_behind_nat_is_held_after_four_packets_in_sequence() {
        let mut latch = latch(LatchPolicy::Symmetric);
        let nat = "203.0.113.5:61000";
        let [.., last] = stream(&mut latch, nat, 0, 4)[..] else { unreachable!() };
        assert_eq!(last, Admission::AcceptAndLatch);
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
            assert_eq!(stream(&mut latch, STRANGER, 0, 4).last(), Some(&Admission::AcceptAndLatch));
            assert_eq!(latch.observe(at(time), &rtp(PARTY, 1)), taken);
            latch.observe(at(time + 20), &rtp(PARTY, 2));
            assert_eq!(latch.destination(), Some(address(PARTY)));
            assert_eq!(latch.observe(at(time + 40), &rtp(STRANGER, 3)), Admission::Reject);
        }
    }

    #[test]
    fn a_source_on_the_signalled_host_takes_over_from_a_stranger_only_while_settling() {
        let beside = "192.168.0.1:4002";
        for (time, taken) in [(1000, true), (60_000, false)] {
            let mut latch = latch(LatchPolicy::Symmetric);
            stream(&mut latch, STRANGER, 0, 4);
            latch.observe(at(time), &rtp(beside, 1));
            latch.observe(at(time + 20), &rtp(beside, 2));
            assert_eq!(latch.learnt() == Some(address(beside)), taken);
        }
    }

    #[test]
    fn a_party_to_be_learnt_anew_that_has_not_moved_is_held_again_and_the_leg_does_not_stay_open() {
        let mut latch = latch(LatchPolicy::Symmetric);
        latch.observe(at(0), &rtp(PARTY, 1));
        latch.configure(at(0), signalled(LatchPolicy::Symmetric, PARTY), true);
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
        latch.configure(at(20), signalled(LatchPolicy::Symmetric, PARTY), true);
        assert_eq!(latch.observe(at(25), &rtp(PARTY, 2)), Admission::Accept);
        for (time, sequence) in [(20, 2), (40, 3), (60, 4), (80, 5), (100, 6), (120, 7)] {
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
        stream(&mut latch, nat, 150, 3);
        for n in 0..6 {
            latch.observe(at(195), &rtp(&format!("198.51.100.9:{n}"), 1));
        }
        assert_eq!(latch.observe(at(210), &rtp(nat, 1003)), Admission::AcceptAndLatch);
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
        let moved = "192.168.0.77:5000";
        latch.configure(at(20), signalled(LatchPolicy::Symmetric, moved), false);
        assert_eq!(latch.destination(), Some(address(moved)));
        assert_eq!(latch.observe(at(20), &rtp(PARTY, 2)), Admission::Accept);
        assert_eq!(latch.observe(at(40), &rtp(moved, 3)), Admission::AcceptAndLatch);
        assert_eq!(latch.observe(at(60), &rtp(PARTY, 4)), Admission::Reject);
    }

    #[test]
    fn the_same_signalled_address_again_changes_nothing() {
        let mut latch = latch(LatchPolicy::Symmetric);
        let nat = "203.0.113.5:61000";
        stream(&mut latch, nat, 0, 4);
        latch.configure(at(20), signalled(LatchPolicy::Symmetric, PARTY), false);
        assert_eq!(latch.destination(), Some(address(nat)));
        assert_eq!(latch.observe(at(10_000), &rtp(STRANGER, 12)), Admission::Reject);
    }

    #[test]
    fn an_address_withheld_on_hold_keeps_what_was_learnt() {
        let mut latch = latch(LatchPolicy::Symmetric);
        latch.observe(at(0), &rtp(PARTY, 1));
        latch.configure(
            at(20),
            Signalled { address: None, ..signalled(LatchPolicy::Symmetric, PARTY) },
            false,
        );
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
        assert_eq!(stream(&mut latch, other, 0, 4).last(), Some(&Admission::AcceptAndLatch));
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

    /// A party whose address needs no translation, and who else can win its leg.
    #[test]
    fn beside_a_public_address_no_other_host_is_learnt() {
        let public = "192.0.2.1:4000";
        for policy in [LatchPolicy::Symmetric, LatchPolicy::Handover] {
            let mut latch = Latch::new(signalled(policy, public), Learnable::default());
            assert!(stream(&mut latch, STRANGER, 0, 50).iter().all(|each| *each == Admission::Reject));
            // Another port of its host is, after two packets.
            let ported = stream(&mut latch, "192.0.2.1:61000", 2000, 2);
            assert_eq!(ported, [Admission::Reject, Admission::AcceptAndLatch]);
        }
        // Nor by authenticated packets: those are the party's, wherever they come from.
        let mut latch = Latch::new(signalled(LatchPolicy::Symmetric, public), Learnable::default());
        assert_eq!(latch.observe(at(0), &srtp(STRANGER, 1)), Admission::AcceptAndLatch);
    }

    #[test]
    fn a_private_address_that_the_signalling_comes_from_is_not_behind_nat() {
        let source = Some(address(PARTY).ip());
        let config = Signalled { source, ..signalled(LatchPolicy::Symmetric, PARTY) };
        let mut latch = Latch::new(config, Learnable::default());
        assert!(stream(&mut latch, STRANGER, 0, 50).iter().all(|each| *each == Admission::Reject));
    }

    #[test]
    fn the_host_that_the_signalling_came_from_is_as_good_as_the_signalled_one() {
        let router = "203.0.113.5:61000";
        let source = Some(address(router).ip());
        let config = Signalled { source, ..signalled(LatchPolicy::Symmetric, PARTY) };
        let mut latch = Latch::new(config, Learnable::default());
        assert_eq!(stream(&mut latch, router, 0, 2), [Admission::Reject, Admission::AcceptAndLatch]);
        assert!(latch.is_expected(address(router)) && !latch.is_expected(address(STRANGER)));
        // It takes the leg back from a stranger who was faster.
        let mut latch = Latch::new(config, Learnable::default());
        stream(&mut latch, STRANGER, 0, 4);
        stream(&mut latch, router, 100, 2);
        assert_eq!(latch.destination(), Some(address(router)));
    }

    #[test]
    fn a_party_that_is_to_be_silent_is_learnt_on_its_own_host_only() {
        let config = Signalled { may_send: false, ..signalled(LatchPolicy::Symmetric, PARTY) };
        let mut latch = Latch::new(config, Learnable::default());
        assert!(stream(&mut latch, STRANGER, 0, 50).iter().all(|each| *each == Admission::Reject));
        // Fax has neither SSRC nor sequence numbers.
        let datagram = PacketOrigin { sequence: None, ..rtp(STRANGER, 0) };
        assert!((0..50).all(|n| latch.observe(at(2000 + n * 20), &datagram) == Admission::Reject));
        assert_eq!(latch.observe(at(5000), &rtp(PARTY, 1)), Admission::AcceptAndLatch);
    }

    #[test]
    fn before_an_address_is_signalled_nobody_is_learnt() {
        let config = Signalled { address: None, ..signalled(LatchPolicy::Symmetric, PARTY) };
        let mut latch = Latch::new(config, Learnable::default());
        assert!(stream(&mut latch, STRANGER, 0, 50).iter().all(|each| *each == Admission::Reject));
        assert_eq!(latch.destination(), None);
    }

    #[test]
    fn an_address_that_media_may_not_be_sent_to_is_not_learnt_even_from_authenticated_packets() {
        let control = "10.0.0.1:2223";
        let policy = RemotePolicy::default().own(address(control).ip(), 2223..=2223);
        let learnable = Learnable { policy: Arc::new(policy), scope: LocalScope::Global };
        for from in [control, "127.0.0.1:5060"] {
            let mut latch = Latch::new(signalled(LatchPolicy::Symmetric, PARTY), learnable.clone());
            assert!(stream(&mut latch, from, 0, 50).iter().all(|each| *each == Admission::Reject));
            assert_eq!(latch.observe(at(5000), &srtp(from, 1)), Admission::Reject);
        }
    }
}
