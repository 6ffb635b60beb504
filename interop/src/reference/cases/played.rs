//! Media that is played to parties: what is answered to `play media` and `stop media`.

use super::super::{Case, Step};
use super::{A, B, answer, case, flags, none, offer, sdp};
use crate::ng::Fields;

/// Octets of a WAV file of 8 bits with 800 samples at 8 kHz, 100 ms. All of them are ASCII, and so is the text.
fn file() -> String {
    let head =
        "RIFF\x44\x03\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data\x20\x03\0\0";
    head.to_owned() + &"\x7f".repeat(800)
}

fn blob() -> Fields {
    none().with("blob", &file())
}

pub(super) fn played() -> Vec<Case> {
    let plain = sdp!("plain-answer");
    let begun = [offer(sdp!("asterisk-offer"), none()), answer(plain, none())];
    let with = |steps: Vec<Step>| begun.iter().cloned().chain(steps).collect::<Vec<Step>>();
    let command = |command, from, flags| Step { command, from, to: None, sdp: None, flags };
    let play = |fields| command("play media", A, fields);
    let stop = |fields| command("stop media", A, fields);
    let all = || flags(&["all"]);
    vec![
        case("to the caller", with(vec![play(blob()), stop(none())])),
        case("to the callee", with(vec![command("play media", B, blob()), command("stop media", B, none())])),
        case("to both", with(vec![play(blob().with_list("flags", &["all"])), stop(all())])),
        case("by address", with(vec![play(blob().with("address", "127.0.0.2"))])),
        case(
            "again and again",
            with(vec![
                play(blob().with_number("repeat-times", 3)),
                play(blob().with_number("repeat-duration", 1000)),
                play(blob().with_number("start-pos", 80)),
                play(blob().with_list("flags", &["block-egress"])),
            ]),
        ),
        case("nothing to be stopped", with(vec![stop(none())])),
        case("nothing to be played", with(vec![play(none())])),
        case("no such file", with(vec![play(none().with("file", "/no/such/file.wav"))])),
        case("no audio", with(vec![play(none().with("blob", "no audio"))])),
        case("no database", with(vec![play(none().with_number("db-id", 7))])),
        case("no such party", with(vec![command("play media", "tag-x", blob())])),
        case("no such call", vec![play(blob())]),
        case("before the answer", vec![offer(sdp!("asterisk-offer"), none()), play(blob())]),
    ]
}
