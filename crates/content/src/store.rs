//! The store of finished recordings: a folder or S3, by `object_store`. Objects are put if absent and never overwritten.

use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use object_store::local::LocalFileSystem;
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload};
use sha2::{Digest as _, Sha256};

use crate::catalogue::{FileSum, Record};
use crate::hex;
use mediapoint_recorder::RecordingId;

mod local;
mod s3;
mod upload;

pub use local::measure;
pub(crate) use local::{remove, start_of};
pub(crate) use s3::http_client;
pub use s3::{S3Config, S3Credentials};
pub use upload::Upload;

/// A store.
#[derive(Clone)]
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    /// Where uploads in parts can go on after a restart.
    parts: Option<Arc<dyn MultipartStore>>,
    /// The folder, where it is one: its files are for their owner alone.
    folder: Option<Arc<LocalFileSystem>>,
    part_bytes: u64,
}

/// Why the store did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// It is away, full, or does not let us in. Another attempt may succeed.
    #[error("store not available: {0}")]
    Away(String),
    /// There is no such object.
    #[error("the store has no {0}")]
    Missing(String),
    /// The object is another than ours.
    #[error("{path} in the store has other content")]
    Differs {
        /// Its path.
        path: String,
    },
    /// The local file cannot be read, or is another than it was.
    #[error("local file {path}: {reason}")]
    Local {
        /// Its path.
        path: PathBuf,
        /// Why.
        reason: String,
        /// The system refuses it, which may pass; it is neither missing nor another one.
        unreadable: bool,
    },
    /// The store cannot do this.
    #[error("store refused: {0}")]
    Refused(String),
}

impl StoreError {
    /// Whether another attempt may succeed.
    #[must_use]
    pub const fn passes(&self) -> bool {
        matches!(self, Self::Away(_))
    }

    fn of(path: &Path, error: &object_store::Error) -> Self {
        use object_store::Error;
        match error {
            Error::NotFound { .. } => Self::Missing(path.to_string()),
            Error::NotSupported { .. } | Error::NotImplemented { .. } | Error::InvalidPath { .. } => {
                Self::Refused(error.to_string())
            }
            _ => Self::Away(error.to_string()),
        }
    }
}

/// Bytes above which a file is put in parts, and of each part: of 5 MiB to 5 GiB, as S3 takes them.
pub const PART_BYTES: u64 = 8 * 1024 * 1024;

