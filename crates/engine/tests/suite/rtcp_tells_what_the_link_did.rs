//! RTCP of the engine: when it reports, that its reports are right, and that the figures of a leg are what its link did.

#![expect(clippy::expect_used, reason = "helpers of the tests: what is missing fails them")]

use std::time::Duration;

use mediapoint_engine::{Event, LegConfig, RemoteAddress, RtcpMode};
use mediapoint_packet::Time;
use mediapoint_packet::ntp::NtpTime;
use mediapoint_packet::rtp::{RtpTicks, Ssrc};
use mediapoint_testkit::{
    Burst, HeardReport, LinkProfile, PeerId, World, audio, for_each_seed, pcmu, telephone_event,
};

fn call(seed: u64, config: impl Fn(&mut LegConfig)) -> (World, PeerId, PeerId) {
    let mut world = World::new(seed);
    let call = world.add_call();
    let [a, b] = [(); 2].map(|()| {
        let mut leg = audio([pcmu(), telephone_event(101)]);
        config(&mut leg);
        world.add_peer(call, leg)
    });
    world.connect(a, b);
    for (peer, seconds) in [(a, 3), (b, 4)] {
        world.peer_mut(peer).reports_every = Some(Duration::from_secs(seconds));
        world.start(peer);
    }
    (world, a, b)
}

/// What the engine's reports to a party say of its loss: the figures of the last one.
fn last_report(world: &World, party: PeerId) -> &HeardReport {
    world.peer(party).heard.reports.last().expect("a report")
}

// test-of: [RFC3550 6.3.1], [RFC3550 6.3.6]
#[test]
fn intervals_have_the_mean_and_the_spread_of_the_specification() {
    let mut intervals = Vec::new();
    let mut firsts = Vec::new();
    for seed in 0..40 {
        let (mut world, a, b) = call(seed, |_| {});
        world.run_for(Duration::from_secs(1800));
        for party in [a, b] {
            let times: Vec<Time> = world.peer(party).heard.reports.iter().map(|report| report.at).collect();
            firsts.push(times[0].since(Time::ZERO).as_secs_f64());
            intervals.extend(times.windows(2).map(|pair| pair[1].since(pair[0]).as_secs_f64()));
        }
    }
    // [RFC3550 6.3.1, 6.3.6] 5 s on average: the reconsideration makes up for the division by e - 3/2. An interval is at
    // least half of 5 s and at most one and a half, divided by that.
    let compensation = std::f64::consts::E - 1.5;
    let (least, most) = (2.5 / compensation, 7.5 / compensation);
    #[expect(clippy::cast_precision_loss, reason = "a mean")]
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    assert!(intervals.len() > 20_000, "{}", intervals.len());
    assert!((4.9..5.1).contains(&mean(&intervals)), "mean interval {}", mean(&intervals));
    let bounds = least - 0.001..=most + 0.001;
    assert!(intervals.iter().all(|interval| bounds.contains(interval)), "outside {bounds:?}");
    let early = intervals.iter().filter(|interval| **interval < 3.0).count();
    let late = intervals.iter().filter(|interval| **interval > 6.0).count();
    assert!(early > intervals.len() / 40 && late > intervals.len() / 40, "{early} early, {late} late");
    // The first one comes after half the time.
    assert!((2.4..2.7).contains(&mean(&firsts)), "mean first interval {}", mean(&firsts));
    assert!(firsts.iter().all(|first| (least / 2.0..=most / 2.0 + 0.02).contains(first)));
}

