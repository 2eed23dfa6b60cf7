//! The schema: brought up to this binary's, or judged when a later binary has brought it further.
//! In: the migrations of this binary, and the ones that the database has. Out: a database that this binary can use.
//! Owns: one process migrates at a time; a release works on the database of the next one, which only adds to it.

use std::time::Duration;

use sqlx::any::AnyPoolOptions;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{AnyPool, Row};

use super::database::{Database, Dialect};
use super::error::OpenError;
use super::schema_behind_pooler;

/// The migrations of each dialect, built into the binary.
static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// How often SQLite, which has no lock for this, is looked at again.
const TRIES: u64 = 20;

impl Database {
    /// Brings the schema up to this binary's. Safe to run from several processes at once, and while servers run.
    ///
    /// A database with migrations that this binary does not know is used as it is, unless one of them has raised the
    /// floor above what this binary knows.
    ///
    /// # Errors
    /// [`OpenError::Newer`], [`OpenError::Foreign`], [`OpenError::Migration`].
    pub async fn migrate(&self) -> Result<(), OpenError> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.migrate_once().await {
                // The loser of a race finds the table made or the file busy.
                Err(OpenError::Migration(_)) if self.dialect == Dialect::Sqlite && tries < TRIES => {
                    tokio::time::sleep(Duration::from_millis(50 * tries)).await;
                }
                outcome => return outcome,
            }
        }
    }

    async fn migrate_once(&self) -> Result<(), OpenError> {
        match self.dialect {
            Dialect::Sqlite => migrate(&SQLITE, &self.pool).await,
            Dialect::Postgres => {
                // PostgreSQL's lock around migrating belongs to a connection, which must not outlive a migration that
                // fails; and neither the wait for it nor an index on millions of rows is a slow request.
                let options = self.pool.connect_options().as_ref().clone();
                let alone = AnyPoolOptions::new().max_connections(1).connect_with(options).await;
                let alone = alone.map_err(OpenError::connecting)?;
                let outcome = match self.shares_sessions() {
                    true => match alone.acquire().await {
                        Ok(mut connection) => {
                            let outcome = schema_behind_pooler::migrate(&POSTGRES, &mut connection).await;
                            // Not back to its pool, which would look at it: it may be in the middle of a transaction.
                            let _ = connection.close().await;
                            outcome
                        }
                        Err(error) => Err(OpenError::connecting(error)),
                    },
                    false => migrate(&POSTGRES, &alone).await,
                };
                alone.close().await;
                outcome
            }
        }
    }
}

async fn migrate(migrator: &Migrator, pool: &AnyPool) -> Result<(), OpenError> {
    match run(migrator, pool).await {
        Err(OpenError::Newer(_)) if floor(pool).await <= newest(migrator) => {
            let mut lenient = Migrator::with_migrations(migrator.iter().cloned().collect());
            lenient.set_ignore_missing(true);
            run(&lenient, pool).await
        }
        outcome => outcome,
    }
}

async fn run(migrator: &Migrator, pool: &AnyPool) -> Result<(), OpenError> {
    migrator.run(pool).await.map_err(|error| match error {
        MigrateError::VersionMissing(version) => OpenError::Newer(version),
        MigrateError::VersionMismatch(version) => OpenError::Foreign(version),
        error => OpenError::Migration(error),
    })
}

/// The last migration that this binary knows.
fn newest(migrator: &Migrator) -> i64 {
    migrator.iter().map(|migration| migration.version).max().unwrap_or_default()
}

/// The migration that a binary has to know at least; out of reach where none is named.
async fn floor(pool: &AnyPool) -> i64 {
    let row = sqlx::query("SELECT migration FROM schema_floor WHERE id = 1").fetch_one(pool).await;
    row.and_then(|row| row.try_get("migration")).unwrap_or(i64::MAX)
}
