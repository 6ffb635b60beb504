//! A member of a room, or a link: what it is, and what changes from tick to tick.

use crate::agc::AutomaticGain;
use crate::event::MemberStatistics;
use crate::gain::{Gain, MOST, ONE};
use crate::gate::{Gate, Thresholds};
use crate::id::MemberId;
use crate::spec::{Audience, LinkRole, MemberChange, MemberSpec, Role};

/// What somebody is to the room.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) enum Place {
    Party(Role),
    Link(LinkRole),
}

/// Where what somebody says goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bus {
    /// Nowhere.
    None,
    /// To all, from here.
    Local,
    /// To all but links, from elsewhere.
    Links,
    /// To its audience, by its bit.
    Private,
}

/// Which sum somebody hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Base {
    /// None: private sources alone.
    None,
    /// Of those who are here.
    Local,
    /// Of all.
    Total,
}

/// A member or a link.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Member {
    pub(crate) id: MemberId,
    /// Of those equally loud the one who joined first goes first.
    pub(crate) order: u64,
    pub(crate) place: Place,
    /// A role to be taken once nothing of it is in the old one's mix.
    pub(crate) next_role: Option<Role>,
    pub(crate) gain_in: Gain,
    pub(crate) gain_out: Gain,
    pub(crate) muted: bool,
    pub(crate) deaf: bool,
    pub(crate) held: bool,
    pub(crate) priority: bool,
    pub(crate) automatic_gain: bool,
    /// It has left, and its last sample still falls to zero.
    pub(crate) gone: bool,
    pub(crate) gate: Gate,
    pub(crate) agc: AutomaticGain,
    /// It has a place among the loudest.
    pub(crate) mixed: bool,
    /// Milliseconds since it got that place.
    pub(crate) mixed_ms: u32,
    /// Gain with which it was mixed at the end of the last tick.
    pub(crate) applied: i32,
    /// What its last sample added to the mix.
    pub(crate) last: i32,
    /// Gain with which it heard at the end of the last tick.
    pub(crate) hears: i32,
    /// Gain of its limiter.
    pub(crate) limit: f32,
    /// Greatest loudness of the present talk, and its milliseconds.
    pub(crate) talk_peak: f32,
    pub(crate) talk_ms: u32,
    pub(crate) statistics: MemberStatistics,
    /// Audio came in this tick.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) present: bool,
    /// Private sources that it hears in this tick, a bit each.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) private: u64,
    /// Which of the mixes of this tick it hears, if any.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) group: Option<u16>,
    /// Where it is among the sources of this tick.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) source: Option<u16>,
}

impl Member {
    pub(crate) fn new(id: MemberId, order: u64, place: Place, spec: &MemberSpec) -> Self {
        Self {
            id,
            order,
            place,
            next_role: None,
            gain_in: spec.gain_in,
            gain_out: spec.gain_out,
            muted: spec.muted,
            deaf: spec.deaf,
            held: spec.held,
            priority: spec.priority,
            automatic_gain: spec.automatic_gain,
            gone: false,
            gate: Gate::default(),
            agc: AutomaticGain::default(),
            mixed: false,
            mixed_ms: 0,
            applied: 0,
            last: 0,
            hears: 0,
            limit: 1.0,
            talk_peak: 0.0,
            talk_ms: 0,
            statistics: MemberStatistics::default(),
            present: false,
            private: 0,
            group: None,
            source: None,
        }
    }

    /// What of it goes along to another room: all that it knows of its party, nothing of who heard whom.
    pub(crate) fn moved(&self, id: MemberId, order: u64, role: Role) -> Self {
        let spec = MemberSpec {
            role: Role::Member,
            gain_in: self.gain_in,
            gain_out: self.gain_out,
            muted: self.muted,
            deaf: self.deaf,
            held: self.held,
            priority: self.priority,
            automatic_gain: self.automatic_gain,
        };
        Self {
            gate: self.gate,
            agc: self.agc,
            statistics: self.statistics,
            ..Self::new(id, order, Place::Party(role), &spec)
        }
    }

    pub(crate) fn apply(&mut self, change: MemberChange) {
        match change {
            MemberChange::Muted(muted) => self.muted = muted,
            MemberChange::Deaf(deaf) => self.deaf = deaf,
            MemberChange::Held(held) => self.held = held,
            MemberChange::GainIn(gain) => self.gain_in = gain,
            MemberChange::GainOut(gain) => self.gain_out = gain,
            MemberChange::AutomaticGain(on) => {
                self.automatic_gain = on;
                self.agc = AutomaticGain::default();
            }
            MemberChange::Priority(priority) => self.priority = priority,
            MemberChange::Role(_) if self.is_link() => {}
            MemberChange::Role(role) => {
                self.next_role = Some(role);
                self.take_role();
            }
        }
    }

    /// Takes the role that waits, unless something of it is still in a mix.
    pub(crate) fn take_role(&mut self) {
        if self.applied != 0 {
            return;
        }
        if let Some(role) = self.next_role.take() {
            self.place = Place::Party(role);
            self.mixed = false;
        }
    }

