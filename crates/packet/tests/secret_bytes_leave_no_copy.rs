//! What [`SecretBytes`] held is in no block that it released: looked for by the allocator.

use std::hint::black_box;

use mediapoint_allocations::watch_for;
use mediapoint_packet::SecretBytes;
use mediapoint_packet::sdp::Sdp;

const KEY: &str = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:UGFja2V0c0FyZVdpcGVkV2hlbkRyb3BwZWRIZXJl";

#[test]
fn growing_shortening_and_dropping_leave_no_copy() {
    let watch = watch_for(KEY.as_bytes());
    let mut bytes = SecretBytes::with_capacity(KEY.len());
    bytes.extend_from_slice(KEY.as_bytes());
    bytes.push(b'x');
    bytes.extend_from_slice(&[b'y'; 1000]);
    bytes.extend_from_slice(KEY.as_bytes());
    bytes.remove_front(KEY.len() + 1001);
    assert_eq!(black_box(&bytes).as_slice(), KEY.as_bytes());
    drop(bytes.clone());
    bytes.wipe_front(KEY.len());
    drop(black_box(bytes));
    assert_eq!(watch.released(), 0);
}

#[test]
fn a_description_leaves_no_copy_of_its_keys() {
    let watch = watch_for(&KEY.as_bytes()[9..]);
    let text = SecretBytes::from(format!("v=0\r\nm=audio 4000 RTP/SAVP 0\r\n{KEY}\r\n"));
    let mut sdp = Sdp::parse(&text).unwrap();
    let value = SecretBytes::from(sdp.media[0].body.attribute("crypto").unwrap());
    sdp.media[0].body.set_attribute("crypto", std::str::from_utf8(&value).ok());
    let other = sdp.clone();
    sdp.media[0].body.remove_attribute("crypto");
    assert_ne!(black_box(sdp.to_bytes()), black_box(other.to_bytes()));
    drop((text, value, sdp, other));
    assert_eq!(watch.released(), 0);
}
