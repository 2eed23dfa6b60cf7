//! Those who verify: our own verifier with its key cache, and a third party's behind a shared cache.

use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use signet::keys::keyring::Keyring;
use signet::sync::revocations::Revocations;
use signet_verify::clock::Clock;
use signet_verify::clock::ManualClock;
use signet_verify::clock::SeededEntropy;
use signet_verify::clock::Timestamp;
use signet_verify::jose::jwk::KeySet;
use signet_verify::jose::verify::{Policy, Refusal};
use signet_verify::jwks::fetch::{self, Fetch, Fetched};
use signet_verify::jwks::{KeyCache, Settings};
use signet_verify::verifier::{self, IssuerKeys, KeySource, Verifier};

use super::dice::Dice;
use crate::keys::support::seconds;

pub const ISSUER: &str = "https://id.example";
pub const AUDIENCE: &str = "https://api.example";
/// How far two clocks may lie apart.
pub const LEEWAY: Duration = seconds(1);
const LONGEST_TOKEN: Duration = seconds(60);

/// An issuer that answers now.
pub struct Serving {
    pub keyring: Weak<Keyring>,
    pub clock: Arc<ManualClock>,
}

/// What stands in front of the issuers and sends each request to one that is fresh.
#[derive(Clone)]
pub struct Balancer(Arc<Mutex<(Vec<Serving>, Dice, u64)>>);

impl Balancer {
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new((Vec::new(), Dice::new(seed), 0))))
    }

    /// Names those who answer, and how many of a thousand answers get lost.
    pub fn set(&self, serving: Vec<Serving>, lost: u64) {
        let mut inner = self.0.lock().unwrap();
        inner.0 = serving;
        inner.2 = lost;
    }

    /// The key set of some issuer: the document, its tag, and for how long it is fresh, and stale but usable.
    fn fetch(&self) -> Option<(Vec<u8>, String, Duration, Duration)> {
        let inner = self.0.lock().unwrap();
        let (serving, dice, lost) = &*inner;
        if serving.is_empty() || dice.in_thousand(*lost) {
            return None;
        }
        let Serving { keyring, clock } = &serving[dice.place(serving.len())];
        let keyring = keyring.upgrade()?;
        let (published, life) = (keyring.published(), keyring.cache_life(clock.now()));
        Some((published.json.to_vec(), published.etag.clone(), life.max_age, life.stale_while_revalidate))
    }
}

/// The way of one verifier to the balancer.
pub struct Line {
    balancer: Balancer,
    cut: Arc<Mutex<bool>>,
}

impl Fetch for Line {
    async fn fetch(&self, etag: Option<&str>) -> Result<Fetched, fetch::Error> {
        let cut = *self.cut.lock().unwrap();
        let answer = if cut { None } else { self.balancer.fetch() };
        let (bytes, tag, max_age, _) = answer.ok_or(fetch::Error::Timeout(Duration::from_secs(5)))?;
        Ok(if etag == Some(&*tag) {
            Fetched::NotModified { max_age: Some(max_age) }
        } else {
            Fetched::Fresh { bytes, etag: Some(tag), max_age: Some(max_age) }
        })
    }
}

/// A token as its bearer knows it.
pub struct Bearer {
    pub text: String,
    pub kid: String,
    pub sid: String,
    pub exp: Timestamp,
}

/// What a verifier says of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Accepted,
    Refused(&'static str),
    /// It cannot tell now, and says so.
    Unavailable,
}

fn policy() -> Policy {
    Policy::new(ISSUER.to_owned(), AUDIENCE.to_owned(), LEEWAY, LONGEST_TOKEN)
}

/// Our resource module: a process of its own, or a part of an issuer's.
pub struct Ours {
    pub clock: Arc<ManualClock>,
    pub revocations: Arc<Revocations>,
    verifier: Verifier,
    cache: Option<KeyCache>,
    cut: Arc<Mutex<bool>>,
    /// When it last asked the database for ended sessions.
    pub asked_at: Duration,
}

impl Ours {
    /// A process of its own that fetches the key set.
    pub fn remote(balancer: &Balancer, clock: Arc<ManualClock>, seed: u64, memory: usize) -> Self {
        let cut = Arc::<Mutex<bool>>::default();
        let line = Line { balancer: balancer.clone(), cut: cut.clone() };
        let entropy = Arc::new(SeededEntropy::new(seed));
        let cache = KeyCache::new(line, Settings::default(), clock.clone(), entropy);
        let trust = IssuerKeys::Published(KeySource::Remote(cache.clone()));
        Self::new(trust, Some(cache), cut, clock, memory)
    }

