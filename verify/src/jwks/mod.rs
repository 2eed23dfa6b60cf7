//! Keeps the issuer's public keys on the verifying side.
//! In: key set documents, and the clock. Out: the keys to check one kid with, or a reason to refuse.
//! Owns: at most one fetch per budget; a known key never waits for the network.

mod budget;
pub mod endpoint;
pub mod fetch;
mod invalidation;
pub mod load;
mod refresh;
mod settings;
mod view;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::timeout;

use self::budget::Misses;
use self::fetch::{Fetch, Fetched};
pub use self::settings::{Backoff, Settings};
use self::view::{FetchReason, View};
use crate::clock::{Clock, Entropy, Timestamp};
use crate::jose::jwk::{KeySet, Kid};

/// The keys of one issuer, fetched when they are needed and renewed before they end; clones share them.
///
/// | asked for | what happens |
/// | --- | --- |
/// | a known kid | answered from memory at once; a renewal that is due goes on beside it |
/// | an unknown kid | one fetch for all who wait, as far as the budget goes |
/// | an unknown kid, and a set past its life that could not be renewed | one fetch every few seconds for all who wait |
/// | any kid while no usable key is held | waits for the one fetch, for [`Settings::request_timeout`] at most |
///
/// So an issuer that comes back is found within the longest pause of [`Settings::cold_retry`], 5 s, by every caller
/// that was answered [`Error::Unavailable`].
///
/// A key that was withdrawn is refused as soon as a document without it has come: within one life of the document
/// while the issuer can be reached, and within [`Settings::stale_bound`] when it cannot.
///
/// It needs a Tokio runtime once it is used. Nothing is fetched before.
#[derive(Clone)]
pub struct KeyCache(Arc<Shared>);

/// Why the cache gives no keys for a kid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A set within its life does not hold the kid: the token is no good.
    #[error("no key has this kid")]
    UnknownKid,
    /// There is no key set that could tell: none at all, one past its bound, or one past its life, which may lack a
    /// key that has been published since. The token may well be good.
    #[error("the issuer's key set is not available")]
    Unavailable {
        /// When it is worth trying again.
        retry_after: Duration,
    },
}

/// What a cache holds, for readiness and metrics.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KeyCacheStatus {
    /// The names of the keys at hand, in the order of publication.
    pub kids: Vec<Kid>,
    /// How long ago the issuer was asked for them with success.
    pub age: Option<Duration>,
    /// How much longer they are used if nothing more comes; zero when they are not.
    pub trusted_for: Duration,
    /// Whether they are within the life that their issuer gave them.
    pub fresh: bool,
    /// How many fetches have been started.
    pub attempts: u64,
    /// How many failed since the last good one.
    pub failures: u32,
    /// What went wrong in the last of these.
    pub last_error: Option<load::Error>,
}

impl KeyCacheStatus {
    /// Whether tokens can be verified now.
    pub fn is_usable(&self) -> bool {
        !self.trusted_for.is_zero()
    }
}

impl KeyCache {
    /// An empty cache that fetches from `source`.
    pub fn new(
        source: impl Fetch,
        settings: Settings,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self(Arc::new(Shared {
            source: Box::new(source),
            views: watch::Sender::new(Arc::new(View::new(&settings))),
            settings,
            created: (clock.now(), clock.monotonic()),
            slept_millis: AtomicU64::new(0),
            clock,
            entropy,
            misses: Mutex::default(),
            failures: Default::default(),
            refreshing: AtomicBool::new(false),
        }))
    }

    /// The key set to verify a token of this `kid` with; `kid` is in it.
    ///
    /// # Errors
    /// [`Error`], after waiting for at most [`Settings::request_timeout`].
    pub async fn keys_for(&self, kid: &str) -> Result<Arc<KeySet>, Error> {
        let now = self.0.now();
        let view = self.0.view();
        let Some(keys) = view.keys_with(kid, now) else {
            return Box::pin(self.0.find(kid, view.started)).await;
        };
        if view.due_at() <= now {
            self.0.launch(FetchReason::Due);
        }
        Ok(keys)
    }

    /// Fetches the keys if none are held, so that the first request need not wait.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when there are none after [`Settings::request_timeout`]; the cache goes on trying.
    pub async fn warm_up(&self) -> Result<(), Error> {
        let mut views = self.0.views.subscribe();
        self.0.launch(FetchReason::Due);
        let landed = views.wait_for(|view| !view.is_fetching());
        drop(timeout(self.0.settings.request_timeout, landed).await); // what it brought is read below, without this guard
        let (view, now) = (self.0.view(), self.0.now());
        match view.usable(now) {
            Some(_) => Ok(()),
            None => Err(Error::Unavailable { retry_after: view.retry_after(now) }),
        }
    }

    /// What is held now. Sends no request.
    pub fn status(&self) -> KeyCacheStatus {
        let (view, now) = (self.0.view(), self.0.now());
        let held = view.held.as_ref();
        KeyCacheStatus {
            kids: held.map_or_else(Vec::new, |held| held.keys.iter().map(|(kid, _)| kid.clone()).collect()),
            age: held.map(|held| now.saturating_sub(held.confirmed_at)),
            trusted_for: held.map_or(Duration::ZERO, |held| held.trusted_until.saturating_sub(now)),
            fresh: view.is_fresh(now),
            attempts: view.started,
            failures: view.failures,
            last_error: view.last_error.clone(),
        }
    }

