//! What verifying a token costs: a fresh one, one seen before, one under a shared secret; beside the bare arithmetic and
//! beside other libraries, all within one run.

use std::alloc::System;
use std::cell::Cell;
use std::collections::HashSet;
use std::hint::black_box;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use aws_lc_rs::signature as aws;
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::{Value, json};
use signet_benches::Contest;
use signet_verify::clock::{Clock, SystemClock};
use signet_verify::crypto::{MacKey, SharedSecret, SigningKey, sha256};
use signet_verify::jose::jwk::{KeySet, Kid};
use signet_verify::jose::verify::{Policy, SharedKey, TrustedKeys, verify};
use signet_verify::jose::{base64url, sign};
use signet_verify::verifier::{IssuerKeys, KeySource, Revocations, Verifier};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const ISSUER: &str = "https://id.example.com";
const AUDIENCE: &str = "https://api.example.com";
const SECRET: &str = "a secret of at least thirty-two bytes";
const ROUNDS: usize = 150;

/// A token taken apart, for those that verify nothing else.
struct Parts {
    input: Vec<u8>,
    signature: Vec<u8>,
}

/// Tokens that differ, so that no verifier finds the last one in a cache.
struct Tokens {
    texts: Vec<String>,
    parts: Vec<Parts>,
    next: Cell<usize>,
}

impl Tokens {
    fn new(count: usize, make: impl Fn(&Value) -> String, now: i64) -> Self {
        let claims = |number: usize| {
            json!({
                "iss": ISSUER, "aud": AUDIENCE, "sub": "user-0123456789abcdef", "jti": format!("token-{number:06}"),
                "iat": now, "exp": now + 900, "email": "somebody@example.com", "name": "Somebody",
            })
        };
        let texts: Vec<String> = (0..count).map(|number| make(&claims(number))).collect();
        let parts = texts.iter().map(|text| {
            let (input, signature) = text.rsplit_once('.').unwrap();
            Parts { input: input.into(), signature: base64url::decode(signature).unwrap() }
        });
        Self { parts: parts.collect(), texts, next: Cell::new(0) }
    }

    fn number(&self) -> usize {
        let number = (self.next.get() + 1) % self.texts.len();
        self.next.set(number);
        number
    }

    fn text(&self) -> &str {
        &self.texts[self.number()]
    }

    fn parts(&self) -> &Parts {
        &self.parts[self.number()]
    }
}

/// What a future gives that never waits.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("keys at hand are there at once"),
    }
}

/// Sessions that have ended.
#[derive(Debug)]
struct EndedSessions(HashSet<String>);

impl Revocations for EndedSessions {
    fn is_revoked(&self, sid: &str) -> bool {
        self.0.contains(sid)
    }
}

fn kid(number: usize) -> Kid {
    Kid::parse(&format!("key-{number}")).unwrap()
}

fn key(number: usize) -> SigningKey {
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    SigningKey::from_seed(&seed).unwrap()
}

fn set(keys: usize) -> Arc<KeySet> {
    Arc::new(KeySet::new((0..keys).map(|number| (kid(number), key(number).public().clone()))))
}

fn policy() -> Policy {
    Policy::new(ISSUER.into(), AUDIENCE.into(), Duration::from_secs(30), Duration::from_secs(3600))
}

fn verifier(keys: usize) -> Verifier {
    // The sending half may go: what was sent last is still read.
    let (_, receiver) = tokio::sync::watch::channel(set(keys));
    Verifier::new(IssuerKeys::Published(KeySource::Local(receiver)), policy(), Arc::new(SystemClock::new()))
}

fn main() {
    let clock = SystemClock::new();
    let now = clock.now().seconds();
    let eddsa = Tokens::new(512, |claims| sign::jwt(&key(0), &kid(0), claims).unwrap(), now);
    println!("A token has {} bytes. Medians of {ROUNDS} rounds.", eddsa.texts[0].len());
    fresh(&eddsa, &clock);
    seen_before(&eddsa, now);
    under_a_shared_secret(&clock, now);
}

