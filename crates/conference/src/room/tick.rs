//! One tick: who speaks, who is mixed, what comes of it.

use crate::event::RoomEvent;
use crate::gate::level_of;
use crate::id::MemberId;
use crate::kernel::loudest_power;
use crate::loudest;
use crate::member::Member;
use crate::spec::Tick;

use super::mixer::Clock;
use super::{FADE_MS, Room};

/// What another speaker is above the active one to take his place, as a ratio of powers (3 dB).
const LOUDER: f32 = 2.0;
/// Milliseconds for which he has to be.
const CONTEND_MS: u32 = 500;

/// The audio of a member in a tick, at the room's rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Input<'a> {
    /// Audio. Samples beyond the tick are not taken, missing ones are silence.
    Audio(&'a [i16]),
    /// Background noise of a pause: it is no voice.
    ComfortNoise(&'a [i16]),
    /// Nothing came.
    #[default]
    Nothing,
}

impl<'a> Input<'a> {
    pub(crate) fn samples(self, len: usize) -> &'a [i16] {
        match self {
            Self::Audio(pcm) | Self::ComfortNoise(pcm) => pcm.get(..len).unwrap_or(pcm),
            Self::Nothing => &[],
        }
    }
}

/// What the gate is to know of a member's audio in a tick.
#[derive(Debug, Clone, Copy)]
pub struct Measure {
    /// Samples of the tick at the room's rate.
    pub len: usize,
    /// Samples of the parts of which the loudest counts.
    pub part: usize,
    /// False where the power is not needed.
    pub judged: bool,
}

/// What the gate knows of a member's audio in a tick.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Measured {
    /// Something came, be it comfort noise.
    pub present: bool,
    /// Mean square of the loudest part; `None` where no audio came, or none is judged.
    pub power: Option<f32>,
}

impl Measure {
    /// Measures samples.
    #[must_use]
    pub fn of(self, input: Input<'_>) -> Measured {
        let pcm = input.samples(self.len);
        let present = !pcm.is_empty();
        let judged = self.judged && present && matches!(input, Input::Audio(_));
        Measured { present, power: judged.then(|| loudest_power(pcm, self.part)) }
    }
}

