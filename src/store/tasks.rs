//! The rows of tasks, and of the owners who may have none any more.
//! In: an owner with every call. Out: that owner's tasks and no others.
//! Owns: the owner stands in the WHERE clause of every statement; once the end of an owner is committed, no task of
//! theirs appears.

use super::database::Dialect;
use super::error::Error;
use super::rows::{Columns, FromColumns, entities, entity};
use super::scope::{Scope, Statement, Transactional};
use crate::model::task::{Completion, Cursor, Draft, Task, TaskFilter};
use signet_verify::clock::Timestamp;

/// The columns of a task, in the order in which [`Task`] is read.
macro_rules! columns {
    () => {
        "id, user_id, title, description, completed, created_at, updated_at"
    };
}

/// The statement behind [`TaskRepository::page`]; public for the tests of query plans.
///
/// The plus signs keep SQLite from preparing it anew for each page: it does so when a bare parameter bounds a range or a
/// LIMIT and has changed, to look whether another plan suits the new value better.
pub const PAGE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM tasks WHERE user_id = $1 AND (created_at, id) < (+$2, $3) AND ($4 < 0 OR completed = $4) \
     ORDER BY created_at DESC, id DESC LIMIT +$5"
);

/// The statement behind `TaskRepository::add`; public for the tests of query plans. It counts no further than the
/// quota.
pub const ADD: &str = concat!(
    "INSERT INTO tasks (",
    columns!(),
    ") SELECT $1, $2, $3, $4, $5, $6, $7 WHERE NOT EXISTS (SELECT 1 FROM ended_owners WHERE user_id = $2) \
     AND (SELECT COUNT(*) FROM (SELECT 1 FROM tasks WHERE user_id = $2 LIMIT $8) AS own) < $8"
);

/// How many ended owners one sweep forgets at most.
const SWEPT_AT_ONCE: i64 = 5000;

/// An owner whose account has been deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedOwner {
    /// Whose tasks are gone.
    pub user_id: String,
    /// When no token of theirs can live any more.
    pub forget_at: Timestamp,
}

impl FromColumns for EndedOwner {
    fn from_columns(columns: &mut Columns<'_>) -> Result<Self, Error> {
        Ok(Self { user_id: columns.next()?, forget_at: columns.moment()? })
    }
}

impl FromColumns for Task {
    fn from_columns(columns: &mut Columns<'_>) -> Result<Self, Error> {
        Ok(Self {
            id: columns.next()?,
            user_id: columns.next()?,
            title: columns.next()?,
            description: columns.next()?,
            completed: columns.flag()?,
            created_at: columns.moment()?,
            updated_at: columns.moment()?,
        })
    }
}

/// The tasks.
#[derive(Clone, Debug)]
pub struct TaskRepository<S> {
    pub(super) scope: S,
}

impl<S: Scope> TaskRepository<S> {
    pub(super) fn new(scope: S) -> Self {
        Self { scope }
    }

