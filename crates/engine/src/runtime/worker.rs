//! One worker: a pinned thread that drives a session over its own packet I/O.
//!
//! A busy worker looks at its ports on a tick, so that one wake-up serves many packets; another sleeps until something
//! comes. A panic ends the calls of this worker only: it drops them, reports it and starts again.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use mediapoint_net::{
    Clock, PacketIo, Received, SocketIoConfig, XdpInterfaces, pin_current_thread, set_realtime_priority,
    set_thread_name, thread_cpu_time,
};
use mediapoint_packet::Time;
use rand::{Rng, rng};

use crate::api::event::{EndReason, Event};
use crate::api::remote::RemotePolicy;
use crate::runtime::carry_out::Expected;
use crate::runtime::mailbox::{Addressed, Command, Handle, Mailbox, WorkerMessage};
use crate::runtime::output::{self, WorkerOutput};
use crate::runtime::packet_io::WorkerIo;
use crate::runtime::poll_mode::PollMode;
use crate::runtime::punctuality::{Backlog, Change, Look, Punctuality};
use crate::runtime::tick_schedule::TickSchedule;
use crate::session::ahead::LOOK_AHEAD;
use crate::session::{Output as _, Session, SessionConfig};

/// Commands taken in one wake-up at most.
const COMMAND_BUDGET: usize = 64;

/// How often timeouts are served in one wake-up at most, a part of them each time.
const TIMEOUT_PASSES: usize = 4;

/// Longest sleep of an idle worker.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// How often core time is read and the wall clock set.
const SLOW_ROUND: Duration = Duration::from_secs(1);

/// Time between two attempts to start again.
const RESTART_PAUSE: Duration = Duration::from_millis(100);

/// Datagrams that share one reading of the clock.
const CLOCK_BATCH: u64 = 16;

/// What a worker is started with.
#[derive(Debug, Clone)]
pub(crate) struct WorkerConfig {
    pub(crate) worker: usize,
    /// The interfaces to serve past the kernel; `None` where sockets serve them.
    pub(crate) interfaces: Option<XdpInterfaces>,
    pub(crate) core: Option<usize>,
    pub(crate) realtime_priority: u8,
    pub(crate) tick: Duration,
    pub(crate) max_legs: usize,
    pub(crate) media_timeout: Duration,
    pub(crate) hold_timeout: Duration,
    /// Lateness of its rounds from which on calls are shed, where that lasts.
    pub(crate) shed_late: Duration,
    pub(crate) remotes: Arc<RemotePolicy>,
    /// Streams are forwarded by the packet I/O backend where it can.
    pub(crate) kernel_forwarding: bool,
}

impl WorkerConfig {
    pub(crate) fn io(&self) -> std::io::Result<WorkerIo> {
        let config = SocketIoConfig { max_ports: self.max_legs * 2, ..SocketIoConfig::default() };
        WorkerIo::new(self.worker, config, self.interfaces.as_ref())
    }
}

/// The mailboxes of all workers: a call moves from one to another directly.
pub(crate) type Mailboxes = Arc<[Arc<Mailbox>]>;

/// The thread's body: runs until it is stopped, and starts again after a failure.
pub(crate) fn run(worker: usize, mailboxes: &Mailboxes, config: &WorkerConfig, io: WorkerIo) {
    let Some(mailbox) = mailboxes.get(worker) else { return };
    set_thread_name(&format!("media-{worker}"));
    if let Some(core) = config.core
        && let Err(error) = pin_current_thread(core)
    {
        tracing::warn!(worker, core, %error, "cannot pin the worker");
    }
    let priority = config.realtime_priority;
    if priority > 0
        && let Err(error) = set_realtime_priority(priority)
    {
        tracing::warn!(worker, priority, %error, "the worker does not run in real time: CAP_SYS_NICE or LimitRTPRIO is missing");
    }
    let mut io = Some(io);
    while let Some(first) = io.take().or_else(|| restart_io(mailbox, config)) {
        let mut worker = Worker::new(mailbox, mailboxes, config, first);
        mailbox.up.store(true, Ordering::Release);
        let ended = catch_unwind(AssertUnwindSafe(|| worker.run()));
        // What a panic left behind may panic again when dropped; the ports must be closed before the failure is reported.
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(worker)));
        match ended {
            Ok(Ok(())) => return,
            Ok(Err(error)) => {
                tracing::error!(worker = mailbox.worker, %error, "a worker cannot wait for packets");
                std::thread::sleep(RESTART_PAUSE);
            }
            Err(_) => {}
        }
        if dropped.is_err() {
            tracing::error!(worker = mailbox.worker, "the failed worker could not be taken down cleanly");
        }
        tracing::error!(worker = mailbox.worker, "a worker failed; its calls ended, it starts again");
        fail_over(mailbox);
    }
}

