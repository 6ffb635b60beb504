//! An hour of a call with loss, jitter, clocks that drift, hold, pauses, secure input and a re-INVITE, as a recorder reads it:
//! left never shifts against right, and the length is that of the hour.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "helpers of the tests: what is missing fails them"
)]

use std::ops::ControlFlow;
use std::time::Duration;

use mediapoint_engine::session::command::CallCommand;
use mediapoint_engine::{
    AudioTapSpec, Direction, EncoderSettings, Left, PayloadCodec, SecureInput, TapReader, TapSource,
};
use mediapoint_packet::Time;
use mediapoint_recorder::{AudioSource, FactKind, Facts, LossPlace, TimeLine};
use mediapoint_testkit::{LinkProfile, PeerId, Voice, World, audio, pcma, pcmu, telephone_event};

const RATE: usize = 8000;
const HOUR: Duration = Duration::from_secs(3600);

/// A burst of 60 ms begins each two seconds of a party's own clock.
const EVERY: u64 = 2000;
const BURST: u64 = 60;

fn signal(n: u64, rate: u32) -> i16 {
    let at = n * 1000 / u64::from(rate) % EVERY;
    let wave = n * 8000 / u64::from(rate) % 8;
    if at >= BURST {
        0
    } else {
        [0, 5600, 8000, 5600, 0, -5600, -8000, -5600].get(wave as usize).copied().unwrap_or(0)
    }
}

/// A recorder without threads: the time line in two arrays.
struct Harness {
    source: TapSource,
    line: TimeLine,
    facts: Facts,
    channels: [Vec<i16>; 2],
}

impl Harness {
    fn read(&mut self) {
        let Self { source, line, facts, channels } = self;
        source.read(&mut |view| {
            line.push(view, LossPlace::Tap).expect("in order");
            poll(line, facts, channels);
            ControlFlow::Continue(())
        });
    }

    fn end(mut self) -> (Vec<mediapoint_recorder::Fact>, [Vec<i16>; 2]) {
        self.read();
        self.line.end(self.source.ended(), LossPlace::Tap).expect("an end");
        poll(&mut self.line, &mut self.facts, &mut self.channels);
        (self.facts.drain().collect(), self.channels)
    }
}

fn poll(line: &mut TimeLine, facts: &mut Facts, [left, right]: &mut [Vec<i16>; 2]) {
    while let Some(frame) = line.poll(facts) {
        left.extend(&frame.left[..frame.samples]);
        right.extend(&frame.right[..frame.samples]);
    }
}

/// Where bursts begin, in samples: the first of 10 ms that are loud behind 500 ms that are not.
fn bursts(channel: &[i16]) -> Vec<usize> {
    let loud = |block: &[i16]| block.iter().filter(|sample| sample.unsigned_abs() > 1500).count() > 20;
    let mut found = Vec::new();
    let mut quiet = RATE;
    for (n, block) in channel.chunks(RATE / 100).enumerate() {
        if loud(block) {
            if quiet >= RATE / 2 {
                found.push(n * RATE / 100);
            }
            quiet = 0;
        } else {
            quiet += RATE / 100;
        }
    }
    found
}

/// How late each burst stands, in milliseconds behind when it was said: `clock` is how fast the party's clock is.
fn lateness(channel: &[i16], began: Duration, clock: f64) -> Vec<f64> {
    let every = EVERY as f64 * clock;
    let late = |at: &usize| {
        let at = *at as f64 / 8.0 + began.as_secs_f64() * 1000.0;
        let late = at.rem_euclid(every);
        if late > every / 2.0 { late - every } else { late }
    };
    bursts(channel).iter().map(late).collect()
}

fn party(world: &mut World, id: PeerId, entry: &PayloadCodec, micros: u64) {
    let voice = Voice::new(entry, 8000, &EncoderSettings::default(), signal);
    let peer = world.peer_mut(id);
    peer.stream.voice = Some(voice);
    peer.stream.ptime = Duration::from_micros(micros);
    let rough = LinkProfile { loss: 0.02, jitter: Duration::from_millis(20), ..LinkProfile::default() };
    peer.up.set_profile(rough);
    peer.down.set_profile(rough);
}

