//! The database below the catalogue, as a small trait: transactions of statements with values, nothing else.
//!
//! The catalogue's statements are the same for both databases; what differs stands in [`Dialect`].

use std::pin::Pin;

mod postgres;
mod sqlite;

pub use postgres::{PostgresConfig, PostgresDatabase, PostgresTls};
pub use sqlite::SqliteDatabase;
pub(crate) use sqlite::{connect, reason};

/// Which database it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dialect {
    /// SQLite 3, embedded.
    Sqlite,
    /// PostgreSQL 12 or later.
    Postgres,
}

/// A value of a column or of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Value {
    /// No value.
    Null,
    /// `BIGINT`.
    Integer(i64),
    /// `TEXT`.
    Text(String),
    /// `BLOB` or `BYTEA`.
    Bytes(Vec<u8>),
}

/// A row, in the order of the statement's columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row(pub Vec<Value>);

/// Why the database did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// It is away, busy, full or shutting down. Another attempt may succeed; whether this one did is unknown if it was a
    /// commit.
    #[error("database not available: {0}")]
    Unavailable(String),
    /// It refused the statement.
    #[error("database refused: {0}")]
    Refused(String),
    /// A row is not what the catalogue writes.
    #[error("catalogue row has an unexpected value in column {0}")]
    Column(usize),
    /// The schema is of a later version of this program.
    #[error("catalogue schema {found} is newer than {known}, the newest that this version knows")]
    Newer {
        /// Version of the schema.
        found: i64,
        /// Newest version that is known.
        known: i64,
    },
}

/// A result that is awaited.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, DatabaseError>> + Send + 'a>>;

/// One connection. [`Database::begin`] connects where there is no connection; within a transaction a lost connection is an
/// error, so that no statement is done outside of one.
pub trait Database: Send {
    /// Which database it is.
    fn dialect(&self) -> Dialect;
    /// Begins a transaction. One that was left open is rolled back first.
    fn begin(&mut self) -> Answer<'_, ()>;
    /// Ends it. After [`DatabaseError::Unavailable`] it is not known whether it was done.
    fn commit(&mut self) -> Answer<'_, ()>;
    /// Takes it back.
    fn rollback(&mut self) -> Answer<'_, ()>;
    /// Runs a statement and returns the number of changed rows. Values are `$1`, `$2`, ... in order of appearance.
    fn execute<'a>(&'a mut self, sql: &'a str, values: &'a [Value]) -> Answer<'a, u64>;
    /// Runs a query.
    fn query<'a>(&'a mut self, sql: &'a str, values: &'a [Value]) -> Answer<'a, Vec<Row>>;
    /// Runs statements without values.
    fn batch<'a>(&'a mut self, sql: &'a str) -> Answer<'a, ()>;
    /// Removes what deleted rows leave behind in the database's files. Outside of a transaction.
    fn scrub(&mut self) -> Answer<'_, ()>;
}

impl Row {
    /// An integer.
    ///
    /// # Errors
    /// [`DatabaseError::Column`] if it is another value.
    pub fn integer(&self, column: usize) -> Result<i64, DatabaseError> {
        match self.0.get(column) {
            Some(Value::Integer(value)) => Ok(*value),
            _ => Err(DatabaseError::Column(column)),
        }
    }

    /// A text.
    ///
    /// # Errors
    /// [`DatabaseError::Column`] if it is another value.
    pub fn text(&self, column: usize) -> Result<String, DatabaseError> {
        match self.0.get(column) {
            Some(Value::Text(value)) => Ok(value.clone()),
            _ => Err(DatabaseError::Column(column)),
        }
    }

    /// Bytes.
    ///
    /// # Errors
    /// [`DatabaseError::Column`] if it is another value.
    pub fn bytes(&self, column: usize) -> Result<Vec<u8>, DatabaseError> {
        match self.0.get(column) {
            Some(Value::Bytes(value)) => Ok(value.clone()),
            _ => Err(DatabaseError::Column(column)),
        }
    }

    /// A text, or none.
    ///
    /// # Errors
    /// [`DatabaseError::Column`] if it is another value.
    pub fn optional_text(&self, column: usize) -> Result<Option<String>, DatabaseError> {
        match self.0.get(column) {
            Some(Value::Null) => Ok(None),
            _ => self.text(column).map(Some),
        }
    }

    /// An integer, or none.
    ///
    /// # Errors
    /// [`DatabaseError::Column`] if it is another value.
    pub fn optional_integer(&self, column: usize) -> Result<Option<i64>, DatabaseError> {
        match self.0.get(column) {
            Some(Value::Null) => Ok(None),
            _ => self.integer(column).map(Some),
        }
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Bytes(value.to_vec())
    }
}

impl<T> From<Option<T>> for Value
where
    Self: From<T>,
{
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::from)
    }
}
