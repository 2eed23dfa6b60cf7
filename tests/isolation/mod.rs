//! Only the owner gets through, at any operation: a sweep that is made from the OpenAPI document, so that a new
//! operation is swept, or fails the build, on the day it is described.

mod clients;
mod deployments;
pub mod issuer;
mod operation;

use serde_json::json;

use crate::support::{Caller, Reply};
use operation::Operation;

/// What every caller with a bad token is told, whatever is wrong with it.
const INVALID_TOKEN: &str =
    r#"Bearer error="invalid_token", error_description="The access token is not valid""#;

/// A user who owns a task, and another user, at one deployment.
struct People {
    owner: Caller,
    owner_id: String,
    other_user: Caller,
    stranger_id: String,
    anonymous: Caller,
}

impl People {
    /// The sweep: each operation unauthenticated, as the owner by name and as `me`, and as another user in every way.
    async fn sweep(&self, operations: &[Operation]) {
        for operation in operations {
            let task = self.new_task().await;
            let refused = operation.call(&self.anonymous, &self.owner_id, &task).await;
            refused.assert_error(401, "UNAUTHORIZED");
            let challenge = refused.header("www-authenticate");
            assert!(
                challenge.starts_with("Bearer realm=\"signet\", scope=\"tasks:"),
                "{operation:?} {challenge}"
            );
            self.follow(challenge).await;

            let before = self.tasks().await;
            for (id, described) in [(task.as_str(), "an existing task"), ("A".repeat(32).as_str(), "no task")]
            {
                let refused = operation.call(&self.other_user, &self.owner_id, id).await;
                assert_eq!(refused.status, 403, "{operation:?} of {described}: {}", refused.text);
                assert!(refused.header("www-authenticate").contains("insufficient_scope"), "{operation:?}");
                let malformed = operation.call_with(&self.other_user, &self.owner_id, id, "{ not json").await;
                assert_eq!(malformed.status, 403, "{operation:?}: judged before the body is read");
            }
            if operation.names_a_task() {
                for user_id in ["me", self.stranger_id.as_str()] {
                    operation.call(&self.other_user, user_id, &task).await.assert_error(404, "NOT_FOUND");
                }
            }
            assert_eq!(self.tasks().await, before, "{operation:?} changed something for another user");

            for user_id in ["me", self.owner_id.as_str()] {
                let task = self.new_task().await;
                let passed = operation.call(&self.owner, user_id, &task).await;
                assert!(
                    passed.status.is_success(),
                    "{operation:?} as {user_id}: {} {}",
                    passed.status,
                    passed.text
                );
                assert!(
                    operation.declares(passed.status.as_u16()),
                    "{operation:?} does not declare {}",
                    passed.status
                );
            }
        }
    }

    /// A token that is no good gets the same answer at every operation, and does nothing.
    async fn refuse(&self, operations: &[Operation], tokens: &[(&str, String)]) {
        let task = self.new_task().await;
        let before = self.tasks().await;
        let mut answers: Vec<(Reply, String)> = Vec::new();
        for operation in operations {
            for (cause, token) in tokens {
                let reply = operation.call(&self.anonymous.bearing(token), &self.owner_id, &task).await;
                reply.assert_error(401, "INVALID_TOKEN");
                let challenge = reply.header("www-authenticate");
                assert!(challenge.starts_with(INVALID_TOKEN), "{operation:?} {cause} {challenge}");
                assert!(challenge.contains(", scope=\"tasks:"), "{operation:?} {cause} {challenge}");
                self.follow(challenge).await;
                answers.push((reply, format!("{operation:?} {cause}")));
            }
        }
        for (reply, cause) in &answers {
            assert_eq!(reply.text, answers[0].0.text, "{cause} is told apart from {}", answers[0].1);
        }
        assert_eq!(self.tasks().await, before);
    }

    /// A challenge leads to the metadata of the resource (RFC 9728 section 5.1), where it is one that has an address.
    async fn follow(&self, challenge: &str) {
        let metadata = self.anonymous.get("/.well-known/oauth-protected-resource").await.expect(200);
        let url = format!("{}/.well-known/oauth-protected-resource", metadata["resource"].as_str().unwrap());
        assert!(challenge.ends_with(&format!(", resource_metadata=\"{url}\"")), "{challenge}");
        assert_eq!(metadata["authorization_servers"], json!([metadata["resource"]]));
    }

    async fn new_task(&self) -> String {
        let made = self.owner.post("/api/me/tasks", &json!({ "title": "mine" })).await.expect(201);
        made["id"].as_str().unwrap().to_owned()
    }

    async fn tasks(&self) -> serde_json::Value {
        self.owner.get("/api/me/tasks?limit=100").await.expect(200)
    }
}
