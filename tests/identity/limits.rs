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

#[tokio::test]
async fn sessions_and_limits_know_the_client_however_its_proxy_spells_the_address() {
    let limited = |settings: &mut signet::config::Settings| {
        settings.set("SIGNET_RATE_LIMIT", "on".to_owned());
        settings.set("SIGNET_TRUSTED_PROXIES", "127.0.0.1".to_owned());
    };
    let app = TestApp::builder().manual_clock().with(limited).start().await;
    // Many people, each behind a port of their own: nobody shares a limit with another.
    for number in 1..13 {
        for (spelled, seen) in [
            (format!("203.0.113.{number}:{}", 51_000 + number), format!("203.0.113.{number}")),
            (format!("[2001:db8:0:{number}::7]:443"), format!("2001:db8:0:{number}::7")),
        ] {
            let email = format!("u{}@example.com", seen.replace([':', '.'], "-"));
            let body = json!({ "name": "Ada", "email": email, "password": "correct horse battery" });
            let request = app.anonymous().request(Method::POST, "/api/auth/sign-up/email").json(&body);
            let account = Caller::send(request.header("x-forwarded-for", &spelled)).await.expect(200);
            let session = app.anonymous().bearing(account["token"].as_str().unwrap());
            let request = session.request(Method::GET, "/api/auth/get-session");
            let found = Caller::send(request.header("x-forwarded-for", &spelled)).await.expect(200);
            assert_eq!(found["session"]["ipAddress"], seen, "{spelled}");
        }
    }
    // What cannot be read, whoever wrote it, lets nobody choose an address.
    let unreadable: [&[&[u8]]; 3] =
        [&[b"198.51.100.1", b"\xff"], &[b"198.51.100.1, unknown"], &[b"198.51.100.1", b"_hidden"]];
    for (number, lines) in unreadable.into_iter().enumerate() {
        let mut request = app.anonymous().request(Method::POST, "/api/auth/sign-up/email");
        for line in lines {
            request = request.header("x-forwarded-for", *line);
        }
        let email = format!("unreadable{number}@example.com");
        let body = json!({ "name": "Ada", "email": email, "password": "correct horse battery" });
        let account = Caller::send(request.json(&body)).await.expect(200);
        let session = app.anonymous().bearing(account["token"].as_str().unwrap());
        let found = session.get("/api/auth/get-session").await.expect(200);
        assert_eq!(found["session"]["ipAddress"], "127.0.0.1", "{found}");
    }
}
