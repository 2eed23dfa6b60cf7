//! Tasks of the caller.
//! In: a [`Principal`] with every call. Out: that principal's tasks, and nobody else's.
//! Owns: no principal, no query; isolation is a type before it is a test.

use std::sync::Arc;

use crate::store::StoreError;
use crate::store::tasks::{Place, Task, Tasks};
use signet_verify::clock::{Clock, Entropy, EntropyUnavailable, Timestamp, random_alphanumeric};
use signet_verify::jose::claims::Principal;

/// Letters and digits of an id.
const ID_LENGTH: usize = 32;
/// How many tasks a page holds at most.
pub const MAX_PAGE: u32 = 100;
/// How many tasks a page holds unless asked otherwise.
pub const DEFAULT_PAGE: u32 = 50;

/// Why there is no task.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// There is none of this id among the caller's tasks; whether somebody else has it is not said.
    #[error("no such task")]
    Unknown,
    /// The cursor is not one that we gave.
    #[error("not a cursor")]
    Cursor,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No id could be drawn.
    #[error(transparent)]
    Entropy(#[from] EntropyUnavailable),
}

/// What a task says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// 1 to 200 characters.
    pub title: String,
    /// Up to 2000 characters.
    pub description: String,
    /// Whether it is done.
    pub completed: bool,
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
pub struct TaskDesk {
    tasks: Tasks,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl std::fmt::Debug for TaskDesk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TaskDesk").finish_non_exhaustive()
    }
}

impl TaskDesk {
    /// A desk over these tasks.
    pub fn new(tasks: Tasks, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { tasks, clock, entropy }
    }

    /// A page of the owner's tasks, newest first; all, or only those that are (not) done.
    ///
    /// # Errors
    /// [`TaskError::Cursor`] for a cursor that is not ours.
    pub async fn page(
        &self,
        owner: &Principal,
        completed: Option<bool>,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page, TaskError> {
        let place = cursor.map(|cursor| place(cursor).ok_or(TaskError::Cursor)).transpose()?;
        // One more than asked for tells whether there is a next page.
        let mut tasks =
            self.tasks.page(&owner.subject, completed, place.as_ref(), limit.saturating_add(1)).await?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = tasks.len() > limit;
        tasks.truncate(limit);
        let next = tasks.last().filter(|_| more).map(cursor_after);
        Ok(Page { tasks, next })
    }

    /// A new task.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn add(&self, owner: &Principal, draft: Draft) -> Result<Task, TaskError> {
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
        self.tasks.add(&task).await?;
        Ok(task)
    }

    /// One task.
    ///
    /// # Errors
    /// [`TaskError::Unknown`].
    pub async fn get(&self, owner: &Principal, id: &str) -> Result<Task, TaskError> {
        self.tasks.get(&owner.subject, id).await?.ok_or(TaskError::Unknown)
    }

    /// Replaces what a task says.
    ///
    /// # Errors
    /// [`TaskError::Unknown`].
    pub async fn replace(&self, owner: &Principal, id: &str, draft: &Draft) -> Result<Task, TaskError> {
        let replaced = self
            .tasks
            .replace(&owner.subject, id, &draft.title, &draft.description, draft.completed, self.clock.now())
            .await?;
        replaced.ok_or(TaskError::Unknown)
    }

    /// Marks a task as done or not; `None` turns the mark over.
    ///
    /// # Errors
    /// [`TaskError::Unknown`].
    pub async fn complete(
        &self,
        owner: &Principal,
        id: &str,
        completed: Option<bool>,
    ) -> Result<Task, TaskError> {
        self.tasks.complete(&owner.subject, id, completed, self.clock.now()).await?.ok_or(TaskError::Unknown)
    }

    /// Deletes a task.
    ///
    /// # Errors
    /// [`TaskError::Unknown`].
    pub async fn remove(&self, owner: &Principal, id: &str) -> Result<(), TaskError> {
        if self.tasks.remove(&owner.subject, id).await? { Ok(()) } else { Err(TaskError::Unknown) }
    }
}

/// The cursor after a task: its place in the list. It opens nothing, since the owner is in every query.
fn cursor_after(task: &Task) -> String {
    format!("{}-{}", task.created_at.millis(), task.id)
}

fn place(cursor: &str) -> Option<Place> {
    let (created_at, id) = cursor.split_once('-')?;
    let is_number =
        (1..=15).contains(&created_at.len()) && created_at.bytes().all(|byte| byte.is_ascii_digit());
    let is_id = id.len() == ID_LENGTH && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let created_at = Timestamp::from_millis(created_at.parse().ok()?);
    (is_number && is_id).then(|| Place { created_at, id: id.to_owned() })
}
