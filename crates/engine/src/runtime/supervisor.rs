//! The thread that reads the workers' messages: keeps the registry and the ports true, completes commands, passes events on,
//! and looks after workers that are over their budget or late.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use mediapoint_net::Clock;

use crate::api::error::CommandError;
use crate::api::event::{EndReason, Event};
use crate::api::id::{CallId, LegId};
use crate::api::stats::CallStatistics;
use crate::runtime::call::legs_of;
use crate::runtime::engine::Shared;
use crate::runtime::mailbox::{Command, Outcome, WorkerMessage};
use crate::runtime::marks::Marks;
use crate::runtime::moves;
use crate::runtime::overload::Overloads;
use crate::runtime::ports::PortLease;
use crate::runtime::registry::Transit;
use crate::session::snapshot::CallSnapshot;

/// Longest time between two looks at the queues, in case a wake-up came just too early.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The thread's body: runs until the workers have stopped and all their messages are read.
pub(crate) fn run(shared: &Arc<Shared>) {
    let mut balance = moves::Balance::new(Instant::now());
    let mut overloads = Overloads::new(shared.mailboxes.len(), &shared.config);
    let clock = Clock::new();
    let mut marks = Marks::new(&shared.config.load_marks, shared.mailboxes.len());
    loop {
        let stopping = shared.stopping.load(Ordering::Acquire);
        shared.rounds.fetch_add(1, Ordering::Relaxed);
        for (worker, mailbox) in shared.mailboxes.iter().enumerate() {
            while let Some(message) = mailbox.messages.pop() {
                take(shared, worker, message);
            }
        }
        if stopping {
            return;
        }
        give_deferred(shared);
        overloads.look(shared, clock.now());
        balance.look(shared, Instant::now());
        marks.look(shared);
        std::thread::park_timeout(LOOK_EVERY);
    }
}

fn take(shared: &Shared, worker: usize, message: WorkerMessage) {
    match message {
        WorkerMessage::Event(event) => {
            match &event {
                Event::CallEnded { call, .. } => end(shared, *call),
                Event::WorkerLate { worker, late } => {
                    let late_ms = late.as_millis();
                    tracing::warn!(worker, late_ms, "a worker does not keep up and takes no calls");
                }
                Event::WorkerOnTime { worker } => {
                    tracing::info!(worker, "a worker keeps up again and takes calls");
                }
                _ => {}
            }
            shared.events.send(event);
        }
        WorkerMessage::Closed { leg, lease } => close(shared, leg, lease),
        WorkerMessage::Outcome { outcome } => match outcome {
            Outcome::Done(reply, result) => reply.complete(result),
            Outcome::Statistics(reply, result) => reply.complete(result),
            Outcome::Snapshot(reply, result) => {
                reply.complete(result.map(|snapshot| priced(shared, snapshot)))
            }
        },
        WorkerMessage::Wake(handle) => handle.wake(),
        WorkerMessage::Arrived { call } => {
            shared.registry().arrived(call);
            shared.events.send(Event::CallMoved { call, worker });
        }
        WorkerMessage::Unknown { call, generation } => unknown(shared, worker, generation, call),
        WorkerMessage::TapRefused { call, tap } => {
            let mut registry = shared.registry();
            if let Some(entry) = registry.calls.get_mut(&call) {
                entry.taps.retain(|known| *known != tap);
            }
            registry.forget_tap(call, tap, &shared.config.prices);
            drop(registry);
            shared.events.forget_tap(tap);
        }
        WorkerMessage::Refused { call, id } => {
            let mut registry = shared.registry();
            registry.forget_mix(call, id, &shared.config.prices);
            registry.forget_extras(call, id, &shared.config.prices);
        }
        WorkerMessage::FeedRefused { leg, change, source } => {
            shared.registry().restore_source(leg, change, source, &shared.config.prices);
        }
        WorkerMessage::InputsRefused { call, mix, change, spec } => {
            let legs = spec.as_ref().map(|spec| legs_of(&spec.inputs));
            shared.registry().restore_inputs(call, (mix, change), legs, &shared.config.prices);
        }
        WorkerMessage::Lost { call } => lose(shared, &[call], EndReason::WorkerFailed),
        WorkerMessage::Failed { generation } => fail(shared, worker, generation),
    }
}

/// Notes in a snapshot the price that the call was given and its priority, which its worker does not know.
fn priced(shared: &Shared, mut snapshot: Box<CallSnapshot>) -> Box<CallSnapshot> {
    if let Some(entry) = shared.registry().calls.get(&snapshot.call()) {
        snapshot.set_admission(entry.given(), entry.priority);
    }
    snapshot
}

