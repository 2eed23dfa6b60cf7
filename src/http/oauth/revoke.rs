//! Revocation (RFC 7009).

use std::sync::Arc;

use poem::http::StatusCode;
use poem::web::Data;
use poem::{IntoResponse, Request, Response};
use poem_openapi::registry::{MetaResponse, MetaResponses, Registry};
use poem_openapi::{ApiResponse, OpenApi};

use super::client_authentication::authenticate;
use super::parameters::{Form, ShownToken};
use super::service::{OAuth, Tag};
use crate::http::framework::answer::{Declared, refusals};

refusals!(
    /// Giving a token back.
    RevokeRefusals of OAuth: 400, 401, 413, 415, 429, 500, 503
);

/// 200 without a body (RFC 7009 section 2.2).
#[derive(Clone, Copy, Debug)]
pub struct Revoked;

impl IntoResponse for Revoked {
    fn into_response(self) -> Response {
        StatusCode::OK.into()
    }
}

impl ApiResponse for Revoked {
    fn meta() -> MetaResponses {
        let done = MetaResponse {
            description: "The token is not good any more, if it ever was.",
            status: Some(200),
            status_range: None,
            content: Vec::new(),
            headers: Vec::new(),
        };
        MetaResponses { responses: vec![done] }
    }

    fn register(_: &mut Registry) {}
}

/// The operation.
#[derive(Debug)]
pub struct RevokeApi;

#[OpenApi(prefix_path = "/api/auth/oauth2")]
impl RevokeApi {
    /// Give a token back
    ///
    /// Ends the token and all that came of the same grant, at every resource of the deployment. Tokens that are unknown, or of
    /// another client, are left alone, and the answer is the same.
    #[oai(path = "/revoke", method = "post", tag = "Tag::Tokens", operation_id = "revoke")]
    async fn revoke(
        &self,
        form: Form<ShownToken>,
        request: &Request,
        oauth: Data<&Arc<OAuth>>,
    ) -> Result<Revoked, Declared<RevokeRefusals>> {
        let client = authenticate(&oauth, request, &form.0).await?;
        oauth.access_tokens.revoke(&client, form.0.required("token")?).await?;
        Ok(Revoked)
    }
}
