//! Settings of a store.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::decode::Limits;
#[cfg(feature = "http")]
use crate::http::HttpConfig;

/// What time it is, counted from any beginning.
pub type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;

/// Settings of a [`PromptStore`](crate::PromptStore).
#[derive(Clone)]
pub struct StoreConfig {
    /// The folders that files come from. None unless told otherwise: no file is read.
    pub roots: Vec<PathBuf>,
    /// Most bytes of samples and payloads, those in use included. 512 MiB unless told otherwise.
    pub memory_bytes: u64,
    /// Bounds of each file.
    pub limits: Limits,
    /// Threads that load. 2 unless told otherwise.
    pub threads: usize,
    /// Requests that may wait for them. 256 unless told otherwise.
    pub queue: usize,
    /// For how long a prompt is given out without a look at its file. 5 s unless told otherwise; of a URL its server may
    /// allow longer.
    pub recheck: Duration,
    /// What time it is. The system's clock unless told otherwise.
    pub clock: Clock,
    /// URLs.
    #[cfg(feature = "http")]
    pub http: HttpConfig,
}

impl Default for StoreConfig {
    fn default() -> Self {
        let start = Instant::now();
        Self {
            roots: Vec::new(),
            memory_bytes: 512 << 20,
            limits: Limits::default(),
            threads: 2,
            queue: 256,
            recheck: Duration::from_secs(5),
            clock: Arc::new(move || start.elapsed()),
            #[cfg(feature = "http")]
            http: HttpConfig::default(),
        }
    }
}

impl std::fmt::Debug for StoreConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreConfig")
            .field("roots", &self.roots)
            .field("memory_bytes", &self.memory_bytes)
            .field("limits", &self.limits)
            .field("threads", &self.threads)
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}
