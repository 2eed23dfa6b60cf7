//! The whole service on PostgreSQL.

use serde_json::json;
use signet::config::SecretText;

use crate::support::TestApp;
use crate::support::caller::PASSWORD;

#[tokio::test]
async fn postgres_serves_every_operation() {
    let Some(url) = crate::support::postgres::database("one_day").await else { return };
    let app =
        TestApp::builder().with(|settings| settings.set("DATABASE_URL", SecretText::from(url))).start().await;
    let alice = app.signed_up("alice").await;
    let body = json!({ "name": "A", "email": "alice@example.com", "password": PASSWORD });
    let twice = app.anonymous().post("/api/auth/sign-up/email", &body).await;
    twice.assert_error(422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL");
    let other = alice.sign_in_again(&app).await;
    let api = alice.api().await;
    for title in ["one", "two", "three"] {
        api.post("/api/me/tasks", &json!({ "title": title })).await.expect(201);
    }
    let page = api.get("/api/me/tasks?limit=2&completed=false").await;
    assert_eq!(page.expect(200).as_array().unwrap().len(), 2);
    let next = page.header("link").split(['<', '>']).nth(1).unwrap().to_owned();
    let rest = api.get(&next).await.expect(200);
    assert_eq!(rest.as_array().unwrap().len(), 1);
    let path = format!("/api/me/tasks/{}", rest[0]["id"].as_str().unwrap());
    assert_eq!(api.patch(&format!("{path}/complete"), &json!({})).await.expect(200)["completed"], true);
    api.put(&path, &json!({ "title": "uno" })).await.expect(200);
    assert_eq!(api.delete(&path).await.status, 204);
    alice.session.post("/api/auth/update-user", &json!({ "name": "Alice", "image": null })).await.expect(200);
    let changed = json!({ "currentPassword": PASSWORD, "newPassword": "another password" });
    alice.session.post("/api/auth/change-password", &changed).await.expect(200);
    alice.session.post("/api/auth/revoke-other-sessions", &json!({})).await.expect(200);
    other.session.get("/api/auth/token").await.assert_error(401, "UNAUTHORIZED");
    alice.session.post("/api/auth/sign-out", &json!({})).await.expect(200);
    api.get("/api/me/tasks").await.assert_error(401, "INVALID_TOKEN");
}
