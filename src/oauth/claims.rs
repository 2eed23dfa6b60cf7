//! The claims of the tokens that clients get.

use serde::Serialize;

/// An access token (RFC 9068 section 2.2).
#[derive(Serialize)]
pub(super) struct AccessTokenClaims<'a> {
    pub(super) iss: &'a str,
    pub(super) exp: i64,
    pub(super) aud: Audience<'a>,
    pub(super) sub: &'a str,
    pub(super) client_id: &'a str,
    pub(super) iat: i64,
    pub(super) jti: &'a str,
    /// What it lives and dies with: the grant. Whoever hears that this has ended refuses the token.
    pub(super) sid: &'a str,
    pub(super) scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) auth_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) amr: Option<&'a [String]>,
}

/// One audience as a string, several as an array (RFC 7519 section 4.1.3).
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Audience<'a> {
    One(&'a str),
    Several(&'a [String]),
}

impl<'a> Audience<'a> {
    pub(super) fn of(audience: &'a [String]) -> Self {
        match audience {
            [one] => Self::One(one),
            several => Self::Several(several),
        }
    }
}

/// An ID token (OpenID Connect Core section 2).
#[derive(Serialize)]
pub(super) struct IdTokenClaims<'a> {
    pub(super) iss: &'a str,
    pub(super) sub: &'a str,
    pub(super) aud: &'a str,
    pub(super) exp: i64,
    pub(super) iat: i64,
    pub(super) auth_time: i64,
    pub(super) amr: &'a [String],
    pub(super) sid: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) nonce: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) at_hash: Option<String>,
    #[serde(flatten)]
    pub(super) user: UserClaims,
}

/// What a scope says about a user (OpenID Connect Core section 5.4), in the ID token and at UserInfo. What is not known is
/// left out.
#[derive(Debug, Default, Serialize)]
pub struct UserClaims {
    /// With `profile`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// With `profile`, where it is an address; an inline image is too large for a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
    /// With `profile`: seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<i64>,
    /// With `email`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// With `email`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_verified: Option<bool>,
}

/// The longest picture that is said, in bytes.
const PICTURE_BYTES: usize = 1024;

impl UserClaims {
    /// What `scope` says about `user`.
    pub fn of(user: &crate::model::user::User, scope: &crate::model::scope::ScopeSet) -> Self {
        let profile = scope.contains("profile");
        let email = scope.contains("email");
        let is_address = |image: &&String| image.starts_with("https://") && image.len() <= PICTURE_BYTES;
        Self {
            name: (profile && !user.name.is_empty()).then(|| user.name.clone()),
            picture: user.image.as_ref().filter(|_| profile).filter(is_address).cloned(),
            updated_at: profile.then(|| user.updated_at.seconds()),
            email: email.then(|| user.email.clone()),
            email_verified: email.then_some(user.email_verified),
        }
    }
}
