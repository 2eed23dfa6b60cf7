//! Reading JSON bodies strictly.
//! In: a request body. Out: a typed value, or every field that does not fit, in one answer.
//! Owns: duplicate members, wrong types and over-long texts never reach a use case; the bytes are wiped once read.

use std::fmt::Write as _;

use poem::http::StatusCode;
use poem::http::header::CONTENT_TYPE;
use poem::{Request, RequestBody, Result};
use poem_openapi::registry::{MetaMediaType, MetaRequest, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::error::ApiError;
use crate::token::json::{self, JsonFault};

/// The largest body that is read, in bytes.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// A value that can be read from the members of a body.
pub trait FromFields: Type + Sized {
    /// Whether it is for signing in or up: HTML forms may send it too, all their values being texts.
    const SIGNS_IN: bool = false;
    /// Whether the body may be absent; it is then read as `{}`.
    const OPTIONAL: bool = false;
    /// How bodies that do not fit are refused.
    const DIALECT: Dialect = Dialect::BetterAuth;

    /// Takes the members; what does not fit is noted in `fields`, and the value is then thrown away.
    fn from_fields(fields: &mut Fields) -> Self;
}

/// Which of the two APIs speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// 400 for all that does not fit, as Better Auth answers.
    BetterAuth,
    /// 422 for all that does not fit.
    Tasks,
}

impl Dialect {
    fn malformed(self) -> ApiError {
        match self {
            Self::BetterAuth => {
                ApiError::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", "Invalid JSON in request body")
            }
            Self::Tasks => ApiError::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "INVALID_JSON",
                "[body] Invalid JSON in request body",
            ),
        }
    }

    fn invalid(self, message: String) -> ApiError {
        match self {
            Self::BetterAuth => ApiError::validation(message),
            Self::Tasks => ApiError::unprocessable(message),
        }
    }
}

/// What a text member has to be.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    /// At least so many characters.
    pub min: usize,
    /// At most so many characters.
    pub max: usize,
    /// Whether line breaks and tabs may occur; other control characters never do.
    pub lines: bool,
}

impl Text {
    /// Any text up to `max` characters, without control characters.
    pub const fn up_to(max: usize) -> Self {
        Self { min: 0, max, lines: false }
    }

    /// A secret: no rule but a bound that keeps hashing cheap; the use case judges its length.
    pub const SECRET: Self = Self { min: 0, max: 4096, lines: true };
}

/// The members of a body, and what is wrong with them.
#[derive(Debug)]
pub struct Fields {
    members: Map<String, Value>,
    faults: Vec<String>,
}

impl Fields {
    fn new(members: Map<String, Value>) -> Self {
        Self { members, faults: Vec::new() }
    }

    /// A text that must be there; empty when it does not fit.
    pub fn text(&mut self, name: &str, rule: Text) -> String {
        self.required(name, rule).unwrap_or_default()
    }

    /// A text that must be there; `None` when it does not fit.
    pub fn required(&mut self, name: &str, rule: Text) -> Option<String> {
        match self.members.remove(name) {
            Some(value) => self.checked(name, value, rule),
            None => {
                self.fault(name, "Invalid input: expected string, received undefined");
                None
            }
        }
    }

    /// A text that may be absent, but not null.
    pub fn text_or_absent(&mut self, name: &str, rule: Text) -> Option<String> {
        let value = self.members.remove(name)?;
        self.checked(name, value, rule)
    }

    /// A text that may be absent (outer `None`) or null (inner `None`).
    pub fn text_or_null(&mut self, name: &str, rule: Text) -> Option<Option<String>> {
        match self.members.remove(name)? {
            Value::Null => Some(None),
            value => Some(self.checked(name, value, rule)),
        }
    }

    /// A flag that may be absent, but not null.
    pub fn flag_or_absent(&mut self, name: &str) -> Option<bool> {
        match self.members.remove(name)? {
            Value::Bool(flag) => Some(flag),
            value => {
                let text = format!("Invalid input: expected boolean, received {}", kind(&value));
                self.fault(name, &text);
                None
            }
        }
    }

    /// Whether there is a member of this name.
    pub fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    /// Notes every member that is left over as one that should not be there.
    pub fn refuse_the_rest(&mut self) {
        if !self.members.is_empty() {
            // Their names are the caller's input and are not repeated.
            self.faults.push("[body] Unrecognized keys".to_owned());
        }
    }

    /// Notes that something is wrong with a member.
    pub fn fault(&mut self, name: &str, text: &str) {
        self.faults.push(format!("[body.{name}] {text}"));
    }

