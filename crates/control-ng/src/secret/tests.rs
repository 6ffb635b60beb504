//! What is taken under a secret, and what is not.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;

const SECRET: &[u8] = b"a secret of the test";

fn peer(port: u16) -> Peer {
    SocketAddr::from(([192, 0, 2, 1], port)).into()
}

/// A guard whose clock the test sets.
fn guard(millis: u64) -> (Guard, Arc<AtomicU64>) {
    let now = Arc::new(AtomicU64::new(millis));
    let read = Arc::clone(&now);
    let wall: WallClock = Arc::new(move || Duration::from_millis(read.load(Ordering::Relaxed)));
    (Guard::new(Secret::new(SECRET).unwrap(), wall), now)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn request(secret: &[u8], time: &str, message: &str) -> Vec<u8> {
    let mut mac = HmacSha256::new_from_slice(secret).unwrap();
    mac.update(format!("mediapoint ng request\n{time}.{message}").as_bytes());
    format!("h1.{time}.{}.{message}", hex(&mac.finalize().into_bytes())).into_bytes()
}

const PING: &str = "5_1 d7:command4:pinge";

/// test-of: [RFC2104 2], by the first vector of RFC 4231 for SHA-256.
#[test]
fn macs_are_those_of_the_specification() {
    let secret = Secret::new(&[0x0b; 20]).unwrap();
    let mac = hex(&secret.over(&[b"Hi ", b"There"]).finalize().into_bytes());
    assert_eq!(mac, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
}

#[test]
fn a_message_under_the_secret_is_taken_and_its_reply_is_bound_to_it() {
    let (guard, _) = guard(1_000_000);
    let bytes = request(SECRET, "1000000", PING);
    let opened = guard.open(&peer(1), &bytes).unwrap();
    assert_eq!((opened.message, opened.repeated), (PING.as_bytes(), false));
    let reply = guard.seal(&opened.mac, b"5_1 d6:result4:ponge");
    let mut mac = HmacSha256::new_from_slice(SECRET).unwrap();
    mac.update(b"mediapoint ng reply\n");
    mac.update(&opened.mac);
    mac.update(b"\n5_1 d6:result4:ponge");
    let expected = format!("h1.{}.5_1 d6:result4:ponge", hex(&mac.finalize().into_bytes()));
    assert_eq!(std::str::from_utf8(&reply).unwrap(), expected);
    assert_eq!(expected.len(), REPLY_SEAL + 20);
}

#[test]
fn a_repetition_is_known_and_a_replay_from_elsewhere_refused_for_as_long_as_the_message_is_valid() {
    let (guard, now) = guard(1_000_000);
    let bytes = request(SECRET, "1020000", PING);
    assert!(!guard.open(&peer(1), &bytes).unwrap().repeated);
    for (at, port, expected) in [
        (1_000_000, 1, Ok(true)),
        (1_000_000, 2, Err(NotAuthentic::Replayed)),
        (1_050_000, 1, Ok(true)),
        (1_050_000, 2, Err(NotAuthentic::Replayed)),
        (1_050_001, 1, Err(NotAuthentic::Stale)),
    ] {
        now.store(at, Ordering::Relaxed);
        assert_eq!(guard.open(&peer(port), &bytes).map(|opened| opened.repeated), expected, "{at} {port}");
    }
}

#[test]
fn times_too_far_away_or_before_the_start_are_refused() {
    let (guard, now) = guard(1_000_000);
    let open = |time: &str| guard.open(&peer(1), &request(SECRET, time, PING)).map(|opened| opened.repeated);
    assert_eq!(open("1030000"), Ok(false));
    assert_eq!(open("1030001"), Err(NotAuthentic::Stale));
    assert_eq!(open("999999"), Err(NotAuthentic::Stale), "it may have been carried out before a restart");
    now.store(1_100_000, Ordering::Relaxed);
    assert_eq!(open("1070000"), Ok(false));
    assert_eq!(open("1069999"), Err(NotAuthentic::Stale));
}

#[test]
fn every_changed_byte_and_every_other_form_is_refused() {
    let (guard, _) = guard(1_000_000);
    let good = request(SECRET, "1000000", PING);
    for at in 0..good.len() {
        for flip in [1, 0x20, 0x80] {
            let mut bad = good.clone();
            bad[at] ^= flip;
            // Digits of a MAC in capitals are the same MAC, but another string to answer to.
            if bad.eq_ignore_ascii_case(&good) && (11..75).contains(&at) {
                continue;
            }
            assert_eq!(guard.open(&peer(1), &bad), Err(NotAuthentic::Forged), "byte {at}");
        }
    }
    for length in 0..good.len() {
        assert_eq!(guard.open(&peer(1), &good[..length]), Err(NotAuthentic::Forged), "{length} bytes");
    }
    assert_eq!(guard.open(&peer(1), PING.as_bytes()), Err(NotAuthentic::Forged));
    let other = request(b"a secret of somebody else", "1000000", PING);
    assert_eq!(guard.open(&peer(1), &other), Err(NotAuthentic::Forged));
    assert!(guard.open(&peer(1), &good).is_ok());
}

#[test]
fn another_secret_takes_the_place_of_the_first() {
    let (guard, _) = guard(1_000_000);
    guard.set_secret(Secret::new(b"the secret of next year").unwrap());
    assert_eq!(guard.open(&peer(1), &request(SECRET, "1000000", PING)), Err(NotAuthentic::Forged));
    assert!(guard.open(&peer(1), &request(b"the secret of next year", "1000000", PING)).is_ok());
}

#[test]
fn what_cannot_be_remembered_is_refused_until_there_is_room() {
    let mut seen = SeenMacs::default();
    for n in 0..MAX_REMEMBERED as u128 {
        assert_eq!(seen.enter(Duration::from_secs(1), n.to_be_bytes(), &peer(1)), Ok(false));
    }
    let next = (MAX_REMEMBERED as u128).to_be_bytes();
    assert_eq!(seen.enter(Duration::from_secs(61), next, &peer(1)), Err(NotAuthentic::Full));
    assert_eq!(seen.enter(Duration::from_secs(62), next, &peer(1)), Ok(false));
    assert_eq!((seen.order.len(), seen.peers.len()), (1, 1));
}

#[test]
fn a_short_secret_is_none_and_no_secret_is_shown() {
    assert!(Secret::new(&[b'x'; MIN_SECRET - 1]).is_none());
    let shown = format!("{:?} {:?}", Secret::new(SECRET).unwrap(), guard(0).0);
    assert_eq!(shown, "Secret(..) Guard { .. }");
}

#[test]
fn a_clients_request_is_the_same_and_it_takes_no_reply_but_its_own() {
    let secret = Secret::new(SECRET).unwrap();
    let sealed = secret.request(Duration::from_millis(1_000_000), PING.as_bytes());
    assert_eq!(sealed.bytes.as_slice(), request(SECRET, "1000000", PING));
    let (guard, _) = guard(1_000_000);
    let opened = guard.open(&peer(1), sealed.bytes.as_slice()).unwrap();
    let reply = guard.seal(&opened.mac, b"5_1 d6:result4:ponge");
    assert_eq!(secret.open_reply(&sealed, reply.as_slice()), Some(&b"5_1 d6:result4:ponge"[..]));
    let other = secret.request(Duration::from_millis(1_000_001), PING.as_bytes());
    assert_eq!(secret.open_reply(&other, reply.as_slice()), None, "the reply to another request");
    let mut changed = reply.as_slice().to_vec();
    *changed.last_mut().unwrap() ^= 1;
    assert_eq!(secret.open_reply(&sealed, &changed), None);
    for len in 0..changed.len() {
        assert_eq!(secret.open_reply(&sealed, &reply.as_slice()[..len]), None, "{len} bytes");
    }
}
