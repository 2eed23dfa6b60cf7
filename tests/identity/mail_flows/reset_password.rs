//! Passwords that were forgotten: `request-password-reset`, `reset-password`.

use std::time::Duration;

use serde_json::json;

use super::*;

#[tokio::test]
async fn reset_password_sets_it_ends_every_session_verifies_the_address_and_tells_the_owner() {
    let (app, letters) = start().await;
    let (ada, bob) = (app.signed_up("ada").await, app.signed_up("bob").await);
    let elsewhere = ada.sign_in_again(&app).await;
    let jwt = ada.jwt().await;
    let token = reset_token(&app, &letters, &ada.email).await;
    assert!(is_signed_in(&ada.session).await, "asking changes nothing");
    let reply = reset(&app, &token, NEW_PASSWORD).await;
    assert_eq!(reply.expect(200), json!({ "status": true }));
    assert_eq!((reply.header("set-cookie"), reply.header("set-auth-token")), ("", ""), "nobody is signed in");
    for session in [&ada.session, &elsewhere.session] {
        assert!(!is_signed_in(session).await);
    }
    app.anonymous().bearing(&jwt).get("/api/me/tasks").await.assert_error(401, "INVALID_TOKEN");
    assert!(is_signed_in(&bob.session).await, "nothing of others has changed");
    sign_in(&app, &ada.email, PASSWORD).await.assert_error(401, "INVALID_EMAIL_OR_PASSWORD");
    let answer = sign_in(&app, &ada.email, NEW_PASSWORD).await.expect(200);
    assert_eq!(answer["user"]["emailVerified"], true);
    settled(&app).await;
    let told = letters.all_to(&ada.email).into_iter().filter(|letter| !letter.text.contains("token="));
    assert_eq!(told.count(), 1, "she is told");
    reset(&app, &token, "a third password").await.assert_error(400, "INVALID_TOKEN");
    sign_in(&app, &ada.email, NEW_PASSWORD).await.expect(200);
}

#[tokio::test]
async fn reset_password_judges_the_body_before_the_token_and_does_not_spend_it() {
    let (app, letters) = start().await;
    let ada = app.signed_up("ada").await;
    let token = reset_token(&app, &letters, &ada.email).await;
    let send = async |body| post(&app.anonymous(), "reset-password", body).await;
    for body in [json!({}), json!({ "newPassword": 7, "token": token }), json!({ "newPassword": null })] {
        send(body).await.assert_error(400, "VALIDATION_ERROR");
    }
    for body in
        [json!({ "newPassword": NEW_PASSWORD }), password_of("", NEW_PASSWORD), json!({ "newPassword": "x" })]
    {
        send(body).await.assert_error(400, "INVALID_TOKEN");
    }
    for (password, code) in [("short", "PASSWORD_TOO_SHORT"), (&*"x".repeat(129), "PASSWORD_TOO_LONG")] {
        send(password_of(&token, password)).await.assert_error(400, code);
        send(password_of("nope", password)).await.assert_error(400, code);
    }
    for wrong in ["nope", &token[1..], &token.to_lowercase()] {
        send(password_of(wrong, NEW_PASSWORD)).await.assert_error(400, "INVALID_TOKEN");
    }
    // In the query; that of the body goes before.
    let in_query = format!("reset-password?token={token}");
    post(&app.anonymous(), &in_query, password_of("nope", NEW_PASSWORD))
        .await
        .assert_error(400, "INVALID_TOKEN");
    post(&app.anonymous(), &in_query, json!({ "newPassword": NEW_PASSWORD })).await.expect(200);
    sign_in(&app, &ada.email, NEW_PASSWORD).await.expect(200);
}

