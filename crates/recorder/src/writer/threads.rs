//! The threads, and what starts and stops recordings on them.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::{getpriority_process, setpriority_process};

use crate::format::{Encoder, EncoderSettings};
use crate::sink::{Finished, RecordingId, Spool};
use crate::writer::encode::{Progress, Session};
use crate::writer::event::{EventKind, Events, RecordingEvent};
use crate::writer::finish::{Ended, finish};
use crate::writer::keep::{Keeper, Kept};
use crate::writer::pace::Pace;
use crate::writer::queue::{ChunkQueue, MetadataError, RecordingStatistics};
use crate::writer::sync::Syncer;
use crate::writer::{AudioSource, RecorderSettings, RecordingSpec, SharedClock, StartError, queue_limit};

/// Recordings that may wait to be completed; others wait with the keeper.
const ENDED: usize = 64;

/// How much nicer these threads are than the one that starts them: beside a busy worker they get a tenth of its core.
const NICE: i32 = 10;

/// There is no more.
const NICEST: i32 = 19;

/// Makes recordings.
pub struct Recorder {
    spool: Arc<dyn Spool>,
    clock: SharedClock,
    settings: RecorderSettings,
    events: Arc<Events>,
    encoders: Vec<EncoderThread>,
    keeper: Sender<Kept>,
    threads: Vec<JoinHandle<()>>,
    /// Recordings that are not over.
    queues: Mutex<Vec<Arc<ChunkQueue>>>,
    closing: Arc<AtomicBool>,
}

struct EncoderThread {
    inbox: Sender<Session>,
    load: Arc<AtomicUsize>,
}

/// A recording that was started. Dropping it changes nothing.
#[derive(Clone)]
pub struct Recording {
    queue: Arc<ChunkQueue>,
}

impl Recording {
    /// Its name.
    #[must_use]
    pub fn id(&self) -> &RecordingId {
        self.queue.id()
    }

    /// Ends it with what its source has now. It also ends when its source does.
    pub fn stop(&self) {
        self.queue.stop();
    }

    /// Adds JSON that is personal: it is kept encrypted only, behind what was given at the begin.
    ///
    /// # Errors
    /// [`MetadataError`]; nothing of it was taken.
    pub fn add_metadata(&self, json: Vec<u8>) -> Result<(), MetadataError> {
        self.queue.personal(json, false)
    }

    /// The same for the last metadata, after which a recording that has ended waits for nothing.
    ///
    /// # Errors
    /// As [`Recording::add_metadata`].
    pub fn add_last_metadata(&self, json: Vec<u8>) -> Result<(), MetadataError> {
        self.queue.personal(json, true)
    }

    /// Has the recording wait when its source has ended, until [`Recording::add_last_metadata`] or for this time: figures of
    /// a call are complete only once it is over. One that is stopped does not wait.
    pub fn await_metadata(&self, most: Duration) {
        self.queue.await_metadata(most);
    }

    /// True where no more audio comes in: it was stopped, its source has ended, or it is given up. Its file may not be complete
    /// yet.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        self.queue.is_ending()
    }

    /// True once it is complete or given up, and the event of that was sent.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.queue.is_over()
    }

    /// Figures so far.
    #[must_use]
    pub fn statistics(&self) -> RecordingStatistics {
        self.queue.statistics()
    }
}

impl std::fmt::Debug for Recording {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recording").field("id", self.id()).finish_non_exhaustive()
    }
}

