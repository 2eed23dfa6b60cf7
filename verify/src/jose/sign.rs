//! Compact JWS out (RFC 7515 section 7.1).
//! In: a key and claims. Out: a token.
//! Owns: the headers that Signet writes, and that no token is issued which its own verifier would refuse to read.

use serde::Serialize;
use serde_json::Value;

use super::jwk::Kid;
use super::{MAX_TOKEN_BYTES, base64url};
use crate::crypto::{self, MacKey, SigningKey};

/// Why no token was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The claims are not a JSON object.
    #[error("the claims cannot be written as a JSON object")]
    Claims,
    /// The token would have more than [`MAX_TOKEN_BYTES`], because a claim (say, an inline image) is too large.
    #[error("the token would be longer than {MAX_TOKEN_BYTES} bytes")]
    TooLong,
    /// The key could not sign.
    #[error(transparent)]
    Key(#[from] crypto::Error),
}

/// Signs `claims` with `key` and its algorithm (RFC 8037 section 3.1, RFC 7518 sections 3.3 and 3.4) in the name of `kid`.
///
/// The header is `{"alg":…,"kid":…}` and nothing else, as Better Auth writes it.
///
/// # Errors
/// [`Error`] when the claims do not fit into a token.
pub fn jwt(key: &SigningKey, kid: &Kid, claims: &impl Serialize) -> Result<String, Error> {
    let kid = Value::from(kid.as_ref()); // displayed as JSON text, with the quotes and escapes it needs
    let header = format!(r#"{{"alg":"{}","kid":{kid}}}"#, key.public().algorithm());
    compact(&header, claims, |input| key.sign(input))
}

/// Signs like [`jwt`], with the type of the token in its header (RFC 8725 section 3.11): `at+jwt`, `logout+jwt`, `JWT`.
///
/// # Errors
/// [`Error`] when the claims do not fit into a token.
pub fn typed_jwt(
    key: &SigningKey,
    kid: &Kid,
    typ: &'static str,
    claims: &impl Serialize,
) -> Result<String, Error> {
    let kid = Value::from(kid.as_ref());
    let header = format!(r#"{{"alg":"{}","kid":{kid},"typ":"{typ}"}}"#, key.public().algorithm());
    compact(&header, claims, |input| key.sign(input))
}

/// Signs `claims` with HMAC-SHA-256 (RFC 7518 section 3.2) for backends that share the secret.
///
/// The header is `{"alg":"HS256","typ":"JWT"}`: no kid, since the key is in no set.
///
/// # Errors
/// [`Error`] when the claims do not fit into a token.
pub fn hs256(key: &MacKey, claims: &impl Serialize) -> Result<String, Error> {
    compact(r#"{"alg":"HS256","typ":"JWT"}"#, claims, |input| Ok(key.sign(input)))
}

fn compact<S: AsRef<[u8]>>(
    header: &str,
    claims: &impl Serialize,
    sign: impl FnOnce(&[u8]) -> Result<S, crypto::Error>,
) -> Result<String, Error> {
    let claims = serde_json::to_vec(claims).map_err(|_| Error::Claims)?;
    if claims.first() != Some(&b'{') {
        return Err(Error::Claims);
    }
    let mut token = format!("{}.{}", base64url::encode(header.as_bytes()), base64url::encode(&claims));
    let signature = sign(token.as_bytes())?;
    token.push('.');
    token.push_str(&base64url::encode(signature.as_ref()));
    if token.len() > MAX_TOKEN_BYTES { Err(Error::TooLong) } else { Ok(token) }
}
