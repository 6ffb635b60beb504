//! What crosses a call: the same codec untouched, G.711 converted between its laws, telephone events under the other
//! side's number, foreign codecs as they are, and nothing that was not agreed.

#![expect(clippy::unwrap_used, reason = "helpers of the tests: what is missing fails them")]

use std::time::Duration;

use mediapoint_engine::{LegConfig, LegKind, PayloadCodec, PayloadType};
use mediapoint_packet::rtp::{RtpHeader, RtpTicks, Seq, Ssrc};
use mediapoint_packet::telephone_event::EventBlock;
use mediapoint_srtp::Suite;
use mediapoint_testkit::{Library, PeerId, World, audio, codec, pcma, pcmu, telephone_event};

fn call(of_a: &[PayloadCodec], of_b: &[PayloadCodec]) -> (World, PeerId, PeerId) {
    let mut world = World::new(1);
    let call = world.add_call();
    let [a, b] = [of_a, of_b].map(|codecs| {
        let peer = world.add_peer(call, LegConfig { codecs: codecs.to_vec(), ..LegConfig::default() });
        world.peer_mut(peer).heard.keep_packets = true;
        peer
    });
    world.connect(a, b);
    (world, a, b)
}

fn number(payload_type: u8) -> PayloadType {
    PayloadType::new(payload_type).unwrap()
}

fn rtp(payload_type: u8, sequence: u16, payload: &[u8]) -> Vec<u8> {
    let header = RtpHeader {
        marker: false,
        payload_type: number(payload_type),
        sequence: Seq(sequence),
        timestamp: RtpTicks(u32::from(sequence) * 160),
        ssrc: Ssrc(0xabc),
    };
    let mut packet = vec![0; 12];
    header.write(&mut packet).unwrap();
    packet.extend_from_slice(payload);
    packet
}

/// Sends packets from `a`, 20 ms apart.
fn send(world: &mut World, a: PeerId, packets: &[Vec<u8>]) {
    for packet in packets {
        let (key, from) = (mediapoint_testkit::rtp_port(world.peer(a).slot), world.peer(a).address);
        world.inject(key, from, packet);
        world.run_for(Duration::from_millis(20));
    }
    world.run_for(Duration::from_millis(50));
}

#[test]
fn the_same_codec_is_relayed_byte_for_byte() {
    let (mut world, a, b) = call(&[pcmu()], &[pcmu()]);
    let payloads: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte; 80 + usize::from(byte)]).collect();
    let packets: Vec<_> = (1..).zip(&payloads).map(|(n, payload)| rtp(0, n, payload)).collect();
    send(&mut world, a, &packets);
    let heard: Vec<_> = world.peer(b).heard.log.iter().map(|packet| packet.payload.clone()).collect();
    assert_eq!(heard, payloads);
}

/// Every code of either law as the converter has it, which is tested against the tables of ITU-T G.711 where it lives;
/// and some of those by hand.
#[test]
fn g711_is_converted_as_the_recommendation_says() {
    let codes: Vec<u8> = (0..=255).collect();
    for (from, to) in [(pcmu(), pcma()), (pcma(), pcmu())] {
        let (mut world, a, b) = call(std::slice::from_ref(&from), std::slice::from_ref(&to));
        send(&mut world, a, &[rtp(from.payload_type.get(), 1, &codes)]);
        let heard = &world.peer(b).heard.log[0];
        assert_eq!(heard.payload_type, to.payload_type);
        let convert = if from == pcmu() { mediapoint_g711::mu_to_a } else { mediapoint_g711::a_to_mu };
        let expected: Vec<u8> = codes.iter().map(|&code| convert(code)).collect();
        assert_eq!(heard.payload, expected);
    }
    // [ITU-T G.711 tables 3 and 4] The ends and the middle of both scales, and 33 of mu-law, nearest to 17 of A-law.
    for (mu, a) in [(0xff, 0xd5), (0x7f, 0x55), (0x80, 0xaa), (0x00, 0x2a), (0xfe, 0xd5), (0xef, 0xdd)] {
        assert_eq!(mediapoint_g711::mu_to_a(mu), a, "{mu:#04x}");
    }
    for (a, mu) in [(0xd5, 0xfe), (0x55, 0x7e), (0xaa, 0x80), (0x2a, 0x00)] {
        assert_eq!(mediapoint_g711::a_to_mu(a), mu, "{a:#04x}");
    }
}

