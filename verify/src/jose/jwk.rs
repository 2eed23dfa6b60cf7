//! Public keys and the sets they are published in (RFC 7517, RFC 7518 section 6, RFC 8037).
//! In: a JWK set document, or keys of our own. Out: the key of one kid; the document to publish.
//! Owns: every key of a [`KeySet`] is sound and bound to one algorithm, and no kid names two keys.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::base64url;
use super::json;
use crate::crypto::{Algorithm, Parts, PublicKey, UnsoundKey, sha256};

/// The largest key set document that is read, in bytes.
pub const MAX_DOCUMENT_BYTES: usize = 256 * 1024;

/// How many entries a key set may have.
pub const MAX_KEYS: usize = 64;

/// The name of a key within a set (RFC 7517 section 4.5): 1 to 128 visible ASCII characters.
///
/// Any text would conform; this much keeps control characters, look-alikes and megabytes out of logs and caches.
#[derive(Clone, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct Kid(Arc<str>);

impl Kid {
    /// The longest name, in bytes.
    pub const MAX_BYTES: usize = 128;

    /// Takes `text` as a name; none if it is empty, too long, or holds anything but visible ASCII.
    pub fn parse(text: &str) -> Option<Self> {
        let sound =
            (1..=Self::MAX_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        sound.then(|| Self(text.into()))
    }
}

impl fmt::Display for Kid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Kid {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// The name that follows from the key itself (RFC 7638 section 3.2, and RFC 8037 appendix A.3 for Ed25519).
pub fn thumbprint(key: &PublicKey) -> Kid {
    let text = base64url::encode;
    let canonical = match key.parts() {
        Parts::Ed25519 { x } => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, text(x)),
        Parts::P256 { x, y } => {
            format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, text(x), text(y))
        }
        Parts::Rsa { n, e } => format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, text(e), text(n)),
    };
    Kid(text(&sha256(canonical.as_bytes())).into())
}

/// The members that say which key it is, in the order in which they are published.
fn members(key: &PublicKey) -> Vec<(&'static str, String)> {
    let text = base64url::encode;
    match key.parts() {
        Parts::Ed25519 { x } => {
            vec![("kty", "OKP".to_owned()), ("crv", "Ed25519".to_owned()), ("x", text(x))]
        }
        Parts::P256 { x, y } => {
            vec![("kty", "EC".to_owned()), ("crv", "P-256".to_owned()), ("x", text(x)), ("y", text(y))]
        }
        Parts::Rsa { n, e } => vec![("kty", "RSA".to_owned()), ("n", text(n)), ("e", text(e))],
    }
}

/// The public key as the JWK that a set publishes, with `kid`, `alg` and `use`.
pub fn public_jwk(kid: &Kid, key: &PublicKey) -> Map<String, Value> {
    let rest =
        [("kid", kid.to_string()), ("alg", key.algorithm().name().to_owned()), ("use", "sig".to_owned())];
    members(key).into_iter().chain(rest).map(|(name, text)| (name.to_owned(), Value::String(text))).collect()
}

/// Public keys by name, in the order of publication; clones share the memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeySet(Arc<[(Kid, PublicKey)]>);

/// What a key set document held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedSet {
    /// The keys that can be used.
    pub keys: KeySet,
    /// The entries that cannot, each with the reason, so that an operator can see why a token is refused.
    pub skipped: Vec<SkippedKey>,
}

/// An entry of a key set document that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedKey {
    /// Its place in `keys`, counted from zero.
    pub position: usize,
    /// Its name, if it has an acceptable one.
    pub kid: Option<Kid>,
    /// Why it was left out.
    pub reason: SkipReason,
}

