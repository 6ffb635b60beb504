//! AMR and AMR-WB payloads, RFC 4867: frames in either layout, the codec mode request, and what two `a=fmtp` lines make
//! of one another.
//!
//! The speech coders are those of outside libraries, behind the feature `amr`; without it AMR is relayed, and everything
//! here works all the same.

#[cfg(feature = "amr")]
mod coder;
mod frame;
mod layout;
mod mode;
mod payload;

#[cfg(feature = "amr")]
pub(crate) use coder::{AmrDecoder, AmrEncoder};
pub use frame::{Band, Frame};
pub use layout::AmrLayout;
pub use mode::{ModeControl, mode_request};
pub use payload::{AmrError, MAX_FRAMES, NO_REQUEST, Payload, pack, unpack};

#[cfg(test)]
mod tests;
