//! Which dialog or parties of a call a request is about.

use crate::NgError;
use crate::call::party::{Party, PartyId};
use crate::call::{CallState, Group};
use crate::dialog::{Dialog, Which};
use crate::media::remote::RemoteDescription;
use crate::request::{Id, Request};

/// The dialog that an offer is of and the side that makes it; `None` where it begins a new one.
pub(super) fn for_offer(
    call: &CallState,
    group: Group,
    from_tag: &Id,
    to_tag: Option<&Id>,
    via_branch: Option<&Id>,
) -> Option<(usize, Which)> {
    let side = |dialog: &Dialog| call.which(dialog, (group, from_tag));
    let position = |wanted: &dyn Fn(&Dialog) -> bool| {
        let at = call.dialogs.iter().rposition(wanted)?;
        Some((at, call.dialogs.get(at).and_then(side)?))
    };
    if let Some(to_tag) = to_tag {
        let both = |dialog: &Dialog| {
            side(dialog).is_some_and(|s| call.which(dialog, (group, to_tag)) == Some(s.other()))
        };
        // A dialog whose other side has no tag yet.
        let half = |dialog: &Dialog| side(dialog) == Some(Which::Caller) && call.is_half(dialog);
        return position(&both).or_else(|| position(&half));
    }
    match via_branch {
        Some(branch) => position(&|dialog| {
            side(dialog).is_some() && dialog.via_branch.as_ref().is_none_or(|known| known == branch)
        }),
        None => position(&|dialog| side(dialog).is_some()),
    }
}

/// The parties that a new dialog relates, where they are there already and their ports are to be kept: those of both
/// tags, or the one of the from-tag where no dialog holds it.
pub(super) fn for_new_dialog(
    call: &CallState,
    group: Group,
    from_tag: &Id,
    to_tag: Option<&Id>,
) -> (Option<PartyId>, Option<PartyId>) {
    let known = |tag: &Id| {
        let party = call.tagged(group, tag)?;
        (!call.is_subscriber(party.id)).then_some(party.id)
    };
    let from = known(from_tag);
    let to = to_tag.and_then(known).filter(|to| Some(*to) != from);
    match (from, to) {
        (Some(_), Some(_)) => (from, to),
        (from, to) => {
            let is_free = |id: &PartyId| !call.is_in_dialog(*id);
            (from.filter(is_free), to.filter(is_free))
        }
    }
}

/// The dialog whose last offer an answer is to.
pub(super) fn for_answer(
    call: &CallState,
    group: Group,
    from_tag: &Id,
    to_tag: &Id,
    via_branch: Option<&Id>,
) -> Option<usize> {
    let offered = |dialog: &Dialog, tag: &Id| {
        dialog.offer.as_ref().is_some_and(|offer| call.which(dialog, (group, tag)) == Some(offer.from))
    };
    let position = |wanted: &dyn Fn(&Dialog) -> bool| call.dialogs.iter().rposition(wanted);
    let both = |dialog: &Dialog| offered(dialog, from_tag) && call.which(dialog, (group, to_tag)).is_some();
    let branch = |dialog: &Dialog| {
        via_branch.is_some() && offered(dialog, from_tag) && dialog.via_branch.as_ref() == via_branch
    };
    let open = |dialog: &Dialog| offered(dialog, from_tag) && call.is_half(dialog);
    let any = |dialog: &Dialog| offered(dialog, from_tag);
    // Some controllers name the tags of a re-INVITE's answer as the first INVITE had them.
    let swapped =
        |dialog: &Dialog| offered(dialog, to_tag) && call.which(dialog, (group, from_tag)).is_some();
    position(&both)
        .or_else(|| position(&branch))
        .or_else(|| position(&swapped))
        .or_else(|| position(&open))
        .or_else(|| position(&any))
}

/// Whether a delete or query of these tags in a call of this group means the dialog. What is not named matches every dialog.
pub(super) fn is_meant(
    call: &CallState,
    dialog: &Dialog,
    (group, tags): (Group, [Option<&Id>; 2]),
    via_branch: Option<&Id>,
) -> bool {
    let tagged = tags.into_iter().flatten().all(|tag| call.which(dialog, (group, tag)).is_some());
    // Two tags suffice: the branch of a BYE is another than that of its INVITE.
    let named = tags.iter().all(Option::is_some);
    let branched = match (via_branch, &dialog.via_branch) {
        (Some(branch), Some(known)) => named || branch == known,
        _ => true,
    };
    call.is_of(dialog.caller, group) && tagged && branched
}

/// Whether a delete or query of these tags means a publisher or subscriber by itself: without tags all, else the one
/// that has one of them. Of two tags the second counts, as everywhere.
pub(super) fn is_meant_alone(
    call: &CallState,
    party: &Party,
    (group, tags): (Group, [Option<&Id>; 2]),
) -> bool {
    let [from, to] = tags;
    let alone = party.published || call.is_subscriber(party.id);
    party.group == group && alone && to.or(from).is_none_or(|tag| party.has_tag(tag))
}

/// The parties that a request selects as sources, by the first of: all that offer and answer made, a label, an address,
/// the from-tag, a list of tags.
pub(super) fn sources(call: &CallState, request: &Request) -> Result<Vec<PartyId>, NgError> {
    let selection = &request.selection;
    let group = call.group_of(request.call_id.as_ref());
    let ids = |parties: Vec<&Party>| parties.into_iter().map(|party| party.id).collect::<Vec<_>>();
    let one = |party: Option<&Party>, key| Ok(vec![party.ok_or(NgError::NoParty { key })?.id]);
    if selection.all {
        return Ok(ids(call.of_group(group).filter(|party| call.is_in_dialog(party.id)).collect()));
    }
    if let Some(label) = &request.label {
        return one(call.of_group(group).filter(|party| party.label.as_ref() == Some(label)).last(), "label");
    }
    if let Some(address) = selection.address {
        let is_at = |remote: &RemoteDescription| remote.host == Some(address);
        let has = |party: &&Party| party.streams.iter().any(|s| s.remote.as_ref().is_some_and(is_at));
        return one(call.of_group(group).find(has), "address");
    }
    if let Some(tag) = &request.from_tag {
        return one(call.tagged(group, tag), "from-tag");
    }
    let named: Vec<&Party> = selection.from_tags.iter().filter_map(|tag| call.tagged(group, tag)).collect();
    if named.is_empty() { Err(NgError::NoParty { key: "from-tags" }) } else { Ok(ids(named)) }
}
