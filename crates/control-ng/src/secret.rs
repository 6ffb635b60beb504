//! Messages under a shared secret, for controllers that are ours: who does not know it is not answered.
//!
//! A request is `h1.TIME.MAC.COOKIE DICTIONARY`, its reply `h1.MAC.COOKIE DICTIONARY`. TIME is the milliseconds since
//! 1970, each MAC 64 hexadecimal digits of HMAC-SHA256 [RFC2104 2] under the secret: over
//! `mediapoint ng request` LF TIME `.` COOKIE `DICTIONARY`, and over `mediapoint ng reply` LF request's MAC LF COOKIE
//! DICTIONARY, each as it is sent. Nothing is encrypted.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use mediapoint_packet::SecretBytes;
use sha2::Sha256;

use crate::Peer;

/// How far the clocks of both sides may be apart, and how long a message may be on its way.
const WINDOW: Duration = Duration::from_secs(30);
/// How long a MAC is remembered: a message from the future by [`WINDOW`] is valid for twice that.
const REMEMBER: Duration = Duration::from_secs(60);
/// Most messages remembered; further ones are refused, since a forgotten one could be carried out again.
const MAX_REMEMBERED: usize = 250_000;
/// Begins a message under a secret.
const VERSION: &[u8] = b"h1.";
/// Fewest bytes of a secret.
pub const MIN_SECRET: usize = 16;
/// Most bytes of what stands before the cookie of a request.
pub const MAX_SEAL: usize = VERSION.len() + MAX_TIME_DIGITS + 1 + MAC_DIGITS + 1;
/// Bytes that stand before the cookie of a reply.
pub(crate) const REPLY_SEAL: usize = VERSION.len() + MAC_DIGITS + 1;
const MAC_DIGITS: usize = 64;
const MAX_TIME_DIGITS: usize = 16;

type HmacSha256 = Hmac<Sha256>;

/// A secret that both sides know. Nothing shows it.
#[derive(Clone)]
pub struct Secret(HmacSha256);

impl Secret {
    /// A secret of these bytes; `None` where they are fewer than [`MIN_SECRET`].
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let mac = HmacSha256::new_from_slice(bytes).ok()?;
        (bytes.len() >= MIN_SECRET).then_some(Self(mac))
    }

    fn over(&self, parts: &[&[u8]]) -> HmacSha256 {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(part);
        }
        mac
    }
}

/// A request under a secret, for who sends it.
pub(crate) struct SealedRequest {
    /// What is sent.
    pub(crate) bytes: SecretBytes,
    mac: [u8; MAC_DIGITS],
}

impl Secret {
    /// Seals a message (cookie and dictionary) at a time since 1970.
    pub(crate) fn request(&self, time: Duration, message: &[u8]) -> SealedRequest {
        let time = time.as_millis().to_string();
        let mac = self.over(&[b"mediapoint ng request\n", time.as_bytes(), b".", message]).finalize();
        let mut digits = [0; MAC_DIGITS];
        for (pair, byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(mac.into_bytes()) {
            *pair = [byte >> 4, byte & 15].map(hex_digit);
        }
        let mut bytes = SecretBytes::with_capacity(MAX_SEAL + message.len());
        for part in [VERSION, time.as_bytes(), b".", &digits, b".", message] {
            bytes.extend_from_slice(part);
        }
        SealedRequest { bytes, mac: digits }
    }

    /// The message (cookie and dictionary) of a reply to the request; `None` where it is not under the secret, or of another
    /// request.
    pub(crate) fn open_reply<'a>(&self, request: &SealedRequest, reply: &'a [u8]) -> Option<&'a [u8]> {
        let (mac, rest) = reply.strip_prefix(VERSION)?.split_at_checked(MAC_DIGITS)?;
        let message = rest.strip_prefix(b".")?;
        let expected = self.over(&[b"mediapoint ng reply\n", &request.mac, b"\n", message]);
        expected.verify(&unhex(mac)?.into()).ok()?;
        Some(message)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Why a message is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAuthentic {
    /// It is not of the form, or its MAC is not that of the secret.
    #[error("not under the secret")]
    Forged,
    /// Its time is too far from ours, or before our start.
    #[error("its time is not ours")]
    Stale,
    /// It has been seen before, from elsewhere.
    #[error("seen before")]
    Replayed,
    /// More messages than can be remembered.
    #[error("too many messages")]
    Full,
}

/// An authentic message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Opened<'a> {
    /// Cookie and dictionary.
    pub(crate) message: &'a [u8],
    /// Its MAC, which its reply is bound to.
    pub(crate) mac: [u8; MAC_DIGITS],
    /// It came before, from the same peer: its reply may be given again, but it must not be carried out again.
    pub(crate) repeated: bool,
}

