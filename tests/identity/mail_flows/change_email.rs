//! Changing the address: `change-email`, and what `verify-email` does with its token.

use reqwest::Method;
use serde_json::json;

use super::*;

#[tokio::test]
async fn change_email_takes_effect_when_the_new_address_proves_itself_and_the_old_one_is_told() {
    let (app, letters) = start().await;
    let ada = app.signed_up("ada").await;
    let elsewhere = ada.sign_in_again(&app).await;
    let change = async |new: &str| post(&ada.session, "change-email", json!({ "newEmail": new })).await;
    assert_eq!(change("New@example.com").await.expect(200), json!({ "status": true }));
    let token = letters.next("new@example.com", "/verify-email#token=").await.token();
    letters.next(&ada.email, "new@example.com").await;
    assert_eq!(user_of(&ada.session).await["email"], "ada@example.com", "nothing has changed yet");

    let reply = post(&ada.session, "verify-email", json!({ "token": token })).await;
    let answer = reply.expect(200);
    assert_eq!((&answer["status"], &answer["user"]["email"]), (&json!(true), &json!("new@example.com")));
    assert_eq!(answer["user"]["emailVerified"], true);
    assert_eq!(answer["user"]["id"], ada.id);
    assert!(
        reply.header("set-cookie").contains("better-auth.session_token="),
        "{}",
        reply.header("set-cookie")
    );
    assert!(reply.header("set-auth-token").starts_with(&ada.session_token));
    for session in [&ada.session, &elsewhere.session] {
        assert_eq!(user_of(session).await["email"], "new@example.com", "sessions stay");
    }
    letters.next(&ada.email, "new@example.com").await;
    sign_in(&app, "new@example.com", PASSWORD).await.expect(200);
    sign_in(&app, &ada.email, PASSWORD).await.assert_error(401, "INVALID_EMAIL_OR_PASSWORD");
    post(&ada.session, "verify-email", json!({ "token": token })).await.assert_error(401, "INVALID_TOKEN");
}

#[tokio::test]
async fn change_email_by_a_browser_that_is_signed_out_opens_no_session() {
    let (app, letters) = start().await;
    let ada = app.signed_up("ada").await;
    let body = json!({ "newEmail": "new@example.com", "callbackURL": "/account?a=b" });
    post(&ada.session, "change-email", body).await.expect(200);
    let link =
        letters.next("new@example.com", "/api/auth/verify-email?").await.link("/api/auth/verify-email?");
    let reply = app.anonymous().get(&link).await;
    assert_eq!((reply.status.as_u16(), reply.location()), (302, "/account?a=b"));
    assert_eq!((reply.header("set-cookie"), reply.header("set-auth-token")), ("", ""));
    assert_eq!(user_of(&ada.session).await["email"], "new@example.com");
    let again = app.anonymous().get(&link).await;
    assert_eq!((again.status.as_u16(), again.location()), (302, "/account?a=b&error=INVALID_TOKEN"));
}

#[tokio::test]
async fn change_email_with_the_link_of_another_user_is_refused_and_does_not_spend_it() {
    let (app, letters) = start().await;
    let (ada, bob) = (app.signed_up("ada").await, app.signed_up("bob").await);
    post(&ada.session, "change-email", json!({ "newEmail": "new@example.com" })).await.expect(200);
    let token = letters.next("new@example.com", "/verify-email#token=").await.token();
    let refused = post(&bob.session, "verify-email", json!({ "token": token })).await;
    refused.assert_error(401, "INVALID_USER");
    assert_eq!(refused.json()["message"], "Invalid user");
    let request =
        bob.session.request(Method::GET, &format!("/api/auth/verify-email?token={token}&callbackURL=%2Fv"));
    let redirected = Caller::send(request).await;
    assert_eq!((redirected.status.as_u16(), redirected.location()), (302, "/v?error=INVALID_USER"));
    post(&ada.session, "verify-email", json!({ "token": token })).await.expect(200);
    assert_eq!(user_of(&bob.session).await["email"], "bob@example.com");
}

#[tokio::test]
async fn change_email_to_a_taken_address_says_yes_and_mails_nobody() {
    let (app, letters) = start().await;
    let (ada, bob) = (app.signed_up("ada").await, app.signed_up("bob").await);
    settled(&app).await;
    let before = (letters.all_to(&ada.email).len(), letters.all_to(&bob.email).len());
    let reply = post(&ada.session, "change-email", json!({ "newEmail": bob.email })).await;
    assert_eq!(reply.expect(200), json!({ "status": true }));
    settled(&app).await;
    assert_eq!((letters.all_to(&ada.email).len(), letters.all_to(&bob.email).len()), before);
}

#[tokio::test]
async fn change_email_to_an_address_that_is_taken_in_between_is_an_invalid_token() {
    let (app, letters) = start().await;
    let ada = app.signed_up("ada").await;
    post(&ada.session, "change-email", json!({ "newEmail": "new@example.com" })).await.expect(200);
    let token = letters.next("new@example.com", "/verify-email#token=").await.token();
    app.signed_up("new").await;
    post(&ada.session, "verify-email", json!({ "token": token })).await.assert_error(401, "INVALID_TOKEN");
    assert_eq!(user_of(&ada.session).await["email"], "ada@example.com");
}

#[tokio::test]
async fn change_email_judges_in_the_order_of_the_contract() {
    let (app, _) = start().await;
    let ada = app.signed_up("ada").await;
    let change =
        async |caller: &Caller, new: &str| post(caller, "change-email", json!({ "newEmail": new })).await;
    change(&app.anonymous(), "nope").await.assert_error(400, "VALIDATION_ERROR");
    change(&app.anonymous(), "new@example.com").await.assert_error(401, "UNAUTHORIZED");
    let same = change(&ada.session, "ADA@example.com").await;
    same.assert_error(400, "EMAIL_IS_THE_SAME");
    assert_eq!(same.json()["message"], "Email is the same");
    let body = json!({ "newEmail": "new@example.com", "callbackURL": "https://evil.example" });
    post(&ada.session, "change-email", body).await.assert_error(403, "INVALID_CALLBACK_URL");

    let off = TestApp::start().await;
    let ada = off.signed_up("ada").await;
    change(&ada.session, "ada@example.com").await.assert_error(400, "EMAIL_IS_THE_SAME");
    let refused = change(&ada.session, "new@example.com").await;
    refused.assert_error(400, "VERIFICATION_EMAIL_NOT_ENABLED");
    change(&ada.session, "taken@example.com").await.assert_error(400, "VERIFICATION_EMAIL_NOT_ENABLED");
}

#[tokio::test]
async fn change_email_takes_back_every_link_to_the_old_address() {
    let (app, letters) = start().await;
    let ada = app.signed_up("ada").await;
    let verify = letters.next(&ada.email, "/verify-email#token=").await.token();
    let reset_token = reset_token(&app, &letters, &ada.email).await;
    post(&ada.session, "change-email", json!({ "newEmail": "new@example.com" })).await.expect(200);
    let token = letters.next("new@example.com", "/verify-email#token=").await.token();
    post(&app.anonymous(), "verify-email", json!({ "token": token })).await.expect(200);
    reset(&app, &reset_token, NEW_PASSWORD).await.assert_error(400, "INVALID_TOKEN");
    post(&app.anonymous(), "verify-email", json!({ "token": verify }))
        .await
        .assert_error(401, "INVALID_TOKEN");
}
