//! The OpenAPI documents are true, and the published ones are this version's.

use std::collections::BTreeSet;

use serde_json::Value;

/// The documents by the names of their files.
fn documents() -> [(&'static str, String); 2] {
    use signet::http::ops::docs::{identity_document, tasks_document};
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
                assert!(operation["security"].is_array(), "{place}: for everybody, or for whom?");
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

/// The codes that a document names, each with its status.
fn named(document: &str) -> BTreeSet<(String, String)> {
    let document: Value = serde_json::from_str(document).unwrap();
    let operations =
        document["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap());
    let mut named = BTreeSet::new();
    for (_, operation) in operations {
        for (status, answer) in operation["responses"].as_object().unwrap() {
            let words = answer["description"].as_str().unwrap().split('`').skip(1).step_by(2);
            let codes = words.filter(|word| word.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'));
            named.extend(codes.map(|code| (code.to_owned(), status.clone())));
        }
    }
    named
}

/// The codes that a section of the list of errors names, each with its status.
fn listed(section: &str) -> BTreeSet<(String, String)> {
    let errors = include_str!("../docs/errors.md");
    let (_, rest) = errors.split_once(&format!("## {section}\n")).unwrap();
    let rows = rest.split("\n## ").next().unwrap().lines().filter(|line| line.starts_with("| `"));
    rows.flat_map(|row| {
        let cells: Vec<&str> = row.split('|').collect();
        let status = cells[2].trim().to_owned();
        let codes = cells[1].split('`').skip(1).step_by(2).map(str::to_owned);
        codes.map(move |code| (code, status.clone())).collect::<Vec<_>>()
    })
    .collect()
}

#[test]
fn the_documents_name_every_code_of_the_list_of_errors_and_no_other() {
    // `POST /get-session` is there to be refused; it is in no document.
    let hidden = ("METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED".to_owned(), "405".to_owned());
    let everywhere = listed("Every path");
    for ((name, document), section) in documents().into_iter().zip(["Identity", "Tasks"]) {
        let (named, listed) = (named(&document), listed(section));
        assert!(listed.len() > 5, "the scan finds codes: {listed:?}");
        let missing: Vec<_> = listed.difference(&named).filter(|code| **code != hidden).collect();
        assert_eq!(missing, Vec::<&_>::new(), "{name}");
        let is_known = |(code, status): &&(String, String)| {
            let at_any_path =
                everywhere.iter().any(|(known, at)| known == code && at.starts_with(status.as_str()));
            at_any_path || listed.contains(&(code.clone(), status.clone()))
        };
        assert_eq!(
            named.iter().filter(|code| !is_known(code)).collect::<Vec<_>>(),
            Vec::<&_>::new(),
            "{name}"
        );
    }
}

#[test]
fn the_allow_header_names_the_methods_that_the_document_has() {
    let document: Value = serde_json::from_str(&signet::http::ops::docs::tasks_document()).unwrap();
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
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect::<Vec<_>>()
        );
    }
}