#[test]
fn conversion_touches_the_payload_only() {
    let (mut world, a, b) = call(&[pcmu()], &[pcma()]);
    // A contributing source, a header extension and padding around 160 samples.
    let mut packet = rtp(0, 1, &[]);
    packet[0] |= 0x20 | 0x10 | 0x01;
    packet.extend_from_slice(&[9, 9, 9, 9]);
    packet.extend_from_slice(&[0xbe, 0xde, 0, 1, 0x10, 0xff, 0, 0]);
    packet.extend_from_slice(&[0x80; 160]);
    packet.extend_from_slice(&[0x80, 0x80, 0x80, 4]);
    // The log keeps the payload without padding; the wire is looked at through a second leg in SRTP.
    world.secure(b, Suite::AeadAes128Gcm, Library::WebRtc);
    send(&mut world, a, &[packet]);
    let heard = &world.peer(b).heard.log[0];
    assert_eq!(heard.payload, [0xaa; 160]);
    assert_eq!(heard.payload_type, PayloadType::PCMA);
    assert_eq!(world.leg_statistics(a).received.octets, 160, "octets are those of the payload");
}

#[test]
fn telephone_events_keep_their_timestamp_and_every_repetition_under_the_other_sides_number() {
    for (of_a, of_b) in [(101, 96), (96, 101), (101, 101)] {
        let (mut world, a, b) = call(&[pcmu(), telephone_event(of_a)], &[pcma(), telephone_event(of_b)]);
        world.peer_mut(a).stream.event_type = number(of_a);
        world.peer_mut(b).heard.event_type = number(of_b);
        world.start(a);
        world.run_for(Duration::from_millis(505));
        for (code, millis) in [(1, 100), (11, 60), (16, 1000)] {
            world.peer_mut(a).stream.press(code, Duration::from_millis(millis));
            world.run_for(Duration::from_millis(millis + 500));
        }
        let heard = &world.peer(b).heard;
        let mut events: Vec<(u32, Vec<EventBlock>, Vec<bool>)> = Vec::new();
        for packet in heard.log.iter().filter(|packet| packet.payload_type == number(of_b)) {
            let block = EventBlock::read(&packet.payload).unwrap();
            match events.last_mut() {
                Some((timestamp, blocks, markers)) if *timestamp == packet.timestamp.0 => {
                    blocks.push(block);
                    markers.push(packet.marker);
                }
                _ => events.push((packet.timestamp.0, vec![block], vec![packet.marker])),
            }
        }
        assert_eq!(events.len(), 3, "one timestamp for each event");
        for ((_, blocks, markers), (code, millis)) in events.iter().zip([(1, 100), (11, 60), (16, 1000)]) {
            assert!(blocks.iter().all(|block| block.code == code));
            assert_eq!(blocks.len(), millis / 20 + 2, "all packets and the repeated ends");
            assert_eq!(blocks.iter().filter(|block| block.end).count(), 3);
            assert_eq!(usize::from(blocks.last().unwrap().duration), millis * 8);
            assert_eq!(markers.iter().filter(|marker| **marker).count(), 1, "the first is marked");
            assert!(markers[0]);
        }
        assert_eq!(heard.seam.check(), Ok(()));
        assert_eq!(heard.missing(), 0);
    }
}

#[test]
fn a_codec_that_both_sides_know_is_relayed_untouched_under_the_other_sides_number() {
    let cases = [
        (codec(18, "G729", 8000), codec(18, "G729", 8000), 20),
        (codec(9, "G722", 8000), codec(9, "G722", 8000), 160),
        (codec(111, "opus", 48_000), codec(96, "OPUS", 48_000), 73),
        (codec(107, "AMR-WB", 16_000), codec(120, "amr-wb", 16_000), 61),
    ];
    for (of_a, of_b, octets) in cases {
        let (mut world, a, b) = call(&[of_a.clone(), pcmu()], &[of_b.clone(), pcma()]);
        let payloads: Vec<Vec<u8>> = (0..50)
            .map(|_| (0..octets).map(|_| world.random().next_u16().to_be_bytes()[0]).collect())
            .collect();
        let packets: Vec<_> =
            (1..).zip(&payloads).map(|(n, payload)| rtp(of_a.payload_type.get(), n, payload)).collect();
        send(&mut world, a, &packets);
        let log = &world.peer(b).heard.log;
        assert_eq!(log.iter().map(|packet| packet.payload.clone()).collect::<Vec<_>>(), payloads);
        assert!(log.iter().all(|packet| packet.payload_type == of_b.payload_type));
    }
}

