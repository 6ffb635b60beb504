//! A room as a textbook would have it: for each listener, every other source is added up, and each has a limiter of its own.
//! Nothing is shared, subtracted or kept in buffers. It follows the documented rules alone.

use std::collections::BTreeMap;

use mediapoint_conference::{Audience, LinkRole, MemberChange, MemberId, MemberSpec, Role, RoomSpec, Tick};

/// A frame as a member sends it.
#[derive(Debug, Clone, Default)]
pub(crate) enum Frame {
    Audio(Vec<i16>),
    Noise(Vec<i16>),
    #[default]
    Nothing,
}

impl Frame {
    pub(crate) fn pcm(&self) -> &[i16] {
        match self {
            Self::Audio(pcm) | Self::Noise(pcm) => pcm,
            Self::Nothing => &[],
        }
    }
}

#[derive(Debug, Clone)]
enum What {
    Party(Role),
    Link(LinkRole),
}

#[derive(Debug, Clone)]
struct Person {
    id: MemberId,
    order: u64,
    what: What,
    wants: Option<Role>,
    spec: MemberSpec,
    gone: bool,
    floor: f32,
    loudness: f32,
    hang: u32,
    open: bool,
    agc: (f32, f32),
    mixed: bool,
    mixed_ms: u32,
    applied: i32,
    last: i32,
    hears: i32,
    limit: f32,
}

/// A source of a tick: whose, what it adds, who hears it.
struct Spoken {
    of: usize,
    added: Vec<i32>,
    heard_by: Vec<bool>,
}

#[derive(Debug)]
pub(crate) struct Naive {
    spec: RoomSpec,
    people: Vec<Person>,
    orders: u64,
}

const REFERENCE: f32 = 536_870_912.0;

fn power(dbov: f32) -> f32 {
    REFERENCE * 10_f32.powf(dbov / 10.0)
}

fn parts(gain: mediapoint_conference::Gain) -> i32 {
    i32::from(gain)
}

impl Person {
    fn public(&self) -> bool {
        matches!(self.what, What::Party(Role::Member))
    }

    fn gated(&self) -> bool {
        matches!(self.what, What::Party(Role::Member | Role::Coach { .. } | Role::Whisper { .. }))
    }

    fn heard_at_all(&self) -> bool {
        let silent = matches!(self.what, What::Party(Role::Listener | Role::Monitor));
        !(self.gone || self.spec.muted || self.spec.held || silent)
    }

    fn rank(&self) -> f32 {
        let gain = parts(self.spec.gain_in) as f32 / 4096.0;
        self.loudness * gain * gain
    }

    fn take_role(&mut self) {
        if self.applied == 0
            && let Some(role) = self.wants.take()
        {
            self.what = What::Party(role);
            self.mixed = false;
        }
    }

    fn shut(&mut self) {
        (self.loudness, self.hang, self.open) = (0.0, 0, false);
    }

    /// Whether `source` reaches this listener.
    fn hears(&self, source: &Self, forward_links: bool) -> bool {
        if self.id == source.id || self.gone {
            return false;
        }
        let everything = match &self.what {
            What::Party(Role::Announcement { .. }) => false,
            What::Party(_) => true,
            What::Link(LinkRole::Mix) => forward_links,
            What::Link(_) => false,
        };
        let supervisor = matches!(self.what, What::Party(Role::Coach { .. } | Role::Monitor));
        match &source.what {
            What::Party(Role::Member | Role::Announcement { to: Audience::All }) => {
                everything || matches!(self.what, What::Link(LinkRole::Mix))
            }
            What::Link(LinkRole::Mix) => everything,
            What::Party(Role::Coach { agent }) | What::Link(LinkRole::Coach { agent: Some(agent) }) => {
                *agent == self.id || supervisor
            }
            What::Party(Role::Whisper { to } | Role::Announcement { to: Audience::Only(to) })
            | What::Link(LinkRole::Whisper { to }) => to.contains(&self.id),
            What::Party(Role::Listener | Role::Monitor) | What::Link(LinkRole::Coach { agent: None }) => {
                false
            }
        }
    }

