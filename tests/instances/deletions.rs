//! A deleted account leaves nothing behind, whatever was on its way at any instance.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rstest::rstest;
use sqlx::{AnyPool, Row};
use tokio::task::JoinSet;

use super::*;
use crate::support::TestApp;
use crate::support::fresh_database::Dialect::{self, Postgres, Sqlite};
use crate::support::gate::Gate;

const TASKS: &str = "/api/me/tasks";

async fn kept(url: &str, owner: &str) -> i64 {
    sqlx::any::install_default_drivers();
    let pool = AnyPool::connect(url).await.unwrap();
    let count = sqlx::query("SELECT COUNT(*) FROM tasks WHERE user_id = $1").bind(owner);
    let count = count.fetch_one(&pool).await.unwrap().get(0);
    pool.close().await;
    count
}

/// Adds tasks until it is refused, and counts those that were kept.
async fn add_until_refused(api: Caller, added: Arc<AtomicU32>) {
    loop {
        match api.post(TASKS, &json!({ "title": "On its way" })).await.status.as_u16() {
            201 => drop(added.fetch_add(1, Ordering::Relaxed)),
            // Nobody knows that the token is revoked, or everybody does: both are the same to the caller.
            401 => return,
            other => panic!("{other}"),
        }
    }
}

/// Fetches tokens at `one` and adds tasks with them at `two`, until it gets no more.
async fn fetch_tokens_and_add(session: Caller, elsewhere: Caller, added: Arc<AtomicU32>) {
    loop {
        let reply = session.get("/api/auth/token").await;
        if reply.status == 401 {
            return;
        }
        let token = reply.expect(200)["token"].as_str().unwrap().to_owned();
        let reply = elsewhere.bearing(&token).post(TASKS, &json!({ "title": "With a fresh token" })).await;
        match reply.status.as_u16() {
            201 => drop(added.fetch_add(1, Ordering::Relaxed)),
            401 => {}
            other => panic!("{other}: {}", reply.text),
        }
    }
}

async fn delete(session: &Caller) {
    let deleted = session.post("/api/auth/delete-user", &json!({ "password": PASSWORD })).await;
    assert_eq!(deleted.expect(200)["message"], "User deleted");
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delete_user_while_requests_of_theirs_add_tasks_at_two_instances_leaves_none(
    #[values(Sqlite, Postgres)] dialect: Dialect,
) {
    let Some(fresh) = dialect.fresh().await else { return };
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let start = async || {
        let builder = TestApp::in_folder(folder.clone()).with(|settings| {
            settings.set("DATABASE_URL", fresh.url.clone());
            settings.set("BETTER_AUTH_URL", ISSUER);
        });
        builder.start().await
    };
    let (one, two) = (start().await, start().await);
    for round in 0..20 {
        let ada = one.signed_up(&format!("ada{round}")).await;
        let token = ada.jwt().await;
        let added = Arc::new(AtomicU32::new(0));
        let mut on_their_way = JoinSet::new();
        for number in 0..8 {
            let app = if number % 2 == 0 { &one } else { &two };
            on_their_way.spawn(add_until_refused(app.anonymous().bearing(&token), added.clone()));
        }
        on_their_way.spawn(fetch_tokens_and_add(ada.session.clone(), two.anonymous(), added.clone()));
        soon("they are on their way", async || added.load(Ordering::Relaxed) > round % 7).await;
        delete(&ada.session).await;
        on_their_way.join_all().await;
        assert_eq!(kept(&fresh.url, &ada.id).await, 0, "round {round}");
        // A token that nobody could tell from a good one opens nothing either.
        let late = two.anonymous().bearing(&token).post(TASKS, &json!({ "title": "Late" })).await;
        late.assert_error(401, "INVALID_TOKEN");
        assert!(late.header("www-authenticate").contains("invalid_token"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delete_user_takes_tasks_along_that_are_kept_in_another_database() {
    let Some(redis) = RedisServer::start() else { return };
    let gate = Gate::before(redis.port()).await;
    let around = format!("redis://127.0.0.1:{}/0", gate.port);
    // Without mail a password is enough.
    let settings = [("SIGNET_MAIL", "off")];
    let deployment =
        Deployment::start("deleted_elsewhere", Some(&redis.url(0)), Some(&around), &settings).await;
    let Some(deployment) = deployment else { return };
    let elsewhere = format!("sqlite:{}", deployment.folder.path().join("signet.db").display());
    let bob = signed_up(&deployment.two, "bob").await;
    let bobs = deployment.resource.caller().bearing(&jwt(&bob).await);
    let bob = bobs.post(TASKS, &json!({ "title": "his" })).await.expect(201)["user_id"].clone();
    for round in 0..20 {
        let ada = signed_up(&deployment.one, &format!("ada{round}")).await;
        let token = jwt(&ada).await;
        let api = deployment.resource.caller().bearing(&token);
        let id = api.post(TASKS, &json!({ "title": "hers" })).await.expect(201)["user_id"].clone();
        let added = Arc::new(AtomicU32::new(0));
        let mut on_their_way = JoinSet::new();
        for _ in 0..8 {
            on_their_way.spawn(add_until_refused(api.clone(), added.clone()));
        }
        soon("they are on their way", async || added.load(Ordering::Relaxed) > round % 7).await;
        // In the last round the resource process hears of it when it is back.
        if round == 19 {
            gate.close();
            redis_is(false, &deployment.resource).await;
        }
        delete(&ada).await;
        if round == 19 {
            gate.open();
        }
        on_their_way.join_all().await;
        let id = id.as_str().unwrap();
        soon("no task is left", async || kept(&elsewhere, id).await == 0).await;
    }
    assert_eq!(kept(&elsewhere, bob.as_str().unwrap()).await, 1);
    bobs.get(TASKS).await.expect(200);
}