    /// How many fetches have failed, by [`load::Error::code`]. Every reason is there from the start.
    pub fn failures_by_reason(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.0.failures.iter().map(|count| count.load(Ordering::Relaxed));
        load::Error::CODES.into_iter().zip(counts)
    }
}

impl fmt::Debug for KeyCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyCache").field(&self.status()).finish()
    }
}

/// What the clones of a cache and its tasks have in common.
struct Shared {
    source: Box<dyn Source>,
    settings: Settings,
    clock: Arc<dyn Clock>,
    /// Wall and monotonic time when the cache was made.
    created: (Timestamp, Duration),
    /// The most by which wall time has been seen to outrun monotonic time since then.
    slept_millis: AtomicU64,
    entropy: Arc<dyn Entropy>,
    /// Readers take the whole view; its lock is held for as long as it takes to swap one pointer.
    views: watch::Sender<Arc<View>>,
    /// Looked at for unknown kids only, and never across an await.
    misses: Mutex<Misses>,
    /// How many fetches failed, in the order of [`load::Error::CODES`].
    failures: [AtomicU64; load::Error::CODES.len()],
    /// Whether the task that renews the keys is alive.
    refreshing: AtomicBool,
}

impl Shared {
    fn view(&self) -> Arc<View> {
        self.views.borrow().clone()
    }

    /// The time that ages are measured in: monotonic, plus the time that the machine was asleep.
    ///
    /// Monotonic time stands still while a laptop or a virtual machine sleeps, and keys must not come out of that as
    /// fresh as they went in. Wall time alone would not do either: a step back would make old keys young. A step of
    /// wall time ahead looks like sleep; it costs a fetch.
    fn now(&self) -> Duration {
        let (wall, monotonic) = (self.clock.now().since(self.created.0), self.clock.monotonic());
        let outran = wall.saturating_sub(monotonic.saturating_sub(self.created.1)).as_millis();
        let outran = u64::try_from(outran).unwrap_or(u64::MAX);
        let known = self.slept_millis.load(Ordering::Relaxed);
        // Whoever reads mostly finds nothing to write, so cores do not contend for this cache line.
        let slept = if outran > known {
            self.slept_millis.fetch_max(outran, Ordering::Relaxed).max(outran)
        } else {
            known
        };
        monotonic.saturating_add(Duration::from_millis(slept))
    }

    /// Looks for a kid that is not among usable keys, when `seen` fetches had started as it was asked for.
    async fn find(self: &Arc<Self>, kid: &str, seen: u64) -> Result<Arc<KeySet>, Error> {
        let kid = Kid::parse(kid).ok_or(Error::UnknownKid)?; // no key of any set has such a name
        let ran_out = timeout(self.settings.request_timeout, self.wait_for(&kid, seen)).await.is_err();
        let (view, now) = (self.view(), self.now());
        if let Some(keys) = view.keys_with(kid.as_ref(), now) {
            return Ok(keys);
        }
        if !view.is_fresh(now) {
            return Err(Error::Unavailable { retry_after: view.retry_after(now) });
        }
        if !ran_out && view.landed > seen && view.failures == 0 {
            let mut misses = self.misses.lock();
            misses.record(&kid, now, &self.settings.miss, self.settings.remembered_misses);
        }
        Err(Error::UnknownKid)
    }

    /// Waits until a usable set holds `kid`, a fetch that began after `seen` has ended, or none may be made for it.
    async fn wait_for(self: &Arc<Self>, kid: &Kid, seen: u64) {
        let mut views = self.views.subscribe();
        loop {
            let view = views.borrow_and_update().clone();
            let found = view.keys_with(kid.as_ref(), self.now()).is_some();
            if found || view.landed > seen || !(view.is_fetching() || self.ask(kid)) {
                return;
            }
            if views.changed().await.is_err() {
                return;
            }
        }
    }

    /// Whether a fetch that may bring `kid` is under way now.
    fn ask(self: &Arc<Self>, kid: &Kid) -> bool {
        if self.launch(FetchReason::Due) {
            return true;
        }
        let (view, now) = (self.view(), self.now());
        if !view.is_fresh(now) {
            return self.launch(FetchReason::StaleMiss);
        }
        let hopeless = self.misses.lock().holds(kid, now);
        !hopeless && self.launch(FetchReason::UnknownKid)
    }
}

/// A [`Fetch`] behind a pointer, so that nothing else has to be generic over it.
trait Source: Send + Sync {
    fn fetch<'a>(&'a self, etag: Option<&'a str>) -> Fetching<'a>;
}

type Fetching<'a> = Pin<Box<dyn Future<Output = Result<Fetched, fetch::Error>> + Send + 'a>>;

impl<F: Fetch> Source for F {
    fn fetch<'a>(&'a self, etag: Option<&'a str>) -> Fetching<'a> {
        Box::pin(Fetch::fetch(self, etag))
    }
}
