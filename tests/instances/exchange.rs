//! What instances tell each other, without databases and polls that could say it too.

use std::sync::{Arc, Mutex};

use signet::clock::{Clock, SystemClock, Timestamp};
use signet::config::{Config, Settings};
use signet::shared::exchange::{Exchange, KeyNews};
use signet::shared::link::Link;
use signet::shared::revocations::Revocations;
use signet::token::jwk::Kid;
use tokio::sync::oneshot;

use super::*;

/// One who listens and tells.
struct Instance {
    link: Arc<Link>,
    revocations: Arc<Revocations>,
    heard: Arc<Mutex<Vec<KeyNews>>>,
    _stop: oneshot::Sender<()>,
}

impl Instance {
    async fn join(url: &str) -> Self {
        let settings = Settings::from([("REDIS_URL", url)]);
        let link =
            Arc::new(Link::new(&Config::resolve(&settings).unwrap().storage.redis_url.unwrap()).unwrap());
        let clock = Arc::new(SystemClock::new());
        let revocations = Arc::new(Revocations::new(clock.clone()));
        let exchange = Exchange::join(link.clone(), revocations.clone(), clock).await;
        let (heard, (stop, stopped)) = (Arc::new(Mutex::new(Vec::new())), oneshot::channel::<()>());
        let ear = heard.clone();
        tokio::spawn(exchange.run(move |news| ear.lock().unwrap().push(news), async {
            let _ = stopped.await;
        }));
        Self { link, revocations, heard, _stop: stop }
    }

    fn heard(&self, news: &KeyNews) -> bool {
        self.heard.lock().unwrap().contains(news)
    }
}

fn in_a_while() -> Timestamp {
    SystemClock::new().now().after(Duration::from_secs(60))
}

#[tokio::test(flavor = "multi_thread")]
async fn ended_sessions_and_changes_of_keys_reach_everybody_in_the_same_database_and_nobody_else() {
    let Some(redis) = Redis::start() else { return };
    let (here, there) = (Instance::join(&redis.url(1)).await, Instance::join(&redis.url(1)).await);
    let elsewhere = Instance::join(&redis.url(2)).await;
    here.revocations.end([("abc".to_owned(), in_a_while())]);
    let kid = Kid::parse("a-key").unwrap();
    here.link.tell_of_keys(Some(&kid)).await;
    soon("the session is known", async || there.revocations.contains("abc")).await;
    soon("the key is known", async || there.heard(&KeyNews::Withdrawn(kid.clone()))).await;
    // Somebody who is told later than both has heard neither.
    let last = Kid::parse("another-key").unwrap();
    Instance::join(&redis.url(2)).await.link.tell_of_keys(Some(&last)).await;
    soon("messages arrive there", async || elsewhere.heard(&KeyNews::Withdrawn(last.clone()))).await;
    assert!(!elsewhere.revocations.contains("abc") && !elsewhere.heard(&KeyNews::Withdrawn(kid.clone())));
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_fits_into_the_queue_is_told_all_the_same() {
    let Some(redis) = Redis::start() else { return };
    let (here, there) = (Instance::join(&redis.url(0)).await, Instance::join(&redis.url(0)).await);
    let until = in_a_while();
    here.revocations.end((0..20_000).map(|number| (format!("s{number}"), until)));
    soon("all are known", async || there.revocations.len() == 20_000).await;
    assert_eq!(redis.ask(&["ZCARD", "signet:ended"]).trim(), "20000");
    let late = Instance::join(&redis.url(0)).await;
    assert_eq!(late.revocations.len(), 20_000, "who comes late has read them all");
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_on_the_channel_is_left_alone() {
    let Some(redis) = Redis::start() else { return };
    let here = Instance::join(&redis.url(0)).await;
    for nonsense in
        ["", "ended", "ended a", "ended a b", "ended ../x 5", "withdrawn", "of tomorrow 1 2 3", "\u{fffd}"]
    {
        redis.ask(&["PUBLISH", "signet:0:news", nonsense]);
    }
    let good = format!("ended good {}", in_a_while().millis());
    redis.ask(&["PUBLISH", "signet:0:news", &good]);
    soon("it goes on listening", async || here.revocations.contains("good")).await;
    assert_eq!(here.revocations.len(), 1);
}