/// Why an entry of a key set document was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum SkipReason {
    /// The entry is not a JSON object.
    #[error("it is not an object")]
    NotAnObject,
    /// `kid` is missing, not a string, or not an acceptable [`Kid`].
    #[error("it has no usable kid")]
    BadKid,
    /// Another entry has the same `kid`, so neither can be told to be the one that is meant.
    #[error("its kid is used twice")]
    RepeatedKid,
    /// A symmetric key: whoever may read it may sign with it, so it proves nothing.
    #[error("it is a symmetric key")]
    Symmetric,
    /// The entry holds a private member, such as `d`: the key is known to the world.
    #[error("it holds its private half")]
    Private,
    /// `kty` and `crv` are not those of Ed25519, P-256 or RSA.
    #[error("it is not a key of Ed25519, P-256 or RSA")]
    OtherType,
    /// `use` or `key_ops` say that the key is not there to verify signatures (RFC 7517 sections 4.2 and 4.3).
    #[error("it is not meant for verifying signatures")]
    OtherPurpose,
    /// `alg` is not the algorithm that is used with a key of this type: `EdDSA` (or `Ed25519`, RFC 9864), `ES256`, `RS256`.
    #[error("it is bound to another algorithm")]
    OtherAlgorithm,
    /// A number of the key is missing, or not strict base64url.
    #[error("a number of it is not base64url")]
    BadEncoding,
    /// The numbers make no acceptable public key.
    #[error("{0}")]
    Unsound(UnsoundKey),
}

/// Why a document is no key set at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The document has more than [`MAX_DOCUMENT_BYTES`].
    #[error("the key set is larger than {MAX_DOCUMENT_BYTES} bytes")]
    TooLarge,
    /// The document is not strict JSON.
    #[error("the key set cannot be read: {0}")]
    Json(#[from] json::Error),
    /// There is no array `keys` (RFC 7517 section 5.1).
    #[error("the document has no array of keys")]
    NoKeys,
    /// There are more than [`MAX_KEYS`] entries.
    #[error("the key set has more than {MAX_KEYS} keys")]
    TooManyKeys,
}

impl KeySet {
    /// The set of `keys` in their order; of two with the same name the first one stays.
    pub fn new(keys: impl IntoIterator<Item = (Kid, PublicKey)>) -> Self {
        let mut distinct: Vec<(Kid, PublicKey)> = Vec::new();
        for (kid, key) in keys {
            if distinct.iter().all(|(other, _)| *other != kid) {
                distinct.push((kid, key));
            }
        }
        Self(distinct.into())
    }

    /// The key named `kid`.
    pub fn get(&self, kid: &str) -> Option<&PublicKey> {
        self.iter().find(|(name, _)| name.as_ref() == kid).map(|(_, key)| key)
    }

