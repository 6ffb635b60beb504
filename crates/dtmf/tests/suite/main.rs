//! The detector against the figures of Q.24 and ES 201 235-3, each with a printed table of results.

mod signal;
mod suppression;
mod tables;
