//! The tasks API.
//! In: requests to `/api/{user_id}/tasks`. Out: the caller's own tasks.
//! Owns: who calls is settled before the body is read, and whose the tasks are before any row is.

mod body;
mod challenge;
mod error;
mod in_flight;
mod objects;
mod owner;
mod parameters;

use std::sync::Arc;

use poem::middleware::AddData;
use poem::web::Data;
use poem::{Endpoint, EndpointExt};
use poem_openapi::param::{Path, Query};
use poem_openapi::{LicenseObject, OpenApi, OpenApiService, Tags};

use body::TaskBody;
pub use challenge::{Challenge, Identifier, METADATA};
pub use in_flight::{InFlight, PER_SUBJECT};
use objects::{Completion, TaskDraft, TaskObject};
use owner::Owner;
pub use owner::Resource;
use parameters::{Flag, TaskIdParameter};

use crate::http::framework::answer::{Answer, Declared, NoContent, ResponseHeaders, refusals};
use crate::resource::task::{DEFAULT_PAGE, MAX_PAGE};

#[derive(Debug, Tags)]
enum Tag {
    /// The caller's tasks.
    Tasks,
}

refusals!(
    /// Reading a list.
    ListRefusals of Tasks: 401, 403, 422, 429, 500, 503
);
refusals!(
    /// Making a task.
    AddRefusals of Tasks: 400, 401, 403, 409, 413, 415, 422, 429, 500, 503
);
refusals!(
    /// Reading or deleting one task.
    OneRefusals of Tasks: 401, 403, 404, 429, 500, 503
);
refusals!(
    /// Changing one task.
    ChangeRefusals of Tasks: 400, 401, 403, 404, 413, 415, 422, 429, 500, 503
);

/// One page of a list.
#[derive(Debug)]
pub struct Paged;

impl ResponseHeaders for Paged {
    const HEADERS: &'static [(&'static str, &'static str)] =
        &[("Link", "Where the next page is, as `rel=\"next\"`; absent on the last.")];
}

/// Something new.
#[derive(Debug)]
pub struct Located;

impl ResponseHeaders for Located {
    const HEADERS: &'static [(&'static str, &'static str)] = &[("Location", "Where the new task is.")];
}

/// The operations.
#[derive(Debug)]
pub struct TasksApi;

#[OpenApi(prefix_path = "/api")]
impl TasksApi {
    /// List tasks
    ///
    /// Newest first, a page at a time; the `Link` header with `rel="next"` leads on (RFC 8288).
    #[oai(path = "/:user_id/tasks", method = "get", tag = "Tag::Tasks", operation_id = "listTasks")]
    async fn list(
        &self,
        owner: Owner,
        /// The caller's id, or `me`.
        user_id: Path<String>,
        /// How many tasks a page holds.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")), default = "default_page")]
        limit: Query<u32>,
        /// Where the page begins: from the `Link` header of the page before.
        #[oai(validator(pattern = r"^[0-9]{1,15}-[A-Za-z0-9]{32}$"))]
        cursor: Query<Option<String>>,
        /// Only tasks that are done, or only those that are not.
        completed: Query<Option<Flag>>,
        resource: Data<&Arc<Resource>>,
    ) -> Result<Answer<Vec<TaskObject>, 200, Paged>, Declared<ListRefusals>> {
        let limit = limit.0.min(MAX_PAGE);
        let completed = completed.0.map(|flag| flag.0);
        let page = resource.tasks.page(&owner.0, completed.into(), cursor.0.as_deref(), limit).await?;
        let answer = Answer::new(page.tasks.into_iter().map(TaskObject::from).collect());
        Ok(match page.next {
            None => answer,
            Some(next) => {
                let filter = completed.map(|completed| format!("&completed={completed}")).unwrap_or_default();
                let user = if user_id.0 == "me" { "me" } else { &owner.0.subject };
                let user = owner::path_segment(user);
                answer.header(
                    "link",
                    format!("</api/{user}/tasks?limit={limit}{filter}&cursor={next}>; rel=\"next\""),
                )
            }
        })
    }

