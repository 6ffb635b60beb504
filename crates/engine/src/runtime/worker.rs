//! One worker: a pinned thread that drives a core over its own sockets.
//!
//! A busy worker looks at its sockets on a tick, so that one wake-up serves many packets; another sleeps until
//! something comes. A panic ends the calls of this worker only: it drops them, tells so and starts again.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use mediapoint_net::{Clock, Reactor, ReactorConfig, pin_current_thread, set_thread_name, thread_cpu_time};
use mediapoint_packet::{PacketBuf, PacketPool, Time};
use rand::{Rng, rng};

use crate::api::event::{CallId, EndReason, Event};
use crate::api::leg::LegId;
use crate::core::{Core, CoreConfig, Output, SocketKey};
use crate::runtime::command::{Addressed, Command, Link, Notice};
use crate::runtime::pace::Pace;
use crate::runtime::ports::{LegSockets, PortLease};

/// Commands taken in one wake-up at most.
const COMMAND_BUDGET: usize = 64;

/// Longest sleep of an idle worker.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// How often core time is read and the wall clock set.
const SLOW_ROUND: Duration = Duration::from_secs(1);

/// What a worker is started with.
#[derive(Debug, Clone)]
pub(crate) struct WorkerConfig {
    pub(crate) core: Option<usize>,
    pub(crate) tick: Duration,
    pub(crate) max_legs: usize,
    pub(crate) media_timeout: Duration,
    pub(crate) hold_timeout: Duration,
}

impl WorkerConfig {
    pub(crate) fn reactor(&self) -> std::io::Result<Reactor> {
        Reactor::new(ReactorConfig { max_sockets: self.max_legs * 2, ..ReactorConfig::default() })
    }
}

/// The thread's body: runs until told to stop, and starts again after a failure.
pub(crate) fn run(link: &Arc<Link>, config: &WorkerConfig, reactor: Reactor) {
    set_thread_name(&format!("media-{}", link.worker));
    if let Some(core) = config.core
        && let Err(error) = pin_current_thread(core)
    {
        tracing::warn!(worker = link.worker, core, %error, "cannot pin the worker");
    }
    let mut reactor = Some(reactor);
    loop {
        let Some(first) = reactor.take().or_else(|| restart_reactor(link, config)) else { return };
        let mut worker = Worker::new(Arc::clone(link), config, first);
        let ended = catch_unwind(AssertUnwindSafe(|| worker.run()));
        // What a panic left behind may panic again when dropped; the sockets must be closed before it is told.
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(worker)));
        if ended.is_ok() {
            return;
        }
        if dropped.is_err() {
            tracing::error!(worker = link.worker, "the failed worker could not be taken down cleanly");
        }
        tracing::error!(worker = link.worker, "a worker failed; its calls ended, it starts again");
        fail_over(link);
    }
}

/// Voids what was said to the life that failed, and tells of it.
fn fail_over(link: &Link) {
    let generation = link.generation.fetch_add(1, Ordering::AcqRel);
    link.gauges.restarts.fetch_add(1, Ordering::Relaxed);
    link.gauges.calls.store(0, Ordering::Relaxed);
    let mut notice = Notice::Failed { generation };
    while let Err(back) = link.notices.push(notice) {
        notice = back;
        link.wake_housekeeper();
        std::thread::yield_now();
    }
    link.wake_housekeeper();
}

fn restart_reactor(link: &Link, config: &WorkerConfig) -> Option<Reactor> {
    match config.reactor() {
        Ok(reactor) => {
            link.set_waker(reactor.waker());
            Some(reactor)
        }
        Err(error) => {
            tracing::error!(worker = link.worker, %error, "the worker cannot start again");
            None
        }
    }
}

/// Everything outside the core that it writes to.
struct Outside {
    reactor: Reactor,
    pool: PacketPool,
    leases: Vec<Option<(CallId, PortLease)>>,
    /// Notices that did not fit into the queue and must not be lost: at most one for each leg and call there was.
    waiting: VecDeque<Notice>,
    told: bool,
    link: Arc<Link>,
}

impl Outside {
    fn notice(&mut self, notice: Notice) {
        self.told = true;
        if !self.waiting.is_empty() {
            self.waiting.push_back(notice);
        } else if let Err(notice) = self.link.notices.push(notice) {
            self.waiting.push_back(notice);
        }
    }

    fn pass_on(&mut self) {
        while let Some(notice) = self.waiting.pop_front() {
            if let Err(notice) = self.link.notices.push(notice) {
                self.waiting.push_front(notice);
                break;
            }
        }
        if std::mem::take(&mut self.told) || !self.waiting.is_empty() {
            self.link.wake_housekeeper();
        }
    }
}

