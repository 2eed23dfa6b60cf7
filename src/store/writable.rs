//! Whether a database can be written.
//! In: how long to wait. Out: yes, or what refuses it.
//! Owns: a probe leaves nothing behind, and takes space only where the want of it is to be disproved.

use std::time::Duration;

use super::database::{Database, Dialect};
use super::error::Error;
use super::refusal::Cause;
use super::scope::Scope;

/// Touches no row, takes no space and waits for no row; who may not write is refused it. Every process deletes from
/// this table when it cleans up, and the table stays small, so that no index of it takes long to build.
const TOUCHES_NOTHING: &str = "DELETE FROM revoked_sessions WHERE FALSE";

/// 64 KiB, more than the gaps in the pages of a table hold, and nothing that compresses.
const TAKES_SPACE_OF_POSTGRES: &str = "\
    INSERT INTO tasks (id, user_id, title, description, completed, created_at, updated_at) \
    SELECT '-', '-', '', string_agg(encode(sha256(convert_to(CAST(n AS TEXT), 'UTF8')), 'hex'), ''), 0, 0, 0 \
    FROM generate_series(1, 1024) AS n";
const TAKES_SPACE_OF_SQLITE: &str = "\
    INSERT INTO tasks (id, user_id, title, description, completed, created_at, updated_at) \
    VALUES ('-', '-', '', hex(zeroblob(32768)), 0, 0, 0)";

impl Database {
    /// Whether the database can be written now, found out within `patience`.
    ///
    /// # Errors
    /// [`Error::Unavailable`] and [`Error::Slow`] when it cannot, and no other write has succeeded meanwhile.
    pub async fn check_writable(&self, patience: Duration) -> Result<(), Error> {
        let before = self.condition.writes();
        let probe = self.clone().with_time_limit(patience);
        let outcome = match self.condition.is_short() {
            true => probe.write_and_delete().await,
            false => probe.execute(sqlx::query(TOUCHES_NOTHING)).await.map(|_| ()),
        };
        match outcome {
            Err(error) if error.cause().is_none_or(|cause| cause == Cause::Others) => {
                // In a crowd the probe may not get its turn; who writes shows that one can.
                let has_written = self.condition.writes() != before;
                if has_written { Ok(()) } else { Err(error) }
            }
            outcome => outcome,
        }
    }

    /// Writes something that needs space, which no reader gets to see.
    async fn write_and_delete(&self) -> Result<(), Error> {
        let insert = match self.dialect() {
            Dialect::Sqlite => TAKES_SPACE_OF_SQLITE,
            Dialect::Postgres => TAKES_SPACE_OF_POSTGRES,
        };
        self.write(|unit| async move {
            (&unit).execute(sqlx::query(insert)).await?;
            (&unit).execute(sqlx::query("DELETE FROM tasks WHERE id = '-' AND user_id = '-'")).await?;
            Ok::<_, Error>(())
        })
        .await?;
        self.condition.note_space();
        Ok(())
    }
}
