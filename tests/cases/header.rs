//! Rows about the protected header.

use serde_json::{Value, json};
use signet_verify::crypto::SigningKey;
use signet_verify::jose::base64url;

use super::rig::{Case, Rig};
use crate::token::header::foreign_algorithms;
use crate::token::support::{bare_jwk, parts, signing_input};

fn signed(key: &SigningKey, input: &str) -> String {
    format!("{input}.{}", base64url::encode(&key.sign(input.as_bytes()).unwrap()))
}

/// The header with one member set to each value: under the true key, and with the old signature kept.
fn with_member(rig: &Rig, name: &str, values: impl IntoIterator<Item = Value>) -> Vec<Case> {
    let issuer = &rig.issuer;
    let token = issuer.token();
    let kept = parts(&token)[2];
    let of = |value: Value| {
        let header = issuer.header_with(name, value);
        let stale = format!("{}.{kept}", signing_input(&header, &issuer.claims()));
        let case = format!("{name} {}", header[name]);
        [Case::token(format!("{case}, truly signed"), issuer.token_headed(&header)), Case::token(case, stale)]
    };
    values.into_iter().flat_map(of).collect()
}

/// The header with one member set to each value, signed with the attacker's own key.
fn with_member_own(rig: &Rig, name: &str, values: impl IntoIterator<Item = Value>) -> Vec<Case> {
    let of = |value: Value| {
        let header = rig.issuer.header_with(name, value);
        let token = signed(&rig.own(), &signing_input(&header, &rig.issuer.claims()));
        Case::token(format!("{name} {}, own key", header[name]), token)
    };
    values.into_iter().map(of).collect()
}

const NONE: [&str; 4] = ["none", "None", "NONE", "nOnE"];

/// The signing input of a token without an algorithm, with and without a kid.
fn unsigned(rig: &Rig, spelling: &str) -> [String; 2] {
    let headers = [rig.issuer.header_with("alg", json!(spelling)), json!({ "alg": spelling })];
    headers.map(|header| signing_input(&header, &rig.issuer.claims()))
}

pub async fn none(rig: &Rig) -> Vec<Case> {
    let of = |spelling| unsigned(rig, spelling).map(|input| Case::token(spelling, format!("{input}.")));
    NONE.into_iter().flat_map(of).collect()
}

pub async fn none_with_signature(rig: &Rig) -> Vec<Case> {
    let token = rig.issuer.token();
    let kept = parts(&token)[2];
    let of = |spelling| unsigned(rig, spelling).map(|input| Case::token(spelling, format!("{input}.{kept}")));
    NONE.into_iter().flat_map(of).collect()
}

pub async fn none_in_two_parts(rig: &Rig) -> Vec<Case> {
    NONE.into_iter()
        .flat_map(|spelling| unsigned(rig, spelling).map(|input| Case::token(spelling, input)))
        .collect()
}

pub async fn alg_no_text(rig: &Rig) -> Vec<Case> {
    let values = [
        Value::Null,
        json!(0),
        json!(1.5),
        json!(true),
        json!([rig.algorithm().name()]),
        json!({ rig.algorithm().name(): 1 }),
    ];
    let mut cases = with_member(rig, "alg", values);
    let header = json!({ "kid": rig.issuer.kid.as_ref() });
    cases.push(Case::token("missing", rig.issuer.token_headed(&header)));
    cases.push(Case::token("missing, and no kid", rig.issuer.token_headed(&json!({}))));
    cases
}

pub async fn alg_misspelt(rig: &Rig) -> Vec<Case> {
    let name = rig.algorithm().name();
    let mut spellings: Vec<String> = [
        "eddsa",
        "EDDSA",
        "Eddsa",
        " EdDSA",
        "EdDSA ",
        "EdDSA\0",
        "EdDSА",
        "ed25519",
        "Ed25519\n",
        "ED25519",
        "es256",
        "ЕS256",
        "ES-256",
        "rs256",
        "RS-256",
        "RS256=",
    ]
    .map(str::to_owned)
    .into();
    spellings.extend([
        format!(" {name}"),
        format!("{name} "),
        format!("{name}\0"),
        format!("{name}\n"),
        name.to_lowercase(),
    ]);
    with_member(rig, "alg", spellings.into_iter().map(Value::from))
}

pub async fn enc(rig: &Rig) -> Vec<Case> {
    with_member(rig, "enc", [json!("A256GCM"), json!(""), Value::Null])
}

