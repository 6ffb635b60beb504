//! The sums of a tick, and the mixes made of them: one for all who hear the same.

use crate::event::RoomStatistics;
use crate::gain::{Ramp, scaled_sum};
use crate::id::MemberId;
use crate::kernel::{Part, add, last_of, subtract};
use crate::limiter::{after_silence, limit};
use crate::member::{Base, Bus, Member};

use super::MAX_TICK_MS;
use super::tick::Inputs;

/// Most coaches, whispers and announcements to single members that are mixed at a time.
const MAX_PRIVATE: u16 = 64;

/// What a member hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Output<'a> {
    /// The samples of the tick; zeros where it is silence.
    pub samples: &'a [i16],
    /// What they are.
    pub kind: OutputKind,
    /// Members with the same number hear the same samples in this tick. `None` for silence.
    pub group: Option<u16>,
    /// Which mix it is, from tick to tick: an encoder with a state belongs to one.
    pub mix: MixKey,
}

/// What an output is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OutputKind {
    /// A mix.
    Audio,
    /// Nobody that it hears speaks, or it is deaf.
    Silence,
    /// It is on hold: its caller plays to it what is played on hold.
    Hold,
}

/// Names a mix from tick to tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MixKey {
    /// No mix.
    Silence,
    /// All speakers, as most members hear them.
    Full,
    /// A mix of its own of this member, shared with others in the same place.
    Of(MemberId),
}

/// The lengths of a tick.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    pub(super) millis: u32,
    /// Samples of the tick.
    pub(super) len: usize,
    /// Samples of a fade.
    pub(super) fade: usize,
    /// Samples of a millisecond.
    pub(super) block: usize,
}

/// A source of the present tick.
#[derive(Debug, Clone, Copy)]
struct Source {
    id: MemberId,
    bus: Bus,
    part: Part,
    is_coach: bool,
}

/// What makes mixes equal.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Signature {
    base: Base,
    /// The hearer's own source, which is taken out.
    own: Option<u16>,
    /// Sources that are added, by their bits.
    private: u64,
    gain: Ramp,
    /// The limiter's gain before the tick.
    limit: f32,
}

/// One mix of the present tick.
#[derive(Debug)]
struct Group {
    signature: Signature,
    key: MixKey,
    samples: Box<[i16]>,
    /// The limiter's gain after the tick.
    limit: f32,
}

/// Buffers of a room.
pub(super) struct Mixer {
    /// Slots of those who may be mixed in this tick.
    pub(super) candidates: Vec<u16>,
    sources: Vec<Source>,
    /// Sources that only their audience hears, by bit.
    private: Vec<u16>,
    local: Box<[i32]>,
    links: Box<[i32]>,
    /// How many sources are in each.
    in_local: usize,
    in_links: usize,
    scratch: Box<[i32]>,
    groups: Vec<Group>,
    /// How many of the groups are of this tick.
    made: usize,
    zeros: Box<[i16]>,
    len: usize,
    /// Gain of the full mix's limiter.
    full_limit: f32,
}

impl Mixer {
    pub(super) fn new(rate: u32) -> Self {
        let most = usize::try_from(rate / 1000 * MAX_TICK_MS).unwrap_or(0);
        Self {
            candidates: Vec::new(),
            sources: Vec::new(),
            private: Vec::with_capacity(MAX_PRIVATE.into()),
            local: vec![0; most].into(),
            links: vec![0; most].into(),
            in_local: 0,
            in_links: 0,
            scratch: vec![0; most].into(),
            groups: Vec::new(),
            made: 0,
            zeros: vec![0; most].into(),
            len: most,
            full_limit: 1.0,
        }
    }

    /// Makes buffers for another rate; the limiter goes on.
    pub(super) fn set_rate(&mut self, rate: u32) {
        *self = Self { full_limit: self.full_limit, ..Self::new(rate) };
    }

    /// Makes buffers for as many slots, so that a tick allocates none.
    pub(super) fn make_room_for(&mut self, slots: usize) {
        self.candidates.clear();
        self.candidates.reserve(slots);
        self.sources.clear();
        self.sources.reserve(slots);
        let most = self.zeros.len();
        let signature =
            Signature { base: Base::None, own: None, private: 0, gain: Ramp { from: 0, to: 0 }, limit: 1.0 };
        while self.groups.len() < slots {
            let samples = vec![0; most].into();
            self.groups.push(Group { signature, key: MixKey::Silence, samples, limit: 1.0 });
        }
    }

