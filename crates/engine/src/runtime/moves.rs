//! Calls that move to another worker: by command, and by themselves where a worker is over its budget.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::api::error::{AdmissionError, CommandError};
use crate::api::id::CallId;
use crate::api::pending::{Completer, Pending, pending};
use crate::api::points::Points;
use crate::runtime::engine::Shared;
use crate::runtime::mailbox::{Command, Mailbox};
use crate::runtime::registry::Registry;

/// How often the load of the workers is compared.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Share of a core in use above which a worker gives calls away.
const OVERLOADED: f64 = 0.85;

/// A worker takes calls of an overloaded one below this share.
const HAS_ROOM: f64 = 0.60;

/// Calls that an overloaded worker gives away between two looks.
const CALLS_A_LOOK: usize = 8;

/// Why a call was not moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unmoved {
    NoSuchCall,
    /// It is there already, or on its way somewhere.
    Stays,
    Refused(AdmissionError),
    Busy {
        worker: usize,
    },
}

impl Unmoved {
    pub(crate) const fn into_error(self, call: CallId) -> MoveError {
        match self {
            Self::NoSuchCall => MoveError::Command(CommandError::NoSuchCall(call)),
            Self::Stays => MoveError::UnderWay,
            Self::Refused(error) => MoveError::Admission(error),
            Self::Busy { worker } => MoveError::Command(CommandError::Busy { worker }),
        }
    }
}

/// Why a call or a leg was not moved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MoveError {
    /// The engine has no worker of that number.
    #[error("there is no worker {0}")]
    NoSuchWorker(usize),
    /// The call is on its way to another worker already.
    #[error("the call is on its way to another worker")]
    UnderWay,
    /// The worker has no room for it.
    #[error(transparent)]
    Admission(AdmissionError),
    /// The command could not be given.
    #[error(transparent)]
    Command(#[from] CommandError),
}

/// Gives the commands that move a call to `to`; the registry holds from now on that it is there, so that every later command
/// goes after it.
pub(crate) fn start(
    shared: &Shared,
    registry: &mut Registry,
    call: CallId,
    to: usize,
) -> Result<Pending<()>, Unmoved> {
    let (reply, outcome) = pending(to, None);
    start_with(shared, registry, call, to, reply).map(|()| outcome)
}

fn start_with(
    shared: &Shared,
    registry: &mut Registry,
    call: CallId,
    to: usize,
    reply: Completer<()>,
) -> Result<(), Unmoved> {
    let entry = registry.calls.get(&call).ok_or(Unmoved::NoSuchCall)?;
    let (from, since) = (entry.worker, entry.generation);
    if from == to || entry.transit.is_some() {
        return Err(Unmoved::Stays);
    }
    let (need, priority) = (entry.need(&shared.config.prices), entry.priority);
    shared.place(registry, need, priority, |worker| worker == to).map_err(Unmoved::Refused)?;
    let (Some(source), Some(target)) = (shared.mailboxes.get(from), shared.mailboxes.get(to)) else {
        return Err(Unmoved::NoSuchCall);
    };
    // Asked first, so that the word to the target need hardly ever be taken back, which may wait for room in its queue.
    if source.commands.is_full() {
        return Err(Unmoved::Busy { worker: from });
    }
    let generation = target.generation.load(Ordering::Acquire);
    // The target first, so that it keeps commands that overtake the call.
    target.command(generation, Command::Expect { call }).map_err(|_| Unmoved::Busy { worker: to })?;
    if source.command(since, Command::Depart { call, to, reply }).is_err() {
        give_up(target, generation, call);
        return Err(Unmoved::Busy { worker: from });
    }
    registry.depart(call, to, generation);
    Ok(())
}

/// Takes the word back that a call comes.
fn give_up(target: &Mailbox, generation: u64, call: CallId) {
    let mut command = Command::Forget { call };
    while let Err(back) = target.command(generation, command) {
        command = back;
        std::thread::yield_now();
    }
}

/// Compares the workers' load from time to time.
#[derive(Debug)]
pub(crate) struct Balance {
    next: Instant,
    last: Instant,
    cpu: Vec<Duration>,
}

impl Balance {
    pub(crate) const fn new(now: Instant) -> Self {
        Self { next: now, last: now, cpu: Vec::new() }
    }

    /// Moves the newest calls of a worker that is over its budget, in points or in core time, to the one with most room.
    pub(crate) fn look(&mut self, shared: &Shared, now: Instant) {
        if now < self.next || shared.mailboxes.len() < 2 {
            return;
        }
        let span = now.saturating_duration_since(self.last).as_secs_f64().max(1e-3);
        let cpu: Vec<Duration> = shared.mailboxes.iter().map(|mailbox| mailbox.gauges.cpu()).collect();
        let busy: Vec<f64> = cpu
            .iter()
            .enumerate()
            .map(|(worker, cpu)| {
                let before = self.cpu.get(worker).copied().unwrap_or(*cpu);
                cpu.saturating_sub(before).as_secs_f64() / span
            })
            .collect();
        (self.next, self.last, self.cpu) = (now + LOOK_EVERY, now, cpu);
        if shared.config.rebalance {
            rebalance(shared, &busy);
        }
    }
}

/// Moves calls by the workers' shares of busy time.
fn rebalance(shared: &Shared, busy: &[f64]) {
    let mut registry = shared.registry();
    for worker in 0..busy.len() {
        let busy_share = busy.get(worker).copied().unwrap_or(0.0);
        let over = registry.used.get(worker).is_some_and(|used| used.points > registry.budget(worker).0);
        if !over && busy_share <= OVERLOADED {
            continue;
        }
        let mut calls: Vec<CallId> = registry
            .calls
            .iter()
            .filter(|(_, entry)| entry.worker == worker && entry.transit.is_none())
            .map(|(call, _)| *call)
            .collect();
        calls.sort_unstable_by_key(|call| std::cmp::Reverse(call.as_u64()));
        for call in calls.into_iter().take(CALLS_A_LOOK) {
            let room = |(other, _): &(usize, Points)| {
                *other != worker && busy.get(*other).is_some_and(|share| *share < HAS_ROOM)
            };
            let used: Vec<(usize, Points)> =
                registry.used.iter().map(|used| used.points).enumerate().collect();
            let Some((to, _)) = used.into_iter().filter(room).min_by_key(|(_, used)| *used) else { break };
            match start(shared, &mut registry, call, to) {
                Ok(outcome) => drop(outcome),
                Err(_) => break,
            }
        }
    }
}
