//! When the server ends: signals, draining, the grace time.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use mediapoint_engine::Engine;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals as SignalIterator;

use super::notify;

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
    CallEnded,
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
}

impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        let (sender, wakes) = channel();
        let mut signals = SignalIterator::new([SIGTERM, SIGINT])?;
        let forward = sender.clone();
        thread::Builder::new().name("signals".to_owned()).spawn(move || {
            for signal in signals.forever() {
                let wake = if signal == SIGTERM { Wake::Terminate } else { Wake::Interrupt };
                if forward.send(wake).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { wakes, sender })
    }

    pub(super) fn waker(&self) -> CallEnded {
        CallEnded(self.sender.clone())
    }
}

/// Waits for a signal to end, and then for the end of the calls, the grace time or a second SIGINT.
pub(super) fn wait(engine: &Engine, signals: &Signals, grace: Duration) -> Why {
    let first = loop {
        match signals.wakes.recv() {
            Ok(Wake::CallEnded) => {}
            Ok(wake) => break wake,
            // `signals` holds a sender itself.
            Err(_) => return Why::Interrupted,
        }
    };
    engine.set_draining(true);
    let until = Instant::now() + grace;
    let mut interrupts = u32::from(first == Wake::Interrupt);
    let calls = engine.calls();
    tracing::info!(calls, grace_seconds = grace.as_secs(), "draining: no new calls are taken");
    notify::draining(calls);
    loop {
        if engine.calls() == 0 {
            return Why::Drained;
        }
        match signals.wakes.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(Wake::Interrupt) => {
                interrupts += 1;
                if interrupts > 1 {
                    return Why::Interrupted;
                }
            }
            Ok(Wake::Terminate | Wake::CallEnded) => {}
            Err(RecvTimeoutError::Timeout) => return Why::GraceOver,
            Err(RecvTimeoutError::Disconnected) => return Why::Interrupted,
        }
    }
}
