//! Which events are told: by level and target, which can change while the server runs, and not too many of a kind.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Registry;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, Layer};

use super::limiter::Limiter;

/// The filter.
#[derive(Debug)]
pub(super) struct Filter {
    targets: RwLock<Targets>,
    limiter: Limiter,
}

impl Filter {
    pub(super) fn new(targets: Targets) -> Self {
        Self { targets: RwLock::new(targets), limiter: Limiter::default() }
    }

    pub(super) fn set(&self, targets: Targets) {
        *self.targets.write().unwrap_or_else(PoisonError::into_inner) = targets;
    }

    pub(super) const fn limiter(&self) -> &Limiter {
        &self.limiter
    }

    fn wants(&self, metadata: &Metadata<'_>) -> bool {
        let targets = self.targets.read().unwrap_or_else(PoisonError::into_inner);
        targets.would_enable(metadata.target(), metadata.level())
    }
}

/// The filter as a layer over the one that writes: a filter of that layer alone could not refuse single events.
pub(super) struct Shared(pub(super) Arc<Filter>);

impl<S: Subscriber> Layer<S> for Shared {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.0.wants(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.0.wants(metadata)
    }

    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        self.0.limiter.admits(event, Instant::now())
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let targets = self.0.targets.read().unwrap_or_else(PoisonError::into_inner);
        <Targets as Layer<Registry>>::max_level_hint(&targets)
    }
}
