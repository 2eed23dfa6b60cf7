//! Why a message cannot be written.

use signet_verify::clock::EntropyUnavailable;

use crate::vault;

/// Why a message cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It cannot be sealed.
    #[error("the message cannot be sealed: {0}")]
    Vault(#[from] vault::Error),
    /// No random bytes for its name.
    #[error(transparent)]
    Entropy(#[from] EntropyUnavailable),
    /// The address is none that mail can be sent to.
    #[error("mail cannot be sent to this address")]
    Address,
    /// A template fails on this letter, or the message cannot be put together.
    #[error("the message cannot be written: {0}")]
    Rendering(String),
}
