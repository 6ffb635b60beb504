//! The beep of a recording: on a forwarded call each party hears it over what the other one says, and nothing else of that is
//! repeated, left out or changed; what the tap reads has it where it says so.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of the tests: what is missing fails them"
)]

use std::ops::Range;
use std::time::Duration;

use mediapoint_engine::session::command::CallCommand;
use mediapoint_engine::{AudioTapSpec, Beep, EncoderSettings, SecureInput, TapFrame, TapState};
use mediapoint_g711::{Law, decode, encode};
use mediapoint_net::ring::Consumer;
use mediapoint_testkit::{PeerId, Voice, World, audio, level_of, pcmu, telephone_event, tone};

/// What the parties say, in hertz.
const SPOKEN: [f64; 2] = [437.0, 610.0];

const BEEP: Beep = Beep {
    frequency: 1400,
    level: -20,
    length: Duration::from_millis(200),
    every: Some(Duration::from_secs(2)),
};

struct Scene {
    world: World,
    parties: [PeerId; 2],
}

impl Scene {
    /// Two parties that have talked for so long that no jitter buffer changes the length of anything any more.
    fn new() -> Self {
        let mut world = World::new(17);
        let call = world.add_call();
        let parties = [0, 1].map(|_| world.add_peer(call, audio([pcmu(), telephone_event(101)])));
        world.connect(parties[0], parties[1]);
        for (n, party) in parties.into_iter().enumerate() {
            let voice = Voice::new(&pcmu(), 8000, &EncoderSettings::default(), tone(SPOKEN[n]));
            let peer = world.peer_mut(party);
            peer.stream.voice = Some(voice.kept());
            peer.heard.keep_packets = true;
            world.start(party);
            world.run_for(Duration::from_millis(7));
        }
        let mut scene = Self { world, parties };
        scene.run(2000);
        scene
    }

    fn run(&mut self, millis: u64) {
        self.world.run_for(Duration::from_millis(millis));
    }

    fn tap(&mut self) -> (mediapoint_engine::TapId, Consumer<TapFrame>) {
        let leg = self.world.peer(self.parties[0]).leg;
        let spec = AudioTapSpec { mask_secure_input: true, beep: Some(BEEP), ..AudioTapSpec::new(leg) };
        self.world.tap_with(&spec, 1000)
    }

    fn apply(&mut self, command: CallCommand) {
        let call = self.world.peer(self.parties[0]).call;
        self.world.apply(call, command).unwrap();
    }

    fn press(&mut self, n: usize) {
        self.world.peer_mut(self.parties[n]).stream.press(5, Duration::from_millis(160));
    }

    /// What one party heard over what the other one said, sample by sample.
    fn heard_over(&self, n: usize) -> Vec<i32> {
        let log = &self.world.peer(self.parties[n]).heard.log;
        let heard = log.iter().flat_map(|packet| &packet.payload).map(|octet| decode(Law::Mu, *octet));
        let voice = self.world.peer(self.parties[1 - n]).stream.voice.as_ref().unwrap();
        let said = voice.said_pcm.iter().map(|sample| decode(Law::Mu, encode(Law::Mu, *sample)));
        heard.zip(said).map(|(heard, said)| i32::from(heard) - i32::from(said)).collect()
    }

    fn check_seams(&self) {
        for party in self.parties {
            let heard = &self.world.peer(party).heard;
            assert_eq!((heard.seam.check(), heard.missing()), (Ok(()), 0));
        }
        assert_eq!(self.world.buffers_lost(), 0);
    }
}

/// Where something loud is, beeps apart by half a second at least.
fn runs(over: &[i32], loud: i32) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (at, _) in over.iter().enumerate().filter(|(_, value)| value.abs() > loud) {
        match runs.last_mut() {
            Some(last) if at - last.end < 4000 => last.end = at + 1,
            _ => runs.push(at..at + 1),
        }
    }
    runs
}

/// What a tap read: the audio sent in one time line, and what each frame of 20 ms is.
#[derive(Default)]
struct Tapped {
    sent: Vec<i16>,
    received: Vec<i16>,
    frames: Vec<(TapState, bool)>,
}

