//! A sender whose clock is not ours.

use std::time::Duration;

use mediapoint_jitter::Kind;
use mediapoint_packet::Time;

use crate::common::{Leg, Random, Sender, ms, roughness, voice};

/// An hour of voice from a clock that is off.
fn hour(parts_per_million: i64, jitter: u64) -> Leg {
    let mut leg = Leg::new();
    let mut sender = Sender::new();
    let mut random = Random(9);
    let mut sent = 0;
    for minute in 1..=60 {
        let end = Time::from_millis(minute * 60_000);
        loop {
            let nanos = 20_000_000 * sent;
            let nanos = nanos + nanos / 1_000_000 * parts_per_million;
            let at = Time::from_nanos(nanos.cast_unsigned())
                + Duration::from_micros(random.below(jitter * 1000 + 1));
            if at >= end {
                break;
            }
            let packet = sender.packet(20);
            leg.at(at, packet);
            sent += 1;
        }
        leg.run(end);
        if minute == 1 {
            leg.heard.clear();
        } else {
            check(&leg, parts_per_million);
            leg.heard.clear();
        }
    }
    leg
}

/// Nothing but speech, and no step that the voice does not have.
fn check(leg: &Leg, parts_per_million: i64) {
    assert!(leg.heard.iter().all(|heard| heard.kind == Kind::Speech), "{parts_per_million} ppm");
    let plain = roughness(&(0..80_000).map(|n| voice(f64::from(n) / 8000.0)).collect::<Vec<_>>());
    assert!(roughness(&leg.pcm()) <= plain * 21 / 20, "{parts_per_million} ppm");
}

#[test]
fn an_hour_of_drift_is_not_heard() {
    for parts_per_million in [-200, 200] {
        let leg = hour(parts_per_million, 0);
        let statistics = leg.statistics();
        assert_eq!((statistics.lost, statistics.late, statistics.overflows), (0, 0, 0), "{statistics:?}");
        assert!(statistics.delay <= ms(45), "{statistics:?}");
        // 0.72 s of it, and what the delay grew at first.
        let net = statistics.stretched_samples as i64 - statistics.compressed_samples as i64;
        let drifted = parts_per_million * 8000 * 3600 / 1_000_000;
        assert!((net - drifted).abs() < 8 * 60, "{net} for {drifted}");
        let moved = statistics.stretched_samples + statistics.compressed_samples;
        assert!(moved < 8000, "{moved} samples moved to and fro");
    }
}

#[test]
fn drift_with_jitter_is_followed_too() {
    for parts_per_million in [-200, 200] {
        let leg = hour(parts_per_million, 15);
        let statistics = leg.statistics();
        assert_eq!((statistics.lost, statistics.late, statistics.overflows), (0, 0, 0), "{statistics:?}");
        assert!(statistics.delay <= ms(65), "{statistics:?}");
    }
}