    /// All keys in the order of publication.
    pub fn iter(&self) -> impl Iterator<Item = (&Kid, &PublicKey)> {
        self.0.iter().map(|(kid, key)| (kid, key))
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads a published document, key by key: an entry that cannot be used is left out and named, and does not
    /// take the others with it (RFC 7517 section 5).
    ///
    /// A kid that occurs twice is left out altogether, whatever the types of its entries.
    ///
    /// # Errors
    /// [`Error`] when the document as a whole is no key set.
    pub fn parse(document: &[u8]) -> Result<ParsedSet, Error> {
        if document.len() > MAX_DOCUMENT_BYTES {
            return Err(Error::TooLarge);
        }
        let document = json::parse(document)?;
        let entries = document.get("keys").and_then(Value::as_array).ok_or(Error::NoKeys)?;
        if entries.len() > MAX_KEYS {
            return Err(Error::TooManyKeys);
        }
        let kids: Vec<Option<Kid>> = entries.iter().map(kid_of).collect();
        let mut keys = Vec::new();
        let mut skipped = Vec::new();
        for (position, (entry, kid)) in entries.iter().zip(&kids).enumerate() {
            let usable = match kid {
                Some(_) if kids.iter().filter(|other| *other == kid).count() > 1 => {
                    Err(SkipReason::RepeatedKid)
                }
                _ => read_key(entry),
            };
            match (kid, usable) {
                (Some(kid), Ok(key)) => keys.push((kid.clone(), key)),
                (None, Ok(_)) => skipped.push(SkippedKey { position, kid: None, reason: SkipReason::BadKid }),
                (kid, Err(reason)) => skipped.push(SkippedKey { position, kid: kid.clone(), reason }),
            }
        }
        Ok(ParsedSet { keys: Self(keys.into()), skipped })
    }

    /// The document to publish. Equal sets give equal bytes.
    pub fn to_json(&self) -> String {
        let entry = |(kid, key): (&Kid, &PublicKey)| {
            let rest = [("kid", kid.as_ref()), ("alg", key.algorithm().name()), ("use", "sig")];
            let members = members(key);
            let members = members.iter().map(|(name, text)| (*name, text.as_str())).chain(rest);
            // A value is displayed as JSON text, with the quotes and escapes it needs.
            let members: Vec<String> =
                members.map(|(name, text)| format!(r#""{name}":{}"#, Value::from(text))).collect();
            format!("{{{}}}", members.join(","))
        };
        let entries: Vec<String> = self.iter().map(entry).collect();
        format!(r#"{{"keys":[{}]}}"#, entries.join(","))
    }
}

fn kid_of(entry: &Value) -> Option<Kid> {
    Kid::parse(entry.get("kid")?.as_str()?)
}

/// The members of private halves (RFC 7518 sections 6.2.2 and 6.3.2, RFC 8037 section 2).
const PRIVATE_MEMBERS: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "oth"];

/// Reads everything of an entry but its name.
fn read_key(entry: &Value) -> Result<PublicKey, SkipReason> {
    let entry = entry.as_object().ok_or(SkipReason::NotAnObject)?;
    let text = |name: &str| entry.get(name).and_then(Value::as_str);
    if text("kty") == Some("oct") || entry.contains_key("k") {
        return Err(SkipReason::Symmetric);
    }
    let algorithm = match (text("kty"), text("crv")) {
        (Some("OKP"), Some("Ed25519")) => Algorithm::EdDsa,
        (Some("EC"), Some("P-256")) => Algorithm::Es256,
        (Some("RSA"), _) => Algorithm::Rs256,
        _ => return Err(SkipReason::OtherType),
    };
    if PRIVATE_MEMBERS.iter().any(|name| entry.contains_key(*name)) {
        return Err(SkipReason::Private);
    }
    if !may_verify(entry) {
        return Err(SkipReason::OtherPurpose);
    }
    let named = entry.get("alg").map(|alg| alg.as_str().and_then(Algorithm::of_header));
    if named.is_some_and(|named| named != Some(algorithm)) {
        return Err(SkipReason::OtherAlgorithm);
    }
    public_half(entry, algorithm)
}

/// The public key of the members of a JWK, which are those of `algorithm`.
pub fn public_half(entry: &Map<String, Value>, algorithm: Algorithm) -> Result<PublicKey, SkipReason> {
    let number = |name: &str| {
        entry.get(name).and_then(Value::as_str).and_then(base64url::decode).ok_or(SkipReason::BadEncoding)
    };
    match algorithm {
        Algorithm::EdDsa => PublicKey::from_bytes(algorithm, &number("x")?),
        Algorithm::Es256 => PublicKey::p256(&number("x")?, &number("y")?),
        Algorithm::Rs256 => PublicKey::rsa(&number("n")?, &number("e")?),
    }
    .map_err(SkipReason::Unsound)
}

/// Whether `use` and `key_ops`, where present, allow to verify signatures.
fn may_verify(entry: &Map<String, Value>) -> bool {
    let purpose = entry.get("use").is_none_or(|purpose| purpose == "sig");
    let operations = entry.get("key_ops").is_none_or(|operations| {
        operations.as_array().is_some_and(|list| list.iter().any(|operation| operation == "verify"))
    });
    purpose && operations
}