#[test]
fn a_sender_report_states_what_was_sent_and_when() {
    let (mut world, a, b) = call(1, |_| {});
    world.peer_mut(b).heard.keep_packets = true;
    world.run_for(Duration::from_secs(120));
    let (sender, heard) = (world.peer(a), &world.peer(b).heard);
    assert!(heard.reports.len() > 15);
    let ssrc = world.leg_statistics(b).sent.ssrc.unwrap();
    for report in &heard.reports {
        let info = report.info.expect("the engine sends all the time, so it sends sender reports");
        assert_eq!(report.ssrc, ssrc);
        // Reports and media have the same way of 10 ms.
        let sent_at = report.at - Duration::from_millis(10);
        let wall = NtpTime::from_unix(Duration::from_secs(1_760_000_000) + sent_at.since(Time::ZERO));
        assert!(info.ntp.0.abs_diff(wall.0) < 1 << 12, "the wall clock of the moment it was sent");
        let before: Vec<_> = heard.log.iter().filter(|packet| packet.at <= report.at).collect();
        assert_eq!(u64::from(info.packets), before.len() as u64);
        assert_eq!(info.octets, info.packets * 160);
        let last = before.last().unwrap();
        let since = report.at.since(last.at).as_secs_f64() * 8000.0;
        let drift = f64::from(info.rtp.distance_from(last.timestamp)) - since;
        assert!(drift.abs() <= 1.0, "the RTP clock of the same moment: {drift} ticks off");
    }
    assert_eq!(sender.up.counts().lost, 0);
}

#[test]
fn a_leg_that_hears_and_does_not_send_reports_as_receiver() {
    let (mut world, a, b) = call(2, |_| {});
    world.set_source(a, None);
    world.run_for(Duration::from_secs(60));
    let reports = &world.peer(a).heard.reports;
    assert!(reports.len() > 8);
    assert!(reports.iter().all(|report| report.info.is_none() && report.blocks.len() == 1));
    world.set_source(a, Some(b));
    world.run_for(Duration::from_secs(30));
    assert!(last_report(&world, a).info.is_some(), "and as sender once it sends");
}

#[test]
fn a_report_block_is_what_the_link_did() {
    let burst = Burst { enter: 0.01, leave: 0.3, loss: 0.9 };
    let profiles = [
        LinkProfile::default(),
        LinkProfile { loss: 0.05, ..LinkProfile::default() },
        LinkProfile { loss: 0.5, ..LinkProfile::default() },
        LinkProfile { burst: Some(burst), reorder: 0.02, duplicate: 0.03, ..LinkProfile::default() },
        LinkProfile::rough(),
    ];
    for profile in profiles {
        for_each_seed(6, |seed| {
            let (mut world, a, _) = call(seed, |_| {});
            world.peer_mut(a).up.set_profile(profile);
            world.run_for(Duration::from_secs(300));
            world.stop(a);
            world.run_for(Duration::from_secs(10));
            let peer = world.peer(a);
            let link = peer.up.counts();
            let received = world.leg_statistics(a).received;
            // A loss at either end of the stream is one that nobody can know of.
            let edge = 40;
            assert!(received.lost <= link.lost && received.lost + edge >= link.lost, "{received:?} {link:?}");
            assert_eq!(received.packets, link.sent - link.lost, "duplicates are not counted");
            assert_eq!(received.duplicates, link.duplicated);
            assert_eq!(received.out_of_order, link.out_of_order);
            assert_eq!(received.octets, received.packets * 160);

            let block = last_report(&world, a).blocks[0];
            assert_eq!(block.ssrc, peer.stream.ssrc);
            assert_eq!(u64::try_from(block.cumulative_lost).unwrap(), received.lost);
            // The fractions of all intervals make up the whole loss.
            let blocks: Vec<_> =
                peer.heard.reports.iter().filter_map(|report| report.blocks.first()).collect();
            let mut total = 0.0;
            for pair in blocks.windows(2) {
                let expected = pair[1].highest_sequence - pair[0].highest_sequence;
                let lost = pair[1].cumulative_lost - pair[0].cumulative_lost;
                let share = f64::from(lost.max(0)) * 256.0 / f64::from(expected.max(1));
                let told = f64::from(pair[1].fraction_lost);
                assert!((share.min(255.0) - told).abs() <= 1.0, "{share} of 256 lost, {told} told");
                total += f64::from(lost);
            }
            assert!(total <= f64::from(block.cumulative_lost) + 1.0);
        });
    }
}

