//! Which algorithms have a key of their own, in the order that the operator gave them.

use std::fmt;
use std::str::FromStr;

use signet_verify::crypto::Algorithm;

/// One to three distinct algorithms. The first one is that of session tokens.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Algorithms([Option<Algorithm>; Algorithm::ALL.len()]);

/// Why a list names no algorithms to use; prints as the end of a sentence that begins with the name of the setting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No algorithm at all.
    #[error("names no algorithm")]
    Empty,
    /// Nothing between two commas.
    #[error("has an empty entry")]
    Gap,
    /// A name that is not one of the three.
    #[error("names {0:?}, which is no algorithm of signing keys")]
    Unknown(String),
    /// A name that stands there twice.
    #[error("names {0} twice")]
    Doubled(Algorithm),
}

impl Algorithms {
    /// One algorithm alone.
    pub const fn only(algorithm: Algorithm) -> Self {
        Self([Some(algorithm), None, None])
    }

    /// The algorithms of `list`, in its order.
    ///
    /// # Errors
    /// [`Error::Empty`] and [`Error::Doubled`].
    pub fn new(list: impl IntoIterator<Item = Algorithm>) -> Result<Self, Error> {
        let mut algorithms = Self([None; Algorithm::ALL.len()]);
        for algorithm in list {
            if algorithms.contains(algorithm) {
                return Err(Error::Doubled(algorithm));
            }
            // There are as many places as algorithms, and each is there once.
            if let Some(free) = algorithms.0.iter_mut().find(|place| place.is_none()) {
                *free = Some(algorithm);
            }
        }
        if algorithms.0[0].is_none() { Err(Error::Empty) } else { Ok(algorithms) }
    }

    /// All of them, the first one first.
    pub fn iter(self) -> impl Iterator<Item = Algorithm> + Clone {
        self.0.into_iter().flatten()
    }

    /// The algorithm of session tokens.
    pub fn first(self) -> Algorithm {
        self.0[0].unwrap_or(Algorithm::EdDsa)
    }

    /// Whether `algorithm` is among them.
    pub fn contains(self, algorithm: Algorithm) -> bool {
        self.0.contains(&Some(algorithm))
    }

    /// How many there are.
    pub fn count(self) -> usize {
        self.iter().count()
    }
}

impl Default for Algorithms {
    /// All three, EdDSA first.
    fn default() -> Self {
        Self(Algorithm::ALL.map(Some))
    }
}

impl FromStr for Algorithms {
    type Err = Error;

    /// Reads a comma list such as `EdDSA,ES256,RS256`.
    fn from_str(list: &str) -> Result<Self, Error> {
        if list.trim().is_empty() {
            return Err(Error::Empty);
        }
        let named = |name: &str| match name.trim() {
            "" => Err(Error::Gap),
            name => name.parse().map_err(|_| Error::Unknown(name.to_owned())),
        };
        let algorithms: Result<Vec<Algorithm>, Error> = list.split(',').map(named).collect();
        Self::new(algorithms?)
    }
}

impl fmt::Display for Algorithms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, algorithm) in self.iter().enumerate() {
            write!(f, "{}{algorithm}", if place == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Algorithms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Algorithms({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_str_keeps_the_order_and_refuses_what_is_no_list_of_algorithms() {
        let read = |list: &str| list.parse::<Algorithms>().map(|algorithms| algorithms.to_string());
        assert_eq!(read("EdDSA,ES256,RS256"), Ok(Algorithms::default().to_string()));
        assert_eq!(read(" RS256 , EdDSA "), Ok("RS256,EdDSA".to_owned()));
        assert_eq!(read("ES256").map(|list| list.len()), Ok(5));
        assert_eq!(read(""), Err(Error::Empty));
        assert_eq!(read(" , "), Err(Error::Gap));
        for unknown in ["eddsa", "HS256", "EdDSA;ES256", "none"] {
            assert_eq!(read(unknown), Err(Error::Unknown(unknown.to_owned())));
        }
        assert_eq!(read("EdDSA,ES256,EdDSA"), Err(Error::Doubled(Algorithm::EdDsa)));
    }
}
