//! What the operations of the identity service are given, in the order in which a request is judged.
//! In: a request. Out: its body, and who is signed in; or the first refusal.
//! Owns: the precedence of Better Auth's errors (body, origin, fields, sign-in guard, session).

use std::ops::Deref;
use std::sync::Arc;

use poem::http::StatusCode;
use poem::http::header::USER_AGENT;
use poem::{FromRequest, Request, RequestBody, Result};
use poem_openapi::registry::{MetaRequest, MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde_json::Value;

use super::Identity;
use super::origin;
use crate::http::framework::body::{self, FromFields};
use crate::http::framework::client_address::ClientAddress;
use crate::http::framework::error::ApiError;
use crate::identity::session::{Device, SignedIn};
use crate::secret::OpaqueToken;

/// Members of bodies that name a place to go on to, and the code when it is not trusted.
const REDIRECT_FIELDS: [(&str, &str, &str); 4] = [
    ("callbackURL", "INVALID_CALLBACK_URL", "Invalid callbackURL"),
    ("redirectTo", "INVALID_REDIRECT_URL", "Invalid redirectURL"),
    ("errorCallbackURL", "INVALID_ERROR_CALLBACK_URL", "Invalid errorCallbackURL"),
    ("newUserCallbackURL", "INVALID_NEW_USER_CALLBACK_URL", "Invalid newUserCallbackURL"),
];

fn identity(request: &Request) -> Result<&Arc<Identity>, ApiError> {
    request.extensions().get().ok_or_else(ApiError::internal)
}

/// The body of a request that changes something.
#[derive(Debug)]
pub struct Input<T>(pub T);

impl<'a, T: FromFields> ApiExtractor<'a> for Input<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(body::described::<T>())
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<Self::ParamType>,
    ) -> Result<Self> {
        let identity = identity(request)?;
        let document = body::read_json::<T>(request, body).await?;
        origin::check_cookie_request(request.headers(), &identity.origins)?;
        check_places(document.as_ref(), identity)?;
        let value = body::typed(document)?;
        if T::SIGNS_IN {
            origin::check_sign_in_request(request.headers(), &identity.origins)?;
        }
        Ok(Self(value))
    }
}

fn check_places(document: Option<&Value>, identity: &Identity) -> Result<(), ApiError> {
    let Some(Value::Object(members)) = document else { return Ok(()) };
    for (member, code, message) in REDIRECT_FIELDS {
        if let Some(Value::String(place)) = members.get(member)
            && !identity.origins.trusts_url(place)
        {
            return Err(ApiError::new(StatusCode::FORBIDDEN, code, message));
        }
    }
    Ok(())
}

/// How the OpenAPI document calls the two ways to show a session.
const CREDENTIALS: [&str; 2] = ["sessionToken", "sessionCookie"];

fn register_credentials(registry: &mut Registry) {
    let scheme = |ty, description| MetaSecurityScheme {
        ty,
        description: Some(description),
        name: None,
        key_in: None,
        scheme: None,
        bearer_format: None,
        flows: None,
        openid_connect_url: None,
    };
    let cookie = MetaSecurityScheme {
        name: Some("better-auth.session_token"),
        key_in: Some("cookie"),
        ..scheme(
            "apiKey",
            "The signed cookie that signing in sets; `__Secure-` stands before its name over HTTPS.",
        )
    };
    let bearer = MetaSecurityScheme {
        scheme: Some("bearer"),
        ..scheme(
            "http",
            "The session token: `token` of the sign-in answer, or its `set-auth-token` header. Not the JWT.",
        )
    };
    registry.create_security_scheme(CREDENTIALS[1], cookie);
    registry.create_security_scheme(CREDENTIALS[0], bearer);
}

/// Somebody who is signed in. To be asked for after the body: a body that does not fit is 400 also for strangers.
#[derive(Debug)]
pub struct CurrentSession(pub SignedIn);

impl Deref for CurrentSession {
    type Target = SignedIn;

    fn deref(&self) -> &SignedIn {
        &self.0
    }
}

impl<'a> ApiExtractor<'a> for CurrentSession {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        register_credentials(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        CREDENTIALS.to_vec()
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<Self::ParamType>,
    ) -> Result<Self> {
        let identity = identity(request)?;
        let shown = identity.cookies.session_token(request.headers());
        match identity.find(shown, true).await.map_err(ApiError::from)? {
            Found::SignedIn(signed_in) => Ok(Self(*signed_in)),
            Found::Ended => {
                let mut refusal = ApiError::unauthorized();
                refusal.headers.extend(identity.cookies.clear());
                Err(refusal.into())
            }
            Found::Nobody => Err(ApiError::unauthorized().into()),
        }
    }
}

/// What became of a session token.
#[derive(Debug)]
pub enum Found {
    /// None was shown, or none with a right signature.
    Nobody,
    /// One was shown, and its session is gone or over: the browser should forget it.
    Ended,
    /// It is good.
    SignedIn(Box<SignedIn>),
}

/// The session token that a request shows, if any; nothing is looked up.
#[derive(Debug)]
pub struct PresentedToken(pub Option<OpaqueToken>);

impl<'a> ApiExtractor<'a> for PresentedToken {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        register_credentials(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        CREDENTIALS.to_vec()
    }

    fn has_security_fallback() -> bool {
        true
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<Self::ParamType>,
    ) -> Result<Self> {
        Ok(Self(identity(request)?.cookies.session_token(request.headers())))
    }
}

/// Where the caller is.
#[derive(Debug)]
pub struct Client(pub Device);

impl<'a> FromRequest<'a> for Client {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        let user_agent =
            request.headers().get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let ip_address = request.extensions().get::<ClientAddress>().map(ClientAddress::to_string);
        let ip_address = ip_address.unwrap_or_default();
        Ok(Self(Device { ip_address, user_agent: user_agent.to_owned() }))
    }
}
