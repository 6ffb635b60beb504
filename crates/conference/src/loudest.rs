//! Who has a place in the mix: those with priority, and of the others the loudest.
//!
//! A speaker keeps his place until his gate shuts, pauses between words among it. Only one who is louder by 6 dB takes it, and
//! not before a hangover has passed since it was given.

use crate::member::Member;

/// What a challenger has to be above a speaker, as a ratio of powers (6 dB).
const LOUDER: f32 = 4.0;

/// Gives places to those of `candidates`, slots of `members`, whose gates are open: `most` of them, priority apart.
pub(crate) fn choose(
    members: &mut [Option<Member>],
    candidates: &[u16],
    most: u16,
    hold_ms: u32,
    millis: u32,
) {
    let mut places = usize::from(most);
    let mut held = 0;
    for slot in candidates {
        let Some(member) = at(members, *slot) else { continue };
        let was = std::mem::replace(&mut member.mixed, false);
        if !(member.competes() && member.may_speak() && member.gate.open) {
            continue;
        }
        member.mixed_ms = if was { member.mixed_ms.saturating_add(millis) } else { 0 };
        member.mixed = was || member.priority;
        if member.priority {
            places = places.saturating_sub(1);
        } else if was {
            held += 1;
        }
    }
    while held > places {
        let Some(slot) = quietest(members, candidates, 0) else { break };
        displace(members, slot);
        held -= 1;
    }
    while let Some((slot, loudness)) = challenger(members, candidates) {
        if held < places {
            held += 1;
        } else {
            let Some(other) = quietest(members, candidates, hold_ms) else { break };
            let louder = at(members, other).is_some_and(|other| loudness > other.rank() * LOUDER);
            if places == 0 || !louder {
                break;
            }
            displace(members, other);
        }
        if let Some(member) = at(members, slot) {
            (member.mixed, member.mixed_ms) = (true, 0);
        }
    }
}

fn at(members: &mut [Option<Member>], slot: u16) -> Option<&mut Member> {
    members.get_mut(usize::from(slot))?.as_mut()
}

fn displace(members: &mut [Option<Member>], slot: u16) {
    if let Some(member) = at(members, slot) {
        member.mixed = false;
        member.statistics.displaced = member.statistics.displaced.saturating_add(1);
    }
}

/// The quietest without priority of those who have had a place for `hold_ms`; of equals the last who joined.
fn quietest(members: &[Option<Member>], candidates: &[u16], hold_ms: u32) -> Option<u16> {
    let present = candidates.iter().filter_map(|&slot| members.get(usize::from(slot))?.as_ref());
    let displaceable =
        present.filter(|member| member.mixed && !member.priority && member.mixed_ms >= hold_ms);
    let least = displaceable.min_by(|a, b| a.rank().total_cmp(&b.rank()).then(b.order.cmp(&a.order)));
    least.map(|member| member.id.slot)
}

/// The loudest who speaks and has no place; of equals the first who joined.
fn challenger(members: &[Option<Member>], candidates: &[u16]) -> Option<(u16, f32)> {
    let present = candidates.iter().filter_map(|&slot| members.get(usize::from(slot))?.as_ref());
    let waiting =
        present.filter(|member| !member.mixed && member.competes() && member.may_speak() && member.gate.open);
    let most = waiting.max_by(|a, b| a.rank().total_cmp(&b.rank()).then(b.order.cmp(&a.order)));
    most.map(|member| (member.id.slot, member.rank()))
}
