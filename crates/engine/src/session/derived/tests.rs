//! Two engines take the same random commands, packets and ticks: one derives what a command changed, the other everything
//! after every command. What they hold, send and report is the same.

use std::net::SocketAddr;
use std::time::Duration;

use mediapoint_packet::rtp::PayloadType;
use mediapoint_packet::{PacketBuf, Time};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::api::codec::{Codec, PayloadCodec};
use crate::api::error::CommandError;
use crate::api::event::Event;
use crate::api::id::{CallId, LegId, MixId, PlayerId, RoomId, TapId};
use crate::api::leg::{Direction, LegConfig, MediaPolicy, PacketTime, Relearn, RemoteAddress};
use crate::api::room::{RoomChange, RoomMember, RoomRole, RoomSpec};
use crate::api::secure::SecureInput;
use crate::api::source::{Burst, MixSpec, PlayerSpec, Sine, Source, ToneSpec};
use crate::api::tap::{AudioTapSpec, TapSide};
use crate::ring::{WakeHandle, channel};
use crate::session::call::{Call, Env};
use crate::session::command::CallCommand;
use crate::session::port::{LegPorts, PortKey};
use crate::session::source::player::Player;
use crate::session::source::room::ConferenceRoom;
use crate::session::tap::Tap;
use crate::session::tap::audio::{AudioTap, TapFrame};
use crate::session::timers::Timer;
use crate::session::{Output, SessionConfig};

const LEGS: u64 = 9;

#[derive(Default)]
struct Sink {
    sent: Vec<(PortKey, SocketAddr, Vec<u8>)>,
    events: Vec<String>,
}

impl Output for Sink {
    fn send(&mut self, from: PortKey, to: SocketAddr, packet: PacketBuf) {
        self.sent.push((from, to, packet.bytes().to_vec()));
    }

    fn take(&mut self) -> Option<PacketBuf> {
        Some(PacketBuf::new())
    }

    fn take_for(&mut self, _len: usize) -> Option<PacketBuf> {
        Some(PacketBuf::new())
    }

    fn give(&mut self, _packet: PacketBuf) {}

    fn event(&mut self, event: Event) {
        self.events.push(format!("{event:?}"));
    }

    fn close(&mut self, _ports: LegPorts, _leg: LegId) {}

    fn wake(&mut self, _handle: WakeHandle) {}
}

#[derive(Debug, Clone)]
enum Step {
    Add { leg: u64, call: usize, style: u64 },
    Configure { leg: u64, style: u64 },
    Source { leg: u64, source: Source },
    Join { leg: u64, room: u64, member: RoomMember },
    Leave { leg: u64, room: u64 },
    Change { leg: u64, room: u64, change: RoomChange },
    Remove { leg: u64 },
    Move { leg: u64 },
    Player { leg: u64, player: u64, adds: bool },
    Mix { leg: u64, mix: u64, inputs: Option<Vec<Source>> },
    Tap { leg: u64, tap: u64, adds: bool },
    Packet { leg: u64, payload_type: u8, octets: usize, loud: bool },
    Wait(u64),
}

fn below(random: &mut StdRng, limit: u64) -> u64 {
    random.next_u64() % limit
}

/// One of several.
fn pick<T: Copy>(random: &mut StdRng, of: &[T]) -> T {
    of[usize::try_from(random.next_u64() % of.len() as u64).unwrap()]
}

fn one_in(random: &mut StdRng, of: u64) -> bool {
    below(random, of) == 0
}

fn codecs() -> [PayloadCodec; 5] {
    let other = |number, name: &str, rate| {
        PayloadCodec::new(PayloadType::new(number).unwrap(), Codec::new(name, rate, 1))
    };
    [
        PayloadCodec::new(PayloadType::PCMU, Codec::PCMU),
        PayloadCodec::new(PayloadType::PCMA, Codec::PCMA),
        other(9, "G722", 8000),
        other(97, "L16", 16_000),
        other(101, "telephone-event", 8000),
    ]
}