/// Where a room takes its members' audio from. A closure is one.
pub trait Inputs {
    /// Hands what `member` says in the present tick to `take`. It may be asked several times a tick, and gives the same each
    /// time.
    fn input<R>(&mut self, member: MemberId, take: impl FnOnce(Input<'_>) -> R) -> R;

    /// What [`Measure::of`] gives of the same. Whoever can measure what it has not decoded need not decode what no member
    /// receives.
    fn measure(&mut self, member: MemberId, measure: Measure) -> Measured {
        self.input(member, |input| measure.of(input))
    }
}

impl<'a, F: FnMut(MemberId) -> Input<'a>> Inputs for F {
    fn input<R>(&mut self, member: MemberId, take: impl FnOnce(Input<'_>) -> R) -> R {
        take(self(member))
    }
}

impl Room {
    /// Mixes one tick. Members that cannot be heard are not asked for audio.
    pub fn tick(&mut self, tick: Tick, inputs: &mut impl Inputs) {
        let rate = self.book.spec.rate;
        let clock = Clock {
            millis: tick.millis(),
            len: tick.samples(rate),
            fade: usize::try_from(rate / 1000 * FADE_MS).unwrap_or(0),
            block: usize::try_from(rate / 1000).unwrap_or(1),
        };
        self.listen(&clock, inputs);
        self.choose(clock.millis);
        self.mixer.mix(&clock, &mut self.book.members, inputs, &mut self.book.statistics);
        self.mixer.distribute(&clock, self.book.spec.forward_links, &mut self.book.members, inputs);
        self.settle(clock.millis);
    }

    /// Takes each member's audio into its gate, and notes who may be mixed.
    fn listen(&mut self, clock: &Clock, inputs: &mut impl Inputs) {
        self.mixer.candidates.clear();
        let at_ms = self.book.statistics.lasted_ms;
        let mut lost = 0;
        for member in self.book.members.iter_mut().flatten() {
            (member.present, member.private, member.source) = (false, 0, None);
            let (was_open, is_gone) = (member.gate.open, member.gone);
            if member.may_speak() || member.applied != 0 {
                let measure = Measure { len: clock.len, part: clock.fade, judged: member.is_judged() };
                let measured = if is_gone { Measured::default() } else { inputs.measure(member.id, measure) };
                member.present = measured.present;
                member.listen(&self.thresholds, clock.millis, measured.power);
                if member.gate.open || member.applied != 0 || (member.present && !member.is_gated()) {
                    self.mixer.candidates.push(member.id.slot);
                } else {
                    member.mixed = false;
                }
            } else {
                member.gate.shut();
                member.mixed = false;
            }
            let event = match (was_open, member.gate.open) {
                (false, true) => Some(talk_started(member, at_ms)),
                (true, false) => talk_over(member, at_ms),
                _ => None,
            };
            if event.is_some_and(|event| !self.events.push(event)) {
                lost += 1;
            }
            if member.gate.open {
                member.talk_peak = member.talk_peak.max(member.gate.loudness);
                member.talk_ms = member.talk_ms.saturating_add(clock.millis);
                member.statistics.talked_ms += u64::from(clock.millis);
            }
        }
        self.book.statistics.events_lost += lost;
    }

    /// Gives the places in the mix, and finds the active speaker.
    fn choose(&mut self, millis: u32) {
        let spec = &self.book.spec;
        let members = &mut self.book.members;
        loudest::choose(members, &self.mixer.candidates, spec.loudest, spec.gate.hangover_ms, millis);
        let speaking = |slot: &u16| {
            let member = members.get(usize::from(*slot))?.as_ref()?;
            (member.competes() && member.speaks()).then(|| (member.id, member.rank()))
        };
        let of_all = self.mixer.candidates.iter().filter_map(speaking);
        let most = of_all.fold(None, |most: Option<(MemberId, f32)>, next| match most {
            Some(most) if most.1 >= next.1 => Some(most),
            _ => Some(next),
        });
        let active = self.book.active.and_then(|id| self.book.get(id)).filter(|member| member.speaks());
        let next = match (active, most) {
            (Some(active), Some((id, rank))) if id != active.id && rank > active.rank() * LOUDER => {
                let since = self.book.contender.filter(|(contender, _)| *contender == id);
                let since = since.map_or(0, |(_, ms)| ms) + millis;
                self.book.contender = Some((id, since));
                if since < CONTEND_MS {
                    return;
                }
                Some(id)
            }
            (Some(active), _) => Some(active.id),
            (None, most) => most.map(|(id, _)| id),
        };
        self.book.contender = None;
        if next != self.book.active {
            self.book.active = next;
            self.report(RoomEvent::ActiveSpeaker(next));
        }
    }

    /// Ends the tick: takes roles that waited, and lets those go who have left.
    fn settle(&mut self, millis: u32) {
        for slot in &mut self.book.members {
            let Some(member) = slot else { continue };
            if member.gone {
                *slot = None;
                continue;
            }
            if member.applied != 0 {
                member.statistics.mixed_ms += u64::from(millis);
            }
            if member.next_role.is_some() {
                member.take_role();
            }
        }
        let statistics = &mut self.book.statistics;
        statistics.lasted_ms += u64::from(millis);
        self.mixer.count(statistics);
    }
}

fn talk_started(member: &mut Member, at_ms: u64) -> RoomEvent {
    (member.talk_peak, member.talk_ms) = (0.0, 0);
    member.statistics.talks = member.statistics.talks.saturating_add(1);
    RoomEvent::TalkStarted { member: member.id, at_ms, level: level_of(member.gate.loudness) }
}

/// The end of a talk, where one is going on.
pub(super) fn talk_stopped(member: &mut Member, at_ms: u64) -> Option<RoomEvent> {
    if !member.gate.open {
        return None;
    }
    member.gate.open = false;
    talk_over(member, at_ms)
}

fn talk_over(member: &mut Member, at_ms: u64) -> Option<RoomEvent> {
    let (level, talked_ms) = (level_of(member.talk_peak), member.talk_ms);
    (!member.gone).then_some(RoomEvent::TalkStopped { member: member.id, at_ms, level, talked_ms })
}
