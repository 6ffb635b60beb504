//! Bounded single-producer single-consumer rings between a worker and the outside.

pub(crate) use mediapoint_net::ring::{Consumer, Producer, channel};
pub use mediapoint_net::ring::{Readiness, WakeHandle};
