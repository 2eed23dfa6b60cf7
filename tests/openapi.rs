//! The OpenAPI documents are true, and the published ones are this version's.

use serde_json::Value;

/// The documents by the names of their files.
fn documents() -> [(&'static str, String); 2] {
    use signet::http::docs::{identity_document, tasks_document};
    [("identity", identity_document()), ("tasks", tasks_document())]
}

#[test]
fn the_published_documents_are_what_this_version_serves() {
    for (name, document) in documents() {
        let path = format!("{}/openapi/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let published = std::fs::read_to_string(path).unwrap();
        assert!(published == document, "run: signet openapi {name} > openapi/{name}.json");
    }
}

#[test]
fn every_operation_says_what_it_is_and_how_it_refuses() {
    for (name, document) in documents() {
        let document: Value = serde_json::from_str(&document).unwrap();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.0"));
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let place = format!("{name}: {method} {path}");
                for member in ["summary", "operationId"] {
                    assert!(
                        operation[member].as_str().is_some_and(|text| !text.is_empty()),
                        "{place}: {member}"
                    );
                }
                assert_eq!(operation["tags"].as_array().unwrap().len(), 1, "{place}");
                for (status, answer) in operation["responses"].as_object().unwrap() {
                    assert!(!answer["description"].as_str().unwrap().is_empty(), "{place} {status}");
                    if status.as_str() >= "400" {
                        let schema = &answer["content"]["application/json"]["schema"]["$ref"];
                        assert_eq!(schema, "#/components/schemas/Error", "{place} {status}");
                    }
                }
            }
        }
    }
}

#[test]
fn the_allow_header_names_the_methods_that_the_document_has() {
    let document: Value = serde_json::from_str(&signet::http::docs::tasks_document()).unwrap();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let allowed = signet::http::tasks::methods_of(path).unwrap();
        let mut allowed: Vec<String> =
            allowed.split(", ").filter(|m| *m != "HEAD").map(str::to_lowercase).collect();
        allowed.sort();
        assert_eq!(
            allowed,
            methods
                .as_object()
                .unwrap()
                .keys()
                .cloned()
                .collect::<std::collections::BTreeSet<_>>()
                .into_iter()
                .collect::<Vec<_>>()
        );
    }
}
