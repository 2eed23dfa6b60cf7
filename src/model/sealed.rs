//! A secret as it is kept. What opens it is the vault's business.

/// A secret at rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Scheme, nonce, ciphertext, tag.
    pub bytes: Vec<u8>,
    /// Fingerprint of the master key that opens it.
    pub master_key: String,
}
