//! Which requests carry a bearer token, and how the others are answered (rows 79 to 83 of the verifier cases).

use std::time::Duration;

use hyper::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderValue};
use rstest::rstest;
use signet_verify::crypto::Algorithm;
use signet_verify::guard::{
    CHALLENGE, CHALLENGE_INSUFFICIENT_SCOPE, CHALLENGE_INVALID_TOKEN, Credential, Unauthenticated,
    authenticate,
};
use signet_verify::jose::MAX_TOKEN_BYTES;
use signet_verify::jose::verify::Refusal;
use signet_verify::verifier::{self, IssuerKeys, KeySource, Verifier};

use super::{Signer, claims, manual_clock, policy, set_of};

fn headers(values: &[&[u8]]) -> HeaderMap {
    values.iter().map(|value| (AUTHORIZATION, HeaderValue::from_bytes(value).unwrap())).collect()
}

fn read(value: &[u8]) -> String {
    match Credential::read(&headers(&[value])) {
        Credential::Token(token) => token.to_owned(),
        other => format!("{other:?}"),
    }
}

#[test]
fn one_bearer_token_is_read_whatever_the_case_of_the_scheme_and_after_any_number_of_spaces() {
    for value in ["Bearer a.b-c_d", "bearer a.b-c_d", "BEARER  a.b-c_d", "bEaReR     a.b-c_d"] {
        assert_eq!(read(value.as_bytes()), "a.b-c_d");
    }
    assert_eq!(read(b"Bearer a+b/c~d=="), "a+b/c~d==");
}

#[test]
fn read_takes_other_schemes_for_no_credential() {
    assert_eq!(Credential::read(&HeaderMap::new()), Credential::Missing);
    for value in [
        "",
        "Basic YWxpY2U6cHc=",
        "DPoP a.b.c",
        "Token a.b.c",
        "a.b.c",
        "Bearera.b.c",
        "Bearer\ta.b.c",
        "Bearer:a",
    ] {
        assert_eq!(read(value.as_bytes()), "Missing", "{value:?}");
    }
}

#[test]
fn read_calls_a_bearer_credential_malformed_that_is_not_one_token() {
    let long = format!("Bearer {}", "a".repeat(MAX_TOKEN_BYTES + 1));
    let values: [&[u8]; 15] = [
        b"Bearer   ",
        b"Bearer",
        b"Bearer ",
        b"Bearer a.b.c ",
        b"Bearer a.b.c d",
        b"Bearer a.b.c,d.e.f",
        b"Bearer \"a.b.c\"",
        b"Bearer 'a.b.c'",
        b"Bearer Bearer a.b.c",
        b"Bearer token=a.b.c",
        b"Bearer =",
        b"Bearer a=b",
        b"Bearer a.b.c\t",
        b"Bearer a.b.\xc3\xa9",
        long.as_bytes(),
    ];
    for value in values {
        assert_eq!(read(value), "Malformed", "{:?}", String::from_utf8_lossy(value));
    }
}

#[test]
fn read_calls_two_authorization_headers_malformed_in_either_order() {
    for pair in
        [[&b"Bearer a.b.c"[..], b"Bearer d.e.f"], [b"Basic eA==", b"Bearer a.b.c"], [b"Bearer a", b"Basic b"]]
    {
        assert_eq!(Credential::read(&headers(&pair)), Credential::Malformed);
    }
}

#[test]
fn debug_shows_no_credential() {
    assert_eq!(format!("{:?}", Credential::Token("a.b.c")), "Token(..)");
}

#[test]
fn authenticate_answers_every_bad_credential_alike_and_names_no_error_for_a_missing_one() {
    let unavailable = verifier::Error::KeySetUnavailable { retry_after: Duration::from_millis(1200) };
    let bad = [
        Unauthenticated::Malformed,
        verifier::Error::Invalid(Refusal::Expired).into(),
        verifier::Error::Invalid(Refusal::UnknownKid).into(),
        verifier::Error::Revoked.into(),
    ];
    for refused in bad {
        assert_eq!(refused.status(), 401);
        assert_eq!(refused.challenge(), Some(CHALLENGE_INVALID_TOKEN));
        assert_eq!(refused.retry_after_seconds(), None);
    }
    assert_eq!(Unauthenticated::Missing.status(), 401);
    assert_eq!(Unauthenticated::Missing.challenge(), Some(CHALLENGE));
    let unavailable = Unauthenticated::from(unavailable);
    assert_eq!(unavailable.status(), 503);
    assert_eq!((unavailable.challenge(), unavailable.retry_after_seconds()), (None, Some(2)));

    assert!(CHALLENGE.starts_with("Bearer ") && !CHALLENGE.contains("error"));
    assert!(CHALLENGE_INVALID_TOKEN.starts_with("Bearer error=\"invalid_token\""));
    assert!(CHALLENGE_INSUFFICIENT_SCOPE.starts_with("Bearer error=\"insufficient_scope\""));
}

#[rstest]
#[tokio::test]
async fn authenticate_makes_a_principal_of_a_good_token_in_the_authorization_header_only(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let (_publish, keys) = tokio::sync::watch::channel(std::sync::Arc::new(set_of(algorithm, &["one"])));
    let verifier = Verifier::new(IssuerKeys::Published(KeySource::Local(keys)), policy(), manual_clock());
    let token = Signer::of(algorithm, "one").token(&claims());

    let good = headers(&[format!("Bearer {token}").as_bytes()]);
    assert_eq!(authenticate(&verifier, &good).await.unwrap().subject, "alice");

    let mut elsewhere = HeaderMap::new();
    elsewhere.insert(COOKIE, HeaderValue::from_str(&format!("access_token={token}")).unwrap());
    elsewhere.insert("x-authorization", HeaderValue::from_str(&format!("Bearer {token}")).unwrap());
    assert_eq!(authenticate(&verifier, &elsewhere).await.unwrap_err(), Unauthenticated::Missing);

    let twice = headers(&[format!("Bearer {token}").as_bytes(), format!("Bearer {token}").as_bytes()]);
    assert_eq!(authenticate(&verifier, &twice).await.unwrap_err(), Unauthenticated::Malformed);
    let counted: Vec<_> = verifier.denials().filter(|(_, count)| *count > 0).collect();
    assert_eq!(counted, [("malformed_credential", 1)], "a missing credential is no refusal");

    let forged = headers(&[format!("Bearer {}", &token[..token.len() - 8]).as_bytes()]);
    assert!(matches!(
        authenticate(&verifier, &forged).await,
        Err(Unauthenticated::Refused(verifier::Error::Invalid(_)))
    ));
}
