//! The properties, over messages and damaged ones.

use proptest::prelude::*;

use crate::properties;

const OFFER: &[u8] = b"9_1 d7:command5:offer7:call-id3:abc8:from-tag1:f3:sdp3:v=05:codecd4:maskl3:alle9:transcodel4:PCMAee\
    5:flagsl13:trust-address10:pad-crypto19:SDES-no-AES_CM_128_e12:delete delayi5e10:rtpp-flags18:codec=[mask=[all]]e";
const JSON: &[u8] =
    br#"9_2 {"command":"offer","call-id":"abc","from-tag":"f","sdp":"v=0\r\n","TOS":-1,"flags":["a","b"]}"#;

proptest! {
    #[test]
    fn properties_hold_for_damaged_messages(
        json in any::<bool>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        let mut data = if json { JSON.to_vec() } else { OFFER.to_vec() };
        for (at, byte) in changes {
            let at = at.index(data.len());
            data[at] = byte;
        }
        properties::message(&data);
    }

    #[test]
    fn properties_hold_for_any_bytes(data in proptest::collection::vec(any::<u8>(), 0..200), json in any::<bool>()) {
        properties::message(&[if json { b"1 {" } else { b"1 d" }, data.as_slice()].concat());
    }
}
