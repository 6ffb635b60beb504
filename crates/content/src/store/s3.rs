//! S3 by `object_store`, over TLS of our own configuration. Retries are the transfer's, not the client's.

use std::fmt;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder, Checksum};
use object_store::client::{HttpClient, HttpConnector};
use object_store::{ClientOptions, RetryConfig};
use zeroize::Zeroizing;

use super::StoreError;
use crate::tls::{self, Roots};

/// Where the bucket is.
#[derive(Clone, Debug)]
pub struct S3Config {
    /// URL of the server, for a store other than Amazon's: `https://minio.example.com`.
    pub endpoint: Option<String>,
    /// Region.
    pub region: String,
    /// Bucket. It has to be there.
    pub bucket: String,
    /// How the server knows us.
    pub credentials: S3Credentials,
    /// Which certificates are trusted.
    pub roots: Roots,
    /// Takes an endpoint of `http:`. What is put is encrypted, the request is not.
    pub danger_plain_http: bool,
}

/// How the server knows us.
#[derive(Clone)]
#[non_exhaustive]
pub enum S3Credentials {
    /// Of the environment: variables, web identity, or the machine's role.
    Environment,
    /// A key.
    Key {
        /// Its name.
        id: String,
        /// Its secret.
        secret: Zeroizing<String>,
    },
}

impl fmt::Debug for S3Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Environment => "Environment",
            Self::Key { .. } => "Key",
        })
    }
}

pub(super) fn connect(config: &S3Config) -> Result<AmazonS3, StoreError> {
    let mut builder = match &config.credentials {
        S3Credentials::Environment => AmazonS3Builder::from_env(),
        S3Credentials::Key { id, secret } => {
            AmazonS3Builder::new().with_access_key_id(id).with_secret_access_key(secret.as_str())
        }
    };
    if let Some(endpoint) = &config.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    builder
        .with_region(&config.region)
        .with_bucket_name(&config.bucket)
        .with_allow_http(config.danger_plain_http)
        .with_checksum_algorithm(Checksum::SHA256)
        .with_retry(RetryConfig { max_retries: 0, ..RetryConfig::default() })
        .with_http_connector(Connector(config.roots.clone()))
        .build()
        .map_err(|error| StoreError::Refused(error.to_string()))
}

/// Makes the client with our TLS, instead of one that a process-wide default decides.
#[derive(Debug)]
struct Connector(Roots);

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(
            http_client(&self.0)
                .map_err(|error| object_store::Error::Generic { store: "S3", source: error.into() })?,
        ))
    }
}

/// An HTTP client: TLS with these roots, no redirects, an end to every silence.
pub(crate) fn http_client(roots: &Roots) -> Result<reqwest::Client, String> {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls::client_config(roots)?)
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(5))
        .read_timeout(Duration::from_secs(30))
        .user_agent(concat!("mediapoint/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| error.to_string())
}
