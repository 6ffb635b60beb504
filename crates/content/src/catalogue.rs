//! The catalogue: which recordings there are, how they are found, what opens them, and who did what.
//!
//! Everything is written in transactions together with its audit entry. Each write may be repeated: a commit whose answer
//! was lost is done once.

use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, MutexGuard};

use crate::database::{Database, DatabaseError, Row, Value};
use crate::entry::Entry;
use mediapoint_recorder::RecordingId;

mod audit;
mod query;
mod schema;
mod shred;

pub use audit::{Action, AuditBroken, AuditEntry, AuditHead, Deed};
pub use query::Query;
pub use schema::SCHEMA_VERSION;

/// A catalogue over a database.
pub struct Catalogue {
    inner: Mutex<Inner>,
}

struct Inner {
    database: Box<dyn Database>,
    migrated: bool,
}

/// A file in the store: its length in bytes and its hash (SHA-256, hexadecimal), the age header included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSum {
    /// Bytes.
    pub bytes: u64,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
    /// Bytes of the age header at its start that are kept apart. 0 if the store has the whole file.
    pub header: u64,
}

/// The files of a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    /// The encrypted audio.
    pub audio: FileSum,
    /// The signed manifest.
    pub manifest: FileSum,
    /// The encrypted metadata, where there are any.
    pub meta: Option<FileSum>,
}

/// Whether a recording can be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// It is there.
    Present,
    /// Its headers are destroyed; the store may still have the rest.
    Shredded,
    /// The store has nothing of it.
    Removed,
}

/// A row of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its name.
    pub id: RecordingId,
    /// What it is found by, as the catalogue holds it ([`crate::PersonalColumns`]).
    pub entry: Entry,
    /// Folder of its objects in the store.
    pub folder: String,
    /// Its files.
    pub files: Files,
    /// Time at which the store had it, in milliseconds since 1970.
    pub stored: i64,
    /// Whether it can be opened.
    pub state: State,
    /// Why it may not be deleted, if so.
    pub hold: Option<String>,
}

/// Headers of the age files. With them and an identity of a recipient the recording is opened; without, by nobody.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Headers {
    /// Of the audio. Empty if the store has it.
    pub audio: Vec<u8>,
    /// Of the metadata.
    pub meta: Vec<u8>,
}

impl std::fmt::Debug for Headers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Headers({} and {} bytes)", self.audio.len(), self.meta.len())
    }
}

/// Why the catalogue did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogueError {
    /// The database's reason.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// There is another recording of that name.
    #[error("recording {0} is in the catalogue with other content")]
    Conflict(RecordingId),
    /// There is none of that name.
    #[error("recording {0} is not in the catalogue")]
    Unknown(RecordingId),
    /// It may not be deleted.
    #[error("recording {id} is on legal hold: {reason}")]
    Held {
        /// Its name.
        id: RecordingId,
        /// Of the hold.
        reason: String,
    },
    /// It was deleted.
    #[error("recording {0} was deleted")]
    Deleted(RecordingId),
}

impl CatalogueError {
    /// Whether another attempt may succeed.
    #[must_use]
    pub const fn passes(&self) -> bool {
        matches!(self, Self::Database(DatabaseError::Unavailable(_)))
    }
}

impl Catalogue {
    /// Nothing is read before the first call; the schema is brought up to date then.
    #[must_use]
    pub fn new(database: Box<dyn Database>) -> Self {
        Self { inner: Mutex::new(Inner { database, migrated: false }) }
    }

    /// Writes a recording, its headers and the audit entry. True if it was not there before.
    ///
    /// # Errors
    /// [`CatalogueError::Conflict`] if another has its name, or the database's reason.
    pub async fn insert(
        &self,
        record: &Record,
        headers: &Headers,
        deed: &Deed,
    ) -> Result<bool, CatalogueError> {
        let mut inner = self.begin().await?;
        let done = insert(inner.database.as_mut(), record, headers, deed).await;
        inner.settle(done).await
    }

