//! Opportunistic SRTP: keys offered and answered under the name of plain RTP, with every word about it.

use super::{
    Case, Fields, again, answered, answered_back, called_back, callee, caller, case, invite, none, query,
    transport,
};

const LONG: &str = "AES_CM_128_HMAC_SHA1_80";

/// Words towards a receiver that may not be offered DTLS, which is not what is compared here.
fn words(list: &[&str]) -> Fields {
    let fields = none().with("DTLS", "off");
    if list.is_empty() { fields } else { fields.with_list("OSRTP", list) }
}

pub(in super::super) fn opportunistic() -> Vec<Case> {
    let keyed = || caller().keyed(&[(1, LONG)]);
    let taken = || callee().keyed(&[(0, LONG)]);
    let mut out = Vec::new();
    for (offered, a) in [("plain", caller()), ("keyed", keyed())] {
        for (answer, b) in [("plain", callee()), ("keyed", taken())] {
            // Keys that were not offered are no answer.
            for (said, list) in [("nothing", &[][..]), ("offer", &["offer"]), ("both", &["offer", "accept"])]
            {
                let name = format!("{offered} offered, {said} said, {answer} answered");
                let back = if list.contains(&"accept") { words(&["accept"]) } else { none() };
                let mut steps = vec![invite(&a, words(list)), answered(&b, back.clone()), query()];
                // The same again.
                steps.extend([again(&a, words(list)), answered(&b, back), query()]);
                out.push(case(name, steps));
            }
        }
        for profile in ["RTP/AVP", "RTP/AVPF"] {
            let flags = || transport(profile).with("DTLS", "off");
            let steps = vec![invite(&a, flags()), answered(&callee().over(profile), none()), query()];
            out.push(case(format!("{offered} offered, {profile} said"), steps));
            let steps = vec![
                invite(&a, flags().with_list("OSRTP", &["offer"])),
                answered(&callee().over(profile).keyed(&[(0, LONG)]), none()),
                query(),
            ];
            out.push(case(format!("{offered} offered, {profile} and offer said"), steps));
        }
    }
    out.extend([
        case(
            "keyed offered, RTP/SAVP said",
            vec![
                invite(&keyed(), transport("RTP/SAVP").with("DTLS", "off")),
                answered(&callee().over("RTP/SAVP"), none()),
                query(),
            ],
        ),
        case(
            "from the callee, taken by both",
            vec![
                invite(&keyed(), words(&[])),
                answered(&taken(), none()),
                called_back(&taken().turned(), words(&[])),
                answered_back(&caller().matching().keyed(&[(0, LONG)]), none()),
                query(),
            ],
        ),
        case(
            "given up by the callee",
            vec![
                invite(&keyed(), words(&[])),
                answered(&taken(), none()),
                called_back(&callee(), words(&[])),
                answered_back(&caller().matching(), none()),
                query(),
            ],
        ),
        case(
            "refused and offered again",
            vec![
                invite(&keyed(), words(&[])),
                answered(&callee(), none()),
                again(&keyed(), words(&[])),
                answered(&taken(), none()),
                query(),
            ],
        ),
    ]);
    out
}
