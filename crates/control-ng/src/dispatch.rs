//! From a message to its reply, with no sockets: cookies, decoding, the handler, encoding.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mediapoint_packet::{SecretBytes, Time};

use crate::controller::log;
use crate::cookies::{CacheLimits, CookieCache, Seen};
use crate::shorten::encode_within;
use crate::wire::{self, Dict, Envelope, MAX_MESSAGE, Value};
use crate::{Command, NgError, Peer, Reply, Request};

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
    /// Connections over the limit, of all or of one source.
    pub refused_connections: AtomicU64,
    /// Messages from a media port of this server.
    pub from_media: AtomicU64,
    /// Messages that are not under the secret, or are a replay.
    pub not_authentic: AtomicU64,
    /// Connections that took too long for a message.
    pub slow_connections: AtomicU64,
    /// Replies that could not be sent.
    pub unsent: AtomicU64,
}

impl Counters {
    /// As the reply to `statistics` has them.
    fn dict(&self) -> Dict {
        self.by_name().map(|(key, count)| (key.as_bytes().to_vec(), count.into())).into()
    }

    /// Each counter by its name in the reply to `statistics`, with its count.
    #[must_use]
    pub fn by_name(&self) -> [(&'static str, u64); 11] {
        let pairs = [
            ("requests", &self.requests),
            ("repeated", &self.repeated),
            ("pending", &self.pending),
            ("errors", &self.errors),
            ("withoutcookie", &self.without_cookie),
            ("refusedpeers", &self.refused_peers),
            ("refusedconnections", &self.refused_connections),
            ("frommediaports", &self.from_media),
            ("notauthentic", &self.not_authentic),
            ("slowconnections", &self.slow_connections),
            ("unsentreplies", &self.unsent),
        ];
        pairs.map(|(key, counter)| (key, counter.load(Ordering::Relaxed)))
    }
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

    /// Answers one message, however long the reply is. `None` where there is nothing to answer: no cookie, or one whose
    /// request is still being carried out.
    pub fn answer(&self, now: Time, peer: impl Into<Peer>, message: &[u8]) -> Option<Arc<SecretBytes>> {
        self.answer_within(now, &peer.into(), message, usize::MAX)
    }

    /// The same with a reply of at most `limit` bytes: what is longer is shortened, with a mark, or is an error.
    pub fn answer_within(
        &self,
        now: Time,
        peer: &Peer,
        message: &[u8],
        limit: usize,
    ) -> Option<Arc<SecretBytes>> {
        let Some(envelope) = Envelope::split(message) else {
            count(&self.counters.without_cookie);
            return None;
        };
        match self.cookies().enter(now, peer, envelope.cookie) {
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
        let reply = self.carry_out(now, peer, &envelope, message.len());
        let bytes = Arc::new(encode_within(envelope.cookie, envelope.format(), &reply, limit));
        self.cookies().store(now, peer, envelope.cookie, Arc::clone(&bytes));
        Some(bytes)
    }

    /// Answers a dictionary without a cookie, which a connection of its own stands for: the bare reply.
    pub(crate) fn answer_bare(&self, now: Time, peer: &Peer, payload: &[u8]) -> SecretBytes {
        let envelope = Envelope { cookie: b"", payload };
        let reply = self.carry_out(now, peer, &envelope, payload.len());
        let mut bytes = wire::encode(b"", envelope.format(), reply.dict());
        // The blank behind the cookie.
        bytes.remove_front(1);
        bytes
    }

    /// Forgets the replies whose time is over. They can hold keys: whoever answers messages calls it though none come.
    pub fn forget_old(&self, now: Time) {
        self.cookies().forget_old(now);
    }

    /// The reply that was given before, where it is still known; nothing is carried out.
    pub(crate) fn answer_again(&self, peer: &Peer, message: &[u8]) -> Option<Arc<SecretBytes>> {
        let reply = self.cookies().reply(peer, Envelope::split(message)?.cookie)?;
        count(&self.counters.repeated);
        Some(reply)
    }

    /// The reply to a message that is refused before it is complete; `None` where it has no cookie.
    #[must_use]
    pub fn refuse(&self, message: &[u8], error: &NgError) -> Option<SecretBytes> {
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

    fn carry_out(&self, now: Time, peer: &Peer, envelope: &Envelope<'_>, size: usize) -> Reply {
        let mut call_id = None;
        let request = if size > MAX_MESSAGE {
            Err(NgError::TooLarge { size, limit: MAX_MESSAGE })
        } else {
            wire::decode(envelope.payload).and_then(|dict| {
                call_id = dict.get(b"call-id".as_slice()).cloned();
                Request::parse(&dict, peer.address())
            })
        };
        let reply = match request {
            Ok(request) => {
                count(&self.counters.requests);
                let is_statistics = request.command == Command::Statistics;
                // A fault in one request must not end the thread that answers all others.
                let reply = catch_unwind(AssertUnwindSafe(|| self.handler.handle(now, request)))
                    .unwrap_or_else(|_| Reply::error(&NgError::Internal));
                match is_statistics {
                    true => reply.with_in("statistics", "controlport", self.counters.dict()),
                    false => reply,
                }
            }
            Err(error) => {
                let call_id = call_id.as_ref().and_then(|id| match id {
                    Value::Bytes(bytes) => Some(bytes.as_slice()),
                    _ => None,
                });
                log::unusable(call_id, &error);
                Reply::error(&error)
            }
        };
        if reply.is_error() {
            count(&self.counters.errors);
        }
        reply
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