#[test]
fn the_highest_sequence_number_counts_its_wraps() {
    let (mut world, a, _) = call(4, |_| {});
    world.peer_mut(a).stream.sequence.0 = 65_000;
    world.peer_mut(a).up.set_profile(LinkProfile { loss: 0.02, reorder: 0.02, ..LinkProfile::default() });
    world.run_for(Duration::from_secs(70_000 / 50));
    world.stop(a);
    world.run_for(Duration::from_secs(10));
    let block = last_report(&world, a).blocks[0];
    let packets = u32::try_from(world.peer(a).stream.packets).unwrap();
    let highest = 65_000 + packets - 1;
    assert!(
        block.highest_sequence <= highest && block.highest_sequence + 10 >= highest,
        "{block:?} {highest}"
    );
}

#[test]
fn jitter_is_that_of_the_path() {
    for (millis, least, most) in [(0, 0.0, 0.2), (4, 0.8, 2.2), (16, 3.5, 7.5)] {
        let profile = LinkProfile { jitter: Duration::from_millis(millis), ..LinkProfile::default() };
        let (mut world, a, _) = call(8, |_| {});
        world.peer_mut(a).up.set_profile(profile);
        world.run_for(Duration::from_secs(120));
        let jitter = world.leg_statistics(a).received.jitter.as_secs_f64() * 1000.0;
        // Two independent delays of 0 to j differ by a third of j on average.
        assert!((least..=most).contains(&jitter), "{jitter} ms for 0 to {millis} ms");
        let told = f64::from(last_report(&world, a).blocks[0].jitter) / 8.0;
        assert!((least..=most).contains(&told), "{told} ms told");
    }
}

#[test]
fn round_trips_are_those_of_the_path_at_both_ends() {
    for delay in [0, 5, 40, 250, 900] {
        let (mut world, a, b) = call(delay, |_| {});
        world.peer_mut(a).set_links(LinkProfile::clean(Duration::from_millis(delay)));
        world.run_for(Duration::from_secs(60));
        let path = Duration::from_millis(2 * delay);
        let close = |measured: Duration| measured.abs_diff(path) < Duration::from_millis(1);
        let measured = world.leg_statistics(a).sent.round_trip.expect("the engine knows");
        assert!(close(measured), "the engine measures {measured:?} of {path:?}");
        let at_the_party = last_report(&world, a).round_trip.expect("the party knows");
        assert!(close(at_the_party), "the party measures {at_the_party:?} of {path:?}");
        let other = world.leg_statistics(b).sent.round_trip.unwrap();
        assert!(
            other.abs_diff(Duration::from_millis(20)) < Duration::from_millis(1),
            "the other leg's own path"
        );
    }
}

#[test]
fn what_the_party_reports_of_what_it_hears_is_in_the_figures() {
    let (mut world, a, _) = call(7, |_| {});
    world.peer_mut(a).down.set_profile(LinkProfile {
        loss: 0.1,
        jitter: Duration::from_millis(9),
        ..LinkProfile::default()
    });
    world.run_for(Duration::from_secs(120));
    world.report_now(a);
    world.run_for(Duration::from_millis(50));
    let sent = world.leg_statistics(a).sent;
    let lost = i64::try_from(world.peer(a).down.counts().lost).unwrap();
    assert!((i64::from(sent.reported_lost.unwrap()) - lost).abs() < 4, "{sent:?}, {lost} lost");
    assert!(sent.reported_fraction_lost.is_some());
    let jitter = sent.reported_jitter.unwrap();
    assert!((1.5..5.0).contains(&(jitter.as_secs_f64() * 1000.0)), "{jitter:?}");
    assert_eq!(sent.packets, world.peer(a).down.counts().sent);
}

