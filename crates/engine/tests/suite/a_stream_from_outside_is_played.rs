//! A stream from outside: what is written without a pause is played sample by sample at the call's pace, what comes late is
//! concealed without a step and counted, the writer is woken when there is room, and its going ends the stream.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of the tests: what is missing fails them"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use mediapoint_engine::session::command::CallCommand;
use mediapoint_engine::session::source::stream::StreamBlock;
use mediapoint_engine::{PayloadCodec, Readiness, Source, StreamId, StreamStatistics};
use mediapoint_net::ring::Producer;
use mediapoint_testkit::{Ear, PeerId, Random, World, audio, codec, level_of, pcmu};

const TICK: Duration = Duration::from_millis(20);

/// Samples at which a signal that comes out of silence, or goes into it, is faded: 5 ms, in the stream and in the leg.
const FADED: usize = 40;

fn l16() -> PayloadCodec {
    codec(97, "L16", 8000)
}

#[expect(clippy::cast_possible_truncation, reason = "16 bits of it are wanted")]
fn noise(n: usize) -> i16 {
    Random::new(n as u64).next_u64() as i16
}

#[expect(clippy::cast_possible_truncation, reason = "a tone within 16 bits")]
fn tone(n: usize) -> i16 {
    (10_000.0 * (n as f64 * 400.0 / 8000.0 * std::f64::consts::TAU).sin()) as i16
}

struct Scene {
    world: World,
    party: PeerId,
    stream: StreamId,
    writer: Option<Producer<StreamBlock>>,
    written: usize,
    entry: PayloadCodec,
}

impl Scene {
    /// A party, and a stream with room for so many blocks.
    fn new(entry: &PayloadCodec, blocks: usize) -> Self {
        let mut world = World::new(8);
        let call = world.add_call();
        let party = world.add_peer(call, audio([entry.clone()]));
        let heard = &mut world.peer_mut(party).heard;
        (heard.keep_packets, heard.clock_rate) = (true, entry.codec.clock_rate);
        heard.seam.set_tolerance(Duration::from_millis(1));
        let (stream, writer) = world.add_stream(call, 8000, blocks);
        world.run_for(Duration::from_millis(333));
        Self { world, party, stream, writer: Some(writer), written: 0, entry: entry.clone() }
    }

    /// The stream feeds the party: the first tick comes at once, the others each 20 ms.
    fn begin(&mut self) {
        self.world.feed(self.party, Source::Stream(self.stream));
        self.world.run_for(Duration::from_millis(1));
    }

    /// Writes blocks of 10 ms; says how many there was room for.
    fn write(&mut self, blocks: usize, sound: impl Fn(usize) -> i16) -> usize {
        let writer = self.writer.as_mut().unwrap();
        for block in 0..blocks {
            let from = self.written;
            let pushed = writer.push_with(|slot| {
                slot.pcm.iter_mut().zip(from..).for_each(|(sample, n)| *sample = sound(n));
            });
            if !pushed {
                return block;
            }
            self.written += 80;
        }
        blocks
    }

    fn ear(&self) -> Ear {
        let heard = &self.world.peer(self.party).heard;
        assert_eq!(heard.seam.check(), Ok(()));
        Ear::new(&heard.log, std::slice::from_ref(&self.entry), 8000)
    }

    fn statistics(&self) -> StreamStatistics {
        let streams = self.world.statistics(self.world.peer(self.party).call).streams;
        assert_eq!((streams.len(), streams[0].0), (1, self.stream));
        streams[0].1
    }

    fn run(&mut self, ticks: u32) {
        self.world.run_for(TICK * ticks);
    }
}

