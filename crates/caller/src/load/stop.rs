//! A load that is ended before its time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::LoadError;

/// Ends a load from another thread: its calls are deleted, and it is [`LoadError::Stopped`]. Copies are of one.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Ends every load that has a copy of it, and each that is begun later.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// True after [`Stop::stop`].
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// An error after [`Stop::stop`].
    ///
    /// # Errors
    /// [`LoadError::Stopped`].
    pub fn check(&self) -> Result<(), LoadError> {
        if self.is_stopped() { Err(LoadError::Stopped) } else { Ok(()) }
    }
}
