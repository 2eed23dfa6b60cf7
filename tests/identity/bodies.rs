//! What bodies are read.

use reqwest::Method;
use serde_json::json;

use crate::support::caller::PASSWORD;
use crate::support::{Caller, TestApp};

#[tokio::test]
async fn sign_in_reads_bodies_strictly_and_within_bounds() {
    let app = TestApp::start().await;
    let send = |body: String| {
        let request = app.anonymous().request(Method::POST, "/api/auth/sign-in/email");
        Caller::send(request.header("content-type", "application/json").body(body))
    };
    let twice = r#"{"email": "a@example.com", "email": "b@example.com", "password": "x"}"#.to_owned();
    send(twice).await.assert_error(400, "BAD_REQUEST");
    send("[".repeat(30_000)).await.assert_error(400, "BAD_REQUEST");
    send(format!("{{\"email\": \"{}\"}}", "a".repeat(70_000))).await.assert_error(413, "PAYLOAD_TOO_LARGE");
}

#[tokio::test]
async fn sign_in_tells_who_sends_json_as_a_form() {
    let app = TestApp::start().await;
    app.signed_up("alice").await;
    let send = |media_type: &str, body: String| {
        let request = app.anonymous().request(Method::POST, "/api/auth/sign-in/email");
        Caller::send(request.header("content-type", media_type).body(body))
    };
    let json = json!({ "email": "alice@example.com", "password": PASSWORD }).to_string();
    let form = format!("email=alice%40example.com&password={}", PASSWORD.replace(' ', "+"));
    let mistaken = send("application/x-www-form-urlencoded", json).await;
    mistaken.assert_error(400, "VALIDATION_ERROR");
    assert!(mistaken.json()["message"].as_str().unwrap().contains("Content-Type: application/json"));
    send("application/x-www-form-urlencoded", form).await.expect(200);
}
