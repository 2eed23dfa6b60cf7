//! Signing keys in files.
//! In: a PEM or JWK file of another provider, or what another Signet exported. Out: a key to import; and, the other way
//! round, a document to hand on.
//! Owns: no private half leaves unsealed; a file that says two things about one key is refused.

use josekit::jwk::Jwk;
use josekit::jwk::alg::rsa::RsaKeyPair;
use serde_json::{Map, Value, json};
use signet_verify::clock::Timestamp;
use signet_verify::crypto::{Algorithm, PrivateKey, PublicKey, SigningKey, public_half};
use signet_verify::jose::base64url;
use signet_verify::jose::json;
use signet_verify::jose::jwk::{self, KeySet, Kid, thumbprint};
use zeroize::Zeroizing;

use crate::keys::pem;
use crate::keys::sealing::{self, Place};
use crate::model::key_rows::KeyRow;
use crate::vault::{Sealed, Vault};

/// The largest file that is read, in bytes.
pub const MAX_FILE_BYTES: usize = 64 * 1024;

/// The member by which an exported key is known, and the version of what follows.
const SEALED: &str = "signet_sealed_key";
const SEALED_VERSION: u64 = 1;

/// A key that was made elsewhere.
#[derive(Clone, Debug)]
pub struct ImportedKey {
    /// What it is called; tokens of it name it so.
    pub kid: Kid,
    /// Its public half.
    pub public: PublicKey,
    /// Its private half, if the file held it.
    pub private: Option<PrivateKey>,
}

/// Why a file gives no key; each prints as one sentence for the operator. None repeats what the file holds.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Longer than any key.
    #[error("the file is larger than {MAX_FILE_BYTES} bytes: it is no key")]
    TooLarge,
    /// No form that we know.
    #[error("the file is neither a PEM, nor a JWK, nor a key that `signet keys export --sealed` wrote")]
    Unknown,
    /// A PEM that holds no private key of ours, or an encrypted one.
    #[error(
        "the PEM holds no unencrypted private key of Ed25519, P-256 or RSA (2048 to 4096 bits, exponent 65537 or more), as \
         `openssl genpkey` writes it"
    )]
    Pem,
    /// A JSON document that is no key.
    #[error("the JSON cannot be read as a key: {0}")]
    Json(&'static str),
    /// A set with more than one key, or none.
    #[error(
        "the key set holds {0} signing keys to choose from: import a file with one, or say which with --algorithm"
    )]
    NotOne(usize),
    /// The file holds a key of another algorithm than the operator wants.
    #[error("the file holds a key for {0}, not for {1}")]
    OtherAlgorithm(Algorithm, Algorithm),
    /// The halves are not of one key.
    #[error("the private half does not fit the public half")]
    Halves,
    /// The numbers make no sound key.
    #[error("the public half is no sound key for {0}")]
    Unsound(Algorithm),
    /// A sealed key that our master keys do not open.
    #[error(transparent)]
    Sealed(#[from] sealing::Error),
}

/// Reads the key in `file`, the one of `algorithm` where it holds several. `vault` opens what another Signet sealed.
///
/// # Errors
/// [`Error`].
pub fn read(file: &str, algorithm: Option<Algorithm>, vault: &Vault) -> Result<ImportedKey, Error> {
    let key = read_any(file, algorithm, vault)?;
    match algorithm {
        Some(wanted) if key.public.algorithm() != wanted => {
            Err(Error::OtherAlgorithm(key.public.algorithm(), wanted))
        }
        _ => Ok(key),
    }
}

fn read_any(file: &str, algorithm: Option<Algorithm>, vault: &Vault) -> Result<ImportedKey, Error> {
    let text = file.trim();
    if file.len() > MAX_FILE_BYTES {
        return Err(Error::TooLarge);
    }
    if text.starts_with("-----BEGIN ") {
        let (private, public) = pem::read(text).ok_or(Error::Pem)?;
        return whole(None, private, public);
    }
    if !text.starts_with('{') {
        return Err(Error::Unknown);
    }
    let document = json::parse(text.as_bytes())
        .map_err(|_| Error::Json("it is not strict JSON (a member may be there twice)"))?;
    let members = document.as_object().ok_or(Error::Unknown)?;
    if members.contains_key(SEALED) {
        return read_sealed(members, vault);
    }
    let Some(keys) = members.get("keys").and_then(Value::as_array) else { return read_jwk(members) };
    let is_wanted = |key: &&Map<String, Value>| {
        algorithm_of(key).is_some_and(|of| algorithm.is_none_or(|wanted| wanted == of))
    };
    match *keys.iter().filter_map(Value::as_object).filter(is_wanted).collect::<Vec<_>>() {
        [key] => read_jwk(key),
        ref keys => Err(Error::NotOne(keys.len())),
    }
}

/// A key as another Signet with one of the same master keys can import it; none if its private half is gone.
pub fn sealed_document(row: &KeyRow) -> Option<String> {
    let Sealed { bytes, master_key } = row.sealed.as_ref()?;
    let public = &row.record.public;
    let mut document = json!({
        SEALED: SEALED_VERSION,
        "kid": row.record.kid.as_ref(),
        "created": row.record.announced_at.millis(),
        "master_key": master_key,
        "sealed": base64url::encode(bytes),
    });
    // The members of a public key of this type; `alg` among them.
    let members = jwk::public_jwk(&row.record.kid, public);
    document.as_object_mut()?.extend(members);
    Some(format!("{document:#}\n"))
}

