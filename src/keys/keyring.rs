//! What this process signs with and publishes now.
//! In: the key rows, whenever they were read. Out: the signer, the key set document, and the set for our own verifiers.
//! Owns: the published set is never empty; no token outlives the publication of its key, even if the database is gone
//! and another process has retired the key meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use signet_verify::clock::{Clock, Reading, Timestamp};
use signet_verify::crypto::{Algorithm, SigningKey, sha256};
use signet_verify::jose::base64url;
use signet_verify::jose::jwk::{KeySet, Kid};
use tokio::sync::{Notify, watch};

use crate::duration;
use crate::keys::margins::{Margin, margins};
use crate::keys::observed_age::ObservedAges;
use crate::keys::opened_keys::OpenedKeys;
use crate::model::contract::Contract;
use crate::model::key_rows::{KeyRow, Snapshot};
use crate::model::signing_key::session_algorithm;
use crate::model::signing_key::{self, KeyRecord, KeyState, Ring, announcement, published, published_until};

/// The key set as it is served.
#[derive(Clone, Debug)]
pub struct Published {
    /// The document: public members alone, newest key first.
    pub json: Bytes,
    /// A strong entity tag (RFC 9110 section 8.8.3), in quotes: the hash of the document.
    pub etag: String,
    /// The same keys, for verifiers of this process.
    pub set: Arc<KeySet>,
}

impl Published {
    fn new(set: KeySet) -> Self {
        let json = Bytes::from(set.to_json());
        let etag = format!("\"{}\"", base64url::encode(&sha256(&json)));
        Self { json, etag, set: Arc::new(set) }
    }
}

/// For how long caches may keep the key set (RFC 9111 section 4.2, RFC 5861), in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheLife {
    /// For how long it is fresh.
    pub max_age: Duration,
    /// For how long after that it may be handed out while a new one is fetched: together never more than the contract has.
    pub stale_while_revalidate: Duration,
    /// For how long after that it may be handed out while we cannot be reached: then no token of that time is left.
    pub stale_if_error: Duration,
}

/// The key that signs now.
#[derive(Clone, Debug)]
pub struct Signer {
    /// Its name, for the header of the token.
    pub kid: Kid,
    /// Its private half.
    pub key: SigningKey,
    /// The latest `exp` that a token signed now may have; one token life ahead as long as the rows are fresh.
    pub latest_exp: Timestamp,
}

/// A key whose private half cannot be opened here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The key.
    pub kid: Kid,
    /// Why, as one sentence.
    pub why: String,
}

/// How the keys of one algorithm stand.
#[derive(Clone, Debug)]
pub struct RingHealth {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// The key that signs, if it can be opened.
    pub active: Option<Kid>,
    /// How many keys are in each state.
    pub states: [(KeyState, usize); 5],
    /// For how long the active key has signed.
    pub active_for: Option<Duration>,
}

/// How the keyring stands, for health and metrics.
#[derive(Clone, Debug)]
pub struct Health {
    /// The algorithms that have keys or ought to.
    pub rings: Vec<RingHealth>,
    /// Keys that cannot be opened; one that should sign may be among them.
    pub unreadable: Vec<Unreadable>,
    /// How many keys are public.
    pub public: usize,
    /// How far the keys are from breaking each rule of the contract.
    pub margins: Vec<Margin>,
    /// How long ago the rows were read.
    pub read_ago: Duration,
    /// When the next step of a key's life is due.
    pub next_deadline: Option<Timestamp>,
    /// How far the keys lie ahead of this process's clock; zero if no clock is or was wrong.
    pub ahead: Duration,
}

struct View {
    records: Vec<KeyRecord>,
    /// The keys that sign, of each algorithm one at most.
    signers: Vec<(Kid, SigningKey)>,
    unreadable: Vec<Unreadable>,
    published: Arc<Published>,
    read_at: Reading,
}

