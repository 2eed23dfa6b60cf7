//! Private halves in the vault.
//! In: private halves, and the rows that they belong to. Out: sealed ones, and keys that are ready to sign.
//! Owns: a sealed private half is bound to (kid, algorithm, creation); moved to another row it does not open.

use signet_verify::clock::Timestamp;
use signet_verify::crypto::{Algorithm, PrivateKey, PublicKey, SigningKey};
use signet_verify::jose::jwk::Kid;

use crate::model::signing_key::KeyRecord;
use crate::vault::{self, Purpose, Sealed, Vault};

/// Why the private half of a key cannot be sealed or opened.
#[derive(Debug, thiserror::Error)]
#[error("the private half of key {kid}: {why}")]
pub struct Error {
    /// The key.
    pub kid: Kid,
    /// What is wrong.
    #[source]
    pub why: vault::Error,
}

/// The row that a private half belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The name of the key.
    pub kid: &'a Kid,
    /// Its algorithm.
    pub algorithm: Algorithm,
    /// When it was made.
    pub created: Timestamp,
}

impl<'a> Place<'a> {
    /// The row of `key`.
    pub fn of(key: &'a KeyRecord) -> Self {
        Self { kid: &key.kid, algorithm: key.algorithm(), created: key.announced_at }
    }

    fn error(self, why: vault::Error) -> Error {
        Error { kid: self.kid.clone(), why }
    }
}

/// Seals a private half in its place.
///
/// # Errors
/// [`Error`] when there are no random bytes.
pub fn seal(vault: &Vault, place: Place<'_>, private: &PrivateKey) -> Result<Sealed, Error> {
    let created = place.created.millis().to_be_bytes();
    let context = [place.kid.as_ref().as_bytes(), place.algorithm.name().as_bytes(), &created];
    vault.seal(Purpose::SigningKey, &context, private.expose()).map_err(|why| place.error(why))
}

/// Opens the private half that was sealed in this place.
///
/// # Errors
/// [`Error`] when no master key of ours opens it, or it was sealed elsewhere.
pub fn open(vault: &Vault, place: Place<'_>, sealed: &Sealed) -> Result<PrivateKey, Error> {
    let created = place.created.millis().to_be_bytes();
    let context = [place.kid.as_ref().as_bytes(), place.algorithm.name().as_bytes(), &created];
    let bytes = vault.open(Purpose::SigningKey, &context, sealed).map_err(|why| place.error(why))?;
    Ok(PrivateKey::new(place.algorithm, bytes))
}

/// Opens the private half of `key`, ready to sign, and sees to it that it fits the public half.
///
/// # Errors
/// As [`open`]; a private half that is not there, or of another key, is [`vault::Error::Damaged`].
pub fn signing_key(vault: &Vault, key: &KeyRecord, sealed: Option<&Sealed>) -> Result<SigningKey, Error> {
    let place = Place::of(key);
    let sealed = sealed.ok_or_else(|| place.error(vault::Error::Damaged))?;
    ready(vault, place, sealed, &key.public)
}

fn ready(vault: &Vault, place: Place<'_>, sealed: &Sealed, public: &PublicKey) -> Result<SigningKey, Error> {
    let private = open(vault, place, sealed)?;
    SigningKey::new(&private, public).map_err(|_| place.error(vault::Error::Damaged))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use signet_verify::clock::SeededEntropy;

    use super::*;
    use crate::keys::generator::{Generator, SystemGenerator};
    use crate::secret::MasterKey;

    const CREATED: Timestamp = Timestamp::from_millis(1_700_000_000_123);

    fn vault() -> Vault {
        Vault::new(MasterKey::new([1; 32]), Vec::new(), Arc::new(SeededEntropy::new(1)))
    }

    #[test]
    fn open_takes_a_private_half_in_its_own_row_only() {
        let (vault, kid, other) = (vault(), Kid::parse("a").unwrap(), Kid::parse("b").unwrap());
        for algorithm in Algorithm::ALL {
            let place = Place { kid: &kid, algorithm, created: CREATED };
            let (private, public) =
                SystemGenerator::new(Arc::new(SeededEntropy::new(2))).generate(algorithm).unwrap();
            let sealed = seal(&vault, place, &private).unwrap();
            assert_eq!(open(&vault, place, &sealed).unwrap().expose(), private.expose());
            assert!(ready(&vault, place, &sealed, &public).is_ok(), "{algorithm}");
            let later = CREATED.after(Duration::from_millis(1));
            assert!(open(&vault, Place { kid: &other, ..place }, &sealed).is_err());
            assert!(open(&vault, Place { created: later, ..place }, &sealed).is_err());
            for foreign in Algorithm::ALL.into_iter().filter(|foreign| *foreign != algorithm) {
                assert!(open(&vault, Place { algorithm: foreign, ..place }, &sealed).is_err());
            }
        }
    }
}
