//! Seals secrets at rest.
//! In: secrets and the master keys. Out: sealed bytes that open only for their purpose and in their own place.
//! Owns: what is sealed is bound to its purpose and to the row that it belongs to; moved elsewhere it does not open.

use std::fmt;
use std::sync::Arc;

use signet_verify::clock::{Entropy, EntropyUnavailable};
use signet_verify::crypto::aead::{self, NONCE_LEN};
use zeroize::Zeroizing;

pub use crate::model::sealed::Sealed;
use crate::secret::MasterKey;

/// First byte of everything sealed, so that another scheme can follow.
const SCHEME: u8 = 1;

/// What a secret is sealed for. Each purpose has a key of its own, derived from the master key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// The private half of a signing key.
    SigningKey,
    /// The address and the text of a message in the outbox.
    Message,
    /// The refresh token that took the place of another a moment ago.
    RefreshToken,
}

impl Purpose {
    const ALL: [Self; 3] = [Self::SigningKey, Self::Message, Self::RefreshToken];

    /// What the key is derived with. It is part of everything that was ever sealed and never changes.
    fn label(self) -> &'static [u8] {
        match self {
            Self::SigningKey => b"signet: seal signing keys with AES-256-GCM",
            Self::Message => b"signet: seal messages with AES-256-GCM",
            Self::RefreshToken => b"signet: seal refresh tokens with AES-256-GCM",
        }
    }
}

/// Why a secret cannot be sealed or opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// None of our master keys sealed it.
    #[error("it was sealed by the master key sha256:{0}, which this process does not have")]
    UnknownMasterKey(String),
    /// The right master key does not open it: it was altered, or sealed in another place.
    #[error("it is damaged or belongs to another row")]
    Damaged,
    /// The cipher refused a key or a message, which is not known to happen.
    #[error("it cannot be sealed")]
    Refused,
    /// No random bytes, so nothing may be sealed.
    #[error(transparent)]
    Entropy(#[from] EntropyUnavailable),
}

/// The keys that follow from one master key.
struct Lock {
    fingerprint: String,
    keys: Vec<(Purpose, aead::Key)>,
}

impl Lock {
    /// None if no key can be derived, which is not known to happen.
    fn new(master: &MasterKey) -> Option<Self> {
        let derive =
            |purpose: Purpose| Some((purpose, aead::Key::derive(master.expose(), purpose.label()).ok()?));
        let keys = Purpose::ALL.into_iter().map(derive).collect::<Option<_>>()?;
        Some(Self { fingerprint: master.fingerprint(), keys })
    }

    fn key(&self, purpose: Purpose) -> Option<&aead::Key> {
        self.keys.iter().find(|(of, _)| *of == purpose).map(|(_, key)| key)
    }
}

/// Seals and opens secrets under the master keys of this process.
pub struct Vault {
    /// The first one seals; all of them open.
    locks: Vec<Lock>,
    current: String,
    entropy: Arc<dyn Entropy>,
}

impl Vault {
    /// A vault that seals under `current` and still opens what the `old` ones sealed.
    pub fn new(current: MasterKey, old: Vec<MasterKey>, entropy: Arc<dyn Entropy>) -> Self {
        let fingerprint = current.fingerprint();
        let locks = std::iter::once(current).chain(old).filter_map(|key| Lock::new(&key)).collect();
        Self { locks, current: fingerprint, entropy }
    }

    /// Fingerprint of the master key that seals.
    pub fn master_key(&self) -> &str {
        &self.current
    }

    /// Seals `secret` for `purpose`, in the place that `context` names part by part.
    ///
    /// # Errors
    /// [`Error::Entropy`], or [`Error::Refused`].
    pub fn seal(&self, purpose: Purpose, context: &[&[u8]], secret: &[u8]) -> Result<Sealed, Error> {
        let lock = self.locks.first().filter(|lock| lock.fingerprint == self.current);
        let (lock, key) = lock.and_then(|lock| Some((lock, lock.key(purpose)?))).ok_or(Error::Refused)?;
        let mut nonce = [0; NONCE_LEN];
        self.entropy.fill(&mut nonce)?;
        let sealed = key.seal(nonce, &bound_to(context), secret).map_err(|_| Error::Refused)?;
        let bytes = [&[SCHEME][..], &nonce, &sealed].concat();
        Ok(Sealed { bytes, master_key: lock.fingerprint.clone() })
    }

