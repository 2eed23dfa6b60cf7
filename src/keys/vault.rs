//! Where private halves lie sealed.
//! In: seeds and the master keys. Out: sealed seeds that only their own row can open, and the seeds again.
//! Owns: a sealed seed is bound to (kid, algorithm, creation); moved to another row it does not open.

use std::fmt;
use std::sync::Arc;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf;
use zeroize::Zeroizing;

use crate::clock::{Entropy, EntropyUnavailable, Timestamp};
use crate::keys::lifecycle::KeyRecord;
use crate::secret::{MasterKey, Seed};
use crate::token::arithmetic::SigningKey;
use crate::token::jwk::Kid;

/// The one algorithm of signing keys, as JOSE calls it (RFC 8037).
pub const ALGORITHM: &str = "EdDSA";

/// First byte of everything sealed, so that another scheme can follow.
const SCHEME: u8 = 1;

/// Keeps the AEAD key apart from every other use that the master key may find.
const PURPOSE: &[u8] = b"signet: seal signing keys with AES-256-GCM";

const SEED_LEN: usize = 32;

/// A private half at rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSeed {
    /// Scheme, nonce, ciphertext, tag.
    pub bytes: Vec<u8>,
    /// Fingerprint of the master key that opens it.
    pub master_key: String,
}

/// Why a seed cannot be sealed or opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultFault {
    /// None of our master keys sealed it.
    #[error("key {kid} was sealed by the master key sha256:{sealed_by}, which this process does not have")]
    UnknownMasterKey {
        /// The key.
        kid: Kid,
        /// Fingerprint of the master key that is needed.
        sealed_by: String,
    },
    /// The right master key does not open it: the row was altered, or holds what another row sealed.
    #[error("the sealed private half of key {kid} is damaged or belongs to another row")]
    Damaged {
        /// The key.
        kid: Kid,
    },
    /// ring refused a key or a nonce, which is not known to happen.
    #[error("the private half of key {kid} cannot be sealed")]
    Refused {
        /// The key.
        kid: Kid,
    },
    /// No random bytes, so nothing may be sealed.
    #[error(transparent)]
    Entropy(#[from] EntropyUnavailable),
}

struct Lock {
    fingerprint: String,
    key: LessSafeKey,
}

impl Lock {
    /// None if ring refuses the key, which it does not for 32 bytes.
    fn new(master: &MasterKey) -> Option<Self> {
        let derived = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(master.expose());
        let key = UnboundKey::from(derived.expand(&[PURPOSE], &AES_256_GCM).ok()?);
        Some(Self { fingerprint: master.fingerprint(), key: LessSafeKey::new(key) })
    }
}

/// Seals and opens private halves under the master keys of this process.
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

    /// Makes a new private half.
    ///
    /// # Errors
    /// [`EntropyUnavailable`] when there are no random bytes.
    pub fn generate(&self) -> Result<Seed, EntropyUnavailable> {
        let mut bytes = Zeroizing::new([0; SEED_LEN]);
        self.entropy.fill(bytes.as_mut_slice())?;
        Ok(Seed::new(*bytes))
    }

    /// Seals the private half of the key `kid` that was made at `created`.
    ///
    /// # Errors
    /// [`VaultFault::Entropy`], or [`VaultFault::Refused`].
    pub fn seal(&self, kid: &Kid, created: Timestamp, seed: &Seed) -> Result<SealedSeed, VaultFault> {
        let refused = || VaultFault::Refused { kid: kid.clone() };
        let lock = self.locks.first().filter(|lock| lock.fingerprint == self.current).ok_or_else(refused)?;
        let mut nonce = [0; NONCE_LEN];
        self.entropy.fill(&mut nonce)?;
        let mut sealed = Zeroizing::new(*seed.expose());
        let tag = lock
            .key
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(bound_to(kid, created)),
                sealed.as_mut_slice(),
            )
            .map_err(|_| refused())?;
        let bytes = [&[SCHEME][..], &nonce, sealed.as_slice(), tag.as_ref()].concat();
        Ok(SealedSeed { bytes, master_key: lock.fingerprint.clone() })
    }

    /// Opens the private half of the key `kid` that was made at `created`.
    ///
    /// # Errors
    /// [`VaultFault::UnknownMasterKey`], or [`VaultFault::Damaged`].
    pub fn open(&self, kid: &Kid, created: Timestamp, sealed: &SealedSeed) -> Result<Seed, VaultFault> {
        let damaged = || VaultFault::Damaged { kid: kid.clone() };
        let mut fitting = self.locks.iter().filter(|lock| lock.fingerprint == sealed.master_key).peekable();
        if fitting.peek().is_none() {
            let sealed_by = sealed.master_key.clone();
            return Err(VaultFault::UnknownMasterKey { kid: kid.clone(), sealed_by });
        }
        let (scheme, rest) = sealed.bytes.split_first().ok_or_else(damaged)?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_LEN>().ok_or_else(damaged)?;
        if *scheme != SCHEME {
            return Err(damaged());
        }
        // A fingerprint is short: should two master keys share one, either may be the right one.
        for lock in fitting {
            let mut bytes = Zeroizing::new(ciphertext.to_vec());
            let nonce = Nonce::assume_unique_for_key(*nonce);
            if let Ok(seed) = lock.key.open_in_place(nonce, Aad::from(bound_to(kid, created)), &mut bytes)
                && let Ok(seed) = <[u8; SEED_LEN]>::try_from(&*seed)
            {
                return Ok(Seed::new(seed));
            }
        }
        Err(damaged())
    }

    /// Opens the private half of `key`, ready to sign, and sees to it that it fits the public half.
    ///
    /// # Errors
    /// As [`Vault::open`]; a private half that is not there is [`VaultFault::Damaged`].
    pub fn signing_key(
        &self,
        key: &KeyRecord,
        sealed: Option<&SealedSeed>,
    ) -> Result<SigningKey, VaultFault> {
        let damaged = || VaultFault::Damaged { kid: key.kid.clone() };
        let seed = self.open(&key.kid, key.announced_at, sealed.ok_or_else(damaged)?)?;
        SigningKey::from_seed(&seed).ok().filter(|pair| pair.public() == key.public).ok_or_else(damaged)
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("master_key", &self.current).finish_non_exhaustive()
    }
}

