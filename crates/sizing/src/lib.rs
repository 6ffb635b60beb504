//! Sizing of media servers: from agents and their calls to calls per second, media points, servers, bandwidth and storage.
//!
//! Plain arithmetic; formulas and their sources are in `docs/sizing.md`.
//!
//! ```
//! use mediapoint_sizing::{ContactCentre, Prices, servers};
//!
//! let centre = ContactCentre { agents: 200, ..ContactCentre::default() };
//! let traffic = centre.traffic()?;
//! let points = centre.points(&Prices::default())?;
//! assert_eq!(traffic.calls_per_second, 0.6);
//! assert_eq!(servers(points.total(), 480.0)?, 2);
//! # Ok::<(), mediapoint_sizing::SizingError>(())
//! ```

mod bandwidth;
mod centre;
mod error;
mod points;

pub use bandwidth::{Codec, Network, PacketRate, Protection, bandwidth};
pub use centre::{ContactCentre, Storage, Traffic};
pub use error::SizingError;
pub use points::{PointsNeeded, Prices, servers};
