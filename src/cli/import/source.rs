//! The database that people come from.
//! In: its address. Out: its tables, and their rows one after the other.
//! Owns: nothing is ever written there, and all that is read is of one moment; no more than a few rows are in memory.

use std::str::FromStr;
use std::time::Duration;

use futures_util::stream::{BoxStream, StreamExt, TryStreamExt};
use signet_verify::clock::Timestamp;
use sqlx::any::AnyConnectOptions;
use sqlx::{AnyConnection, AssertSqlSafe, ConnectOptions, Connection, Executor, Row as _};
use tokio::time::timeout;

use super::moment;
use super::names::{Column, Kind, Table, Tables};

/// How long to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// Why the database cannot be read; each prints as one sentence, and none repeats the address.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is not one that we know.
    #[error("FROM_URL is not an address of SQLite (sqlite:FILE) or PostgreSQL (postgres://...)")]
    Address,
    /// MySQL and others, which Better Auth can use and we cannot.
    #[error(
        "FROM_URL is an address of {0}, which Signet does not read; load it into PostgreSQL first (pgloader does that for MySQL)"
    )]
    Foreign(&'static str),
    /// The server did not answer, or the file can't be opened.
    #[error("the database of Better Auth cannot be opened: {0}")]
    Unreachable(#[source] sqlx::Error),
    /// The server did not answer in time.
    #[error("the database of Better Auth does not answer within {CONNECT_TIMEOUT:?}")]
    Silent,
    /// A zone for times that have none, and no such times.
    #[error("--timezone is for columns of PostgreSQL without a zone; SQLite has none")]
    TimeZone,
    /// A zone that PostgreSQL does not know.
    #[error("--timezone names {0:?}, which PostgreSQL does not know: {1}")]
    UnknownTimeZone(String, #[source] sqlx::Error),
    /// A statement failed.
    #[error("the database of Better Auth cannot be read: {0}")]
    Reading(#[from] sqlx::Error),
}

impl Error {
    /// Whether other arguments would help.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Address | Self::Foreign(_) | Self::TimeZone | Self::UnknownTimeZone(..))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    Sqlite,
    Postgres,
}

/// Whether pictures are read, each of which may be larger than all else of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pictures {
    /// They are.
    Read,
    /// Only whether they can be kept.
    Leave,
}

/// The database that people come from, in a transaction that only reads.
pub struct Source {
    connection: AnyConnection,
    dialect: Dialect,
    schema: String,
    timezone: String,
}

impl Source {
    /// Opens the database at `url`; on PostgreSQL the tables of `schema`, where times without a zone are of `timezone`.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn open(url: &str, schema: &str, timezone: &str) -> Result<Self, Error> {
        let (dialect, options) = address(url)?;
        let options = options.disable_statement_logging();
        let connecting = timeout(CONNECT_TIMEOUT, options.connect());
        let connection = connecting.await.map_err(|_| Error::Silent)?.map_err(Error::Unreachable)?;
        let (schema, timezone) = (schema.to_owned(), timezone.to_owned());
        let mut source = Self { connection, dialect, schema, timezone };
        match dialect {
            Dialect::Sqlite if source.timezone != "UTC" => return Err(Error::TimeZone),
            Dialect::Sqlite => {
                source
                    .connection
                    .execute("PRAGMA query_only = ON; PRAGMA busy_timeout = 20000; BEGIN")
                    .await?;
            }
            Dialect::Postgres => {
                // Rows that a policy would hide are an error, and not left out in silence.
                let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL TimeZone = 'UTC'; \
                             SET LOCAL row_security = off; \
                             SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0";
                source.connection.execute(begin).await?;
                source.check_timezone().await?;
            }
        }
        Ok(source)
    }

    async fn check_timezone(&mut self) -> Result<(), Error> {
        let statement = sqlx::query("SELECT CAST(now() AT TIME ZONE $1 AS TEXT)").bind(&self.timezone);
        let known = statement.persistent(false).fetch_one(&mut self.connection).await;
        known.map(drop).map_err(|error| Error::UnknownTimeZone(self.timezone.clone(), error))
    }

    /// The tables that there are.
    ///
    /// # Errors
    /// [`Error::Reading`].
    pub async fn tables(&mut self) -> Result<Tables, Error> {
        let statement = match self.dialect {
            Dialect::Sqlite => sqlx::query(
                "SELECT CAST(m.name AS TEXT), CAST(c.name AS TEXT), CAST(c.type AS TEXT) \
                 FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type IN ('table', 'view') ORDER BY m.name, c.cid",
            ),
            Dialect::Postgres => sqlx::query(
                "SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT), CAST(data_type AS TEXT) \
                 FROM information_schema.columns WHERE table_schema = $1 ORDER BY table_name, ordinal_position",
            )
            .bind(&self.schema),
        };
        let mut tables = Tables::new();
        for row in statement.persistent(false).fetch_all(&mut self.connection).await? {
            let column = (row.try_get(1)?, row.try_get(2)?);
            tables.entry(row.try_get(0)?).or_default().push(column);
        }
        Ok(tables)
    }

    /// The rows of a table, in the order of their ids.
    pub fn rows<'s>(&'s mut self, table: &'s Table, pictures: Pictures) -> BoxStream<'s, Result<Row, Error>> {
        let select = |column: &Column| match pictures {
            Pictures::Leave if column.field == "image" => self.soundness(column),
            Pictures::Leave | Pictures::Read => self.selected(column),
        };
        let columns: Vec<String> = table.columns.iter().map(select).collect();
        let from = match self.dialect {
            Dialect::Sqlite => quoted(&table.name),
            Dialect::Postgres => format!("{}.{}", quoted(&self.schema), quoted(&table.name)),
        };
        let id = table.columns.first().and_then(|id| id.name.as_deref()).map(quoted).unwrap_or_default();
        let sql = format!("SELECT {} FROM {from} ORDER BY {id}", columns.join(", "));
        let kinds: Vec<Kind> = table.columns.iter().map(|column| column.kind).collect();
        let fetched = sqlx::query(AssertSqlSafe(sql)).persistent(false).fetch(&mut self.connection);
        fetched.map_err(Error::from).and_then(move |row| std::future::ready(Row::read(&row, &kinds))).boxed()
    }

    /// NUL where a text holds it, which only SQLite keeps, and else nothing.
    fn soundness(&self, column: &Column) -> String {
        match (self.dialect, column.name.as_deref().map(quoted)) {
            (Dialect::Sqlite, Some(name)) => {
                format!("CASE WHEN instr(CAST({name} AS TEXT), char(0)) > 0 THEN char(0) END")
            }
            _ => "NULL".to_owned(),
        }
    }

    /// A column as a text. Times with a type of their own become milliseconds, whatever the session's zone is; a time
    /// without an end becomes none.
    fn selected(&self, column: &Column) -> String {
        let Some(name) = column.name.as_deref().map(quoted) else { return "NULL".to_owned() };
        let moment = match column.declared.as_str() {
            "timestamp with time zone" => name.clone(),
            "timestamp without time zone" | "date" => {
                format!("(CAST({name} AS TIMESTAMP) AT TIME ZONE '{}')", self.timezone.replace('\'', "''"))
            }
            _ => return format!("CAST({name} AS TEXT)"),
        };
        match (self.dialect, column.kind) {
            (Dialect::Postgres, Kind::Moment) => format!(
                "CASE WHEN isfinite({name}) THEN CAST(CAST(round(CAST(extract(epoch FROM {moment}) AS NUMERIC) * 1000) \
                 AS BIGINT) AS TEXT) || 'ms' END"
            ),
            _ => format!("CAST({name} AS TEXT)"),
        }
    }

    /// Ends the transaction, in which nothing was written.
    pub async fn close(mut self) {
        // Whatever becomes of it, there is nothing to lose.
        let _ = self.connection.execute("ROLLBACK").await;
        let _ = self.connection.close().await;
    }
}

/// A row as texts.
pub struct Row(Vec<Field>);

enum Field {
    None,
    Text(String),
    Moment(Option<Timestamp>),
}

impl Row {
    fn read(row: &sqlx::any::AnyRow, kinds: &[Kind]) -> Result<Self, Error> {
        let read = |(at, kind): (usize, &Kind)| {
            let text: Option<String> = row.try_get(at)?;
            Ok(match (text, kind) {
                (None, _) => Field::None,
                (Some(text), Kind::Text) => Field::Text(text),
                (Some(text), Kind::Moment) => Field::Moment(match text.strip_suffix("ms") {
                    Some(millis) => millis.parse().ok().map(Timestamp::from_millis),
                    None => moment::parse(&text),
                }),
            })
        };
        kinds.iter().enumerate().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// A text; takes it out of the row.
    pub fn take(&mut self, at: usize) -> Option<String> {
        match self.0.get_mut(at).map(|field| std::mem::replace(field, Field::None)) {
            Some(Field::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// A text that stays.
    pub fn text(&self, at: usize) -> Option<&str> {
        match self.0.get(at) {
            Some(Field::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// A flag: `true`, `t` or a number that is not zero.
    pub fn flag(&self, at: usize) -> bool {
        self.text(at).is_some_and(|text| {
            matches!(text, "t" | "true" | "TRUE" | "True")
                || text.parse::<f64>().is_ok_and(|number| number != 0.0)
        })
    }

    /// A moment, where one can be read.
    pub fn moment(&self, at: usize) -> Option<Timestamp> {
        match self.0.get(at) {
            Some(Field::Moment(moment)) => *moment,
            _ => None,
        }
    }

    /// Whether a text holds NUL, which PostgreSQL does not keep.
    pub fn has_nul(&self) -> bool {
        self.0.iter().any(|field| matches!(field, Field::Text(text) if text.contains('\0')))
    }
}

/// An identifier of SQL.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// What is at `url`, and how to read it without being able to write.
fn address(url: &str) -> Result<(Dialect, AnyConnectOptions), Error> {
    sqlx::any::install_default_drivers();
    let foreign = [
        ("mysql:", "MySQL"),
        ("mariadb:", "MariaDB"),
        ("mssql:", "SQL Server"),
        ("sqlserver:", "SQL Server"),
    ];
    let foreign = foreign.into_iter().chain([
        ("mongodb:", "MongoDB"),
        ("mongodb+srv:", "MongoDB"),
        ("libsql:", "libSQL"),
    ]);
    if let Some((_, name)) = foreign.into_iter().find(|(scheme, _)| url.starts_with(scheme)) {
        return Err(Error::Foreign(name));
    }
    let (dialect, url) = if let Some(file) = url.strip_prefix("sqlite:").or_else(|| url.strip_prefix("file:"))
    {
        let (file, parameters) = file.split_once('?').unwrap_or((file, ""));
        let kept = parameters
            .split('&')
            .filter(|parameter| !parameter.is_empty() && !parameter.starts_with("mode="));
        let parameters = kept.chain(["mode=ro"]).collect::<Vec<_>>().join("&");
        (Dialect::Sqlite, format!("sqlite:{file}?{parameters}"))
    } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
        (Dialect::Postgres, url.to_owned())
    } else {
        return Err(Error::Address);
    };
    Ok((dialect, AnyConnectOptions::from_str(&url).map_err(|_| Error::Address)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_of_sqlite_never_lets_write_or_create() {
        for url in [
            "sqlite:old.db",
            "sqlite://old.db?mode=rwc",
            "file:old.db",
            "sqlite:old.db?mode=rw&cache=private",
        ] {
            let (dialect, options) = address(url).unwrap_or_else(|error| panic!("{url}: {error}"));
            assert_eq!(dialect, Dialect::Sqlite);
            let shown = format!("{options:?}");
            assert!(shown.contains("mode=ro") && !shown.contains("mode=rw"), "{url}: {shown}");
        }
    }

    #[test]
    fn address_refuses_what_is_not_read_and_repeats_no_password() {
        for url in
            ["mysql://u:secret@db/x", "mongodb+srv://u:secret@db", "u:secret@db", "http://u:secret@db/"]
        {
            let said = address(url).unwrap_err().to_string();
            assert!(!said.contains("secret"), "{said}");
        }
    }
}
