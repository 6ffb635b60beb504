//! The reactor from outside, on loopback sockets: one behaviour a file.
//!
//! `cfg(test)` on the modules tells the lints that their helper functions are tests too.

#[cfg(test)]
mod common;
#[cfg(test)]
mod marking;
#[cfg(test)]
mod receive;
#[cfg(test)]
mod send;
#[cfg(test)]
mod wake;
