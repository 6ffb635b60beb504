//! What is on its way, in a file of SQLite beside the spool: a crash at any point leaves the last finished step.
//!
//! It is there even where the catalogue is in PostgreSQL: the queue has to work while the database is away. Its calls
//! block for a sync of the disk; the service that makes them has a thread of its own.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Deserialize, Serialize};

use crate::catalogue::Files;
use crate::database::DatabaseError;
use crate::entry::Entry;
use crate::store::Upload;
use crate::transfer::Transfer;
use mediapoint_recorder::RecordingId;

/// One recording on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) id: RecordingId,
    /// As the catalogue will hold it.
    pub(crate) entry: Entry,
    /// False while the call is still recorded.
    pub(crate) finished: bool,
    pub(crate) transfer: Transfer,
    pub(crate) files: Option<Files>,
    pub(crate) upload: Option<Upload>,
    /// Time of the read-back.
    pub(crate) stored: i64,
}

impl Job {
    pub(crate) fn new(id: RecordingId, entry: Entry, finished: bool) -> Self {
        Self { id, entry, finished, transfer: Transfer::default(), files: None, upload: None, stored: 0 }
    }
}

pub(crate) struct Queue {
    connection: Mutex<Connection>,
}

impl Queue {
    pub(crate) fn open(path: &Path) -> Result<Self, DatabaseError> {
        let connection = crate::database::connect(path)?;
        let table = "CREATE TABLE IF NOT EXISTS jobs (id TEXT PRIMARY KEY, job TEXT NOT NULL)";
        connection.execute_batch(table).map_err(|error| crate::database::reason(&error))?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a job, new or not. Synced when it returns.
    pub(crate) fn save(&self, job: &Job) -> Result<(), DatabaseError> {
        let text = serde_json::to_string(job).map_err(|error| DatabaseError::Refused(error.to_string()))?;
        let sql = "INSERT INTO jobs (id, job) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET job = ?2";
        let done = self.connection().execute(sql, params![job.id.as_str(), text]);
        done.map(drop).map_err(|error| crate::database::reason(&error))
    }

    pub(crate) fn remove(&self, id: &RecordingId) -> Result<(), DatabaseError> {
        let done = self.connection().execute("DELETE FROM jobs WHERE id = ?1", params![id.as_str()]);
        done.map(drop).map_err(|error| crate::database::reason(&error))
    }

    pub(crate) fn job(&self, id: &RecordingId) -> Result<Option<Job>, DatabaseError> {
        let sql = "SELECT job FROM jobs WHERE id = ?1";
        let found = self.connection().query_row(sql, params![id.as_str()], |row| row.get(0)).optional();
        let text: Option<String> = found.map_err(|error| crate::database::reason(&error))?;
        text.map(|text| read(&text)).transpose()
    }

    pub(crate) fn jobs(&self) -> Result<Vec<Job>, DatabaseError> {
        let connection = self.connection();
        let texts = connection.prepare("SELECT job FROM jobs ORDER BY id").and_then(|mut statement| {
            let rows = statement.query_map([], |row| row.get(0))?;
            rows.collect::<rusqlite::Result<Vec<String>>>()
        });
        let texts = texts.map_err(|error| crate::database::reason(&error))?;
        texts.iter().map(|text| read(text)).collect()
    }
}

fn read(text: &str) -> Result<Job, DatabaseError> {
    serde_json::from_str(text).map_err(|_| DatabaseError::Column(1))
}
