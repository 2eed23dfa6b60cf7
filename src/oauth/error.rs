//! Why a client gets nothing, in the words of RFC 6749 section 5.2 and its successors.

use signet_verify::clock::EntropyUnavailable;

use crate::identity::tokens;
use crate::{store, vault};

/// Why a client gets nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A parameter is missing, is given twice, or does not fit.
    #[error("{0}")]
    InvalidRequest(&'static str),
    /// The client is unknown, or has not proved who it is.
    #[error("the client has not proved who it is")]
    InvalidClient,
    /// The code, the refresh token or the device code is not good.
    #[error("{0}")]
    InvalidGrant(&'static str),
    /// The client may not use this grant.
    #[error("the client is not registered for this grant")]
    UnauthorizedClient,
    /// There is no such grant.
    #[error("there is no such grant_type")]
    UnsupportedGrantType,
    /// More was asked for than was given, or than there is.
    #[error("the scope is more than was given")]
    InvalidScope,
    /// The resource is unknown, or was not given (RFC 8707).
    #[error("the resource is unknown, or was not given")]
    InvalidTarget,
    /// The access token is not good here.
    #[error("the access token is not good")]
    InvalidToken,
    /// The access token lacks the scope `openid`.
    #[error("the access token lacks the scope openid")]
    InsufficientScope,
    /// No user has decided about the device yet (RFC 8628 section 3.5).
    #[error("no user has decided yet")]
    AuthorizationPending,
    /// The same, and the device has polled too soon.
    #[error("no user has decided yet; poll 5 s less often")]
    SlowDown,
    /// A user has refused the device.
    #[error("the user has refused")]
    AccessDenied,
    /// The code of the device is over.
    #[error("the device code has expired")]
    ExpiredToken,
    /// Nothing can be signed now.
    #[error(transparent)]
    Token(#[from] tokens::Error),
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// What was sealed cannot be opened, or the other way round.
    #[error(transparent)]
    Vault(#[from] vault::Error),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyUnavailable),
}
