//! The catalogue's tables, by version. A migration that was released is never changed: the next one follows it.

use crate::database::{Database, DatabaseError, Dialect};

/// `BYTES` stands for the database's type of bytes.
const TABLES: &str = "
CREATE TABLE recordings (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    call_id TEXT NOT NULL,
    started BIGINT NOT NULL,
    length BIGINT NOT NULL,
    format TEXT NOT NULL,
    recovered BIGINT NOT NULL,
    folder TEXT NOT NULL,
    sizes TEXT NOT NULL,
    stored BIGINT NOT NULL,
    state BIGINT NOT NULL,
    hold TEXT
);
CREATE INDEX recordings_started ON recordings (started, id);
CREATE INDEX recordings_call ON recordings (call_id);
CREATE TABLE parties (
    recording TEXT NOT NULL REFERENCES recordings (id),
    place BIGINT NOT NULL,
    party TEXT NOT NULL,
    PRIMARY KEY (recording, place)
);
CREATE INDEX parties_party ON parties (party);
CREATE TABLE tags (
    recording TEXT NOT NULL REFERENCES recordings (id),
    tag TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (recording, tag)
);
CREATE INDEX tags_value ON tags (tag, value);
CREATE TABLE recording_keys (
    recording TEXT PRIMARY KEY REFERENCES recordings (id),
    audio BYTES NOT NULL,
    meta BYTES NOT NULL
);
CREATE TABLE audit (
    seq BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    who TEXT NOT NULL,
    action TEXT NOT NULL,
    recording TEXT NOT NULL,
    detail TEXT NOT NULL,
    hash BYTES NOT NULL
);
CREATE INDEX audit_recording ON audit (recording);
";

const SQLITE_TRIGGERS: &str = "
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
";

const POSTGRES_TRIGGERS: &str = "
CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'audit is append-only'; END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only();
";

/// One migration: the statements for SQLite and for PostgreSQL.
struct Migration {
    both: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

const MIGRATIONS: &[Migration] =
    &[Migration { both: TABLES, sqlite: SQLITE_TRIGGERS, postgres: POSTGRES_TRIGGERS }];

/// Version of the schema that this program writes.
pub const SCHEMA_VERSION: i64 = 1;
const _: () = assert!(MIGRATIONS.len() == 1, "SCHEMA_VERSION counts the migrations");

/// Brings the schema up to date within the open transaction.
pub(super) async fn migrate(database: &mut dyn Database) -> Result<(), DatabaseError> {
    if database.dialect() == Dialect::Postgres {
        // Two servers that start at once migrate one after the other.
        database.batch("SELECT pg_advisory_xact_lock(7232910)").await?;
    }
    database.batch("CREATE TABLE IF NOT EXISTS content_schema (version BIGINT PRIMARY KEY)").await?;
    let rows =
        database.query("SELECT version FROM content_schema ORDER BY version DESC LIMIT 1", &[]).await?;
    let found = rows.first().map_or(Ok(0), |row| row.integer(0))?;
    if found > SCHEMA_VERSION {
        return Err(DatabaseError::Newer { found, known: SCHEMA_VERSION });
    }
    for (version, migration) in (1_i64..).zip(MIGRATIONS).filter(|(version, _)| *version > found) {
        let (bytes, triggers) = match database.dialect() {
            Dialect::Sqlite => ("BLOB", migration.sqlite),
            Dialect::Postgres => ("BYTEA", migration.postgres),
        };
        database.batch(&migration.both.replace("BYTES", bytes)).await?;
        database.batch(triggers).await?;
        database.execute("INSERT INTO content_schema (version) VALUES ($1)", &[version.into()]).await?;
    }
    Ok(())
}