fn config(style: u64) -> LegConfig {
    let random = &mut StdRng::seed_from_u64(style);
    let mut agreed: Vec<_> = codecs().into_iter().filter(|_| one_in(random, 2)).collect();
    let first = pick(random, &[0, 1, 2]);
    agreed.retain(|entry| *entry != codecs()[first]);
    agreed.insert(0, codecs()[first].clone());
    let policies = [MediaPolicy::Forward, MediaPolicy::Silence, MediaPolicy::Block];
    let policy = |random: &mut StdRng| {
        if one_in(random, 6) { pick(random, &policies) } else { MediaPolicy::Forward }
    };
    let rtp = SocketAddr::from(([10, 0, 0, 1], 4000));
    LegConfig {
        codecs: agreed,
        packet_time: match below(random, 6) {
            0 => PacketTime::WhereEncoded(Duration::from_millis(30)),
            1 => PacketTime::Always(Duration::from_millis(10)),
            _ => PacketTime::AsReceived,
        },
        remote: (!one_in(random, 5)).then_some(RemoteAddress { rtp, rtcp: None }),
        direction: if one_in(random, 5) { Direction::SendOnly } else { Direction::SendReceive },
        secure_input: if one_in(random, 8) { SecureInput::Silence } else { SecureInput::Off },
        tones_as_events: one_in(random, 8),
        media: policy(random),
        sent_media: policy(random),
        media_timeout: one_in(random, 5).then(|| Duration::from_secs(2 + below(random, 3))),
        ..LegConfig::default()
    }
}

fn source(random: &mut StdRng) -> Source {
    match below(random, 8) {
        0 => Source::Silence,
        1 => Source::Player(PlayerId(below(random, 2))),
        2 => Source::Mix(MixId(below(random, 2))),
        3 | 4 => Source::Room(RoomId(below(random, 2))),
        _ => Source::Leg(LegId(below(random, LEGS))),
    }
}

fn role(random: &mut StdRng) -> RoomRole {
    match below(random, 8) {
        0 => RoomRole::Listener,
        1 => RoomRole::Monitor,
        2 => RoomRole::Coach { agent: LegId(below(random, LEGS)) },
        3 => RoomRole::Link,
        _ => RoomRole::Member,
    }
}

fn change(random: &mut StdRng) -> RoomChange {
    let on = one_in(random, 2);
    match below(random, 6) {
        0 => RoomChange::Muted(on),
        1 => RoomChange::Deaf(on),
        2 | 3 => RoomChange::Held(on),
        4 => RoomChange::GainIn(-6.0),
        _ => RoomChange::Role(role(random)),
    }
}

fn step(random: &mut StdRng) -> Step {
    let leg = below(random, LEGS);
    let (room, number) = (below(random, 2), below(random, 2));
    match below(random, 40) {
        0..4 => Step::Add { leg, call: pick(random, &[0, 1]), style: random.next_u64() },
        4..7 => Step::Configure { leg, style: random.next_u64() },
        7..12 => Step::Source { leg, source: source(random) },
        12..17 => {
            let member = RoomMember { role: role(random), held: one_in(random, 5), ..RoomMember::default() };
            Step::Join { leg, room, member }
        }
        17..19 => Step::Leave { leg, room },
        19..22 => Step::Change { leg, room, change: change(random) },
        22 => Step::Remove { leg },
        23 | 24 => Step::Move { leg },
        25 => Step::Player { leg, player: number, adds: !one_in(random, 3) },
        26 => {
            let inputs = (0..below(random, 3)).map(|_| Source::Leg(LegId(below(random, LEGS)))).collect();
            Step::Mix { leg, mix: number, inputs: (!one_in(random, 3)).then_some(inputs) }
        }
        27 => Step::Tap { leg, tap: number, adds: !one_in(random, 3) },
        28..37 => {
            let (payload_type, octets) = pick(random, &[(0, 160), (8, 160), (9, 160), (97, 640), (0, 240)]);
            Step::Packet { leg, payload_type, octets, loud: one_in(random, 2) }
        }
        _ => Step::Wait(1 + below(random, 60)),
    }
}

struct Side {
    calls: [Call; 2],
    random: StdRng,
    config: SessionConfig,
    out: Sink,
    /// Everything is derived after every command.
    all: bool,
}

impl Side {
    fn new(seed: u64, all: bool) -> Self {
        let config = SessionConfig {
            max_legs: 100,
            media_timeout: Duration::from_secs(30),
            hold_timeout: Duration::from_secs(120),
            seed: [0; 32],
            wall_at_zero: Duration::from_secs(1_700_000_000),
            remotes: std::sync::Arc::default(),
            kernel_forwarding: false,
        };
        let calls = [0, 1].map(|call| Call::new(Time::ZERO, CallId(call), &config));
        let mut side = Self { calls, random: StdRng::seed_from_u64(seed), config, out: Sink::default(), all };
        for call in 0..2 {
            for room in 0..2 {
                let rate = (room == 1).then_some(8000);
                let spec = RoomSpec { capacity: 5, rate, ..RoomSpec::default() };
                let made = ConferenceRoom::new(RoomId(room), spec).unwrap();
                side.command(Time::ZERO, call, CallCommand::AddRoom { room: Box::new(made) }).unwrap();
            }
        }
        side
    }

