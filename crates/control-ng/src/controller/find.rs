//! Which branch of a call a request is of.

use crate::dialog::{CallState, Dialog, Which};
use crate::request::Id;

/// The branch that an offer is of and the side that makes it; `None` where it begins a new one.
pub(super) fn for_offer(
    call: &CallState,
    from_tag: &Id,
    to_tag: Option<&Id>,
    via_branch: Option<&Id>,
) -> Option<(usize, Which)> {
    let side = |dialog: &Dialog| dialog.which(from_tag);
    let position = |wanted: &dyn Fn(&Dialog) -> bool| {
        let at = call.dialogs.iter().rposition(wanted)?;
        Some((at, call.dialogs.get(at).and_then(side)?))
    };
    if let Some(to_tag) = to_tag {
        let both = |dialog: &Dialog| side(dialog).is_some_and(|s| dialog.which(to_tag) == Some(s.other()));
        // A branch whose other side has no tag yet.
        let half = |dialog: &Dialog| side(dialog) == Some(Which::Caller) && dialog.callee.tags.is_empty();
        return position(&both).or_else(|| position(&half));
    }
    match via_branch {
        Some(branch) => position(&|dialog| {
            side(dialog).is_some() && dialog.via_branch.as_ref().is_none_or(|known| known == branch)
        }),
        None => position(&|dialog| side(dialog).is_some()),
    }
}

/// The branch whose last offer an answer is to.
pub(super) fn for_answer(
    call: &CallState,
    from_tag: &Id,
    to_tag: &Id,
    via_branch: Option<&Id>,
) -> Option<usize> {
    let offered = |dialog: &Dialog, tag: &Id| {
        dialog.offer.as_ref().is_some_and(|offer| dialog.which(tag) == Some(offer.from))
    };
    let position = |wanted: &dyn Fn(&Dialog) -> bool| call.dialogs.iter().rposition(wanted);
    let both = |dialog: &Dialog| offered(dialog, from_tag) && dialog.which(to_tag).is_some();
    let branch = |dialog: &Dialog| {
        via_branch.is_some() && offered(dialog, from_tag) && dialog.via_branch.as_ref() == via_branch
    };
    let open = |dialog: &Dialog| offered(dialog, from_tag) && dialog.callee.tags.is_empty();
    let any = |dialog: &Dialog| offered(dialog, from_tag);
    // Some controllers name the tags of a re-INVITE's answer as the first INVITE had them.
    let swapped = |dialog: &Dialog| offered(dialog, to_tag) && dialog.which(from_tag).is_some();
    position(&both)
        .or_else(|| position(&branch))
        .or_else(|| position(&swapped))
        .or_else(|| position(&open))
        .or_else(|| position(&any))
}

/// Whether a delete or query of these tags means the branch. What is not named matches every branch.
pub(super) fn is_meant(dialog: &Dialog, tags: [Option<&Id>; 2], via_branch: Option<&Id>) -> bool {
    let tagged = tags.into_iter().flatten().all(|tag| dialog.which(tag).is_some());
    // Two tags suffice: the branch of a BYE is another than that of its INVITE.
    let named = tags.iter().all(Option::is_some);
    let branched = match (via_branch, &dialog.via_branch) {
        (Some(branch), Some(known)) => named || branch == known,
        _ => true,
    };
    tagged && branched
}
