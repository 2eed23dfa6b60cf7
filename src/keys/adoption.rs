//! Lets keys that were made elsewhere join, and hands our own on.
//! In: a key out of a file, and who orders it. Out: what became of it, as a sentence; or a document.
//! Owns: an imported key is announced like any other before it signs; a key that was revoked or removed never comes back.

use std::fmt;

use crate::clock::Timestamp;
use crate::keys::lifecycle::{Adoption, KeyState, Transition, published, takeover};
use crate::keys::operator::check_room;
use crate::keys::port::KeyRows;
use crate::keys::rotation::{Order, Rotation, RotationFault, only, records};
use crate::keys::transfer::{ForeignKey, public_document, sealed_document};
use crate::token::jwk::{KeySet, Kid};

/// A key that has joined; prints as a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Adopted {
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

impl fmt::Display for Adopted {
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

impl<R: KeyRows> Rotation<R> {
    /// Lets `key` join.
    ///
    /// # Errors
    /// [`RotationFault::KnownKey`] when the key or its name is or was here, [`RotationFault::SuccessorWaits`],
    /// [`RotationFault::NoPrivateHalf`], [`RotationFault::ActiveSealed`] when this process could seal it so that the
    /// others cannot open it, [`RotationFault::TooManyKeys`], and when the database fails.
    pub async fn import(
        &self,
        key: &ForeignKey,
        as_what: Adoption,
        order: impl Into<Order>,
    ) -> Result<Adopted, RotationFault> {
        if as_what == Adoption::Successor && key.seed.is_none() {
            return Err(RotationFault::NoPrivateHalf(key.kid.clone()));
        }
        for known in self.rows.history().await? {
            if known.kid == key.kid || known.public == key.public {
                return Err(RotationFault::KnownKey { kid: known.kid, state: known.state });
            }
        }
        let done = self
            .commit(&order.into(), Some(key), |keys, now| {
                check_room(keys, now)?;
                if only(keys, KeyState::Active).is_some() {
                    self.check_active(keys)?;
                }
                match only(keys, KeyState::Pending) {
                    Some(waits) if as_what == Adoption::Successor => {
                        Err(RotationFault::SuccessorWaits(waits.kid))
                    }
                    _ => Ok(vec![Transition::Adopt { kid: key.kid.clone(), public: key.public, as_what }]),
                }
            })
            .await?;
        let (kid, now) = (key.kid.clone(), done.read_at.wall);
        Ok(match as_what {
            Adoption::VerifyOnly { retain } => Adopted::VerifyOnly { kid, public_until: now.after(retain) },
            Adoption::Successor => {
                let rows = self.rows.live().await?.keys;
                let pair = only(&rows, KeyState::Active).zip(only(&rows, KeyState::Pending));
                let signs_from = pair.map(|(active, pending)| takeover(&active, &pending, &self.contract));
                Adopted::Successor { kid, signs_from }
            }
        })
    }

    /// The public keys as a JWK set, or the one of them that is named.
    ///
    /// # Errors
    /// [`RotationFault::UnknownKey`] when no public key has this name, and when the database fails.
    pub async fn export_public(&self, kid: Option<&Kid>) -> Result<String, RotationFault> {
        let records = records(&self.rows.live().await?.keys);
        let public = published(&records, self.clock.now());
        let named = public.into_iter().filter(|key| kid.is_none_or(|kid| key.kid == *kid));
        let keys = KeySet::new(named.map(|key| (key.kid.clone(), key.public)));
        match kid {
            Some(kid) if keys.is_empty() => Err(RotationFault::UnknownKey(kid.clone())),
            None if keys.is_empty() => Err(RotationFault::NoKey),
            _ => Ok(public_document(keys)),
        }
    }

    /// The key that signs, or the one that is named, as it lies sealed: whoever has its master key can import it.
    ///
    /// # Errors
    /// [`RotationFault::UnknownKey`] when no key that signs or will sign has this name, and when the database fails.
    pub async fn export_sealed(&self, kid: Option<&Kid>) -> Result<String, RotationFault> {
        let rows = self.rows.live().await?.keys;
        let wanted = rows.iter().find(|row| match kid {
            Some(kid) => row.record.kid == *kid,
            None => row.record.state == KeyState::Active,
        });
        let unknown = || kid.map_or(RotationFault::NoKey, |kid| RotationFault::UnknownKey(kid.clone()));
        wanted.and_then(sealed_document).ok_or_else(unknown)
    }
}