impl Recorder {
    /// Starts the threads. Of the receiver's events those that end a recording wait for their reader, and hold up others
    /// that end; the rest are left out if nobody reads.
    ///
    /// # Errors
    /// The system has no more threads.
    pub fn new(
        spool: Arc<dyn Spool>,
        clock: SharedClock,
        settings: RecorderSettings,
    ) -> io::Result<(Self, Receiver<RecordingEvent>)> {
        let (sender, receiver) = mpsc::sync_channel(settings.events.max(1));
        let events = Arc::new(Events::new(sender));
        let closing = Arc::new(AtomicBool::new(false));
        let mut threads = Vec::new();

        let (to_finisher, ended) = mpsc::sync_channel(ENDED);
        let (at, to) = (Arc::clone(&clock), Arc::clone(&events));
        threads.push(spawn("rec-finish", move || run_finisher(&ended, &at, &to))?);

        let (to_syncer, requests) = mpsc::sync_channel(1);
        let syncer = Syncer::new(Arc::clone(&spool), Arc::clone(&events));
        threads.push(spawn("rec-sync", move || syncer.run(&requests))?);

        let (keeper, inbox) = mpsc::channel();
        let stage = Keeper::new(Arc::clone(&clock), Arc::clone(&events), to_finisher, to_syncer, &settings);
        let (to, poll) = (Arc::clone(&events), settings.poll_every);
        threads.push(spawn("rec-keep", move || run_keeper(stage, &inbox, &to, poll))?);

        let mut encoders = Vec::new();
        for n in 0..settings.encoders.max(1) {
            let (sender, inbox) = mpsc::channel();
            let load = Arc::new(AtomicUsize::new(0));
            encoders.push(EncoderThread { inbox: sender, load: Arc::clone(&load) });
            let (at, to) = (Arc::clone(&clock), Arc::clone(&events));
            let run = move || run_encoder(&inbox, &load, &to, &at, poll);
            threads.push(spawn(&format!("rec-encode-{n}"), run)?);
        }
        let queues = Mutex::default();
        Ok((Self { spool, clock, settings, events, encoders, keeper, threads, queues, closing }, receiver))
    }

    /// Completes what an earlier process left behind; to be called before the first recording is started. Returns how many
    /// recordings there were, and tells of each.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn recover(&self, each: &mut dyn FnMut(io::Result<Finished>)) -> io::Result<usize> {
        self.spool.recover(self.clock.wall(), each)
    }

    /// Starts a recording. Its file exists when this returns, and its first sample is the tap's. Where a recipient has a plugin
    /// and no keys are ready, it waits for the plugin ([`SpoolConfig::plugin_timeout`](crate::SpoolConfig)).
    ///
    /// # Errors
    /// See [`StartError`]; nothing was started.
    pub fn start(&self, spec: &RecordingSpec, source: Box<dyn AudioSource>) -> Result<Recording, StartError> {
        if self.closing.load(Ordering::Acquire) {
            return Err(StartError::Closed);
        }
        let settings = EncoderSettings { complexity: spec.complexity, ..EncoderSettings::default() };
        let mut encoder = Encoder::new(spec.format, spec.rate, &settings)?;
        let header = encoder.header()?;
        let queue = self.queue(spec)?;
        let opened = self.open(spec).and_then(|mut sink| {
            sink.chunk(&header)?;
            Ok(sink)
        });
        let sink = opened.inspect_err(|_| queue.set_over()).map_err(StartError::of_spool)?;
        let session = Session::new(Arc::clone(&queue), source, spec, encoder);
        let encoder = self.encoders.iter().min_by_key(|thread| thread.load.load(Ordering::Relaxed));
        let Some(encoder) = encoder else { return Err(StartError::Closed) };
        self.keeper.send(Kept::new(Arc::clone(&queue), sink)).map_err(|_| StartError::Closed)?;
        encoder.load.fetch_add(1, Ordering::Relaxed);
        encoder.inbox.send(session).map_err(|_| StartError::Closed)?;
        self.events.mention(Some(queue.id()), EventKind::Started);
        Ok(Recording { queue })
    }

    /// Events that were left out because nobody read.
    #[must_use]
    pub fn dropped_events(&self) -> u64 {
        self.events.dropped()
    }

    /// Recordings that are not over.
    #[must_use]
    pub fn recordings(&self) -> usize {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        queues.retain(|queue| !queue.is_over());
        queues.len()
    }

    /// Ends all recordings with what their sources have now. No more are started.
    pub fn stop_all(&self) {
        self.closing.store(true, Ordering::Release);
        for queue in self.queues.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            queue.stop();
        }
    }

    /// True after [`Recorder::stop_all`].
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// Ends all recordings with what their sources have now, and waits until they are complete. The receiver of events has to
    /// be read meanwhile, or dropped.
    pub fn close(mut self) {
        self.closing.store(true, Ordering::Release);
        for queue in self.queues.get_mut().unwrap_or_else(PoisonError::into_inner) {
            queue.stop();
        }
        self.join();
    }

    /// A queue of its own, if there may be one more.
    fn queue(&self, spec: &RecordingSpec) -> Result<Arc<ChunkQueue>, StartError> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        queues.retain(|queue| !queue.is_over());
        if queues.len() >= self.settings.most_recordings {
            return Err(StartError::TooMany(self.settings.most_recordings));
        }
        let (free, needed) = (self.spool.free_space()?, self.settings.least_free);
        if free < needed {
            return Err(StartError::NoSpace { free, needed });
        }
        let queue = Arc::new(ChunkQueue::new(spec.id.clone(), queue_limit(spec, &self.settings)));
        queues.push(Arc::clone(&queue));
        Ok(queue)
    }

    fn open(&self, spec: &RecordingSpec) -> io::Result<Box<dyn crate::sink::Sink>> {
        self.spool.open(&spec.header(self.clock.wall()))
    }

    /// Lets the threads end once they have nothing left to do.
    fn join(&mut self) {
        self.encoders.clear();
        // The keeper's inbox has no sender left.
        self.keeper = mpsc::channel().0;
        for thread in self.threads.drain(..) {
            // A thread that panicked has lost its recordings, which recovery completes.
            let _ = thread.join();
        }
    }
}