#[test]
fn what_was_not_agreed_is_dropped_and_counted() {
    let (mut world, a, b) = call(&[pcmu(), codec(4, "G723", 8000)], &[pcmu()]);
    let packets = [rtp(0, 1, &[1; 160]), rtp(4, 2, &[2; 24]), rtp(97, 3, &[3; 160]), rtp(8, 4, &[4; 160])];
    send(&mut world, a, &packets);
    send(&mut world, a, &[rtp(0, 5, &[5; 160])]);
    let refused = world.leg_statistics(a).received.dropped;
    assert_eq!((refused.no_common_codec, refused.unknown_payload_type), (1, 2));
    let heard: Vec<_> =
        world.peer(b).heard.log.iter().map(|packet| (packet.sequence.0, packet.payload[0])).collect();
    assert_eq!((heard.len(), heard[0].1, heard[1].1), (2, 1, 5));
    assert_eq!(heard[1].0, heard[0].0.wrapping_add(1), "what was dropped here was not lost");
    assert_eq!(world.leg_statistics(a).received.lost, 0);
}

#[test]
fn every_listener_hears_in_its_own_coding() {
    let (mut world, a, b) = call(&[pcmu(), telephone_event(101)], &[pcma()]);
    let call = world.peer(a).call;
    let c = world.add_peer(call, audio([codec(100, "PCMU", 8000)]));
    world.peer_mut(c).heard.keep_packets = true;
    world.secure(c, Suite::AesCm128HmacSha1_80, Library::WebRtc);
    world.set_source(c, Some(a));
    world.start(a);
    world.run_for(Duration::from_secs(2));
    for (listener, payload_type) in [(b, 8), (c, 100)] {
        let heard = &world.peer(listener).heard;
        assert_eq!(heard.packets_from(world.peer(a).tag), 100);
        assert!(heard.log.iter().all(|packet| packet.payload_type == number(payload_type)));
        assert_eq!((heard.seam.check(), heard.missing()), (Ok(()), 0));
    }
    let ssrc = |party| world.peer(party).heard.log[0].ssrc;
    assert_ne!(ssrc(b), ssrc(c), "every leg has an SSRC of its own");
}

#[test]
fn opaque_rtp_keeps_its_header_and_any_payload_type() {
    for secured in [false, true] {
        let mut world = World::new(2);
        let call = world.add_call();
        let video = || LegConfig { kind: LegKind::OpaqueRtp, ..LegConfig::default() };
        let [a, b] = [(); 2].map(|()| world.add_peer(call, video()));
        world.connect(a, b);
        world.peer_mut(b).heard.keep_packets = true;
        if secured {
            world.secure(b, Suite::AesCm128HmacSha1_80, Library::WebRtc);
        }
        let mut other = rtp(99, 7000, &[2; 900]);
        other[8..12].copy_from_slice(&[1, 2, 3, 4]);
        send(&mut world, a, &[rtp(98, 500, &[1; 1200]), other, rtp(98, 501, &[3; 5])]);
        let log: Vec<_> = world.peer(b).heard.log.iter().collect();
        let seen: Vec<_> =
            log.iter().map(|packet| (packet.ssrc.0, packet.sequence.0, packet.payload_type.get())).collect();
        assert_eq!(seen, [(0xabc, 500, 98), (0x0102_0304, 7000, 99), (0xabc, 501, 98)]);
        assert_eq!(log[0].payload, [1; 1200]);
        // RTCP of the party is relayed, not answered.
        world.report_now(a);
        world.run_for(Duration::from_secs(30));
        let reports = &world.peer(b).heard.reports;
        assert_eq!(reports.len(), 1);
        assert_eq!(reports[0].ssrc, world.peer(a).stream.ssrc);
        assert_eq!(world.leg_statistics(a).sent.ssrc, None);
    }
}

#[test]
fn datagrams_of_any_form_are_relayed_to_the_learnt_party_only() {
    let mut world = World::new(3);
    let call = world.add_call();
    let fax = || LegConfig { kind: LegKind::Datagrams, ..LegConfig::default() };
    let [a, b] = [(); 2].map(|()| world.add_peer(call, fax()));
    world.connect(a, b);
    let stranger = "198.51.100.4:4000".parse().unwrap();
    let key = mediapoint_testkit::rtp_port(world.peer(a).slot);
    let from = world.peer(a).address;
    for n in 0..20_u8 {
        world.inject(key, from, &[n; 33]);
        world.inject(key, stranger, &[0xee; 33]);
    }
    world.run_for(Duration::from_secs(1));
    let statistics = world.leg_statistics(a).received;
    assert_eq!((statistics.packets, statistics.octets), (20, 660));
    assert_eq!(statistics.dropped.foreign_source, 20);
    assert_eq!(world.leg_statistics(b).sent.packets, 20);
    assert_eq!(world.peer(b).down.counts().arrived, 20);
}
