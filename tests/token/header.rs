//! The header chooses among our keys by name, and has no other say.

use serde_json::{Value, json};
use signet_verify::crypto::MacKey;
use signet_verify::jose::base64url;
use signet_verify::jose::jwk::KeySet;
use signet_verify::jose::sign;
use signet_verify::jose::verify::{Refusal, Unverified};

use super::support::{Issuer, SECRET, parts, signing_input, signing_key};

/// Everything that `alg` might be set to in the hope that it is believed.
pub fn foreign_algorithms() -> Vec<Value> {
    let texts = [
        "none",
        "None",
        "NONE",
        "nOnE",
        "",
        "eddsa",
        "EDDSA",
        "Eddsa",
        " EdDSA",
        "EdDSA ",
        "EdDSA\0",
        "EdDSА",
        "ed25519",
        "ED25519",
        "Ed448",
        "HS256",
        "hs256",
        "HS384",
        "HS512",
        "RS256",
        "RS384",
        "RS512",
        "PS256",
        "ES256",
        "ES384",
        "ES512",
        "ES256K",
        "ML-DSA-44",
        "dir",
        "A256KW",
    ];
    let mut values: Vec<Value> = texts.into_iter().map(Value::from).collect();
    values.extend([Value::Null, json!(0), json!(true), json!(["EdDSA"]), json!({ "EdDSA": 1 })]);
    values
}

#[test]
fn an_algorithm_that_is_not_the_keys_is_refused_however_it_is_signed() {
    let issuer = Issuer::new();
    for algorithm in foreign_algorithms() {
        let header = issuer.header_with("alg", algorithm.clone());
        let case = algorithm.to_string();
        issuer.refuses(&case, &issuer.token_headed(&header), Refusal::Algorithm);
        issuer.refuses(&case, &issuer.mac(&issuer.shared.key, &header, &issuer.claims()), Refusal::Algorithm);
        let input = signing_input(&header, &issuer.claims());
        issuer.refuses(&case, &format!("{input}."), Refusal::Algorithm);
        let kept = issuer.token();
        issuer.refuses(&case, &format!("{input}.{}", parts(&kept)[2]), Refusal::Algorithm);
    }
    let kid = issuer.kid.as_ref();
    issuer.refuses("no algorithm", &issuer.token_headed(&json!({ "kid": kid })), Refusal::Algorithm);
}

#[test]
fn without_a_kid_only_the_shared_secrets_algorithm_counts() {
    let issuer = Issuer::new();
    for algorithm in foreign_algorithms().into_iter().filter(|algorithm| algorithm != "HS256") {
        let header = json!({ "alg": algorithm });
        issuer.refuses("signed", &issuer.token_headed(&header), Refusal::Algorithm);
        issuer.refuses("MAC", &issuer.mac(&issuer.shared.key, &header, &issuer.claims()), Refusal::Algorithm);
    }
    for algorithm in ["EdDSA", "Ed25519"] {
        let header = json!({ "alg": algorithm });
        issuer.refuses("signed", &issuer.token_headed(&header), Refusal::MissingKid);
        issuer.refuses(
            "MAC",
            &issuer.mac(&issuer.shared.key, &header, &issuer.claims()),
            Refusal::MissingKid,
        );
    }
}

#[test]
fn both_names_of_the_algorithm_are_accepted_for_a_published_key() {
    let issuer = Issuer::new();
    issuer.accepts("RFC 8037", &issuer.token_headed(&issuer.header_with("alg", json!("EdDSA"))));
    issuer.accepts("RFC 9864", &issuer.token_headed(&issuer.header_with("alg", json!("Ed25519"))));
}

#[test]
fn a_public_key_is_never_used_as_a_mac_secret() {
    let issuer = Issuer::new();
    let public = issuer.key.public();
    let public = public.as_bytes();
    let x = base64url::encode(public);
    let der = [b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00".as_slice(), public].concat();
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": issuer.kid.as_ref(), "alg": "EdDSA", "use": "sig" });
    let guesses: Vec<Vec<u8>> = vec![
        public.to_vec(),
        public.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes(),
        x.clone().into_bytes(),
        der.clone(),
        base64url::encode(&der).into_bytes(),
        format!("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA{x}=\n-----END PUBLIC KEY-----\n").into_bytes(),
        format!("-----BEGIN PUBLIC KEY-----\r\nMCowBQYDK2VwAyEA{x}=\r\n-----END PUBLIC KEY-----\r\n")
            .into_bytes(),
        jwk.to_string().into_bytes(),
        serde_json::to_vec_pretty(&jwk).unwrap(),
        format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#).into_bytes(),
        issuer.set.to_json().into_bytes(),
        vec![0; 32],
        vec![0; 64],
        issuer.kid.as_ref().as_bytes().to_vec(),
        [SECRET.as_bytes(), b"\n"].concat(),
    ];
    for guess in guesses {
        let case = String::from_utf8_lossy(&guess).into_owned();
        let key = MacKey::from_bytes(&guess).unwrap();
        let claims = issuer.claims();
        let named = issuer.header_with("alg", json!("HS256"));
        issuer.refuses(&case, &issuer.mac(&key, &named, &claims), Refusal::Algorithm);
        issuer.refuses(&case, &issuer.mac(&key, &json!({ "alg": "HS256" }), &claims), Refusal::Signature);
    }
}

#[test]
fn a_mac_under_a_guessable_secret_is_refused() {
    let issuer = Issuer::new();
    let input = signing_input(&json!({ "alg": "HS256", "typ": "JWT" }), &issuer.claims());
    for guess in ["", "secret", "https://id.test", "https://api.test", "\0\0\0\0", "x"] {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, guess.as_bytes());
        let tag = ring::hmac::sign(&key, input.as_bytes());
        issuer.refuses(guess, &format!("{input}.{}", base64url::encode(tag.as_ref())), Refusal::Signature);
    }
}

