//! The list of error codes: the docs are made from it, and every code on it is really answered.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use signet::http::framework::code::Code;
use signet::http::ops::error_codes;

use crate::openapi::golden;

#[test]
fn golden_errors_md_is_generated_from_the_list_of_codes() {
    golden("docs/errors.md", &error_codes::document());
}

#[test]
fn codes_are_named_once_for_each_api_and_status() {
    let mut seen = BTreeSet::new();
    for code in Code::ALL {
        let name = (code.as_str(), code.status_code(), format!("{:?}", code.scope()));
        assert!(seen.insert(name), "{code:?} is a code that there is already");
        assert!((400..600).contains(&code.status_code()) && !code.message().is_empty(), "{code:?}");
    }
}

#[test]
fn codes_of_the_list_are_all_answered_and_no_others() {
    let sources = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http"));
    let answering: Vec<_> = sources.iter().filter(|(path, _)| !path.ends_with("framework/code.rs")).collect();
    for code in Code::ALL {
        let used = format!("Code::{code:?}");
        let is_used = |text: &str| {
            text.match_indices(&used)
                .any(|(at, _)| !text[at + used.len()..].starts_with(char::is_alphanumeric))
        };
        assert!(answering.iter().any(|(_, text)| is_used(text)), "{code:?} is listed, but never answered");
        let literal = format!("\"{}\"", code.as_str());
        for (path, text) in &answering {
            assert!(!text.contains(&literal), "{path} types {literal} instead of Code::{code:?}");
        }
    }
}

/// Every source file below a folder, with its text.
pub fn sources(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else {
            found.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
        }
    }
    found
}
