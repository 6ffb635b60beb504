//! The socket backend from outside, on loopback: one behaviour a file.
//!
//! `cfg(test)` on the modules tells the lints that their helper functions are tests too.

#[cfg(test)]
mod arrival;
#[cfg(test)]
mod common;
#[cfg(test)]
mod marking;
#[cfg(test)]
mod moves;
#[cfg(test)]
mod receive;
#[cfg(test)]
mod send;
#[cfg(test)]
mod wake;
