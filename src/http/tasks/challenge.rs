//! What a client is told of how to get a better token (RFC 6750 section 3, RFC 9728).
//! In: the identifier of the resource and its issuer. Out: its metadata; challenges that lead to it and name a scope.
//! Owns: a refusal says what would help, and nothing of why a token was refused.

use poem::Response;
use poem::http::header::{HeaderValue, WWW_AUTHENTICATE};
use poem::http::{Method, StatusCode};
use serde_json::{Value, json};
use url::Url;

use crate::http::framework::request_log::RequestSummary;

/// Where the metadata is (RFC 9728 section 3).
pub const METADATA: &str = "/.well-known/oauth-protected-resource";

/// Every operation is below this pattern.
const OPERATIONS: &str = "/api/{user_id}/tasks";

/// What a client needs to have been given.
const SCOPE_READ: &str = "tasks:read";
const SCOPE_WRITE: &str = "tasks:write";

/// What it needs for this method.
pub(super) fn scope_of(method: &Method) -> &'static str {
    if is_read(method) { SCOPE_READ } else { SCOPE_WRITE }
}

/// Whether a method changes nothing.
pub(super) fn is_read(method: &Method) -> bool {
    [Method::GET, Method::HEAD].contains(method)
}

/// The tasks API as others know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identifier {
    /// The audience of its tokens.
    pub resource: String,
    /// Who gives them out.
    pub issuer: String,
}

impl Identifier {
    /// The document of RFC 9728 section 2: what is served, and nothing else.
    pub fn metadata(&self) -> Value {
        json!({
            "resource": self.resource,
            "authorization_servers": [self.issuer],
            "scopes_supported": [SCOPE_READ, SCOPE_WRITE],
            "bearer_methods_supported": ["header"],
        })
    }

    /// Where a client finds it; none where the audience is no origin, from whose address it could be made.
    fn metadata_url(&self) -> Option<String> {
        let url = Url::parse(&self.resource).ok()?;
        let is_origin = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        (is_origin && url.has_host()).then(|| format!("{}{METADATA}", url.origin().ascii_serialization()))
    }
}

/// Completes challenges.
#[derive(Debug)]
pub struct Challenge(Option<String>);

impl Challenge {
    /// Those of this resource.
    pub fn new(identifier: &Identifier) -> Self {
        Self(identifier.metadata_url())
    }

    /// Adds to the challenge of an operation the scope that it needs, and where the metadata is.
    pub fn complete(&self, summary: &RequestSummary, response: &mut Response) {
        let is_ours = summary.route.pattern.is_some_and(|pattern| pattern.starts_with(OPERATIONS));
        let unauthorized = response.status() == StatusCode::UNAUTHORIZED;
        let Some(challenge) = response.headers_mut().get_mut(WWW_AUTHENTICATE).filter(|_| is_ours) else {
            return;
        };
        let mut text = challenge.to_str().unwrap_or_default().to_owned();
        if unauthorized {
            text.push_str(&scope_parameter(&summary.method));
        }
        if let Some(url) = &self.0 {
            text.push_str(&format!(", resource_metadata=\"{url}\""));
        }
        if let Ok(completed) = HeaderValue::try_from(text) {
            *challenge = completed;
        }
    }
}

/// The scope that an operation with this method needs, as a challenge names it.
pub(super) fn scope_parameter(method: &Method) -> String {
    format!(", scope=\"{}\"", scope_of(method))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_url_is_made_of_an_origin_and_of_nothing_else() {
        let of = |resource: &str| {
            Identifier { resource: resource.to_owned(), issuer: String::new() }.metadata_url()
        };
        let expected = Some("https://id.example:8443/.well-known/oauth-protected-resource".to_owned());
        assert_eq!(
            (of("https://id.example:8443"), of("https://id.example:8443/")),
            (expected.clone(), expected)
        );
        for none in ["tasks", "urn:tasks", "https://id.example/tasks", "https://id.example?tasks"] {
            assert_eq!(of(none), None, "{none}");
        }
    }
}
