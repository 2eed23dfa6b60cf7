//! Tasks: what a user wants to get done.
//! In: what a caller wrote, or the cursor that a list gave. Out: tasks, and the place where the next page begins.

use std::fmt;
use std::str::FromStr;

use signet_verify::clock::Timestamp;

/// Letters and digits of the id of a task.
pub const ID_LENGTH: usize = 32;

/// The id of a task, read where it comes in: [`ID_LENGTH`] letters and digits, so that nothing else reaches a database.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TaskId(String);

/// The text is not an id that a task of ours can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the id of a task")]
pub struct NotATaskId;

impl TaskId {
    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TaskId {
    type Err = NotATaskId;

    fn from_str(text: &str) -> Result<Self, NotATaskId> {
        let is_id = text.len() == ID_LENGTH && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if is_id { Ok(Self(text.to_owned())) } else { Err(NotATaskId) }
    }
}

/// Something that a user wants to get done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// [`ID_LENGTH`] letters and digits.
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

/// What becomes of the mark that a task is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completion {
    /// It is set.
    Done,
    /// It is taken away.
    Open,
    /// It is turned over.
    Toggle,
}

/// Which tasks a list shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskFilter {
    /// Every one.
    All,
    /// Those that are done.
    Done,
    /// Those that are not.
    Open,
}

impl From<Option<bool>> for Completion {
    /// What `completed` in a body means; without it the mark is turned over.
    fn from(completed: Option<bool>) -> Self {
        completed.map_or(Self::Toggle, |done| if done { Self::Done } else { Self::Open })
    }
}

impl From<Option<bool>> for TaskFilter {
    /// What `completed` in a query means; without it every task is listed.
    fn from(completed: Option<bool>) -> Self {
        completed.map_or(Self::All, |done| if done { Self::Done } else { Self::Open })
    }
}

/// The place in a list after which a page begins. It opens nothing, since the owner is in every query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// `created_at` of the last task seen.
    pub created_at: Timestamp,
    /// `id` of the last task seen.
    pub id: String,
}

/// The text is not a cursor that a list of ours gave.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of a list of tasks")]
pub struct NotACursor;

impl Cursor {
    /// The place after this task.
    pub fn after(task: &Task) -> Self {
        Self { created_at: task.created_at, id: task.id.clone() }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.created_at.millis(), self.id)
    }
}

impl FromStr for Cursor {
    type Err = NotACursor;

    fn from_str(text: &str) -> Result<Self, NotACursor> {
        let (created_at, id) = text.split_once('-').ok_or(NotACursor)?;
        let is_number =
            (1..=15).contains(&created_at.len()) && created_at.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number {
            return Err(NotACursor);
        }
        let TaskId(id) = id.parse().map_err(|NotATaskId| NotACursor)?;
        let created_at = Timestamp::from_millis(created_at.parse().map_err(|_| NotACursor)?);
        Ok(Self { created_at, id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursor_is_read_as_it_was_written_and_nothing_else_is() {
        let cursor = Cursor { created_at: Timestamp::from_seconds(1_800_000_000), id: "a".repeat(ID_LENGTH) };
        let text = cursor.to_string();
        assert_eq!(text.parse(), Ok(cursor));
        for text in [
            "",
            "-",
            "1",
            &text[1..text.len() - 1],
            &text.replace('a', "-"),
            &format!("-{text}"),
            &format!("+{text}"),
        ] {
            assert_eq!(text.parse::<Cursor>(), Err(NotACursor), "{text}");
        }
    }
}
