//! The header chooses among our keys by name, and has no other say.

use rstest::rstest;
use serde_json::{Value, json};
use signet_verify::crypto::{Algorithm, MacKey, PublicKey};
use signet_verify::jose::base64url;
use signet_verify::jose::jwk::{KeySet, public_jwk};
use signet_verify::jose::sign;
use signet_verify::jose::verify::{Refusal, Unverified};

use super::support::{Issuer, SECRET, bare_jwk, hex, key_of, parts, signing_input};

/// Everything that `alg` might be set to, in the hope that it is believed, for a key of the algorithm `own`.
pub fn foreign_algorithms(own: Algorithm) -> Vec<Value> {
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
        "Ed25519",
        "EdDSA",
        "ed25519",
        "ED25519",
        "Ed448",
        "HS256",
        "hs256",
        "HS384",
        "HS512",
        "RS256",
        "rs256",
        " RS256",
        "RS256\0",
        "RS1",
        "RS384",
        "RS512",
        "PS256",
        "PS384",
        "ES256",
        "es256",
        "ES256 ",
        "ЕS256",
        "ESP256",
        "ES384",
        "ES512",
        "ES256K",
        "ML-DSA-44",
        "dir",
        "A256KW",
    ];
    let mut values: Vec<Value> = texts.into_iter().map(Value::from).collect();
    values.extend([Value::Null, json!(0), json!(true), json!(["EdDSA"]), json!({ "EdDSA": 1 })]);
    values.extend([json!([own.name()]), json!({ own.name(): 1 })]);
    values.retain(|value| value.as_str().and_then(Algorithm::of_header) != Some(own));
    values
}

/// Why a token that names our key is refused which says `algorithm` of it and has a signature of so many bytes: an
/// algorithm that has no keys here is not read any further, and one that has some has a length of signatures too.
fn refusal_of(algorithm: &Value, signature: usize) -> Refusal {
    let lengths = match algorithm.as_str().and_then(Algorithm::of_header) {
        None => return Refusal::Algorithm,
        Some(Algorithm::EdDsa | Algorithm::Es256) => 64..=64,
        Some(Algorithm::Rs256) => 256..=512,
    };
    if lengths.contains(&signature) { Refusal::Algorithm } else { Refusal::Signature }
}

#[rstest]
fn verify_refuses_an_alg_that_is_not_the_keys_however_it_is_signed(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] own: Algorithm,
) {
    let issuer = Issuer::of(own);
    let length = |token: &str| base64url::decode(parts(token)[2]).unwrap().len();
    for algorithm in foreign_algorithms(own) {
        let header = issuer.header_with("alg", algorithm.clone());
        let case = algorithm.to_string();
        let input = signing_input(&header, &issuer.claims());
        let kept = format!("{input}.{}", parts(&issuer.token())[2]);
        let mac = issuer.mac(&issuer.shared.key, &header, &issuer.claims());
        let filled =
            [64, 256, 384, 512].map(|bytes| format!("{input}.{}", base64url::encode(&vec![7; bytes])));
        // A key of the algorithm that the header names may sign as well as it can: the name is another key's.
        let named = algorithm.as_str().and_then(Algorithm::of_header).map(|algorithm| {
            let signature = key_of(algorithm, 66).sign(input.as_bytes()).unwrap();
            format!("{input}.{}", base64url::encode(&signature))
        });
        let signed = [issuer.token_headed(&header), kept, mac, format!("{input}.")];
        for token in signed.into_iter().chain(filled).chain(named) {
            issuer.refuses(&case, &token, refusal_of(&algorithm, length(&token)));
        }
    }
    let kid = issuer.kid.as_ref();
    issuer.refuses("no algorithm", &issuer.token_headed(&json!({ "kid": kid })), Refusal::Algorithm);
}

#[rstest]
fn verify_without_a_kid_takes_the_algorithm_of_the_shared_secret_only(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] own: Algorithm,
) {
    let issuer = Issuer::of(own);
    let mut missing = Vec::new();
    let names = foreign_algorithms(own).into_iter().chain([json!(own.name())]);
    for algorithm in names.filter(|algorithm| algorithm != "HS256") {
        let header = json!({ "alg": algorithm });
        let reason = match algorithm.as_str().and_then(Algorithm::of_header) {
            Some(_) => Refusal::MissingKid,
            None => Refusal::Algorithm,
        };
        issuer.refuses("signed", &issuer.token_headed(&header), reason);
        issuer.refuses("MAC", &issuer.mac(&issuer.shared.key, &header, &issuer.claims()), reason);
        missing.extend((reason == Refusal::MissingKid).then_some(algorithm));
    }
    for name in ["EdDSA", "ES256", "RS256"] {
        assert!(missing.contains(&json!(name)), "{name} has keys, and they have names: {missing:?}");
    }
}