    fn gate(&mut self, spec: &RoomSpec, millis: u32, frame: &Frame, fade: usize) {
        if !self.gated() || !self.heard_at_all() {
            self.shut();
            return;
        }
        let steps = millis / 10;
        let (mut voice, mut loudest) = (false, 0.0);
        if let Frame::Audio(pcm) = frame
            && !pcm.is_empty()
        {
            let mean = |part: &[i16]| {
                let sum: u64 = part.iter().map(|&sample| u64::from(sample.unsigned_abs()).pow(2)).sum();
                sum as f32 / part.len() as f32
            };
            let loud = pcm.chunks(fade).map(mean).fold(0.0, f32::max);
            let ratio = 10_f32.powf(spec.gate.above_noise_db / 10.0);
            let least = power(spec.gate.least_dbov);
            if self.floor == 0.0 {
                self.floor = (least / ratio).max(1.7);
            }
            let opens = (self.floor * ratio).max(least);
            voice = loud > if self.open { opens / 2.0 } else { opens };
            for _ in 0..steps {
                let step = if loud < self.floor { (loud - self.floor) / 8.0 } else { self.floor / 144.0 };
                self.floor += step;
            }
            self.floor = self.floor.clamp(1.7, power(spec.gate.greatest_noise_dbov));
            loudest = loud;
            if voice && self.spec.automatic_gain {
                self.adapt(steps, loud);
            }
        }
        if voice || !self.open {
            (0..steps).for_each(|_| self.loudness -= self.loudness / 32.0);
        }
        self.loudness = self.loudness.max(loudest);
        if voice {
            (self.open, self.hang) = (true, spec.gate.hangover_ms);
        } else {
            self.hang = self.hang.saturating_sub(millis);
            self.open &= self.hang > 0;
        }
    }

    fn adapt(&mut self, steps: u32, loud: f32) {
        let (gain, speech) = &mut self.agc;
        if *speech == 0.0 {
            *speech = loud;
        }
        for _ in 0..steps {
            *speech += (loud - *speech) / 50.0;
            let level = *speech * *gain * *gain;
            if level * 1.4125 < power(-22.0) {
                *gain = (*gain * 1.003_46).min(3.981);
            } else if level > power(-22.0) * 1.4125 {
                *gain = (*gain * 0.993_12).max(1.0 / 3.981);
            }
        }
    }
}

impl Naive {
    pub(crate) fn new(spec: RoomSpec) -> Self {
        Self { spec, people: Vec::new(), orders: 0 }
    }

    fn push(&mut self, id: MemberId, what: What, spec: MemberSpec) -> &mut Person {
        self.orders += 1;
        self.people.push(Person {
            id,
            order: self.orders,
            what,
            wants: None,
            spec,
            gone: false,
            floor: 0.0,
            loudness: 0.0,
            hang: 0,
            open: false,
            agc: (1.0, 0.0),
            mixed: false,
            mixed_ms: 0,
            applied: 0,
            last: 0,
            hears: 0,
            limit: 1.0,
        });
        self.people.last_mut().unwrap()
    }

    pub(crate) fn join(&mut self, id: MemberId, spec: MemberSpec) {
        self.push(id, What::Party(spec.role.clone()), spec);
    }

    pub(crate) fn join_link(&mut self, id: MemberId, role: LinkRole) {
        self.push(id, What::Link(role), MemberSpec::default());
    }

    fn find(&mut self, id: MemberId) -> &mut Person {
        self.people.iter_mut().find(|person| person.id == id && !person.gone).unwrap()
    }

    pub(crate) fn leave(&mut self, id: MemberId) {
        let person = self.find(id);
        person.gone = true;
        person.shut();
        self.people.retain(|person| !(person.gone && person.last == 0));
    }

    pub(crate) fn move_to(&mut self, id: MemberId, other: &mut Self, new_id: MemberId, role: Role) {
        let old = self.find(id).clone();
        self.leave(id);
        let person = other.push(new_id, What::Party(role), old.spec);
        (person.floor, person.loudness) = (old.floor, old.loudness);
        (person.hang, person.open, person.agc) = (old.hang, old.open, old.agc);
    }

