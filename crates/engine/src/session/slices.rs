//! The slices of a tick: what the members of a large room are sent is not sent at once. A thousand datagrams on end would hold
//! up the other calls of the worker for as long as they take.
//!
//! A room is mixed once a tick. The members in its first seats are sent their packets then, those in the next ones a quarter of
//! a tick later, and so on. A member keeps its seat and so its slice, and its packets are as far apart as those of others: it
//! receives them up to three quarters of a tick later, always by the same time. What is to be sent stays in the room's frames
//! until the next tick.

use std::time::Duration;

use mediapoint_packet::Time;

use crate::api::id::{LegId, RoomId};
use crate::session::Output;
use crate::session::call::Call;
use crate::session::command::CallCommand;
use crate::session::timers::Timer;
use crate::session::wiring::Feed;

/// Slices of a tick.
const SLICES: u8 = 4;

/// Seats on end that are of one slice: a room of so many members has one.
const SEATS: usize = 64;

/// The slice of a seat.
pub(super) fn slice_of(seat: usize) -> u8 {
    u8::try_from(seat / SEATS % usize::from(SLICES)).unwrap_or(0)
}

/// True where so many seats are of several slices.
pub(super) const fn has_slices(seats: usize) -> bool {
    seats > SEATS
}

/// What of the present tick is still to be sent. Calls with a large room alone have memory for it.
#[derive(Debug, Default)]
pub(super) struct Slices(Option<Box<Rest>>);

#[derive(Debug, Default)]
struct Rest {
    /// The next slice; 0 where there is none.
    next: u8,
    /// Length of the tick; that of the clock may have changed since.
    millis: u32,
    /// Places of the legs of a slice: kept, so that its memory is.
    places: Vec<u16>,
}

impl Slices {
    /// Makes room for so many legs, so that a tick allocates nothing.
    pub(super) fn make_room_for(&mut self, legs: usize) {
        if has_slices(legs) {
            self.rest().places.reserve(legs);
        }
    }

    fn rest(&mut self) -> &mut Rest {
        self.0.get_or_insert_default()
    }

    /// The next slice; 0 where all of the tick was sent.
    fn next(&self) -> u8 {
        self.0.as_ref().map_or(0, |rest| rest.next)
    }

    /// True where all of the tick was sent.
    fn is_over(&self) -> bool {
        self.next() == 0
    }
}

impl Call {
    /// Sends the first slice of the tick that was due at `due`: all that is not of a later one.
    pub(super) fn push_frames<O: Output>(&mut self, now: Time, due: Time, millis: u32, out: &mut O) {
        if !self.rooms.iter().any(|room| room.has_slices()) {
            return self.push_each(now, millis, 0..self.legs.len(), out);
        }
        self.push_slice(now, 0, millis, out);
        let rest = self.slices.rest();
        (rest.next, rest.millis) = (1, millis);
        self.timers.set(Timer::Slice, Some(due + step(millis)));
    }

    /// Sends the slices that are due by now, of which the first was due at `due`.
    pub(super) fn push_slices<O: Output>(&mut self, now: Time, due: Time, out: &mut O) {
        let millis = self.slices.rest().millis;
        let mut due = due;
        while !self.slices.is_over() && due <= now {
            let slice = self.slices.next();
            self.push_slice(now, slice, millis, out);
            due = due + step(millis);
            self.slices.rest().next = (slice + 1) % SLICES;
        }
        self.timers.set(Timer::Slice, (!self.slices.is_over()).then_some(due));
    }

    /// Sends one slice.
    fn push_slice<O: Output>(&mut self, now: Time, slice: u8, millis: u32, out: &mut O) {
        let mut places = std::mem::take(&mut self.slices.rest().places);
        places.clear();
        let all = 0..u16::try_from(self.legs.len()).unwrap_or(u16::MAX);
        places.extend(all.filter(|at| self.slice_of_leg(usize::from(*at)) == slice));
        self.push_each(now, millis, places.iter().map(|at| usize::from(*at)), out);
        self.slices.rest().places = places;
    }

    /// The slice of a leg, by its place; 0 of one that no room feeds.
    fn slice_of_leg(&self, at: usize) -> u8 {
        self.rooms.iter().find_map(|room| room.seat_of_leg(at)).map_or(0, slice_of)
    }

    /// Sends at once what of the present tick is still to be sent.
    pub(super) fn push_rest<O: Output>(&mut self, now: Time, out: &mut O) {
        if !self.slices.is_over() {
            self.push_rest_of(now, |_, _| true, out);
            self.slices.rest().next = 0;
            self.timers.set(Timer::Slice, None);
        }
    }

    /// Sends at once what a command would take the source or the seat of.
    pub(super) fn push_before<O: Output>(&mut self, now: Time, command: &CallCommand, out: &mut O) {
        if self.slices.is_over() {
            return;
        }
        match (command, command.only_leg()) {
            (_, Some(leg)) => self.push_rest_of_leg(now, leg, out),
            (CallCommand::RemoveRoom { room }, _) => self.push_rest_of(now, |known, _| known == *room, out),
            _ => {}
        }
    }

    /// Sends a leg at once what is still to be sent to it.
    pub(super) fn push_rest_of_leg<O: Output>(&mut self, now: Time, leg: LegId, out: &mut O) {
        if !self.slices.is_over() {
            self.push_rest_of(now, |_, known| known == leg, out);
        }
    }

    /// The same of those members of rooms that are picked. By their names: places may be about to change.
    #[cold]
    fn push_rest_of<O: Output>(&mut self, now: Time, pick: impl Fn(RoomId, LegId) -> bool, out: &mut O) {
        let (next, millis) = (self.slices.next(), self.slices.rest().millis);
        let due: Vec<(usize, LegId, usize)> = self
            .rooms
            .iter()
            .enumerate()
            .flat_map(|(at, room)| room.fed_legs().map(move |(leg, seat)| (at, room.id, leg, seat)))
            .filter(|(_, room, leg, seat)| slice_of(*seat) >= next && pick(*room, *leg))
            .map(|(at, _, leg, seat)| (at, leg, seat))
            .collect();
        for (room, leg, seat) in due {
            let place = self.place(leg).filter(|at| {
                let feed = u16::try_from(room).map(Feed::Room);
                self.legs.get(*at).is_some_and(|leg| Ok(leg.feed) == feed)
            });
            if let Some(at) = place {
                self.push_member(now, at, (room, seat), millis, out);
            }
        }
    }
}

/// From one slice to the next.
fn step(millis: u32) -> Duration {
    Duration::from_millis(u64::from(millis)) / u32::from(SLICES)
}
