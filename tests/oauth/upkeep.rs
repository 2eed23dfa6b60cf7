//! What is kept, for how long and how much of it; and how sessions say when and how their user has signed in.

use std::time::Duration;

use rstest::rstest;
use serde_json::json;
use signet::store::grants::MAX_GRANTS;
use signet_verify::clock::Timestamp;

use super::support::{Asked, Provider, assert_error, claims};
use crate::store::support::{Fresh, Kind, Postgres, START, Sqlite};
use crate::support::caller::PASSWORD;
use crate::support::{BEGINNING, TestApp, User};

const MONTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A count of rows.
async fn rows(provider: &Provider, table: &str) -> i64 {
    let pool = sqlx::AnyPool::connect(&provider.url).await.unwrap();
    let text = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
    sqlx::query_scalar(text).fetch_one(&pool).await.unwrap()
}

#[rstest]
#[tokio::test]
async fn expired_codes_and_grants_go_in_the_end_and_no_sooner(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(provider) = Provider::on(kind).await else { return };
    let client = provider.client("app", |_| ()).await;
    let user = provider.app.signed_up("alice").await;
    let answer = provider.granted(&client, &user, &Asked::scope("openid offline_access")).await;
    let (codes, grants) = (provider.database.authorization_codes(), provider.database.grants());
    let hour = BEGINNING.after(Duration::from_secs(3600 + 59));
    assert_eq!(codes.sweep(hour).await.unwrap(), 0);
    assert_eq!(codes.sweep(hour.after(Duration::from_secs(1))).await.unwrap(), 1);
    assert_eq!(grants.sweep(BEGINNING.after(MONTH).before(Duration::from_millis(1))).await.unwrap(), 0);
    provider.refresh(&client, answer["refresh_token"].as_str().unwrap()).await.expect(200);
    assert_eq!(grants.sweep(BEGINNING.after(MONTH)).await.unwrap(), 1);
    assert_eq!((rows(&provider, "authorization_codes").await, rows(&provider, "grants").await), (0, 0));
    let assertions = provider.database.client_assertions();
    assert!(assertions.insert(&[1; 32], &client.id, BEGINNING).await.unwrap());
    assert!(!assertions.insert(&[1; 32], &client.id, BEGINNING).await.unwrap());
    assert_eq!(assertions.sweep(BEGINNING.before(Duration::from_millis(1))).await.unwrap(), 0);
    assert_eq!(assertions.sweep(BEGINNING).await.unwrap(), 1);
}

#[rstest]
#[tokio::test]
async fn grants_of_a_user_to_a_client_are_bounded_and_the_oldest_makes_room(
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(provider) = Provider::on(kind).await else { return };
    let (client, other) = (provider.client("app", |_| ()).await, provider.client("other", |_| ()).await);
    let user = provider.app.signed_up("alice").await;
    let elsewhere = provider.granted(&other, &user, &Asked::default()).await;
    let mut given = Vec::new();
    for _ in 0..=MAX_GRANTS {
        provider.app.advance(Duration::from_millis(1));
        given.push(provider.granted(&client, &user, &Asked::default()).await);
    }
    assert_eq!(rows(&provider, "grants").await, MAX_GRANTS + 1);
    let token = |answer: &serde_json::Value| answer["refresh_token"].as_str().unwrap().to_owned();
    assert!(!provider.opens_tasks(&given[0]["access_token"]).await);
    assert_error(&provider.refresh(&client, &token(&given[0])).await, 400, "invalid_grant");
    for alive in [&given[1], given.last().unwrap()] {
        assert!(provider.opens_tasks(&alive["access_token"]).await);
        provider.refresh(&client, &token(alive)).await.expect(200);
    }
    provider.refresh(&other, &token(&elsewhere)).await.expect(200);
}

