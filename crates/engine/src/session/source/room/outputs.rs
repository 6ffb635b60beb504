//! Where the members of a room are, and the legs that it feeds: all of them, or the one that a command changed.

use super::ConferenceRoom;
use crate::api::id::LegId;
use crate::api::leg::MediaPolicy;
use crate::api::source::Source;
use crate::session::leg::egress::EncoderSpec;
use crate::session::wiring::Feed;

/// A leg that a room feeds.
pub(in crate::session) struct Fed<'a> {
    pub(in crate::session) leg: LegId,
    pub(in crate::session) place: u16,
    /// Rate and settings of its encoder.
    pub(in crate::session) encoder: Option<(u32, &'a EncoderSpec)>,
}

/// Where a member is, and what becomes of what it says.
#[derive(Debug, Clone, Copy)]
pub(in crate::session) struct Settled {
    pub(in crate::session) feed: Feed,
    pub(in crate::session) policy: MediaPolicy,
    /// Its sample rate in hertz, where it has one.
    pub(in crate::session) rate: Option<u32>,
}

/// How many of those who may speak have which rate; links apart.
#[derive(Debug, Default)]
pub(super) struct Rates(Vec<((bool, u32), u32)>);

impl Rates {
    fn add(&mut self, counted: (bool, u32)) {
        match self.0.iter_mut().find(|(known, _)| *known == counted) {
            Some((_, count)) => *count += 1,
            None => self.0.push((counted, 1)),
        }
    }

    fn remove(&mut self, counted: (bool, u32)) {
        if let Some(at) = self.0.iter().position(|(known, _)| *known == counted)
            && let Some((_, count)) = self.0.get_mut(at)
        {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.0.swap_remove(at);
            }
        }
    }

    fn highest(&self, links: bool) -> Option<u32> {
        self.0.iter().filter(|((link, _), _)| *link == links).map(|((_, rate), _)| *rate).max()
    }
}

impl ConferenceRoom {
    /// The place of a member's seat.
    pub(super) fn place_of(&self, source: Source) -> Option<usize> {
        if let Source::Leg(leg) = source {
            return self.by_name.get(&leg).copied().map(usize::from);
        }
        self.seats
            .iter()
            .position(|seat| seat.as_ref().is_some_and(|seat| seat.source == source && !seat.gone))
    }

    /// Lets whoever has a seat leave; the seat is free once that is reported.
    pub(super) fn vacate(&mut self, at: usize) {
        self.unfeed(at);
        let Some(seat) = self.seats.get_mut(at).and_then(Option::as_mut) else { return };
        seat.leave(&mut self.room);
        if let Some(counted) = seat.counted.take() {
            self.rates.remove(counted);
        }
        if let Source::Leg(leg) = seat.source {
            self.by_name.remove(&leg);
        }
        self.left = true;
    }

    /// Sets where its members are, and what becomes of what they say; who is nowhere any more leaves.
    pub(in crate::session) fn settle(&mut self, mut find: impl FnMut(Source) -> Option<Settled>) {
        for at in 0..self.seats.len() {
            let Some(seat) = self.seats.get(at).and_then(Option::as_ref) else { continue };
            if !seat.gone && seat.source != Source::Silence {
                let found = find(seat.source);
                self.settle_seat(at, found);
            }
        }
    }

    /// The same of a leg, where it is a member.
    pub(in crate::session) fn settle_leg(&mut self, leg: LegId, settled: Settled) {
        if let Some(at) = self.place_of(Source::Leg(leg)) {
            self.settle_seat(at, Some(settled));
        }
    }

    fn settle_seat(&mut self, at: usize, settled: Option<Settled>) {
        let Some(Settled { feed, policy, rate }) = settled else { return self.vacate(at) };
        let Some(seat) = self.seats.get_mut(at).and_then(Option::as_mut) else { return };
        seat.feed = feed;
        seat.set_blocked(policy != MediaPolicy::Forward, &mut self.room);
        let counted = rate.filter(|_| seat.may_speak()).map(|rate| (seat.is_link(), rate));
        let before = std::mem::replace(&mut seat.counted, counted);
        if before != counted {
            before.into_iter().for_each(|before| self.rates.remove(before));
            counted.into_iter().for_each(|counted| self.rates.add(counted));
        }
    }

    /// The rate that it is to have by those who may speak in it, in hertz.
    pub(in crate::session) fn wanted_rate(&self) -> u32 {
        // A link at a higher rate brings what nobody here could receive.
        self.rate_for(self.rates.highest(false).or_else(|| self.rates.highest(true)))
    }

