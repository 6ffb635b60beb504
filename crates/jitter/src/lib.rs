//! proto
pub mod conceal;
pub mod signal;
