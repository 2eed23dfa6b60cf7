//! The token endpoint (RFC 6749 section 3.2).

use std::sync::Arc;

use poem::Request;
use poem::web::Data;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;

use super::client_authentication::authenticate;
use super::parameters::{Described, Form, Parameters};
use super::service::{OAuth, Tag};
use crate::http::framework::answer::{Answer, Declared, refusals};
use crate::http::framework::code::Code;
use crate::http::framework::error::ApiError;
use crate::http::framework::secret_field::TokenField;
use crate::model::client::{Client, GrantType};
use crate::model::scope::ScopeSet;
use crate::oauth::{CodeExchange, Issued, MachineRequest, Refresh, RefreshToken};
use crate::secret::OpaqueToken;

refusals!(
    /// Getting tokens.
    TokenRefusals of OAuth: 400, 401, 413, 415, 429, 500, 503
);

/// The form of the token endpoint.
#[derive(Debug)]
pub struct TokenForm;

impl Described for TokenForm {
    const PARAMETERS: &'static [(&'static str, &'static str, bool)] = &[
        (
            "grant_type",
            "`authorization_code`, `refresh_token`, `client_credentials` or \
             `urn:ietf:params:oauth:grant-type:device_code`.",
            true,
        ),
        ("code", "The code, with `authorization_code`.", false),
        ("redirect_uri", "Where the code was sent; if it is given, it has to be that.", false),
        ("code_verifier", "What the challenge was made of (RFC 7636).", false),
        ("refresh_token", "The refresh token, with `refresh_token`.", false),
        ("device_code", "The device code, with the grant of RFC 8628.", false),
        ("scope", "A part of what was given.", false),
        ("resource", "Whom the access token is for (RFC 8707).", false),
        ("client_id", "The client, unless `Authorization: Basic` names it.", false),
        ("client_secret", "Its secret, with `client_secret_post`.", false),
        ("client_assertion_type", "With `private_key_jwt` (RFC 7523).", false),
        ("client_assertion", "The assertion, with `private_key_jwt`.", false),
    ];
}

/// What a client gets (RFC 6749 section 5.1).
#[derive(Serialize, Object)]
pub struct TokenAnswer {
    /// For the resource.
    pub access_token: TokenField,
    /// `Bearer`.
    pub token_type: String,
    /// Seconds.
    pub expires_in: u64,
    /// What it is for, word by word.
    pub scope: String,
    /// For the next answer; the one that was shown is spent.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<TokenField>,
    /// Who has signed in, with the scope `openid`.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<TokenField>,
}

impl std::fmt::Debug for TokenAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenAnswer(..)")
    }
}

impl From<Issued> for TokenAnswer {
    fn from(issued: Issued) -> Self {
        let field = |text: String| TokenField::from(OpaqueToken::new(text));
        Self {
            access_token: field(issued.access_token),
            token_type: "Bearer".to_owned(),
            expires_in: issued.expires_in.as_secs(),
            scope: issued.scope.to_string(),
            refresh_token: issued.refresh_token.map(|token| field(token.expose().to_owned())),
            id_token: issued.id_token.map(field),
        }
    }
}

/// The operations.
#[derive(Debug)]
pub struct TokenApi;

#[OpenApi(prefix_path = "/api/auth/oauth2")]
impl TokenApi {
    /// Get tokens
    ///
    /// For a code, a refresh token, a device code, or for the client itself. A code and a refresh token are good once; whoever
    /// shows one again ends what it gave. A client that has lost the answer to a refresh gets the same successor for 10 s.
    #[oai(path = "/token", method = "post", tag = "Tag::Tokens", operation_id = "token")]
    async fn token(
        &self,
        form: Form<TokenForm>,
        request: &Request,
        oauth: Data<&Arc<OAuth>>,
    ) -> Result<Answer<TokenAnswer>, Declared<TokenRefusals>> {
        let parameters = &form.0;
        if request.uri().query().is_some_and(|query| !query.is_empty()) {
            return Err(Code::OAuthInvalidRequest.saying("parameters belong into the body").into());
        }
        let grant = parameters.required("grant_type")?;
        let client = authenticate(&oauth, request, parameters).await?;
        let issued = match GrantType::parse(grant) {
            Some(GrantType::AuthorizationCode) => for_code(&oauth, &client, parameters).await?,
            Some(GrantType::RefreshToken) => for_refresh_token(&oauth, &client, parameters).await?,
            Some(GrantType::ClientCredentials) => for_machine(&oauth, &client, parameters).await?,
            Some(GrantType::DeviceCode) => for_device(&oauth, &client, parameters).await?,
            None => return Err(Code::OAuthUnsupportedGrantType.into()),
        };
        Ok(Answer::new(issued.into()))
    }
}

async fn for_code(oauth: &OAuth, client: &Client, given: &Parameters) -> Result<Issued, ApiError> {
    let code = OpaqueToken::new(given.required("code")?.to_owned());
    let asked = CodeExchange {
        code: &code,
        redirect_uri: given.optional("redirect_uri")?,
        code_verifier: given.optional("code_verifier")?,
        resource: resource(given)?,
    };
    Ok(oauth.tokens.exchange(client, &asked).await?)
}

async fn for_refresh_token(oauth: &OAuth, client: &Client, given: &Parameters) -> Result<Issued, ApiError> {
    let token = RefreshToken::parse(given.required("refresh_token")?);
    let scope = scope(given)?;
    let asked = Refresh { token: token.as_ref(), scope: scope.as_ref(), resource: resource(given)? };
    Ok(oauth.tokens.refresh(client, &asked).await?)
}

async fn for_machine(oauth: &OAuth, client: &Client, given: &Parameters) -> Result<Issued, ApiError> {
    let scope = scope(given)?;
    let asked = MachineRequest { scope: scope.as_ref(), resource: resource(given)? };
    Ok(oauth.tokens.for_machine(client, &asked).await?)
}

async fn for_device(oauth: &OAuth, client: &Client, given: &Parameters) -> Result<Issued, ApiError> {
    let code = OpaqueToken::new(given.required("device_code")?.to_owned());
    Ok(oauth.tokens.for_device(client, &code, resource(given)?).await?)
}

fn scope(given: &Parameters) -> Result<Option<ScopeSet>, ApiError> {
    let Some(text) = given.optional("scope")? else { return Ok(None) };
    ScopeSet::parse(text).map(Some).ok_or_else(|| Code::OAuthInvalidScope.into())
}

/// One token is for one resource.
fn resource(given: &Parameters) -> Result<Option<&str>, ApiError> {
    match given.repeated("resource")?.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        _ => Err(Code::OAuthInvalidTarget.saying("a token is for one resource")),
    }
}
