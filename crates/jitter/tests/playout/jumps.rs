//! Streams that begin anew.

use mediapoint_jitter::Kind;
use mediapoint_packet::Time;

use crate::common::{Leg, Sender, ms, roughness};

/// 2 s of voice, something that happens to the sender, 2 s of voice without a pause between.
fn across(change: impl FnOnce(&mut Sender)) -> Leg {
    let mut leg = Leg::new();
    let mut sender = Sender::new();
    leg.stream(&mut sender, Time::ZERO, 100, |_| Some(ms(2)));
    change(&mut sender);
    leg.stream(&mut sender, Time::from_millis(2000), 100, |_| Some(ms(2)));
    leg.run(Time::from_millis(3990));
    leg
}

fn is_heard_without_a_stall(leg: &Leg, what: &str) {
    let statistics = leg.statistics();
    assert!(statistics.played >= 198, "{what}: {statistics:?}");
    assert_eq!((statistics.late, statistics.lost), (0, 0), "{what}: {statistics:?}");
    let speechless = leg.heard.iter().filter(|heard| heard.kind != Kind::Speech).count();
    assert!(speechless <= 1, "{what}: {speechless} pulls without speech");
    assert!(statistics.delay < ms(45) && statistics.target_delay < ms(25), "{what}: {statistics:?}");
    let plain =
        roughness(&(0..32_000).map(|n| crate::common::voice(f64::from(n) / 8000.0)).collect::<Vec<_>>());
    assert!(roughness(&leg.pcm()) <= plain * 5 / 4, "{what}: {} over {plain}", roughness(&leg.pcm()));
}

#[test]
fn timestamps_that_jump_are_heard_without_a_stall() {
    for by in [160, 8000, 80_000, 8_000_000, 1 << 30, 1 << 31, (1 << 31) + 5] {
        let leg = across(|sender| sender.timestamp = sender.timestamp.wrapping_add(by));
        is_heard_without_a_stall(&leg, &format!("{by} ticks ahead"));
        let leg = across(|sender| sender.timestamp = sender.timestamp.wrapping_sub(by));
        is_heard_without_a_stall(&leg, &format!("{by} ticks back"));
    }
}

#[test]
fn new_epoch_is_heard_without_a_stall() {
    let leg = across(|sender| (sender.epoch, sender.index, sender.timestamp) = (1, 3, 0xdead_beef));
    is_heard_without_a_stall(&leg, "another ssrc");
    let leg = across(|sender| (sender.epoch, sender.index) = (1, 3));
    is_heard_without_a_stall(&leg, "another ssrc with the old timestamps");
}

#[test]
fn stream_that_begins_anew_without_a_word_is_heard_soon() {
    let leg = across(|sender| sender.index = 3);
    let statistics = leg.statistics();
    assert!(statistics.played >= 170 && statistics.resets >= 1, "{statistics:?}");
}

#[test]
fn late_joiner_is_heard_from_its_first_packet() {
    let mut leg = Leg::new();
    let mut sender = Sender::new();
    (sender.index, sender.timestamp) = (u64::from(u32::MAX) * 3, u32::MAX - 400);
    leg.stream(&mut sender, Time::from_millis(60_000), 50, |_| Some(ms(1)));
    leg.run(Time::from_millis(60_990));
    assert!(leg.statistics().played >= 48);
    assert_eq!(leg.count(Kind::Concealed), 0);
}

#[test]
fn delay_spike_costs_a_gap_and_no_more_than_the_longest_delay() {
    let mut leg = Leg::new();
    let mut sender = Sender::new();
    // For a second nothing comes, then all of it.
    leg.stream(&mut sender, Time::ZERO, 500, |n| {
        Some(ms(if (100..150).contains(&n) { (150 - n) * 20 } else { 0 }))
    });
    leg.run(Time::from_millis(3100));
    let statistics = leg.statistics();
    assert!(statistics.delay <= ms(260), "{statistics:?}");
    leg.run(Time::from_millis(10_000));
    let statistics = leg.statistics();
    assert_eq!(statistics.late, 0, "{statistics:?}");
    assert!(statistics.overflows < 50, "{statistics:?}");
    assert!(statistics.delay < ms(120), "{statistics:?}");
    assert!(leg.heard[160..].iter().all(|heard| heard.kind == Kind::Speech));
}
