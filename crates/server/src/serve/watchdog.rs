//! Notices threads that stalled or ended without a word, says so, and withholds the service manager's watchdog until all
//! go on again: a server that answers nobody is started anew (`WatchdogSec=`).

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mediapoint_control_ng::listen::Pulse;

use super::notify;

/// How often the threads are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Looks without a sign of life after which a thread counts as stalled. Looks and not seconds: a process that was
/// stopped for a while has missed no look.
const LOOKS: u32 = 10;

/// Reads the signs of life of some threads.
pub(super) type Source = Box<dyn Fn() -> Vec<Pulse> + Send>;

/// What is wrong with a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Stalled,
    Ended,
}

#[derive(Debug, Default)]
struct Seen {
    rounds: u64,
    looks: u32,
    fault: Option<Fault>,
}

/// What is known of the threads.
#[derive(Debug, Default)]
struct Health(HashMap<String, Seen>);

impl Health {
    /// Takes the signs of life of one look; the threads whose state has changed.
    fn look(&mut self, pulses: Vec<Pulse>) -> Vec<(String, Option<Fault>)> {
        let mut changes = Vec::new();
        for pulse in pulses {
            let seen = self.0.entry(pulse.name.clone()).or_default();
            let moves = seen.rounds != pulse.rounds;
            seen.looks = if moves { 0 } else { seen.looks.saturating_add(1) };
            seen.rounds = pulse.rounds;
            let fault = match (pulse.ended, seen.looks >= LOOKS) {
                (true, _) => Some(Fault::Ended),
                (false, true) => Some(Fault::Stalled),
                (false, false) => None,
            };
            if seen.fault != fault {
                seen.fault = fault;
                changes.push((pulse.name, fault));
            }
        }
        changes
    }

    fn is_good(&self) -> bool {
        self.0.values().all(|seen| seen.fault.is_none())
    }
}

/// The thread that looks. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Watchdog {
    stop: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    /// Watches these threads, and tells the service manager as often as it wants to be told.
    pub(super) fn start(sources: Vec<Source>) -> io::Result<Self> {
        let period = notify::watchdog_period();
        // Twice in the manager's time, as it recommends.
        let every = period.map_or(LOOK_EVERY, |period| (period / 2).min(LOOK_EVERY));
        let stop = Arc::new((Mutex::new(false), Condvar::new()));
        let asked = Arc::clone(&stop);
        let thread = thread::Builder::new().name("watchdog".to_owned()).spawn(move || {
            let mut health = Health::default();
            let mut next_look = Instant::now();
            while !wait(&asked, every) {
                if Instant::now() >= next_look {
                    next_look = Instant::now() + LOOK_EVERY;
                    report(health.look(sources.iter().flat_map(|source| source()).collect()));
                }
                if period.is_some() && health.is_good() {
                    notify::alive();
                }
            }
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        *self.stop.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.1.notify_all();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has logged so.
            drop(thread.join());
        }
    }
}

/// Waits for `time`, or until the thread is to stop: true then.
fn wait(stop: &(Mutex<bool>, Condvar), time: Duration) -> bool {
    let stopped = stop.0.lock().unwrap_or_else(PoisonError::into_inner);
    let waited = stop.1.wait_timeout_while(stopped, time, |stopped| !*stopped);
    *waited.unwrap_or_else(PoisonError::into_inner).0
}

fn report(changes: Vec<(String, Option<Fault>)>) {
    for (thread, fault) in changes {
        match fault {
            Some(Fault::Ended) => tracing::error!(thread, "a thread has ended that should not have"),
            Some(Fault::Stalled) => {
                tracing::error!(thread, seconds = LOOKS, "a thread gives no sign of life")
            }
            None => tracing::warn!(thread, "a thread goes on again"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pulse(name: &str, rounds: u64, ended: bool) -> Pulse {
        Pulse { name: name.to_owned(), rounds, ended }
    }

    #[test]
    fn a_thread_without_a_sign_of_life_is_reported_once_and_again_when_it_goes_on() {
        let mut health = Health::default();
        for round in 0..100 {
            assert_eq!(health.look(vec![pulse("a", round, false), pulse("b", round / 9, false)]), []);
        }
        for look in 1..20 {
            let changes = health.look(vec![pulse("a", 100 + look, false), pulse("b", 11, false)]);
            let expected = (look == 10).then(|| ("b".to_owned(), Some(Fault::Stalled)));
            assert_eq!(changes, Vec::from_iter(expected), "look {look}");
            assert_eq!(health.is_good(), look < 10);
        }
        assert_eq!(health.look(vec![pulse("b", 12, false)]), [("b".to_owned(), None)]);
        assert!(health.is_good());
    }

    #[test]
    fn a_thread_that_ended_is_noticed_at_the_next_look() {
        let mut health = Health::default();
        assert_eq!(health.look(vec![pulse("a", 1, false)]), []);
        assert_eq!(health.look(vec![pulse("a", 2, true)]), [("a".to_owned(), Some(Fault::Ended))]);
        assert_eq!(health.look(vec![pulse("a", 2, true)]), []);
        assert!(!health.is_good());
    }
}
