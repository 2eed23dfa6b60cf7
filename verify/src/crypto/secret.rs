//! The secret that is shared with old backends.
//! Owns: it implements neither `Display` nor `Serialize`; `Debug` shows a fingerprint; memory is wiped when it goes.

use std::fmt;

use zeroize::Zeroizing;

use super::digest::{hex, sha256};

/// The secret of cookies and of HS256 mode: at least 32 bytes of UTF-8, used as they are and never decoded.
#[derive(Clone)]
pub struct SharedSecret(Zeroizing<String>);

/// The secret is shorter than the 32 bytes that HS256 wants (RFC 7518 section 3.2).
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the secret has {0} bytes; at least 32 are needed")]
pub struct SecretTooShort(pub usize);

impl SharedSecret {
    /// The shortest secret that is taken, in bytes.
    pub const MIN_BYTES: usize = 32;

    /// Takes over the text.
    ///
    /// # Errors
    /// [`SecretTooShort`] below 32 bytes.
    pub fn new(text: String) -> Result<Self, SecretTooShort> {
        let text = Zeroizing::new(text);
        if text.len() < Self::MIN_BYTES {
            return Err(SecretTooShort(text.len()));
        }
        Ok(Self(text))
    }

    /// The bytes themselves, as a MAC key.
    pub fn expose(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Enough to tell two secrets apart in a log, useless to guess one.
        write!(f, "SharedSecret(sha256:{})", hex(&sha256(self.expose())[..4]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_a_fingerprint_alone() {
        let shown =
            format!("{:?}", SharedSecret::new("correct horse battery staple 0123456789".into()).unwrap());
        assert!(!shown.contains("horse") && !shown.contains("0123"), "{shown}");
    }

    #[test]
    fn new_refuses_a_short_secret() {
        assert_eq!(SharedSecret::new("x".repeat(31)).err(), Some(SecretTooShort(31)));
        assert!(SharedSecret::new("x".repeat(32)).is_ok());
    }
}
