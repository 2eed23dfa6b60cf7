//! The secrets that pass through Signet, each a type of its own.
//! In: bytes and texts that must not be seen. Out: the same, by `expose()` alone, which a reader can grep for.
//! Owns: no secret implements `Display` or `Serialize`; `Debug` shows the type and at most a fingerprint;
//! memory is wiped when the value goes.

use std::fmt;

pub use signet_verify::crypto::{PrivateKey, SecretTooShort, SharedSecret};
use signet_verify::crypto::{hex, sha256};
use zeroize::Zeroizing;

/// The first eight hex digits of the SHA-256: enough to tell two secrets apart in a log, useless to guess one.
fn fingerprint(bytes: &[u8]) -> String {
    hex(&sha256(bytes)[..4])
}

/// What a person types to prove who they are. Its `Debug` shows nothing, since short passwords can be guessed from a hash.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes over the text.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself, for hashing and nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Length in UTF-16 code units, which is how JavaScript counts and so how Better Auth's limits are meant.
    pub fn utf16_length(&self) -> usize {
        self.0.encode_utf16().count()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// The 32-byte key that seals private keys at rest.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; 32]>);

impl MasterKey {
    /// Takes over the bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes themselves, as an AEAD key.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// Names the key in messages and beside what it sealed, without giving it away.
    pub fn fingerprint(&self) -> String {
        fingerprint(self.expose())
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey(sha256:{})", self.fingerprint())
    }
}

/// A bearer secret such as a session token: 32 letters and digits, about 190 bits.
#[derive(Clone)]
pub struct OpaqueToken(Zeroizing<String>);

impl OpaqueToken {
    /// Takes over the text.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself, for the cookie and the answer to its owner.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The SHA-256 that is stored and looked up in place of the token.
    pub fn hash(&self) -> [u8; 32] {
        sha256(self.0.as_bytes())
    }
}

impl fmt::Debug for OpaqueToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpaqueToken(sha256:{})", fingerprint(self.0.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let text = "correct horse battery staple 0123456789";
        let seen = format!(
            "{:?} {:?} {:?} {:?} {:?}",
            Password::new(text.to_owned()),
            SharedSecret::new(text.to_owned()).unwrap(),
            OpaqueToken::new(text.to_owned()),
            PrivateKey::ed25519([0x41; 32]),
            MasterKey::new([0x41; 32]),
        );
        for part in ["correct", "horse", "0123", "AAAA", "4141", "65, 65"] {
            assert!(!seen.contains(part), "{seen}");
        }
    }

    #[test]
    fn utf16_length_counts_a_password_as_javascript_does() {
        assert_eq!(Password::new("🔑🔑🔑🔑".to_owned()).utf16_length(), 8);
    }
}
