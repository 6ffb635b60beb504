//! The mixer of a conference room: everyone hears all others and not himself, at a cost that grows with what is spoken, not with
//! who listens.
//!
//! It opens no socket, decodes nothing and reads no clock: it is given each member's audio of a tick at the room's rate, and
//! gives what each hears. Members that hear the same share one mix, so that a caller encodes it once. Members below the voice
//! gate are not mixed, and of many speakers the loudest are. A tick allocates nothing, and its outputs depend on its inputs
//! alone, sample for sample, on every machine.
//!
//! ```
//! use mediapoint_conference::{Input, MemberSpec, OutputKind, Room, RoomSpec, Tick};
//!
//! let mut room = Room::new(RoomSpec::new(8000, 20))?;
//! let alice = room.join(MemberSpec::default())?;
//! let bob = room.join(MemberSpec::default())?;
//! let carol = room.join(MemberSpec::default())?;
//! let speech = [1000; 160];
//! for _ in 0..2 {
//!     room.tick(Tick::Ms20, &mut |member| if member == alice { Input::Audio(&speech) } else { Input::Nothing });
//! }
//! assert_eq!(room.output(bob).samples, [1000; 160]);
//! assert_eq!(room.output(bob).mix, room.output(carol).mix, "one encoding serves both");
//! assert_eq!(room.output(alice).kind, OutputKind::Silence);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Order of calls: [`Room::join`] and [`Room::join_link`], then for each tick [`Room::tick`], [`Room::output`] of each member,
//! and [`Room::poll_event`] until there is none.
//!
//! | feature | effect |
//! | --- | --- |
//! | `serde` | the state of a room, and of a member that moves, can be serialised |
//!
//! Specifications: levels by RFC 6464.

mod agc;
mod event;
mod gain;
mod gate;
mod id;
mod kernel;
mod limiter;
mod loudest;
mod member;
mod room;
mod spec;

pub use event::{MemberStatistics, RoomEvent, RoomStatistics};
pub use gain::{Gain, GainError};
pub use id::MemberId;
pub use limiter::{LIMITER_FALL_PER_MS, LIMITER_RISE_PER_MS};
pub use room::{
    Departure, FADE_MS, Input, Inputs, LinkSpec, Measure, Measured, MixKey, Output, OutputKind, RestoreError,
    Room, RoomState,
};
pub use spec::{
    Audience, GateSettings, JoinError, LinkRole, MAX_CAPACITY, MemberChange, MemberSpec, NoSuchMember, RATES,
    Role, RoomSpec, SpecError, Tick,
};
