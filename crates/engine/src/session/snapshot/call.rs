//! A whole call in a snapshot, and back.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

use mediapoint_packet::{PacketBuf, Time};

use crate::api::error::CommandError;
use crate::api::event::Event;
use crate::api::id::LegId;
use crate::api::source::Source;
use crate::api::tap::PacketTarget;
use crate::session::call::{Call, MAX_LEGS, MAX_OBJECTS};
use crate::session::leg::Leg;
use crate::session::port::{LegPorts, PortKey};
use crate::session::snapshot::age::{Age, Due, Malformed, Moment, ensure};
use crate::session::snapshot::objects::{MixSnapshot, RoomSnapshot, TapSnapshot};
use crate::session::snapshot::{CallSnapshot, SNAPSHOT_VERSION};
use crate::session::source::mix::Mix;
use crate::session::source::player::Player;
use crate::session::source::room::ConferenceRoom;
use crate::session::tap::Tap;
use crate::session::tap::event::EventTap;
use crate::session::tap::packet::PacketTap;
use crate::session::timers::Timer;
use crate::session::{Output, SessionConfig, WakeHandle};

/// Names are below this, so that there are others above them.
const NAMES: u64 = 1 << 62;

/// The media clock keeps its phase over a pause: ticks are 10 or 20 ms apart.
const PHASE_MILLIS: u32 = 20;
const PHASE: Duration = Duration::from_millis(PHASE_MILLIS as u64);

/// Where a call has nothing to send and nobody to report to.
struct Nowhere;

impl Output for Nowhere {
    fn send(&mut self, _from: PortKey, _to: SocketAddr, _packet: PacketBuf) {}

    fn take(&mut self) -> Option<PacketBuf> {
        None
    }

    fn take_for(&mut self, _len: usize) -> Option<PacketBuf> {
        None
    }

    fn give(&mut self, _packet: PacketBuf) {}

    fn event(&mut self, _event: Event) {}

    fn close(&mut self, _ports: LegPorts, _leg: LegId) {}

    fn wake(&mut self, _handle: WakeHandle) {}
}

impl Call {
    /// The call as it stands at `now`, which is `since_unix_epoch` on the wall clock.
    pub(super) fn save(&self, now: Time, since_unix_epoch: Duration) -> CallSnapshot {
        let inputs = |mix: &Mix| {
            let kept = mix.inputs.iter().filter(|input| !matches!(input, Source::Stream(_)));
            kept.copied().collect()
        };
        let tap = |tap: &Tap| match tap {
            Tap::Events(tap) => Some(tap.save()),
            Tap::Packets(tap) => Some(TapSnapshot::Packets { tap: tap.id, spec: tap.spec }),
            Tap::Audio(_) | Tap::Analysis(_) | Tap::Room(_) => None,
        };
        let analysed = self.taps.iter().filter(|tap| matches!(tap, Tap::Analysis(_)) && !tap.is_over());
        // An ingress starts the clock with its first packet.
        let plays = self.players.iter().any(Player::is_live);
        let tick = self.timers.get(Timer::Tick).filter(|_| self.clock.runs && plays);
        CallSnapshot {
            version: SNAPSHOT_VERSION,
            call: self.id,
            taken: u64::try_from(since_unix_epoch.as_nanos()).unwrap_or(u64::MAX),
            created: Age::of(self.created, now),
            price: None,
            priority: false,
            held: self.activity.held_since.map(|since| Age::of(since, now)),
            tick: tick.map(|at| Due::of(at, now)),
            legs: self.legs.iter().map(|leg| leg.save(now)).collect(),
            mixes: self.mixes.iter().map(|mix| MixSnapshot { mix: mix.id, inputs: inputs(mix) }).collect(),
            rooms: self.rooms.iter().map(ConferenceRoom::save).collect(),
            players: self.players.iter().map(Player::save).collect(),
            taps: self.taps.iter().filter_map(tap).collect(),
            analyses: analysed.map(|tap| (tap.id(), tap.leg())).collect(),
        }
    }

    /// A call as it was saved, which has been checked, on these ports.
    pub(super) fn restored(
        at: Moment,
        saved: &CallSnapshot,
        ports: &[(LegId, LegPorts)],
        config: &SessionConfig,
    ) -> Result<Self, CommandError> {
        let now = at.now;
        let mut call = Self::new(now, saved.call, config);
        call.created = saved.created.before(at.taken);
        call.activity.held_since = saved.held.map(|held| held.before(now));
        for leg in &saved.legs {
            let known = ports.iter().find(|(id, _)| *id == leg.leg);
            let (_, ports) = known.ok_or(CommandError::OutOfRange { what: "the ports of a leg" })?;
            let leg = Leg::restored(at, leg, (*ports, &config.remotes))
                .map_err(|Malformed(what)| CommandError::OutOfRange { what })?;
            call.legs.push(leg);
        }
        call.mixes = saved.mixes.iter().map(|mix| Mix::new(mix.mix, mix.inputs.clone())).collect();
        let rooms = saved.rooms.iter().map(ConferenceRoom::restored);
        call.rooms = rooms.collect::<Result<_, _>>()?;
        call.players = saved.players.iter().filter_map(Player::restored).collect();
        call.taps = saved.taps.iter().map(TapSnapshot::restored).collect();
        let tick = saved.tick.map(|tick| next_in_phase(tick, at));
        if let Some((next, _)) = tick {
            call.clock.runs = true;
            call.timers.set(Timer::Tick, Some(next));
        }
        call.rewire(now, &mut Nowhere);
        if let Some((_, missed)) = tick {
            call.pass_missed(missed, PHASE_MILLIS);
        }
        if !call.is_live() {
            call.clock.runs = false;
            call.timers.set(Timer::Tick, None);
        }
        // The next check sets the time of the one after it by the ages of the legs.
        call.timers.set(Timer::Inactivity, Some(now));
        call.schedule_handovers(now, config);
        call.set_leg_timers();
        Ok(call)
    }

