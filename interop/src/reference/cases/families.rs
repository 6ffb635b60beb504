//! Families of cases: tables of flags and of what the parties say, each combination a call, in a fixed order, with the
//! call's state asked for in between.

mod addresses;
mod codecs;
mod dialogue;
mod keys;
mod media;
mod opportunistic;
mod sections;
mod timing;

use super::phone::{Phone, callee, caller};
use super::{A, B, Case, Step, case, flags, none, transport};
use crate::ng::Fields;

pub(super) use addresses::{addresses, zero_addresses};
pub(super) use codecs::{answers as codec_answers, offers as codec_offers};
pub(super) use dialogue::{holds, multiplexed, profiles, reinvites};
pub(super) use keys::keys;
pub(super) use media::media;
pub(super) use opportunistic::opportunistic;
pub(super) use sections::kinds;
pub(super) use timing::packet_times;

/// A message of the caller's dialogue, sent by who called.
fn from_caller(command: &'static str, sdp: &str, flags: Fields) -> Step {
    Step { command, from: A, to: Some(B), sdp: Some(sdp.to_owned()), flags }
}

/// The first offer, which knows no to-tag.
fn invite(phone: &Phone, flags: Fields) -> Step {
    Step { to: None, ..from_caller("offer", &phone.text(), flags) }
}

/// A later offer of the caller.
fn again(phone: &Phone, flags: Fields) -> Step {
    from_caller("offer", &phone.text(), flags)
}

/// The callee's answer.
fn answered(phone: &Phone, flags: Fields) -> Step {
    from_caller("answer", &phone.text(), flags)
}

/// An offer of the callee.
fn called_back(phone: &Phone, flags: Fields) -> Step {
    Step { from: B, to: Some(A), ..again(phone, flags) }
}

/// The caller's answer to that.
fn answered_back(phone: &Phone, flags: Fields) -> Step {
    Step { from: B, to: Some(A), ..answered(phone, flags) }
}

/// What the server tells of the call.
fn query() -> Step {
    Step { command: "query", from: A, to: None, sdp: None, flags: none() }
}

/// An offer, its answer and the state then.
fn call(name: String, offered: &Phone, asked: Fields, taken: &Phone, answering: Fields) -> Case {
    case(name, vec![invite(offered, asked), answered(taken, answering), query()])
}