impl Store {
    /// A folder, which is made where it is not there, for its owner alone. Files and folders are synced before an object counts
    /// as put, and files have mode 0600 then.
    ///
    /// # Errors
    /// [`StoreError::Refused`] if it cannot be made.
    pub fn folder(path: &FilePath) -> Result<Self, StoreError> {
        let refused =
            |error: &dyn std::fmt::Display| StoreError::Refused(format!("{}: {error}", path.display()));
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|error| refused(&error))?;
        let folder = LocalFileSystem::new_with_prefix(path);
        let folder = Arc::new(folder.map_err(|error| refused(&error))?.with_fsync(true));
        Ok(Self { folder: Some(Arc::clone(&folder)), ..Self::new(folder, None) })
    }

    /// S3 or a store that speaks it.
    ///
    /// # Errors
    /// [`StoreError::Refused`] if the configuration is not complete.
    pub fn s3(config: &S3Config) -> Result<Self, StoreError> {
        let s3 = Arc::new(s3::connect(config)?);
        Ok(Self::new(s3.clone(), Some(s3)))
    }

    /// Another store. With `parts`, an upload goes on after a restart where it was.
    #[must_use]
    pub fn new(objects: Arc<dyn ObjectStore>, parts: Option<Arc<dyn MultipartStore>>) -> Self {
        Self { objects, parts, folder: None, part_bytes: PART_BYTES }
    }

    /// Changes the size of parts. S3 takes parts of 5 MiB at least.
    #[must_use]
    pub const fn with_part_bytes(mut self, bytes: u64) -> Self {
        self.part_bytes = if bytes == 0 { 1 } else { bytes };
        self
    }

    /// Puts a small object if it is absent. One that is there is compared: equal content counts as put.
    pub(crate) async fn put(&self, path: &Path, bytes: Bytes) -> Result<(), StoreError> {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.objects.put_opts(path, PutPayload::from_bytes(bytes.clone()), options).await {
            Ok(_) => {}
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
                let sum = hex(&Sha256::digest(&bytes));
                self.compare(path, &[], &sum).await?;
            }
            // Of an object that is put, this means the bucket.
            Err(error @ object_store::Error::NotFound { .. }) => {
                return Err(StoreError::Away(error.to_string()));
            }
            Err(error) => return Err(StoreError::of(path, &error)),
        }
        self.make_private(path).await
    }

    /// Gives a file of the folder the mode 0600, whatever the process's umask is.
    async fn make_private(&self, path: &Path) -> Result<(), StoreError> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let file = folder.path_to_filesystem(path).map_err(|error| StoreError::of(path, &error))?;
        let set = move || std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600));
        let set = tokio::task::spawn_blocking(set).await;
        let set = set.map_err(|error| StoreError::Away(error.to_string()))?;
        set.map_err(|error| StoreError::Away(format!("{path}: {error}")))
    }

    /// Reads an object back and compares the hash of `header` and its bytes.
    ///
    /// # Errors
    /// [`StoreError::Differs`] if it is another, or the store's reason.
    pub(crate) async fn compare(&self, path: &Path, header: &[u8], sha256: &str) -> Result<(), StoreError> {
        let mut hash = Sha256::new();
        hash.update(header);
        let found = self.objects.get(path).await.map_err(|error| StoreError::of(path, &error))?;
        let mut stream = found.into_stream();
        while let Some(bytes) = stream.try_next().await.map_err(|error| StoreError::of(path, &error))? {
            hash.update(&bytes);
        }
        if hex(&hash.finalize()) == sha256 {
            Ok(())
        } else {
            Err(StoreError::Differs { path: path.to_string() })
        }
    }

    /// Whether there is such an object.
    pub(crate) async fn has(&self, path: &Path) -> Result<bool, StoreError> {
        match self.objects.head(path).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(StoreError::of(path, &error)),
        }
    }

    /// All of an object.
    pub(crate) async fn all(&self, path: &Path) -> Result<Bytes, StoreError> {
        let found = self.objects.get(path).await.map_err(|error| StoreError::of(path, &error))?;
        found.bytes().await.map_err(|error| StoreError::of(path, &error))
    }

    /// Bytes `from..until` of an object.
    pub(crate) async fn range(&self, path: &Path, from: u64, until: u64) -> Result<Bytes, StoreError> {
        self.objects.get_range(path, from..until).await.map_err(|error| StoreError::of(path, &error))
    }

    /// Removes the objects of a recording. Those that are gone already are none's fault.
    ///
    /// # Errors
    /// The store's reason.
    pub async fn remove(&self, record: &Record) -> Result<(), StoreError> {
        let names = Names::of(record);
        let paths = [Some(names.audio), names.meta, Some(names.manifest)];
        for path in paths.into_iter().flatten() {
            match self.objects.delete(&path).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(StoreError::of(&path, &error)),
            }
        }
        Ok(())
    }
}

/// Paths of a recording's objects.
pub(crate) struct Names {
    pub(crate) audio: Path,
    pub(crate) manifest: Path,
    pub(crate) meta: Option<Path>,
}

impl Names {
    pub(crate) fn of(record: &Record) -> Self {
        Self::new(
            &record.folder,
            &record.id,
            &record.entry.format,
            &record.files.audio,
            record.files.meta.as_ref(),
        )
    }

    /// An object whose header is kept apart is no age file, and is not called one.
    pub(crate) fn new(
        folder: &str,
        id: &RecordingId,
        format: &str,
        audio: &FileSum,
        meta: Option<&FileSum>,
    ) -> Self {
        let folder = Path::from(folder);
        let ending = |sum: &FileSum| if sum.header > 0 { "sealed" } else { "age" };
        Self {
            audio: folder.clone().join(format!("{id}.{format}.{}", ending(audio))),
            manifest: folder.clone().join(format!("{id}.manifest.json")),
            meta: meta.map(|meta| folder.join(format!("{id}.meta.{}", ending(meta)))),
        }
    }
}

/// Folder of a recording's objects: tenant, year, month, day (UTC).
pub(crate) fn folder(tenant: &str, started: i64) -> String {
    let tenant = if tenant.is_empty() { "none" } else { tenant };
    let day = chrono::DateTime::from_timestamp_millis(started).unwrap_or_default();
    let parts = [tenant.to_owned(), day.format("%Y").to_string(), day.format("%m").to_string()];
    let parts = parts.into_iter().chain([day.format("%d").to_string()]);
    Path::from_iter(parts).to_string()
}

/// Removes below a folder what puts wrote that their process did not live to complete: `NAME#NUMBER`, and no name of ours has that
/// character. Only while nobody puts anything.
///
/// # Errors
/// The folder cannot be read, or a file not be removed.
pub fn remove_staged(folder: &FilePath) -> std::io::Result<()> {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let staged = name.to_str().and_then(|name| name.rsplit_once('#'));
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else if staged.is_some_and(|(_, number)| number.bytes().all(|digit| digit.is_ascii_digit())) {
                std::fs::remove_file(entry.path())?;
            }
        }
    }
    Ok(())
}
