//! Compact JWS out (RFC 7515 section 7.1).
//! In: a key and claims. Out: a token.
//! Owns: the two headers that Signet writes, and that no token is issued which its own verifier would refuse to read.

use serde::Serialize;
use serde_json::Value;

use super::arithmetic::{MacKey, SigningKey};
use super::jwk::Kid;
use super::{MAX_TOKEN_BYTES, base64url};

/// Why no token was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignFault {
    /// The claims are not a JSON object.
    #[error("the claims cannot be written as a JSON object")]
    Claims,
    /// The token would have more than [`MAX_TOKEN_BYTES`], because a claim (say, an inline image) is too large.
    #[error("the token would be longer than {MAX_TOKEN_BYTES} bytes")]
    TooLong,
}

/// Signs `claims` with EdDSA (RFC 8037 section 3.1) in the name of `kid`.
///
/// The header is `{"alg":"EdDSA","kid":…}` and nothing else, as Better Auth writes it.
///
/// # Errors
/// [`SignFault`] when the claims do not fit into a token.
pub fn eddsa(key: &SigningKey, kid: &Kid, claims: &impl Serialize) -> Result<String, SignFault> {
    let kid = Value::from(kid.as_ref()); // displayed as JSON text, with the quotes and escapes it needs
    let header = format!(r#"{{"alg":"EdDSA","kid":{kid}}}"#);
    compact(&header, claims, |input| key.sign(input))
}

/// Signs `claims` with HMAC-SHA-256 (RFC 7518 section 3.2) for backends that share the secret.
///
/// The header is `{"alg":"HS256","typ":"JWT"}`: no kid, since the key is in no set.
///
/// # Errors
/// [`SignFault`] when the claims do not fit into a token.
pub fn hs256(key: &MacKey, claims: &impl Serialize) -> Result<String, SignFault> {
    compact(r#"{"alg":"HS256","typ":"JWT"}"#, claims, |input| key.sign(input))
}

fn compact<const N: usize>(
    header: &str,
    claims: &impl Serialize,
    sign: impl FnOnce(&[u8]) -> [u8; N],
) -> Result<String, SignFault> {
    let claims = serde_json::to_vec(claims).map_err(|_| SignFault::Claims)?;
    if claims.first() != Some(&b'{') {
        return Err(SignFault::Claims);
    }
    let mut token = format!("{}.{}", base64url::encode(header.as_bytes()), base64url::encode(&claims));
    let signature = sign(token.as_bytes());
    token.push('.');
    token.push_str(&base64url::encode(&signature));
    if token.len() > MAX_TOKEN_BYTES { Err(SignFault::TooLong) } else { Ok(token) }
}
