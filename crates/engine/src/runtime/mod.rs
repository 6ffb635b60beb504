//! Threads, queues, sockets and ports around the sans-I/O core: what makes the library an engine that runs.

pub(crate) mod call;
pub(crate) mod command;
pub(crate) mod engine;
pub(crate) mod events;
pub(crate) mod housekeeper;
mod pace;
pub(crate) mod ports;
pub(crate) mod worker;

mod builder;

pub use builder::{EngineBuilder, Interface};
pub use call::{Call, CallSpec};
pub use engine::Engine;
pub use events::EventReceiver;
