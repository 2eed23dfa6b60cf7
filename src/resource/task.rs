//! Tasks of the caller.
//! In: a [`Principal`] with every call. Out: that principal's tasks only.
//! Owns: no principal, no query; isolation is a type before it is a test.

use std::sync::Arc;

use crate::model::task::Completion;
use crate::model::task::Cursor;
use crate::model::task::Draft;
use crate::model::task::ID_LENGTH;
use crate::model::task::NotACursor;
use crate::model::task::Task;
use crate::model::task::TaskFilter;
use crate::model::task::TaskId;
use crate::store;
use crate::store::Addition;
use crate::store::Database;
use crate::store::TaskRepository;
use signet_verify::clock::Clock;
use signet_verify::clock::Entropy;
use signet_verify::clock::EntropyUnavailable;
use signet_verify::clock::random_alphanumeric;
use signet_verify::jose::claims::Principal;

/// How many tasks a page holds at most.
pub const MAX_PAGE: u32 = 100;
/// How many tasks a page holds unless asked otherwise.
pub const DEFAULT_PAGE: u32 = 50;

/// Why there is no task.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is none of this id among the caller's tasks; whether another user has it is not said.
    #[error("no such task")]
    Unknown,
    /// The cursor is not one that we gave.
    #[error(transparent)]
    Cursor(#[from] NotACursor),
    /// The owner has as many as they may have.
    #[error("no room for another task")]
    QuotaReached,
    /// The owner's account has been deleted.
    #[error("the owner is gone")]
    OwnerEnded,
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// No id could be drawn.
    #[error(transparent)]
    Entropy(#[from] EntropyUnavailable),
}

/// Some tasks, and where the next ones begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Newest first.
    pub tasks: Vec<Task>,
    /// The cursor of the next page, if there is one.
    pub next: Option<String>,
}

/// The use cases of tasks.
pub struct Tasks {
    /// The tasks, and nothing else of the database.
    tasks: TaskRepository<Database>,
    /// How many tasks each owner may have.
    quota: u32,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl std::fmt::Debug for Tasks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tasks").finish_non_exhaustive()
    }
}

impl Tasks {
    /// The tasks of this repository, `quota` of each owner at most.
    pub fn new(
        tasks: TaskRepository<Database>,
        quota: u32,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self { tasks, quota, clock, entropy }
    }

    /// A page of the owner's tasks, newest first.
    ///
    /// # Errors
    /// [`Error::Cursor`] for a cursor that is not ours.
    pub async fn page(
        &self,
        owner: &Principal,
        filter: TaskFilter,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page, Error> {
        let cursor = cursor.map(str::parse::<Cursor>).transpose()?;
        // One more than asked for tells whether there is a next page.
        let mut tasks =
            self.tasks.page(&owner.subject, filter, cursor.as_ref(), limit.saturating_add(1)).await?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = tasks.len() > limit;
        tasks.truncate(limit);
        let next = tasks.last().filter(|_| more).map(|task| Cursor::after(task).to_string());
        Ok(Page { tasks, next })
    }

    /// A new task.
    ///
    /// # Errors
    /// [`Error::QuotaReached`], [`Error::OwnerEnded`].
    pub async fn create(&self, owner: &Principal, draft: Draft) -> Result<Task, Error> {
        let now = self.clock.now();
        let task = Task {
            id: random_alphanumeric(&*self.entropy, ID_LENGTH)?,
            user_id: owner.subject.clone(),
            title: draft.title,
            description: draft.description,
            completed: draft.completed,
            created_at: now,
            updated_at: now,
        };
        match self.tasks.add(&task, self.quota).await? {
            Addition::Kept => Ok(task),
            Addition::QuotaReached => Err(Error::QuotaReached),
            Addition::OwnerEnded => Err(Error::OwnerEnded),
        }
    }

    /// One task.
    ///
    /// # Errors
    /// [`Error::Unknown`].
    pub async fn get(&self, owner: &Principal, id: &TaskId) -> Result<Task, Error> {
        self.tasks.get(&owner.subject, id.as_str()).await?.ok_or(Error::Unknown)
    }

    /// Replaces what a task says.
    ///
    /// # Errors
    /// [`Error::Unknown`].
    pub async fn replace(&self, owner: &Principal, id: &TaskId, draft: &Draft) -> Result<Task, Error> {
        let replaced = self.tasks.replace(&owner.subject, id.as_str(), draft, self.clock.now()).await?;
        replaced.ok_or(Error::Unknown)
    }

    /// Marks a task as done or not, or turns the mark over.
    ///
    /// # Errors
    /// [`Error::Unknown`].
    pub async fn complete(
        &self,
        owner: &Principal,
        id: &TaskId,
        completion: Completion,
    ) -> Result<Task, Error> {
        self.tasks
            .complete(&owner.subject, id.as_str(), completion, self.clock.now())
            .await?
            .ok_or(Error::Unknown)
    }

    /// Deletes a task.
    ///
    /// # Errors
    /// [`Error::Unknown`].
    pub async fn delete(&self, owner: &Principal, id: &TaskId) -> Result<(), Error> {
        if self.tasks.delete(&owner.subject, id.as_str()).await? { Ok(()) } else { Err(Error::Unknown) }
    }
}
