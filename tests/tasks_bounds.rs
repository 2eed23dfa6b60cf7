//! Nobody takes more of the tasks API than their share, and others notice little.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};
use signet::http::tasks::PER_SUBJECT;
use tokio::task::JoinSet;

use crate::support::caller::PASSWORD;
use crate::support::fresh_database::Dialect::{self, Postgres, Sqlite};
use crate::support::wait::until;
use crate::support::{Caller, TestApp};

const TASKS: &str = "/api/me/tasks";

fn milk() -> Value {
    json!({ "title": "Milk" })
}

async fn metric(app: &TestApp, series: &str) -> f64 {
    let page = app.anonymous().get("/metrics").await.text;
    let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{series} in\n{page}")).parse().unwrap()
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn create_task_beyond_the_quota_is_refused_with_a_code_of_its_own(
    #[values(Sqlite, Postgres)] dialect: Dialect,
) {
    let Some(fresh) = dialect.fresh().await else { return };
    let app = TestApp::builder().with(|settings| {
        settings.set("DATABASE_URL", fresh.url.clone());
        settings.set("SIGNET_TASKS_PER_USER", "3");
    });
    let app = app.start().await;
    let (alice, bob) = (app.signed_up("alice").await.api().await, app.signed_up("bob").await.api().await);
    let mut made = JoinSet::new();
    for _ in 0..10 {
        let alice = alice.clone();
        made.spawn(async move { alice.post(TASKS, &milk()).await });
    }
    let replies = made.join_all().await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 201).count(), 3);
    for refused in replies.iter().filter(|reply| reply.status != 201) {
        refused.assert_error(409, "TASK_QUOTA_REACHED");
    }
    let tasks = alice.get(TASKS).await.expect(200);
    assert_eq!(tasks.as_array().unwrap().len(), 3);
    // What is there can be changed and deleted, and then there is room again.
    let path = format!("{TASKS}/{}", tasks[0]["id"].as_str().unwrap());
    alice.put(&path, &json!({ "title": "Oat milk" })).await.expect(200);
    alice.delete(&path).await.expect(204);
    alice.post(TASKS, &milk()).await.expect(201);
    alice.post(TASKS, &milk()).await.assert_error(409, "TASK_QUOTA_REACHED");
    bob.post(TASKS, &milk()).await.expect(201);
}

#[tokio::test]
async fn reads_and_writes_are_limited_for_each_user_whatever_token_they_show() {
    let limited = |settings: &mut signet::config::Settings| settings.set("SIGNET_RATE_LIMIT", "on");
    let app = TestApp::builder().manual_clock().with(limited).start().await;
    let (alice, bob) = (app.signed_up("alice").await, app.signed_up("bob").await);
    let (tokens, bob) = ([alice.api().await, alice.api().await], bob.api().await);
    let write = async |number: usize| tokens[number % 2].delete(&format!("{TASKS}/none")).await;
    for number in 0..200 {
        write(number).await.assert_error(404, "NOT_FOUND");
    }
    for number in 0..2 {
        let refused = write(number).await;
        refused.assert_error(429, "TOO_MANY_REQUESTS");
        assert_eq!(refused.header("retry-after"), "1");
    }
    tokens[0].post(TASKS, &milk()).await.assert_error(429, "TOO_MANY_REQUESTS");
    // Reading is counted by itself, and others are not counted along.
    for number in 0..600 {
        tokens[number % 2].get(TASKS).await.expect(200);
    }
    tokens[1].get(TASKS).await.assert_error(429, "TOO_MANY_REQUESTS");
    bob.get(TASKS).await.expect(200);
    bob.post(TASKS, &milk()).await.expect(201);
    app.advance(Duration::from_secs(10));
    tokens[0].post(TASKS, &milk()).await.expect(201);
    assert_eq!(tokens[1].get(TASKS).await.expect(200).as_array().unwrap().len(), 1);
}