    pub(crate) fn set(&mut self, id: MemberId, change: MemberChange) {
        let person = self.find(id);
        match change {
            MemberChange::Muted(muted) => person.spec.muted = muted,
            MemberChange::Deaf(deaf) => person.spec.deaf = deaf,
            MemberChange::Held(held) => person.spec.held = held,
            MemberChange::GainIn(gain) => person.spec.gain_in = gain,
            MemberChange::GainOut(gain) => person.spec.gain_out = gain,
            MemberChange::AutomaticGain(on) => {
                (person.spec.automatic_gain, person.agc) = (on, (1.0, 0.0));
            }
            MemberChange::Priority(priority) => person.spec.priority = priority,
            MemberChange::Role(role) => {
                if matches!(person.what, What::Party(_)) {
                    person.wants = Some(role);
                    person.take_role();
                }
            }
        }
    }

    /// What everybody hears.
    pub(crate) fn tick(
        &mut self,
        tick: Tick,
        frames: &BTreeMap<MemberId, Frame>,
    ) -> BTreeMap<MemberId, Vec<i16>> {
        let (millis, len) = (tick.millis(), tick.samples(self.spec.rate));
        let block = self.spec.rate as usize / 1000;
        let frame_of = |person: &Person| match frames.get(&person.id) {
            Some(frame) if !person.gone => frame.clone(),
            _ => Frame::Nothing,
        };
        for person in &mut self.people {
            let frame = frame_of(person);
            person.gate(&self.spec, millis, &frame, 5 * block);
        }
        self.choose(millis);
        let spoken = self.speak(&frame_of, len, 5 * block);
        let mut heard = BTreeMap::new();
        for (at, person) in self.people.iter_mut().enumerate() {
            if person.gone {
                continue;
            }
            let audible = spoken.iter().filter(|spoken| spoken.heard_by[at]);
            let mut sum = vec![0_i64; len];
            let count = audible.clone().count();
            for spoken in audible {
                sum.iter_mut().zip(&spoken.added).for_each(|(sum, added)| *sum += i64::from(*added));
            }
            let to = if person.spec.deaf || person.spec.held { 0 } else { parts(person.spec.gain_out) };
            let from = std::mem::replace(&mut person.hears, to);
            let silent = count == 0 || (from, to) == (0, 0);
            for (n, sum) in sum.iter_mut().enumerate() {
                *sum = if silent { 0 } else { (*sum * i64::from(ramp(from, to, n, 5 * block)) + 2048) >> 12 };
            }
            heard.insert(person.id, limit(&sum, block, &mut person.limit));
        }
        self.people.retain(|person| !person.gone);
        self.people.iter_mut().for_each(Person::take_role);
        heard
    }

    fn choose(&mut self, millis: u32) {
        let most = usize::from(self.spec.loudest);
        let wants = |person: &Person| person.public() && person.heard_at_all() && person.open;
        for person in &mut self.people {
            let was = person.mixed;
            person.mixed = wants(person) && (was || person.spec.priority);
            person.mixed_ms = if was { person.mixed_ms + millis } else { 0 };
        }
        let first = self.people.iter().filter(|person| person.mixed && person.spec.priority).count();
        let places = most.saturating_sub(first);
        // Sorted from the loudest to the quietest, of equals the earlier first.
        let sorted = |people: &[Person], keep: &dyn Fn(&Person) -> bool| {
            let mut slots: Vec<usize> = (0..people.len()).filter(|&at| keep(&people[at])).collect();
            slots.sort_by(|&a, &b| {
                people[b].rank().total_cmp(&people[a].rank()).then(people[a].order.cmp(&people[b].order))
            });
            slots
        };
        let placed = |person: &Person| person.mixed && !person.spec.priority;
        let mut held = sorted(&self.people, &placed);
        for dropped in held.split_off(places.min(held.len())) {
            self.people[dropped].mixed = false;
        }
        for challenger in sorted(&self.people, &|person| wants(person) && !person.mixed) {
            let count = self.people.iter().filter(|person| placed(person)).count();
            if count >= places {
                let settled =
                    |person: &Person| placed(person) && person.mixed_ms >= self.spec.gate.hangover_ms;
                let Some(&weakest) = sorted(&self.people, &settled).last() else { break };
                let louder = self.people[challenger].rank() > self.people[weakest].rank() * 4.0;
                if places == 0 || !louder {
                    break;
                }
                self.people[weakest].mixed = false;
            }
            (self.people[challenger].mixed, self.people[challenger].mixed_ms) = (true, 0);
        }
    }

