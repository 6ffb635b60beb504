//! Packets through a call that was set up by messages, over real sockets.

use crate::common;

use std::net::SocketAddr;

use common::phone::Phone;
use common::*;
use mediapoint_packet::sdp::Sdp;
use mediapoint_srtp::provider::DEFAULT_PROVIDER;
use mediapoint_srtp::sdes::CryptoAttribute;
use mediapoint_srtp::{Inbound, InboundOptions, MasterKey, Mki, Outbound, OutboundOptions, Suite};

/// One packet each way; what arrives is the same or its conversion.
fn talk(a: &mut Phone, to_a: &Sdp, b: &mut Phone, to_b: &Sdp, types: (u8, u8), payloads: (u8, u8)) {
    let frame = |byte| vec![byte; 160];
    a.send(to_a, types.0, &frame(payloads.0));
    assert_eq!(b.receive(), (types.1, frame(payloads.1)));
    b.send(to_b, types.1, &frame(payloads.1));
    assert_eq!(a.receive(), (types.0, frame(payloads.0)));
}

#[test]
fn relay_conversion_and_back_in_one_call() {
    let server = Server::new();
    let (mut a, mut b) = (Phone::new(), Phone::new());
    let to_b = server.offer(&a.sdp("0 8"), "");
    let to_a = server.answer(&b.sdp("0"), "");
    talk(&mut a, &to_a, &mut b, &to_b, (0, 0), (0x55, 0x55));

    // B takes A-law only from now on; the loudest sample is 0x80 in mu-law and 0xaa in A-law.
    let to_b = server.offer(&a.sdp("0"), r#""codec":{"mask":["PCMU"],"transcode":["PCMA"]}"#);
    let to_a = server.answer(&b.sdp("8"), "");
    talk(&mut a, &to_a, &mut b, &to_b, (0, 8), (0x80, 0xaa));
}

#[test]
fn srtp_survives_reinvites_from_its_side_with_and_without_a_new_key() {
    let server = Server::new();
    let (mut a, mut b) = (Phone::new(), Phone::new());
    let suite = Suite::AesCm128HmacSha1_80;
    let secure = |phone: &Phone, key: &MasterKey| {
        let line = CryptoAttribute::new(4, key.clone()).to_value().to_string();
        phone.sdp("8").replace("RTP/AVP", "RTP/SAVP") + &format!("a=crypto:{line}\r\n")
    };
    let plain = r#""transport-protocol":"RTP/AVP""#;
    let key = MasterKey::generate(suite).unwrap();
    let to_b = server.offer(&secure(&a, &key), plain);
    let to_a = server.answer(&b.sdp("8"), "");
    let line = CryptoAttribute::parse(to_a.media[0].body.attribute("crypto").unwrap()).unwrap();
    assert_eq!(line.tag, 4);
    let inbound = Inbound::new(&line.keys[0].key, InboundOptions::default());
    a.srtp = Some((Outbound::new(&key), inbound));
    talk(&mut a, &to_a, &mut b, &to_b, (8, 8), (0x11, 0x11));

    server.offer(&secure(&a, &key), plain);
    server.answer(&b.sdp("8"), "");
    talk(&mut a, &to_a, &mut b, &to_b, (8, 8), (0x22, 0x22));

    let new = MasterKey::generate(suite).unwrap();
    server.offer(&secure(&a, &new), plain);
    server.answer(&b.sdp("8"), "");
    if let Some((outbound, _)) = &mut a.srtp {
        outbound.rekey(&new);
    }
    talk(&mut a, &to_a, &mut b, &to_b, (8, 8), (0x33, 0x33));
}

#[test]
fn a_master_key_identifier_on_the_partys_packets_is_taken() {
    let server = Server::new();
    let (mut a, mut b) = (Phone::new(), Phone::new());
    let key = MasterKey::generate(Suite::AesCm128HmacSha1_80).unwrap();
    let line = CryptoAttribute::new(1, key.clone()).to_value().to_string() + "|7:4";
    let offer = a.sdp("8").replace("RTP/AVP", "RTP/SAVP") + &format!("a=crypto:{line}\r\n");
    let to_b = server.offer(&offer, r#""transport-protocol":"RTP/AVP""#);
    let to_a = server.answer(&b.sdp("8"), "");
    let ours = CryptoAttribute::parse(to_a.media[0].body.attribute("crypto").unwrap()).unwrap();
    let inbound = Inbound::new(&ours.keys[0].key, InboundOptions::default());
    let options =
        OutboundOptions { mki: Some(Mki::new(&[0, 0, 0, 7]).unwrap()), ..OutboundOptions::default() };
    a.srtp = Some((Outbound::with_options(&key, options, &DEFAULT_PROVIDER), inbound));
    talk(&mut a, &to_a, &mut b, &to_b, (8, 8), (0x11, 0x11));
}

#[test]
fn after_a_reinvite_with_a_new_address_media_goes_there() {
    let server = Server::new();
    let (mut a, mut b) = (Phone::new(), Phone::new());
    let to_b = server.offer(&a.sdp("0"), "");
    let to_a = server.answer(&b.sdp("0"), "");
    talk(&mut a, &to_a, &mut b, &to_b, (0, 0), (1, 1));
    let mut moved = Phone::new();
    moved.sequence = 1100;
    server.offer(&moved.sdp("0"), "");
    server.answer(&b.sdp("0"), "");
    b.send(&to_b, 0, &[9; 160]);
    assert_eq!(moved.receive(), (0, vec![9; 160]));
    talk(&mut moved, &to_a, &mut b, &to_b, (0, 0), (2, 2));
}

#[test]
fn nothing_passes_before_the_answer_and_a_strangers_packets_never_do() {
    let server = Server::new();
    let (mut a, mut b, mut stranger) = (Phone::new(), Phone::new(), Phone::new());
    let to_b = server.offer(&a.sdp("0"), "");
    // Sprayed at B's port before B has answered: it must not be learnt as B.
    stranger.send(&to_b, 0, &[7; 160]);
    let to_a = server.answer(&b.sdp("0"), "");
    talk(&mut a, &to_a, &mut b, &to_b, (0, 0), (1, 1));
    stranger.send(&to_b, 0, &[7; 160]);
    stranger.send(&to_a, 0, &[7; 160]);
    talk(&mut a, &to_a, &mut b, &to_b, (0, 0), (2, 2));
}

#[test]
fn what_was_not_taken_is_shown_by_reason() {
    let server = Server::new();
    let (mut a, mut b, mut stranger) = (Phone::new(), Phone::new(), Phone::new());
    let to_b = server.offer(&a.sdp("0"), "");
    let to_a = server.answer(&b.sdp("0"), "");
    talk(&mut a, &to_a, &mut b, &to_b, (0, 0), (1, 1));
    stranger.send(&to_a, 0, &[7; 160]);
    a.send(&to_a, 33, &[7; 160]);
    // These came behind them.
    talk(&mut a, &to_a, &mut b, &to_b, (0, 0), (2, 2));
    let query = server.ask("query", r#""call-id":"c""#, None);
    let dropped = |tag: &str| {
        let party = dict(get(dict(query.value("tags")), tag));
        let media = dict(list(get(party, "medias")).first());
        dict(get(dict(list(get(media, "streams")).first()), "dropped")).clone()
    };
    let at_a = dropped("a");
    assert_eq!(
        (text(&at_a, "foreign_source"), text(&at_a, "unknown_payload_type")),
        ("1".into(), "1".into())
    );
    assert_eq!((at_a.len(), dropped("b").len()), (2, 0), "nothing for other reasons");

    let statistics = |key: &str| {
        let reply = server.ask("statistics", "", None);
        dict(get(dict(reply.value("statistics")), key)).clone()
    };
    let current = statistics("currentstatistics");
    assert_eq!((text(&current, "portpairsused"), text(&current, "legsreserved")), ("2".into(), "2".into()));
    server.ask("delete", r#""call-id":"c""#, None);
    await_end(&server);
    let total = statistics("totalstatistics");
    let total = dict(get(&total, "dropped"));
    assert_eq!(
        (text(total, "foreign_source"), text(total, "unknown_payload_type")),
        ("1".into(), "1".into())
    );
}

#[test]
fn hold_stops_one_direction_and_resume_opens_it_again() {
    let server = Server::new();
    let (mut a, mut b) = (Phone::new(), Phone::new());
    let to_b = server.offer(&a.sdp("0"), "");
    let to_a = server.answer(&b.sdp("0"), "");
    talk(&mut a, &to_a, &mut b, &to_b, (0, 0), (1, 1));
    server.offer(&(a.sdp("0") + "a=sendonly\r\n"), "");
    server.answer(&(b.sdp("0") + "a=recvonly\r\n"), "");
    b.send(&to_b, 0, &[3; 160]);
    a.send(&to_a, 0, &[4; 160]);
    assert_eq!(b.receive(), (0, vec![4; 160]), "music on hold passes");
    server.offer(&a.sdp("0"), "");
    server.answer(&b.sdp("0"), "");
    // What B sent on hold (3) never reached A: the first packet that does is this one.
    talk(&mut a, &to_a, &mut b, &to_b, (0, 0), (5, 5));
}

#[test]
fn fax_datagrams_are_relayed() {
    let server = Server::new();
    let (a, b) = (Phone::new(), Phone::new());
    let fax = |phone: &Phone| phone.sdp("0").replace("audio", "image").replace("RTP/AVP 0", "udptl t38");
    let to_b = server.offer(&fax(&a), "");
    let to_a = server.answer(&fax(&b), "");
    let at = |sdp: &Sdp| SocketAddr::new(host(sdp, 0).parse().unwrap(), port(sdp, 0));
    let mut buffer = [0; 100];
    a.socket.send_to(b"\x00\x01udptl", at(&to_a)).unwrap();
    assert_eq!(b.socket.recv_from(&mut buffer).unwrap(), (7, at(&to_b)));
    b.socket.send_to(b"\x00\x02back", at(&to_b)).unwrap();
    assert_eq!(a.socket.recv_from(&mut buffer).unwrap(), (6, at(&to_a)));
}
