//! Stages in virtual time, and the threads with a spool in memory.

mod memory;
mod metadata;
mod slow_disk;
mod threads;
