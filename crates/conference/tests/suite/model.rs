//! Random joins, leaves, moves and changes in two rooms, against the naive mixer, equal sample for sample.

use std::collections::BTreeMap;

use mediapoint_conference::{
    Audience, Gain, Input, JoinError, LinkRole, LinkSpec, MemberChange, MemberId, MemberSpec, Role, Room,
    RoomSpec, Tick,
};

use crate::naive::{Frame, Naive};
use crate::support::Random;

const CAPACITY: usize = 12;

/// What a member sends, for some ticks.
#[derive(Debug, Clone, Copy)]
enum Signal {
    Noise(i32),
    Square(i16, usize),
    Comfort(i32),
    Nothing,
    Short(i32),
}

struct Pair {
    real: Room,
    naive: Naive,
    signals: BTreeMap<MemberId, Signal>,
}

impl Pair {
    fn new(forward_links: bool) -> Self {
        let spec = RoomSpec { loudest: 3, forward_links, ..RoomSpec::new(8000, CAPACITY as u16) };
        Self { real: Room::new(spec).unwrap(), naive: Naive::new(spec), signals: BTreeMap::new() }
    }

    fn any(&self, random: &mut Random) -> Option<MemberId> {
        let members: Vec<MemberId> = self.real.members().collect();
        (!members.is_empty()).then(|| members[random.below(members.len())])
    }

    fn role(&self, random: &mut Random) -> Role {
        let (a, b) = (self.any(random), self.any(random));
        match (random.below(12), a, b) {
            (0, ..) => Role::Listener,
            (1, ..) => Role::Monitor,
            (2 | 3, Some(agent), _) => Role::Coach { agent },
            (4, Some(a), Some(b)) => Role::Whisper { to: vec![a, b] },
            (5, Some(a), _) => Role::Announcement { to: Audience::Only(vec![a]) },
            (6, ..) => Role::Announcement { to: Audience::All },
            _ => Role::Member,
        }
    }

    fn join(&mut self, random: &mut Random) {
        if random.chance(8) {
            let agent = self.any(random).filter(|_| random.chance(2));
            let role = if random.chance(3) { LinkRole::Coach { agent } } else { LinkRole::Mix };
            let spec = LinkSpec { role: role.clone(), ..LinkSpec::mix() };
            match self.real.join_link(spec) {
                Ok(id) => self.naive.join_link(id, role),
                Err(error) => assert_eq!(error, JoinError::Full { capacity: CAPACITY as u16 }),
            }
            return;
        }
        let spec = MemberSpec {
            role: self.role(random),
            gain_in: gain(random),
            gain_out: gain(random),
            muted: random.chance(6),
            deaf: random.chance(8),
            held: random.chance(10),
            priority: random.chance(8),
            automatic_gain: random.chance(6),
        };
        match self.real.join(spec.clone()) {
            Ok(id) => self.naive.join(id, spec),
            Err(error) => {
                assert_eq!(error, JoinError::Full { capacity: CAPACITY as u16 });
                assert_eq!(self.real.len(), CAPACITY);
            }
        }
    }

    fn change(&mut self, random: &mut Random) {
        let Some(id) = self.any(random) else { return };
        let change = match random.below(10) {
            0 | 1 => MemberChange::Muted(random.chance(2)),
            2 => MemberChange::Deaf(random.chance(2)),
            3 => MemberChange::Held(random.chance(2)),
            4 => MemberChange::GainIn(gain(random)),
            5 => MemberChange::GainOut(gain(random)),
            6 => MemberChange::AutomaticGain(random.chance(2)),
            7 => MemberChange::Priority(random.chance(3)),
            _ => MemberChange::Role(self.role(random)),
        };
        self.real.set(id, change.clone()).unwrap();
        self.naive.set(id, change);
    }

    fn leave(&mut self, random: &mut Random) {
        if let Some(id) = self.any(random) {
            assert!(self.real.leave(id));
            self.naive.leave(id);
            assert!(!self.real.leave(id), "it has left");
        }
    }

