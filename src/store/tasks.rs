//! The rows of tasks.
//! In: an owner with every call. Out: that owner's tasks and no others.
//! Owns: the owner stands in the WHERE clause of every statement.

use super::error::Error;
use super::rows::{Columns, FromColumns, entities, entity};
use super::scope::{Scope, Statement};
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
    scope: S,
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

    /// Keeps a new task.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn insert(&self, task: &Task) -> Result<(), Error> {
        let statement =
            sqlx::query(concat!("INSERT INTO tasks (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7)"))
                .bind(&task.id)
                .bind(&task.user_id)
                .bind(&task.title)
                .bind(&task.description)
                .bind(i64::from(task.completed))
                .bind(task.created_at.millis())
                .bind(task.updated_at.millis());
        self.scope.execute(statement).await.map(drop)
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

    async fn changed(&self, statement: Statement<'_>) -> Result<Option<Task>, Error> {
        self.scope.execute_returning(statement).await?.first().map(entity).transpose()
    }
}
