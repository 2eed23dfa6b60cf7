//! What the identity service's errors are called over HTTP.
//! In: errors of use cases. Out: the answers that Better Auth's clients know.

use std::time::Duration;

use crate::http::framework::code::Code;
use crate::http::framework::error::ApiError;
use crate::identity::{self, tokens};
use crate::model::mailed_token::TokenUse;
use crate::password;

/// How long a caller should wait until mail that was asked for has been worked off.
const MAIL_RETRY: Duration = Duration::from_secs(10);
/// How long a caller should wait for a key to sign with.
const SIGNING_RETRY: Duration = Duration::from_secs(5);

impl From<identity::Error> for ApiError {
    fn from(error: identity::Error) -> Self {
        let code = match error {
            identity::Error::EmailTaken => Code::EmailTaken,
            identity::Error::InvalidEmailOrPassword => Code::InvalidEmailOrPassword,
            identity::Error::SessionEnded => Code::Unauthorized,
            identity::Error::SessionNotFresh => Code::SessionNotFresh,
            identity::Error::PasswordRequired => Code::SessionExpired,
            identity::Error::InvalidPassword => Code::InvalidPassword,
            identity::Error::NoPassword => Code::CredentialAccountNotFound,
            identity::Error::PasswordTooShort => Code::PasswordTooShort,
            identity::Error::PasswordTooLong => Code::PasswordTooLong,
            identity::Error::EmailNotVerified => Code::EmailNotVerified,
            identity::Error::EmailMismatch => Code::EmailMismatch,
            identity::Error::EmailAlreadyVerified => Code::EmailAlreadyVerified,
            identity::Error::EmailIsTheSame => Code::EmailIsTheSame,
            identity::Error::VerificationMailOff => Code::VerificationEmailNotEnabled,
            identity::Error::ResetMailOff => Code::ResetPasswordDisabled,
            identity::Error::TokenExpired => Code::TokenExpired,
            identity::Error::InvalidUser => Code::InvalidUser,
            identity::Error::InvalidToken(TokenUse::ProveAddress) => Code::InvalidVerificationToken,
            identity::Error::InvalidToken(TokenUse::SetPassword) => Code::InvalidResetToken,
            identity::Error::InvalidToken(TokenUse::DeleteUser) => Code::InvalidDeletionToken,
            identity::Error::MailBusy => return Code::MailBusy.retry_after(MAIL_RETRY),
            identity::Error::Throttled(wait) => return Self::too_many_requests(wait),
            identity::Error::Password(password::Error::Busy) => {
                return Code::SignInBusy.retry_after(password::RETRY_AFTER);
            }
            identity::Error::Store(error) => return error.into(),
            identity::Error::Password(error) => {
                tracing::error!(%error, "hashing failed");
                Code::Internal
            }
            identity::Error::Mail(error) => {
                tracing::error!(%error, "a message could not be written");
                Code::Internal
            }
            identity::Error::Entropy(error) => {
                tracing::error!(%error, "no randomness");
                Code::Internal
            }
        };
        code.into()
    }
}

impl From<tokens::Error> for ApiError {
    fn from(error: tokens::Error) -> Self {
        tracing::error!(%error, "no token was issued");
        match error {
            tokens::Error::NoKey => Code::SigningUnavailable.retry_after(SIGNING_RETRY),
            tokens::Error::Entropy(_) | tokens::Error::Sign(_) => Code::Internal.into(),
        }
    }
}
