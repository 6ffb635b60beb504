//! What a room reports, and its figures.

use std::collections::VecDeque;

use crate::id::MemberId;

/// Something that happened in a room. It may get more variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum RoomEvent {
    /// Somebody joined.
    Joined(MemberId),
    /// Somebody left, or was removed by the end of the room.
    Left(MemberId),
    /// A member began to speak.
    TalkStarted {
        /// Who.
        member: MemberId,
        /// Audio of the room before it, in milliseconds.
        at_ms: u64,
        /// Level in dBov without its sign, 0 to 127.
        level: u8,
    },
    /// A member has not spoken for the hangover.
    TalkStopped {
        /// Who.
        member: MemberId,
        /// Audio of the room before it, in milliseconds.
        at_ms: u64,
        /// Greatest level while it spoke, in dBov without its sign, 0 to 127.
        level: u8,
        /// Milliseconds for which it spoke, the hangover among them.
        talked_ms: u32,
    },
    /// Another member is the loudest speaker; `None` where nobody speaks.
    ActiveSpeaker(Option<MemberId>),
}

/// Events until they are polled: bounded, the oldest are kept.
#[derive(Debug, Default)]
pub(crate) struct Events {
    queue: VecDeque<RoomEvent>,
    most: usize,
}

impl Events {
    pub(crate) fn new(most: usize) -> Self {
        Self { queue: VecDeque::with_capacity(most), most }
    }

    /// False where it is full, and the event is lost.
    pub(crate) fn push(&mut self, event: RoomEvent) -> bool {
        let fits = self.queue.len() < self.most;
        if fits {
            self.queue.push_back(event);
        }
        fits
    }

    pub(crate) fn pop(&mut self) -> Option<RoomEvent> {
        self.queue.pop_front()
    }
}

/// Figures of a member or a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct MemberStatistics {
    /// Milliseconds for which it spoke, hangovers among them.
    pub talked_ms: u64,
    /// Milliseconds for which it was in the mix.
    pub mixed_ms: u64,
    /// Times that it spoke.
    pub talks: u32,
    /// Times that it lost its place in the mix to a louder one while it spoke.
    pub displaced: u32,
}

/// Figures of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RoomStatistics {
    /// Audio of the room so far in milliseconds.
    pub lasted_ms: u64,
    /// Most members and links at a time.
    pub most_members: u16,
    /// Who joined, links among them.
    pub joins: u64,
    /// Who was refused.
    pub refused: u64,
    /// Sources that were mixed in the last tick.
    pub mixed: u16,
    /// Different mixes that were made in the last tick.
    pub groups: u16,
    /// Most of them in a tick.
    pub most_groups: u16,
    /// Mixes of a tick whose limiter was below unity.
    pub limited: u64,
    /// Events that were lost because nobody polled them.
    pub events_lost: u64,
    /// Times that more than 64 coaches, whispers and announcements to single members spoke at once, and one was not mixed.
    pub private_refused: u64,
}
