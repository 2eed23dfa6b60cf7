//! Answers that send a browser on.
//! In: a place that was judged to be trusted, and what to tell it. Out: 302 with `Location`; or a body, where no place is named.
//! Owns: what was in the place stays in it.

use poem::http::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use poem::http::{HeaderMap, StatusCode};
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaHeader, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::{ToJSON, Type};
use serde::Serialize;
use url::Url;

use super::answer::{Answer, ResponseHeaders};
use super::code::Code;
use super::error::ApiError;

/// 302 to a place, with further headers. Better Auth says `application/json` of the empty body.
#[derive(Debug)]
pub struct Redirect {
    place: String,
    headers: HeaderMap,
}

impl Redirect {
    /// To this place.
    pub fn to(place: impl Into<String>) -> Self {
        Self { place: place.into(), headers: HeaderMap::new() }
    }

    /// Adds headers that were made elsewhere.
    #[must_use]
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        self.headers.extend(headers);
        self
    }
}

impl IntoResponse for Redirect {
    fn into_response(self) -> Response {
        let Ok(place) = HeaderValue::try_from(self.place) else {
            // Nothing that is trusted looks like this.
            return ApiError::from(Code::BadRequest).into_response();
        };
        let mut response = Response::builder().status(StatusCode::FOUND).finish();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(LOCATION, place);
        headers.extend(self.headers);
        response
    }
}

impl ApiResponse for Redirect {
    fn meta() -> MetaResponses {
        let location = MetaHeader {
            name: "Location".to_owned(),
            description: Some("The place.".to_owned()),
            required: true,
            deprecated: false,
            schema: String::schema_ref(),
        };
        MetaResponses {
            responses: vec![MetaResponse {
                description: "On to the place that the link names; what went wrong stands in `error`.",
                status: Some(302),
                status_range: None,
                content: Vec::new(),
                headers: vec![location],
            }],
        }
    }

    fn register(_: &mut Registry) {}
}

/// A body, or a place to go on to.
pub enum AnswerOrRedirect<T, H = ()> {
    /// The body.
    Answer(Answer<T, 200, H>),
    /// The place.
    Redirect(Redirect),
}

impl<T: Serialize + ToJSON + Send, H: ResponseHeaders> IntoResponse for AnswerOrRedirect<T, H> {
    fn into_response(self) -> Response {
        match self {
            Self::Answer(answer) => answer.into_response(),
            Self::Redirect(redirect) => redirect.into_response(),
        }
    }
}

impl<T: Type + Serialize + ToJSON, H: ResponseHeaders> ApiResponse for AnswerOrRedirect<T, H> {
    fn meta() -> MetaResponses {
        let mut responses = Answer::<T, 200, H>::meta().responses;
        responses.extend(Redirect::meta().responses);
        MetaResponses { responses }
    }

    fn register(registry: &mut Registry) {
        Answer::<T, 200, H>::register(registry);
    }
}

/// A place with one more parameter; what is there stays, the fragment at its end.
pub fn with_parameter(place: &str, name: &str, value: &str) -> String {
    let (rest, fragment) = place.find('#').map_or((place, ""), |at| place.split_at(at));
    let mark = if rest.contains('?') { '&' } else { '?' };
    format!("{rest}{mark}{name}={value}{fragment}")
}

/// An absolute URL with a parameter in place of those of the same name; a path is one below `base_url`.
pub fn replacing_parameter(base_url: &str, place: &str, name: &str, value: &str) -> Option<String> {
    let mut url = Url::parse(base_url).ok()?.join(place).ok()?;
    let others: Vec<(String, String)> =
        url.query_pairs().filter(|(other, _)| other != name).map(|(n, v)| (n.into(), v.into())).collect();
    url.query_pairs_mut().clear().extend_pairs(others).append_pair(name, value);
    Some(url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_parameter_keeps_query_and_fragment() {
        for (place, expected) in [
            ("/v", "/v?error=E"),
            ("/v?a=b", "/v?a=b&error=E"),
            ("/v#part", "/v?error=E#part"),
            ("https://app.example/v?a=b#part?", "https://app.example/v?a=b&error=E#part?"),
            ("myapp://verify", "myapp://verify?error=E"),
        ] {
            assert_eq!(with_parameter(place, "error", "E"), expected);
        }
    }

    #[test]
    fn replacing_parameter_makes_a_path_absolute_and_replaces_its_own_parameter_alone() {
        for (place, expected) in [
            ("/reset", "http://localhost:3000/reset?token=T"),
            ("/reset?a=b&token=x&token=y#part", "http://localhost:3000/reset?a=b&token=T#part"),
            ("https://app.example/r?next=%2Fa%20b", "https://app.example/r?next=%2Fa+b&token=T"),
            ("myapp://reset", "myapp://reset?token=T"),
        ] {
            let replaced = replacing_parameter("http://localhost:3000", place, "token", "T");
            assert_eq!(replaced.as_deref(), Some(expected));
        }
    }
}
