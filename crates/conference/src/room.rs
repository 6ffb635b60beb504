//! A room: who is in it, and what they hear.

mod mixer;
mod state;
mod tick;

use crate::event::{Events, MemberStatistics, RoomEvent, RoomStatistics};
use crate::gain::Gain;
use crate::gate::{Thresholds, level_of};
use crate::id::MemberId;
use crate::member::{Member, Place};
use crate::spec::{
    Audience, JoinError, LinkRole, MemberChange, MemberSpec, NoSuchMember, Role, RoomSpec, SpecError,
};

use mixer::Mixer;
pub use mixer::{MixKey, Output, OutputKind};
use state::Book;
pub use state::{Departure, RestoreError, RoomState};
pub use tick::{Input, Inputs, Measure, Measured};

/// Milliseconds in which a gain goes to another: a member's, a speaker's who starts or stops, a listener's.
pub const FADE_MS: u32 = 5;

/// Longest tick in milliseconds.
const MAX_TICK_MS: u32 = 20;

/// How a link joins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkSpec {
    /// What crosses it.
    pub role: LinkRole,
    /// Gain of what comes over it.
    pub gain_in: Gain,
}

impl LinkSpec {
    /// A link that carries the partial mix of each side.
    #[must_use]
    pub const fn mix() -> Self {
        Self { role: LinkRole::Mix, gain_in: Gain::UNITY }
    }
}

/// A conference room. It holds no audio but that of its last tick.
pub struct Room {
    book: Book,
    thresholds: Thresholds,
    events: Events,
    mixer: Mixer,
}

impl std::fmt::Debug for Room {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // What it holds is audio.
        let Book { spec, count, locked, ended, .. } = &self.book;
        f.debug_struct("Room")
            .field("spec", spec)
            .field("members", count)
            .field("locked", locked)
            .field("ended", ended)
            .finish_non_exhaustive()
    }
}

impl Room {
    /// An empty room.
    ///
    /// # Errors
    /// [`SpecError`] names what is out of range.
    pub fn new(spec: RoomSpec) -> Result<Self, SpecError> {
        spec.check()?;
        Ok(Self::of(Book::new(spec)))
    }

    fn of(book: Book) -> Self {
        let spec = book.spec;
        // All may join, speak, and leave between two looks.
        let events = Events::new(4 * usize::from(spec.capacity) + 64);
        let mut mixer = Mixer::new(spec.rate);
        mixer.make_room_for(book.members.len());
        Self { thresholds: Thresholds::new(&spec.gate), events, mixer, book }
    }

    /// Lets a member in. It fades in within 5 ms.
    ///
    /// # Errors
    /// [`JoinError`] where the room is full, locked or over, or the role names nobody who is there.
    pub fn join(&mut self, spec: MemberSpec) -> Result<MemberId, JoinError> {
        let place = Place::Party(spec.role.clone());
        self.enter(place, |id, order, place| Member::new(id, order, place, &spec))
    }

    /// Lets in a tap: a listener that is nobody, as for a recording. A locked room takes it; it counts as a member.
    ///
    /// # Errors
    /// [`JoinError`] where the room is full or over.
    pub fn join_tap(&mut self) -> Result<MemberId, JoinError> {
        let locked = std::mem::replace(&mut self.book.locked, false);
        let joined = self.join(MemberSpec { role: Role::Listener, ..MemberSpec::default() });
        self.book.locked = locked;
        joined
    }

    /// Lets in a link to another part of the room. A locked room takes links; they count as members.
    ///
    /// # Errors
    /// [`JoinError`] where the room is full or over, or the role names nobody who is there.
    pub fn join_link(&mut self, spec: LinkSpec) -> Result<MemberId, JoinError> {
        let member = MemberSpec { gain_in: spec.gain_in, ..MemberSpec::default() };
        self.enter(Place::Link(spec.role), |id, order, place| Member::new(id, order, place, &member))
    }

    /// Lets in a member who comes from another room, with its gains, its noise floor, its automatic gain and its figures. A
    /// word that it is just speaking goes on.
    ///
    /// # Errors
    /// As those of [`Room::join`]; the member can be admitted elsewhere.
    pub fn admit(&mut self, departure: &Departure, role: Role) -> Result<MemberId, JoinError> {
        self.enter(Place::Party(role.clone()), |id, order, _| departure.member.moved(id, order, role))
    }

    fn enter(
        &mut self,
        place: Place,
        make: impl FnOnce(MemberId, u64, Place) -> Member,
    ) -> Result<MemberId, JoinError> {
        let entered = self.book.check_entry(&place).map(|()| self.book.insert(place, make));
        match entered {
            Ok(id) => {
                self.mixer.make_room_for(self.book.members.len());
                self.report(RoomEvent::Joined(id));
            }
            Err(_) => self.book.statistics.refused += 1,
        }
        entered
    }

    /// Lets a member or a link go. What it just said falls to zero within 5 ms. False where it is not there.
    pub fn leave(&mut self, id: MemberId) -> bool {
        self.take(id).is_some()
    }

    /// Lets a member go to another room, see [`Room::admit`]. `None` where it is not there.
    pub fn take(&mut self, id: MemberId) -> Option<Departure> {
        let member = self.book.get(id)?.clone();
        self.end_talk(id);
        self.book.remove(id);
        self.report(RoomEvent::Left(id));
        Some(Departure { member })
    }