/// Voids the commands to the life that failed, and reports the failure.
fn fail_over(mailbox: &Mailbox) {
    let generation = mailbox.generation.fetch_add(1, Ordering::AcqRel);
    mailbox.gauges.restarts.fetch_add(1, Ordering::Relaxed);
    mailbox.gauges.calls.store(0, Ordering::Relaxed);
    let mut message = WorkerMessage::Failed { generation };
    while let Err(back) = mailbox.messages.push(message) {
        message = back;
        mailbox.wake_supervisor();
        std::thread::yield_now();
    }
    mailbox.wake_supervisor();
}

/// Packet I/O for a new life. A machine without descriptors or memory may have them again later: a worker that gave up would
/// take its share of the calls with it, in silence.
fn restart_io(mailbox: &Mailbox, config: &WorkerConfig) -> Option<WorkerIo> {
    let mut told = false;
    while !mailbox.stop.load(Ordering::Acquire) {
        match config.io() {
            Ok(io) => {
                mailbox.set_waker(io.waker());
                return Some(io);
            }
            Err(error) => {
                mailbox.up.store(false, Ordering::Release);
                if !std::mem::replace(&mut told, true) {
                    tracing::error!(worker = mailbox.worker, %error, "the worker cannot start again yet");
                }
                std::thread::sleep(RESTART_PAUSE);
            }
        }
    }
    None
}

/// One life of a worker.
pub(super) struct Worker<I> {
    pub(super) session: Session,
    pub(super) output: WorkerOutput<I>,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) mailboxes: Mailboxes,
    pub(super) expected: Expected,
    /// Datagrams that were received and are not handled yet; none between two rounds.
    ahead: VecDeque<Received>,
    clock: Clock,
    mode: PollMode,
    schedule: TickSchedule,
    next_slow_round: Time,
    punctuality: Punctuality,
    backlog: Backlog,
    /// When a busy worker was to look at its ports, had it been in time.
    planned: Option<Time>,
    /// It had done all that there was before the round, and slept.
    rested: bool,
    pub(super) generation: u64,
}

impl<I: PacketIo<Handle = Handle>> Worker<I> {
    pub(super) fn new(mailbox: &Arc<Mailbox>, mailboxes: &Mailboxes, config: &WorkerConfig, io: I) -> Self {
        let clock = Clock::new();
        let now = clock.now();
        let mut seed = [0; 32];
        rng().fill_bytes(&mut seed);
        let session = Session::new(SessionConfig {
            max_legs: config.max_legs,
            media_timeout: config.media_timeout,
            hold_timeout: config.hold_timeout,
            seed,
            wall_at_zero: clock.wall().saturating_sub(now.since(Time::ZERO)),
            remotes: Arc::clone(&config.remotes),
            kernel_forwarding: config.kernel_forwarding,
        });
        Self {
            session,
            output: WorkerOutput::new(io, Arc::clone(mailbox)),
            mailbox: Arc::clone(mailbox),
            mailboxes: Arc::clone(mailboxes),
            expected: Expected::default(),
            ahead: VecDeque::with_capacity(LOOK_AHEAD + 1),
            clock,
            mode: PollMode::new(now, config.tick),
            schedule: TickSchedule::new(now),
            next_slow_round: now,
            punctuality: Punctuality::new(config.shed_late),
            backlog: Backlog::default(),
            planned: None,
            rested: false,
            generation: mailbox.generation.load(Ordering::Acquire),
        }
    }

    /// Runs until it is to stop.
    fn run(&mut self) -> std::io::Result<()> {
        self.mailbox.gauges.set_late(None);
        self.mailbox.gauges.set_too_late(Duration::ZERO);
        loop {
            self.wait()?;
            let now = self.clock.now();
            self.take_arrivals(now);
            if !self.take_commands(now) {
                self.session.end_all(now, EndReason::Shutdown, &mut self.output);
                self.output.flush();
                self.output.pass_on();
                return Ok(());
            }
            self.take_datagrams();
            let now = self.clock.now();
            self.note_lateness(now);
            self.serve_timeouts(now)?;
            self.output.flush();
            self.output.pass_on();
            self.publish(now);
            // As more work would, and not as a late wake-up, which is told from it.
            #[cfg(feature = "danger-panic")]
            std::thread::sleep(Duration::from_micros(self.mailbox.slow_micros.load(Ordering::Relaxed)));
        }
    }

    fn wait(&mut self) -> std::io::Result<()> {
        // One wake stands for many commands, and a wake-up takes a bounded number of them.
        let more = !self.mailbox.commands.is_empty() || !self.mailbox.arrivals.is_empty();
        let now = self.clock.now();
        self.planned = None;
        self.rested = false;
        if self.mode.is_busy() {
            let pause = self.schedule.begin_wait(now);
            self.planned = Some(self.schedule.next());
            self.output.io.wait_tick(pause)?;
            let in_full = self.schedule.end_wait(self.clock.now(), self.mode.tick());
            self.rested = in_full && !pause.is_zero() && self.backlog.late().is_zero();
            return Ok(());
        }
        if more {
            return self.output.io.wait(Some(Duration::ZERO));
        }
        let mut sleep = LONGEST_SLEEP.min(self.next_slow_round.since(now).max(Duration::from_millis(1)));
        if let Some(deadline) = self.session.next_deadline() {
            sleep = sleep.min(deadline.since(now));
        }
        if self.output.has_waiting() || self.expected.has_departures() {
            sleep = sleep.min(Duration::from_millis(10));
        }
        self.rested = !sleep.is_zero();
        self.output.io.wait(Some(sleep))?;
        self.schedule = TickSchedule::new(self.clock.now() + self.mode.tick());
        Ok(())
    }

