//! A mix: each leg in it hears the saturated sum of the others, sample by sample, a leg outside hears all, and players,
//! leavers and movers change the sum by just what they are.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of the tests: what is missing fails them"
)]

use std::time::Duration;

use mediapoint_engine::session::command::CallCommand;
use mediapoint_engine::session::source::tone::ToneGenerator;
use mediapoint_engine::{CallId, EncoderSettings, MixId, MixSpec, PayloadCodec, Source, ToneSpec};
use mediapoint_g711::{Law, decode, encode};
use mediapoint_testkit::{Ear, PeerId, Random, Voice, World, audio, codec, pcmu};

/// The parties are silent for so long, in seconds, so that their jitter buffers have settled on a delay.
const QUIET: usize = 3;

const RATE: usize = 8000;

fn l16() -> PayloadCodec {
    codec(97, "L16", 8000)
}

/// What a party says: nothing for a time, then noise that nothing else is like. Loud, so that sums are saturated.
#[expect(clippy::cast_possible_truncation, reason = "16 bits of it are wanted")]
fn noise(seed: u64, from: usize) -> impl Fn(u64, u32) -> i16 {
    move |n, _| {
        if n < from as u64 { 0 } else { Random::new(seed << 32 | n).next_u64() as i16 / 3 * 2 }
    }
}

fn law(entry: &PayloadCodec) -> Option<Law> {
    match entry.codec.name() {
        "pcmu" => Some(Law::Mu),
        _ => None,
    }
}

/// Samples as they are once they have been through a codec that keeps samples apart.
fn coded(entry: &PayloadCodec, pcm: &[i16]) -> Vec<i16> {
    match law(entry) {
        Some(law) => pcm.iter().map(|&sample| decode(law, encode(law, sample))).collect(),
        None => pcm.to_vec(),
    }
}

/// The saturated sum of signals, each with its delay: sample `n` of what is heard.
fn sum(parts: &[(&[i16], i64)], n: usize) -> i16 {
    let sample = |(pcm, delay): &(&[i16], i64)| {
        usize::try_from(n as i64 - delay).ok().and_then(|at| pcm.get(at)).map_or(0, |&x| i32::from(x))
    };
    let sum: i32 = parts.iter().map(sample).sum();
    i16::try_from(sum.clamp(i16::MIN.into(), i16::MAX.into())).unwrap()
}

struct Scene {
    world: World,
    call: CallId,
    mix: MixId,
    parties: Vec<PeerId>,
    entry: PayloadCodec,
    /// A leg that hears the mix and is not in it.
    outside: PeerId,
}

impl Scene {
    /// Three parties in a mix, which begin to talk half a second after each other.
    fn new(entry: &PayloadCodec) -> Self {
        let mut world = World::new(4);
        let call = world.add_call();
        let parties: Vec<PeerId> = (0..3).map(|_| world.add_peer(call, audio([entry.clone()]))).collect();
        let outside = world.add_peer(call, audio([entry.clone()]));
        let inputs: Vec<Source> = parties.iter().map(|party| world.source_of(*party)).collect();
        let mix = world.add_mix(call, &inputs);
        for party in parties.iter().chain([&outside]) {
            world.peer_mut(*party).heard.keep_packets = true;
            world.feed(*party, Source::Mix(mix));
        }
        for (n, party) in parties.iter().enumerate() {
            let begin = QUIET * RATE + n * RATE / 2;
            let voice = Voice::new(entry, 8000, &EncoderSettings::default(), noise(n as u64 + 1, begin));
            world.peer_mut(*party).stream.voice = Some(voice.kept());
            world.start(*party);
            world.run_for(Duration::from_millis(7));
        }
        Self { world, call, mix, parties, entry: entry.clone(), outside }
    }

    fn run(&mut self, millis: u64) {
        self.world.run_for(Duration::from_millis(millis));
    }

    fn spoken(&self, party: usize) -> Vec<i16> {
        let voice = self.world.peer(self.parties[party]).stream.voice.as_ref().unwrap();
        coded(&self.entry, &voice.said_pcm)
    }

    /// What a party hears. It starts when the first packet is sent to it.
    fn heard(&self, peer: PeerId) -> Vec<i16> {
        let heard = &self.world.peer(peer).heard;
        assert_eq!(heard.seam.check(), Ok(()));
        let ear = Ear::new(&heard.log, std::slice::from_ref(&self.entry), 8000);
        assert_eq!(ear.missing(), 0);
        ear.pcm
    }

