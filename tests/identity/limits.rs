//! How often passwords may be tried, and that nobody keeps anybody else out by trying.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Method;
use reqwest::header::COOKIE;
use serde_json::json;

use crate::support::caller::PASSWORD;
use crate::support::wait::until;
use crate::support::{Builder, Caller, Reply, TestApp};

/// A server with limits, which believes callers about their address.
fn limited() -> Builder {
    TestApp::builder().with(|settings| {
        settings.set("SIGNET_RATE_LIMIT", "on");
        settings.set("SIGNET_TRUSTED_PROXIES", "127.0.0.1");
    })
}

/// A sign-in from an address, by a browser with these cookies.
async fn sign_in(caller: &Caller, address: &str, cookies: &str, email: &str, password: &str) -> Reply {
    let body = json!({ "email": email, "password": password });
    let mut request =
        caller.request(Method::POST, "/api/auth/sign-in/email").header("x-forwarded-for", address);
    if !cookies.is_empty() {
        request = request.header(COOKIE, cookies);
    }
    Caller::send(request.json(&body)).await
}

/// The cookie by which a device is known, as it is sent back.
fn device_of(reply: &Reply) -> String {
    let cookies = reply.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap());
    let device =
        cookies.filter_map(|cookie| cookie.split_once(';')).find(|(pair, _)| pair.contains(".device="));
    device.unwrap().0.to_owned()
}

/// Somebody who signs up from an address of their own: what they sign in with, the cookie of their device and their session.
async fn signed_up(app: &TestApp, name: &str) -> (String, String, Caller) {
    let email = format!("{name}@example.com");
    let body = json!({ "name": name, "email": email, "password": PASSWORD });
    let request = app.anonymous().request(Method::POST, "/api/auth/sign-up/email").json(&body);
    let reply = Caller::send(request.header("x-forwarded-for", "192.0.2.1")).await;
    let session = app.anonymous().bearing(reply.expect(200)["token"].as_str().unwrap());
    (email, device_of(&reply), session)
}

fn counter() -> Arc<AtomicUsize> {
    Arc::default()
}

