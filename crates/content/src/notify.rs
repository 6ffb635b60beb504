//! Who is told that a recording is stored: a listener in this process, a webhook, or both.
//!
//! An answer that is lost leaves it open whether the message arrived, so it is sent again: at least once, with an id that
//! stays the same. Whoever keeps the ids that it has seen does everything once.

use std::fmt;
use std::pin::Pin;

use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::hex;
use crate::store::http_client;
use crate::tls::Roots;
use mediapoint_recorder::RecordingId;

/// A recording is in the store and in the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StoredEvent {
    /// The same for each attempt to tell it.
    pub delivery: String,
    /// The recording.
    pub recording: RecordingId,
    /// Whose it is.
    pub tenant: String,
    /// Start, in milliseconds since 1970.
    pub started: i64,
    /// Length, in milliseconds.
    pub length: i64,
    /// Bytes of the encrypted audio.
    pub bytes: u64,
    /// Its SHA-256, hexadecimal.
    pub sha256: String,
    /// It was finished after a crash.
    pub recovered: bool,
}

/// Result of telling.
pub type Delivery<'a> = Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>>;

/// Takes events. An error is a wish to be told again.
pub trait Listener: Send + Sync {
    /// Takes one.
    fn deliver<'a>(&'a self, event: &'a StoredEvent) -> Delivery<'a>;
}

/// Nobody is told.
#[derive(Clone, Copy, Debug)]
pub struct NoListener;

impl Listener for NoListener {
    fn deliver<'a>(&'a self, _: &'a StoredEvent) -> Delivery<'a> {
        Box::pin(async { Ok(()) })
    }
}

/// Both are told, in that order. If the second fails, the first is told again.
impl<A: Listener, B: Listener> Listener for (A, B) {
    fn deliver<'a>(&'a self, event: &'a StoredEvent) -> Delivery<'a> {
        Box::pin(async move {
            self.0.deliver(event).await?;
            self.1.deliver(event).await
        })
    }
}

/// Header that carries the signature: `t=SECONDS,v1=HEX`, the HMAC-SHA256 of `SECONDS.BODY` under the secret.
pub const SIGNATURE_HEADER: &str = "mediapoint-signature";
/// Shortest secret.
const SHORTEST: usize = 16;

/// Posts events as JSON. An answer of 2xx is a receipt, everything else is a failure. Redirects are not followed.
pub struct Webhook {
    url: String,
    secret: Zeroizing<Vec<u8>>,
    client: reqwest::Client,
    clock: fn() -> i64,
}

/// Why there is no such webhook.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// Not an address of `https:`, nor of `http:` where that is allowed.
    #[error("webhook address is not https")]
    NotHttps,
    /// The secret is too short.
    #[error("webhook secret of {0} bytes: {SHORTEST} at least")]
    Secret(usize),
    /// There is no client.
    #[error("webhook: {0}")]
    Client(String),
}

impl Webhook {
    /// A webhook at an `https:` address. `clock` gives milliseconds since 1970 for the signature.
    ///
    /// # Errors
    /// [`WebhookError`] if the address or the secret will not do.
    pub fn new(url: &str, secret: &[u8], roots: &Roots, clock: fn() -> i64) -> Result<Self, WebhookError> {
        if !url.starts_with("https://") {
            return Err(WebhookError::NotHttps);
        }
        Self::danger_any_scheme(url, secret, roots, clock)
    }

    /// The same, and `http:` is allowed: ids, times and tenants cross the network in clear.
    ///
    /// # Errors
    /// [`WebhookError`] if the secret will not do.
    pub fn danger_any_scheme(
        url: &str,
        secret: &[u8],
        roots: &Roots,
        clock: fn() -> i64,
    ) -> Result<Self, WebhookError> {
        if secret.len() < SHORTEST {
            return Err(WebhookError::Secret(secret.len()));
        }
        let client = http_client(roots).map_err(WebhookError::Client)?;
        Ok(Self { url: url.to_owned(), secret: Zeroizing::new(secret.to_vec()), client, clock })
    }

    async fn post(&self, event: &StoredEvent) -> Result<(), String> {
        let body = serde_json::to_vec(event).map_err(|error| error.to_string())?;
        let signature = signature(&self.secret, (self.clock)() / 1000, &body);
        let request = self.client.post(&self.url).header("content-type", "application/json");
        let request = request.header(SIGNATURE_HEADER, signature).body(body);
        let answer = request.send().await.map_err(|error| error.without_url().to_string())?;
        let status = answer.status();
        if status.is_success() { Ok(()) } else { Err(format!("webhook answered {}", status.as_u16())) }
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Webhook")
    }
}

impl Listener for Webhook {
    fn deliver<'a>(&'a self, event: &'a StoredEvent) -> Delivery<'a> {
        Box::pin(self.post(event))
    }
}

/// Value of [`SIGNATURE_HEADER`] for a body that is sent at `seconds` since 1970.
#[must_use]
pub fn signature(secret: &[u8], seconds: i64, body: &[u8]) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else {
        // HMAC takes keys of every length. No receiver takes an empty signature.
        return String::new();
    };
    mac.update(seconds.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    format!("t={seconds},v1={}", hex(&mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_what_openssl_computes() {
        // printf '1700000000.{}' | openssl dgst -sha256 -hmac 0123456789abcdef
        let expected = "t=1700000000,v1=e4f8e2ecae2295b2ddb2f0b5584c8275e226c0ebe9b3b819e70156bb67122e3e";
        assert_eq!(signature(b"0123456789abcdef", 1_700_000_000, b"{}"), expected);
    }

    #[test]
    fn a_webhook_in_clear_or_with_a_short_secret_is_refused() {
        let roots = Roots::System;
        let webhook = |url, secret: &[u8]| Webhook::new(url, secret, &roots, || 0).map(drop);
        assert_eq!(webhook("http://a.example/", &[1; 16]), Err(WebhookError::NotHttps));
        assert_eq!(webhook("https://a.example/", &[1; 15]), Err(WebhookError::Secret(15)));
        assert_eq!(webhook("https://a.example/", &[1; 16]), Ok(()));
    }
}
