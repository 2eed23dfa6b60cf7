//! UserInfo (OpenID Connect Core section 5.3).

use std::sync::Arc;

use poem::Request;
use poem::http::header::WWW_AUTHENTICATE;
use poem::web::Data;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;
use signet_verify::guard::Credential;

use super::parameters::{Described, OptionalForm};
use super::service::{OAuth, Tag};
use crate::http::framework::answer::{Answer, Declared, refusals};
use crate::http::framework::code::Code;
use crate::http::framework::error::ApiError;
use crate::oauth::Error;

refusals!(
    /// Asking who has signed in.
    UserInfoRefusals of OAuth: 400, 401, 403, 413, 415, 429, 500, 503
);

/// The form of UserInfo.
#[derive(Debug)]
pub struct UserInfoForm;

impl Described for UserInfoForm {
    const PARAMETERS: &'static [(&'static str, &'static str, bool)] =
        &[("access_token", "The access token, unless `Authorization: Bearer` holds it.", false)];
}

/// What the client may know of its user. What is not known or was not given is left out.
#[derive(Debug, Serialize, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct UserInfoAnswer {
    /// Who.
    pub sub: String,
    /// With the scope `profile`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The address of a picture, with the scope `profile`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
    /// In seconds, with the scope `profile`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<i64>,
    /// With the scope `email`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// With the scope `email`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_verified: Option<bool>,
}

/// The operations.
#[derive(Debug)]
pub struct UserInfoApi;

#[OpenApi(prefix_path = "/api/auth/oauth2")]
impl UserInfoApi {
    /// Ask who has signed in
    ///
    /// With an access token of the scope `openid` in `Authorization: Bearer`.
    #[oai(path = "/userinfo", method = "get", tag = "Tag::Tokens", operation_id = "getUserInfo")]
    async fn get(
        &self,
        request: &Request,
        oauth: Data<&Arc<OAuth>>,
    ) -> Result<Answer<UserInfoAnswer>, Declared<UserInfoRefusals>> {
        Ok(answer(&oauth, request, None).await?)
    }

    /// Ask who has signed in, by POST
    ///
    /// The access token may also be in the form.
    #[oai(path = "/userinfo", method = "post", tag = "Tag::Tokens", operation_id = "postUserInfo")]
    async fn post(
        &self,
        form: OptionalForm<UserInfoForm>,
        request: &Request,
        oauth: Data<&Arc<OAuth>>,
    ) -> Result<Answer<UserInfoAnswer>, Declared<UserInfoRefusals>> {
        Ok(answer(&oauth, request, form.0.optional("access_token")?).await?)
    }
}

async fn answer(
    oauth: &OAuth,
    request: &Request,
    posted: Option<&str>,
) -> Result<Answer<UserInfoAnswer>, ApiError> {
    let token = match (Credential::read(request.headers()), posted) {
        (Credential::Token(token), None) | (Credential::Missing, Some(token)) => token,
        // What has shown nothing is told how to, and no more (RFC 6750 section 3.1).
        (Credential::Missing, None) => {
            let refused = Code::OAuthInvalidToken.saying("there is no access token");
            return Err(refused.with_header(WWW_AUTHENTICATE, "Bearer realm=\"Signet\""));
        }
        (Credential::Malformed, None) => return Err(Error::InvalidToken.into()),
        (_, Some(_)) => return Err(Code::OAuthInvalidRequest.saying("the access token is given twice")),
    };
    let user = oauth.access_tokens.user_info(token).await?;
    let claims = user.claims;
    Ok(Answer::new(UserInfoAnswer {
        sub: user.sub,
        name: claims.name,
        picture: claims.picture,
        updated_at: claims.updated_at,
        email: claims.email,
        email_verified: claims.email_verified,
    }))
}