/// The keys of this process; cheap to ask, and never asks the database.
pub struct Keyring {
    contract: Contract,
    clock: Arc<dyn Clock>,
    view: RwLock<Arc<View>>,
    verifiers: watch::Sender<Arc<KeySet>>,
    outdated: Notify,
    reread: Notify,
    /// Since when this process has seen the retiring keys retire.
    observed: Mutex<ObservedAges>,
    /// How often the key set was handed out; spreads the caches.
    handed_out: AtomicU32,
}

impl Keyring {
    /// A keyring of the rows that were read at `read_at`; none if no key of theirs is public.
    pub(super) fn open(
        contract: Contract,
        clock: Arc<dyn Clock>,
        opened: &OpenedKeys,
        snapshot: &Snapshot,
        read_at: Reading,
    ) -> Option<Self> {
        let records: Vec<KeyRecord> = snapshot.keys.iter().map(|row| row.record.clone()).collect();
        let mut observed = ObservedAges::default();
        observed.observe(&records, read_at);
        let published = Arc::new(Published::new(public_set(&records, &observed, read_at)?));
        let (signers, unreadable) = unseal(opened, &snapshot.keys);
        let (verifiers, _) = watch::channel(published.set.clone());
        let view = View { records, signers, unreadable, published, read_at };
        Some(Self {
            contract,
            clock,
            view: RwLock::new(Arc::new(view)),
            verifiers,
            outdated: Notify::new(),
            reread: Notify::new(),
            observed: Mutex::new(observed),
            handed_out: AtomicU32::new(0),
        })
    }

    /// The key that signs session tokens ([`session_algorithm`]), and until when they may live. None while it cannot be
    /// opened, or while the rows are so old that another process may have retired the key long ago.
    pub fn signer(&self) -> Option<Arc<Signer>> {
        let (view, latest_exp) = self.signing_view()?;
        signer_of(&view, session_algorithm(&view.records, &self.contract)?, latest_exp)
    }

    /// The key that signs with `algorithm`; none as for [`Keyring::signer`], and where the algorithm has no active key.
    pub fn signer_for(&self, algorithm: Algorithm) -> Option<Arc<Signer>> {
        let (view, latest_exp) = self.signing_view()?;
        signer_of(&view, algorithm, latest_exp)
    }

    /// The rows, if they are fresh enough to sign by, and the latest `exp` of a token that is signed now.
    fn signing_view(&self) -> Option<(Arc<View>, Timestamp)> {
        let view = self.view();
        let age = self.age(&view);
        if age > self.contract.reload() {
            self.outdated.notify_one();
        }
        // The key may have been retired right after the rows were read. It stays public for `retain` from then, and two
        // skews of that are for clocks that differ: one for the verifier's, one for the process's that removes it.
        let life = (self.contract.token_ttl() + self.contract.reload())
            .saturating_sub(age)
            .min(self.contract.token_ttl());
        if life < Duration::from_secs(1) {
            return None;
        }
        Some((view, self.clock.now().after(life)))
    }

    /// The key that signs session tokens; if the rows are too old to tell (the machine has slept, say), once they have
    /// been read again. None if that takes longer than `limit`, or if there is no such key.
    pub async fn signer_within(&self, limit: Duration) -> Option<Arc<Signer>> {
        self.within(limit, || self.signer()).await
    }

    /// The same for the key that signs with `algorithm`.
    pub async fn signer_for_within(&self, algorithm: Algorithm, limit: Duration) -> Option<Arc<Signer>> {
        self.within(limit, || self.signer_for(algorithm)).await
    }

    async fn within(&self, limit: Duration, find: impl Fn() -> Option<Arc<Signer>>) -> Option<Arc<Signer>> {
        let mut reread = std::pin::pin!(self.reread.notified());
        reread.as_mut().enable();
        if let Some(signer) = find() {
            return Some(signer);
        }
        if self.age(&self.view()) <= self.contract.reload() {
            return None; // reading again would not help
        }
        tokio::time::timeout(limit, reread).await.ok()?;
        find()
    }

