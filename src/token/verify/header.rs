//! Reads the protected header of a compact JWS (RFC 7515 section 4).
//! In: the header part of a token, which nobody has vouched for yet. Out: the key that it points at.
//! Owns: the header chooses among our keys by name and has no other say; what it asks for beyond that is refused.

use serde_json::{Map, Value};

use super::Refusal;
use crate::token::jwk::Kid;
use crate::token::{base64url, json};

/// Members that would change what is signed or with what, and are never honoured.
///
/// `crit` and `b64`: RFC 7515 section 4.1.11, RFC 7797. `zip`, `enc`: JWE only. `cty`: a nested token. The rest bring
/// or point at a key, which RFC 8725 section 3.10 warns of.
const REFUSED_MEMBERS: [&str; 9] = ["crit", "b64", "zip", "enc", "cty", "jwk", "jku", "x5c", "x5u"];

/// The key that a header points at. The algorithm follows from it, not from `alg`, which merely has to agree.
#[derive(Clone, Debug)]
pub(super) enum KeyReference {
    /// A key of the set, hence EdDSA.
    Published(Kid),
    /// The shared secret, hence HS256: it has no name, because it is in no set.
    Shared,
}

/// Reads the header part.
pub(super) fn read(part: &str) -> Result<KeyReference, Refusal> {
    let bytes = base64url::decode(part).ok_or(Refusal::Encoding)?;
    let Ok(Value::Object(header)) = json::parse(&bytes) else { return Err(Refusal::Header) };
    if REFUSED_MEMBERS.iter().any(|name| header.contains_key(*name)) {
        return Err(Refusal::HeaderMember);
    }
    check_type(&header)?;
    let algorithm = header.get("alg").and_then(Value::as_str).ok_or(Refusal::Algorithm)?;
    let kid = match header.get("kid") {
        None => None,
        Some(kid) => Some(kid.as_str().and_then(Kid::parse).ok_or(Refusal::MalformedKid)?),
    };
    match (kid, algorithm) {
        // RFC 8037 says EdDSA, RFC 9864 says Ed25519; for a key of ours they mean the same.
        (Some(kid), "EdDSA" | "Ed25519") => Ok(KeyReference::Published(kid)),
        (None, "HS256") => Ok(KeyReference::Shared),
        (None, "EdDSA" | "Ed25519") => Err(Refusal::MissingKid),
        _ => Err(Refusal::Algorithm),
    }
}

/// Takes `JWT` and `at+jwt` (RFC 9068 section 2.1) in any case, with or without `application/` (RFC 7515 section 4.1.9).
///
/// Security event tokens, logout tokens and DPoP proofs are signed with the same keys elsewhere; their `typ` tells
/// them apart.
fn check_type(header: &Map<String, Value>) -> Result<(), Refusal> {
    let Some(typ) = header.get("typ") else { return Ok(()) };
    let typ = typ.as_str().ok_or(Refusal::Type)?.to_ascii_lowercase();
    match typ.strip_prefix("application/").unwrap_or(&typ) {
        "jwt" | "at+jwt" => Ok(()),
        _ => Err(Refusal::Type),
    }
}
