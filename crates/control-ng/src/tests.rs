//! The properties, over messages and damaged ones.

use proptest::prelude::*;

use crate::properties;

const OFFER: &[u8] = b"9_1 d7:command5:offer7:call-id3:abc8:from-tag1:f3:sdp3:v=05:codecd4:maskl3:alle9:transcodel4:PCMAee\
    5:flagsl13:trust-address10:pad-crypto19:SDES-no-AES_CM_128_e12:delete delayi5e10:rtpp-flags18:codec=[mask=[all]]e";
const JSON: &[u8] =
    br#"9_2 {"command":"offer","call-id":"abc","from-tag":"f","sdp":"v=0\r\n","TOS":-1,"flags":["a","b"]}"#;

/// A description as one part of two.
const BODY: &str = "Content-Type: multipart/mixed;boundary=b\r\n\r\n--b\r\nContent-Length: 9\r\n\
    Content-Type: application/sdp\r\n\r\nv=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\n\
    a=rtpmap:97 opus/48000\r\nm=audio 4000 RTP/AVP 97 18\r\na=rtpmap:18 G729a/8000\r\n\r\n\
    --b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b--\r\n";

proptest! {
    #[test]
    fn properties_hold_for_damaged_bodies(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        moved in proptest::option::of(any::<[prop::sample::Index; 2]>()),
    ) {
        let mut body = BODY.as_bytes().to_vec();
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        // Lines in another order, too.
        if let Some(moved) = moved {
            let mut lines: Vec<&[u8]> = body.split_inclusive(|byte| *byte == b'\n').collect();
            let [one, other] = moved.map(|at| at.index(lines.len()));
            lines.swap(one, other);
            body = lines.concat();
        }
        let message = format!("1 d7:command5:offer7:call-id1:c8:from-tag1:f3:sdp{}:", body.len());
        properties::message(&[message.as_bytes(), &body, b"e"].concat());
    }

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
