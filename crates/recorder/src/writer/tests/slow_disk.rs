//! What a disk that is slow, full or broken does to a recording: silence that is stated, and nothing that grows.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use super::memory::{Hand, Memory, Tap, signal, spec};
use crate::sink::{FactKind, LossPlace, Spool};
use crate::time_line::TapState;
use crate::writer::encode::{Progress, Session};
use crate::writer::event::{EventKind, Events, RecordingEvent};
use crate::writer::finish::{Ended, finish};
use crate::writer::keep::{Keeper, Kept};
use crate::writer::queue::ChunkQueue;
use crate::writer::sync::Syncer;
use crate::writer::{RecorderSettings, RecordingSpec, SharedClock, queue_limit};
use crate::{Encoder, EncoderSettings};

/// One recording and its stages, driven by hand.
pub(super) struct Harness {
    clock: Arc<Hand>,
    pub(super) memory: Memory,
    pub(super) tap: Tap,
    pub(super) queue: Arc<ChunkQueue>,
    session: Option<Session>,
    keeper: Keeper,
    syncer: Syncer,
    requests: Receiver<()>,
    ended: Receiver<Ended>,
    events: Arc<Events>,
    seen: Receiver<RecordingEvent>,
    pub(super) spec: RecordingSpec,
    /// The most that ever waited.
    most: u64,
}

/// Audio that may wait.
const LANE: Duration = Duration::from_secs(2);
/// Frames in the tap's ring: 1 s.
const RING: usize = 50;

impl Harness {
    pub(super) fn new() -> Self {
        let (clock, memory, tap) = (Arc::new(Hand::default()), Memory::new(), Tap::new(RING));
        let settings = RecorderSettings {
            queue: LANE,
            patience: Duration::from_secs(60),
            ..RecorderSettings::default()
        };
        let spec = spec("harness");
        let (sender, seen) = mpsc::sync_channel(10_000);
        let events = Arc::new(Events::new(sender));
        let (to_finisher, ended) = mpsc::sync_channel(1);
        let shared: SharedClock = Arc::clone(&clock) as SharedClock;
        let spool: Arc<dyn Spool> = Arc::new(memory.clone());
        let (to_syncer, requests) = mpsc::sync_channel(1);
        let syncer = Syncer::new(spool, Arc::clone(&events));
        let mut keeper = Keeper::new(shared, Arc::clone(&events), to_finisher, to_syncer, &settings);
        let mut encoder = Encoder::new(spec.format, spec.rate, &EncoderSettings::default()).unwrap();
        let queue = Arc::new(ChunkQueue::new(spec.id.clone(), queue_limit(&spec, &settings)));
        let mut sink = memory.open(&spec.header(Duration::ZERO)).unwrap();
        sink.chunk(&encoder.header().unwrap()).unwrap();
        keeper.add(Kept::new(Arc::clone(&queue), sink));
        let session = Some(Session::new(Arc::clone(&queue), Box::new(tap.clone()), &spec, encoder));
        Self {
            clock,
            memory,
            tap,
            queue,
            session,
            keeper,
            syncer,
            requests,
            ended,
            events,
            seen,
            spec,
            most: 0,
        }
    }

    /// 100 ms of a call; the keeper has its turn or is stuck.
    pub(super) fn run(&mut self, tenths: usize, state: TapState, keeps: bool) {
        for _ in 0..tenths {
            (0..5).for_each(|_| self.tap.tick(state));
            self.step(keeps);
        }
    }

    pub(super) fn step(&mut self, keeps: bool) {
        self.clock.turn(Duration::from_millis(100));
        if let Some(session) = &mut self.session
            && session.step(&self.events) == Progress::Over
        {
            self.session = None;
        }
        self.most = self.most.max(self.queue.statistics().waiting);
        if keeps {
            self.keeper.step();
            self.requests.try_iter().for_each(|()| self.syncer.sync());
        }
        let clock: SharedClock = Arc::clone(&self.clock) as SharedClock;
        while let Ok(ended) = self.ended.try_recv() {
            finish(ended, &clock, &self.events);
        }
    }