    /// Sets the legs that it feeds.
    pub(in crate::session) fn set_outputs<'a>(
        &mut self,
        legs: usize,
        fed: impl Iterator<Item = Fed<'a>> + Clone,
    ) {
        self.by_leg.clear();
        self.by_leg.resize(legs, 0);
        self.shared.count_anew();
        self.fed = 0;
        for seat in self.seats.iter_mut().flatten() {
            (seat.fed, seat.encoding) = (None, None);
        }
        for fed in fed {
            self.feed(&fed);
        }
        self.shared.fit();
        self.beside = self.has_links() || self.has_taps();
        self.wanted = self.would_be_wanted();
    }

    /// Sets how it feeds one leg. False where that bears on others, and [`Self::set_outputs`] has to follow.
    pub(in crate::session) fn set_output(&mut self, fed: &Fed<'_>) -> bool {
        let was_short = self.shared.is_short();
        self.feed(fed);
        self.shared.fit();
        !was_short && !self.shared.is_short() && self.wanted == self.would_be_wanted()
    }

    /// Feeds a leg no more. False as [`Self::set_output`].
    pub(in crate::session) fn drop_output(&mut self, leg: LegId) -> bool {
        let was_short = self.shared.is_short();
        if let Some(at) = self.place_of(Source::Leg(leg)) {
            self.unfeed(at);
        }
        self.shared.fit();
        !was_short && self.wanted == self.would_be_wanted()
    }

    /// True where it feeds a leg, a link or a tap.
    const fn would_be_wanted(&self) -> bool {
        self.beside || self.fed > 0
    }

    fn feed(&mut self, fed: &Fed<'_>) {
        let Some(at) = self.place_of(Source::Leg(fed.leg)) else { return };
        // Counted before it is counted off, so that an encoding which goes on is not made anew.
        let encoding = fed.encoder.and_then(|(rate, spec)| self.shared.add(rate, spec));
        self.unfeed(at);
        let place = usize::from(fed.place);
        if self.by_leg.len() <= place {
            self.by_leg.resize(place + 1, 0);
        }
        if let (Some(by_leg), Ok(seat)) = (self.by_leg.get_mut(place), u16::try_from(at)) {
            *by_leg = seat + 1;
        }
        let Some(seat) = self.seats.get_mut(at).and_then(Option::as_mut) else { return };
        (seat.fed, seat.encoding) = (Some(fed.place), encoding);
        self.fed += 1;
        if let Some((rate, _)) = fed.encoder {
            for frame in [&mut seat.frame, &mut self.full, &mut self.quiet] {
                frame.prepare(rate);
            }
        }
    }

    pub(super) fn unfeed(&mut self, at: usize) {
        let Some(seat) = self.seats.get_mut(at).and_then(Option::as_mut) else { return };
        if let Some(encoding) = seat.encoding.take() {
            self.shared.remove(encoding);
        }
        if let Some(place) = seat.fed.take() {
            self.fed = self.fed.saturating_sub(1);
            if let Some(by_leg) = self.by_leg.get_mut(usize::from(place)) {
                *by_leg = 0;
            }
        }
    }

    /// The rate at which it wants what a leg says; `None` where it wants nothing of it.
    pub(in crate::session) fn wants(&self, leg: LegId) -> Option<u32> {
        let speaks = |seat: &super::Seat| seat.may_speak();
        let seat = self.seats.get(self.place_of(Source::Leg(leg))?)?.as_ref();
        (self.wanted && seat.is_some_and(speaks)).then(|| self.rate())
    }

    /// All that is derived of it, for tests.
    #[cfg(test)]
    pub(in crate::session) fn derived(&self) -> String {
        let seat = |seat: &super::Seat| {
            let encoding = seat.encoding.and_then(|at| self.shared.shared(at));
            let mixed = (self.room.is_mixed(seat.member), self.room.level(seat.member));
            format!(
                "{:?} {:?} {} {:?} {encoding:?} {:?} {mixed:?}",
                seat.source, seat.feed, seat.gone, seat.fed, seat.counted
            )
        };
        let seats: Vec<_> = self.seats.iter().map(|place| place.as_ref().map(seat)).collect();
        let by_leg: Vec<_> = self.by_leg.iter().enumerate().filter(|(_, seat)| **seat != 0).collect();
        format!("room {} {} {} {by_leg:?} {:?} {seats:?}", self.rate(), self.wanted, self.fed, self.by_name)
    }
}
