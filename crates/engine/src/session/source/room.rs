//! A conference room of a call: what its members say is mixed once a tick, those that hear the same share one frame, and those
//! of one codec one encoding of it.

pub mod link;
mod outputs;
mod reports;
mod saved;
mod seat;
mod shared;

use std::collections::BTreeMap;

use mediapoint_conference::{MemberId, MixKey, Room, Tick};

use crate::api::error::CommandError;
use crate::api::id::{LegId, RoomId};
use crate::api::room::RoomSpec;
use crate::api::source::Source;
use crate::session::frame::{Frame, FrameKind};
use crate::session::slices::has_slices;
use crate::session::source::player::ReadyPayload;
use crate::session::tick::Parts;
use crate::session::wiring::Feed;

use self::outputs::Rates;
pub(in crate::session) use self::outputs::{Fed, Settled};
use self::seat::{MixOf, Reader, Seat};
use self::shared::Encodings;

/// Rate of a room whose members have none, in hertz.
const LEAST_RATE: u32 = 8000;

/// A room of a call.
pub struct ConferenceRoom {
    /// Its name.
    pub id: RoomId,
    spec: RoomSpec,
    room: Room,
    /// By the members' places in the room.
    seats: Vec<Option<Seat>>,
    /// The seats of legs that have not left.
    by_name: BTreeMap<LegId, u16>,
    /// The seat of a leg by the leg's place in the call, plus one; 0 where it has none.
    by_leg: Vec<u16>,
    /// What most hear: silence where nobody speaks.
    full: Frame,
    /// Silence, for those who hear nothing while others speak.
    quiet: Frame,
    shared: Encodings,
    rates: Rates,
    /// Legs that it feeds.
    fed: usize,
    /// A link or a tap wants it.
    beside: bool,
    wanted: bool,
    /// Somebody has left, whose seat is still to be freed.
    left: bool,
}

impl ConferenceRoom {
    /// An empty room.
    ///
    /// # Errors
    /// [`CommandError::OutOfRange`].
    pub fn new(id: RoomId, spec: RoomSpec) -> Result<Self, CommandError> {
        let rate = spec.rate.unwrap_or(LEAST_RATE);
        let most = RoomSpec::MAX_CAPACITY;
        if spec.capacity > most || spec.loudest > most {
            return Err(CommandError::OutOfRange { what: "the size of the room" });
        }
        let mixer = mediapoint_conference::RoomSpec {
            rate,
            capacity: spec.capacity,
            loudest: spec.loudest,
            gate: spec.gate,
            forward_links: spec.forward_links,
        };
        let room = Room::new(mixer);
        let room = room.map_err(|_| CommandError::OutOfRange { what: "the settings of the room" })?;
        Ok(Self {
            id,
            spec,
            room,
            seats: Vec::new(),
            by_leg: Vec::new(),
            full: Frame::new(rate),
            quiet: Frame::new(rate),
            by_name: BTreeMap::new(),
            shared: Encodings::default(),
            rates: Rates::default(),
            fed: 0,
            beside: false,
            wanted: false,
            left: false,
        })
    }

    /// What it was made with.
    pub const fn spec(&self) -> &RoomSpec {
        &self.spec
    }

    /// Its sample rate in hertz.
    pub fn rate(&self) -> u32 {
        self.room.spec().rate
    }

    /// True where it feeds a leg.
    pub const fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// True where a leg is one of its members.
    pub fn has_leg(&self, leg: LegId) -> bool {
        self.seat_of(Source::Leg(leg)).is_some()
    }

    fn seat_of(&self, source: Source) -> Option<&Seat> {
        self.seats.get(self.place_of(source)?)?.as_ref()
    }