pub async fn jwk(rig: &Rig) -> Vec<Case> {
    let public = bare_jwk(&rig.own());
    let mut private = public.clone();
    private["d"] = json!(base64url::encode(&[66; 32]));
    let octets = json!({ "kty": "oct", "k": base64url::encode(&[66; 32]) });
    let mut cases = with_member_own(rig, "jwk", [public.clone(), private, octets.clone()]);
    let unnamed =
        signing_input(&json!({ "alg": rig.algorithm().name(), "jwk": public }), &rig.issuer.claims());
    cases.push(Case::token("no kid", signed(&rig.own(), &unnamed)));
    let mac = rig.mac(&[66; 32], &json!({ "alg": "HS256", "jwk": octets }));
    cases.push(Case::token("a secret of the token's own", mac));
    cases
}

/// Addresses of the listener, in forms that a careless reader takes for the issuer's.
fn addresses(rig: &Rig) -> Vec<Value> {
    let url = rig.listener.url();
    let disguised = url.replace("http://", "http://id.test@");
    [url.as_str(), &disguised, "file:///etc/passwd", "https://id.test/../jwks"].map(Value::from).to_vec()
}

pub async fn jku(rig: &Rig) -> Vec<Case> {
    [with_member_own(rig, "jku", addresses(rig)), with_member_own(rig, "x5u", addresses(rig))]
        .into_iter()
        .flatten()
        .collect()
}

pub async fn x5c(rig: &Rig) -> Vec<Case> {
    let certificate = rcgen::generate_simple_self_signed(["id.test".to_owned()]).unwrap();
    let der = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, certificate.cert.der());
    let mut cases = with_member_own(rig, "x5c", [json!([der]), json!([]), json!(der)]);
    let header = json!({ "alg": "ES256", "x5c": [der] });
    let input = signing_input(&header, &rig.issuer.claims());
    cases.push(Case::token("ES256", format!("{input}.{}", base64url::encode(&[7; 64]))));
    cases
}

pub async fn listener(rig: &Rig) -> Vec<Case> {
    let mut cases = with_member_own(rig, "kid", addresses(rig));
    for address in addresses(rig) {
        let input = signing_input(&rig.issuer.header(), &rig.issuer.claims_with("iss", address.clone()));
        cases.push(Case::token(format!("iss {address}"), signed(&rig.own(), &input)));
    }
    cases
}

pub async fn kid_no_text(rig: &Rig) -> Vec<Case> {
    let kid = rig.issuer.kid.as_ref();
    let values = [json!(0), Value::Null, json!([kid]), json!({ "kid": kid }), json!(true), json!("")];
    let mut cases = with_member_own(rig, "kid", values.clone());
    cases.extend(with_member(rig, "kid", values));
    cases
}

pub async fn kid_misspelt(rig: &Rig) -> Vec<Case> {
    let kid = rig.issuer.kid.as_ref();
    let spellings =
        [kid.to_lowercase(), kid.to_uppercase(), format!(" {kid}"), format!("{kid} "), format!("{kid}\0")];
    let mut cases = with_member_own(rig, "kid", spellings.clone().map(Value::from));
    cases.extend(with_member(rig, "kid", spellings.map(Value::from)));
    cases
}

pub async fn other_algorithms(rig: &Rig) -> Vec<Case> {
    let others = || foreign_algorithms(rig.algorithm()).into_iter().filter(|algorithm| algorithm != "HS256");
    let mut cases = with_member_own(rig, "alg", others());
    cases.extend(with_member(rig, "alg", others()));
    for algorithm in others() {
        let input = signing_input(&json!({ "alg": algorithm }), &rig.issuer.claims());
        let long = base64url::encode(&[7; 256]);
        cases.push(Case::token(format!("{algorithm}, no kid, 256 bytes"), format!("{input}.{long}")));
    }
    cases
}

pub async fn psychic(rig: &Rig) -> Vec<Case> {
    let headers =
        [rig.issuer.header_with("alg", json!("ES256")), json!({ "alg": "ES256" }), rig.issuer.header()];
    let of = |header: Value| {
        let input = signing_input(&header, &rig.issuer.claims());
        [64, 256].map(|bytes| {
            let zeros = base64url::encode(&vec![0; bytes]);
            Case::token(format!("{header}, {bytes} zeros"), format!("{input}.{zeros}"))
        })
    };
    headers.into_iter().flat_map(of).collect()
}

pub async fn alg_ed25519(rig: &Rig) -> Vec<Case> {
    let header = rig.issuer.header_with("alg", json!("Ed25519"));
    vec![Case::token("Ed25519", rig.issuer.token_headed(&header))]
}

pub async fn crit(rig: &Rig) -> Vec<Case> {
    let values = [
        json!(["exp"]),
        json!([]),
        json!("exp"),
        Value::Null,
        json!(1),
        json!(["alg"]),
        json!(["x", "x"]),
        json!(["absent"]),
        json!({}),
    ];
    let mut cases = with_member(rig, "crit", values);
    let mut present = rig.issuer.header_with("crit", json!(["x"]));
    present["x"] = json!(1);
    cases.push(Case::token("a member that is there", rig.issuer.token_headed(&present)));
    cases
}

