//! Signing up.

use serde_json::json;
use sqlx::Row;

use super::pool;
use crate::support::TestApp;
use crate::support::caller::PASSWORD;

#[tokio::test(flavor = "multi_thread")]
async fn sign_up_by_200_with_one_address_lets_one_win_and_gives_every_503_a_reason() {
    let app = TestApp::start().await;
    let attempts = (0..200).map(|_| {
        let client = app.anonymous();
        let body = json!({ "name": "A", "email": "a@example.com", "password": PASSWORD });
        tokio::spawn(async move { client.post("/api/auth/sign-up/email", &body).await })
    });
    let (mut won, mut timed_out) = (0, 0);
    for attempt in attempts.collect::<Vec<_>>() {
        let reply = attempt.await.unwrap();
        match reply.status.as_u16() {
            200 => won += 1,
            422 => reply.assert_error(422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL"),
            // On a machine that is busy with other things; one of them may have won all the same.
            408 => {
                reply.assert_error(408, "REQUEST_TIMEOUT");
                timed_out += 1;
            }
            _ => {
                reply.assert_error(503, "SIGN_IN_BUSY");
                assert!(!reply.header("retry-after").is_empty());
            }
        }
    }
    assert!(won == 1 || (won == 0 && timed_out > 0), "{won} won, {timed_out} timed out");
    let users = sqlx::query("SELECT COUNT(*) AS n FROM users").fetch_one(&pool(&app).await).await.unwrap();
    assert_eq!(users.get::<i64, _>("n"), 1);
}