    pub(super) fn close(&mut self) {
        self.tap.end();
        for _ in 0..1000 {
            if self.queue.is_over() {
                return;
            }
            self.step(true);
        }
        panic!("it does not end");
    }

    fn seen(&self) -> Vec<EventKind> {
        self.seen.try_iter().map(|event| event.kind).collect()
    }

    /// Every sample is what was signal, or silence that a fact states; returns samples by kind of fact.
    fn check(&self, samples: usize) -> impl Fn(FactKind) -> u64 {
        let stored = self.memory.stored(&self.spec.id);
        let reader = hound::WavReader::new(io::Cursor::new(&stored.file)).unwrap();
        let pcm: Vec<i16> = reader.into_samples().collect::<Result<_, _>>().unwrap();
        assert_eq!((pcm.len(), stored.samples), (samples, Some(samples as u64)));
        let mut expected: Vec<i16> =
            (0..samples as u64).map(|at| signal(at).saturating_add(signal(at))).collect();
        for fact in &stored.facts {
            let (start, end) = (usize::try_from(fact.start).unwrap(), usize::try_from(fact.end()).unwrap());
            expected[start..end].fill(0);
        }
        assert!(pcm == expected, "samples that no fact explains");
        let facts = stored.facts;
        move |kind| facts.iter().filter(|fact| fact.kind == kind).map(|fact| fact.samples).sum()
    }
}

#[test]
fn a_disk_in_time_loses_nothing() {
    let mut harness = Harness::new();
    harness.run(600, TapState::Open, true);
    harness.close();
    let facts = harness.check(60 * 8000);
    assert_eq!(facts(FactKind::Lost(LossPlace::Tap)) + facts(FactKind::Lost(LossPlace::Sink)), 0);
    assert!(matches!(harness.seen()[..], [EventKind::Finished(_)]));
    // Every 300 ms.
    let syncs = harness.memory.lock().syncs;
    assert!((198..=202).contains(&syncs), "{syncs}");
}

#[test]
fn a_disk_that_hangs_costs_audio_that_is_stated_and_counted_and_nothing_grows() {
    let mut harness = Harness::new();
    harness.run(100, TapState::Open, true);
    harness.run(300, TapState::Open, false);
    harness.run(200, TapState::Open, true);
    harness.close();
    let facts = harness.check(60 * 8000);
    let lost = facts(FactKind::Lost(LossPlace::Sink));
    // 30 s, less what the queue and the ring held.
    println!("lost {lost} samples, at most {} octets waited", harness.most);
    assert_eq!(lost, harness.tap.overflow());
    assert!((26 * 8000..28 * 8000).contains(&lost), "{lost}");
    assert_eq!(facts(FactKind::Lost(LossPlace::Tap)), 0);
    let statistics = harness.queue.statistics();
    assert_eq!((statistics.lost_at_sink, statistics.lost_at_tap), (lost, 0));
    let told: u64 = harness
        .seen()
        .iter()
        .map(|kind| match kind {
            EventKind::Lost { samples, place: LossPlace::Sink } => *samples,
            _ => 0,
        })
        .sum();
    assert_eq!(told, lost);
    // 2 s of 16 kB and one chunk of 400 ms.
    assert!(harness.most <= 2 * 16_200 + 6400 + 256, "{}", harness.most);
}

#[test]
fn what_was_lost_up_to_the_end_of_the_call_is_stated_too() {
    let mut harness = Harness::new();
    harness.run(50, TapState::Open, true);
    harness.run(150, TapState::Open, false);
    harness.close();
    let facts = harness.check(20 * 8000);
    assert!(harness.tap.overflow() > 10 * 8000);
    assert_eq!(facts(FactKind::Lost(LossPlace::Sink)), harness.tap.overflow());
    assert_eq!(facts(FactKind::Gap), 0);
}

