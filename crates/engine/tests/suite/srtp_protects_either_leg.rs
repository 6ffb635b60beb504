//! SRTP on one leg or both, every suite, against an outside implementation; replays and forgeries, new keys, and more
//! packets than a sequence number counts.

use std::time::Duration;

use mediapoint_engine::{Direction, SrtpKeys};
use mediapoint_srtp::Suite;
use mediapoint_testkit::{Library, LinkProfile, PeerId, World, audio, for_each_seed, pcma, pcmu};

/// Both parties speak; `a` is on SRTP, `b` where `both`.
fn call(world: &mut World, suites: [Option<Suite>; 2], library: Library) -> [PeerId; 2] {
    let call = world.add_call();
    let parties = [pcmu(), pcma()].map(|codec| world.add_peer(call, audio([codec])));
    world.connect(parties[0], parties[1]);
    for (party, suite) in parties.into_iter().zip(suites) {
        world.peer_mut(party).reports_every = Some(Duration::from_secs(3));
        if let Some(suite) = suite {
            world.secure(party, suite, library);
        }
        world.start(party);
    }
    parties
}

/// Every packet of each party was heard by the other, but those lost and those under way.
#[track_caller]
fn all_heard(world: &World, [a, b]: [PeerId; 2], unheard: u64) {
    for (from, to) in [(a, b), (b, a)] {
        let (from, to) = (world.peer(from), world.peer(to));
        let heard = to.heard.packets_from(from.tag);
        let least = from.stream.packets - from.up.counts().lost - unheard - 2;
        assert!(heard >= least, "{heard} heard, {least} expected");
        assert_eq!(to.heard.seam.check(), Ok(()));
        assert_eq!(to.heard.not_authentic, 0);
        assert_eq!(from.unsent, 0);
    }
}

#[test]
fn every_suite_on_one_leg_and_on_both_with_every_other() {
    for (n, suite) in Suite::ALL.into_iter().enumerate() {
        for other in Suite::ALL.map(Some).into_iter().chain([None]) {
            let mut world = World::new(n as u64);
            let parties = call(&mut world, [Some(suite), other], Library::WebRtc);
            world.run_for(Duration::from_secs(10));
            all_heard(&world, parties, 0);
            for party in parties {
                let statistics = world.leg_statistics(party);
                assert_eq!(statistics.received.dropped.total(), 0, "{suite} {other:?}");
                assert_eq!(statistics.received.lost, 0);
                assert!(statistics.received.rtcp_packets >= 3, "SRTCP is opened");
                assert!(world.peer(party).heard.compounds >= 1, "SRTCP is understood");
            }
        }
    }
}

#[test]
fn replayed_packets_are_counted_and_heard_by_nobody() {
    for suite in Suite::ALL {
        let mut world = World::new(5);
        let [a, b] = call(&mut world, [Some(suite), None], Library::WebRtc);
        world.peer_mut(a).keep_sent = true;
        world.reinvite(a, |config| config.max_packet_rate = Some(10_000));
        world.run_for(Duration::from_secs(4));
        let (from, key) = (world.peer(a).address, mediapoint_testkit::rtp_port(world.peer(a).slot));
        let mut replayed = 0;
        // The last packet may be on its way still.
        let known = world.peer(a).sent.len() - 1;
        for round in 0..3 {
            for number in 0..known {
                let packet = world.peer(a).sent[number].clone();
                world.inject(key, from, &packet);
                replayed += 1;
            }
            world.run_for(Duration::from_millis(200 * (round + 1)));
        }
        world.run_for(Duration::from_secs(2));
        all_heard(&world, [a, b], 0);
        let received = world.leg_statistics(a).received;
        assert_eq!(received.dropped.replayed, replayed, "{suite}");
        assert_eq!((received.lost, received.duplicates, received.restarts), (0, 0, 0));
    }
}