#[expect(clippy::disallowed_methods, reason = "josekit's own path is what is measured here")]
fn fresh(tokens: &Tokens, clock: &SystemClock) {
    let key = key(0);
    let bytes = key.public().as_bytes();
    let ring = UnparsedPublicKey::new(&ED25519, bytes);
    let lc = aws::ParsedPublicKey::new(&aws::ED25519, bytes).unwrap();
    let dalek = ed25519_dalek::VerifyingKey::from_bytes(bytes.try_into().unwrap()).unwrap();
    let (set, policy) = (set(2), policy());
    let forgetful = verifier(2).with_cache_bytes(0);
    let (old, old_rules) = {
        use jsonwebtoken::{Algorithm, DecodingKey, Validation};
        let mut rules = Validation::new(Algorithm::EdDSA);
        rules.set_issuer(&[ISSUER]);
        rules.set_audience(&[AUDIENCE]);
        (DecodingKey::from_ed_der(bytes), rules)
    };
    let (new, new_rules) = {
        use jsonwebtoken_aws::{Algorithm, DecodingKey, Validation};
        let mut rules = Validation::new(Algorithm::EdDSA);
        rules.set_issuer(&[ISSUER]);
        rules.set_audience(&[AUDIENCE]);
        (DecodingKey::from_ed_der(bytes), rules)
    };
    let openssl = {
        let mut jwk = josekit::jwk::Jwk::new("OKP");
        jwk.set_curve("Ed25519");
        jwk.set_parameter("x", Some(json!(base64url::encode(bytes)))).unwrap();
        josekit::jws::EdDSA.verifier_from_jwk(&jwk).unwrap()
    };

    Contest::new("a fresh token")
        .enter("ring: the signature alone (the floor)", || {
            let parts = tokens.parts();
            ring.verify(black_box(&parts.input), &parts.signature).unwrap();
        })
        .enter("aws-lc-rs: the signature alone", || {
            let parts = tokens.parts();
            lc.verify_sig(black_box(&parts.input), &parts.signature).unwrap();
        })
        .enter("ed25519-dalek, strict: the signature alone", || {
            let parts = tokens.parts();
            let signature = ed25519_dalek::Signature::from_slice(&parts.signature).unwrap();
            dalek.verify_strict(black_box(&parts.input), &signature).unwrap();
        })
        .enter("**Signet**: `jose::verify`", || {
            let keys = TrustedKeys { set: Some(&set), shared: None };
            black_box(verify(&keys, &policy, black_box(tokens.text()), clock.now()).unwrap());
        })
        .enter("**Signet**: the whole verifier, without memory", || {
            black_box(at_once(forgetful.verify(black_box(tokens.text()))).unwrap());
        })
        .enter("jsonwebtoken 9 on ring", || {
            black_box(jsonwebtoken::decode::<Value>(black_box(tokens.text()), &old, &old_rules).unwrap());
        })
        .enter("jsonwebtoken 10 on aws-lc-rs", || {
            black_box(jsonwebtoken_aws::decode::<Value>(black_box(tokens.text()), &new, &new_rules).unwrap());
        })
        .enter("josekit on OpenSSL", || {
            black_box(josekit::jwt::decode_with_verifier(black_box(tokens.text()), &openssl).unwrap());
        })
        .run(ROUNDS);
}

fn seen_before(tokens: &Tokens, now: i64) {
    let text = &tokens.texts[0];
    let one = verifier(2);
    let full = verifier(64).with_cache_bytes(8 << 20).with_revocations(Arc::new(EndedSessions(
        (0..100_000).map(|number| format!("session-{number}")).collect(),
    )));
    let many = Tokens::new(20_000, |claims| sign::jwt(&key(0), &kid(0), claims).unwrap(), now);
    for token in &many.texts {
        at_once(full.verify(token)).unwrap();
    }
    at_once(one.verify(text)).unwrap();
    at_once(full.verify(text)).unwrap();

    Contest::new("a token seen before")
        .enter("SHA-256 of it (the floor)", || {
            black_box(sha256(black_box(text.as_bytes())));
        })
        .enter("**Signet**: the whole verifier", || {
            black_box(at_once(one.verify(black_box(text))).unwrap());
        })
        .enter("**Signet**: after 20,000 other tokens, with 64 keys and 100,000 ended sessions", || {
            black_box(at_once(full.verify(black_box(text))).unwrap());
        })
        .run(ROUNDS);

    let region = Region::new(ALLOCATOR);
    for _ in 0..1000 {
        black_box(at_once(one.verify(black_box(text))).unwrap());
    }
    let change = region.change();
    println!(
        "\nAllocations of 1000 tokens seen before: {} ({} bytes).",
        change.allocations, change.bytes_allocated
    );

    let region = Region::new(ALLOCATOR);
    let fresh = verifier(2).with_cache_bytes(8 << 20);
    for token in &many.texts {
        at_once(fresh.verify(token)).unwrap();
    }
    let change = region.change();
    let held = change.bytes_allocated as i64 - change.bytes_deallocated as i64;
    let status = fresh.token_cache().unwrap();
    println!(
        "After 20,000 tokens in 8 MiB: {} remembered, {} bytes by our count, {held} bytes by the allocator's.",
        status.tokens, status.bytes
    );
}

fn under_a_shared_secret(clock: &SystemClock, now: i64) {
    let mac = MacKey::new(&SharedSecret::new(SECRET.to_owned()).unwrap());
    let tokens = Tokens::new(512, |claims| sign::hs256(&mac, claims).unwrap(), now);
    let shared = SharedKey { key: mac.clone(), until: None };
    let policy = policy();
    let ring = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, SECRET.as_bytes());
    let (old, old_rules) = {
        use jsonwebtoken::{Algorithm, DecodingKey, Validation};
        let mut rules = Validation::new(Algorithm::HS256);
        rules.set_issuer(&[ISSUER]);
        rules.set_audience(&[AUDIENCE]);
        (DecodingKey::from_secret(SECRET.as_bytes()), rules)
    };
    Contest::new("a fresh token under a shared secret")
        .enter("ring: the MAC alone (the floor)", || {
            let parts = tokens.parts();
            ring::hmac::verify(&ring, black_box(&parts.input), &parts.signature).unwrap();
        })
        .enter("**Signet**: `jose::verify`", || {
            let keys = TrustedKeys { set: None, shared: Some(&shared) };
            black_box(verify(&keys, &policy, black_box(tokens.text()), clock.now()).unwrap());
        })
        .enter("jsonwebtoken 9 on ring", || {
            black_box(jsonwebtoken::decode::<Value>(black_box(tokens.text()), &old, &old_rules).unwrap());
        })
        .run(ROUNDS);
}
