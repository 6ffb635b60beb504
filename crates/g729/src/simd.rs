//! Kernels: the inner loops that vector instructions carry, each beside a portable twin of the same results.
//!
//! This is the only module of the crate with unsafe code. What is here is exact as long as the sums fit their words;
//! callers know that from a bound on the operands, and else go the way of the saturating operators.

pub(crate) mod correlate;
pub(crate) mod filter;
mod lanes;
mod level;
pub(crate) mod polynomial;
pub(crate) mod pulses;
pub(crate) mod recursive;
pub(crate) mod search;