    /// Adds up the candidates, each at its gain.
    pub(super) fn mix(
        &mut self,
        clock: &Clock,
        members: &mut [Option<Member>],
        inputs: &mut impl Inputs,
        statistics: &mut RoomStatistics,
    ) {
        self.len = clock.len;
        self.sources.clear();
        self.private.clear();
        (self.in_local, self.in_links) = (0, 0);
        for slot in &self.candidates {
            let Some(member) = members.get_mut(usize::from(*slot)).and_then(Option::as_mut) else { continue };
            let bus = member.bus();
            let refused = bus == Bus::Private && self.private.len() >= usize::from(MAX_PRIVATE);
            if refused && member.speaks() {
                statistics.private_refused += 1;
            }
            let target = if refused { 0 } else { member.target() };
            let part = match (member.present, member.last) {
                (true, _) if member.applied != 0 || target != 0 => {
                    Part::Samples(Ramp { from: member.applied, to: target })
                }
                (false, last) if last != 0 => Part::Tail(last),
                _ => {
                    (member.applied, member.last) = (0, 0);
                    continue;
                }
            };
            let place = u16::try_from(self.sources.len()).unwrap_or(u16::MAX);
            let (sum, count) = match bus {
                Bus::Links => (&mut self.links, &mut self.in_links),
                _ => (&mut self.local, &mut self.in_local),
            };
            if bus == Bus::Private {
                // One of the tick before may be too many now.
                if refused {
                    (member.applied, member.last) = (0, 0);
                    continue;
                }
                self.private.push(place);
            } else {
                let sum = sum.get_mut(..clock.len).unwrap_or_default();
                if *count == 0 {
                    sum.fill(0);
                }
                *count += 1;
            }
            let source = Source { id: member.id, bus, part, is_coach: member.is_coach() };
            member.last = with_samples(&source, clock, inputs, |pcm| {
                if bus != Bus::Private {
                    add(sum.get_mut(..clock.len).unwrap_or_default(), pcm, part, clock.fade);
                }
                last_of(pcm, part, clock.len, clock.fade)
            });
            member.applied = if member.present { target } else { 0 };
            member.source = Some(place);
            self.sources.push(source);
        }
        self.address(members);
    }

    /// Tells the audience of each private source.
    fn address(&self, members: &mut [Option<Member>]) {
        for (bit, place) in self.private.iter().enumerate() {
            let Some(source) = self.sources.get(usize::from(*place)) else { continue };
            let mut next = 0;
            loop {
                let of = members.get(source.id.index()).and_then(Option::as_ref);
                let Some(target) = of.and_then(|member| member.audience().get(next)).copied() else { break };
                let target = members
                    .get_mut(target.index())
                    .and_then(Option::as_mut)
                    .filter(|member| member.id == target);
                if let Some(target) = target {
                    target.private |= 1 << bit;
                }
                next += 1;
            }
        }
    }

    /// Makes the mixes, each once, and gives every member its own.
    pub(super) fn distribute(
        &mut self,
        clock: &Clock,
        forward_links: bool,
        members: &mut [Option<Member>],
        inputs: &mut impl Inputs,
    ) {
        self.made = 0;
        let coaches = self.coaches();
        let full_limit = self.full_limit;
        self.full_limit = after_silence(full_limit, clock.millis);
        let mut plain = None;
        for member in members.iter_mut().flatten().filter(|member| !member.gone) {
            let base = member.base(forward_links);
            // Most hear what the first of them did.
            let is_plain = member.source.is_none()
                && member.private == 0
                && base == Base::Total
                && member.limit == full_limit
                && member.hears_plainly()
                && !(member.is_supervisor() && coaches != 0);
            if let (true, Some(group)) = (is_plain, plain) {
                (member.group, member.limit) = (group, self.full_limit);
                continue;
            }
            let signature = self.signature(member, base, coaches);
            member.group = self.group_of(signature, member, clock, inputs, full_limit);
            member.hears = signature.gain.to;
            let group = member.group.and_then(|group| self.groups.get(usize::from(group)));
            member.limit = match group {
                Some(group) => group.limit,
                None => after_silence(member.limit, clock.millis),
            };
            if is_plain {
                plain = Some(member.group);
            }
        }
    }

    /// Bits of the coaches.
    fn coaches(&self) -> u64 {
        let coach = |place: &u16| self.sources.get(usize::from(*place)).is_some_and(|source| source.is_coach);
        self.private
            .iter()
            .enumerate()
            .filter(|(_, place)| coach(place))
            .fold(0, |bits, (bit, _)| bits | 1 << bit)
    }

    fn signature(&self, member: &Member, base: Base, coaches: u64) -> Signature {
        let own = member.source.and_then(|place| Some((place, self.sources.get(usize::from(place))?)));
        let mut private = member.private;
        if member.is_supervisor() {
            private |= coaches;
        }
        if let Some((place, _)) = own {
            let bit = self.private.iter().position(|private| *private == place);
            private &= !bit.map_or(0, |bit| 1 << bit);
        }
        let is_in_base = |bus| match base {
            Base::None => false,
            Base::Local => bus == Bus::Local,
            Base::Total => matches!(bus, Bus::Local | Bus::Links),
        };
        Signature {
            base,
            own: own.filter(|(_, source)| is_in_base(source.bus)).map(|(place, _)| place),
            private,
            gain: Ramp { from: member.hears, to: member.output_gain() },
            limit: member.limit,
        }
    }

