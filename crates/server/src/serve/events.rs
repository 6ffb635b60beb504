//! Reads what the engine tells: hands it to the controller and logs it. Parties' addresses are logged at debug only.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mediapoint_control_ng::listen::Pulse;
use mediapoint_engine::{CallStatistics, EndReason, Event, EventReceiver, LegStatistics};

use super::control::ControllerHandle;
use super::shutdown::CallEnded;

/// How long a quiet reader takes at most to see that it should end, or that a delayed delete has been asked for.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The thread that reads events, and that carries out what the controller has put off.
#[derive(Debug)]
pub(super) struct EventReader {
    stop: Arc<AtomicBool>,
    rounds: Arc<AtomicU64>,
    thread: Arc<JoinHandle<()>>,
}

impl EventReader {
    pub(super) fn start(
        events: EventReceiver,
        controller: ControllerHandle,
        ended: CallEnded,
    ) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let rounds = Arc::new(AtomicU64::new(0));
        let (asked, counted) = (Arc::clone(&stop), Arc::clone(&rounds));
        let thread = thread::Builder::new().name("events".to_owned()).spawn(move || {
            loop {
                // Read before the queue: what the engine told before it was stopped is in the queue then.
                let last = asked.load(Ordering::Acquire);
                counted.fetch_add(1, Ordering::Relaxed);
                while let Some(event) = events.try_recv() {
                    take(&controller, &ended, &event);
                }
                if last {
                    return;
                }
                let wait = controller.poll().map_or(LOOK_EVERY, |due| due.min(LOOK_EVERY));
                if let Some(event) = events.recv_timeout(wait) {
                    take(&controller, &ended, &event);
                }
            }
        })?;
        Ok(Self { stop, rounds, thread: Arc::new(thread) })
    }

    /// A reader of its signs of life.
    pub(super) fn pulse(&self) -> impl Fn() -> Vec<Pulse> + Send + use<> {
        let (rounds, thread) = (Arc::clone(&self.rounds), Arc::clone(&self.thread));
        move || {
            let rounds = rounds.load(Ordering::Relaxed);
            vec![Pulse { name: "events".to_owned(), rounds, ended: thread.is_finished() }]
        }
    }

    /// Reads what is left and ends. The engine must have been shut down, and nobody may read its pulse any more.
    pub(super) fn finish(self) {
        self.stop.store(true, Ordering::Release);
        // A thread that panicked has logged so and has nothing left to give.
        if let Some(thread) = Arc::into_inner(self.thread) {
            drop(thread.join());
        }
    }
}

fn take(controller: &ControllerHandle, ended: &CallEnded, event: &Event) {
    // A fault over one event must not leave all later ones unread: calls would never be seen to end.
    if catch_unwind(AssertUnwindSafe(|| controller.handle_event(event))).is_err() {
        tracing::error!("an event could not be handled");
    }
    log(event);
    if matches!(event, Event::CallEnded { .. }) {
        ended.wake();
    }
}

fn log(event: &Event) {
    match event {
        Event::CallEnded { call, reason, statistics } => log_end(call.as_u64(), *reason, statistics),
        Event::MediaTimeout { call, leg, silent } => {
            tracing::info!(
                call = call.as_u64(),
                leg = leg.as_u64(),
                seconds = silent.as_secs(),
                "leg is silent"
            );
        }
        Event::MediaResumed { call, leg } => {
            tracing::info!(call = call.as_u64(), leg = leg.as_u64(), "leg receives again");
        }
        Event::CallMoved { call, worker } => {
            tracing::info!(call = call.as_u64(), worker, "call went on to another worker");
        }
        Event::PointsMark { worker, percent, above, used, budget } => {
            let (used, budget) = (used.to_string(), budget.to_string());
            match above {
                true => {
                    tracing::warn!(worker, percent, used, budget, "a worker's points have reached a mark")
                }
                false => {
                    tracing::info!(worker, percent, used, budget, "a worker's points are below a mark again")
                }
            }
        }
        Event::BudgetChanged { worker, budget, configured, late } => {
            let (budget, configured) = (budget.to_string(), configured.to_string());
            match late {
                Some(late) => {
                    let late_ms = late.as_millis();
                    tracing::warn!(
                        worker,
                        budget,
                        configured,
                        late_ms,
                        "a worker may carry less: it does not keep up"
                    );
                }
                None => tracing::info!(worker, budget, configured, "a worker may carry more again"),
            }
        }
        Event::CommandFailed { call, error } => {
            tracing::warn!(call = call.as_u64(), %error, "a command to a call failed");
        }
        Event::WorkerFailed { worker } => {
            tracing::error!(worker, "worker failed; its calls have ended, and it starts again");
        }
        Event::LegLearnt { call, leg, from, expected: false } => {
            tracing::warn!(
                call = call.as_u64(),
                leg = leg.as_u64(),
                %from,
                "leg learnt an address that the signalling did not name: a party behind NAT, or a stranger"
            );
        }
        Event::Flood { call, leg, from } => {
            tracing::warn!(
                call = call.as_u64(),
                leg = leg.as_u64(),
                %from,
                "more packets come to a leg than its media can need; the rest is dropped"
            );
        }
        Event::LoopCut { call, leg, from } => {
            tracing::warn!(
                call = call.as_u64(),
                leg = leg.as_u64(),
                %from,
                "packets repeat as in a loop; the leg's media is dropped for two seconds"
            );
        }
        Event::ZrtpRefused { call, leg, from, why } => {
            tracing::warn!(
                call = call.as_u64(),
                leg = leg.as_u64(),
                %from,
                %why,
                "a party wants ZRTP, which does not pass"
            );
        }
        Event::LegLearnt { call, leg, from, .. } => {
            tracing::debug!(call = call.as_u64(), leg = leg.as_u64(), %from, "leg learnt its party's address");
        }
        Event::StreamRestarted { call, leg, ssrc } => {
            tracing::debug!(call = call.as_u64(), leg = leg.as_u64(), ?ssrc, "stream began anew");
        }
        Event::Bye { call, leg } => {
            tracing::debug!(call = call.as_u64(), leg = leg.as_u64(), "party ended its stream");
        }
        other => tracing::debug!(event = ?other, "event"),
    }
}

fn log_end(call: u64, reason: EndReason, statistics: &CallStatistics) {
    let legs: Vec<String> = statistics.legs.iter().map(leg_text).collect();
    let seconds = statistics.age.as_secs_f64();
    let reason = reason.to_string();
    tracing::info!(call, reason, seconds = format!("{seconds:.1}"), legs = legs.join("; "), "call ended");
}

/// What came in from a party and went out to it, in one line.
fn leg_text(leg: &LegStatistics) -> String {
    let received = &leg.received;
    let mos = received.mos.map(|mos| format!(", MOS {mos:.1}")).unwrap_or_default();
    format!(
        "{} received {}, lost {}, dropped {}, jitter {:.1} ms{mos}, sent {}",
        leg.leg.as_u64(),
        received.packets,
        received.lost,
        received.dropped.total(),
        received.jitter.as_secs_f64() * 1e3,
        leg.sent.packets,
    )
}
