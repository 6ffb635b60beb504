//! SRTP of a leg: the keys in use in both directions.

use mediapoint_srtp::{Inbound, InboundOptions, MasterKey, Outbound};

use crate::api::leg::SrtpKeys;

/// Keys in use.
pub(crate) struct Srtp {
    /// `None` until the party's key is known: nothing that it sends is accepted before.
    pub(crate) inbound: Option<Inbound>,
    pub(crate) outbound: Outbound,
}

impl Srtp {
    pub(crate) fn boxed(keys: &SrtpKeys) -> Box<Self> {
        Box::new(Self {
            inbound: keys.inbound.as_ref().map(|key| inbound(keys, key)),
            outbound: Outbound::new(&keys.outbound),
        })
    }

    /// Takes new keys. The same key again keeps roll-over counters and replay windows.
    pub(crate) fn rekey(&mut self, keys: &SrtpKeys) {
        match (&mut self.inbound, &keys.inbound) {
            (Some(inbound), Some(key)) => inbound.rekey_with_mki(key, keys.inbound_mki.clone()),
            (slot, Some(key)) => *slot = Some(inbound(keys, key)),
            // A re-INVITE that is not answered yet carries no key of the party: the old one stays in use.
            (_, None) => {}
        }
        self.outbound.rekey(&keys.outbound);
    }
}

fn inbound(keys: &SrtpKeys, key: &MasterKey) -> Inbound {
    Inbound::new(key, InboundOptions { mki: keys.inbound_mki.clone(), ..InboundOptions::default() })
}