#[test]
fn verify_takes_both_names_of_the_algorithm_for_a_published_key() {
    let issuer = Issuer::new();
    issuer.accepts("RFC 8037", &issuer.token_headed(&issuer.header_with("alg", json!("EdDSA"))));
    issuer.accepts("RFC 9864", &issuer.token_headed(&issuer.header_with("alg", json!("Ed25519"))));
}

/// The public half in every form in which a client may have it at hand, as the bytes of a secret.
pub fn public_key_forms(issuer: &Issuer) -> Vec<Vec<u8>> {
    let key = issuer.key.public();
    let bytes = key.as_bytes();
    let jwk = Value::Object(public_jwk(&issuer.kid, key));
    let pretty = serde_json::to_vec_pretty(&jwk).unwrap();
    let set = issuer.set.to_json();
    let served =
        set.strip_prefix(r#"{"keys":["#).and_then(|keys| keys.strip_suffix("]}")).unwrap().to_owned();
    let mut forms = vec![
        bytes.to_vec(),
        served.replace(':', ": ").replace(',', ", ").into_bytes(),
        served.into_bytes(),
        jwk.to_string().into_bytes(),
        pretty,
        bare_jwk(&issuer.key).to_string().into_bytes(), // sorted and bare, as a thumbprint is of it
        format!("{set}\n").into_bytes(),
        set.into_bytes(),
        issuer.kid.as_ref().as_bytes().to_vec(),
    ];
    let standard = |bytes: &[u8]| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes);
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    forms.extend(
        [digits.to_uppercase(), digits, base64url::encode(bytes), standard(bytes)].map(String::into_bytes),
    );
    let numbers = ["x", "y", "n"].into_iter().filter_map(|name| jwk[name].as_str());
    for number in numbers {
        forms.extend([number.as_bytes().to_vec(), base64url::decode(number).unwrap()]);
    }
    for (label, der) in [("PUBLIC KEY", spki(key)), ("RSA PUBLIC KEY", bytes.to_vec())] {
        let encoded = standard(&der);
        let lines: Vec<&str> =
            encoded.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        for body in [lines.join("\n"), encoded.clone()] {
            let pem = format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----");
            forms.extend(
                [format!("{pem}\n"), format!("{pem}\n").replace('\n', "\r\n"), pem].map(String::into_bytes),
            );
        }
        forms.extend([der.clone(), encoded.into_bytes(), base64url::encode(&der).into_bytes()]);
    }
    forms
}

/// The SubjectPublicKeyInfo of a key (RFC 8410 section 4, RFC 5480 section 2, RFC 3279 section 2.3.1).
fn spki(key: &PublicKey) -> Vec<u8> {
    let (prefix, length) = match key.algorithm() {
        Algorithm::EdDsa => ("302a300506032b6570032100", 32),
        Algorithm::Es256 => ("3059301306072a8648ce3d020106082a8648ce3d030107034200", 65),
        Algorithm::Rs256 => ("30820122300d06092a864886f70d01010105000382010f00", 270),
    };
    assert_eq!(key.as_bytes().len(), length, "the lengths in front are of such a key");
    [&hex(prefix), key.as_bytes()].concat()
}

#[rstest]
fn verify_never_uses_a_public_key_as_a_mac_secret(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let issuer = Issuer::of(algorithm);
    let guesses = [vec![0; 32], vec![0; 64], [SECRET.as_bytes(), b"\n"].concat()];
    for guess in public_key_forms(&issuer).into_iter().chain(guesses) {
        let case = String::from_utf8_lossy(&guess).into_owned();
        let key = MacKey::from_bytes(&guess).unwrap();
        let claims = issuer.claims();
        let named = issuer.header_with("alg", json!("HS256"));
        issuer.refuses(&case, &issuer.mac(&key, &named, &claims), Refusal::Algorithm);
        issuer.refuses(&case, &issuer.mac(&key, &json!({ "alg": "HS256" }), &claims), Refusal::Signature);
        // Nor under the algorithm of the key itself, whose signatures have another length.
        issuer.refuses(&case, &issuer.mac(&key, &issuer.header(), &claims), Refusal::Signature);
    }
}

