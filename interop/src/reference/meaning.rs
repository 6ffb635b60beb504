//! What a reply means: one short text per aspect, equal whenever the difference is of no consequence.

use std::collections::{BTreeMap, BTreeSet};

use super::state;
use crate::ng::Reply;
use crate::sdp::{Crypto, Description, Section};

/// Aspect to meaning.
pub(super) type Meaning = BTreeMap<String, String>;

/// The aspect that every reply has.
pub(super) const RESULT: &str = "result";

/// Suites that only the reference offers; a list is compared without them.
const REFERENCE_ONLY_SUITES: [&str; 6] = [
    "AES_192_CM_HMAC_SHA1_80",
    "AES_192_CM_HMAC_SHA1_32",
    "F8_128_HMAC_SHA1_80",
    "F8_128_HMAC_SHA1_32",
    "NULL_HMAC_SHA1_80",
    "NULL_HMAC_SHA1_32",
];

/// Attributes with an aspect of their own; the others are compared as a set.
const NAMED: [&str; 22] = [
    "rtpmap",
    "fmtp",
    "rtcp",
    "rtcp-mux",
    "ptime",
    "crypto",
    "setup",
    "fingerprint",
    "tls-id",
    "ice-ufrag",
    "ice-pwd",
    "ice-options",
    "ice-lite",
    "candidate",
    "end-of-candidates",
    "remote-candidates",
    "mid",
    "rtcp-fb",
    "sendrecv",
    "sendonly",
    "recvonly",
    "inactive",
];

/// RFC 3551, table 4: types that need no `rtpmap`.
const STATIC: [(&str, &str); 8] = [
    ("0", "PCMU/8000"),
    ("3", "GSM/8000"),
    ("4", "G723/8000"),
    ("8", "PCMA/8000"),
    ("9", "G722/8000"),
    ("13", "CN/8000"),
    ("15", "G728/8000"),
    ("18", "G729/8000"),
];

const DIRECTIONS: [&str; 4] = ["sendrecv", "sendonly", "recvonly", "inactive"];

/// The address both servers use.
const LOCAL: &str = "127.0.0.1";

/// Tells what a reply to a message with this description means.
pub(super) fn describe(sent: &str, reply: &Reply) -> Meaning {
    let mut out = Meaning::new();
    let reason = reply.text("error-reason").map(|reason| format!(": {reason}")).unwrap_or_default();
    out.insert(RESULT.to_owned(), format!("{}{reason}", reply.result()));
    let Some(text) = reply.text("sdp") else {
        state::describe(&reply.to_value(), &mut out);
        return out;
    };
    if sent.is_empty() {
        // Beside a description that was asked for, the reply says what it is of.
        state::describe(&reply.to_value(), &mut out);
    }
    let sent = Description::parse(sent).unwrap_or_default();
    let Ok(got) = Description::parse(text) else {
        out.insert("sdp".to_owned(), "unreadable".to_owned());
        return out;
    };
    session(&got, &mut out);
    out.insert("sections".to_owned(), got.sections.len().to_string());
    for (index, section) in got.sections.iter().enumerate() {
        let original = sent.sections.get(index).map_or(0, |section| section.port);
        for (aspect, value) in media(section, &got, original) {
            out.insert(format!("m{index}.{aspect}"), value);
        }
    }
    out
}

fn session(got: &Description, out: &mut Meaning) {
    let line = |start: &str| got.session.iter().find_map(|line| line.strip_prefix(start)).map(local);
    let mut set = |aspect: &str, value: Option<String>| {
        out.insert(format!("session.{aspect}"), value.unwrap_or_else(|| "absent".to_owned()));
    };
    set("origin", line("o="));
    set("name", line("s="));
    let open = got.sections.iter().any(|section| section.port != 0);
    set("connection", if open { line("c=") } else { Some("leads nowhere".to_owned()) });
    // A direction here counts in each section; the reference's loop mark carries a random name.
    let elsewhere = ["v=", "o=", "s=", "c=", "a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive"];
    let others = got.session.iter().filter(|line| !elsewhere.iter().any(|start| line.starts_with(start)));
    let told = others
        .map(|line| if line.starts_with("a=rtpengine:") { "a=loop mark".to_owned() } else { local(line) });
    set("lines", Some(told.collect::<Vec<_>>().join(" | ")));
}

