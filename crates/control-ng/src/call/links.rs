//! Which party receives which: every stream has one source at most.

use super::CallState;
use super::party::{Party, PartyId, Stream};
use crate::NgError;

/// A media section of a party.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
}

impl Link {
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

    /// The streams whose source is the one at `from`.
    pub(crate) fn sinks(&self, from: Place) -> impl Iterator<Item = (Place, &Stream, Link)> {
        self.streams().filter_map(move |(at, stream)| {
            let link = stream.source.filter(|link| link.from == from)?;
            Some((at, stream, link))
        })
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
        for party in &mut self.parties {
            for stream in &mut party.streams {
                let is_own = [a, b].contains(&party.id);
                let is_of = |link: Link| is_own || [a, b].contains(&link.from.party);
                stream.source = stream.source.filter(|link| link.is_subscription() || !is_of(*link));
            }
        }
        for (one, other) in pairs {
            for (at, from) in [(*one, *other), (*other, *one)] {
                if let Some(stream) = self.stream_mut(at) {
                    stream.source = Some(Link { from, kind: LinkKind::OfferAnswer });
                }
            }
        }
    }

    /// Adds a source to the stream at `at`.
    ///
    /// # Errors
    /// [`NgError::SecondSource`] where it has another one: nothing is mixed.
    pub(crate) fn subscribe(&mut self, at: Place, from: Place) -> Result<(), NgError> {
        let stream = self.stream_mut(at).ok_or(NgError::Internal)?;
        match stream.source {
            Some(link) if link.from == from => {}
            Some(_) => return Err(NgError::SecondSource),
            None => {
                stream.source = Some(Link { from, kind: LinkKind::Subscription { egress: false } });
            }
        }
        Ok(())
    }

    /// Every stream's source.
    pub(crate) fn links(&self) -> Vec<(Place, Option<Link>)> {
        self.streams().map(|(at, stream)| (at, stream.source)).collect()
    }

    /// Sets the sources of streams.
    pub(crate) fn set_links(&mut self, links: &[(Place, Option<Link>)]) {
        for (at, link) in links {
            if let Some(stream) = self.stream_mut(*at) {
                stream.source = *link;
            }
        }
    }

    /// Takes away the sources of a party's streams, all or those of one party.
    pub(crate) fn unsubscribe(&mut self, id: PartyId, of: Option<PartyId>) {
        let Some(party) = self.party_mut(id) else { return };
        for stream in &mut party.streams {
            stream.source = stream.source.filter(|link| of.is_some_and(|of| link.from.party != of));
        }
    }

    /// Takes away a party as a source of all others.
    pub(crate) fn unsubscribe_from(&mut self, id: PartyId) {
        for party in &mut self.parties {
            for stream in &mut party.streams {
                stream.source = stream.source.filter(|link| link.from.party != id);
            }
        }
    }
}
