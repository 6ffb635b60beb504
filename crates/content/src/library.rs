//! What operators do with stored recordings: list, show, listen, export, verify, hold, delete, prune. Everything that
//! touches content is in the audit log before it happens.

use std::io::Write;
use std::sync::Arc;

use object_store::path::Path;
use sha2::{Digest as _, Sha256};

use crate::catalogue::{Action, Catalogue, CatalogueError, Deed, FileSum, Headers, Query, Record, State};
use crate::entry::PersonalColumns;
use crate::hex;
use crate::retention::Retention;
use crate::service::Clock;
use crate::store::{Names, Store, StoreError};
use mediapoint_recorder::RecordingId;

mod listen;

pub use listen::{Asker, Listening, Part};

/// Bytes that are asked of the store at a time.
const PIECE: u64 = 1024 * 1024;

/// Stored recordings.
#[derive(Clone)]
pub struct Library {
    store: Store,
    catalogue: Arc<Catalogue>,
    columns: PersonalColumns,
    clock: Clock,
}

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LibraryError {
    /// The catalogue's reason.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The store's reason.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No identity is a recipient's.
    #[error("recording {0}: none of the identities is a recipient")]
    NotARecipient(RecordingId),
    /// The file is damaged, or is no age file.
    #[error("recording {id} cannot be opened: {reason}")]
    Damaged {
        /// Its name.
        id: RecordingId,
        /// Why.
        reason: String,
    },
    /// It was recorded without metadata.
    #[error("recording {0} has no metadata")]
    NoMetadata(RecordingId),
    /// The output's reason.
    #[error("output: {0}")]
    Output(#[from] std::io::Error),
}

/// All that the store has of a recording, as [`Library::check`] found it.
#[derive(Debug)]
pub struct Checked {
    /// What the catalogue knows of it.
    pub record: Record,
    /// The first thing that is not as the catalogue's hashes say.
    pub whole: Result<(), StoreError>,
    /// The signed manifest, where it is whole.
    pub manifest: Option<Vec<u8>>,
    /// The encrypted audio: an age file.
    pub audio: Vec<u8>,
    /// The encrypted metadata; empty where it was recorded without.
    pub metadata: Vec<u8>,
}

/// Result of [`Library::prune`].
#[derive(Debug, Default)]
pub struct Pruned {
    /// What was deleted, or would be.
    pub deleted: Vec<RecordingId>,
    /// What is held.
    pub held: Vec<RecordingId>,
    /// What was not deleted, with the reason. The next call tries again.
    pub failed: Vec<(RecordingId, LibraryError)>,
}

impl Library {
    /// Recordings of a store and its catalogue. `columns` as the service has them.
    #[must_use]
    pub const fn new(
        store: Store,
        catalogue: Arc<Catalogue>,
        columns: PersonalColumns,
        clock: Clock,
    ) -> Self {
        Self { store, catalogue, columns, clock }
    }

    /// The catalogue.
    #[must_use]
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// Recordings, oldest first. The query has call, party and tag in clear.
    ///
    /// # Errors
    /// The catalogue's reason.
    pub async fn list(&self, query: Query) -> Result<Vec<Record>, LibraryError> {
        Ok(self.catalogue.find(&query.with_columns(&self.columns)).await?)
    }

    /// One recording, deleted ones included.
    ///
    /// # Errors
    /// [`CatalogueError::Unknown`] or the database's reason.
    pub async fn show(&self, id: &RecordingId) -> Result<Record, LibraryError> {
        Ok(self.catalogue.record(id).await?.ok_or_else(|| CatalogueError::Unknown(id.clone()))?)
    }

    /// Writes a part of the recording as a whole age file, still encrypted, and checks its hash on the way. After an error
    /// the output is not to be used.
    ///
    /// # Errors
    /// [`LibraryError`], [`StoreError::Differs`] if the store's object was altered.
    pub async fn export(
        &self,
        id: &RecordingId,
        part: Part,
        who: &str,
        out: &mut (dyn Write + Send),
    ) -> Result<Record, LibraryError> {
        let (record, headers) = self.headers(id, who, Action::Exported).await?;
        let (path, header, sum) = part.of(&record, &headers)?;
        let mut hash = Sha256::new();
        hash.update(header);
        out.write_all(header)?;
        let length = sum.bytes.saturating_sub(sum.header);
        let mut at = 0;
        while at < length {
            let until = length.min(at + PIECE);
            let bytes = self.store.range(&path, at, until).await?;
            hash.update(&bytes);
            out.write_all(&bytes)?;
            at = until;
        }
        if hex(&hash.finalize()) != sum.sha256 {
            return Err(StoreError::Differs { path: path.to_string() }.into());
        }
        Ok(record)
    }

    /// The signed manifest. It has nothing personal and is in clear.
    ///
    /// # Errors
    /// [`LibraryError`], [`StoreError::Differs`] if the store's object was altered.
    pub async fn manifest(&self, id: &RecordingId) -> Result<Vec<u8>, LibraryError> {
        let record = self.show(id).await?;
        let path = Names::of(&record).manifest;
        let bytes = self.store.range(&path, 0, record.files.manifest.bytes).await?;
        if hex(&Sha256::digest(&bytes)) != record.files.manifest.sha256 {
            return Err(StoreError::Differs { path: path.to_string() }.into());
        }
        Ok(bytes.to_vec())
    }

    /// Compares everything that the store has of a recording with the hashes of the catalogue. No identity is needed. Where
    /// in the file it was altered, the manifest's hashes tell.
    ///
    /// # Errors
    /// [`StoreError::Differs`] or [`StoreError::Missing`] if it is not whole, or another reason why it is not known.
    pub async fn verify(&self, id: &RecordingId, who: &str) -> Result<Record, LibraryError> {
        let (record, headers) = self.headers(id, who, Action::Verified).await?;
        let names = Names::of(&record);
        self.store.compare(&names.manifest, &[], &record.files.manifest.sha256).await?;
        self.store.compare(&names.audio, &headers.audio, &record.files.audio.sha256).await?;
        if let (Some(path), Some(sum)) = (&names.meta, &record.files.meta) {
            self.store.compare(path, &headers.meta, &sum.sha256).await?;
        }
        Ok(record)
    }

    /// As [`Library::verify`], and gives out what was compared, all of it in memory and still encrypted: the manifest's hashes name
    /// the place where it was altered. It is one entry of the audit log.
    ///
    /// # Errors
    /// [`LibraryError`], if it is not known whether it is whole.
    pub async fn check(&self, id: &RecordingId, who: &str) -> Result<Checked, LibraryError> {
        let (record, headers) = self.headers(id, who, Action::Verified).await?;
        let names = Names::of(&record);
        let mut whole = Ok(());
        let (mut manifest, mut audio, mut metadata) = (Vec::new(), headers.audio, headers.meta);
        self.gather(&names.manifest, &record.files.manifest, &mut manifest, &mut whole).await?;
        let manifest = whole.is_ok().then_some(manifest);
        self.gather(&names.audio, &record.files.audio, &mut audio, &mut whole).await?;
        if let (Some(path), Some(sum)) = (&names.meta, &record.files.meta) {
            self.gather(path, sum, &mut metadata, &mut whole).await?;
        }
        Ok(Checked { record, whole, manifest, audio, metadata })
    }

    /// Appends an object to its header in `file`, and compares the sum.
    async fn gather(
        &self,
        path: &Path,
        sum: &FileSum,
        file: &mut Vec<u8>,
        whole: &mut Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let found = match self.store.all(path).await {
            Ok(bytes) => {
                file.extend_from_slice(&bytes);
                let differs = || StoreError::Differs { path: path.to_string() };
                if hex(&Sha256::digest(&file)) == sum.sha256 { Ok(()) } else { Err(differs()) }
            }
            Err(error) if error.passes() => return Err(error),
            Err(error) => Err(error),
        };
        if whole.is_ok() {
            *whole = found;
        }
        Ok(())
    }

    /// Sets a legal hold, or takes it off.
    ///
    /// # Errors
    /// The catalogue's reason.
    pub async fn hold(&self, id: &RecordingId, reason: Option<&str>, who: &str) -> Result<(), LibraryError> {
        Ok(self.catalogue.hold(id, reason, who, (self.clock)()).await?)
    }

    /// Deletes a recording: first its headers, so that nobody opens it, then its objects. Broken off, it is finished by
    /// another call or by [`Library::prune`].
    ///
    /// # Errors
    /// [`CatalogueError::Held`], or the reason why something is left of it.
    pub async fn delete(&self, id: &RecordingId, who: &str, why: &str) -> Result<(), LibraryError> {
        let record = self.catalogue.shred(id, &self.deed(who, Action::Shredded, why)).await?;
        if record.state != State::Removed {
            self.store.remove(&record).await?;
            self.catalogue.removed(id, who, (self.clock)()).await?;
        }
        Ok(())
    }

    /// Deletes what its rule does not keep any longer, and finishes deletions that were broken off. With `dry`, only says
    /// what it would delete. A recording that cannot be deleted does not keep the others.
    ///
    /// # Errors
    /// The catalogue's reason, if it cannot be read.
    pub async fn prune(&self, rules: &Retention, who: &str, dry: bool) -> Result<Pruned, LibraryError> {
        let mut pruned = Pruned::default();
        for (state, why) in [(State::Shredded, "finished"), (State::Present, "retention")] {
            let mut query = Query { state: Some(state), ..Query::default() };
            loop {
                let page = self.catalogue.find(&query).await?;
                let Some(last) = page.last() else { break };
                query.after = Some((last.entry.started, last.id.clone()));
                for record in page {
                    if state == State::Present && !rules.expired(&record, &self.columns, (self.clock)()) {
                        continue;
                    }
                    self.prune_one(record, who, why, dry, &mut pruned).await;
                }
            }
        }
        Ok(pruned)
    }

    async fn prune_one(&self, record: Record, who: &str, why: &str, dry: bool, pruned: &mut Pruned) {
        let id = record.id;
        if record.hold.is_some() && record.state == State::Present {
            pruned.held.push(id);
        } else if dry {
            pruned.deleted.push(id);
        } else {
            match self.delete(&id, who, why).await {
                Ok(()) => pruned.deleted.push(id),
                Err(LibraryError::Catalogue(CatalogueError::Held { .. })) => pruned.held.push(id),
                Err(error) => pruned.failed.push((id, error)),
            }
        }
    }

    async fn headers(
        &self,
        id: &RecordingId,
        who: &str,
        action: Action,
    ) -> Result<(Record, Headers), LibraryError> {
        Ok(self.catalogue.headers(id, &self.deed(who, action, "")).await?)
    }

    fn deed(&self, who: &str, action: Action, detail: &str) -> Deed {
        Deed { at: (self.clock)(), who: who.to_owned(), action, detail: detail.to_owned() }
    }
}