    /// The mix of a signature, made where it is not yet there; `None` where it would be silence.
    fn group_of(
        &mut self,
        signature: Signature,
        member: &Member,
        clock: &Clock,
        inputs: &mut impl Inputs,
        full_limit: f32,
    ) -> Option<u16> {
        let in_base = match signature.base {
            Base::None => 0,
            Base::Local => self.in_local,
            Base::Total => self.in_local + self.in_links,
        };
        let others = in_base - usize::from(signature.own.is_some()).min(in_base);
        let is_deaf = signature.gain == Ramp { from: 0, to: 0 };
        if (others == 0 && signature.private == 0) || is_deaf {
            return None;
        }
        let made = self.groups.get(..self.made).unwrap_or_default();
        // Nobody else is without this speaker.
        let known =
            signature.own.is_none().then(|| made.iter().position(|group| group.signature == signature));
        if let Some(known) = known.flatten() {
            return u16::try_from(known).ok();
        }
        let is_full = signature.base == Base::Total
            && (signature.own, signature.private) == (None, 0)
            && signature.gain.is_unity()
            && signature.limit == full_limit;
        self.sum(&signature, clock, inputs);
        let scratch = self.scratch.get(..clock.len).unwrap_or_default();
        let group = self.groups.get_mut(self.made)?;
        let out = group.samples.get_mut(..clock.len).unwrap_or_default();
        group.limit = limit(scratch, clock.block, signature.limit, out);
        group.signature = signature;
        group.key = if is_full { MixKey::Full } else { MixKey::Of(member.id) };
        if is_full {
            self.full_limit = group.limit;
        }
        self.made += 1;
        u16::try_from(self.made - 1).ok()
    }

    /// Sums into the scratch buffer what a signature asks for.
    fn sum(&mut self, signature: &Signature, clock: &Clock, inputs: &mut impl Inputs) {
        let sum = self.scratch.get_mut(..clock.len).unwrap_or_default();
        let local = self.local.get(..clock.len).unwrap_or_default();
        let links = self.links.get(..clock.len).unwrap_or_default();
        let takes_links = signature.base == Base::Total && self.in_links > 0;
        if signature.base == Base::None || (self.in_local == 0 && !takes_links) {
            sum.fill(0);
        } else if self.in_local == 0 {
            sum.copy_from_slice(links);
        } else {
            sum.copy_from_slice(local);
            if takes_links {
                sum.iter_mut().zip(links).for_each(|(sum, link)| *sum += link);
            }
        }
        if let Some(source) = signature.own.and_then(|own| self.sources.get(usize::from(own))) {
            with_samples(source, clock, inputs, |pcm| subtract(sum, pcm, source.part, clock.fade));
        }
        let mut bits = signature.private;
        while bits != 0 {
            let bit = usize::try_from(bits.trailing_zeros()).unwrap_or(0);
            bits &= bits - 1;
            let source = self.private.get(bit).and_then(|place| self.sources.get(usize::from(*place)));
            if let Some(source) = source {
                with_samples(source, clock, inputs, |pcm| add(sum, pcm, source.part, clock.fade));
            }
        }
        let gain = signature.gain;
        if !gain.is_unity() {
            let each = sum.iter_mut().enumerate();
            each.for_each(|(n, sum)| *sum = scaled_sum(*sum, gain.at(n, clock.fade)));
        }
    }

    /// Puts the figures of the tick into those of the room.
    pub(super) fn count(&self, statistics: &mut RoomStatistics) {
        let groups = self.groups.get(..self.made).unwrap_or_default();
        statistics.mixed = u16::try_from(self.sources.len()).unwrap_or(u16::MAX);
        statistics.groups = u16::try_from(groups.len()).unwrap_or(u16::MAX);
        statistics.most_groups = statistics.most_groups.max(statistics.groups);
        let limited = groups.iter().filter(|group| group.limit < 1.0).count();
        statistics.limited += u64::try_from(limited).unwrap_or(0);
    }

    pub(super) fn output(&self, member: &Member) -> Output<'_> {
        let group = member.group.and_then(|group| Some((group, self.groups.get(usize::from(group))?)));
        match group {
            Some((number, group)) => Output {
                samples: group.samples.get(..self.len).unwrap_or_default(),
                kind: OutputKind::Audio,
                group: Some(number),
                mix: group.key,
            },
            None => self.silence(if member.held { OutputKind::Hold } else { OutputKind::Silence }),
        }
    }

    pub(super) fn silence(&self, kind: OutputKind) -> Output<'_> {
        let samples = self.zeros.get(..self.len).unwrap_or_default();
        Output { samples, kind, group: None, mix: MixKey::Silence }
    }
}

/// Hands a source's samples to `take`.
fn with_samples<R>(
    source: &Source,
    clock: &Clock,
    inputs: &mut impl Inputs,
    take: impl FnOnce(&[i16]) -> R,
) -> R {
    match source.part {
        Part::Samples(_) => inputs.input(source.id, |input| take(input.samples(clock.len))),
        Part::Tail(_) => take(&[]),
    }
}
