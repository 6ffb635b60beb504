//! Which party receives which.

use mediapoint_engine::{Call, MixSpec};

use super::CallState;
use super::gates::Gates;
use super::party::{Party, PartyId, Stream};
use crate::NgError;

/// Most sources of a stream beside that of offer and answer, for which the mix keeps a place.
pub(crate) const MAX_SOURCES: usize = MixSpec::MAX_INPUTS - 1;

/// A media section of a party.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    pub(crate) party: PartyId,
    /// Counted from 0.
    pub(crate) section: usize,
}

/// What relates a stream to its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LinkKind {
    /// Offer and answer, or what stands in their place.
    OfferAnswer,
    /// One way, beside whatever else the source's party does.
    Subscription {
        /// Only what is passed on to the source's other party.
        egress: bool,
    },
}

/// A stream's source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) from: Place,
    pub(crate) kind: LinkKind,
    /// What was commanded of this flow.
    pub(crate) gates: Gates,
}

impl Link {
    pub(crate) fn new(from: Place, kind: LinkKind) -> Self {
        Self { from, kind, gates: Gates::default() }
    }

    pub(crate) fn is_subscription(&self) -> bool {
        matches!(self.kind, LinkKind::Subscription { .. })
    }
}

impl CallState {
    /// The streams of all parties with their places.
    pub(crate) fn streams(&self) -> impl Iterator<Item = (Place, &Stream)> {
        let place = |party: &Party, section| Place { party: party.id, section };
        self.parties
            .iter()
            .flat_map(move |party| party.streams.iter().enumerate().map(move |(n, s)| (place(party, n), s)))
    }

    pub(crate) fn stream(&self, at: Place) -> Option<&Stream> {
        self.party(at.party)?.streams.get(at.section)
    }

    pub(crate) fn stream_mut(&mut self, at: Place) -> Option<&mut Stream> {
        self.party_mut(at.party)?.streams.get_mut(at.section)
    }

    /// The streams that receive the one at `from`.
    pub(crate) fn sinks(&self, from: Place) -> impl Iterator<Item = (Place, &Stream)> {
        self.streams().filter(move |(_, stream)| stream.sources.iter().any(|link| link.from == from))
    }

    /// Makes the streams of two parties each other's source, section by section where both agreed to it, and parts both
    /// from whomever offer and answer related them to before.
    pub(crate) fn relate(&mut self, a: PartyId, b: PartyId) {
        let count = |id| self.party(id).map_or(0, |party| party.streams.len());
        let is_active = |at| self.stream(at).is_some_and(|stream| stream.active);
        let pairs: Vec<(Place, Place)> = (0..count(a).min(count(b)))
            .map(|section| (Place { party: a, section }, Place { party: b, section }))
            .filter(|(one, other)| is_active(*one) && is_active(*other))
            .collect();
        self.relate_sections(a, b, &pairs);
    }

    /// The same for these sections.
    pub(crate) fn relate_sections(&mut self, a: PartyId, b: PartyId, pairs: &[(Place, Place)]) {
        // What was commanded of a flow holds where it is agreed on anew.
        let flows =
            self.streams().flat_map(|(at, stream)| stream.sources.iter().map(move |link| (at, *link)));
        let gates: Vec<(Place, Link)> = flows.filter(|(_, link)| link.gates != Gates::default()).collect();
        for party in self.parties.iter_mut() {
            let is_own = [a, b].contains(&party.id);
            for stream in &mut party.streams {
                let is_of = |link: &Link| is_own || [a, b].contains(&link.from.party);
                stream.sources.retain(|link| link.is_subscription() || !is_of(link));
            }
        }
        for (one, other) in pairs {
            for (at, from) in [(*one, *other), (*other, *one)] {
                if let Some(stream) = self.stream_mut(at) {
                    // Offer and answer come first, and stand alone where nothing can be added to them.
                    let can_mix = stream.can_mix();
                    stream.sources.retain(|link| link.from != from && can_mix);
                    let gates = gates.iter().find(|(place, link)| *place == at && link.from == from);
                    let gates = gates.map(|(_, link)| link.gates).unwrap_or_default();
                    stream.sources.insert(0, Link { gates, ..Link::new(from, LinkKind::OfferAnswer) });
                }
            }
        }
    }

    /// Adds a source to the stream at `at`.
    ///
    /// # Errors
    /// [`NgError::CannotMix`] where it has another one, and what it receives cannot be mixed; [`NgError::TooManySources`].
    pub(crate) fn subscribe(&mut self, at: Place, from: Place) -> Result<(), NgError> {
        let stream = self.stream_mut(at).ok_or(NgError::Internal)?;
        if stream.sources.iter().any(|link| link.from == from) {
            return Ok(());
        }
        if !stream.sources.is_empty() && !stream.can_mix() {
            return Err(NgError::CannotMix);
        }
        if stream.sources.iter().filter(|link| link.is_subscription()).count() >= MAX_SOURCES {
            return Err(NgError::TooManySources { limit: MAX_SOURCES });
        }
        stream.sources.push(Link::new(from, LinkKind::Subscription { egress: false }));
        Ok(())
    }

    /// Refuses more mixes than the engine has for one call.
    pub(crate) fn check_mixes(&self) -> Result<(), NgError> {
        within_mixes(self.parties.iter())
    }

    /// The same with this party in its place.
    pub(crate) fn check_mixes_with(&self, party: &Party) -> Result<(), NgError> {
        within_mixes(self.parties.iter().filter(|other| other.id != party.id).chain([party]))
    }

    /// Takes away the sources of a party's streams, all or those of one party.
    pub(crate) fn unsubscribe(&mut self, id: PartyId, of: Option<PartyId>) {
        let Some(party) = self.party_mut(id) else { return };
        for stream in &mut party.streams {
            stream.sources.retain(|link| of.is_some_and(|of| link.from.party != of));
        }
    }

    /// Takes away a party as a source of all others.
    pub(crate) fn unsubscribe_from(&mut self, id: PartyId) {
        for party in self.parties.iter_mut() {
            for stream in &mut party.streams {
                stream.sources.retain(|link| link.from.party != id);
            }
        }
    }
}

fn within_mixes<'a>(parties: impl Iterator<Item = &'a Party>) -> Result<(), NgError> {
    let streams = parties.flat_map(|party| &party.streams);
    let mixed = streams.filter(|stream| stream.sources.len() > 1 && stream.can_mix()).count();
    let limit = Call::MAX_MIXES;
    if mixed > limit { Err(NgError::TooManyMixes { limit }) } else { Ok(()) }
}
