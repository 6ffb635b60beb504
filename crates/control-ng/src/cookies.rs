//! Remembers replies by cookie, so that a repeated request is answered and not carried out again. A reply can hold keys,
//! and is wiped when it is forgotten.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use mediapoint_packet::{SecretBytes, Time};

use crate::Peer;

/// How much is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheLimits {
    /// Most replies.
    pub entries: usize,
    /// Most bytes of cookies and replies.
    pub bytes: usize,
    /// How long a reply is kept.
    pub keep: Duration,
}

impl Default for CacheLimits {
    /// 20,000 replies, 32 MiB, 30 s: a controller gives up repeating well before that.
    fn default() -> Self {
        Self { entries: 20_000, bytes: 32 << 20, keep: Duration::from_secs(30) }
    }
}

/// What a cookie means now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// Not seen before: carry the request out, then [`CookieCache::store`].
    New,
    /// Being carried out: its reply will come.
    Pending,
    /// The reply already given.
    Replied(Arc<SecretBytes>),
}

type Key = (Peer, Box<[u8]>);

struct Entry {
    since: Time,
    reply: Option<Arc<SecretBytes>>,
}

/// Replies by source and cookie: two controllers may use the same cookie.
pub struct CookieCache {
    limits: CacheLimits,
    entries: HashMap<Arc<Key>, Entry>,
    /// Oldest first, with the time each was entered.
    order: VecDeque<(Time, Arc<Key>)>,
    bytes: usize,
}

impl CookieCache {
    /// An empty cache.
    #[must_use]
    pub fn new(limits: CacheLimits) -> Self {
        Self { limits, entries: HashMap::new(), order: VecDeque::new(), bytes: 0 }
    }

    /// Looks a cookie up and enters it as pending where it is new.
    pub fn enter(&mut self, now: Time, source: &Peer, cookie: &[u8]) -> Seen {
        self.forget_old(now);
        let key = (source.clone(), cookie.into());
        match self.entries.get(&key) {
            Some(Entry { reply: Some(reply), .. }) => Seen::Replied(Arc::clone(reply)),
            Some(Entry { reply: None, .. }) => Seen::Pending,
            None => {
                let key = Arc::new(key);
                self.bytes += cookie.len();
                self.entries.insert(Arc::clone(&key), Entry { since: now, reply: None });
                self.order.push_back((now, key));
                Seen::New
            }
        }
    }

    /// The reply to a cookie that was entered, where it is still known.
    #[must_use]
    pub fn reply(&self, source: &Peer, cookie: &[u8]) -> Option<Arc<SecretBytes>> {
        self.entries.get(&(source.clone(), cookie.into()))?.reply.clone()
    }

    /// Keeps the reply to a cookie that was entered.
    pub fn store(&mut self, now: Time, source: &Peer, cookie: &[u8], reply: Arc<SecretBytes>) {
        if let Some(entry) = self.entries.get_mut(&(source.clone(), cookie.into())) {
            self.bytes += reply.len();
            entry.reply = Some(reply);
        }
        self.forget_old(now);
    }

    /// Replies and pending cookies held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True where nothing is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Forgets the replies whose time is over.
    pub fn forget_old(&mut self, now: Time) {
        while let Some((since, key)) = self.order.front() {
            let over = self.entries.len() > self.limits.entries || self.bytes > self.limits.bytes;
            if !over && now.since(*since) < self.limits.keep {
                return;
            }
            if let Some(entry) = self.entries.get(key)
                && entry.since == *since
            {
                self.bytes -= key.1.len() + entry.reply.as_ref().map_or(0, |r| r.len());
                self.entries.remove(key);
            }
            self.order.pop_front();
        }
    }
}

impl std::fmt::Debug for CookieCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CookieCache")
            .field("len", &self.len())
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(port: u16) -> Peer {
        std::net::SocketAddr::from(([127, 0, 0, 1], port)).into()
    }

    fn cache(entries: usize, bytes: usize) -> CookieCache {
        CookieCache::new(CacheLimits { entries, bytes, keep: Duration::from_secs(30) })
    }

    fn reply(text: &str) -> Arc<SecretBytes> {
        Arc::new(text.into())
    }

    #[test]
    fn a_repeated_cookie_gets_its_reply_until_it_is_forgotten() {
        let mut cache = cache(10, 1000);
        let second = Time::from_millis(1000);
        assert_eq!(cache.enter(Time::ZERO, &at(1), b"a"), Seen::New);
        assert_eq!(cache.enter(Time::ZERO, &at(1), b"a"), Seen::Pending);
        assert_eq!(cache.enter(Time::ZERO, &at(2), b"a"), Seen::New, "another source");
        cache.store(second, &at(1), b"a", reply("r"));
        assert_eq!(cache.enter(Time::from_millis(29_999), &at(1), b"a"), Seen::Replied(reply("r")));
        assert_eq!(cache.enter(Time::from_millis(30_000), &at(1), b"a"), Seen::New);
        assert_eq!(cache.len(), 1);
    }

    #[test]
    fn count_and_bytes_are_bounded_and_the_oldest_goes_first() {
        let mut cache = cache(3, 1000);
        for n in 0..10_u8 {
            cache.enter(Time::ZERO, &at(1), &[n]);
            cache.store(Time::ZERO, &at(1), &[n], reply("r"));
        }
        assert_eq!(cache.len(), 3);
        assert_eq!(cache.enter(Time::ZERO, &at(1), &[9]), Seen::Replied(reply("r")));
        assert_eq!(cache.enter(Time::ZERO, &at(1), &[6]), Seen::New);
        let long = Arc::new(SecretBytes::zeroed(900));
        cache.store(Time::ZERO, &at(1), &[6], Arc::clone(&long));
        cache.enter(Time::ZERO, &at(1), b"b");
        cache.store(Time::ZERO, &at(1), b"b", long);
        assert_eq!(cache.len(), 1);
        assert!(cache.bytes <= 1000);
    }

    #[test]
    fn bytes_return_to_zero_when_all_is_forgotten() {
        let mut cache = cache(100, 10_000);
        for n in 0..50_u8 {
            cache.enter(Time::ZERO, &at(1), &[n]);
            if n % 2 == 0 {
                cache.store(Time::ZERO, &at(1), &[n], reply("reply"));
            }
        }
        cache.forget_old(Time::from_millis(60_000));
        assert_eq!((cache.len(), cache.bytes, cache.order.len()), (0, 0, 0));
    }
}
