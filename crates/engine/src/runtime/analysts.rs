//! The thread that analyses the audio of legs: it reads the rings of their taps every 20 ms, while there are any. What it
//! computes, a worker need not.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use crate::api::event::Event;
use crate::api::id::{CallId, LegId, TapId};
use crate::ring::Consumer;
use crate::runtime::engine::Shared;
use crate::session::analysis::{Analysis, Finding, lost};
use crate::session::tap::analysis::Taken;
use crate::session::tap::audio::TapFrame;

/// Time between two looks at the rings.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The analysis of a leg on its way to the thread.
pub(crate) struct Job {
    pub(crate) call: CallId,
    pub(crate) leg: LegId,
    pub(crate) tap: TapId,
    pub(crate) analysis: Analysis,
    pub(crate) frames: Consumer<TapFrame>,
    pub(crate) taken: Taken,
    pub(crate) began: Instant,
}

/// What the thread shares with those who give it work.
#[derive(Default)]
pub(crate) struct Analysts {
    state: Mutex<State>,
    stop: AtomicBool,
}

#[derive(Default)]
struct State {
    thread: Option<Thread>,
    new: Vec<Job>,
    /// Analyses that have not come to their end, and whether they are to.
    running: Vec<(CallId, TapId, bool)>,
}

impl std::fmt::Debug for Analysts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Analysts").field("running", &self.running()).finish_non_exhaustive()
    }
}

impl Analysts {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the thread that is to be woken.
    pub(crate) fn set_thread(&self, thread: Thread) {
        self.lock().thread = Some(thread);
    }

    /// Analyses that have not come to their end.
    pub(crate) fn running(&self) -> usize {
        self.lock().running.len()
    }

    /// Begins an analysis.
    pub(crate) fn begin(&self, job: Job) {
        let mut state = self.lock();
        state.running.push((job.call, job.tap, false));
        state.new.push(job);
        wake(&state);
    }

    /// Ends an analysis; false where the call has none of that name.
    pub(crate) fn end(&self, call: CallId, tap: TapId) -> bool {
        let mut state = self.lock();
        let known = state.running.iter_mut().find(|(of, known, _)| (*of, *known) == (call, tap));
        let Some((_, _, ends)) = known else { return false };
        *ends = true;
        wake(&state);
        true
    }

    /// Lets the thread end with what it has.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        wake(&self.lock());
    }

    /// The analyses that came since, and the names of those that are to end.
    fn take(&self, jobs: &mut Vec<Job>) -> Vec<TapId> {
        let mut state = self.lock();
        jobs.append(&mut state.new);
        state.running.iter().filter(|(_, _, ends)| *ends).map(|(_, tap, _)| *tap).collect()
    }

    fn forget(&self, tap: TapId) {
        self.lock().running.retain(|(_, known, _)| *known != tap);
    }
}

fn wake(state: &State) {
    if let Some(thread) = &state.thread {
        thread.unpark();
    }
}

/// The thread's body.
pub(crate) fn run(shared: &Shared) {
    let analysts = &shared.analysts;
    let mut jobs = Vec::new();
    loop {
        let stopping = analysts.stop.load(Ordering::Acquire);
        let ending = analysts.take(&mut jobs);
        let began = Instant::now();
        jobs.retain_mut(|job| {
            let ends = stopping || ending.contains(&job.tap);
            // Whatever audio does to it, the analyses of other calls go on.
            let goes_on =
                catch_unwind(AssertUnwindSafe(|| job.step(began, ends, shared))).unwrap_or_else(|_| {
                    tracing::error!(call = job.call.as_u64(), "the analysis of a leg failed");
                    shared.events.send(job.event(Finding::Answer(Box::new(lost()))));
                    false
                });
            if !goes_on {
                analysts.forget(job.tap);
                shared.registry().end_analysis(job.leg, &shared.config.prices);
            }
            goes_on
        });
        if stopping {
            return;
        }
        if jobs.is_empty() {
            std::thread::park();
        } else {
            std::thread::park_timeout(LOOK_EVERY.saturating_sub(began.elapsed()));
        }
    }
}

impl Job {
    /// Takes in what has come; false where nothing more is to be found.
    fn step(&mut self, now: Instant, ends: bool, shared: &Shared) -> bool {
        let at = now.saturating_duration_since(self.began);
        // What waits in a ring that was closed can still be read.
        let closed = self.frames.is_closed();
        while self.frames.pop_with(|frame| self.analysis.handle_frame(at, frame)).is_some() {}
        if closed && !self.taken.is_set() {
            // The outcome of the command says why the call does not have it.
            return false;
        }
        self.analysis.handle_timeout(at);
        if closed || ends {
            self.analysis.finish();
        }
        while let Some(found) = self.analysis.poll() {
            shared.events.send(self.event(found));
        }
        !self.analysis.is_over()
    }

    fn event(&self, found: Finding) -> Event {
        let Self { call, leg, tap, .. } = *self;
        match found {
            Finding::Answer(analysis) => Event::CallAnalysed { call, leg, tap, analysis },
            Finding::Speech(speaks, at) => Event::Speech { call, leg, tap, speaks, at },
        }
    }
}
