//! Addresses: what is trusted, what is told, and what family it is of.

use super::{
    Case, Phone, again, answered, answered_back, call, called_back, callee, caller, case, flags, invite,
    none, query,
};
use crate::ng::Fields;

pub(in super::super) fn addresses() -> Vec<Case> {
    let source = |address: &str| flags(&["SIP-source-address"]).with_list("received-from", &["IP4", address]);
    let asked: Vec<(&str, Fields)> = vec![
        ("media address", none().with("media-address", "203.0.113.9")),
        ("media address of the other family", none().with("media-address", "2001:db8::9")),
        ("IP4", none().with("address-family", "IP4")),
        ("IP6", none().with("address-family", "IP6")),
        ("source of the signalling", source("127.0.0.7")),
        ("source that is not used", none().with_list("received-from", &["IP4", "127.0.0.7"])),
        ("trusted", flags(&["trust-address"]).with_list("received-from", &["IP4", "127.0.0.7"])),
        ("internal to external", none().with_list("direction", &["internal", "external"])),
        ("external to internal", none().with_list("direction", &["external", "internal"])),
        ("internal to internal", none().with_list("direction", &["internal", "internal"])),
        ("unknown interfaces", none().with_list("direction", &["here", "there"])),
        ("origin and connection", none().with_list("replace", &["origin", "session-connection"])),
        ("full rtcp", flags(&["full-rtcp-attribute"])),
        ("no rtcp", flags(&["no-rtcp-attribute"])),
        (
            "full rtcp at a media address",
            flags(&["full-rtcp-attribute"]).with("media-address", "203.0.113.9"),
        ),
        ("no ICE", none().with("ICE", "remove")),
        ("default ICE", none().with("ICE", "default")),
        ("unknown ICE", none().with("ICE", "frobnicate")),
    ];
    let mut out = Vec::new();
    for (name, fields) in asked {
        let (a, b) = (caller(), callee());
        out.push(case(
            name,
            vec![
                invite(&a, fields.clone()),
                answered(&b, none()),
                query(),
                called_back(&b, none()),
                answered_back(&a.clone().matching(), none()),
            ],
        ));
        out.push(call(format!("{name}, in the answer"), &a, none(), &b, fields));
    }
    let six = |phone: Phone| phone.at("::1");
    out.push(call("IP6 offered".to_owned(), &six(caller()), none(), &six(callee()), none()));
    out.push(call(
        "IP6 offered, IP4 asked".to_owned(),
        &six(caller()),
        none().with("address-family", "IP4"),
        &callee(),
        none(),
    ));
    let rtcp = |port: u16| caller().with(format!("rtcp:{port}"));
    out.push(call("rtcp elsewhere".to_owned(), &rtcp(15_000), none(), &callee(), none()));
    out.push(call("rtcp at the next port".to_owned(), &rtcp(14_823), none(), &callee(), none()));
    out.push(call(
        "rtcp at another address".to_owned(),
        &caller().with("rtcp:15000 IN IP4 127.0.0.9"),
        none(),
        &callee(),
        none(),
    ));
    out
}

/// Zero addresses, kept or replaced, with a family asked for.
pub(in super::super) fn zero_addresses() -> Vec<Case> {
    let mut out = Vec::new();
    for (zero, first) in [("0.0.0.0", "127.0.0.2"), ("::", "::1")] {
        for (name, family) in [("", None), (", IP4 asked", Some("IP4")), (", IP6 asked", Some("IP6"))] {
            let fields = || family.map_or_else(none, |family| none().with("address-family", family));
            let (a, held) = (caller().at(first), caller().at(zero).going("sendonly"));
            let b = if first == "::1" { callee().at("::1") } else { callee() };
            out.push(case(
                format!("{zero}{name}"),
                vec![
                    invite(&a, fields()),
                    answered(&b, none()),
                    again(&held, fields()),
                    answered(&b.clone().going("recvonly"), none()),
                    query(),
                ],
            ));
            out.push(case(
                format!("{zero} from the start{name}"),
                vec![invite(&held, fields()), answered(&b.going("recvonly"), none()), query()],
            ));
        }
    }
    out
}
