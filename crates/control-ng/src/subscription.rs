//! A party that receives copies of what others send: a recorder, a listener, a forked stream.
//!
//! Every section of a subscriber has a leg of its own, whose source is one section of one party. A section keeps its
//! source and its place throughout, so that a repeated request describes the same streams in the same order.

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
    /// The source of each section, and the media line that it had first.
    pub(crate) sections: Vec<Subscribed>,
    /// The session part of the first description; later ones repeat it.
    session: Option<Section>,
    /// The last request, kept after its answer.
    pub(crate) offer: Option<PendingSubscription>,
}

/// One section of a subscriber.
#[derive(Debug, Clone)]
pub(crate) struct Subscribed {
    pub(crate) from: Place,
    media: String,
    proto: String,
}

/// A request and what was made of it for the subscriber.
#[derive(Debug, Clone)]
pub(crate) struct PendingSubscription {
    kind: LinkKind,
    /// By section; `None` for those that were not asked for again.
    plans: Vec<Option<Plan>>,
    options: Options,
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

    /// Whatever it receives or received.
    pub(crate) fn sources(&self) -> impl Iterator<Item = Place> {
        self.sections.iter().map(|section| section.from)
    }
}