    /// How often something was derived of a leg of the first call while commands are given to it.
    fn derived_by(&mut self, commands: impl IntoIterator<Item = CallCommand>) -> u64 {
        let before = self.calls[0].derived();
        commands.into_iter().for_each(|command| self.command(Time::ZERO, 0, command).unwrap());
        u64::from(self.calls[0].derived() - before)
    }

    fn call_of(&self, leg: u64) -> usize {
        self.calls.iter().position(|call| call.place(LegId(leg)).is_some()).unwrap_or(0)
    }

    fn command(&mut self, now: Time, call: usize, command: CallCommand) -> Result<(), CommandError> {
        let Self { calls, random, config, out, all } = self;
        let mut env = Env { config, random, room: 50 };
        let call = &mut calls[call];
        if !*all {
            return call.apply(now, command, &mut env, out);
        }
        call.carry_out(now, command, &mut env, out)?;
        call.rewire(now, out);
        call.note_hold(now, config);
        Ok(())
    }

    fn take(&mut self, now: Time, sequence: u16, step: &Step) -> Result<(), CommandError> {
        let (call, command) = match step.clone() {
            Step::Wait(_) => return Ok(()),
            Step::Packet { leg, payload_type, octets, loud } => {
                self.packet(now, sequence, leg, (payload_type, octets, loud));
                return Ok(());
            }
            Step::Move { leg } => return self.move_leg(now, leg),
            Step::Add { leg, call, style } => {
                if self.calls.iter().any(|call| call.place(LegId(leg)).is_some()) {
                    return Ok(());
                }
                let port = PortKey(u32::try_from(leg).unwrap());
                let ports = LegPorts { rtp: port, rtcp: None, scope: Default::default() };
                (call, CallCommand::AddLeg { leg: LegId(leg), config: Box::new(config(style)), ports })
            }
            Step::Configure { leg, style } => {
                let config = Box::new(config(style));
                let relearn = Relearn::IfMoved;
                (self.call_of(leg), CallCommand::ConfigureLeg { leg: LegId(leg), config, relearn })
            }
            Step::Source { leg, source } => {
                (self.call_of(leg), CallCommand::SetSource { leg: LegId(leg), source })
            }
            Step::Join { leg, room, member } => {
                (self.call_of(leg), CallCommand::JoinRoom { room: RoomId(room), leg: LegId(leg), member })
            }
            Step::Leave { leg, room } => {
                (self.call_of(leg), CallCommand::LeaveRoom { room: RoomId(room), leg: LegId(leg) })
            }
            Step::Change { leg, room, change } => {
                (self.call_of(leg), CallCommand::ChangeMember { room: RoomId(room), leg: LegId(leg), change })
            }
            Step::Remove { leg } => (self.call_of(leg), CallCommand::RemoveLeg { leg: LegId(leg) }),
            Step::Player { leg, player, adds: false } => {
                (self.call_of(leg), CallCommand::RemovePlayer { player: PlayerId(player) })
            }
            Step::Player { leg, player, adds: true } => {
                let call = self.call_of(leg);
                if self.calls[call].players.iter().any(|known| known.id == PlayerId(player)) {
                    return Ok(());
                }
                let sines = vec![Sine { frequency: 440.0, level: -20.0 }];
                let on = Duration::from_millis(150);
                let cadence = vec![Burst { on, off: Duration::ZERO }];
                let tone = PlayerSpec::Tone(ToneSpec { sines, cadence, cycles: Some(1) });
                let player = Box::new(Player::new(PlayerId(player), tone).unwrap());
                (call, CallCommand::AddPlayer { player })
            }
            Step::Mix { leg, mix, inputs: None } => {
                (self.call_of(leg), CallCommand::RemoveMix { mix: MixId(mix) })
            }
            Step::Mix { leg, mix, inputs: Some(inputs) } => {
                let (call, mix, spec) = (self.call_of(leg), MixId(mix), MixSpec { inputs });
                let known = self.calls[call].mixes.iter().any(|known| known.id == mix);
                let command = if known {
                    CallCommand::SetMixInputs { mix, spec }
                } else {
                    CallCommand::AddMix { mix, spec }
                };
                (call, command)
            }
            Step::Tap { leg, tap, adds } => {
                let call = self.call_of(leg);
                if !adds || self.calls[call].taps.iter().any(|known| known.id() == TapId(tap)) {
                    (call, CallCommand::RemoveTap { tap: TapId(tap) })
                } else {
                    let spec =
                        AudioTapSpec { rate: 16_000, side: TapSide::Both, ..AudioTapSpec::new(LegId(leg)) };
                    let (producer, consumer) = channel(64, || TapFrame::new(16_000));
                    // Nobody reads it: it is over once that is noticed.
                    std::mem::forget(consumer);
                    let tap = Box::new(Tap::Audio(AudioTap::new(TapId(tap), &spec, producer)));
                    (call, CallCommand::AddTap { tap })
                }
            }
        };
        self.command(now, call, command)
    }

