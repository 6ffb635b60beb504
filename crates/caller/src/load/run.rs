//! The loop that sends and receives for all phones on one thread, and what it counted.

use std::time::Duration;

use mediapoint_net::{Reactor, ReactorConfig, thread_cpu_time};
use mediapoint_packet::{PacketPool, Time};

use super::beside::interleaved;
use super::cores::{self, CoresUse};
use super::cpu::{CpuMeter, CpuSource, CpuTime, Window};
use super::endpoint::{Arrival, Endpoint, Heard};
use super::far::Phones;
use super::progress::Progress;
use super::sound::{self, SoundReport};
use super::watch;
use super::{LoadError, Stop};
use crate::clock::now;
use crate::delay::Delays;
use crate::pace::Pacer;

/// Packet interval of every phone.
const INTERVAL: Duration = Duration::from_millis(20);

/// How long the last packets are waited for.
const DRAIN: Duration = Duration::from_millis(1_500);

/// How long phones that count no marks listen on, so that what was said last is heard too.
const LISTEN_ON: Duration = Duration::from_millis(400);

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
    /// What was heard, where no marks tell.
    pub(super) audio: Option<Audio>,
    /// How late packets were sent after they were due.
    pub(super) lateness: Delays,
    pub(super) server: Option<(Duration, CpuSource)>,
    /// The same in parts.
    pub(super) windows: Vec<Window>,
    /// Packets that came to phones that only receive.
    pub(super) tapped: u64,
    /// Packets' time in which those were sent nothing.
    pub(super) tap_missing: u64,
    pub(super) cores: Option<CoresUse>,
    pub(super) generator: Duration,
    pub(super) polling: bool,
}

/// Whose CPU time is read when a measurement begins and ends, beside the generator's own.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Measured<'a> {
    /// Parts of the measurement that the server's time is read in as well; 0 is one.
    pub(super) windows: u32,
    pub(super) server: Option<u32>,
    /// The server of the calls beside.
    pub(super) beside: Option<u32>,
    pub(super) cores: &'a [usize],
}

/// What phones heard that count no marks.
pub(super) struct Audio {
    /// Packets' time in which the server sent a phone nothing, not even a number.
    pub(super) missing: u64,
    pub(super) lost: u64,
    /// How much earlier or later than its timestamp says each packet came after the one before it.
    pub(super) regularity: Delays,
    /// Packets and payload octets that callers heard, and callees.
    pub(super) heard: [(u64, u64); 2],
    /// Packets with voice in them, and phones that heard none; of mu-law alone.
    pub(super) voiced: (u64, usize),
    pub(super) sound: Option<SoundReport>,
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
    /// Phones that only receive; their sockets are behind those of the others.
    sinks: usize,
    /// Phones of the calls beside, with their sockets behind those; what they receive is not looked at.
    beside: Vec<Endpoint>,
    /// Keys of the phones that send, in the order in which they do.
    order: Vec<usize>,
    tick: Duration,
    progress: bool,
    stop: Stop,
    heard: u64,
    tapped: u64,
    counts: Counts,
    delays: Delays,
    regularity: Delays,
    lateness: Delays,
}

impl Run {
    pub(super) fn new(
        tick: Duration,
        progress: bool,
        (sockets, endpoints): Phones,
        (sockets_beside, beside): Phones,
    ) -> Result<Self, LoadError> {
        let sinks = sockets.len() - endpoints.len().min(sockets.len());
        let order = interleaved(endpoints.len(), beside.len(), sockets.len());
        let mut reactor = Reactor::new(ReactorConfig {
            max_sockets: sockets.len() + sockets_beside.len(),
            send_batch: 64,
            ..ReactorConfig::default()
        })?;
        for (key, socket) in (0..).zip(sockets.into_iter().chain(sockets_beside)) {
            reactor.add(key, socket)?;
        }
        Ok(Self {
            reactor,
            pool: PacketPool::new(BUFFERS),
            endpoints,
            sinks,
            beside,
            order,
            tick,
            progress,
            stop: Stop::default(),
            heard: 0,
            tapped: 0,
            counts: Counts::default(),
            delays: Delays::new(),
            regularity: Delays::new(),
            lateness: Delays::new(),
        })
    }

    /// The same, ended by `stop`.
    pub(super) fn stopped_by(self, stop: &Stop) -> Self {
        Self { stop: stop.clone(), ..self }
    }