#[test]
fn verify_refuses_a_mac_under_a_guessable_secret() {
    let issuer = Issuer::new();
    let input = signing_input(&json!({ "alg": "HS256", "typ": "JWT" }), &issuer.claims());
    for guess in ["", "secret", "https://id.test", "https://api.test", "\0\0\0\0", "x"] {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, guess.as_bytes());
        let tag = ring::hmac::sign(&key, input.as_bytes());
        issuer.refuses(guess, &format!("{input}.{}", base64url::encode(tag.as_ref())), Refusal::Signature);
    }
}

#[rstest]
fn verify_mixes_no_header_of_one_kind_with_a_signature_of_the_other(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let issuer = Issuer::of(algorithm);
    let token = issuer.token();
    let [_, payload, signature] = parts(&token);
    let hs256 = base64url::encode(br#"{"alg":"HS256","typ":"JWT"}"#);
    issuer.refuses(
        "HS256 header, old signature",
        &format!("{hs256}.{payload}.{signature}"),
        Refusal::Signature,
    );
    issuer.refuses(
        "HS256 header, signed anew",
        &issuer.seal(&format!("{hs256}.{payload}")),
        Refusal::Signature,
    );
    let mac = issuer.mac(&issuer.shared.key, &issuer.header(), &issuer.claims());
    issuer.refuses("its own header, MAC", &mac, Refusal::Signature);
}

#[rstest]
fn verify_never_uses_a_key_that_the_token_brings_along(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let issuer = Issuer::of(algorithm);
    let mallory = key_of(algorithm, 66);
    let members = [
        ("jwk", bare_jwk(&mallory)),
        ("jwk", bare_jwk(&issuer.key)),
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

#[rstest]
fn verify_refuses_crit_in_any_form(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let issuer = Issuer::of(algorithm);
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
    let both = json!({ "alg": algorithm.name(), "kid": issuer.kid.as_ref(), "b64": false, "crit": ["b64"] });
    issuer.refuses("b64 and crit", &issuer.token_headed(&both), Refusal::HeaderMember);
    let header = base64url::encode(both.to_string().as_bytes());
    let raw = issuer.seal(&format!("{header}.{}", issuer.claims()));
    assert!(issuer.verify(&raw).is_err(), "raw payload");
}

#[rstest]
fn verify_refuses_a_token_of_another_typ(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let issuer = Issuer::of(algorithm);
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

#[rstest]
fn verify_wants_a_kid_that_matches_exactly(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let issuer = Issuer::of(algorithm);
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

#[rstest]
fn verify_refuses_a_header_member_named_twice_whichever_one_is_right(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let issuer = Issuer::of(algorithm);
    let (alg, kid) = (algorithm.name(), issuer.kid.as_ref());
    let claims = issuer.claims().to_string();
    for header in [
        format!(r#"{{"alg":"{alg}","kid":"{kid}","alg":"none"}}"#),
        format!(r#"{{"alg":"none","kid":"{kid}","alg":"{alg}"}}"#),
        format!(r#"{{"alg":"{alg}","kid":"{kid}","\u0061lg":"none"}}"#),
        format!(r#"{{"alg":"{alg}","kid":"other","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"{alg}","kid":"{kid}","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"{alg}","kid":"{kid}","crit":["x"],"crit":[]}}"#),
        format!(r#"{{"alg":"{alg}","kid":"{kid}","x":{{"y":1,"y":2}}}}"#),
    ] {
        issuer.refuses(&header, &issuer.token_of(header.as_bytes(), claims.as_bytes()), Refusal::Header);
    }
}

#[rstest]
fn verify_ignores_unknown_header_members(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let issuer = Issuer::of(algorithm);
    for name in ["x", "__proto__", "constructor", "x5t", "nonce", "epk", "p2c", "ALG", "Kid"] {
        issuer.accepts(name, &issuer.token_headed(&issuer.header_with(name, json!("anything"))));
    }
}

#[rstest]
fn kid_is_known_before_a_token_is_verified(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let issuer = Issuer::of(algorithm);
    let token = issuer.token();
    assert_eq!(Unverified::parse(&token).unwrap().kid(), Some(issuer.kid.as_ref()));
    let shared = sign::hs256(&issuer.shared.key, &issuer.claims()).unwrap();
    assert_eq!(Unverified::parse(&shared).unwrap().kid(), None);
}

#[rstest]
fn kid_is_asked_for_only_by_a_token_that_another_key_could_make_valid(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let issuer = Issuer { set: KeySet::default(), ..Issuer::of(algorithm) };
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
