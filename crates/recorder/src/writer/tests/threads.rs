//! The threads themselves.

use std::io;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::memory::{Hand, Memory, Tap, spec};
use crate::error::SealError;
use crate::recipients::{PluginError, PluginFailure};
use crate::sink::{Finished, Header, Sink, Spool};
use crate::time_line::TapState;
use crate::writer::{EventKind, Recorder, RecorderSettings, RecordingEvent, SharedClock, StartError};

fn recorder(memory: &Memory, settings: RecorderSettings) -> (Recorder, Receiver<RecordingEvent>) {
    on(Arc::new(memory.clone()), settings)
}

fn on(spool: Arc<dyn Spool>, settings: RecorderSettings) -> (Recorder, Receiver<RecordingEvent>) {
    let clock: SharedClock = Arc::new(Hand::default());
    let settings = RecorderSettings { poll_every: Duration::from_millis(1), ..settings };
    Recorder::new(spool, clock, settings).unwrap()
}

/// A spool whose sync says that it has begun, and takes until the other end of `until` goes.
struct SlowSync {
    memory: Memory,
    begun: Sender<()>,
    until: Mutex<Receiver<()>>,
}

impl Spool for SlowSync {
    fn open(&self, header: &Header) -> io::Result<Box<dyn Sink>> {
        self.memory.open(header)
    }

    fn sync(&self) -> io::Result<()> {
        self.begun.send(()).unwrap();
        assert!(self.until.lock().unwrap().recv().is_err());
        Ok(())
    }

    fn free_space(&self) -> io::Result<u64> {
        self.memory.free_space()
    }

    fn recover(&self, now: Duration, each: &mut dyn FnMut(io::Result<Finished>)) -> io::Result<usize> {
        self.memory.recover(now, each)
    }
}

#[test]
fn a_sync_that_takes_long_holds_up_no_audio() {
    let ((begun, first), (end, until)) = (mpsc::channel(), mpsc::channel());
    let spool = SlowSync { memory: Memory::new(), begun, until: Mutex::new(until) };
    let settings = RecorderSettings { sync_every: Duration::ZERO, ..RecorderSettings::default() };
    let (recorder, events) = on(Arc::new(spool), settings);
    // Goes before the recorder, whatever happens.
    let end = end;
    let tap = Tap::new(1000);
    recorder.start(&spec("slow"), Box::new(tap.clone())).unwrap();
    first.recv().unwrap();
    // All of it is said, taken and completed while the sync goes on.
    (0..500).for_each(|_| tap.tick(TapState::Open));
    tap.end();
    let finished = loop {
        let event = events.recv_timeout(Duration::from_secs(60)).unwrap();
        if let EventKind::Finished(finished) = event.kind {
            break finished;
        }
    };
    assert_eq!(finished.samples, 500 * 160);
    drop(end);
    recorder.close();
}

/// A tap of so many ticks that has ended.
fn tap(ticks: usize) -> Box<Tap> {
    let tap = Tap::new(ticks);
    (0..ticks).for_each(|_| tap.tick(TapState::Open));
    tap.end();
    Box::new(tap)
}

#[test]
fn fifty_recordings_end_by_themselves_and_lack_nothing() {
    let memory = Memory::new();
    let (recorder, events) =
        recorder(&memory, RecorderSettings { encoders: 2, ..RecorderSettings::default() });
    for n in 0..50 {
        recorder.start(&spec(&format!("r{n}")), tap(100 + n)).unwrap();
    }
    let mut finished = 0;
    while finished < 50 {
        let event = events.recv_timeout(Duration::from_secs(60)).unwrap();
        if let EventKind::Finished(recording) = event.kind {
            let ticks = 100 + recording.id.as_str()[1..].parse::<u64>().unwrap();
            assert_eq!(recording.samples, ticks * 160);
            assert_eq!(recording.bytes, 44 + ticks * 320);
            finished += 1;
        }
    }
    recorder.close();
    assert!(events.recv().is_err());
}

