//! Files from http and https URLs: from hosts that are allowed, within bounds of size and time, asked for anew only where
//! they may have changed [RFC9111 4.2] [RFC9110 13.1.2].

mod address;
mod url;

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use ureq::http::{HeaderMap, Uri, header};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Error, config::Config};

use crate::error::UrlProblem;
use crate::format::FileFormat;

use address::is_public;
pub(crate) use url::redacted;
use url::{is_allowed, redirected};

/// Settings of the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpConfig {
    /// Hosts that files may come from, redirects included: `media.example.org`, `*.example.org` for any below it, at
    /// the scheme's own port; `media.example.org:8080` at that one alone. None unless told otherwise: no URL is fetched.
    pub hosts: Vec<String>,
    /// Longest file in bytes. 32 MiB unless told otherwise.
    pub max_bytes: u64,
    /// Longest time for all of a request. 15 s unless told otherwise.
    pub timeout: Duration,
    /// Longest time until a connection stands. 5 s unless told otherwise.
    pub connect_timeout: Duration,
    /// Most redirects. 3 unless told otherwise.
    pub redirects: u32,
    /// For how long a file is taken as it is where its server does not say. 60 s unless told otherwise.
    pub default_age: Duration,
    /// The same at most, whatever the server says. A day unless told otherwise.
    pub max_age: Duration,
    /// Hosts may have addresses that are not public: loopback, private networks, link-local ones such as those that clouds
    /// give credentials at. Whoever names URLs reaches these then. False unless told otherwise.
    pub danger_allow_private_addresses: bool,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            max_bytes: 32 << 20,
            timeout: Duration::from_secs(15),
            connect_timeout: Duration::from_secs(5),
            redirects: 3,
            default_age: Duration::from_secs(60),
            max_age: Duration::from_secs(86_400),
            danger_allow_private_addresses: false,
        }
    }
}

/// By what a file is asked for changes, and from when on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Validators {
    etag: Option<Box<str>>,
    modified: Option<Box<str>>,
    /// On the store's clock.
    pub(crate) fresh_until: Duration,
}

/// What a server gave.
#[derive(Debug)]
pub(crate) enum Fetched {
    Unchanged(Validators),
    Body { bytes: Arc<[u8]>, media_type: Option<String>, validators: Validators },
}

/// What a URL's path and the media type say of a file.
pub(crate) fn format_of(url: &str, media_type: Option<&str>) -> Option<FileFormat> {
    let uri: Uri = url.parse().ok()?;
    let by_path = FileFormat::of_path(std::path::Path::new(uri.path()));
    media_type.and_then(FileFormat::of_media_type).or(by_path)
}

/// Fetches files.
pub(crate) struct Client {
    config: HttpConfig,
    agent: Agent,
}

impl Client {
    pub(crate) fn new(config: HttpConfig) -> Self {
        let settings = Config::builder()
            .http_status_as_error(false)
            // Each is judged here.
            .max_redirects(0)
            .max_redirects_will_error(false)
            // A proxy would look names up itself.
            .proxy(None)
            .user_agent(concat!("mediapoint/", env!("CARGO_PKG_VERSION")))
            .accept("audio/*, application/ogg, */*;q=0.1")
            .timeout_global(Some(config.timeout))
            .timeout_connect(Some(config.connect_timeout))
            .timeout_resolve(Some(config.connect_timeout))
            .max_response_header_size(16 * 1024)
            .build();
        let resolver = PublicResolver {
            allow_private: config.danger_allow_private_addresses,
            inner: DefaultResolver::default(),
        };
        let agent = Agent::with_parts(settings, DefaultConnector::default(), resolver);
        Self { config, agent }
    }