    /// One recording, deleted ones included.
    ///
    /// # Errors
    /// The database's reason.
    pub async fn record(&self, id: &RecordingId) -> Result<Option<Record>, CatalogueError> {
        let mut inner = self.begin().await?;
        let found = query::by_id(inner.database.as_mut(), id).await;
        inner.settle(found).await
    }

    /// Recordings, oldest first.
    ///
    /// # Errors
    /// The database's reason.
    pub async fn find(&self, query: &Query) -> Result<Vec<Record>, CatalogueError> {
        let mut inner = self.begin().await?;
        let found = query::find(inner.database.as_mut(), query).await;
        inner.settle(found).await
    }

    /// The headers of a recording, and the audit entry of who asked for them, in one transaction: no entry, no headers.
    ///
    /// # Errors
    /// [`CatalogueError::Unknown`], [`CatalogueError::Deleted`] or the database's reason.
    pub async fn headers(&self, id: &RecordingId, deed: &Deed) -> Result<(Record, Headers), CatalogueError> {
        let mut inner = self.begin().await?;
        let found = headers(inner.database.as_mut(), id, deed).await;
        let (record, headers) = inner.settle(found).await?;
        Ok((record, headers.ok_or_else(|| CatalogueError::Deleted(id.clone()))?))
    }

    /// Writes an audit entry.
    ///
    /// # Errors
    /// The database's reason.
    pub async fn audit(&self, id: &RecordingId, deed: &Deed) -> Result<(), CatalogueError> {
        let mut inner = self.begin().await?;
        let done = audit::append(inner.database.as_mut(), id, deed).await;
        inner.settle(done).await
    }

    /// Audit entries after number `after`, oldest first, at most `limit`.
    ///
    /// # Errors
    /// The database's reason.
    pub async fn audit_log(&self, after: i64, limit: i64) -> Result<Vec<AuditEntry>, CatalogueError> {
        let mut inner = self.begin().await?;
        let entries = audit::read(inner.database.as_mut(), after, limit).await;
        inner.settle(entries.map_err(CatalogueError::from)).await
    }

    /// Checks the whole chain of the audit log. Kept outside of the database, the result shows later whether the end was
    /// cut off: pass it as `known` then.
    ///
    /// # Errors
    /// The database's reason. `Ok(Err(_))` names the first entry that is not as it was written.
    pub async fn audit_check(
        &self,
        known: Option<&AuditHead>,
    ) -> Result<Result<AuditHead, AuditBroken>, CatalogueError> {
        let mut head = AuditHead::default();
        let mut seen = known.is_none_or(|known| known.entries == 0);
        loop {
            let page = self.audit_log(head.entries, 1000).await?;
            let Some(_) = page.first() else { break };
            for entry in &page {
                head = match head.next(entry) {
                    Ok(head) => head,
                    Err(broken) => return Ok(Err(broken)),
                };
                if let Some(known) = known.filter(|known| known.entries == head.entries) {
                    if *known != head {
                        return Ok(Err(AuditBroken { entry: head.entries }));
                    }
                    seen = true;
                }
            }
        }
        Ok(if seen { Ok(head) } else { Err(AuditBroken { entry: head.entries + 1 }) })
    }

    /// The database in an open transaction.
    async fn begin(&self) -> Result<MutexGuard<'_, Inner>, CatalogueError> {
        let mut inner = self.inner.lock().await;
        inner.database.begin().await?;
        if !inner.migrated {
            schema::migrate(inner.database.as_mut()).await?;
            inner.database.commit().await?;
            inner.migrated = true;
            inner.database.begin().await?;
        }
        Ok(inner)
    }
}

impl Inner {
    /// Commits what was done, or takes it back.
    async fn settle<T>(&mut self, done: Result<T, CatalogueError>) -> Result<T, CatalogueError> {
        let failed = match done {
            Ok(value) => match self.database.commit().await {
                Ok(()) => return Ok(value),
                Err(error) => error.into(),
            },
            Err(error) => error,
        };
        // An open transaction would lock others out. If this fails, too, the next transaction begins with another attempt.
        if let Err(error) = self.database.rollback().await {
            tracing::debug!(%error, "rollback failed");
        }
        Err(failed)
    }
}

