//! A stranger's tool finds no difference between the OpenAPI documents and the server.

use std::process::Stdio;

use serde_json::json;
use tokio::process::Command;

use super::installed;
use crate::support::caller::PASSWORD;
use crate::support::{Caller, TestApp};

/// Runs schemathesis on one document with a credential, repeatably and within bounds.
async fn examine(app: &TestApp, document: &str, credential: &Caller, more: &[&str]) {
    let Some(folder) = installed() else { return };
    let url = format!("{}/openapi/{document}.json", app.base_url);
    let authorization = format!("Authorization: Bearer {}", credential.token());
    let ran = Command::new(folder.join("venv/bin/schemathesis"))
        .args(["run", &url, "--url", &app.base_url, "-H", &authorization, "-H", "User-Agent: schemathesis"])
        .args(["--seed", "20261122", "--max-examples", "25", "--phases", "examples,coverage,fuzzing"])
        .args(["--generation-database", "none", "--no-color", "--request-timeout", "20"])
        .args(more)
        .current_dir(app.folder.path())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let out = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{out}\n{}", String::from_utf8_lossy(&ran.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tasks_document_says_what_the_server_does() {
    let app = TestApp::builder().with(|settings| settings.token_ttl = Some("24h".to_owned())).start().await;
    let alice = app.signed_up("alice").await;
    let api = alice.api().await;
    api.post("/api/me/tasks", &json!({ "title": "milk" })).await.expect(201);
    examine(&app, "tasks", &api, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_identity_document_says_what_the_server_does() {
    let app = TestApp::start().await;
    let alice = app.signed_up("alice").await;
    // Better Auth's contract answers a wrong method with 404, and signing out would end the session of all that follows.
    let ends_sessions = "^/api/auth/(sign-out|revoke-|change-password)";
    examine(
        &app,
        "identity",
        &alice.session,
        &["--exclude-checks", "unsupported_method", "--exclude-path-regex", ends_sessions],
    )
    .await;
    for path in ["sign-out", "revoke-session", "revoke-sessions", "revoke-other-sessions", "change-password"]
    {
        let again = json!({ "email": alice.email, "password": PASSWORD });
        let token =
            app.anonymous().post("/api/auth/sign-in/email", &again).await.expect(200)["token"].clone();
        let session = app.anonymous().bearing(token.as_str().unwrap());
        let path = format!("/api/auth/{path}");
        examine(
            &app,
            "identity",
            &session,
            &["--exclude-checks", "unsupported_method,ignored_auth", "--include-path", &path],
        )
        .await;
    }
}
