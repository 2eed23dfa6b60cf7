//! What is stored, and what a restart makes of it.

use std::sync::Arc;

use reqwest::Method;
use serde_json::json;
use signet::config::SecretText;

use crate::support::caller::PASSWORD;
use crate::support::{Caller, SECRET, TestApp};

#[tokio::test]
async fn store_holds_no_session_token_and_no_password() {
    let app = TestApp::start().await;
    let alice = app.signed_up("alice").await;
    let folder = app.folder.clone();
    app.stop().await;
    for entry in std::fs::read_dir(folder.path()).unwrap().flatten().filter(|entry| entry.path().is_file()) {
        let bytes = std::fs::read(entry.path()).unwrap();
        for secret in [alice.session_token.as_str(), PASSWORD] {
            assert!(
                !bytes.windows(secret.len()).any(|window| window == secret.as_bytes()),
                "{:?}",
                entry.path()
            );
        }
    }
}

#[tokio::test]
async fn change_of_the_secret_signs_browsers_out_and_breaks_no_request() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let start = async |secret: &str| {
        let secret = SecretText::from(secret.to_owned());
        let fixed = |settings: &mut signet::config::Settings| {
            settings.set("BETTER_AUTH_URL", "http://localhost:9".to_owned());
            settings.set("BETTER_AUTH_SECRET", secret);
        };
        TestApp::in_folder(folder.clone()).with(fixed).start().await
    };
    let app = start(SECRET).await;
    let alice = app.signed_up("alice").await;
    let jwt = alice.jwt().await;
    let body = json!({ "email": alice.email, "password": PASSWORD });
    let signed_in = app.anonymous().post("/api/auth/sign-in/email", &body).await;
    let cookie = signed_in.header("set-cookie").split(';').next().unwrap().to_owned();
    let with_cookie = async |app: &TestApp, method: Method, path: &str| {
        let request = app.anonymous().request(method, path).header("cookie", &cookie);
        Caller::send(request.header("origin", "http://localhost:9").json(&json!({}))).await
    };
    assert!(with_cookie(&app, Method::GET, "/api/auth/get-session").await.expect(200).is_object());
    assert!(app.stop().await);

    let app = start("only one test signs with this: pX3w Gd6s Yb9n").await;
    assert!(with_cookie(&app, Method::GET, "/api/auth/get-session").await.expect(200).is_null());
    let document: serde_json::Value =
        serde_json::from_str(&signet::http::ops::docs::identity_document()).unwrap();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            let method = method.to_uppercase().parse().unwrap();
            let reply = with_cookie(&app, method, path).await;
            assert!(!reply.status.is_server_error(), "{path}: {}", reply.text);
        }
    }
    // What was signed with a key of the ring has nothing to do with that secret.
    app.anonymous().bearing(&jwt).get("/api/me/tasks").await.expect(200);
    app.anonymous().post("/api/auth/sign-in/email", &body).await.expect(200);
}
