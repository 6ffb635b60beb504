//! Silence in an audio tap: while it is paused, and while a leg of the call has secure input where it is to be masked. The time
//! line runs on, and says so.

use std::time::Duration;

use mediapoint_engine::session::command::CallCommand;
use mediapoint_engine::{AudioTapSpec, EncoderSettings, SecureInput, TapFrame, TapSide, TapState};
use mediapoint_net::ring::Consumer;
use mediapoint_testkit::{PeerId, Voice, World, audio, pcma, pcmu, telephone_event};

/// Two parties that both speak, and have done so for a second.
fn call() -> (World, PeerId, PeerId) {
    let mut world = World::new(11);
    let call = world.add_call();
    let codecs = [[pcma(), telephone_event(101)], [pcmu(), telephone_event(101)]];
    let [a, b] = codecs.map(|codecs| world.add_peer(call, audio(codecs)));
    world.connect(a, b);
    for (party, level) in [(a, 9_000), (b, -9_000)] {
        let codec = if party == a { pcma() } else { pcmu() };
        let voice = Voice::new(&codec, 8000, &EncoderSettings::default(), move |_, _| level);
        world.peer_mut(party).stream.voice = Some(voice);
        world.start(party);
    }
    world.run_for(Duration::from_secs(1));
    (world, a, b)
}

fn spec(world: &World, on: PeerId, mask_secure_input: bool) -> AudioTapSpec {
    AudioTapSpec { mask_secure_input, ..AudioTapSpec::new(world.peer(on).leg) }
}

/// Runs of one state: where it begins, its samples, and whether all of them are silence.
fn runs(reader: &mut Consumer<TapFrame>) -> Vec<(u64, u64, TapState, bool)> {
    let mut runs: Vec<(u64, u64, TapState, bool)> = Vec::new();
    let mut end = None;
    while let Some(()) = reader.pop_with(|frame| {
        assert_eq!(frame.position, end.unwrap_or(frame.position), "no hole in the time line");
        let samples = frame.received.pcm().len() as u64;
        end = Some(frame.position + samples);
        let silent =
            [&frame.received, &frame.sent].iter().all(|channel| channel.pcm().iter().all(|&s| s == 0));
        match runs.last_mut() {
            Some((_, length, state, all)) if *state == frame.state => {
                *length += samples;
                *all &= silent;
            }
            _ => runs.push((frame.position, samples, frame.state, silent)),
        }
    }) {}
    runs
}

fn secure(world: &mut World, peer: PeerId, secure_input: SecureInput) {
    world.reinvite(peer, |config| config.secure_input = secure_input);
    world.run_for(Duration::from_secs(1));
}

#[test]
fn while_it_is_paused() {
    let (mut world, a, _) = call();
    let call = world.peer(a).call;
    let (tap, mut reader) = world.tap_with(&spec(&world, a, false), 500);
    for paused in [true, false] {
        world.run_for(Duration::from_secs(1));
        world.apply(call, CallCommand::PauseTap { tap, paused }).unwrap();
    }
    world.run_for(Duration::from_secs(1));
    world.apply(call, CallCommand::RemoveTap { tap }).unwrap();
    let runs = runs(&mut reader);
    let states: Vec<_> = runs.iter().map(|run| (run.2, run.3)).collect();
    assert_eq!(states, [(TapState::Open, false), (TapState::Paused, true), (TapState::Open, false)]);
    for (_, samples, ..) in &runs {
        assert!(samples.abs_diff(8000) <= 160, "{samples} samples in a second");
    }
    assert_eq!(world.buffers_lost(), 0);
}

/// Whose secure input it is makes no difference: what either says may repeat the number.
#[test]
fn while_a_leg_has_secure_input() {
    for whose in [0, 1] {
        let (mut world, a, b) = call();
        let (_, mut masked) = world.tap_with(&spec(&world, a, true), 500);
        let (_, mut open) = world.tap_with(&spec(&world, a, false), 500);
        world.run_for(Duration::from_secs(1));
        let party = [a, b].get(whose).copied().unwrap();
        secure(&mut world, party, SecureInput::Drop);
        secure(&mut world, party, SecureInput::Off);
        let states: Vec<_> = runs(&mut masked).iter().map(|run| (run.2, run.3)).collect();
        assert_eq!(states, [(TapState::Open, false), (TapState::Masked, true), (TapState::Open, false)]);
        let states: Vec<_> = runs(&mut open).iter().map(|run| (run.2, run.3)).collect();
        assert_eq!(states, [(TapState::Open, false)], "a tap that does not ask for it");
    }
}

/// A pause under secure input stays a pause, and when it ends what is left is masked.
#[test]
fn while_both_hold() {
    let (mut world, a, _) = call();
    let call = world.peer(a).call;
    let (tap, mut reader) = world.tap_with(&spec(&world, a, true), 500);
    secure(&mut world, a, SecureInput::Silence);
    for paused in [true, false] {
        world.apply(call, CallCommand::PauseTap { tap, paused }).unwrap();
        world.run_for(Duration::from_secs(1));
    }
    let states: Vec<_> = runs(&mut reader).iter().map(|run| (run.2, run.3)).collect();
    assert_eq!(states, [(TapState::Masked, true), (TapState::Paused, true), (TapState::Masked, true)]);
}

/// Both parties fall silent: no media clock runs. The last mark still says how long the tap was there.
#[test]
fn and_its_length_is_that_of_its_life() {
    for end in ["tap", "leg", "call"] {
        let (mut world, a, b) = call();
        let call = world.peer(a).call;
        let (tap, mut reader) = world.tap_with(&spec(&world, a, false), 500);
        world.run_for(Duration::from_secs(1));
        world.stop(a);
        world.stop(b);
        world.run_for(Duration::from_secs(60));
        match end {
            "tap" => world.apply(call, CallCommand::RemoveTap { tap }).unwrap(),
            "leg" => world.apply(call, CallCommand::RemoveLeg { leg: world.peer(a).leg }).unwrap(),
            _ => assert!(world.end_call(call)),
        }
        let mut last = 0;
        while let Some(()) =
            reader.pop_with(|frame| last = frame.position + frame.received.pcm().len() as u64)
        {}
        assert_eq!(last, 61 * 8000, "{end}");
        assert!(reader.is_closed());
    }
}

#[test]
fn but_no_tap_of_another_kind() {
    let (mut world, a, _) = call();
    let call = world.peer(a).call;
    let (keys, _) = world.tap_keys(a);
    let refused = world.apply(call, CallCommand::PauseTap { tap: keys, paused: true });
    assert!(refused.is_err_and(|error| error.to_string().contains("audio tap")));
    let (tap, mut reader) = world.tap_audio(a, TapSide::Both, 8000, 100);
    world.run_for(Duration::from_millis(500));
    world.apply(call, CallCommand::PauseTap { tap, paused: true }).unwrap();
    assert!(runs(&mut reader).iter().any(|run| run.2 == TapState::Open && run.1 > 0));
}
