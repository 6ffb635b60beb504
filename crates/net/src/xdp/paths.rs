//! Which frames lead to an address: a table that is filled by answers of the kernel, and goes stale.
//!
//! The kernel alone knows routes and neighbours, and it learns neighbours by sending itself. So the first datagrams to an
//! address go by the socket, until the kernel's answer is there, and after that one now and then: it keeps the kernel's entry
//! alive, and with it comes a new question.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use mediapoint_packet::Time;
use mediapoint_packet::frame::Link;

/// Time after which a known path is asked for again: what a change of it takes to be noticed at most.
const REFRESH: Duration = Duration::from_secs(2);

/// Time to the first question after one that brought no path; it doubles each time.
const RETRY: Duration = Duration::from_millis(100);

/// The longest time between two questions that bring no path.
const LONGEST_RETRY: Duration = Duration::from_secs(10);

/// Time without a datagram after which a path may be forgotten.
const UNUSED: Duration = Duration::from_secs(30);

/// Two addresses that datagrams go between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Ends {
    pub(super) from: IpAddr,
    pub(super) to: IpAddr,
}

/// How a datagram goes out past the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Path {
    /// The interface, by its index.
    pub(super) interface: u32,
    pub(super) link: Link,
}

/// What is known of a path at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) path: Path,
    /// When it is asked for again.
    pub(super) until: Time,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    path: Option<Path>,
    ask_at: Time,
    retry: Duration,
}

/// The paths of a worker.
#[derive(Debug)]
pub(super) struct Paths {
    entries: HashMap<Ends, Entry>,
    most: usize,
    /// When room was last made.
    cleared: Option<Time>,
}

impl Paths {
    /// A table of at most so many paths. Datagrams of others go by their sockets.
    pub(super) fn new(most: usize) -> Self {
        Self { entries: HashMap::with_capacity(most), most, cleared: None }
    }

    /// The path of a datagram that is sent now; `None` where it is to go by its socket. `ask` gives a question on its way,
    /// false where it cannot.
    pub(super) fn find(&mut self, now: Time, ends: Ends, ask: impl FnOnce(Ends) -> bool) -> Option<Known> {
        let Some(entry) = self.entries.get_mut(&ends) else {
            self.make_room(now);
            if self.entries.len() < self.most && ask(ends) {
                self.entries.insert(ends, Entry { path: None, ask_at: now + RETRY, retry: RETRY });
            }
            return None;
        };
        if now < entry.ask_at {
            return entry.path.map(|path| Known { path, until: entry.ask_at });
        }
        if ask(ends) {
            entry.ask_at = now + if entry.path.is_some() { REFRESH } else { entry.retry };
            entry.retry = (entry.retry * 2).min(LONGEST_RETRY);
        }
        None
    }

    /// The path as it is known, however old; asks for nothing.
    pub(super) fn look(&self, ends: Ends) -> Option<Path> {
        self.entries.get(&ends)?.path
    }

    /// Asks for a path again where it is time, and goes on with what is known meanwhile: for who sends nothing himself.
    pub(super) fn keep(&mut self, now: Time, ends: Ends, ask: impl FnOnce(Ends) -> bool) {
        if let Some(entry) = self.entries.get_mut(&ends)
            && entry.path.is_some()
            && now >= entry.ask_at
            && ask(ends)
        {
            entry.ask_at = now + REFRESH;
        }
    }

    /// Takes an answer of the kernel.
    pub(super) fn answer(&mut self, now: Time, ends: Ends, path: Option<Path>) {
        let Some(entry) = self.entries.get_mut(&ends) else { return };
        if path.is_some() {
            entry.ask_at = now + REFRESH;
            entry.retry = RETRY;
        } else if entry.path.is_some() {
            // The neighbour is gone, or the route: the kernel looks for it anew with the next datagram.
            entry.ask_at = now + RETRY;
        }
        entry.path = path;
    }

    /// Forgets what is not used, where the table is full; at most once in a while, as it looks at all.
    fn make_room(&mut self, now: Time) {
        let recent = self.cleared.is_some_and(|cleared| now.since(cleared) < UNUSED);
        if self.entries.len() < self.most || recent {
            return;
        }
        self.cleared = Some(now);
        self.entries.retain(|_, entry| now.since(entry.ask_at) < UNUSED);
    }
}

#[cfg(test)]
mod tests {
    use mediapoint_packet::frame::Mac;

    use super::*;

    fn ends(last: u8) -> Ends {
        Ends { from: [192, 0, 2, 1].into(), to: [198, 51, 100, last].into() }
    }