    /// What its members say comes from: those who are heard, or may be.
    pub(in crate::session) fn feeds(&self) -> impl Iterator<Item = Feed> + '_ {
        self.seats.iter().flatten().filter(|seat| seat.may_speak()).map(|seat| seat.feed)
    }

    /// The rate that it is to have, where that of its members' highest is `highest`.
    fn rate_for(&self, highest: Option<u32>) -> u32 {
        self.spec.rate.or(highest).unwrap_or(LEAST_RATE).max(LEAST_RATE)
    }

    /// Gives it another rate; who is in it stays.
    pub(in crate::session) fn set_rate(&mut self, rate: u32) {
        if rate == self.rate() || self.room.set_rate(rate).is_err() {
            return;
        }
        self.full.set_rate(rate);
        self.quiet.set_rate(rate);
        self.seats.iter_mut().flatten().for_each(|seat| seat.frame.set_rate(rate));
        self.shared.clear();
    }

    /// Mixes a tick.
    pub(in crate::session) fn mix(&mut self, millis: u32, parts: &mut Parts<'_>) {
        let Some(tick) = Tick::from_millis(millis).filter(|_| self.wanted) else { return };
        let rate = self.rate();
        let Self { room, seats, full, quiet, shared, .. } = self;
        room.tick(tick, &mut Reader { seats, parts, rate });
        shared.begin();
        let mut spoken = false;
        for seat in seats.iter_mut().flatten() {
            let output = room.output(seat.member);
            seat.due = true;
            seat.mix = match output.mix {
                MixKey::Silence => MixOf::Nothing,
                MixKey::Full => {
                    if !std::mem::replace(&mut spoken, true) {
                        full.copy(millis, output.samples);
                    }
                    MixOf::Full
                }
                MixKey::Of(member) if member == seat.member => {
                    seat.frame.copy(millis, output.samples);
                    MixOf::Own
                }
                MixKey::Of(member) => MixOf::Of(member.index()),
            };
        }
        if !spoken {
            full.silence(millis);
        }
        quiet.silence(millis);
        for seat in seats.iter_mut().flatten().filter(|seat| seat.mix == MixOf::Nothing && !spoken) {
            seat.mix = MixOf::Full;
        }
        self.send_links();
    }

    /// What a tap gets in the present tick.
    pub(in crate::session) fn frame_of_tap(&mut self, member: MemberId) -> Option<&mut Frame> {
        let at = member.index();
        let seat = self.seats.get(at)?.as_ref().filter(|seat| seat.member == member && !seat.gone)?;
        match seat.mix {
            MixOf::Full => Some(&mut self.full),
            MixOf::Nothing => Some(&mut self.quiet),
            MixOf::Own => Some(&mut self.seats.get_mut(at)?.as_mut()?.frame),
            MixOf::Of(other) => Some(&mut self.seats.get_mut(other)?.as_mut()?.frame),
        }
    }

    /// The seat of a leg that it feeds, by the leg's place in the call.
    pub(in crate::session) fn seat_of_leg(&self, place: usize) -> Option<usize> {
        self.by_leg.get(place)?.checked_sub(1).map(usize::from)
    }

    /// The legs that it feeds, and their seats.
    pub(in crate::session) fn fed_legs(&self) -> impl Iterator<Item = (LegId, usize)> + '_ {
        let seat = |(leg, seat): (&LegId, &u16)| (*leg, usize::from(*seat));
        let fed = |seat: &usize| self.seats.get(*seat).and_then(Option::as_ref)?.fed;
        self.by_name.iter().map(seat).filter(move |(_, seat)| fed(seat).is_some())
    }

    /// True where its members are in several slices of a tick.
    pub(in crate::session) fn has_slices(&self) -> bool {
        has_slices(self.seats.len())
    }

    /// Leaves out the present tick for a leg, by its place in the call: it is sent something else.
    pub(in crate::session) fn pass(&mut self, place: usize) {
        let seat = self.seat_of_leg(place).and_then(|seat| self.seats.get_mut(seat));
        if let Some(seat) = seat.and_then(Option::as_mut) {
            seat.due = false;
        }
    }

    /// What a seat is to be sent of the present tick, with the payload that was made of it for others like it; `None` where it
    /// was taken before.
    pub(in crate::session) fn take_due(&mut self, seat: usize) -> Option<(&mut Frame, ReadyPayload<'_>)> {
        let due = &mut self.seats.get_mut(seat)?.as_mut()?.due;
        if std::mem::take(due) { self.frame_and_payload(seat) } else { None }
    }

    /// What a seat gets in the present tick, and the payload that was made of it for others like it.
    pub(in crate::session) fn frame_and_payload(
        &mut self,
        seat: usize,
    ) -> Option<(&mut Frame, ReadyPayload<'_>)> {
        let Seat { mix, encoding, .. } = self.seats.get(seat)?.as_ref()?;
        let none = ReadyPayload::default();
        match *mix {
            MixOf::Full => {
                let full = &mut self.full;
                let payload = encoding.map_or(none, |encoding| self.shared.payload(encoding, full));
                Some((full, payload))
            }
            MixOf::Nothing => Some((&mut self.quiet, none)),
            MixOf::Own => Some((&mut self.seats.get_mut(seat)?.as_mut()?.frame, none)),
            MixOf::Of(seat) => Some((&mut self.seats.get_mut(seat)?.as_mut()?.frame, none)),
        }
    }
}

impl Frame {
    /// Takes the samples of a tick.
    fn copy(&mut self, millis: u32, samples: &[i16]) {
        self.fill(millis, |pcm| {
            pcm.iter_mut().zip(samples).for_each(|(to, from)| *to = *from);
            FrameKind::Audio
        });
    }

    /// A tick of silence: a party of a room where nobody speaks gets packets all the same.
    fn silence(&mut self, millis: u32) {
        self.fill(millis, |pcm| {
            pcm.fill(0);
            FrameKind::Audio
        });
    }
}
