//! A stored hash of whatever kind, and what it costs to compare a password with one.
//! In: the text of a row. Out: the hash, and the same work for nothing.

use argon2::{Algorithm, Params};

use super::bcrypt_hash::BcryptHash;
use super::imported::ImportedHash;
use super::phc::StoredHash;
use crate::secret::Password;

/// How the letters of a password are written before they are hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    /// NFKC, as Signet and Better Auth do.
    Normal,
    /// As it was typed: what other programs hash.
    AsTyped,
}

/// A stored hash.
#[derive(Clone)]
pub(super) enum Stored {
    /// Argon2, ours or another program's.
    Argon2(StoredHash),
    /// What Better Auth makes by itself.
    Scrypt(ImportedHash),
    /// What was another program's before it was Better Auth's.
    Bcrypt(BcryptHash),
}

/// What tells the work for one hash from that for another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Argon2(Algorithm, u32, u32, u32),
    Scrypt,
    Bcrypt(u32),
}

impl Stored {
    /// Reads the text of a row; none if no password can be compared with it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let argon2 = StoredHash::parse(text).map(Self::Argon2);
        let scrypt = || ImportedHash::parse(text).map(Self::Scrypt);
        argon2.or_else(scrypt).or_else(|| BcryptHash::parse(text).map(Self::Bcrypt))
    }

    /// What a password that fits comes to.
    pub(super) fn hash(&self) -> &[u8] {
        match self {
            Self::Argon2(StoredHash { hash, .. })
            | Self::Scrypt(ImportedHash { hash, .. })
            | Self::Bcrypt(BcryptHash { hash, .. }) => hash,
        }
    }

    /// What it costs to compare with it.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Argon2(StoredHash { algorithm, params, .. }) => {
                Kind::Argon2(*algorithm, params.m_cost(), params.t_cost(), params.p_cost())
            }
            Self::Scrypt(_) => Kind::Scrypt,
            Self::Bcrypt(BcryptHash { cost, .. }) => Kind::Bcrypt(*cost),
        }
    }

    /// A hash of nothing that costs the same.
    pub(super) fn decoy(&self) -> Self {
        match self {
            Self::Argon2(stored) => {
                let (salt, hash) = (vec![0; stored.salt.len()], vec![0; stored.hash.len()]);
                Self::Argon2(StoredHash { salt, hash, ..stored.clone() })
            }
            Self::Scrypt(_) => Self::Scrypt(ImportedHash::decoy()),
            Self::Bcrypt(BcryptHash { cost, .. }) => Self::Bcrypt(BcryptHash::decoy(*cost)),
        }
    }

    /// Whether it is Argon2id with these parameters.
    pub(super) fn is_of(&self, params: &Params) -> bool {
        matches!(self, Self::Argon2(stored) if stored.algorithm == Algorithm::Argon2id && stored.params == *params)
    }

    /// The spellings of a password that it may have been made of. It depends on the password alone how many there are,
    /// and for which kind, so that they tell nothing of an account.
    pub(super) fn spellings(&self, password: &Password) -> &'static [Spelling] {
        match self {
            Self::Argon2(_) | Self::Bcrypt(_) if *password.normalized() != password.expose() => {
                &[Spelling::Normal, Spelling::AsTyped]
            }
            _ => &[Spelling::Normal],
        }
    }
}