impl Tapped {
    fn read(reader: &mut Consumer<TapFrame>) -> Self {
        let mut tapped = Self::default();
        let mut begin = None;
        while let Some(()) = reader.pop_with(|frame| {
            if frame.sent.pcm().is_empty() {
                return;
            }
            let at = usize::try_from(frame.position - *begin.get_or_insert(frame.position)).unwrap();
            // Where nothing came.
            while tapped.sent.len() < at {
                tapped.add(&[0; 160], &[0; 160], (TapState::Open, false));
            }
            tapped.add(frame.sent.pcm(), frame.received.pcm(), (frame.state, frame.announced));
        }) {}
        tapped
    }

    fn add(&mut self, sent: &[i16], received: &[i16], state: (TapState, bool)) {
        self.sent.extend_from_slice(sent);
        self.received.extend_from_slice(received);
        self.frames.push(state);
    }

    /// Frames from and to which the tap says that the parties are told.
    fn announced(&self) -> Vec<Range<usize>> {
        let announced = |n: usize| self.frames.get(n).is_some_and(|(_, announced)| *announced);
        let begins = (0..self.frames.len()).filter(|n| announced(*n) && (*n == 0 || !announced(*n - 1)));
        begins.map(|from| from..(from..).find(|n| !announced(*n)).unwrap()).collect()
    }

    /// Every frame has the beep in it where the tap says so, and no other one has.
    fn check(&self) {
        for (n, frame) in self.sent.chunks_exact(160).enumerate() {
            let level = level_of(frame, 1400.0, 8000);
            let (state, announced) = self.frames[n];
            assert!(!announced || state == TapState::Open, "frame {n}");
            assert_eq!(announced, level > -26.0, "frame {n}: {level} dBm0, {state:?}");
            assert!(state == TapState::Open || frame.iter().all(|sample| *sample == 0), "frame {n}");
        }
        let received = self.received.chunks_exact(160).map(|frame| level_of(frame, 1400.0, 8000));
        assert!(received.fold(-100.0, f64::max) < -26.0, "no beep in what the party says");
    }
}

#[test]
fn parties_of_a_forwarded_call_hear_it_over_each_other_and_nothing_else_changes() {
    let mut scene = Scene::new();
    let (tap, mut reader) = scene.tap();
    scene.run(5000);
    scene.apply(CallCommand::RemoveTap { tap });
    scene.run(3000);
    for n in [0, 1] {
        let over = scene.heard_over(n);
        assert!(over.len() > 9 * 8000);
        let beeps = runs(&over, 0);
        assert_eq!(beeps.len(), 3, "{beeps:?}");
        for beep in &beeps {
            assert!((1500..=1600).contains(&beep.len()), "{beeps:?}");
            let pcm: Vec<i16> =
                over[beep.clone()].iter().map(|value| i16::try_from(*value).unwrap()).collect();
            let level = level_of(&pcm[400..1200], 1400.0, 8000);
            assert!((level + 20.0).abs() < 0.5, "{level} dBm0");
            // The beep, and what G.711 makes of the sum.
            assert!(pcm.iter().all(|sample| sample.abs() < 2274 + 600));
        }
        assert!(
            beeps.windows(2).all(|two| (two[1].start - two[0].start).abs_diff(16_000) <= 160),
            "{beeps:?}"
        );
    }
    let tapped = Tapped::read(&mut reader);
    tapped.check();
    let announced = tapped.announced();
    assert_eq!(announced.iter().map(Range::len).collect::<Vec<_>>(), [10, 10, 10]);
    assert!(announced[0].start < 8, "{announced:?}");
    scene.check_seams();
}

#[test]
fn it_pauses_and_ends_with_the_recording() {
    let mut scene = Scene::new();
    let (tap, mut reader) = scene.tap();
    scene.run(1000);
    scene.apply(CallCommand::PauseTap { tap, paused: true });
    scene.run(5000);
    scene.apply(CallCommand::PauseTap { tap, paused: false });
    scene.run(1000);
    scene.apply(CallCommand::RemoveTap { tap });
    scene.run(5000);
    for n in [0, 1] {
        let beeps = runs(&scene.heard_over(n), 0);
        // One as it begins, and one as it goes on.
        assert_eq!(beeps.len(), 2, "{beeps:?}");
        assert!((beeps[1].start - beeps[0].start).abs_diff(48_000) < 400, "{beeps:?}");
    }
    let tapped = Tapped::read(&mut reader);
    tapped.check();
    assert_eq!(tapped.announced().len(), 2);
    scene.check_seams();
}