    /// Sends for `warm_up`, then measures for `duration` in so many windows, then waits for what is still under way.
    pub(super) fn measure(
        mut self,
        warm_up: Duration,
        duration: Duration,
        measured: Measured<'_>,
    ) -> Result<Outcome, LoadError> {
        let cpu_error = |pid| move |source| LoadError::Cpu { pid, source };
        let meter_of = |pid: Option<u32>| {
            pid.map(|pid| CpuMeter::new(pid).map(|meter| (meter, pid)).map_err(cpu_error(pid))).transpose()
        };
        let (meter, meter_beside) = (meter_of(measured.server)?, meter_of(measured.beside)?);
        let read = || meter.map(|(meter, pid)| meter.read_parts().map_err(cpu_error(pid))).transpose();
        let read_beside = || match meter_beside {
            Some((meter, pid)) => meter.read().map_err(cpu_error(pid)),
            None => Ok(Duration::ZERO),
        };
        let read_cores = || cores::read(measured.cores).map_err(LoadError::Cores);

        let begin = now();
        let mut progress = Progress::new(self.progress, begin, warm_up + duration + DRAIN);
        let mut pacer = Pacer::new(begin, INTERVAL, self.order.len());
        progress.phase("warm-up");
        self.talk(&mut pacer, begin + warm_up, &mut progress)?;

        self.start();
        progress.phase("measuring");
        let windows = measured.windows.max(1);
        let (from, cores_before, server_before, own_before) =
            (now(), read_cores()?, read()?, thread_cpu_time());
        let (mut to, mut server_after, mut beside, mut parts) =
            (from, server_before, read_beside()?, Vec::new());
        for window in 1..=windows {
            let (begin, before, beside_before) = (to, server_after, beside);
            self.talk(&mut pacer, from + duration * window / windows, &mut progress)?;
            (to, server_after, beside) = (now(), read()?, read_beside()?);
            let (used, used_beside) = (used_in(before, server_after), beside.saturating_sub(beside_before));
            parts.extend(used.map(|used| Window::new(to.since(begin), used, used_beside)));
        }
        let (cores_after, own_after) = (read_cores()?, thread_cpu_time());
        let (forwarded, tapped) = (self.heard, self.tapped);
        let cores_times = [cores_before.as_slice(), cores_after.as_slice()];

        let used = used_in(server_before, server_after).map(|used| used.all);
        let (sent, arrived, audio) = self.finish(from, to, &mut progress)?;
        self.counts.send_errors = self.reactor.counters().send_errors;
        Ok(Outcome {
            elapsed: to.since(from),
            sent,
            arrived,
            forwarded,
            counts: self.counts,
            delays: self.delays,
            audio,
            lateness: self.lateness,
            server: used.zip(meter.map(|(meter, _)| meter.source())),
            windows: parts,
            tapped,
            tap_missing: watch::missing_of(self.sinks as u64, tapped, to.since(from), INTERVAL),
            cores: CoresUse::new(measured.cores, cores_times, to.since(from), forwarded),
            generator: own_after.saturating_sub(own_before),
            polling: self.tick.is_zero(),
        })
    }

    /// Waits for what is still under way of what was measured between two times. Gives the packets sent and arrived, and what
    /// was heard.
    fn finish(
        &mut self,
        from: Time,
        to: Time,
        progress: &mut Progress,
    ) -> Result<(u64, u64, Option<Audio>), LoadError> {
        let mut audio = self.audio(to.since(from));
        progress.phase("draining");
        match audio {
            Some(_) => self.listen_on(to + LISTEN_ON, progress)?,
            None => self.drain(to + DRAIN, progress)?,
        }
        let (sent, mut arrived) = self.totals();
        if let Some(audio) = &mut audio {
            arrived = audio.heard.iter().map(|(packets, _)| packets).sum();
            if let Some((report, delays)) = self.listen() {
                (audio.sound, self.delays) = (Some(report), delays);
            }
        }
        Ok((sent, arrived, audio))
    }

    /// Forgets what was counted, and counts from here on.
    fn start(&mut self) {
        self.heard = 0;
        self.tapped = 0;
        self.counts = Counts::default();
        self.delays = Delays::new();
        self.regularity = Delays::new();
        self.lateness = Delays::new();
        self.endpoints.iter_mut().for_each(Endpoint::start);
    }

