//! All of a call's state that must go on elsewhere: versioned, with times as ages.
//!
//! Saved are configuration, keys with their roll-over counters and replay windows, latches, the streams' SSRCs, sequence
//! numbers and timestamps, RTCP, key presses under way, counters, mixes, players and where they are, taps on key presses
//! and packets, and the phase of the media clock.
//!
//! Not saved is what only decides how the next 100 ms sound: packets in jitter buffers, the states of decoders and encoders,
//! latch candidates. An analysis that runs is named, and has ended in the call that goes on.

pub(crate) mod age;
mod call;
pub(crate) mod config;
mod digits;
pub(crate) mod events;
mod leg;
pub(crate) mod objects;
pub(crate) mod rtcp;
mod secret;
pub(crate) mod stream;
pub(crate) mod transport;
pub(crate) mod trigger;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mediapoint_packet::Time;
use mediapoint_prompt::{Playlist, Prompt};

use crate::api::error::{CommandError, RestoreError};
use crate::api::id::{CallId, LegId, MixId, TapId};
use crate::api::points::Points;
use crate::api::source::Source;
use crate::runtime::work::LegWork;
use crate::session::call::Call;
use crate::session::port::LegPorts;
use crate::session::snapshot::age::{Age, Due, Malformed, Moment};
use crate::session::snapshot::leg::LegSnapshot;
use crate::session::snapshot::objects::{
    MixSnapshot, PlayerSnapshot, PlayingSnapshot, RoomSnapshot, TapSnapshot,
};
use crate::session::tap::event::PressRoom;
use crate::session::{Output, Session};

/// The version of snapshots that this engine writes and reads.
pub const SNAPSHOT_VERSION: u16 = 3;

/// Local addresses of a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LocalAddresses {
    /// Address and port of RTP.
    pub rtp: SocketAddr,
    /// Address and port of RTCP, where it has one of its own.
    pub rtcp: Option<SocketAddr>,
}

impl LocalAddresses {
    /// True for an even port, and the odd one above it for RTCP.
    fn is_pair(&self) -> bool {
        let port = self.rtp.port();
        let rtcp = SocketAddr::new(self.rtp.ip(), port | 1);
        port != 0 && port.is_multiple_of(2) && self.rtcp.is_none_or(|known| known == rtcp)
    }
}

/// A call as it stood at one moment: plain data for `serde`. It holds the keys of its legs: treat what it is serialised to as
/// a secret.
///
/// The call that it was taken of goes on, but must not do so beside the one that is restored: end it, or its process, first.
/// What it sent in the meantime is allowed for, by the wall clock of either machine, for a minute at least: sequence
/// numbers and SRTP indexes that it may have used are passed over. From its end to the restoring there must be more time
/// than the clocks differ by.
///
/// Streams from outside and taps on audio are not in it, since their other ends are in the old process: what a stream fed
/// is fed by silence. Codecs and jitter buffers begin anew. While the party changes its SRTP key, only the newest is in it.
///
/// What is read may come from anywhere: restoring refuses what no engine writes. Fields that are not known are passed over.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
pub struct CallSnapshot {
    pub(crate) version: u16,
    pub(crate) call: CallId,
    /// When it was taken, in nanoseconds since the UNIX epoch.
    taken: u64,
    created: Age,
    /// Since when no packets are to be expected.
    held: Option<Age>,
    /// What it was given to cost with two legs, in thousandths of a point.
    price: Option<u64>,
    /// It is not shed, and admitted where a shrunk budget refuses others.
    #[serde(default)]
    priority: bool,
    /// The next tick, where a player runs.
    tick: Option<Due>,
    pub(crate) legs: Vec<LegSnapshot>,
    mixes: Vec<MixSnapshot>,
    #[serde(default)]
    rooms: Vec<RoomSnapshot>,
    players: Vec<PlayerSnapshot>,
    taps: Vec<TapSnapshot>,
    /// Analyses that run, by name and leg: what they have heard is not in it.
    #[serde(default)]
    analyses: Vec<(TapId, LegId)>,
}

impl CallSnapshot {
    /// The call's name.
    #[must_use]
    pub const fn call(&self) -> CallId {
        self.call
    }

    /// Its legs and their local addresses.
    pub fn legs(&self) -> impl Iterator<Item = (LegId, Option<LocalAddresses>)> {
        self.legs.iter().map(|leg| (leg.leg, leg.local))
    }

    /// Gives the prompts again that its players play; `find` has them by name. Returns the names that it does not have: what
    /// plays them is left out, and what it fed is fed by silence. Converts the others to the rates that they are played at: not
    /// for a worker.
    pub fn set_prompts(&mut self, mut find: impl FnMut(&str) -> Option<Arc<Prompt>>) -> Vec<String> {
        let mut missing = Vec::new();
        for player in &mut self.players {
            let PlayingSnapshot::Prompts(saved) = &mut player.playing else { continue };
            let mut found = Vec::with_capacity(saved.playlist.items.len());
            for item in &saved.playlist.items {
                match find(&item.name)
                    .filter(|found| found.name() == item.name && found.samples(saved.rate).is_ok())
                {
                    Some(prompt) => found.push(prompt),
                    None if missing.contains(&item.name) => {}
                    None => missing.push(item.name.clone()),
                }
            }
            let whole = found.len() == saved.playlist.items.len();
            let mut found = found.into_iter().filter(|_| whole);
            saved.found = Playlist::restored(&saved.playlist, |_| found.next());
        }
        missing
    }