    /// Fetches a file, or learns that it is as it was.
    pub(crate) fn fetch(
        &self,
        url: &str,
        known: Option<&Validators>,
        now: Duration,
    ) -> Result<Fetched, UrlProblem> {
        let mut uri: Uri = url.parse().map_err(|_| UrlProblem::NotHttp)?;
        for _ in 0..=self.config.redirects {
            is_allowed(&uri, &self.config.hosts)?;
            let mut request = self.agent.get(&uri);
            if let Some(etag) = known.and_then(|known| known.etag.as_deref()) {
                request = request.header(header::IF_NONE_MATCH, etag);
            }
            if let Some(modified) = known.and_then(|known| known.modified.as_deref()) {
                request = request.header(header::IF_MODIFIED_SINCE, modified);
            }
            let mut response = request.call().map_err(problem)?;
            let status = response.status().as_u16();
            match (status, known) {
                (200, _) => {
                    let validators = self.validators(response.headers(), now);
                    let media_type = text(response.headers(), &header::CONTENT_TYPE).map(str::to_owned);
                    let bytes = self.body(response.body_mut())?;
                    return Ok(Fetched::Body { bytes: bytes.into(), media_type, validators });
                }
                (304, Some(known)) => {
                    let new = self.validators(response.headers(), now);
                    return Ok(Fetched::Unchanged(Validators {
                        etag: new.etag.or_else(|| known.etag.clone()),
                        modified: new.modified.or_else(|| known.modified.clone()),
                        fresh_until: new.fresh_until,
                    }));
                }
                (301 | 302 | 303 | 307 | 308, _) => {
                    let to = text(response.headers(), &header::LOCATION).ok_or(UrlProblem::Status(status))?;
                    uri = redirected(&uri, to)?;
                }
                (status, _) => return Err(UrlProblem::Status(status)),
            }
        }
        Err(UrlProblem::Redirects(self.config.redirects))
    }

    fn body(&self, body: &mut ureq::Body) -> Result<Vec<u8>, UrlProblem> {
        let limit = self.config.max_bytes;
        if body.content_length().is_some_and(|len| len > limit) {
            return Err(UrlProblem::TooLarge(limit));
        }
        let mut bytes = Vec::new();
        let mut reader = body.with_config().limit(limit.saturating_add(2)).reader();
        let read = reader.by_ref().take(limit.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|error| problem(Error::from(error)))?;
        if bytes.len() as u64 > limit { Err(UrlProblem::TooLarge(limit)) } else { Ok(bytes) }
    }

    fn validators(&self, headers: &HeaderMap, now: Duration) -> Validators {
        let control = text(headers, &header::CACHE_CONTROL).unwrap_or_default();
        let age = text(headers, &header::AGE).and_then(|age| age.trim().parse().ok()).unwrap_or(0);
        let fresh = freshness(control, age).unwrap_or(self.config.default_age);
        Validators {
            etag: text(headers, &header::ETAG).map(Into::into),
            modified: text(headers, &header::LAST_MODIFIED).map(Into::into),
            fresh_until: now.saturating_add(fresh.min(self.config.max_age)),
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// For how long a `Cache-Control` lets a file be taken as it is, `age` seconds old; `None` where it does not say.
fn freshness(control: &str, age: u64) -> Option<Duration> {
    let mut longest = None;
    for word in control.split(',') {
        let (name, value) = word.trim().split_once('=').unwrap_or((word.trim(), ""));
        if name.eq_ignore_ascii_case("no-cache") || name.eq_ignore_ascii_case("no-store") {
            return Some(Duration::ZERO);
        }
        if name.eq_ignore_ascii_case("max-age") {
            longest = value.trim_matches('"').parse::<u64>().ok();
        }
    }
    Some(Duration::from_secs(longest?.saturating_sub(age)))
}

fn problem(error: Error) -> UrlProblem {
    match error {
        Error::Timeout(_) => UrlProblem::TimedOut,
        Error::Other(other) => match other.downcast::<UrlProblem>() {
            Ok(problem) => *problem,
            Err(other) => UrlProblem::Failed(other.to_string()),
        },
        Error::Io(error) if error.kind() == std::io::ErrorKind::TimedOut => UrlProblem::TimedOut,
        other => UrlProblem::Failed(other.to_string()),
    }
}

/// Looks names up, and lets no address pass that is not public: it is the one that is connected to, so that a name cannot
/// turn between a check and its use.
#[derive(Debug)]
struct PublicResolver {
    allow_private: bool,
    inner: DefaultResolver,
}

impl Resolver for PublicResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let addresses = self.inner.resolve(uri, config, timeout)?;
        let private = addresses.iter().find(|address| !is_public(address.ip()));
        match private {
            Some(address) if !self.allow_private => {
                Err(Error::Other(Box::new(UrlProblem::Private(address.ip()))))
            }
            _ => Ok(addresses),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // test-of: [RFC9111 4.2]
    #[test]
    fn freshness_is_what_cache_control_says() {
        let seconds = |control, age| freshness(control, age).map(|fresh| fresh.as_secs());
        assert_eq!(seconds("max-age=300", 0), Some(300));
        assert_eq!(seconds("public, Max-Age=\"300\"", 100), Some(200));
        assert_eq!(seconds("max-age=300", 400), Some(0));
        assert_eq!(seconds("max-age=300, no-cache", 0), Some(0));
        assert_eq!(seconds("no-store", 0), Some(0));
        assert_eq!(seconds("public", 0), None);
        assert_eq!(seconds("max-age=soon", 0), None);
    }
}