#[test]
fn for_an_hour() {
    let mut world = World::new(23);
    let call = world.add_call();
    let (left, right) = (pcma(), pcmu());
    let a = world.add_peer(call, audio([left.clone(), telephone_event(101)]));
    let b = world.add_peer(call, audio([right.clone(), telephone_event(101)]));
    world.connect(a, b);
    // One clock is 100 ppm slow, the other 50 ppm fast.
    party(&mut world, a, &left, 20_002);
    party(&mut world, b, &right, 19_999);
    let spec = AudioTapSpec { mask_secure_input: true, ..AudioTapSpec::new(world.peer(a).leg) };
    let (tap, reader) = world.tap_with(&spec, 200);
    let source = TapSource::new(TapReader::over(reader, 8000), Left::Received);
    let mut harness = Harness {
        source,
        line: TimeLine::new(8000),
        facts: Facts::default(),
        channels: [Vec::new(), Vec::new()],
    };
    world.start(a);
    world.start(b);
    let mut seconds = 0;
    while Duration::from_secs(seconds) < HOUR {
        world.run_until(Time::ZERO + Duration::from_secs(seconds + 1));
        seconds += 1;
        match seconds % 300 {
            60 => world.apply(call, CallCommand::PauseTap { tap, paused: true }).expect("paused"),
            75 => world.apply(call, CallCommand::PauseTap { tap, paused: false }).expect("goes on"),
            120 => world.reinvite(b, |config| config.secure_input = SecureInput::Drop),
            135 => world.reinvite(b, |config| config.secure_input = SecureInput::Off),
            // Hold: neither sends.
            180 | 200 => {
                let held = seconds % 300 == 180;
                let direction = if held { Direction::Inactive } else { Direction::SendReceive };
                for party in [a, b] {
                    world.reinvite(party, |config| config.direction = direction);
                    world.peer_mut(party).stream.speaking = !held;
                }
            }
            250 => world.reinvite(a, |config| config.codecs.reverse()),
            _ => {}
        }
        harness.read();
    }
    world.apply(call, CallCommand::RemoveTap { tap }).expect("removed");
    let (facts, channels) = harness.end();
    for channel in &channels {
        assert!(channel.len().abs_diff(3600 * RATE) <= RATE / 50, "an hour: {}", channel.len());
    }
    let seconds_of = |kind: FactKind| {
        facts.iter().filter(|fact| fact.kind == kind).map(|fact| fact.samples).sum::<u64>() as f64 / 8000.0
    };
    assert!((seconds_of(FactKind::Paused) - 12.0 * 15.0).abs() < 1.0, "{}", seconds_of(FactKind::Paused));
    // What sounded as it went off may have to end first.
    assert!((seconds_of(FactKind::Masked) - 12.0 * 15.0).abs() < 2.5, "{}", seconds_of(FactKind::Masked));
    let late =
        [lateness(&channels[0], Duration::ZERO, 1.0001), lateness(&channels[1], Duration::ZERO, 0.99995)];
    let tenth = |late: &[f64], from: usize| {
        let mut part: Vec<f64> = late.chunks(late.len().div_ceil(10)).nth(from).expect("ten parts").to_vec();
        part.sort_by(f64::total_cmp);
        part[part.len() / 2]
    };
    for (name, late) in ["left", "right"].into_iter().zip(&late) {
        // 1800 less those of a sixth of the time that is silent or held.
        assert!(late.len() > 1400, "{name}: {} bursts", late.len());
        // Never before they were said, and within what the jitter buffers hold.
        assert!(late.iter().all(|late| (10.0..150.0).contains(late)), "{name}");
        let moved = tenth(late, 9) - tenth(late, 0);
        assert!(moved.abs() <= 20.0, "{name} moved by {moved} ms in an hour");
    }
    // What they are apart is what their jitter buffers' delays are, and does not grow.
    let apart = |part: usize| tenth(&late[0], part) - tenth(&late[1], part);
    let apart: Vec<f64> = (0..10).map(apart).collect();
    println!("left behind right in each tenth of the hour, ms: {apart:.0?}");
    for (part, now) in apart.iter().enumerate() {
        assert!(now.abs() <= 40.0, "left and right are {now} ms apart in part {part}");
        assert!((now - apart[0]).abs() <= 20.0, "left moved against right by {} ms", now - apart[0]);
    }
}
