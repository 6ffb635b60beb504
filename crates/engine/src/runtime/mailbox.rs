//! What is said between the control side and a worker.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::Thread;
use std::time::Duration;

use crossbeam::channel::Sender;
use crossbeam::queue::ArrayQueue;
use mediapoint_net::Waker;

use crate::api::event::{CallId, EndReason, Event};
use crate::api::leg::{LegConfig, LegId, Relearn, Source};
use crate::api::stats::CallStatistics;
use crate::runtime::ports::{LegSockets, PortLease};

/// Commands that wait for a worker at most.
const COMMAND_QUEUE: usize = 4096;

/// Notices that wait for the housekeeper at most; a worker keeps what does not fit.
const NOTICE_QUEUE: usize = 16_384;

/// What a worker is told.
#[derive(Debug)]
pub(crate) enum Command {
    AddCall { call: CallId },
    AddLeg { call: CallId, leg: LegId, config: Box<LegConfig>, sockets: Box<LegSockets> },
    Configure { leg: LegId, config: Box<LegConfig>, relearn: Relearn },
    SetSource { leg: LegId, source: Source },
    RemoveLeg { leg: LegId },
    EndCall { call: CallId, reason: EndReason },
    Query { call: CallId, reply: Sender<CallStatistics> },
    Panic,
    Stop,
}

/// A command, and which life of the worker it was meant for: what was said before a failure is void after it.
#[derive(Debug)]
pub(crate) struct Addressed {
    pub(crate) generation: u64,
    pub(crate) command: Command,
}

/// What a worker tells.
#[derive(Debug)]
pub(crate) enum Notice {
    Event(Event),
    /// A leg's sockets are closed.
    Closed {
        call: CallId,
        leg: LegId,
        lease: PortLease,
    },
    /// The worker failed in this life; its sockets are closed.
    Failed {
        generation: u64,
    },
}

/// Figures that a worker publishes; it alone writes them.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    pub(crate) calls: AtomicU64,
    pub(crate) received: AtomicU64,
    pub(crate) sent: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) cpu_nanos: AtomicU64,
    pub(crate) restarts: AtomicU64,
    pub(crate) events_dropped: AtomicU64,
}

impl Gauges {
    pub(crate) fn cpu(&self) -> Duration {
        Duration::from_nanos(self.cpu_nanos.load(Ordering::Relaxed))
    }
}

/// The two queues of a worker, and what both sides see.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) worker: usize,
    pub(crate) commands: ArrayQueue<Addressed>,
    pub(crate) notices: ArrayQueue<Notice>,
    pub(crate) generation: AtomicU64,
    pub(crate) gauges: Gauges,
    /// Changes when the worker starts again; only the control side and a starting worker lock it.
    waker: Mutex<Waker>,
    housekeeper: OnceLock<Thread>,
}

impl Link {
    pub(crate) fn new(worker: usize, waker: Waker) -> Self {
        Self {
            worker,
            commands: ArrayQueue::new(COMMAND_QUEUE),
            notices: ArrayQueue::new(NOTICE_QUEUE),
            generation: AtomicU64::new(0),
            gauges: Gauges::default(),
            waker: Mutex::new(waker),
            housekeeper: OnceLock::new(),
        }
    }

    /// Gives a command to the worker; gives it back where the queue is full.
    pub(crate) fn command(&self, generation: u64, command: Command) -> Result<(), Command> {
        self.commands.push(Addressed { generation, command }).map_err(|addressed| addressed.command)?;
        self.waker.lock().unwrap_or_else(PoisonError::into_inner).wake();
        Ok(())
    }

    pub(crate) fn set_waker(&self, waker: Waker) {
        *self.waker.lock().unwrap_or_else(PoisonError::into_inner) = waker;
    }

    pub(crate) fn set_housekeeper(&self, thread: Thread) {
        drop(self.housekeeper.set(thread));
    }

    /// Wakes the housekeeper to read what was told; no system call where it is awake.
    pub(crate) fn wake_housekeeper(&self) {
        if let Some(thread) = self.housekeeper.get() {
            thread.unpark();
        }
    }
}
