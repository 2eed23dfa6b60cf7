//! Which keys an operator means.
//! In: an algorithm or the name of a key, as typed. Out: the algorithms or the key that it stands for.

use signet_verify::crypto::Algorithm;
use signet_verify::jose::jwk::Kid;

use crate::keys::repository::KeyRepository;
use crate::keys::rotation::{Error, Rotation, records};
use crate::model::signing_key::{KeyRecord, KeyState};

/// Which keys an operator means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All of them.
    All,
    /// Those of one algorithm.
    Algorithm(Algorithm),
    /// The one of that name.
    Kid(Kid),
}

impl Selection {
    /// Reads the name of an algorithm, or of a key; none if it can be neither.
    pub fn parse(text: &str) -> Option<Self> {
        let algorithm = text.parse().map(Self::Algorithm).ok();
        algorithm.or_else(|| Kid::parse(text).map(Self::Kid))
    }

    pub(super) fn holds(&self, key: &KeyRecord) -> bool {
        match self {
            Self::All => true,
            Self::Algorithm(algorithm) => key.algorithm() == *algorithm,
            Self::Kid(kid) => key.kid == *kid,
        }
    }

    pub(super) fn not_found(&self) -> Error {
        match self {
            Self::Kid(kid) => Error::UnknownKey(kid.clone()),
            Self::All | Self::Algorithm(_) => Error::NoKey,
        }
    }
}

impl<R: KeyRepository> Rotation<R> {
    /// The algorithms whose keys are selected: with [`Selection::All`] those that are configured.
    ///
    /// # Errors
    /// [`Error::UnknownKey`] when no live key has the name, and when the database fails.
    pub async fn selected_algorithms(&self, selection: &Selection) -> Result<Vec<Algorithm>, Error> {
        match selection {
            Selection::All => Ok(self.contract.algorithms().iter().collect()),
            Selection::Algorithm(algorithm) => Ok(vec![*algorithm]),
            Selection::Kid(_) => {
                let records = records(&self.rows.live().await?.keys);
                let key = records.iter().find(|key| selection.holds(key));
                Ok(vec![key.ok_or_else(|| selection.not_found())?.algorithm()])
            }
        }
    }

    /// The one selected key: for an algorithm the one that signs with it.
    ///
    /// # Errors
    /// [`Error::NoKey`] when no key signs with the algorithm, and when the database fails.
    pub async fn selected_key(&self, selection: &Selection) -> Result<Kid, Error> {
        if let Selection::Kid(kid) = selection {
            return Ok(kid.clone());
        }
        let records = records(&self.rows.live().await?.keys);
        let signs = |key: &&KeyRecord| key.state == KeyState::Active && selection.holds(key);
        records.iter().find(signs).map(|key| key.kid.clone()).ok_or(Error::NoKey)
    }
}
