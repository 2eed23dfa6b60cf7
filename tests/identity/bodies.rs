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

#[tokio::test]
async fn a_password_that_is_too_long_has_one_code_however_long_it_is() {
    let app = TestApp::start().await;
    let alice = app.signed_up("alice").await;
    for length in [129, 4096, 4097, 60_000] {
        let long = "x".repeat(length);
        let sign_up = json!({ "name": "B", "email": "b@example.com", "password": long });
        let sign_in = json!({ "email": alice.email, "password": long });
        for (path, body) in [("sign-up", sign_up), ("sign-in", sign_in)] {
            let refused = app.anonymous().post(&format!("/api/auth/{path}/email"), &body).await;
            refused.assert_error(400, "PASSWORD_TOO_LONG");
        }
        let change = |new: &str, current: &str| json!({ "newPassword": new, "currentPassword": current });
        let changed = alice.session.post("/api/auth/change-password", &change(&long, PASSWORD)).await;
        changed.assert_error(400, "PASSWORD_TOO_LONG");
        // As Better Auth says of a current one that is wrong for whatever reason.
        let wrong = alice.session.post("/api/auth/change-password", &change("new password", &long)).await;
        wrong.assert_error(400, "INVALID_PASSWORD");
        for (path, code) in [("verify-password", "INVALID_PASSWORD"), ("delete-user", "PASSWORD_TOO_LONG")] {
            let refused =
                alice.session.post(&format!("/api/auth/{path}"), &json!({ "password": long })).await;
            refused.assert_error(400, code);
        }
    }
}

#[tokio::test]
async fn an_empty_place_to_go_on_to_is_none() {
    let app = TestApp::start().await;
    let alice = app.signed_up("alice").await;
    let mut body = json!({ "email": alice.email, "password": PASSWORD });
    for member in ["callbackURL", "redirectTo", "errorCallbackURL", "newUserCallbackURL"] {
        body[member] = json!("");
        let signed_in = app.anonymous().post("/api/auth/sign-in/email", &body).await;
        let answer = signed_in.expect(200);
        assert_eq!(
            (&answer["redirect"], &answer["url"]),
            (&json!(false), &json!("")),
            "as Better Auth has it"
        );
        assert!(signed_in.headers.get("location").is_none());
        let sign_up =
            json!({ "name": "", "email": format!("{member}@example.com"), "password": PASSWORD, member: "" });
        app.anonymous().post("/api/auth/sign-up/email", &sign_up).await.expect(200);
        body[member] = json!("//evil.example");
        assert_eq!(app.anonymous().post("/api/auth/sign-in/email", &body).await.status, 403);
        body[member] = json!("");
    }
    let form = format!("email=alice%40example.com&password={}&callbackURL=", PASSWORD.replace(' ', "+"));
    let request = app.anonymous().request(Method::POST, "/api/auth/sign-in/email");
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
    assert_eq!(Caller::send(request).await.expect(200)["redirect"], false);
}
