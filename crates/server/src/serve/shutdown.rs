//! What the server does on signals: it drains and ends, reads its configuration again, or logs more or less.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use mediapoint_control_ng::listen::Pulse;
use mediapoint_engine::Engine;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::Signals as SignalIterator;

use super::notify;
use super::reload::Reloader;
use crate::logging::Step;

/// How long the waiting thread sleeps at most: it gives a sign of life then.
const SLEEP: Duration = Duration::from_secs(1);

/// Why the server ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// It was asked to, and the last call has ended.
    Drained,
    /// It was asked to, and the grace time is over; calls are ended.
    GraceOver,
    /// A second SIGINT; calls are ended.
    Interrupted,
}

impl Why {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Drained => "no call is left",
            Self::GraceOver => "the grace time is over",
            Self::Interrupted => "interrupted twice",
        }
    }
}

/// What the waiting thread is woken by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wake {
    Terminate,
    Interrupt,
    Reload,
    /// A change of the log level, by the signal of this name.
    Level(Step, &'static str),
    CallEnded,
}

impl Wake {
    const fn of(signal: i32) -> Self {
        match signal {
            SIGINT => Self::Interrupt,
            SIGHUP => Self::Reload,
            // As rtpengine: the first is quieter, the second more verbose.
            SIGUSR1 => Self::Level(Step::Quieter, "SIGUSR1"),
            SIGUSR2 => Self::Level(Step::MoreVerbose, "SIGUSR2"),
            _ => Self::Terminate,
        }
    }
}

/// Wakes the waiting thread when a call has ended.
#[derive(Debug, Clone)]
pub(super) struct CallEnded(Sender<Wake>);

impl CallEnded {
    pub(super) fn wake(&self) {
        // Where nobody waits any more, nobody need be woken.
        let _ = self.0.send(Wake::CallEnded);
    }
}

/// The signals of the process, from when it listens for them.
#[derive(Debug)]
pub(super) struct Signals {
    wakes: Receiver<Wake>,
    sender: Sender<Wake>,
    rounds: Arc<AtomicU64>,
}

impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        let (sender, wakes) = channel();
        let mut signals = SignalIterator::new([SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2])?;
        let forward = sender.clone();
        thread::Builder::new().name("signals".to_owned()).spawn(move || {
            for signal in signals.forever() {
                if forward.send(Wake::of(signal)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { wakes, sender, rounds: Arc::default() })
    }

    pub(super) fn waker(&self) -> CallEnded {
        CallEnded(self.sender.clone())
    }

    /// A reader of the signs of life of the thread that waits.
    pub(super) fn pulse(&self) -> impl Fn() -> Vec<Pulse> + Send + use<> {
        let rounds = Arc::clone(&self.rounds);
        move || vec![Pulse { name: "main".to_owned(), rounds: rounds.load(Ordering::Relaxed), ended: false }]
    }

    /// What comes within `time`.
    fn next(&self, time: Duration) -> Result<Wake, RecvTimeoutError> {
        self.rounds.fetch_add(1, Ordering::Relaxed);
        self.wakes.recv_timeout(time.min(SLEEP))
    }
}

/// Waits for a signal to end, and then for the end of the calls, the grace time or a second SIGINT.
pub(super) fn wait(engine: &Engine, signals: &Signals, reloader: &mut Reloader<'_>) -> Why {
    let first = loop {
        match signals.next(SLEEP) {
            Ok(wake @ (Wake::Terminate | Wake::Interrupt)) => break wake,
            Ok(wake) => take(wake, reloader),
            Err(RecvTimeoutError::Timeout) => {}
            // `signals` holds a sender itself.
            Err(RecvTimeoutError::Disconnected) => return Why::Interrupted,
        }
    };
    engine.set_draining(true);
    let since = Instant::now();
    let mut interrupts = u32::from(first == Wake::Interrupt);
    let calls = engine.calls();
    tracing::info!(calls, grace_seconds = reloader.grace().as_secs(), "draining: no new calls are taken");
    notify::draining(calls);
    loop {
        if engine.calls() == 0 {
            return Why::Drained;
        }
        let left = reloader.grace().saturating_sub(since.elapsed());
        match signals.next(left) {
            Ok(Wake::Interrupt) => {
                interrupts += 1;
                if interrupts > 1 {
                    return Why::Interrupted;
                }
            }
            Ok(wake) => take(wake, reloader),
            Err(RecvTimeoutError::Timeout) if left.is_zero() => return Why::GraceOver,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Why::Interrupted,
        }
    }
}

/// What neither ends the server nor lets it go on to its end.
fn take(wake: Wake, reloader: &mut Reloader<'_>) {
    match wake {
        Wake::Reload => reloader.reload(),
        Wake::Level(step, signal) => reloader.step_level(step, signal),
        Wake::Terminate | Wake::Interrupt | Wake::CallEnded => {}
    }
}