#[test]
fn sample_by_sample_at_the_pace_of_the_call() {
    // A writer far ahead, one that writes as much as is played, and one that writes in lumps.
    for lump in [1, 2, 10, 50] {
        let mut scene = Scene::new(&l16(), 200);
        scene.write(4, noise);
        scene.begin();
        for tick in 0..500 {
            if lump == 1 {
                scene.write(2, noise);
            } else if tick % lump == 0 {
                scene.write(2 * lump, noise);
            }
            scene.run(1);
        }
        let ear = scene.ear();
        assert_eq!(ear.missing(), 0);
        assert!(ear.pcm.len() >= 500 * 160 - 160, "{} samples", ear.pcm.len());
        let wrong = (FADED..ear.pcm.len()).filter(|&n| ear.pcm[n] != noise(n)).count();
        assert_eq!(wrong, 0, "lumps of {lump}");
        // One packet each 20 ms, however much waits.
        assert!(ear.arrivals.windows(2).all(|pair| pair[1].0.since(pair[0].0) == TICK));
        let statistics = scene.statistics();
        assert_eq!(statistics.starved, 0);
        assert_eq!(
            statistics.blocks,
            scene.written as u64 / 80 - scene.writer.as_ref().unwrap().len() as u64
        );
        assert_eq!(scene.world.buffers_lost(), 0);
    }
}

#[test]
fn and_no_more_is_taken_than_there_is_room_for() {
    let mut scene = Scene::new(&l16(), 10);
    assert_eq!(scene.write(30, noise), 10);
    scene.begin();
    assert_eq!(scene.write(30, noise), 2, "the two of one tick");
}

/// The largest step between two samples.
fn largest_step(pcm: &[i16]) -> i32 {
    pcm.windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs()).max().unwrap()
}

#[test]
fn with_a_writer_that_is_late_without_a_step_and_counted() {
    let mut random = Random::new(5);
    for _ in 0..20 {
        let mut scene = Scene::new(&l16(), 100);
        scene.write(2, tone);
        scene.begin();
        let mut gaps = 0;
        for _ in 0..300 {
            // Behind by any number of blocks, also by half a tick.
            let blocks = usize::try_from(random.below(5)).unwrap();
            if random.chance(0.8) {
                scene.write(blocks, tone);
            }
            scene.run(1);
            gaps += u64::from(scene.writer.as_ref().unwrap().is_empty());
        }
        let ear = scene.ear();
        let statistics = scene.statistics();
        let waits = scene.writer.as_ref().unwrap().len() as u64;
        assert_eq!(statistics.blocks + waits, scene.written as u64 / 80, "all of it is played, late or not");
        assert!(gaps > 10 && statistics.starved > 10, "{gaps} {}", statistics.starved);
        // Every 10 ms since the first block are a block or were counted.
        let elapsed = ear.pcm.len() as u64 / 80;
        assert!(
            (statistics.blocks + statistics.starved).abs_diff(elapsed) <= 2 * 5,
            "{statistics:?} of {elapsed}"
        );
        let steady = largest_step(&(0..8000).map(tone).collect::<Vec<_>>());
        let step = largest_step(&ear.pcm);
        assert!(step <= steady * 3 / 2, "a step of {step}, {steady} in the tone itself");
        // Outside of the edges it is the tone or silence.
        let loud = ear.pcm.iter().filter(|sample| **sample != 0).count() as u64;
        assert!(loud >= statistics.blocks * 80 * 9 / 10, "{loud} samples of {} blocks", statistics.blocks);
    }
}

#[test]
fn until_its_writer_goes() {
    for blocks in [1, 2, 3, 10, 11] {
        for entry in [l16(), pcmu()] {
            let mut scene = Scene::new(&entry, 100);
            scene.write(blocks, tone);
            scene.writer = None;
            scene.begin();
            scene.run(200);
            let ear = scene.ear();
            // What was written is heard whole, then it fades out.
            let played = blocks * 80;
            assert!(ear.pcm.len() >= played + FADED, "{blocks} blocks: {} samples", ear.pcm.len());
            assert!(ear.pcm.len() <= played + 2 * 160, "{blocks} blocks: {} samples", ear.pcm.len());
            if entry == l16() {
                assert!((FADED..played).all(|n| ear.pcm[n] == tone(n)), "{blocks} blocks");
            }
            let steady = largest_step(&(0..8000).map(tone).collect::<Vec<_>>());
            let mut padded = ear.pcm.clone();
            padded.push(0);
            assert!(largest_step(&padded) <= steady * 3 / 2, "{blocks} blocks: {}", largest_step(&padded));
            let statistics = scene.statistics();
            assert_eq!((statistics.blocks, statistics.starved), (blocks as u64, 0));
            let before = scene.world.peer(scene.party).heard.packets;
            scene.run(100);
            assert_eq!(scene.world.peer(scene.party).heard.packets, before, "nothing is sent any more");
        }
    }
}

