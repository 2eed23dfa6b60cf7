//! Assertions by which clients prove who they are (RFC 7523 section 3, as draft-ietf-oauth-rfc7523bis has it).
//! In: a JWT, what the deployment is called, and the time. Out: who has signed it and until when it is good, or nothing.
//! Owns: an assertion is for this deployment alone, names its client twice, has a name of its own, and lives for minutes.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::model::client::ClientId;
use signet_verify::clock::Timestamp;
use signet_verify::crypto::{Algorithm, PublicKey, sha256};
use signet_verify::jose::{MAX_TOKEN_BYTES, base64url, json};

/// The longest life of an assertion.
const MAX_LIFE: Duration = Duration::from_secs(5 * 60);
/// How far the clock of a client may go ahead of ours.
const SKEW: Duration = Duration::from_secs(30);
/// The longest `jti`, in bytes.
const MAX_JTI_BYTES: usize = 256;

/// Whom assertions may be meant for: the issuer, or, as clients from before rfc7523bis have it, the token endpoint.
#[derive(Clone, Debug)]
pub(super) struct Audiences(pub(super) [String; 2]);

/// An assertion that holds but for its signature.
#[derive(Debug)]
pub(super) struct Assertion<'a> {
    /// The client that it names.
    pub(super) client: ClientId,
    /// The key that it names.
    pub(super) kid: Option<String>,
    /// What it is signed with.
    pub(super) algorithm: Algorithm,
    /// From when on it need not be remembered.
    pub(super) expires_at: Timestamp,
    jti: String,
    signing_input: &'a str,
    signature: Vec<u8>,
}

impl<'a> Assertion<'a> {
    /// Reads an assertion; none if it breaks a rule, whichever.
    pub(super) fn read(text: &'a str, audiences: &Audiences, now: Timestamp) -> Option<Self> {
        if text.len() > MAX_TOKEN_BYTES {
            return None;
        }
        let (signing_input, signature) = text.rsplit_once('.')?;
        let (header, payload) = signing_input.split_once('.')?;
        let (header, claims) = (object(header)?, object(payload)?);
        let algorithm = algorithm_of(&header)?;
        let word = |name: &str| claims.get(name).and_then(Value::as_str);
        let client = word("sub").filter(|subject| Some(*subject) == word("iss")).and_then(ClientId::parse)?;
        // A string: an array may name others, to whom the same assertion would be good (rfc7523bis section 4).
        word("aud").filter(|audience| audiences.0.iter().any(|own| own == audience))?;
        let expires_at = moment(&claims, "exp")??;
        let soonest = [moment(&claims, "iat")?, moment(&claims, "nbf")?];
        let begun = soonest.iter().flatten().all(|begin| *begin <= now.after(SKEW));
        let short = soonest.iter().flatten().all(|begin| expires_at <= begin.after(MAX_LIFE));
        if expires_at <= now || expires_at > now.after(MAX_LIFE + SKEW) || !begun || !short {
            return None;
        }
        let jti = word("jti").filter(|jti| (1..=MAX_JTI_BYTES).contains(&jti.len()))?.to_owned();
        let kid = match header.get("kid") {
            None => None,
            Some(kid) => Some(kid.as_str()?.to_owned()),
        };
        let signature = base64url::decode(signature)?;
        Some(Self { client, kid, algorithm, expires_at, jti, signing_input, signature })
    }

    /// Whether one of `keys` has signed it.
    pub(super) fn is_signed_by<'k>(&self, keys: impl IntoIterator<Item = &'k PublicKey>) -> bool {
        let mut keys = keys.into_iter().filter(|key| key.algorithm() == self.algorithm);
        keys.any(|key| key.verify(self.signing_input.as_bytes(), &self.signature))
    }

    /// By what it is known when it comes again.
    pub(super) fn jti_hash(&self) -> [u8; 32] {
        sha256(format!("{}\n{}", self.client, self.jti).as_bytes())
    }
}

/// A JSON object in base64url, none of whose names occurs twice.
fn object(part: &str) -> Option<Map<String, Value>> {
    match json::parse(&base64url::decode(part)?) {
        Ok(Value::Object(object)) => Some(object),
        _ => None,
    }
}

/// `EdDSA`, as `Ed25519` too (RFC 9864), `ES256` or `RS256`; never a MAC. What would change the meaning is refused.
fn algorithm_of(header: &Map<String, Value>) -> Option<Algorithm> {
    if ["crit", "b64", "jwk", "jku", "x5u", "x5c"].iter().any(|member| header.contains_key(*member)) {
        return None;
    }
    if let Some(typ) = header.get("typ") {
        let typ = typ.as_str()?.to_ascii_lowercase();
        let typ = typ.strip_prefix("application/").unwrap_or(&typ);
        ["jwt", "client-authentication+jwt"].iter().find(|known| **known == typ)?;
    }
    Algorithm::of_header(header.get("alg")?.as_str()?)
}

