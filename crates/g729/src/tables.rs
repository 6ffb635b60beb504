//! The tables of the Recommendation (Table 12 and Annex B), by subject. Each names its symbol there.

pub(crate) mod convert;
pub(crate) mod filter;
pub(crate) mod gain;
pub(crate) mod lpc;
pub(crate) mod lsp;
pub(crate) mod math;
pub(crate) mod pitch;
pub(crate) mod sid;
pub(crate) mod vad;
