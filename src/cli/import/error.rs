//! Why an import was not done.

use signet::keys::repository;
use signet::keys::rotation;
use signet::store;

use super::{names, source};

/// Why an import was not done; each prints as one sentence for the operator.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Tables or columns that are not found, or `--map`.
    #[error(transparent)]
    Names(#[from] names::Error),
    /// The database of Better Auth.
    #[error(transparent)]
    Source(#[from] source::Error),
    /// The database of Signet; what was written until then stays.
    #[error("the database of Signet failed: {0}; run it again, and what is missing comes")]
    Store(#[from] store::Error),
    /// The signing keys of Signet.
    #[error("the signing keys cannot be used: {0}")]
    Keys(#[from] rotation::Error),
    /// The file of the report.
    #[error("the report cannot be written: {0}")]
    Report(#[source] std::io::Error),
    /// There is nothing to open private keys with.
    #[error("--keys private wants the BETTER_AUTH_SECRET of the old server, which sealed them")]
    NoSecret,
    /// Users who would be taken for each other.
    #[error(
        "nothing was written: {0} users conflict with each other or with users here, by their ids in the report; mend them, \
         or let all others come with --skip-conflicts"
    )]
    Conflicts(usize),
}

impl Error {
    /// Whether other arguments would help.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Names(_) | Self::NoSecret | Self::Report(_) => true,
            Self::Source(error) => error.is_usage(),
            Self::Store(_) | Self::Keys(_) | Self::Conflicts(_) => false,
        }
    }
}

impl From<repository::Error> for Error {
    fn from(error: repository::Error) -> Self {
        Self::Keys(error.into())
    }
}
