//! Accounts that people can get back into: what is mailed to them, and what the links do.

mod callbacks;
mod change_email;
mod delete_user;
mod distribution;
mod limits;
mod reset_password;
mod secrecy;
mod sign_up;
mod tokens;
mod verify_email;

use serde_json::{Value, json};
use sqlx::Row;

use super::pool;
use crate::support::caller::PASSWORD;
use crate::support::letters::Letters;
use crate::support::wait::until;
use crate::support::{Caller, Reply, TestApp};

const NEW_PASSWORD: &str = "another password";

/// A server with letters, and nothing else out of the usual.
async fn start() -> (TestApp, Letters) {
    let (builder, letters) = TestApp::with_letters();
    (builder.start().await, letters)
}

async fn post(caller: &Caller, path: &str, body: Value) -> Reply {
    caller.post(&format!("/api/auth/{path}"), &body).await
}

async fn request_reset(app: &TestApp, email: &str) {
    let body = json!({ "email": email });
    let answer = post(&app.anonymous(), "request-password-reset", body).await.expect(200);
    let message = "If this email exists in our system, check your email for the reset link";
    assert_eq!(answer, json!({ "status": true, "message": message }));
}

/// Asks for a link to reset the password, and reads the token in the letter.
async fn reset_token(app: &TestApp, letters: &Letters, email: &str) -> String {
    request_reset(app, email).await;
    letters.next(email, "/reset-password#token=").await.token()
}

async fn reset(app: &TestApp, token: &str, password: &str) -> Reply {
    post(&app.anonymous(), "reset-password", json!({ "token": token, "newPassword": password })).await
}

async fn sign_in(app: &TestApp, email: &str, password: &str) -> Reply {
    post(&app.anonymous(), "sign-in/email", json!({ "email": email, "password": password })).await
}

/// Whether a caller is signed in.
async fn is_signed_in(caller: &Caller) -> bool {
    !caller.get("/api/auth/get-session").await.expect(200).is_null()
}

/// Waits until everything that was asked for is worked off, and delivered.
async fn settled(app: &TestApp) {
    let pool = pool(app).await;
    until("mail is worked off", async || {
        let waiting = "SELECT (SELECT COUNT(*) FROM mail_requests) + \
                       (SELECT COUNT(*) FROM outbox WHERE state = 'waiting')";
        sqlx::query(waiting).fetch_one(&pool).await.unwrap().get::<i64, _>(0) == 0
    })
    .await;
    pool.close().await;
}

/// Verifies the address of a user by the link of the letter that follows their sign-up.
async fn verify(app: &TestApp, letters: &Letters, email: &str) {
    let token = letters.next(email, "/verify-email#token=").await.token();
    let answer = post(&app.anonymous(), "verify-email", json!({ "token": token })).await.expect(200);
    assert_eq!(answer, json!({ "status": true, "user": null }));
}

async fn user_of(caller: &Caller) -> Value {
    caller.get("/api/auth/get-session").await.expect(200)["user"].clone()
}

async fn update(app: &TestApp, statement: &'static str) {
    let pool = pool(app).await;
    sqlx::query(statement).execute(&pool).await.unwrap();
    pool.close().await;
}

fn password_of(token: &str, password: &str) -> Value {
    json!({ "token": token, "newPassword": password })
}

fn proof() -> Value {
    json!({ "password": PASSWORD })
}