impl Output for Outside {
    fn send(&mut self, from: SocketKey, to: SocketAddr, packet: PacketBuf) {
        self.reactor.send(from.0, to, packet, &mut self.pool);
    }

    fn take(&mut self) -> Option<PacketBuf> {
        self.pool.take()
    }

    fn give(&mut self, packet: PacketBuf) {
        self.pool.give(packet);
    }

    /// A full queue costs the event, which is counted, but never that a call ended.
    fn event(&mut self, event: Event) {
        if !matches!(event, Event::CallEnded { .. }) && self.link.notices.is_full() {
            self.link.gauges.events_dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.notice(Notice::Event(event));
    }

    fn close(&mut self, slot: u32, leg: LegId) {
        drop(self.reactor.remove(SocketKey::rtp(slot).0));
        drop(self.reactor.remove(SocketKey::rtcp(slot).0));
        if let Some((call, lease)) = self.leases.get_mut(slot as usize).and_then(Option::take) {
            self.notice(Notice::Closed { call, leg, lease });
        }
    }
}

struct Worker {
    core: Core,
    outside: Outside,
    clock: Clock,
    pace: Pace,
    next_tick: Time,
    next_slow_round: Time,
    generation: u64,
}

impl Worker {
    fn new(link: Arc<Link>, config: &WorkerConfig, reactor: Reactor) -> Self {
        let clock = Clock::new();
        let now = clock.now();
        let mut seed = [0; 32];
        rng().fill_bytes(&mut seed);
        let core = Core::new(CoreConfig {
            max_legs: config.max_legs,
            media_timeout: config.media_timeout,
            hold_timeout: config.hold_timeout,
            seed,
            wall_at_zero: Duration::ZERO,
        });
        let generation = link.generation.load(Ordering::Acquire);
        let pace = Pace::new(now, config.tick);
        let outside = Outside {
            reactor,
            // A wake-up's receive budget and send batch, with room for copies and reports.
            pool: PacketPool::new(2048),
            leases: vec![None; config.max_legs],
            waiting: VecDeque::new(),
            told: false,
            link,
        };
        Self { core, outside, clock, pace, next_tick: now, next_slow_round: now, generation }
    }

    fn run(&mut self) {
        loop {
            if self.wait().is_err() {
                return;
            }
            let now = self.clock.now();
            if !self.take_commands(now) {
                self.core.end_all(now, EndReason::Shutdown, &mut self.outside);
                self.outside.reactor.flush(&mut self.outside.pool);
                self.outside.pass_on();
                return;
            }
            self.take_datagrams();
            self.core.handle_timers(now, &mut self.outside);
            self.outside.reactor.flush(&mut self.outside.pool);
            self.outside.pass_on();
            self.publish(now);
        }
    }

    fn wait(&mut self) -> std::io::Result<()> {
        // One wake stands for many commands, and a wake-up takes a bounded number of them.
        let more_commands = !self.outside.link.commands.is_empty();
        let now = self.clock.now();
        if self.pace.is_busy() {
            let pause = self.next_tick.since(now);
            // A late round does not shorten the next ones: the schedule goes on from now.
            self.next_tick = if pause.is_zero() { now } else { self.next_tick } + self.pace.tick();
            return self.outside.reactor.wait_tick(pause);
        }
        if more_commands {
            return self.outside.reactor.wait(Some(Duration::ZERO));
        }
        let mut sleep = LONGEST_SLEEP.min(self.next_slow_round.since(now).max(Duration::from_millis(1)));
        if let Some(deadline) = self.core.next_deadline() {
            sleep = sleep.min(deadline.since(now));
        }
        if !self.outside.waiting.is_empty() {
            sleep = sleep.min(Duration::from_millis(10));
        }
        self.outside.reactor.wait(Some(sleep))?;
        self.next_tick = self.clock.now() + self.pace.tick();
        Ok(())
    }

    fn take_datagrams(&mut self) {
        let now = self.clock.now();
        let mut datagrams = 0;
        while let Some(received) = self.outside.reactor.receive(&mut self.outside.pool) {
            datagrams += 1;
            let key = SocketKey(received.key);
            self.core.handle_datagram(now, key, received.from, received.packet, &mut self.outside);
        }
        self.pace.note(now, datagrams);
    }

    /// Carries out what was commanded; false where the worker is to stop.
    fn take_commands(&mut self, now: Time) -> bool {
        for _ in 0..COMMAND_BUDGET {
            let Some(Addressed { generation, command }) = self.outside.link.commands.pop() else {
                return true;
            };
            if matches!(command, Command::Stop) {
                return false;
            }
            if generation == self.generation {
                self.carry_out(now, command);
            }
        }
        true
    }