/// Replaces the servers' own address by a placeholder, so that a party's address left in place shows.
fn local(text: &str) -> String {
    text.split(' ').map(|word| if word == LOCAL { "LOCAL" } else { word }).collect::<Vec<_>>().join(" ")
}

fn media(section: &Section, whole: &Description, original: u16) -> Vec<(&'static str, String)> {
    let mut out = vec![
        ("kind", section.media.clone()),
        ("protocol", section.protocol.clone()),
        ("port", port(section.port, original)),
        ("codecs", codecs(section)),
    ];
    if section.port == 0 {
        return out;
    }
    let join = |values: Vec<&str>| values.join(" | ");
    out.extend([
        ("connection", connection(section, whole)),
        ("parameters", parameters(section)),
        ("direction", direction(section, whole)),
        ("rtcp", rtcp(section)),
        ("ptime", join(section.attributes("ptime").collect())),
        ("crypto", crypto(section)),
        ("crypto-order", suites(&section.crypto()).join(", ")),
        ("dtls", join(section.attributes("setup").collect())),
        ("ice", ice(section)),
        ("mid", join(section.attributes("mid").collect())),
        (
            "feedback",
            section
                .attributes("rtcp-fb")
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect::<Vec<_>>()
                .join(" | "),
        ),
        (
            "bandwidth",
            section.lines.iter().filter(|line| line.starts_with("b=")).cloned().collect::<Vec<_>>().join(" "),
        ),
        ("others", others(section)),
    ]);
    out
}

fn port(port: u16, original: u16) -> String {
    match port {
        0 => "refused".to_owned(),
        // A server's port may equal the party's by chance only where the ranges meet; the cases keep them apart.
        port if port == original => "the party's own".to_owned(),
        _ => "the server's".to_owned(),
    }
}

/// The section's own address or the session's: what counts is where media goes.
fn connection(section: &Section, whole: &Description) -> String {
    let own = section.lines.iter().chain(&whole.session).find_map(|line| line.strip_prefix("c="));
    own.map_or_else(|| "absent".to_owned(), local)
}

fn is_rtp(section: &Section) -> bool {
    section.protocol.contains("RTP/")
}

/// Payload types in order, each with its name. A static type has its name without being told.
fn codecs(section: &Section) -> String {
    let entries = section.formats.iter().map(|format| {
        let told = payload_attribute(section, "rtpmap", format);
        let statics = STATIC.iter().find(|(number, _)| number == format).map(|(_, name)| *name);
        let name = told.or(if is_rtp(section) { statics } else { None }).unwrap_or_default();
        // One channel is what a name without a number of channels means.
        format!("{format} {}", name.strip_suffix("/1").unwrap_or(name)).trim_end().to_owned()
    });
    entries.collect::<Vec<_>>().join(", ")
}

/// Format parameters by payload type, in no order.
fn parameters(section: &Section) -> String {
    let entries = section.formats.iter().filter_map(|format| {
        let name = payload_attribute(section, "rtpmap", format).unwrap_or_default();
        // RFC 4733 2.4.1: events 0 to 15 when nothing is said.
        let unsaid = name.starts_with("telephone-event").then_some("0-15");
        Some(format!("{format} {}", payload_attribute(section, "fmtp", format).or(unsaid)?))
    });
    entries.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ")
}

fn payload_attribute<'s>(section: &'s Section, name: &'s str, format: &str) -> Option<&'s str> {
    let mut values = section.attributes(name).filter_map(|value| value.split_once(' '));
    values.find(|(number, _)| *number == format).map(|(_, rest)| rest)
}

/// The section's own direction, else the session's.
fn direction(section: &Section, whole: &Description) -> String {
    let session = Section { lines: whole.session.clone(), ..Section::default() };
    let own = DIRECTIONS.iter().find(|name| section.has(name));
    match own.or_else(|| DIRECTIONS.iter().find(|name| session.has(name))) {
        _ if !is_rtp(section) => "not RTP",
        Some(direction) => direction,
        None => "sendrecv",
    }
    .to_owned()
}

