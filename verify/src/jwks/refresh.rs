//! Fetches the key set beside the requests, never inside one.
//! In: a reason to ask. Out: a new view for every subscriber.
//! Owns: a fetch outlives the request that caused it, always lands, and is the only one under way.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;
use tracing::{info, warn};

use super::Shared;
use super::fetch::{self, Fetched};
use super::load::{self, Loaded};
use super::view::{FetchReason, View};
use crate::jose::jwk::{KeySet, Kid, ParsedSet};

/// The refresher looks at the clock no more often than this.
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);

impl Shared {
    /// Starts a fetch if `reason` allows one. True when one is under way now, whoever started it.
    pub(super) fn launch(self: &Arc<Self>, reason: FetchReason) -> bool {
        let now = self.now();
        let view = self.view();
        if view.launch(reason, now, &self.settings).is_none() {
            return view.is_fetching(); // seen without a lock: this is the answer to nearly every request in a flood
        }
        let mut began = false;
        self.views.send_if_modified(|view| {
            if let Some(next) = view.launch(reason, now, &self.settings) {
                *view = Arc::new(next);
                began = true;
            }
            began
        });
        if began {
            self.ensure_refresher();
            let flight = Flight { cache: self.clone(), began: now, landed: false };
            tokio::spawn(flight.run());
        }
        began || self.view().is_fetching()
    }

    /// Makes known what a fetch brought.
    fn land(&self, outcome: Result<Loaded, load::Error>, began: Duration) {
        let now = self.now();
        let before = self.view();
        if let Ok(Loaded::Keys { parsed, .. }) = &outcome {
            self.announce(&before, parsed, now);
        }
        // Only this flight changes the view while it is under way, so it is still `before`.
        let after = before.land(outcome, began, now, self.share(), &self.settings);
        if let Some(error) = &after.last_error {
            let reason = error.code();
            warn!(target: "signet::jwks", reason, %error, failures = after.failures, "no key set fetched");
            self.count(reason);
        }
        self.views.send_replace(Arc::new(after));
    }

    fn count(&self, reason: &str) {
        let mut counts = load::Error::CODES.iter().zip(&self.failures);
        if let Some((_, count)) = counts.find(|(code, _)| **code == reason) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Logs a change of the set, and makes sure that tokens under keys that went are refused without a fetch.
    fn announce(&self, before: &View, parsed: &ParsedSet, now: Duration) {
        let held = before.held.as_ref().map(|held| &held.keys);
        if held.is_some_and(|held| **held == parsed.keys) {
            return;
        }
        let kids: Vec<&str> = parsed.keys.iter().map(|(kid, _)| kid.as_ref()).collect();
        info!(target: "signet::jwks", ?kids, "the issuer's key set has changed");
        for skipped in &parsed.skipped {
            let kid = skipped.kid.as_ref().map(AsRef::as_ref);
            warn!(target: "signet::jwks", position = skipped.position, kid, reason = %skipped.reason, "key left out");
        }
        let gone = held.into_iter().flat_map(|held| withdrawn(held, &parsed.keys));
        let mut misses = self.misses.lock();
        for kid in gone {
            misses.record(kid, now, &self.settings.miss, self.settings.remembered_misses);
        }
    }

    /// A number from 0 to 1 that differs from verifier to verifier.
    fn share(&self) -> f64 {
        let mut bytes = [0; 4];
        // Without randomness there is no jitter; that is no reason to fetch no keys.
        self.entropy
            .fill(&mut bytes)
            .map_or(0.0, |()| f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX))
    }

    /// Sees to it that one task renews the keys as long as this cache lives, with or without requests.
    fn ensure_refresher(self: &Arc<Self>) {
        if !self.refreshing.swap(true, Ordering::SeqCst) {
            let refresher = Refresher { cache: Arc::downgrade(self) };
            tokio::spawn(refresher.run(self.views.subscribe()));
        }
    }
}

fn withdrawn<'a>(before: &'a KeySet, now: &'a KeySet) -> impl Iterator<Item = &'a Kid> {
    before.iter().map(|(kid, _)| kid).filter(|kid| now.get(kid.as_ref()).is_none())
}

/// One fetch. It lands when it is dropped at the latest, so no request waits for one that panicked.
struct Flight {
    cache: Arc<Shared>,
    began: Duration,
    landed: bool,
}

impl Flight {
    async fn run(mut self) {
        let outcome = self.load().await;
        self.cache.land(outcome, self.began);
        self.landed = true;
    }

    async fn load(&self) -> Result<Loaded, load::Error> {
        let view = self.cache.view();
        let etag = view.held.as_ref().and_then(|held| held.etag.as_deref());
        let limit = self.cache.settings.fetch_timeout;
        let fetched = timeout(limit, self.cache.source.fetch(etag)).await;
        match fetched.unwrap_or(Err(fetch::Error::Timeout(limit)))? {
            Fetched::Fresh { bytes, etag, max_age } => {
                let parsed = KeySet::parse(&bytes)?;
                if parsed.keys.is_empty() {
                    return Err(load::Error::NoUsableKey);
                }
                Ok(Loaded::Keys { parsed, etag, max_age })
            }
            Fetched::NotModified { max_age } => Ok(Loaded::Unchanged { max_age }),
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        if !self.landed {
            self.cache.land(Err(load::Error::Abandoned), self.began);
        }
    }
}

/// The task that renews the keys ahead of their end. It holds no cache alive.
struct Refresher {
    cache: Weak<Shared>,
}

impl Refresher {
    async fn run(self, mut views: watch::Receiver<Arc<View>>) {
        loop {
            let pause = match self.cache.upgrade() {
                Some(cache) => {
                    cache.launch(FetchReason::Due);
                    let view = views.borrow_and_update();
                    let pause = view.due_at().saturating_sub(cache.now());
                    if view.is_fetching() { cache.settings.fetch_timeout } else { pause }
                }
                None => return,
            };
            // Ends early when a fetch lands, and for good when the cache is gone.
            if let Ok(Err(_)) = timeout(pause.max(SHORTEST_PAUSE), views.changed()).await {
                return;
            }
        }
    }
}

impl Drop for Refresher {
    fn drop(&mut self) {
        if let Some(cache) = self.cache.upgrade() {
            cache.refreshing.store(false, Ordering::SeqCst);
        }
    }
}
