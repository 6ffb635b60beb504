//! The properties over random scripts, and that a script reaches what it is for.

use proptest::prelude::*;

use super::*;

/// Scripts long enough for wraps, late packets and changes of keys.
fn scripts() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..4000),
        // Small headers and short payloads, so that many packets fit.
        prop::collection::vec(prop_oneof![3 => 0u8..16, 1 => any::<u8>()], 0..4000),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn rtp_is_read_as_by_the_oracle(data in scripts()) {
        unprotect_matches_oracle(&data);
    }

    // test-of: [RFC3711 4.3.2]
    #[test]
    fn rtcp_is_read_as_by_the_oracle(data in scripts()) {
        srtcp_unprotect_matches_oracle(&data);
    }

    #[test]
    fn what_is_protected_comes_back(data in scripts()) {
        protect_then_unprotect(&data);
    }

    #[test]
    fn crypto_lines_come_back(
        tag in 0u32..1_000_000_000,
        suite in prop::sample::select(crate::Suite::ALL.to_vec()),
        rest in prop::sample::select(vec!["", "|2^31", "|77|3:2", "|1:1", " WSH=99", " KDR=3 -x", " FEC_ORDER=SRTP_FEC"]),
    ) {
        let key = script::key(suite, 3).unwrap();
        let line = CryptoAttribute::new(tag, key).to_value().to_string() + rest;
        prop_assert!(CryptoAttribute::parse(&line).is_ok());
        sdes_round_trips(line.as_bytes());
    }

    #[test]
    fn any_text_is_read_without_harm(text in "(1 )?(AES_CM_128_HMAC_SHA1_80 )?(inline:)?[ -~]{0,80}") {
        sdes_round_trips(text.as_bytes());
    }
}

/// The scripts do reach accepted packets, and refusals behind a valid tag.
#[test]
fn an_oracle_that_disagrees_would_be_noticed() {
    // Suite 0, first number 65530, then 40 packets delivered in order: over a wrap.
    let data: Vec<u8> = [0, 0xff, 0xfa].into_iter().chain((0..40).flat_map(|_| [10, 1, 0, 0, 20])).collect();
    unprotect_matches_oracle(&data);
    let mut script = script::Script::new(&data);
    script.suite();
    script.word();
    assert_eq!(script.fate(), script::Fate::Delivered);
}
