//! An issuer with a key and a secret, and a verifier that trusts both.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use josekit::jwk::alg::rsa::RsaKeyPair;
use parking_lot::Mutex;
use serde_json::{Value, json};
use signet::keys::generator::{Generator, SystemGenerator};
use signet::secret::SharedSecret;
use signet_verify::clock::{SeededEntropy, Timestamp};
use signet_verify::crypto::{Algorithm, MacKey, PrivateKey, PublicKey, SigningKey};
use signet_verify::jose::claims::Principal;
use signet_verify::jose::jwk::{KeySet, Kid, public_jwk, thumbprint};
use signet_verify::jose::verify::{Policy, Refusal, SharedKey, TrustedKeys, verify};
use signet_verify::jose::{base64url, sign};

/// The present moment of every test, in seconds.
pub const NOW: i64 = 1_800_000_000;

pub const LEEWAY: i64 = 30;
pub const MAX_LIFETIME: i64 = 3600;

pub const SECRET: &str = "tests-sign-with-this-and-nobody-else-does-7Qv";

/// An issuer, and the verifier that trusts exactly it.
pub struct Issuer {
    pub key: SigningKey,
    pub kid: Kid,
    pub set: KeySet,
    pub shared: SharedKey,
    pub policy: Policy,
}

impl Issuer {
    /// One whose key is for EdDSA.
    pub fn new() -> Self {
        Self::of(Algorithm::EdDsa)
    }

    /// One whose key is for this algorithm.
    pub fn of(algorithm: Algorithm) -> Self {
        let key = key_of(algorithm, 1);
        let kid = thumbprint(key.public());
        let secret = SharedSecret::new(SECRET.to_owned()).unwrap();
        Self {
            set: KeySet::new([(kid.clone(), key.public().clone())]),
            key,
            kid,
            shared: SharedKey { key: MacKey::new(&secret), until: None },
            policy: Policy::new(
                "https://id.test".to_owned(),
                "https://api.test".to_owned(),
                Duration::from_secs(LEEWAY.unsigned_abs()),
                Duration::from_secs(MAX_LIFETIME.unsigned_abs()),
            ),
        }
    }

    /// A claim set with nothing wrong in it.
    pub fn claims(&self) -> Value {
        json!({
            "iat": NOW, "name": "Alice", "email": "alice@example.test", "sub": "alice", "sid": "s1", "jti": "t1",
            "exp": NOW + 900, "iss": "https://id.test", "aud": "https://api.test",
        })
    }

    /// The claim set with one claim set to `value`.
    pub fn claims_with(&self, name: &str, value: Value) -> Value {
        let mut claims = self.claims();
        claims[name] = value;
        claims
    }

    /// The claim set without one claim.
    pub fn claims_without(&self, name: &str) -> Value {
        let mut claims = self.claims();
        claims.as_object_mut().unwrap().remove(name).unwrap();
        claims
    }

    /// The claim set as JSON text with `member` put in before the closing brace, as it stands.
    pub fn claims_text_with(&self, member: &str) -> String {
        let text = self.claims().to_string();
        format!("{},{member}}}", text.strip_suffix('}').unwrap())
    }

    /// The algorithm of its key.
    pub fn algorithm(&self) -> Algorithm {
        self.key.public().algorithm()
    }

    /// The header of a token.
    pub fn header(&self) -> Value {
        json!({ "alg": self.algorithm().name(), "kid": self.kid.as_ref() })
    }

    /// The header of a token with one member set to `value`.
    pub fn header_with(&self, name: &str, value: Value) -> Value {
        let mut header = self.header();
        header[name] = value;
        header
    }

    /// A token with nothing wrong in it.
    pub fn token(&self) -> String {
        self.token_saying(&self.claims())
    }

    /// A token with these claims, signed with the true key.
    pub fn token_saying(&self, claims: &Value) -> String {
        sign::jwt(&self.key, &self.kid, claims).unwrap()
    }

    /// A token with this header and the usual claims, signed with the true key.
    pub fn token_headed(&self, header: &Value) -> String {
        self.token_of(header.to_string().as_bytes(), self.claims().to_string().as_bytes())
    }

    /// A token of these very bytes, signed with the true key.
    pub fn token_of(&self, header: &[u8], payload: &[u8]) -> String {
        self.seal(&format!("{}.{}", base64url::encode(header), base64url::encode(payload)))
    }

