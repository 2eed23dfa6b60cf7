//! Whose tokens are accepted: of which keys, under which secret, of which sessions, and for how long.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};
use signet::secret::SharedSecret;
use signet_verify::clock::{Clock, Timestamp};
use signet_verify::crypto::{Algorithm, MacKey};
use signet_verify::jose::jwk::KeySet;
use signet_verify::jose::sign;
use signet_verify::jose::verify::{Refusal, SharedKey};
use signet_verify::verifier::{self, IssuerKeys, KeySource, Verifier};
use tokio::sync::watch;

use super::origin::{Answer, Origin};
use super::{NOW, Signer, cache_of, claims, impatient, manual_clock, policy, set_of};

fn shared() -> SharedKey {
    let secret = SharedSecret::new("a secret that is shared with old backends".to_owned()).unwrap();
    SharedKey { key: MacKey::new(&secret), until: Some(Timestamp::from_seconds(NOW + 600)) }
}

fn hs256() -> String {
    sign::hs256(&shared().key, &json!({ "sub": "alice", "exp": NOW + 900 })).unwrap()
}

fn local_of(algorithm: Algorithm, names: &[&str]) -> (watch::Sender<Arc<KeySet>>, KeySource) {
    let (publish, keys) = watch::channel(Arc::new(set_of(algorithm, names)));
    (publish, KeySource::Local(keys))
}

async fn refusal(verifier: &Verifier, token: &str) -> verifier::Error {
    verifier.verify(token).await.unwrap_err()
}

#[rstest]
#[tokio::test]
async fn verify_with_published_keys_takes_no_shared_secret(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let (_publish, source) = local_of(algorithm, &["one"]);
    let verifier = Verifier::new(IssuerKeys::Published(source), policy(), manual_clock());
    let alice = verifier.verify(&Signer::of(algorithm, "one").token(&claims())).await.unwrap();
    assert_eq!((alice.subject.as_str(), alice.session.as_deref()), ("alice", Some("session-1")));
    assert_eq!(refusal(&verifier, &hs256()).await, verifier::Error::Invalid(Refusal::NotTrusted));
}

#[rstest]
#[tokio::test]
async fn verify_with_the_shared_secret_needs_no_key_set(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let verifier = Verifier::new(IssuerKeys::Shared(shared()), policy(), manual_clock());
    assert!(verifier.is_ready());
    assert!(verifier.verify(&hs256()).await.unwrap().kid.is_none());
    let signed = Signer::of(algorithm, "one").token(&claims());
    assert_eq!(refusal(&verifier, &signed).await, verifier::Error::Invalid(Refusal::NotTrusted));
}

#[rstest]
#[tokio::test]
async fn verify_while_migrating_takes_both_until_the_secret_ends_and_counts_its_uses(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let ((_publish, source), clock) = (local_of(algorithm, &["one"]), manual_clock());
    let verifier = Verifier::new(IssuerKeys::Migrating(source, shared()), policy(), clock.clone());
    let signed = Signer::of(algorithm, "one").token(&claims());
    for _ in 0..3 {
        assert!(verifier.verify(&hs256()).await.is_ok());
        assert!(verifier.verify(&signed).await.is_ok());
    }
    assert_eq!(verifier.hs256_uses(), 3);
    clock.advance(Duration::from_secs(601));
    assert_eq!(refusal(&verifier, &hs256()).await, verifier::Error::Invalid(Refusal::SharedSecretExpired));
    assert!(verifier.verify(&signed).await.is_ok());
    assert_eq!(verifier.hs256_uses(), 3);
}

#[tokio::test]
async fn verify_while_migrating_needs_no_key_set_for_tokens_under_the_secret() {
    let origin = Origin::answering(Answer::Hang).await;
    let cache = cache_of(&origin, impatient(), manual_clock());
    let verifier =
        Verifier::new(IssuerKeys::Migrating(KeySource::Remote(cache), shared()), policy(), manual_clock());
    assert!(super::at_once(verifier.verify(&hs256())).is_ok());
    assert_eq!(origin.fetches(), 0);
}

#[rstest]
#[tokio::test]
async fn verify_takes_keys_of_the_same_process_from_the_moment_they_are_published(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let (publish, source) = local_of(algorithm, &[]);
    let verifier = Verifier::new(IssuerKeys::Published(source), policy(), manual_clock());
    let token = Signer::of(algorithm, "one").token(&claims());
    assert!(!verifier.is_ready());
    assert!(matches!(refusal(&verifier, &token).await, verifier::Error::KeySetUnavailable { .. }));
    publish.send_replace(Arc::new(set_of(algorithm, &["one"])));
    assert!(verifier.is_ready() && verifier.verify(&token).await.is_ok());
    publish.send_replace(Arc::new(set_of(algorithm, &["two"])));
    assert_eq!(refusal(&verifier, &token).await, verifier::Error::Invalid(Refusal::UnknownKid));
}

