//! Lets keys that were made elsewhere join, and hands our own on.
//! In: a key out of a file, and who orders it. Out: what became of it, as a sentence; or a document.
//! Owns: an imported key is announced like any other before it signs; a key that was revoked or removed never comes back.

use std::fmt;

use signet_verify::clock::Timestamp;
use signet_verify::jose::jwk::{KeySet, Kid};

use crate::keys::commands::check_capacity;
use crate::keys::key_formats::{ImportedKey, public_document, sealed_document};
use crate::keys::repository::KeyRepository;
use crate::keys::rotation::{Error, Order, Rotation, records, ring};
use crate::keys::selection::Selection;
use crate::model::signing_key::{ImportAs, KeyState, Transition, published, takeover};

/// A key that has joined; prints as a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Imported {
    /// It waits for its time.
    Successor {
        /// The key.
        kid: Kid,
        /// From when on it signs; at the next start of a server if there is no other key yet.
        signs_from: Option<Timestamp>,
    },
    /// It is there for the sake of tokens that exist.
    VerifyOnly {
        /// The key.
        kid: Kid,
        /// Until when it is public.
        public_until: Timestamp,
    },
}

impl fmt::Display for Imported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Successor { kid, signs_from: Some(from) } => {
                write!(f, "Key {kid} is public now and signs from {} on, as any successor.", from.iso_8601())
            }
            Self::Successor { kid, signs_from: None } => {
                write!(
                    f,
                    "Key {kid} is public now; there is no other key, so it signs as soon as a server runs."
                )
            }
            Self::VerifyOnly { kid, public_until } => {
                write!(f, "Key {kid} is public until {} and signs nothing.", public_until.iso_8601())
            }
        }
    }
}

impl<R: KeyRepository> Rotation<R> {
    /// Lets `key` join.
    ///
    /// # Errors
    /// [`Error::KnownKey`] when the key or its name is or was here, [`Error::SuccessorWaits`],
    /// [`Error::NoPrivateHalf`], [`Error::NotConfigured`] for a successor of an algorithm that is not configured,
    /// [`Error::ActiveSealed`] when this process could seal it so that the
    /// others cannot open it, [`Error::TooManyKeys`], and when the database fails.
    pub async fn import(
        &self,
        key: &ImportedKey,
        import_as: ImportAs,
        order: impl Into<Order>,
    ) -> Result<Imported, Error> {
        if import_as == ImportAs::Successor && key.private.is_none() {
            return Err(Error::NoPrivateHalf(key.kid.clone()));
        }
        if import_as == ImportAs::Successor {
            self.check_configured(key.public.algorithm())?;
        }
        for known in self.rows.history().await? {
            if known.kid == key.kid || known.public == key.public {
                return Err(Error::KnownKey { kid: known.kid, state: known.state });
            }
        }
        let done = self
            .commit(&order.into(), Some(key), |keys, now| {
                check_capacity(keys, now)?;
                if keys.iter().any(|row| row.record.state == KeyState::Active) {
                    self.check_active(keys)?;
                }
                match ring(keys, key.public.algorithm()).1 {
                    Some(waits) if import_as == ImportAs::Successor => Err(Error::SuccessorWaits(waits.kid)),
                    _ => {
                        let (kid, public) = (key.kid.clone(), key.public.clone());
                        Ok(vec![Transition::Import { kid, public, import_as }])
                    }
                }
            })
            .await?;
        let (kid, now) = (key.kid.clone(), done.read_at.wall);
        Ok(match import_as {
            ImportAs::VerifyOnly { retain } => Imported::VerifyOnly { kid, public_until: now.after(retain) },
            ImportAs::Successor => {
                let rows = self.rows.live().await?.keys;
                let (active, pending) = ring(&rows, key.public.algorithm());
                let waits = rows.iter().any(|row| row.record.state == KeyState::Active);
                let pending = pending.filter(|_| waits);
                let signs_from = pending.map(|key| takeover(active.as_ref(), &key, &self.contract));
                Imported::Successor { kid, signs_from }
            }
        })
    }

    /// The public keys that are selected, as a JWK set.
    ///
    /// # Errors
    /// [`Error::UnknownKey`] or [`Error::NoKey`] when no public key is selected, and when the database
    /// fails.
    pub async fn export_public(&self, selection: &Selection) -> Result<String, Error> {
        let records = records(&self.rows.live().await?.keys);
        let public = published(&records, self.clock.now());
        let selected = public.into_iter().filter(|key| selection.holds(key));
        let keys = KeySet::new(selected.map(|key| (key.kid.clone(), key.public.clone())));
        if keys.is_empty() { Err(selection.not_found()) } else { Ok(public_document(keys)) }
    }

    /// The one selected key that signs, or will, as it lies sealed: whoever has its master key can import it. A name
    /// selects a pending key too; without one it is the key that signs, of the first configured algorithm unless another
    /// is named.
    ///
    /// # Errors
    /// [`Error::UnknownKey`] or [`Error::NoKey`] when there is none, and when the database fails.
    pub async fn export_sealed(&self, selection: &Selection) -> Result<String, Error> {
        let rows = self.rows.live().await?.keys;
        let wanted = match selection {
            Selection::All => &Selection::Algorithm(self.contract.algorithms().first()),
            other => other,
        };
        let by_name = matches!(wanted, Selection::Kid(_));
        let row = rows
            .iter()
            .find(|row| wanted.holds(&row.record) && (by_name || row.record.state == KeyState::Active));
        row.and_then(sealed_document).ok_or_else(|| selection.not_found())
    }
}
