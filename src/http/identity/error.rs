//! What the identity service's errors are called over HTTP.
//! In: errors of use cases. Out: the answers that Better Auth's clients know.

use std::time::Duration;

use crate::http::framework::code::Code;
use crate::http::framework::error::ApiError;
use crate::identity::account::AccountError;
use crate::identity::issuing::IssueError;
use crate::identity::password;
use crate::identity::session::SessionError;

/// How long a caller should wait for a key to sign with.
const SIGNING_RETRY: Duration = Duration::from_secs(5);

impl From<AccountError> for ApiError {
    fn from(error: AccountError) -> Self {
        let code = match error {
            AccountError::EmailTaken => Code::EmailTaken,
            AccountError::InvalidEmailOrPassword => Code::InvalidEmailOrPassword,
            AccountError::NotFresh => Code::SessionExpired,
            AccountError::InvalidPassword => Code::InvalidPassword,
            AccountError::NoPassword => Code::CredentialAccountNotFound,
            AccountError::PasswordTooShort => Code::PasswordTooShort,
            AccountError::PasswordTooLong => Code::PasswordTooLong,
            AccountError::Throttled(wait) => return Self::too_many_requests(wait),
            AccountError::Hashing(password::HashingError::Busy) => {
                return Code::SignInBusy.retry_after(password::RETRY_AFTER);
            }
            AccountError::Store(error) => return error.into(),
            AccountError::Hashing(error) => {
                tracing::error!(%error, "hashing failed");
                Code::Internal
            }
            AccountError::Entropy(error) => {
                tracing::error!(%error, "no randomness");
                Code::Internal
            }
        };
        code.into()
    }
}

impl From<SessionError> for ApiError {
    fn from(error: SessionError) -> Self {
        AccountError::from(error).into()
    }
}

impl From<IssueError> for ApiError {
    fn from(error: IssueError) -> Self {
        tracing::error!(%error, "no token was issued");
        match error {
            IssueError::NoKey => Code::SigningUnavailable.retry_after(SIGNING_RETRY),
            IssueError::Entropy(_) | IssueError::Sign(_) => Code::Internal.into(),
        }
    }
}
