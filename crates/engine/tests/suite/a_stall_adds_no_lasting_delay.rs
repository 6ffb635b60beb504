//! A worker that had no core for a second, or has too little of it for long: what lies beyond the longest delay of the jitter
//! buffer is thrown away and counted. No call stays behind.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "helpers of the tests: what is missing fails them"
)]

use std::time::Duration;

use mediapoint_engine::{EncoderSettings, JitterBuffer, LegConfig, PayloadCodec};
use mediapoint_packet::Time;
use mediapoint_testkit::{Ear, PeerId, Voice, World, audio, codec, pcmu};

/// Levels that the audio steps through, one each 20 ms: it tells its own age up to 1.28 s.
const LEVELS: u64 = 64;
const STEP: i16 = 900;
const BLOCK: u64 = 160;

fn level(block: u64) -> i16 {
    (i16::try_from(block % LEVELS).unwrap() - 32) * STEP
}

fn step(n: u64, _rate: u32) -> i16 {
    level(n / BLOCK)
}

/// A call whose first party says its levels; the second hears them after they were decoded and encoded.
fn call(max: Duration, heard: PayloadCodec) -> (World, PeerId, PeerId) {
    let mut world = World::new(7);
    let call = world.add_call();
    let l16 = codec(97, "L16", 8000);
    let jitter_buffer = JitterBuffer { max, ..JitterBuffer::default() };
    let a = world.add_peer(call, LegConfig { jitter_buffer, ..audio([l16.clone()]) });
    let b = world.add_peer(call, audio([heard]));
    world.connect(a, b);
    world.peer_mut(a).stream.voice = Some(Voice::new(&l16, 8000, &EncoderSettings::default(), step));
    world.peer_mut(b).heard.keep_packets = true;
    world.start(a);
    (world, a, b)
}

/// The age of the audio in each packet that `b` heard from `from` on, in milliseconds.
fn ages(world: &World, b: PeerId, from: Time) -> Vec<u64> {
    let peer = world.peer(b);
    let ear = Ear::new(&peer.heard.log, &peer.config.codecs, 8000);
    let age = |&(at, first): &(Time, usize)| {
        let heard = ear.pcm[first + 80];
        let block = (0..LEVELS).min_by_key(|block| heard.abs_diff(level(*block))).unwrap();
        let now = u64::try_from(at.since(Time::ZERO).as_millis()).unwrap() / 20;
        (now % LEVELS + LEVELS - block) % LEVELS * 20
    };
    ear.arrivals.iter().filter(|(at, _)| *at >= from).map(age).collect()
}

#[test]
fn a_second_without_a_core_leaves_no_delay_behind() {
    for max in [60, 200, 500].map(Duration::from_millis) {
        let (mut world, a, b) = call(max, pcmu());
        world.run_for(Duration::from_secs(3));
        let before = ages(&world, b, Time::from_millis(2000)).into_iter().max().unwrap();
        world.stall(Duration::from_secs(1));
        world.run_for(Duration::from_millis(1200));
        let after = world.now();
        world.run_for(Duration::from_secs(10));
        let most = u64::try_from(max.as_millis()).unwrap() + 40;
        let late = ages(&world, b, after);
        assert!(late.iter().all(|age| *age <= before + most), "{max:?}: {before} ms, then {late:?}");
        let settled = ages(&world, b, world.now() - Duration::from_secs(2));
        assert!(
            settled.iter().all(|age| *age <= before + most),
            "{max:?}: {before} ms, in the end {settled:?}"
        );
        let playout = world.leg_statistics(a).playout.unwrap();
        assert!(playout.overflows >= 20, "{max:?}: what was thrown away is counted: {playout:?}");
        assert_eq!(world.buffers_lost(), 0);
    }
}

#[test]
fn a_worker_with_too_little_of_its_core_does_not_fall_back_further_and_further() {
    for (stall, runs) in [(150, 5), (300, 5), (700, 50)] {
        let (mut world, _, b) = call(Duration::from_millis(200), pcmu());
        world.run_for(Duration::from_secs(3));
        let from = world.now();
        for _ in 0..30_000 / (stall + runs) {
            world.stall(Duration::from_millis(stall));
            world.run_for(Duration::from_millis(stall + runs));
        }
        // The stall itself, the jitter buffer's longest delay, and what a tick and a packet add.
        let most = stall + 200 + 100;
        let ages_then = ages(&world, b, from);
        // What is concealed in a gap fades, and has no age.
        let later = ages_then.iter().filter(|age| **age > most).count();
        assert!(later * 20 <= ages_then.len(), "{stall} ms: {later} of {} are older", ages_then.len());
        let after = world.now() + Duration::from_secs(1);
        world.run_for(Duration::from_secs(3));
        let late = ages(&world, b, after);
        assert!(late.iter().all(|age| *age <= 300), "{stall} ms, afterwards: {late:?}");
    }
}