    fn checked(&mut self, name: &str, value: Value, rule: Text) -> Option<String> {
        let Value::String(text) = value else {
            let fault = format!("Invalid input: expected string, received {}", kind(&value));
            self.fault(name, &fault);
            return None;
        };
        let length = text.chars().count();
        let is_foreign = |c: char| c.is_control() && !(rule.lines && matches!(c, '\n' | '\r' | '\t'));
        let is_secret = rule.max == Text::SECRET.max;
        if length < rule.min {
            self.fault(name, &format!("Too small: expected string to have >={} characters", rule.min));
        } else if length > rule.max {
            self.fault(name, &format!("Too big: expected string to have <={} characters", rule.max));
        } else if !is_secret && text.chars().any(is_foreign) {
            self.fault(name, "Invalid string: must not contain control characters");
        } else {
            return Some(text);
        }
        None
    }
}

/// What JavaScript would call a value.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Reads the body of `request` as JSON of any shape; `None` when there is none that may be read.
///
/// # Errors
/// 413 over the limit, 415 for another media type, then a malformed document.
pub async fn read_json<T: FromFields>(
    request: &Request,
    body: &mut RequestBody,
) -> Result<Option<Value>, ApiError> {
    let bytes = match body.take() {
        Ok(body) => Zeroizing::new(body.into_bytes_limit(MAX_BODY_BYTES).await.map_err(unreadable)?.to_vec()),
        Err(_) => Zeroizing::default(),
    };
    let media_type = request.headers().get(CONTENT_TYPE).map(|value| value.to_str().unwrap_or("?"));
    let Some(media_type) = media_type.filter(|_| !bytes.is_empty()) else { return Ok(None) };
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        JSON => json::parse(&bytes).map(Some).map_err(|fault| match fault {
            JsonFault::DuplicateMember if T::DIALECT == Dialect::Tasks => {
                T::DIALECT.invalid("[body] A member occurs twice".to_owned())
            }
            _ => T::DIALECT.malformed(),
        }),
        // What `curl -d` says of everything.
        FORM if T::SIGNS_IN && bytes.starts_with(b"{") => {
            Err(T::DIALECT.invalid("[body] JSON is sent with Content-Type: application/json".to_owned()))
        }
        FORM if T::SIGNS_IN => {
            let pairs = url::form_urlencoded::parse(&bytes);
            Ok(Some(
                pairs.map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))).collect(),
            ))
        }
        _ => Err(unsupported::<T>()),
    }
}

fn unsupported<T: FromFields>() -> ApiError {
    let allowed = if T::SIGNS_IN { format!("{FORM}, {JSON}") } else { JSON.to_owned() };
    ApiError::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "UNSUPPORTED_MEDIA_TYPE",
        format!("Content-Type is not allowed. Allowed types: {allowed}"),
    )
}

fn unreadable(error: poem::error::ReadBodyError) -> ApiError {
    match error {
        poem::error::ReadBodyError::PayloadTooLarge => ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "PAYLOAD_TOO_LARGE",
            format!("The body is larger than {MAX_BODY_BYTES} bytes"),
        ),
        _ => ApiError::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", "The body could not be read"),
    }
}

/// Reads `T` out of a document.
///
/// # Errors
/// One answer that names every field that does not fit.
pub fn typed<T: FromFields>(document: Option<Value>) -> Result<T, ApiError> {
    let members = match document {
        Some(Value::Object(members)) => members,
        None if T::OPTIONAL => Map::new(),
        other => {
            let received = other.as_ref().map_or("undefined", kind);
            let mut message = String::new();
            // Better Auth's sign-up has two schemas and names both.
            for expected in if T::SIGNS_IN { &["object", "record"][..] } else { &["record"] } {
                let separator = if message.is_empty() { "" } else { "; " };
                let _ = write!(
                    message,
                    "{separator}[body] Invalid input: expected {expected}, received {received}"
                );
            }
            return Err(T::DIALECT.invalid(message));
        }
    };
    let mut fields = Fields::new(members);
    let value = T::from_fields(&mut fields);
    if fields.faults.is_empty() { Ok(value) } else { Err(T::DIALECT.invalid(fields.faults.join("; "))) }
}

/// The body of a request to the tasks API.
#[derive(Debug)]
pub struct TaskBody<T>(pub T);

impl<'a, T: FromFields> ApiExtractor<'a> for TaskBody<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(described::<T>())
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<Self::ParamType>,
    ) -> Result<Self> {
        let document = read_json::<T>(request, body).await?;
        Ok(Self(typed(document)?))
    }
}

/// How the OpenAPI document describes a body of `T`. Forms are left out: they are there for pages without scripts, and
/// cannot say everything that JSON can.
pub fn described<T: FromFields>() -> MetaRequest {
    let content = vec![MetaMediaType { content_type: JSON, schema: T::schema_ref() }];
    MetaRequest { description: None, content, required: !T::OPTIONAL }
}
