//! Reports on several streams: a block for each of which something came [RFC3550 6.4].

use std::time::Duration;

use mediapoint_packet::PacketBuf;
use mediapoint_packet::ntp::NtpTime;
use mediapoint_packet::rtcp::{CompoundWriter, ReportBlock, SenderInfo};
use mediapoint_packet::rtp::{RtpTicks, Ssrc};
use mediapoint_testkit::rtcp_port;

use crate::streams_of_a_party_are_kept_apart::{Scene, Stream, Way};

const A: u32 = 0xaaaa_0001;
const B: u32 = 0xbbbb_0002;

const FORWARDED: Way = Way { decoded: false, secure: false };

fn sender_report(scene: &mut Scene, ssrc: u32, seconds: u64) {
    let mut packet = PacketBuf::new();
    let info = SenderInfo { ntp: NtpTime(seconds << 32), rtp: RtpTicks(0), packets: 1, octets: 1 };
    let mut writer = CompoundWriter::new(packet.storage_mut());
    writer.sender_report(Ssrc(ssrc), &info, &[]).unwrap();
    writer.cname(Ssrc(ssrc), "party").unwrap();
    let len = writer.finish();
    packet.set_len(len);
    let party = scene.world.peer(scene.party);
    let (key, from) = (rtcp_port(party.slot), party.rtcp_address);
    scene.world.inject(key, from, packet.bytes());
}

/// The blocks of the engine's next report.
fn next_blocks(scene: &mut Scene) -> Vec<ReportBlock> {
    let before = scene.world.peer(scene.party).heard.reports.len();
    scene.world.run_for(Duration::from_secs(8));
    scene.world.peer(scene.party).heard.reports[before].blocks.clone()
}

// test-of: [RFC3550 6.4] [RFC3550 6.4.1]
#[test]
fn each_stream_has_a_block_with_its_own_figures() {
    let mut scene = Scene::new(FORWARDED);
    let mut a = Stream::new(A, 100, 5);
    let mut b = Stream::new(B, 7, 0xdead_beef);
    scene.talk(&mut a, 20);
    // Three lost of the one, none of the other.
    a.sequence += 3;
    a.pass(3 * 160);
    scene.talk(&mut a, 7);
    scene.talk(&mut b, 10);
    sender_report(&mut scene, A, 1000);
    sender_report(&mut scene, B, 2000);
    let blocks = next_blocks(&mut scene);
    let figures = |block: &ReportBlock| {
        (
            block.ssrc.0,
            block.cumulative_lost,
            block.fraction_lost,
            block.highest_sequence,
            block.last_sr >> 16,
        )
    };
    let figures: Vec<_> = blocks.iter().map(figures).collect();
    assert_eq!(figures, [(B, 0, 0, 16, 2000), (A, 3, 25, 129, 1000)]);
    // Nothing more comes of the first: it has no block any more.
    scene.talk(&mut b, 10);
    let blocks = next_blocks(&mut scene);
    assert_eq!(blocks.iter().map(|block| block.ssrc.0).collect::<Vec<_>>(), [B]);
    assert_eq!(scene.world.leg_statistics(scene.party).received.lost, 3);
}

/// Reports of any of the party's streams are the party's, from a port that was not signalled, too.
#[test]
fn a_report_in_the_name_of_any_of_its_streams_is_the_partys() {
    let mut scene = Scene::new(FORWARDED);
    scene.talk(&mut Stream::new(A, 100, 5), 10);
    scene.talk(&mut Stream::new(B, 100, 5), 10);
    let party = scene.party;
    scene.world.peer_mut(party).rtcp_address.set_port(9001);
    for (ssrc, taken) in [(0x1234, 0), (A, 1), (B, 2)] {
        sender_report(&mut scene, ssrc, 5);
        assert_eq!(scene.world.leg_statistics(party).received.rtcp_packets, taken);
    }
}
