//! The audit log: who did what with which recording, when. Each entry's hash covers the one before it.
//!
//! The chain shows an entry that was altered, moved or taken out. A log whose end was cut off has a whole chain: keep
//! [`AuditHead`] outside of the database to see that.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::CatalogueError;
use crate::database::{Database, DatabaseError, Dialect};
use mediapoint_recorder::RecordingId;

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// The store has it, and the catalogue.
    Stored,
    /// It was opened with an identity.
    Opened,
    /// It was opened to be played into a call.
    Played,
    /// It was not opened: the identity is no recipient's, there was none, or the recording is damaged, deleted or not there.
    Refused,
    /// It was copied out as an encrypted file.
    Exported,
    /// The store's copy was compared.
    Verified,
    /// A legal hold was set.
    Held,
    /// A legal hold was taken off.
    Released,
    /// Its headers were destroyed.
    Shredded,
    /// Its objects were removed from the store.
    Removed,
}

impl Action {
    const fn name(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Opened => "opened",
            Self::Played => "played",
            Self::Refused => "refused",
            Self::Exported => "exported",
            Self::Verified => "verified",
            Self::Held => "held",
            Self::Released => "released",
            Self::Shredded => "shredded",
            Self::Removed => "removed",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is to be written into the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// Time, in milliseconds since 1970.
    pub at: i64,
    /// The operator or part of the server, as it calls itself.
    pub who: String,
    /// What was done.
    pub action: Action,
    /// Reason or circumstances. Nothing personal: the log is never deleted.
    pub detail: String,
}

/// An entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its number, from 1, without holes.
    pub number: i64,
    /// Time, in milliseconds since 1970.
    pub at: i64,
    /// Who.
    pub who: String,
    /// What: the name of an [`Action`].
    pub action: String,
    /// The recording.
    pub recording: String,
    /// Why or how.
    pub detail: String,
    /// SHA-256 over the hash before it and the fields.
    pub hash: Vec<u8>,
}

/// End of the log: compare it with one that was kept elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditHead {
    /// Number of entries.
    pub entries: i64,
    /// Hash of the last.
    pub hash: Vec<u8>,
}

/// The log is not as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("audit entry {entry} is missing or altered")]
pub struct AuditBroken {
    /// Number of the first such entry.
    pub entry: i64,
}

impl AuditHead {
    /// The head after `entry`.
    ///
    /// # Errors
    /// [`AuditBroken`] if it is not the entry that follows.
    pub fn next(&self, entry: &AuditEntry) -> Result<Self, AuditBroken> {
        let number = self.entries + 1;
        if entry.number != number || entry.hash != entry.hash_after(&self.hash) {
            return Err(AuditBroken { entry: number });
        }
        Ok(Self { entries: number, hash: entry.hash.clone() })
    }
}

impl AuditEntry {
    fn hash_after(&self, before: &[u8]) -> Vec<u8> {
        let mut hash = Sha256::new();
        let (number, at) = (self.number.to_be_bytes(), self.at.to_be_bytes());
        let texts = [&self.who, &self.action, &self.recording, &self.detail].map(|text| text.as_bytes());
        let fields = [before, &number, &at].into_iter().chain(texts);
        for field in fields {
            // Lengths keep a character from moving from one field to the next.
            hash.update(u64::try_from(field.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(field);
        }
        hash.finalize().to_vec()
    }
}

/// Appends within the open transaction.
pub(super) async fn append(
    database: &mut dyn Database,
    id: &RecordingId,
    deed: &Deed,
) -> Result<(), CatalogueError> {
    if database.dialect() == Dialect::Postgres {
        // Servers that share the log append one after the other.
        database.batch("LOCK TABLE audit IN EXCLUSIVE MODE").await?;
    }
    let rows = database.query("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1", &[]).await?;
    let (last, before) = match rows.first() {
        Some(row) => (row.integer(0)?, row.bytes(1)?),
        None => (0, Vec::new()),
    };
    let mut entry = AuditEntry {
        number: last + 1,
        at: deed.at,
        who: deed.who.clone(),
        action: deed.action.name().to_owned(),
        recording: id.as_str().to_owned(),
        detail: deed.detail.clone(),
        hash: Vec::new(),
    };
    entry.hash = entry.hash_after(&before);
    let values = [
        entry.number.into(),
        entry.at.into(),
        entry.who.as_str().into(),
        entry.action.as_str().into(),
        entry.recording.as_str().into(),
        entry.detail.as_str().into(),
        entry.hash.as_slice().into(),
    ];
    let sql = "INSERT INTO audit (seq, at, who, action, recording, detail, hash) \
               VALUES ($1, $2, $3, $4, $5, $6, $7)";
    database.execute(sql, &values).await?;
    Ok(())
}

pub(super) async fn read(
    database: &mut dyn Database,
    after: i64,
    limit: i64,
) -> Result<Vec<AuditEntry>, DatabaseError> {
    let sql = "SELECT seq, at, who, action, recording, detail, hash FROM audit WHERE seq > $1 \
               ORDER BY seq LIMIT $2";
    let rows = database.query(sql, &[after.into(), limit.into()]).await?;
    let entries = rows.iter().map(|row| {
        Ok(AuditEntry {
            number: row.integer(0)?,
            at: row.integer(1)?,
            who: row.text(2)?,
            action: row.text(3)?,
            recording: row.text(4)?,
            detail: row.text(5)?,
            hash: row.bytes(6)?,
        })
    });
    entries.collect()
}
