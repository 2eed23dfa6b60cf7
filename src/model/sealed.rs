//! A secret as it is kept. The vault opens it.

/// A secret at rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Scheme, nonce, ciphertext, tag.
    pub bytes: Vec<u8>,
    /// Fingerprint of the master key that opens it.
    pub master_key: String,
}
