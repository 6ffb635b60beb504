//! Threads, queues, packet I/O and ports around the sans-I/O session: what makes the library an engine that runs.

mod admission;
pub(crate) mod analysts;
pub(crate) mod call;
mod carry_out;
pub(crate) mod engine;
pub(crate) mod events;
pub(crate) mod mailbox;
pub(crate) mod marks;
pub(crate) mod moves;
mod output;
mod overload;
mod packet_io;
#[cfg(feature = "recording")]
mod playback;
mod poll_mode;
pub(crate) mod ports;
mod punctuality;
#[cfg(feature = "recording")]
mod recording;
pub(crate) mod registry;
mod rooms;
pub(crate) mod streamed;
pub(crate) mod streams;
pub(crate) mod supervisor;
mod tick_schedule;
mod trial;
pub(crate) mod work;
pub(crate) mod worker;

mod builder;

pub use builder::{EngineBuilder, Interface, PacketBackend};
pub use call::{Call, CallSpec, LegChange, Reservation};
pub use engine::Engine;
pub use events::EventReceiver;
pub use moves::MoveError;
#[cfg(feature = "recording")]
pub use playback::{Permission, PlayRecordingError, PlayRecordingSpec, RecordingPlayback};
#[cfg(feature = "recording")]
pub use recording::{CallRecording, CallRecordingSpec, Left, RecordError, TapSource};
pub use rooms::RoomLink;
pub use streamed::PlayerWriter;
pub use streams::{StreamWriter, TapReader};
