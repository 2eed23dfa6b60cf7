//! One instance among several: what it hears of the others, and what it tells them.
//! In: the exchange, and what this process signs and verifies with. Out: tasks that run until the end.
//! Owns: news make a process look sooner at what it looks at anyway; none of them decides anything.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::{Worker, told};
use crate::resource::key_cache::KeyCache;
use crate::shared::exchange::{Exchange, KeyNews};
use crate::shared::link::Link;
use crate::token::jwk::KeySet;

/// How many words about keys may wait; each is a reason to look, so a few stand for many.
const WAITING_NEWS: usize = 64;

/// An instance that has joined the others.
#[derive(Debug)]
pub(super) struct Instance {
    pub(super) link: Arc<Link>,
    pub(super) exchange: Exchange,
}

impl Instance {
    /// Starts to listen and to tell: keys of this process go by way of `worker`, keys of an issuer elsewhere by way of
    /// `cache`.
    pub(super) fn spawn(
        self,
        worker: Option<Arc<Worker>>,
        cache: Option<KeyCache>,
        stopped: &watch::Receiver<bool>,
        helpers: &mut JoinSet<()>,
    ) {
        let Self { link, exchange } = self;
        if let Some(worker) = &worker {
            let published = worker.keyring().subscribe();
            let stopped = told(stopped.clone());
            helpers.spawn(async move {
                tokio::select! {
                    () = stopped => {}
                    () = tell_withdrawals(published, link) => {}
                }
            });
        }
        let (sender, news) = mpsc::channel(WAITING_NEWS);
        if let Some(cache) = cache {
            let stopped = told(stopped.clone());
            helpers.spawn(async move {
                tokio::select! {
                    () = stopped => {}
                    () = follow(cache, news) => {}
                }
            });
        }
        let on_keys = move |said: KeyNews| {
            if let Some(worker) = &worker {
                worker.wake();
            }
            // Nobody follows where there is no cache, and where too many wait, looking is under way.
            let _ = sender.try_send(said);
        };
        let stopped = told(stopped.clone());
        helpers.spawn(async move { exchange.run(on_keys, stopped).await });
    }
}

/// Tells verifiers elsewhere of each key that this process does not publish any more.
async fn tell_withdrawals(mut published: watch::Receiver<Arc<KeySet>>, link: Arc<Link>) {
    let mut before = published.borrow_and_update().clone();
    while published.changed().await.is_ok() {
        let now = published.borrow_and_update().clone();
        for (kid, _) in before.iter().filter(|(kid, _)| now.get(kid.as_ref()).is_none()) {
            link.tell_of_keys(Some(kid)).await;
        }
        before = now;
    }
}

/// Renews the keys of an issuer elsewhere whenever there is news of them.
async fn follow(cache: KeyCache, mut news: mpsc::Receiver<KeyNews>) {
    while let Some(said) = news.recv().await {
        match said {
            KeyNews::Changed => cache.renew().await,
            KeyNews::Withdrawn(kid) => cache.withdraw(&kid).await,
        }
    }
}
