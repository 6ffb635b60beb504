//! Bounded single-producer single-consumer rings between a worker and the outside.

pub use mediapoint_net::ring::Readiness;
#[cfg_attr(not(feature = "sim"), expect(unreachable_pub, reason = "simulations name it"))]
pub use mediapoint_net::ring::WakeHandle;
pub(crate) use mediapoint_net::ring::{Consumer, Producer, channel};
