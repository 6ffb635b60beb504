//! Sources of a call other than its legs: players, streams from outside, mixes, conference rooms.

mod barge_in;
pub mod mix;
pub mod player;
pub mod room;
pub mod stream;
pub mod streamed;
pub mod tone;
