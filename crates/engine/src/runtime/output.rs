//! Everything outside the session that a worker writes to: packet I/O, buffers, messages to the supervisor.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use mediapoint_net::{Forwarded, ForwardingRule, NotForwarded, PacketIo, Port, Received};
use mediapoint_packet::{PacketBuf, PacketPool};

use crate::api::event::Event;
use crate::api::id::LegId;
use crate::api::remote::LocalScope;
use crate::ring::WakeHandle;
use crate::runtime::mailbox::{Handle, Mailbox, WorkerMessage};
use crate::runtime::ports::{OpenPorts, PortLease};
use crate::session::Output;
use crate::session::port::{LegPorts, PortKey};
use crate::session::snapshot::LocalAddresses;

/// A wake-up's receive budget and send batch, with room for copies and reports.
const BUFFERS: usize = 2048;

/// Buffers for datagrams that exceed a usual one, on their way between a receive and the flush of the same round. Memory of
/// one that was never needed is never touched.
const LARGE_BUFFERS: usize = 128;

/// The session's name of a port.
pub(super) fn key(port: Port) -> PortKey {
    PortKey(u32::try_from(port.index()).unwrap_or(u32::MAX))
}

/// The outside of one worker.
pub(super) struct WorkerOutput<I> {
    pub(super) io: I,
    pool: PacketPool,
    /// The lease of each leg, by its RTP port.
    leases: Vec<Option<(LegId, PortLease)>>,
    /// Messages that did not fit into the queue. Each has its room reserved by the owner of a call, a leg, a tap, a player
    /// or a command.
    waiting: VecDeque<WorkerMessage>,
    sent_message: bool,
    /// Streams that the backend forwards by itself.
    handed_over: u64,
    mailbox: Arc<Mailbox>,
}

impl<I: PacketIo<Handle = Handle>> WorkerOutput<I> {
    pub(super) fn new(io: I, mailbox: Arc<Mailbox>) -> Self {
        Self {
            io,
            pool: PacketPool::with_large(BUFFERS, LARGE_BUFFERS),
            leases: Vec::new(),
            waiting: VecDeque::new(),
            sent_message: false,
            handed_over: 0,
            mailbox,
        }
    }

    /// Serves the opened ports of a leg.
    pub(super) fn attach(&mut self, leg: LegId, ports: OpenPorts<Handle>) -> std::io::Result<LegPorts> {
        let OpenPorts { lease, rtp, rtcp } = ports;
        let rtp = self.io.attach(rtp).inspect_err(|_| self.message(WorkerMessage::Closed { leg, lease }))?;
        let rtcp = match rtcp.map(|rtcp| self.io.attach(rtcp)).transpose() {
            Ok(rtcp) => rtcp,
            Err(error) => {
                self.io.close(rtp);
                self.message(WorkerMessage::Closed { leg, lease });
                return Err(error);
            }
        };
        let place = rtp.index();
        if self.leases.len() <= place {
            self.leases.resize(place + 1, None);
        }
        if let Some(entry) = self.leases.get_mut(place) {
            *entry = Some((leg, lease));
        }
        Ok(LegPorts { rtp: key(rtp), rtcp: rtcp.map(key), scope: LocalScope::of(lease.address) })
    }

    /// Takes the ports of a leg out, still open.
    pub(super) fn detach(&mut self, ports: LegPorts) -> Option<OpenPorts<Handle>> {
        let (_, lease) = self.leases.get_mut(ports.rtp.0 as usize).and_then(Option::take)?;
        let rtp = self.io.detach(Port::new(ports.rtp.0))?;
        let rtcp = ports.rtcp.and_then(|rtcp| self.io.detach(Port::new(rtcp.0)));
        Some(OpenPorts { lease, rtp, rtcp })
    }

    /// The local addresses of a leg.
    pub(super) fn local_addresses(&self, ports: LegPorts) -> Option<LocalAddresses> {
        let (_, lease) = self.leases.get(ports.rtp.0 as usize).copied().flatten()?;
        Some(LocalAddresses { rtp: lease.rtp(), rtcp: ports.rtcp.map(|_| lease.rtcp()) })
    }

    pub(super) fn receive(&mut self) -> Option<Received> {
        self.io.receive(&mut self.pool)
    }

    pub(super) fn flush(&mut self) {
        self.io.flush(&mut self.pool);
    }

