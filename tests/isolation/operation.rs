//! The operations of a document, ready to be called.

use reqwest::Method;
use serde_json::Value;

use crate::support::{Caller, Reply, TestApp};

/// One operation of the tasks API.
pub struct Operation {
    method: Method,
    path: String,
    body: Option<&'static str>,
    statuses: Vec<u16>,
}

impl std::fmt::Debug for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

impl Operation {
    /// Every operation of the tasks document that a server publishes. One that asks for no token, or that has a variable
    /// which is not known here, fails.
    pub async fn all(app: &TestApp) -> Vec<Self> {
        let document = app.anonymous().get("/openapi/tasks.json").await.expect(200);
        let mut operations = Vec::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let security = &operation["security"];
                assert_eq!(
                    security,
                    &serde_json::json!([{ "jwt": [] }]),
                    "{method} {path} asks for no token"
                );
                let variables = path.matches('{').count();
                let known = ["{user_id}", "{id}"].iter().filter(|name| path.contains(**name)).count();
                assert_eq!(variables, known, "{path} has a variable that the sweep does not know");
                operations.push(Self {
                    method: method.to_uppercase().parse().unwrap(),
                    path: path.clone(),
                    body: operation.get("requestBody").map(|body| sample(body)),
                    statuses: operation["responses"]
                        .as_object()
                        .unwrap()
                        .keys()
                        .map(|s| s.parse().unwrap())
                        .collect(),
                });
            }
        }
        assert!(operations.len() >= 6, "{operations:?}");
        operations
    }

    /// Whether nothing is changed.
    pub fn reads(&self) -> bool {
        self.method == Method::GET
    }

    /// Whether one task is meant, and not a list.
    pub fn names_a_task(&self) -> bool {
        self.path.contains("{id}")
    }

    /// Whether the document says that it may answer so.
    pub fn declares(&self, status: u16) -> bool {
        self.statuses.contains(&status)
    }

    /// Calls it with a body that fits.
    pub async fn call(&self, caller: &Caller, user_id: &str, id: &str) -> Reply {
        self.send(caller, user_id, id, self.body).await
    }

    /// Calls it with this body, if it takes one.
    pub async fn call_with(&self, caller: &Caller, user_id: &str, id: &str, body: &'static str) -> Reply {
        self.send(caller, user_id, id, self.body.map(|_| body)).await
    }

    async fn send(&self, caller: &Caller, user_id: &str, id: &str, body: Option<&'static str>) -> Reply {
        let path = self.path.replace("{user_id}", user_id).replace("{id}", id);
        let request = caller.request(self.method.clone(), &path);
        let reply = Caller::send(match body {
            Some(body) => request.header("content-type", "application/json").body(body),
            None => request,
        })
        .await;
        assert!(self.declares(reply.status.as_u16()), "{self:?} does not declare {}", reply.status);
        reply
    }
}

/// A body that fits the schema of a request.
fn sample(body: &Value) -> &'static str {
    let schema = body["content"]["application/json"]["schema"]["$ref"].as_str().unwrap();
    match schema.rsplit('/').next().unwrap() {
        "TaskDraft" => r#"{"title": "swept"}"#,
        "Completion" => r#"{"completed": true}"#,
        other => panic!("the sweep knows no body of the schema {other}"),
    }
}