#[test]
fn headers_and_signatures_of_the_two_kinds_do_not_mix() {
    let issuer = Issuer::new();
    let token = issuer.token();
    let [_, payload, signature] = parts(&token);
    let hs256 = base64url::encode(br#"{"alg":"HS256","typ":"JWT"}"#);
    issuer.refuses(
        "HS256 header, EdDSA signature",
        &format!("{hs256}.{payload}.{signature}"),
        Refusal::Signature,
    );
    issuer.refuses(
        "HS256 header, signed anew",
        &issuer.seal(&format!("{hs256}.{payload}")),
        Refusal::Signature,
    );
    let mac = issuer.mac(&issuer.shared.key, &issuer.header(), &issuer.claims());
    issuer.refuses("EdDSA header, MAC", &mac, Refusal::Signature);
}

#[test]
fn a_key_that_the_token_brings_along_is_never_used() {
    let issuer = Issuer::new();
    let mallory = signing_key(66);
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url::encode(mallory.public().as_bytes()) });
    let members = [
        ("jwk", jwk),
        ("jwk", json!({ "kty": "oct", "k": "c2VjcmV0" })),
        ("jwk", Value::Null),
        ("jku", json!("https://mallory.test/jwks.json")),
        ("jku", json!("https://id.test@mallory.test/jwks.json")),
        ("jku", json!("file:///etc/passwd")),
        ("x5u", json!("https://mallory.test/chain.pem")),
        ("x5c", json!(["MIIB"])),
        ("x5c", json!([])),
    ];
    for (name, value) in members {
        let header = issuer.header_with(name, value);
        let input = signing_input(&header, &issuer.claims());
        let theirs = format!("{input}.{}", base64url::encode(&mallory.sign(input.as_bytes()).unwrap()));
        issuer.refuses(name, &theirs, Refusal::HeaderMember);
        issuer.refuses(name, &issuer.token_headed(&header), Refusal::HeaderMember);
        let mut unnamed = header;
        unnamed.as_object_mut().unwrap().remove("kid");
        issuer.refuses(name, &issuer.token_headed(&unnamed), Refusal::HeaderMember);
    }
    let forged = sign::jwt(&mallory, &issuer.kid, &issuer.claims()).unwrap();
    issuer.refuses("own key under a known kid", &forged, Refusal::Signature);
}

#[test]
fn an_extension_is_refused_in_any_form() {
    let issuer = Issuer::new();
    let crit = [
        json!(["exp"]),
        json!([]),
        json!("exp"),
        Value::Null,
        json!(1),
        json!(["b64"]),
        json!(["alg"]),
        json!(["x", "x"]),
        json!(["absent"]),
        json!({}),
    ];
    for value in crit {
        issuer.refuses(
            "crit",
            &issuer.token_headed(&issuer.header_with("crit", value)),
            Refusal::HeaderMember,
        );
    }
    for (name, value) in [
        ("b64", json!(false)),
        ("b64", json!(true)),
        ("b64", Value::Null),
        ("zip", json!("DEF")),
        ("zip", Value::Null),
        ("enc", json!("A256GCM")),
        ("cty", json!("JWT")),
        ("cty", json!("")),
    ] {
        issuer.refuses(name, &issuer.token_headed(&issuer.header_with(name, value)), Refusal::HeaderMember);
    }
    let both = json!({ "alg": "EdDSA", "kid": issuer.kid.as_ref(), "b64": false, "crit": ["b64"] });
    issuer.refuses("b64 and crit", &issuer.token_headed(&both), Refusal::HeaderMember);
    let header = base64url::encode(both.to_string().as_bytes());
    let raw = issuer.seal(&format!("{header}.{}", issuer.claims()));
    assert!(issuer.verify(&raw).is_err(), "raw payload");
}

