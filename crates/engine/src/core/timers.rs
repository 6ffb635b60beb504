//! Deadlines of a worker's legs and calls. Removed owners leave their entries behind, which are recognised by their
//! generation when due; firing and arming in turn allocate nothing.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use mediapoint_packet::Time;

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// A leg's next RTCP report.
    Report { slot: u32, generation: u32 },
    /// A call's next look for silence.
    Silence { slot: u32, generation: u32 },
    /// A call's next tick of the media clock.
    Tick { slot: u32, generation: u32 },
}

/// Deadlines, earliest first.
#[derive(Debug)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(Time, Due)>>,
}

impl Timers {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self { heap: BinaryHeap::with_capacity(capacity) }
    }

    pub(super) fn arm(&mut self, at: Time, due: Due) {
        self.heap.push(Reverse((at, due)));
    }

    /// The earliest deadline.
    pub(super) fn next(&self) -> Option<Time> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes the earliest deadline where it has come.
    pub(super) fn take_due(&mut self, now: Time) -> Option<Due> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse((_, due))| due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_come_in_order_and_not_before_their_time() {
        let mut timers = Timers::with_capacity(4);
        let due = |slot| Due::Report { slot, generation: 0 };
        timers.arm(Time::from_millis(20), due(2));
        timers.arm(Time::from_millis(10), due(1));
        assert_eq!(timers.take_due(Time::from_millis(9)), None);
        assert_eq!(timers.take_due(Time::from_millis(30)), Some(due(1)));
        assert_eq!(timers.take_due(Time::from_millis(30)), Some(due(2)));
        assert_eq!(timers.take_due(Time::from_millis(30)), None);
    }
}
