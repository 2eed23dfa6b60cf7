//! Rows about the request that carries a token.

use serde_json::{Value, json};

use super::rig::{Case, Rig};

fn authorization(value: &str) -> Case {
    Case::lines(value.chars().take(40).collect::<String>(), format!("authorization: {value}\r\n"))
}

pub async fn none(rig: &Rig) -> Vec<Case> {
    let token = rig.issuer.token();
    let mut cases: Vec<Case> = ["", "Basic YWxpY2U6cHc=", "Bearer"].map(authorization).into();
    cases.extend(
        ["Token", "DPoP", "JWT", "MAC", ""].map(|scheme| authorization(&format!("{scheme} {token}"))),
    );
    cases.push(Case::lines("no header at all", ""));
    for name in ["access_token", "token", "jwt", "session", "better-auth.session_token"] {
        cases.push(Case::lines(format!("cookie {name}"), format!("cookie: {name}={token}\r\n")));
    }
    for name in ["x-authorization", "proxy-authorization", "x-access-token", "x-forwarded-authorization"] {
        cases.push(Case::lines(name, format!("{name}: Bearer {token}\r\n")));
    }
    for name in ["access_token", "token"] {
        cases.push(Case::lines("query", "").at(format!("/api/alice/tasks?{name}={token}")));
    }
    cases
}

pub async fn malformed(rig: &Rig) -> Vec<Case> {
    let token = rig.issuer.token();
    [
        format!("Bearer \"{token}\""),
        format!("Bearer '{token}'"),
        format!("Bearer {token} {token}"),
        format!("Bearer {token} x"),
        format!("Bearer {token},{token}"),
        format!("Bearer {token}, Basic YWxpY2U6cHc="),
        format!("Bearer Bearer {token}"),
        format!("Bearer{token}"),
        format!("Bearer\t{token}"),
        format!("Bearer:{token}"),
        format!("Bearer token={token}"),
        format!("Bearer {token};"),
    ]
    .iter()
    .map(|value| authorization(value))
    .collect()
}

pub async fn two(rig: &Rig) -> Vec<Case> {
    let token = rig.issuer.token();
    let forged = signet_verify::jose::sign::jwt(&rig.own(), &rig.issuer.kid, &rig.issuer.claims()).unwrap();
    let pair = |first: &str, second: &str| {
        Case::lines("two headers", format!("authorization: {first}\r\nauthorization: {second}\r\n"))
    };
    let (good, bad) = (format!("Bearer {token}"), format!("Bearer {forged}"));
    vec![
        pair(&good, &bad),
        pair(&bad, &good),
        pair(&good, &good),
        pair(&good, "Basic eA=="),
        pair("Basic eA==", &good),
    ]
}

pub async fn scheme_case(rig: &Rig) -> Vec<Case> {
    let token = rig.issuer.token();
    // One space or several; those around the value are not part of it.
    ["bearer ", "BEARER ", "Bearer ", "bEaReR ", "Bearer  ", "bearer     ", "  Bearer  "]
        .map(|before| authorization(&format!("{before}{token}  ")))
        .into()
}

pub async fn huge(rig: &Rig) -> Vec<Case> {
    let issuer = &rig.issuer;
    let token = issuer.token();
    let input = token.rsplit_once('.').unwrap().0;
    let mut many = issuer.claims();
    for number in 0..800 {
        many[format!("claim-{number}")] = json!(number);
    }
    // Longer than anything that we sign ourselves, so it is put together by hand.
    let many = issuer.token_of(issuer.header().to_string().as_bytes(), many.to_string().as_bytes());
    let filled = |length: usize| {
        let claims: Value = issuer.claims_with("filler", "x".repeat(length).into());
        issuer.token_of(issuer.header().to_string().as_bytes(), claims.to_string().as_bytes())
    };
    vec![
        Case::token("a signature of 8 kB", format!("{input}.{}", "A".repeat(8192))),
        Case::token("8 kB, truly signed", filled(8192)),
        Case::token("60 kB", filled(60_000)),
        Case::token("a megabyte", filled(1 << 20)),
        Case::token("100,000 dots", ".".repeat(100_000)),
        Case::token("800 claims", many),
    ]
}
