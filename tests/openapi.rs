//! The OpenAPI documents are true, the published ones are this version's, and the table of routes has what they have.

use std::collections::BTreeSet;
use std::path::Path;

use reqwest::Method;
use serde_json::Value;
use signet::http::framework::code::{Api, Code, Scope};
use signet::http::ops::docs::{identity_document, oauth_document, tasks_document};
use signet::http::routes::{ROUTES, Route};

use crate::errors::sources;
use crate::support::{Caller, TestApp};

/// Where this is set, files that are made from the sources are written and not compared.
const UPDATE: &str = "SIGNET_UPDATE_GOLDENS";

/// Holds a file of the repository to what the sources make of it.
pub fn golden(file: &str, made: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "{file} is not what the sources say; to write it anew, run: {UPDATE}=1 ./test golden"
    );
}

/// The documents with their APIs.
fn documents() -> [(Api, &'static str, String); 3] {
    [
        (Api::Identity, "identity", identity_document()),
        (Api::OAuth, "oauth", oauth_document()),
        (Api::Tasks, "tasks", tasks_document()),
    ]
}

/// Every operation of a document: its path, its method and what the document says of it.
fn operations(document: &str) -> Vec<(String, String, Value)> {
    let document: Value = serde_json::from_str(document).unwrap();
    let paths = document["paths"].as_object().unwrap().clone();
    paths
        .into_iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().clone();
            methods.into_iter().map(move |(method, operation)| (path.clone(), method, operation))
        })
        .collect()
}

#[test]
fn golden_openapi_documents_are_what_this_version_serves() {
    for (_, name, document) in documents() {
        golden(&format!("openapi/{name}.json"), &document);
    }
}

#[test]
fn operations_say_what_they_are_and_how_they_refuse() {
    for (api, name, document) in documents() {
        let parsed: Value = serde_json::from_str(&document).unwrap();
        assert!(parsed["openapi"].as_str().unwrap().starts_with("3.0"));
        for (path, method, operation) in operations(&document) {
            let place = format!("{name}: {method} {path}");
            for member in ["summary", "operationId"] {
                assert!(operation[member].as_str().is_some_and(|text| !text.is_empty()), "{place}: {member}");
            }
            assert_eq!(operation["tags"].as_array().unwrap().len(), 1, "{place}");
            assert!(operation["security"].is_array(), "{place}: for everybody, or for whom?");
            for (status, answer) in operation["responses"].as_object().unwrap() {
                assert!(!answer["description"].as_str().unwrap().is_empty(), "{place} {status}");
                if status.as_str() >= "400" {
                    let schema = &answer["content"]["application/json"]["schema"]["$ref"];
                    let error = if api == Api::OAuth { "OAuthError" } else { "Error" };
                    assert_eq!(schema, &format!("#/components/schemas/{error}"), "{place} {status}");
                }
            }
        }
    }
}

#[test]
fn codes_of_an_api_are_in_its_document_and_every_declared_status_has_a_code() {
    for (api, name, document) in documents() {
        let mut named = BTreeSet::new();
        for (path, method, operation) in operations(&document) {
            for (status, answer) in operation["responses"].as_object().unwrap() {
                let words = answer["description"].as_str().unwrap().split('`').skip(1).step_by(2);
                let is_code = |word: &&str| Code::ALL.iter().any(|code| code.as_str() == *word);
                let codes: Vec<_> =
                    words.filter(is_code).map(|code| (code.to_owned(), status.clone())).collect();
                assert!(!codes.is_empty() || status.as_str() < "400", "{name}: {method} {path} {status}");
                named.extend(codes);
            }
        }
        for code in Code::ALL.iter().filter(|code| code.scope() == Scope::Of(api)) {
            // `POST /get-session` is there to be refused; it is in no document.
            if *code != Code::DeferSessionRequired {
                let code = (code.as_str().to_owned(), code.status_code().to_string());
                assert!(named.contains(&code), "{name} does not name {code:?}");
            }
        }
    }
}

#[test]
fn routes_have_one_row_for_each_documented_path_and_no_other_of_an_api() {
    let documented: BTreeSet<String> =
        documents().iter().flat_map(|(_, _, document)| operations(document)).map(|(path, ..)| path).collect();
    for path in &documented {
        assert_eq!(ROUTES.iter().filter(|route| route.pattern == path).count(), 1, "{path}");
    }
    for route in ROUTES.iter().filter(|route| is_of_api(route)) {
        assert!(documented.contains(route.pattern), "{} is in no document", route.pattern);
    }
}

fn is_of_api(route: &Route) -> bool {
    route.pattern.starts_with("/api/")
}

