//! The thread that reads what the workers tell: keeps the registry and the ports true, and passes events on.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::api::event::{CallId, EndReason, Event};
use crate::api::stats::CallStatistics;
use crate::runtime::command::Notice;
use crate::runtime::engine::Shared;

/// Longest time between two looks at the queues, in case a wake-up came just too early.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The thread's body: runs until the workers have stopped and all they told is read.
pub(crate) fn run(shared: &Arc<Shared>) {
    loop {
        let stopping = shared.stopping.load(Ordering::Acquire);
        for (worker, link) in shared.links.iter().enumerate() {
            while let Some(notice) = link.notices.pop() {
                take(shared, worker, notice);
            }
        }
        if stopping {
            return;
        }
        std::thread::park_timeout(LOOK_EVERY);
    }
}

fn take(shared: &Shared, worker: usize, notice: Notice) {
    match notice {
        Notice::Event(event) => {
            if let Event::CallEnded { call, .. } = &event {
                shared.registry().remove(*call);
            }
            shared.events.send(event);
        }
        Notice::Closed { call, leg, lease } => {
            let mut registry = shared.registry();
            if let Some(entry) = registry.calls.get_mut(&call) {
                entry.legs.remove(&leg);
            }
            registry.settle(call, &shared.config.prices);
            drop(registry);
            shared.ports().give_back(lease);
        }
        Notice::Failed { generation } => fail(shared, worker, generation),
    }
}

/// Ends the calls of the life of a worker that failed.
fn fail(shared: &Shared, worker: usize, generation: u64) {
    let mut registry = shared.registry();
    let lost: Vec<CallId> = registry
        .calls
        .iter()
        .filter(|(_, entry)| entry.worker == worker && entry.generation <= generation)
        .map(|(id, _)| *id)
        .collect();
    let mut leases = Vec::new();
    for &call in &lost {
        if let Some(entry) = registry.remove(call) {
            leases.extend(entry.legs.into_values());
        }
    }
    drop(registry);
    let mut ports = shared.ports();
    for lease in leases {
        ports.give_back(lease);
    }
    drop(ports);
    shared.events.send(Event::WorkerFailed { worker });
    for call in lost {
        let statistics = CallStatistics::default();
        shared.events.send(Event::CallEnded { call, reason: EndReason::WorkerFailed, statistics });
    }
}