#[tokio::test]
async fn reset_password_works_for_an_hour_and_only_by_the_last_link() {
    let (builder, letters) = TestApp::with_letters();
    let app = builder.manual_clock().start().await;
    let ada = app.signed_up("ada").await;
    let first = reset_token(&app, &letters, &ada.email).await;
    let second = reset_token(&app, &letters, &ada.email).await;
    reset(&app, &first, NEW_PASSWORD).await.assert_error(400, "INVALID_TOKEN");
    app.advance(Duration::from_secs(3599));
    let path = format!("/api/auth/reset-password/{second}?callbackURL=%2Freset");
    let location = app.anonymous().get(&path).await.location().to_owned();
    assert!(location.ends_with(&format!("/reset?token={second}")), "{location}");
    app.advance(Duration::from_secs(1));
    assert!(app.anonymous().get(&path).await.location().ends_with("/reset?error=INVALID_TOKEN"));
    reset(&app, &second, NEW_PASSWORD).await.assert_error(400, "INVALID_TOKEN");
    sign_in(&app, &ada.email, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn reset_password_takes_back_every_other_link_that_could_do_something() {
    let (app, letters) = start().await;
    let ada = app.signed_up("ada").await;
    verify(&app, &letters, &ada.email).await;
    // Whoever holds a session has asked for another address, and for a deletion.
    post(&ada.session, "change-email", json!({ "newEmail": "eve@example.com" })).await.expect(200);
    let change = letters.next("eve@example.com", "/verify-email#token=").await.token();
    post(&ada.session, "delete-user", json!({})).await.expect(200);
    let delete = letters.next(&ada.email, "/delete-account#token=").await.token();
    let token = reset_token(&app, &letters, &ada.email).await;
    reset(&app, &token, NEW_PASSWORD).await.expect(200);
    post(&app.anonymous(), "verify-email", json!({ "token": change }))
        .await
        .assert_error(401, "INVALID_TOKEN");
    let signed_in = sign_in(&app, &ada.email, NEW_PASSWORD).await.expect(200);
    let session = app.anonymous().bearing(signed_in["token"].as_str().unwrap());
    post(&session, "delete-user", json!({ "token": delete })).await.assert_error(404, "INVALID_TOKEN");
    assert_eq!(user_of(&session).await["email"], "ada@example.com");
}

#[tokio::test]
async fn change_password_takes_back_links_that_could_do_something() {
    let (app, letters) = start().await;
    let ada = app.signed_up("ada").await;
    for revoke in [false, true] {
        let token = reset_token(&app, &letters, &ada.email).await;
        let body =
            json!({ "currentPassword": PASSWORD, "newPassword": PASSWORD, "revokeOtherSessions": revoke });
        post(&ada.session, "change-password", body).await.expect(200);
        reset(&app, &token, NEW_PASSWORD).await.assert_error(400, "INVALID_TOKEN");
    }
}

#[tokio::test]
async fn request_password_reset_mails_nobody_who_is_not_there() {
    let (app, letters) = start().await;
    let ada = app.signed_up("ada").await;
    request_reset(&app, "eve@example.com").await;
    request_reset(&app, "ADA@Example.com").await;
    letters.next(&ada.email, "/reset-password#token=").await;
    settled(&app).await;
    assert!(letters.all_to("eve@example.com").is_empty());
    for email in ["nope", ""] {
        let refused = post(&app.anonymous(), "request-password-reset", json!({ "email": email })).await;
        refused.assert_error(400, "VALIDATION_ERROR");
        assert_eq!(refused.json()["message"], "[body.email] Invalid email address");
    }
}

#[tokio::test]
async fn request_password_reset_without_a_mailer_says_that_it_is_off() {
    let app = TestApp::start().await;
    app.signed_up("ada").await;
    for path in ["request-password-reset", "forget-password"] {
        for email in ["ada@example.com", "eve@example.com"] {
            let refused = post(&app.anonymous(), path, json!({ "email": email })).await;
            refused.assert_error(400, "RESET_PASSWORD_DISABLED");
            assert_eq!(refused.json()["message"], "Reset password isn't enabled");
        }
    }
    reset(&app, "nope", NEW_PASSWORD).await.assert_error(400, "INVALID_TOKEN");
}

#[tokio::test]
async fn forget_password_is_another_name_of_request_password_reset() {
    let (app, letters) = start().await;
    let ada = app.signed_up("ada").await;
    let body = json!({ "email": ada.email, "redirectTo": "/reset" });
    post(&app.anonymous(), "forget-password", body).await.expect(200);
    let link = letters.next(&ada.email, "/api/auth/reset-password/").await.link("/api/auth/reset-password/");
    assert!(link.ends_with("?callbackURL=%2Freset"), "{link}");
}

#[tokio::test]
async fn reset_password_link_leads_to_the_page_of_the_caller_and_spends_nothing() {
    let (app, letters) = start().await;
    let ada = app.signed_up("ada").await;
    let redirect = "/reset?tab=1#form";
    let body = json!({ "email": ada.email, "redirectTo": redirect });
    post(&app.anonymous(), "request-password-reset", body).await.expect(200);
    let link = letters.next(&ada.email, "/api/auth/reset-password/").await.link("/api/auth/reset-password/");
    let token = link.split('/').nth(4).unwrap().split('?').next().unwrap();
    for _ in 0..2 {
        let reply = app.anonymous().get(&link).await;
        assert_eq!((reply.status.as_u16(), reply.text.as_str()), (302, ""));
        assert_eq!(reply.header("content-type"), "application/json");
        let location = reply.location();
        assert!(location.starts_with("http://localhost:"), "{location}");
        assert!(location.ends_with(&format!("/reset?tab=1&token={token}#form")), "{location}");
    }
    reset(&app, token, NEW_PASSWORD).await.expect(200);
    let spent = app.anonymous().get(&link).await;
    assert!(spent.location().ends_with("/reset?tab=1&error=INVALID_TOKEN#form"), "{}", spent.location());
}

#[tokio::test]
async fn reset_password_link_without_a_place_to_go_on_to() {
    let (app, _) = start().await;
    app.anonymous().get("/api/auth/reset-password/nope").await.assert_error(400, "VALIDATION_ERROR");
    let reply = app.anonymous().get("/api/auth/reset-password/nope?callbackURL=").await;
    assert_eq!(reply.status.as_u16(), 302);
    assert!(reply.location().ends_with("/api/auth/error?error=INVALID_TOKEN"), "{}", reply.location());
    let refused =
        app.anonymous().get("/api/auth/reset-password/nope?callbackURL=https%3A%2F%2Fevil.example").await;
    refused.assert_error(403, "INVALID_CALLBACK_URL");
}

#[tokio::test]
async fn reset_password_gives_a_password_to_a_user_without_one() {
    let (app, letters) = start().await;
    let ada = app.signed_up("ada").await;
    update(&app, "DELETE FROM accounts").await;
    let token = reset_token(&app, &letters, &ada.email).await;
    reset(&app, &token, NEW_PASSWORD).await.expect(200);
    let answer = sign_in(&app, &ada.email, NEW_PASSWORD).await.expect(200);
    let session = app.anonymous().bearing(answer["token"].as_str().unwrap());
    let accounts = session.get("/api/auth/list-accounts").await.expect(200);
    assert_eq!(
        (accounts[0]["providerId"].as_str(), accounts[0]["accountId"].as_str()),
        (Some("credential"), Some(&*ada.id))
    );
}