    /// Its mixes and their inputs.
    pub(crate) fn mixes(&self) -> impl Iterator<Item = (MixId, &[Source])> {
        self.mixes.iter().map(|mix| (mix.mix, mix.inputs.as_slice()))
    }

    /// DSCP of what a leg sends.
    pub(crate) fn dscp(&self, leg: LegId) -> Option<u8> {
        self.legs.iter().find(|known| known.leg == leg).map(|leg| leg.config.dscp())
    }

    /// The work of a leg.
    pub(crate) fn work(&self, leg: LegId) -> Option<LegWork> {
        let known = self.legs.iter().find(|known| known.leg == leg)?;
        let work = LegWork::of(&known.config.restored().ok()?).secured(known.is_secure());
        Some(work.fed_by(known.source))
    }

    /// Refuses a snapshot of another version, and what no engine writes.
    pub(crate) fn check(&self) -> Result<(), RestoreError> {
        if self.version != SNAPSHOT_VERSION {
            return Err(RestoreError::Version { have: self.version, need: SNAPSHOT_VERSION });
        }
        self.check_contents().map_err(|Malformed(what)| RestoreError::Malformed { what })
    }

    /// The highest number that names a leg or another object of the call.
    pub(crate) fn highest_id(&self) -> u64 {
        self.object_ids().map(|(_, id)| id).max().unwrap_or(0)
    }

    /// Notes the local addresses of a leg.
    pub(crate) fn set_local(&mut self, leg: LegId, local: LocalAddresses) {
        if let Some(known) = self.legs.iter_mut().find(|known| known.leg == leg) {
            known.local = Some(local);
        }
    }

    /// What the call was given to cost with two legs; `None` where its work says it.
    pub(crate) fn price(&self) -> Option<Points> {
        self.price.map(Points::thousandths)
    }

    /// True for a call with priority.
    pub(crate) const fn priority(&self) -> bool {
        self.priority
    }

    /// Notes what the call was given to cost with two legs, and its priority.
    pub(crate) fn set_admission(&mut self, price: Option<Points>, priority: bool) {
        (self.price, self.priority) = (price.map(Points::as_thousandths), priority);
    }

    /// The analyses that ran.
    pub(crate) fn analyses(&self) -> &[(TapId, LegId)] {
        &self.analyses
    }

    /// Its taps.
    pub(crate) fn taps(&self) -> impl Iterator<Item = TapId> {
        self.taps.iter().map(TapSnapshot::id)
    }

    /// Makes the rooms of taps on key presses anew, and returns them.
    pub(crate) fn make_rooms(&mut self) -> Vec<(TapId, PressRoom)> {
        let rooms = self.taps.iter_mut().filter_map(|tap| match tap {
            TapSnapshot::KeyPresses { tap, room, .. } => {
                *room = PressRoom::default();
                Some((*tap, room.clone()))
            }
            TapSnapshot::Packets { .. } => None,
        });
        rooms.collect()
    }
}

impl std::fmt::Debug for CallSnapshot {
    /// Shows no key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallSnapshot")
            .field("version", &self.version)
            .field("call", &self.call)
            .field("legs", &self.legs.len())
            .finish_non_exhaustive()
    }
}

impl Session {
    /// The state of a call that must go on elsewhere.
    ///
    /// # Errors
    /// [`CommandError::NoSuchCall`].
    pub fn snapshot<O: Output>(
        &mut self,
        now: Time,
        id: CallId,
        out: &mut O,
    ) -> Result<CallSnapshot, CommandError> {
        let now = now.max(self.now);
        let wall = self.wall(now);
        let slot = self.slot(id)?;
        let call = self.calls.get_mut(slot).ok_or(CommandError::NoSuchCall(id))?;
        // It is saved as if each packet had come through it. The streams stay where they are: snapshots may be taken often.
        call.follow_streams(now, out);
        Ok(call.save(now, wall))
    }

    /// Makes a call of a snapshot, on these ports.
    ///
    /// # Errors
    /// [`CommandError`] where there is no room, a leg has no ports, or the snapshot is malformed or of another version;
    /// nothing has changed then.
    pub fn restore(
        &mut self,
        now: Time,
        snapshot: &CallSnapshot,
        ports: &[(LegId, LegPorts)],
    ) -> Result<(), CommandError> {
        let now = self.advance(now);
        snapshot.check().map_err(|error| match error {
            RestoreError::Malformed { what } => CommandError::OutOfRange { what },
            _ => CommandError::OutOfRange { what: "the version of the snapshot" },
        })?;
        if self.names.contains_key(&snapshot.call()) {
            return Err(CommandError::OutOfRange { what: "the name of the call" });
        }
        let pause = self.wall(now).saturating_sub(Duration::from_nanos(snapshot.taken));
        let call = Call::restored(Moment::new(now, pause), snapshot, ports, &self.config)?;
        self.insert(call).map_err(|_| self.full())
    }

    /// The wall clock at `now`, since the UNIX epoch.
    fn wall(&self, now: Time) -> Duration {
        self.config.wall_at_zero + now.since(Time::ZERO)
    }
}