    fn speak(&mut self, frame_of: &dyn Fn(&Person) -> Frame, len: usize, fade: usize) -> Vec<Spoken> {
        let mut spoken = Vec::new();
        for at in 0..self.people.len() {
            let person = &mut self.people[at];
            let frame = frame_of(person);
            let pcm = frame.pcm();
            let asked = person.heard_at_all() || person.applied != 0;
            let present = !pcm.is_empty() && asked;
            let speaks = person.heard_at_all()
                && person.wants.is_none()
                && match (person.public(), person.gated()) {
                    (true, _) => person.mixed,
                    (_, true) => person.open,
                    _ => present,
                };
            let mut to = if speaks { parts(person.spec.gain_in) } else { 0 };
            if speaks && person.spec.automatic_gain {
                to = ((to as f32 / 4096.0 * person.agc.0 * 4096.0).round() as i32).clamp(1, 64_917);
            }
            let from = person.applied;
            let added: Vec<i32> = if present {
                let sample = |n: usize| i32::from(pcm.get(n).copied().unwrap_or(0));
                (0..len).map(|n| (sample(n) * ramp(from, to, n, fade) + 2048) >> 12).collect()
            } else {
                let last = i64::from(person.last);
                let fall = |n: usize| last * (fade.saturating_sub(n)) as i64 / fade as i64;
                (0..len).map(|n| fall(n) as i32).collect()
            };
            let counts = if present { from != 0 || to != 0 } else { person.last != 0 };
            person.applied = if present { to } else { 0 };
            person.last = if counts { added[len - 1] } else { 0 };
            if counts {
                spoken.push(Spoken { of: at, added, heard_by: Vec::new() });
            }
        }
        for spoken in &mut spoken {
            let source = &self.people[spoken.of];
            spoken.heard_by =
                self.people.iter().map(|person| person.hears(source, self.spec.forward_links)).collect();
        }
        spoken
    }
}

fn ramp(from: i32, to: i32, n: usize, fade: usize) -> i32 {
    if n < fade { from + (to - from) * n as i32 / fade as i32 } else { to }
}

/// A limiter as documented: the gain falls by at most a half, and rises by at most 1/2000, in a millisecond; what is left above
/// full scale is bent from three quarters on.
pub(crate) fn limit(sum: &[i64], block: usize, gain: &mut f32) -> Vec<i16> {
    let magnitude = |x: &i64| if *x < 0 { -*x - 1 } else { *x };
    let peaks: Vec<i64> = sum.chunks(block).map(|part| part.iter().map(magnitude).max().unwrap()).collect();
    if *gain == 1.0 && peaks.iter().all(|peak| *peak <= 32_767) {
        return sum.iter().map(|sum| *sum as i16).collect();
    }
    let needs: Vec<f32> =
        peaks.iter().map(|peak| if *peak > 32_767 { 32_767.0 / (*peak as f32 + 1.0) } else { 1.0 }).collect();
    let count = needs.len();
    let mut allowed: Vec<f32> = (0..=count)
        .map(|edge| {
            let before = if edge > 0 { needs[edge - 1] } else { 1.0 };
            before.min(if edge < count { needs[edge] } else { 1.0 })
        })
        .collect();
    for edge in (0..count).rev() {
        allowed[edge] = allowed[edge].min(allowed[edge + 1] + 0.5);
    }
    let mut gains = vec![*gain];
    for edge in 1..=count {
        let now = gains[edge - 1];
        gains.push(allowed[edge].min(now + 0.0005).max(now - 0.5));
    }
    *gain = gains[count];
    let step = 1.0 / block as f32;
    let gained: Vec<f32> = sum
        .iter()
        .enumerate()
        .map(|(n, sum)| {
            let (from, to) = (gains[n / block], gains[n / block + 1]);
            *sum as f32 * (from + (to - from) * ((n % block + 1) as f32 * step))
        })
        .collect();
    let most = gained.iter().fold(32_767.0_f32, |most, value| most.max(value.abs()));
    let bend = if most > 32_767.0 { 1.0 / (32_767.0 - 24_575.0) - 1.0 / (most - 24_575.0) } else { 0.0 };
    let bent = gained.iter().map(|value| {
        let over = (value.abs() - 24_575.0).max(0.0);
        (value.abs().min(24_575.0) + over / (1.0 + bend * over)).min(32_767.0).copysign(*value) as i16
    });
    bent.collect()
}
