//! What must be true of sessions, kept the naive way: every object with the call that it is in, and nothing derived.

use std::collections::{BTreeMap, BTreeSet};

use mediapoint_engine::session::source::stream::StreamBlock;
use mediapoint_engine::session::tap::audio::TapFrame;
use mediapoint_engine::session::tap::event::PressRoom;
use mediapoint_engine::{CallId, CommandError, Event, LegId, MixId, MixSpec, PlayerId, Source, StreamId};
use mediapoint_net::ring::{Consumer, Producer};
use mediapoint_testkit::{Outbox, leg_ports};

use crate::random_commands_keep_the_session_whole::steps::{Fed, TapKind};

/// A session and a call in it.
pub(crate) type At = (usize, u64);

pub(crate) struct Leg {
    pub(crate) at: At,
    pub(crate) slot: u32,
    pub(crate) source: Fed,
}

pub(crate) struct Tap {
    pub(crate) at: At,
    pub(crate) leg: u64,
    pub(crate) kind: TapKind,
    pub(crate) room: PressRoom,
    /// The reading end of an audio tap, until it is dropped.
    pub(crate) reader: Option<Consumer<TapFrame>>,
    /// Where the next frame begins at the earliest.
    pub(crate) next: u64,
}

pub(crate) struct Stream {
    pub(crate) at: At,
    /// The writing end, until it is dropped.
    pub(crate) writer: Option<Producer<StreamBlock>>,
}

#[derive(Default)]
pub(crate) struct Model {
    pub(crate) calls: BTreeSet<At>,
    pub(crate) legs: BTreeMap<u64, Leg>,
    /// Players, and whether they have come to their end.
    pub(crate) players: BTreeMap<u64, (At, bool)>,
    pub(crate) streams: BTreeMap<u64, Stream>,
    pub(crate) mixes: BTreeMap<u64, (At, Vec<Fed>)>,
    pub(crate) taps: BTreeMap<u64, Tap>,
    /// Outer ends of rings whose stream or tap is gone.
    pub(crate) orphans: Vec<Orphan>,
    pub(crate) opened: usize,
    pub(crate) closed: usize,
    pub(crate) presses: u64,
    pub(crate) finished: u64,
    /// Queues of digits that have run empty.
    pub(crate) digits: u64,
}

pub(crate) enum Orphan {
    Writer(Producer<StreamBlock>),
    Reader(Consumer<TapFrame>),
}

pub(crate) fn source(fed: Fed) -> Source {
    match fed {
        Fed::Silence => Source::Silence,
        Fed::Leg(id) => Source::Leg(LegId::from_u64(id)),
        Fed::Mix(id) => Source::Mix(MixId::from_u64(id)),
        Fed::Player(id) => Source::Player(PlayerId::from_u64(id)),
        Fed::Stream(id) => Source::Stream(StreamId::from_u64(id)),
    }
}

impl Model {
    /// `Err` where the session has no such call.
    pub(crate) fn call(&self, at: At) -> Result<(), CommandError> {
        let found = self.calls.contains(&at);
        if found { Ok(()) } else { Err(CommandError::NoSuchCall(CallId::from_u64(at.1))) }
    }

    /// `Err` where the call has no such leg.
    pub(crate) fn leg(&self, at: At, leg: u64) -> Result<(), CommandError> {
        let found = self.legs.get(&leg).is_some_and(|known| known.at == at);
        if found { Ok(()) } else { Err(CommandError::NoSuchLeg(LegId::from_u64(leg))) }
    }

    /// `Err` where the call has no such object.
    pub(crate) fn object(&self, at: At, kind: &'static str, id: u64) -> Result<(), CommandError> {
        let found = match kind {
            "player" => self.players.get(&id).map(|known| known.0),
            "stream" => self.streams.get(&id).map(|known| known.at),
            "mix" => self.mixes.get(&id).map(|known| known.0),
            _ => self.taps.get(&id).map(|known| known.at),
        };
        if found == Some(at) { Ok(()) } else { Err(CommandError::NoSuchObject { kind, id }) }
    }

    /// `Err` where the call has no such source.
    pub(crate) fn source(&self, at: At, fed: Fed) -> Result<(), CommandError> {
        match fed {
            Fed::Silence => Ok(()),
            Fed::Leg(leg) => self.leg(at, leg),
            Fed::Mix(id) => self.object(at, "mix", id),
            Fed::Player(id) => self.object(at, "player", id),
            Fed::Stream(id) => self.object(at, "stream", id),
        }
    }

    /// What making a mix of these inputs must answer.
    pub(crate) fn inputs(&self, at: At, inputs: &[Fed]) -> Result<(), CommandError> {
        for (n, input) in inputs.iter().enumerate() {
            if inputs[..n].contains(input) || matches!(input, Fed::Silence | Fed::Mix(_)) {
                return Err(CommandError::OutOfRange { what: "the inputs of the mix" });
            }
            self.source(at, *input)?;
        }
        Ok(())
    }

