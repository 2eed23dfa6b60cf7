//! Tokens under the shared secret: what old backends issue and read.

use std::time::Duration;

use serde_json::{Value, json};
use signet::secret::SharedSecret;
use signet_verify::clock::Timestamp;
use signet_verify::crypto::MacKey;
use signet_verify::jose::sign;
use signet_verify::jose::verify::{Refusal, SharedKey, TrustedKeys, verify};

use super::support::{Issuer, LEEWAY, NOW, parts};

const DAY: i64 = 86_400;

fn token(issuer: &Issuer, claims: &Value) -> String {
    sign::hs256(&issuer.shared.key, claims).unwrap()
}

#[test]
fn verify_under_the_secret_takes_absent_iss_and_aud_but_no_wrong_ones() {
    let issuer = Issuer::new();
    let bare = json!({ "sub": "alice", "exp": NOW + 60 });
    let alice = issuer.verify(&token(&issuer, &bare)).unwrap();
    assert_eq!((alice.subject.as_str(), alice.issuer.as_deref(), &alice.kid), ("alice", None, &None));
    issuer.accepts("both right", &token(&issuer, &issuer.claims()));
    for (name, reason) in [("iss", Refusal::Issuer), ("aud", Refusal::Audience)] {
        for wrong in [json!("https://mallory.test"), json!(""), Value::Null, json!([]), json!(1)] {
            issuer.refuses(name, &token(&issuer, &issuer.claims_with(name, wrong)), reason);
        }
    }
}

#[test]
fn verify_under_the_secret_wants_sub_and_exp_all_the_same() {
    let issuer = Issuer::new();
    issuer.refuses("no subject", &token(&issuer, &json!({ "exp": NOW + 60 })), Refusal::Subject);
    issuer.refuses("number", &token(&issuer, &json!({ "sub": 7, "exp": NOW + 60 })), Refusal::Subject);
    issuer.refuses(
        "userId is no subject",
        &token(&issuer, &json!({ "userId": "alice", "exp": NOW + 60 })),
        Refusal::Subject,
    );
    issuer.refuses("no expiry", &token(&issuer, &json!({ "sub": "alice" })), Refusal::Expiry);
    issuer.refuses(
        "expired",
        &token(&issuer, &json!({ "sub": "alice", "exp": NOW - LEEWAY })),
        Refusal::Expired,
    );
    let ahead = json!({ "sub": "alice", "exp": NOW + 60, "iat": NOW + 60 });
    issuer.refuses("from the future", &token(&issuer, &ahead), Refusal::IssuedAhead);
}

#[test]
fn verify_under_the_secret_takes_tokens_of_weeks_but_none_without_end() {
    let mut issuer = Issuer::new();
    let lasting = |days: i64| json!({ "sub": "alice", "exp": NOW + days * DAY });
    issuer.accepts("a week", &token(&issuer, &lasting(7)));
    issuer.accepts("30 days", &token(&issuer, &lasting(30)));
    issuer.refuses("31 days", &token(&issuer, &lasting(31)), Refusal::LivesTooLong);
    issuer.policy.shared_max_lifetime = Duration::from_secs(6 * DAY.unsigned_abs());
    issuer.refuses("a week, with six days allowed", &token(&issuer, &lasting(7)), Refusal::LivesTooLong);
    issuer.refuses(
        "a week under a published key",
        &issuer.token_saying(&issuer.claims_with("exp", json!(NOW + 7 * DAY))),
        Refusal::LivesTooLong,
    );
}

#[test]
fn verify_under_the_secret_ends_at_the_announced_time() {
    let mut issuer = Issuer::new();
    let token = token(&issuer, &issuer.claims());
    issuer.shared.until = Some(Timestamp::from_seconds(NOW + 1));
    issuer.accepts("a second before", &token);
    issuer.shared.until = Some(Timestamp::from_seconds(NOW));
    issuer.refuses("at the time", &token, Refusal::SharedSecretExpired);
    issuer.accepts("the published key goes on", &issuer.token());
}

#[test]
fn verify_under_the_secret_refuses_what_is_not_trusted() {
    let issuer = Issuer::new();
    let at = Timestamp::from_seconds(NOW);
    let (published, shared) = (issuer.token(), token(&issuer, &issuer.claims()));
    let only_set = TrustedKeys { set: Some(&issuer.set), shared: None };
    let only_shared = TrustedKeys { set: None, shared: Some(&issuer.shared) };
    assert!(verify(&only_set, &issuer.policy, &published, at).is_ok());
    assert_eq!(verify(&only_set, &issuer.policy, &shared, at).err(), Some(Refusal::NotTrusted));
    assert!(verify(&only_shared, &issuer.policy, &shared, at).is_ok());
    assert_eq!(verify(&only_shared, &issuer.policy, &published, at).err(), Some(Refusal::NotTrusted));
}

#[test]
fn verify_under_the_secret_wants_a_whole_mac_under_this_very_secret() {
    let issuer = Issuer::new();
    let token = token(&issuer, &issuer.claims());
    issuer.accepts("as it should be", &token);
    let [header, payload, mac] = parts(&token);
    let mac = signet_verify::jose::base64url::decode(mac).unwrap();
    for other in [&mac[..16], &mac[..31], &[&mac[..], &[0]].concat(), &[0; 32]] {
        let other = signet_verify::jose::base64url::encode(other);
        issuer.refuses("length", &format!("{header}.{payload}.{other}"), Refusal::Signature);
    }
    let near = SharedSecret::new(format!("{}\n", super::support::SECRET)).unwrap();
    let other = Issuer { shared: SharedKey { key: MacKey::new(&near), until: None }, ..Issuer::new() };
    other.refuses("a newline more in the secret", &token, Refusal::Signature);
}

#[test]
fn new_refuses_a_secret_of_less_than_32_bytes() {
    assert!(MacKey::from_bytes(&[7; 31]).is_err());
    assert!(MacKey::from_bytes(&[7; 32]).is_ok());
}
