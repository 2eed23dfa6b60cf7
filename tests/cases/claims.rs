//! Rows about the claims of truly signed tokens.

use serde_json::{Value, json};

use super::rig::{Case, Rig};
use crate::token::support::NOW;

/// The usual claims with one set to each value.
fn saying(rig: &Rig, name: &str, values: impl IntoIterator<Item = Value>) -> Vec<Case> {
    let of = |value: Value| {
        let token = rig.issuer.token_saying(&rig.issuer.claims_with(name, value.clone()));
        Case::token(format!("{name} {value}"), token)
    };
    values.into_iter().map(of).collect()
}

/// The usual claims without one.
fn lacking(rig: &Rig, name: &str) -> Case {
    Case::token(format!("no {name}"), rig.issuer.token_saying(&rig.issuer.claims_without(name)))
}

/// Claims that are written by hand.
fn written(rig: &Rig, name: &str, claims: &str) -> Case {
    Case::token(name, rig.issuer.token_of(rig.issuer.header().to_string().as_bytes(), claims.as_bytes()))
}

/// What is no text.
fn not_texts() -> [Value; 6] {
    [Value::Null, json!(7), json!(true), json!([]), json!({}), json!("")]
}

/// What is no number.
fn not_numbers() -> [Value; 6] {
    [Value::Null, json!("soon"), json!((NOW + 600).to_string()), json!([NOW + 600]), json!({}), json!("")]
}

pub async fn twice(rig: &Rig) -> Vec<Case> {
    let right = rig.issuer.claims().to_string();
    let wrong = [
        ("exp", json!(NOW - 3600)),
        ("aud", json!("https://other.test")),
        ("iss", json!("https://mallory.test")),
        ("sub", json!("bob")),
        ("\\u0073ub", json!("bob")),
        ("sub", json!("alice")),
    ];
    wrong
        .into_iter()
        .flat_map(|(name, value)| {
            let last = rig.issuer.claims_text_with(&format!("\"{name}\":{value}"));
            let first = format!("{{\"{name}\":{value},{}", right.strip_prefix('{').unwrap());
            [
                written(rig, &format!("{name} wrong at last"), &last),
                written(rig, &format!("{name} wrong at first"), &first),
            ]
        })
        .collect()
}

pub async fn expired(rig: &Rig) -> Vec<Case> {
    saying(rig, "exp", [NOW - 3600, NOW - 35, NOW - 30, 0, -1, i64::MIN].map(Value::from))
}

pub async fn expired_within_leeway(rig: &Rig) -> Vec<Case> {
    saying(rig, "exp", [json!(NOW - 1)])
}

pub async fn exp_missing(rig: &Rig) -> Vec<Case> {
    vec![lacking(rig, "exp")]
}

pub async fn exp_no_number(rig: &Rig) -> Vec<Case> {
    saying(rig, "exp", not_numbers().into_iter().chain([json!(true), json!(false)]))
}

pub async fn exp_not_json(rig: &Rig) -> Vec<Case> {
    let claims = rig.issuer.claims_without("exp").to_string();
    let open = claims.strip_suffix('}').unwrap();
    ["NaN", "Infinity", "-Infinity", "+1800000600", "0x6b49d458", "01800000600", "1800000600.", ".5"]
        .map(|number| written(rig, number, &format!("{open},\"exp\":{number}}}")))
        .into()
}

pub async fn exp_absurd(rig: &Rig) -> Vec<Case> {
    let claims = rig.issuer.claims_without("exp").to_string();
    let open = claims.strip_suffix('}').unwrap();
    let milliseconds = (NOW * 1000).to_string();
    [
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "1e308",
        "1e400",
        &milliseconds,
    ]
    .map(|number| written(rig, number, &format!("{open},\"exp\":{number}}}")))
    .into()
}

pub async fn exp_fraction(rig: &Rig) -> Vec<Case> {
    saying(rig, "exp", [json!(NOW as f64 + 600.5), json!(NOW as f64 + 0.25)])
}

