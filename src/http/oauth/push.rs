//! Pushed authorization requests (RFC 9126).

use std::sync::Arc;
use std::time::Duration;

use poem::Request;
use poem::web::Data;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;

use super::authorization::Authorization;
use super::client_authentication::{authenticate, counted_as, limited};
use super::parameters::{Described, Form};
use super::service::{OAuth, Tag};
use crate::http::framework::answer::{Answer, Declared, refusals};
use crate::model::authorization_request::PUSHED_LIFETIME;
use crate::oauth::Decision;
use crate::sync::rule::Rule;

/// How often a client may push; with the life of a request and its longest text, what is kept for a client is 15 MiB at
/// most.
const PUSHES: &Rule = &Rule { name: "oauth-pushed", burst: 200, window: Duration::from_secs(10) };

refusals!(
    /// Pushing a request.
    PushRefusals of OAuth: 400, 401, 413, 415, 429, 500, 503
);

/// The form of a request that is pushed.
#[derive(Debug)]
pub struct PushForm;

impl Described for PushForm {
    const PARAMETERS: &'static [(&'static str, &'static str, bool)] = &[
        ("response_type", "`code`.", true),
        ("redirect_uri", "Where the user is sent back to.", true),
        ("code_challenge", "SHA-256 of the verifier (RFC 7636).", false),
        ("code_challenge_method", "`S256`.", false),
        ("scope", "What the client asks for, word by word.", false),
        ("state", "What the answer repeats.", false),
        ("nonce", "What the ID token repeats.", false),
        ("response_mode", "`query` or `form_post`.", false),
        ("prompt", "`none`, `login`, `consent`, `select_account`, `create`.", false),
        ("max_age", "How long ago, in seconds, the user may have signed in.", false),
        ("login_hint", "The address of the user who is meant.", false),
        ("id_token_hint", "An ID token of the user who is meant.", false),
        ("ui_locales", "The languages of the pages.", false),
        ("acr_values", "Read, and without effect.", false),
        ("display", "Read, and without effect.", false),
        ("claims_locales", "Read, and without effect.", false),
        ("resource", "Whom the tokens are to be for (RFC 8707); it may repeat.", false),
        ("request", "Not supported.", false),
        ("request_uri", "Not to be sent here.", false),
        ("registration", "Not supported.", false),
        ("client_id", "The client, unless `Authorization: Basic` names it.", false),
        ("client_secret", "Its secret, with `client_secret_post`.", false),
        ("client_assertion_type", "With `private_key_jwt` (RFC 7523).", false),
        ("client_assertion", "The assertion, with `private_key_jwt`.", false),
    ];
}

/// Where the request is kept (RFC 9126 section 2.2).
#[derive(Debug, Serialize, Object)]
pub struct PushAnswer {
    /// To be sent to the authorization endpoint, with `client_id` and nothing else; good once.
    pub request_uri: String,
    /// Seconds.
    pub expires_in: u64,
}

/// The operation.
#[derive(Debug)]
pub struct PushApi;

#[OpenApi(prefix_path = "/api/auth/oauth2")]
impl PushApi {
    /// Push an authorization request
    ///
    /// The parameters of the authorization endpoint, from the client itself: no user can read or change them. What does
    /// not fit is answered here. The user is then sent to the authorization endpoint with `client_id` and `request_uri`.
    #[oai(
        path = "/par",
        method = "post",
        tag = "Tag::Authorization",
        operation_id = "pushAuthorizationRequest"
    )]
    async fn push(
        &self,
        form: Form<PushForm>,
        request: &Request,
        oauth: Data<&Arc<OAuth>>,
        authorization: Data<&Arc<Authorization>>,
    ) -> Result<Answer<PushAnswer, 201>, Declared<PushRefusals>> {
        let client = authenticate(&oauth, request, &form.0).await?;
        let counted = counted_as(&client, request);
        oauth.limiter.attempt(PUSHES, &counted).await.map_err(limited)?;
        let (id, parameters) = (client.id.clone(), authorization.check_pushed(client, &form.0).await?);
        let request_uri = oauth.pushed.push(&id, parameters).await?;
        oauth.decisions.note(Decision::Pushed, &id, None);
        Ok(Answer::new(PushAnswer { request_uri, expires_in: PUSHED_LIFETIME.as_secs() }))
    }
}
