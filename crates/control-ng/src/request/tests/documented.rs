//! The tables of `docs/control-ng.md` against the parser: what they call done or different is known.

use super::*;

/// Keys whose words have a table of their own, and those that carry words.
const WITH_WORDS: [&str; 8] =
    ["codec", "extmap", "flags", "osrtp", "replace", "rtcp-mux", "rtpp-flags", "sdes"];

/// The rows under a heading: names and state.
fn rows(heading: &str) -> Vec<(Vec<String>, String)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/control-ng.md");
    let page = std::fs::read_to_string(path).unwrap();
    let heading = format!("### {heading}\n");
    let (_, part) = page.split_once(&heading).unwrap_or_else(|| panic!("no {heading}"));
    let part = part.split("\n#").next().unwrap();
    let row = |line: &str| {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        let names = cells.next()?.split(", ").map(|name| name.trim_matches('`').to_owned()).collect();
        Some((names, cells.next()?.to_owned()))
    };
    part.lines().filter(|line| line.starts_with("| `")).filter_map(row).collect()
}

/// The names that are done or differ.
fn known(heading: &str) -> Vec<String> {
    let rows = rows(heading);
    assert!(!rows.is_empty(), "{heading}");
    for (names, state) in &rows {
        assert!(matches!(state.as_str(), "done" | "differs" | "not yet"), "{names:?} {state}");
    }
    rows.into_iter().filter(|(_, state)| state != "not yet").flat_map(|(names, _)| names).collect()
}

/// What the parser does not know of an offer with one key more.
fn unknown(key: &str, value: Value) -> Vec<String> {
    let mut dict = Dict::from([
        (b"command".to_vec(), "offer".into()),
        (b"call-id".to_vec(), "c".into()),
        (b"from-tag".to_vec(), "a".into()),
        (b"sdp".to_vec(), "v=0".into()),
    ]);
    dict.insert(key.as_bytes().to_vec(), value);
    let source = SocketAddr::from(([127, 0, 0, 1], 1));
    Request::parse(&dict, source).unwrap_or_else(|error| panic!("{key}: {error}")).options.unknown
}

#[test]
fn commands_are_carried_out_or_refused_as_the_document_says() {
    let known = known("Commands");
    for name in rows("Commands").into_iter().flat_map(|(names, _)| names) {
        let command = Command::parse(&name).unwrap();
        let is_refused = matches!(command, Command::Unsupported(_));
        assert_eq!(is_refused, !known.contains(&name), "{name}");
    }
}

#[test]
fn keys_of_conferences_are_those_that_the_document_has() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/control-ng.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (_, part) = page.split_once("\n| key or flag | meaning |\n").unwrap();
    let rows = part.lines().take_while(|line| line.starts_with('|')).filter(|line| line.starts_with("| `"));
    let names = rows.flat_map(|row| row.trim_matches('|').split('|').next().unwrap().split(", "));
    let names: Vec<String> = names.map(|name| name.trim().trim_matches('`').to_owned()).collect();
    assert_eq!(names.len(), 19, "{names:?}");
    for name in names {
        let value = match name.as_str() {
            "rate" => "8000",
            "conference-log-dest" => "127.0.0.1:1",
            _ => "1",
        };
        for flags in [false, true] {
            let mut dict = Dict::from([
                (b"command".to_vec(), "conference join".into()),
                (b"call-id".to_vec(), "c".into()),
                (b"room".to_vec(), "r".into()),
            ]);
            match flags {
                true => dict.insert(b"flags".to_vec(), Value::List(vec![format!("{name}={value}").into()])),
                false => dict.insert(name.clone().into_bytes(), value.into()),
            };
            let request = Request::parse(&dict, SocketAddr::from(([127, 0, 0, 1], 1))).unwrap();
            assert_eq!(request.options.unknown, [""; 0], "{name}");
            let plain = ConferenceOptions { room: Some("r".into()), ..ConferenceOptions::default() };
            assert_ne!(request.conference, plain, "{name}");
        }
    }
}

#[test]
fn keys_and_flags_that_the_document_calls_done_are_known() {
    for name in known("Keys") {
        // Those that are refused where they are not understood.
        let value = match name.as_str() {
            "DTMF-security" | "DTMF-security-trigger" | "DTMF-security-trigger-end" => "drop",
            "DTMF-log-dest" | "analysis-log-dest" => "127.0.0.1:1",
            "tone-country" => "GB",
            _ => "1",
        };
        if !WITH_WORDS.contains(&name.to_ascii_lowercase().as_str()) {
            assert_eq!(unknown(&name, value.into()), [""; 0], "{name}");
            assert_eq!(unknown(&name.replace('-', " "), value.into()), [""; 0], "{name} with blanks");
        }
    }
    for name in known("Flags") {
        assert_eq!(unknown("flags", Value::List(vec![name.as_str().into()])), [""; 0], "{name}");
    }
    for family in ["replace", "rtcp-mux", "SDES"] {
        for name in known(&format!("In `{family}`")) {
            assert_eq!(unknown(family, Value::List(vec![name.as_str().into()])), [""; 0], "{family} {name}");
            let word = format!("{family}-{name}");
            assert_eq!(unknown("flags", Value::List(vec![word.as_str().into()])), [""; 0], "{word}");
        }
    }
    for name in known("In `codec`") {
        let codecs = Value::List(vec!["PCMU".into()]);
        assert_eq!(
            unknown("codec", Dict::from([(name.as_bytes().to_vec(), codecs)]).into()),
            [""; 0],
            "{name}"
        );
    }
}
