//! The service against real and failing stores and databases.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test says so by failing")]

mod access;
mod catalogue;
mod cuts;
mod faults;
mod outages;
mod proxy;
mod servers;
mod support;
mod thread;
mod tls;
mod webhook;