    pub(crate) const fn is_link(&self) -> bool {
        matches!(self.place, Place::Link(_))
    }

    /// It is judged by its voice: neither a link nor an announcement.
    pub(crate) const fn is_gated(&self) -> bool {
        matches!(self.place, Place::Party(Role::Member | Role::Coach { .. } | Role::Whisper { .. }))
    }

    /// Its voice opens and shuts its gate now.
    pub(crate) fn is_judged(&self) -> bool {
        self.is_gated() && self.may_speak()
    }

    /// It takes one of the places among the loudest.
    pub(crate) const fn competes(&self) -> bool {
        matches!(self.place, Place::Party(Role::Member))
    }

    pub(crate) const fn bus(&self) -> Bus {
        match &self.place {
            Place::Party(Role::Member | Role::Announcement { to: Audience::All }) => Bus::Local,
            Place::Party(Role::Listener | Role::Monitor) => Bus::None,
            Place::Link(LinkRole::Mix) => Bus::Links,
            Place::Party(Role::Coach { .. } | Role::Whisper { .. } | Role::Announcement { .. })
            | Place::Link(LinkRole::Coach { .. } | LinkRole::Whisper { .. }) => Bus::Private,
        }
    }

    /// True for coaches, here or across a link.
    pub(crate) const fn is_coach(&self) -> bool {
        matches!(
            self.place,
            Place::Party(Role::Coach { .. }) | Place::Link(LinkRole::Coach { agent: Some(_) })
        )
    }

    /// Hears coaches, whoever they coach.
    pub(crate) const fn is_supervisor(&self) -> bool {
        matches!(self.place, Place::Party(Role::Coach { .. } | Role::Monitor))
    }

    /// Which sum it hears.
    pub(crate) const fn base(&self, forward_links: bool) -> Base {
        match &self.place {
            Place::Party(Role::Announcement { .. })
            | Place::Link(LinkRole::Coach { .. } | LinkRole::Whisper { .. }) => Base::None,
            Place::Link(LinkRole::Mix) if !forward_links => Base::Local,
            Place::Party(_) | Place::Link(LinkRole::Mix) => Base::Total,
        }
    }

    /// Whom it addresses alone.
    pub(crate) fn audience(&self) -> &[MemberId] {
        match &self.place {
            Place::Party(Role::Coach { agent }) | Place::Link(LinkRole::Coach { agent: Some(agent) }) => {
                std::slice::from_ref(agent)
            }
            Place::Party(Role::Whisper { to } | Role::Announcement { to: Audience::Only(to) })
            | Place::Link(LinkRole::Whisper { to }) => to,
            _ => &[],
        }
    }

    /// Whatever it says can reach somebody.
    pub(crate) const fn may_speak(&self) -> bool {
        !self.gone && !self.muted && !self.held && !matches!(self.bus(), Bus::None)
    }

    /// Whether it is to be mixed in this tick.
    pub(crate) const fn speaks(&self) -> bool {
        self.may_speak()
            && self.next_role.is_none()
            && if self.competes() {
                self.mixed
            } else if self.is_gated() {
                self.gate.open
            } else {
                self.present
            }
    }

    /// How loud it is to the others, as a power.
    pub(crate) fn rank(&self) -> f32 {
        let gain = self.gain_in.factor();
        self.gate.loudness * gain * gain
    }

    /// The gain to which it goes in this tick.
    pub(crate) fn target(&self) -> i32 {
        if !self.speaks() {
            return 0;
        }
        if !self.automatic_gain {
            return self.gain_in.parts();
        }
        #[expect(clippy::cast_possible_truncation, reason = "at most 64917 times 4")]
        let gain = (self.gain_in.factor() * self.agc.gain * 4096.0).round() as i32;
        gain.clamp(1, MOST)
    }

    /// The gain of its output after the present ramp.
    pub(crate) const fn output_gain(&self) -> i32 {
        if self.deaf || self.held || self.gone { 0 } else { self.gain_out.parts() }
    }

    /// Takes the audio of a tick into its gate.
    pub(crate) fn listen(&mut self, thresholds: &Thresholds, millis: u32, power: Option<f32>) {
        if !self.is_judged() {
            self.gate.shut();
            return;
        }
        self.gate.update(thresholds, millis, power);
        if let Some(power) = power.filter(|_| self.automatic_gain && self.gate.voiced) {
            self.agc.update(millis, power);
        }
    }

    /// False of what no member can come to, as in a state from elsewhere.
    pub(crate) fn is_sound(&self) -> bool {
        let gains = 0..=MOST;
        gains.contains(&self.applied)
            && gains.contains(&self.hears)
            && (0.0..=1.0).contains(&self.limit)
            && (MOST * -8..=MOST * 8).contains(&self.last)
            && self.gate.is_sound()
            && self.agc.gain.is_finite()
            && self.talk_peak.is_finite()
    }

    /// True where it hears at unity, and no limiter is at work for it.
    pub(crate) fn hears_plainly(&self) -> bool {
        self.hears == ONE && self.output_gain() == ONE
    }
}
