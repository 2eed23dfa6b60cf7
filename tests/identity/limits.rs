//! How often passwords may be tried.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::support::{Caller, TestApp};

#[tokio::test]
async fn sign_in_is_limited_per_address_and_per_account() {
    let limited = |settings: &mut signet::config::Settings| {
        settings.set("SIGNET_RATE_LIMIT", "on".to_owned());
        settings.set("SIGNET_TRUSTED_PROXIES", "127.0.0.1".to_owned());
    };
    let app = TestApp::builder().manual_clock().with(limited).start().await;
    let from = |address: &'static str, email: &str| {
        let body = json!({ "email": email, "password": "wrong password" });
        let request = app
            .anonymous()
            .request(Method::POST, "/api/auth/sign-in/email")
            .header("x-forwarded-for", address);
        Caller::send(request.json(&body))
    };
    for _ in 0..3 {
        from("203.0.113.1", "a@example.com").await.assert_error(401, "INVALID_EMAIL_OR_PASSWORD");
    }
    let refused = from("203.0.113.1", "b@example.com").await;
    refused.assert_error(429, "TOO_MANY_REQUESTS");
    assert_eq!((refused.header("retry-after"), refused.header("x-retry-after")), ("4", "4"));
    // The same account from another address, and another account from there.
    from("203.0.113.2", "A@example.com").await.assert_error(429, "TOO_MANY_REQUESTS");
    from("203.0.113.2", "c@example.com").await.assert_error(401, "INVALID_EMAIL_OR_PASSWORD");
    // Reading is limited less, and the key set not at all.
    for _ in 0..150 {
        app.anonymous().get("/api/auth/jwks").await.expect(200);
    }
    let mut statuses = Vec::new();
    for _ in 0..101 {
        statuses.push(app.anonymous().get("/api/auth/get-session").await.status.as_u16());
    }
    assert_eq!((statuses[99], statuses[100]), (200, 429));
    app.advance(Duration::from_secs(10));
    from("203.0.113.1", "a@example.com").await.assert_error(401, "INVALID_EMAIL_OR_PASSWORD");
}

#[tokio::test]
async fn sign_in_counts_by_an_address_that_callers_cannot_choose() {
    let app = TestApp::builder()
        .manual_clock()
        .with(|settings| settings.set("SIGNET_RATE_LIMIT", "on".to_owned()))
        .start()
        .await;
    let mut statuses = Vec::new();
    for number in 0..4 {
        let body = json!({ "email": format!("u{number}@example.com"), "password": "wrong password" });
        let request = app.anonymous().request(Method::POST, "/api/auth/sign-in/email");
        let request = request.header("x-forwarded-for", format!("203.0.113.{number}")).json(&body);
        statuses.push(Caller::send(request).await.status.as_u16());
    }
    assert_eq!(statuses, [401, 401, 401, 429]);
}