// test-of: [RFC7022 4.2]
#[test]
fn the_canonical_name_is_one_for_life_and_another_for_each_leg() {
    let (mut world, a, b) = call(3, |_| {});
    world.run_for(Duration::from_secs(60));
    let moved = "203.0.113.3:7000".parse().unwrap();
    world.move_peer(a, moved);
    world.reinvite(a, |config| config.remote = Some(RemoteAddress { rtp: moved, rtcp: None }));
    world.peer_mut(b).stream.ssrc = Ssrc(9);
    world.run_for(Duration::from_secs(60));
    let names = |party| -> Vec<_> {
        let mut names: Vec<_> =
            world.peer(party).heard.reports.iter().map(|report| report.cname.clone().unwrap()).collect();
        assert!(names.len() > 15);
        names.dedup();
        names
    };
    let (of_a, of_b) = (names(a), names(b));
    assert_eq!((of_a.len(), of_b.len()), (1, 1));
    assert_ne!(of_a, of_b);
    assert!(of_a[0].len() >= 16, "96 random bits [RFC7022 4.2]");
}

#[test]
fn a_removed_leg_says_bye_and_so_does_an_ended_call() {
    for end in [false, true] {
        let (mut world, a, b) = call(5, |_| {});
        world.run_for(Duration::from_secs(10));
        let ssrc = world.leg_statistics(a).sent.ssrc.unwrap();
        if end {
            let call = world.peer(a).call;
            assert!(world.end_call(call));
        } else {
            assert!(world.remove_leg(a));
        }
        world.run_for(Duration::from_secs(20));
        assert_eq!(last_report(&world, a).byes, [ssrc]);
        assert_eq!(last_report(&world, b).byes.len(), usize::from(end));
        let after = world.peer(a).heard.reports.iter().filter(|report| !report.byes.is_empty()).count();
        assert_eq!(after, 1, "once, and nothing after it");
    }
}

#[test]
fn a_bye_of_the_party_is_told_once_and_the_stream_may_go_on() {
    let (mut world, a, b) = call(6, |_| {});
    world.run_for(Duration::from_secs(10));
    world.peer_mut(a).reports_every = None;
    world.say_bye(a);
    world.say_bye(a);
    world.run_for(Duration::from_secs(5));
    let (call, leg) = (world.peer(a).call, world.peer(a).leg);
    let byes: Vec<_> = world.events.iter().filter(|(_, event)| matches!(event, Event::Bye { .. })).collect();
    assert_eq!(byes.len(), 1);
    assert_eq!(byes[0].1, Event::Bye { call, leg });
    assert!(world.peer(b).heard.packets > 700, "media is not cut off by it");
}

#[test]
fn rtcp_travels_as_the_leg_says() {
    for mode in [RtcpMode::Separate, RtcpMode::Mux, RtcpMode::Off] {
        let (mut world, a, b) = call(9, |config| config.rtcp = mode);
        for party in [a, b] {
            world.peer_mut(party).mux = mode == RtcpMode::Mux;
        }
        world.run_for(Duration::from_secs(60));
        let reports = &world.peer(a).heard.reports;
        assert_eq!(reports.is_empty(), mode == RtcpMode::Off, "{mode:?}");
        assert!(reports.iter().all(|report| report.on_rtp_port == (mode == RtcpMode::Mux)), "{mode:?}");
        assert_eq!(world.to_nowhere, 0);
        if mode != RtcpMode::Off {
            assert!(world.leg_statistics(a).received.rtcp_packets > 15);
            assert!(world.leg_statistics(a).sent.round_trip.is_some());
        }
    }
}

#[test]
fn reports_go_where_the_signalling_says_until_the_party_is_heard_there() {
    let rtcp = "203.0.113.8:9999".parse().unwrap();
    let (mut world, a, _) = call(10, |_| {});
    let rtp = world.peer(a).address;
    world.peer_mut(a).reports_every = None;
    world.reinvite(a, |config| config.remote = Some(RemoteAddress { rtp, rtcp: Some(rtcp) }));
    world.run_for(Duration::from_secs(30));
    assert_eq!(world.peer(a).heard.compounds, 0);
    assert!(world.to_nowhere >= 4, "{} at the address that was signalled", world.to_nowhere);
}

