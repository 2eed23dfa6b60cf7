//! Signing keys that come from elsewhere, or go there.
//! In: a PEM or JWK file of another provider, or what another Signet exported. Out: a key to adopt; and, the other way
//! round, a document to hand on.
//! Owns: no private half leaves unsealed; a file that says two things about one key is refused.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use josekit::jwk::KeyPair;
use josekit::jwk::alg::ed::{EdCurve, EdKeyPair};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::clock::Timestamp;
use crate::keys::port::KeyRow;
use crate::keys::vault::{ALGORITHM, SealedSeed, Vault, VaultFault};
use crate::secret::Seed;
use crate::token::arithmetic::{SigningKey, VerifyingKey};
use crate::token::base64url;
use crate::token::json;
use crate::token::jwk::{KeySet, Kid, thumbprint};

/// The largest file that is read, in bytes.
pub const MAX_FILE_BYTES: usize = 64 * 1024;

/// The member by which an exported key is known, and the version of what follows.
const SEALED: &str = "signet_sealed_key";
const SEALED_VERSION: u64 = 1;

/// PKCS#8 version 1 of an Ed25519 key up to the seed (RFC 8410 section 7), as OpenSSL, Go, Java and Node write it.
const PKCS8_V1: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// The same of version 2, which carries the public half behind the seed, as ring writes it.
const PKCS8_V2: [u8; 16] =
    [0x30, 0x51, 0x02, 0x01, 0x01, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// A key that was made elsewhere.
#[derive(Clone, Debug)]
pub struct ForeignKey {
    /// What it is called; tokens of it name it so.
    pub kid: Kid,
    /// Its public half.
    pub public: VerifyingKey,
    /// Its private half, if the file held it.
    pub seed: Option<Seed>,
}

/// Why a file gives no key; each prints as one sentence for the operator. None repeats what the file holds.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransferFault {
    /// Longer than any key.
    #[error("the file is larger than {MAX_FILE_BYTES} bytes: it is no key")]
    TooLarge,
    /// No form that we know.
    #[error(
        "the file is neither a PEM (PKCS#8), nor a JWK, nor a key that `signet keys export --sealed` wrote"
    )]
    Unknown,
    /// A PEM that holds no Ed25519 key in PKCS#8, or an encrypted one.
    #[error(
        "the PEM holds no unencrypted Ed25519 private key in PKCS#8 (as `openssl genpkey -algorithm ed25519` writes it)"
    )]
    Pem,
    /// A JSON document that is no key.
    #[error("the JSON cannot be read as a key: {0}")]
    Json(&'static str),
    /// A set with more than one key, or none.
    #[error("the key set holds {0} Ed25519 keys: import a file with one key")]
    NotOne(usize),
    /// `d` and `x` are not of one key.
    #[error("the private half does not fit the public half")]
    Halves,
    /// A point of small order, or no point at all.
    #[error("the public half is no sound Ed25519 key")]
    Weak,
    /// A sealed key that our master keys do not open.
    #[error(transparent)]
    Sealed(#[from] VaultFault),
}

/// Reads the key in `file`. `vault` opens what another Signet sealed.
///
/// # Errors
/// [`TransferFault`].
pub fn read(file: &str, vault: &Vault) -> Result<ForeignKey, TransferFault> {
    let text = file.trim();
    if file.len() > MAX_FILE_BYTES {
        Err(TransferFault::TooLarge)
    } else if text.starts_with("-----BEGIN ") {
        read_pem(text)
    } else if text.starts_with('{') {
        let document = json::parse(text.as_bytes())
            .map_err(|_| TransferFault::Json("it is not strict JSON (a member may be there twice)"))?;
        let members = document.as_object().ok_or(TransferFault::Unknown)?;
        if members.contains_key(SEALED) {
            read_sealed(members, vault)
        } else if let Some(keys) = members.get("keys").and_then(Value::as_array) {
            let is_ours = |key: &&Map<String, Value>| key.get("crv").is_some_and(|crv| crv == "Ed25519");
            match *keys.iter().filter_map(Value::as_object).filter(is_ours).collect::<Vec<_>>() {
                [key] => read_jwk(key),
                ref keys => Err(TransferFault::NotOne(keys.len())),
            }
        } else {
            read_jwk(members)
        }
    } else {
        Err(TransferFault::Unknown)
    }
}

/// A key as another Signet with one of the same master keys can import it; none if its private half is gone.
pub fn sealed_document(row: &KeyRow) -> Option<String> {
    let SealedSeed { bytes, master_key } = row.sealed.as_ref()?;
    let document = json!({
        SEALED: SEALED_VERSION,
        "kid": row.record.kid.as_ref(),
        "alg": ALGORITHM,
        "x": base64url::encode(row.record.public.as_bytes()),
        "created": row.record.announced_at.millis(),
        "master_key": master_key,
        "sealed": base64url::encode(bytes),
    });
    Some(format!("{document:#}\n"))
}

/// The public halves of `keys` as a JWK set (RFC 7517), for people and programs that cannot fetch it.
pub fn public_document(keys: KeySet) -> String {
    // The document is our own, so it can be read; what it would print otherwise is the same on one line.
    let text = keys.to_json();
    let document = serde_json::from_str::<Value>(&text);
    document.map_or(text, |document| format!("{document:#}\n"))
}

fn read_pem(text: &str) -> Result<ForeignKey, TransferFault> {
    let pair = match EdKeyPair::from_pem(text) {
        Ok(pair) => pair,
        // josekit knows version 1 alone; the seed stands in the same place.
        Err(_) => {
            let der = second_version(text).ok_or(TransferFault::Pem)?;
            EdKeyPair::from_der(&*der).map_err(|_| TransferFault::Pem)?
        }
    };
    if pair.curve() != EdCurve::Ed25519 {
        return Err(TransferFault::Pem);
    }
    let der = Zeroizing::new(pair.to_der_private_key());
    let seed = der.strip_prefix(&PKCS8_V1).and_then(|seed| <[u8; 32]>::try_from(seed).ok());
    whole(None, Seed::new(seed.ok_or(TransferFault::Pem)?))
}

/// The version 1 of a PEM in version 2, whose public half has to fit.
fn second_version(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let body: Zeroizing<String> =
        Zeroizing::new(text.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect());
    let der = Zeroizing::new(STANDARD.decode(body.as_bytes()).ok()?);
    let rest = der.strip_prefix(&PKCS8_V2)?;
    let (seed, public) = rest.split_first_chunk::<32>()?;
    let made = SigningKey::from_seed(&Seed::new(*seed)).ok()?.public();
    public.ends_with(made.as_bytes()).then(|| Zeroizing::new([&PKCS8_V1[..], seed].concat()))
}

fn read_jwk(members: &Map<String, Value>) -> Result<ForeignKey, TransferFault> {
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    if text("kty") != Some("OKP") || text("crv") != Some("Ed25519") {
        return Err(TransferFault::Json("its kty and crv are not OKP and Ed25519"));
    }
    if members.get("alg").is_some_and(|alg| alg != "EdDSA" && alg != "Ed25519") {
        return Err(TransferFault::Json("its alg is neither EdDSA nor Ed25519"));
    }
    if members.get("use").is_some_and(|purpose| purpose != "sig") {
        return Err(TransferFault::Json("its use is not sig"));
    }
    let kid = match members.get("kid") {
        None => None,
        Some(kid) => Some(
            kid.as_str()
                .and_then(Kid::parse)
                .ok_or(TransferFault::Json("its kid is not 1 to 128 visible ASCII characters"))?,
        ),
    };
    let bytes = |name: &str| match members.get(name) {
        None => Ok(None),
        Some(value) => {
            let bytes = value.as_str().and_then(base64url::decode).map(Zeroizing::new);
            bytes.map(Some).ok_or(TransferFault::Json("its x or d is not base64url"))
        }
    };
    let public =
        bytes("x")?.map(|x| VerifyingKey::from_bytes(&x).map_err(|_| TransferFault::Weak)).transpose()?;
    match (public, bytes("d")?) {
        (public, Some(d)) => {
            let seed = <[u8; 32]>::try_from(d.as_slice()).map_err(|_| TransferFault::Halves)?;
            let key = whole(kid, Seed::new(seed))?;
            if public.is_some_and(|public| public != key.public) {
                Err(TransferFault::Halves)
            } else {
                Ok(key)
            }
        }
        (Some(public), None) => {
            Ok(ForeignKey { kid: kid.unwrap_or_else(|| thumbprint(&public)), public, seed: None })
        }
        (None, None) => Err(TransferFault::Json("it has neither x nor d")),
    }
}

fn read_sealed(members: &Map<String, Value>, vault: &Vault) -> Result<ForeignKey, TransferFault> {
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    let fault = TransferFault::Json("it is no sealed key of this version of Signet");
    let read = || {
        let version = members.get(SEALED)?.as_u64()?;
        let created = Timestamp::from_millis(members.get("created")?.as_i64()?);
        let sealed = SealedSeed {
            bytes: base64url::decode(text("sealed")?)?,
            master_key: text("master_key")?.to_owned(),
        };
        let public = VerifyingKey::from_bytes(&base64url::decode(text("x")?)?).ok()?;
        let ours = version == SEALED_VERSION && text("alg")? == ALGORITHM;
        ours.then_some((Kid::parse(text("kid")?)?, public, created, sealed))
    };
    let (kid, public, created, sealed) = read().ok_or(fault)?;
    let key = whole(Some(kid.clone()), vault.open(&kid, created, &sealed)?)?;
    if key.public == public { Ok(key) } else { Err(TransferFault::Halves) }
}

/// A key of both halves; without a name it gets the thumbprint of its public half, as our own keys do.
fn whole(kid: Option<Kid>, seed: Seed) -> Result<ForeignKey, TransferFault> {
    let public = SigningKey::from_seed(&seed).map_err(|_| TransferFault::Weak)?.public();
    Ok(ForeignKey { kid: kid.unwrap_or_else(|| thumbprint(&public)), public, seed: Some(seed) })
}
