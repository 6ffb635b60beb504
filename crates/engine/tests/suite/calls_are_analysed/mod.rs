//! Who or what answered, and when a party speaks, in a call: the same as the analysis alone finds in what was decoded, through
//! codecs and loss; nothing on the wire changes; whatever ends it, it says what it came to.

#![expect(clippy::unwrap_used, reason = "helpers of the tests: what is missing fails them")]

mod running;

use std::time::Duration;

use mediapoint_analysis::CallAnalyser;
use mediapoint_engine::session::analysis::Finding;
use mediapoint_engine::session::command::CallCommand;
use mediapoint_engine::{
    AnalyserSettings, AnalysisEnd, AnalysisSpec, CallAnalysis, CallId, CallSnapshot, EncoderSettings, LegId,
    Outcome, PayloadCodec, SitClass, VadSettings,
};
use mediapoint_testkit::{
    HeardPacket, LinkProfile, PeerId, Voice, World, WorldAnalysis, audio, codec, pcma, pcmu,
};

/// The usual settings; the leg is that of the party.
fn spec() -> AnalysisSpec {
    AnalysisSpec::new(LegId::from_u64(0))
}

fn silence(millis: usize) -> Vec<i16> {
    vec![0; millis * 8]
}

#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "tones within 16 bits")]
fn tones(hertz: &[f64], millis: usize, amplitude: f64) -> Vec<i16> {
    let wave = |n: usize, hertz: f64| (n as f64 * hertz * std::f64::consts::TAU / 8000.0).sin();
    (0..millis * 8)
        .map(|n| (hertz.iter().map(|hertz| wave(n, *hertz)).sum::<f64>() * amplitude) as i16)
        .collect()
}

/// Syllables of a voice that falls: harmonics of 140 to 100 Hz, loudest at 700 and 1200 Hz.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a voice within 16 bits")]
pub(crate) fn voice(syllables: usize) -> Vec<i16> {
    let mut phase = 0.0;
    let len = syllables * 1600;
    (0..len)
        .map(|n| {
            let part = n as f64 / len as f64;
            phase += (140.0 - 40.0 * part) * std::f64::consts::TAU / 8000.0;
            let envelope = ((n % 1600) as f64 / 1600.0 * std::f64::consts::PI).sin().powi(2);
            let weight = |k: f64| {
                let near = |centre: f64, width: f64| (-(k * 120.0 - centre).powi(2) / width.powi(2)).exp();
                near(700.0, 300.0) + 0.5 * near(1200.0, 250.0) + 0.2 * near(2500.0, 400.0) + 0.1
            };
            let sum: f64 = (1..25).map(f64::from).map(|k| weight(k) * (k * phase).sin()).sum();
            (sum * envelope * 3000.0) as i16
        })
        .collect()
}

/// What may be heard after answer, and what it is.
fn answers() -> Vec<(Outcome, Vec<i16>)> {
    let burst = [tones(&[480.0, 620.0], 500, 3000.0), silence(500)].concat();
    let mut sit = silence(300);
    for (hertz, millis) in [(985.2, 380), (1370.6, 276), (1776.7, 380)] {
        sit.extend(tones(&[hertz], millis, 5000.0));
    }
    vec![
        (Outcome::Person, [silence(400), voice(2), silence(4000)].concat()),
        (Outcome::Machine, [silence(400), voice(20)].concat()),
        (Outcome::Busy, burst.repeat(5)),
        (Outcome::Sit(SitClass::VacantCode), sit),
        (Outcome::Fax, [silence(500), tones(&[2100.0], 3000, 6000.0)].concat()),
        (Outcome::Silence, silence(6000)),
    ]
}

/// A call whose party says something; both parties, and what they hear kept.
fn call(entry: &PayloadCodec, said: Vec<i16>) -> (World, [PeerId; 2]) {
    let mut world = World::new(3);
    let call = world.add_call();
    let party = world.add_peer(call, audio([entry.clone()]));
    let caller = world.add_peer(call, audio([entry.clone()]));
    world.connect(party, caller);
    let sound = move |n: u64, rate: u32| {
        let at = usize::try_from(n * 8000 / u64::from(rate)).unwrap();
        said.get(at).copied().unwrap_or(0)
    };
    let stream = &mut world.peer_mut(party).stream;
    stream.clock_rate = entry.codec.clock_rate;
    stream.voice = Some(Voice::new(entry, 8000, &EncoderSettings::default(), sound));
    let heard = &mut world.peer_mut(caller).heard;
    (heard.keep_packets, heard.clock_rate) = (true, entry.codec.clock_rate);
    (world, [party, caller])
}

