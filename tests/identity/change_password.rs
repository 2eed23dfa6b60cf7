//! Replacing a password.

use serde_json::json;

use crate::support::TestApp;
use crate::support::caller::PASSWORD;

#[tokio::test]
async fn change_password_can_end_every_other_session_and_its_tokens() {
    let app = TestApp::start().await;
    let alice = app.signed_up("alice").await;
    let other = alice.sign_in_again(&app).await;
    let (own_jwt, other_jwt) = (alice.jwt().await, other.jwt().await);
    let body = json!({ "currentPassword": PASSWORD, "newPassword": "another password", "revokeOtherSessions": true });
    let changed = alice.session.post("/api/auth/change-password", &body).await.expect(200);
    for jwt in [own_jwt, other_jwt] {
        app.anonymous().bearing(&jwt).get("/api/me/tasks").await.assert_error(401, "INVALID_TOKEN");
    }
    other.session.get("/api/auth/token").await.assert_error(401, "UNAUTHORIZED");
    app.anonymous().bearing(changed["token"].as_str().unwrap()).get("/api/auth/token").await.expect(200);
    let old = json!({ "email": alice.email, "password": PASSWORD });
    app.anonymous()
        .post("/api/auth/sign-in/email", &old)
        .await
        .assert_error(401, "INVALID_EMAIL_OR_PASSWORD");
}
