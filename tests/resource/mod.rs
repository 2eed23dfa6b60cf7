//! What the verifying half promises, against a real key set server on this machine that can also misbehave.

mod document;
mod fetch;
mod figures;
mod guard;
mod issuers;
mod key_cache;
mod memory;
pub mod origin;
mod outage;
mod poem_guard;
mod verifier;

use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use serde_json::{Value, json};
use signet_verify::clock::{Clock, ManualClock, SeededEntropy, SystemClock, Timestamp};
use signet_verify::crypto::{Algorithm, SigningKey};
use signet_verify::jose::jwk::{KeySet, Kid};
use signet_verify::jose::sign;
use signet_verify::jose::verify::Policy;
use signet_verify::jwks::endpoint::{JwksEndpoint, Limits};
use signet_verify::jwks::{KeyCache, Settings};

use self::origin::Origin;
use crate::support::wait::LONGEST;
use crate::token::support::key_of;

const ISSUER: &str = "https://id.test";
const AUDIENCE: &str = "https://api.test";
const NOW: i64 = 1_800_000_000;

/// A signing key of the pretended issuer.
struct Signer {
    kid: Kid,
    key: SigningKey,
}

impl Signer {
    /// The key for EdDSA that belongs to `name`, named so.
    fn new(name: &str) -> Self {
        Self::of(Algorithm::EdDsa, name)
    }

    /// The key of this algorithm that belongs to `name`, named so.
    fn of(algorithm: Algorithm, name: &str) -> Self {
        let mut seed = [7; 32];
        seed[..name.len()].copy_from_slice(name.as_bytes());
        let key = match algorithm {
            Algorithm::EdDsa => SigningKey::from_seed(&seed).unwrap(),
            // Made once, since an RSA key takes long; the usual names begin with different letters.
            Algorithm::Es256 | Algorithm::Rs256 => key_of(algorithm, seed[0]),
        };
        Self { kid: Kid::parse(name).unwrap(), key }
    }

    fn token(&self, claims: &Value) -> String {
        sign::jwt(&self.key, &self.kid, claims).unwrap()
    }
}

/// The set of the keys for EdDSA of these names.
fn set(names: &[&str]) -> KeySet {
    set_of(Algorithm::EdDsa, names)
}

/// The set of the keys of this algorithm of these names.
fn set_of(algorithm: Algorithm, names: &[&str]) -> KeySet {
    let signers = names.iter().map(|name| Signer::of(algorithm, name));
    KeySet::new(signers.map(|signer| (signer.kid, signer.key.public().clone())))
}

/// Good claims at [`NOW`].
fn claims() -> Value {
    json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "sid": "session-1", "iat": NOW, "exp": NOW + 900 })
}

fn policy() -> Policy {
    Policy::new(ISSUER.to_owned(), AUDIENCE.to_owned(), Duration::from_secs(30), Duration::from_secs(3600))
}

fn manual_clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(Timestamp::from_seconds(NOW)))
}

/// The settings of the product, but that no request waits for long.
fn impatient() -> Settings {
    let short = Duration::from_millis(300);
    Settings { request_timeout: short, fetch_timeout: short, ..Settings::default() }
}

fn cache_of(origin: &Origin, settings: Settings, clock: Arc<dyn Clock>) -> KeyCache {
    let endpoint = JwksEndpoint::new(&origin.url(), Limits::default()).unwrap();
    KeyCache::new(endpoint, settings, clock, Arc::new(SeededEntropy::new(1)))
}

fn system_clock() -> Arc<SystemClock> {
    Arc::new(SystemClock::new())
}

/// Waits until something that happens in the background has happened.
async fn eventually(what: &str, mut happened: impl FnMut() -> bool) {
    let clock = system_clock();
    while !happened() {
        assert!(clock.monotonic() < LONGEST, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// What `future` gives without waiting for anything at all.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match poll_once(future) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

/// Lets `future` begin and then go away, as a caller who hangs up does.
fn begin_and_give_up<T>(future: impl Future<Output = T>) {
    assert!(poll_once(future).is_pending(), "it was over before it could be given up");
}

fn poll_once<T>(future: impl Future<Output = T>) -> Poll<T> {
    std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Revokes the sessions of which the test says so.
pub struct RevokedIf<F>(pub F);

impl<F> std::fmt::Debug for RevokedIf<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RevokedIf(..)")
    }
}

impl<F: Fn(&str) -> bool + Send + Sync + 'static> signet_verify::verifier::Revocations for RevokedIf<F> {
    fn is_revoked(&self, sid: &str) -> bool {
        self.0(sid)
    }
}