    fn packet(
        &mut self,
        now: Time,
        sequence: u16,
        leg: u64,
        (payload_type, octets, loud): (u8, usize, bool),
    ) {
        let call = self.call_of(leg);
        let Some(at) = self.calls[call].place(LegId(leg)) else { return };
        let mut bytes = vec![0x80, payload_type];
        bytes.extend(sequence.to_be_bytes());
        bytes.extend((u32::from(sequence) * 160).to_be_bytes());
        bytes.extend(u32::try_from(leg).unwrap().to_be_bytes());
        let sample = |n: usize| if loud { u8::try_from(n.wrapping_mul(37) % 251).unwrap() } else { 0x55 };
        bytes.extend((0..octets).map(sample));
        let Self { calls, random, config, out, .. } = self;
        let env = Env { config, random, room: 0 };
        let from = SocketAddr::from(([10, 0, 0, 1], 4000));
        let packet = PacketBuf::copy_of(&bytes).unwrap();
        calls[call].handle_datagram(now, (at, false), from, packet, &env, out);
    }

    fn move_leg(&mut self, now: Time, leg: u64) -> Result<(), CommandError> {
        let from = self.call_of(leg);
        let Self { calls, config, out, all, .. } = self;
        let tick = calls[from].next_tick();
        let leg = calls[from].take_leg(now, LegId(leg), out)?;
        calls[from].note_hold(now, config);
        let to = &mut calls[1 - from];
        if *all {
            to.take_in(leg, tick);
            to.rewire(now, out);
        } else {
            to.put_leg(now, leg, tick, out);
        }
        to.note_hold(now, config);
        Ok(())
    }

    fn wait(&mut self, until: Time) {
        let Self { calls, random, config, out, .. } = self;
        for call in calls {
            while let Some(due) = call.next_deadline().filter(|due| *due <= until) {
                let mut env = Env { config, random, room: 0 };
                assert_eq!(call.handle_timeout(due, &mut env, out), None);
            }
        }
    }

    /// All that is derived, and what came of it.
    fn state(&self) -> Vec<String> {
        let mut state = Vec::new();
        for call in &self.calls {
            call.check_invariants();
            for leg in &call.legs {
                let egress =
                    leg.sender.egress.as_ref().map(|egress| (egress.rate(), egress.spec(), egress.waiting()));
                let ingress = leg.ingress.as_ref().map(|ingress| {
                    (ingress.rate(), ingress.unwanted, ingress.is_live(), ingress.statistics())
                });
                let map = codecs().map(|entry| leg.sender.map.get(entry.payload_type));
                let listeners: Vec<usize> = leg.listeners.iter().collect();
                let tapped = (leg.tapped, leg.sender.tapped);
                let way = (leg.source, leg.feed, listeners, tapped, leg.end_to_end, leg.silent_since);
                let path = (leg.sender.transcodes(), leg.sender.open, leg.sender.gate.policy());
                let keeps = (leg.holds_audio(), leg.lingers);
                state.push(format!(
                    "leg {} {keeps:?} {way:?} {path:?} {egress:?} {ingress:?} {map:?}",
                    leg.id
                ));
            }
            state.extend(call.rooms.iter().map(ConferenceRoom::derived));
            for mix in &call.mixes {
                state.push(format!(
                    "mix {:?} {} {} {:?}",
                    mix.inputs,
                    mix.is_wanted(),
                    mix.rate(),
                    mix.feeds
                ));
            }
            state.extend(call.players.iter().map(|player| format!("player {}", player.is_wanted())));
            let timers =
                [Timer::Tick, Timer::Report, Timer::Event, Timer::Inactivity].map(|of| call.timers.get(of));
            state.push(format!("{:?} {timers:?} {:?}", call.clock, call.activity.held_since));
        }
        state
    }
}