    /// Signs a signing input as it stands with the true key.
    pub fn seal(&self, input: &str) -> String {
        format!("{input}.{}", base64url::encode(&self.key.sign(input.as_bytes()).unwrap()))
    }

    /// A token of these very bytes, with a MAC under `key`.
    pub fn mac(&self, key: &MacKey, header: &Value, claims: &Value) -> String {
        let input = signing_input(header, claims);
        format!("{input}.{}", base64url::encode(&key.sign(input.as_bytes())))
    }

    /// The verdict on a token by the verifier that trusts this issuer's key set and shared secret.
    pub fn verify(&self, token: &str) -> Result<Principal, Refusal> {
        let keys = TrustedKeys { set: Some(&self.set), shared: Some(&self.shared) };
        verify(&keys, &self.policy, token, Timestamp::from_seconds(NOW))
    }

    /// Asserts that the token is refused for this reason.
    #[track_caller]
    pub fn refuses(&self, case: &str, token: &str, reason: Refusal) {
        match self.verify(token) {
            Ok(principal) => panic!("{case}: accepted as {principal:?}: {token}"),
            Err(refusal) => assert_eq!(refusal, reason, "{case}: {token}"),
        }
    }

    /// Asserts that the token is accepted as Alice's.
    #[track_caller]
    pub fn accepts(&self, case: &str, token: &str) {
        match self.verify(token) {
            Ok(principal) => assert_eq!(principal.subject, "alice", "{case}"),
            Err(refusal) => panic!("{case}: {refusal}: {token}"),
        }
    }
}

/// A key of this algorithm: the same in every run for EdDSA, and throughout one run for the others, which cannot be
/// made out of a number.
pub fn key_of(algorithm: Algorithm, number: u8) -> SigningKey {
    if algorithm == Algorithm::EdDsa {
        return signing_key(number);
    }
    let (private, public) = pair_of(algorithm, number);
    SigningKey::new(&private, &public).unwrap()
}

/// The two halves of a key that is made once and then stays the same.
fn pair_of(algorithm: Algorithm, number: u8) -> (PrivateKey, PublicKey) {
    type Pairs = HashMap<(Algorithm, u8), (PrivateKey, PublicKey)>;
    static MADE: LazyLock<Mutex<Pairs>> = LazyLock::new(Mutex::default);
    let generator = SystemGenerator::new(Arc::new(SeededEntropy::new(u64::from(number))));
    let mut made = MADE.lock();
    made.entry((algorithm, number)).or_insert_with(|| generator.generate(algorithm).unwrap()).clone()
}

/// The RSA key of this number as josekit has it, to sign with it in other ways than ours.
pub fn rsa_key_pair(number: u8) -> RsaKeyPair {
    RsaKeyPair::from_der(pair_of(Algorithm::Rs256, number).0.expose()).unwrap()
}

/// The members of a JWK that say which key it is.
pub fn bare_jwk(key: &SigningKey) -> Value {
    let mut members = public_jwk(&thumbprint(key.public()), key.public());
    members.retain(|name, _| !["kid", "alg", "use"].contains(&name.as_str()));
    Value::Object(members)
}

/// The Ed25519 key that is the same in every run.
pub fn signing_key(number: u8) -> SigningKey {
    SigningKey::from_seed(&[number; 32]).unwrap()
}

/// `header.payload` of a compact token.
pub fn signing_input(header: &Value, claims: &Value) -> String {
    let [header, claims] = [header, claims].map(|part| base64url::encode(part.to_string().as_bytes()));
    format!("{header}.{claims}")
}

/// The three parts of a compact token.
pub fn parts(token: &str) -> [&str; 3] {
    token.split('.').collect::<Vec<_>>().try_into().unwrap()
}

/// A file of `tests/vectors/`.
pub fn vectors(path: &str) -> Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(path);
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap()
}

/// Bytes from hexadecimal digits.
pub fn hex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2) && text.is_ascii(), "{text}");
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

/// The member `name`, which must be a text.
#[track_caller]
pub fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no text {name}: {value}"))
}

/// The member `name`, which must be an array.
#[track_caller]
pub fn array<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().unwrap_or_else(|| panic!("no array {name}"))
}
