//! AES-256-GCM under keys that are derived per purpose (RFC 5869, NIST SP 800-38D).

use std::fmt;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf;
use zeroize::Zeroizing;

/// Length of a nonce, in bytes. It is drawn at random for each message.
pub const NONCE_LEN: usize = ring::aead::NONCE_LEN;

/// The key of one purpose.
pub struct Key(LessSafeKey);

/// What was to be sealed or opened was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message does not open under this key")]
pub struct Refused;

impl Key {
    /// The key that HKDF-SHA-256 derives from `master` for `purpose`; none of another purpose opens what it seals.
    ///
    /// # Errors
    /// [`Refused`] when ring makes no key of it, which is not known to happen.
    pub fn derive(master: &[u8; 32], purpose: &[u8]) -> Result<Self, Refused> {
        let derived = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(master);
        let purpose = [purpose];
        let key = derived.expand(&purpose, &AES_256_GCM).map_err(|_| Refused)?;
        Ok(Self(LessSafeKey::new(UnboundKey::from(key))))
    }

    /// Ciphertext and tag of `plain`, which opens only beside `bound_to`. A nonce must not be used twice.
    ///
    /// # Errors
    /// [`Refused`] for a message that is longer than the cipher takes.
    pub fn seal(&self, nonce: [u8; NONCE_LEN], bound_to: &[u8], plain: &[u8]) -> Result<Vec<u8>, Refused> {
        let mut sealed = plain.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.0.seal_in_place_append_tag(nonce, Aad::from(bound_to), &mut sealed).map_err(|_| Refused)?;
        Ok(sealed)
    }

    /// What was sealed.
    ///
    /// # Errors
    /// [`Refused`] when key, nonce, `bound_to` or a bit of `sealed` is another one.
    pub fn open(
        &self,
        nonce: [u8; NONCE_LEN],
        bound_to: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Refused> {
        let mut bytes = Zeroizing::new(sealed.to_vec());
        let nonce = Nonce::assume_unique_for_key(nonce);
        let length = self.0.open_in_place(nonce, Aad::from(bound_to), &mut bytes).map_err(|_| Refused)?.len();
        bytes.truncate(length);
        Ok(bytes)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}
