//! Who may pass: the owner of the path, proved by a token, as long as they do not ask for too much at once.
//! In: `Authorization` and the `{user_id}` of the path. Out: a [`Principal`], or 401, 403, 429, 503.
//! Owns: this stands before every other argument of every operation; nothing is parsed or looked up before it.

use std::sync::Arc;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use poem::http::header::WWW_AUTHENTICATE;
use poem::{Request, RequestBody, Result};
use poem_openapi::registry::{MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::challenge::{Identifier, is_read, scope_of, scope_parameter};
use super::in_flight::{InFlight, Place};
use crate::http::framework::code::Code;
use crate::http::framework::error::ApiError;
use crate::resource::task;
use crate::sync::limiter::Limiter;
use crate::sync::rule::Rule;
use signet_verify::guard::{CHALLENGE_INSUFFICIENT_SCOPE, authenticate};
use signet_verify::jose::claims::{Principal, TokenType};
use signet_verify::verifier::Verifier;

/// What the operations work with.
#[derive(Debug)]
pub struct Resource {
    /// The caller's tasks.
    pub tasks: task::Tasks,
    /// What others know it as.
    pub identifier: Identifier,
    /// Who the caller is.
    pub verifier: Arc<Verifier>,
    /// How often a user may ask.
    pub limiter: Arc<Limiter>,
    /// What is worked on.
    pub in_flight: Arc<InFlight>,
}

const WINDOW: Duration = Duration::from_secs(10);

/// How often one user may read, and how often write; all their tokens and addresses are counted together.
const READS: &Rule = &Rule { name: "tasks-read", burst: 600, window: WINDOW };
const WRITES: &Rule = &Rule { name: "tasks-write", burst: 200, window: WINDOW };

/// When to come back with what is too much at once: until then something else of theirs is answered.
const AT_ONCE_RETRY: Duration = Duration::from_secs(1);

/// How the router calls the first variable of a path, which is `{user_id}` in every operation: poem-openapi numbers
/// them. Were it wrong, every request would be refused.
const USER_ID: &str = "param0";

/// The caller, who is the user of the path.
#[derive(Debug)]
pub struct Owner(pub Principal, #[expect(dead_code, reason = "kept until the answer is there")] Place);

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
        if named != "me" && named != caller.subject {
            let forbidden = ApiError::from(Code::Forbidden);
            return Err(forbidden.with_header(WWW_AUTHENTICATE, CHALLENGE_INSUFFICIENT_SCOPE).into());
        }
        // Tasks are those of users; a client that asks for itself has none (RFC 9068 section 2.2).
        if is_machine(&caller) {
            let refused = Code::InsufficientScope.saying("This access token is not one of a user");
            return Err(refused.with_header(WWW_AUTHENTICATE, CHALLENGE_INSUFFICIENT_SCOPE).into());
        }
        let (reads, scope) = (is_read(request.method()), scope_of(request.method()));
        // A session may do everything that its user may; what a client was given is in the scope of its token.
        if caller.token_type == TokenType::AccessToken && !caller.has_scope(scope) {
            let challenge = format!("{CHALLENGE_INSUFFICIENT_SCOPE}{}", scope_parameter(request.method()));
            return Err(ApiError::from(Code::InsufficientScope)
                .with_header(WWW_AUTHENTICATE, challenge)
                .into());
        }
        // What is too much at once is told so before Redis is asked, and is not counted.
        let Some(place) = resource.in_flight.enter(&caller.subject) else {
            resource.in_flight.hold_back(&caller.subject).await;
            return Err(Code::TooManyTaskRequests.retry_after(AT_ONCE_RETRY).into());
        };
        let rule = if reads { READS } else { WRITES };
        if let Err(wait) = resource.limiter.attempt(rule, &caller.subject).await {
            drop(place);
            resource.in_flight.hold_back(&caller.subject).await;
            return Err(Code::TooManyTaskRequests.retry_after(wait.0).into());
        }
        Ok(Self(caller, place))
    }
}

/// Whether an access token is of the client itself.
fn is_machine(caller: &Principal) -> bool {
    let client = caller.claim("client_id").and_then(serde_json::Value::as_str);
    caller.token_type == TokenType::AccessToken && client == Some(caller.subject.as_str())
}

/// A segment of a path, with everything encoded that could end it or be taken for something else.
pub fn path_segment(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}