/// Forgets a call that has ended; where it was to move, the worker that expects it must know.
fn end(shared: &Shared, call: CallId) {
    let mut registry = shared.registry();
    let Some(entry) = registry.remove(call, &shared.config.prices) else { return };
    for tap in &entry.taps {
        shared.events.forget_tap(*tap);
    }
    if entry.transit.is_some() {
        drop(registry);
        forget(shared, entry.worker, call);
    }
}

/// Tells a worker that a call it expects does not come.
fn forget(shared: &Shared, worker: usize, call: CallId) {
    let Some(mailbox) = shared.mailboxes.get(worker) else { return };
    let mut command = Command::Forget { call };
    while let Err(back) = mailbox.command(mailbox.generation.load(Ordering::Acquire), command) {
        command = back;
        std::thread::yield_now();
    }
}

fn close(shared: &Shared, leg: LegId, lease: PortLease) {
    // Where the call ended first, its legs are still known. What the registry says is free must be: ports first.
    let mut registry = shared.registry();
    shared.ports.give_back(lease);
    registry.remove_leg(leg, &shared.config.prices);
}

/// Ends the calls of the life of a worker that failed.
fn fail(shared: &Shared, worker: usize, generation: u64) {
    let mut lost = Vec::new();
    let mut uncertain = Vec::new();
    for (call, entry) in &mut shared.registry().calls {
        match entry.transit {
            // It was on its way here: its arrival waits for the worker's next life, or its departure is still to come.
            Some(Transit { from, .. }) if entry.worker == worker && from != worker => {
                entry.generation = generation + 1;
                uncertain.push((*call, worker));
            }
            // It was to leave: whether it did, the worker that expects it knows.
            Some(Transit { from, generation: since, .. }) if from == worker && since <= generation => {
                uncertain.push((*call, entry.worker));
            }
            _ if entry.worker == worker && entry.generation <= generation => lost.push(*call),
            _ => {}
        }
    }
    shared.events.send(Event::WorkerFailed { worker });
    lose(shared, &lost, EndReason::WorkerFailed);
    for (call, at) in uncertain {
        if at == worker {
            expect_again(shared, worker, call);
        } else {
            forget(shared, at, call);
        }
    }
}

/// The next life of a worker expects a call, as the one that failed did.
fn expect_again(shared: &Shared, worker: usize, call: CallId) {
    let Some(mailbox) = shared.mailboxes.get(worker) else { return };
    let mut command = Command::Expect { call };
    while let Err(back) = mailbox.command(mailbox.generation.load(Ordering::Acquire), command) {
        command = back;
        std::thread::yield_now();
    }
}

/// Ends a call that its worker does not have: nothing else would, and it would keep its points for ever.
fn unknown(shared: &Shared, worker: usize, generation: u64, call: CallId) {
    let lost = shared.registry().calls.get(&call).is_some_and(|entry| {
        (entry.worker, entry.generation) == (worker, generation) && entry.transit.is_none()
    });
    if lost {
        tracing::error!(call = call.as_u64(), worker, "a call was known to its worker no longer");
        lose(shared, &[call], EndReason::NoRoom);
    }
}

/// Gives the workers what found their queues full.
fn give_deferred(shared: &Shared) {
    let mut registry = shared.registry();
    for _ in 0..registry.deferred.len() {
        let Some((call, command)) = registry.deferred.pop_front() else { return };
        let Some(entry) = registry.calls.get(&call) else {
            command.refuse(CommandError::NoSuchCall(call));
            continue;
        };
        let Some(mailbox) = shared.mailboxes.get(entry.worker) else { continue };
        if let Err(command) = mailbox.command(entry.generation, command) {
            registry.deferred.push_back((call, command));
        }
    }
}

/// Ends calls that were lost with their worker: their ports are closed.
fn lose(shared: &Shared, lost: &[CallId], reason: EndReason) {
    let mut ended = Vec::with_capacity(lost.len());
    let mut registry = shared.registry();
    for lease in registry.take_legs(lost) {
        shared.ports.give_back(lease);
    }
    for &call in lost {
        if let Some(entry) = registry.remove(call, &shared.config.prices) {
            for tap in &entry.taps {
                shared.events.forget_tap(*tap);
            }
            ended.push(call);
        }
    }
    drop(registry);
    for call in ended {
        let statistics = CallStatistics::default();
        shared.events.send(Event::CallEnded { call, reason, statistics });
    }
}
