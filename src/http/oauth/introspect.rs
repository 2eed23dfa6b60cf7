//! Introspection (RFC 7662).

use std::sync::Arc;

use poem::Request;
use poem::web::Data;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;
use serde_json::Value;
use signet_verify::jose::claims::Principal;

use super::client_authentication::authenticate;
use super::parameters::{Form, ShownToken};
use super::service::{OAuth, Tag};
use crate::http::framework::answer::{Answer, Declared, refusals};
use crate::model::client::AuthMethod;
use crate::model::grant::Grant;
use crate::oauth::{Described, Error, audience_of};

refusals!(
    /// Asking what a token is.
    IntrospectRefusals of OAuth: 400, 401, 413, 415, 429, 500, 503
);

/// What a token is (RFC 7662 section 2.2): `active` alone where it is not good, or not this client's.
#[derive(Debug, Default, Serialize, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct IntrospectionAnswer {
    /// Whether it is good, here and now.
    pub active: bool,
    /// What it is for, word by word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// `Bearer`, for an access token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_type: Option<String>,
    /// When it ends, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exp: Option<i64>,
    /// When it was issued, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iat: Option<i64>,
    /// The user, or the client itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// Whom it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aud: Option<Vec<String>>,
    /// Who issued it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// Its own id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
}

impl IntrospectionAnswer {
    fn of_access(token: &Principal) -> Self {
        let text = |name: &str| token.claim(name).and_then(Value::as_str).map(str::to_owned);
        let aud = token.claim("aud").map(audience_of).unwrap_or_default();
        Self {
            active: true,
            scope: text("scope"),
            client_id: text("client_id"),
            token_type: Some("Bearer".to_owned()),
            exp: Some(token.expires.seconds()),
            iat: token.issued_at.map(|at| at.seconds()),
            sub: Some(token.subject.clone()),
            aud: Some(aud.into_iter().map(str::to_owned).collect()),
            iss: token.issuer.clone(),
            jti: token.token_id.clone(),
        }
    }

    fn of_refresh(grant: &Grant, issuer: &str) -> Self {
        Self {
            active: true,
            scope: Some(grant.scope.to_string()),
            client_id: Some(grant.client_id.to_string()),
            exp: Some(grant.expires_at.seconds()),
            sub: Some(grant.user_id.clone()),
            iss: Some(issuer.to_owned()),
            ..Self::default()
        }
    }
}

/// The operation.
#[derive(Debug)]
pub struct IntrospectApi;

#[OpenApi(prefix_path = "/api/auth/oauth2")]
impl IntrospectApi {
    /// Ask what a token is
    ///
    /// For confidential clients, of their own tokens, and of access tokens for the resources that name them in
    /// `introspection_clients`. Of any other text the answer is `{"active": false}`, whatever it is.
    #[oai(path = "/introspect", method = "post", tag = "Tag::Tokens", operation_id = "introspect")]
    async fn introspect(
        &self,
        form: Form<ShownToken>,
        request: &Request,
        oauth: Data<&Arc<OAuth>>,
    ) -> Result<Answer<IntrospectionAnswer>, Declared<IntrospectRefusals>> {
        let client = authenticate(&oauth, request, &form.0).await?;
        if client.auth_method == AuthMethod::None {
            return Err(Error::InvalidClient.into());
        }
        let described = oauth.access_tokens.describe(&client, form.0.required("token")?).await?;
        Ok(Answer::new(match described {
            None => IntrospectionAnswer::default(),
            Some(Described::Access(token)) => IntrospectionAnswer::of_access(&token),
            Some(Described::Refresh(grant)) => IntrospectionAnswer::of_refresh(&grant, &oauth.issuer),
        }))
    }
}
