//! What is read, what is refused, and that what is written is read again.

use super::*;

/// 16 key bytes 0..16 and 14 salt bytes 16..30.
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd";

fn key() -> MasterKey {
    let bytes: Vec<u8> = (0..30).collect();
    MasterKey::new(Suite::AesCm128HmacSha1_80, &bytes[..16], &bytes[16..]).unwrap()
}

fn line(rest: &str) -> String {
    format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}{rest}")
}

/// test-of: [RFC4568 4] the example of a line with everything.
#[test]
fn a_full_line_is_read_and_written_alike() {
    let text = "1 AES_CM_128_HMAC_SHA1_80 \
        inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4 FEC_ORDER=FEC_SRTP";
    let parsed = CryptoAttribute::parse(text).unwrap();
    assert_eq!(parsed.tag, 1);
    assert_eq!(parsed.suite, Suite::AesCm128HmacSha1_80);
    assert_eq!(parsed.keys.len(), 1);
    assert_eq!(parsed.keys[0].key.danger_key_bytes(), b"YS___semctl () {");
    assert_eq!(parsed.keys[0].key.danger_salt_bytes(), b"\t220;}\n}\nunles");
    assert_eq!(parsed.keys[0].lifetime, Some(1 << 20));
    assert_eq!(parsed.keys[0].mki.as_ref().unwrap().bytes(), [0, 0, 0, 1]);
    assert_eq!(parsed.params, [SessionParam::FecOrder(FecOrder::FecThenSrtp)]);
    assert_eq!(*parsed.to_value(), text);
}

/// test-of: [RFC4568 6.1] several keys with identifiers.
#[test]
fn several_keys_need_distinct_identifiers_of_one_length() {
    let good = line(&format!("|2^20|1:4;inline:{KEY}|2^20|2:4"));
    let parsed = CryptoAttribute::parse(&good).unwrap();
    assert_eq!(parsed.keys.len(), 2);
    assert_eq!(*parsed.to_value(), good);
    for bad in ["|1:4;inline:{}|1:4", "|1:4;inline:{}|2:2", "|1:4;inline:{}", ";inline:{}|1:4"] {
        let text = line(&bad.replace("{}", KEY));
        assert_eq!(CryptoAttribute::parse(&text), Err(SdesError::AmbiguousKeys), "{bad}");
    }
    let many = line(&format!("|1:1{}", format!(";inline:{KEY}|2:1").repeat(16)));
    assert_eq!(CryptoAttribute::parse(&many), Err(SdesError::TooMany));
}

// test-of: [RFC6188 7], [RFC7714 14.1]
#[test]
fn every_suite_survives_a_round_trip_and_is_padded() {
    for suite in Suite::ALL {
        let attribute = CryptoAttribute::new(7, MasterKey::generate(suite).unwrap());
        let text = attribute.to_value();
        let encoded = text.rsplit(':').next().unwrap();
        assert_eq!(encoded.len() % 4, 0, "{suite} is padded");
        assert_eq!(CryptoAttribute::parse(&text).unwrap(), attribute);
        let bare = text.trim_end_matches('=');
        assert_eq!(CryptoAttribute::parse(bare).unwrap(), attribute, "{suite} without padding");
    }
}

// test-of: [RFC4568 7.1.2]
#[test]
fn a_suite_of_others_is_told_apart_from_a_broken_line() {
    let text = format!("2 F8_128_HMAC_SHA1_80 inline:{KEY}");
    assert_eq!(CryptoAttribute::parse(&text), Err(SdesError::UnknownSuite));
    assert_eq!(CryptoAttribute::parse(&line(" NEW_THING")), Err(SdesError::UnknownParam));
}