    pub(crate) fn mix_spec(inputs: &[Fed]) -> MixSpec {
        MixSpec { inputs: inputs.iter().map(|input| source(*input)).collect() }
    }

    pub(crate) fn legs_of(&self, at: At) -> BTreeSet<u64> {
        self.legs.iter().filter(|(_, leg)| leg.at == at).map(|(id, _)| *id).collect()
    }

    pub(crate) fn legs_in(&self, session: usize) -> usize {
        self.legs.values().filter(|leg| leg.at.0 == session).count()
    }

    /// The lowest slot that no leg of the session has.
    pub(crate) fn free_slot(&self, session: usize) -> u32 {
        let taken: BTreeSet<u32> =
            self.legs.values().filter(|leg| leg.at.0 == session).map(|leg| leg.slot).collect();
        (0..).find(|slot| !taken.contains(slot)).unwrap()
    }

    /// Moves all that is in a call.
    pub(crate) fn move_call(&mut self, from: At, to: At) {
        assert!(self.calls.remove(&from) && self.calls.insert(to));
        let places = (self.legs.values_mut().map(|leg| &mut leg.at))
            .chain(self.players.values_mut().map(|player| &mut player.0))
            .chain(self.streams.values_mut().map(|stream| &mut stream.at))
            .chain(self.mixes.values_mut().map(|mix| &mut mix.0))
            .chain(self.taps.values_mut().map(|tap| &mut tap.at));
        places.filter(|at| **at == from).for_each(|at| *at = to);
    }

    pub(crate) fn remove_stream(&mut self, id: u64) {
        let stream = self.streams.remove(&id).unwrap();
        self.orphans.extend(stream.writer.map(Orphan::Writer));
    }

    pub(crate) fn remove_tap(&mut self, id: u64) {
        let tap = self.taps.remove(&id).unwrap();
        self.orphans.extend(tap.reader.map(Orphan::Reader));
    }

    /// What follows from things being gone: who was fed by them gets silence, who listened to them goes.
    pub(crate) fn settle(&mut self) {
        self.players.retain(|_, (at, _)| self.calls.contains(at));
        let streams: Vec<u64> = self.streams.keys().copied().collect();
        for id in streams {
            if !self.calls.contains(&self.streams[&id].at) {
                self.remove_stream(id);
            }
        }
        self.mixes.retain(|_, (at, _)| self.calls.contains(at));
        let taps: Vec<u64> = self.taps.keys().copied().collect();
        for id in taps {
            let Tap { at, leg, kind, .. } = &self.taps[&id];
            let target = match kind {
                TapKind::Packets { target: Some(target), .. } => *target,
                _ => *leg,
            };
            if self.leg(*at, *leg).is_err() || self.leg(*at, target).is_err() {
                self.remove_tap(id);
            }
        }
        let gone: Vec<u64> = self
            .legs
            .iter()
            .filter(|(_, leg)| self.source(leg.at, leg.source).is_err())
            .map(|(id, _)| *id)
            .collect();
        for id in gone {
            self.legs.get_mut(&id).unwrap().source = Fed::Silence;
        }
        let mixes: Vec<u64> = self.mixes.keys().copied().collect();
        for id in mixes {
            let (at, mut inputs) = self.mixes[&id].clone();
            inputs.retain(|input| self.source(at, *input).is_ok());
            self.mixes.get_mut(&id).unwrap().1 = inputs;
        }
    }

    /// Takes in what a session closed and reported.
    pub(crate) fn follow(&mut self, session: usize, out: &mut Outbox) {
        for (ports, leg) in out.closed.drain(..) {
            let leg = self.legs.remove(&leg.as_u64()).expect("a leg is closed once");
            assert_eq!((ports, session), (leg_ports(leg.slot), leg.at.0), "by its own ports");
            self.closed += 1;
        }
        for event in out.events.drain(..) {
            match event {
                Event::CallEnded { call, .. } => {
                    let at = (session, call.as_u64());
                    assert!(self.calls.remove(&at), "a call ends once");
                    assert_eq!(self.legs_of(at), BTreeSet::new(), "its legs were closed first");
                }
                Event::PlayerFinished { call, player, .. } => {
                    let (at, finished) =
                        self.players.get_mut(&player.as_u64()).expect("a player that is there");
                    assert_eq!(*at, (session, call.as_u64()));
                    assert!(!std::mem::replace(finished, true), "a player finishes once");
                    self.finished += 1;
                }
                Event::KeyPressed { call, leg, tap, .. } => {
                    let tap = self.taps.get(&tap.as_u64()).expect("a tap that is there");
                    assert_eq!((tap.at, tap.leg), ((session, call.as_u64()), leg.as_u64()));
                    tap.room.give();
                    self.presses += 1;
                }
                Event::DigitsSent { call, leg, stopped } => {
                    // It may have been closed since, with the end of its call.
                    if let Some(leg) = self.legs.get(&leg.as_u64()) {
                        assert_eq!(leg.at, (session, call.as_u64()));
                    }
                    self.digits += u64::from(!stopped);
                }
                _ => {}
            }
        }
        self.settle();
    }
}
