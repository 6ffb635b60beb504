//! What a disk that is slow, full or broken does to a recording: silence that is stated, and nothing that grows.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use super::memory::{Hand, Memory, Tap, said, spec};
use crate::sink::{FactKind, LossPlace, Spool};
use crate::time_line::TapState;
use crate::writer::encode::{Progress, Session};
use crate::writer::event::{EventKind, Events, RecordingEvent};
use crate::writer::finish::{Ended, finish};
use crate::writer::keep::{Keeper, Kept};
use crate::writer::lane::Lane;
use crate::writer::{RecorderSettings, RecordingSpec, SharedClock, lane_limit};
use crate::{Encoder, EncoderSettings};

/// One recording and its stages, driven by hand.
pub(super) struct Desk {
    clock: Arc<Hand>,
    pub(super) memory: Memory,
    pub(super) tap: Tap,
    pub(super) lane: Arc<Lane>,
    session: Option<Session>,
    keeper: Keeper,
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

impl Desk {
    pub(super) fn new() -> Self {
        let (clock, memory, tap) = (Arc::new(Hand::default()), Memory::new(), Tap::new(RING));
        let settings =
            RecorderSettings { lane: LANE, patience: Duration::from_secs(60), ..RecorderSettings::default() };
        let spec = spec("desk");
        let (sender, seen) = mpsc::sync_channel(10_000);
        let events = Arc::new(Events::new(sender));
        let (to_finisher, ended) = mpsc::sync_channel(1);
        let shared: SharedClock = Arc::clone(&clock) as SharedClock;
        let spool: Arc<dyn Spool> = Arc::new(memory.clone());
        let mut keeper = Keeper::new(spool, shared, Arc::clone(&events), to_finisher, &settings);
        let mut encoder = Encoder::new(spec.format, spec.rate, &EncoderSettings::default()).unwrap();
        let lane = Arc::new(Lane::new(spec.id.clone(), lane_limit(&spec, &settings)));
        let mut sink = memory.open(&spec.header(Duration::ZERO)).unwrap();
        sink.chunk(&encoder.header().unwrap()).unwrap();
        keeper.add(Kept::new(Arc::clone(&lane), sink));
        let session = Some(Session::new(Arc::clone(&lane), Box::new(tap.clone()), &spec, encoder));
        Self { clock, memory, tap, lane, session, keeper, ended, events, seen, spec, most: 0 }
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
        self.most = self.most.max(self.lane.statistics().waiting);
        if keeps {
            self.keeper.step();
        }
        let clock: SharedClock = Arc::clone(&self.clock) as SharedClock;
        while let Ok(ended) = self.ended.try_recv() {
            finish(ended, &clock, &self.events);
        }
    }

    pub(super) fn close(&mut self) {
        self.tap.end();
        for _ in 0..1000 {
            if self.lane.is_over() {
                return;
            }
            self.step(true);
        }
        panic!("it does not end");
    }

    fn seen(&self) -> Vec<EventKind> {
        self.seen.try_iter().map(|event| event.kind).collect()
    }