    fn path(station: u8) -> Path {
        let link = Link { destination: Mac([station; 6]), source: Mac([2; 6]), vlan: None };
        Path { interface: 3, link }
    }

    fn at(millis: u64) -> Time {
        Time::from_nanos(millis * 1_000_000)
    }

    /// What is found, and whether the kernel was asked.
    fn find(paths: &mut Paths, now: Time, last: u8) -> (Option<Path>, bool) {
        let mut asked = false;
        let found = paths.find(now, ends(last), |_| {
            asked = true;
            true
        });
        (found.map(|known| known.path), asked)
    }

    #[test]
    fn the_first_go_by_the_socket_until_the_kernel_has_answered() {
        let mut paths = Paths::new(4);
        assert_eq!(find(&mut paths, at(0), 1), (None, true));
        assert_eq!(find(&mut paths, at(20), 1), (None, false));
        paths.answer(at(30), ends(1), Some(path(7)));
        assert_eq!(find(&mut paths, at(40), 1), (Some(path(7)), false));
        assert_eq!(find(&mut paths, at(40), 2), (None, true), "another address is another path");
    }

    #[test]
    fn a_path_is_asked_for_again_with_a_datagram_by_the_socket_and_goes_on_meanwhile() {
        let mut paths = Paths::new(4);
        find(&mut paths, at(0), 1);
        paths.answer(at(0), ends(1), Some(path(7)));
        assert_eq!(find(&mut paths, at(1_999), 1), (Some(path(7)), false));
        assert_eq!(find(&mut paths, at(2_000), 1), (None, true));
        assert_eq!(find(&mut paths, at(2_020), 1), (Some(path(7)), false));
        // The station has changed, then it is gone.
        paths.answer(at(2_030), ends(1), Some(path(8)));
        assert_eq!(find(&mut paths, at(2_040), 1), (Some(path(8)), false));
        paths.answer(at(2_050), ends(1), None);
        assert_eq!(find(&mut paths, at(2_060), 1), (None, false));
        assert_eq!(find(&mut paths, at(2_150), 1), (None, true));
    }

    #[test]
    fn a_path_that_is_kept_is_asked_for_again_and_stays_known() {
        let mut paths = Paths::new(4);
        find(&mut paths, at(0), 1);
        paths.keep(at(50), ends(1), |_| panic!("there is none to keep"));
        paths.answer(at(100), ends(1), Some(path(7)));
        paths.keep(at(2_099), ends(1), |_| panic!("it is good"));
        let mut asked = 0;
        let mut keep = |paths: &mut Paths, now, answer| {
            paths.keep(now, ends(1), |_| {
                asked += 1;
                answer
            });
        };
        keep(&mut paths, at(2_100), false);
        keep(&mut paths, at(2_120), true);
        keep(&mut paths, at(2_140), true);
        assert_eq!(asked, 2);
        assert_eq!(paths.look(ends(1)), Some(path(7)));
        assert_eq!(paths.look(ends(2)), None);
    }

    #[test]
    fn without_a_path_questions_become_rare() {
        let mut paths = Paths::new(4);
        let mut asked = 0;
        for millis in (0..60_000).step_by(20) {
            let (found, question) = find(&mut paths, at(millis), 1);
            assert_eq!(found, None);
            asked += u32::from(question);
            if question {
                paths.answer(at(millis), ends(1), None);
            }
        }
        assert!((8..=15).contains(&asked), "{asked} questions in a minute");
    }

    #[test]
    fn a_question_that_cannot_be_asked_is_asked_with_the_next_datagram() {
        let mut paths = Paths::new(4);
        assert_eq!(paths.find(at(0), ends(1), |_| false), None);
        assert_eq!(find(&mut paths, at(20), 1), (None, true));
    }

    #[test]
    fn the_table_is_bounded_and_what_is_unused_makes_room() {
        let mut paths = Paths::new(2);
        find(&mut paths, at(0), 1);
        find(&mut paths, at(0), 2);
        assert_eq!(find(&mut paths, at(0), 3), (None, false), "full");
        for millis in (0..40_000).step_by(100) {
            find(&mut paths, at(millis), 1);
        }
        assert_eq!(find(&mut paths, at(40_000), 3), (None, true), "the second has not been used");
        paths.answer(at(40_000), ends(1), Some(path(7)));
        assert_eq!(find(&mut paths, at(40_001), 1), (Some(path(7)), false));
        // An answer that comes late is nobody's.
        paths.answer(at(40_000), ends(2), Some(path(7)));
        assert_eq!(paths.entries.len(), 2);
    }
}
