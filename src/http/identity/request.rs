//! What the operations of the identity service are given, in the order in which a request is judged.
//! In: a request. Out: its body, and who is signed in; or the first refusal.
//! Owns: the precedence of Better Auth's errors (body, origin, fields, sign-in guard, session).

use std::ops::Deref;
use std::sync::Arc;

use poem::http::header::{ACCEPT_LANGUAGE, USER_AGENT};
use poem::{FromRequest, Request, RequestBody, Result};
use poem_openapi::registry::{MetaRequest, MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde_json::Value;

use super::fields::RedirectUrl;
use super::origin;
use super::service::Identity;
use crate::config::TrustedOrigins;
use crate::http::framework::body;
use crate::http::framework::body::MediaTypes;
use crate::http::framework::client_address::ClientAddress;
use crate::http::framework::code::Api;
use crate::http::framework::code::Code;
use crate::http::framework::error::ApiError;
use crate::http::framework::fields::FromFields;
use crate::http::framework::headers;
use crate::http::framework::query;
use crate::identity::Device;
use crate::identity::Found;
use crate::identity::MailOptions;
use crate::identity::SignedIn;
use crate::identity::Slide;
use crate::mail::Language;
use crate::secret::OpaqueToken;

/// Members of bodies that name a place to go on to, and the code when it is not trusted.
const REDIRECT_FIELDS: [(&str, Code); 4] = [
    ("callbackURL", Code::InvalidCallbackUrl),
    ("redirectTo", Code::InvalidRedirectUrl),
    ("errorCallbackURL", Code::InvalidErrorCallbackUrl),
    ("newUserCallbackURL", Code::InvalidNewUserCallbackUrl),
];

fn identity(request: &Request) -> Result<&Arc<Identity>, ApiError> {
    request.extensions().get().ok_or_else(|| Code::Internal.into())
}

/// The body of a request that changes something.
pub struct Input<T>(pub T);

/// The body of a request that signs a user in: an HTML form may send it too, and no foreign page may.
pub struct SignInInput<T>(pub T);

async fn read<T: FromFields>(
    request: &Request,
    body: &mut RequestBody,
    media_types: MediaTypes,
) -> Result<T, ApiError> {
    let identity = identity(request)?;
    let document = body::read(request, body, Api::Identity, media_types).await?;
    origin::check_cookie_request(request.headers(), &identity.cookies, &identity.origins)?;
    check_redirects(document.as_ref(), &identity.origins)?;
    check_redirects_in_query(request, &identity.origins)?;
    let schemas = match media_types {
        MediaTypes::Json => &["record"][..],
        // Better Auth's sign-in and sign-up have two schemas, and it names both.
        MediaTypes::JsonOrForm => &["object", "record"],
    };
    body::typed(document, Api::Identity, schemas)
}

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
        Ok(Self(read(request, body, MediaTypes::Json).await?))
    }
}

impl<'a, T: FromFields> ApiExtractor<'a> for SignInInput<T> {
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
        let value = read(request, body, MediaTypes::JsonOrForm).await?;
        origin::check_sign_in_request(request.headers(), &identity(request)?.origins)?;
        Ok(Self(value))
    }
}

fn check_redirects(document: Option<&Value>, origins: &TrustedOrigins) -> Result<(), ApiError> {
    let Some(Value::Object(members)) = document else { return Ok(()) };
    for (member, code) in REDIRECT_FIELDS {
        match members.get(member) {
            // An empty one names no place.
            Some(Value::String(place)) if !place.is_empty() && !origins.trusts_url(place) => {
                return Err(code.into());
            }
            // Whatever JavaScript takes for true is meant as one.
            Some(Value::Bool(true) | Value::Array(_) | Value::Object(_)) => return Err(no_text(code)),
            Some(Value::Number(number)) if number.as_f64() != Some(0.0) => return Err(no_text(code)),
            _ => {}
        }
    }
    Ok(())
}

