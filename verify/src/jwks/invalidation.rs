//! What a cache does when it is told that the issuer's keys have changed.
//! In: the word that they have, or that one was withdrawn. Out: a renewed view.
//! Owns: an invalidation can make keys go sooner and never brings any; it costs a bounded number of fetches.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::KeyCache;
use super::view::FetchReason;
use crate::jose::jwk::Kid;

/// The pauses before each look for a key that was withdrawn: an instance of the issuer that a balancer chooses may
/// learn of it a moment after we did.
const RETRIES: [Duration; 7] = [
    Duration::ZERO,
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(800),
    Duration::from_millis(1600),
];

impl KeyCache {
    /// Fetches the keys now, because the issuer says that they have changed, and returns when they are here.
    ///
    /// As far as the budget for invalidations goes; what it does not allow, the schedule brings.
    pub async fn renew(&self) {
        let mut views = self.0.views.subscribe();
        // A fetch that began before the message may have missed the change.
        let landed = views.wait_for(|view| !view.is_fetching());
        drop(timeout(self.0.settings.request_timeout, landed).await);
        let seen = self.0.view().started;
        if self.0.launch(FetchReason::Invalidated) {
            let landed = views.wait_for(|view| view.landed > seen);
            drop(timeout(self.0.settings.request_timeout, landed).await);
        }
    }

    /// Renews the keys until `kid` is not among them any more, a few times at most.
    pub async fn withdraw(&self, kid: &Kid) {
        for pause in RETRIES {
            sleep(pause).await;
            if !self.status().kids.contains(kid) {
                return;
            }
            self.renew().await;
        }
    }
}
