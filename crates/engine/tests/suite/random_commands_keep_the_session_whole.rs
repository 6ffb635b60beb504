//! Random commands and packets of any form, interleaved, in two sessions between which calls move: nothing panics, every
//! command is answered as a naive model of calls, legs, sources and taps answers it, what the sessions say of themselves
//! stays consistent with that model, no buffer is lost, every leg is closed exactly once, and no ring outlives its stream
//! or tap.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "helpers of the test: what is missing fails it"
)]

#[path = "random_commands/model.rs"]
mod model;
#[path = "random_commands/steps.rs"]
mod steps;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::time::Duration;

use mediapoint_engine::session::command::CallCommand;
use mediapoint_engine::session::source::player::Player;
use mediapoint_engine::session::source::stream::{Stream as StreamSource, StreamBlock};
use mediapoint_engine::session::tap::Tap;
use mediapoint_engine::session::tap::analysis::AnalysisTap;
use mediapoint_engine::session::tap::audio::{AudioTap, TapFrame};
use mediapoint_engine::session::tap::event::{EventTap, PressRoom};
use mediapoint_engine::session::tap::packet::PacketTap;
use mediapoint_engine::session::{Session, SessionConfig};
use mediapoint_engine::{
    AudioTapSpec, CallId, CommandError, EndReason, LegId, MixId, PacketTapSpec, PacketTarget, PlayerId,
    PlayerSpec, Relearn, StreamId, TapId, TapSide,
};
use mediapoint_net::ring;
use mediapoint_packet::Time;
use mediapoint_testkit::{Outbox, Random, for_each_seed, leg_ports, rtcp_port, rtp_port};
use proptest::prelude::*;

use model::{At, Leg, Model, Orphan, Stream, source};
use steps::{Fed, Step, TapKind, address, config, digit, packet, step, talk, tone};

const MAX_LEGS: usize = 24;

fn side(number: u8) -> TapSide {
    [TapSide::Received, TapSide::Sent, TapSide::Both][usize::from(number)]
}

struct Run {
    sessions: [Session; 2],
    out: [Outbox; 2],
    model: Model,
    now: Time,
    sequence: u16,
}

impl Run {
    fn new(seed: u64) -> Self {
        let session = |number: u64| {
            let mut bytes = [0; 32];
            Random::new(seed * 2 + number).fill(&mut bytes);
            Session::new(SessionConfig {
                max_legs: MAX_LEGS,
                media_timeout: Duration::from_secs(30),
                hold_timeout: Duration::from_secs(120),
                seed: bytes,
                wall_at_zero: Duration::from_secs(1_700_000_000),
                remotes: Default::default(),
                kernel_forwarding: false,
            })
        };
        Self {
            sessions: [session(0), session(1)],
            out: [Outbox::new(64), Outbox::new(64)],
            model: Model::default(),
            now: Time::ZERO,
            sequence: 0,
        }
    }

    /// Where a call is; one that is nowhere is looked for in the first session.
    fn find(&self, call: u64) -> At {
        let here = self.model.calls.iter().find(|at| at.1 == call);
        here.copied().unwrap_or((0, call))
    }

    /// The call that a command goes to: the one asked for, or the object's own.
    fn at(&self, asked: Option<u64>, own: Option<At>) -> At {
        asked.map(|call| self.find(call)).or(own).unwrap_or((0, 0))
    }

    /// Gives a session a command and compares its answer with the model's; true where it was carried out.
    fn command(&mut self, at: At, command: CallCommand, expected: Result<(), CommandError>) -> bool {
        let expected = self.model.call(at).and(expected);
        let (session, out) = (&mut self.sessions[at.0], &mut self.out[at.0]);
        let result = session.apply(self.now, CallId::from_u64(at.1), command, out);
        assert_eq!(result, expected);
        result.is_ok()
    }

