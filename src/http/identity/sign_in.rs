//! Signing up, in and out.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::OpenApi;

use super::bodies::{Nothing, SignIn, SignUp};
use super::objects::{SignedInAnswer, SignedUp, Success};
use super::request::{Client, Input, PreferredLanguage, PresentedToken, SignInInput, mail_options};
use super::service::{Identity, Tag};
use super::session::SetsSession;
use crate::http::framework::answer::{Answer, Declared, refusals};
use crate::http::framework::code::Code;
use crate::http::framework::error::ApiError;
use crate::identity::{Email, Error, MailOptions, NewAccount, Unverified};
use crate::model::session::Remember;

refusals!(
    /// Signing up.
    SignUpRefusals: 400, 403, 413, 415, 422, 429, 500, 503
);
refusals!(
    /// Signing in.
    SignInRefusals: 400, 401, 403, 413, 415, 429, 500, 503
);
refusals!(
    /// Signing out.
    SignOutRefusals: 400, 403, 413, 415, 429, 500, 503
);

/// The operations.
#[derive(Debug)]
pub struct SignInApi;

#[OpenApi(prefix_path = "/api/auth")]
impl SignInApi {
    /// Sign up
    ///
    /// Makes a user with a password and signs them in; where the address has to be verified first, `token` is null, and the
    /// answer to an address that is taken is the same.
    #[oai(path = "/sign-up/email", method = "post", tag = "Tag::Entry", operation_id = "signUpEmail")]
    async fn sign_up(
        &self,
        input: SignInInput<SignUp>,
        client: Client,
        language: PreferredLanguage,
        identity: Data<&Arc<Identity>>,
    ) -> Result<Answer<SignedUp, 200, SetsSession>, Declared<SignUpRefusals>> {
        let SignInInput(body) = input;
        let new = NewAccount {
            name: body.name.0,
            email: body.email.0,
            password: body.password.into_password(),
            image: body.image.map(|image| image.0),
            remember: remember(body.remember_me),
            mail: mail_options(body.callback_url, &language),
        };
        if identity.accounts.unverified() == Unverified::Refused {
            let user = identity.accounts.sign_up_unverified(new).await?;
            return Ok(Answer::new(SignedUp { token: None, user: user.into() }));
        }
        let email = new.email.clone();
        let signed_in = identity.accounts.sign_up(new, &client.0).await?;
        let mut headers = identity.cookies.set_session(&signed_in);
        identity.cookies.set_device(&mut headers, &identity.accounts.remember_device(&email, &client.0)?);
        Ok(Answer::new(SignedUp { token: Some(signed_in.token.into()), user: signed_in.user.into() })
            .headers(headers))
    }

    /// Sign in
    ///
    /// Opens a session and sets its cookie. Programs without a cookie jar take `set-auth-token` instead and send it as
    /// `Authorization: Bearer`. An unknown address and a wrong password are the same answer.
    #[oai(path = "/sign-in/email", method = "post", tag = "Tag::Entry", operation_id = "signInEmail")]
    async fn sign_in(
        &self,
        input: SignInInput<SignIn>,
        client: Client,
        language: PreferredLanguage,
        identity: Data<&Arc<Identity>>,
    ) -> Result<Answer<SignedInAnswer, 200, SetsSession>, Declared<SignInRefusals>> {
        let SignInInput(body) = input;
        let email = body.email.0.ok_or(Code::InvalidEmail)?;
        let password = body.password.into_password();
        let remember = remember(body.remember_me);
        let signed_in = match identity.accounts.sign_in(&email, &password, remember, &client.0).await {
            Err(Error::EmailNotVerified) => {
                let options = mail_options(body.callback_url, &language);
                return Err(verify_first(&identity, &email, &options).await.into());
            }
            signed_in => signed_in?,
        };
        let mut headers = identity.cookies.set_session(&signed_in);
        identity.cookies.set_device(&mut headers, &identity.accounts.remember_device(&email, &client.0)?);
        let url = body.callback_url.map(|url| url.0);
        let answer = Answer::new(SignedInAnswer {
            redirect: url.as_ref().is_some_and(|url| !url.is_empty()),
            token: signed_in.token.into(),
            url: url.clone(),
            user: signed_in.user.into(),
        });
        let answer = match url {
            Some(place) if !place.is_empty() => answer.header("location", place),
            _ => answer,
        };
        Ok(answer.headers(headers))
    }

    /// Sign out
    ///
    /// Ends the session, if there is one, and clears its cookies. Its JWTs are refused from now on by the tasks API of
    /// this deployment; elsewhere they live until they expire.
    #[oai(path = "/sign-out", method = "post", tag = "Tag::Entry", operation_id = "signOut")]
    async fn sign_out(
        &self,
        _input: Input<Nothing>,
        presented: PresentedToken,
        identity: Data<&Arc<Identity>>,
    ) -> Result<Answer<Success>, Declared<SignOutRefusals>> {
        identity.sessions.sign_out(presented.0).await?;
        Ok(Answer::new(Success { success: true }).headers(identity.cookies.clear()))
    }
}

/// What a user is told who has the right password and has not verified their address: another link is mailed to them.
async fn verify_first(identity: &Identity, email: &Email, options: &MailOptions) -> ApiError {
    match identity.accounts.send_verification(email, None, options).await {
        // They have had a few just now.
        Ok(()) | Err(Error::Throttled(_)) => Code::EmailNotVerified.into(),
        Err(error) => error.into(),
    }
}

/// What `rememberMe` means; true unless said otherwise.
fn remember(flag: Option<bool>) -> Remember {
    if flag.unwrap_or(true) { Remember::Yes } else { Remember::No }
}
