//! A prompt ends where the party speaks, soon and with its place; its own echo, noise and what was said before do not end it.

#![expect(clippy::unwrap_used, reason = "helpers of the tests: what is missing fails them")]

use std::time::Duration;

use mediapoint_engine::session::source::player::Player;
use mediapoint_engine::{
    CallId, CommandError, EncoderSettings, Event, LegId, PayloadCodec, PlayerEnd, PlayerId, PlayerSpec,
    Playlist, Position, Prompt, PromptsSpec, Repeat, Source, SpeechBargeIn,
};
use mediapoint_packet::Time;
use mediapoint_prompt::Audio;
use mediapoint_testkit::{LinkProfile, Random, Voice, World, audio, codec, pcma, pcmu};

use crate::calls_are_analysed::voice;

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn samples_of(millis: u64) -> usize {
    usize::try_from(millis * 8).unwrap()
}

/// Level of speech in dBm0 over frames that are no pause.
#[expect(clippy::cast_precision_loss, reason = "a mean")]
fn level(pcm: &[i16]) -> f64 {
    let square =
        |frame: &[i16]| frame.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / frame.len() as f64;
    let frames: Vec<f64> = pcm.chunks(160).map(square).filter(|square| *square > 1000.0).collect();
    10.0 * (frames.iter().sum::<f64>() / frames.len().max(1) as f64).log10() - 84.16
}

#[expect(clippy::cast_possible_truncation, reason = "samples within 16 bits")]
fn scaled(pcm: &[i16], decibels: f64) -> Vec<i16> {
    let gain = 10.0_f64.powf(decibels / 20.0);
    pcm.iter().map(|&sample| (f64::from(sample) * gain).clamp(-32_768.0, 32_767.0) as i16).collect()
}

/// Speech at a level, without pauses of more than 80 ms.
fn speech(syllables: usize, dbm0: f64) -> Vec<i16> {
    let pcm = voice(syllables);
    let gain = dbm0 - level(&pcm);
    scaled(&pcm, gain)
}

/// A party that is played a prompt from 300 ms on, and what it says: what it adds to an echo of the prompt.
struct Scene {
    world: World,
    call: CallId,
    player: PlayerId,
}

/// When the prompt begins.
const BEGIN: u64 = 300;

#[derive(Clone)]
struct Case {
    entry: PayloadCodec,
    prompt: Vec<i16>,
    /// Said by the party, from the call's beginning on.
    said: Vec<i16>,
    spec: SpeechBargeIn,
    link: LinkProfile,
}

impl Case {
    /// A loud prompt, and a party that says nothing.
    fn new() -> Self {
        Self {
            entry: pcmu(),
            prompt: speech(40, -12.0),
            said: Vec::new(),
            spec: SpeechBargeIn::new(LegId::from_u64(0)),
            link: LinkProfile::clean(millis(0)),
        }
    }

    /// The echo of the prompt, so much weaker and later.
    fn echo(self, decibels: f64, late: u64) -> Self {
        let mut said = vec![0; samples_of(BEGIN + late)];
        said.extend(scaled(&self.prompt, -decibels));
        Self { said, ..self }
    }

    /// Speech from `at` on, beside what is said.
    fn speaks(self, at: u64, pcm: &[i16]) -> Self {
        let (mut said, from) = (self.said, samples_of(at));
        said.resize(said.len().max(from + pcm.len()), 0);
        said.iter_mut().skip(from).zip(pcm).for_each(|(to, from)| *to = to.saturating_add(*from));
        Self { said, ..self }
    }