    /// Gives a message to the supervisor; it is never lost.
    pub(super) fn message(&mut self, message: WorkerMessage) {
        self.sent_message = true;
        if !self.waiting.is_empty() {
            self.waiting.push_back(message);
        } else if let Err(message) = self.mailbox.messages.push(message) {
            self.waiting.push_back(message);
        }
    }

    /// Passes on what waits, and wakes the supervisor once for all messages of a round.
    pub(super) fn pass_on(&mut self) {
        while let Some(message) = self.waiting.pop_front() {
            if let Err(message) = self.mailbox.messages.push(message) {
                self.waiting.push_front(message);
                break;
            }
        }
        if std::mem::take(&mut self.sent_message) || !self.waiting.is_empty() {
            self.mailbox.wake_supervisor();
        }
    }

    /// Streams that the backend forwards by itself now.
    pub(super) const fn handed_over(&self) -> u64 {
        self.handed_over
    }

    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }
}

impl<I: PacketIo<Handle = Handle>> Output for WorkerOutput<I> {
    fn send(&mut self, from: PortKey, to: SocketAddr, packet: PacketBuf) {
        self.io.send(Port::new(from.0), to, packet, &mut self.pool);
    }

    fn take(&mut self) -> Option<PacketBuf> {
        self.pool.take()
    }

    fn take_for(&mut self, len: usize) -> Option<PacketBuf> {
        self.pool.take_for(len)
    }

    fn give(&mut self, packet: PacketBuf) {
        self.pool.give(packet);
    }

    /// A full queue costs telemetry, which is counted, but never a call event.
    fn event(&mut self, event: Event) {
        if event.is_telemetry() && (self.mailbox.messages.is_full() || self.has_waiting()) {
            self.mailbox.gauges.events_dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.message(WorkerMessage::Event(event));
    }

    fn close(&mut self, ports: LegPorts, leg: LegId) {
        self.io.close(Port::new(ports.rtp.0));
        if let Some(rtcp) = ports.rtcp {
            self.io.close(Port::new(rtcp.0));
        }
        if let Some((_, lease)) = self.leases.get_mut(ports.rtp.0 as usize).and_then(Option::take) {
            self.message(WorkerMessage::Closed { leg, lease });
        }
    }

    /// Waking makes a system call: the supervisor does it.
    fn wake(&mut self, handle: WakeHandle) {
        self.message(WorkerMessage::Wake(handle));
    }

    fn forward(&mut self, rule: &ForwardingRule) -> Result<(), NotForwarded> {
        self.io.forward(rule)?;
        self.handed_over += 1;
        Ok(())
    }

    fn forwarded(&mut self, port: Port) -> Option<Forwarded> {
        self.io.forwarded(port)
    }

    /// The session takes back once what it has handed over once.
    fn take_back(&mut self, port: Port) -> Option<Forwarded> {
        self.handed_over = self.handed_over.saturating_sub(1);
        self.io.take_back(port)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::api::event::EndReason;
    use crate::api::id::CallId;
    use crate::api::stats::CallStatistics;
    use crate::runtime::worker::WorkerConfig;

    #[test]
    fn nobody_reading_costs_telemetry_but_never_a_call_event() {
        let config = WorkerConfig {
            worker: 0,
            interfaces: None,
            core: None,
            realtime_priority: 0,
            tick: Duration::from_millis(1),
            max_legs: 4,
            media_timeout: Duration::from_secs(60),
            hold_timeout: Duration::from_secs(60),
            shed_late: Duration::from_millis(40),
            remotes: Arc::default(),
            kernel_forwarding: false,
        };
        let io = config.io().unwrap();
        let mailbox = Arc::new(Mailbox::new(0, io.waker()));
        let mut output = WorkerOutput::new(io, Arc::clone(&mailbox));
        let (call, leg) = (CallId::from_u64(1), LegId::from_u64(1));
        let capacity = mailbox.messages.capacity();
        for _ in 0..capacity + 10 {
            output.event(Event::Bye { call, leg });
        }
        assert_eq!(mailbox.gauges.events_dropped.load(Ordering::Relaxed), 10);
        assert!(!output.has_waiting());
        let statistics = CallStatistics::default();
        output.event(Event::CallEnded { call, reason: EndReason::Command, statistics });
        assert!(output.has_waiting());
        while mailbox.messages.pop().is_some() {}
        output.pass_on();
        let message = mailbox.messages.pop();
        assert!(matches!(message, Some(WorkerMessage::Event(Event::CallEnded { .. }))));
    }
}
