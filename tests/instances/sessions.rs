//! A session that ends anywhere is refused everywhere.

use super::*;
use crate::support::gate::Gate;

#[tokio::test(flavor = "multi_thread")]
async fn sign_out_at_one_instance_ends_the_session_at_all_even_with_another_database() {
    let Some(redis) = RedisServer::start() else { return };
    let url = redis.url(0);
    let Some(deployment) = Deployment::start("ended_everywhere", Some(&url), Some(&url), &[]).await else {
        return;
    };
    let ada = signed_up(&deployment.one, "ada").await;
    let bob = signed_up(&deployment.two, "bob").await;
    let (token, other) = (jwt(&ada).await, jwt(&bob).await);
    for server in deployment.all() {
        assert_eq!(verdict(server, &token).await, 200);
    }
    sign_out(&ada).await;
    for server in deployment.all() {
        soon("the ended session is refused", async || verdict(server, &token).await == 401).await;
        assert_eq!(verdict(server, &other).await, 200, "and no other's");
    }

    // Who comes late hears of it before serving.
    let late = Deployment::resource(&deployment.folder, &deployment.one, Some(&url));
    assert_eq!(verdict(&late, &token).await, 401);
    assert_eq!(verdict(&late, &other).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_out_without_redis_counts_everywhere_as_soon_as_the_database_is_read() {
    let Some(deployment) = Deployment::start("ended_by_poll", None, None, &[]).await else { return };
    let ada = signed_up(&deployment.one, "ada").await;
    let token = jwt(&ada).await;
    assert_eq!(verdict(&deployment.two, &token).await, 200);
    sign_out(&ada).await;
    assert_eq!(verdict(&deployment.one, &token).await, 401, "at once where it ended");
    soon("the poll brings it", async || verdict(&deployment.two, &token).await == 401).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn subscribe_catches_up_with_messages_lost_while_cut_off() {
    let Some(redis) = RedisServer::start() else { return };
    let gate = Gate::before(redis.port()).await;
    let around = format!("redis://127.0.0.1:{}/0", gate.port);
    let Some(deployment) = Deployment::start("lost_message", Some(&redis.url(0)), Some(&around), &[]).await
    else {
        return;
    };
    let ada = signed_up(&deployment.one, "ada").await;
    let token = jwt(&ada).await;
    assert_eq!(verdict(&deployment.resource, &token).await, 200);
    gate.close();
    redis_is(false, &deployment.resource).await;
    sign_out(&ada).await;
    soon("the others know", async || verdict(&deployment.two, &token).await == 401).await;
    assert_eq!(verdict(&deployment.resource, &token).await, 200, "it cannot know yet");
    gate.open();
    soon("it has caught up", async || verdict(&deployment.resource, &token).await == 401).await;
    redis_is(true, &deployment.resource).await;
    let (_, log) = deployment.resource.terminate();
    assert_said_once(&log, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn publish_is_repeated_to_a_redis_that_has_lost_its_data() {
    let Some(mut redis) = RedisServer::start() else { return };
    let url = redis.url(0);
    let Some(deployment) = Deployment::start("lost_memory", Some(&url), Some(&url), &[]).await else {
        return;
    };
    let (before, during) = (signed_up(&deployment.one, "ada").await, signed_up(&deployment.one, "bob").await);
    let tokens = [jwt(&before).await, jwt(&during).await];
    sign_out(&before).await;
    soon("it is kept", async || redis.ask(&["ZCARD", "signet:ended"]).trim() == "1").await;
    redis.kill();
    for server in deployment.all() {
        redis_is(false, server).await;
    }
    sign_out(&during).await;
    redis.restart();
    for token in &tokens {
        for server in deployment.all() {
            soon("refused everywhere", async || verdict(server, token).await == 401).await;
        }
    }
    soon("both are kept", async || redis.ask(&["ZCARD", "signet:ended"]).trim() == "2").await;
    let life: i64 = redis.ask(&["PTTL", "signet:ended"]).trim().parse().unwrap();
    // 15 minutes of a token, three times 30 seconds between clocks, and 5 seconds of a unit of work.
    assert!((1..=995_000).contains(&life), "they go when no token of theirs can live: {life}");
}
