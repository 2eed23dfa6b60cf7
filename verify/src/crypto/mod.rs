//! The one module over ring, so that the library can change here and nowhere else.
//! In: keys and messages. Out: signatures, MACs, hashes, random bytes; and whether a signature or MAC is right.
//! Owns: an unsound public key is never a [`PublicKey`], and the algorithm is a property of the key.

#[cfg(feature = "signing")]
pub mod aead;
mod algorithm;
mod digest;
mod ed25519;
mod mac;
mod p256;
mod public_key;
mod random;
mod rsa;
mod secret;
#[cfg(feature = "signing")]
mod signing_key;
mod unsound_key;

pub use self::algorithm::Algorithm;
pub use self::digest::{Sha256, hex, sha256};
pub use self::mac::MacKey;
pub(crate) use self::public_key::Parts;
pub use self::public_key::PublicKey;
pub use self::random::SystemEntropy;
pub use self::secret::{SecretTooShort, SharedSecret};
#[cfg(feature = "signing")]
pub use self::signing_key::{Error, PrivateKey, SigningKey, generate_p256, public_half};
pub use self::unsound_key::UnsoundKey;
