//! Packets in any order, twice, late or not at all.

use mediapoint_jitter::{Inserted, Kind, PlayoutConfig};
use mediapoint_packet::Time;

use crate::common::{Leg, Random, Sender, ms};

#[test]
fn first_packet_is_heard_at_the_next_pull() {
    let mut leg = Leg::new();
    let mut sender = Sender::new();
    leg.at(Time::from_millis(205), sender.packet(20));
    leg.run(Time::from_millis(240));
    let kinds: Vec<Kind> = leg.heard.iter().map(|heard| heard.kind).collect();
    let pulls_before = 10;
    assert!(kinds[..pulls_before].iter().all(|kind| *kind == Kind::Nothing), "{kinds:?}");
    assert_eq!(kinds[pulls_before..], [Kind::Speech, Kind::Concealed]);
}

#[test]
fn what_comes_on_time_is_heard_as_it_was_sent() {
    let mut leg = Leg::new();
    let mut sender = Sender::new();
    leg.stream(&mut sender, Time::ZERO, 500, |_| Some(ms(5)));
    leg.run(Time::from_millis(10_000));
    let statistics = leg.statistics();
    assert_eq!((statistics.played, statistics.lost, statistics.late), (500, 0, 0));
    assert_eq!(statistics.concealed_samples, 0);
    // All but the growth of the delay at the beginning.
    assert!(statistics.stretched_samples <= 320, "{statistics:?}");
}

#[test]
fn order_and_duplicates_do_not_matter_while_packets_are_in_time() {
    let config = PlayoutConfig::new(8000).unwrap().with_delay(ms(50), ms(200)).unwrap();
    let (mut straight, mut mixed) = (Leg::with(config, 20), Leg::with(config, 20));
    let mut sender = Sender::new();
    for n in 0..200 {
        let packet = sender.packet(20);
        let at = Time::from_millis(20 * n);
        straight.at(at, packet.clone());
        // From the second on, each pair comes the wrong way round, and twice.
        let swapped = at + ms(if n > 50 && n % 2 == 0 { 30 } else { 0 });
        mixed.at(swapped, packet.clone());
        if n > 50 {
            mixed.at(swapped + ms(3), packet);
        }
    }
    straight.run(Time::from_millis(4060));
    mixed.run(Time::from_millis(4060));
    assert_eq!(mixed.statistics().duplicates, 149);
    assert_eq!((mixed.statistics().late, mixed.statistics().lost), (0, 0), "{:?}", mixed.statistics());
    assert_eq!(mixed.pcm(), straight.pcm());
}

#[test]
fn every_second_packet_late_is_learnt_within_half_a_second() {
    let mut leg = Leg::new();
    leg.stream(&mut Sender::new(), Time::ZERO, 200, |n| Some(ms(n % 2 * 35)));
    leg.run(Time::from_millis(4000));
    let statistics = leg.statistics();
    assert!(statistics.lost <= 6, "{statistics:?}");
}

#[test]
fn packet_after_its_time_is_late_and_once_more_is_a_duplicate() {
    let mut leg = Leg::new();
    let mut sender = Sender::new();
    let packets: Vec<_> = (0..10).map(|_| sender.packet(20)).collect();
    for (n, packet) in (0..).zip(&packets) {
        if n != 5 {
            leg.at(Time::from_millis(20 * n), packet.clone());
        }
    }
    leg.run(Time::from_millis(200));
    assert_eq!(leg.insert(Time::from_millis(200), &packets[5]), Inserted::Late);
    assert_eq!(leg.insert(Time::from_millis(200), &packets[9]), Inserted::Duplicate);
    assert_eq!(leg.insert(Time::from_millis(200), &packets[3]), Inserted::Duplicate);
    let statistics = leg.statistics();
    assert_eq!((statistics.lost, statistics.late, statistics.duplicates), (1, 1, 2));
}

#[test]
fn delay_grows_to_what_the_jitter_needs_and_falls_slowly_after_it() {
    let mut leg = Leg::new();
    let mut sender = Sender::new();
    let mut random = Random(1);
    leg.stream(&mut sender, Time::ZERO, 1500, |_| Some(ms(random.below(60))));
    leg.run(Time::from_millis(5000));
    let learnt = leg.statistics();
    assert!((ms(50)..ms(75)).contains(&learnt.target_delay), "{learnt:?}");
    leg.run(Time::from_millis(30_000));
    let jittery = leg.statistics();
    let missed = jittery.concealed_samples - learnt.concealed_samples;
    assert!(missed < 8000 * 25 / 200, "half a per cent: {missed} of {} samples", 8000 * 25);
    assert!((ms(50)..ms(100)).contains(&jittery.delay), "{jittery:?}");

    leg.stream(&mut sender, Time::from_millis(30_000), 3000, |_| Some(ms(0)));
    leg.run(Time::from_millis(33_000));
    assert!(leg.statistics().target_delay > ms(40), "{:?}", leg.statistics());
    leg.run(Time::from_millis(90_000));
    let calm = leg.statistics();
    assert!(calm.target_delay < ms(10) && calm.delay < ms(35), "{calm:?}");
    assert!(calm.compressed_samples > 8 * 20, "{calm:?}");
}

#[test]
fn late_packets_raise_the_target_at_once() {
    let mut leg = Leg::new();
    let mut sender = Sender::new();
    leg.stream(&mut sender, Time::ZERO, 1000, |n| Some(if n % 50 == 49 { ms(70) } else { ms(0) }));
    leg.run(Time::from_millis(20_000));
    let statistics = leg.statistics();
    assert!(statistics.target_delay >= ms(70), "{statistics:?}");
    // The first few were late, the rest of the twenty were not.
    assert!(statistics.lost + statistics.late <= 6, "{statistics:?}");
}

#[test]
fn bounds_of_the_delay_hold() {
    for (min, max) in [(60, 60), (40, 80), (0, 30)] {
        let config = PlayoutConfig::new(8000).unwrap().with_delay(ms(min), ms(max)).unwrap();
        let mut leg = Leg::with(config, 20);
        let mut random = Random(3);
        leg.stream(&mut Sender::new(), Time::ZERO, 1000, |_| Some(ms(random.below(120))));
        leg.run(Time::from_millis(20_000));
        let target = leg.statistics().target_delay;
        assert!(ms(min) <= target && target <= ms(max), "{min}..{max}: {target:?}");
    }
}