fn rtcp(section: &Section) -> String {
    let mux = if section.has("rtcp-mux") { ", mux" } else { "" };
    let place = match section.attributes("rtcp").next() {
        None => "unsaid".to_owned(),
        Some(value) => {
            let (number, address) = value.split_once(' ').unwrap_or((value, ""));
            let distance = number.parse::<i32>().map_or(i32::MIN, |number| number - i32::from(section.port));
            let place = match distance {
                0 => "same port".to_owned(),
                1 => "next port".to_owned(),
                _ => format!("another port ({distance:+})"),
            };
            if address.is_empty() { place } else { format!("{place} at {}", local(address)) }
        }
    };
    place + mux
}

/// Suites in any order. One line alone is an answer, where the tag counts.
fn crypto(section: &Section) -> String {
    let lines = section.crypto();
    if let [only] = lines.as_slice() {
        return format!("{} {}", only.tag, only.suite);
    }
    suites(&lines).into_iter().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ")
}

/// Suites without those that only the reference knows, in the order of preference.
fn suites(lines: &[Crypto]) -> Vec<&str> {
    let all = lines.iter().map(|line| line.suite.as_str());
    all.filter(|suite| !REFERENCE_ONLY_SUITES.contains(suite)).collect()
}

fn ice(section: &Section) -> String {
    let candidates = section.attributes("candidate").count();
    match (section.has("ice-ufrag"), candidates) {
        (false, 0) => "none".to_owned(),
        (credentials, candidates) => format!("credentials {credentials}, {candidates} candidates"),
    }
}

fn others(section: &Section) -> String {
    let kept = section.lines.iter().filter(|line| !line.starts_with("b=") && !line.starts_with("c="));
    let kept = kept.filter(|line| {
        let name = line.strip_prefix("a=").and_then(|rest| rest.split(':').next());
        name.is_none_or(|name| !NAMED.contains(&name))
    });
    kept.map(String::as_str).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(text: &str) -> (Section, Description) {
        let whole = Description::parse(text).unwrap();
        (whole.sections[0].clone(), whole)
    }

    #[test]
    fn rtcp_port_is_told_relative_to_the_rtp_port() {
        assert_eq!(rtcp(&section("m=audio 40000 RTP/AVP 0\na=rtcp:40001").0), "next port");
        assert_eq!(
            rtcp(&section("m=audio 40000 RTP/AVP 0\na=rtcp:40000 IN IP4 127.0.0.1\na=rtcp-mux").0),
            "same port at IN IP4 LOCAL, mux"
        );
    }

    #[test]
    fn address_of_a_party_is_told_apart_from_the_servers() {
        let (one, whole) = section("c=IN IP4 127.0.0.1\nm=audio 1 RTP/AVP 0");
        assert_eq!(connection(&one, &whole), "IN IP4 LOCAL");
        let (one, whole) = section("c=IN IP4 127.0.0.1\nm=audio 1 RTP/AVP 0\nc=IN IP4 127.0.0.2");
        assert_eq!(connection(&one, &whole), "IN IP4 127.0.0.2");
    }

    #[test]
    fn what_goes_without_saying_is_the_same_said_or_not() {
        let said = "m=audio 1 RTP/AVP 0 101\na=rtpmap:0 PCMU/8000/1\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15";
        let unsaid = "m=audio 1 RTP/AVP 0 101\na=rtpmap:101 telephone-event/8000";
        assert_eq!(codecs(&section(said).0), codecs(&section(unsaid).0));
        assert_eq!(parameters(&section(said).0), parameters(&section(unsaid).0));
    }

    #[test]
    fn direction_of_the_session_holds_where_a_section_has_none() {
        let (one, whole) = section("a=sendonly\nm=audio 1 RTP/AVP 0");
        assert_eq!(direction(&one, &whole), "sendonly");
    }

    #[test]
    fn order_counts_for_codecs_and_not_for_other_attributes() {
        let one = section("m=audio 1 RTP/AVP 0 8\na=x\na=y").0;
        let other = section("m=audio 1 RTP/AVP 8 0\na=y\na=x").0;
        assert_eq!(others(&one), others(&other));
        assert_ne!(codecs(&one), codecs(&other));
    }
}
