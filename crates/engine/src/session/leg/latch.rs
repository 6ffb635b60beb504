//! Which address a leg accepts packets from and sends to: it latches on to the source of the first authentic packets.
//!
//! Order of calls: [`Latch::admits`] is asked before any cryptography, [`Latch::observe`] after a packet has
//! proved authentic (SRTP) or well-formed (plain RTP).
//!
//! Who is believed on a plain leg, where any stranger can send: the signalled address at once. The signalled host, or the
//! host that the signalling came from, after [`PROBATION`] packets in sequence [RFC3550 A.1]. Another host only where the
//! party is behind NAT, as its signalled address tells, and may send at all, and after [`PROBATION_ELSEWHERE`] packets:
//! there nothing better is to be had. Later only who goes on with the party's stream from its own host when it has fallen
//! silent there: its NAT gave it another port. docs/security.md has the table.

use std::mem::offset_of;
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

/// The party's NAT may have given it another port after so long a silence of the one it had.
pub const REBINDING_SILENCE: Duration = Duration::from_secs(1);

/// Largest step forward by which a stream that is handed over still goes on.
const IN_SEQUENCE: u64 = 100;

/// The same where NAT changed the port.
const IN_SEQUENCE_REBOUND: u64 = 10;

/// A stream that was silent goes on with a number further ahead, as if it had sent a packet in each of these times.
const SHORTEST_PACKET: Duration = Duration::from_millis(5);

/// And yet by no more than this.
const MOST_STEPS: u64 = 3000;

/// Streams of the party that are known beside the one it used last.
const OTHER_STREAMS: usize = 3;

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
    /// True where what the party sends is authenticated.
    pub secure: bool,
}

