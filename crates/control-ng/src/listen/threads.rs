//! The threads of a listener: how they are stopped, and how one sees from outside that they go on.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

/// A sign of life of one thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulse {
    /// Its name.
    pub name: String,
    /// Grows as long as it goes on, at least once every quarter of a second while it has nothing to do.
    pub rounds: u64,
    /// It is gone.
    pub ended: bool,
}

/// What a thread looks at and counts in.
#[derive(Debug)]
pub(super) struct Life {
    stop: Arc<AtomicBool>,
    rounds: Arc<AtomicU64>,
}

impl Life {
    /// Counts a round; false once the thread is to end.
    pub(super) fn goes_on(&self) -> bool {
        self.rounds.fetch_add(1, Ordering::Relaxed);
        !self.stop.load(Ordering::Relaxed)
    }

    pub(super) fn stop(&self) -> &Arc<AtomicBool> {
        &self.stop
    }
}

#[derive(Debug)]
struct Running {
    name: String,
    rounds: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

/// Threads that end when this is dropped.
#[derive(Debug, Default)]
pub(super) struct Threads {
    stop: Arc<AtomicBool>,
    running: Vec<Running>,
}

impl Threads {
    pub(super) fn spawn(&mut self, name: String, body: impl FnOnce(Life) + Send + 'static) -> io::Result<()> {
        let rounds = Arc::new(AtomicU64::new(0));
        let life = Life { stop: Arc::clone(&self.stop), rounds: Arc::clone(&rounds) };
        let thread = thread::Builder::new().name(name.clone()).spawn(move || body(life))?;
        self.running.push(Running { name, rounds, thread });
        Ok(())
    }

    pub(super) fn pulses(&self) -> impl Iterator<Item = Pulse> + '_ {
        self.running.iter().map(|running| Pulse {
            name: running.name.clone(),
            rounds: running.rounds.load(Ordering::Relaxed),
            ended: running.thread.is_finished(),
        })
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for running in self.running.drain(..) {
            // A thread that panicked has nothing left to give back.
            let _ = running.thread.join();
        }
    }
}
