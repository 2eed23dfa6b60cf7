//! What the OpenAPI documents say of every operation.
//! In: the documents of the APIs. Out: the methods of a path, and whether an operation has declared a status.
//! Owns: `Allow` names what the document has (RFC 9110 section 15.5.6).

use std::collections::HashMap;

use poem::http::Method;
use serde_json::{Map, Value};

/// The order in which `Allow` names methods.
const METHODS: [Method; 6] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// What all other paths have: documents that are read.
const READING: &str = "GET, HEAD";

/// Statuses that no operation declares, since the layers around all of them answer so.
const OF_LAYERS: [u16; 1] = [408];

/// The operations of one or several documents, by the pattern of their path.
#[derive(Debug, Default)]
pub struct Operations(HashMap<String, Path>);

#[derive(Debug)]
struct Path {
    allow: String,
    statuses: HashMap<Method, Vec<u16>>,
}

impl Operations {
    /// Reads documents; what is none describes nothing.
    pub fn read<'a>(documents: impl IntoIterator<Item = &'a str>) -> Self {
        let parsed = documents.into_iter().filter_map(|text| serde_json::from_str::<Value>(text).ok());
        let paths = parsed.filter_map(|mut document| match document["paths"].take() {
            Value::Object(paths) => Some(paths),
            _ => None,
        });
        Self(
            paths
                .flatten()
                .filter_map(|(path, methods)| Some((path, described(methods.as_object()?))))
                .collect(),
        )
    }

    /// The methods of a path, for the `Allow` header.
    pub fn allow(&self, pattern: Option<&str>) -> &str {
        pattern.and_then(|pattern| self.0.get(pattern)).map_or(READING, |path| &path.allow)
    }

    /// Whether an operation may answer so; of requests that reach no operation nothing is promised here.
    pub fn declares(&self, pattern: &str, method: &Method, status: u16) -> bool {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        let declared = self.0.get(pattern).and_then(|path| path.statuses.get(method));
        declared.is_none_or(|statuses| statuses.contains(&status) || OF_LAYERS.contains(&status))
    }
}

fn described(operations: &Map<String, Value>) -> Path {
    let named = |method: &Method| operations.get(&method.as_str().to_ascii_lowercase());
    let statuses: HashMap<_, _> = METHODS
        .iter()
        .filter_map(|method| {
            let responses = named(method)?["responses"].as_object()?;
            Some((method.clone(), responses.keys().filter_map(|status| status.parse().ok()).collect()))
        })
        .collect();
    // Whatever answers GET answers HEAD.
    let has = |method: &&Method| named(if *method == Method::HEAD { &Method::GET } else { method }).is_some();
    let allow = METHODS.iter().filter(has).map(Method::as_str).collect::<Vec<_>>().join(", ");
    Path { allow, statuses }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r#"{"paths": {"/a/{b}": {
        "delete": {"responses": {"204": {}}}, "get": {"responses": {"200": {}, "404": {}}}
    }}}"#;

    #[test]
    fn allow_names_the_methods_of_the_document_and_head() {
        let operations = Operations::read([DOCUMENT]);
        assert_eq!(operations.allow(Some("/a/{b}")), "GET, HEAD, DELETE");
        assert_eq!(operations.allow(Some("/elsewhere")), "GET, HEAD");
        assert_eq!(operations.allow(None), "GET, HEAD");
    }

    #[test]
    fn declares_a_status_of_the_operation_and_not_of_its_neighbour() {
        let operations = Operations::read([DOCUMENT]);
        let declares = |method, status| operations.declares("/a/{b}", &method, status);
        assert!(declares(Method::GET, 404) && declares(Method::HEAD, 200) && declares(Method::GET, 408));
        assert!(!declares(Method::DELETE, 404) && !declares(Method::GET, 204));
        // Not an operation: routing answers.
        assert!(declares(Method::POST, 405));
    }
}
