//! Deleting oneself.

use serde_json::json;
use sqlx::Row;

use super::pool;
use crate::support::TestApp;
use crate::support::caller::PASSWORD;

#[tokio::test]
async fn delete_user_takes_everything_that_was_theirs_and_nothing_of_others() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.signed_up("alice").await, app.signed_up("bob").await);
    let elsewhere = alice.sign_in_again(&app).await;
    let jwts = [alice.jwt().await, elsewhere.jwt().await];
    alice.api().await.post("/api/me/tasks", &json!({ "title": "mine" })).await.expect(201);
    bob.api().await.post("/api/me/tasks", &json!({ "title": "his" })).await.expect(201);

    let delete = async |body| alice.session.post("/api/auth/delete-user", &body).await;
    delete(json!({ "password": "not the password" })).await.assert_error(400, "INVALID_PASSWORD");
    delete(json!({ "token": "from an e-mail" })).await.assert_error(404, "INVALID_TOKEN");
    alice.session.get("/api/auth/token").await.expect(200);
    let answer = delete(json!({ "password": PASSWORD })).await;
    assert_eq!(answer.expect(200), json!({ "success": true, "message": "User deleted" }));

    for session in [&alice.session, &elsewhere.session] {
        session.get("/api/auth/token").await.assert_error(401, "UNAUTHORIZED");
    }
    for jwt in &jwts {
        app.anonymous().bearing(jwt).get("/api/me/tasks").await.assert_error(401, "INVALID_TOKEN");
    }
    let sign_in = json!({ "email": alice.email, "password": PASSWORD });
    let refused = app.anonymous().post("/api/auth/sign-in/email", &sign_in).await;
    refused.assert_error(401, "INVALID_EMAIL_OR_PASSWORD");
    for table in ["users", "accounts", "sessions", "tasks"] {
        let column = if table == "users" { "id" } else { "user_id" };
        let count = format!("SELECT COUNT(*) FROM {table} WHERE {column} = $1");
        let count =
            sqlx::query(sqlx::AssertSqlSafe(count)).bind(&alice.id).fetch_one(&pool(&app).await).await;
        assert_eq!(count.unwrap().get::<i64, _>(0), 0, "{table}");
    }
    let tasks = bob.api().await.get("/api/me/tasks").await.expect(200);
    assert_eq!(tasks.as_array().unwrap().len(), 1);
    // The address is free again, and leads to a new user.
    let again = app.signed_up("alice").await;
    assert_ne!(again.id, alice.id);
    assert_eq!(again.api().await.get("/api/me/tasks").await.expect(200), json!([]));
}
