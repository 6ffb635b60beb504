//! A room in a snapshot.

use super::ConferenceRoom;
use crate::api::error::CommandError;
use crate::api::source::Source;
use crate::session::snapshot::objects::RoomSnapshot;

impl ConferenceRoom {
    /// The room as it stands.
    pub(in crate::session) fn save(&self) -> RoomSnapshot {
        let (mut members, mut announcements) = (Vec::new(), Vec::new());
        for seat in self.seats.iter().flatten().filter(|seat| !seat.gone) {
            match seat.source {
                Source::Leg(leg) => members.push((leg, seat.config.clone())),
                Source::Player(player) => announcements.push((player, seat.audience.clone())),
                _ => {}
            }
        }
        let locked = self.room.is_locked();
        RoomSnapshot { room: self.id, spec: self.spec, locked, members, announcements }
    }

    /// A room as it was saved.
    ///
    /// # Errors
    /// [`CommandError`] for what no engine writes.
    pub(in crate::session) fn restored(saved: &RoomSnapshot) -> Result<Self, CommandError> {
        let mut room = Self::new(saved.room, saved.spec)?;
        // A role may name a member that came later.
        let mut waiting: Vec<_> = saved.members.iter().collect();
        while !waiting.is_empty() {
            let before = waiting.len();
            let mut refused = Ok(());
            waiting.retain(|(leg, member)| {
                let joined = room.join(*leg, member.clone());
                refused = std::mem::replace(&mut refused, Ok(())).and(joined.clone());
                joined.is_err()
            });
            if waiting.len() == before {
                return refused.map(|()| room);
            }
        }
        for (player, to) in &saved.announcements {
            room.announce(*player, to)?;
        }
        room.lock(saved.locked);
        // They have joined before.
        room.drain(|_| {});
        Ok(room)
    }
}