    fn run(&self, length: u64) -> Scene {
        let mut world = World::new(5);
        let call = world.add_call();
        let party = world.add_peer(call, audio([self.entry.clone()]));
        world.peer_mut(party).set_links(self.link);
        let said = self.said.clone();
        let sound = move |n: u64, rate: u32| {
            said.get(usize::try_from(n * 8000 / u64::from(rate)).unwrap()).copied().unwrap_or(0)
        };
        let stream = &mut world.peer_mut(party).stream;
        stream.clock_rate = self.entry.codec.clock_rate;
        stream.voice = Some(Voice::new(&self.entry, 8000, &EncoderSettings::default(), sound));
        world.start(party);
        world.run_for(millis(BEGIN));
        let leg = world.peer(party).leg;
        let prompt = Prompt::new("menu", Audio { rate: 8000, samples: self.prompt.clone() });
        let playlist = Playlist { repeat: Repeat::FOREVER, ..Playlist::of([prompt]) };
        let spec = PromptsSpec {
            speech_barge_in: Some(SpeechBargeIn { leg, ..self.spec }),
            ..PromptsSpec::new(playlist, self.entry.clone())
        };
        let player = world.add_prompts(call, spec);
        world.feed(party, Source::Player(player));
        world.run_for(millis(length));
        Scene { world, call, player }
    }
}

impl Scene {
    fn ends(&self) -> Vec<(Time, PlayerEnd, Position)> {
        let end = |(at, event): &(Time, Event)| match event {
            Event::PlayerFinished { player, end, position, .. } if *player == self.player => {
                Some((*at, *end, *position))
            }
            _ => None,
        };
        self.world.events.iter().filter_map(end).collect()
    }
}

#[test]
fn within_200_ms_and_with_its_place() {
    for entry in [pcmu(), pcma(), codec(18, "G729", 8000), codec(111, "opus", 48_000)] {
        for (onset, dbm0) in [(1000, -20.0), (1370, -12.0), (2222, -18.0)] {
            let case = Case { entry: entry.clone(), prompt: speech(40, -18.0), ..Case::new() };
            let case = case.speaks(onset, &speech(4, dbm0));
            let scene = case.run(4000);
            let name = format!("{}, {dbm0} dBm0 at {onset} ms", entry.codec);
            let ends = scene.ends();
            assert_eq!(ends.len(), 1, "{name}");
            let (at, end, position) = ends[0];
            assert_eq!(end, PlayerEnd::BargedInBySpeech, "{name}");
            let after = at.since(Time::ZERO).saturating_sub(millis(onset));
            // A syllable of this voice is as loud as itself after 30 ms.
            assert!((millis(80)..=millis(230)).contains(&after), "{name}: after {after:?}");
            let played = at.since(Time::ZERO).saturating_sub(millis(BEGIN));
            assert!(position.played.abs_diff(played) <= millis(20), "{name}: {position:?}, {played:?}");
            assert_eq!(scene.world.buffers_lost(), 0);
            // Nobody wants the party's audio any more.
            let rest = scene.world.statistics(scene.call).players[0].1;
            assert_eq!(rest, position, "{name}");
        }
    }
}

#[test]
fn how_long_the_party_has_to_speak_is_set() {
    let ended = |speech_for: u64, spoken: &[i16]| {
        let case = Case::new().speaks(1000, spoken);
        let case = Case { spec: SpeechBargeIn { speech: millis(speech_for), ..case.spec }, ..case };
        case.run(4000).ends().first().map(|(at, ..)| at.since(Time::ZERO).saturating_sub(millis(1000)))
    };
    let long = speech(10, -15.0);
    let [soon, late] = [60, 600].map(|speech_for| ended(speech_for, &long).unwrap());
    assert!((millis(400)..=millis(900)).contains(&(late - soon)), "{soon:?}, {late:?}");
    assert_eq!(ended(600, &speech(2, -15.0)), None, "400 ms are too short");
}

#[test]
fn its_own_echo_of_20_db_less_does_not_end_it() {
    for late in [0, 40, 130, 300, 600, 900] {
        for dbm0 in [-9.0, -16.0, -25.0] {
            let case = Case { prompt: speech(40, dbm0), ..Case::new() };
            let scene = case.echo(20.0, late).run(8000);
            assert_eq!(scene.ends(), [], "{dbm0} dBm0, {late} ms late");
        }
    }
}