#[test]
fn no_reports_are_made_up_where_the_leg_does_not_want_them() {
    let (mut world, a, b) = call(11, |config| config.generate_rtcp = false);
    world.run_for(Duration::from_secs(60));
    assert_eq!((world.peer(a).heard.compounds, world.peer(b).heard.compounds), (0, 0));
    assert!(world.leg_statistics(a).received.rtcp_packets > 10, "those of the party are read still");
}

#[test]
fn reduced_size_and_unknown_packets_are_accepted_and_broken_ones_counted() {
    let (mut world, a, _) = call(12, |_| {});
    world.run_for(Duration::from_secs(1));
    let peer = world.peer(a);
    let (from, key, ssrc) =
        (peer.rtcp_address, mediapoint_testkit::rtcp_port(peer.slot), peer.stream.ssrc.0.to_be_bytes());
    // A picture loss indication on its own [RFC5506 4.1], an APP packet, a BYE without a report.
    let feedback = [&[0x81, 206, 0, 2], &ssrc[..], &[0, 0, 0, 9]].concat();
    let app = [&[0x80, 204, 0, 2], &ssrc[..], b"test"].concat();
    let bye = [&[0x81, 203, 0, 1], &ssrc[..]].concat();
    for packet in [&feedback, &app, &bye] {
        world.inject(key, from, packet);
    }
    assert_eq!(world.leg_statistics(a).received.rtcp_packets, 3);
    assert!(world.events.iter().any(|(_, event)| matches!(event, Event::Bye { .. })));
    world.inject(key, from, &[0x81, 201, 0, 9, 1, 2, 3, 4]);
    assert_eq!(world.leg_statistics(a).received.dropped.malformed, 1);
    assert_eq!(world.leg_statistics(a).received.rtcp_packets, 3);
}

#[test]
fn mos_falls_with_loss_delay_and_bursts() {
    let mos = |profile: LinkProfile| {
        let (mut world, a, _) = call(13, |_| {});
        assert_eq!(world.leg_statistics(a).received.mos, None, "until it is heard");
        world.peer_mut(a).set_links(profile);
        world.run_for(Duration::from_secs(120));
        world.leg_statistics(a).received.mos.expect("a score")
    };
    let clean = mos(LinkProfile::default());
    let lossy = mos(LinkProfile { loss: 0.05, ..LinkProfile::default() });
    let very_lossy = mos(LinkProfile { loss: 0.3, ..LinkProfile::default() });
    let far = mos(LinkProfile::clean(Duration::from_millis(400)));
    let burst = Burst { enter: 0.0088, leave: 0.167, loss: 1.0 };
    let bursty = mos(LinkProfile { burst: Some(burst), ..LinkProfile::default() });
    assert!((4.35..=4.45).contains(&clean), "{clean}");
    // R = 77.4 [ITU-T G.107 eq. 7-29], MOS 3.94.
    assert!((3.7..4.15).contains(&lossy), "{lossy}");
    assert!((1.0..2.6).contains(&very_lossy), "{very_lossy}");
    assert!(far < clean - 0.3 && far > 3.0, "{far}");
    assert!(bursty < lossy, "{bursty} with bursts, {lossy} without");
}

#[test]
fn timestamps_in_reports_go_on_over_another_stream_of_the_party() {
    let (mut world, a, b) = call(14, |_| {});
    for round in 0..10 {
        world.run_for(Duration::from_secs(12));
        let stream = &mut world.peer_mut(a).stream;
        stream.ssrc = Ssrc(round);
        stream.timestamp = RtpTicks(round.wrapping_mul(0x1234_5678));
    }
    let reports: Vec<_> =
        world.peer(b).heard.reports.iter().filter_map(|report| Some((report.at, report.info?))).collect();
    assert!(reports.len() > 20);
    for pair in reports.windows(2) {
        let elapsed = pair[1].0.since(pair[0].0).as_secs_f64() * 8000.0;
        let ticks = f64::from(pair[1].1.rtp.distance_from(pair[0].1.rtp));
        assert!((ticks - elapsed).abs() < 400.0, "{ticks} ticks in {elapsed}");
    }
}