#[test]
fn an_encoder_that_comes_too_late_is_a_loss_at_the_tap() {
    let mut harness = Harness::new();
    harness.run(50, TapState::Open, true);
    (0..200).for_each(|_| harness.tap.tick(TapState::Open));
    harness.run(50, TapState::Open, true);
    harness.close();
    let facts = harness.check(5 * 8000 + 200 * 160 + 5 * 8000);
    assert_eq!(facts(FactKind::Lost(LossPlace::Tap)), harness.tap.overflow());
    assert_eq!(harness.tap.overflow(), 155 * 160);
    assert_eq!(facts(FactKind::Lost(LossPlace::Sink)), 0);
}

#[test]
fn a_full_disk_is_said_once_and_goes_on_when_there_is_room() {
    let mut harness = Harness::new();
    harness.run(50, TapState::Open, true);
    harness.memory.refuse(Some(io::ErrorKind::StorageFull));
    harness.run(100, TapState::Open, true);
    harness.memory.refuse(None);
    harness.run(50, TapState::Open, true);
    harness.close();
    let facts = harness.check(20 * 8000);
    assert_eq!(facts(FactKind::Lost(LossPlace::Sink)), harness.tap.overflow());
    let seen = harness.seen();
    let count = |wanted: fn(&EventKind) -> bool| seen.iter().filter(|kind| wanted(kind)).count();
    assert_eq!(count(|kind| matches!(kind, EventKind::DiskFull)), 1, "{seen:?}");
    assert_eq!(count(|kind| matches!(kind, EventKind::NotSynced(_))), 1, "{seen:?}");
    assert_eq!(count(|kind| matches!(kind, EventKind::Flowing)), 1, "{seen:?}");
}

#[test]
fn a_disk_that_stays_broken_gives_the_recording_up_and_lets_go_of_the_tap() {
    let mut harness = Harness::new();
    harness.run(50, TapState::Open, true);
    harness.memory.refuse(Some(io::ErrorKind::PermissionDenied));
    harness.run(700, TapState::Open, true);
    assert!(harness.queue.is_over() && harness.session.is_none());
    assert!(matches!(harness.seen().last(), Some(EventKind::Failed { .. })));
    assert!(harness.keeper.is_empty());
    assert_eq!(harness.queue.statistics().waiting, 0);
}

#[test]
fn pauses_and_secure_input_are_silent_and_stated_and_said() {
    let mut harness = Harness::new();
    harness.run(13, TapState::Open, true);
    harness.run(17, TapState::Paused, true);
    harness.run(11, TapState::Secure, true);
    harness.run(9, TapState::Open, true);
    harness.close();
    let facts = harness.check(5 * 8000);
    assert_eq!((facts(FactKind::Paused), facts(FactKind::Masked)), (17 * 800, 11 * 800));
    let seen = harness.seen();
    let [
        EventKind::Paused(paused),
        EventKind::Masked(masked),
        EventKind::Resumed(open),
        EventKind::Finished(_),
    ] = seen[..]
    else {
        panic!("{seen:?}")
    };
    assert_eq!((paused, masked, open), (13 * 800, 30 * 800, 41 * 800));
}

#[test]
fn a_panic_ends_its_own_recording_only() {
    let mut harness = Harness::new();
    harness.run(10, TapState::Open, true);
    harness.memory.lock().stored.clear();
    harness.run(10, TapState::Open, true);
    assert!(harness.queue.is_over() && harness.session.is_none());
    let seen = harness.seen();
    let [EventKind::Failed { reason }] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!(reason, "the sink panicked");
}

#[test]
fn a_recording_that_is_stopped_ends_with_what_the_ring_holds() {
    let mut harness = Harness::new();
    harness.run(20, TapState::Open, true);
    (0..7).for_each(|_| harness.tap.tick(TapState::Open));
    harness.queue.stop();
    (0..4).for_each(|_| harness.step(true));
    assert!(harness.queue.is_over());
    assert_eq!(harness.check(2 * 8000 + 7 * 160)(FactKind::Gap), 0);
}