fn answer(found: &[Finding]) -> Vec<&CallAnalysis> {
    let answers = found.iter().filter_map(|finding| match finding {
        Finding::Answer(analysis) => Some(analysis.as_ref()),
        Finding::Speech(..) => None,
    });
    answers.collect()
}

#[test]
fn the_answer_is_that_of_the_analysis_alone_through_every_codec_and_loss() {
    for entry in [pcmu(), codec(18, "G729", 8000), codec(111, "opus", 48_000)] {
        for loss in [0.0, 0.02] {
            for (expected, said) in answers() {
                // Silence behind it, for what is decided late.
                let length = u64::try_from(said.len() / 8).unwrap() + 3000;
                let (mut world, [party, _]) = call(&entry, said);
                world.peer_mut(party).set_links(LinkProfile { loss, ..LinkProfile::default() });
                let mut analysis = world.analyse(party, spec());
                world.start(party);
                analysis.run(&mut world, length);
                let name = format!("{expected}, {}, loss {loss}", entry.codec);
                let mut alone = CallAnalyser::new(AnalyserSettings::default());
                let by_itself = alone.process(&analysis.pcm).unwrap();
                let answers = answer(&analysis.found);
                assert_eq!(answers.len(), 1, "{name}");
                assert_eq!(
                    (answers[0].decision, answers[0].end),
                    (by_itself, AnalysisEnd::Decided),
                    "{name}"
                );
                assert_eq!(answers[0].last, by_itself.outcome != Outcome::Machine, "{name}");
                assert_eq!(analysis.is_over(), answers[0].last, "{name}");
                // Where packets are lost, what is concealed may be judged otherwise.
                if loss == 0.0 {
                    assert_eq!(by_itself.outcome, expected, "{name}");
                }
            }
        }
    }
}

/// What a party hears of a call with an analysis or without.
fn wire(codecs: &[PayloadCodec; 2], analysed: bool) -> Vec<HeardPacket> {
    let (mut world, [party, caller]) = call(&codecs[0], [silence(400), voice(3), silence(3000)].concat());
    world.reinvite(caller, |config| config.codecs = vec![codecs[1].clone()]);
    let mut analysis = analysed.then(|| {
        let speech = Some(VadSettings::default());
        world.analyse(party, AnalysisSpec { speech, ..spec() })
    });
    world.start(party);
    for _ in 0..250 {
        world.run_for(Duration::from_millis(20));
        if let Some(analysis) = &mut analysis {
            analysis.step(world.now());
        }
    }
    assert!(analysis.is_none_or(|analysis| answer(&analysis.found).len() == 1));
    assert_eq!(world.buffers_lost(), 0);
    world.peer(caller).heard.log.clone()
}

#[test]
fn nothing_on_the_wire_is_other_than_without_it() {
    for codecs in [[pcmu(), pcmu()], [pcmu(), pcma()], [codec(18, "G729", 8000), codec(18, "G729", 8000)]] {
        let (with, without) = (wire(&codecs, true), wire(&codecs, false));
        assert!(with.len() > 240);
        assert_eq!(with, without);
    }
}

#[test]
fn a_party_that_sends_nothing_is_silent() {
    let (mut world, [party, caller]) = call(&pcmu(), Vec::new());
    let mut analysis = world.analyse(party, spec());
    world.start(caller);
    analysis.run(&mut world, 5400);
    assert!(!analysis.is_over());
    analysis.run(&mut world, 200);
    let answers = answer(&analysis.found);
    assert_eq!((answers[0].decision.outcome, answers[0].decision.at_ms), (Outcome::Silence, 5000));
    assert!(analysis.is_over() && analysis.pcm.is_empty());
}

