//! Against a naive twin: a map of packets, and a clock that never errs.

use std::collections::BTreeSet;

use mediapoint_jitter::{Kind, PlayoutConfig};
use mediapoint_packet::Time;

use crate::common::{Leg, Random, Sender, ms, voice};

/// Packets in which the delay settles, undisturbed.
const SETTLING: u64 = 200;
const PACKETS: u64 = 600;

/// Packets lost, late, twice and in any order, while the delay is fixed: what is heard of each is what the twin says.
#[test]
fn twin_with_a_map_hears_the_same() {
    for seed in 0..40 {
        let mut random = Random(seed);
        let loss = random.below(4) * 5;
        let config = PlayoutConfig::new(8000).unwrap().with_delay(ms(80), ms(80)).unwrap();
        let mut leg = Leg::with(config, 20);
        let mut sender = Sender::new();
        let mut came = BTreeSet::new();
        let (mut late, mut twice) = (0, 0);
        for n in 0..PACKETS {
            let packet = sender.packet(20);
            let sent = Time::from_millis(20 * n);
            if n < SETTLING || n == PACKETS - 1 {
                leg.at(sent, packet);
                came.insert(n);
                continue;
            }
            if random.below(100) < loss {
                continue;
            }
            // Under the delay of 80 ms it is in time; past 140 ms, pulls and all, it is not.
            let delay = if random.below(50) == 0 { 140 + random.below(50) } else { random.below(79) };
            if delay >= 140 {
                late += 1
            } else {
                came.extend([n])
            }
            leg.at(sent + ms(delay), packet.clone());
            if random.below(10) == 0 {
                leg.at(sent + ms(delay + random.below(40)), packet);
                if delay < 140 { twice += 1 } else { late += 1 }
            }
        }
        leg.run(Time::from_millis(20 * PACKETS + 200));
        let statistics = leg.statistics();
        let lost = PACKETS - came.len() as u64;
        assert_eq!((statistics.lost, statistics.played), (lost, came.len() as u64), "{seed}: {statistics:?}");
        assert_eq!((statistics.late, statistics.duplicates), (late, twice), "{seed}: {statistics:?}");
        compare(&leg, &came, seed);
    }
}

/// Every packet that came, with those around it, is heard bit for bit, in its order and at its time.
fn compare(leg: &Leg, came: &BTreeSet<u64>, seed: u64) {
    let heard = leg.pcm();
    let packet = |n: u64| -> Vec<i16> { (0..160).map(|i| voice((n * 160 + i) as f64 / 8000.0)).collect() };
    let settled = packet(SETTLING - 1);
    let start =
        heard.windows(160).position(|window| window == settled).expect("the last packet before the trouble");
    for n in SETTLING..PACKETS - 1 {
        let at = start + (n + 1 - SETTLING) as usize * 160;
        let pcm = &heard[at..at + 160];
        // The beginning of what follows a gap is joined to what filled it.
        let whole = came.contains(&(n - 1)) || (came.contains(&n) && pcm[120..] == packet(n)[120..]);
        if came.contains(&n) && came.contains(&(n - 1)) {
            assert_eq!(pcm, packet(n), "{seed}: packet {n}");
        } else if came.contains(&n) {
            assert!(whole, "{seed}: packet {n} after a gap");
        } else {
            assert!(pcm != packet(n), "{seed}: packet {n} cannot be known");
        }
    }
    let concealed = leg.heard.iter().filter(|heard| heard.kind == Kind::Concealed).count() as u64;
    let lost = PACKETS - came.len() as u64;
    assert!(concealed.abs_diff(lost) <= lost / 2 + 12, "{seed}: {concealed} pulls for {lost} packets");
}