/// Writes a recording, unless it is there.
async fn insert(
    database: &mut dyn Database,
    record: &Record,
    headers: &Headers,
    deed: &Deed,
) -> Result<bool, CatalogueError> {
    if insert_row(database, record).await? {
        insert_parts(database, record, headers).await?;
        audit::append(database, &record.id, deed).await?;
        return Ok(true);
    }
    match query::by_id(database, &record.id).await? {
        Some(there) if there.files == record.files => Ok(false),
        _ => Err(CatalogueError::Conflict(record.id.clone())),
    }
}

/// Reads the headers, none if they were destroyed, and writes who did.
async fn headers(
    database: &mut dyn Database,
    id: &RecordingId,
    deed: &Deed,
) -> Result<(Record, Option<Headers>), CatalogueError> {
    let record = query::by_id(database, id).await?.ok_or_else(|| CatalogueError::Unknown(id.clone()))?;
    let sql = "SELECT audio, meta FROM recording_keys WHERE recording = $1";
    let rows = database.query(sql, &[id.as_str().into()]).await?;
    audit::append(database, id, deed).await?;
    let headers =
        rows.first().map(|row| Ok::<_, DatabaseError>(Headers { audio: row.bytes(0)?, meta: row.bytes(1)? }));
    Ok((record, headers.transpose()?))
}

/// Writes the row. False if one of that name is there.
async fn insert_row(database: &mut dyn Database, record: &Record) -> Result<bool, CatalogueError> {
    let sizes =
        serde_json::to_string(&record.files).map_err(|error| DatabaseError::Refused(error.to_string()))?;
    let sql = "INSERT INTO recordings (id, tenant, call_id, started, length, format, recovered, folder, sizes, \
               stored, state) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING";
    let entry = &record.entry;
    let values = [
        record.id.as_str().into(),
        entry.tenant.as_str().into(),
        entry.call.as_str().into(),
        entry.started.into(),
        entry.length.into(),
        entry.format.as_str().into(),
        i64::from(entry.recovered).into(),
        record.folder.as_str().into(),
        sizes.as_str().into(),
        record.stored.into(),
        record.state.number().into(),
    ];
    Ok(database.execute(sql, &values).await? == 1)
}

/// Writes the rows that belong to it.
async fn insert_parts(
    database: &mut dyn Database,
    record: &Record,
    headers: &Headers,
) -> Result<(), CatalogueError> {
    let id: Value = record.id.as_str().into();
    for (place, party) in (0_i64..).zip(&record.entry.parties) {
        let sql = "INSERT INTO parties (recording, place, party) VALUES ($1, $2, $3)";
        database.execute(sql, &[id.clone(), place.into(), party.as_str().into()]).await?;
    }
    for (tag, value) in &record.entry.tags {
        let sql = "INSERT INTO tags (recording, tag, value) VALUES ($1, $2, $3)";
        database.execute(sql, &[id.clone(), tag.as_str().into(), value.as_str().into()]).await?;
    }
    let sql = "INSERT INTO recording_keys (recording, audio, meta) VALUES ($1, $2, $3)";
    database.execute(sql, &[id, headers.audio.as_slice().into(), headers.meta.as_slice().into()]).await?;
    Ok(())
}

impl State {
    const fn number(self) -> i64 {
        match self {
            Self::Present => 0,
            Self::Shredded => 1,
            Self::Removed => 2,
        }
    }

    fn of(row: &Row, column: usize) -> Result<Self, DatabaseError> {
        match row.integer(column)? {
            0 => Ok(Self::Present),
            1 => Ok(Self::Shredded),
            2 => Ok(Self::Removed),
            _ => Err(DatabaseError::Column(column)),
        }
    }
}