#[test]
fn where_a_party_falls_silent_and_sends_nothing_time_goes_on() {
    let (mut world, [party, _]) = call(&pcmu(), [silence(400), voice(2)].concat());
    let speech = Some(VadSettings::default());
    let mut analysis = world.analyse(party, AnalysisSpec { speech, ..spec() });
    world.start(party);
    analysis.run(&mut world, 840);
    world.stop(party);
    // The media clock stands, and then the party goes on in the middle of what it says.
    analysis.run(&mut world, 6000);
    let answers = answer(&analysis.found);
    assert_eq!(answers[0].decision.outcome, Outcome::Person);
    let ends = |analysis: &WorldAnalysis| {
        let speech = |finding: &Finding| match finding {
            Finding::Speech(speaks, at) => Some((*speaks, at.as_millis())),
            Finding::Answer(_) => None,
        };
        analysis.found.iter().filter_map(speech).collect::<Vec<_>>()
    };
    let found = ends(&analysis);
    assert!(matches!(&found[..], [(true, 400..=520), (false, 900..=1100)]), "{found:?}");
    assert!(!analysis.is_over(), "speech is asked for until it is stopped");
    let restart = world.now();
    let again = voice(4);
    let sound = move |n: u64, _| again.get(usize::try_from(n % 6400).unwrap()).copied().unwrap_or(0);
    world.peer_mut(party).stream.voice = Some(Voice::new(&pcmu(), 8000, &EncoderSettings::default(), sound));
    world.start(party);
    analysis.run(&mut world, 600);
    let found = ends(&analysis);
    let expected = restart.since(mediapoint_packet::Time::ZERO).as_millis();
    assert!(found.len() >= 3 && found[2].0, "{found:?}");
    assert!(found[2].1.abs_diff(expected) <= 250, "{found:?}, began again at {expected} ms");
}

/// What a snapshot names of analyses.
fn named(world: &World, call: CallId) -> usize {
    let snapshot = serde_json::to_value(world.snapshot(call).unwrap()).unwrap();
    snapshot.get("analyses").unwrap().as_array().unwrap().len()
}

#[test]
fn it_ends_with_its_leg_and_says_what_is_most_probable() {
    let (mut world, [party, _]) = call(&pcmu(), [silence(400), voice(2)].concat());
    let mut analysis = world.analyse(party, spec());
    world.start(party);
    analysis.run(&mut world, 900);
    assert_eq!(analysis.found, []);
    let (id, leg) = (world.peer(party).call, world.peer(party).leg);
    world.apply(id, CallCommand::RemoveLeg { leg }).unwrap();
    analysis.run(&mut world, 40);
    let answers = answer(&analysis.found);
    let mut alone = CallAnalyser::new(AnalyserSettings::default());
    assert_eq!(alone.process(&analysis.pcm), None);
    assert_eq!((answers[0].decision, answers[0].end), (alone.finish().unwrap(), AnalysisEnd::Stopped));
    assert!(analysis.is_over());
}

#[test]
fn one_that_is_over_takes_its_tap_along_and_nothing_is_decoded_any_more() {
    let (mut world, [party, caller]) = call(&pcmu(), [silence(400), voice(2)].concat());
    let id = world.peer(party).call;
    let mut analysis = world.analyse(party, spec());
    world.start(party);
    world.start(caller);
    analysis.run(&mut world, 400);
    assert_eq!(named(&world, id), 1);
    analysis.run(&mut world, 3000);
    assert!(analysis.is_over());
    assert_eq!(named(&world, id), 0);
    let decoded = |world: &World| world.leg_statistics(party).playout.map(|playout| playout.played);
    let before = decoded(&world);
    world.run_for(Duration::from_secs(2));
    assert_eq!(decoded(&world), before, "no tick");
}

#[test]
fn a_call_that_goes_on_in_another_process_has_none() {
    let (mut world, [party, _]) = call(&pcmu(), [silence(400), voice(2)].concat());
    let id = world.peer(party).call;
    let mut analysis = world.analyse(party, spec());
    world.start(party);
    analysis.run(&mut world, 600);
    let text = serde_json::to_string(&world.snapshot(id).unwrap()).unwrap();
    let snapshot: CallSnapshot = serde_json::from_str(&text).unwrap();
    world.kill_session();
    world.restore(&snapshot).unwrap();
    assert_eq!(named(&world, id), 0);
}
