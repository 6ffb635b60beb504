//! Video whose numbers begin again under one SSRC, relayed into SRTP: the far end's library takes every packet.

use mediapoint_engine::{LegConfig, LegKind};
use mediapoint_testkit::for_each_seed;

use super::*;

struct Relay {
    world: World,
    party: PeerId,
    far: PeerId,
}

impl Relay {
    fn new(suite: Suite, library: Library) -> Self {
        let mut world = World::new(2);
        let call = world.add_call();
        let video = || LegConfig { kind: LegKind::OpaqueRtp, ..LegConfig::default() };
        let [party, far] = [video(), video()].map(|config| world.add_peer(call, config));
        world.connect(party, far);
        world.secure(far, suite, library);
        world.peer_mut(far).heard.keep_packets = true;
        Self { world, party, far }
    }

    fn send(&mut self, ssrc: u32, sequence: u16, timestamp: u32) {
        let header = RtpHeader {
            marker: false,
            payload_type: PayloadType::new(99).unwrap(),
            sequence: Seq(sequence),
            timestamp: RtpTicks(timestamp),
            ssrc: Ssrc(ssrc),
        };
        let mut packet = vec![0; 12];
        header.write(&mut packet).unwrap();
        packet.extend(sequence.to_be_bytes());
        let peer = self.world.peer(self.party);
        let (key, from) = (rtp_port(peer.slot), peer.address);
        self.world.inject(key, from, &packet);
        self.world.run_for(Duration::from_millis(15));
    }

    /// The numbers of the sender, in the order they came.
    fn came(&self, ssrc: u32) -> Vec<u16> {
        let log = self.world.peer(self.far).heard.log.iter().filter(|packet| packet.ssrc == Ssrc(ssrc));
        log.map(|packet| u16::from_be_bytes([packet.payload[0], packet.payload[1]])).collect()
    }

    fn check(&self) {
        let heard = &self.world.peer(self.far).heard;
        assert_eq!((heard.not_authentic, heard.malformed), (0, 0));
        assert_eq!(self.world.leg_statistics(self.far).sent.unsent, 0);
        assert_eq!(self.world.buffers_lost(), 0);
    }
}

// test-of: [RFC3711 9.1]
#[test]
fn numbers_that_begin_again_lose_nothing_into_srtp() {
    for suite in [Suite::AesCm128HmacSha1_80, Suite::AeadAes128Gcm] {
        for library in [Library::Own, Library::WebRtc] {
            let mut relay = Relay::new(suite, library);
            let mut expected = Vec::new();
            let mut timestamp = 1000;
            // Over the wrap, then three clips from 0, each shorter than SRTP's window, and one from the middle.
            for (first, count) in [(65_500_u16, 90), (0, 80), (0, 80), (0, 80), (30_000, 50), (10, 20)] {
                for n in 0..count {
                    let sequence = first.wrapping_add(n);
                    timestamp += 3000;
                    relay.send(7, sequence, timestamp);
                    relay.send(8, 100 + u16::try_from(expected.len()).unwrap(), timestamp);
                    expected.push(sequence);
                }
            }
            assert_eq!(relay.came(7), expected, "{suite:?}");
            assert_eq!(relay.came(8).len(), expected.len(), "another stream goes on as it is");
            let log = relay.world.peer(relay.far).heard.log.iter();
            let numbers: Vec<Seq> = log.filter(|p| p.ssrc == Ssrc(7)).map(|p| p.sequence).collect();
            assert!(numbers.windows(2).all(|two| two[1].distance_from(two[0]) > 0), "one after another");
            relay.check();
        }
    }
}

/// Timestamps begin anew as well: one packet is taken for a copy, none after it.
#[test]
fn with_timestamps_from_before_one_packet_is_lost_at_most() {
    let mut relay = Relay::new(Suite::AesCm128HmacSha1_80, Library::WebRtc);
    for _ in 0..3 {
        for n in 0..80_u16 {
            relay.send(7, n, 90_000 + u32::from(n) * 3000);
        }
    }
    assert!(relay.came(7).len() >= 238, "{}", relay.came(7).len());
    assert_eq!(relay.world.peer(relay.far).heard.not_authentic, 0);
}

#[test]
fn another_process_goes_on_with_the_numbers() {
    let mut relay = Relay::new(Suite::AesCm128HmacSha1_80, Library::WebRtc);
    let mut timestamp = 0;
    for sequence in (4000..4100).chain(0..50) {
        timestamp += 3000;
        relay.send(7, sequence, timestamp);
    }
    let call = relay.world.peer(relay.party).call;
    let text = serde_json::to_string(&relay.world.snapshot(call).unwrap()).unwrap();
    relay.world.kill_session();
    relay.world.restore(&serde_json::from_str(&text).unwrap()).unwrap();
    for sequence in (50..100).chain(0..50) {
        timestamp += 3000;
        relay.send(7, sequence, timestamp);
    }
    assert_eq!(relay.came(7).len(), 250);
    relay.check();
}

/// Late packets, copies and losses with beginnings at any time: whatever comes is authentic, and none is sent twice.
#[test]
fn whatever_comes_no_index_is_used_twice() {
    for_each_seed(30, |seed| {
        let mut relay = Relay::new(Suite::AesCm128HmacSha1_80, Library::Own);
        let mut random = mediapoint_testkit::Random::new(seed);
        let (mut sequence, mut timestamp) = (random.next_u16(), 100_000_u32);
        let mut sent = 0_usize;
        for _ in 0..300 {
            match random.below(40) {
                0 => sequence = random.next_u16(),
                1 => sequence = sequence.wrapping_sub(u16::try_from(random.below(150)).unwrap()),
                _ => {}
            }
            sequence = sequence.wrapping_add(1);
            timestamp += 3000;
            let late = random.chance(0.1);
            let (number, at) =
                if late { (sequence.wrapping_sub(3), timestamp - 9000) } else { (sequence, timestamp) };
            relay.send(7, number, at);
            sent += usize::from(!late);
        }
        let heard = &relay.world.peer(relay.far).heard;
        assert_eq!(heard.not_authentic, 0);
        let came = relay.came(7).len();
        assert!(came >= sent * 9 / 10, "{came} of {sent}");
    });
}