/// The associated data: each text after its length, so that no two rows give the same bytes.
fn bound_to(kid: &Kid, created: Timestamp) -> Vec<u8> {
    let mut bytes = vec![SCHEME];
    for text in [kid.as_ref(), ALGORITHM] {
        bytes.extend((text.len() as u64).to_be_bytes());
        bytes.extend(text.as_bytes());
    }
    bytes.extend(created.millis().to_be_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SeededEntropy;

    const CREATED: Timestamp = Timestamp::from_millis(1_700_000_000_123);

    fn vault(current: u8, old: &[u8]) -> Vault {
        let old = old.iter().map(|byte| MasterKey::new([*byte; 32])).collect();
        Vault::new(MasterKey::new([current; 32]), old, Arc::new(SeededEntropy::new(1)))
    }

    fn kid(text: &str) -> Kid {
        Kid::parse(text).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_again_also_under_an_old_master_key() {
        let seed = Seed::new([9; 32]);
        let sealed = vault(1, &[]).seal(&kid("a"), CREATED, &seed).unwrap();
        for vault in [vault(1, &[]), vault(2, &[3, 1])] {
            assert_eq!(vault.open(&kid("a"), CREATED, &sealed).unwrap().expose(), seed.expose());
        }
    }

    #[test]
    fn a_sealed_seed_opens_in_its_own_row_alone() {
        let vault = vault(1, &[]);
        let sealed = vault.seal(&kid("a"), CREATED, &Seed::new([9; 32])).unwrap();
        let later = CREATED.after(std::time::Duration::from_millis(1));
        assert!(matches!(vault.open(&kid("b"), CREATED, &sealed), Err(VaultFault::Damaged { .. })));
        assert!(matches!(vault.open(&kid("a"), later, &sealed), Err(VaultFault::Damaged { .. })));
    }

    #[test]
    fn every_altered_byte_and_every_other_length_is_noticed() {
        let vault = vault(1, &[]);
        let sealed = vault.seal(&kid("a"), CREATED, &Seed::new([9; 32])).unwrap();
        for at in 0..sealed.bytes.len() {
            let mut altered = sealed.clone();
            altered.bytes[at] ^= 1;
            assert!(vault.open(&kid("a"), CREATED, &altered).is_err(), "byte {at}");
            altered.bytes.truncate(at);
            assert!(vault.open(&kid("a"), CREATED, &altered).is_err(), "length {at}");
        }
    }

    #[test]
    fn a_foreign_seal_names_the_master_key_that_is_needed() {
        let sealed = vault(1, &[]).seal(&kid("a"), CREATED, &Seed::new([9; 32])).unwrap();
        let fault = vault(2, &[]).open(&kid("a"), CREATED, &sealed).unwrap_err();
        assert!(fault.to_string().contains(vault(1, &[]).master_key()), "{fault}");
        assert!(fault.to_string().contains("key a"), "{fault}");
    }

    #[test]
    fn nothing_of_the_seed_shows_and_no_two_seals_are_alike() {
        let vault = vault(1, &[]);
        let seal = || vault.seal(&kid("a"), CREATED, &Seed::new([9; 32])).unwrap();
        let (first, second) = (seal(), seal());
        assert_ne!(first.bytes, second.bytes);
        assert!(!first.bytes.windows(4).any(|window| window == [9; 4]));
    }

    #[test]
    fn the_key_that_seals_is_not_the_master_key_itself() {
        let sealed = vault(1, &[]).seal(&kid("a"), CREATED, &Seed::new([9; 32])).unwrap();
        let raw = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[1; 32]).unwrap());
        let nonce = Nonce::try_assume_unique_for_key(&sealed.bytes[1..13]).unwrap();
        let aad = Aad::from(bound_to(&kid("a"), CREATED));
        assert!(raw.open_in_place(nonce, aad, &mut sealed.bytes[13..].to_vec()).is_err());
    }
}