    /// How old the rows are as far as signing goes. Where wall time was set back since they were read, it is unknown,
    /// and they count as too old.
    fn age(&self, view: &View) -> Duration {
        let was_set_back = view.read_at.wall.since(self.clock.now()) > self.contract.skew();
        if was_set_back { Duration::MAX } else { view.read_at.elapsed(&*self.clock) }
    }

    /// The key set as it is served now.
    pub fn published(&self) -> Arc<Published> {
        self.view().published.clone()
    }

    /// For how long the key set may be cached at `now`, in whole seconds: never beyond the contract, and shorter when a
    /// change is near or may have been missed, so that caches come back soon after it, though not all at once.
    pub fn max_age(&self, now: Timestamp) -> Duration {
        let most = self.contract.jwks_max_age();
        let least = most / 4;
        let view = self.view();
        let announcements = self.contract.algorithms().iter().filter_map(|algorithm| {
            let ring = Ring::of(&view.records, algorithm);
            ring.active.filter(|_| ring.pending.is_none()).map(|active| announcement(active, &self.contract))
        });
        let removals = published(&view.records, now)
            .into_iter()
            .filter(|key| key.state == KeyState::Retiring)
            .map(|key| key.public_until());
        let change = announcements.chain(removals).min().map_or(most, |at| at.since(now));
        let outdated = view.read_at.elapsed(&*self.clock) > self.contract.reload();
        let age = if outdated { least } else { change.clamp(least, most) };
        Duration::from_secs(age.as_secs().max(1))
    }

    /// The same as the response headers say it: of what the contract leaves, up to a quarter is time to fetch anew in, a different
    /// part each time, so that caches which were filled together do not come back together.
    pub fn cache_life(&self, now: Timestamp) -> CacheLife {
        let whole = self.max_age(now).as_secs();
        // The golden ratio as a fraction of 2^32: however many have asked, the parts lie evenly between 0 and 1.
        let part = self.handed_out.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9);
        let early = (whole / 4 * u64::from(part)) >> 32;
        CacheLife {
            max_age: Duration::from_secs(whole - early),
            stale_while_revalidate: Duration::from_secs(early),
            stale_if_error: Duration::from_secs(self.contract.token_ttl().as_secs()),
        }
    }

    /// The key set of this moment, and every later one, for verifiers in this process.
    pub fn subscribe(&self) -> watch::Receiver<Arc<KeySet>> {
        self.verifiers.subscribe()
    }

    /// What the spans of this keyring are.
    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    /// How the keyring stands.
    pub fn health(&self) -> Health {
        let view = self.view();
        let read_ago = view.read_at.elapsed(&*self.clock);
        let ring = |algorithm: Algorithm| {
            let count = |state| {
                view.records.iter().filter(|key| key.algorithm() == algorithm && key.state == state).count()
            };
            let signs_since = Ring::of(&view.records, algorithm).active.and_then(|key| key.activated_at);
            RingHealth {
                algorithm,
                active: signer_in(&view, algorithm).map(|(kid, _)| kid.clone()),
                states: KeyState::ALL.map(|state| (state, count(state))),
                active_for: signs_since.map(|at| self.clock.now().since(at)),
            }
        };
        let configured = self.contract.algorithms();
        let has_keys = |algorithm: &Algorithm| view.records.iter().any(|key| key.algorithm() == *algorithm);
        let others = Algorithm::ALL.into_iter().filter(|other| !configured.contains(*other)).filter(has_keys);
        Health {
            rings: configured.iter().chain(others).map(ring).collect(),
            unreadable: view.unreadable.clone(),
            public: view.published.set.len(),
            margins: margins(&view.records, &self.contract, read_ago),
            read_ago,
            next_deadline: signing_key::next_deadline(&view.records, &self.contract),
            ahead: signing_key::ahead(&view.records, &self.contract, self.clock.now()),
        }
    }

    /// Takes over the rows that were read at `read_at`.
    pub(super) fn load(&self, opened: &OpenedKeys, snapshot: &Snapshot, read_at: Reading) {
        let records: Vec<KeyRecord> = snapshot.keys.iter().map(|row| row.record.clone()).collect();
        let (signers, unreadable) = unseal(opened, &snapshot.keys);
        let before = self.view();
        if unreadable != before.unreadable {
            for key in &unreadable {
                tracing::error!(kid = %key.kid, "{}", key.why);
            }
        }
        let ahead = |records: &[KeyRecord]| signing_key::ahead(records, &self.contract, self.clock.now());
        if ahead(&records) > Duration::ZERO && records != before.records {
            tracing::warn!(
                "the signing keys lie {} ahead of this clock: rotation waits that long; set the clock right, or order a \
                 rotation with `signet keys rotate`",
                duration::format(ahead(&records))
            );
        }
        self.swap(View { records, signers, unreadable, published: before.published.clone(), read_at });
        self.reread.notify_waiters();
    }

    /// Publishes what is public now, of the rows that are known: time goes on while the database is away.
    pub(super) fn republish(&self) {
        let before = self.view();
        self.swap(View {
            records: before.records.clone(),
            signers: before.signers.clone(),
            unreadable: before.unreadable.clone(),
            published: before.published.clone(),
            read_at: before.read_at,
        });
    }

    /// Returns when a request has asked for a signer and found the rows too old.
    pub(super) async fn outdated(&self) {
        self.outdated.notified().await;
    }

    /// Wakes the task that waits for [`Keyring::outdated`].
    pub(super) fn request_reload(&self) {
        self.outdated.notify_one();
    }

    fn swap(&self, mut view: View) {
        let now = Reading::now(&*self.clock);
        let public = {
            let mut observed = self.observed.lock();
            observed.observe(&view.records, now);
            public_set(&view.records, &observed, now)
        };
        match public {
            Some(set) if set == *view.published.set => {}
            Some(set) => view.published = Arc::new(Published::new(set)),
            // An empty set would refuse every living token, so the keys that were public before stay.
            None => tracing::error!("no signing key is public: the key set stays as it was"),
        }
        let set = view.published.set.clone();
        let mut shown = self.view.write();
        if shown.read_at.monotonic > view.read_at.monotonic {
            return; // newer rows have been loaded meanwhile
        }
        *shown = Arc::new(view);
        self.verifiers.send_if_modified(|current| {
            let changed = **current != *set;
            *current = set;
            changed
        });
    }

    fn view(&self) -> Arc<View> {
        self.view.read().clone()
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyring").field("health", &self.health()).finish_non_exhaustive()
    }
}