/// A moment in seconds: `Some(None)` if it is absent, none if it is no moment.
#[expect(clippy::option_option, reason = "absent is something other than malformed")]
fn moment(claims: &Map<String, Value>, name: &str) -> Option<Option<Timestamp>> {
    let Some(value) = claims.get(name) else { return Some(None) };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "fractions of seconds and the far future do not matter"
    )]
    let seconds = value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64))?;
    (0..=253_402_300_799).contains(&seconds).then(|| Some(Timestamp::from_seconds(seconds)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use signet_verify::crypto::SigningKey;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn audiences() -> Audiences {
        Audiences(["https://id.example".to_owned(), "https://id.example/token".to_owned()])
    }

    fn key() -> SigningKey {
        SigningKey::from_seed(&[7; 32]).unwrap()
    }

    fn signed(header: &Value, claims: &Value) -> String {
        let part = |value: &Value| base64url::encode(value.to_string().as_bytes());
        let input = format!("{}.{}", part(header), part(claims));
        format!("{input}.{}", base64url::encode(&key().sign(input.as_bytes()).unwrap()))
    }

    fn claims() -> Value {
        json!({
            "iss": "app", "sub": "app", "aud": "https://id.example", "jti": "1",
            "iat": NOW.seconds(), "exp": NOW.seconds() + 60,
        })
    }

    fn with(name: &str, value: Value) -> Value {
        let mut claims = claims();
        claims[name] = value;
        claims
    }

    fn is_read(header: &Value, claims: &Value) -> bool {
        let text = signed(header, claims);
        let read = Assertion::read(&text, &audiences(), NOW);
        read.is_some_and(|assertion| assertion.is_signed_by([key().public()]))
    }

    #[test]
    fn read_takes_both_names_of_the_algorithm_and_both_audiences() {
        for alg in ["EdDSA", "Ed25519"] {
            assert!(is_read(&json!({ "alg": alg }), &claims()), "{alg}");
        }
        for typ in ["JWT", "jwt", "client-authentication+jwt", "application/client-authentication+jwt"] {
            assert!(is_read(&json!({ "alg": "EdDSA", "typ": typ }), &claims()), "{typ}");
        }
        assert!(is_read(&json!({ "alg": "EdDSA" }), &with("aud", json!("https://id.example/token"))));
    }

    #[test]
    fn read_refuses_other_headers() {
        for header in [
            json!({ "alg": "none" }),
            json!({ "alg": "HS256" }),
            json!({ "alg": "ES256" }),
            json!({ "alg": "RS512" }),
            json!({}),
            json!({ "alg": "EdDSA", "typ": "at+jwt" }),
            json!({ "alg": "EdDSA", "crit": ["x"] }),
            json!({ "alg": "EdDSA", "jwk": {} }),
            json!({ "alg": "EdDSA", "kid": 1 }),
        ] {
            assert!(!is_read(&header, &claims()), "{header}");
        }
    }

    #[test]
    fn read_refuses_claims_that_break_a_rule() {
        let at = |seconds: i64| json!(NOW.seconds() + seconds);
        for (name, value) in [
            ("aud", json!(["https://id.example"])),
            ("aud", json!(["https://id.example", "https://other.example"])),
            ("aud", json!("https://id.example/")),
            ("aud", Value::Null),
            ("iss", json!("other")),
            ("sub", json!("other")),
            ("jti", Value::Null),
            ("jti", json!("")),
            ("jti", json!("a".repeat(MAX_JTI_BYTES + 1))),
            ("exp", Value::Null),
            ("exp", json!("1800000060")),
            ("exp", at(0)),
            ("exp", at(331)),
            ("iat", at(31)),
            ("iat", at(-241)),
            ("nbf", at(31)),
        ] {
            assert!(!is_read(&json!({ "alg": "EdDSA" }), &with(name, value.clone())), "{name} {value}");
        }
        let mut without = claims();
        without.as_object_mut().unwrap().remove("exp");
        assert!(!is_read(&json!({ "alg": "EdDSA" }), &without));
    }

    #[test]
    fn jti_hash_is_of_one_client_alone() {
        let (one, two) = (
            claims(),
            json!({ "iss": "app2", "sub": "app2", "aud": "https://id.example", "jti": "1",
            "exp": NOW.seconds() + 60 }),
        );
        let hash = |claims: &Value| {
            let text = signed(&json!({ "alg": "EdDSA" }), claims);
            Assertion::read(&text, &audiences(), NOW).unwrap().jti_hash()
        };
        assert_ne!(hash(&one), hash(&two));
    }

    proptest! {
        #[test]
        fn read_never_fails_on_anything(text in "\\PC{0,200}", parts in prop::collection::vec("[A-Za-z0-9_-]{0,60}", 0..5)) {
            let _ = Assertion::read(&text, &audiences(), NOW);
            let _ = Assertion::read(&parts.join("."), &audiences(), NOW);
        }

        #[test]
        fn is_signed_by_refuses_every_other_signature(bit in 0_usize..512) {
            let text = signed(&json!({ "alg": "EdDSA" }), &claims());
            let (input, signature) = text.rsplit_once('.').unwrap();
            let mut bytes = base64url::decode(signature).unwrap();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let other = format!("{input}.{}", base64url::encode(&bytes));
            let read = Assertion::read(&other, &audiences(), NOW).unwrap();
            prop_assert!(!read.is_signed_by([key().public()]));
        }
    }
}
