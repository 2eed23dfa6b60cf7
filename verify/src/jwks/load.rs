//! What a fetch brings: keys, the word that they are unchanged, or the reason why it failed.
//! In: the outcome of a fetch. Out: what the view is changed by.
//! Owns: the closed list of reasons for metrics.

use std::time::Duration;

use super::fetch;
use crate::jose::jwk::{self, ParsedSet};

/// Why a fetch brought no keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The issuer could not be asked.
    #[error(transparent)]
    Fetch(#[from] fetch::Error),
    /// The answer is no key set.
    #[error(transparent)]
    Document(#[from] jwk::Error),
    /// The answer is a key set without a single key that can be used.
    #[error("the key set holds no usable key")]
    NoUsableKey,
    /// "Not modified" came although nothing was at hand.
    #[error("the key set was called unchanged although none was at hand")]
    NothingToKeep,
    /// The fetch ended without an outcome, because it panicked or its runtime was shut down.
    #[error("the fetch was abandoned")]
    Abandoned,
}

impl Error {
    /// Every [`code`](Self::code).
    pub const CODES: [&str; 10] = [
        "timeout",
        "unreachable",
        "status",
        "too_large",
        "not_json",
        "no_key_array",
        "too_many_keys",
        "no_usable_key",
        "nothing_to_keep",
        "abandoned",
    ];

    /// The stable name of the reason in logs and metrics; it repeats nothing of what the issuer sent.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Fetch(fetch::Error::Timeout(_)) => "timeout",
            Self::Fetch(fetch::Error::Unreachable(_)) => "unreachable",
            Self::Fetch(fetch::Error::Status(_)) => "status",
            Self::Fetch(fetch::Error::TooLarge(_)) | Self::Document(jwk::Error::TooLarge) => "too_large",
            Self::Document(jwk::Error::Json(_)) => "not_json",
            Self::Document(jwk::Error::NoKeys) => "no_key_array",
            Self::Document(jwk::Error::TooManyKeys) => "too_many_keys",
            Self::NoUsableKey => "no_usable_key",
            Self::NothingToKeep => "nothing_to_keep",
            Self::Abandoned => "abandoned",
        }
    }
}

/// What a fetch brought.
#[derive(Debug)]
pub(super) enum Loaded {
    /// Keys, at least one.
    Keys { parsed: ParsedSet, etag: Option<String>, max_age: Option<Duration> },
    /// The word that the keys at hand are still the right ones.
    Unchanged { max_age: Option<Duration> },
}
