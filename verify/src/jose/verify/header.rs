//! Reads the protected header of a compact JWS (RFC 7515 section 4).
//! In: the header part of a token, which is not verified yet. Out: the key that it points at.
//! Owns: the header chooses among our keys by name and has no other say; what it asks for beyond that is refused.

use serde_json::{Map, Value};

use super::refusal::Refusal;
use crate::crypto::Algorithm;
use crate::jose::claims::TokenType;
use crate::jose::jwk::Kid;
use crate::jose::{base64url, json};

/// Members that would change what is signed or with what, and are never honoured.
///
/// `crit` and `b64`: RFC 7515 section 4.1.11, RFC 7797. `zip`, `enc`: JWE only. `cty`: a nested token. The rest bring
/// or point at a key, which RFC 8725 section 3.10 warns of.
const REFUSED_MEMBERS: [&str; 9] = ["crit", "b64", "zip", "enc", "cty", "jwk", "jku", "x5c", "x5u"];

/// The key that a header points at. The algorithm follows from it, not from `alg`, which merely has to agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum KeyReference {
    /// A key of the set, and the algorithm that it must have.
    Published(Kid, Algorithm),
    /// The shared secret, hence HS256: it has no name, because it is in no set.
    Shared,
}

/// Reads the header part.
pub(super) fn read(part: &str) -> Result<(KeyReference, TokenType), Refusal> {
    let bytes = base64url::decode(part).ok_or(Refusal::Encoding)?;
    match usual(&bytes) {
        Some(key) => Ok((key, TokenType::Jwt)),
        None => read_any(&bytes),
    }
}

/// The reference in the header that nearly every token has, `{"alg":"…","kid":"…"}` byte for byte, as [`read_any`] would
/// find it in a fifth of the time.
fn usual(header: &[u8]) -> Option<KeyReference> {
    let rest = header.strip_prefix(br#"{"alg":""#)?.strip_suffix(br#""}"#)?;
    let (algorithm, rest) = rest.split_first_chunk::<5>()?; // all three names have five bytes
    let algorithm = std::str::from_utf8(algorithm).ok()?.parse().ok()?;
    let kid = std::str::from_utf8(rest.strip_prefix(br#"","kid":""#)?).ok()?;
    if kid.contains(['"', '\\']) { None } else { Some(KeyReference::Published(Kid::parse(kid)?, algorithm)) }
}

fn read_any(bytes: &[u8]) -> Result<(KeyReference, TokenType), Refusal> {
    let Ok(Value::Object(header)) = json::parse(bytes) else { return Err(Refusal::Header) };
    if header.keys().any(|name| REFUSED_MEMBERS.contains(&name.as_str())) {
        return Err(Refusal::HeaderMember);
    }
    let token_type = token_type(&header)?;
    let algorithm = header.get("alg").and_then(Value::as_str).ok_or(Refusal::Algorithm)?;
    let kid = match header.get("kid") {
        None => None,
        Some(kid) => Some(kid.as_str().and_then(Kid::parse).ok_or(Refusal::MalformedKid)?),
    };
    let key = match (kid, Algorithm::of_header(algorithm)) {
        (Some(kid), Some(algorithm)) => KeyReference::Published(kid, algorithm),
        (None, Some(_)) => return Err(Refusal::MissingKid),
        (None, None) if algorithm == "HS256" => KeyReference::Shared,
        (_, None) => return Err(Refusal::Algorithm),
    };
    Ok((key, token_type))
}

/// Takes `JWT` and `at+jwt` (RFC 9068 section 2.1) in any case, with or without `application/` (RFC 7515 section 4.1.9).
///
/// Security event tokens, logout tokens and DPoP proofs are signed with the same keys elsewhere; their `typ` tells
/// them apart.
fn token_type(header: &Map<String, Value>) -> Result<TokenType, Refusal> {
    let Some(typ) = header.get("typ") else { return Ok(TokenType::Jwt) };
    let typ = typ.as_str().ok_or(Refusal::Type)?.to_ascii_lowercase();
    match typ.strip_prefix("application/").unwrap_or(&typ) {
        "jwt" => Ok(TokenType::Jwt),
        "at+jwt" => Ok(TokenType::AccessToken),
        _ => Err(Refusal::Type),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn read_recognises_the_usual_header_of_each_algorithm() {
        for algorithm in Algorithm::ALL {
            let header = format!(r#"{{"alg":"{algorithm}","kid":"kid-1"}}"#);
            let expected = KeyReference::Published(Kid::parse("kid-1").unwrap(), algorithm);
            assert_eq!(usual(header.as_bytes()), Some(expected));
        }
        assert_eq!(usual(br#"{"alg":"HS256","kid":"kid-1"}"#), None);
    }

    proptest! {
        #[test]
        fn read_finds_the_same_on_the_short_and_the_long_way(
            algorithm in prop::sample::select(vec!["EdDSA", "ES256", "RS256", "HS256", "PS256", "none"]),
            kid in "[ -~é\\n]{0,130}",
            tail in "[ -~]{0,4}",
        ) {
            for header in [
                format!(r#"{{"alg":"{algorithm}","kid":"{kid}"}}"#),
                format!(r#"{{"alg":"{algorithm}","kid":"{kid}","{tail}"}}"#),
                format!(r#"{{"alg":"{algorithm}","kid":"{kid}"}}{tail}"#),
            ] {
                if let Some(short) = usual(header.as_bytes()) {
                    prop_assert_eq!(Ok((short, TokenType::Jwt)), read_any(header.as_bytes()), "{}", header);
                }
            }
        }
    }
}
