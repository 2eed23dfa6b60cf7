//! Deleting oneself where mail is on: `delete-user` with a token, and `delete-user/callback`.

use std::time::Duration;

use serde_json::json;

use super::*;

fn sent() -> Value {
    json!({ "success": true, "message": "Verification email sent" })
}

fn deleted() -> Value {
    json!({ "success": true, "message": "User deleted" })
}

#[tokio::test]
async fn delete_user_mails_a_link_first_and_deletes_with_its_token() {
    let (app, letters) = start().await;
    let (ada, bob) = (app.signed_up("ada").await, app.signed_up("bob").await);
    let jwt = ada.jwt().await;
    for body in [json!({}), proof()] {
        assert_eq!(post(&ada.session, "delete-user", body).await.expect(200), sent());
        assert!(is_signed_in(&ada.session).await, "nothing has happened yet");
    }
    settled(&app).await;
    let [one, two] = [(); 2].map(|()| letters.next(&ada.email, "/delete-account#token="));
    let tokens = [one.await.token(), two.await.token()];
    let mut deletions = 0;
    for token in &tokens {
        let reply = post(&ada.session, "delete-user", json!({ "token": token })).await;
        if reply.status == 200 {
            assert_eq!(reply.expect(200), deleted());
            assert!(reply.header("set-cookie").contains("Max-Age=0"));
            deletions += 1;
        }
    }
    assert_eq!(deletions, 1, "one link lives");
    assert!(!is_signed_in(&ada.session).await && is_signed_in(&bob.session).await);
    app.anonymous().bearing(&jwt).get("/api/me/tasks").await.assert_error(401, "INVALID_TOKEN");
    sign_in(&app, &ada.email, PASSWORD).await.assert_error(401, "INVALID_EMAIL_OR_PASSWORD");
    settled(&app).await;
    let told = letters.all_to(&ada.email).into_iter().filter(|letter| !letter.text.contains("token="));
    assert_eq!(told.count(), 1, "she is told");
}

#[tokio::test]
async fn delete_user_judges_the_password_first_and_then_the_token() {
    let (app, letters) = start().await;
    let (ada, bob) = (app.signed_up("ada").await, app.signed_up("bob").await);
    let delete = async |caller: &Caller, body| post(caller, "delete-user", body).await;
    delete(&app.anonymous(), json!({})).await.assert_error(401, "UNAUTHORIZED");
    let wrong = json!({ "password": "not the password" });
    delete(&ada.session, wrong.clone()).await.assert_error(400, "INVALID_PASSWORD");
    let long = json!({ "password": "x".repeat(129) });
    delete(&ada.session, long).await.assert_error(400, "PASSWORD_TOO_LONG");
    delete(&ada.session, json!({})).await.expect(200);
    let token = letters.next(&ada.email, "/delete-account#token=").await.token();
    let both = |password: &str| json!({ "password": password, "token": token });
    delete(&ada.session, both("not the password")).await.assert_error(400, "INVALID_PASSWORD");
    delete(&ada.session, json!({ "token": "nope" })).await.assert_error(404, "INVALID_TOKEN");
    // A token of another user is spent where it does not belong.
    delete(&bob.session, json!({ "token": token })).await.assert_error(404, "INVALID_TOKEN");
    delete(&ada.session, both(PASSWORD)).await.assert_error(404, "INVALID_TOKEN");
    assert!(is_signed_in(&ada.session).await && is_signed_in(&bob.session).await);
    delete(&ada.session, json!({})).await.expect(200);
    let token = letters.next(&ada.email, "/delete-account#token=").await.token();
    let body = json!({ "password": PASSWORD, "token": token });
    assert_eq!(delete(&ada.session, body).await.expect(200), deleted());
}

#[tokio::test]
async fn delete_user_of_a_user_without_a_password_who_shows_one_is_refused() {
    let (app, _) = start().await;
    let ada = app.signed_up("ada").await;
    update(&app, "DELETE FROM accounts").await;
    post(&ada.session, "delete-user", proof()).await.assert_error(400, "CREDENTIAL_ACCOUNT_NOT_FOUND");
    assert_eq!(post(&ada.session, "delete-user", json!({})).await.expect(200), sent());
}

#[tokio::test]
async fn delete_user_link_works_for_a_day_also_in_an_old_session() {
    let (builder, letters) = TestApp::with_letters();
    let app = builder.manual_clock().start().await;
    let ada = app.signed_up("ada").await;
    app.advance(Duration::from_secs(2 * 86_400));
    assert_eq!(post(&ada.session, "delete-user", json!({})).await.expect(200), sent());
    let token = letters.next(&ada.email, "/delete-account#token=").await.token();
    app.advance(Duration::from_secs(86_400));
    post(&ada.session, "delete-user", json!({ "token": token })).await.assert_error(404, "INVALID_TOKEN");
    post(&ada.session, "delete-user", json!({})).await.expect(200);
    let token = letters.next(&ada.email, "/delete-account#token=").await.token();
    app.advance(Duration::from_secs(86_399));
    post(&ada.session, "delete-user", json!({ "token": token })).await.expect(200);
}

#[tokio::test]
async fn delete_user_callback_deletes_whoever_is_signed_in_and_goes_on() {
    let (app, letters) = start().await;
    let (ada, bob) = (app.signed_up("ada").await, app.signed_up("bob").await);
    post(&ada.session, "delete-user", json!({ "callbackURL": "/goodbye" })).await.expect(200);
    let path = "/api/auth/delete-user/callback?";
    let link = letters.next(&ada.email, path).await.link(path);
    app.anonymous().get("/api/auth/delete-user/callback").await.assert_error(400, "VALIDATION_ERROR");
    let evil =
        format!("{link}&callbackURL=x").replace("%2Fgoodbye&callbackURL=x", "https%3A%2F%2Fevil.example");
    ada.session.get(&evil).await.assert_error(403, "INVALID_CALLBACK_URL");
    let stranger = app.anonymous().get(&link).await;
    stranger.assert_error(404, "FAILED_TO_GET_USER_INFO");
    assert_eq!(stranger.json()["message"], "Failed to get user info");
    ada.session.get(&format!("{path}token=nope&callbackURL=%2F")).await.assert_error(404, "INVALID_TOKEN");
    let reply = ada.session.get(&link).await;
    assert_eq!((reply.status.as_u16(), reply.location(), reply.text.as_str()), (302, "/goodbye", ""));
    assert!(reply.header("set-cookie").contains("Max-Age=0"));
    assert!(!is_signed_in(&ada.session).await);

    post(&bob.session, "delete-user", json!({})).await.expect(200);
    let token = letters.next(&bob.email, "/delete-account#token=").await.token();
    let answer = bob.session.get(&format!("{path}token={token}")).await.expect(200);
    assert_eq!(answer, deleted());
}

#[tokio::test]
async fn delete_user_without_a_mailer_is_as_before() {
    let app = TestApp::start().await;
    let (ada, bob) = (app.signed_up("ada").await, app.signed_up("bob").await);
    post(&ada.session, "delete-user", json!({ "token": "nope" })).await.assert_error(404, "INVALID_TOKEN");
    let body = json!({ "token": "nope", "password": "not the password" });
    post(&ada.session, "delete-user", body).await.assert_error(400, "INVALID_PASSWORD");
    ada.session.get("/api/auth/delete-user/callback?token=nope").await.assert_error(404, "INVALID_TOKEN");
    assert_eq!(post(&ada.session, "delete-user", proof()).await.expect(200), deleted());
    assert_eq!(post(&bob.session, "delete-user", json!({})).await.expect(200), deleted());
}
