//! A party that receives copies of what others send: a recorder, a listener, a forked stream.
//!
//! Every section of a subscriber has a leg of its own, whose source is one section of one party, or several where they
//! are to be mixed. A section keeps its sources and its place throughout, so that a repeated request describes the same
//! streams in the same order.

pub(crate) mod answer;
pub(crate) mod request;

use mediapoint_packet::sdp::Section;

use crate::call::links::{LinkKind, Place};
use crate::call::party::PartyId;
use crate::dialog::Plan;
use crate::request::{Id, Options};

/// A subscriber and what it subscribes to.
#[derive(Debug, Clone)]
pub(crate) struct Subscription {
    pub(crate) subscriber: PartyId,
    /// The sources of each section, and the media line that it had first. A source is in one section.
    pub(crate) sections: Vec<Subscribed>,
    /// The session part of the first description; later ones repeat it.
    session: Option<Section>,
    /// The last request, kept after its answer.
    pub(crate) offer: Option<PendingSubscription>,
}

/// One section of a subscriber.
#[derive(Debug, Clone)]
pub(crate) struct Subscribed {
    pub(crate) from: Vec<Place>,
    media: String,
    proto: String,
}

/// A request and what was made of it for the subscriber.
#[derive(Debug, Clone)]
pub(crate) struct PendingSubscription {
    kind: LinkKind,
    /// By section; `None` for those that were not asked for again.
    plans: Vec<Option<Planned>>,
    options: Options,
}

/// A section that was offered, and the sources that were asked for.
#[derive(Debug, Clone)]
struct Planned {
    plan: Plan,
    from: Vec<Place>,
}

/// One section of the reply: what its media is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SourceInfo {
    pub(crate) tag: Option<Id>,
    /// The name given to the party.
    pub(crate) label: Option<Id>,
    /// The section of the party, from 1.
    pub(crate) index: usize,
    /// `audio`, `video`, ...
    pub(crate) media: String,
    /// `a=label` of the subscriber's section, where one was asked for.
    pub(crate) media_label: Option<u32>,
    /// The direction of our side towards the party.
    pub(crate) mode: &'static str,
}

impl Subscription {
    pub(crate) fn new(subscriber: PartyId) -> Self {
        Self { subscriber, sections: Vec::new(), session: None, offer: None }
    }

    /// Forgets a party that is gone. Its sections stay in their places.
    pub(crate) fn forget(&mut self, party: PartyId) {
        self.sections.iter_mut().for_each(|section| section.from.retain(|from| from.party != party));
    }

    /// What was made of a section for the subscriber last.
    pub(crate) fn plan(&self, section: usize) -> Option<&Plan> {
        self.offer.as_ref()?.plans.get(section)?.as_ref().map(|planned| &planned.plan)
    }

    /// Whatever it receives or received.
    pub(crate) fn sources(&self) -> impl Iterator<Item = Place> {
        self.sections.iter().flat_map(|section| section.from.iter().copied())
    }
}
