//! Sources of a call other than its legs: players, streams from outside, mixes.

pub mod mix;
pub mod player;
pub mod stream;
pub mod tone;