impl Drop for Recorder {
    /// Leaves recordings as a crash would; [`Recorder::close`] completes them.
    fn drop(&mut self) {
        self.events.abandon();
        self.join();
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    let behind = move || {
        step_back();
        run();
    };
    thread::Builder::new().name(name.to_owned()).spawn(behind)
}

/// Lets media workers that share the core run first: audio can wait in its ring, packets cannot.
fn step_back() {
    // To Linux no pid is the calling thread, whatever POSIX says. Nobody may not be nicer.
    if let Ok(own) = getpriority_process(None) {
        let _ = setpriority_process(None, own.saturating_add(NICE).min(NICEST));
    }
}

fn run_encoder(
    inbox: &Receiver<Session>,
    load: &AtomicUsize,
    events: &Events,
    clock: &SharedClock,
    poll: Duration,
) {
    let (mut sessions, mut arrived) = (Vec::new(), Vec::new());
    let mut wait = poll;
    let (mut pace, mut hurried) = (Pace::new(clock.steady()), false);
    while receive(inbox, wait, !sessions.is_empty(), |session| arrived.push(session)) {
        if events.is_abandoned() {
            return;
        }
        let began = clock.steady();
        arrived.iter_mut().for_each(|session: &mut Session| session.hurry(hurried));
        sessions.append(&mut arrived);
        let mut busy = false;
        sessions.retain_mut(|session: &mut Session| {
            let progress = session.step(events);
            busy |= progress == Progress::Busy;
            progress != Progress::Over
        });
        load.store(sessions.len(), Ordering::Relaxed);
        wait = if busy { Duration::ZERO } else { poll };
        if let Some(change) = pace.round(began, clock.steady()) {
            hurried = change;
            sessions.iter_mut().for_each(|session| session.hurry(hurried));
            events.mention(None, EventKind::Hurried(hurried));
        }
    }
}

fn run_keeper(mut keeper: Keeper, inbox: &Receiver<Kept>, events: &Events, poll: Duration) {
    let mut arrived = Vec::new();
    while receive(inbox, poll, !keeper.is_empty(), |kept| arrived.push(kept)) {
        if events.is_abandoned() {
            return;
        }
        arrived.drain(..).for_each(|kept| keeper.add(kept));
        keeper.step();
    }
}

fn run_finisher(ended: &Receiver<Ended>, clock: &SharedClock, events: &Events) {
    while let Ok(ended) = ended.recv() {
        if events.is_abandoned() {
            return;
        }
        finish(ended, clock, events);
    }
}

/// Waits for something new; true when it came or the time is over, false when nothing will come and nothing is there.
fn receive<T>(inbox: &Receiver<T>, wait: Duration, has_work: bool, mut take: impl FnMut(T)) -> bool {
    let first =
        if has_work { inbox.recv_timeout(wait) } else { inbox.recv().map_err(RecvTimeoutError::from) };
    match first {
        Ok(first) => {
            take(first);
            inbox.try_iter().for_each(take);
            true
        }
        Err(RecvTimeoutError::Timeout) => true,
        Err(RecvTimeoutError::Disconnected) => {
            // At once, or the loop would turn without a pause.
            if has_work {
                thread::sleep(wait);
            }
            has_work
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn these_threads_are_nicer_than_the_one_that_starts_them() {
        let own = getpriority_process(None).unwrap();
        let (sender, receiver) = mpsc::channel();
        let thread = spawn("nicer", move || sender.send(getpriority_process(None)).unwrap()).unwrap();
        assert_eq!(receiver.recv().unwrap().unwrap(), (own + NICE).min(NICEST));
        thread.join().unwrap();
        assert_eq!(getpriority_process(None).unwrap(), own, "and no other is");
    }
}
