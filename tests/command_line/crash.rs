//! Killed at any moment, a server leaves a database that the next start opens, and loses nothing that it acknowledged.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use signet::store::Database;
use sqlx::Row;

use super::server::{Server, printed, run};
use super::sign_up_body;
use crate::support::Caller;
use crate::support::caller::PASSWORD;

const ROUNDS: u32 = 6;
/// How many rounds there may be on a machine that is too busy to acknowledge much in each.
const MOST_ROUNDS: u32 = 40;

#[tokio::test(flavor = "multi_thread")]
async fn kill_at_random_moments_loses_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged: Vec<(String, Vec<String>)> = Vec::new();
    for round in 0..MOST_ROUNDS {
        if round >= ROUNDS && acknowledged.len() >= 6 {
            break;
        }
        let server = Server::start(folder.path(), &[]);
        let stop = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let (caller, stop) = (server.caller(), stop.clone());
                tokio::spawn(async move { write(caller, stop, format!("u{round}x{writer}")).await })
            })
            .collect();
        // Any moment will do once they write; each round takes another, and a later one.
        server.logs(r#""route":"/api/auth/sign-up/email""#).await;
        tokio::time::sleep(Duration::from_millis(150 + 97 * u64::from(round))).await;
        server.kill();
        stop.store(true, Ordering::SeqCst);
        for writer in writers {
            acknowledged.extend(writer.await.unwrap());
        }
    }
    assert!(acknowledged.len() >= 6, "the writers wrote: {}", acknowledged.len());

    let server = Server::start(folder.path(), &[]);
    for (email, titles) in &acknowledged {
        let body = json!({ "email": email, "password": PASSWORD });
        let signed_in = server.caller().post("/api/auth/sign-in/email", &body).await.expect(200);
        let session = server.caller().bearing(signed_in["token"].as_str().unwrap());
        let token = session.get("/api/auth/token").await.expect(200);
        let tasks = server
            .caller()
            .bearing(token["token"].as_str().unwrap())
            .get("/api/me/tasks?limit=100")
            .await
            .expect(200);
        let kept: Vec<&str> =
            tasks.as_array().unwrap().iter().map(|task| task["title"].as_str().unwrap()).collect();
        for title in titles {
            assert!(kept.contains(&title.as_str()), "{email} has lost {title}");
        }
    }
    server.terminate();

    let database = format!("sqlite:{}", folder.path().join("signet.db").display());
    Database::open(&database, 1).await.unwrap().close().await;
    let pool = sqlx::AnyPool::connect(&database).await.unwrap();
    let half_made = "SELECT COUNT(*) AS n FROM users u WHERE NOT EXISTS (SELECT 1 FROM accounts a WHERE a.user_id = u.id)";
    let half_made: i64 = sqlx::query(half_made).fetch_one(&pool).await.unwrap().get("n");
    assert_eq!(half_made, 0, "a user without an account");
    pool.close().await;
    let listed = printed(&run(folder.path(), &["keys", "list"], &[]));
    for algorithm in ["EdDSA", "ES256", "RS256"] {
        assert_eq!(listed.matches(&format!("{algorithm}  active")).count(), 1, "{listed}");
    }
}

/// Signs people up and keeps tasks until the server is gone; what was acknowledged.
pub async fn write(caller: Caller, stop: Arc<AtomicBool>, name: String) -> Vec<(String, Vec<String>)> {
    let mut acknowledged = Vec::new();
    for number in 0.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let email = format!("{name}n{number}@example.com");
        let Some(user) = answer(
            caller.request(reqwest::Method::POST, "/api/auth/sign-up/email").json(&sign_up_body(&email)),
        )
        .await
        else {
            break;
        };
        let mut titles = Vec::new();
        let session = caller.bearing(user["token"].as_str().unwrap());
        if let Some(token) = answer(session.request(reqwest::Method::GET, "/api/auth/token")).await {
            let api = caller.bearing(token["token"].as_str().unwrap());
            for title in ["one", "two", "three"] {
                let request =
                    api.request(reqwest::Method::POST, "/api/me/tasks").json(&json!({ "title": title }));
                if answer(request).await.is_some() {
                    titles.push(title.to_owned());
                }
            }
        }
        acknowledged.push((email, titles));
    }
    acknowledged
}

/// The body of a success that arrived whole; nothing otherwise.
async fn answer(request: reqwest::RequestBuilder) -> Option<Value> {
    let response = request.send().await.ok()?;
    if !response.status().is_success() {
        return None;
    }
    response.json().await.ok()
}
