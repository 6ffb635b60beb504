//! Test support: parties and a call on one virtual clock, through seeded lossy links, with no socket and no sleep.
//!
//! A [`World`] owns one engine session, the parties and an event queue in the order of virtual time. Every chance is drawn
//! from the world's seed, so that a failure repeats; [`for_each_seed`] says which seed failed. What a party hears goes
//! through a [`SeamCheck`], which notes everything that a far end could hear as a seam.
//!
//! ```
//! use std::time::Duration;
//! use mediapoint_testkit::World;
//!
//! let mut world = World::new(1);
//! let (a, b) = world.two_party_call();
//! world.start(a);
//! world.run_for(Duration::from_secs(2));
//! let heard = &world.peer(b).heard;
//! assert_eq!(heard.packets_from(world.peer(a).tag), 100, "one every 20 ms, less the one under way");
//! assert_eq!(heard.seam.check(), Ok(()));
//! ```
//!
//! It judges nothing but seams; what a test expects beyond them stands in the test. It is not published.

mod cipher;
mod controller;
mod heard;
mod kernel;
mod link;
mod mark;
mod objects;
mod outbox;
mod peer;
pub mod phone;
mod random;
mod scene;
mod seam;
mod spectrum;
mod stream;
mod takeover;
mod voice;
mod world;

pub use cipher::{Library, Protector, Unprotector};
pub use heard::{Heard, HeardPacket, HeardReport};
pub use kernel::Kernel;
pub use link::{Burst, Link, LinkCounts, LinkProfile};
pub use mark::{Mark, PLAIN_FILL};
pub use objects::WorldAnalysis;
pub use outbox::{Outbox, Sending, Sink, leg_ports, rtcp_port, rtp_port};
pub use peer::Peer;
pub use random::{Random, for_each_seed};
pub use scene::{audio, codec, pcma, pcmu, telephone_event};
pub use seam::{SeamCheck, Seams};
pub use spectrum::{Spectrum, level_of};
pub use stream::Stream;
pub use voice::{Ear, Sound, Voice, tone};
pub use world::{OnTheWire, PeerId, World};
