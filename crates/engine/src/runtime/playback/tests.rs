use std::io::Cursor;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use mediapoint_packet::Time;
use mediapoint_recorder::{Channels, Encoder, EncoderSettings, Format, Frame};

use super::*;
use crate::api::source::{PlayerChange, PlayerEnd};
use crate::ring;
use crate::session::source::player::Player;
use crate::session::source::streamed::{PlayerBlock, Shared};

/// Milliseconds that the recording takes. Each sample is the number of the 10 ms that it is in.
const LENGTH: u32 = 20_000;

fn recording() -> Cursor<Vec<u8>> {
    let settings = EncoderSettings::default();
    let mut encoder = Encoder::new(Format::Wav(Channels::Stereo), 8000, &settings).unwrap();
    let mut file = encoder.header().unwrap().bytes;
    for number in 0..LENGTH / 10 {
        let left = [i16::try_from(number).unwrap(); 80];
        let first_sample = u64::from(number) * 80;
        let frame = Frame { first_sample, samples: 80, left: &left, right: &[0; 80], silent: false };
        file.extend(encoder.encode(&frame).unwrap().into_iter().flat_map(|chunk| chunk.bytes));
    }
    file.extend(encoder.finish().unwrap().0.into_iter().flat_map(|chunk| chunk.bytes));
    Cursor::new(file)
}

/// A player as a worker has it, and the thread that brings it a recording.
struct Scene {
    player: Player,
    wanted: Arc<Mutex<Wanted>>,
    allowed: Arc<AtomicBool>,
    thread: JoinHandle<()>,
    pcm: Vec<i16>,
    end: Option<PlayerEnd>,
}

impl Scene {
    fn new(speed: f32, offset: Duration) -> Self {
        let mut playback = Playback::new(Decoder::new(recording()).unwrap(), Side::Left);
        playback.set_speed(speed).unwrap();
        playback.seek(sample(offset, 8000)).unwrap();
        let (producer, consumer) = ring::channel(40, || PlayerBlock::new(8000));
        let shared = Arc::new(Shared::new(offset));
        let mut player =
            Player::streamed(PlayerId(1), &StreamedSpec::new(8000), consumer, Arc::clone(&shared));
        player.set_demand(Some(8000));
        let wanted = Arc::new(Mutex::new(Wanted::default()));
        let allowed = Arc::new(AtomicBool::new(true));
        let asked = Arc::clone(&allowed);
        let permission = Box::new(move || match asked.load(Ordering::Relaxed) {
            true => Ok(()),
            false => Err("deleted".to_owned()),
        });
        let writer = PlayerWriter::new(producer, shared);
        let pump = Pump::new(playback, writer, Arc::clone(&wanted), permission);
        let thread = thread::spawn(move || pump.run());
        Self { player, wanted, allowed, thread, pcm: Vec::new(), end: None }
    }

    /// Plays until `pcm` has so many samples of the recording, as fast as they come, or the end.
    fn play(&mut self, samples: usize) {
        while self.pcm.len() < samples && self.end.is_none() {
            let played = self.player.position().played;
            self.end = self.player.pull(Time::ZERO, 20).map(|(end, _)| end);
            if let Some(wake) = self.player.take_wake() {
                wake.wake();
            }
            let new = self.player.position().played - played;
            let new = usize::try_from(new.as_millis() * 8).unwrap();
            if new == 0 {
                thread::yield_now();
            }
            self.pcm.extend(&self.player.frame().pcm()[..new]);
        }
    }
}

#[test]
fn a_recording_is_played_from_its_offset_to_its_end() {
    let mut scene = Scene::new(1.0, Duration::from_secs(5));
    scene.play(usize::MAX);
    assert_eq!(scene.end, Some(PlayerEnd::Finished));
    assert_eq!(scene.player.position().offset, Duration::from_secs(20));
    assert_eq!(scene.pcm.len(), 15 * 8000);
    // A late thread fades it, so that what is next to a gap is altered.
    let right = scene.pcm.chunks(80).zip(500..).filter(|(block, number)| block[40] == *number).count();
    assert!(right > 1400, "{right} of 1500 blocks");
    scene.thread.join().unwrap();
}

#[test]
fn it_goes_to_another_place_also_when_all_is_decoded() {
    let mut scene = Scene::new(1.0, Duration::from_millis(19_800));
    scene.play(800);
    // All of it waits in the ring by now, or is about to.
    lock(&scene.wanted).seek = Some(Duration::from_secs(2));
    let from = scene.pcm.len();
    while !(scene.pcm[from..].contains(&250)) {
        let more = scene.pcm.len() + 1;
        scene.play(more);
        assert_eq!(scene.end, None);
    }
    let place = scene.player.position().offset;
    assert!((Duration::from_millis(2400)..Duration::from_millis(2700)).contains(&place), "{place:?}");
    scene.player.change(PlayerChange::Stop(Duration::ZERO)).unwrap();
    // The thread sees that nothing more is played.
    scene.thread.join().unwrap();
}

#[test]
fn the_place_runs_with_the_speed() {
    let mut scene = Scene::new(2.0, Duration::ZERO);
    scene.play(8000);
    let place = scene.player.position();
    let ahead = place.offset.abs_diff(2 * place.played);
    assert!(ahead < Duration::from_millis(60), "{place:?}");
    lock(&scene.wanted).speed = Some(0.5);
    scene.play(usize::MAX);
    assert_eq!(scene.end, Some(PlayerEnd::Finished));
    let played = scene.player.position().played;
    // A second of the fast playback, what waited in the ring, and the rest at half the speed.
    assert!((Duration::from_secs(34)..Duration::from_secs(38)).contains(&played), "{played:?}");
    scene.thread.join().unwrap();
}

#[test]
fn what_may_not_be_played_any_more_fails_with_the_reason() {
    let mut scene = Scene::new(1.0, Duration::ZERO);
    scene.play(8000);
    scene.allowed.store(false, Ordering::Relaxed);
    scene.play(usize::MAX);
    assert_eq!(scene.end, Some(PlayerEnd::Failed));
    assert!(scene.pcm.len() <= 5 * 8000, "{} samples", scene.pcm.len());
    scene.thread.join().unwrap();
    assert_eq!(lock(&scene.wanted).failure.as_deref(), Some("deleted"));
}

#[test]
fn a_damaged_recording_is_played_up_to_the_damage() {
    struct Damaged(Cursor<Vec<u8>>);
    impl Read for Damaged {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            if self.0.position() > 100_000 {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "altered"));
            }
            self.0.read(out)
        }
    }
    impl Seek for Damaged {
        fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
            self.0.seek(to)
        }
    }
    let playback = Playback::new(Decoder::new(Damaged(recording())).unwrap(), Side::Left);
    let (producer, mut consumer) = ring::channel(1000, || PlayerBlock::new(8000));
    let wanted = Arc::new(Mutex::new(Wanted::default()));
    let writer = PlayerWriter::new(producer, Arc::new(Shared::new(Duration::ZERO)));
    Pump::new(playback, writer, Arc::clone(&wanted), Box::new(|| Ok(()))).run();
    assert_eq!(lock(&wanted).failure.as_deref(), Some("altered"));
    let mut blocks = 0;
    while consumer.pop_with(|_| ()).is_some() {
        blocks += 1;
    }
    // Four octets a sample.
    assert!((250..=400).contains(&blocks), "{blocks} blocks");
}
