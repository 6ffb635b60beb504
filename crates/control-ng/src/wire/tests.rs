use proptest::prelude::*;

use super::*;
use crate::NgError;

fn get<'a>(dict: &'a Dict, key: &str) -> Option<&'a Value> {
    dict.get(key.as_bytes())
}

#[test]
fn keys_in_any_order_and_bytes_that_are_not_utf8_are_read() {
    let dict = decode(b"d3:sdp3:v=07:command5:offer2:\xff\xfe2:\x80\x81e").unwrap();
    assert_eq!(get(&dict, "command"), Some(&"offer".into()));
    assert_eq!(get(&dict, "sdp"), Some(&"v=0".into()));
    assert_eq!(dict.get(b"\xff\xfe".as_slice()), Some(&Value::from(&b"\x80\x81"[..])));
}

#[test]
fn both_formats_decode_to_the_same_tree() {
    let bencode = decode(b"d4:listl1:ai-3ed1:k1:vee1:ni42e5:emptyldeee").unwrap();
    let json = decode(br#"{"list":["a",-3,{"k":"v"}],"n":42,"empty":[{}]}"#).unwrap();
    assert_eq!(get(&json, "n"), Some(&Value::Int(42)));
    assert_eq!(bencode, json);
    assert_eq!(get(&json, "empty"), Some(&Value::List(vec![Value::Dict(Dict::new())])));
    let json = decode(br#"{"a":true,"b":null,"c":1.5,"d":18446744073709551615}"#).unwrap();
    assert_eq!(get(&json, "a"), Some(&"yes".into()));
    assert_eq!(get(&json, "b"), Some(&"".into()));
    assert_eq!(get(&json, "c"), Some(&"1.5".into()));
    assert_eq!(get(&json, "d"), Some(&Value::Int(i64::MAX)));
}

#[test]
fn replies_are_written_in_the_format_of_the_request() {
    let dict = Dict::from([(b"result".to_vec(), "ok".into()), (b"n".to_vec(), Value::Int(-1))]);
    assert_eq!(encode(b"1_2", Format::Bencode, &dict).as_slice(), b"1_2 d1:ni-1e6:result2:oke");
    assert_eq!(encode(b"1_2", Format::Json, &dict).as_slice(), br#"1_2 {"n":-1,"result":"ok"}"#);
}

#[test]
fn a_message_is_split_at_its_first_blank() {
    let envelope = Envelope::split(b"a_1  d7:command4:pinge\r\n").unwrap();
    assert_eq!((envelope.cookie, envelope.payload), (&b"a_1"[..], &b"d7:command4:pinge"[..]));
    assert_eq!(envelope.format(), Format::Bencode);
    assert_eq!(Envelope::split(b"a_1 {}").unwrap().format(), Format::Json);
    assert_eq!(Envelope::split(b"a_1 hello").unwrap().format(), Format::Bencode);
    for bad in [&b""[..], b"cookie", b" d7:command4:pinge", b"a\nb de", &[b'x'; 300]] {
        assert_eq!(Envelope::split(bad), None, "{}", bad.escape_ascii());
    }
}

#[test]
fn bytes_that_are_no_printable_token_are_no_cookie() {
    for known in ["5323_17", "1_5323_4294967295", "0.730172917", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"] {
        let message = format!("{known} d7:command4:pinge");
        assert_eq!(Envelope::split(message.as_bytes()).map(|e| e.cookie), Some(known.as_bytes()));
    }
    // An RTP header, bytes above ASCII, a tab, and one character more than the limit.
    let rtp = b"\x80\x00\x12\x34\x00\x00\x00\xa0ABCD d7:command4:liste";
    let long = [&[b'x'; MAX_COOKIE + 1][..], b" d7:command4:liste"].concat();
    for bad in [&rtp[..], b"caf\xc3\xa9 d7:command4:liste", b"a\tb d7:command4:liste", &long] {
        assert_eq!(Envelope::split(bad), None, "{}", bad.escape_ascii());
    }
    assert!(Envelope::split(&long[1..]).is_some());
}

#[test]
fn broken_messages_are_refused_with_the_place() {
    let broken = |format, at| Err(NgError::Broken { format, at });
    let bencode = |at| broken(Format::Bencode, at);
    let cases: [(&[u8], Result<Dict, NgError>); 13] = [
        (b"", Err(NgError::NoDictionary { first: 0 })),
        (b"hello", Err(NgError::NoDictionary { first: b'h' })),
        (b"d", bencode(1)),
        (b"d7:command4:ping", bencode(16)),
        (b"d7:command4:pingex", bencode(17)),
        (b"d7:command9:pinge", bencode(17)),
        (b"dx", bencode(1)),
        (b"d1:k1x", bencode(5)),
        (b"d1:kixe", bencode(5)),
        (b"{\"a\":1", broken(Format::Json, 6)),
        (b"{\"a\":1}}", broken(Format::Json, 7)),
        (b"{\"a\":}", broken(Format::Json, 5)),
        (b"{\"a\"\n:}", broken(Format::Json, 6)),
    ];
    for (payload, result) in cases {
        assert_eq!(decode(payload), result, "{}", payload.escape_ascii());
    }
    for odd in
        [&b"di1e1:ae"[..], b"d1:ae", b"d1:kie1:ae", b"d1:ki--1ee", b"d1:ki99999999999999999999ee", b"{\"a\"}"]
    {
        assert!(decode(odd).is_err(), "{}", odd.escape_ascii());
    }
}

#[test]
fn depth_is_bounded_without_a_stack() {
    for open in ["l", "d1:a"] {
        let deep = format!("d1:a{}", open.repeat(200_000 / open.len()));
        assert_eq!(decode(deep.as_bytes()), Err(NgError::TooDeep { limit: MAX_DEPTH }));
    }
    for open in ["[", "{\"a\":"] {
        let deep = format!("{{\"a\":{}", open.repeat(200_000 / open.len()));
        assert_eq!(decode(deep.as_bytes()), Err(NgError::TooDeep { limit: MAX_DEPTH }));
    }
    let ok = format!("d1:a{}{}e", "l".repeat(MAX_DEPTH - 1), "e".repeat(MAX_DEPTH - 1));
    assert!(decode(ok.as_bytes()).is_ok());
}

#[test]
fn a_message_of_a_megabyte_is_refused_as_soon_as_its_length_is_known() {
    let announced = b"d3:sdp1000000:v=0";
    let error = NgError::TooLarge { size: 14 + 1_000_000, limit: MAX_MESSAGE };
    assert_eq!(decode(announced), Err(error.clone()));
    let whole = format!("d3:sdp1000000:{}e", "x".repeat(1_000_000));
    assert!(matches!(decode(whole.as_bytes()), Err(NgError::TooLarge { .. })));
    let json = format!("{{\"sdp\":\"{}\"}}", "x".repeat(1_000_000));
    assert!(matches!(decode(json.as_bytes()), Err(NgError::TooLarge { .. })));
    assert!(matches!(decode(b"d3:sdp99999999999999999999999:"), Err(NgError::TooLarge { .. })));
}

#[test]
fn a_scan_fed_byte_by_byte_ends_where_one_fed_whole_does() {
    let messages: [(Format, &[u8]); 3] = [
        (Format::Bencode, b"d7:command4:ping4:listl1:aed1:ki-1eeeREST"),
        (Format::Json, br#"{"a":"}\"\\","b":[{"c":1}]}REST"#),
        (Format::Json, br"{}REST"),
    ];
    for (format, bytes) in messages {
        let whole = Scanner::new(format).advance(bytes).unwrap();
        assert_eq!(whole, Some(bytes.len() - 4));
        let mut scanner = Scanner::new(format);
        let end = (1..=bytes.len()).find_map(|n| scanner.advance(&bytes[..n]).unwrap());
        assert_eq!(end, whole);
    }
}

#[test]
fn debug_output_holds_no_strings() {
    let shown = format!("{:?}", Value::from("inline:secret"));
    assert!(!shown.contains("secret"), "{shown}");
}

// test-of: [RFC8259 7], [RFC8259 6]
#[test]
fn json_is_read_as_its_grammar_says() {
    let value = |json: &str| decode(format!("{{\"k\":{json}}}").as_bytes()).ok()?.remove(b"k".as_slice());
    let text = r#""\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00\u0000""#;
    assert_eq!(value(text), Some("\"\\/\u{8}\u{c}\n\r\t\u{e9}\u{1f600}\0".into()));
    assert_eq!(value(" \t\r\n[ ] "), Some(Value::List(Vec::new())));
    assert_eq!(value("-12"), Some(Value::Int(-12)));
    assert_eq!(value("1.5e3"), Some("1500".into()));
    for bad in [
        "01",
        "-",
        "1.",
        ".5",
        "1e",
        "+1",
        "1e999",
        "tru",
        "nul",
        "NaN",
        "'a'",
        "[1,]",
        "[1 2]",
        "[,]",
        "{\"a\":1,}",
        "{\"a\" 1}",
        "{a:1}",
        "{1:2}",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\\ud800\"",
        "\"\\ud800\\u0041\"",
        "\"\\udc00\"",
        "\"a\nb\"",
    ] {
        assert_eq!(value(bad), None, "{bad}");
    }
    assert!(decode(b"{\"k\":\"\xff\"}").is_err(), "a string is UTF-8");
}

/// The tree of a value as another reader has it.
fn of_json(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => "".into(),
        serde_json::Value::Bool(yes) => if *yes { "yes" } else { "no" }.into(),
        serde_json::Value::Number(n) => match (n.as_i64(), n.as_u64()) {
            (Some(n), _) => Value::Int(n),
            (None, Some(n)) => n.into(),
            (None, None) => n.as_f64().unwrap().to_string().into(),
        },
        serde_json::Value::String(text) => text.as_str().into(),
        serde_json::Value::Array(list) => list.iter().map(of_json).collect(),
        serde_json::Value::Object(map) => {
            Value::Dict(map.iter().map(|(key, value)| (key.as_bytes().to_vec(), of_json(value))).collect())
        }
    }
}

/// The same of bencode, where strings are bytes.
fn of_bencode(value: &bt_bencode::Value) -> Value {
    match value {
        bt_bencode::Value::ByteStr(bytes) => bytes.as_slice().into(),
        bt_bencode::Value::Int(bt_bencode::value::Number::Signed(n)) => Value::Int(*n),
        bt_bencode::Value::Int(bt_bencode::value::Number::Unsigned(n)) => (*n).into(),
        bt_bencode::Value::List(list) => list.iter().map(of_bencode).collect(),
        bt_bencode::Value::Dict(dict) => {
            Value::Dict(dict.iter().map(|(key, value)| (key.to_vec(), of_bencode(value))).collect())
        }
    }
}

fn tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(Value::Int),
        any::<String>().prop_map(Value::from),
        "[ -~\r\n\"\\\\]{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::List),
            prop::collection::btree_map(any::<String>().prop_map(String::into_bytes), inner, 0..6)
                .prop_map(Value::Dict),
        ]
    })
}

