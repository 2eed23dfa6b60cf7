//! How long sessions last, and what ends with them.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::support::TestApp;
use crate::support::caller::PASSWORD;

#[tokio::test]
async fn restart_keeps_refusing_tokens_of_an_ended_session_and_no_others() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let fixed = |settings: &mut signet::config::Settings| {
        settings.set("BETTER_AUTH_URL", "http://localhost:9".to_owned())
    };
    let app = TestApp::in_folder(folder.clone()).with(fixed).start().await;
    let alice = app.signed_up("alice").await;
    let (ended, kept) = (alice.sign_in_again(&app).await, alice.jwt().await);
    let ended_jwt = ended.jwt().await;
    ended.session.post("/api/auth/sign-out", &json!({})).await.expect(200);
    assert!(app.stop().await);

    let app = TestApp::in_folder(folder).with(fixed).start().await;
    app.anonymous().bearing(&ended_jwt).get("/api/me/tasks").await.assert_error(401, "INVALID_TOKEN");
    app.anonymous().bearing(&kept).get("/api/me/tasks").await.expect(200);
}

#[tokio::test]
async fn revoke_session_takes_a_handle_from_the_list_which_opens_nothing() {
    let app = TestApp::start().await;
    let alice = app.signed_up("alice").await;
    let other = alice.sign_in_again(&app).await;
    let bob = app.signed_up("bob").await;
    let list = alice.session.get("/api/auth/list-sessions").await.expect(200);
    let handle = list
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["token"].as_str().unwrap())
        .find(|t| *t != alice.session_token);
    let handle = handle.unwrap().to_owned();
    assert_ne!(handle, other.session_token);
    app.anonymous().bearing(&handle).get("/api/auth/token").await.assert_error(401, "UNAUTHORIZED");
    bob.session.post("/api/auth/revoke-session", &json!({ "token": handle })).await.expect(200);
    other.session.get("/api/auth/token").await.expect(200);
    alice.session.post("/api/auth/revoke-session", &json!({ "token": handle })).await.expect(200);
    other.session.get("/api/auth/token").await.assert_error(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn get_session_slides_the_expiry_once_a_day_and_ends_what_was_not_used() {
    let app = TestApp::builder().manual_clock().start().await;
    let alice = app.signed_up("alice").await;
    let day = Duration::from_secs(86_400);
    let expires = async || {
        let reply = alice.session.get("/api/auth/get-session").await;
        (reply.expect(200)["session"]["expiresAt"].clone(), !reply.header("set-auth-token").is_empty())
    };
    assert_eq!(expires().await, (json!("2026-11-29T20:00:00.000Z"), false));
    app.advance(day - Duration::from_secs(1));
    assert_eq!(expires().await, (json!("2026-11-29T20:00:00.000Z"), false));
    app.advance(Duration::from_secs(1));
    assert_eq!(expires().await, (json!("2026-11-30T20:00:00.000Z"), true));
    app.advance(7 * day);
    let ended = alice.session.get("/api/auth/get-session").await;
    assert_eq!(ended.expect(200), serde_json::Value::Null);
    assert_eq!(ended.headers.get_all("set-cookie").iter().count(), 3, "the cookies are cleared");
}

#[tokio::test]
async fn get_token_of_a_session_that_is_not_remembered_ends_after_a_day_whatever_happens() {
    let app = TestApp::builder().manual_clock().start().await;
    let body = json!({ "name": "A", "email": "a@example.com", "password": PASSWORD, "rememberMe": false });
    let answer = app.anonymous().post("/api/auth/sign-up/email", &body).await.expect(200);
    let session = app.anonymous().bearing(answer["token"].as_str().unwrap());
    app.advance(Duration::from_secs(86_400 - 60));
    session.get("/api/auth/token").await.expect(200);
    let jwt = session.get("/api/auth/token").await.expect(200)["token"].as_str().unwrap().to_owned();
    let claims = signet_verify::jose::base64url::decode(jwt.split('.').nth(1).unwrap()).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
        60,
        "the token ends with its session"
    );
    app.advance(Duration::from_secs(60));
    session.get("/api/auth/token").await.assert_error(401, "UNAUTHORIZED");
}
