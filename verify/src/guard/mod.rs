//! Reads the bearer credential of a request and asks the verifier about it (RFC 6750).
//! In: request headers. Out: a [`Principal`], or what the HTTP layer needs to refuse.
//! Owns: all bad credentials get the same answer, so that a refusal teaches nothing about its cause.

use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, HeaderMap};

use crate::jose::MAX_TOKEN_BYTES;
use crate::jose::claims::Principal;
use crate::verifier::{self, Verifier};

#[cfg(feature = "poem")]
pub mod poem;

/// `WWW-Authenticate` of a 401 when the request tried no bearer credential: it names no error (RFC 6750 section 3.1).
pub const CHALLENGE: &str = r#"Bearer realm="signet""#;

/// `WWW-Authenticate` of a 401 for every bearer credential that was refused, whatever the cause.
pub const CHALLENGE_INVALID_TOKEN: &str =
    r#"Bearer error="invalid_token", error_description="The access token is not valid""#;

/// `WWW-Authenticate` of a 403: the token is right and does not allow this (RFC 6750 section 3.1).
pub const CHALLENGE_INSUFFICIENT_SCOPE: &str =
    r#"Bearer error="insufficient_scope", error_description="The access token does not allow this""#;

/// What the `Authorization` header of a request holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Credential<'a> {
    /// No bearer credential was tried: no header, or another scheme (Basic, DPoP…). RFC 6750 section 3.1 wants no
    /// error code for an unsupported method, so it is answered as if nothing had been sent.
    Missing,
    /// A bearer credential was tried and cannot be read, or there are several `Authorization` headers.
    Malformed,
    /// A token, not verified yet.
    Token(&'a str),
}

/// Shows that there is a token and not which.
impl std::fmt::Debug for Credential<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Missing => "Missing",
            Self::Malformed => "Malformed",
            Self::Token(_) => "Token(..)",
        })
    }
}

impl<'a> Credential<'a> {
    /// Reads the one `Authorization` header: the scheme in any case (RFC 9110 section 11.1), one space or several
    /// (`1*SP`, section 11.4), and one token68 (section 11.2) of at most [`MAX_TOKEN_BYTES`]. Cookies, the query and the
    /// body are never looked at.
    pub fn read(headers: &'a HeaderMap) -> Self {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let Some(value) = values.next() else { return Self::Missing };
        if values.next().is_some() {
            return Self::Malformed; // which one counts would differ between us and a proxy before us
        }
        let Some(token) = bearer(value.as_bytes()) else { return Self::Missing };
        match std::str::from_utf8(token) {
            Ok(token) if token.len() <= MAX_TOKEN_BYTES && is_token68(token) => Self::Token(token),
            _ => Self::Malformed,
        }
    }
}

/// What an `Authorization` header says after the scheme and its spaces; none when its scheme is not `Bearer`.
///
/// RFC 9110 section 11.6.2 with 11.4: the scheme, which has no case, `1*SP`, and the credentials. For services that read
/// other bearer credentials than tokens of an issuer by the same rule.
pub fn bearer(value: &[u8]) -> Option<&[u8]> {
    let end = value.iter().position(|byte| *byte == b' ').unwrap_or(value.len());
    let (scheme, rest) = value.split_at(end);
    let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
    scheme.eq_ignore_ascii_case(b"Bearer").then(|| &rest[spaces..])
}

fn is_token68(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    !body.is_empty() && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte))
}

/// Why a request has no principal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unauthenticated {
    /// No bearer credential was sent.
    #[error("no bearer token was sent")]
    Missing,
    /// What was sent is not a bearer credential.
    #[error("the bearer credential cannot be read")]
    Malformed,
    /// The verifier refused the token, or could not decide.
    #[error(transparent)]
    Refused(#[from] verifier::Error),
}

impl Unauthenticated {
    /// 401, or 503 when the issuer's keys are not to be had and the token may well be right.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Refused(verifier::Error::KeySetUnavailable { .. }) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Missing | Self::Malformed | Self::Refused(_) => StatusCode::UNAUTHORIZED,
        }
    }

    /// A stable name for the caller's program. It tells a missing credential from a refused one and nothing more.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing => "UNAUTHORIZED",
            Self::Refused(verifier::Error::KeySetUnavailable { .. }) => "KEY_SET_UNAVAILABLE",
            Self::Malformed | Self::Refused(_) => "INVALID_TOKEN",
        }
    }

    /// The same for the person in front of it.
    pub fn message(&self) -> &'static str {
        match self {
            Self::Missing => "A bearer token is needed",
            Self::Refused(verifier::Error::KeySetUnavailable { .. }) => {
                "The keys to verify tokens with are not available. Please try again later."
            }
            // One text for all: it names the usual mistakes, and not which one this is.
            Self::Malformed | Self::Refused(_) => {
                "This is no valid JWT, or it has expired: please sign in again. For a session token, GET /api/auth/token \
                 gives a JWT."
            }
        }
    }

    /// The value of `WWW-Authenticate`; none with a 503.
    pub fn challenge(&self) -> Option<&'static str> {
        match self {
            Self::Missing => Some(CHALLENGE),
            Self::Refused(verifier::Error::KeySetUnavailable { .. }) => None,
            Self::Malformed | Self::Refused(_) => Some(CHALLENGE_INVALID_TOKEN),
        }
    }

    /// When a 503 may be tried again; the value of `Retry-After` in whole seconds, rounded up.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Self::Refused(verifier::Error::KeySetUnavailable { retry_after }) => {
                Some(retry_after.saturating_add(Duration::from_nanos(999_999_999)).as_secs().max(1))
            }
            _ => None,
        }
    }
}

/// The principal who sent `headers`.
///
/// # Errors
/// [`Unauthenticated`], which knows the status and the challenge to answer with.
pub async fn authenticate(verifier: &Verifier, headers: &HeaderMap) -> Result<Principal, Unauthenticated> {
    match Credential::read(headers) {
        Credential::Missing => Err(Unauthenticated::Missing),
        Credential::Malformed => {
            verifier.record_malformed();
            Err(Unauthenticated::Malformed)
        }
        Credential::Token(text) => Ok(verifier.verify(text).await?),
    }
}
