//! Proving the address, and changing it.

use std::sync::Arc;

use poem::Request;
use poem::http::HeaderMap;
use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::Query;

use super::bodies::{ChangeEmail, SendVerificationEmail, VerifyEmail};
use super::objects::{EmailVerified, Status, UserOrNull};
use super::request::{
    CurrentSession, Input, MaybeSession, PreferredLanguage, checked_callback, mail_options,
};
use super::service::{Identity, Tag};
use super::session::renewed;
use crate::http::framework::answer::{Answer, Declared, refusals};
use crate::http::framework::error::ApiError;
use crate::http::framework::query;
use crate::http::framework::redirect::{AnswerOrRedirect, Redirect, with_parameter};
use crate::identity::{Proved, SignedIn};
use crate::mail::Language;
use crate::secret::OpaqueToken;

refusals!(
    /// Asking for mail.
    MailRefusals: 400, 403, 413, 415, 429, 500, 503
);
refusals!(
    /// Proving an address with a link.
    LinkRefusals: 400, 401, 403, 429, 500, 503
);
refusals!(
    /// Proving an address.
    VerifyRefusals: 400, 401, 403, 413, 415, 429, 500, 503
);

/// The operations.
#[derive(Debug)]
pub struct AddressApi;

#[OpenApi(prefix_path = "/api/auth")]
impl AddressApi {
    /// Mail me a link to verify my address
    ///
    /// Says yes for every address; mail goes out if it is known and not verified. Who is signed in may ask for their own
    /// address, and is told what is wrong.
    #[oai(
        path = "/send-verification-email",
        method = "post",
        tag = "Tag::Account",
        operation_id = "sendVerificationEmail"
    )]
    async fn send_verification_email(
        &self,
        input: Input<SendVerificationEmail>,
        session: MaybeSession,
        language: PreferredLanguage,
        identity: Data<&Arc<Identity>>,
    ) -> Result<Answer<Status>, Declared<MailRefusals>> {
        let Input(body) = input;
        let options = mail_options(body.callback_url, &language);
        let current = session.0.as_ref();
        identity.accounts.send_verification(&body.email.0, current, &options).await?;
        Ok(Answer::new(Status { status: true }))
    }

    /// Verify my address, by a link
    ///
    /// For links that name a `callbackURL`: what went wrong is added to it as `error`. Other links lead to a page, which uses
    /// `POST`.
    #[oai(path = "/verify-email", method = "get", tag = "Tag::Account", operation_id = "verifyEmail")]
    async fn verify_email(
        &self,
        request: &Request,
        /// The token that was mailed.
        #[oai(name = "token")]
        _token: Query<Option<String>>,
        /// Where to go on to: a path here, or a URL on a trusted origin.
        #[oai(name = "callbackURL")]
        _callback: Query<Option<String>>,
        session: MaybeSession,
        language: PreferredLanguage,
        identity: Data<&Arc<Identity>>,
    ) -> Result<AnswerOrRedirect<EmailVerified>, Declared<LinkRefusals>> {
        let token = query::required(request, "token")?;
        let callback = checked_callback(request, &identity)?.filter(|place| !place.is_empty());
        let proved = prove(&identity, OpaqueToken::new(token), session.0.as_ref(), language.0).await;
        Ok(match (proved, callback) {
            (Ok((_, headers)), Some(place)) => {
                AnswerOrRedirect::Redirect(Redirect::to(place).headers(headers))
            }
            (Ok((body, headers)), None) => AnswerOrRedirect::Answer(Answer::new(body).headers(headers)),
            (Err(error), Some(place)) if error.status.as_u16() == 401 => {
                AnswerOrRedirect::Redirect(Redirect::to(with_parameter(&place, "error", error.code.as_str())))
            }
            (Err(error), _) => return Err(error.into()),
        })
    }

    /// Verify my address
    ///
    /// With the token that was mailed: that of a verification, or of a change of address.
    #[oai(
        path = "/verify-email",
        method = "post",
        tag = "Tag::Account",
        operation_id = "verifyEmailWithToken"
    )]
    async fn verify_email_with_token(
        &self,
        input: Input<VerifyEmail>,
        session: MaybeSession,
        language: PreferredLanguage,
        identity: Data<&Arc<Identity>>,
    ) -> Result<Answer<EmailVerified>, Declared<VerifyRefusals>> {
        let Input(VerifyEmail { token }) = input;
        let (body, headers) = prove(&identity, token.into_token(), session.0.as_ref(), language.0).await?;
        Ok(Answer::new(body).headers(headers))
    }

    /// Change my address
    ///
    /// Mails a link to the new address, which takes effect when it is followed, and tells the old one. Says yes also for an
    /// address that is taken; then nothing is sent.
    #[oai(path = "/change-email", method = "post", tag = "Tag::Account", operation_id = "changeEmail")]
    async fn change_email(
        &self,
        input: Input<ChangeEmail>,
        signed_in: CurrentSession,
        language: PreferredLanguage,
        identity: Data<&Arc<Identity>>,
    ) -> Result<Answer<Status>, Declared<VerifyRefusals>> {
        let Input(body) = input;
        let options = mail_options(body.callback_url, &language);
        identity.accounts.request_email_change(&signed_in, &body.new_email.0, &options).await?;
        Ok(Answer::new(Status { status: true }).headers(renewed(&identity, &signed_in)))
    }
}

/// Proves an address. After a change of it, the cookies of the user's own session are set again, as Better Auth does.
async fn prove(
    identity: &Identity,
    token: OpaqueToken,
    current: Option<&SignedIn>,
    language: Language,
) -> Result<(EmailVerified, HeaderMap), ApiError> {
    match identity.accounts.verify_email(&token, current, language).await? {
        Proved::Address(_) | Proved::Nothing(_) => {
            Ok((EmailVerified { status: true, user: UserOrNull(None) }, HeaderMap::new()))
        }
        Proved::NewAddress(user) => {
            let headers = current.map(|current| identity.cookies.set_session(current)).unwrap_or_default();
            Ok((EmailVerified { status: true, user: UserOrNull(Some(user.into())) }, headers))
        }
    }
}