/// The answer to a place that is no text: which member it is, the message of its other refusal says.
fn no_text(code: Code) -> ApiError {
    Code::ValidationError.saying(format!("{}: expected a string", code.message()))
}

/// The same members may stand in the query of a request that changes something.
fn check_redirects_in_query(request: &Request, origins: &TrustedOrigins) -> Result<(), Code> {
    let query = request.uri().query().unwrap_or_default();
    for (name, place) in url::form_urlencoded::parse(query.as_bytes()) {
        let field = REDIRECT_FIELDS.iter().find(|(field, _)| name == *field);
        if let Some((_, code)) = field.filter(|_| !place.is_empty() && !origins.trusts_url(&place)) {
            return Err(*code);
        }
    }
    Ok(())
}

/// The `callbackURL` of a link, if it has one and it is trusted; it may be empty.
///
/// # Errors
/// 400 when it is given twice, 403 `INVALID_CALLBACK_URL`.
pub fn checked_callback(request: &Request, identity: &Identity) -> Result<Option<String>, ApiError> {
    let callback = query::optional(request, "callbackURL")?;
    match &callback {
        Some(place) if !place.is_empty() && !identity.origins.trusts_url(place) => {
            Err(Code::InvalidCallbackUrl.into())
        }
        _ => Ok(callback),
    }
}

/// What a request says about the mail that it asks for.
pub fn mail_options(callback: Option<RedirectUrl>, language: &PreferredLanguage) -> MailOptions {
    let callback = callback.map(|place| place.0).filter(|place| !place.is_empty());
    MailOptions { callback, language: language.0 }
}

/// The language that the client prefers, of those that mail is written in.
#[derive(Clone, Copy, Debug)]
pub struct PreferredLanguage(pub Language);

impl<'a> FromRequest<'a> for PreferredLanguage {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        Ok(Self(Language::of(headers::first(request.headers(), &ACCEPT_LANGUAGE).as_deref())))
    }
}

/// How the OpenAPI document calls the two ways to present a session.
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

/// The user who is signed in. To be asked for after the body: a body that does not fit is 400 also for those who are
/// not.
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
        let presented = identity.cookies.session_token(request.headers());
        match identity.sessions.authenticate(presented, Slide::Yes).await.map_err(ApiError::from)? {
            Found::SignedIn(signed_in) => Ok(Self(*signed_in)),
            Found::Ended => {
                let mut refusal = ApiError::from(Code::Unauthorized);
                refusal.headers.extend(identity.cookies.clear());
                Err(refusal.into())
            }
            Found::NoToken => Err(Code::Unauthorized.into()),
        }
    }
}

/// The session token that a request presents, if any; nothing is looked up.
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

/// The user who is signed in, if one is: a session that has ended is none.
#[derive(Debug)]
pub struct MaybeSession(pub Option<SignedIn>);

impl<'a> ApiExtractor<'a> for MaybeSession {
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
        let identity = identity(request)?;
        let presented = identity.cookies.session_token(request.headers());
        match identity.sessions.authenticate(presented, Slide::No).await.map_err(ApiError::from)? {
            Found::SignedIn(signed_in) => Ok(Self(Some(*signed_in))),
            Found::Ended | Found::NoToken => Ok(Self(None)),
        }
    }
}

/// Where the caller is.
#[derive(Debug)]
pub struct Client(pub Device);

impl<'a> FromRequest<'a> for Client {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        let user_agent = headers::first(request.headers(), &USER_AGENT).unwrap_or_default();
        let address = request.extensions().get::<ClientAddress>();
        let identity = identity(request)?;
        Ok(Self(Device {
            ip_address: address.map(ClientAddress::to_string).unwrap_or_default(),
            subscriber: address.map(ClientAddress::subscriber).unwrap_or_default(),
            tokens: identity.cookies.device_tokens(request.headers(), &identity.devices),
            user_agent: user_agent.chars().filter(|c| !c.is_control()).collect(),
        }))
    }
}
