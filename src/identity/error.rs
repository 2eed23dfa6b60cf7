//! Why a use case did not happen.

use crate::password;
use crate::store;
use crate::sync::rule::RetryAfter;
use signet_verify::clock::EntropyUnavailable;

/// Why a use case did not happen.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another user has this address already.
    #[error("the address is taken")]
    EmailTaken,
    /// No such user, no password, or the wrong one: the caller is not told which.
    #[error("unknown address or wrong password")]
    InvalidEmailOrPassword,
    /// The session that asks has ended since it was looked up.
    #[error("the session has ended")]
    SessionEnded,
    /// Signing in was too long ago to see this.
    #[error("the session is not fresh")]
    SessionNotFresh,
    /// Signing in was too long ago to do this without a password.
    #[error("a password is needed, since the session is not fresh")]
    PasswordRequired,
    /// The current password was not given rightly.
    #[error("wrong password")]
    InvalidPassword,
    /// The user has no password.
    #[error("the user has no password")]
    NoPassword,
    /// Shorter than [`PASSWORD_LENGTH`](super::PASSWORD_LENGTH) allows.
    #[error("password too short")]
    PasswordTooShort,
    /// Longer than [`PASSWORD_LENGTH`](super::PASSWORD_LENGTH) allows.
    #[error("password too long")]
    PasswordTooLong,
    /// Too many passwords were tried for this account.
    #[error("too many attempts")]
    Throttled(RetryAfter),
    /// No hash could be computed.
    #[error(transparent)]
    Password(#[from] password::Error),
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// No identifier could be drawn.
    #[error(transparent)]
    Entropy(#[from] EntropyUnavailable),
}
