//! One instance among several: what it receives from the others, and what it publishes.
//! In: the subscription, and what this process signs and verifies with. Out: workers that run until the end.
//! Owns: a message makes a process read sooner what it reads anyway; none of them decides anything.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::keys::KeyWorker;
use super::peers::Peers;
use super::workers::Worker;
use crate::sync::pubsub::KeyChange;
use crate::sync::redis::Redis;
use signet_verify::jose::jwk::KeySet;
use signet_verify::jwks::KeyCache;

/// How many messages about keys may wait; each is a reason to read them, so a few stand for many.
const QUEUE: usize = 64;

/// Listens and publishes: keys of this process go by way of `key_worker`, keys of an issuer elsewhere by way of `key_cache`.
/// None where there are no others.
pub(super) fn workers(
    peers: Peers,
    key_worker: Option<Arc<KeyWorker>>,
    key_cache: Option<KeyCache>,
) -> Vec<Worker> {
    let (Some(redis), Some(pubsub)) = (peers.redis, peers.pubsub) else { return Vec::new() };
    let mut workers = Vec::new();
    if let Some(worker) = &key_worker {
        let published = worker.keyring().subscribe();
        workers.push(Worker::cancelled_at_stop(
            "publication of withdrawn keys",
            publish_withdrawals(published, redis),
        ));
    }
    let (sender, changes) = mpsc::channel(QUEUE);
    if let Some(cache) = key_cache {
        workers.push(Worker::cancelled_at_stop(
            "renewal of a remote key set",
            follow_key_changes(cache, changes),
        ));
    }
    let on_keys = move |change: KeyChange| {
        if let Some(worker) = &key_worker {
            worker.wake();
        }
        // A full queue loses nothing: the worker that reads it reads all rows.
        let _ = sender.try_send(change);
    };
    workers.push(Worker::new("messages of other instances", move |stop| async move {
        pubsub.run(on_keys, stop.cancelled_owned()).await;
    }));
    workers
}

/// Publishes, for verifiers elsewhere, each key that this process does not publish any more.
async fn publish_withdrawals(mut published: watch::Receiver<Arc<KeySet>>, redis: Arc<Redis>) {
    let mut before = published.borrow_and_update().clone();
    while published.changed().await.is_ok() {
        let now = published.borrow_and_update().clone();
        for (kid, _) in before.iter().filter(|(kid, _)| now.get(kid.as_ref()).is_none()) {
            redis.publish_withdrawn(kid).await;
        }
        before = now;
    }
}

/// Renews the keys of an issuer elsewhere whenever a message says that they have changed.
async fn follow_key_changes(cache: KeyCache, mut changes: mpsc::Receiver<KeyChange>) {
    while let Some(change) = changes.recv().await {
        match change {
            KeyChange::Changed => cache.renew().await,
            KeyChange::Withdrawn(kid) => cache.withdraw(&kid).await,
        }
    }
}
