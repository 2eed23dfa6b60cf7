//! The secrets that pass through Signet, each a type of its own.
//! In: bytes and texts that must not be seen. Out: the same, by `expose()` alone, which a reader can grep for.
//! Owns: no secret implements `Display` or `Serialize`; `Debug` shows the type and at most a fingerprint;
//! memory is wiped when the value goes.

use std::fmt;

use ring::digest;
use zeroize::Zeroizing;

/// The first eight hex digits of the SHA-256: enough to tell two secrets apart in a log, useless to guess one.
fn fingerprint(bytes: &[u8]) -> String {
    let hash = digest::digest(&digest::SHA256, bytes);
    hash.as_ref().iter().take(4).map(|byte| format!("{byte:02x}")).collect()
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

/// The private half of an Ed25519 key: its 32-byte seed (RFC 8032 section 5.1.5).
#[derive(Clone)]
pub struct Seed(Zeroizing<[u8; 32]>);

impl Seed {
    /// Takes over the bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes themselves, for signing and sealing.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(..)")
    }
}

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
        write!(f, "SharedSecret(sha256:{})", fingerprint(self.expose()))
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
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, self.0.as_bytes()).as_ref());
        hash
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
    fn debug_never_shows_a_secret() {
        let text = "correct horse battery staple 0123456789";
        let seen = format!(
            "{:?} {:?} {:?} {:?} {:?}",
            Password::new(text.to_owned()),
            SharedSecret::new(text.to_owned()).unwrap(),
            OpaqueToken::new(text.to_owned()),
            Seed::new([0x41; 32]),
            MasterKey::new([0x41; 32]),
        );
        for part in ["correct", "horse", "0123", "AAAA", "4141", "65, 65"] {
            assert!(!seen.contains(part), "{seen}");
        }
    }

    #[test]
    fn passwords_are_counted_as_javascript_counts() {
        assert_eq!(Password::new("🔑🔑🔑🔑".to_owned()).utf16_length(), 8);
    }

    #[test]
    fn a_short_shared_secret_is_refused() {
        assert_eq!(SharedSecret::new("x".repeat(31)).err(), Some(SecretTooShort(31)));
        assert!(SharedSecret::new("x".repeat(32)).is_ok());
    }
}
