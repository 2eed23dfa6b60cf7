//! The tasks of the resource module.
//! In: an owner with every call. Out: that owner's tasks and no others.
//! Owns: the owner stands in the WHERE clause of every statement.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::{Database, StoreError, flag, moment};
use signet_verify::clock::Timestamp;

/// The statement behind [`Tasks::page`], for who asks a database how it goes about it.
///
/// The plus signs keep SQLite from preparing it anew for each page: it does so when a bare parameter bounds a range or a
/// LIMIT and has changed, to look whether another plan suits the new value better.
pub const PAGE: &str = "SELECT id, user_id, title, description, completed, created_at, updated_at FROM tasks \
     WHERE user_id = $1 AND (created_at, id) < (+$2, $3) AND ($4 < 0 OR completed = $4) \
     ORDER BY created_at DESC, id DESC LIMIT +$5";

/// Something that somebody wants to get done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// 32 letters and digits.
    pub id: String,
    /// The owner: the `sub` of the token that made it.
    pub user_id: String,
    /// 1 to 200 characters.
    pub title: String,
    /// Up to 2000 characters; may be empty.
    pub description: String,
    /// Whether it is done.
    pub completed: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// The place in a list after which a page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// `created_at` of the last task seen.
    pub created_at: Timestamp,
    /// `id` of the last task seen.
    pub id: String,
}

/// The port of tasks.
#[derive(Clone, Debug)]
pub struct Tasks {
    database: Database,
}

impl Tasks {
    /// The tasks of `database`.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Up to `limit` tasks of `owner`, newest first, after `place`; all, or only those that are (not) done.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn page(
        &self,
        owner: &str,
        completed: Option<bool>,
        place: Option<&Place>,
        limit: u32,
    ) -> Result<Vec<Task>, StoreError> {
        self.database
            .within(async {
                // Before the first page lies a place that every task comes after.
                let (created_at, id) =
                    place.map_or((i64::MAX, ""), |place| (place.created_at.millis(), place.id.as_str()));
                let rows = sqlx::query(PAGE)
                    .bind(owner)
                    .bind(created_at)
                    .bind(id)
                    .bind(completed.map_or(-1, i64::from))
                    .bind(i64::from(limit))
                    .fetch_all(self.database.reader())
                    .await?;
                rows.iter().map(task).collect()
            })
            .await
    }

    /// Keeps a new task.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn add(&self, task: &Task) -> Result<(), StoreError> {
        self.database
            .within(async {
                sqlx::query(
                    "INSERT INTO tasks (id, user_id, title, description, completed, created_at, \
                     updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                )
                .bind(&task.id)
                .bind(&task.user_id)
                .bind(&task.title)
                .bind(&task.description)
                .bind(i64::from(task.completed))
                .bind(task.created_at.millis())
                .bind(task.updated_at.millis())
                .execute(self.database.writer())
                .await?;
                Ok(())
            })
            .await
    }

    /// One task of `owner`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn get(&self, owner: &str, id: &str) -> Result<Option<Task>, StoreError> {
        self.database
            .within(async {
                let row = sqlx::query(
                    "SELECT id, user_id, title, description, completed, created_at, updated_at FROM \
                     tasks WHERE user_id = $1 AND id = $2",
                )
                .bind(owner)
                .bind(id)
                .fetch_optional(self.database.reader())
                .await?;
                row.as_ref().map(task).transpose()
            })
            .await
    }

    // A statement that writes and returns is read to its end, which comes after its commit; the row comes before.

    /// Replaces the contents of one task of `owner`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn replace(
        &self,
        owner: &str,
        id: &str,
        title: &str,
        description: &str,
        completed: bool,
        now: Timestamp,
    ) -> Result<Option<Task>, StoreError> {
        self.database
            .within(async {
                let rows = sqlx::query(
                    "UPDATE tasks SET title = $3, description = $4, completed = $5, updated_at = $6 \
                     WHERE user_id = $1 AND id = $2 RETURNING id, user_id, title, description, \
                     completed, created_at, updated_at",
                )
                .bind(owner)
                .bind(id)
                .bind(title)
                .bind(description)
                .bind(i64::from(completed))
                .bind(now.millis())
                .fetch_all(self.database.writer())
                .await?;
                rows.first().map(task).transpose()
            })
            .await
    }

    /// Marks one task of `owner` as done or not; `None` turns the mark over, in one statement, so that two at once turn it twice.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn complete(
        &self,
        owner: &str,
        id: &str,
        completed: Option<bool>,
        now: Timestamp,
    ) -> Result<Option<Task>, StoreError> {
        self.database
            .within(async {
                let rows = sqlx::query(
                    "UPDATE tasks SET completed = CASE WHEN $3 < 0 THEN 1 - completed ELSE $3 END, \
                     updated_at = $4 WHERE user_id = $1 AND id = $2 RETURNING id, user_id, title, \
                     description, completed, created_at, updated_at",
                )
                .bind(owner)
                .bind(id)
                .bind(completed.map_or(-1, i64::from))
                .bind(now.millis())
                .fetch_all(self.database.writer())
                .await?;
                rows.first().map(task).transpose()
            })
            .await
    }

    /// Deletes one task of `owner`; says whether there was one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove(&self, owner: &str, id: &str) -> Result<bool, StoreError> {
        self.database
            .within(async {
                let done = sqlx::query("DELETE FROM tasks WHERE user_id = $1 AND id = $2")
                    .bind(owner)
                    .bind(id)
                    .execute(self.database.writer())
                    .await?;
                Ok(done.rows_affected() == 1)
            })
            .await
    }
}

fn task(row: &AnyRow) -> Result<Task, StoreError> {
    Ok(Task {
        id: row.try_get("id")?,
        user_id: row.try_get("user_id")?,
        title: row.try_get("title")?,
        description: row.try_get("description")?,
        completed: flag(row, "completed")?,
        created_at: moment(row, "created_at")?,
        updated_at: moment(row, "updated_at")?,
    })
}