#[tokio::test]
async fn sign_in_is_limited_per_address_and_per_account_at_an_address() {
    let app = limited().manual_clock().start().await;
    let from = async |address: &str, email: &str| {
        sign_in(&app.anonymous(), address, "", email, "wrong password").await
    };
    for _ in 0..3 {
        from("203.0.113.1", "a@example.com").await.assert_error(401, "INVALID_EMAIL_OR_PASSWORD");
    }
    let refused = from("203.0.113.1", "b@example.com").await;
    refused.assert_error(429, "TOO_MANY_REQUESTS");
    assert_eq!((refused.header("retry-after"), refused.header("x-retry-after")), ("4", "4"));
    // The same account from another address, and another account from there.
    for email in ["A@example.com", "c@example.com"] {
        from("203.0.113.2", email).await.assert_error(401, "INVALID_EMAIL_OR_PASSWORD");
    }
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
async fn sign_in_to_one_account_from_many_addresses_is_limited_whether_or_not_there_is_one() {
    let app = limited().manual_clock().start().await;
    let (ada, _, _) = signed_up(&app, "ada").await;
    let (_, foreign, _) = signed_up(&app, "eve").await;
    let mut told = Vec::new();
    for (net, email) in [("203.0.113", ada.as_str()), ("198.51.100", "nobody@example.com")] {
        let mut statuses = Vec::new();
        for number in 0..36 {
            let cookies = if number % 2 == 0 { "" } else { foreign.as_str() };
            let reply =
                sign_in(&app.anonymous(), &format!("{net}.{number}"), cookies, email, "wrong password").await;
            statuses.push((reply.status.as_u16(), reply.header("retry-after").to_owned()));
        }
        assert!(statuses[..30].iter().all(|(status, _)| *status == 401), "{statuses:?}");
        assert!(
            statuses[30..].iter().all(|(status, wait)| (*status, wait.as_str()) == (429, "1")),
            "{statuses:?}"
        );
        told.push(statuses);
    }
    assert_eq!(told[0], told[1], "an account that is there is told from one that is not");
}

#[tokio::test]
async fn sign_in_that_succeeds_is_not_counted_against_the_account() {
    let app = limited().manual_clock().start().await;
    let (ada, _, _) = signed_up(&app, "ada").await;
    for number in 0..34 {
        sign_in(&app.anonymous(), &format!("203.0.113.{number}"), "", &ada, PASSWORD).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sign_in_from_a_known_device_and_proofs_of_a_session_pass_while_strangers_flood_the_account() {
    let app = limited().start().await;
    let (ada, device, session) = signed_up(&app, "ada").await;
    let (over, wrong, refused) = (Arc::new(AtomicBool::new(false)), counter(), counter());
    let flood = |net: u8| {
        let (caller, ada, over) = (app.anonymous(), ada.clone(), over.clone());
        let (wrong, refused) = (wrong.clone(), refused.clone());
        tokio::spawn(async move {
            for number in (0..=250).cycle().take_while(|_| !over.load(Ordering::SeqCst)) {
                let address = format!("203.0.{net}.{number}");
                let reply = sign_in(&caller, &address, "", &ada, "a wrong password").await;
                wrong.fetch_add(usize::from(reply.status == 401), Ordering::SeqCst);
                refused.fetch_add(usize::from(reply.status == 429), Ordering::SeqCst);
                // Everybody else wants to get on as well.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        })
    };
    // So many at once that the limit is reached however slow the machine is.
    let strangers: Vec<_> = (0..40).map(flood).collect();
    let counted = |counter: &Arc<AtomicUsize>| counter.load(Ordering::SeqCst);
    until("the account has had enough", async || counted(&wrong) > 25 && counted(&refused) > 20).await;
    sign_in(&app.anonymous(), "192.0.2.9", "", &ada, PASSWORD).await.assert_error(429, "TOO_MANY_REQUESTS");
    let seen = counted(&refused);

    let owner = app.anonymous();
    let again = sign_in(&owner, "192.0.2.9", &device, &ada, PASSWORD).await;
    let signed_in = owner.bearing(again.expect(200)["token"].as_str().unwrap());
    assert_eq!(device_of(&again), device, "it stays the same device");
    for caller in [&signed_in, &session] {
        caller.post("/api/auth/verify-password", &json!({ "password": PASSWORD })).await.expect(200);
    }
    let change = json!({ "currentPassword": PASSWORD, "newPassword": "another password", "revokeOtherSessions": true });
    let changed = signed_in.post("/api/auth/change-password", &change).await.expect(200);
    sign_in(&owner, "192.0.2.9", &device, &ada, "another password").await.expect(200);
    let last = owner.bearing(changed["token"].as_str().unwrap());
    last.post("/api/auth/delete-user", &json!({ "password": "another password" })).await.expect(200);

    until("the flood has gone on all the time", async || counted(&refused) > seen).await;
    over.store(true, Ordering::SeqCst);
    for stranger in strangers {
        stranger.await.unwrap();
    }
}

#[tokio::test]
async fn sign_in_from_a_known_device_passes_beside_a_stranger_at_the_same_address() {
    let app = limited().manual_clock().start().await;
    let (ada, device, session) = signed_up(&app, "ada").await;
    let from_there = async |cookies: &str, password: &str| {
        sign_in(&app.anonymous(), "203.0.113.1", cookies, &ada, password).await
    };
    for _ in 0..3 {
        from_there("", "wrong password").await.expect(401);
    }
    from_there("", PASSWORD).await.assert_error(429, "TOO_MANY_REQUESTS");
    from_there(&device, PASSWORD).await.expect(200);
    // What strangers send to other paths does not count either.
    for path in ["/api/auth/change-password", "/api/auth/verify-password"] {
        for _ in 0..10 {
            app.anonymous()
                .post(path, &json!({ "password": "x", "currentPassword": "x", "newPassword": "x" }))
                .await
                .expect(401);
        }
    }
    session.post("/api/auth/verify-password", &json!({ "password": PASSWORD })).await.expect(200);
}

#[tokio::test]
async fn sign_in_with_the_cookie_of_a_known_device_may_be_tried_no_more_often_than_without() {
    let app = limited().manual_clock().start().await;
    let (ada, device, _) = signed_up(&app, "ada").await;
    let mut statuses = Vec::new();
    for number in 0..70 {
        // The cookie has been stolen, and is sent from everywhere.
        let reply =
            sign_in(&app.anonymous(), &format!("203.0.113.{number}"), &device, &ada, "wrong password").await;
        statuses.push(reply.status.as_u16());
    }
    let guesses = statuses.iter().filter(|status| **status == 401).count();
    assert_eq!(guesses, 3 + 30, "its own, and those of everybody: {statuses:?}");
    // Nor is it a pass to other accounts.
    let (bob, _, _) = signed_up(&app, "bob").await;
    let mut statuses = Vec::new();
    for _ in 0..5 {
        let reply = sign_in(&app.anonymous(), "198.51.100.7", &device, &bob, "wrong password").await;
        statuses.push(reply.status.as_u16());
    }
    assert_eq!(statuses, [401, 401, 401, 429, 429]);
}

#[tokio::test]
async fn prove_password_in_a_session_is_limited_for_that_session_alone() {
    let app = limited().manual_clock().start().await;
    let (ada, device, thief) = signed_up(&app, "ada").await;
    let reply = sign_in(&app.anonymous(), "192.0.2.9", &device, &ada, PASSWORD).await;
    let owner = app.anonymous().bearing(reply.expect(200)["token"].as_str().unwrap());
    let wrong = json!({ "password": "wrong password" });
    for path in ["verify-password", "delete-user", "verify-password"] {
        thief.post(&format!("/api/auth/{path}"), &wrong).await.assert_error(400, "INVALID_PASSWORD");
    }
    let change = json!({ "currentPassword": PASSWORD, "newPassword": "another password" });
    thief.post("/api/auth/change-password", &change).await.assert_error(429, "TOO_MANY_REQUESTS");
    for _ in 0..6 {
        owner.post("/api/auth/verify-password", &json!({ "password": PASSWORD })).await.expect(200);
    }
    owner.post("/api/auth/change-password", &change).await.expect(200);
}

#[tokio::test]
async fn sign_in_bears_whatever_stands_in_the_place_of_the_cookie_of_a_device() {
    let app = limited().manual_clock().start().await;
    let (ada, device, _) = signed_up(&app, "ada").await;
    let (name, value) = device.split_once('=').unwrap();
    let hostile = [
        String::new(),
        "=".repeat(200),
        value.replace('.', ""),
        value.to_uppercase(),
        format!("{value}.{value}"),
        value[1..].to_owned(),
        format!("{value}%00"),
        "%".repeat(value.len()),
        ".".repeat(value.len()),
    ];
    for (number, text) in hostile.iter().enumerate() {
        let cookies = format!("{name}={text}");
        let reply = sign_in(&app.anonymous(), &format!("203.0.113.{number}"), &cookies, &ada, PASSWORD).await;
        reply.expect(200);
        assert_ne!(device_of(&reply), device, "{text:?} is no device of ours");
    }
    // Beside a thousand others it is not looked for for ever, and beside one it is found.
    let many = format!("{name}={}; ", "x".repeat(value.len())).repeat(40);
    let reply = sign_in(&app.anonymous(), "203.0.113.99", &format!("{many}{device}"), &ada, PASSWORD).await;
    reply.expect(200);
    let reply =
        sign_in(&app.anonymous(), "203.0.113.98", &format!("{name}=x; {device}"), &ada, PASSWORD).await;
    reply.expect(200);
    assert_eq!(device_of(&reply), device);
}

#[tokio::test]
async fn sign_in_of_a_program_that_kept_the_cookie_of_its_device_needs_no_origin() {
    let app = TestApp::start().await;
    let alice = app.signed_up("alice").await;
    let first = sign_in(&app.anonymous(), "192.0.2.1", "", &alice.email, PASSWORD).await;
    let device = device_of(&first);
    sign_in(&app.anonymous(), "192.0.2.1", &device, &alice.email, PASSWORD).await.expect(200);
    let other = format!("{device}; theme=dark");
    let refused = sign_in(&app.anonymous(), "192.0.2.1", &other, &alice.email, PASSWORD).await;
    refused.assert_error(403, "MISSING_OR_NULL_ORIGIN");
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