pub async fn b64(rig: &Rig) -> Vec<Case> {
    let mut cases = with_member(rig, "b64", [json!(false), json!(true), Value::Null]);
    let mut critical = rig.issuer.header_with("b64", json!(false));
    critical["crit"] = json!(["b64"]);
    cases.push(Case::token("critical, encoded", rig.issuer.token_headed(&critical)));
    for header in [critical, rig.issuer.header_with("b64", json!(false))] {
        let encoded = base64url::encode(header.to_string().as_bytes());
        let dotless = rig.issuer.claims_with("iss", json!("https://id"));
        for payload in [rig.issuer.claims(), dotless] {
            cases.push(Case::token("a payload in the raw", rig.issuer.seal(&format!("{encoded}.{payload}"))));
        }
    }
    cases
}

pub async fn zip(rig: &Rig) -> Vec<Case> {
    let mut cases = with_member(rig, "zip", [json!("DEF"), json!("GZIP"), Value::Null]);
    // A block of deflate that stands for 64 KiB of zeros, again and again.
    let bomb =
        [0xed, 0xc1, 0x01, 0x0d, 0x00, 0x00, 0x00, 0xc2, 0xa0, 0xf7, 0x4f, 0x6d, 0x0e, 0x37, 0xa0, 0x00]
            .repeat(200);
    let header = rig.issuer.header_with("zip", json!("DEF")).to_string();
    let token = rig.issuer.token_of(header.as_bytes(), &bomb);
    cases.push(Case::token("a bomb", &token));
    let input = token.rsplit_once('.').unwrap().0;
    cases.push(Case::token("a bomb, own key", signed(&rig.own(), input)));
    cases
}

pub async fn foreign_typ(rig: &Rig) -> Vec<Case> {
    let types = ["dpop+jwt", "logout+jwt", "secevent+jwt", "JWE", "JOSE", "", "application/dpop+jwt"]
        .map(Value::from);
    let mut cases = with_member(rig, "typ", types);
    cases.extend(with_member(rig, "typ", [json!(1), Value::Null, json!(["JWT"]), json!(true)]));
    cases
}

pub async fn member_twice(rig: &Rig) -> Vec<Case> {
    let kid = rig.issuer.kid.as_ref();
    let claims = rig.issuer.claims().to_string();
    let name = rig.algorithm().name();
    let headers = [
        format!(r#"{{"alg":"{name}","kid":"{kid}","alg":"none"}}"#),
        format!(r#"{{"alg":"none","kid":"{kid}","alg":"{name}"}}"#),
        format!(r#"{{"alg":"{name}","kid":"{kid}","\u0061lg":"{name}"}}"#),
        format!(r#"{{"alg":"{name}","kid":"{kid}","kid":"other"}}"#),
        format!(r#"{{"alg":"{name}","kid":"other","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"{name}","kid":"{kid}","crit":["x"],"crit":[]}}"#),
        format!(r#"{{"crit":[],"alg":"{name}","kid":"{kid}","crit":["x"]}}"#),
    ];
    headers
        .map(|header| Case::token(&header, rig.issuer.token_of(header.as_bytes(), claims.as_bytes())))
        .into()
}

pub async fn unknown_members(rig: &Rig) -> Vec<Case> {
    let issuer = &rig.issuer;
    let mut cases = Vec::new();
    for name in ["x", "__proto__", "constructor", "x5t", "nonce"] {
        let anything = json!({ "sub": "bob", "alg": "none" });
        cases.push(Case::token(
            format!("header {name}"),
            issuer.token_headed(&issuer.header_with(name, anything.clone())),
        ));
        cases.push(Case::token(
            format!("claim {name}"),
            issuer.token_saying(&issuer.claims_with(name, anything)),
        ));
    }
    let [header, claims] =
        [issuer.header(), issuer.claims()].map(|part| serde_json::to_string_pretty(&part).unwrap());
    cases.push(Case::token("white space", issuer.token_of(header.as_bytes(), claims.as_bytes())));
    let spaced = format!("\t\r\n {claims} \n");
    cases.push(Case::token("white space around", issuer.token_of(header.as_bytes(), spaced.as_bytes())));
    cases
}

pub async fn truly_signed(rig: &Rig) -> Vec<Case> {
    let mut cases = with_member(rig, "jwk", [bare_jwk(&rig.issuer.key)]);
    cases.extend(with_member(rig, "jku", [json!(rig.listener.url()), json!(rig.origin.url())]));
    cases.extend(with_member(rig, "x5u", [json!(rig.listener.url())]));
    cases
}

pub async fn kid_missing(rig: &Rig) -> Vec<Case> {
    vec![Case::token(
        "one key, and no kid",
        rig.issuer.token_headed(&json!({ "alg": rig.algorithm().name() })),
    )]
}
