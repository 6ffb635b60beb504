//! The backend over AF_XDP from outside: two hosts, each a network namespace of its own, with a pair of virtual Ethernet
//! cards between them. One behaviour a file. Where the machine does not allow that, a test says so and does nothing.
//!
//! `cfg(test)` on the modules tells the lints that their helper functions are tests too.

#[cfg(test)]
mod allocations;
#[cfg(test)]
mod delivery;
#[cfg(test)]
mod forwarding;
#[cfg(test)]
mod forwarding_ends;
#[cfg(test)]
mod host;
#[cfg(test)]
mod interfaces;
#[cfg(test)]
mod moves;
#[cfg(test)]
mod stream;