#[rstest]
#[tokio::test]
async fn verify_does_not_ask_a_remote_issuer_again(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let origin = Origin::publishing(&set_of(algorithm, &["one"])).await;
    let clock = manual_clock();
    let cache = cache_of(&origin, impatient(), clock.clone());
    let verifier = Verifier::new(IssuerKeys::Published(KeySource::Remote(cache)), policy(), clock.clone());
    assert!(!verifier.is_ready());
    verifier.key_caches().next().unwrap().warm_up().await.unwrap();
    let token = Signer::of(algorithm, "one").token(&claims());
    for _ in 0..10 {
        assert!(super::at_once(verifier.verify(&token)).is_ok());
    }
    assert_eq!((verifier.is_ready(), origin.fetches()), (true, 1));

    // A foreign key under the name of a good one, and a foreign key under its own.
    let mut impostor = Signer::of(algorithm, "evil");
    let unknown = impostor.token(&claims());
    impostor.kid = Signer::of(algorithm, "one").kid;
    assert_eq!(
        refusal(&verifier, &impostor.token(&claims())).await,
        verifier::Error::Invalid(Refusal::Signature)
    );
    assert_eq!(refusal(&verifier, &unknown).await, verifier::Error::Invalid(Refusal::UnknownKid));
}

#[tokio::test]
async fn verify_says_unavailable_and_never_invalid_when_the_issuer_cannot_be_reached() {
    let origin = Origin::answering(Answer::Reset).await;
    let cache = cache_of(&origin, impatient(), manual_clock());
    let verifier = Verifier::new(IssuerKeys::Published(KeySource::Remote(cache)), policy(), manual_clock());
    let denied = refusal(&verifier, &Signer::new("one").token(&claims())).await;
    assert!(
        matches!(denied, verifier::Error::KeySetUnavailable { retry_after } if retry_after >= Duration::from_secs(1))
    );
}

#[rstest]
#[tokio::test]
async fn verify_refuses_without_a_fetch_what_no_key_could_make_valid(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let origin = Origin::publishing(&set_of(algorithm, &["one"])).await;
    let cache = cache_of(&origin, impatient(), manual_clock());
    let verifier = Verifier::new(IssuerKeys::Published(KeySource::Remote(cache)), policy(), manual_clock());
    let signed = Signer::of(algorithm, "one").token(&claims());
    let cut = &signed[..signed.len() - 4];
    let dots = ".".repeat(100_000);
    for token in ["", "a.b.c", cut, &dots, &"a".repeat(1 << 20), &hs256()] {
        assert!(matches!(super::at_once(verifier.verify(token)), Err(verifier::Error::Invalid(_))));
    }
    assert_eq!(origin.fetches(), 0);
}

#[rstest]
#[tokio::test]
async fn verify_refuses_tokens_of_a_revoked_session_and_no_others(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let (_publish, source) = local_of(algorithm, &["one"]);
    let revoked = Arc::new(Mutex::new(Vec::<String>::new()));
    let known = revoked.clone();
    let verifier =
        Verifier::new(IssuerKeys::Published(source), policy(), manual_clock()).with_revocations(Arc::new(
            super::RevokedIf(move |sid: &str| known.lock().unwrap().iter().any(|revoked| revoked == sid)),
        ));
    let of_session = |sid: Value| {
        let mut claims = claims();
        claims["sid"] = sid;
        Signer::of(algorithm, "one").token(&claims)
    };
    let (first, second) = (of_session(json!("session-1")), of_session(json!("session-2")));
    assert!(verifier.verify(&first).await.is_ok());
    revoked.lock().unwrap().push("session-1".to_owned());
    assert_eq!(refusal(&verifier, &first).await, verifier::Error::Revoked);
    assert!(verifier.verify(&second).await.is_ok());
}

#[rstest]
#[tokio::test]
async fn verify_counts_refusals_by_reason_and_no_successes(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let ((_publish, source), clock) = (local_of(algorithm, &["one"]), manual_clock());
    let verifier = Verifier::new(IssuerKeys::Published(source), policy(), clock.clone());
    let token = Signer::of(algorithm, "one").token(&claims());
    verifier.verify(&token).await.unwrap();
    assert!(verifier.denials().all(|(_, count)| count == 0));
    for unknown in ["two", "three"] {
        refusal(&verifier, &Signer::of(algorithm, unknown).token(&claims())).await;
    }
    clock.advance(Duration::from_secs(931));
    assert_eq!(clock.now(), Timestamp::from_seconds(NOW + 931));
    refusal(&verifier, &token).await;
    let counted: Vec<_> = verifier.denials().filter(|(_, count)| *count > 0).collect();
    assert_eq!(counted, [(Refusal::UnknownKid.code(), 2), (Refusal::Expired.code(), 1)]);
}
