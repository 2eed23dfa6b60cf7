//! A connection while it is worked on: a statement that stands alone, or a transaction.
//! In: statements. Out: what they came to; the connection goes back to its pool as it was, or not at all.
//! Owns: an open transaction is rolled back before the connection is given out again, and a connection that was refused
//! something for what it is gets no further work.

use std::sync::Arc;
use std::time::Duration;

use sqlx::any::Any;
use sqlx::pool::PoolConnection;
use sqlx::{AnyConnection, AnyPool, Executor};
use tokio::time::timeout;
use tracing::Instrument;

use super::database::{Database, Dialect};
use super::error::Error;
use super::lane::Place;

/// How long a rollback may take; a connection that takes longer is closed, which rolls back too.
const ROLLBACK_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection that is in use.
#[derive(Debug)]
pub(super) struct Connection {
    database: Database,
    /// None once it has gone to be rolled back.
    pooled: Option<PoolConnection<Any>>,
    in_transaction: bool,
    is_refused: bool,
    /// Its place in the share of the connections, until the connection is back in its pool.
    place: Option<Arc<Place>>,
}

impl Connection {
    /// One for a statement that stands alone. Where each transaction has another session, that is a transaction too:
    /// a statement and its values are two messages, which must reach the same session.
    pub(super) async fn for_statement(
        database: &Database,
        pool: &AnyPool,
        place: Option<Place>,
    ) -> Result<Self, Error> {
        let mut connection = Self::acquire(database, pool, place.map(Arc::new)).await?;
        if database.shares_sessions() {
            connection.begin().await?;
        }
        Ok(connection)
    }

    /// One in a transaction that writes. It begins in a task of its own, whether or not it is still waited for for it:
    /// what is left off in the middle of its BEGIN would be given out again in that state.
    pub(super) async fn for_unit(database: &Database, place: Option<Arc<Place>>) -> Result<Self, Error> {
        let database = database.clone();
        let begun = async move {
            let mut connection = Self::acquire(&database, database.writer(), place).await?;
            connection.begin().await?;
            Ok(connection)
        };
        tokio::spawn(begun.in_current_span()).await.unwrap_or(Err(sqlx::Error::WorkerCrashed.into()))
    }

    async fn acquire(database: &Database, pool: &AnyPool, place: Option<Arc<Place>>) -> Result<Self, Error> {
        let pooled = pool.acquire().await?;
        let database = database.clone();
        Ok(Self { database, pooled: Some(pooled), in_transaction: false, is_refused: false, place })
    }

    async fn begin(&mut self) -> Result<(), Error> {
        let begin = match self.database.dialect() {
            Dialect::Sqlite => "BEGIN IMMEDIATE",
            Dialect::Postgres if self.database.shares_sessions() => {
                "BEGIN; SET LOCAL statement_timeout = '3s'; SET LOCAL idle_in_transaction_session_timeout = '10s'"
            }
            Dialect::Postgres => "BEGIN",
        };
        self.in_transaction = true;
        let begun = self.raw()?.execute(begin).await;
        self.check(begun).map(|_| ())
    }

    /// Commits the transaction, if there is one.
    pub(super) async fn commit(mut self) -> Result<(), Error> {
        if self.in_transaction {
            let committed = self.raw()?.execute("COMMIT").await;
            self.check(committed)?;
            self.in_transaction = false;
        }
        Ok(())
    }

    /// Whether statements may be prepared by name, and be found by it later.
    pub(super) fn keeps_statements(&self) -> bool {
        !self.database.shares_sessions()
    }

    /// What statements run on.
    pub(super) fn raw(&mut self) -> Result<&mut AnyConnection, Error> {
        self.pooled.as_deref_mut().ok_or(Error::Abandoned)
    }

    /// Notes what a statement came to.
    pub(super) fn check<T>(&mut self, outcome: Result<T, sqlx::Error>) -> Result<T, Error> {
        outcome.map_err(|error| {
            self.is_refused |= self.database.note_refusal(&error);
            error.into()
        })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let Some(mut pooled) = self.pooled.take() else { return };
        if self.is_refused {
            // Closing rolls back.
            pooled.close_on_drop();
            return;
        }
        if !self.in_transaction {
            return;
        }
        let closes = self.database.may_close_connections();
        let place = self.place.take();
        let rollback = async move {
            let _place = place;
            let rolled_back = timeout(ROLLBACK_TIMEOUT, pooled.execute("ROLLBACK")).await;
            if closes && !matches!(rolled_back, Ok(Ok(_))) {
                pooled.close_on_drop();
            }
        };
        tokio::spawn(rollback);
    }
}

/// Runs one statement on a connection.
macro_rules! run_on {
    ($connection:expr, $statement:expr, $method:ident) => {{
        let connection = &mut *$connection;
        let statement = $statement.persistent(connection.keeps_statements());
        let outcome = statement.$method(connection.raw()?).await;
        connection.check(outcome)
    }};
}
pub(super) use run_on;
