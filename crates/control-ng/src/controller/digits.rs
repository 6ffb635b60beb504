//! `play DTMF`: digits that a party is taken to press. Those who receive it are sent them.

use mediapoint_engine::LegId;
use mediapoint_packet::Time;

use super::gate::{at_address, labelled, own, tagged};
use super::{Controller, lock};
use crate::call::CallState;
use crate::call::outcomes::Outcomes;
use crate::call::party::PartyId;
use crate::{NgError, Reply, Request};

impl Controller {
    pub(super) fn play_digits(&self, now: Time, request: &Request) -> Result<(Reply, Outcomes), NgError> {
        let digits = request.digits.read()?;
        let state = self.find_call(request)?;
        let mut call = lock(&state);
        let legs = receivers(&call, &select(&call, request)?);
        if legs.is_empty() {
            return Err(NgError::NoReceiver);
        }
        let mut outcomes = Outcomes::default();
        for leg in legs {
            outcomes.push(call.call.send_digits(leg, &digits)?);
        }
        call.last_signal = now;
        Ok((Reply::ok(), outcomes))
    }
}

/// Who presses the keys.
fn select(call: &CallState, request: &Request) -> Result<Vec<PartyId>, NgError> {
    let own = own(call, request);
    if request.selection.all {
        Ok(call.of_group(own.1).map(|party| party.id).collect())
    } else if let Some(label) = &request.label {
        labelled(own, label, "label")
    } else if let Some(address) = request.selection.address {
        at_address(own, address)
    } else {
        tagged(own, request.from_tag.as_ref().ok_or(NgError::MissingKey { key: "from-tag" })?, "from-tag")
    }
}

/// The legs of audio at work that receive one of these parties.
fn receivers(call: &CallState, from: &[PartyId]) -> Vec<LegId> {
    let receives = call.streams().filter(|(_, stream)| {
        stream.takes()
            && stream.can_mix()
            && stream.sources.iter().any(|link| from.contains(&link.from.party))
    });
    receives.filter_map(|(_, stream)| stream.applied.as_ref().map(|applied| applied.leg)).collect()
}