    /// A part of the process whose keyring this is.
    pub fn local(keyring: &Keyring, clock: Arc<ManualClock>, memory: usize) -> Self {
        let trust = IssuerKeys::Published(KeySource::Local(keyring.subscribe()));
        Self::new(trust, None, Arc::default(), clock, memory)
    }

    fn new(
        trust: IssuerKeys,
        cache: Option<KeyCache>,
        cut: Arc<Mutex<bool>>,
        clock: Arc<ManualClock>,
        memory: usize,
    ) -> Self {
        let revocations = Arc::new(Revocations::new(clock.clone()));
        let ended = revocations.clone();
        let verifier =
            Verifier::new(trust, policy(), clock.clone()).with_cache_bytes(memory).with_revocations(ended);
        Self { clock, revocations, verifier, cache, cut, asked_at: Duration::ZERO }
    }

    pub fn toggle(&self) {
        let mut cut = self.cut.lock().unwrap();
        *cut = !*cut;
    }

    /// Whether its keys are within the life that their issuer gave them.
    pub fn is_fresh(&self) -> bool {
        self.cache.as_ref().is_none_or(|cache| cache.status().fresh)
    }

    pub async fn verdict(&self, token: &Bearer) -> Verdict {
        match self.verifier.verify(&token.text).await {
            Ok(_) => Verdict::Accepted,
            Err(verifier::Error::KeySetUnavailable { .. }) => Verdict::Unavailable,
            Err(denied) => Verdict::Refused(denied.code()),
        }
    }
}

struct Copy {
    set: Arc<KeySet>,
    at: Duration,
    keeps: Duration,
}

impl Copy {
    fn is_kept(&self, elapsed: Duration) -> bool {
        elapsed < self.at + self.keeps
    }
}

/// A third party's verifier, with a shared cache in between. Both keep what they have as long as they may; it never
/// asks for a key that it does not know, and has never heard of sessions.
pub struct ThirdParty {
    pub clock: Arc<ManualClock>,
    balancer: Balancer,
    cut: bool,
    shared: Option<Copy>,
    own: Option<Copy>,
    /// How much longer than allowed the shared cache and the verifier keep a set.
    pub too_long: [Duration; 2],
    /// Where it keeps a set for a shorter time than it may, by how many quarters of it.
    hurries: u32,
}

impl ThirdParty {
    pub fn new(balancer: &Balancer, clock: Arc<ManualClock>, hurries: u32) -> Self {
        let balancer = balancer.clone();
        Self { clock, balancer, cut: false, shared: None, own: None, too_long: Default::default(), hurries }
    }

    pub fn toggle(&mut self) {
        self.cut = !self.cut;
    }

    /// Fetches anew what it may not keep any longer.
    pub fn live(&mut self, elapsed: Duration) {
        if self.own.as_ref().is_some_and(|copy| copy.is_kept(elapsed)) || self.cut {
            return;
        }
        if !self.shared.as_ref().is_some_and(|copy| copy.is_kept(elapsed)) {
            let Some((bytes, _, fresh, stale)) = self.balancer.fetch() else { return };
            let set = Arc::new(KeySet::parse(&bytes).unwrap().keys);
            let keeps = (fresh + stale) * (4 - self.hurries) / 4 + self.too_long[0];
            self.shared = Some(Copy { set, at: elapsed, keeps });
        }
        if let Some(shared) = &self.shared {
            // As if just fetched, whatever age the shared cache tells.
            let whole = shared.keeps.saturating_sub(self.too_long[0]);
            self.own = Some(Copy { set: shared.set.clone(), at: elapsed, keeps: whole + self.too_long[1] });
        }
    }

    /// Whether what it has is within its life.
    pub fn is_fresh(&self, elapsed: Duration) -> bool {
        self.own.as_ref().is_some_and(|copy| copy.is_kept(elapsed))
    }

    /// `is_signed` says whether the key of that name really signed the token, which is checked once for everybody.
    pub fn verdict(&self, token: &Bearer) -> Verdict {
        let Some(own) = &self.own else { return Verdict::Unavailable };
        if token.exp.after(LEEWAY) <= self.clock.now() {
            return Verdict::Refused(Refusal::Expired.code());
        }
        match own.set.get(&token.kid) {
            Some(_) => Verdict::Accepted,
            None => Verdict::Refused(Refusal::UnknownKid.code()),
        }
    }
}