#[test]
fn the_silence_of_secure_input_has_none_and_one_comes_behind_it() {
    let mut scene = Scene::new();
    let (_, mut reader) = scene.tap();
    scene.run(1000);
    let party = scene.parties[1];
    scene.world.reinvite(party, |config| config.secure_input = SecureInput::Silence);
    scene.run(5000);
    scene.world.reinvite(party, |config| config.secure_input = SecureInput::Off);
    scene.run(1500);
    let tapped = Tapped::read(&mut reader);
    tapped.check();
    let announced = tapped.announced();
    assert_eq!(announced.len(), 2, "{announced:?}");
    let masked = (0..tapped.frames.len()).filter(|n| tapped.frames[*n].0 == TapState::Masked);
    let (first, last) = (masked.clone().min().unwrap(), masked.max().unwrap());
    assert!(announced[0].end <= first && announced[1].start > last, "{announced:?}, {first} to {last}");
    assert!(announced[1].start < last + 15, "{announced:?}, {last}");
    scene.check_seams();
}

#[test]
fn an_event_goes_on_to_the_other_party_and_the_beep_waits_for_its_end() {
    for before in [0, 20, 40, 120, 300] {
        let mut scene = Scene::new();
        [0, 1].into_iter().for_each(|n| scene.press(n));
        scene.run(before);
        let (_, mut reader) = scene.tap();
        // Into the second beep.
        scene.run(2050 + before);
        [0, 1].into_iter().for_each(|n| scene.press(n));
        scene.run(1500);
        let tapped = Tapped::read(&mut reader);
        let whole = tapped.announced().iter().filter(|beep| beep.len() == 10).count();
        assert!(whole >= 2, "pressed {before} ms before: {:?}", tapped.announced());
        for party in scene.parties {
            let log = &scene.world.peer(party).heard.log;
            let ends = log.iter().filter(|packet| packet.payload.len() == 4 && packet.payload[1] & 0x80 != 0);
            let mut begins: Vec<u32> = ends.map(|packet| packet.timestamp.0).collect();
            begins.dedup();
            assert_eq!(begins.len(), 2, "both keys arrive");
        }
        scene.check_seams();
    }
}

#[test]
fn one_beep_is_for_all_recordings_of_a_party() {
    let mut scene = Scene::new();
    let (_, mut first) = scene.tap();
    scene.run(1000);
    let (_, mut second) = scene.tap();
    scene.run(5500);
    let beeps = runs(&scene.heard_over(0), 0);
    // As each begins; then both as the second one does.
    assert_eq!(beeps.len(), 4, "{beeps:?}");
    assert!(beeps[2..].windows(2).all(|two| (two[1].start - two[0].start).abs_diff(16_000) <= 160));
    for (reader, expected) in [(&mut first, 4), (&mut second, 3)] {
        let tapped = Tapped::read(reader);
        tapped.check();
        assert_eq!(tapped.announced().len(), expected);
    }
}

#[test]
fn a_party_that_says_nothing_leaves_the_other_one_its_beep() {
    let mut scene = Scene::new();
    let (silent, heard) = (scene.parties[1], scene.parties[0]);
    scene.world.stop(silent);
    scene.run(1000);
    let before = scene.world.peer(heard).heard.log.len();
    let (_, mut reader) = scene.tap();
    scene.run(1500);
    let log = &scene.world.peer(heard).heard.log[before..];
    let pcm: Vec<i16> =
        log.iter().flat_map(|packet| &packet.payload).map(|octet| decode(Law::Mu, *octet)).collect();
    assert!((1600..2400).contains(&pcm.len()), "{}", pcm.len());
    assert!((level_of(&pcm[400..1200], 1400.0, 8000) + 20.0).abs() < 0.5);
    Tapped::read(&mut reader).check();
    scene.world.start(silent);
    scene.run(1000);
    assert_eq!(scene.world.peer(heard).heard.seam.check(), Ok(()));
    assert_eq!(scene.world.buffers_lost(), 0);
}