    fn ear(&self, party: usize) -> Vec<i16> {
        self.heard(self.parties[party])
    }

    fn set_inputs(&mut self, inputs: &[Source]) {
        let spec = MixSpec { inputs: inputs.to_vec() };
        self.world.apply(self.call, CallCommand::SetMixInputs { mix: self.mix, spec }).unwrap();
    }
}

/// The delay with which `pcm` joins `parts` in what is heard, such that the sum is exact over `range`.
#[track_caller]
fn delay_of(
    heard: &[i16],
    parts: &[(&[i16], i64)],
    pcm: &[i16],
    entry: &PayloadCodec,
    range: (usize, usize),
) -> i64 {
    let fits = |delay: i64| {
        let mut parts = parts.to_vec();
        parts.push((pcm, delay));
        // First a few samples, since most delays fail at once.
        let exact = |n: usize| heard[n] == coded(entry, &[sum(&parts, n)])[0];
        (range.0..range.1).step_by(101).all(exact) && (range.0..range.1).all(exact)
    };
    let found: Vec<i64> = (-1600..1600).filter(|delay| fits(*delay)).collect();
    assert_eq!(found.len(), 1, "delays at which the sum is exact");
    found[0]
}

#[track_caller]
fn assert_sum(heard: &[i16], parts: &[(&[i16], i64)], entry: &PayloadCodec, range: (usize, usize)) {
    let wrong = (range.0..range.1).filter(|&n| heard[n] != coded(entry, &[sum(parts, n)])[0]).count();
    assert_eq!(wrong, 0, "samples that are not the sum of the parts, of {}", range.1 - range.0);
}

/// A range of samples heard, by time since the first packet, in milliseconds.
const fn range(from: usize, to: usize) -> (usize, usize) {
    (from * RATE / 1000, to * RATE / 1000)
}

#[test]
fn for_three_parties_and_a_listener() {
    for entry in [l16(), pcmu()] {
        let mut scene = Scene::new(&entry);
        scene.run(6000);
        let said: Vec<Vec<i16>> = (0..3).map(|party| scene.spoken(party)).collect();
        // One after the other begins to talk; the first is heard alone by both others.
        let ear = scene.ear(2);
        let a = delay_of(&ear, &[], &said[0], &entry, range(3150, 3400));
        let b = delay_of(&ear, &[(&said[0], a)], &said[1], &entry, range(3650, 3900));
        let c = delay_of(&scene.ear(0), &[(&said[1], b)], &said[2], &entry, range(4150, 4400));
        let parts: [(&[i16], i64); 3] = [(&said[0], a), (&said[1], b), (&said[2], c)];
        let whole = range(3150, 5900);
        for party in 0..3 {
            let others: Vec<_> = (0..3).filter(|other| *other != party).map(|other| parts[other]).collect();
            assert_sum(&scene.ear(party), &others, &entry, whole);
        }
        let all = scene.heard(scene.outside);
        assert_sum(&all, &parts, &entry, whole);
        let full = [i16::MIN, i16::MAX].map(|full| coded(&entry, &[full])[0]);
        let saturated = all[whole.0..whole.1].iter().filter(|sample| full.contains(sample)).count();
        assert!(saturated > 1000, "{saturated} samples are saturated");
        assert_eq!(scene.world.buffers_lost(), 0);
    }
}