/// Reads the time since 1970.
pub type WallClock = Arc<dyn Fn() -> Duration + Send + Sync>;

/// Opens requests and seals replies under a secret, and remembers what came.
pub struct Guard {
    secret: RwLock<Secret>,
    wall: WallClock,
    /// What was said before the start may have been carried out before a restart.
    started: Duration,
    seen: Mutex<SeenMacs>,
}

#[derive(Default)]
struct SeenMacs {
    peers: HashMap<[u8; 16], Peer>,
    /// Oldest first, with the time that each came at.
    order: VecDeque<(Duration, [u8; 16])>,
}

impl Guard {
    /// A guard that has seen nothing. Messages from before this moment are refused.
    #[must_use]
    pub fn new(secret: Secret, wall: WallClock) -> Self {
        let started = wall();
        Self { secret: RwLock::new(secret), wall, started, seen: Mutex::default() }
    }

    /// Puts another secret in place, for what comes from now on.
    pub fn set_secret(&self, secret: Secret) {
        *self.secret.write().unwrap_or_else(PoisonError::into_inner) = secret;
    }

    fn secret(&self) -> Secret {
        self.secret.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Checks a request.
    pub(crate) fn open<'a>(&self, peer: &Peer, bytes: &'a [u8]) -> Result<Opened<'a>, NotAuthentic> {
        let sealed = split(bytes).ok_or(NotAuthentic::Forged)?;
        let mac: [u8; 32] = unhex(sealed.mac).ok_or(NotAuthentic::Forged)?;
        let digits: [u8; MAC_DIGITS] = sealed.mac.try_into().map_err(|_| NotAuthentic::Forged)?;
        let expected = self.secret().over(&[b"mediapoint ng request\n", sealed.time, b".", sealed.message]);
        expected.verify(&mac.into()).map_err(|_| NotAuthentic::Forged)?;
        let time = std::str::from_utf8(sealed.time).ok().and_then(|time| time.parse().ok());
        let time = Duration::from_millis(time.ok_or(NotAuthentic::Forged)?);
        let now = (self.wall)();
        if time.abs_diff(now) > WINDOW || time < self.started {
            return Err(NotAuthentic::Stale);
        }
        let (key, _) = mac.split_first_chunk::<16>().ok_or(NotAuthentic::Forged)?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let repeated = seen.enter(now, *key, peer)?;
        Ok(Opened { message: sealed.message, mac: digits, repeated })
    }

    /// The reply to a request whose MAC is given.
    pub(crate) fn seal(&self, request: &[u8; MAC_DIGITS], reply: &[u8]) -> SecretBytes {
        let mac = self.secret().over(&[b"mediapoint ng reply\n", request, b"\n", reply]).finalize();
        let mut out = SecretBytes::with_capacity(REPLY_SEAL + reply.len());
        out.extend_from_slice(VERSION);
        for byte in mac.into_bytes() {
            out.extend_from_slice(&[byte >> 4, byte & 15].map(hex_digit));
        }
        out.push(b'.');
        out.extend_from_slice(reply);
        out
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").finish_non_exhaustive()
    }
}

impl SeenMacs {
    /// Remembers a MAC. True where the same peer sent it before.
    fn enter(&mut self, now: Duration, key: [u8; 16], peer: &Peer) -> Result<bool, NotAuthentic> {
        while let Some((at, old)) = self.order.front() {
            if now.saturating_sub(*at) <= REMEMBER {
                break;
            }
            self.peers.remove(old);
            self.order.pop_front();
        }
        if let Some(known) = self.peers.get(&key) {
            return if known == peer { Ok(true) } else { Err(NotAuthentic::Replayed) };
        }
        if self.order.len() >= MAX_REMEMBERED {
            return Err(NotAuthentic::Full);
        }
        self.peers.insert(key, peer.clone());
        self.order.push_back((now, key));
        Ok(false)
    }
}

struct Sealed<'a> {
    time: &'a [u8],
    mac: &'a [u8],
    message: &'a [u8],
}

fn split(bytes: &[u8]) -> Option<Sealed<'_>> {
    let rest = bytes.strip_prefix(VERSION)?;
    let dot = rest.iter().take(MAX_TIME_DIGITS + 1).position(|byte| *byte == b'.')?;
    let (time, rest) = rest.split_at(dot);
    let (mac, rest) = rest.strip_prefix(b".")?.split_at_checked(MAC_DIGITS)?;
    Some(Sealed { time, mac, message: rest.strip_prefix(b".")? })
}

fn unhex(digits: &[u8]) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
        *byte = u8::try_from(high? << 4 | low?).ok()?;
    }
    (pairs.len() == 32).then_some(bytes)
}

fn hex_digit(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'a' - 10 + nibble }
}

#[cfg(test)]
#[path = "secret/tests.rs"]
mod tests;
