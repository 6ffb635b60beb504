//! Steps of a session with as much in the caches as a loaded worker has: calls whose parties both send, in random order.
//!
//! Datagrams come in batches, as they do in a round of a worker. A batch is written first, and memory is touched as the kernel
//! would do it, which is not counted; what [`Loaded::handle`] does is the engine's share.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mediapoint_engine::session::Session;
use mediapoint_engine::session::ahead::LOOK_AHEAD;
use mediapoint_engine::session::command::CallCommand;
use mediapoint_engine::session::port::PortKey;
use mediapoint_engine::{CallId, LegId, Source};
use mediapoint_packet::{PacketBuf, Time};
use mediapoint_testkit::Sink;

use crate::step::{Kind, Sender, Speech, calls};

/// Calls of a loaded worker.
pub const CALLS: u64 = 2000;

/// Datagrams of a round.
const BATCH: usize = 32;

/// Nanoseconds between two packets of a party.
const PACKET: u64 = 20_000_000;

/// Octets of other memory for each packet: what the kernel touches of a socket, a buffer and what hangs on them. With it the
/// calls are no more in the last cache than they are in a server.
const KERNEL: usize = 8 << 10;

/// Calls whose parties both send every 20 ms, and what they have sent.
pub struct Loaded {
    session: Session,
    /// In the order in which they send.
    senders: Vec<Sender>,
    /// Datagrams that have come: to which port, from where.
    batch: Vec<((PortKey, SocketAddr), Option<PacketBuf>)>,
    sink: Sink,
    /// Stands for what the kernel has of the senders' ports.
    kernel: Vec<u8>,
    /// How many datagrams ahead memory is asked for.
    look_ahead: usize,
    /// Packets sent so far.
    done: u64,
}

impl Loaded {
    /// `calls` calls of a kind.
    ///
    /// # Panics
    /// Where the session refuses.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a bench that cannot be set up has nothing to measure")]
    pub fn new(kind: &Kind, count: u64) -> Self {
        let mut sink = Sink::new(BATCH + 8);
        let [speech, other] = [&kind.from, &kind.to].map(Speech::new);
        let (mut session, senders) = calls(count, kind, [&speech, &other], &mut sink);
        for n in 0..count {
            let (a, b) = (LegId::from_u64(2 * n), LegId::from_u64(2 * n + 1));
            let feed = CallCommand::SetSource { leg: a, source: Source::Leg(b) };
            session.apply(Time::ZERO, CallId::from_u64(n), feed, &mut sink).expect("a leg");
        }
        let mut senders: Vec<Sender> = senders.into_iter().flatten().collect();
        shuffle(&mut senders);
        let kernel = vec![1; KERNEL * senders.len()];
        Self {
            session,
            senders,
            kernel,
            batch: Vec::with_capacity(BATCH),
            sink,
            look_ahead: LOOK_AHEAD,
            done: 0,
        }
    }

    /// The same, which asks memory for nothing before it is needed.
    #[must_use]
    pub fn without_look_ahead(self) -> Self {
        Self { look_ahead: 0, ..self }
    }

    /// Has `count` packets sent, in whole batches; the time that [`Loaded::handle`] takes for so many.
    pub fn packets(&mut self, count: u64) -> Duration {
        let before = self.done;
        let mut time = Duration::ZERO;
        while self.done - before < count {
            self.fill();
            let begun = Instant::now();
            self.handle();
            time += begun.elapsed();
        }
        #[expect(clippy::cast_precision_loss, reason = "counts of less than 2^52")]
        let share = count as f64 / (self.done - before).max(1) as f64;
        time.mul_f64(share)
    }

    fn fill(&mut self) {
        let (senders, done) = (self.senders.len() as u64, self.done);
        for n in 0..BATCH as u64 {
            let place = usize::try_from((done + n) % senders).unwrap_or(0);
            let Some(mut packet) = self.sink.pool.take() else { continue };
            if let Some(sender) = self.senders.get_mut(place) {
                let kernel = self.kernel.get_mut(place * KERNEL..).unwrap_or_default();
                kernel.iter_mut().take(KERNEL).step_by(64).for_each(|line| *line = line.wrapping_add(1));
                sender.fill(&mut packet);
                self.batch.push(((sender.key, sender.address), Some(packet)));
            }
        }
    }

    /// A round of a worker: a batch of datagrams, then the deadlines that have come.
    #[inline(never)]
    pub fn handle(&mut self) {
        let Self { session, senders, batch, sink, look_ahead, done, .. } = self;
        let now = Time::from_nanos(PACKET / senders.len() as u64 * *done);
        *done += batch.len() as u64;
        for at in 0..batch.len() {
            for before in 1..=*look_ahead {
                let Some((sender, _)) = batch.get(at + before) else { break };
                session.prefetch(sender.0, before);
            }
            let Some(((key, from), Some(packet))) =
                batch.get_mut(at).map(|(to, packet)| (*to, packet.take()))
            else {
                continue;
            };
            session.handle_datagram(now, key, from, packet, sink);
        }
        batch.clear();
        while session.next_deadline().is_some_and(|due| due <= now) {
            session.handle_timeouts(now, sink);
        }
    }

    /// True where every packet went through; of those on the media path some wait in the jitter buffer.
    #[must_use]
    pub const fn all_sent(&self) -> bool {
        self.sink.sent + 3 * self.senders.len() as u64 >= self.done
    }
}

/// Puts values into another order, the same each time.
fn shuffle<T>(values: &mut [T]) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for last in (1..values.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let place = usize::try_from((state >> 33) % (last as u64 + 1)).unwrap_or(0);
        values.swap(last, place);
    }
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loaded").field("done", &self.done).finish_non_exhaustive()
    }
}