#[test]
fn forged_and_damaged_packets_disturb_nothing() {
    for suite in Suite::ALL {
        for_each_seed(3, |seed| {
            let mut world = World::new(seed);
            let [a, b] = call(&mut world, [Some(suite), None], Library::WebRtc);
            world.peer_mut(a).keep_sent = true;
            let (from, key) = (world.peer(a).address, mediapoint_testkit::rtp_port(world.peer(a).slot));
            for _ in 0..200 {
                world.run_for(Duration::from_millis(20));
                let Some(mut packet) = world.peer(a).sent.last().cloned() else { continue };
                let random = world.random();
                // Damaged somewhere, cut somewhere, or with a future sequence number and roll-over.
                let at = usize::try_from(random.below(packet.len() as u64)).unwrap();
                match random.below(3) {
                    0 => packet[at] ^= 1 << random.below(8),
                    1 => packet.truncate(at),
                    _ => packet[2] = packet[2].wrapping_add(u8::try_from(1 + random.below(254)).unwrap()),
                }
                world.inject(key, from, &packet);
            }
            world.run_for(Duration::from_secs(1));
            all_heard(&world, [a, b], 0);
            let received = world.leg_statistics(a).received;
            assert!(received.dropped.total() >= 190, "{suite}: {:?}", received.dropped);
            assert_eq!((received.lost, received.restarts), (0, 0), "{suite}");
        });
    }
}

#[test]
fn nothing_is_taken_until_the_party_has_said_its_key() {
    let suite = Suite::AesCm128HmacSha1_80;
    let mut world = World::new(1);
    let [a, b] = call(&mut world, [None, None], Library::WebRtc);
    let (inbound, outbound) = (world.key(suite), world.key(suite));
    world.set_keys(a, &inbound, &outbound, Library::WebRtc);
    let half = SrtpKeys { inbound: None, inbound_mki: None, outbound: outbound.clone() };
    world.reinvite(a, |config| config.srtp = None);
    world.reinvite(a, |config| config.srtp = Some(half));
    world.run_for(Duration::from_secs(2));
    assert_eq!(world.peer(b).heard.packets, 0);
    assert!(world.leg_statistics(a).received.dropped.not_authentic > 90);
    assert!(world.peer(a).heard.packets_from(world.peer(b).tag) > 90, "and it is sent to at once");
    world.reinvite(a, |config| {
        config.srtp = Some(SrtpKeys { inbound: Some(inbound), inbound_mki: None, outbound });
    });
    world.run_for(Duration::from_secs(2));
    assert!(world.peer(b).heard.packets > 95);
    assert_eq!(world.peer(a).heard.not_authentic, 0);
}

/// The party changes over some time after the re-INVITE, and what is under way is protected with either key.
#[test]
fn a_new_key_of_the_party_leaves_no_gap() {
    for suite in Suite::ALL {
        for_each_seed(6, |seed| {
            let mut world = World::new(seed);
            let [a, b] = call(&mut world, [Some(suite), None], Library::Own);
            world.peer_mut(a).up.set_profile(LinkProfile { reorder: 0.05, ..LinkProfile::default() });
            for _ in 0..4 {
                world.run_for(Duration::from_secs(3));
                let key = world.key(suite);
                let outbound = world.peer(a).config.srtp.as_ref().unwrap().outbound.clone();
                let keys = SrtpKeys { inbound: Some(key.clone()), inbound_mki: None, outbound };
                world.reinvite(a, |config| config.srtp = Some(keys));
                let later = world.random().duration_below(Duration::from_secs(2));
                world.run_for(later);
                world.peer_mut(a).protector.as_mut().unwrap().rekey(&key);
            }
            world.run_for(Duration::from_secs(3));
            all_heard(&world, [a, b], 2);
            assert_eq!(world.leg_statistics(a).received.dropped.total(), 0, "{suite}");
        });
    }
}

