//! A verifier of several issuers believes each of them about its own tokens only.

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};
use signet::secret::SharedSecret;
use signet_verify::crypto::{Algorithm, MacKey};
use signet_verify::jose::sign;
use signet_verify::jose::verify::{Policy, Refusal, SharedKey};
use signet_verify::verifier::{self, IssuerKeys, KeySource, Verifier};

use super::origin::{Answer, Origin};
use super::{AUDIENCE, NOW, Signer, at_once, cache_of, claims, impatient, manual_clock, policy, set, set_of};

const OTHER: &str = "https://other.test";

fn claims_of(issuer: &str) -> Value {
    let mut claims = claims();
    claims["iss"] = json!(issuer);
    claims
}

fn other_policy() -> Policy {
    let (leeway, longest) = (Duration::from_secs(30), Duration::from_secs(60));
    Policy::new(OTHER.to_owned(), AUDIENCE.to_owned(), leeway, longest)
}

/// A verifier of both issuers, whose key sets these servers hold.
fn verifier_of(ours: &Origin, others: &Origin) -> Verifier {
    let trust =
        |origin| IssuerKeys::Published(KeySource::Remote(cache_of(origin, impatient(), manual_clock())));
    Verifier::new(trust(ours), policy(), manual_clock()).and(trust(others), other_policy())
}

#[rstest]
#[tokio::test]
async fn verify_lets_each_issuer_vouch_for_its_own_tokens_only(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let (ours, others) = (
        Origin::publishing(&set_of(algorithm, &["one"])).await,
        Origin::publishing(&set_of(algorithm, &["two"])).await,
    );
    let verifier = verifier_of(&ours, &others);
    let (one, two) = (Signer::of(algorithm, "one"), Signer::of(algorithm, "two"));
    let mut short = claims_of(OTHER);
    short["exp"] = json!(NOW + 60);
    for token in [one.token(&claims()), two.token(&short)] {
        for _ in 0..2 {
            assert_eq!(verifier.verify(&token).await.unwrap().subject, "alice");
        }
    }
    for forged in [two.token(&claims()), one.token(&short)] {
        assert_eq!(verifier.verify(&forged).await.err(), Some(verifier::Error::Invalid(Refusal::UnknownKid)));
    }
}

#[rstest]
#[tokio::test]
async fn verify_tells_keys_of_the_same_name_of_two_issuers_apart(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let (ours, others) = (
        Origin::publishing(&set_of(algorithm, &["one"])).await,
        Origin::publishing(&set_of(algorithm, &["one"])).await,
    );
    let mut impostor = Signer::of(algorithm, "evil");
    impostor.kid = Signer::of(algorithm, "one").kid;
    others.publish(&signet_verify::jose::jwk::KeySet::new([(
        impostor.kid.clone(),
        impostor.key.public().clone(),
    )]));
    let verifier = verifier_of(&ours, &others);
    let forged = impostor.token(&claims());
    assert_eq!(verifier.verify(&forged).await.err(), Some(verifier::Error::Invalid(Refusal::Signature)));
}

#[tokio::test]
async fn verify_holds_tokens_of_each_issuer_to_its_own_policy() {
    let (ours, others) = (Origin::publishing(&set(&["one"])).await, Origin::publishing(&set(&["two"])).await);
    let verifier = verifier_of(&ours, &others);
    let quarter_of_an_hour = Signer::new("two").token(&claims_of(OTHER));
    assert_eq!(
        verifier.verify(&quarter_of_an_hour).await.err(),
        Some(verifier::Error::Invalid(Refusal::LivesTooLong))
    );
}

#[tokio::test]
async fn verify_fetches_nothing_for_an_untrusted_issuer() {
    let (ours, others) = (Origin::publishing(&set(&["one"])).await, Origin::publishing(&set(&["two"])).await);
    let verifier = verifier_of(&ours, &others);
    let signer = Signer::new("one");
    let mut nameless = claims();
    nameless.as_object_mut().unwrap().remove("iss");
    let foreign =
        [claims_of("https://id.test/"), claims_of("https://nobody.test"), nameless, json!({"iss": [OTHER]})];
    for claims in foreign {
        let denied = at_once(verifier.verify(&signer.token(&claims))).err();
        assert_eq!(denied, Some(verifier::Error::Invalid(Refusal::Issuer)));
    }
    assert_eq!((ours.fetches(), others.fetches()), (0, 0));
}

#[tokio::test]
async fn verify_without_one_issuer_loses_its_tokens_only() {
    let (ours, others) = (Origin::publishing(&set(&["one"])).await, Origin::answering(Answer::Reset).await);
    let verifier = verifier_of(&ours, &others);
    assert!(verifier.verify(&Signer::new("one").token(&claims())).await.is_ok());
    let denied = verifier.verify(&Signer::new("two").token(&claims_of(OTHER))).await.unwrap_err();
    assert!(matches!(denied, verifier::Error::KeySetUnavailable { .. }), "{denied:?}");
    assert!(verifier.is_ready());
    let usable: Vec<bool> = verifier.key_caches().map(|cache| cache.status().is_usable()).collect();
    assert_eq!(usable, [true, false]);
}

#[tokio::test]
async fn verify_judges_a_token_under_a_shared_secret_by_the_issuer_that_shares_one() {
    let origin = Origin::publishing(&set(&["one"])).await;
    let secret = SharedSecret::new("a secret that is shared with old backends".to_owned()).unwrap();
    let key = MacKey::new(&secret);
    let cache = cache_of(&origin, impatient(), manual_clock());
    let token = sign::hs256(&key, &json!({ "sub": "alice", "exp": NOW + 900 })).unwrap();
    let published = || IssuerKeys::Published(KeySource::Remote(cache.clone()));
    let shared = IssuerKeys::Shared(SharedKey { key, until: None });
    let both = Verifier::new(published(), policy(), manual_clock()).and(shared, other_policy());
    assert!(at_once(both.verify(&token)).is_ok());
    let neither = Verifier::new(published(), policy(), manual_clock()).and(published(), other_policy());
    assert_eq!(at_once(neither.verify(&token)).err(), Some(verifier::Error::Invalid(Refusal::NotTrusted)));
}