#[test]
fn closing_completes_what_has_not_ended() {
    let memory = Memory::new();
    let (recorder, events) = recorder(&memory, RecorderSettings::default());
    let tap = Tap::new(1000);
    (0..500).for_each(|_| tap.tick(TapState::Open));
    let recording = recorder.start(&spec("open"), Box::new(tap)).unwrap();
    recorder.close();
    assert!(recording.is_over());
    assert_eq!(recording.statistics().samples, 500 * 160);
    let kinds: Vec<EventKind> = events.iter().map(|event| event.kind).collect();
    assert!(matches!(kinds[..], [EventKind::Started, EventKind::Finished(_)]), "{kinds:?}");
}

#[test]
fn dropping_leaves_what_has_not_ended_as_a_crash_would() {
    let memory = Memory::new();
    let (recorder, _events) = recorder(&memory, RecorderSettings::default());
    let recording = recorder.start(&spec("open"), Box::new(Tap::new(10))).unwrap();
    drop(recorder);
    assert!(!recording.is_over());
    assert_eq!(memory.stored(recording.id()).samples, None);
}

#[test]
fn what_cannot_be_kept_is_refused_at_once() {
    let memory = Memory::new();
    let settings = RecorderSettings { most_recordings: 1, ..RecorderSettings::default() };
    let (recorder, events) = recorder(&memory, settings);
    let refusal = |id: &str| recorder.start(&spec(id), tap(1)).unwrap_err();

    memory.lock().free = 1 << 20;
    assert!(matches!(refusal("a"), StartError::NoSpace { free: 0x10_0000, needed: 0x4000_0000 }));
    memory.lock().free = u64::MAX;
    memory.refuse(Some(io::ErrorKind::StorageFull));
    assert!(matches!(refusal("b"), StartError::Spool(_)));
    memory.refuse(None);
    // A refused one takes no place.
    let open = Tap::new(10);
    let recording = recorder.start(&spec("c"), Box::new(open.clone())).unwrap();
    assert!(matches!(refusal("d"), StartError::TooMany(1)));
    open.end();
    while !matches!(events.recv_timeout(Duration::from_secs(60)).unwrap().kind, EventKind::Finished(_)) {}
    while !recording.is_over() {
        std::thread::yield_now();
    }
    assert_eq!(recorder.recordings(), 0);
    // Never overwritten.
    let StartError::Spool(taken) = refusal("c") else { panic!("started twice") };
    assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists);
}

#[test]
fn a_reader_who_does_not_read_misses_no_end() {
    let memory = Memory::new();
    let (recorder, events) = recorder(&memory, RecorderSettings { events: 1, ..RecorderSettings::default() });
    for n in 0..5 {
        recorder.start(&spec(&format!("r{n}")), tap(5)).unwrap();
    }
    assert!(recorder.dropped_events() > 0);
    let mut finished = 0;
    while finished < 5 {
        let event = events.recv_timeout(Duration::from_secs(60)).unwrap();
        finished += usize::from(matches!(event.kind, EventKind::Finished(_)));
    }
}

/// A spool whose sinks cannot be opened for want of a plugin.
struct NoPlugin;

impl Spool for NoPlugin {
    fn open(&self, _: &Header) -> io::Result<Box<dyn Sink>> {
        Err(SealError::Plugin(no_plugin()).into())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn free_space(&self) -> io::Result<u64> {
        Ok(u64::MAX)
    }

    fn recover(&self, _: Duration, _: &mut dyn FnMut(io::Result<Finished>)) -> io::Result<usize> {
        Ok(0)
    }
}

fn no_plugin() -> PluginError {
    PluginError { number: 2, name: "x".to_owned(), failure: PluginFailure::NotFound }
}

#[test]
fn a_recording_without_its_plugin_is_refused_with_the_plugins_failure() {
    let (recorder, _events) = on(Arc::new(NoPlugin), RecorderSettings::default());
    let refused = recorder.start(&spec("none"), Box::new(Tap::new(1000))).unwrap_err();
    assert_eq!(refused.to_string(), "recipient 2: age-plugin-x is not found in PATH");
    assert!(matches!(refused, StartError::Plugin(error) if error == no_plugin()));
    assert_eq!(recorder.recordings(), 0);
}
