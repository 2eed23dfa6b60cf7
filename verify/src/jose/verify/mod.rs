//! Compact JWS in (RFC 7515 section 5.2, RFC 7519 section 7.2).
//! In: an untrusted token, the trusted keys, the policy and the present moment. Out: a principal, or a refusal.
//! Owns: the algorithm is a property of the key, and no claim is looked at before the signature is right.

mod claim_rules;
mod header;
mod policy;
mod refusal;

use std::fmt;

use serde_json::Value;

use self::header::KeyReference;
pub use self::policy::{Policy, SharedKey, TrustedKeys};
pub use self::refusal::Refusal;
use super::claims::{Principal, TokenType};
use super::{MAX_TOKEN_BYTES, base64url, json};
use crate::clock::Timestamp;

/// A token that is well formed and has proved nothing.
///
/// Everything that can be refused without a key is refused by [`parse`](Self::parse), so that only a token which one
/// more key could make valid is ever worth a fetch of the key set.
pub struct Unverified<'a> {
    signing_input: &'a str,
    key: KeyReference,
    token_type: TokenType,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl<'a> Unverified<'a> {
    /// Takes `text` apart.
    ///
    /// # Errors
    /// [`Refusal`] when it is not a compact JWS with a header that we can go by.
    pub fn parse(text: &'a str) -> Result<Self, Refusal> {
        if text.len() > MAX_TOKEN_BYTES {
            return Err(Refusal::TooLong);
        }
        let (signing_input, signature) = text.rsplit_once('.').ok_or(Refusal::Shape)?;
        let (header, payload) = signing_input.split_once('.').ok_or(Refusal::Shape)?;
        if payload.is_empty() || payload.contains('.') {
            return Err(Refusal::Shape);
        }
        let (key, token_type) = header::read(header)?;
        let payload = base64url::decode(payload).ok_or(Refusal::Encoding)?;
        let signature = base64url::decode(signature).ok_or(Refusal::Encoding)?;
        let fits = match key {
            KeyReference::Published(_, algorithm) => algorithm.takes_signature_of(signature.len()),
            KeyReference::Shared => signature.len() == 32,
        };
        if !fits {
            return Err(Refusal::Signature);
        }
        Ok(Self { signing_input, key, token_type, payload, signature })
    }

    /// The name of the key that the token claims to be signed with; none under the shared secret.
    pub fn kid(&self) -> Option<&str> {
        match &self.key {
            KeyReference::Published(kid, _) => Some(kid.as_ref()),
            KeyReference::Shared => None,
        }
    }

    /// The issuer that the token claims to come from; not verified. For choosing whose keys to try.
    pub fn claimed_issuer(&self) -> Option<String> {
        match json::parse(&self.payload).ok()? {
            Value::Object(mut claims) => match claims.remove("iss")? {
                Value::String(issuer) => Some(issuer),
                _ => None,
            },
            _ => None,
        }
    }

    /// Checks the signature, then the claims.
    ///
    /// # Errors
    /// [`Refusal`] with the first rule that the token breaks.
    pub fn verify(
        &self,
        keys: &TrustedKeys<'_>,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Principal, Refusal> {
        let input = self.signing_input.as_bytes();
        let genuine = match &self.key {
            KeyReference::Published(kid, algorithm) => {
                let set = keys.set.ok_or(Refusal::NotTrusted)?;
                let key = set.get(kid.as_ref()).ok_or(Refusal::UnknownKid)?;
                if key.algorithm() != *algorithm {
                    return Err(Refusal::Algorithm);
                }
                key.verify(input, &self.signature)
            }
            KeyReference::Shared => {
                let shared = keys.shared.ok_or(Refusal::NotTrusted)?;
                shared.check_time(now)?;
                shared.key.verify(input, &self.signature)
            }
        };
        if !genuine {
            return Err(Refusal::Signature);
        }
        claim_rules::admit(&self.payload, &self.key, self.token_type, policy, now)
    }
}

/// Shows the key that is wanted and nothing that was not verified.
impl fmt::Debug for Unverified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unverified").field("kid", &self.kid()).finish_non_exhaustive()
    }
}

/// Verifies the token `text` at the moment `now`.
///
/// # Errors
/// [`Refusal`] with the first rule that the token breaks.
///
/// ```
/// # #[cfg(feature = "signing")] {
/// use std::time::Duration;
/// use serde_json::json;
/// use signet_verify::clock::Timestamp;
/// use signet_verify::crypto::SigningKey;
/// use signet_verify::jose::jwk::{KeySet, thumbprint};
/// use signet_verify::jose::sign;
/// use signet_verify::jose::verify::{Policy, Refusal, TrustedKeys, verify};
///
/// let key = SigningKey::from_seed(&[7; 32])?;
/// let kid = thumbprint(key.public());
/// let claims = json!({ "iss": "https://id.test", "aud": "https://api.test", "sub": "alice", "exp": 1_000 });
/// let token = sign::jwt(&key, &kid, &claims)?;
///
/// let set = KeySet::new([(kid, key.public().clone())]);
/// let keys = TrustedKeys { set: Some(&set), shared: None };
/// let minute = Duration::from_secs(60);
/// let policy = Policy::new("https://id.test".to_owned(), "https://api.test".to_owned(), Duration::ZERO, minute);
///
/// let alice = verify(&keys, &policy, &token, Timestamp::from_seconds(999))?;
/// assert_eq!(alice.subject, "alice");
/// let late = verify(&keys, &policy, &token, Timestamp::from_seconds(1_000));
/// assert_eq!(late.err(), Some(Refusal::Expired));
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn verify(
    keys: &TrustedKeys<'_>,
    policy: &Policy,
    text: &str,
    now: Timestamp,
) -> Result<Principal, Refusal> {
    Unverified::parse(text)?.verify(keys, policy, now)
}