impl Signalled {
    pub(crate) fn of(config: &LegConfig) -> Self {
        Self {
            policy: config.source_guard,
            address: config.remote.map(|remote| remote.rtp),
            source: config.signalling_source,
            may_send: config.direction.receives(),
            secure: config.srtp.is_some(),
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

/// The latch of one leg's RTP. The fields that every packet needs come first.
#[repr(C)]
#[derive(Debug, Clone)]
pub struct Latch {
    state: State,
    /// When a packet of the source held came last.
    heard: Time,
    /// The party's stream that it used last, to recognise it when it moves.
    stream: Option<(Ssrc, Seq)>,
    policy: LatchPolicy,
    may_send: bool,
    secure: bool,
    /// The source held is not the first.
    moved: bool,
    signalled: Option<SocketAddr>,
    source: Option<IpAddr>,
    learnable: Learnable,
    /// Made when it is needed first: that is for few legs, and once in a leg's life.
    apart: Option<Box<Apart>>,
}

/// Apart, because only a leg that has not latched needs the first, and one whose party has several streams the second.
#[derive(Debug, Clone, Default)]
struct Apart {
    candidates: [Option<Candidate>; CANDIDATES],
    /// Other streams of the party, the one used least recently last.
    streams: [Option<(Ssrc, Seq)>; OTHER_STREAMS],
}

impl Latch {
    /// Octets that every packet needs.
    pub(crate) const HOT: usize = offset_of!(Self, signalled);

    /// A latch that has not latched.
    #[must_use]
    pub fn new(signalled: Signalled, learnable: Learnable) -> Self {
        Self {
            policy: signalled.policy,
            may_send: signalled.may_send,
            secure: signalled.secure,
            signalled: signalled.address,
            source: signalled.source,
            state: State::Learning { old: None },
            moved: false,
            heard: Time::ZERO,
            stream: None,
            learnable,
            apart: None,
        }
    }

    /// Follows another configuration; learns anew where the address moved or `relearn` says so.
    pub fn configure(&mut self, now: Time, config: Signalled, relearn: bool) {
        let signalled = config.address;
        let moved = signalled.is_some() && signalled != self.signalled && self.signalled.is_some();
        self.policy = config.policy;
        (self.may_send, self.secure) = (config.may_send, config.secure);
        self.source = config.source;
        if signalled.is_some() {
            self.signalled = signalled;
        }
        if moved || relearn {
            let old = match self.state {
                State::Held { from, .. } => Some(Old { from, last: now, since: now }),
                State::Learning { old } => old.map(|old| Old { since: now, ..old }),
            };
            self.forget_candidates();
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

    /// True where the source learnt is not the first.
    #[must_use]
    pub const fn has_moved(&self) -> bool {
        self.moved
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
                    || self.fits_better(now, from, (held, since))
                    || self.may_be_rebound(now, from, held)
            }
        }
    }

    /// True for an address that fits the signalling better than the one held, while that may yet be replaced by it.
    fn fits_better(&self, now: Time, from: SocketAddr, (held, since): (SocketAddr, Time)) -> bool {
        self.rank(from) > self.rank(held) && (now.since(since) < SETTLING || self.signalled == Some(from))
    }

    /// True where the source held has been silent for so long that it may have another address now: of its own host, or
    /// any that proves by its key who it is.
    fn may_be_rebound(&self, now: Time, from: SocketAddr, held: SocketAddr) -> bool {
        let silence = now.since(self.heard);
        let own_host = held.ip().to_canonical() == from.ip().to_canonical();
        if self.secure { silence >= STILL_THERE } else { own_host && silence >= REBINDING_SILENCE }
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
                self.heard = now;
                self.remember(origin);
                Admission::Accept
            }
            State::Held { from, since } => self.observe_mover(now, origin, (from, since)),
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
                self.heard = now;
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
        if self.passes_probation(now, origin, false) && free {
            self.hold(now, origin)
        } else {
            Admission::Reject
        }
    }

    fn observe_mover(&mut self, now: Time, origin: &PacketOrigin, held: (SocketAddr, Time)) -> Admission {
        let better = self.fits_better(now, origin.from, held);
        let signalled = self.signalled == Some(origin.from);
        let handover = self.policy == LatchPolicy::Handover;
        let learnt = if better || handover || origin.authenticated {
            self.may_be_learnt(origin)
        } else {
            // The party's NAT, which it was learnt behind, gave it another port.
            self.is_learnable(origin.from)
        };
        if !learnt {
            return Admission::Reject;
        }
        let goes_on = match (origin.authenticated || signalled, handover) {
            (true, _) => false,
            (false, true) => self.goes_on(now, origin, IN_SEQUENCE),
            (false, false) => !better && self.goes_on(now, origin, IN_SEQUENCE_REBOUND),
        };
        let settling = now.since(held.1) < SETTLING;
        let believed = origin.authenticated || (settling && signalled);
        let hopeful = goes_on || signalled || (better && !handover);
        if believed || (hopeful && self.passes_probation(now, origin, goes_on)) {
            self.hold(now, origin)
        } else {
            Admission::Reject
        }
    }

    /// True for a packet that goes on with one of the party's streams: its SSRC, and a number that its packets since the
    /// last one, or the time that has passed, explain.
    fn goes_on(&self, now: Time, origin: &PacketOrigin, steps: u64) -> bool {
        let Some(sequence) = origin.sequence else { return false };
        let passed = now.since(self.heard).as_millis() / SHORTEST_PACKET.as_millis();
        let most = steps.saturating_add(u64::try_from(passed).unwrap_or(u64::MAX)).min(MOST_STEPS);
        let mut streams = self.streams();
        streams.any(|(ssrc, last)| {
            let step = u64::try_from(sequence.distance_from(last)).unwrap_or(0);
            ssrc == origin.ssrc && (1..=most).contains(&step)
        })
    }

    fn hold(&mut self, now: Time, origin: &PacketOrigin) -> Admission {
        self.moved |= matches!(self.state, State::Held { .. });
        self.state = State::Held { from: origin.from, since: now };
        self.heard = now;
        self.forget_candidates();
        self.remember(origin);
        Admission::AcceptAndLatch
    }

    /// The party's streams, the one it used last first.
    fn streams(&self) -> impl Iterator<Item = (Ssrc, Seq)> {
        let others = self.apart.as_ref().map(|apart| apart.streams).into_iter().flatten();
        self.stream.into_iter().chain(others.flatten())
    }

    fn forget_candidates(&mut self) {
        if let Some(apart) = &mut self.apart {
            apart.candidates = [None; CANDIDATES];
        }
    }

    fn remember(&mut self, origin: &PacketOrigin) {
        let Some(sequence) = origin.sequence else { return };
        match &mut self.stream {
            Some((ssrc, last)) if *ssrc == origin.ssrc => {
                if sequence.distance_from(*last) > 0 {
                    *last = sequence;
                }
            }
            _ => self.change_stream(origin.ssrc, sequence),
        }
    }

    /// Another stream of the party is the one used last. Of too many the one used least recently gives way.
    #[cold]
    fn change_stream(&mut self, ssrc: Ssrc, sequence: Seq) {
        if self.stream.is_none() && self.apart.is_none() {
            self.stream = Some((ssrc, sequence));
            return;
        }
        let known = |stream: &Option<(Ssrc, Seq)>| stream.is_some_and(|(other, _)| other == ssrc);
        let streams = &mut self.apart.get_or_insert_default().streams;
        let place = streams.iter().position(known).unwrap_or(OTHER_STREAMS - 1);
        let before = streams.get(place).copied().flatten().filter(|(other, _)| *other == ssrc);
        let last = before.map_or(
            sequence,
            |(_, last)| {
                if sequence.distance_from(last) > 0 { sequence } else { last }
            },
        );
        if let Some(newer) = streams.get_mut(..=place) {
            newer.rotate_right(1);
        }
        if let Some(first) = streams.first_mut() {
            *first = self.stream;
        }
        self.stream = Some((ssrc, last));
    }

    /// Counts a candidate's packets in sequence, without a gap [RFC3550 A.1]; true when there are enough.
    fn passes_probation(&mut self, now: Time, origin: &PacketOrigin, goes_on: bool) -> bool {
        // A stream that goes on has shown what nobody else knows.
        let is_known = goes_on
            || self.is_expected(origin.from)
            || self.policy == LatchPolicy::Handover && self.learnt().is_some();
        let needed = if is_known { PROBATION } else { PROBATION_ELSEWHERE };
        let candidates = &mut self.apart.get_or_insert_default().candidates;
        let known = candidates.iter_mut().flatten().find(|candidate| candidate.from == origin.from);
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
        if let Some(place) = candidates.iter_mut().min_by_key(|place| place.map(|other| other.at)) {
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
    /// Notes that packets of the source held came elsewhere, of the stream used last.
    pub(crate) fn note_passed(&mut self, at: Time, sequence: Seq) {
        self.heard = self.heard.max(at);
        if let Some((_, last)) = &mut self.stream
            && sequence.distance_from(*last) > 0
        {
            *last = sequence;
        }
    }

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
            streams: self.streams().map(|(ssrc, sequence)| (ssrc.0, sequence.0)).collect(),
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
        let mut this = Self::new(Signalled { address: saved.signalled, ..config }, learnable);
        // In a pause nobody listened.
        (this.state, this.heard) = (state, now);
        let mut streams = saved.streams.iter().map(|&(ssrc, sequence)| (Ssrc(ssrc), Seq(sequence)));
        this.stream = streams.next();
        if saved.streams.len() > 1 {
            let apart = this.apart.get_or_insert_default();
            apart.streams.iter_mut().zip(streams).for_each(|(to, from)| *to = Some(from));
        }
        this
    }
}

#[cfg(test)]
#[path = "latch_tests.rs"]
mod tests;
