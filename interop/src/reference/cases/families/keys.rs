//! SDES: every word about keys, towards each side.

use super::{
    Case, Phone, again, answered, answered_back, call, called_back, callee, caller, case, invite, none,
    query, transport,
};
use crate::ng::Fields;

const LONG: &str = "AES_CM_128_HMAC_SHA1_80";
const SHORT: &str = "AES_CM_128_HMAC_SHA1_32";
const GCM: &str = "AEAD_AES_128_GCM";

/// SRTP by SDES towards the receiver.
fn srtp() -> Fields {
    transport("RTP/SAVP").with("DTLS", "off")
}

fn plain() -> Fields {
    transport("RTP/AVP")
}

/// SRTP left as it is.
fn kept() -> Fields {
    none().with("DTLS", "off")
}

pub(in super::super) fn keys() -> Vec<Case> {
    let words: [(&str, &[&str]); 8] = [
        ("nothing said", &[]),
        ("pad", &["pad"]),
        ("lifetime", &["lifetime"]),
        ("no GCM", &["no-AEAD_AES_128_GCM", "no-AEAD_AES_256_GCM"]),
        ("no long tag", &["no-AES_CM_128_HMAC_SHA1_80"]),
        ("no short tag", &["no-AES_CM_128_HMAC_SHA1_32"]),
        ("static", &["static"]),
        ("encrypted", &["encrypted_srtp", "encrypted_srtcp", "authenticated_srtp"]),
    ];
    let said = |fields: Fields, words: &[&str]| {
        if words.is_empty() { fields } else { fields.with_list("SDES", words) }
    };
    let secure = |phone: Phone, suites: &[(u32, &str)]| phone.over("RTP/SAVP").keyed(suites);
    let two = [(1, LONG), (2, SHORT)];
    let mut out = Vec::new();
    for (name, words) in words {
        let taken = if name == "no long tag" { SHORT } else { LONG };
        let b = secure(callee(), &[(0, taken)]);
        out.push(call(format!("{name}, plain to srtp"), &caller(), said(srtp(), words), &b, none()));
        let a = secure(caller(), &two);
        out.push(call(format!("{name}, srtp to plain"), &a, said(plain(), words), &callee(), none()));
        out.push(call(format!("{name}, srtp on both sides"), &a, said(kept(), words), &b, none()));
    }
    out.extend(orders());
    out.extend(again_with_keys());
    out
}

/// Which suite each side gets, by the order of tags and of lines.
fn orders() -> Vec<Case> {
    let secure = |phone: Phone, suites: &[(u32, &str)]| phone.over("RTP/SAVP").keyed(suites);
    let lists: [(&str, &[(u32, &str)]); 5] = [
        ("long first", &[(1, LONG), (2, SHORT)]),
        ("short first", &[(1, SHORT), (2, LONG)]),
        ("tags not from one", &[(7, SHORT), (3, LONG)]),
        ("GCM last", &[(1, LONG), (2, GCM)]),
        ("one alone", &[(4, GCM)]),
    ];
    let mut out = Vec::new();
    for (name, list) in lists {
        let a = secure(caller(), list);
        out.push(call(format!("{name}, to plain"), &a, plain(), &callee(), none()));
        for line in list {
            let b = secure(callee(), &[(0, line.1)]);
            out.push(call(format!("{name}, tag {} taken", line.0), &a, kept(), &b, none()));
        }
    }
    out
}

/// Re-INVITEs with the same key, with another one, and from the other side.
fn again_with_keys() -> Vec<Case> {
    let secure = |phone: Phone, suites: &[(u32, &str)]| phone.over("RTP/SAVP").keyed(suites);
    let (a, b) = (secure(caller(), &[(1, LONG), (2, SHORT)]), secure(callee(), &[(0, LONG)]));
    let other = secure(caller(), &[(1, SHORT)]);
    let short = secure(callee(), &[(0, SHORT)]);
    let then = |name: &str, first: Vec<_>, more: Vec<_>| {
        case(name, first.into_iter().chain(more).chain([query()]).collect())
    };
    let both = || vec![invite(&a, kept()), answered(&b, none())];
    let bridged = || vec![invite(&a, plain()), answered(&callee(), none())];
    let started = || vec![invite(&caller(), srtp()), answered(&b, none())];
    vec![
        then("the same again on both sides", both(), vec![again(&a, kept()), answered(&b, none())]),
        then("another suite on both sides", both(), vec![again(&other, kept()), answered(&short, none())]),
        then(
            "from the callee on both sides",
            both(),
            vec![
                called_back(&b.turned(), kept()),
                answered_back(&secure(caller().matching(), &[(0, LONG)]), none()),
            ],
        ),
        then("the same again, bridged", bridged(), vec![again(&a, plain()), answered(&callee(), none())]),
        then("another suite, bridged", bridged(), vec![again(&other, plain()), answered(&callee(), none())]),
        then(
            "from the plain side, bridged",
            bridged(),
            vec![
                called_back(&callee(), kept()),
                answered_back(&secure(caller().matching(), &[(0, LONG)]), none()),
            ],
        ),
        then(
            "from the srtp side, started here",
            started(),
            vec![called_back(&b.turned(), kept()), answered_back(&caller().matching(), none())],
        ),
    ]
}
