//! The mailbox of a worker: commands to it, messages from it, figures that both sides see.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::Thread;
use std::time::Duration;

use crossbeam_queue::ArrayQueue;
use mediapoint_net::{PortOpener, SocketOpener, Waker};

use crate::api::error::CommandError;
use crate::api::event::{EndReason, Event};
use crate::api::id::{CallId, LegId, MixId, TapId};
use crate::api::leg::LegConfig;
use crate::api::pending::Completer;
use crate::api::source::{MixSpec, Source};
use crate::api::stats::CallStatistics;
use crate::ring::WakeHandle;
use crate::runtime::ports::{OpenPorts, PortLease};
use crate::session::call::Call;
use crate::session::command::CallCommand;
use crate::session::snapshot::CallSnapshot;

/// Commands that wait for a worker at most.
const COMMAND_QUEUE: usize = 4096;

/// Calls on their way from other workers at most.
const ARRIVAL_QUEUE: usize = 64;

/// Messages that wait for the supervisor at most; a worker keeps what does not fit.
const MESSAGE_QUEUE: usize = 16_384;

/// An opened port of the socket backend.
pub(crate) type Handle = <SocketOpener as PortOpener>::Handle;

/// A command to a worker.
pub(crate) enum Command {
    AddCall {
        call: CallId,
    },
    AddLeg {
        call: CallId,
        leg: LegId,
        config: Box<LegConfig>,
        ports: Box<OpenPorts<Handle>>,
        reply: Completer<()>,
    },
    Apply {
        call: CallId,
        command: CallCommand,
        reply: Completer<()>,
    },
    /// Changes what feeds a leg. `change` is the number under which the registry has that.
    Feed {
        call: CallId,
        leg: LegId,
        command: CallCommand,
        change: u64,
        reply: Completer<()>,
    },
    /// Gives a mix other inputs. `change` is the number under which the registry has them.
    SetMixInputs {
        call: CallId,
        mix: MixId,
        spec: MixSpec,
        change: u64,
        reply: Completer<()>,
    },
    MoveLeg {
        from: CallId,
        leg: LegId,
        to: CallId,
        reply: Completer<()>,
    },
    EndCall {
        call: CallId,
        reason: EndReason,
        reply: Completer<()>,
    },
    Statistics {
        call: CallId,
        reply: Completer<CallStatistics>,
    },
    Snapshot {
        call: CallId,
        reply: Completer<Box<CallSnapshot>>,
    },
    Restore {
        snapshot: Box<CallSnapshot>,
        ports: Vec<(LegId, OpenPorts<Handle>)>,
        reply: Completer<()>,
    },
    /// Gives a call to another worker.
    Depart {
        call: CallId,
        to: usize,
        reply: Completer<()>,
    },
    /// A call is on its way from another worker: commands to it wait until it has come.
    Expect {
        call: CallId,
    },
    /// A call that was expected does not come.
    Forget {
        call: CallId,
    },
    #[cfg(feature = "danger-panic")]
    Panic,
    /// Does nothing until the other end is dropped.
    #[cfg(feature = "danger-panic")]
    Stall(std::sync::mpsc::Receiver<()>),
    Stop,
}

impl Command {
    /// Completes a command that frees something, whose call has ended before it was given.
    pub(crate) fn refuse(self, error: CommandError) {
        match self {
            Self::EndCall { reply, .. } | Self::Apply { reply, .. } => reply.complete(Err(error)),
            _ => {}
        }
    }
}

