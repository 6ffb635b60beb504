//! Which parties a message is about, and how they are to be related, beyond the two tags that every message has.

use std::net::IpAddr;

use super::directive::{self, Directive};
use super::{Id, MAX_ID};
use crate::NgError;
use crate::wire::{Dict, Value};

/// Most tags, call-ids or flows taken from one message.
const MAX_LISTED: usize = 64;
/// Most items read of a list of flows.
const MAX_ITEMS: usize = 1_000;

/// Parties selected and flags on how to relate them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Several parties by their tags.
    pub from_tags: Vec<Id>,
    /// Every party that offer and answer made.
    pub all: bool,
    /// The media flows of the party selected that are meant.
    pub flows_of: Option<Flows>,
    /// The party that signalled this media address.
    pub address: Option<IpAddr>,
    /// The call of the `to-tag`, where it is another.
    pub to_call_id: Option<Id>,
    /// Calls to be merged.
    pub calls: Vec<Id>,
    /// Media flows to be made.
    pub flows: Vec<Flow>,
    /// True where a word of the options names the `to-tag`, with or without a value.
    pub to_tag_named: bool,
    /// Sections are labelled, and the labels explained in the reply.
    pub siprec: bool,
    /// Only what is passed on to the other party.
    pub egress: bool,
    /// Sources of audio share one section.
    pub mix: bool,
    /// The description is marked as inactive.
    pub inactive: bool,
    /// One way, beside what is there.
    pub directional: bool,
    /// Both ways.
    pub bidirectional: bool,
    /// What the parties receive is taken away before.
    pub unsubscribe: bool,
}

/// Media flows from a party, by how they came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flows {
    /// By offer and answer.
    OfferAnswer,
    /// Otherwise.
    ExceptOfferAnswer,
    /// All.
    All,
}

/// Media of one party to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// Whose media.
    pub from: Id,
    /// Who receives it.
    pub to: Vec<Id>,
}

impl Selection {
    /// Takes one option; false where it is none of these.
    pub(super) fn apply(&mut self, directive: &Directive) -> bool {
        let value = directive.value();
        match directive.name.as_str() {
            "all" => match value {
                "" | "all" => self.all = true,
                "offer-answer" => self.flows_of = Some(Flows::OfferAnswer),
                "except-offer-answer" | "not-offer-answer" | "non-offer-answer" => {
                    self.flows_of = Some(Flows::ExceptOfferAnswer);
                }
                "flows" => self.flows_of = Some(Flows::All),
                _ => {}
            },
            "address" => self.address = value.trim().parse().ok(),
            "to-call-id" => self.to_call_id = id(value),
            "from-tags" => directive.values.iter().for_each(|tag| push(&mut self.from_tags, tag)),
            "calls" => directive.values.iter().for_each(|call| push(&mut self.calls, call)),
            "siprec" => self.siprec = true,
            "egress" => self.egress = true,
            "mix" => self.mix = true,
            "inactive" => self.inactive = true,
            "directional" => self.directional = true,
            "bidirectional" => self.bidirectional = true,
            "unsubscribe" => self.unsubscribe = true,
            // Read by `read_flows`, for it holds dictionaries.
            "tags" => {}
            _ => match directive.item("from-tags") {
                Some(tag) => push(&mut self.from_tags, tag),
                None => return false,
            },
        }
        true
    }

    /// Reads the flows of the `tags` key: a list of dictionaries with `from` and `to`, or the same as one string, in
    /// which brackets inside one another are read as one list.
    pub(super) fn read_flows(&mut self, dict: &Dict) -> Result<(), NgError> {
        const BAD: NgError = NgError::BadValue { key: "tags" };
        for value in directive::values_of(dict, "tags") {
            let Value::List(items) = value else { return Err(BAD) };
            for item in items.iter().take(MAX_ITEMS) {
                match item {
                    Value::Dict(dict) => {
                        dict.get(b"from".as_slice()).into_iter().for_each(|from| self.begin_flow(from));
                        dict.get(b"to".as_slice()).into_iter().for_each(|to| self.extend_flow(to));
                    }
                    _ => match item.to_text().as_deref().and_then(|word| word.split_once('=')) {
                        Some(("from", tag)) => self.begin_flow(&tag.into()),
                        Some(("to", tag)) => self.extend_flow(&tag.into()),
                        _ => return Err(BAD),
                    },
                }
            }
        }
        if self.flows.iter().any(|flow| flow.from.bytes().is_empty()) { Err(BAD) } else { Ok(()) }
    }

    fn begin_flow(&mut self, from: &Value) {
        if self.flows.len() < MAX_LISTED {
            let from = tags(from).into_iter().next().unwrap_or_else(|| "".into());
            self.flows.push(Flow { from, to: Vec::new() });
        }
    }

    fn extend_flow(&mut self, to: &Value) {
        if let Some(flow) = self.flows.last_mut() {
            flow.to.extend(tags(to));
        }
    }
}

/// The ids of a value: itself, or those of a list.
fn tags(value: &Value) -> Vec<Id> {
    let mut out = Vec::new();
    let texts = match value {
        Value::List(list) => list.iter().filter_map(Value::to_text).collect(),
        other => Vec::from_iter(other.to_text()),
    };
    texts.iter().for_each(|text| push(&mut out, text));
    out
}

fn id(text: &str) -> Option<Id> {
    (!text.is_empty() && text.len() <= MAX_ID).then(|| text.into())
}

fn push(list: &mut Vec<Id>, text: &str) {
    if let Some(id) = id(text)
        && list.len() < MAX_LISTED
        && !list.contains(&id)
    {
        list.push(id);
    }
}
