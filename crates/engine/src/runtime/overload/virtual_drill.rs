//! The drill of overload in virtual time: a worker that only relays, offered more calls than it has points for, with a neighbour on
//! its core. Rounds take as long as their datagrams; what is late, what may be carried and what is shed is decided as in a worker.

use std::time::Duration;

use mediapoint_packet::Time;

use super::{Overload, Seen};
use crate::api::points::Points;
use crate::runtime::punctuality::{Backlog, Look, Punctuality};

const TICK: f64 = 1e-3;
/// Seconds of core time that a datagram takes: a whole core carries 1,000 calls.
const COST: f64 = 10e-6;
/// Datagrams a second of a call.
const RATE: f64 = 100.0;
/// Datagrams that a round takes at most.
const BUDGET: f64 = 1024.0;
const POINTS: u64 = 800;

struct Worker {
    now: f64,
    /// Share of the core that the neighbour leaves.
    share: f64,
    waiting: f64,
    received: f64,
    /// The calls, oldest first.
    calls: Vec<u64>,
    next_call: u64,
    next_offer: f64,
    next_look: f64,
    budget: u64,
    refused: u64,
    shed: Vec<u64>,
    backlog: Backlog,
    punctuality: Punctuality,
    overload: Overload,
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "times and counts of a simulation"
)]
const fn whole(figure: f64) -> u64 {
    figure as u64
}

impl Worker {
    fn new() -> Self {
        Self {
            now: 0.0,
            share: 1.0,
            waiting: 0.0,
            received: 0.0,
            calls: Vec::new(),
            next_call: 0,
            next_offer: 0.0,
            next_look: 0.0,
            budget: POINTS,
            refused: 0,
            shed: Vec::new(),
            backlog: Backlog::default(),
            punctuality: Punctuality::new(Duration::from_millis(40)),
            overload: Overload::new(Points::whole(POINTS), Some(Duration::from_secs(2))),
        }
    }

    fn time(&self) -> Time {
        Time::from_nanos(whole(self.now * 1e9))
    }

    /// Runs for so many seconds. A call is offered every `offer` seconds.
    fn run(&mut self, seconds: f64, offer: f64) {
        let until = self.now + seconds;
        self.next_offer = self.now;
        while self.now < until {
            self.round();
            while self.next_offer <= self.now {
                self.next_offer += offer;
                self.offer();
            }
            if self.next_look <= self.now {
                self.next_look = self.now + 0.1;
                self.look();
            }
        }
    }

    fn round(&mut self) {
        let taken = self.waiting.min(BUDGET);
        let took = (taken * COST / self.share).max(TICK);
        self.now += took;
        self.received += taken;
        self.waiting += RATE * took * f64::from(u32::try_from(self.calls.len()).unwrap()) - taken;
        // The kernel holds 270 for each of a call's two sockets.
        self.waiting = self.waiting.min(540.0 * f64::from(u32::try_from(self.calls.len()).unwrap()));
        let datagrams = whole(self.received);
        let look = Look { spent: taken >= BUDGET, received: datagrams, sent: datagrams };
        self.backlog.note(self.time(), look);
        let late = Duration::from_secs_f64(took - TICK).max(self.backlog.late());
        self.punctuality.note(self.time(), late, took <= TICK);
    }

    fn offer(&mut self) {
        let fits = u64::try_from(self.calls.len()).unwrap() < self.budget;
        if self.punctuality.late().is_none() && fits {
            self.calls.push(self.next_call);
        } else {
            self.refused += 1;
        }
        self.next_call += 1;
    }

    fn look(&mut self) {
        let used = Points::whole(u64::try_from(self.calls.len()).unwrap());
        let too_late = self.punctuality.too_late(self.time());
        let seen = Seen { late: self.punctuality.late(), too_late, used, received: whole(self.received) };
        if let Some(budget) = self.overload.look(self.time(), &seen) {
            self.budget = budget.as_thousandths() / 1000;
        }
        if self.overload.sheds(self.time(), &seen) {
            // What waits in its sockets goes with it.
            self.waiting *= 1.0 - 1.0 / f64::from(u32::try_from(self.calls.len().max(1)).unwrap());
            self.shed.extend(self.calls.pop());
        }
    }
}

#[test]
fn calls_beyond_the_budget_are_refused_and_the_others_are_served_in_time() {
    let mut worker = Worker::new();
    worker.run(60.0, 0.05);
    assert_eq!(worker.calls.len(), 800);
    assert!((399..=402).contains(&worker.refused), "{}", worker.refused);
    assert!(worker.shed.is_empty() && worker.punctuality.late().is_none() && worker.waiting < BUDGET);
}

#[test]
fn beside_a_neighbour_the_newest_are_shed_until_the_others_are_served_and_its_place_is_found() {
    let mut worker = Worker::new();
    worker.run(60.0, 0.05);
    let before = worker.calls.clone();
    worker.share = 0.3;
    worker.run(1.9, 0.05);
    assert!(worker.shed.is_empty(), "it was not too late for long enough");
    assert!(worker.budget <= 720, "{}", worker.budget);
    worker.run(118.1, 1e9);
    let newest: Vec<u64> = before.iter().rev().take(worker.shed.len()).copied().collect();
    assert_eq!(worker.shed, newest, "the newest, one after another");
    let left = worker.calls.len();
    assert!((200..=300).contains(&left), "{left} are left where 300 can be carried");
    assert!(worker.punctuality.late().is_none() && worker.waiting < BUDGET, "and are served");
    // Calls are offered all the time: each that is one too many is noticed.
    worker.run(300.0, 0.05);
    let shed = worker.shed.len();
    worker.run(300.0, 0.05);
    let (shed, left) = (worker.shed.len() - shed, worker.calls.len());
    assert!((200..=330).contains(&left), "{left} where 300 can be carried");
    assert!(shed <= 300, "{shed} of 6,000 that were offered");
    assert!(worker.budget < POINTS);
    // The neighbour goes.
    worker.share = 1.0;
    worker.run(600.0, 0.05);
    assert_eq!((worker.calls.len(), worker.budget), (800, POINTS), "all is as it was");
}

#[test]
fn a_stall_that_is_made_up_for_sheds_nothing() {
    let mut worker = Worker::new();
    worker.run(25.0, 0.05);
    worker.run(1.0, 1e9);
    // The machine stands still for 1.5 s.
    worker.now += 1.5;
    worker.waiting += 1.5 * RATE * 500.0;
    worker.run(60.0, 1e9);
    assert!(worker.shed.is_empty(), "{:?}", worker.shed);
    assert!((500..=505).contains(&worker.calls.len()), "{}", worker.calls.len());
    assert_eq!(worker.budget, POINTS, "what it lost meanwhile has come back");
}
