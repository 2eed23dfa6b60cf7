//! Rows about MACs: public or guessed values taken for the secret, and the two kinds of token mixed up.

use serde_json::{Value, json};
use signet_verify::jose::base64url;

use super::rig::{Case, Rig, tag};
use crate::token::header::public_key_forms;
use crate::token::support::{SECRET, parts, signing_input};

/// A MAC under `key`: with the known kid, and with none, as the server's own HS256 tokens are.
fn under(rig: &Rig, name: &str, key: &[u8]) -> [Case; 2] {
    let named = rig.issuer.header_with("alg", json!("HS256"));
    [named, json!({ "alg": "HS256", "typ": "JWT" })].map(|header| Case::token(name, rig.mac(key, &header)))
}

/// Tokens with this kid: HS256 under each key, and of the issuer's algorithm, signed with a key of the attacker's own.
fn named(rig: &Rig, kids: &[&str], keys: &[&[u8]]) -> Vec<Case> {
    let mut cases = Vec::new();
    for kid in kids {
        let header = json!({ "alg": "HS256", "kid": kid });
        cases.extend(keys.iter().map(|key| Case::token(*kid, rig.mac(key, &header))));
        let input = signing_input(&rig.issuer.header_with("kid", json!(kid)), &rig.issuer.claims());
        let own = base64url::encode(&rig.own().sign(input.as_bytes()).unwrap());
        cases.push(Case::token(format!("{kid}, own key"), format!("{input}.{own}")));
    }
    cases
}

pub async fn kid_is_a_path(rig: &Rig) -> Vec<Case> {
    named(
        rig,
        &["../../../../dev/null", "/dev/null", "", "file:///dev/null", "..\\..\\nul"],
        &[b"", b"\0", b"\n"],
    )
}

pub async fn kid_is_a_union(rig: &Rig) -> Vec<Case> {
    let kids = ["x' UNION SELECT 'secret", "x'/**/UNION/**/SELECT/**/'secret", "0;SELECT('secret')--"];
    named(rig, &kids, &[b"secret", b""])
}

pub async fn kid_injects(rig: &Rig) -> Vec<Case> {
    let long = "k".repeat(3000);
    let kids = [
        "$(touch /tmp/x)",
        "`id`",
        "|id",
        "%s%n%x",
        "x\r\nx-admin: 1",
        "x\0",
        "__proto__",
        "constructor",
        "toString",
        "\u{202e}dik",
        &long,
    ];
    named(rig, &kids, &[b"", b"secret"])
}

/// The forms of the public key that `is_meant` is true of, as secrets; of other forms there are some too.
fn forms(rig: &Rig, is_meant: impl Fn(&str) -> bool) -> Vec<Case> {
    let forms = public_key_forms(&rig.issuer);
    let meant: Vec<_> = forms.iter().filter(|form| is_meant(&String::from_utf8_lossy(form))).collect();
    assert!((1..forms.len()).contains(&meant.len()));
    meant.iter().flat_map(|form| under(rig, &String::from_utf8_lossy(form), form)).collect()
}

fn is_json(form: &str) -> bool {
    form.trim_end().starts_with('{') && form.trim_end().ends_with('}')
}

pub async fn public_key_raw(rig: &Rig) -> Vec<Case> {
    forms(rig, |form| !form.contains("-----") && !is_json(form))
}

pub async fn public_key_in_pem(rig: &Rig) -> Vec<Case> {
    forms(rig, |form| form.contains("-----BEGIN"))
}

pub async fn public_key_in_json(rig: &Rig) -> Vec<Case> {
    forms(rig, is_json)
}

pub async fn guessable(rig: &Rig) -> Vec<Case> {
    let kid = rig.issuer.kid.as_ref();
    [
        "",
        "secret",
        "https://id.test",
        "https://api.test",
        kid,
        "\0",
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    ]
    .iter()
    .flat_map(|guess| under(rig, guess, guess.as_bytes()))
    .collect()
}

pub async fn longer_hashes(rig: &Rig) -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, algorithm) in [("HS384", ring::hmac::HMAC_SHA384), ("HS512", ring::hmac::HMAC_SHA512)] {
        for key in [SECRET.as_bytes(), rig.issuer.key.public().as_bytes()] {
            let input = signing_input(&json!({ "alg": name, "typ": "JWT" }), &rig.issuer.claims());
            let mac = ring::hmac::sign(&ring::hmac::Key::new(algorithm, key), input.as_bytes());
            cases.push(Case::token(name, format!("{input}.{}", base64url::encode(mac.as_ref()))));
            let cut = base64url::encode(&mac.as_ref()[..32]);
            cases.push(Case::token(format!("{name}, cut"), format!("{input}.{cut}")));
            cases.push(Case::token(format!("{name}, a MAC of HS256"), rig.mac(key, &json!({ "alg": name }))));
        }
    }
    cases
}

pub async fn header_over_signature(rig: &Rig) -> Vec<Case> {
    let token = rig.issuer.token();
    let [_, payload, signature] = parts(&token);
    let headers = [rig.issuer.header_with("alg", json!("HS256")), json!({ "alg": "HS256", "typ": "JWT" })];
    let of = |header: Value| {
        let input = format!("{}.{payload}", base64url::encode(header.to_string().as_bytes()));
        [
            Case::token("the old signature", format!("{input}.{signature}")),
            Case::token("signed so", rig.issuer.seal(&input)),
        ]
    };
    headers.into_iter().flat_map(of).collect()
}

pub async fn header_of_key_over_mac(rig: &Rig) -> Vec<Case> {
    let headers = [
        rig.issuer.header(),
        json!({ "alg": rig.algorithm().name() }),
        json!({ "alg": rig.algorithm().name(), "typ": "JWT", "kid": "shared" }),
    ];
    headers.map(|header| Case::token(header.to_string(), rig.mac(SECRET.as_bytes(), &header))).into()
}

pub async fn nearly(rig: &Rig) -> Vec<Case> {
    let header = json!({ "alg": "HS256", "typ": "JWT" });
    let input = signing_input(&header, &rig.issuer.claims());
    let mac = tag(SECRET.as_bytes(), input.as_bytes());
    let of = |mac: &[u8]| format!("{input}.{}", base64url::encode(mac));
    let with_newline = format!("{SECRET}\n");
    vec![
        Case::token("the secret and a newline", rig.mac(with_newline.as_bytes(), &header)),
        Case::token("the secret but its end", rig.mac(&SECRET.as_bytes()[1..], &header)),
        Case::token("16 bytes of the MAC", of(&mac[..16])),
        Case::token("31 bytes of the MAC", of(&mac[..31])),
        Case::token("the MAC and a byte", of(&[&mac[..], &[0]].concat())),
        Case::token("no MAC", of(&[])),
    ]
}
