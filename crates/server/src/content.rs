//! Store and catalogue of recordings as the configuration has them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use std::{fs, io};

use mediapoint_content::{
    Catalogue, Database, DatabaseError, Library, Listener, NoListener, PersonalColumns, PostgresConfig,
    PostgresDatabase, PostgresTls, PseudonymKey, Roots, S3Config, S3Credentials, Service, ServiceConfig,
    ServiceError, Shredding, SqliteDatabase, Store, StoreError, Webhook, WebhookError,
};
use mediapoint_recorder::{SealError, load_or_create_secret};

use crate::config::{ColumnChoice, ContentPolicy, RecordingPolicy, StorePlace};

/// Why there is no store or catalogue.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ContentError {
    #[error("recording: store: {0}")]
    Store(#[from] StoreError),
    #[error("recording: catalogue: {0}")]
    Catalogue(#[from] DatabaseError),
    #[error("recording: {0}")]
    Service(#[from] ServiceError),
    #[error("recording: pseudonym-key: {0}: {1}")]
    Key(PathBuf, SealError),
    #[error("recording: {0}")]
    Webhook(#[from] WebhookError),
    #[error("recording: webhook-secret-file: {0}")]
    Secret(io::Error),
    #[error("recording: {0}: {1}")]
    Folder(PathBuf, io::Error),
}

/// Milliseconds since 1970.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// What operators do with recordings.
pub(crate) fn library(policy: &RecordingPolicy) -> Result<Library, ContentError> {
    let parts = Parts::open(policy)?;
    Ok(Library::new(parts.store, parts.catalogue, parts.columns, Arc::new(now)))
}

/// What moves recordings.
pub(crate) fn service(policy: &RecordingPolicy) -> Result<Service, ContentError> {
    let Parts { store, catalogue, columns } = Parts::open(policy)?;
    let content = &policy.content;
    let listener: Box<dyn Listener> = match &content.webhook {
        None => Box::new(NoListener),
        Some((url, file)) => {
            let secret = fs::read(file).map_err(ContentError::Secret)?;
            Box::new(Webhook::new(url, secret.trim_ascii(), &roots(content), now)?)
        }
    };
    let mut config = ServiceConfig::new(&policy.folder, columns);
    if content.whole_files {
        config.shredding = Shredding::WholeFiles;
    }
    Ok(Service::open(config, store, catalogue, listener, Arc::new(now))?)
}

struct Parts {
    store: Store,
    catalogue: Arc<Catalogue>,
    columns: PersonalColumns,
}

impl Parts {
    fn open(policy: &RecordingPolicy) -> Result<Self, ContentError> {
        let content = &policy.content;
        let columns = match content.columns {
            ColumnChoice::Clear => PersonalColumns::Clear,
            ColumnChoice::None => PersonalColumns::None,
            ColumnChoice::Pseudonym => {
                let file = &content.pseudonym_key;
                let key =
                    load_or_create_secret(file).map_err(|error| ContentError::Key(file.clone(), error))?;
                PersonalColumns::Pseudonym(PseudonymKey::new(*key))
            }
        };
        Ok(Self { store: store(content)?, catalogue: Arc::new(Catalogue::new(database(content)?)), columns })
    }
}

fn store(content: &ContentPolicy) -> Result<Store, ContentError> {
    match &content.store {
        StorePlace::Folder(folder) => {
            fs::create_dir_all(folder).map_err(|error| ContentError::Folder(folder.clone(), error))?;
            Ok(Store::folder(folder)?)
        }
        StorePlace::Bucket(bucket) => Ok(Store::s3(&S3Config {
            endpoint: content.s3_endpoint.clone(),
            region: content.s3_region.clone(),
            bucket: bucket.clone(),
            credentials: S3Credentials::Environment,
            roots: roots(content),
            danger_plain_http: content.danger_s3_plain,
        })?),
    }
}

fn database(content: &ContentPolicy) -> Result<Box<dyn Database>, DatabaseError> {
    let address = &content.catalogue;
    if !address.starts_with("postgres") && !address.contains("host=") {
        return Ok(Box::new(SqliteDatabase::open(Path::new(address))?));
    }
    let tls = match content.danger_catalogue_plain {
        true => PostgresTls::DangerPlain,
        false => PostgresTls::Required(roots(content)),
    };
    Ok(Box::new(PostgresDatabase::new(PostgresConfig::new(address)?.with_tls(tls))))
}

fn roots(content: &ContentPolicy) -> Roots {
    content.authorities.clone().map_or(Roots::System, Roots::File)
}
