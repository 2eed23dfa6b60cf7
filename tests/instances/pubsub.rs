//! What instances publish to each other, without databases and polls that could say it too.

use std::sync::{Arc, Mutex};

use signet::config::Config;
use signet::config::Settings;
use signet::sync::pubsub::KeyChange;
use signet::sync::pubsub::PubSub;
use signet::sync::redis::Redis;
use signet::sync::revocations::Revocations;
use signet_verify::clock::Clock;
use signet_verify::clock::SystemClock;
use signet_verify::clock::Timestamp;
use signet_verify::jose::jwk::Kid;
use tokio::sync::oneshot;

use super::*;

/// One that publishes and listens.
struct Instance {
    redis: Arc<Redis>,
    revocations: Arc<Revocations>,
    heard: Arc<Mutex<Vec<KeyChange>>>,
    _stop: oneshot::Sender<()>,
}

impl Instance {
    async fn join(url: &str) -> Self {
        let settings = Settings::from([("REDIS_URL", url)]);
        let redis =
            Arc::new(Redis::new(&Config::resolve(&settings).unwrap().storage.redis_url.unwrap()).unwrap());
        let clock = Arc::new(SystemClock::new());
        let revocations = Arc::new(Revocations::new(clock.clone()));
        let pubsub = PubSub::join(redis.clone(), revocations.clone(), clock).await;
        let (heard, (stop, stopped)) = (Arc::new(Mutex::new(Vec::new())), oneshot::channel::<()>());
        let ear = heard.clone();
        tokio::spawn(pubsub.run(move |change| ear.lock().unwrap().push(change), async {
            let _ = stopped.await;
        }));
        Self { redis, revocations, heard, _stop: stop }
    }

    fn heard(&self, change: &KeyChange) -> bool {
        self.heard.lock().unwrap().contains(change)
    }
}

fn in_a_while() -> Timestamp {
    SystemClock::new().now().after(Duration::from_secs(60))
}

#[tokio::test(flavor = "multi_thread")]
async fn publish_reaches_every_instance_in_the_same_database_and_no_other() {
    let Some(redis) = RedisServer::start() else { return };
    let (here, there) = (Instance::join(&redis.url(1)).await, Instance::join(&redis.url(1)).await);
    let elsewhere = Instance::join(&redis.url(2)).await;
    here.revocations.end([("abc".to_owned(), in_a_while())]);
    let kid = Kid::parse("a-key").unwrap();
    here.redis.publish_withdrawn(&kid).await;
    soon("the session is known", async || there.revocations.contains("abc")).await;
    soon("the key is known", async || there.heard(&KeyChange::Withdrawn(kid.clone()))).await;
    // A message that is published after both arrives, so neither was delivered.
    let last = Kid::parse("another-key").unwrap();
    Instance::join(&redis.url(2)).await.redis.publish_withdrawn(&last).await;
    soon("messages arrive there", async || elsewhere.heard(&KeyChange::Withdrawn(last.clone()))).await;
    assert!(!elsewhere.revocations.contains("abc") && !elsewhere.heard(&KeyChange::Withdrawn(kid.clone())));
}

#[tokio::test(flavor = "multi_thread")]
async fn publish_of_more_than_fits_into_the_queue_arrives_all_the_same() {
    let Some(redis) = RedisServer::start() else { return };
    let (here, there) = (Instance::join(&redis.url(0)).await, Instance::join(&redis.url(0)).await);
    let until = in_a_while();
    here.revocations.end((0..20_000).map(|number| (format!("s{number}"), until)));
    soon("all are known", async || there.revocations.len() == 20_000).await;
    assert_eq!(redis.ask(&["ZCARD", "signet:ended"]).trim(), "20000");
    let late = Instance::join(&redis.url(0)).await;
    assert_eq!(late.revocations.len(), 20_000, "who comes late has read them all");
}

#[tokio::test(flavor = "multi_thread")]
async fn subscribe_ignores_messages_of_other_versions_and_reads_those_of_the_one_before() {
    let Some(redis) = RedisServer::start() else { return };
    let here = Instance::join(&redis.url(0)).await;
    for nonsense in ["", "ended ../x 5", "{", r#"{"type":"of_tomorrow"}"#, "\u{fffd}"] {
        redis.ask(&["PUBLISH", "signet:0:news", nonsense]);
    }
    let until = in_a_while().millis();
    let json = format!(r#"{{"type":"sessions_revoked","sessions":[{{"id":"now","forget_at":{until}}}]}}"#);
    for good in [format!("ended before {until}"), json] {
        redis.ask(&["PUBLISH", "signet:0:news", &good]);
    }
    soon("it goes on listening", async || here.revocations.contains("now")).await;
    assert!(here.revocations.contains("before"));
    assert_eq!(here.revocations.len(), 2);
}
