//! Reading bodies strictly.
//! In: a request body. Out: JSON of any shape, then a typed value; or what does not fit.
//! Owns: duplicate members, wrong types and over-long texts never reach a use case; the bytes are wiped once read.

use poem::error::ReadBodyError;
use poem::http::header::CONTENT_TYPE;
use poem::{Request, RequestBody, Result};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchemaRef, Registry};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::bounds::MAX_BODY_BYTES;
use super::code::{Api, Code};
use super::error::ApiError;
use super::fields::{Fields, FromFields, Presence, kind};
use super::headers;
use signet_verify::jose::json;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// What an operation reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaTypes {
    /// JSON.
    Json,
    /// JSON, or an HTML form, whose values are all texts.
    JsonOrForm,
}

impl Api {
    fn malformed(self) -> ApiError {
        match self {
            Self::Identity => Code::BadRequest.saying("Invalid JSON in request body"),
            Self::Tasks => Code::InvalidJson.into(),
            Self::OAuth => Code::OAuthInvalidRequest.into(),
        }
    }

    /// The answer to what does not fit; `message` names every field.
    fn invalid(self, message: String) -> ApiError {
        match self {
            Self::Identity => Code::ValidationError.saying(message),
            Self::Tasks => Code::InvalidTask.saying(message),
            Self::OAuth => Code::OAuthInvalidRequest.saying(message),
        }
    }
}

/// Reads the body of `request` as JSON of any shape; `None` when there is none that may be read.
///
/// # Errors
/// 413 over the limit, 415 for another media type, then a malformed document.
pub async fn read(
    request: &Request,
    body: &mut RequestBody,
    api: Api,
    media_types: MediaTypes,
) -> Result<Option<Value>, ApiError> {
    let bytes = match body.take() {
        Ok(body) => Zeroizing::new(body.into_bytes_limit(MAX_BODY_BYTES).await.map_err(unreadable)?.to_vec()),
        Err(_) => Zeroizing::default(),
    };
    let media_type = headers::first(request.headers(), &CONTENT_TYPE);
    let Some(media_type) = media_type.filter(|_| !bytes.is_empty()) else { return Ok(None) };
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match (essence.as_str(), media_types) {
        (JSON, _) => json::parse(&bytes).map(Some).map_err(|error| match (error, api) {
            (json::Error::DuplicateMember, Api::Tasks) => {
                api.invalid("[body] A member occurs twice".to_owned())
            }
            _ => api.malformed(),
        }),
        // What `curl -d` says of everything.
        (FORM, MediaTypes::JsonOrForm) if bytes.starts_with(b"{") => {
            Err(api.invalid("[body] JSON is sent with Content-Type: application/json".to_owned()))
        }
        (FORM, MediaTypes::JsonOrForm) => {
            let pairs = url::form_urlencoded::parse(&bytes);
            Ok(Some(
                pairs.map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))).collect(),
            ))
        }
        _ => Err(unsupported(media_types)),
    }
}

fn unsupported(media_types: MediaTypes) -> ApiError {
    let allowed = match media_types {
        MediaTypes::Json => JSON.to_owned(),
        MediaTypes::JsonOrForm => format!("{FORM}, {JSON}"),
    };
    Code::UnsupportedMediaType.saying(format!("Content-Type is not allowed. Allowed types: {allowed}"))
}

/// What a body is refused with that cannot be read.
pub fn unreadable(error: ReadBodyError) -> ApiError {
    match error {
        ReadBodyError::PayloadTooLarge => {
            Code::PayloadTooLarge.saying(format!("The body is larger than {MAX_BODY_BYTES} bytes"))
        }
        ReadBodyError::Io(error) if error.kind() == std::io::ErrorKind::TimedOut => {
            Code::RequestTimeout.into()
        }
        _ => Code::BadRequest.saying("The body could not be read"),
    }
}

/// Reads `T` out of a document. What is no object is refused in the words of the schemas that it fits in none of.
///
/// # Errors
/// One answer that names every field that does not fit.
pub fn typed<T: FromFields>(document: Option<Value>, api: Api, schemas: &[&str]) -> Result<T, ApiError> {
    let members = match document {
        Some(Value::Object(members)) => members,
        None if T::PRESENCE == Presence::Optional => Map::new(),
        other => {
            let received = other.as_ref().map_or("undefined", kind);
            let misfits = schemas
                .iter()
                .map(|schema| format!("[body] Invalid input: expected {schema}, received {received}"));
            return Err(api.invalid(misfits.collect::<Vec<_>>().join("; ")));
        }
    };
    Fields::read(members).map_err(|misfits| api.invalid(misfits))
}

/// How the OpenAPI document describes a body of `T`. Forms are left out: they are there for pages without scripts, and
/// cannot say everything that JSON can.
pub fn described<T: FromFields>() -> MetaRequest {
    debug_assert!(reads_what_it_describes::<T>(), "{} reads other members than it describes", T::name());
    let content = vec![MetaMediaType { content_type: JSON, schema: T::schema_ref() }];
    MetaRequest { description: None, content, required: T::PRESENCE == Presence::Required }
}

fn reads_what_it_describes<T: FromFields>() -> bool {
    let mut registry = Registry::new();
    T::register(&mut registry);
    let MetaSchemaRef::Reference(name) = T::schema_ref() else { return false };
    registry
        .schemas
        .get(&name)
        .is_some_and(|schema| schema.properties.iter().all(|(member, _)| T::MEMBERS.contains(member)))
}