    fn send_digits(&mut self, at: Option<u64>, leg: u64, count: u8, style: u64) {
        let at = self.at(at, self.model.legs.get(&leg).map(|leg| leg.at));
        let id = LegId::from_u64(leg);
        let mut random = Random::new(style);
        let digits: Vec<_> = (0..count).map(|_| digit(&mut random)).collect();
        let command = match digits.is_empty() {
            true => CallCommand::StopDigits { leg: id },
            false => CallCommand::SendDigits { leg: id, digits },
        };
        let (session, out) = (&mut self.sessions[at.0], &mut self.out[at.0]);
        let result = session.apply(self.now, CallId::from_u64(at.1), command, out);
        match self.model.call(at).and(self.model.leg(at, leg)) {
            Err(error) => assert_eq!(result, Err(error)),
            Ok(()) => {
                let refused =
                    matches!(result, Err(CommandError::NoDigit(_) | CommandError::TooManyDigits { .. }));
                assert!(result.is_ok() || (count > 0 && refused), "{result:?}");
            }
        }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::AddCall(call) => self.add_call(*call),
            Step::EndCall(call) => {
                let at = self.find(*call);
                let (session, out) = (&mut self.sessions[at.0], &mut self.out[at.0]);
                let ended = session.end_call(self.now, CallId::from_u64(at.1), EndReason::Command, out);
                assert_eq!(ended, self.model.call(at));
            }
            Step::MoveCall(call) => self.move_call(*call),
            Step::AddLeg { at, leg, style } => self.add_leg(*at, *leg, *style),
            Step::Configure { at, leg, style, relearn } => {
                let at = self.at(*at, self.model.legs.get(leg).map(|leg| leg.at));
                let relearn = if *relearn { Relearn::Now } else { Relearn::IfMoved };
                let (id, config) = (LegId::from_u64(*leg), Box::new(config(*style)));
                let configure = CallCommand::ConfigureLeg { leg: id, config, relearn };
                self.command(at, configure, self.model.leg(at, *leg));
            }
            Step::SetSource { at, leg, source: fed } => {
                let at = self.at(*at, self.model.legs.get(leg).map(|leg| leg.at));
                let expected = self.model.leg(at, *leg).and_then(|()| self.model.source(at, *fed));
                let set = CallCommand::SetSource { leg: LegId::from_u64(*leg), source: source(*fed) };
                if self.command(at, set, expected) {
                    self.model.legs.get_mut(leg).unwrap().source = *fed;
                }
            }
            Step::RemoveLeg { at, leg } => {
                let at = self.at(*at, self.model.legs.get(leg).map(|leg| leg.at));
                let remove = CallCommand::RemoveLeg { leg: LegId::from_u64(*leg) };
                // What closes it is the session's own word, see `Model::follow`.
                self.command(at, remove, self.model.leg(at, *leg));
            }
            Step::MoveLeg { leg, to } => self.move_leg(*leg, *to),
            Step::Digits { at, leg, count, style } => self.send_digits(*at, *leg, *count, *style),
            Step::AddPlayer { .. }
            | Step::RemovePlayer { .. }
            | Step::AddMix { .. }
            | Step::SetInputs { .. }
            | Step::RemoveMix { .. } => self.take_object(step),
            Step::AddStream { .. } | Step::Write { .. } | Step::DropWriter(_) | Step::RemoveStream { .. } => {
                self.take_stream(step)
            }
            Step::AddTap { .. } | Step::Read(_) | Step::DropReader(_) | Step::RemoveTap { .. } => {
                self.take_tap(step);
            }
            Step::Packet { session, slot, rtcp, from, style } => {
                self.sequence = self.sequence.wrapping_add(1);
                let key = if *rtcp { rtcp_port(*slot) } else { rtp_port(*slot) };
                let bytes = packet(*style, self.sequence);
                self.datagram(usize::from(*session), key, *from, &bytes);
            }
            Step::Talk { leg, packets, style } => {
                let Some(Leg { at, slot, .. }) = self.model.legs.get(leg) else { return };
                let (session, key) = (at.0, rtp_port(*slot));
                // A party stays where it is.
                let from = u16::try_from(leg % 4).unwrap();
                for n in 0..*packets {
                    self.sequence = self.sequence.wrapping_add(1);
                    self.datagram(session, key, from, &talk(*style, n, self.sequence));
                    self.wait(20);
                    self.check();
                }
            }
            Step::Wait(millis) => self.wait(*millis),
        }
    }

    fn datagram(
        &mut self,
        session: usize,
        key: mediapoint_engine::session::port::PortKey,
        from: u16,
        bytes: &[u8],
    ) {
        let out = &mut self.out[session];
        let buffer = out.filled(bytes).expect("a buffer");
        self.sessions[session].handle_datagram(self.now, key, address(from), buffer, out);
    }

    fn wait(&mut self, millis: u64) {
        self.now = self.now + Duration::from_millis(millis);
        for (session, out) in self.sessions.iter_mut().zip(&mut self.out) {
            for _ in 0..50 {
                if session.next_deadline().is_none_or(|at| at > self.now) {
                    break;
                }
                session.handle_timeouts(self.now, out);
                // As a socket would: what is sent is gone before the buffers are.
                out.recycle();
            }
            assert!(session.next_deadline().is_none_or(|at| at > self.now), "timers do not spin");
        }
    }

    fn add_call(&mut self, call: u64) {
        let at = (usize::try_from(call % 2).unwrap(), call);
        let expected = match self.model.calls.insert(at) {
            true => Ok(()),
            false => Err(CommandError::OutOfRange { what: "the name of the call" }),
        };
        assert_eq!(self.sessions[at.0].add_call(self.now, CallId::from_u64(call)), expected);
    }

    fn add_leg(&mut self, call: u64, leg: u64, style: u64) {
        if self.model.legs.contains_key(&leg) {
            return;
        }
        let at = self.find(call);
        let room = self.model.legs_in(at.0) < MAX_LEGS;
        let full = CommandError::NoRoom { what: "legs on the worker", limit: MAX_LEGS };
        let slot = self.model.free_slot(at.0);
        let (id, ports) = (LegId::from_u64(leg), leg_ports(slot));
        let add = CallCommand::AddLeg { leg: id, config: Box::new(config(style)), ports };
        if self.command(at, add, if room { Ok(()) } else { Err(full) }) {
            self.model.legs.insert(leg, Leg { at, slot, source: Fed::Silence });
            self.model.opened += 1;
        }
    }

    /// To another call of the same session.
    fn move_leg(&mut self, leg: u64, to: u64) {
        let from = self.at(None, self.model.legs.get(&leg).map(|leg| leg.at));
        let to = (from.0, to);
        let expected =
            self.model.call(from).and_then(|()| self.model.call(to)).and_then(|()| match from == to {
                true => Ok(()),
                false => self.model.leg(from, leg),
            });
        let names = (CallId::from_u64(from.1), LegId::from_u64(leg), CallId::from_u64(to.1));
        let moved = self.sessions[from.0].move_leg(self.now, names, &mut self.out[from.0]);
        assert_eq!(moved, expected);
        if moved.is_ok() && from != to {
            let leg = self.model.legs.get_mut(&leg).unwrap();
            (leg.at, leg.source) = (to, Fed::Silence);
        }
    }

    /// To the other session, on other ports.
    fn move_call(&mut self, call: u64) {
        let from = self.find(call);
        let to = (1 - from.0, call);
        let (session, out) = (&mut self.sessions[from.0], &mut self.out[from.0]);
        let taken = session.take_call(self.now, CallId::from_u64(call), out);
        assert_eq!(taken.as_ref().err(), self.model.call(from).as_ref().err());
        let Ok(mut taken) = taken else { return };
        self.sessions[from.0].check_invariants();
        let legs = self.model.legs_of(from);
        let fits = !self.model.calls.contains(&to) && self.model.legs_in(to.0) + legs.len() <= MAX_LEGS;
        let before: Vec<(u64, u32)> = legs.iter().map(|leg| (*leg, self.model.legs[leg].slot)).collect();
        if fits {
            self.model.move_call(from, to);
            for leg in &legs {
                // Out of the way while the others choose.
                self.model.legs.get_mut(leg).unwrap().slot = u32::MAX;
            }
            for leg in &legs {
                let slot = self.model.free_slot(to.0);
                self.model.legs.get_mut(leg).unwrap().slot = slot;
                taken.set_ports(LegId::from_u64(*leg), leg_ports(slot));
            }
        }
        match self.sessions[to.0].put_call(taken) {
            Ok(()) => assert!(fits, "a call was taken in for which there is no room"),
            Err(back) => {
                assert!(!fits, "a call was refused for which there is room");
                assert!(before.iter().all(|(leg, slot)| self.model.legs[leg].slot == *slot));
                assert!(self.sessions[from.0].put_call(back).is_ok(), "it has room where it was");
            }
        }
    }

    fn take_object(&mut self, step: &Step) {
        match step {
            Step::AddPlayer { at, player, style } => {
                if self.model.players.contains_key(player) {
                    return;
                }
                let (at, tone) = (self.find(*at), tone(*style));
                let valid =
                    if tone.is_valid() { Ok(()) } else { Err(CommandError::OutOfRange { what: "the tone" }) };
                let made = Player::new(PlayerId::from_u64(*player), PlayerSpec::Tone(tone));
                assert_eq!(made.as_ref().map(|_| ()).map_err(Clone::clone), valid);
                let Ok(made) = made else { return };
                if self.command(at, CallCommand::AddPlayer { player: Box::new(made) }, valid) {
                    self.model.players.insert(*player, (at, false));
                }
            }
            Step::RemovePlayer { at, player } => {
                let at = self.at(*at, self.model.players.get(player).map(|player| player.0));
                let remove = CallCommand::RemovePlayer { player: PlayerId::from_u64(*player) };
                if self.command(at, remove, self.model.object(at, "player", *player)) {
                    self.model.players.remove(player);
                }
            }
            Step::AddMix { at, mix, inputs } => {
                if self.model.mixes.contains_key(mix) {
                    return;
                }
                let at = self.find(*at);
                let (id, spec) = (MixId::from_u64(*mix), Model::mix_spec(inputs));
                if self.command(at, CallCommand::AddMix { mix: id, spec }, self.model.inputs(at, inputs)) {
                    self.model.mixes.insert(*mix, (at, inputs.clone()));
                }
            }
            Step::SetInputs { at, mix, inputs } => {
                let at = self.at(*at, self.model.mixes.get(mix).map(|mix| mix.0));
                let known = self.model.object(at, "mix", *mix);
                let expected = self.model.inputs(at, inputs).and(known);
                let (id, spec) = (MixId::from_u64(*mix), Model::mix_spec(inputs));
                if self.command(at, CallCommand::SetMixInputs { mix: id, spec }, expected) {
                    self.model.mixes.insert(*mix, (at, inputs.clone()));
                }
            }
            Step::RemoveMix { at, mix } => {
                let at = self.at(*at, self.model.mixes.get(mix).map(|mix| mix.0));
                let remove = CallCommand::RemoveMix { mix: MixId::from_u64(*mix) };
                if self.command(at, remove, self.model.object(at, "mix", *mix)) {
                    self.model.mixes.remove(mix);
                }
            }
            _ => {}
        }
    }

    fn take_stream(&mut self, step: &Step) {
        match step {
            Step::AddStream { at, stream, style } => {
                if self.model.streams.contains_key(stream) {
                    return;
                }
                let at = self.find(*at);
                let rate = [8000, 16_000, 48_000][usize::try_from(style % 3).unwrap()];
                let (writer, reader) =
                    ring::channel(4 + usize::try_from(style % 16).unwrap(), || StreamBlock::new(rate));
                let source = Box::new(StreamSource::new(StreamId::from_u64(*stream), rate, reader));
                if self.command(at, CallCommand::AddStream { stream: source }, Ok(())) {
                    self.model.streams.insert(*stream, Stream { at, writer: Some(writer) });
                } else {
                    assert!(writer.is_closed(), "what was refused is gone");
                }
            }
            Step::Write { stream, blocks } => {
                let Some(Stream { writer: Some(writer), .. }) = self.model.streams.get_mut(stream) else {
                    return;
                };
                for block in 0..*blocks {
                    writer.push_with(|slot| slot.pcm.fill(i16::from(block) * 100));
                }
            }
            Step::DropWriter(stream) => {
                if let Some(stream) = self.model.streams.get_mut(stream) {
                    stream.writer = None;
                }
            }
            Step::RemoveStream { at, stream } => {
                let at = self.at(*at, self.model.streams.get(stream).map(|stream| stream.at));
                let remove = CallCommand::RemoveStream { stream: StreamId::from_u64(*stream) };
                if self.command(at, remove, self.model.object(at, "stream", *stream)) {
                    self.model.remove_stream(*stream);
                }
            }
            _ => {}
        }
    }

    fn take_tap(&mut self, step: &Step) {
        match step {
            Step::AddTap { at, tap, leg, kind } => {
                if self.model.taps.contains_key(tap) {
                    return;
                }
                let at = self.at(*at, self.model.legs.get(leg).map(|leg| leg.at));
                let (id, on, room) = (TapId::from_u64(*tap), LegId::from_u64(*leg), PressRoom::default());
                let mut expected = self.model.leg(at, *leg);
                let (added, reader) = match *kind {
                    TapKind::Events => (Tap::Events(EventTap::new(id, on, room.clone())), None),
                    TapKind::Audio { side: number, rate } => {
                        let (writer, reader) = ring::channel(8, || TapFrame::new(rate));
                        let spec = AudioTapSpec { side: side(number), rate, ..AudioTapSpec::new(on) };
                        (Tap::Audio(AudioTap::new(id, &spec, writer)), Some(reader))
                    }
                    TapKind::Analysis => {
                        let (tap, reader, _) = AnalysisTap::new(id, on);
                        (Tap::Analysis(tap), Some(reader))
                    }
                    TapKind::Packets { side: number, target } => {
                        if let Some(target) = target {
                            expected = self.model.leg(at, target).and(expected);
                        }
                        let target = target.map_or(PacketTarget::Address(address(3)), |target| {
                            PacketTarget::Leg(LegId::from_u64(target))
                        });
                        let spec = PacketTapSpec { leg: on, side: side(number), target };
                        (Tap::Packets(PacketTap { id, spec }), None)
                    }
                };
                if self.command(at, CallCommand::AddTap { tap: Box::new(added) }, expected) {
                    let tap_model = model::Tap { at, leg: *leg, kind: *kind, room, reader, next: 0 };
                    self.model.taps.insert(*tap, tap_model);
                } else {
                    assert!(reader.is_none_or(|reader| reader.is_closed()), "what was refused is gone");
                }
            }
            Step::Read(tap) => {
                let Some(tap) = self.model.taps.get_mut(tap) else { return };
                let rate = match tap.kind {
                    TapKind::Audio { rate, .. } => rate,
                    TapKind::Analysis => 8000,
                    _ => return,
                };
                let Some(reader) = &mut tap.reader else { return };
                while let Some((position, received, sent)) = reader
                    .pop_with(|frame| (frame.position, frame.received.pcm().len(), frame.sent.pcm().len()))
                {
                    assert!(position >= tap.next, "the time line goes on");
                    let ten = usize::try_from(rate / 100).unwrap();
                    assert!(received == sent && (received == ten || received == 2 * ten), "10 or 20 ms");
                    tap.next = position + received as u64;
                }
            }
            Step::DropReader(tap) => {
                // An analysis that nobody reads goes by itself, with the next tick.
                let known = self.model.taps.get_mut(tap);
                if let Some(tap) = known.filter(|tap| tap.kind != TapKind::Analysis) {
                    tap.reader = None;
                }
            }
            Step::RemoveTap { at, tap } => {
                let at = self.at(*at, self.model.taps.get(tap).map(|tap| tap.at));
                let remove = CallCommand::RemoveTap { tap: TapId::from_u64(*tap) };
                if self.command(at, remove, self.model.object(at, "tap", *tap)) {
                    self.model.remove_tap(*tap);
                }
            }
            _ => {}
        }
    }

    fn check(&mut self) {
        for (number, (session, out)) in self.sessions.iter_mut().zip(&mut self.out).enumerate() {
            let open: BTreeSet<_> = (self.model.legs.values())
                .filter(|leg| leg.at.0 == number)
                .flat_map(|leg| [rtp_port(leg.slot), rtcp_port(leg.slot)])
                .collect();
            for sending in &out.sent {
                assert!(open.contains(&sending.from), "{:?} sent without a leg", sending.from);
            }
            self.model.follow(number, out);
            out.recycle();
            assert_eq!(out.buffers_out(), 0, "no buffer is kept");
            session.check_invariants();
            assert_eq!(session.calls(), self.model.calls.iter().filter(|at| at.0 == number).count());
            assert_eq!(session.legs(), self.model.legs_in(number));
        }
        assert_eq!(self.model.opened, self.model.closed + self.model.legs.len());
        for orphan in self.model.orphans.drain(..) {
            let closed = match orphan {
                Orphan::Writer(writer) => writer.is_closed(),
                Orphan::Reader(reader) => reader.is_closed(),
            };
            assert!(closed, "no ring outlives its stream or tap");
        }
        for at in self.model.calls.clone() {
            self.check_call(at);
        }
    }

    fn check_call(&mut self, at: At) {
        let (session, id) = (&mut self.sessions[at.0], CallId::from_u64(at.1));
        let statistics = session.statistics(self.now, id, &mut self.out[at.0]).expect("a live call");
        let legs: BTreeSet<u64> = statistics.legs.iter().map(|leg| leg.leg.as_u64()).collect();
        assert_eq!(legs, self.model.legs_of(at));
        let call = session.call(id).expect("a live call");
        for leg in legs {
            let expected = source(self.model.legs[&leg].source);
            assert_eq!(call.source_of(LegId::from_u64(leg)), Some(expected), "what leg {leg} is fed by");
        }
        for (mix, (_, inputs)) in self.model.mixes.iter().filter(|(_, mix)| mix.0 == at) {
            let expected = Model::mix_spec(inputs).inputs;
            assert_eq!(call.inputs_of(MixId::from_u64(*mix)), Some(&*expected), "inputs of mix {mix}");
        }
        let streams: BTreeSet<u64> = statistics.streams.iter().map(|stream| stream.0.as_u64()).collect();
        let known = self.model.streams.iter().filter(|(_, stream)| stream.at == at);
        assert_eq!(streams, known.map(|(id, _)| *id).collect());
        let taps: BTreeSet<u64> = statistics.taps.iter().map(|tap| tap.0.as_u64()).collect();
        let audio = |tap: &model::Tap| matches!(tap.kind, TapKind::Audio { .. });
        let known = self.model.taps.iter().filter(|(_, tap)| tap.at == at && audio(tap));
        assert_eq!(taps, known.map(|(id, _)| *id).collect());
    }

    fn run(&mut self, steps: &[Step]) {
        for step in steps {
            self.take(step);
            self.check();
        }
        for (session, out) in self.sessions.iter_mut().zip(&mut self.out) {
            session.end_all(self.now, EndReason::Shutdown, out);
        }
        self.check();
        assert!(self.sessions.iter().all(|session| (session.calls(), session.legs()) == (0, 0)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn short_sequences_that_shrink(steps in proptest::collection::vec(step(), 1..80)) {
        Run::new(7).run(&steps);
    }
}

#[test]
fn long_sequences() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

    let [presses, finished, sent] = [const { Cell::new(0) }; 3];
    for_each_seed(20, |seed| {
        let mut bytes = [0; 32];
        Random::new(seed).fill(&mut bytes);
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        let steps = proptest::collection::vec(step(), 10_000).new_tree(&mut runner).unwrap().current();
        let mut run = Run::new(seed);
        run.run(&steps);
        let Model { presses: pressed, finished: ended, digits, .. } = run.model;
        sent.set(sent.get() + digits);
        presses.set(presses.get() + pressed);
        finished.set(finished.get() + ended);
    });
    // So that the steps reach what they are for.
    let reached = [presses.get(), finished.get(), sent.get()];
    assert!(
        reached.iter().all(|&count| count > 30),
        "{reached:?} presses, players finished, and digits sent"
    );
}
