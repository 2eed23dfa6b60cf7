//! Who may pass: the owner of the path, proved by a token.
//! In: `Authorization` and the `{user_id}` of the path. Out: a [`Principal`], or 401, 403, 503.
//! Owns: this stands before every other argument of every operation; nothing is parsed or looked up before it.

use std::sync::Arc;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use poem::http::header::WWW_AUTHENTICATE;
use poem::{Request, RequestBody, Result};
use poem_openapi::registry::{MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use crate::http::framework::code::Code;
use crate::http::framework::error::ApiError;
use crate::resource::task;
use signet_verify::guard::{CHALLENGE_INSUFFICIENT_SCOPE, authenticate};
use signet_verify::jose::claims::Principal;
use signet_verify::verifier::Verifier;

/// What the operations work with.
#[derive(Debug)]
pub struct Resource {
    /// The caller's tasks.
    pub tasks: task::Tasks,
    /// Who the caller is.
    pub verifier: Arc<Verifier>,
}

/// How the router calls the first variable of a path, which is `{user_id}` in every operation: poem-openapi numbers
/// them. Were it wrong, every request would be refused.
const USER_ID: &str = "param0";

/// The caller, who is the user of the path.
#[derive(Debug)]
pub struct Owner(pub Principal);

impl<'a> ApiExtractor<'a> for Owner {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        let jwt = MetaSecurityScheme {
            ty: "http",
            description: Some("The JWT of `GET /api/auth/token` (not the session token)."),
            name: None,
            key_in: None,
            scheme: Some("bearer"),
            bearer_format: Some("JWT"),
            flows: None,
            openid_connect_url: None,
        };
        registry.create_security_scheme("jwt", jwt);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec!["jwt"]
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<Self::ParamType>,
    ) -> Result<Self> {
        let resource = request.extensions().get::<Arc<Resource>>().ok_or(Code::Internal)?;
        let caller = authenticate(&resource.verifier, request.headers()).await.map_err(ApiError::from)?;
        let named = request.raw_path_param(USER_ID).unwrap_or_default();
        if named == "me" || named == caller.subject {
            return Ok(Self(caller));
        }
        Err(ApiError::from(Code::Forbidden)
            .with_header(WWW_AUTHENTICATE, CHALLENGE_INSUFFICIENT_SCOPE)
            .into())
    }
}

/// A segment of a path, with everything encoded that could end it or be taken for something else.
pub fn path_segment(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}
