//! Searches of the catalogue.

use std::fmt::Write as _;

use super::{CatalogueError, Record, State};
use crate::database::{Database, DatabaseError, Row, Value};
use crate::entry::{Entry, PersonalColumns};
use mediapoint_recorder::RecordingId;

/// What to look for: every field that is set has to fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Started at or after, in milliseconds since 1970.
    pub from: Option<i64>,
    /// Started before.
    pub until: Option<i64>,
    /// Of this tenant.
    pub tenant: Option<String>,
    /// Of this call.
    pub call: Option<String>,
    /// With this party.
    pub party: Option<String>,
    /// With this tag, and this value of it.
    pub tag: Option<(String, String)>,
    /// Deleted ones, too.
    pub deleted: bool,
    /// In this state alone.
    pub state: Option<State>,
    /// After this one: start and id of the last of the page before.
    pub after: Option<(i64, RecordingId)>,
    /// At most so many.
    pub limit: i64,
}

impl Default for Query {
    fn default() -> Self {
        Self {
            from: None,
            until: None,
            tenant: None,
            call: None,
            party: None,
            tag: None,
            deleted: false,
            state: None,
            after: None,
            limit: 1000,
        }
    }
}

impl Query {
    /// The query in the form in which the catalogue holds personal columns. The call, party and tag are replaced.
    #[must_use]
    pub fn with_columns(mut self, columns: &PersonalColumns) -> Self {
        self.call = self.call.map(|call| columns.column(&call));
        self.party = self.party.map(|party| columns.column(&party));
        self.tag = self.tag.map(|(tag, value)| (tag, columns.column(&value)));
        self
    }
}

const COLUMNS: &str =
    "id, tenant, call_id, started, length, format, recovered, folder, sizes, stored, state, hold";

/// A statement as it grows: conditions and their values.
#[derive(Default)]
struct Statement {
    conditions: String,
    values: Vec<Value>,
}

impl Statement {
    /// Adds a condition. Each `?` in it becomes the next value's number.
    fn and(&mut self, condition: &str, values: impl IntoIterator<Item = Value>) {
        self.conditions.push_str(if self.conditions.is_empty() { " WHERE " } else { " AND " });
        let mut values = values.into_iter();
        for (at, part) in condition.split('?').enumerate() {
            if at > 0 {
                self.values.extend(values.next());
                let _ = write!(self.conditions, "${}", self.values.len());
            }
            self.conditions.push_str(part);
        }
    }
}

fn statement(query: &Query) -> Statement {
    let mut statement = Statement::default();
    if let Some(from) = query.from {
        statement.and("started >= ?", [from.into()]);
    }
    if let Some(until) = query.until {
        statement.and("started < ?", [until.into()]);
    }
    if let Some(tenant) = &query.tenant {
        statement.and("tenant = ?", [tenant.as_str().into()]);
    }
    if let Some(call) = &query.call {
        statement.and("call_id = ?", [call.as_str().into()]);
    }
    if let Some(party) = &query.party {
        let condition = "id IN (SELECT recording FROM parties WHERE party = ?)";
        statement.and(condition, [party.as_str().into()]);
    }
    if let Some((tag, value)) = &query.tag {
        let condition = "id IN (SELECT recording FROM tags WHERE tag = ? AND value = ?)";
        statement.and(condition, [tag.as_str().into(), value.as_str().into()]);
    }
    if let Some(state) = query.state {
        statement.and("state = ?", [state.number().into()]);
    } else if !query.deleted {
        statement.and("state = ?", [State::Present.number().into()]);
    }
    if let Some((started, id)) = &query.after {
        let condition = "(started > ? OR (started = ? AND id > ?))";
        statement.and(condition, [(*started).into(), (*started).into(), id.as_str().into()]);
    }
    statement
}

pub(super) async fn find(database: &mut dyn Database, query: &Query) -> Result<Vec<Record>, CatalogueError> {
    let Statement { conditions, mut values } = statement(query);
    values.push(query.limit.max(0).into());
    let sql =
        format!("SELECT {COLUMNS} FROM recordings{conditions} ORDER BY started, id LIMIT ${}", values.len());
    records(database, &sql, &values).await
}

pub(super) async fn by_id(
    database: &mut dyn Database,
    id: &RecordingId,
) -> Result<Option<Record>, CatalogueError> {
    let sql = format!("SELECT {COLUMNS} FROM recordings WHERE id = $1");
    Ok(records(database, &sql, &[id.as_str().into()]).await?.pop())
}

async fn records(
    database: &mut dyn Database,
    sql: &str,
    values: &[Value],
) -> Result<Vec<Record>, CatalogueError> {
    let rows = database.query(sql, values).await?;
    let mut records = rows.iter().map(record).collect::<Result<Vec<_>, _>>()?;
    for record in &mut records {
        let id = [record.id.as_str().into()];
        let sql = "SELECT party FROM parties WHERE recording = $1 ORDER BY place";
        let parties = database.query(sql, &id).await?;
        record.entry.parties = parties.iter().map(|row| row.text(0)).collect::<Result<_, _>>()?;
        let tags = database.query("SELECT tag, value FROM tags WHERE recording = $1", &id).await?;
        let tags = tags.iter().map(|row| Ok((row.text(0)?, row.text(1)?)));
        record.entry.tags = tags.collect::<Result<_, DatabaseError>>()?;
    }
    Ok(records)
}

fn record(row: &Row) -> Result<Record, DatabaseError> {
    Ok(Record {
        id: RecordingId::new(row.text(0)?).map_err(|_| DatabaseError::Column(0))?,
        entry: Entry {
            tenant: row.text(1)?,
            call: row.text(2)?,
            started: row.integer(3)?,
            length: row.integer(4)?,
            format: row.text(5)?,
            recovered: row.integer(6)? != 0,
            ..Entry::default()
        },
        folder: row.text(7)?,
        files: serde_json::from_str(&row.text(8)?).map_err(|_| DatabaseError::Column(8))?,
        stored: row.integer(9)?,
        state: State::of(row, 10)?,
        hold: row.optional_text(11)?,
    })
}
