//! One instance among several: what it hears of the others, and what it publishes.
//! In: the subscription, and what this process signs and verifies with. Out: tasks that run until the end.
//! Owns: a message makes a process read sooner what it reads anyway; none of them decides anything.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::{Worker, told};
use crate::sync::pubsub::KeyChange;
use crate::sync::pubsub::PubSub;
use crate::sync::redis::Redis;
use signet_verify::jose::jwk::KeySet;
use signet_verify::jwks::KeyCache;

/// How many messages about keys may wait; each is a reason to read them, so a few stand for many.
const QUEUE: usize = 64;

/// An instance that has joined the others.
#[derive(Debug)]
pub(super) struct Instance {
    pub(super) redis: Arc<Redis>,
    pub(super) pubsub: PubSub,
}

impl Instance {
    /// Starts to listen and to publish: keys of this process go by way of `worker`, keys of an issuer elsewhere by way
    /// of `cache`.
    pub(super) fn spawn(
        self,
        worker: Option<Arc<Worker>>,
        cache: Option<KeyCache>,
        stopped: &watch::Receiver<bool>,
        helpers: &mut JoinSet<()>,
    ) {
        let Self { redis, pubsub } = self;
        if let Some(worker) = &worker {
            let published = worker.keyring().subscribe();
            let stopped = told(stopped.clone());
            helpers.spawn(async move {
                tokio::select! {
                    () = stopped => {}
                    () = publish_withdrawals(published, redis) => {}
                }
            });
        }
        let (sender, changes) = mpsc::channel(QUEUE);
        if let Some(cache) = cache {
            let stopped = told(stopped.clone());
            helpers.spawn(async move {
                tokio::select! {
                    () = stopped => {}
                    () = follow_key_changes(cache, changes) => {}
                }
            });
        }
        let on_keys = move |change: KeyChange| {
            if let Some(worker) = &worker {
                worker.wake();
            }
            // Without a cache the receiver is gone, and a full queue has the cache renewed anyway.
            let _ = sender.try_send(change);
        };
        let stopped = told(stopped.clone());
        helpers.spawn(async move { pubsub.run(on_keys, stopped).await });
    }
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
