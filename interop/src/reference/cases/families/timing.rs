//! Packet times: what either side says, and what is asked for.

use super::{
    Case, again, answered, answered_back, call, called_back, callee, caller, case, invite, none, query,
};

pub(in super::super) fn packet_times() -> Vec<Case> {
    let said = |ptime: Option<u32>| ptime.map_or_else(|| "none".to_owned(), |ptime| ptime.to_string());
    let asked = [
        ("", none()),
        (", 40 asked", none().with_number("ptime", 40)),
        (", 40 asked back", none().with_number("ptime-reverse", 40)),
    ];
    let mut out = Vec::new();
    for (name, fields) in asked {
        for offered in [None, Some(20), Some(30)] {
            for taken in [None, Some(20), Some(60)] {
                let (a, b) = (caller().ptime(offered), callee().ptime(taken));
                let name = format!("{} and {}{name}", said(offered), said(taken));
                out.push(call(name, &a, fields.clone(), &b, none()));
            }
        }
    }
    let (a, b) = (caller(), callee());
    let timed = |ptime| caller().ptime(Some(ptime));
    out.extend([
        case(
            "forgotten by the caller",
            vec![invite(&timed(30), none()), answered(&b, none()), again(&a, none()), answered(&b, none())],
        ),
        case(
            "changed by the caller",
            vec![
                invite(&timed(30), none()),
                answered(&b, none()),
                again(&timed(20), none()),
                answered(&b, none()),
            ],
        ),
        case(
            "said by the callee in a re-INVITE",
            vec![
                invite(&timed(30), none()),
                answered(&b, none()),
                called_back(&b.clone().ptime(Some(60)), none()),
                answered_back(&a.clone().matching(), none()),
                query(),
            ],
        ),
        case(
            "converted",
            vec![
                invite(&timed(30), none().with_codec("transcode", &["G722"])),
                answered(&b.codecs(&["9 G722/8000"]), none()),
            ],
        ),
    ]);
    out
}