    /// Opens what was sealed for `purpose` in the place `context`.
    ///
    /// # Errors
    /// [`Error::UnknownMasterKey`], or [`Error::Damaged`].
    pub fn open(
        &self,
        purpose: Purpose,
        context: &[&[u8]],
        sealed: &Sealed,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let mut fitting = self.locks.iter().filter(|lock| lock.fingerprint == sealed.master_key).peekable();
        if fitting.peek().is_none() {
            return Err(Error::UnknownMasterKey(sealed.master_key.clone()));
        }
        let [SCHEME, rest @ ..] = sealed.bytes.as_slice() else { return Err(Error::Damaged) };
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_LEN>().ok_or(Error::Damaged)?;
        let bound_to = bound_to(context);
        // A fingerprint is short: should two master keys share one, either may be the right one.
        let keys = fitting.filter_map(|lock| lock.key(purpose));
        keys.map(|key| key.open(*nonce, &bound_to, ciphertext)).find_map(Result::ok).ok_or(Error::Damaged)
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("master_key", &self.current).finish_non_exhaustive()
    }
}

/// The associated data: each part after its length but for the last one, so that no two places give the same bytes.
fn bound_to(context: &[&[u8]]) -> Vec<u8> {
    let mut bytes = vec![SCHEME];
    let Some((last, parts)) = context.split_last() else { return bytes };
    for part in parts {
        bytes.extend((part.len() as u64).to_be_bytes());
        bytes.extend(*part);
    }
    bytes.extend(*last);
    bytes
}

#[cfg(test)]
mod tests {
    use signet_verify::clock::SeededEntropy;

    use super::*;

    const PLACE: [&[u8]; 2] = [b"a", b"b"];

    fn vault(current: u8, old: &[u8]) -> Vault {
        let old = old.iter().map(|byte| MasterKey::new([*byte; 32])).collect();
        Vault::new(MasterKey::new([current; 32]), old, Arc::new(SeededEntropy::new(1)))
    }

    fn seal(vault: &Vault) -> Sealed {
        vault.seal(Purpose::SigningKey, &PLACE, &[9; 32]).unwrap()
    }

    fn open(vault: &Vault, context: &[&[u8]], sealed: &Sealed) -> Result<Vec<u8>, Error> {
        vault.open(Purpose::SigningKey, context, sealed).map(|secret| secret.to_vec())
    }

    #[test]
    fn open_reads_what_was_sealed_also_under_an_old_master_key() {
        let sealed = seal(&vault(1, &[]));
        for vault in [vault(1, &[]), vault(2, &[3, 1])] {
            assert_eq!(open(&vault, &PLACE, &sealed).unwrap(), [9; 32]);
        }
    }

    #[test]
    fn open_reads_a_seal_in_its_own_place_only() {
        let vault = vault(1, &[]);
        let sealed = seal(&vault);
        let places: [&[&[u8]]; 5] = [&[], &[b"a"], &[b"a", b"c"], &[b"ab", b""], &[b"", b"ab"]];
        for place in places {
            assert!(matches!(open(&vault, place, &sealed), Err(Error::Damaged)), "{place:?}");
        }
    }

    #[test]
    fn open_refuses_every_altered_byte_and_every_other_length() {
        let vault = vault(1, &[]);
        let sealed = seal(&vault);
        for at in 0..sealed.bytes.len() {
            let mut altered = sealed.clone();
            altered.bytes[at] ^= 1;
            assert!(open(&vault, &PLACE, &altered).is_err(), "byte {at}");
            altered.bytes.truncate(at);
            assert!(open(&vault, &PLACE, &altered).is_err(), "length {at}");
        }
    }

    #[test]
    fn open_names_the_master_key_that_a_foreign_seal_needs() {
        let error = open(&vault(2, &[]), &PLACE, &seal(&vault(1, &[]))).unwrap_err();
        assert!(error.to_string().contains(vault(1, &[]).master_key()), "{error}");
    }

    #[test]
    fn seal_shows_nothing_of_the_secret_and_makes_no_two_alike() {
        let vault = vault(1, &[]);
        let (first, second) = (seal(&vault), seal(&vault));
        assert_ne!(first.bytes, second.bytes);
        assert!(!first.bytes.windows(4).any(|window| window == [9; 4]));
    }

    #[test]
    fn seal_uses_a_key_of_its_purpose_only() {
        let sealed = seal(&vault(1, &[]));
        let (nonce, rest) = sealed.bytes[1..].split_first_chunk().unwrap();
        for label in [&b""[..], b"signet: seal signing keys"] {
            let other = aead::Key::derive(&[1; 32], label).unwrap();
            assert!(other.open(*nonce, &bound_to(&PLACE), rest).is_err());
        }
        let own = aead::Key::derive(&[1; 32], Purpose::SigningKey.label()).unwrap();
        assert!(own.open(*nonce, &bound_to(&PLACE), rest).is_ok());
    }
}
