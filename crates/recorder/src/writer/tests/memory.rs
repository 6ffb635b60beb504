//! A tap's ring, a spool and a clock in memory.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mediapoint_packet::Time;

use crate::sink::{Chunk, ChunkKind, Fact, Finished, Header, RecordingId, Sink, Spool};
use crate::time_line::{TapEnd, TapFrameView, TapState};
use crate::writer::{AudioSource, Clock, RecordingSpec};
use crate::{Channels, Format};

/// What both parties send at a sample; never 0.
pub(super) fn signal(at: u64) -> i16 {
    i16::try_from(at % 9973).unwrap() + 1
}

struct Owned {
    position: u64,
    dropped: u64,
    pcm: Vec<i16>,
    state: TapState,
}

#[derive(Default)]
struct Ring {
    frames: VecDeque<Owned>,
    room: usize,
    /// Samples that were dropped since the last frame that fitted, and in all.
    dropped: u64,
    dropped_in_all: u64,
    position: u64,
    ended: bool,
}

/// A tap's ring, both ends.
#[derive(Clone)]
pub(super) struct Tap(Arc<Mutex<Ring>>);

impl Tap {
    pub(super) fn new(room: usize) -> Self {
        Self(Arc::new(Mutex::new(Ring { room, ..Ring::default() })))
    }

    /// A tick of 20 ms at 8 kHz.
    pub(super) fn tick(&self, state: TapState) {
        let mut ring = self.0.lock().unwrap();
        let position = ring.position;
        ring.position += 160;
        if ring.frames.len() == ring.room {
            ring.dropped += 160;
            ring.dropped_in_all += 160;
            return;
        }
        let dropped = std::mem::take(&mut ring.dropped);
        let pcm = (position..position + 160).map(signal).collect();
        ring.frames.push_back(Owned { position, dropped, pcm, state });
    }

    pub(super) fn end(&self) {
        self.0.lock().unwrap().ended = true;
    }

    /// Samples that did not fit, in all.
    pub(super) fn overflow(&self) -> u64 {
        self.0.lock().unwrap().dropped_in_all
    }
}

impl AudioSource for Tap {
    fn read(&mut self, each: &mut dyn FnMut(&TapFrameView<'_>) -> ControlFlow<()>) {
        loop {
            let Some(frame) = self.0.lock().unwrap().frames.pop_front() else { return };
            let Owned { position, dropped, pcm, state } = &frame;
            let view = TapFrameView {
                position: *position,
                dropped: *dropped,
                left: pcm,
                right: pcm,
                state: *state,
                announced: false,
            };
            if each(&view).is_break() {
                return;
            }
        }
    }

    fn ended(&self) -> Option<TapEnd> {
        let ring = self.0.lock().unwrap();
        (ring.ended && ring.frames.is_empty())
            .then_some(TapEnd { position: ring.position, dropped: ring.dropped })
    }
}

/// What a spool holds of a recording.
#[derive(Default, Clone)]
pub(super) struct Stored {
    pub(super) file: Vec<u8>,
    pub(super) facts: Vec<Fact>,
    pub(super) personal: Vec<Vec<u8>>,
    pub(super) samples: Option<u64>,
    /// Samples in chunks so far, and the end of the last fact.
    written: u64,
    stated: u64,
}

#[derive(Default)]
pub(super) struct Disk {
    pub(super) stored: HashMap<RecordingId, Stored>,
    pub(super) refuses: Option<io::ErrorKind>,
    pub(super) free: u64,
    pub(super) syncs: usize,
}

/// A spool in memory.
#[derive(Clone)]
pub(super) struct Memory(pub(super) Arc<Mutex<Disk>>);

impl Memory {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Disk { free: u64::MAX, ..Disk::default() })))
    }

    /// A sink's panic leaves the others their disk.
    pub(super) fn lock(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn refuse(&self, with: Option<io::ErrorKind>) {
        self.lock().refuses = with;
    }

    pub(super) fn stored(&self, id: &RecordingId) -> Stored {
        self.lock().stored[id].clone()
    }
}

struct MemorySink {
    memory: Memory,
    id: RecordingId,
}

impl MemorySink {
    fn with<T>(&self, act: impl FnOnce(&mut Stored) -> T) -> io::Result<T> {
        let mut disk = self.memory.lock();
        match disk.refuses {
            Some(kind) => Err(kind.into()),
            None => Ok(act(disk.stored.get_mut(&self.id).unwrap())),
        }
    }
}

impl Sink for MemorySink {
    fn chunk(&mut self, chunk: &Chunk) -> io::Result<()> {
        self.with(|stored| match chunk.kind {
            ChunkKind::Header if !stored.file.is_empty() => {
                stored.file[..chunk.bytes.len()].copy_from_slice(&chunk.bytes);
            }
            _ => {
                stored.file.extend_from_slice(&chunk.bytes);
                assert_eq!(chunk.first_sample, stored.written);
                stored.written += chunk.samples;
                assert!(stored.stated <= stored.written, "a fact reaches past its chunk");
            }
        })
    }

    fn fact(&mut self, fact: &Fact) -> io::Result<()> {
        self.with(|stored| {
            assert!(fact.start >= stored.written, "a fact comes behind its chunk");
            stored.stated = fact.end();
            if !stored.facts.last_mut().is_some_and(|last| last.join(fact)) {
                stored.facts.push(*fact);
            }
        })
    }

    fn personal(&mut self, json: &[u8]) -> io::Result<()> {
        self.with(|stored| stored.personal.push(json.to_vec()))
    }

    fn tick(&mut self, _: Duration) -> io::Result<()> {
        Ok(())
    }

    fn finish(self: Box<Self>, samples: u64, _: Duration) -> io::Result<Finished> {
        let bytes = self.with(|stored| {
            stored.samples = Some(samples);
            stored.file.len() as u64
        })?;
        let path = PathBuf::from;
        Ok(Finished {
            id: self.id,
            path: path("a"),
            manifest: path("b"),
            metadata: path("c"),
            samples,
            bytes,
        })
    }
}

impl Spool for Memory {
    fn open(&self, header: &Header) -> io::Result<Box<dyn Sink>> {
        let mut disk = self.lock();
        if disk.stored.contains_key(&header.id) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        disk.stored.insert(header.id.clone(), Stored::default());
        Ok(Box::new(MemorySink { memory: self.clone(), id: header.id.clone() }))
    }

    fn sync(&self) -> io::Result<()> {
        let mut disk = self.lock();
        disk.syncs += 1;
        disk.refuses.map_or(Ok(()), |kind| Err(kind.into()))
    }

    fn free_space(&self) -> io::Result<u64> {
        Ok(self.lock().free)
    }

    fn recover(&self, _: Duration, _: &mut dyn FnMut(io::Result<Finished>)) -> io::Result<usize> {
        Ok(0)
    }
}

/// A clock that is set.
#[derive(Default)]
pub(super) struct Hand(AtomicU64);

impl Hand {
    pub(super) fn turn(&self, by: Duration) {
        self.0.fetch_add(u64::try_from(by.as_nanos()).unwrap(), Ordering::Relaxed);
    }
}

impl Clock for Hand {
    fn wall(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }

    fn steady(&self) -> Time {
        Time::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

pub(super) fn spec(id: &str) -> RecordingSpec {
    RecordingSpec {
        id: RecordingId::new(id).unwrap(),
        format: Format::Wav(Channels::Mono),
        rate: 8000,
        complexity: 0,
        recipients: Vec::new(),
        personal: Vec::new(),
    }
}