    /// Changes a member or a link. Gains go to what they shall be within 5 ms of the next tick. A new role waits one tick where
    /// something of the member is in a mix.
    ///
    /// # Errors
    /// [`NoSuchMember`] where it is not there, or where the new role names nobody who is there.
    pub fn set(&mut self, id: MemberId, change: MemberChange) -> Result<(), NoSuchMember> {
        if let MemberChange::Role(role) = &change
            && let Some(missing) = self.book.missing(&Place::Party(role.clone()))
        {
            return Err(NoSuchMember(missing));
        }
        self.book.get_mut(id).ok_or(NoSuchMember(id))?.apply(change);
        Ok(())
    }

    /// Locks or unlocks the room: while it is locked no member joins.
    pub fn lock(&mut self, locked: bool) {
        self.book.locked = locked;
    }

    /// Ends the room: all leave, and nobody joins any more.
    pub fn end(&mut self) {
        let ids: Vec<MemberId> = self.members().collect();
        for id in ids {
            self.leave(id);
        }
        self.book.ended = true;
    }

    /// Gives the room another rate; who is in it, and who speaks, stays. Its outputs are silence until the next tick.
    ///
    /// # Errors
    /// [`SpecError::Rate`].
    pub fn set_rate(&mut self, rate: u32) -> Result<(), SpecError> {
        let spec = RoomSpec { rate, ..self.book.spec };
        spec.check()?;
        self.book.spec = spec;
        self.mixer.set_rate(rate);
        self.mixer.make_room_for(self.book.members.len());
        self.book.members.iter_mut().flatten().for_each(|member| member.group = None);
        Ok(())
    }

    /// What the room was made with.
    #[must_use]
    pub const fn spec(&self) -> &RoomSpec {
        &self.book.spec
    }

    /// How many members and links are there.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.book.count
    }

    /// True where nobody is there.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.book.count == 0
    }

    /// Whether no member may join.
    #[must_use]
    pub const fn is_locked(&self) -> bool {
        self.book.locked
    }

    /// All members and links.
    pub fn members(&self) -> impl Iterator<Item = MemberId> + '_ {
        self.book.members.iter().flatten().filter(|member| !member.gone).map(|member| member.id)
    }

    /// The role of a member; `None` for links, and where it is not there. A new role shows once it is taken.
    #[must_use]
    pub fn role(&self, id: MemberId) -> Option<&Role> {
        match &self.book.get(id)?.place {
            Place::Party(role) => Some(role),
            Place::Link(_) => None,
        }
    }

    /// True while a member speaks, hangover among it.
    #[must_use]
    pub fn is_talking(&self, id: MemberId) -> bool {
        self.book.get(id).is_some_and(|member| member.gate.open)
    }

    /// True while a member or a link is in a mix.
    #[must_use]
    pub fn is_mixed(&self, id: MemberId) -> bool {
        self.book.get(id).is_some_and(|member| member.applied != 0)
    }

    /// Present loudness of a member in dBov without its sign, 0 to 127; 127 where it is not there.
    #[must_use]
    pub fn level(&self, id: MemberId) -> u8 {
        self.book.get(id).map_or(127, |member| level_of(member.gate.loudness))
    }

    /// The loudest speaker.
    #[must_use]
    pub const fn active_speaker(&self) -> Option<MemberId> {
        self.book.active
    }

    /// Figures of a member or a link.
    #[must_use]
    pub fn member_statistics(&self, id: MemberId) -> Option<MemberStatistics> {
        self.book.get(id).map(|member| member.statistics)
    }

    /// Figures of the room.
    #[must_use]
    pub const fn statistics(&self) -> RoomStatistics {
        self.book.statistics
    }

    /// The next event, the oldest first.
    pub fn poll_event(&mut self) -> Option<RoomEvent> {
        self.events.pop()
    }

    /// What a member or a link hears of the last tick: silence for whom joined since, or is not there.
    #[must_use]
    pub fn output(&self, id: MemberId) -> Output<'_> {
        match self.book.get(id) {
            Some(member) => self.mixer.output(member),
            None => self.mixer.silence(OutputKind::Silence),
        }
    }

    fn report(&mut self, event: RoomEvent) {
        if !self.events.push(event) {
            self.book.statistics.events_lost += 1;
        }
    }

    /// Reports the end of a member's talk where it leaves or is muted in it.
    fn end_talk(&mut self, id: MemberId) {
        let at_ms = self.book.statistics.lasted_ms;
        if let Some(event) = self.book.get_mut(id).and_then(|member| tick::talk_stopped(member, at_ms)) {
            self.report(event);
        }
        if self.book.active == Some(id) {
            self.book.active = None;
            self.report(RoomEvent::ActiveSpeaker(None));
        }
    }
}

impl Book {
    /// Whether somebody may come in.
    fn check_entry(&self, place: &Place) -> Result<(), JoinError> {
        if self.ended {
            return Err(JoinError::Ended);
        }
        if self.locked && matches!(place, Place::Party(role) if !matches!(role, Role::Announcement { .. })) {
            return Err(JoinError::Locked);
        }
        if self.count >= usize::from(self.spec.capacity) {
            return Err(JoinError::Full { capacity: self.spec.capacity });
        }
        self.missing(place).map_or(Ok(()), |id| Err(JoinError::NoSuchMember(id)))
    }

    /// Whom a role names that is not there.
    fn missing(&self, place: &Place) -> Option<MemberId> {
        let named: &[MemberId] = match place {
            Place::Party(Role::Coach { agent }) | Place::Link(LinkRole::Coach { agent: Some(agent) }) => {
                std::slice::from_ref(agent)
            }
            Place::Party(Role::Whisper { to } | Role::Announcement { to: Audience::Only(to) })
            | Place::Link(LinkRole::Whisper { to }) => to,
            _ => &[],
        };
        named.iter().copied().find(|id| self.get(*id).is_none())
    }
}
