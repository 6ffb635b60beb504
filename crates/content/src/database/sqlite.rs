//! SQLite, embedded: a file, one connection, its calls on tokio's blocking threads.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, ToSql, params_from_iter};

use super::{Answer, Database, DatabaseError, Dialect, Row, Value};

/// A catalogue in a file.
pub struct SqliteDatabase {
    connection: Arc<Mutex<Connection>>,
}

/// Written and synced at each commit; deleted content is overwritten.
const PRAGMAS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;
    PRAGMA foreign_keys = ON;";

/// Opens or makes the file with the settings that crash safety needs. Others may not read it.
pub(crate) fn connect(path: &Path) -> Result<Connection, DatabaseError> {
    use std::os::unix::fs::OpenOptionsExt as _;
    // SQLite gives its journals the mode of the database.
    let made = std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path);
    made.map_err(|error| DatabaseError::Unavailable(format!("{}: {error}", path.display())))?;
    let connection = Connection::open(path).map_err(|error| reason(&error))?;
    connection.busy_timeout(Duration::from_secs(5)).map_err(|error| reason(&error))?;
    connection.execute_batch(PRAGMAS).map_err(|error| reason(&error))?;
    Ok(connection)
}

/// Whose fault it is.
pub(crate) fn reason(error: &rusqlite::Error) -> DatabaseError {
    let passing = [
        ErrorCode::DatabaseBusy,
        ErrorCode::DatabaseLocked,
        ErrorCode::DiskFull,
        ErrorCode::SystemIoFailure,
        ErrorCode::CannotOpen,
        ErrorCode::OutOfMemory,
    ];
    match error.sqlite_error_code() {
        Some(code) if passing.contains(&code) => DatabaseError::Unavailable(error.to_string()),
        _ => DatabaseError::Refused(error.to_string()),
    }
}

impl SqliteDatabase {
    /// Opens the file, and makes it where it is not there.
    ///
    /// # Errors
    /// [`DatabaseError`] if it cannot be opened or is no database.
    pub fn open(path: &Path) -> Result<Self, DatabaseError> {
        Ok(Self { connection: Arc::new(Mutex::new(connect(path)?)) })
    }

    fn run<'a, T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Answer<'a, T> {
        let connection = Arc::clone(&self.connection);
        Box::pin(async move {
            let work = move || {
                let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                work(&connection).map_err(|error| reason(&error))
            };
            let done = tokio::task::spawn_blocking(work).await;
            done.unwrap_or_else(|error| Err(DatabaseError::Unavailable(error.to_string())))
        })
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(value) => ValueRef::Integer(*value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Bytes(value) => ValueRef::Blob(value),
        }))
    }
}

fn value(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Integer(value) => Value::Integer(value),
        ValueRef::Text(value) => Value::Text(String::from_utf8_lossy(value).into_owned()),
        ValueRef::Blob(value) => Value::Bytes(value.to_vec()),
        // The catalogue has no floating point: such a value is an unexpected one, as none is.
        ValueRef::Null | ValueRef::Real(_) => Value::Null,
    }
}

fn rows(connection: &Connection, sql: &str, values: &[Value]) -> rusqlite::Result<Vec<Row>> {
    let mut statement = connection.prepare(sql)?;
    let columns = statement.column_count();
    let mut found = statement.query(params_from_iter(values))?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        let values = (0..columns).map(|column| row.get_ref(column).map(value));
        rows.push(Row(values.collect::<rusqlite::Result<_>>()?));
    }
    Ok(rows)
}

impl Database for SqliteDatabase {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn begin(&mut self) -> Answer<'_, ()> {
        self.run(|connection| {
            if !connection.is_autocommit() {
                connection.execute_batch("ROLLBACK")?;
            }
            connection.execute_batch("BEGIN IMMEDIATE")
        })
    }

    fn commit(&mut self) -> Answer<'_, ()> {
        self.run(|connection| connection.execute_batch("COMMIT"))
    }

    fn rollback(&mut self) -> Answer<'_, ()> {
        self.run(
            |connection| {
                if connection.is_autocommit() { Ok(()) } else { connection.execute_batch("ROLLBACK") }
            },
        )
    }

    fn execute<'a>(&'a mut self, sql: &'a str, values: &'a [Value]) -> Answer<'a, u64> {
        let (sql, values) = (sql.to_owned(), values.to_vec());
        self.run(move |connection| {
            let changed = connection.prepare(&sql)?.execute(params_from_iter(&values))?;
            Ok(u64::try_from(changed).unwrap_or(u64::MAX))
        })
    }

    fn query<'a>(&'a mut self, sql: &'a str, values: &'a [Value]) -> Answer<'a, Vec<Row>> {
        let (sql, values) = (sql.to_owned(), values.to_vec());
        self.run(move |connection| rows(connection, &sql, &values))
    }

    fn batch<'a>(&'a mut self, sql: &'a str) -> Answer<'a, ()> {
        let sql = sql.to_owned();
        self.run(move |connection| connection.execute_batch(&sql))
    }

    fn scrub(&mut self) -> Answer<'_, ()> {
        // Deleted rows are overwritten in the file itself (secure_delete); the log still has the pages before that.
        self.run(|connection| connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)"))
    }
}
