//! What this instance hears of the others, and what it tells them.
//! In: the exchange, and what this process signs and verifies with. Out: workers that run until the end.
//! Owns: news make a process look sooner at what it looks at anyway; none of them decides anything.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::keys::KeyWorker;
use super::peers::Peers;
use super::workers::Worker;
use crate::resource::key_cache::KeyCache;
use crate::shared::exchange::KeyNews;
use crate::shared::link::Link;
use crate::token::jwk::KeySet;

/// How many words about keys may wait; each is a reason to look, so a few stand for many.
const WAITING_NEWS: usize = 64;

/// Listens and tells: keys of this process go by way of `key_worker`, keys of an issuer elsewhere by way of `key_cache`.
/// None where there are no others.
pub(super) fn workers(
    peers: Peers,
    key_worker: Option<Arc<KeyWorker>>,
    key_cache: Option<KeyCache>,
) -> Vec<Worker> {
    let (Some(redis), Some(exchange)) = (peers.redis, peers.exchange) else { return Vec::new() };
    let mut workers = Vec::new();
    if let Some(worker) = &key_worker {
        let published = worker.keyring().subscribe();
        workers.push(Worker::cancelled_at_stop("word of withdrawn keys", tell_withdrawals(published, redis)));
    }
    let (sender, news) = mpsc::channel(WAITING_NEWS);
    if let Some(cache) = key_cache {
        workers.push(Worker::cancelled_at_stop("renewal of a remote key set", follow(cache, news)));
    }
    let on_keys = move |news: KeyNews| {
        if let Some(worker) = &key_worker {
            worker.wake();
        }
        // A full queue, or none to read it, loses nothing: whoever reads it looks at everything.
        let _ = sender.try_send(news);
    };
    workers.push(Worker::new("exchange with other instances", move |stop| async move {
        exchange.run(on_keys, stop.cancelled_owned()).await;
    }));
    workers
}

/// Tells verifiers elsewhere of each key that this process does not publish any more.
async fn tell_withdrawals(mut published: watch::Receiver<Arc<KeySet>>, redis: Arc<Link>) {
    let mut before = published.borrow_and_update().clone();
    while published.changed().await.is_ok() {
        let now = published.borrow_and_update().clone();
        for (kid, _) in before.iter().filter(|(kid, _)| now.get(kid.as_ref()).is_none()) {
            redis.tell_of_keys(Some(kid)).await;
        }
        before = now;
    }
}

/// Renews the keys of an issuer elsewhere whenever there is news of them.
async fn follow(cache: KeyCache, mut news: mpsc::Receiver<KeyNews>) {
    while let Some(heard) = news.recv().await {
        match heard {
            KeyNews::Changed => cache.renew().await,
            KeyNews::Withdrawn(kid) => cache.withdraw(&kid).await,
        }
    }
}
