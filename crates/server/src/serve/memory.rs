//! Keeps keys and audio in memory off the disk.

use std::fmt;

use mediapoint_net::{MemoryLock, forbid_core_dumps, lock_memory};

/// What is done about it, for the line at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Protection {
    dumps: bool,
    lock: Option<MemoryLock>,
}

/// Forbids core dumps unless they are wanted, and locks the memory where the process may.
pub(super) fn protect(danger_core_dumps: bool) -> Protection {
    let dumps = danger_core_dumps || forbid_core_dumps().is_err();
    if dumps {
        tracing::warn!("a crash may write keys and audio to disk: core dumps are allowed");
    }
    Protection { dumps, lock: lock_memory().ok() }
}

impl fmt::Display for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.lock {
            Some(MemoryLock::Locked) => f.write_str("locked")?,
            Some(MemoryLock::Limited(bytes)) => {
                write!(f, "not locked, for it takes LimitMEMLOCK=infinity and not {bytes} bytes")?;
            }
            None => f.write_str("not locked, for the system refused")?,
        }
        f.write_str(if self.dumps { ", core dumps allowed" } else { ", no core dumps" })
    }
}