pub async fn nbf(rig: &Rig) -> Vec<Case> {
    let ahead =
        [json!(NOW + 3600), json!(NOW + 31), json!(i64::MAX), json!(u64::MAX), json!(1e308), json!(true)];
    saying(rig, "nbf", ahead.into_iter().chain(not_numbers()).chain([json!((NOW - 600).to_string())]))
}

pub async fn iat_ahead(rig: &Rig) -> Vec<Case> {
    saying(rig, "iat", [json!(NOW + 3600), json!(NOW + 31), json!(NOW * 1000)])
}

pub async fn iat_no_number(rig: &Rig) -> Vec<Case> {
    saying(rig, "iat", not_numbers().into_iter().chain([json!(true)]))
}

pub async fn aud_foreign(rig: &Rig) -> Vec<Case> {
    let lists =
        [json!([["https://api.test"]]), json!(["https://other.test"]), json!(["https://api.test", 7])];
    let texts = ["https://other.test", "*", "https://id.test"].map(Value::from);
    let keyed = json!({ "https://api.test": true });
    let mut cases = saying(rig, "aud", not_texts().into_iter().chain(lists).chain(texts).chain([keyed]));
    cases.push(lacking(rig, "aud"));
    cases
}

/// Spellings that a careless comparison takes for `name`.
fn nearly(name: &str) -> Vec<Value> {
    let host = name.strip_prefix("https://").unwrap();
    [
        format!("{name}/"),
        format!("{name}.mallory.test"),
        name[..name.len() - 1].to_owned(),
        name[1..].to_owned(),
        name.to_uppercase(),
        format!("https://{}", host.to_uppercase()),
        format!(" {name}"),
        format!("{name} "),
        format!("{name}\0"),
        format!("https://x@{host}"),
        format!("http://{host}"),
        format!("{name} https://other.test"),
        format!("{name},https://other.test"),
    ]
    .map(Value::from)
    .into()
}

pub async fn aud_nearly(rig: &Rig) -> Vec<Case> {
    saying(rig, "aud", nearly("https://api.test"))
}

pub async fn aud_list(rig: &Rig) -> Vec<Case> {
    saying(rig, "aud", [json!(["https://api.test"]), json!(["https://other.test", "https://api.test"])])
}

pub async fn iss_foreign(rig: &Rig) -> Vec<Case> {
    let others =
        [json!("https://mallory.test"), json!(["https://id.test"]), json!({ "https://id.test": true })];
    let mut cases = saying(rig, "iss", not_texts().into_iter().chain(others));
    cases.push(lacking(rig, "iss"));
    cases
}

pub async fn iss_nearly(rig: &Rig) -> Vec<Case> {
    saying(rig, "iss", nearly("https://id.test"))
}

pub async fn sub_no_text(rig: &Rig) -> Vec<Case> {
    let mut cases =
        saying(rig, "sub", not_texts().into_iter().chain([json!(["alice"]), json!({ "sub": "alice" })]));
    cases.push(lacking(rig, "sub"));
    cases
}

pub async fn sub_other(rig: &Rig) -> Vec<Case> {
    saying(rig, "sub", ["bob", "Alice", "ALICE", " alice", "alice ", "alic", "alicee", "me"].map(Value::from))
}

pub async fn sub_injects(rig: &Rig) -> Vec<Case> {
    let injections = [
        "alice\0",
        "\0",
        "alice\r\nX-Admin: 1",
        "ali\u{200b}ce",
        "\u{ff41}lice",
        "alice\u{301}",
        "\u{202e}ecila",
        "../alice",
        "bob/../alice",
        "alice%00",
        "' OR user_id = 'alice",
        "alice' --",
        "\u{feff}alice",
    ];
    let long = "a".repeat(5000);
    let mut cases = saying(rig, "sub", injections.into_iter().chain([long.as_str()]).map(Value::from));
    let lone = rig.issuer.claims().to_string().replace("\"alice\"", "\"alice\\ud800\"");
    cases.push(written(rig, "a lone surrogate", &lone));
    cases
}

pub async fn cnf(rig: &Rig) -> Vec<Case> {
    let thumbprint = json!({ "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" });
    saying(rig, "cnf", [thumbprint, json!({ "x5t#S256": "x" }), json!({}), Value::Null])
}
