//! A third-party tool finds no difference between the OpenAPI documents and the server.

use std::process::Stdio;

use serde_json::json;
use tokio::process::Command;

use super::installed;
use crate::oauth::support::{Asked, Provider, basic, secret_of};
use crate::support::{Caller, TestApp};

/// Runs schemathesis on one document with a credential, repeatably and within bounds.
async fn examine(app: &TestApp, document: &str, credential: &Caller, more: &[&str]) {
    examine_with(app, document, &format!("Bearer {}", credential.token()), more).await;
}

/// The same with any `Authorization`.
async fn examine_with(app: &TestApp, document: &str, authorization: &str, more: &[&str]) {
    let Some(folder) = installed() else { return };
    let url = format!("{}/openapi/{document}.json", app.base_url);
    let authorization = format!("Authorization: {authorization}");
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
async fn schemathesis_finds_no_difference_between_the_tasks_document_and_the_server() {
    let app = TestApp::builder().with(|settings| settings.set("SIGNET_TOKEN_TTL", "24h")).start().await;
    let alice = app.signed_up("alice").await;
    let api = alice.api().await;
    api.post("/api/me/tasks", &json!({ "title": "milk" })).await.expect(201);
    examine(&app, "tasks", &api, &[]).await;
}

/// Better Auth's contract answers a wrong method with 404 and not with 405.
const NO_405: [&str; 2] = ["--exclude-checks", "unsupported_method"];
/// Nor can a schema know the password of a user, or which addresses are taken: such requests are well formed and refused.
const NO_405_NOR_STATE: [&str; 2] = ["--exclude-checks", "unsupported_method,positive_data_acceptance"];

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_no_difference_between_the_identity_document_and_the_server() {
    let app = TestApp::start().await;
    let alice = app.signed_up("alice").await;
    // What a token that was mailed is needed for, which no schema knows.
    let mailed = "send-verification-email|verify-email|request-password-reset|forget-password|reset-password.*|change-email|delete-user/callback";
    let apart =
        format!("^/api/auth/(sign-.*|revoke-.*|change-password|verify-password|delete-user|{mailed})$");
    let rest = [&NO_405[..], &["--exclude-path-regex", &apart]].concat();
    examine(&app, "identity", &alice.session, &rest).await;
    // These end the session of the caller, or depend on who is known: each gets a session of its own.
    for (path, exclusions) in [
        ("sign-up/email", NO_405_NOR_STATE),
        ("sign-in/email", NO_405),
        ("sign-out", NO_405),
        ("revoke-session", NO_405),
        ("revoke-sessions", NO_405),
        ("revoke-other-sessions", NO_405),
        ("change-password", NO_405_NOR_STATE),
        ("verify-password", NO_405_NOR_STATE),
    ] {
        let session = alice.sign_in_again(&app).await.session;
        let path = format!("/api/auth/{path}");
        let only = [&exclusions[..], &["--include-path", &path]].concat();
        examine(&app, "identity", &session, &only).await;
    }
    let (app_with_mail, _letters) = TestApp::with_letters();
    let app_with_mail = app_with_mail.start().await;
    let carol = app_with_mail.signed_up("carol").await;
    let mailed = format!("^/api/auth/({mailed})$");
    let only = [&NO_405_NOR_STATE[..], &["--include-path-regex", &mailed]].concat();
    examine(&app_with_mail, "identity", &carol.session, &only).await;
    let bob = app.signed_up("bob").await;
    let only = [&NO_405_NOR_STATE[..], &["--include-path", "/api/auth/delete-user"]].concat();
    examine(&app, "identity", &bob.session, &only).await;
}

/// Which codes, tokens and clients there are, no schema knows.
const NO_STATE: [&str; 2] = ["--exclude-checks", "positive_data_acceptance"];

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_no_difference_between_the_oauth_document_and_the_server() {
    let provider = Provider::start().await;
    let client = provider.client("app", |_| ()).await;
    let user = provider.app.signed_up("ada").await;
    let of_client = basic("app", &secret_of("app"));
    let rest = [&NO_STATE[..], &["--exclude-path", "/api/auth/oauth2/userinfo"]].concat();
    examine_with(&provider.app, "oauth", &of_client, &rest).await;
    let tokens = provider.granted(&client, &user, &Asked::default()).await;
    let of_user = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let only = [&NO_STATE[..], &["--include-path", "/api/auth/oauth2/userinfo"]].concat();
    examine_with(&provider.app, "oauth", &of_user, &only).await;
}
