//! The schema behind a pooler that gives each transaction another session: brought up to this binary's in one
//! transaction.
//! In: the migrations of this binary, and the ones that the database has. Out: all that lack applied, or none.
//! Owns: the table and the lock are those of sqlx, so that processes with and without a pooler agree; nothing is
//! prepared by name, and no lock outlives the transaction.

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{AnyConnection, AssertSqlSafe, Executor, Row, raw_sql};

use super::error::OpenError;

/// The table of sqlx, as its own migrations make it.
const TABLE: &str = "\
    CREATE TABLE IF NOT EXISTS _sqlx_migrations ( \
        version BIGINT PRIMARY KEY, \
        description TEXT NOT NULL, \
        installed_on TIMESTAMPTZ NOT NULL DEFAULT now(), \
        success BOOLEAN NOT NULL, \
        checksum BYTEA NOT NULL, \
        execution_time BIGINT NOT NULL \
    )";

/// Applies what lacks. `connection` is used for nothing else, and is closed afterwards, which rolls back what has failed.
///
/// # Errors
/// [`OpenError::Newer`], [`OpenError::Foreign`], [`OpenError::Migration`].
pub(super) async fn migrate(migrator: &Migrator, connection: &mut AnyConnection) -> Result<(), OpenError> {
    run(connection, "BEGIN").await?;
    let name = connection.fetch_one("SELECT CAST(current_database() AS TEXT)").await;
    let name: String = name.and_then(|row| row.try_get(0)).map_err(failed)?;
    let lock = format!("SELECT pg_advisory_xact_lock({})", lock_id(&name));
    raw_sql(AssertSqlSafe(lock)).execute(&mut *connection).await.map_err(failed)?;
    run(connection, TABLE).await?;
    let applied = applied(connection).await?;
    let unknown = applied.iter().find(|(version, _)| !migrator.version_exists(*version));
    if let Some((version, _)) = unknown
        && floor(connection).await
            > migrator.iter().map(|migration| migration.version).max().unwrap_or_default()
    {
        return Err(OpenError::Newer(*version));
    }
    for migration in migrator.iter() {
        match applied.iter().find(|(version, _)| *version == migration.version) {
            Some((_, checksum)) if *checksum != *migration.checksum => {
                return Err(OpenError::Foreign(migration.version));
            }
            Some(_) => continue,
            None => {}
        }
        let failed = |error| OpenError::Migration(MigrateError::ExecuteMigration(error, migration.version));
        raw_sql(migration.sql.clone()).execute(&mut *connection).await.map_err(failed)?;
        let insert = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                      VALUES ($1, $2, TRUE, $3, -1)";
        let insert = sqlx::query(insert).bind(migration.version).bind(&*migration.description);
        let insert = insert.bind(&*migration.checksum).persistent(false);
        insert.execute(&mut *connection).await.map_err(failed)?;
    }
    run(connection, "COMMIT").await
}

/// The versions that were applied, with the checksums of their texts.
async fn applied(connection: &mut AnyConnection) -> Result<Vec<(i64, Vec<u8>)>, OpenError> {
    let rows =
        connection.fetch_all("SELECT version, checksum, success FROM _sqlx_migrations ORDER BY version");
    let mut applied = Vec::new();
    for row in rows.await.map_err(failed)? {
        let version = row.try_get(0).map_err(failed)?;
        if !row.try_get::<bool, _>(2).map_err(failed)? {
            return Err(OpenError::Migration(MigrateError::Dirty(version)));
        }
        applied.push((version, row.try_get(1).map_err(failed)?));
    }
    Ok(applied)
}

/// The migration that a binary has to know at least; out of reach where none is named.
async fn floor(connection: &mut AnyConnection) -> i64 {
    let row = connection.fetch_one("SELECT migration FROM schema_floor WHERE id = 1").await;
    row.and_then(|row| row.try_get(0)).unwrap_or(i64::MAX)
}

async fn run(connection: &mut AnyConnection, statement: &'static str) -> Result<(), OpenError> {
    connection.execute(statement).await.map(|_| ()).map_err(failed)
}

fn failed(error: sqlx::Error) -> OpenError {
    OpenError::Migration(MigrateError::Execute(error))
}

/// The number of the lock that sqlx takes around migrating the database `name`.
fn lock_id(name: &str) -> i64 {
    const CRC_32: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);
    0x3d32_ad9e * i64::from(CRC_32.checksum(name.as_bytes()))
}