impl Command {
    /// Completes a command of a trial, which nobody carries out.
    fn pretend(self) {
        match self {
            Self::AddLeg { reply, .. }
            | Self::Apply { reply, .. }
            | Self::Feed { reply, .. }
            | Self::SetMixInputs { reply, .. }
            | Self::MoveLeg { reply, .. }
            | Self::EndCall { reply, .. }
            | Self::Restore { reply, .. }
            | Self::Depart { reply, .. } => reply.complete(Ok(())),
            Self::Statistics { reply, .. } => reply.complete(Ok(CallStatistics::default())),
            Self::Snapshot { call, reply } => reply.complete(Err(CommandError::NoSuchCall(call))),
            Self::AddCall { .. } | Self::Expect { .. } | Self::Forget { .. } | Self::Stop => {}
            #[cfg(feature = "danger-panic")]
            Self::Panic | Self::Stall(_) => {}
        }
    }
}

impl std::fmt::Debug for Command {
    /// Shows no key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Command")
    }
}

/// A call on its way from one worker to another.
pub(crate) struct Arrival {
    pub(crate) call: Box<Call>,
    pub(crate) ports: Vec<(LegId, OpenPorts<Handle>)>,
    pub(crate) reply: Completer<()>,
}

/// A command, and which life of the worker it was meant for: what was commanded before a failure is void after it.
pub(crate) struct Addressed {
    pub(crate) generation: u64,
    pub(crate) command: Command,
}

/// A completed command with its outcome.
pub(crate) enum Outcome {
    Done(Completer<()>, Result<(), CommandError>),
    Statistics(Completer<CallStatistics>, Result<CallStatistics, CommandError>),
    Snapshot(Completer<Box<CallSnapshot>>, Result<Box<CallSnapshot>, CommandError>),
}

/// A message from a worker to the supervisor.
pub(crate) enum WorkerMessage {
    Event(Event),
    /// The ports of a leg are closed.
    Closed {
        leg: LegId,
        lease: PortLease,
    },
    /// A command was carried out.
    Outcome {
        outcome: Outcome,
    },
    /// Somebody at the other end of a ring is to be woken.
    Wake(WakeHandle),
    /// A call has come from another worker.
    Arrived {
        call: CallId,
    },
    /// The worker was to end a call that it does not have.
    Unknown {
        call: CallId,
        generation: u64,
    },
    /// A tap was not added.
    TapRefused {
        call: CallId,
        tap: TapId,
    },
    /// A mix or a side of a link of rooms, by its number, was not made.
    Refused {
        call: CallId,
        id: u64,
    },
    /// What feeds a leg was not changed.
    FeedRefused {
        leg: LegId,
        /// The number of that change.
        change: u64,
        /// What feeds it.
        source: Source,
    },
    /// A mix was not given other inputs.
    InputsRefused {
        call: CallId,
        mix: MixId,
        /// The number of that change.
        change: u64,
        /// Its inputs; `None` where there is no such mix.
        spec: Option<MixSpec>,
    },
    /// A call that was expected from a worker that failed has not come.
    Lost {
        call: CallId,
    },
    /// The worker failed in this life; its ports are closed.
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
    /// Datagrams that the packet I/O backend forwarded by itself, and streams of which it does that now.
    pub(crate) forwarded: AtomicU64,
    pub(crate) handed_over: AtomicU64,
    pub(crate) dropped: AtomicU64,
    /// Of those, for want of a large buffer, and because they were too long to be sent.
    pub(crate) no_large_buffer: AtomicU64,
    pub(crate) too_long: AtomicU64,
    pub(crate) cpu_nanos: AtomicU64,
    pub(crate) restarts: AtomicU64,
    pub(crate) events_dropped: AtomicU64,
    /// How late the worker is while it takes no calls; 0 while it does.
    pub(crate) late_nanos: AtomicU64,
    /// For how long every round of it has been too late; 0 where the last one was not.
    pub(crate) too_late_nanos: AtomicU64,
}

impl Gauges {
    pub(crate) fn late(&self) -> Option<Duration> {
        let nanos = self.late_nanos.load(Ordering::Acquire);
        (nanos > 0).then(|| Duration::from_nanos(nanos))
    }

    pub(crate) fn set_late(&self, late: Option<Duration>) {
        let nanos = late.map_or(0, |late| u64::try_from(late.as_nanos()).unwrap_or(u64::MAX).max(1));
        self.late_nanos.store(nanos, Ordering::Release);
    }