#[test]
fn with_a_player_in_it() {
    let entry = l16();
    let mut scene = Scene::new(&entry);
    scene.run(5500);
    let spec = ToneSpec::continuous(440.0, -6.0);
    let player = scene.world.add_tone(scene.call, spec.clone());
    let mut inputs: Vec<Source> = scene.parties.iter().map(|party| scene.world.source_of(*party)).collect();
    inputs.push(Source::Player(player));
    scene.set_inputs(&inputs);
    scene.run(1500);
    let mut tone = vec![0; RATE * 2];
    ToneGenerator::new(&spec).generate(8000, &mut tone);
    let said: Vec<Vec<i16>> = (0..3).map(|party| scene.spoken(party)).collect();
    let ear = scene.ear(2);
    let a = delay_of(&ear, &[], &said[0], &entry, range(3150, 3400));
    let b = delay_of(&ear, &[(&said[0], a)], &said[1], &entry, range(3650, 3900));
    let parts: [(&[i16], i64); 2] = [(&said[0], a), (&said[1], b)];
    // It begins with the first tick after the command.
    let begin = (5300 * RATE / 1000..5700 * RATE / 1000).find(|&n| ear[n] != sum(&parts, n)).unwrap();
    let begins: Vec<usize> = (begin - 2..=begin)
        .filter(|&begin| {
            let parts = [parts[0], parts[1], (&tone, begin as i64)];
            (begin..begin + 800).all(|n| ear[n] == sum(&parts, n))
        })
        .collect();
    assert_eq!(begins.len(), 1, "the tone begins at its beginning");
    assert!((begins[0]).is_multiple_of(160), "with a tick");
    assert_sum(&ear, &[parts[0], parts[1], (&tone, begins[0] as i64)], &entry, range(5700, 6900));
}

#[test]
fn without_who_has_left_and_without_who_has_moved_away_until_he_is_back() {
    for moves in [false, true] {
        let entry = l16();
        let mut scene = Scene::new(&entry);
        scene.run(5500);
        let gone = scene.parties[2];
        if moves {
            let other = scene.world.add_call();
            scene.world.move_leg(gone, other);
        } else {
            assert!(scene.world.remove_leg(gone));
        }
        scene.run(1000);
        let said: Vec<Vec<i16>> = (0..3).map(|party| scene.spoken(party)).collect();
        let outside = scene.heard(scene.outside);
        let a = delay_of(&outside, &[], &said[0], &entry, range(3150, 3400));
        let b = delay_of(&outside, &[(&said[0], a)], &said[1], &entry, range(3650, 3900));
        let c = delay_of(&outside, &[(&said[0], a), (&said[1], b)], &said[2], &entry, range(4150, 4400));
        let [a, b, c]: [(&[i16], i64); 3] = [(&said[0], a), (&said[1], b), (&said[2], c)];
        assert_sum(&outside, &[a, b, c], &entry, range(4150, 5400));
        assert_sum(&outside, &[a, b], &entry, range(5600, 6400));
        assert_sum(&scene.ear(0), &[b], &entry, range(5600, 6400));
        assert_sum(&scene.ear(1), &[a], &entry, range(5600, 6400));
        // It ends with a tick: what came before is whole, what comes after holds nothing of it.
        let ends =
            (5400 * RATE / 1000..5600 * RATE / 1000).find(|&n| outside[n] != sum(&[a, b, c], n)).unwrap();
        assert_sum(&outside, &[a, b], &entry, (ends, 6400 * RATE / 1000));
        if !moves {
            continue;
        }
        let before = scene.world.peer(gone).heard.packets;
        scene.run(200);
        assert_eq!(scene.world.peer(gone).heard.packets, before, "nothing feeds it there");
        // Back, it is in the mix when it is asked for, and hears it when it is fed by it.
        scene.world.move_leg(gone, scene.call);
        scene.run(500);
        assert_sum(
            &scene.heard(scene.outside),
            &[(&scene.spoken(0), a.1), (&scene.spoken(1), b.1)],
            &entry,
            range(6900, 7100),
        );
        let inputs: Vec<Source> = scene.parties.iter().map(|party| scene.world.source_of(*party)).collect();
        scene.set_inputs(&inputs);
        scene.world.feed(gone, Source::Mix(scene.mix));
        scene.run(4000);
        let said: Vec<Vec<i16>> = (0..3).map(|party| scene.spoken(party)).collect();
        let outside = scene.heard(scene.outside);
        let [a, b] = [(&*said[0], a.1), (&*said[1], b.1)];
        // Its jitter buffer begins anew.
        let c = delay_of(&outside, &[a, b], &said[2], &entry, range(10_000, 10_500));
        assert_sum(&outside, &[a, b, (&said[2], c)], &entry, range(10_000, 11_000));
        assert_sum(&scene.ear(0), &[b, (&said[2], c)], &entry, range(10_000, 11_000));
        assert_eq!(scene.world.peer(gone).heard.seam.check(), Ok(()));
        assert!(scene.world.peer(gone).heard.packets > before + 190);
    }
}
