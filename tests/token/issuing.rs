//! What we issue is what Better Auth's clients, old backends and other libraries expect.

use josekit::jwk::Jwk;
use josekit::jws::{EdDSA, HS256, JwsHeader};
use serde_json::{Value, json};
use signet_verify::jose::claims::{IssuedClaims, MAX_PROFILE_BYTES, UserClaims};
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
    let long = json!({ "sub": "x".repeat(MAX_TOKEN_BYTES) });
    assert_eq!(sign::jwt(&issuer.key, &issuer.kid, &long), Err(sign::Error::TooLong));
    assert_eq!(sign::jwt(&issuer.key, &issuer.kid, &json!(["alice"])), Err(sign::Error::Claims));
    assert_eq!(sign::hs256(&issuer.shared.key, &"alice"), Err(sign::Error::Claims));
}

/// The largest token that a profile can make: under the algorithm whose signature is the longest that we sign with.
#[test]
fn no_profile_makes_a_token_too_long() {
    let issuer = Issuer::new();
    let long = [
        "x".repeat(6000),
        "\"".repeat(1000),
        "\0".repeat(400),
        "\u{5b57}".repeat(700),
        "\u{1f36a}".repeat(500),
    ];
    let filling = "x".repeat(MAX_PROFILE_BYTES - 6);
    let url = format!("https://{}", "i".repeat(120));
    for (case, text) in long.iter().chain([&filling]).enumerate() {
        for (name, email, image) in [
            (text.as_str(), "a@b.co", None),
            ("A", text, None),
            ("A", "a@b.co", Some(text.as_str())),
            (text, text, Some(text)),
            (text, "", Some("")),
        ] {
            let mut claims = claims(image);
            (claims.user.name, claims.user.email) = (name, email);
            let ids = "i".repeat(32);
            (claims.user.id, claims.sub, claims.sid, claims.jti) = (&ids, &ids, &ids, &ids);
            (claims.iss, claims.aud) = (url.as_str(), Some(url.as_str()));
            let token = sign::jwt(&issuer.key, &issuer.kid, &claims).unwrap();
            // An RSA signature has 256 bytes more than one of 64 has room for.
            let longest = token.len() + 256;
            assert!(longest < 3584, "{case}: {longest}");
            let written: Value = serde_json::from_str(&decoded(parts(&token)[1])).unwrap();
            for (claim, given) in [("name", Some(name)), ("email", Some(email)), ("image", image)] {
                let kept = written[claim].as_str();
                assert!(kept.is_none() || kept == given, "{case}: {claim} is whole or left out");
            }
            assert_eq!(written["sub"], ids.as_str());
            assert!(written.as_object().unwrap().contains_key("image"), "a picture is null and never absent");
        }
    }
}

#[test]
fn what_of_a_profile_fits_is_in_the_token_and_the_address_goes_first() {
    let issuer = Issuer::new();
    let written = |name: &str, email: &str, image: &str| -> [bool; 3] {
        let mut claims = claims(Some(image));
        (claims.user.name, claims.user.email) = (name, email);
        let token = sign::jwt(&issuer.key, &issuer.kid, &claims).unwrap();
        let written: Value = serde_json::from_str(&decoded(parts(&token)[1])).unwrap();
        ["name", "email", "image"].map(|claim| written[claim].is_string())
    };
    let fill = |length: usize| "x".repeat(length);
    // As much as sign-up takes, in ASCII.
    assert_eq!(written(&fill(256), &fill(254), &fill(1024)), [true; 3]);
    let rest = MAX_PROFILE_BYTES - 6 - 256 - 100;
    assert_eq!(written(&fill(256), &fill(100), &fill(rest)), [true; 3]);
    assert_eq!(written(&fill(256), &fill(100), &fill(rest + 1)), [true, true, false]);
    assert_eq!(written(&fill(1600), &fill(100), &fill(1000)), [false, true, true]);
    assert_eq!(written(&fill(1600), &fill(1600), &fill(6000)), [false; 3]);
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