    fn carry_out(&mut self, now: Time, command: Command) {
        match command {
            Command::AddCall { call } => {
                if !self.core.add_call(now, call) {
                    tracing::error!(call = call.as_u64(), "the worker has no room for the call");
                }
            }
            Command::AddLeg { call, leg, config, sockets } => {
                let slot = self.core.add_leg(now, call, leg, *config);
                self.attach(now, slot, (call, leg), *sockets);
            }
            Command::Configure { leg, config, relearn } => {
                let dscp = config.dscp;
                if let Some(slot) = self.core.configure_leg(now, leg, *config, relearn) {
                    self.mark(slot, dscp);
                }
            }
            Command::SetSource { leg, source } => {
                self.core.set_source(leg, source);
            }
            Command::RemoveLeg { leg } => {
                self.core.remove_leg(now, leg, &mut self.outside);
            }
            Command::EndCall { call, reason } => {
                self.core.end_call(now, call, reason, &mut self.outside);
            }
            Command::Query { call, reply } => {
                // The asker may have given up waiting.
                drop(reply.try_send(self.core.statistics(now, call).unwrap_or_default()));
            }
            #[expect(clippy::panic, reason = "the deliberate failure that tests of the take-down ask for")]
            Command::Panic => panic!("a test asked this worker to fail"),
            Command::Stop => {}
        }
    }

    /// Takes a leg's sockets in, or closes them where the core did not take the leg.
    fn attach(&mut self, now: Time, slot: Option<u32>, (call, leg): (CallId, LegId), sockets: LegSockets) {
        let LegSockets { rtp, rtcp, lease } = sockets;
        let Some(slot) = slot else {
            drop((rtp, rtcp));
            return self.outside.notice(Notice::Closed { call, leg, lease });
        };
        let reactor = &mut self.outside.reactor;
        let added = reactor.add(SocketKey::rtp(slot).0, rtp).and_then(|()| match rtcp {
            Some(rtcp) => reactor.add(SocketKey::rtcp(slot).0, rtcp),
            None => Ok(()),
        });
        if let Some(place) = self.outside.leases.get_mut(slot as usize) {
            *place = Some((call, lease));
        }
        if let Err(error) = added {
            tracing::error!(leg = leg.as_u64(), %error, "the worker cannot serve the leg's sockets");
            self.core.remove_leg(now, leg, &mut self.outside);
        }
    }

    fn mark(&self, slot: u32, dscp: u8) {
        for key in [SocketKey::rtp(slot), SocketKey::rtcp(slot)] {
            if let Some(socket) = self.outside.reactor.socket(key.0)
                && let Err(error) = socket.set_dscp(dscp)
            {
                tracing::warn!(dscp, %error, "cannot set the DSCP of a leg");
            }
        }
    }

    fn publish(&mut self, now: Time) {
        let gauges = &self.outside.link.gauges;
        let counters = self.outside.reactor.counters();
        gauges.received.store(counters.received, Ordering::Relaxed);
        gauges.sent.store(counters.sent, Ordering::Relaxed);
        gauges.dropped.store(counters.truncated + counters.send_errors, Ordering::Relaxed);
        gauges.calls.store(self.core.calls() as u64, Ordering::Relaxed);
        if now >= self.next_slow_round {
            self.next_slow_round = now + SLOW_ROUND;
            self.core.set_wall(now, self.clock.wall());
            let cpu = u64::try_from(thread_cpu_time().as_nanos()).unwrap_or(u64::MAX);
            gauges.cpu_nanos.store(cpu, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::event::CallId;
    use crate::api::stats::CallStatistics;

    #[test]
    fn nobody_reading_costs_events_but_never_the_end_of_a_call() {
        let config = WorkerConfig {
            core: None,
            tick: Duration::from_millis(1),
            max_legs: 4,
            media_timeout: Duration::from_secs(60),
            hold_timeout: Duration::from_secs(60),
        };
        let reactor = config.reactor().unwrap();
        let link = Arc::new(Link::new(0, reactor.waker()));
        let mut worker = Worker::new(Arc::clone(&link), &config, reactor);
        let outside = &mut worker.outside;
        let capacity = link.notices.capacity();
        for _ in 0..capacity + 10 {
            outside.event(Event::WorkerFailed { worker: 0 });
        }
        assert_eq!(link.gauges.events_dropped.load(Ordering::Relaxed), 10);
        assert!(outside.waiting.is_empty());
        let (call, statistics) = (CallId::from_u64(1), CallStatistics::default());
        outside.event(Event::CallEnded { call, reason: EndReason::Command, statistics });
        assert_eq!(outside.waiting.len(), 1);
        while link.notices.pop().is_some() {}
        outside.pass_on();
        assert!(matches!(link.notices.pop(), Some(Notice::Event(Event::CallEnded { .. }))));
    }
}
