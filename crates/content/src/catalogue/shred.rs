//! Legal hold and deletion.

use super::{Action, Catalogue, CatalogueError, Deed, Record, State, audit, query};
use crate::database::Database;
use mediapoint_recorder::RecordingId;

impl Catalogue {
    /// Sets a legal hold with its reason, or takes it off. What is held is not deleted, by nobody.
    ///
    /// # Errors
    /// [`CatalogueError::Unknown`], [`CatalogueError::Deleted`] or the database's reason.
    pub async fn hold(
        &self,
        id: &RecordingId,
        reason: Option<&str>,
        who: &str,
        at: i64,
    ) -> Result<(), CatalogueError> {
        let mut inner = self.begin().await?;
        let done = hold(inner.database.as_mut(), id, reason, who, at).await;
        inner.settle(done).await
    }

    /// Destroys the headers of a recording and what is personal in its row, with the audit entry, in one transaction. From
    /// then on nobody opens it, wherever copies of the store's object are. Returns the row for [`crate::Store::remove`].
    /// Done again, it changes nothing.
    ///
    /// # Errors
    /// [`CatalogueError::Held`], [`CatalogueError::Unknown`] or the database's reason.
    pub async fn shred(&self, id: &RecordingId, deed: &Deed) -> Result<Record, CatalogueError> {
        let mut inner = self.begin().await?;
        let done = shred(inner.database.as_mut(), id, deed).await;
        let record = inner.settle(done).await?;
        if record.state == State::Shredded {
            inner.database.scrub().await?;
        }
        Ok(record)
    }

    /// Notes that the store has nothing of a shredded recording. True if it was not noted before.
    ///
    /// # Errors
    /// The database's reason.
    pub async fn removed(&self, id: &RecordingId, who: &str, at: i64) -> Result<bool, CatalogueError> {
        let mut inner = self.begin().await?;
        let done = removed(inner.database.as_mut(), id, who, at).await;
        inner.settle(done).await
    }
}

async fn hold(
    database: &mut dyn Database,
    id: &RecordingId,
    reason: Option<&str>,
    who: &str,
    at: i64,
) -> Result<(), CatalogueError> {
    let sql = "UPDATE recordings SET hold = $1 WHERE id = $2 AND state = $3";
    let values = [reason.into(), id.as_str().into(), State::Present.number().into()];
    if database.execute(sql, &values).await? == 0 {
        let there = query::by_id(database, id).await?.is_some();
        let error = if there { CatalogueError::Deleted } else { CatalogueError::Unknown };
        return Err(error(id.clone()));
    }
    let action = if reason.is_some() { Action::Held } else { Action::Released };
    let detail = reason.unwrap_or_default().to_owned();
    audit::append(database, id, &Deed { at, who: who.to_owned(), action, detail }).await
}

async fn shred(database: &mut dyn Database, id: &RecordingId, deed: &Deed) -> Result<Record, CatalogueError> {
    let sql = "UPDATE recordings SET state = $1, call_id = '' WHERE id = $2 AND state = $3 AND hold IS NULL";
    let (shredded, present) = (State::Shredded.number(), State::Present.number());
    let changed = database.execute(sql, &[shredded.into(), id.as_str().into(), present.into()]).await?;
    if changed == 1 {
        erase(database, id).await?;
        audit::append(database, id, deed).await?;
    }
    let record = query::by_id(database, id).await?.ok_or_else(|| CatalogueError::Unknown(id.clone()))?;
    match &record.hold {
        Some(reason) if record.state == State::Present => {
            Err(CatalogueError::Held { id: id.clone(), reason: reason.clone() })
        }
        _ => Ok(record),
    }
}

async fn removed(
    database: &mut dyn Database,
    id: &RecordingId,
    who: &str,
    at: i64,
) -> Result<bool, CatalogueError> {
    let sql = "UPDATE recordings SET state = $1 WHERE id = $2 AND state = $3";
    let (removed, shredded) = (State::Removed.number(), State::Shredded.number());
    let changed = database.execute(sql, &[removed.into(), id.as_str().into(), shredded.into()]).await?;
    if changed == 1 {
        let deed = Deed { at, who: who.to_owned(), action: Action::Removed, detail: String::new() };
        audit::append(database, id, &deed).await?;
    }
    Ok(changed == 1)
}

/// Deletes the rows that belong to the recording.
async fn erase(database: &mut dyn Database, id: &RecordingId) -> Result<(), CatalogueError> {
    let statements = [
        "DELETE FROM recording_keys WHERE recording = $1",
        "DELETE FROM parties WHERE recording = $1",
        "DELETE FROM tags WHERE recording = $1",
    ];
    for sql in statements {
        database.execute(sql, &[id.as_str().into()]).await?;
    }
    Ok(())
}
