//! Why a use case did not happen.

use crate::mail;
use crate::model::mailed_token::TokenUse;
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
    /// The address has to be verified before its user may sign in.
    #[error("the address is not verified")]
    EmailNotVerified,
    /// A user asks for a link to prove an address that is not theirs.
    #[error("another address than that of the user")]
    EmailMismatch,
    /// A user asks for a link to prove an address that is proved.
    #[error("the address is verified already")]
    EmailAlreadyVerified,
    /// A user wants the address that they have.
    #[error("the address is the same")]
    EmailIsTheSame,
    /// Mail is off, so that no address can be proved.
    #[error("no mail is sent, so no address can be verified")]
    VerificationMailOff,
    /// Mail is off, so that no password can be reset.
    #[error("no mail is sent, so no password can be reset")]
    ResetMailOff,
    /// So much mail was asked for that no more can be kept.
    #[error("too many wait for mail")]
    MailBusy,
    /// A token that was mailed, and expired since.
    #[error("the token has expired")]
    TokenExpired,
    /// A token that was never mailed, is spent, is of another user or for another use than this.
    #[error("the token is not valid")]
    InvalidToken(TokenUse),
    /// A token of another user than the one who is signed in.
    #[error("the token is another user's")]
    InvalidUser,
    /// Too many passwords were tried for this account, or too much mail was asked for.
    #[error("too many attempts")]
    Throttled(RetryAfter),
    /// No hash could be computed.
    #[error(transparent)]
    Password(#[from] password::Error),
    /// A message could not be written.
    #[error(transparent)]
    Mail(#[from] mail::Error),
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// No identifier could be drawn.
    #[error(transparent)]
    Entropy(#[from] EntropyUnavailable),
}
