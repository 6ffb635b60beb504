//! PostgreSQL: one connection, made anew when it is lost, with TLS unless the server is on this machine.

use std::error::Error as _;
use std::time::Duration;

use bytes::BytesMut;
use tokio_postgres::config::Host;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{Answer, Database, DatabaseError, Dialect, Row, Value};
use crate::tls::{self, Roots};

/// Whether the connection is encrypted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum PostgresTls {
    /// By TLS, the server's certificate checked against these roots. Not asked for on Unix sockets, which have none.
    Required(Roots),
    /// Not at all: file headers and pseudonyms cross the network as they are.
    DangerPlain,
}

/// Where the database is.
#[derive(Clone, Debug)]
pub struct PostgresConfig {
    config: Config,
    tls: PostgresTls,
    timeout: Duration,
}

impl PostgresConfig {
    /// Reads a connection string or `postgresql:` URL, as libpq knows them. TLS is required.
    ///
    /// # Errors
    /// [`DatabaseError::Refused`] if it is neither.
    pub fn new(address: &str) -> Result<Self, DatabaseError> {
        let mut config: Config = address.parse().map_err(|error| failed(&error))?;
        config.connect_timeout(Duration::from_secs(5)).application_name("mediapoint");
        let timeout = Duration::from_secs(30);
        Ok(Self { config, tls: PostgresTls::Required(Roots::System), timeout })
    }

    /// Changes whether and how it is encrypted.
    #[must_use]
    pub fn with_tls(mut self, tls: PostgresTls) -> Self {
        self.tls = tls;
        self
    }

    /// Changes the longest time of one statement, 30 s by default. A connection without an answer is given up after it.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    fn is_local(&self) -> bool {
        let hosts = self.config.get_hosts();
        !hosts.is_empty() && hosts.iter().all(|host| matches!(host, Host::Unix(_)))
    }
}

/// A catalogue in PostgreSQL.
pub struct PostgresDatabase {
    config: PostgresConfig,
    client: Option<Client>,
    open: bool,
}

impl PostgresDatabase {
    /// Nothing is connected before the first transaction.
    #[must_use]
    pub const fn new(config: PostgresConfig) -> Self {
        Self { config, client: None, open: false }
    }

    async fn connect(&self) -> Result<Client, DatabaseError> {
        match &self.config.tls {
            PostgresTls::Required(roots) if !self.config.is_local() => {
                let client = tls::client_config(roots).map_err(DatabaseError::Refused)?;
                let mut config = self.config.config.clone();
                config.ssl_mode(tokio_postgres::config::SslMode::Require);
                let (client, connection) =
                    config.connect(MakeRustlsConnect::new(client)).await.map_err(|error| failed(&error))?;
                tokio::spawn(connection);
                Ok(client)
            }
            _ => {
                let (client, connection) =
                    self.config.config.connect(NoTls).await.map_err(|error| failed(&error))?;
                tokio::spawn(connection);
                Ok(client)
            }
        }
    }

    /// Runs `work` on the connection within the timeout. A connection that failed is dropped, and its transaction with it.
    async fn run<T>(
        &mut self,
        work: impl AsyncFnOnce(&Client) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, DatabaseError> {
        let client = self.client.take().ok_or_else(|| away("the connection is lost"))?;
        let done = tokio::time::timeout(self.config.timeout, work(&client)).await;
        let done = done.map_err(|_| away("no answer in time"))?;
        if !client.is_closed() {
            self.client = Some(client);
        }
        done.map_err(|error| failed(&error))
    }
}

fn away(reason: &str) -> DatabaseError {
    DatabaseError::Unavailable(reason.to_owned())
}

/// Errors without a state come from the network. Of the others, some pass: lost connections (08), conflicts of transactions
/// (40), lack of resources (53), operators (57), the system (58).
fn failed(error: &tokio_postgres::Error) -> DatabaseError {
    let text = error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"));
    let passing = |state: &SqlState| state.code().get(..2).is_some_and(|class| PASSING.contains(&class));
    match error.code() {
        Some(state) if !passing(state) => DatabaseError::Refused(text),
        _ => DatabaseError::Unavailable(text),
    }
}

/// Classes of states that pass.
const PASSING: &[&str] = &["08", "40", "53", "57", "58"];

impl ToSql for Value {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Integer(value) => value.to_sql(kind, out),
            Self::Text(value) => value.to_sql(kind, out),
            Self::Bytes(value) => value.to_sql(kind, out),
        }
    }

    fn accepts(kind: &Type) -> bool {
        [Type::INT8, Type::TEXT, Type::BYTEA].contains(kind)
    }

    to_sql_checked!();
}

fn parameters(values: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    values.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

fn row(row: &tokio_postgres::Row) -> Result<Row, tokio_postgres::Error> {
    let values = row.columns().iter().enumerate().map(|(at, column)| {
        Ok(match *column.type_() {
            Type::INT8 => row.try_get::<_, Option<i64>>(at)?.into(),
            Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(at)?.map_or(Value::Null, Value::Bytes),
            _ => row.try_get::<_, Option<String>>(at)?.map_or(Value::Null, Value::Text),
        })
    });
    values.collect::<Result<_, _>>().map(Row)
}

impl Database for PostgresDatabase {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn begin(&mut self) -> Answer<'_, ()> {
        Box::pin(async move {
            if self.client.as_ref().is_none_or(Client::is_closed) {
                self.open = false;
                self.client = Some(self.connect().await?);
            }
            if self.open {
                self.run(async |client| client.batch_execute("ROLLBACK").await).await?;
            }
            self.open = true;
            self.run(async |client| client.batch_execute("BEGIN").await).await
        })
    }

    fn commit(&mut self) -> Answer<'_, ()> {
        Box::pin(async move {
            self.run(async |client| client.batch_execute("COMMIT").await).await?;
            self.open = false;
            Ok(())
        })
    }

    fn rollback(&mut self) -> Answer<'_, ()> {
        Box::pin(async move {
            if self.client.is_some() {
                self.run(async |client| client.batch_execute("ROLLBACK").await).await?;
            }
            self.open = false;
            Ok(())
        })
    }

    fn execute<'a>(&'a mut self, sql: &'a str, values: &'a [Value]) -> Answer<'a, u64> {
        Box::pin(self.run(async move |client| client.execute(sql, &parameters(values)).await))
    }

    fn query<'a>(&'a mut self, sql: &'a str, values: &'a [Value]) -> Answer<'a, Vec<Row>> {
        Box::pin(self.run(async move |client| {
            let rows = client.query(sql, &parameters(values)).await?;
            rows.iter().map(row).collect()
        }))
    }

    fn batch<'a>(&'a mut self, sql: &'a str) -> Answer<'a, ()> {
        Box::pin(self.run(async move |client| client.batch_execute(sql).await))
    }

    fn scrub(&mut self) -> Answer<'_, ()> {
        Box::pin(async move {
            if self.client.as_ref().is_none_or(Client::is_closed) {
                self.client = Some(self.connect().await?);
            }
            self.run(async |client| client.batch_execute("VACUUM recording_keys").await).await
        })
    }
}