// test-of: [RFC4568 6.3], [RFC4568 6.3.7]
#[test]
fn session_parameters_are_recognised() {
    let text = line(" KDR=0 UNENCRYPTED_SRTP UNENCRYPTED_SRTCP UNAUTHENTICATED_SRTP WSH=128 -x=y");
    let parsed = CryptoAttribute::parse(&text).unwrap();
    assert_eq!(
        parsed.params,
        [
            SessionParam::KeyDerivationRate(0),
            SessionParam::UnencryptedSrtp,
            SessionParam::UnencryptedSrtcp,
            SessionParam::UnauthenticatedSrtp,
            SessionParam::WindowSizeHint(128),
            SessionParam::Optional("x=y".into()),
        ]
    );
    assert_eq!(*parsed.to_value(), text);
    assert_eq!(parsed.unsupported_param(), Some(&SessionParam::UnencryptedSrtp));
    assert_eq!(CryptoAttribute::parse(&line(" WSH=64 -x")).unwrap().unsupported_param(), None);
    let fec = line(&format!(" FEC_KEY=inline:{KEY}|2^31|9:1"));
    assert_eq!(*CryptoAttribute::parse(&fec).unwrap().to_value(), fec);
}

#[test]
fn malformed_lines_are_refused_with_a_reason() {
    let cases: [(String, SdesError); 20] = [
        (String::new(), SdesError::Tag),
        (line("").replacen('1', "x", 1), SdesError::Tag),
        (line("").replacen('1', "+1", 1), SdesError::Tag),
        (line("").replacen('1', "1234567890", 1), SdesError::Tag),
        ("1".into(), SdesError::Incomplete),
        ("1 AES_CM_128_HMAC_SHA1_80".into(), SdesError::Incomplete),
        (format!("1 AES_CM_128_HMAC_SHA1_80 {KEY}"), SdesError::KeyMethod),
        (format!("1 AES_CM_128_HMAC_SHA1_80 uri:{KEY}"), SdesError::KeyMethod),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:????".into(), SdesError::Base64),
        (line("==="), SdesError::Base64),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:AAAA".into(), SdesError::KeyLength { have: 3, need: 30 }),
        (line("AAAA"), SdesError::KeyLength { have: 33, need: 30 }),
        (line("|0"), SdesError::Lifetime),
        (line("|2^49"), SdesError::Lifetime),
        (line("|2^20|2^20"), SdesError::Lifetime),
        (line("|256:1"), SdesError::Mki),
        (line("|1:129"), SdesError::Mki),
        (line("|1:0"), SdesError::Mki),
        (line(" KDR=25"), SdesError::ParamValue),
        (line(" WSH=63"), SdesError::ParamValue),
    ];
    for (text, error) in cases {
        assert_eq!(CryptoAttribute::parse(&text), Err(error), "{text}");
    }
}

#[test]
fn a_key_of_any_length_is_refused_without_harm() {
    for len in 0..200 {
        let text = format!("1 AES_CM_128_HMAC_SHA1_80 inline:{}", "A".repeat(len));
        assert_eq!(CryptoAttribute::parse(&text).is_ok(), len == 40, "{len} characters");
    }
}

#[test]
fn identifiers_may_have_128_bytes() {
    let all_ones = decimal::write(&[0xff; 128]);
    let text = line(&format!("|{all_ones}:128"));
    let parsed = CryptoAttribute::parse(&text).unwrap();
    assert_eq!(parsed.keys[0].mki.as_ref().unwrap().bytes(), [0xff; 128]);
    assert_eq!(*parsed.to_value(), text);
    assert_eq!(CryptoAttribute::parse(&line(&format!("|{all_ones}0:128"))), Err(SdesError::Mki));
}

#[test]
fn a_plain_lifetime_is_kept() {
    let text = line("|1000");
    let parsed = CryptoAttribute::parse(&text).unwrap();
    assert_eq!(parsed.keys[0].lifetime, Some(1000));
    assert_eq!(*parsed.to_value(), text);
}

#[test]
fn debug_shows_no_key() {
    let shown = format!("{:?}", CryptoAttribute::new(1, key()));
    assert!(!shown.contains("AAEC") && !shown.contains("[0, 1, 2"), "{shown}");
}