#[test]
fn a_token_of_another_type_is_refused() {
    let issuer = Issuer::new();
    for typ in [
        "JWT",
        "jwt",
        "Jwt",
        "at+jwt",
        "AT+JWT",
        "application/jwt",
        "application/at+jwt",
        "APPLICATION/AT+JWT",
    ] {
        issuer.accepts(typ, &issuer.token_headed(&issuer.header_with("typ", json!(typ))));
    }
    for typ in [
        json!("dpop+jwt"),
        json!("logout+jwt"),
        json!("secevent+jwt"),
        json!("JWE"),
        json!("JOSE"),
        json!(""),
        json!("JWT "),
        json!("application/"),
        json!("application/application/jwt"),
        json!("text/jwt"),
        json!(1),
        Value::Null,
        json!(["JWT"]),
        json!("ＪＷＴ"),
    ] {
        issuer.refuses("typ", &issuer.token_headed(&issuer.header_with("typ", typ)), Refusal::Type);
    }
}

#[test]
fn a_kid_is_a_name_and_must_match_exactly() {
    let issuer = Issuer::new();
    let kid = issuer.kid.as_ref().to_owned();
    for malformed in [
        json!(""),
        Value::Null,
        json!(0),
        json!(true),
        json!([kid]),
        json!({ "kid": kid }),
        json!(format!("{kid}\0")),
        json!(format!(" {kid}")),
        json!(format!("{kid}\r\nX: y")),
        json!(format!("\u{202e}{kid}")),
        json!("x".repeat(3000)),
        json!("x".repeat(129)),
        json!("' UNION SELECT 'secret"),
        json!("$(touch /tmp/x) `id`"),
        json!("%s %n"),
    ] {
        let header = issuer.header_with("kid", malformed.clone());
        issuer.refuses(&malformed.to_string(), &issuer.token_headed(&header), Refusal::MalformedKid);
    }
    for unknown in [
        kid.to_lowercase(),
        kid.to_uppercase(),
        format!("{kid}x"),
        kid[1..].to_owned(),
        "../../../../dev/null".to_owned(),
        "/dev/null".to_owned(),
        "__proto__".to_owned(),
        "constructor".to_owned(),
        "%s%n%x".to_owned(),
        "https://mallory.test/jwks.json".to_owned(),
        "'OR/**/1=1--".to_owned(),
        "x".repeat(128),
    ] {
        let header = issuer.header_with("kid", json!(unknown));
        issuer.refuses(&unknown, &issuer.token_headed(&header), Refusal::UnknownKid);
        let mut hs256 = header;
        hs256["alg"] = json!("HS256");
        issuer.refuses(
            &unknown,
            &issuer.mac(&issuer.shared.key, &hs256, &issuer.claims()),
            Refusal::Algorithm,
        );
    }
}

#[test]
fn a_member_named_twice_is_refused_whichever_one_is_right() {
    let issuer = Issuer::new();
    let kid = issuer.kid.as_ref();
    let claims = issuer.claims().to_string();
    for header in [
        format!(r#"{{"alg":"EdDSA","kid":"{kid}","alg":"none"}}"#),
        format!(r#"{{"alg":"none","kid":"{kid}","alg":"EdDSA"}}"#),
        format!(r#"{{"alg":"EdDSA","kid":"{kid}","\u0061lg":"none"}}"#),
        format!(r#"{{"alg":"EdDSA","kid":"other","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"EdDSA","kid":"{kid}","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"EdDSA","kid":"{kid}","crit":["x"],"crit":[]}}"#),
        format!(r#"{{"alg":"EdDSA","kid":"{kid}","x":{{"y":1,"y":2}}}}"#),
    ] {
        issuer.refuses(&header, &issuer.token_of(header.as_bytes(), claims.as_bytes()), Refusal::Header);
    }
}

#[test]
fn unknown_header_members_do_no_harm() {
    let issuer = Issuer::new();
    for name in ["x", "__proto__", "constructor", "x5t", "nonce", "epk", "p2c", "ALG", "Kid"] {
        issuer.accepts(name, &issuer.token_headed(&issuer.header_with(name, json!("anything"))));
    }
}

#[test]
fn a_token_says_which_key_it_wants_before_it_is_verified() {
    let issuer = Issuer::new();
    let token = issuer.token();
    assert_eq!(Unverified::parse(&token).unwrap().kid(), Some(issuer.kid.as_ref()));
    let shared = sign::hs256(&issuer.shared.key, &issuer.claims()).unwrap();
    assert_eq!(Unverified::parse(&shared).unwrap().kid(), None);
}

#[test]
fn only_a_token_that_another_key_could_make_valid_asks_for_one() {
    let issuer = Issuer { set: KeySet::default(), ..Issuer::new() };
    issuer.refuses("a sound token", &issuer.token(), Refusal::UnknownKid);
    let token = issuer.token();
    let [header, payload, signature] = parts(&token);
    for spoilt in [
        format!("{header}.{payload}"),
        format!("{header}.{payload}.{}", &signature[..84]),
        format!("{header}.{payload}="),
        format!("{header}.{payload}=.{signature}"),
        issuer.token_headed(&issuer.header_with("alg", json!("HS256"))),
        issuer.token_headed(&issuer.header_with("typ", json!("dpop+jwt"))),
    ] {
        assert!(Unverified::parse(&spoilt).is_err(), "{spoilt}");
    }
}