#[test]
fn until_it_is_removed() {
    let mut scene = Scene::new(&l16(), 100);
    scene.write(50, tone);
    scene.begin();
    scene.run(9);
    // What is left is sent with the command, not with the tick.
    scene.world.peer_mut(scene.party).heard.seam.set_tolerance(TICK);
    let call = scene.world.peer(scene.party).call;
    scene.world.apply(call, CallCommand::RemoveStream { stream: scene.stream }).unwrap();
    assert!(scene.writer.as_ref().unwrap().is_closed(), "the writer sees it");
    scene.run(50);
    let ear = scene.ear();
    assert!(ear.pcm.len() <= 12 * 160, "{}", ear.pcm.len());
    let steady = largest_step(&(0..8000).map(tone).collect::<Vec<_>>());
    assert!(largest_step(&ear.pcm) <= steady * 3 / 2);
}

/// A task that counts how often it was woken.
#[derive(Default)]
struct Task(AtomicUsize);

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn and_its_writer_is_woken_once_for_each_batch() {
    let mut scene = Scene::new(&l16(), 40);
    let task = Arc::new(Task::default());
    let waker = Waker::from(Arc::clone(&task));
    let mut context = Context::from_waker(&waker);
    let mut batches = 0;
    scene.write(40, noise);
    scene.begin();
    assert_eq!(scene.write(10, noise), 2);
    while batches < 20 {
        assert_eq!(scene.writer.as_mut().unwrap().poll_ready(20, &mut context), Poll::Pending);
        for tick in 0..10 {
            assert_eq!(
                task.0.load(Ordering::Relaxed),
                batches,
                "not before there is room, after {tick} ticks"
            );
            scene.run(1);
        }
        batches += 1;
        assert_eq!(task.0.load(Ordering::Relaxed), batches, "once there is room");
        let ready = scene.writer.as_mut().unwrap().poll_ready(20, &mut context);
        assert_eq!(ready, Poll::Ready(Readiness::Ready));
        assert_eq!(scene.write(20, noise), 20);
    }
    let ear = scene.ear();
    assert!((FADED..ear.pcm.len()).all(|n| ear.pcm[n] == noise(n)));
    assert_eq!(scene.statistics().starved, 0);
}

/// Where nobody is fed by it, nothing is taken out, and nothing counted.
#[test]
fn only_while_somebody_is_fed_by_it() {
    let mut scene = Scene::new(&l16(), 100);
    scene.write(60, noise);
    scene.begin();
    scene.run(9);
    scene.world.feed(scene.party, Source::Silence);
    let waits = scene.writer.as_ref().unwrap().len();
    scene.run(100);
    assert_eq!(scene.writer.as_ref().unwrap().len(), waits);
    scene.begin();
    scene.run(9);
    assert_eq!(scene.writer.as_ref().unwrap().len(), waits - 20);
    assert_eq!(scene.statistics().starved, 0);
}

#[test]
fn in_every_codec_at_its_level() {
    let opus =
        PayloadCodec::new(mediapoint_engine::PayloadType::new(96).unwrap(), mediapoint_engine::Codec::OPUS);
    for (entry, rate, off) in [
        (pcmu(), 8000, 0.1),
        (codec(9, "G722", 8000), 16_000, 0.5),
        (codec(18, "G729", 8000), 8000, 1.5),
        (opus, 16_000, 1.0),
        (codec(97, "L16", 16_000), 16_000, 0.1),
    ] {
        let mut scene = Scene::new(&entry, 100);
        scene.write(4, tone);
        scene.begin();
        for _ in 0..150 {
            scene.write(2, tone);
            scene.run(1);
        }
        let heard = &scene.world.peer(scene.party).heard;
        let ear = Ear::new(&heard.log, std::slice::from_ref(&entry), rate);
        assert_eq!(ear.missing(), 0, "{}", entry.codec.name());
        let second = rate as usize;
        let level = level_of(&ear.pcm[second..2 * second], 400.0, rate);
        let expected = level_of(&(0..8000).map(tone).collect::<Vec<_>>(), 400.0, 8000);
        assert!((level - expected).abs() < off, "{}: {level} instead of {expected} dBm0", entry.codec.name());
    }
}
