//! Parameters of a query that are read strictly, as Better Auth reads them.
//! In: a request. Out: a text that was given once; or what does not fit, in Better Auth's words.

use poem::Request;
use url::form_urlencoded;

use super::code::Code;
use super::error::ApiError;
use super::text::Text;

/// The longest parameter, in characters; it may be sent back in a header.
pub const PARAMETER: Text = Text::line(2048);

/// A parameter that may be absent.
///
/// # Errors
/// `VALIDATION_ERROR` when it is given more than once, or is no short line.
pub fn optional(request: &Request, name: &str) -> Result<Option<String>, ApiError> {
    let query = request.uri().query().unwrap_or_default();
    let mut given = form_urlencoded::parse(query.as_bytes()).filter(|(other, _)| other == name);
    let (first, second) = (given.next(), given.next());
    if second.is_some() {
        return Err(misfit(name, "Invalid input: expected string, received array"));
    }
    let Some((_, value)) = first else { return Ok(None) };
    match PARAMETER.misfit(&value) {
        Some(text) => Err(misfit(name, &text)),
        None => Ok(Some(value.into_owned())),
    }
}

/// A parameter that must be there.
///
/// # Errors
/// `VALIDATION_ERROR`.
pub fn required(request: &Request, name: &str) -> Result<String, ApiError> {
    let absent = || misfit(name, "Invalid input: expected string, received undefined");
    optional(request, name)?.ok_or_else(absent)
}

fn misfit(name: &str, text: &str) -> ApiError {
    Code::ValidationError.saying(format!("[query.{name}] {text}"))
}
