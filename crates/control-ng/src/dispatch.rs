//! From a message to its reply, with no sockets: cookies, decoding, the handler, encoding.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mediapoint_packet::Time;

use crate::cookies::{CacheLimits, CookieCache, Seen};
use crate::wire::{self, Envelope, MAX_MESSAGE};
use crate::{NgError, Reply, Request};

/// What carries requests out.
pub trait Handler: Send + Sync {
    /// Carries one request out. Called from several threads at once.
    fn handle(&self, now: Time, request: Request) -> Reply;
}

impl<H: Handler + ?Sized> Handler for Arc<H> {
    fn handle(&self, now: Time, request: Request) -> Reply {
        (**self).handle(now, request)
    }
}

/// What happened at the control port, since the start.
#[derive(Debug, Default)]
pub struct Counters {
    /// Requests handed to the handler.
    pub requests: AtomicU64,
    /// Replies given again for a repeated cookie.
    pub repeated: AtomicU64,
    /// Repeated cookies whose first request was still being carried out.
    pub pending: AtomicU64,
    /// Error replies.
    pub errors: AtomicU64,
    /// Messages without a cookie, which nothing can be answered to.
    pub without_cookie: AtomicU64,
    /// Messages and connections of peers that may not speak here.
    pub refused_peers: AtomicU64,
    /// Connections over the limit.
    pub refused_connections: AtomicU64,
}

/// Adds one.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Answers messages through a handler.
pub struct Dispatcher<H> {
    handler: H,
    cookies: Mutex<CookieCache>,
    counters: Counters,
}

impl<H: Handler> Dispatcher<H> {
    /// A dispatcher with an empty cookie cache.
    #[must_use]
    pub fn new(handler: H, limits: CacheLimits) -> Self {
        Self { handler, cookies: Mutex::new(CookieCache::new(limits)), counters: Counters::default() }
    }

    /// Answers one message. `None` where there is nothing to answer: no cookie, or one whose request is still
    /// being carried out.
    pub fn answer(&self, now: Time, source: SocketAddr, message: &[u8]) -> Option<Arc<[u8]>> {
        let Some(envelope) = Envelope::split(message) else {
            count(&self.counters.without_cookie);
            return None;
        };
        match self.cookies().enter(now, source, envelope.cookie) {
            Seen::New => {}
            Seen::Pending => {
                count(&self.counters.pending);
                return None;
            }
            Seen::Replied(reply) => {
                count(&self.counters.repeated);
                return Some(reply);
            }
        }
        let reply = self.carry_out(now, source, &envelope, message.len());
        if reply.is_error() {
            count(&self.counters.errors);
        }
        let bytes: Arc<[u8]> = wire::encode(envelope.cookie, envelope.format(), reply.dict()).into();
        self.cookies().store(now, source, envelope.cookie, Arc::clone(&bytes));
        Some(bytes)
    }

    /// The reply to a message that is refused before it is complete; `None` where it has no cookie.
    #[must_use]
    pub fn refuse(&self, message: &[u8], error: &NgError) -> Option<Vec<u8>> {
        let envelope = Envelope::split(message)?;
        count(&self.counters.errors);
        Some(wire::encode(envelope.cookie, envelope.format(), Reply::error(error).dict()))
    }

    /// The handler.
    #[must_use]
    pub fn handler(&self) -> &H {
        &self.handler
    }

    /// What happened so far.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    fn carry_out(&self, now: Time, source: SocketAddr, envelope: &Envelope<'_>, size: usize) -> Reply {
        let request = if size > MAX_MESSAGE {
            Err(NgError::TooLarge { size, limit: MAX_MESSAGE })
        } else {
            wire::decode(envelope.payload).and_then(|dict| Request::parse(&dict, source))
        };
        match request {
            Ok(request) => {
                count(&self.counters.requests);
                // A fault in one request must not end the thread that answers all others.
                catch_unwind(AssertUnwindSafe(|| self.handler.handle(now, request)))
                    .unwrap_or_else(|_| Reply::error(&NgError::Internal))
            }
            Err(error) => Reply::error(&error),
        }
    }

    fn cookies(&self) -> MutexGuard<'_, CookieCache> {
        // The cache holds whole entries only, so what a panicking thread left is usable.
        self.cookies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<H> std::fmt::Debug for Dispatcher<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dispatcher").field("counters", &self.counters).finish_non_exhaustive()
    }
}
