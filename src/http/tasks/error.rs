//! What the errors of the tasks API are called over HTTP.
//! In: errors of use cases, and refusals of the guard. Out: answers; those to bad tokens with a challenge (RFC 6750).

use poem::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};

use crate::http::framework::code::Code;
use crate::http::framework::error::ApiError;
use crate::resource::task;
use crate::store;
use signet_verify::guard::{CHALLENGE_INVALID_TOKEN, Unauthenticated};
use signet_verify::verifier;

impl From<task::Error> for ApiError {
    fn from(error: task::Error) -> Self {
        match error {
            task::Error::Unknown => Code::NotFound.into(),
            task::Error::Cursor(_) => Code::InvalidTask.saying("[query.cursor] Not a cursor of this list"),
            task::Error::QuotaReached => Code::TaskQuotaReached.into(),
            // As if the token were revoked, which it is wherever that has been heard of.
            task::Error::OwnerEnded => ApiError::from(Code::InvalidBearerToken)
                .with_header(WWW_AUTHENTICATE, CHALLENGE_INVALID_TOKEN),
            task::Error::Store(store::Error::Busy(wait)) => Code::TasksBusy.retry_after(wait),
            task::Error::Store(error) => error.into(),
            task::Error::Entropy(error) => {
                tracing::error!(%error, "no randomness");
                Code::Internal.into()
            }
        }
    }
}

impl From<Unauthenticated> for ApiError {
    fn from(refusal: Unauthenticated) -> Self {
        let code = match &refusal {
            Unauthenticated::Missing => Code::MissingBearerToken,
            Unauthenticated::Refused(verifier::Error::KeySetUnavailable { .. }) => Code::KeySetUnavailable,
            Unauthenticated::Malformed | Unauthenticated::Refused(_) => Code::InvalidBearerToken,
        };
        debug_assert_eq!(code.as_str(), refusal.code(), "the guard of other frameworks says the same");
        let error = code.saying(refusal.message());
        match (refusal.retry_after_seconds(), refusal.challenge()) {
            (Some(seconds), _) => error.with_header(RETRY_AFTER, seconds.to_string()),
            (None, Some(challenge)) => error.with_header(WWW_AUTHENTICATE, challenge),
            (None, None) => error,
        }
    }
}