    /// Every sample is what was said, or silence that a fact states; returns samples by kind of fact.
    fn check(&self, samples: usize) -> impl Fn(FactKind) -> u64 {
        let stored = self.memory.stored(&self.spec.id);
        let reader = hound::WavReader::new(io::Cursor::new(&stored.file)).unwrap();
        let pcm: Vec<i16> = reader.into_samples().collect::<Result<_, _>>().unwrap();
        assert_eq!((pcm.len(), stored.samples), (samples, Some(samples as u64)));
        let mut expected: Vec<i16> =
            (0..samples as u64).map(|at| said(at).saturating_add(said(at))).collect();
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
    let mut desk = Desk::new();
    desk.run(600, TapState::Open, true);
    desk.close();
    let facts = desk.check(60 * 8000);
    assert_eq!(facts(FactKind::Lost(LossPlace::Tap)) + facts(FactKind::Lost(LossPlace::Sink)), 0);
    assert!(matches!(desk.seen()[..], [EventKind::Finished(_)]));
    // Every 300 ms.
    let syncs = desk.memory.lock().syncs;
    assert!((198..=202).contains(&syncs), "{syncs}");
}

#[test]
fn a_disk_that_hangs_costs_audio_that_is_stated_and_counted_and_nothing_grows() {
    let mut desk = Desk::new();
    desk.run(100, TapState::Open, true);
    desk.run(300, TapState::Open, false);
    desk.run(200, TapState::Open, true);
    desk.close();
    let facts = desk.check(60 * 8000);
    let lost = facts(FactKind::Lost(LossPlace::Sink));
    // 30 s, less what the lane and the ring held.
    println!("lost {lost} samples, at most {} octets waited", desk.most);
    assert_eq!(lost, desk.tap.overflow());
    assert!((26 * 8000..28 * 8000).contains(&lost), "{lost}");
    assert_eq!(facts(FactKind::Lost(LossPlace::Tap)), 0);
    let statistics = desk.lane.statistics();
    assert_eq!((statistics.lost_at_sink, statistics.lost_at_tap), (lost, 0));
    let told: u64 = desk
        .seen()
        .iter()
        .map(|kind| match kind {
            EventKind::Lost { samples, place: LossPlace::Sink } => *samples,
            _ => 0,
        })
        .sum();
    assert_eq!(told, lost);
    // 2 s of 16 kB and one chunk of 400 ms.
    assert!(desk.most <= 2 * 16_200 + 6400 + 256, "{}", desk.most);
}

#[test]
fn what_was_lost_up_to_the_end_of_the_call_is_stated_too() {
    let mut desk = Desk::new();
    desk.run(50, TapState::Open, true);
    desk.run(150, TapState::Open, false);
    desk.close();
    let facts = desk.check(20 * 8000);
    assert!(desk.tap.overflow() > 10 * 8000);
    assert_eq!(facts(FactKind::Lost(LossPlace::Sink)), desk.tap.overflow());
    assert_eq!(facts(FactKind::Gap), 0);
}

#[test]
fn an_encoder_that_comes_too_late_is_a_loss_at_the_tap() {
    let mut desk = Desk::new();
    desk.run(50, TapState::Open, true);
    (0..200).for_each(|_| desk.tap.tick(TapState::Open));
    desk.run(50, TapState::Open, true);
    desk.close();
    let facts = desk.check(5 * 8000 + 200 * 160 + 5 * 8000);
    assert_eq!(facts(FactKind::Lost(LossPlace::Tap)), desk.tap.overflow());
    assert_eq!(desk.tap.overflow(), 155 * 160);
    assert_eq!(facts(FactKind::Lost(LossPlace::Sink)), 0);
}

#[test]
fn a_full_disk_is_said_once_and_goes_on_when_there_is_room() {
    let mut desk = Desk::new();
    desk.run(50, TapState::Open, true);
    desk.memory.refuse(Some(io::ErrorKind::StorageFull));
    desk.run(100, TapState::Open, true);
    desk.memory.refuse(None);
    desk.run(50, TapState::Open, true);
    desk.close();
    let facts = desk.check(20 * 8000);
    assert_eq!(facts(FactKind::Lost(LossPlace::Sink)), desk.tap.overflow());
    let seen = desk.seen();
    let count = |wanted: fn(&EventKind) -> bool| seen.iter().filter(|kind| wanted(kind)).count();
    assert_eq!(count(|kind| matches!(kind, EventKind::DiskFull)), 1, "{seen:?}");
    assert_eq!(count(|kind| matches!(kind, EventKind::NotSynced(_))), 1, "{seen:?}");
    assert_eq!(count(|kind| matches!(kind, EventKind::Flowing)), 1, "{seen:?}");
}

#[test]
fn a_disk_that_stays_broken_gives_the_recording_up_and_lets_go_of_the_tap() {
    let mut desk = Desk::new();
    desk.run(50, TapState::Open, true);
    desk.memory.refuse(Some(io::ErrorKind::PermissionDenied));
    desk.run(700, TapState::Open, true);
    assert!(desk.lane.is_over() && desk.session.is_none());
    assert!(matches!(desk.seen().last(), Some(EventKind::Failed { .. })));
    assert!(desk.keeper.is_empty());
    assert_eq!(desk.lane.statistics().waiting, 0);
}

#[test]
fn pauses_and_secure_input_are_silent_and_stated_and_said() {
    let mut desk = Desk::new();
    desk.run(13, TapState::Open, true);
    desk.run(17, TapState::Paused, true);
    desk.run(11, TapState::Secure, true);
    desk.run(9, TapState::Open, true);
    desk.close();
    let facts = desk.check(5 * 8000);
    assert_eq!((facts(FactKind::Paused), facts(FactKind::Masked)), (17 * 800, 11 * 800));
    let seen = desk.seen();
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
    let mut desk = Desk::new();
    desk.run(10, TapState::Open, true);
    desk.memory.lock().stored.clear();
    desk.run(10, TapState::Open, true);
    assert!(desk.lane.is_over() && desk.session.is_none());
    let seen = desk.seen();
    let [EventKind::Failed { reason }] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!(reason, "the sink panicked");
}

#[test]
fn a_recording_that_is_stopped_ends_with_what_the_ring_holds() {
    let mut desk = Desk::new();
    desk.run(20, TapState::Open, true);
    (0..7).for_each(|_| desk.tap.tick(TapState::Open));
    desk.lane.stop();
    (0..4).for_each(|_| desk.step(true));
    assert!(desk.lane.is_over());
    assert_eq!(desk.check(2 * 8000 + 7 * 160)(FactKind::Gap), 0);
}
