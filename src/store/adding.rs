//! Adding a task within a quota.
//! In: a task, and how many its owner may have. Out: whether it is kept.
//! Owns: no owner gets more tasks than the quota, and no owner who has ended gets any, whatever happens at the same time.

use super::database::{Database, Dialect};
use super::error::Error;
use super::scope::Scope;
use super::tasks::{TaskRepository, adding, lock};
use super::unit::Unit;
use crate::model::task::Task;

/// What became of a task that was to be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addition {
    /// It is kept.
    Kept,
    /// The owner has as many tasks as they may have.
    QuotaReached,
    /// The owner's account has been deleted.
    OwnerEnded,
}

impl TaskRepository<Database> {
    /// Keeps a new task, unless its owner has `quota` tasks already or has ended.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn add(&self, task: &Task, quota: u32) -> Result<Addition, Error> {
        let added = match self.scope.dialect() {
            // One statement, and one writer at a time.
            Dialect::Sqlite => self.scope.execute(adding(task, quota)).await?,
            // A statement sees what was committed when it began. The lock comes before it, so that it sees whatever
            // those did who held the lock.
            Dialect::Postgres => {
                let add = |unit: Unit| async move {
                    lock(&&unit, &task.user_id).await?;
                    (&unit).execute(adding(task, quota)).await
                };
                self.scope.write(add).await?
            }
        };
        Ok(match added {
            0 if self.has_ended(&task.user_id).await? => Addition::OwnerEnded,
            0 => Addition::QuotaReached,
            _ => Addition::Kept,
        })
    }
}
