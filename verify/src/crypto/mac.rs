//! HMAC with SHA-256 (RFC 2104), the algorithm HS256 (RFC 7518 section 3.2).

use std::fmt;

use ring::hmac;

use super::digest::fixed;
use super::secret::{SecretTooShort, SharedSecret};

/// A key of HMAC with SHA-256.
#[derive(Clone)]
pub struct MacKey(hmac::Key);

impl MacKey {
    /// The key whose bytes are the secret's UTF-8, as the backends that share it use them.
    pub fn new(secret: &SharedSecret) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret.expose()))
    }

    /// A key for one purpose alone, derived from the secret: what it signs says nothing about what the secret signs.
    /// `purpose` is no message that the secret itself ever signs.
    pub fn for_purpose(secret: &SharedSecret, purpose: &str) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, &Self::new(secret).sign(purpose.as_bytes())))
    }

    /// A key that is not text, such as the octets of an imported JWK.
    ///
    /// # Errors
    /// [`SecretTooShort`] below the 32 bytes that RFC 7518 section 3.2 demands.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SecretTooShort> {
        if bytes.len() < SharedSecret::MIN_BYTES {
            return Err(SecretTooShort(bytes.len()));
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, bytes)))
    }

    /// The MAC of `message`.
    pub fn sign(&self, message: &[u8]) -> [u8; 32] {
        fixed(hmac::sign(&self.0, message).as_ref())
    }

    /// Whether `tag` is the whole MAC of `message`; takes the same time wherever they differ.
    pub fn verify(&self, message: &[u8], tag: &[u8]) -> bool {
        hmac::verify(&self.0, message, tag).is_ok()
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn for_purpose_makes_keys_that_have_nothing_in_common() {
        let secret = SharedSecret::new("a".repeat(32)).unwrap();
        let [plain, one, two] =
            [MacKey::new(&secret), MacKey::for_purpose(&secret, "one"), MacKey::for_purpose(&secret, "two")];
        let tag = one.sign(b"message");
        assert!(
            one.verify(b"message", &tag) && !two.verify(b"message", &tag) && !plain.verify(b"message", &tag)
        );
    }

    #[test]
    fn debug_shows_nothing_private() {
        let shown = format!("{:?}", MacKey::from_bytes(&[0x41; 32]));
        assert!(!shown.contains("65, 65") && !shown.contains("4141"), "{shown}");
    }
}
