//! How much mail may be asked for: of one client, for one mailbox in a minute, and in a day.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use super::*;
use crate::support::Builder;

fn limited(builder: Builder) -> Builder {
    builder.manual_clock().with(|settings| {
        settings.set("SIGNET_RATE_LIMIT", "on");
        settings.set("SIGNET_TRUSTED_PROXIES", "127.0.0.1");
    })
}

async fn from(caller: &Caller, address: &str, path: &str, body: &Value) -> Reply {
    let request = caller.request(Method::POST, &format!("/api/auth/{path}"));
    Caller::send(request.header("x-forwarded-for", address).json(body)).await
}

#[tokio::test]
async fn mail_may_be_asked_for_three_times_a_minute_by_one_client() {
    let (builder, _) = TestApp::with_letters();
    let app = limited(builder).start().await;
    for (path, other) in
        [("request-password-reset", Some("forget-password")), ("send-verification-email", None)]
    {
        for number in 0..3 {
            let body = json!({ "email": format!("u{number}@example.com") });
            from(&app.anonymous(), "192.0.2.1", path, &body).await.expect(200);
        }
        let body = json!({ "email": "u4@example.com" });
        for path in [Some(path), other].into_iter().flatten() {
            let refused = from(&app.anonymous(), "192.0.2.1", path, &body).await;
            refused.assert_error(429, "TOO_MANY_REQUESTS");
            assert_eq!((refused.header("retry-after"), refused.header("x-retry-after")), ("20", "20"));
        }
        from(&app.anonymous(), "192.0.2.2", path, &body).await.expect(200);
    }
}

#[tokio::test]
async fn mail_may_be_asked_for_three_times_a_minute_for_one_mailbox_whether_or_not_it_is_a_users() {
    let (builder, _) = TestApp::with_letters();
    let app = limited(builder).start().await;
    app.signed_up("ada").await;
    app.advance(Duration::from_secs(60));
    let mut told = Vec::new();
    for (net, email) in [("192.0.2", "ada@example.com"), ("198.51.100", "eve@example.com")] {
        let mut answers = Vec::new();
        for number in 0..6 {
            let path = if number % 2 == 0 { "request-password-reset" } else { "send-verification-email" };
            let reply =
                from(&app.anonymous(), &format!("{net}.{number}"), path, &json!({ "email": email })).await;
            answers.push((reply.status.as_u16(), reply.header("retry-after").to_owned()));
        }
        told.push(answers);
    }
    assert_eq!(told[0], told[1], "a mailbox of a user is told from one that is none");
    let statuses: Vec<u16> = told[0].iter().map(|(status, _)| *status).collect();
    assert_eq!(statuses, [200, 200, 200, 429, 429, 429]);
    app.advance(Duration::from_secs(20));
    let body = json!({ "email": "ada@example.com" });
    from(&app.anonymous(), "203.0.113.1", "request-password-reset", &body).await.expect(200);
}

#[tokio::test]
async fn mail_to_one_mailbox_is_bounded_in_a_day_whoever_asks_and_also_without_limits() {
    let (builder, letters) = TestApp::with_letters();
    // Limits are off, as in every test that does not ask for them.
    let app = builder.manual_clock().start().await;
    let ada = app.signed_up("ada").await;
    for number in 0..40 {
        let (path, body) = match number % 4 {
            0 => ("request-password-reset", json!({ "email": ada.email })),
            1 => ("send-verification-email", json!({ "email": "ADA@example.com" })),
            2 => ("forget-password", json!({ "email": ada.email, "redirectTo": "/reset" })),
            _ => ("delete-user", json!({})),
        };
        let caller = if path == "delete-user" { ada.session.clone() } else { app.anonymous() };
        post(&caller, path, body).await.expect(200);
    }
    settled(&app).await;
    assert_eq!(letters.all_to(&ada.email).len(), 10, "the letter after the sign-up and nine others");
    // The last link that arrived still works: what is not mailed takes back nothing.
    let resets =
        letters.all_to(&ada.email).into_iter().filter(|letter| letter.text.contains("reset-password"));
    assert!(resets.count() > 0);
    app.advance(Duration::from_secs(86_400));
    request_reset(&app, &ada.email).await;
    settled(&app).await;
    assert_eq!(letters.all_to(&ada.email).len(), 11);
}

#[tokio::test]
async fn notices_of_what_has_happened_are_mailed_also_to_a_mailbox_that_was_flooded() {
    let (app, letters) = start().await;
    let ada = app.signed_up("ada").await;
    let token = reset_token(&app, &letters, &ada.email).await;
    for _ in 0..20 {
        post(&app.anonymous(), "send-verification-email", json!({ "email": ada.email })).await.expect(200);
    }
    settled(&app).await;
    let before = letters.all_to(&ada.email).len();
    assert_eq!(before, 10);
    reset(&app, &token, NEW_PASSWORD).await.expect(200);
    settled(&app).await;
    assert_eq!(letters.all_to(&ada.email).len(), before + 1, "the password was reset");
}

#[tokio::test]
async fn change_of_address_floods_neither_the_new_mailbox_nor_the_old_one() {
    let (app, letters) = start().await;
    let ada = app.signed_up("ada").await;
    for number in 0..30 {
        let body = json!({ "newEmail": format!("new{number}@example.com") });
        post(&ada.session, "change-email", body).await.expect(200);
    }
    settled(&app).await;
    assert_eq!(letters.all_to(&ada.email).len(), 10);
    let new: usize = (0..30).map(|number| letters.all_to(&format!("new{number}@example.com")).len()).sum();
    assert_eq!(new, 9, "no link goes out of which the old address is not told");
}

#[tokio::test]
async fn sign_up_with_one_address_again_and_again_floods_nobody() {
    let (builder, letters) = TestApp::with_letters();
    let app = builder.with(|settings| settings.set("SIGNET_REQUIRE_VERIFIED_EMAIL", "on")).start().await;
    for _ in 0..15 {
        let body = json!({ "name": "Ada", "email": "ada@example.com", "password": PASSWORD });
        post(&app.anonymous(), "sign-up/email", body).await.expect(200);
    }
    settled(&app).await;
    assert_eq!(letters.all_to("ada@example.com").len(), 10);
}