fn run(seed: u64, steps: usize) -> u64 {
    let mut random = StdRng::seed_from_u64(seed);
    let mut sides = [Side::new(seed, false), Side::new(seed, true)];
    let mut now = Time::ZERO;
    let mut done: Vec<Step> = Vec::new();
    for number in 0..steps {
        let step = step(&mut random);
        done.push(step.clone());
        if let Step::Wait(millis) = step {
            now = now + Duration::from_millis(millis);
            sides.iter_mut().for_each(|side| side.wait(now));
        }
        let [one, all] = sides.each_mut().map(|side| side.take(now, u16::try_from(number).unwrap(), &step));
        assert_eq!(one, all, "{step:?}");
        let last = || &done[done.len().saturating_sub(12)..];
        let [one, all] = sides.each_ref().map(Side::state);
        let other: Vec<_> = one.iter().zip(&all).filter(|(one, all)| one != all).collect();
        assert!(other.is_empty() && one.len() == all.len(), "seed {seed}: {other:#?} after {:?}", last());
        let [one, all] = sides.each_mut().map(|side| std::mem::take(&mut side.out));
        for (one, all) in one.sent.iter().zip(&all.sent) {
            assert_eq!(one, all, "seed {seed}, after {:?}", last());
        }
        assert_eq!(one.sent.len(), all.sent.len(), "seed {seed}, after {:?}", last());
        assert_eq!(one.events, all.events, "seed {seed}, after {:?}", last());
    }
    let [one, all] = sides.map(|side| side.calls.iter().map(|call| u64::from(call.derived)).sum::<u64>());
    all - one.min(all)
}

#[test]
fn what_is_derived_of_one_leg_is_what_is_derived_of_all() {
    let spared: u64 = (0..150).map(|seed| run(seed, 400)).sum();
    assert!(spared > 0, "nothing was spared: the test compares a thing with itself");
}

#[test]
fn members_of_a_large_room_join_change_and_leave_in_a_time_that_does_not_depend_on_its_size() {
    const MEMBERS: u64 = 1000;
    let mut side = Side::new(1, false);
    let room = RoomId(9);
    let spec = RoomSpec { capacity: 1000, ..RoomSpec::default() };
    let made = Box::new(ConferenceRoom::new(room, spec).unwrap());
    side.command(Time::ZERO, 0, CallCommand::AddRoom { room: made }).unwrap();
    let rtp = SocketAddr::from(([10, 0, 0, 1], 4000));
    let config = || LegConfig {
        codecs: vec![PayloadCodec::new(PayloadType::PCMU, Codec::PCMU)],
        remote: Some(RemoteAddress { rtp, rtcp: None }),
        ..LegConfig::default()
    };
    let joins = |number: u64| {
        let leg = LegId(number);
        let ports = LegPorts { rtp: PortKey(0), rtcp: None, scope: Default::default() };
        let add = CallCommand::AddLeg { leg, config: Box::new(config()), ports };
        [add, CallCommand::JoinRoom { room, leg, member: RoomMember::default() }]
    };
    let first = side.derived_by((0..MEMBERS / 2).flat_map(joins));
    let second = side.derived_by((MEMBERS / 2..MEMBERS).flat_map(joins));
    // Of each leg feed, path, demand and activity, with two commands; the first member sets the room going.
    assert!(first <= 8 * MEMBERS / 2 + 20 && second <= 8 * MEMBERS / 2, "{first}, then {second}");
    let of_all = |change: &dyn Fn(LegId) -> CallCommand| {
        (0..MEMBERS).map(|leg| change(LegId(leg))).collect::<Vec<_>>()
    };
    for change in
        [RoomChange::Muted(true), RoomChange::Held(true), RoomChange::Held(false), RoomChange::GainIn(3.0)]
    {
        let changes = of_all(&|leg| CallCommand::ChangeMember { room, leg, change: change.clone() });
        let derived = side.derived_by(changes);
        assert!(derived <= 4 * MEMBERS, "{change:?}: {derived}");
    }
    let again = of_all(&|leg| CallCommand::ConfigureLeg {
        leg,
        config: Box::new(config()),
        relearn: Relearn::IfMoved,
    });
    assert!(side.derived_by(again) <= 4 * MEMBERS);
    let leaves = side.derived_by(of_all(&|leg| CallCommand::LeaveRoom { room, leg }));
    // The last one stops the room.
    assert!(leaves <= 8 * MEMBERS, "{leaves}");
    side.calls[0].check_invariants();
}
