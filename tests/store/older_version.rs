//! A database of the version before keys had three algorithms: the present version opens it and goes on.

use std::sync::Arc;
use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};
use signet::keys::repository::KeyRepository;
use signet::model::signing_key::KeyState::{self, Active, Pending, Retiring};
use signet::store::Database;
use signet::store::keys::Keys;
use signet_verify::clock::{ManualClock, Timestamp};
use signet_verify::crypto::Algorithm::{self, EdDsa, Es256, Rs256};
use sqlx::{AnyPool, Row};

use crate::support::TestApp;
use crate::support::fresh_database::Dialect::{self, Postgres, Sqlite};
use crate::support::wait::until;

/// Shortly after the databases were made, so that nothing in them has expired.
const THEN: Timestamp = Timestamp::from_seconds(1_795_739_900);
/// How long a key is public before it signs, with the settings of then and now.
const LEAD: Duration = Duration::from_secs(645);

/// What the old version had in its tables, and what became of it.
const TABLES: [&str; 5] = ["users", "accounts", "sessions", "tasks", "key_events"];

fn fixture(dialect: Dialect) -> (&'static str, Value) {
    let (dump, given) = match dialect {
        Sqlite => (include_str!("../fixtures/0.1/sqlite.sql"), include_str!("../fixtures/0.1/sqlite.json")),
        Postgres => {
            (include_str!("../fixtures/0.1/postgres.sql"), include_str!("../fixtures/0.1/postgres.json"))
        }
    };
    (dump, serde_json::from_str(given).unwrap())
}

async fn load(url: &str, dump: &'static str) {
    sqlx::any::install_default_drivers();
    let writable = if url.starts_with("sqlite:") { format!("{url}?mode=rwc") } else { url.to_owned() };
    let pool = AnyPool::connect(&writable).await.unwrap();
    sqlx::raw_sql(dump).execute(&pool).await.unwrap();
    pool.close().await;
}

async fn counts(url: &str) -> Vec<i64> {
    let pool = AnyPool::connect(url).await.unwrap();
    let mut counts = Vec::new();
    for table in TABLES {
        let query = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
        counts.push(sqlx::query(query).fetch_one(&pool).await.unwrap().get(0));
    }
    pool.close().await;
    counts
}

async fn states(keys: &Keys) -> Vec<(Algorithm, KeyState)> {
    let mut states: Vec<_> = keys.history().await.unwrap().iter().map(|k| (k.algorithm(), k.state)).collect();
    states.sort_by_key(|(algorithm, state)| (*algorithm, state.name()));
    states
}

fn kid_of(token: &str) -> String {
    let header = signet_verify::jose::base64url::decode(token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice::<Value>(&header).unwrap()["kid"].as_str().unwrap().to_owned()
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serve_goes_on_with_a_database_of_the_version_before(#[values(Sqlite, Postgres)] dialect: Dialect) {
    let Some(fresh) = dialect.fresh().await else { return };
    let (dump, ada) = fixture(dialect);
    load(&fresh.url, dump).await;
    let before = counts(&fresh.url).await;
    let keys = Keys::new(Database::open(&fresh.url, 2).await.unwrap());
    let old = keys.history().await.unwrap();
    let signs = old.iter().find(|key| key.state == Active).unwrap().kid.to_string();

    let secrets: Value = serde_json::from_str(include_str!("../fixtures/0.1/secrets.json")).unwrap();
    let app = TestApp::builder().clock(Arc::new(ManualClock::at(THEN))).with(|settings| {
        settings.set("DATABASE_URL", fresh.url.clone());
        for (name, value) in secrets.as_object().unwrap() {
            settings.set(name, value.as_str().unwrap());
        }
    });
    let app = app.start().await;

    // The further algorithms are announced at once, and the old key goes on signing.
    let announced = [(EdDsa, Active), (EdDsa, Retiring), (Es256, Pending), (Rs256, Pending)];
    assert_eq!(states(&keys).await, announced);
    let set = app.anonymous().get("/api/auth/jwks").await.expect(200);
    let algorithms: Vec<&str> =
        set["keys"].as_array().unwrap().iter().map(|key| key["alg"].as_str().unwrap()).collect();
    assert_eq!(algorithms, ["EdDSA", "EdDSA", "ES256", "RS256"]);
    let session = app.anonymous().bearing(ada["session_token"].as_str().unwrap());
    let token =
        async || session.get("/api/auth/token").await.expect(200)["token"].as_str().unwrap().to_owned();
    let first = token().await;
    assert_eq!(kid_of(&first), signs);
    let tasks = app.anonymous().bearing(&first).get("/api/me/tasks").await.expect(200);
    assert!(tasks.to_string().contains(ada["task_id"].as_str().unwrap()), "{tasks}");
    let body = json!({ "email": ada["email"], "password": ada["password"] });
    let again = app.anonymous().post("/api/auth/sign-in/email", &body).await.expect(200);
    assert_eq!(again["user"]["id"], ada["user_id"]);

    // Whoever asks for a token after a while makes the server read the rows again.
    let read_again = async || {
        token().await;
        let just_now = "\nsignet_key_rows_age_seconds 0.0\n";
        let page = async || app.anonymous().get("/metrics").await.text;
        until("the rows are read again", async || page().await.contains(just_now)).await;
    };
    app.advance(LEAD - Duration::from_secs(1));
    read_again().await;
    assert_eq!(states(&keys).await, announced, "a key of a further algorithm is public for its lead first");
    app.advance(Duration::from_secs(60));
    read_again().await;
    let later = token().await;
    let active = [(EdDsa, Active), (EdDsa, Retiring), (Es256, Active), (Rs256, Active)];
    assert_eq!(states(&keys).await, active);
    assert_eq!(kid_of(&later), signs, "the first algorithm signs session tokens");
    app.anonymous().bearing(&later).get("/api/me/tasks").await.expect(200);

    // Nothing that the old version wrote is lost or changed.
    for key in &old {
        assert!(keys.history().await.unwrap().contains(key), "{key:?}");
    }
    let after = counts(&fresh.url).await;
    for ((table, before), after) in TABLES.iter().zip(before).zip(after) {
        assert!(before > 0 && after >= before, "{table}: {before} before, {after} now");
    }
}