proptest! {
    /// What is written here is read the same here and by the readers of others.
    #[test]
    fn what_is_written_others_read(tree in tree(), bytes in any::<Vec<u8>>()) {
        let dict = Dict::from([(b"k".to_vec(), tree)]);
        let json = encode(b"", Format::Json, &dict);
        prop_assert_eq!(decode(&json[1..]), Ok(dict.clone()));
        prop_assert_eq!(of_json(&serde_json::from_slice(&json).unwrap()), Value::Dict(dict.clone()));
        let mut dict = dict;
        dict.insert(b"bytes".to_vec(), bytes.as_slice().into());
        let bencode = encode(b"", Format::Bencode, &dict);
        prop_assert_eq!(decode(&bencode[1..]), Ok(dict.clone()));
        prop_assert_eq!(of_bencode(&bt_bencode::from_slice(&bencode[1..]).unwrap()), Value::Dict(dict));
    }

    /// Text near to JSON is taken or refused as another reader does, and means the same.
    #[test]
    fn json_is_taken_where_others_take_it(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "{", "}", "[", "]", "\"", "\"a\"", "\"k\":", ",", ":", "1", "-", "0", ".5", "e3", "E+1", "true", "null",
                " ", "\\n", "\\u00e9", "\\ud83d", "\\ude00", "x", "\u{e9}", "99999999999999999999",
            ]),
            0..12,
        ),
    ) {
        let text = format!("{{\"k\":{}}}", pieces.concat());
        let other = serde_json::from_str::<serde_json::Value>(&text);
        // Minus zero is a number with a point there.
        prop_assume!(!text.contains("-0"));
        match (decode(text.as_bytes()), other) {
            (Ok(dict), Ok(other)) => prop_assert_eq!(Value::Dict(dict), of_json(&other), "{}", text),
            (Err(_), Err(_)) => {}
            (own, other) => prop_assert!(false, "{}: {:?} here, {:?} there", text, own, other),
        }
    }
}
