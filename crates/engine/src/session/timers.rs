//! Deadlines: those of a call by name, and the queue of calls by their next one.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use mediapoint_packet::Time;

/// What a call waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timer {
    /// The media clock.
    Tick,
    /// The next RTCP report of a leg.
    Report,
    /// The next check for legs without packets.
    Inactivity,
    /// The time-out of a telephone event.
    Event,
    /// The next look at what the packet I/O backend forwards, and may forward.
    Handover,
    /// The next slice of a tick, where a large room has several.
    Slice,
}

const COUNT: usize = 6;

/// Stands for no deadline in half the room of an `Option`: each packet looks at all of its call.
const NEVER: Time = Time::from_nanos(u64::MAX);

/// A deadline; `None` for [`NEVER`].
fn some(at: Time) -> Option<Time> {
    (at != NEVER).then_some(at)
}

/// The deadlines of one call. Setting one replaces it, so that a stale one cannot fire.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timers([Time; COUNT]);

impl Default for Timers {
    fn default() -> Self {
        Self([NEVER; COUNT])
    }
}

impl Timers {
    pub(super) fn set(&mut self, timer: Timer, at: Option<Time>) {
        if let Some(slot) = self.0.get_mut(timer as usize) {
            *slot = at.unwrap_or(NEVER);
        }
    }

    /// Sets a deadline unless an earlier one is set.
    pub(super) fn set_earlier(&mut self, timer: Timer, at: Time) {
        let earlier = self.get(timer).map_or(at, |known| known.min(at));
        self.set(timer, Some(earlier));
    }

    pub(super) fn get(&self, timer: Timer) -> Option<Time> {
        self.0.get(timer as usize).copied().and_then(some)
    }

    /// Takes a deadline that has come.
    pub(super) fn take_expired(&mut self, timer: Timer, now: Time) -> Option<Time> {
        let at = self.get(timer).filter(|at| *at <= now)?;
        self.set(timer, None);
        Some(at)
    }

    /// The earliest deadline.
    pub(super) fn next(&self) -> Option<Time> {
        self.0.iter().min().copied().and_then(some)
    }
}

/// The calls of a session by their next deadline: one live entry a call. An entry that a later [`Deadlines::update`] has
/// replaced is recognised by its time and dropped when it comes up.
#[derive(Debug)]
pub(super) struct Deadlines {
    heap: BinaryHeap<Reverse<(Time, u32)>>,
    /// The live entry of each slot; [`NEVER`] where it has none.
    live: Vec<Time>,
}

impl Deadlines {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self { heap: BinaryHeap::with_capacity(capacity), live: Vec::new() }
    }

    /// Makes `next` the deadline of a slot. A later one than before is looked up when the earlier comes up, so that
    /// putting deadlines off costs nothing.
    pub(super) fn update(&mut self, slot: u32, next: Option<Time>) {
        let place = slot as usize;
        if self.live.len() <= place {
            self.live.resize(place + 1, NEVER);
        }
        let Some(live) = self.live.get_mut(place) else { return };
        let Some(next) = next else { return };
        if next < *live {
            *live = next;
            self.heap.push(Reverse((next, slot)));
        }
    }

    /// Forgets the deadline of a slot.
    pub(super) fn remove(&mut self, slot: u32) {
        if let Some(live) = self.live.get_mut(slot as usize) {
            *live = NEVER;
        }
    }

    /// The earliest deadline; it may be one that has been put off.
    pub(super) fn next(&mut self) -> Option<Time> {
        while let Some(&Reverse((at, slot))) = self.heap.peek() {
            if self.is_live(at, slot) {
                return Some(at);
            }
            self.heap.pop();
        }
        None
    }

    /// Takes the slot whose deadline has come.
    pub(super) fn take_due(&mut self, now: Time) -> Option<u32> {
        if self.next()? > now {
            return None;
        }
        let Reverse((_, slot)) = self.heap.pop()?;
        self.remove(slot);
        Some(slot)
    }

    fn is_live(&self, at: Time, slot: u32) -> bool {
        self.live.get(slot as usize) == Some(&at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    #[test]
    fn deadlines_come_in_order_and_not_before_their_time() {
        let mut deadlines = Deadlines::with_capacity(4);
        deadlines.update(2, Some(at(20)));
        deadlines.update(1, Some(at(10)));
        assert_eq!(deadlines.take_due(at(9)), None);
        assert_eq!(deadlines.take_due(at(30)), Some(1));
        assert_eq!(deadlines.take_due(at(30)), Some(2));
        assert_eq!(deadlines.take_due(at(30)), None);
    }

    #[test]
    fn replaced_and_removed_deadlines_never_fire() {
        let mut deadlines = Deadlines::with_capacity(4);
        deadlines.update(1, Some(at(20)));
        deadlines.update(1, Some(at(10)));
        deadlines.update(2, Some(at(5)));
        deadlines.remove(2);
        assert_eq!(deadlines.next(), Some(at(10)));
        assert_eq!(deadlines.take_due(at(30)), Some(1));
        assert_eq!(deadlines.take_due(at(30)), None, "the entry for 20 ms is void");
    }

    #[test]
    fn timer_set_again_is_replaced() {
        let mut timers = Timers::default();
        timers.set(Timer::Tick, Some(at(20)));
        timers.set(Timer::Tick, Some(at(40)));
        timers.set_earlier(Timer::Report, at(30));
        timers.set_earlier(Timer::Report, at(50));
        assert_eq!(timers.next(), Some(at(30)));
        assert_eq!(timers.take_expired(Timer::Tick, at(20)), None);
        assert_eq!(timers.take_expired(Timer::Tick, at(45)), Some(at(40)));
        assert_eq!(timers.take_expired(Timer::Tick, at(45)), None);
    }
}