    /// Handles what has come, each datagram some others after it was received: meanwhile what it needs comes from memory.
    fn take_datagrams(&mut self) {
        let mut now = self.clock.now();
        let mut datagrams = 0;
        let spent = self.output.io.counters().budget_spent;
        let mut all_received = false;
        loop {
            while self.ahead.len() <= LOOK_AHEAD && !all_received {
                match self.output.receive() {
                    Some(received) => self.ahead.push_back(received),
                    None => all_received = true,
                }
            }
            for before in 1..=LOOK_AHEAD {
                let Some(received) = self.ahead.get(before) else { break };
                self.session.prefetch(output::key(received.port), before);
            }
            let Some(received) = self.ahead.pop_front() else { break };
            datagrams += 1;
            if datagrams % CLOCK_BATCH == 0 {
                now = self.clock.now();
            }
            let port = output::key(received.port);
            self.session.handle_datagram(now, port, received.from, received.packet, &mut self.output);
        }
        self.mode.note(now, datagrams);
        let counters = self.output.io.counters();
        let spent = counters.budget_spent > spent;
        self.backlog.note(now, Look { spent, received: counters.received, sent: counters.sent });
    }

    /// Serves what is due at `now`. Where that is much, datagrams are read in between.
    fn serve_timeouts(&mut self, now: Time) -> std::io::Result<()> {
        self.session.handle_timeouts(now, &mut self.output);
        for _ in 1..TIMEOUT_PASSES {
            if self.session.next_deadline().is_none_or(|due| due > now) {
                break;
            }
            self.output.flush();
            self.output.io.wait(Some(Duration::ZERO))?;
            self.take_datagrams();
            let now = self.clock.now();
            self.session.handle_timeouts(now, &mut self.output);
        }
        Ok(())
    }

    /// Sees whether the most urgent deadline, the round itself or what is left in the sockets is late.
    fn note_lateness(&mut self, now: Time) {
        let due = [self.session.next_deadline(), self.planned].into_iter().flatten().min();
        let late = due.map_or(Duration::ZERO, |due| now.since(due)).max(self.backlog.late());
        let worker = self.mailbox.worker;
        match self.punctuality.note(now, late, self.rested) {
            Some(Change::FellBehind { late }) => self.output.event(Event::WorkerLate { worker, late }),
            Some(Change::Recovered) => self.output.event(Event::WorkerOnTime { worker }),
            None => {}
        }
        self.mailbox.gauges.set_late(self.punctuality.late());
        self.mailbox.gauges.set_too_late(self.punctuality.too_late(now));
    }

    /// Carries commands out; false where the worker is to stop.
    fn take_commands(&mut self, now: Time) -> bool {
        self.retry_departures(now);
        for _ in 0..COMMAND_BUDGET {
            let Some(Addressed { generation, command }) = self.mailbox.commands.pop() else {
                return true;
            };
            if matches!(command, Command::Stop) {
                return false;
            }
            // A command to an earlier life is dropped, which completes it as failed.
            if generation == self.generation {
                self.carry_out(now, command);
            }
        }
        true
    }

    fn publish(&mut self, now: Time) {
        let gauges = &self.mailbox.gauges;
        let counters = self.output.io.counters();
        gauges.received.store(counters.received, Ordering::Relaxed);
        gauges.sent.store(counters.sent, Ordering::Relaxed);
        gauges.forwarded.store(counters.forwarded, Ordering::Relaxed);
        gauges.handed_over.store(self.output.handed_over(), Ordering::Relaxed);
        let refused = counters.truncated + counters.no_large_buffer;
        gauges.dropped.store(refused + counters.send_errors, Ordering::Relaxed);
        gauges.no_large_buffer.store(counters.no_large_buffer, Ordering::Relaxed);
        gauges.too_long.store(counters.too_long, Ordering::Relaxed);
        gauges.calls.store(self.session.calls() as u64, Ordering::Relaxed);
        if now >= self.next_slow_round {
            self.next_slow_round = now + SLOW_ROUND;
            self.session.set_wall(now, self.clock.wall());
            let cpu = u64::try_from(thread_cpu_time().as_nanos()).unwrap_or(u64::MAX);
            gauges.cpu_nanos.store(cpu, Ordering::Relaxed);
        }
    }
}