/// A request whose body never ends.
fn unfinished(app: &TestApp, token: &str) -> TcpStream {
    let mut stream = TcpStream::connect(app.base_url.trim_start_matches("http://")).unwrap();
    let head = format!(
        "POST {TASKS} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: 18\r\n\r\n{{"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_of_one_user_that_are_not_answered_yet_are_bounded_and_those_of_others_are_not() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.signed_up("alice").await, app.signed_up("bob").await);
    let (token, bob) = (alice.jwt().await, bob.api().await);
    let api = app.anonymous().bearing(&token);
    let mut held: Vec<TcpStream> = (0..PER_SUBJECT).map(|_| unfinished(&app, &token)).collect();
    let bound = f64::from(PER_SUBJECT);
    until("all are here", async || metric(&app, "signet_tasks_in_flight").await == bound).await;

    // Another token of hers changes nothing; nor is anything told before a token was verified.
    for refused in [api.get(TASKS).await, alice.api().await.post(TASKS, &milk()).await] {
        refused.assert_error(429, "TOO_MANY_REQUESTS");
        assert_eq!(refused.header("retry-after"), "1");
    }
    app.anonymous().get(TASKS).await.assert_error(401, "UNAUTHORIZED");
    api.get("/api/somebody/tasks").await.assert_error(403, "FORBIDDEN");
    bob.post(TASKS, &milk()).await.expect(201);
    alice.session.get("/api/auth/get-session").await.expect(200);
    assert_eq!(metric(&app, r#"signet_tasks_turned_away_total{bound="subject"}"#).await, 2.0);

    // One is answered, another one hangs up: two places are free.
    let mut answered = held.pop().unwrap();
    answered.write_all(b"\"title\": \"Milk\" }").unwrap();
    let mut head = [0; 12];
    answered.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 201");
    drop(held.pop());
    until("two are gone", async || metric(&app, "signet_tasks_in_flight").await == bound - 2.0).await;
    assert_eq!(api.get(TASKS).await.expect(200).as_array().unwrap().len(), 1);
    drop(held);
    until("all are gone", async || metric(&app, "signet_tasks_in_flight").await == 0.0).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sign_in_and_sign_out_of_others_succeed_while_accounts_flood_the_tasks(
    #[values(Sqlite, Postgres)] dialect: Dialect,
) {
    let Some(fresh) = dialect.fresh().await else { return };
    // Without limits, and from several accounts, so that the flood reaches the database.
    let app =
        TestApp::builder().with(|settings| settings.set("DATABASE_URL", fresh.url.clone())).start().await;
    let over = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mut flood = JoinSet::new();
    for account in 0..4 {
        let token = app.signed_up(&format!("flood{account}")).await.jwt().await;
        for _ in 0..50 {
            let (api, over) = (app.anonymous().bearing(&token), over.clone());
            flood.spawn(async move {
                let mut statuses = std::collections::BTreeSet::new();
                while !over.load(std::sync::atomic::Ordering::Relaxed) {
                    statuses.insert(api.post(TASKS, &milk()).await.status.as_u16());
                }
                statuses
            });
        }
    }
    until("the flood is on", async || metric(&app, "signet_tasks_in_flight").await > 5.0).await;
    let bob = app.signed_up("bob").await;
    for _ in 0..10 {
        let body = json!({ "email": bob.email, "password": PASSWORD });
        let request = app.anonymous().request(Method::POST, "/api/auth/sign-in/email").json(&body);
        let token = Caller::send(request).await.expect(200)["token"].as_str().unwrap().to_owned();
        let session = app.anonymous().bearing(&token);
        session.get("/api/auth/token").await.expect(200);
        session.post("/api/auth/sign-out", &json!({})).await.expect(200);
    }
    over.store(true, std::sync::atomic::Ordering::Relaxed);
    for statuses in flood.join_all().await {
        assert!(statuses.iter().all(|status| [201, 429, 503].contains(status)), "{statuses:?}");
    }
}