#[tokio::test]
async fn client_or_user_that_is_removed_takes_what_was_given_along() {
    let provider = Provider::start().await;
    let client = provider.client("app", |_| ()).await;
    let (alice, bob) = (provider.app.signed_up("alice").await, provider.app.signed_up("bob").await);
    let of_bob = provider.granted(&client, &bob, &Asked::default()).await;
    provider.granted(&client, &alice, &Asked::default()).await;
    let waiting = provider.code(&client, &alice, &Asked::default()).await;
    alice.session.post("/api/auth/delete-user", &json!({ "password": PASSWORD })).await.expect(200);
    assert_error(&provider.exchange(&client, &waiting).await, 400, "invalid_grant");
    assert_eq!(rows(&provider, "grants").await, 1);
    assert!(provider.database.clients().delete(&client.id).await.unwrap());
    let token = of_bob["refresh_token"].as_str().unwrap();
    assert_error(&provider.refresh(&client, token).await, 401, "invalid_client");
    for table in ["grants", "authorization_codes", "client_secrets"] {
        assert_eq!(rows(&provider, table).await, 0, "{table}");
    }
    assert!(provider.try_code(&client, &bob, &Asked::default()).await.is_err());
}

async fn auth_time(provider: &Provider, client: &signet::model::client::Client, user: &User) -> Timestamp {
    let answer = provider.granted(client, user, &Asked::default()).await;
    Timestamp::from_seconds(claims(&answer["id_token"])["auth_time"].as_i64().unwrap())
}

#[tokio::test]
async fn auth_time_is_the_moment_of_the_last_credential_and_not_of_the_last_use() {
    let provider = Provider::start().await;
    let client = provider.client("app", |_| ()).await;
    let user = provider.app.signed_up("alice").await;
    provider.advance(2 * 24 * 60 * 60);
    // The session slides.
    user.session.get("/api/auth/get-session").await.expect(200);
    assert_eq!(auth_time(&provider, &client, &user).await, BEGINNING);
    let again = user.sign_in_again(&provider.app).await;
    let later = BEGINNING.after(Duration::from_secs(2 * 24 * 60 * 60));
    assert_eq!(auth_time(&provider, &client, &again).await, later);
    assert_eq!(auth_time(&provider, &client, &user).await, BEGINNING);
}

#[rstest]
#[tokio::test]
async fn session_that_an_older_version_has_opened_was_proved_by_password_when_it_was_made(
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    let user = fresh.sign_up("ada", 2).await;
    let others = fresh.others().await;
    let insert = "INSERT INTO sessions (id, user_id, created_at, updated_at, expires_at, remembered, ip_address, \
                  user_agent, token_hash) VALUES ('old', $1, $2, $2, $3, 1, '', '', $4)";
    let (made, end) = (START.millis(), START.after(MONTH).millis());
    let hash = [9_u8; 32];
    sqlx::query(insert).bind(&user.id).bind(made).bind(end).bind(&hash[..]).execute(&others).await.unwrap();
    let (session, _) = fresh.database.sessions().by_token_hash(&hash).await.unwrap().unwrap();
    assert_eq!((session.authenticated_at, session.amr.to_string()), (START, "pwd".to_owned()));
    others.close().await;
}

#[tokio::test]
async fn client_token_events_are_counted_with_labels_that_no_client_chooses() {
    let provider = Provider::start().await;
    let client = provider.client("app", |_| ()).await;
    let user = provider.app.signed_up("alice").await;
    let code = provider.code(&client, &user, &Asked::default()).await;
    let answer = provider.exchange(&client, &code).await.expect(200);
    provider.refresh(&client, answer["refresh_token"].as_str().unwrap()).await.expect(200);
    assert_error(&provider.exchange(&client, &code).await, 400, "invalid_grant");
    let page = metrics(&provider.app).await;
    for (event, count) in [
        ("code_redeemed", 1),
        ("code_replayed", 1),
        ("refreshed", 1),
        ("refresh_token_reused", 0),
        ("issued_to_machine", 0),
    ] {
        let line = format!("signet_client_token_events_total{{event=\"{event}\"}} {count}");
        assert!(page.contains(&line), "{line}");
    }
    assert!(!page.contains("\"app\""));
}

async fn metrics(app: &TestApp) -> String {
    app.anonymous().get("/metrics").await.text
}
