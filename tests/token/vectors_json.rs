//! The JSON test suite as header, as claim set, and as the value of a claim.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use signet_verify::jose::json;
use signet_verify::jose::verify::Refusal;

use super::support::{Issuer, array, text, vectors};

struct Document {
    name: String,
    expect: String,
    bytes: Vec<u8>,
}

fn suite() -> Vec<Document> {
    let file = vectors("jsontestsuite/test_parsing.json");
    let document = |case: &Value| Document {
        name: text(case, "name").to_owned(),
        expect: text(case, "expect").to_owned(),
        bytes: STANDARD.decode(text(case, "b64")).unwrap(),
    };
    let documents: Vec<_> = array(&file, "cases").iter().map(document).collect();
    assert_eq!(documents.len(), 316);
    documents
}

/// The one kind of document that the suite accepts and a trust decision must not.
fn has_duplicates(name: &str) -> bool {
    name.starts_with("y_object_duplicated_key")
}

#[test]
fn json_parse_reads_documents_as_labelled() {
    for document in suite() {
        let read = json::parse(&document.bytes);
        let name = &document.name;
        match document.expect.as_str() {
            "accept" if has_duplicates(name) => assert_eq!(read, Err(json::Error::DuplicateMember), "{name}"),
            "accept" => assert_eq!(read, Ok(serde_json::from_slice(&document.bytes).unwrap()), "{name}"),
            "reject" => assert!(read.is_err(), "{name}"),
            _ => {}
        }
    }
}

#[test]
fn verify_takes_no_document_for_a_header_or_a_claim_set() {
    let issuer = Issuer::new();
    for document in suite() {
        let claims = issuer.claims().to_string();
        let headed = issuer.verify(&issuer.token_of(&document.bytes, claims.as_bytes())).unwrap_err();
        let saying = issuer
            .verify(&issuer.token_of(issuer.header().to_string().as_bytes(), &document.bytes))
            .unwrap_err();
        if document.expect == "reject" {
            assert_eq!(headed, Refusal::Header, "{}", document.name);
            let empty = document.bytes.is_empty();
            assert_eq!(saying, if empty { Refusal::Shape } else { Refusal::Claims }, "{}", document.name);
        }
    }
}

#[test]
fn verify_takes_a_document_as_the_value_of_a_claim_as_labelled() {
    let issuer = Issuer::new();
    for document in suite() {
        let name = &document.name;
        let claims = issuer.claims().to_string();
        let open = claims.strip_suffix('}').unwrap();
        let payload = [open.as_bytes(), b",\"extra\":", &document.bytes, b"}"].concat();
        let token = issuer.token_of(issuer.header().to_string().as_bytes(), &payload);
        match document.expect.as_str() {
            "accept" if has_duplicates(name) => issuer.refuses(name, &token, Refusal::Claims),
            "accept" => issuer.accepts(name, &token),
            "reject" => issuer.refuses(name, &token, Refusal::Claims),
            _ => drop(issuer.verify(&token)),
        }
    }
}

#[test]
fn json_parse_of_hundreds_of_thousands_of_brackets_exhausts_nothing() {
    assert_eq!(json::parse("[".repeat(100_000).as_bytes()), Err(json::Error::TooDeep));
    assert_eq!(json::parse("[{\"\":".repeat(50_000).as_bytes()), Err(json::Error::TooDeep));
}