/// The key of `algorithm` that signs.
fn signer_in(view: &View, algorithm: Algorithm) -> Option<&(Kid, SigningKey)> {
    view.signers.iter().find(|(_, key)| key.public().algorithm() == algorithm)
}

fn signer_of(view: &View, algorithm: Algorithm, latest_exp: Timestamp) -> Option<Arc<Signer>> {
    let (kid, key) = signer_in(view, algorithm)?.clone();
    Some(Arc::new(Signer { kid, key, latest_exp }))
}

/// The keys that are public now, algorithm by algorithm; none if there is no such key.
fn public_set(records: &[KeyRecord], observed: &ObservedAges, now: Reading) -> Option<KeySet> {
    let public = published_until(records, |key| observed.retention_elapsed(key, now));
    let set = KeySet::new(public.into_iter().map(|key| (key.kid.clone(), key.public.clone())));
    (!set.is_empty()).then_some(set)
}

/// Opens the keys that sign, and tries the ones that will.
fn unseal(opened: &OpenedKeys, rows: &[KeyRow]) -> (Vec<(Kid, SigningKey)>, Vec<Unreadable>) {
    let (mut signers, mut unreadable) = (Vec::new(), Vec::new());
    for row in rows.iter().filter(|row| row.record.state.signs()) {
        let record = &row.record;
        match opened.signing_key(row) {
            Ok(key) if record.state == KeyState::Active => signers.push((record.kid.clone(), key)),
            Ok(_) => {}
            Err(error) => unreadable.push(Unreadable { kid: record.kid.clone(), why: error.to_string() }),
        }
    }
    (signers, unreadable)
}
