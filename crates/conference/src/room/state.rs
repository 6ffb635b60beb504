//! What of a room can move to another process, and what of a member to another room.

use thiserror::Error;

use crate::event::RoomStatistics;
use crate::id::MemberId;
use crate::member::{Member, Place};
use crate::spec::{MAX_CAPACITY, RoomSpec, SpecError};

use super::Room;

/// All of a room but buffers and events.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Book {
    pub(crate) spec: RoomSpec,
    /// By slot.
    pub(crate) members: Vec<Option<Member>>,
    /// How often each slot was given.
    generations: Vec<u32>,
    /// Members and links, those that have left apart.
    pub(crate) count: usize,
    pub(crate) locked: bool,
    pub(crate) ended: bool,
    pub(crate) active: Option<MemberId>,
    /// Who is louder than the active speaker, and for how many milliseconds.
    pub(crate) contender: Option<(MemberId, u32)>,
    pub(crate) statistics: RoomStatistics,
}

impl Book {
    pub(crate) fn new(spec: RoomSpec) -> Self {
        Self {
            spec,
            members: Vec::new(),
            generations: Vec::new(),
            count: 0,
            locked: false,
            ended: false,
            active: None,
            contender: None,
            statistics: RoomStatistics::default(),
        }
    }

    pub(crate) fn get(&self, id: MemberId) -> Option<&Member> {
        self.members.get(id.index())?.as_ref().filter(|member| member.id == id && !member.gone)
    }

    pub(crate) fn get_mut(&mut self, id: MemberId) -> Option<&mut Member> {
        self.members.get_mut(id.index())?.as_mut().filter(|member| member.id == id && !member.gone)
    }

    /// Puts a member into a free slot. There is one: slots are as many as fit their type, far above any capacity.
    pub(crate) fn insert(
        &mut self,
        place: Place,
        make: impl FnOnce(MemberId, u64, Place) -> Member,
    ) -> MemberId {
        let free = self.members.iter().position(Option::is_none).unwrap_or(self.members.len());
        if free == self.members.len() {
            self.members.push(None);
            self.generations.push(0);
        }
        let generation = self.generations.get_mut(free).map_or(0, |generation| {
            *generation = generation.wrapping_add(1);
            *generation
        });
        let id = MemberId { slot: u16::try_from(free).unwrap_or(u16::MAX), generation };
        self.statistics.joins += 1;
        if let Some(slot) = self.members.get_mut(free) {
            *slot = Some(make(id, self.statistics.joins, place));
        }
        self.count += 1;
        let count = u16::try_from(self.count).unwrap_or(u16::MAX);
        self.statistics.most_members = self.statistics.most_members.max(count);
        id
    }

    /// Takes a member out; one that is in a mix stays for a tick in which its last sample falls to zero.
    pub(crate) fn remove(&mut self, id: MemberId) {
        let Some(member) = self.get_mut(id) else { return };
        if member.last == 0 {
            if let Some(slot) = self.members.get_mut(id.index()) {
                *slot = None;
            }
        } else {
            member.gone = true;
            member.gate.shut();
        }
        self.count -= 1;
    }
}

/// The state of a room: who is in it, and all that goes on from tick to tick. Its events are not in it.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RoomState(Book);

/// A member on its way to another room.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Departure {
    pub(crate) member: Member,
}

/// Why a state is no room's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RestoreError {
    /// The room could not be made.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// Its members contradict each other, or the spec.
    #[error("members of the room's state contradict each other")]
    Members,
}

impl Room {
    /// The state, to be restored elsewhere. Members keep their names.
    #[must_use]
    pub fn state(&self) -> RoomState {
        let mut book = self.book.clone();
        for member in book.members.iter_mut().flatten() {
            // Of the last tick alone.
            (member.present, member.private, member.group, member.source) = (false, 0, None, None);
        }
        RoomState(book)
    }

    /// The room of a state: its next tick is that which the saved room would have made.
    ///
    /// # Errors
    /// [`RestoreError`] where the state is no room's.
    pub fn restore(state: RoomState) -> Result<Self, RestoreError> {
        let RoomState(book) = state;
        book.spec.check()?;
        let fits = book.members.len() == book.generations.len()
            && book.members.len() <= 2 * usize::from(MAX_CAPACITY)
            && book.count <= usize::from(book.spec.capacity)
            && book.count == book.members.iter().flatten().filter(|member| !member.gone).count()
            && book.members.iter().zip(0..).all(|(member, slot)| {
                member.as_ref().is_none_or(|member| member.id.slot == slot && member.is_sound())
            });
        if fits { Ok(Self::of(book)) } else { Err(RestoreError::Members) }
    }
}
