//! What stands between this process and PostgreSQL, found out before work begins there.
//! In: an address. Out: whether a connection has a session to itself, or a sentence for the operator.
//! Owns: no statement is prepared by name, and nothing is set for a session, where the session may be another one's
//! next.

use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyConnection, Executor, Row};
use tokio::time::timeout;

use super::error::OpenError;

/// What a connection is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sessions {
    /// Each connection has a session of PostgreSQL to itself.
    Own,
    /// A pooler gives each transaction whichever session is free.
    Shared,
}

/// How long finding out may take.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// How often two connections are compared. A pooler gives them the same session at the first look, unless its other
/// clients are in between.
const LOOKS: usize = 4;

/// Looks at the server at `options`.
///
/// # Errors
/// [`OpenError::Unreachable`], [`OpenError::StartupParameter`], [`OpenError::Encoding`],
/// [`OpenError::StatementPooling`].
pub(super) async fn look(options: &AnyConnectOptions, patience: Duration) -> Result<Sessions, OpenError> {
    let pool = AnyPoolOptions::new().max_connections(2).acquire_timeout(patience).test_before_acquire(false);
    let pool = pool.connect_with(options.clone()).await.map_err(OpenError::connecting)?;
    let found = async {
        let mut first = pool.acquire().await.map_err(OpenError::connecting)?;
        let encoding = text(&mut first, "SELECT current_setting('server_encoding')").await;
        let encoding = encoding.map_err(OpenError::connecting)?;
        // SQL_ASCII keeps bytes as they come.
        if encoding != "UTF8" && encoding != "SQL_ASCII" {
            return Err(OpenError::Encoding(encoding));
        }
        let has_own = match pool.acquire().await {
            Ok(mut second) => {
                let compared = timeout(TIME_LIMIT, have_their_own(&mut first, &mut second)).await;
                compared.unwrap_or(Ok(false)).map_err(OpenError::connecting)?
            }
            // One connection has nothing to be compared with: take what is right in either case.
            Err(_) => false,
        };
        if has_own {
            return Ok(Sessions::Own);
        }
        // Two messages: within one, the pooler would not notice.
        match (first.execute("BEGIN").await, first.execute("ROLLBACK").await) {
            (Ok(_), Ok(_)) => Ok(Sessions::Shared),
            _ => Err(OpenError::StatementPooling),
        }
    };
    let found = found.await;
    pool.close().await;
    found
}

/// Whether two connections always meet the same process of PostgreSQL, and never each other's.
async fn have_their_own(first: &mut AnyConnection, second: &mut AnyConnection) -> Result<bool, sqlx::Error> {
    const PROCESS: &str = "SELECT CAST(pg_backend_pid() AS TEXT)";
    let (own, other) = (text(first, PROCESS).await?, text(second, PROCESS).await?);
    for _ in 0..LOOKS {
        if own == other || text(first, PROCESS).await? != own || text(second, PROCESS).await? != other {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The only value of the only row. Sent as one message, which is all that an unknown pooler is sure to keep together.
async fn text(connection: &mut AnyConnection, statement: &'static str) -> Result<String, sqlx::Error> {
    connection.fetch_one(statement).await?.try_get(0)
}