    fn set_leg_timers(&mut self) {
        let reports = self.legs.iter().filter_map(|leg| leg.rtcp.next_report()).min();
        let events = self.legs.iter().filter_map(|leg| leg.digit_deadline()).min();
        self.timers.set(Timer::Report, reports);
        self.timers.set(Timer::Event, events);
    }
}

/// The next tick in the phase that the clock had, and how many were missed.
fn next_in_phase(tick: Due, at: Moment) -> (Time, u32) {
    let due = tick.after(at.taken, PHASE * 2);
    let missed = at.now.since(due).as_nanos().div_ceil(PHASE.as_nanos());
    let missed = u32::try_from(missed).unwrap_or(0);
    (due + PHASE * missed, missed)
}

impl TapSnapshot {
    fn is_valid(&self) -> bool {
        match self {
            Self::KeyPresses { tones, .. } => tones.is_none_or(|tones| tones.checked().is_ok()),
            Self::Packets { .. } => true,
        }
    }

    fn restored(&self) -> Tap {
        match self {
            Self::KeyPresses { tap, leg, missed, tones, room } => {
                Tap::Events(EventTap::restored(*tap, *leg, (*missed, *tones), room.clone()))
            }
            Self::Packets { tap, spec } => Tap::Packets(PacketTap { id: *tap, spec: *spec }),
        }
    }
}

impl CallSnapshot {
    /// Refuses what no engine writes: it may come from anywhere.
    pub(super) fn check_contents(&self) -> Result<(), Malformed> {
        ensure(self.legs.len() <= MAX_LEGS, "the number of legs")?;
        let objects = [self.mixes.len(), self.rooms.len(), self.players.len(), self.taps.len()];
        ensure(
            objects.iter().all(|count| *count <= MAX_OBJECTS),
            "the number of mixes, rooms, players or taps",
        )?;
        ensure(self.analyses.len() <= MAX_OBJECTS, "the number of analyses")?;
        ensure(self.analyses.iter().all(|(_, leg)| self.has_leg(*leg)), "the leg of an analysis")?;
        ensure(self.call.as_u64() < NAMES && self.highest_id() < NAMES, "a name")?;
        let mut names = HashSet::new();
        ensure(self.object_ids().all(|name| names.insert(name)), "a name that is there twice")?;
        self.legs.iter().try_for_each(super::leg::LegSnapshot::check)?;
        self.mixes.iter().try_for_each(MixSnapshot::check)?;
        let of_rooms = self.rooms.iter().flat_map(RoomSnapshot::legs);
        ensure(of_rooms.into_iter().all(|leg| self.has_leg(leg)), "a leg of a room")?;
        let players = self.rooms.iter().flat_map(|room| &room.announcements);
        let known = |player| self.has_source(Source::Player(player));
        ensure(players.into_iter().all(|(player, _)| known(*player)), "an announcement of a room")?;
        self.players.iter().try_for_each(super::objects::PlayerSnapshot::check)?;
        let sources = self.legs.iter().map(|leg| leg.source);
        let mut sources = sources.chain(self.mixes.iter().flat_map(|mix| mix.inputs.iter().copied()));
        ensure(sources.all(|source| self.has_source(source)), "a source")?;
        ensure(self.taps.iter().all(|tap| self.has_legs_of(tap)), "the leg of a tap")?;
        ensure(self.taps.iter().all(TapSnapshot::is_valid), "what counts as a digit")
    }

    fn has_leg(&self, leg: LegId) -> bool {
        self.legs.iter().any(|known| known.leg == leg)
    }

    fn has_source(&self, source: Source) -> bool {
        match source {
            Source::Silence => true,
            Source::Leg(leg) => self.has_leg(leg),
            Source::Room(room) => self.rooms.iter().any(|known| known.room == room),
            Source::Mix(mix) => self.mixes.iter().any(|known| known.mix == mix),
            Source::Player(player) => self.players.iter().any(|known| known.player == player),
            Source::Stream(_) => false,
        }
    }

    fn has_legs_of(&self, tap: &TapSnapshot) -> bool {
        match tap {
            TapSnapshot::KeyPresses { leg, .. } => self.has_leg(*leg),
            TapSnapshot::Packets { spec, .. } => {
                let target = match spec.target {
                    PacketTarget::Leg(leg) => self.has_leg(leg),
                    PacketTarget::Address(_) => true,
                };
                target && self.has_leg(spec.leg)
            }
        }
    }

    /// Legs, mixes, players and taps, by kind and number.
    pub(super) fn object_ids(&self) -> impl Iterator<Item = (u8, u64)> {
        let legs = self.legs.iter().map(|leg| (0, leg.leg.as_u64()));
        let mixes = self.mixes.iter().map(|mix| (1, mix.mix.as_u64()));
        let rooms = self.rooms.iter().map(|room| (4, room.room.as_u64()));
        let players = self.players.iter().map(|player| (2, player.player.as_u64()));
        let taps = self.taps.iter().map(|tap| tap.id().as_u64());
        let analyses = self.analyses.iter().map(|(tap, _)| tap.as_u64());
        legs.chain(mixes).chain(rooms).chain(players).chain(taps.chain(analyses).map(|tap| (3, tap)))
    }
}