    /// Make a task
    ///
    /// The answer holds it as it is kept, and `Location` says where. A user may have so many tasks and no more.
    #[oai(path = "/:user_id/tasks", method = "post", tag = "Tag::Tasks", operation_id = "createTask")]
    async fn add(
        &self,
        owner: Owner,
        /// The caller's id, or `me`.
        user_id: Path<String>,
        draft: TaskBody<TaskDraft>,
        resource: Data<&Arc<Resource>>,
    ) -> Result<Answer<TaskObject, 201, Located>, Declared<AddRefusals>> {
        let task = resource.tasks.create(&owner.0, draft.0.into()).await?;
        let user = if user_id.0 == "me" { "me" } else { &owner.0.subject };
        let location = format!("/api/{}/tasks/{}", owner::path_segment(user), task.id);
        Ok(Answer::new(task.into()).header("location", location))
    }

    /// Read a task
    ///
    /// Only one's own: for all others the answer is 404, whether they exist or not.
    #[oai(path = "/:user_id/tasks/:id", method = "get", tag = "Tag::Tasks", operation_id = "getTask")]
    async fn get(
        &self,
        owner: Owner,
        /// The caller's id, or `me`.
        #[oai(name = "user_id")]
        _user_id: Path<String>,
        /// The task's id.
        id: Path<TaskIdParameter>,
        resource: Data<&Arc<Resource>>,
    ) -> Result<Answer<TaskObject>, Declared<OneRefusals>> {
        Ok(Answer::new(resource.tasks.get(&owner.0, &id.0.0).await?.into()))
    }

    /// Replace a task
    ///
    /// A member that is left out gets its default. The id, the owner and the times of the task stay what they are,
    /// whatever the body says.
    #[oai(path = "/:user_id/tasks/:id", method = "put", tag = "Tag::Tasks", operation_id = "replaceTask")]
    async fn replace(
        &self,
        owner: Owner,
        /// The caller's id, or `me`.
        #[oai(name = "user_id")]
        _user_id: Path<String>,
        /// The task's id.
        id: Path<TaskIdParameter>,
        draft: TaskBody<TaskDraft>,
        resource: Data<&Arc<Resource>>,
    ) -> Result<Answer<TaskObject>, Declared<ChangeRefusals>> {
        Ok(Answer::new(resource.tasks.replace(&owner.0, &id.0.0, &draft.0.into()).await?.into()))
    }

    /// Mark a task as done or not
    ///
    /// Without a body, or with `{}`, the mark is turned over.
    #[oai(
        path = "/:user_id/tasks/:id/complete",
        method = "patch",
        tag = "Tag::Tasks",
        operation_id = "completeTask"
    )]
    async fn complete(
        &self,
        owner: Owner,
        /// The caller's id, or `me`.
        #[oai(name = "user_id")]
        _user_id: Path<String>,
        /// The task's id.
        id: Path<TaskIdParameter>,
        completion: TaskBody<Completion>,
        resource: Data<&Arc<Resource>>,
    ) -> Result<Answer<TaskObject>, Declared<ChangeRefusals>> {
        let completed = completion.0.completed;
        Ok(Answer::new(resource.tasks.complete(&owner.0, &id.0.0, completed.into()).await?.into()))
    }

    /// Delete a task
    ///
    /// For good; a second time it is 404.
    #[oai(path = "/:user_id/tasks/:id", method = "delete", tag = "Tag::Tasks", operation_id = "deleteTask")]
    async fn remove(
        &self,
        owner: Owner,
        /// The caller's id, or `me`.
        #[oai(name = "user_id")]
        _user_id: Path<String>,
        /// The task's id.
        id: Path<TaskIdParameter>,
        resource: Data<&Arc<Resource>>,
    ) -> Result<NoContent, Declared<OneRefusals>> {
        resource.tasks.delete(&owner.0, &id.0.0).await?;
        Ok(NoContent)
    }
}

fn default_page() -> u32 {
    DEFAULT_PAGE
}

/// The described service; also the source of `openapi/tasks.json`.
pub fn service() -> OpenApiService<TasksApi, ()> {
    OpenApiService::new(TasksApi, "Signet tasks API", env!("CARGO_PKG_VERSION"))
        .description(
            "Each user's own tasks. Every request carries a JWT of the identity API (`GET /api/auth/token`) as \
             `Authorization: Bearer`. Without a good token the answer is 401; for another user's `user_id` 403, \
             before any task is looked up; for an id that is not among the caller's tasks 404.\n\n\
             Every error is `{\"code\", \"message\"}`; programs compare `code`.",
        )
        .license(LicenseObject::new("MIT OR Apache-2.0"))
        .server("/")
}

/// The API as an endpoint for everything below `/api`.
pub fn endpoint(resource: Arc<Resource>) -> impl Endpoint {
    service().with(AddData::new(resource))
}
