//! The loop that sends and receives for all phones on one thread, and what it counted.

use std::time::Duration;

use mediapoint_net::{Reactor, ReactorConfig, UdpSocket, thread_cpu_time};
use mediapoint_packet::{PacketPool, Time};

use super::cpu::{CpuMeter, CpuSource};
use super::endpoint::{Arrival, Endpoint, Heard};
use super::progress::Progress;
use super::{LoadConfig, LoadError};
use crate::clock::now;
use crate::delay::Delays;
use crate::pace::Pacer;

/// Packet interval of every phone.
const INTERVAL: Duration = Duration::from_millis(20);

/// How long the last packets are waited for.
const DRAIN: Duration = Duration::from_millis(1_500);

/// Buffers: more than are ever queued for sending and in one receive batch together.
const BUFFERS: usize = 1_024;

/// What a run counted between the end of its warm-up and its own end.
pub(super) struct Outcome {
    pub(super) elapsed: Duration,
    pub(super) sent: u64,
    pub(super) arrived: u64,
    /// Packets of any age that arrived while it was measured; what the server forwarded in that time.
    pub(super) forwarded: u64,
    pub(super) counts: Counts,
    pub(super) delays: Delays,
    /// How late packets were sent after they were due.
    pub(super) lateness: Delays,
    pub(super) server: Option<(Duration, CpuSource)>,
    pub(super) generator: Duration,
    pub(super) polling: bool,
}

/// Datagrams of a measured run that are not just packets arriving once.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) duplicated: u64,
    pub(super) stale: u64,
    pub(super) damaged: u64,
    pub(super) misrouted: u64,
    pub(super) rtcp: u64,
    pub(super) send_errors: u64,
}

pub(super) struct Run {
    reactor: Reactor,
    pool: PacketPool,
    endpoints: Vec<Endpoint>,
    tick: Duration,
    progress: bool,
    heard: u64,
    counts: Counts,
    delays: Delays,
    lateness: Delays,
}

impl Run {
    pub(super) fn new(
        config: &LoadConfig,
        sockets: Vec<UdpSocket>,
        endpoints: Vec<Endpoint>,
    ) -> Result<Self, LoadError> {
        let mut reactor = Reactor::new(ReactorConfig {
            max_sockets: sockets.len(),
            send_batch: 64,
            ..ReactorConfig::default()
        })?;
        for (key, socket) in (0..).zip(sockets) {
            reactor.add(key, socket)?;
        }
        Ok(Self {
            reactor,
            pool: PacketPool::new(BUFFERS),
            endpoints,
            tick: config.tick,
            progress: config.progress,
            heard: 0,
            counts: Counts::default(),
            delays: Delays::new(),
            lateness: Delays::new(),
        })
    }

    /// Sends for `warm_up`, then measures for `duration`, then waits for what is still under way.
    pub(super) fn measure(
        mut self,
        warm_up: Duration,
        duration: Duration,
        server: Option<u32>,
    ) -> Result<Outcome, LoadError> {
        let cpu_error = |pid| move |source| LoadError::Cpu { pid, source };
        let meter = match server {
            Some(pid) => Some((CpuMeter::new(pid).map_err(cpu_error(pid))?, pid)),
            None => None,
        };
        let read = || meter.map(|(meter, pid)| meter.read().map_err(cpu_error(pid))).transpose();

        let begin = now();
        let mut progress = Progress::new(self.progress, begin, warm_up + duration + DRAIN);
        let mut pacer = Pacer::new(begin, INTERVAL, self.endpoints.len());
        progress.phase("warm-up");
        self.talk(&mut pacer, begin + warm_up, &mut progress)?;

        self.start();
        progress.phase("measuring");
        let (from, server_before, own_before) = (now(), read()?, thread_cpu_time());
        self.talk(&mut pacer, from + duration, &mut progress)?;
        let (to, server_after, own_after) = (now(), read()?, thread_cpu_time());
        let forwarded = self.heard;

        progress.phase("draining");
        self.drain(to + DRAIN, &mut progress)?;
        let used = server_before.zip(server_after).map(|(before, after)| after.saturating_sub(before));
        let (sent, arrived) = self.totals();
        self.counts.send_errors = self.reactor.counters().send_errors;
        Ok(Outcome {
            elapsed: to.since(from),
            sent,
            arrived,
            forwarded,
            counts: self.counts,
            delays: self.delays,
            lateness: self.lateness,
            server: used.zip(meter.map(|(meter, _)| meter.source())),
            generator: own_after.saturating_sub(own_before),
            polling: self.tick.is_zero(),
        })
    }

    /// Forgets what was counted, and counts from here on.
    fn start(&mut self) {
        self.heard = 0;
        self.counts = Counts::default();
        self.delays = Delays::new();
        self.lateness = Delays::new();
        self.endpoints.iter_mut().for_each(|endpoint| endpoint.journal_mut().start());
    }

    fn totals(&mut self) -> (u64, u64) {
        let counts = self.endpoints.iter_mut().map(|endpoint| endpoint.journal_mut().counts());
        counts.fold((0, 0), |(sent, arrived), (s, a)| (sent + s, arrived + a))
    }

    fn talk(&mut self, pacer: &mut Pacer, until: Time, progress: &mut Progress) -> Result<(), LoadError> {
        while now() < until {
            self.send_due(pacer);
            self.receive_all();
            // Not until the next packet is due: with hundreds of phones that would be a wake-up for each.
            self.reactor.wait_tick(self.tick)?;
            progress.tick(now());
        }
        Ok(())
    }

    fn drain(&mut self, until: Time, progress: &mut Progress) -> Result<(), LoadError> {
        loop {
            self.receive_all();
            let (sent, arrived) = self.totals();
            if arrived >= sent || now() >= until {
                return Ok(());
            }
            self.reactor.wait_tick(Duration::from_millis(1))?;
            progress.tick(now());
        }
    }

    fn send_due(&mut self, pacer: &mut Pacer) {
        let mut at = now();
        while let Some(slot) = pacer.poll(at) {
            self.lateness.record(slot.late);
            let Some(endpoint) = self.endpoints.get_mut(slot.stream) else { continue };
            let Some(mut packet) = self.pool.take() else { break };
            if endpoint.write_next(at, &mut packet) {
                let key = u32::try_from(slot.stream).unwrap_or(u32::MAX);
                self.reactor.send(key, endpoint.remote(), packet, &mut self.pool);
            } else {
                self.pool.give(packet);
            }
            at = now();
        }
        self.reactor.flush(&mut self.pool);
    }

    fn receive_all(&mut self) {
        while let Some(received) = self.reactor.receive(&mut self.pool) {
            let key = received.key as usize;
            let heard = self.endpoints.get_mut(key).map(|endpoint| endpoint.read(received.packet.bytes()));
            match heard {
                Some(Heard::Packet(index)) => self.book(key ^ 1, index),
                Some(Heard::Rtcp) => self.counts.rtcp += 1,
                Some(Heard::Misrouted) => self.counts.misrouted += 1,
                Some(Heard::Damaged) | None => self.counts.damaged += 1,
            }
            self.pool.give(received.packet);
        }
    }

    fn book(&mut self, sender: usize, index: u32) {
        self.heard += 1;
        let Some(endpoint) = self.endpoints.get_mut(sender) else { return };
        match endpoint.journal_mut().arrived(index, now()) {
            (Arrival::First(delay), true) => self.delays.record(delay),
            (Arrival::First(_), false) => {}
            (Arrival::Again, _) => self.counts.duplicated += 1,
            (Arrival::Stale, _) => self.counts.stale += 1,
        }
    }
}
