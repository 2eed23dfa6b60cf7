//! The JSON objects of the tasks API.

use poem_openapi::Object;
use poem_openapi::types::Example;
use serde::Serialize;

use crate::http::framework::body::{Dialect, Fields, FromFields, Text};
use crate::http::framework::timestamp_field::TimestampField;
use crate::resource::task::Draft;
use crate::store::tasks::Task;

/// A task.
#[derive(Clone, Debug, Object, Serialize)]
#[oai(rename = "Task")]
pub struct TaskObject {
    /// 32 letters and digits.
    pub id: String,
    /// The owner: the `sub` of the token that made it.
    pub user_id: String,
    /// What is to be done.
    pub title: String,
    /// More about it; may be empty.
    pub description: String,
    /// Whether it is done.
    pub completed: bool,
    /// When it was made.
    pub created_at: TimestampField,
    /// When it last changed.
    pub updated_at: TimestampField,
}

impl From<Task> for TaskObject {
    fn from(task: Task) -> Self {
        Self {
            id: task.id,
            user_id: task.user_id,
            title: task.title,
            description: task.description,
            completed: task.completed,
            created_at: task.created_at.into(),
            updated_at: task.updated_at.into(),
        }
    }
}

/// What a task is to say. Further members are ignored.
#[derive(Clone, Debug, Object)]
#[oai(example)]
pub struct TaskDraft {
    /// What is to be done; no control characters.
    #[oai(validator(min_length = 1, max_length = 200, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$"))]
    pub title: String,
    /// More about it; no control characters but line breaks and tabs.
    #[oai(validator(
        max_length = 2000,
        pattern = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*$"
    ))]
    pub description: Option<String>,
    /// Whether it is done; not, unless said otherwise.
    pub completed: Option<bool>,
}

impl Example for TaskDraft {
    fn example() -> Self {
        Self {
            title: "Buy milk".to_owned(),
            description: Some("Two litres".to_owned()),
            completed: Some(false),
        }
    }
}

impl FromFields for TaskDraft {
    const DIALECT: Dialect = Dialect::Tasks;

    fn from_fields(fields: &mut Fields) -> Self {
        Self {
            title: fields.text("title", Text { min: 1, max: 200, lines: false }),
            description: fields.text_or_absent("description", Text { min: 0, max: 2000, lines: true }),
            completed: fields.flag_or_absent("completed"),
        }
    }
}

impl From<TaskDraft> for Draft {
    fn from(draft: TaskDraft) -> Self {
        Self {
            title: draft.title,
            description: draft.description.unwrap_or_default(),
            completed: draft.completed.unwrap_or(false),
        }
    }
}

/// Whether a task is done.
#[derive(Clone, Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct Completion {
    /// Whether it is done; left out, the mark is turned over.
    pub completed: Option<bool>,
}

impl FromFields for Completion {
    const DIALECT: Dialect = Dialect::Tasks;
    const OPTIONAL: bool = true;

    fn from_fields(fields: &mut Fields) -> Self {
        let completed = fields.flag_or_absent("completed");
        // A misspelt member would turn the mark over by accident.
        fields.refuse_the_rest();
        Self { completed }
    }
}
