//! Tags that turn out to be of a party that is known under another one.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::SocketAddr;

use mediapoint_packet::sdp::Sdp;

use super::{CallState, Group};
use crate::request::{AliasKey, Id};

/// What a party is known again by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Alias {
    /// A hash of its whole description.
    Description(u64),
    /// Where its first section is.
    Address(SocketAddr),
}

impl Alias {
    /// What the party of this description is known again by; `None` where it has none of it.
    pub(crate) fn of(key: AliasKey, sdp: &Sdp) -> Option<Self> {
        match key {
            AliasKey::Sdp => {
                let mut hasher = DefaultHasher::new();
                sdp.to_bytes().as_slice().hash(&mut hasher);
                Some(Self::Description(hasher.finish()))
            }
            AliasKey::Address => {
                let first = sdp.media.first()?;
                let host = sdp.connection_of(first)?.ip()?;
                Some(Self::Address(SocketAddr::new(host, first.media().port)))
            }
        }
    }
}

impl CallState {
    /// Takes a tag that nobody has for another one of the party with this alias.
    pub(crate) fn take_alias(&mut self, group: Group, tag: &Id, alias: Option<&Alias>) {
        if alias.is_none() || self.tagged(group, tag).is_some() {
            return;
        }
        if let Some(party) =
            self.parties.iter_mut().find(|party| party.group == group && party.alias.as_ref() == alias)
        {
            party.add_alias(tag);
        }
    }
}