    pub(crate) fn too_late(&self) -> Duration {
        Duration::from_nanos(self.too_late_nanos.load(Ordering::Acquire))
    }

    pub(crate) fn set_too_late(&self, span: Duration) {
        let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        self.too_late_nanos.store(nanos, Ordering::Release);
    }

    pub(crate) fn cpu(&self) -> Duration {
        Duration::from_nanos(self.cpu_nanos.load(Ordering::Relaxed))
    }
}

/// The queues of a worker, and what both sides see.
pub(crate) struct Mailbox {
    pub(crate) worker: usize,
    pub(crate) commands: ArrayQueue<Addressed>,
    pub(crate) arrivals: ArrayQueue<Arrival>,
    pub(crate) messages: ArrayQueue<WorkerMessage>,
    pub(crate) generation: AtomicU64,
    pub(crate) gauges: Gauges,
    /// False while a worker that failed cannot start again.
    pub(crate) up: AtomicBool,
    /// Microseconds that each round of the worker takes longer, for tests.
    #[cfg(feature = "danger-panic")]
    pub(crate) slow_micros: AtomicU64,
    /// The worker is to stop, also where it does not run.
    pub(crate) stop: AtomicBool,
    /// Changes when the worker starts again; only the control side and a starting worker lock it. A trial has none.
    waker: Mutex<Option<Waker>>,
    supervisor: OnceLock<Thread>,
}

impl Mailbox {
    pub(crate) fn new(worker: usize, waker: Waker) -> Self {
        Self::sized(worker, Some(waker), [COMMAND_QUEUE, ARRIVAL_QUEUE, MESSAGE_QUEUE])
    }

    /// A mailbox that nobody reads, for trials: what is commanded is completed and forgotten. What the worker says of itself is
    /// as it is now.
    pub(crate) fn trial(&self) -> Self {
        let trial = Self::sized(self.worker, None, [1; 3]);
        trial.gauges.set_late(self.gauges.late());
        trial.up.store(self.up.load(Ordering::Acquire), Ordering::Release);
        trial
    }

    fn sized(worker: usize, waker: Option<Waker>, [commands, arrivals, messages]: [usize; 3]) -> Self {
        Self {
            worker,
            commands: ArrayQueue::new(commands),
            arrivals: ArrayQueue::new(arrivals),
            messages: ArrayQueue::new(messages),
            generation: AtomicU64::new(0),
            gauges: Gauges::default(),
            up: AtomicBool::new(true),
            #[cfg(feature = "danger-panic")]
            slow_micros: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            waker: Mutex::new(waker),
            supervisor: OnceLock::new(),
        }
    }

    /// Gives a command to the worker; gives it back where the queue is full.
    pub(crate) fn command(&self, generation: u64, command: Command) -> Result<(), Command> {
        if self.is_trial() {
            command.pretend();
            return Ok(());
        }
        self.commands.push(Addressed { generation, command }).map_err(|addressed| addressed.command)?;
        self.wake();
        Ok(())
    }

    /// Wakes the worker to look into its queues.
    pub(crate) fn wake(&self) {
        if let Some(waker) = &*self.waker.lock().unwrap_or_else(PoisonError::into_inner) {
            waker.wake();
        }
    }

    fn is_trial(&self) -> bool {
        self.waker.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    pub(crate) fn set_waker(&self, waker: Waker) {
        *self.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker);
    }

    pub(crate) fn set_supervisor(&self, thread: Thread) {
        drop(self.supervisor.set(thread));
    }

    /// Wakes the supervisor to read the messages; no system call where it is awake.
    pub(crate) fn wake_supervisor(&self) {
        if let Some(thread) = self.supervisor.get() {
            thread.unpark();
        }
    }
}

impl std::fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailbox").field("worker", &self.worker).finish_non_exhaustive()
    }
}