#[tokio::test]
async fn routes_of_no_api_are_served() {
    let app = TestApp::start().await;
    let home = app.anonymous().get("/").await.text;
    let asset = home.split('"').find(|text| text.starts_with("/assets/")).unwrap().to_owned();
    for route in ROUTES.iter().filter(|route| !is_of_api(route)) {
        let path = if route.pattern.contains('{') { &asset } else { route.pattern };
        let status = app.anonymous().get(path).await.status.as_u16();
        assert!(status < 400, "{} answers {status}", route.pattern);
        let deleted = Caller::send(app.anonymous().request(Method::DELETE, path)).await;
        deleted.assert_error(405, "METHOD_NOT_ALLOWED");
        let takes_form = ["/sign-in", "/consent", "/device"].contains(&route.pattern);
        let allowed = if takes_form { "GET, HEAD, POST" } else { "GET, HEAD" };
        assert_eq!(deleted.header("allow"), allowed, "{}", route.pattern);
    }
}

#[tokio::test]
async fn allow_names_the_methods_that_the_document_has() {
    let app = TestApp::start().await;
    let mut paths: Vec<(String, BTreeSet<String>)> = Vec::new();
    for (path, method, _) in operations(&tasks_document()) {
        match paths.iter_mut().find(|(known, _)| *known == path) {
            Some((_, methods)) => drop(methods.insert(method)),
            None => paths.push((path, BTreeSet::from([method]))),
        }
    }
    assert_eq!(paths.len(), 3, "{paths:?}");
    for (path, documented) in paths {
        let trace = Method::from_bytes(b"TRACE").unwrap();
        let refused = Caller::send(app.anonymous().request(trace, &path.replace(['{', '}'], ""))).await;
        refused.assert_error(405, "METHOD_NOT_ALLOWED");
        let allowed = refused.header("allow").split(", ").filter(|method| *method != "HEAD");
        assert_eq!(allowed.map(str::to_lowercase).collect::<BTreeSet<_>>(), documented, "{path}");
    }
}

/// Whether a member of this name holds a secret.
fn names_a_secret(member: &str) -> bool {
    let name = member.to_lowercase();
    ["password", "token", "secret", "jwt"].iter().any(|word| name.ends_with(word))
}

/// Every type of the documents that holds a secret is one that cannot print it: only those have these formats.
#[test]
fn secret_members_of_bodies_are_of_a_type_that_prints_nothing() {
    let mut found = 0;
    for (_, name, document) in documents() {
        let document: Value = serde_json::from_str(&document).unwrap();
        for (schema, described) in document["components"]["schemas"].as_object().unwrap() {
            for (member, described) in described["properties"].as_object().into_iter().flatten() {
                let format = described["format"].as_str().unwrap_or_default();
                if names_a_secret(member) {
                    found += 1;
                    assert!(
                        ["password", "token"].contains(&format),
                        "{name}: {schema}.{member} is plain text"
                    );
                }
            }
        }
    }
    assert!(found >= 10, "the scan finds what it looks for: {found}");
}

/// The fields of the structs in a source that can be printed or copied, and hold a secret as plain text.
fn printable_secrets(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut derives = String::new();
    let mut printable = None;
    for line in source.lines().map(str::trim) {
        if line.starts_with("#[derive(") {
            derives = line.to_owned();
        } else if let Some((_, name)) = line.split_once("struct ") {
            let name: String = name.chars().take_while(|c| c.is_alphanumeric()).collect();
            printable = ["Debug", "Clone"].iter().any(|derived| derives.contains(derived)).then_some(name);
            derives.clear();
        }
        if let Some(name) = &printable {
            // One field on each line, or a struct on one line.
            for field in line.split(['{', ',']) {
                let Some((field, kind)) = field.split_once(": ") else { continue };
                let field = field.split_whitespace().last().unwrap_or_default();
                if names_a_secret(field) && (kind.contains("String") || kind.contains("str")) {
                    found.push(format!("{name}.{field}"));
                }
            }
        }
        if line.ends_with('}') && !line.contains("fn ") {
            printable = None;
        }
    }
    found
}

#[test]
fn structs_of_http_that_hold_a_secret_as_text_cannot_print_or_copy_it() {
    let planted = "#[derive(Debug)]\npub struct X {\n    password: String,\n}\n#[derive(Debug)] struct Y { name: String }";
    assert_eq!(printable_secrets(planted), ["X.password"]);
    assert_eq!(
        printable_secrets("#[derive(Clone)]\nstruct Z { id: String, token: Option<String> }"),
        ["Z.token"]
    );
    for (path, text) in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http")) {
        assert_eq!(printable_secrets(&text), Vec::<String>::new(), "{path}");
    }
}
