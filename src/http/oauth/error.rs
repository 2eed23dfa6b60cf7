//! What a client is told when it gets nothing.

use std::time::Duration;

use poem::http::header::WWW_AUTHENTICATE;

use crate::http::framework::code::Code;
use crate::http::framework::error::ApiError;
use crate::identity::tokens;
use crate::oauth::Error;
use crate::oauth::authorize::Refusal;

/// How long to wait when nothing can be signed.
const SIGNING_RETRY: Duration = Duration::from_secs(1);

/// What a client may be told of a request that it pushes.
const OF_REQUESTS: [Code; 7] = [
    Code::OAuthInvalidScope,
    Code::OAuthInvalidTarget,
    Code::OAuthUnauthorizedClient,
    Code::OAuthUnsupportedResponseType,
    Code::OAuthRequestNotSupported,
    Code::OAuthRegistrationNotSupported,
    Code::OAuthServerError,
];

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let code = OF_REQUESTS.into_iter().find(|code| code.as_str() == refusal.error);
        code.unwrap_or(Code::OAuthInvalidRequest).saying(refusal.description)
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        match error {
            Error::InvalidRequest(text) => Code::OAuthInvalidRequest.saying(text),
            Error::InvalidClient => {
                Self::from(Code::OAuthInvalidClient).with_header(WWW_AUTHENTICATE, "Basic realm=\"Signet\"")
            }
            Error::InvalidGrant(text) => Code::OAuthInvalidGrant.saying(text),
            Error::UnauthorizedClient => Code::OAuthUnauthorizedClient.into(),
            Error::UnsupportedGrantType => Code::OAuthUnsupportedGrantType.into(),
            Error::InvalidScope => Code::OAuthInvalidScope.into(),
            Error::InvalidTarget => Code::OAuthInvalidTarget.into(),
            Error::InvalidToken => Self::from(Code::OAuthInvalidToken)
                .with_header(WWW_AUTHENTICATE, "Bearer realm=\"Signet\", error=\"invalid_token\""),
            Error::InsufficientScope => Self::from(Code::OAuthInsufficientScope).with_header(
                WWW_AUTHENTICATE,
                "Bearer realm=\"Signet\", error=\"insufficient_scope\", scope=\"openid\"",
            ),
            Error::AuthorizationPending => Code::OAuthAuthorizationPending.into(),
            Error::SlowDown => Code::OAuthSlowDown.into(),
            Error::AccessDenied => Code::OAuthAccessDenied.into(),
            Error::ExpiredToken => Code::OAuthExpiredToken.into(),
            Error::Token(tokens::Error::NoKey) => Code::OAuthUnavailable.retry_after(SIGNING_RETRY),
            Error::Store(error) => Self::from(error).for_oauth(),
            error @ (Error::Token(_) | Error::Vault(_) | Error::Entropy(_)) => {
                tracing::error!(%error, "no token could be made");
                Code::OAuthServerError.into()
            }
        }
    }
}
