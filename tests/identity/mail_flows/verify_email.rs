//! Proving an address: `send-verification-email` and `verify-email`.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use super::*;

#[tokio::test]
async fn send_verification_email_says_yes_to_everybody_and_mails_those_who_are_there_and_unverified() {
    let (app, letters) = start().await;
    let (ada, bob) = (app.signed_up("ada").await, app.signed_up("bob").await);
    verify(&app, &letters, &ada.email).await;
    letters.next(&bob.email, "/verify-email#token=").await;
    for email in ["ada@example.com", "bob@example.com", "eve@example.com"] {
        let answer = post(&app.anonymous(), "send-verification-email", json!({ "email": email })).await;
        assert_eq!(answer.expect(200), json!({ "status": true }));
    }
    settled(&app).await;
    assert_eq!(letters.all_to(&ada.email).len(), 1, "hers is verified");
    assert_eq!(letters.all_to(&bob.email).len(), 2);
    assert!(letters.all_to("eve@example.com").is_empty());
    verify(&app, &letters, &bob.email).await;
    assert_eq!(user_of(&bob.session).await["emailVerified"], true);
}

#[tokio::test]
async fn send_verification_email_of_a_user_who_is_signed_in_says_what_is_wrong() {
    let (app, letters) = start().await;
    let ada = app.signed_up("ada").await;
    let send =
        async |email: &str| post(&ada.session, "send-verification-email", json!({ "email": email })).await;
    send("bob@example.com").await.assert_error(400, "EMAIL_MISMATCH");
    send("ADA@example.com").await.expect(200);
    settled(&app).await;
    let [old, new] = [(); 2].map(|()| letters.next(&ada.email, "/verify-email#token="));
    let mut tokens = [old.await.token(), new.await.token()];
    let mut answers = Vec::new();
    for token in &tokens {
        answers.push(post(&app.anonymous(), "verify-email", json!({ "token": token })).await.status.as_u16());
    }
    tokens.sort();
    answers.sort_unstable();
    assert_eq!(answers, [200, 401], "one link lives");
    send("ada@example.com").await.assert_error(400, "EMAIL_ALREADY_VERIFIED");
    send("bob@example.com").await.assert_error(400, "EMAIL_MISMATCH");
    // A session that has ended is none.
    post(&ada.session, "sign-out", json!({})).await.expect(200);
    send("bob@example.com").await.expect(200);
}

#[tokio::test]
async fn send_verification_email_judges_the_address_and_needs_a_mailer() {
    let (app, _) = start().await;
    for email in [json!("nope"), json!(""), json!(7), json!(null)] {
        let refused = post(&app.anonymous(), "send-verification-email", json!({ "email": email })).await;
        refused.assert_error(400, "VALIDATION_ERROR");
    }
    let off = TestApp::start().await;
    let body = json!({ "email": "ada@example.com" });
    let refused = post(&off.anonymous(), "send-verification-email", body).await;
    refused.assert_error(400, "VERIFICATION_EMAIL_NOT_ENABLED");
    assert_eq!(refused.json()["message"], "Verification email isn't enabled");
    post(&off.anonymous(), "send-verification-email", json!({ "email": "nope" }))
        .await
        .assert_error(400, "VALIDATION_ERROR");
}

#[tokio::test]
async fn verify_email_works_once_and_signs_nobody_in() {
    let (app, letters) = start().await;
    let ada = app.signed_up("ada").await;
    let token = letters.next(&ada.email, "/verify-email#token=").await.token();
    let path = format!("/api/auth/verify-email?token={token}");
    let reply = app.anonymous().get(&path).await;
    assert_eq!(reply.expect(200), json!({ "status": true, "user": null }));
    assert_eq!((reply.header("set-cookie"), reply.header("set-auth-token")), ("", ""));
    assert_eq!(user_of(&ada.session).await["emailVerified"], true);
    app.anonymous().get(&path).await.assert_error(401, "INVALID_TOKEN");
    post(&app.anonymous(), "verify-email", json!({ "token": token }))
        .await
        .assert_error(401, "INVALID_TOKEN");
}

#[tokio::test]
async fn verify_email_says_yes_to_whoever_is_verified_already() {
    let (app, letters) = start().await;
    let ada = app.signed_up("ada").await;
    let token = letters.next(&ada.email, "/verify-email#token=").await.token();
    // The reset proves the address as well.
    let reset_token = reset_token(&app, &letters, &ada.email).await;
    reset(&app, &reset_token, NEW_PASSWORD).await.expect(200);
    let answer = app.anonymous().get(&format!("/api/auth/verify-email?token={token}")).await.expect(200);
    assert_eq!(answer, json!({ "status": true, "user": null }));
}

#[tokio::test]
async fn verify_email_refuses_what_is_no_token_of_its_own() {
    let (builder, letters) = TestApp::with_letters();
    let app = builder.manual_clock().start().await;
    let ada = app.signed_up("ada").await;
    let token = letters.next(&ada.email, "/verify-email#token=").await.token();
    let reset_token = reset_token(&app, &letters, &ada.email).await;
    let get = async |query: &str| app.anonymous().get(&format!("/api/auth/verify-email{query}")).await;
    let missing = get("").await;
    missing.assert_error(400, "VALIDATION_ERROR");
    assert_eq!(missing.json()["message"], "[query.token] Invalid input: expected string, received undefined");
    let twice = get(&format!("?token={token}&token={token}")).await;
    twice.assert_error(400, "VALIDATION_ERROR");
    for wrong in ["", "nope", &reset_token, &token.to_lowercase(), &token[1..], &"x".repeat(2048)] {
        get(&format!("?token={wrong}")).await.assert_error(401, "INVALID_TOKEN");
        post(&app.anonymous(), "verify-email", json!({ "token": wrong }))
            .await
            .assert_error(401, "INVALID_TOKEN");
    }
    get(&format!("?token={}", "x".repeat(2049))).await.assert_error(400, "VALIDATION_ERROR");
    for body in [json!({}), json!({ "token": 7 }), json!({ "token": "x".repeat(2049) })] {
        post(&app.anonymous(), "verify-email", body).await.assert_error(400, "VALIDATION_ERROR");
    }
    app.advance(Duration::from_secs(3600));
    let expired = get(&format!("?token={token}")).await;
    expired.assert_error(401, "TOKEN_EXPIRED");
    assert_eq!(expired.json()["message"], "Token expired");
    assert_eq!(user_of(&ada.session).await["emailVerified"], false);
}

#[tokio::test]
async fn verify_email_of_a_deleted_user_refuses() {
    let (app, letters) = start().await;
    let ada = app.signed_up("ada").await;
    let token = letters.next(&ada.email, "/verify-email#token=").await.token();
    post(&ada.session, "delete-user", json!({})).await.expect(200);
    let delete = letters.next(&ada.email, "/delete-account#token=").await.token();
    post(&ada.session, "delete-user", json!({ "token": delete })).await.expect(200);
    post(&app.anonymous(), "verify-email", json!({ "token": token }))
        .await
        .assert_error(401, "INVALID_TOKEN");
}

#[tokio::test]
async fn verify_email_by_a_page_of_another_origin_with_cookies_is_refused() {
    let (app, letters) = start().await;
    let ada = app.signed_up("ada").await;
    let token = letters.next(&ada.email, "/verify-email#token=").await.token();
    let request = app.anonymous().request(Method::POST, "/api/auth/verify-email");
    let request = request.header("cookie", "a=b").header("origin", "https://evil.example");
    Caller::send(request.json(&json!({ "token": token }))).await.assert_error(403, "INVALID_ORIGIN");
}
