//! Signing up, in and out; the key set; signs of life.

use std::sync::Arc;

use poem::http::HeaderMap;
use poem::web::Data;
use poem_openapi::param::Query;
use poem_openapi::payload::Html;
use poem_openapi::{ApiResponse, OpenApi};

use super::objects::{Alive, Nothing, SignIn, SignUp, SignedInAnswer, SignedUp, Success};
use super::request::{Client, Input, PresentedToken};
use super::session::SetsSession;
use super::{Identity, Tag};
use crate::http::framework::answer::{Answer, Declared, refusals};
use crate::http::framework::error::ApiError;
use crate::http::well_known::KeySetAnswer;
use crate::identity::account::NewAccount;
use crate::identity::audit::{self, Deed, Outcome};
use crate::identity::email::Email;
use crate::secret::Password;
use crate::store::sessions::Which;

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
refusals!(
    /// Public reading.
    PublicRefusals: 429
);

/// A page for people.
#[derive(ApiResponse)]
enum ErrorPage {
    /// The page.
    #[oai(status = 200)]
    Page(Html<String>),
}

/// The operations.
#[derive(Debug)]
pub struct SignInApi;

#[OpenApi(prefix_path = "/api/auth")]
impl SignInApi {
    /// Sign up
    ///
    /// Makes a user with a password and signs them in.
    #[oai(path = "/sign-up/email", method = "post", tag = "Tag::Entry", operation_id = "signUpEmail")]
    async fn sign_up(
        &self,
        input: Input<SignUp>,
        client: Client,
        identity: Data<&Arc<Identity>>,
    ) -> Result<Answer<SignedUp, 200, SetsSession>, Declared<SignUpRefusals>> {
        let Input(body) = input;
        let new = NewAccount {
            name: body.name,
            email: Email::parse(&body.email).ok_or_else(invalid_email)?,
            password: Password::new(body.password),
            image: body.image,
            remembered: body.remember_me.unwrap_or(true),
        };
        let signed_in = identity.accounts.sign_up(new, &client.0).await?;
        let headers = identity.cookies.set_session(&signed_in);
        let token = signed_in.token.expose().to_owned();
        Ok(Answer::new(SignedUp { token, user: signed_in.user.into() }).headers(headers))
    }

    /// Sign in
    ///
    /// Opens a session and sets its cookie. Programs without a cookie jar take `set-auth-token` instead and send it as
    /// `Authorization: Bearer`. An unknown address and a wrong password are the same answer.
    #[oai(path = "/sign-in/email", method = "post", tag = "Tag::Entry", operation_id = "signInEmail")]
    async fn sign_in(
        &self,
        input: Input<SignIn>,
        client: Client,
        identity: Data<&Arc<Identity>>,
    ) -> Result<Answer<SignedInAnswer, 200, SetsSession>, Declared<SignInRefusals>> {
        let Input(body) = input;
        let email = Email::parse(&body.email).ok_or_else(invalid_email)?;
        let password = Password::new(body.password);
        let remembered = body.remember_me.unwrap_or(true);
        let signed_in = identity.accounts.sign_in(&email, &password, remembered, &client.0).await?;
        let headers = identity.cookies.set_session(&signed_in);
        let answer = Answer::new(SignedInAnswer {
            redirect: body.callback_url.is_some(),
            token: signed_in.token.expose().to_owned(),
            url: body.callback_url.clone(),
            user: signed_in.user.into(),
        });
        let answer = match body.callback_url {
            Some(place) => answer.header("location", place),
            None => answer,
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
        shown: PresentedToken,
        identity: Data<&Arc<Identity>>,
    ) -> Result<Answer<Success>, Declared<SignOutRefusals>> {
        if let Some(token) = shown.0
            && let Some(found) = identity.sessions.find(token, false).await?
        {
            identity.sessions.end(&found.user.id, Which::Id(&found.session.id)).await?;
            audit::record(Deed::SignOut, Outcome::Done, Some(&found.user.id), Some(&found.session.id));
        }
        Ok(Answer::new(Success { success: true }).headers(identity.cookies.clear()))
    }

    /// The key set
    ///
    /// The public keys that tokens can be verified with, newest first (RFC 7517). Cache it as `Cache-Control` says and
    /// ask again with `If-None-Match`. The same document is at `/.well-known/jwks.json`.
    #[oai(path = "/jwks", method = "get", tag = "Tag::Public", operation_id = "getJwks")]
    async fn jwks(&self, headers: &HeaderMap, identity: Data<&Arc<Identity>>) -> KeySetAnswer {
        KeySetAnswer::new(&identity.keyring, &*identity.clock, headers)
    }

    /// A sign of life
    ///
    /// Says only that requests are answered; `/readyz` says whether they can be answered well.
    #[oai(path = "/ok", method = "get", tag = "Tag::Public", operation_id = "ok")]
    async fn ok(&self) -> Answer<Alive> {
        Answer::new(Alive { ok: true })
    }

    /// A page for people whose sign-in went wrong
    ///
    /// HTML, which shows the code and nothing else of what it is given.
    #[oai(path = "/error", method = "get", tag = "Tag::Public", operation_id = "errorPage")]
    async fn error(
        &self,
        /// The code of the error.
        error: Query<Option<String>>,
    ) -> Result<ErrorPage, Declared<PublicRefusals>> {
        // Only letters, digits and underscores are shown: a link to this page must not put words into our mouth.
        let is_code =
            |code: &String| code.len() <= 64 && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let code = error.0.filter(is_code).unwrap_or_else(|| "unknown".to_owned());
        Ok(ErrorPage::Page(Html(format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Error</title>\
             <h1>Something went wrong</h1><p>Code: <code>{code}</code></p><p><a href=\"/\">Go back</a></p></html>"
        ))))
    }
}

fn invalid_email() -> ApiError {
    ApiError::new(poem::http::StatusCode::BAD_REQUEST, "INVALID_EMAIL", "Invalid email")
}
