//! The JSON objects of the tasks API.

use poem_openapi::Object;
use poem_openapi::registry::MetaSchema;
use poem_openapi::types::{Example, ToJSON};
use serde::Serialize;
use serde_json::Value;

use crate::http::framework::fields::Fields;
use crate::http::framework::fields::FromFields;
use crate::http::framework::fields::Presence;
use crate::http::framework::text::Controls;
use crate::http::framework::text::{Text, TextMember};
use crate::http::framework::text::{is_visible, string_type, text_from_json, text_members, visible_line};
use crate::http::framework::timestamp_field::TimestampField;
use crate::model::task::Draft;
use crate::model::task::Task;

/// A task.
#[derive(Object, Serialize)]
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

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Title(pub String);

string_type!(Title, MetaSchema { pattern: Some(visible_line()), ..Self::RULE.schema() });
text_from_json!(Title);

impl TextMember for Title {
    const RULE: Text = Text { min: 1, ..Text::line(200) };

    fn from_text(text: String) -> Result<Self, &'static str> {
        if is_visible(&text) { Ok(Self(text)) } else { Err("Invalid string: must show something") }
    }
}

impl ToJSON for Title {
    fn to_json(&self) -> Option<Value> {
        Some(self.0.clone().into())
    }
}

text_members! {
    /// More about it.
    Description: Text { min: 0, max: 2000, controls: Controls::Lines };
}

/// What a task is to say. Further members are ignored.
#[derive(Object)]
#[oai(example)]
pub struct TaskDraft {
    /// What is to be done; no control characters, and not only blanks.
    pub title: Title,
    /// More about it; no control characters but line breaks and tabs. Null is as if it were left out.
    #[oai(nullable)]
    pub description: Option<Description>,
    /// Whether it is done; not, unless said otherwise. Null is as if it were left out.
    #[oai(nullable)]
    pub completed: Option<bool>,
}

impl FromFields for TaskDraft {
    const MEMBERS: &'static [&'static str] = &["title", "description", "completed"];

    fn from_fields(fields: &mut Fields) -> Option<Self> {
        fields.leave_out_nulls(&["description", "completed"]);
        // All of them, before the first that does not fit ends it.
        let (title, description) = (fields.take("title"), fields.take("description"));
        let completed = fields.take("completed");
        Some(Self { title: title?, description: description?, completed: completed? })
    }
}

impl Example for TaskDraft {
    fn example() -> Self {
        Self {
            title: Title("Buy milk".to_owned()),
            description: Some(Description("Two litres".to_owned())),
            completed: Some(false),
        }
    }
}

impl From<TaskDraft> for Draft {
    fn from(draft: TaskDraft) -> Self {
        Self {
            title: draft.title.0,
            description: draft.description.map(|description| description.0).unwrap_or_default(),
            completed: draft.completed.unwrap_or(false),
        }
    }
}

/// Whether a task is done.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct Completion {
    /// Whether it is done; left out or null, the mark is turned over.
    #[oai(nullable)]
    pub completed: Option<bool>,
}

impl FromFields for Completion {
    const MEMBERS: &'static [&'static str] = &["completed"];
    const PRESENCE: Presence = Presence::Optional;

    fn from_fields(fields: &mut Fields) -> Option<Self> {
        fields.leave_out_nulls(&["completed"]);
        let completed = fields.take("completed");
        // A misspelt member would turn the mark over by accident.
        fields.refuse_the_rest();
        Some(Self { completed: completed? })
    }
}
