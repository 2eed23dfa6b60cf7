//! What we issue is what Better Auth's clients, old backends and other libraries expect.

use josekit::jwk::Jwk;
use josekit::jws::{EdDSA, HS256, JwsHeader};
use serde_json::{Value, json};
use signet_verify::jose::claims::{IssuedClaims, UserClaims};
use signet_verify::jose::jwk::Kid;
use signet_verify::jose::sign;
use signet_verify::jose::{MAX_TOKEN_BYTES, base64url};

use super::support::{Issuer, NOW, SECRET, parts};

fn claims(image: Option<&str>) -> IssuedClaims<'_> {
    IssuedClaims {
        iat: NOW,
        user: UserClaims {
            name: "Alice",
            email: "alice@example.test",
            email_verified: false,
            image,
            created_at: "2026-11-22T20:14:27.695Z".to_owned(),
            updated_at: "2026-11-22T20:14:27.695Z".to_owned(),
            id: "alice",
        },
        sub: "alice",
        sid: "s1",
        jti: "t1",
        exp: NOW + 900,
        iss: "https://id.test",
        aud: Some("https://api.test"),
        user_id_camel: None,
        user_id_snake: None,
    }
}

fn decoded(part: &str) -> String {
    String::from_utf8(base64url::decode(part).unwrap()).unwrap()
}

#[test]
fn jwt_has_the_header_and_claims_of_better_auth() {
    let issuer = Issuer::new();
    let kid = Kid::parse("LlHtzL2zEtz9Qdi0").unwrap();
    let token = sign::jwt(&issuer.key, &kid, &claims(None)).unwrap();
    let [header, payload, _] = parts(&token);
    assert_eq!(decoded(header), r#"{"alg":"EdDSA","kid":"LlHtzL2zEtz9Qdi0"}"#);
    assert_eq!(
        decoded(payload),
        concat!(
            r#"{"iat":1800000000,"name":"Alice","email":"alice@example.test","emailVerified":false,"image":null,"#,
            r#""createdAt":"2026-11-22T20:14:27.695Z","updatedAt":"2026-11-22T20:14:27.695Z","id":"alice","sub":"alice","#,
            r#""sid":"s1","jti":"t1","exp":1800000900,"iss":"https://id.test","aud":"https://api.test"}"#
        )
    );
}

#[test]
fn hs256_names_the_user_under_every_claim_of_old_backends_and_no_audience() {
    let issuer = Issuer::new();
    let token = sign::hs256(&issuer.shared.key, &claims(None).for_old_backends()).unwrap();
    let [header, payload, _] = parts(&token);
    assert_eq!(decoded(header), r#"{"alg":"HS256","typ":"JWT"}"#);
    let claims: Value = serde_json::from_str(&decoded(payload)).unwrap();
    assert_eq!(
        (&claims["sub"], &claims["userId"], &claims["user_id"]),
        (&json!("alice"), &json!("alice"), &json!("alice"))
    );
    assert_eq!(claims.get("aud"), None);
    issuer.accepts("and we take it ourselves", &token);
}

#[test]
fn jwt_of_the_same_claims_in_the_same_second_is_the_same() {
    let issuer = Issuer::new();
    let twice = [(); 2].map(|()| sign::jwt(&issuer.key, &issuer.kid, &claims(None)).unwrap());
    assert_eq!(twice[0], twice[1]);
}

#[test]
fn jwt_lets_no_kid_with_quotes_break_out_of_the_header() {
    let issuer = Issuer::new();
    let kid = Kid::parse(r#"a","alg":"none\"#).unwrap();
    let token = sign::jwt(&issuer.key, &kid, &claims(None)).unwrap();
    let header: Value = serde_json::from_str(&decoded(parts(&token)[0])).unwrap();
    assert_eq!(header, json!({ "alg": "EdDSA", "kid": kid.as_ref() }));
}

#[test]
fn jwt_issues_no_token_that_our_own_verifier_would_not_read() {
    let issuer = Issuer::new();
    let image = "x".repeat(MAX_TOKEN_BYTES);
    assert_eq!(sign::jwt(&issuer.key, &issuer.kid, &claims(Some(&image))), Err(sign::Error::TooLong));
    assert_eq!(sign::jwt(&issuer.key, &issuer.kid, &json!(["alice"])), Err(sign::Error::Claims));
    assert_eq!(sign::hs256(&issuer.shared.key, &"alice"), Err(sign::Error::Claims));
    let image = "x".repeat(5000);
    issuer.accepts("5 kB of image", &sign::jwt(&issuer.key, &issuer.kid, &claims(Some(&image))).unwrap());
}

#[test]
fn jwt_is_verified_by_another_library() {
    let issuer = Issuer::new();
    let token = sign::jwt(&issuer.key, &issuer.kid, &claims(None)).unwrap();
    let set: Value = serde_json::from_str(&issuer.set.to_json()).unwrap();
    let published = Jwk::from_bytes(set["keys"][0].to_string()).unwrap();
    let verifier = EdDSA.verifier_from_jwk(&published).unwrap();
    let (payload, header) = josekit::jws::deserialize_compact(&token, &verifier).unwrap();
    assert_eq!(header.key_id(), Some(issuer.kid.as_ref()));
    assert_eq!(serde_json::from_slice::<Value>(&payload).unwrap()["sub"], "alice");

    let token = sign::hs256(&issuer.shared.key, &claims(None).for_old_backends()).unwrap();
    let verifier = HS256.verifier_from_bytes(SECRET).unwrap();
    assert!(josekit::jws::deserialize_compact(&token, &verifier).is_ok());
}

#[test]
fn verify_takes_what_another_library_signs() {
    let issuer = Issuer::new();
    let private = json!({
        "kty": "OKP", "crv": "Ed25519", "x": base64url::encode(issuer.key.public().as_bytes()),
        "d": base64url::encode(&[1; 32]), "kid": issuer.kid.as_ref(),
    });
    let signer = EdDSA.signer_from_jwk(&Jwk::from_bytes(private.to_string()).unwrap()).unwrap();
    let mut header = JwsHeader::new();
    header.set_token_type("JWT");
    let payload = issuer.claims().to_string();
    let token = josekit::jws::serialize_compact(payload.as_bytes(), &header, &signer).unwrap();
    issuer.accepts("EdDSA", &token);

    let signer = HS256.signer_from_bytes(SECRET).unwrap();
    let token = josekit::jws::serialize_compact(payload.as_bytes(), &header, &signer).unwrap();
    issuer.accepts("HS256", &token);
}