/// The public halves of `keys` as a JWK set (RFC 7517), for people and programs that cannot fetch it.
pub fn public_document(keys: KeySet) -> String {
    // The document is our own, so it can be read; what it would print otherwise is the same on one line.
    let text = keys.to_json();
    let document = serde_json::from_str::<Value>(&text);
    document.map_or(text, |document| format!("{document:#}\n"))
}

/// The algorithm of the type of key that a JWK is of.
fn algorithm_of(members: &Map<String, Value>) -> Option<Algorithm> {
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    match (text("kty")?, text("crv")) {
        ("OKP", Some("Ed25519")) => Some(Algorithm::EdDsa),
        ("EC", Some("P-256")) => Some(Algorithm::Es256),
        ("RSA", _) => Some(Algorithm::Rs256),
        _ => None,
    }
}

fn read_jwk(members: &Map<String, Value>) -> Result<ImportedKey, Error> {
    const TYPE: &str = "its kty and crv are not those of Ed25519, P-256 or RSA";
    let algorithm = algorithm_of(members).ok_or(Error::Json(TYPE))?;
    let named = members.get("alg").map(|alg| alg.as_str().and_then(Algorithm::of_header));
    if named.is_some_and(|named| named != Some(algorithm)) {
        return Err(Error::Json("its alg is not that of its type: EdDSA, ES256 or RS256"));
    }
    if members.get("use").is_some_and(|purpose| purpose != "sig") {
        return Err(Error::Json("its use is not sig"));
    }
    let kid = match members.get("kid") {
        None => None,
        Some(kid) => Some(
            kid.as_str()
                .and_then(Kid::parse)
                .ok_or(Error::Json("its kid is not 1 to 128 visible ASCII characters"))?,
        ),
    };
    let public = match public_members(algorithm).iter().any(|name| members.contains_key(*name)) {
        true => Some(read_public(members, algorithm)?),
        false => None,
    };
    match (read_private(members, algorithm)?, public) {
        (Some(private), public) => {
            let public = match public {
                Some(public) => public,
                None => derived(&private).ok_or(Error::Halves)?,
            };
            whole(kid, private, public)
        }
        (None, Some(public)) => {
            Ok(ImportedKey { kid: kid.unwrap_or_else(|| thumbprint(&public)), public, private: None })
        }
        (None, None) => Err(Error::Json("it has neither a public nor a private half")),
    }
}

fn public_members(algorithm: Algorithm) -> &'static [&'static str] {
    match algorithm {
        Algorithm::EdDsa => &["x"],
        Algorithm::Es256 => &["x", "y"],
        Algorithm::Rs256 => &["n", "e"],
    }
}

const NOT_BASE64URL: Error = Error::Json("a number of it is missing or not base64url");

fn read_public(members: &Map<String, Value>, algorithm: Algorithm) -> Result<PublicKey, Error> {
    jwk::public_half(members, algorithm).map_err(|reason| match reason {
        jwk::SkipReason::Unsound(_) => Error::Unsound(algorithm),
        _ => NOT_BASE64URL,
    })
}

/// The private half, where there is one.
fn read_private(members: &Map<String, Value>, algorithm: Algorithm) -> Result<Option<PrivateKey>, Error> {
    let Some(d) = members.get("d") else { return Ok(None) };
    let d = d.as_str().and_then(base64url::decode).map(Zeroizing::new).ok_or(NOT_BASE64URL)?;
    let bytes = match algorithm {
        Algorithm::EdDsa | Algorithm::Es256 if d.len() == 32 => d,
        Algorithm::EdDsa | Algorithm::Es256 => return Err(Error::Halves),
        Algorithm::Rs256 => {
            if members.contains_key("oth") {
                return Err(Error::Json("it has more than two primes"));
            }
            // josekit reads the other numbers; it refuses a key without them.
            let jwk = Jwk::from_map(members.clone()).map_err(|_| NOT_BASE64URL)?;
            let pair = RsaKeyPair::from_jwk(&jwk).map_err(|_| Error::Halves)?;
            Zeroizing::new(pair.to_raw_private_key())
        }
    };
    Ok(Some(PrivateKey::new(algorithm, bytes)))
}

/// The public half that follows from a private one.
fn derived(private: &PrivateKey) -> Option<PublicKey> {
    match private.algorithm() {
        Algorithm::Es256 => pem::p256_public_half(private),
        Algorithm::EdDsa | Algorithm::Rs256 => public_half(private),
    }
}

fn read_sealed(members: &Map<String, Value>, vault: &Vault) -> Result<ImportedKey, Error> {
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    let error = Error::Json("it is no sealed key of this version of Signet");
    let read = || {
        let version = members.get(SEALED)?.as_u64()?;
        let created = Timestamp::from_millis(members.get("created")?.as_i64()?);
        let sealed =
            Sealed { bytes: base64url::decode(text("sealed")?)?, master_key: text("master_key")?.to_owned() };
        let algorithm: Algorithm = text("alg")?.parse().ok()?;
        let public = jwk::public_half(members, algorithm).ok()?;
        (version == SEALED_VERSION).then_some((Kid::parse(text("kid")?)?, public, created, sealed))
    };
    let (kid, public, created, sealed) = read().ok_or(error)?;
    let place = Place { kid: &kid, algorithm: public.algorithm(), created };
    let private = sealing::open(vault, place, &sealed)?;
    whole(Some(kid), private, public)
}

/// A key of both halves; without a name it gets the thumbprint of its public half, as our own keys do.
fn whole(kid: Option<Kid>, private: PrivateKey, public: PublicKey) -> Result<ImportedKey, Error> {
    SigningKey::new(&private, &public).map_err(|_| Error::Halves)?;
    Ok(ImportedKey { kid: kid.unwrap_or_else(|| thumbprint(&public)), public, private: Some(private) })
}