    /// A tick of both; false where they differ.
    fn tick(&mut self, tick: Tick, random: &mut Random) {
        let frames: BTreeMap<MemberId, Frame> = self
            .real
            .members()
            .map(|id| (id, ()))
            .collect::<Vec<_>>()
            .into_iter()
            .map(|(id, ())| {
                if !self.signals.contains_key(&id) || random.chance(30) {
                    self.signals.insert(id, signal(random));
                }
                (id, frame(self.signals[&id], tick.samples(8000), random))
            })
            .collect();
        self.real.tick(tick, &mut |id| match &frames[&id] {
            Frame::Audio(pcm) => Input::Audio(pcm),
            Frame::Noise(pcm) => Input::ComfortNoise(pcm),
            Frame::Nothing => Input::Nothing,
        });
        let heard = self.naive.tick(tick, &frames);
        assert_eq!(heard.len(), self.real.len());
        for (id, expected) in heard {
            let output = self.real.output(id);
            if output.samples != expected {
                let at = output.samples.iter().zip(&expected).position(|(a, b)| a != b);
                let near = at.unwrap_or(0)..(at.unwrap_or(0) + 8).min(expected.len());
                panic!(
                    "member {id} ({:?}), {:?}, differs at {at:?}: {:?}, not {:?}",
                    self.real.role(id),
                    output.kind,
                    &output.samples[near.clone()],
                    &expected[near]
                );
            }
        }
        while self.real.poll_event().is_some() {}
        assert_eq!(self.real.statistics().events_lost, 0);
    }
}

fn gain(random: &mut Random) -> Gain {
    if random.chance(2) {
        return Gain::UNITY;
    }
    Gain::from_db(random.below(85) as f32 - 60.0).unwrap()
}

fn signal(random: &mut Random) -> Signal {
    match random.below(10) {
        0 => Signal::Noise(20),
        1 => Signal::Noise(250),
        2 | 3 => Signal::Noise(3000),
        4 => Signal::Noise(12_000),
        5 => Signal::Square(i16::MAX, 10),
        6 => Signal::Square(i16::MIN, 7),
        7 => Signal::Comfort(200),
        8 => Signal::Short(9000),
        _ => Signal::Nothing,
    }
}

fn frame(signal: Signal, len: usize, random: &mut Random) -> Frame {
    let mut noise = |amplitude: i32, len: usize| (0..len).map(|_| random.sample(amplitude)).collect();
    match signal {
        Signal::Noise(amplitude) => Frame::Audio(noise(amplitude, len)),
        Signal::Comfort(amplitude) => Frame::Noise(noise(amplitude, len)),
        Signal::Short(amplitude) => Frame::Audio(noise(amplitude, len / 3)),
        Signal::Square(amplitude, period) => {
            let of = |n: usize| {
                if (n / period).is_multiple_of(2) { amplitude } else { amplitude.saturating_neg() }
            };
            Frame::Audio((0..len).map(of).collect())
        }
        Signal::Nothing => Frame::Nothing,
    }
}

fn play(seed: u64, steps: usize) {
    let mut random = Random::new(seed);
    let mut rooms = [Pair::new(false), Pair::new(true)];
    for step in 0..steps {
        let at = random.below(2);
        match random.below(10) {
            0..=2 => rooms[at].join(&mut random),
            3 => rooms[at].leave(&mut random),
            4 | 5 => {
                let (first, second) = rooms.split_at_mut(1);
                let (from, to) =
                    if at == 0 { (&mut first[0], &mut second[0]) } else { (&mut second[0], &mut first[0]) };
                let role = to.role(&mut random);
                let id = from.any(&mut random).filter(|id| from.real.role(*id).is_some());
                if let Some(id) = id.filter(|_| to.real.len() < CAPACITY) {
                    let departure = from.real.take(id).unwrap();
                    let new_id = to.real.admit(&departure, role.clone()).unwrap();
                    from.naive.move_to(id, &mut to.naive, new_id, role);
                }
            }
            _ => rooms[at].change(&mut random),
        }
        let tick = if random.chance(4) { Tick::Ms10 } else { Tick::Ms20 };
        for (n, room) in rooms.iter_mut().enumerate() {
            let result =
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| room.tick(tick, &mut random)));
            assert!(result.is_ok(), "seed {seed}, step {step}, room {n}");
        }
    }
    let limited: u64 = rooms.iter().map(|room| room.real.statistics().limited).sum();
    assert!(limited > 100, "limiters were at work in {limited} mixes");
}

#[test]
fn ten_thousand_steps_equal_a_naive_mixer_sample_for_sample() {
    play(1, 10_000);
}

#[test]
fn other_seeds_do_too() {
    (2..12).for_each(|seed| play(seed, 300));
}