    /// What came since [`Run::start`], where no marks tell.
    fn audio(&self, elapsed: Duration) -> Option<Audio> {
        let mut audio = Audio {
            missing: 0,
            lost: 0,
            regularity: self.regularity.clone(),
            heard: [(0, 0); 2],
            voiced: (0, 0),
            sound: None,
        };
        for pair in self.endpoints.chunks(2) {
            for (endpoint, (packets, octets)) in pair.iter().zip(&mut audio.heard) {
                let counts = endpoint.watch()?.counts();
                if !endpoint.is_deaf() {
                    audio.missing += watch::missing(counts, elapsed, INTERVAL);
                }
                audio.lost += counts.lost;
                *packets += counts.received;
                *octets += counts.octets;
                audio.voiced.0 += counts.voiced;
                audio.voiced.1 += usize::from(counts.voiced == 0);
            }
        }
        Some(audio)
    }

    /// Compares what some phones heard with what their partners said.
    fn listen(&self) -> Option<(SoundReport, Delays)> {
        let pairs = self.endpoints.as_chunks::<2>().0.iter();
        let ways = pairs.flat_map(|[caller, callee]| [caller.way_to(callee), callee.way_to(caller)]);
        sound::listen(&ways.flatten().collect::<Vec<_>>())
    }

    fn totals(&mut self) -> (u64, u64) {
        let counts = self.endpoints.iter_mut().map(|endpoint| endpoint.journal_mut().counts());
        counts.fold((0, 0), |(sent, arrived), (s, a)| (sent + s, arrived + a))
    }

    fn talk(&mut self, pacer: &mut Pacer, until: Time, progress: &mut Progress) -> Result<(), LoadError> {
        while now() < until {
            self.stop.check()?;
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
            self.stop.check()?;
            self.receive_all();
            let (sent, arrived) = self.totals();
            if arrived >= sent || now() >= until {
                return Ok(());
            }
            self.reactor.wait_tick(Duration::from_millis(1))?;
            progress.tick(now());
        }
    }

    fn listen_on(&mut self, until: Time, progress: &mut Progress) -> Result<(), LoadError> {
        while now() < until {
            self.stop.check()?;
            self.receive_all();
            self.reactor.wait_tick(Duration::from_millis(1))?;
            progress.tick(now());
        }
        Ok(())
    }

    fn send_due(&mut self, pacer: &mut Pacer) {
        let mut at = now();
        while let Some(slot) = pacer.poll(at) {
            self.lateness.record(slot.late);
            let Some(&key) = self.order.get(slot.stream) else { continue };
            let beside = key.wrapping_sub(self.endpoints.len() + self.sinks);
            let known = self.endpoints.get_mut(key).or_else(|| self.beside.get_mut(beside));
            let Some(endpoint) = known else { continue };
            let Some(mut packet) = self.pool.take() else { break };
            if endpoint.write_next(at, &mut packet) {
                let key = u32::try_from(key).unwrap_or(u32::MAX);
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
            let at = now();
            let Some(endpoint) = self.endpoints.get_mut(key) else {
                // RTCP comes to another port, which nobody reads.
                self.tapped += u64::from(key < self.endpoints.len() + self.sinks);
                self.pool.give(received.packet);
                continue;
            };
            match endpoint.read(at, received.packet.bytes()) {
                Heard::Packet(index) => self.book(at, key ^ 1, index),
                Heard::Audio { off } => {
                    self.heard += 1;
                    off.into_iter().for_each(|off| self.regularity.record(off));
                }
                Heard::Again => self.counts.duplicated += 1,
                Heard::Rtcp => self.counts.rtcp += 1,
                Heard::Misrouted => self.counts.misrouted += 1,
                Heard::Damaged => self.counts.damaged += 1,
            }
            self.pool.give(received.packet);
        }
    }

    fn book(&mut self, at: Time, sender: usize, index: u32) {
        self.heard += 1;
        let Some(endpoint) = self.endpoints.get_mut(sender) else { return };
        match endpoint.journal_mut().arrived(index, at) {
            (Arrival::First(delay), true) => self.delays.record(delay),
            (Arrival::First(_), false) => {}
            (Arrival::Again, _) => self.counts.duplicated += 1,
            (Arrival::Stale, _) => self.counts.stale += 1,
        }
    }
}

/// CPU time between two readings.
fn used_in(before: Option<CpuTime>, after: Option<CpuTime>) -> Option<CpuTime> {
    before.zip(after).map(|(before, after)| after.since(before))
}
