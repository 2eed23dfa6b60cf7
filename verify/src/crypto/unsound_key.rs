//! Why some bytes are not an acceptable public key.

/// Why some bytes are not an acceptable public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum UnsoundKey {
    /// An Ed25519 key has 32 bytes (RFC 8032 section 5.1.5), a P-256 point 65; an RSA modulus 2048 to 4096 bits.
    #[error("the public key does not have the right length")]
    WrongLength,
    /// The point has an order of 1, 2, 4 or 8, so that signing for it takes no private key.
    #[error("the public key is a point of small order")]
    SmallOrder,
    /// A number is not reduced, or has leading zeros, so that the same key has a second spelling.
    #[error("the public key is not encoded canonically")]
    NotCanonical,
    /// The coordinates are not those of a point of P-256.
    #[error("the public key is no point of the curve")]
    NotOnCurve,
    /// The RSA exponent is even, below 65537, or longer than 32 bits.
    #[error("the public exponent is not an odd number from 65537 to 32 bits")]
    WeakExponent,
    /// The RSA modulus is even.
    #[error("the modulus is even")]
    EvenModulus,
    /// The RSA modulus has the mark of a generator whose primes can be computed (ROCA, CVE-2017-15361).
    #[error("the modulus is of a generator whose keys can be broken")]
    Predictable,
}
