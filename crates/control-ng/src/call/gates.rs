//! What is blocked or silenced in a call: the whole of it, what a party sends, or one party's media to another. Each is set and
//! taken back by itself; where several bear on the same media, the strictest counts.

use mediapoint_engine::{EventPolicy, MediaPolicy};

use super::CallState;
use super::links::{Link, LinkKind, Place};
use super::party::{Party, PartyId, Stream};
use crate::NgError;
use crate::request::{DigitGate, Flows, MediaGate};

/// What was commanded of media, in one place of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Gates {
    pub(crate) block: bool,
    pub(crate) silence: bool,
    /// Of its digits.
    pub(crate) digits: DigitGate,
}

impl Gates {
    fn set(&mut self, gate: MediaGate, on: bool) {
        match gate {
            MediaGate::Block => self.block = on,
            MediaGate::Silence => self.silence = on,
        }
    }

    pub(crate) fn with(self, other: Self) -> Self {
        let keeps = |digits: &DigitGate| DigitGate { events: EventPolicy::Forward, ..*digits }.is_on();
        let digits = if keeps(&other.digits) || !keeps(&self.digits) {
            // A party's own replacement counts before the call's.
            DigitGate { events: strictest(self.digits.events, other.digits.events), ..other.digits }
        } else {
            self.digits
        };
        Self { block: self.block || other.block, silence: self.silence || other.silence, digits }
    }

    pub(crate) const fn policy(self) -> MediaPolicy {
        match self {
            Self { block: true, .. } => MediaPolicy::Block,
            Self { silence: true, .. } => MediaPolicy::Silence,
            Self { .. } => MediaPolicy::Forward,
        }
    }
}

/// Blocked where either is.
fn strictest(one: EventPolicy, other: EventPolicy) -> EventPolicy {
    if other == EventPolicy::Forward { one } else { other }
}

/// Whose media a command is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Gated {
    /// The whole call; with `parties`, what was commanded of single parties is taken back, too.
    Call {
        /// True where the command names all of it.
        parties: bool,
    },
    /// What these parties send.
    Parties(Vec<PartyId>),
    /// What the first send to the others.
    Flows(Vec<PartyId>, Vec<PartyId>),
    /// What they send to others that are related to them in this way.
    Related(Vec<PartyId>, Flows),
}

/// What becomes of the media of one stream at the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Policies {
    pub(crate) media: MediaPolicy,
    pub(crate) sent_media: MediaPolicy,
    pub(crate) digits: DigitGate,
    /// Digits are looked for in the audio.
    pub(crate) detect: bool,
    /// Tones go on as events.
    pub(crate) tones_as_events: bool,
}

impl CallState {
    /// Carries a command on media out; it takes effect with [`super::apply::apply`].
    ///
    /// # Errors
    /// [`NgError::NoFlow`] where no party receives another as the command says.
    pub(crate) fn gate(&mut self, gated: &Gated, gate: MediaGate, on: bool) -> Result<(), NgError> {
        match gated {
            Gated::Call { parties } => {
                self.gates.set(gate, on);
                if *parties && !on {
                    self.parties.iter_mut().for_each(|party| party.gates.set(gate, false));
                }
                Ok(())
            }
            Gated::Parties(ids) => {
                let named = self.parties.iter_mut().filter(|party| ids.contains(&party.id));
                named.for_each(|party| party.gates.set(gate, on));
                Ok(())
            }
            Gated::Flows(from, to) => self.gate_flows((gate, on), from, |at, _| to.contains(&at.party)),
            Gated::Related(from, flows) => self.gate_flows((gate, on), from, |_, link| {
                let of_answer = link.kind == LinkKind::OfferAnswer;
                match flows {
                    Flows::OfferAnswer => of_answer,
                    Flows::ExceptOfferAnswer => !of_answer,
                    Flows::All => true,
                }
            }),
        }
    }

    /// As [`CallState::gate`], for digits: they are kept from all others, whoever receives the party.
    pub(crate) fn gate_digits(&mut self, gated: &Gated, gate: DigitGate) {
        match gated {
            Gated::Call { parties } => {
                self.gates.digits = gate;
                if *parties && !gate.is_on() {
                    self.parties.iter_mut().for_each(|party| party.gates.digits = gate);
                }
            }
            Gated::Parties(ids) | Gated::Flows(ids, _) | Gated::Related(ids, _) => {
                let named = self.parties.iter_mut().filter(|party| ids.contains(&party.id));
                named.for_each(|party| party.gates.digits = gate);
            }
        }
    }

    fn gate_flows(
        &mut self,
        (gate, on): (MediaGate, bool),
        from: &[PartyId],
        is_meant: impl Fn(Place, &Link) -> bool,
    ) -> Result<(), NgError> {
        let mut found = false;
        for party in self.parties.iter_mut() {
            for (section, stream) in party.streams.iter_mut().enumerate() {
                let at = Place { party: party.id, section };
                let flows = stream.sources.iter_mut();
                for link in flows.filter(|link| from.contains(&link.from.party) && is_meant(at, link)) {
                    link.gates.set(gate, on);
                    found = true;
                }
            }
        }
        if found { Ok(()) } else { Err(NgError::NoFlow) }
    }

    /// What was commanded of what a party sends.
    pub(crate) fn gates_of(&self, party: &Party) -> Gates {
        self.gates.with(party.gates)
    }

    /// What becomes of the media of a party's stream, and whom it receives, where not all it is related to.
    pub(super) fn policies<'a, T>(
        &self,
        party: &Party,
        sources: Vec<(&'a Link, &'a Stream, T)>,
    ) -> (Policies, Vec<(&'a Link, &'a Stream, T)>) {
        let mut sources = sources;
        if sources.len() > 1 {
            // Of several, those go on that may; of none, one is blocked or silenced for all.
            sources.sort_by_key(|(link, ..)| link.gates.policy());
            let open = sources.iter().take_while(|(link, ..)| link.gates.policy() == MediaPolicy::Forward);
            let open = open.count();
            sources.truncate(open.max(1));
        }
        let of_flow = match sources.as_slice() {
            [(link, ..)] => link.gates.policy(),
            _ => MediaPolicy::Forward,
        };
        let policies = match self.drop_traffic {
            true => Policies {
                media: MediaPolicy::Block,
                sent_media: MediaPolicy::Block,
                digits: DigitGate { events: EventPolicy::Block, ..DigitGate::default() },
                detect: false,
                tones_as_events: false,
            },
            false => Policies {
                media: self.gates_of(party).policy(),
                sent_media: of_flow,
                digits: self.gates_of(party).digits,
                detect: self.digit_watch.tones,
                tones_as_events: false,
            },
        };
        (policies, sources)
    }
}