    /// Up to `limit` tasks of `owner`, newest first, after `cursor`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn page(
        &self,
        owner: &str,
        filter: TaskFilter,
        cursor: Option<&Cursor>,
        limit: u32,
    ) -> Result<Vec<Task>, Error> {
        // Before the first page lies a place that every task comes after.
        let (created_at, id) =
            cursor.map_or((i64::MAX, ""), |cursor| (cursor.created_at.millis(), cursor.id.as_str()));
        let completed: i64 = match filter {
            TaskFilter::All => -1,
            TaskFilter::Open => 0,
            TaskFilter::Done => 1,
        };
        let statement =
            sqlx::query(PAGE).bind(owner).bind(created_at).bind(id).bind(completed).bind(i64::from(limit));
        entities(&self.scope.fetch_all(statement).await?)
    }

    /// Keeps a task that comes from elsewhere, whatever its owner may have: `add` asks first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn insert(&self, task: &Task) -> Result<(), Error> {
        let text = concat!("INSERT INTO tasks (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7)");
        self.scope.execute(with_values(text, task)).await.map(drop)
    }

    /// One task of `owner`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn get(&self, owner: &str, id: &str) -> Result<Option<Task>, Error> {
        let statement =
            sqlx::query(concat!("SELECT ", columns!(), " FROM tasks WHERE user_id = $1 AND id = $2"))
                .bind(owner)
                .bind(id);
        self.scope.fetch_optional(statement).await?.as_ref().map(entity).transpose()
    }

    /// Replaces what one task of `owner` says.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn replace(
        &self,
        owner: &str,
        id: &str,
        draft: &Draft,
        now: Timestamp,
    ) -> Result<Option<Task>, Error> {
        let statement = sqlx::query(concat!(
            "UPDATE tasks SET title = $3, description = $4, completed = $5, updated_at = $6 \
             WHERE user_id = $1 AND id = $2 RETURNING ",
            columns!()
        ))
        .bind(owner)
        .bind(id)
        .bind(&draft.title)
        .bind(&draft.description)
        .bind(i64::from(draft.completed))
        .bind(now.millis());
        self.changed(statement).await
    }

    /// Marks one task of `owner` as done or not, in one statement, so that two who turn it over at once turn it twice.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn complete(
        &self,
        owner: &str,
        id: &str,
        completion: Completion,
        now: Timestamp,
    ) -> Result<Option<Task>, Error> {
        let completed: i64 = match completion {
            Completion::Toggle => -1,
            Completion::Open => 0,
            Completion::Done => 1,
        };
        let statement = sqlx::query(concat!(
            "UPDATE tasks SET completed = CASE WHEN $3 < 0 THEN 1 - completed ELSE $3 END, updated_at = $4 \
             WHERE user_id = $1 AND id = $2 RETURNING ",
            columns!()
        ))
        .bind(owner)
        .bind(id)
        .bind(completed)
        .bind(now.millis());
        self.changed(statement).await
    }

    /// Deletes one task of `owner`; says whether there was one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete(&self, owner: &str, id: &str) -> Result<bool, Error> {
        let statement = sqlx::query("DELETE FROM tasks WHERE user_id = $1 AND id = $2").bind(owner).bind(id);
        Ok(self.scope.execute(statement).await? == 1)
    }

    /// Deletes every task of `owner`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_of(&self, owner: &str) -> Result<(), Error> {
        let statement = sqlx::query("DELETE FROM tasks WHERE user_id = $1").bind(owner);
        self.scope.execute(statement).await.map(drop)
    }

    /// Whether the account of `owner` has been deleted, as far as is remembered.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn has_ended(&self, owner: &str) -> Result<bool, Error> {
        let statement = sqlx::query("SELECT 1 FROM ended_owners WHERE user_id = $1").bind(owner);
        Ok(self.scope.fetch_optional(statement).await?.is_some())
    }

    /// The owners who have ended while tokens of theirs may still live.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn ended(&self, now: Timestamp) -> Result<Vec<EndedOwner>, Error> {
        let statement = sqlx::query("SELECT user_id, forget_at FROM ended_owners WHERE forget_at > $1")
            .bind(now.millis());
        entities(&self.scope.fetch_all(statement).await?)
    }

    /// Forgets ended owners of whom no token can live any more, a few thousand at once; says how many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sweep(&self, now: Timestamp) -> Result<u64, Error> {
        let delete = "DELETE FROM ended_owners WHERE user_id IN \
                      (SELECT user_id FROM ended_owners WHERE forget_at <= $1 LIMIT $2)";
        self.scope.execute(sqlx::query(delete).bind(now.millis()).bind(SWEPT_AT_ONCE)).await
    }

    async fn changed(&self, statement: Statement<'_>) -> Result<Option<Task>, Error> {
        self.scope.execute_returning(statement).await?.first().map(entity).transpose()
    }
}

impl<S: Transactional> TaskRepository<S> {
    /// Deletes every task of `owner`, and lets none be added until `forget_at`, when no token of theirs can live any
    /// more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_owner(&self, owner: &str, forget_at: Timestamp) -> Result<(), Error> {
        lock(&self.scope, owner).await?;
        let statement = sqlx::query(
            "INSERT INTO ended_owners (user_id, forget_at) VALUES ($1, $2) ON CONFLICT (user_id) DO UPDATE \
             SET forget_at = CASE WHEN excluded.forget_at > ended_owners.forget_at THEN excluded.forget_at \
             ELSE ended_owners.forget_at END",
        )
        .bind(owner)
        .bind(forget_at.millis());
        self.scope.execute(statement).await?;
        self.delete_of(owner).await
    }
}

/// Waits, until the end of the transaction, for everybody else who adds tasks for `owner` or ends them. On SQLite they
/// are alone already.
pub(super) async fn lock<S: Transactional>(scope: &S, owner: &str) -> Result<(), Error> {
    match scope.dialect() {
        Dialect::Sqlite => Ok(()),
        Dialect::Postgres => {
            let lock = "SELECT CAST(pg_advisory_xact_lock(hashtextextended($1, 0)) AS TEXT)";
            scope.execute(sqlx::query(lock).bind(owner)).await.map(drop)
        }
    }
}

/// The statement that adds a task, if its owner has not ended and has less than `quota`.
pub(super) fn adding(task: &Task, quota: u32) -> Statement<'_> {
    with_values(ADD, task).bind(i64::from(quota))
}

/// The values of a task, in the order of its columns.
fn with_values<'q>(text: &'static str, task: &'q Task) -> Statement<'q> {
    sqlx::query(text)
        .bind(&task.id)
        .bind(&task.user_id)
        .bind(&task.title)
        .bind(&task.description)
        .bind(i64::from(task.completed))
        .bind(task.created_at.millis())
        .bind(task.updated_at.millis())
}