#[test]
fn an_echo_louder_than_what_is_set_ends_it_and_less_does_not() {
    let ends = |echo: f64, echo_loss_db: f32| {
        let case = Case::new().echo(echo, 130);
        let spec = SpeechBargeIn { echo_loss_db, ..case.spec };
        !Case { spec, ..case }.run(8000).ends().is_empty()
    };
    assert!(ends(6.0, 15.0), "6 dB where 15 are taken for granted");
    assert!(!ends(6.0, 3.0), "6 dB where 3 are");
    assert!(!ends(16.0, 15.0), "16 dB where 15 are");
}

#[test]
fn speech_over_its_echo_ends_it() {
    let case = Case::new().echo(20.0, 200).speaks(3000, &speech(6, -18.0));
    let ends = case.run(6000).ends();
    let after = ends[0].0.since(Time::ZERO).saturating_sub(millis(3000));
    assert!(after <= millis(400), "after {after:?}");
}

#[test]
fn noise_loss_and_clicks_do_not() {
    let mut random = Random::new(7);
    let noise: Vec<i16> =
        (0..samples_of(9000)).map(|_| i16::try_from(random.next_u64() % 400).unwrap() - 200).collect();
    let mut clicks = vec![0; samples_of(9000)];
    for at in (0..clicks.len()).step_by(samples_of(500)) {
        clicks[at..at + 40].fill(8000);
    }
    for said in [noise, clicks] {
        let link = LinkProfile { loss: 0.03, jitter: millis(20), ..LinkProfile::default() };
        let scene = Case { said, link, ..Case::new() }.run(8000);
        assert_eq!(scene.ends(), []);
    }
}

#[test]
fn a_party_that_sends_nothing_does_not() {
    let mut world = World::new(5);
    let call = world.add_call();
    let party = world.add_peer(call, audio([pcmu()]));
    let prompt = Prompt::new("menu", Audio { rate: 8000, samples: speech(10, -15.0) });
    let barge_in = SpeechBargeIn::new(world.peer(party).leg);
    let spec =
        PromptsSpec { speech_barge_in: Some(barge_in), ..PromptsSpec::new(Playlist::of([prompt]), pcmu()) };
    let player = world.add_prompts(call, spec);
    world.feed(party, Source::Player(player));
    world.run_for(millis(3000));
    let end = world.events.iter().find_map(|(_, event)| match event {
        Event::PlayerFinished { end, .. } => Some(*end),
        _ => None,
    });
    assert_eq!(end, Some(PlayerEnd::Finished));
}

#[test]
fn a_snapshot_keeps_it() {
    let case = Case::new().speaks(4000, &speech(6, -15.0));
    let mut scene = case.run(1000);
    let text = serde_json::to_string(&scene.world.snapshot(scene.call).unwrap()).unwrap();
    let mut snapshot: mediapoint_engine::CallSnapshot = serde_json::from_str(&text).unwrap();
    let prompt = Prompt::new("menu", Audio { rate: 8000, samples: case.prompt.clone() });
    assert_eq!(snapshot.set_prompts(|_| Some(prompt.clone())), [""; 0]);
    scene.world.kill_session();
    scene.world.restore(&snapshot).unwrap();
    scene.world.run_for(millis(5000));
    let ends = scene.ends();
    assert_eq!(ends[0].1, PlayerEnd::BargedInBySpeech);
    assert!((millis(4000)..millis(4400)).contains(&ends[0].0.since(Time::ZERO)), "{ends:?}");
}

#[test]
fn what_is_out_of_range_is_refused() {
    let spec = SpeechBargeIn::new(LegId::from_u64(1));
    for wrong in [
        SpeechBargeIn { speech: millis(20), ..spec },
        SpeechBargeIn { above_noise_db: f32::NAN, ..spec },
        SpeechBargeIn { level_dbm0: 1.0, ..spec },
        SpeechBargeIn { echo_loss_db: -1.0, ..spec },
    ] {
        let prompts =
            PromptsSpec { speech_barge_in: Some(wrong), ..PromptsSpec::new(Playlist::of([]), pcmu()) };
        let made = Player::new(PlayerId::from_u64(1), PlayerSpec::Prompts(prompts)).map(drop);
        assert_eq!(made, Err(CommandError::OutOfRange { what: "the speech that ends the prompts" }));
    }
}
