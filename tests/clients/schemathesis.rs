//! A third-party tool finds no difference between the OpenAPI documents and the server.

use std::process::Stdio;

use serde_json::json;
use tokio::process::Command;

use super::installed;
use crate::support::{Caller, TestApp};

/// Runs schemathesis on one document with a credential, repeatably and within bounds.
async fn examine(app: &TestApp, document: &str, credential: &Caller, more: &[&str]) {
    examine_as(app, document, &format!("Bearer {}", credential.token()), more).await;
}

/// The same with any `Authorization`.
async fn examine_as(app: &TestApp, document: &str, authorization: &str, more: &[&str]) {
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

/// Which codes, tokens and clients are good no schema knows; and an authorization endpoint tells a browser on a page what does
/// not fit, so that a request is well formed and refused, or not and answered.
const OAUTH_STATE: [&str; 2] = ["--exclude-checks", "positive_data_acceptance,negative_data_rejection"];

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_no_difference_between_the_oauth_document_and_the_server() {
    let secret = "DqT1mV7nLw0sXy4kR9bZ2cHfJ6pGu3Ea";
    let app = TestApp::builder().provisioned(&json!({ "clients": [{
        "client_id": "app", "client_secret": secret, "redirect_uris": ["https://app.example/cb"],
        "grant_types": [
            "authorization_code", "refresh_token", "client_credentials",
            "urn:ietf:params:oauth:grant-type:device_code",
        ],
    }] }));
    let app = app.start().await;
    let alice = app.signed_up("alice").await;
    let of_users = ["--include-path-regex", "/(userinfo|authorize)$"];
    examine(&app, "oauth", &alice.session, &[&OAUTH_STATE[..], &of_users].concat()).await;
    let of_clients = ["--exclude-path-regex", "/(userinfo|authorize)$"];
    let client = crate::oauth::support::basic("app", secret);
    examine_as(&app, "oauth", &client, &[&OAUTH_STATE[..], &of_clients].concat()).await;
}
