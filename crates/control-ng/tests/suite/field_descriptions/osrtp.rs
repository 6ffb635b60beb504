//! Opportunistic SRTP: what each side is offered and answered, and what is on the wire towards it.

use mediapoint_packet::sdp::Sdp;
use mediapoint_srtp::sdes::CryptoAttribute;
use mediapoint_srtp::{Inbound, InboundOptions, MasterKey, Outbound, Suite};

use crate::common::phone::Phone;
use crate::common::*;

const SUITE: Suite = Suite::AesCm128HmacSha1_80;
const OFFER: &str = r#""OSRTP":["offer"]"#;
const ACCEPT: &str = r#""OSRTP":["accept"]"#;

/// A phone with a key of its own.
struct Secure {
    phone: Phone,
    key: MasterKey,
}

impl Secure {
    fn new() -> Self {
        Self { phone: Phone::new(), key: MasterKey::generate(SUITE).unwrap() }
    }

    fn plain(&self) -> String {
        self.phone.sdp("8")
    }

    /// RTP/AVP with a key beside it.
    fn keyed(&self, tag: u32) -> String {
        let line = CryptoAttribute::new(tag, self.key.clone()).to_value().to_string();
        self.plain() + &format!("a=crypto:{line}\r\n")
    }

    /// Takes the server's key of our suite from what the phone was told; none where it was told none.
    fn agree(&mut self, told: &Sdp) {
        let lines: Vec<CryptoAttribute> = told.media[0]
            .body
            .attributes("crypto")
            .map(|line| CryptoAttribute::parse(line).unwrap())
            .collect();
        let line = lines.iter().find(|line| line.suite == SUITE);
        self.phone.srtp = line.map(|line| {
            (Outbound::new(&self.key), Inbound::new(&line.keys[0].key, InboundOptions::default()))
        });
    }
}

fn protocol(sdp: &Sdp) -> (&str, usize) {
    (&sdp.media[0].media().proto, sdp.media[0].body.attributes("crypto").count())
}

fn tag(sdp: &Sdp) -> u32 {
    let lines = sdp.media[0].body.attributes("crypto").map(|line| CryptoAttribute::parse(line).unwrap());
    lines.into_iter().find(|line| line.suite == SUITE).unwrap().tag
}

/// A packet each way, by the keys that each side agreed to.
fn talk(a: &mut Secure, to_a: &Sdp, b: &mut Secure, to_b: &Sdp, byte: u8) {
    a.phone.send(to_a, 8, &[byte; 160]);
    assert_eq!(b.phone.receive(), (8, vec![byte; 160]));
    b.phone.send(to_b, 8, &[byte + 1; 160]);
    assert_eq!(a.phone.receive(), (8, vec![byte + 1; 160]));
}

// test-of: [RFC8643 3]
#[test]
fn opportunistic_srtp_is_offered_on_and_spoken_on_both_sides_where_it_is_taken() {
    let server = Server::new();
    let (mut a, mut b) = (Secure::new(), Secure::new());
    let to_b = server.offer(&a.keyed(7), "");
    assert_eq!(protocol(&to_b).0, "RTP/AVP");
    assert!(protocol(&to_b).1 > 1, "our suites are offered");
    let to_a = server.answer(&b.keyed(tag(&to_b)), "");
    assert_eq!((protocol(&to_a), tag(&to_a)), (("RTP/AVP", 1), 7));
    b.agree(&to_b);
    a.agree(&to_a);
    talk(&mut a, &to_a, &mut b, &to_b, 0x11);
}

// test-of: [RFC8643 3.1]
#[test]
fn where_the_answerer_does_not_take_it_both_sides_are_plain_until_it_does() {
    let server = Server::new();
    let (mut a, mut b) = (Secure::new(), Secure::new());
    let to_b = server.offer(&a.keyed(1), "");
    let to_a = server.answer(&b.plain(), "");
    assert_eq!(protocol(&to_a), ("RTP/AVP", 0));
    talk(&mut a, &to_a, &mut b, &to_b, 0x21);

    // Offered again, it is taken.
    let to_b = server.offer(&a.keyed(1), "");
    assert!(protocol(&to_b).1 > 1);
    let to_a = server.answer(&b.keyed(tag(&to_b)), "");
    a.agree(&to_a);
    b.agree(&to_b);
    talk(&mut a, &to_a, &mut b, &to_b, 0x31);

    // B offers plain RTP: it is over on both sides.
    let from_b = r#""call-id":"c","from-tag":"b","to-tag":"a""#;
    let to_a = advertised(&server.ask("offer", from_b, Some(&b.plain())));
    assert_eq!(protocol(&to_a), ("RTP/AVP", 0));
    let to_b = advertised(&server.ask("answer", from_b, Some(&a.plain())));
    (a.phone.srtp, b.phone.srtp) = (None, None);
    talk(&mut a, &to_a, &mut b, &to_b, 0x41);
}

