//! Setting a password that was forgotten.

use std::sync::Arc;

use poem::Request;
use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};

use super::bodies::{RequestPasswordReset, ResetPassword};
use super::objects::{ResetRequested, Status};
use super::request::{Input, PreferredLanguage, checked_callback, mail_options};
use super::service::{Identity, Tag};
use crate::http::framework::answer::{Answer, Declared, refusals};
use crate::http::framework::code::Code;
use crate::http::framework::error::ApiError;
use crate::http::framework::query;
use crate::http::framework::redirect::{Redirect, replacing_parameter};
use crate::secret::OpaqueToken;

refusals!(
    /// Asking for mail, and setting a password.
    ResetRefusals: 400, 403, 413, 415, 429, 500, 503
);
refusals!(
    /// Following a link.
    ResetLinkRefusals: 400, 403, 404, 429, 500, 503
);

/// The operations.
#[derive(Debug)]
pub struct ResetApi;

#[OpenApi(prefix_path = "/api/auth")]
impl ResetApi {
    /// Mail me a link to reset my password
    ///
    /// Says yes for every address, in the same time; mail goes out if it is known.
    #[oai(
        path = "/request-password-reset",
        method = "post",
        tag = "Tag::Entry",
        operation_id = "requestPasswordReset"
    )]
    async fn request_password_reset(
        &self,
        input: Input<RequestPasswordReset>,
        language: PreferredLanguage,
        identity: Data<&Arc<Identity>>,
    ) -> Result<Answer<ResetRequested>, Declared<ResetRefusals>> {
        Ok(request_reset(input.0, &language, &identity).await?)
    }

    /// The name that `request-password-reset` had before Better Auth 1.4
    ///
    /// Clients from before know no other.
    #[oai(
        path = "/forget-password",
        method = "post",
        tag = "Tag::Entry",
        operation_id = "forgetPassword",
        deprecated = true
    )]
    async fn forget_password(
        &self,
        input: Input<RequestPasswordReset>,
        language: PreferredLanguage,
        identity: Data<&Arc<Identity>>,
    ) -> Result<Answer<ResetRequested>, Declared<ResetRefusals>> {
        Ok(request_reset(input.0, &language, &identity).await?)
    }

    /// Go on to the page where a new password is chosen
    ///
    /// For links of requests with a `redirectTo`: that page gets the token as `token`, or `error=INVALID_TOKEN`. Nothing
    /// changes.
    #[oai(
        path = "/reset-password/:token",
        method = "get",
        tag = "Tag::Entry",
        operation_id = "resetPasswordCallback"
    )]
    async fn reset_password_callback(
        &self,
        request: &Request,
        /// The token that was mailed.
        token: Path<String>,
        /// The page: a path here, or a URL on a trusted origin.
        #[oai(name = "callbackURL")]
        _callback: Query<Option<String>>,
        identity: Data<&Arc<Identity>>,
    ) -> Result<Redirect, Declared<ResetLinkRefusals>> {
        query::required(request, "callbackURL")?;
        let invalid = Code::InvalidResetToken.as_str();
        let base_url = &identity.base_url;
        let Some(place) = checked_callback(request, &identity)?.filter(|place| !place.is_empty()) else {
            return Ok(Redirect::to(format!("{base_url}/api/auth/error?error={invalid}")));
        };
        let token = OpaqueToken::new(token.0);
        let (name, value) = match identity.accounts.can_reset_password(&token).await? {
            true => ("token", token.expose()),
            false => ("error", invalid),
        };
        let place = replacing_parameter(base_url, &place, name, value).ok_or(Code::InvalidCallbackUrl)?;
        Ok(Redirect::to(place))
    }

    /// Set a new password
    ///
    /// With the token that was mailed, in the body or as `?token=`. Every session of the user ends, and nobody is signed in.
    #[oai(path = "/reset-password", method = "post", tag = "Tag::Entry", operation_id = "resetPassword")]
    async fn reset_password(
        &self,
        input: Input<ResetPassword>,
        request: &Request,
        /// The token that was mailed; that of the body goes before.
        #[oai(name = "token")]
        _token: Query<Option<String>>,
        language: PreferredLanguage,
        identity: Data<&Arc<Identity>>,
    ) -> Result<Answer<Status>, Declared<ResetRefusals>> {
        let Input(body) = input;
        let token = match body.token {
            Some(token) => Some(token.into_token()),
            None => query::optional(request, "token")?.map(OpaqueToken::new),
        };
        let token = token.filter(|token| !token.expose().is_empty()).ok_or(Code::InvalidResetToken)?;
        let password = body.new_password.into_password();
        identity.accounts.reset_password(&token, &password, language.0).await?;
        Ok(Answer::new(Status { status: true }))
    }
}

async fn request_reset(
    body: RequestPasswordReset,
    language: &PreferredLanguage,
    identity: &Identity,
) -> Result<Answer<ResetRequested>, ApiError> {
    let options = mail_options(body.redirect_to, language);
    identity.accounts.request_password_reset(&body.email.0, &options).await?;
    let message = "If this email exists in our system, check your email for the reset link".to_owned();
    Ok(Answer::new(ResetRequested { status: true, message }))
}