#[test]
fn a_new_key_of_the_engine_leaves_no_gap() {
    for suite in Suite::ALL {
        let mut world = World::new(9);
        let [a, b] = call(&mut world, [Some(suite), None], Library::WebRtc);
        for _ in 0..4 {
            world.run_for(Duration::from_secs(3));
            let inbound = world.peer(a).config.srtp.as_ref().unwrap().inbound.clone().unwrap();
            let outbound = world.key(suite);
            let keys = SrtpKeys { inbound: Some(inbound), inbound_mki: None, outbound: outbound.clone() };
            world.reinvite(a, |config| config.srtp = Some(keys));
            world.peer_mut(a).unprotector.as_mut().unwrap().rekey(&outbound);
        }
        world.run_for(Duration::from_secs(3));
        all_heard(&world, [a, b], 0);
    }
}

/// Past several wraps of the sequence number, with loss and reordering on the way, and re-INVITEs that repeat the keys:
/// the outside implementation opens everything, so its roll-over counter and the engine's agree.
#[test]
fn roll_over_counters_survive_loss_and_reinvites_with_the_same_keys() {
    for (seed, suite) in [(1, Suite::AesCm128HmacSha1_80), (2, Suite::AeadAes128Gcm)] {
        let mut world = World::new(seed);
        let [a, b] = call(&mut world, [Some(suite), None], Library::WebRtc);
        world.peer_mut(a).set_links(LinkProfile { reorder: 0.01, loss: 0.03, ..LinkProfile::default() });
        world.peer_mut(a).heard.keep_reports = false;
        world.peer_mut(b).heard.keep_reports = false;
        let hours = 200_000 / (50 * 3600) + 1;
        for _ in 0..hours * 10 {
            world.run_for(Duration::from_secs(360));
            world.reinvite(a, |_| {});
        }
        let sent = world.peer(a).stream.packets;
        assert!(sent > 3 * 65_536, "{sent}");
        for party in [a, b] {
            assert_eq!(world.peer(party).heard.not_authentic, 0);
            assert_eq!(world.peer(party).heard.seam.check(), Ok(()));
        }
        let heard = world.peer(b).heard.packets_from(world.peer(a).tag);
        assert!(heard + 2 >= sent - world.peer(a).up.counts().lost, "{heard}");
        let back = world.peer(a).heard.packets;
        assert!(back + 2 >= world.peer(b).stream.packets - world.peer(a).down.counts().lost, "{back}");
        assert_eq!(world.leg_statistics(a).received.dropped.total(), 0);
    }
}

/// The engine carries its counters over a change of keys [RFC3711 3.3.1]; the party's own library here does so too.
#[test]
fn roll_over_counters_survive_new_keys() {
    let suite = Suite::AesCm128HmacSha1_32;
    let mut world = World::new(3);
    let [a, b] = call(&mut world, [Some(suite), None], Library::Own);
    for _ in 0..3 {
        world.run_for(Duration::from_secs(70_000 / 50));
        world.secure(a, suite, Library::Own);
        world.run_for(Duration::from_secs(10));
    }
    all_heard(&world, [a, b], 3);
    assert_eq!(world.leg_statistics(a).received.dropped.total(), 0);
}

/// On hold the keys stay, and a party that goes on sending stays in step.
#[test]
fn a_leg_on_hold_keeps_in_step() {
    let mut world = World::new(6);
    let [a, b] = call(&mut world, [Some(Suite::AeadAes256Gcm), None], Library::WebRtc);
    world.run_for(Duration::from_secs(5));
    world.reinvite(a, |config| config.direction = Direction::Inactive);
    // Most of a cycle, so that a counter that was not kept would be off by one.
    world.run_for(Duration::from_secs(900));
    world.reinvite(a, |config| config.direction = Direction::SendReceive);
    let before = world.peer(b).heard.packets;
    world.run_for(Duration::from_secs(10));
    assert!(world.peer(b).heard.packets >= before + 498);
    assert_eq!(world.peer(b).heard.seam.check(), Ok(()));
    assert_eq!(world.peer(b).heard.missing(), 0);
}