#[test]
fn accept_takes_the_offerers_srtp_whatever_the_answerer_does() {
    for (of_offer, of_answer) in [("", ACCEPT), (ACCEPT, ""), (r#""transport-protocol":"RTP/AVP""#, "")] {
        let server = Server::new();
        let (mut a, mut b) = (Secure::new(), Secure::new());
        let to_b = server.offer(&a.keyed(3), of_offer);
        assert_eq!(protocol(&to_b).1 == 0, of_offer.contains("transport"), "{of_offer}");
        let to_a = server.answer(&b.plain(), of_answer);
        assert_eq!((protocol(&to_a), tag(&to_a)), (("RTP/AVP", 1), 3), "{of_offer}{of_answer}");
        a.agree(&to_a);
        talk(&mut a, &to_a, &mut b, &to_b, 0x51);
        // A re-INVITE of either side leaves it so.
        let to_b = server.offer(&a.keyed(3), of_offer);
        let to_a = server.answer(&b.plain(), of_answer);
        assert_eq!((protocol(&to_b), protocol(&to_a).1), (("RTP/AVP", 0), 1));
        talk(&mut a, &to_a, &mut b, &to_b, 0x61);
    }
}

#[test]
fn offer_makes_an_opportunistic_offer_of_a_plain_one() {
    for word in
        [OFFER, r#""OSRTP":["offer-RFC"]"#, r#""flags":["OSRTP-offer"],"transport-protocol":"RTP/AVP""#]
    {
        let server = Server::new();
        let (mut a, mut b) = (Secure::new(), Secure::new());
        let to_b = server.offer(&a.plain(), word);
        assert_eq!(protocol(&to_b).0, "RTP/AVP");
        let to_a = server.answer(&b.keyed(tag(&to_b)), "");
        assert_eq!(protocol(&to_a), ("RTP/AVP", 0), "who offered plain RTP is answered in it");
        b.agree(&to_b);
        talk(&mut a, &to_a, &mut b, &to_b, 0x11);

        // B's own offer keeps its SRTP, and A stays plain.
        let from_b = r#""call-id":"c","from-tag":"b","to-tag":"a""#;
        let to_a = advertised(&server.ask("offer", from_b, Some(&b.keyed(9))));
        assert_eq!(protocol(&to_a), ("RTP/AVP", 0));
        let to_b = advertised(&server.ask("answer", from_b, Some(&a.plain())));
        assert_eq!((protocol(&to_b), tag(&to_b)), (("RTP/AVP", 1), 9));
        talk(&mut a, &to_a, &mut b, &to_b, 0x21);

        // Not taken any more.
        let to_b = server.offer(&a.plain(), word);
        let to_a = server.answer(&b.plain(), "");
        b.phone.srtp = None;
        talk(&mut a, &to_a, &mut b, &to_b, 0x31);
    }
}

#[test]
fn a_secure_profile_towards_one_side_meets_opportunistic_srtp_on_the_other() {
    let server = Server::new();
    let (mut a, mut b) = (Secure::new(), Secure::new());
    let to_b = server.offer(&a.keyed(2), r#""transport-protocol":"RTP/SAVP""#);
    assert_eq!(protocol(&to_b).0, "RTP/SAVP");
    let to_a = server.answer(&b.keyed(tag(&to_b)).replace("RTP/AVP", "RTP/SAVP"), "");
    assert_eq!((protocol(&to_a), tag(&to_a)), (("RTP/AVP", 1), 2));
    a.agree(&to_a);
    b.agree(&to_b);
    talk(&mut a, &to_a, &mut b, &to_b, 0x11);
}

// test-of: [RFC4568 7.1.2]
#[test]
fn keys_that_cannot_be_used_or_were_not_offered_do_not_make_a_silent_call() {
    let server = Server::new();
    let (mut a, mut b) = (Secure::new(), Secure::new());
    // Not asked for: plain RTP goes on.
    let to_b = server.offer(&a.plain(), "");
    let to_a = server.answer(&b.keyed(1), "");
    assert_eq!(protocol(&to_a), ("RTP/AVP", 0));
    talk(&mut a, &to_a, &mut b, &to_b, 0x11);
    // Keys that are none are no offer.
    let to_b = server.offer(&(a.plain() + "a=crypto:1 F8_128_HMAC_SHA1_80 inline:AAAA\r\n"), "");
    assert_eq!(protocol(&to_b), ("RTP/AVP", 0));
    // Nor is anything offered where SDES is off.
    assert_eq!(protocol(&server.offer(&a.keyed(1), r#""SDES":["off"]"#)), ("RTP/AVP", 0));
    // An answer with keys that cannot be used would be silent.
    server.offer(&a.keyed(1), "");
    let answer = b.plain() + "a=crypto:1 F8_128_HMAC_SHA1_80 inline:AAAA\r\n";
    let reply = server.ask("answer", r#""call-id":"c","from-tag":"a","to-tag":"b""#, Some(&answer));
    assert!(reason(&reply).starts_with("unusable key"), "{}", reason(&reply));
}
