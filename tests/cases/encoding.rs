//! Rows about the compact form and the JSON within it.

use serde_json::json;
use signet_verify::jose::base64url;

use super::rig::{Case, Rig};
use crate::token::support::parts;

pub async fn not_three_parts(rig: &Rig) -> Vec<Case> {
    let token = rig.issuer.token();
    let [header, payload, signature] = parts(&token);
    let mut cases: Vec<Case> = [
        header.to_owned(),
        format!("{header}.{payload}"),
        format!("{token}.{signature}"),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.{payload}.{signature}"),
        format!("{header}..{payload}.{signature}"),
    ]
    .map(|text| Case::token(format!("{} dots", text.matches('.').count()), text))
    .into();
    cases.extend((1..=8).map(|dots| Case::token("dots only", ".".repeat(dots))));
    cases
}

pub async fn payload_detached(rig: &Rig) -> Vec<Case> {
    let token = rig.issuer.token();
    let [header, _, signature] = parts(&token);
    let signed_so = rig.issuer.seal(&format!("{header}."));
    vec![Case::token("left out", format!("{header}..{signature}")), Case::token("signed so", signed_so)]
}

pub async fn json_serialization(rig: &Rig) -> Vec<Case> {
    let token = rig.issuer.token();
    let [header, payload, signature] = parts(&token);
    let flat = json!({ "protected": header, "payload": payload, "signature": signature });
    let general =
        json!({ "payload": payload, "signatures": [{ "protected": header, "signature": signature }] });
    let of = |document: String| {
        let encoded = base64url::encode(document.as_bytes());
        [Case::token("as it is", &document), Case::token("encoded", encoded)]
    };
    [flat, general].into_iter().flat_map(|document| of(document.to_string())).collect()
}

/// Five parts under this header, four of them noise.
fn five_parts(header: &serde_json::Value) -> String {
    let noise = base64url::encode(&[7; 48]);
    format!("{}.{noise}.{noise}.{noise}.{noise}", base64url::encode(header.to_string().as_bytes()))
}

pub async fn encrypted(rig: &Rig) -> Vec<Case> {
    let headers = [
        json!({ "alg": "dir", "enc": "A256GCM" }),
        json!({ "alg": "RSA1_5", "enc": "A128CBC-HS256" }),
        json!({ "alg": "ECDH-ES", "enc": "A256GCM", "kid": rig.issuer.kid.as_ref() }),
    ];
    headers.map(|header| Case::token(header["alg"].to_string(), five_parts(&header))).into()
}

pub async fn huge_count(_: &Rig) -> Vec<Case> {
    let header = json!({ "alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2s": "c2FsdA", "p2c": i32::MAX });
    vec![Case::token("a count of 2^31 - 1", five_parts(&header))]
}

/// A good token one of whose parts was changed: signed anew over the text as it stands, and with the old signature.
fn respelt(rig: &Rig, name: &str, change: impl Fn(&str) -> String) -> Vec<Case> {
    let token = rig.issuer.token();
    let [header, payload, signature] = parts(&token);
    let mut cases =
        vec![Case::token(format!("{name}, signature"), format!("{header}.{payload}.{}", change(signature)))];
    let inputs = [format!("{}.{payload}", change(header)), format!("{header}.{}", change(payload))];
    for (input, part) in inputs.into_iter().zip(["header", "payload"]) {
        cases.push(Case::token(format!("{name}, {part}, signed so"), rig.issuer.seal(&input)));
        cases.push(Case::token(format!("{name}, {part}"), format!("{input}.{signature}")));
    }
    cases
}

pub async fn padding(rig: &Rig) -> Vec<Case> {
    let padded = |padding: &'static str| respelt(rig, padding, move |part| format!("{part}{padding}"));
    ["=", "==", "===", "%3D"].into_iter().flat_map(padded).collect()
}

pub async fn unused_bits(rig: &Rig) -> Vec<Case> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut cases = Vec::new();
    // With these paddings each part ends in two bytes or in one.
    for filler in ["", "x", "xx"] {
        let header = rig.issuer.header_with("filler", filler.into());
        let claims = rig.issuer.claims_with("filler", filler.into());
        let token = rig.issuer.token_of(header.to_string().as_bytes(), claims.to_string().as_bytes());
        let whole = parts(&token);
        for (number, part) in whole.iter().enumerate().filter(|(_, part)| part.len() % 4 != 0) {
            let last = ALPHABET.iter().position(|byte| part.ends_with(char::from(*byte))).unwrap();
            let mut other = whole.map(str::to_owned);
            other[number].pop();
            other[number].push(char::from(ALPHABET[last + 1])); // the same bytes to a reader who does not look
            let [header, payload, signature] = other;
            let input = format!("{header}.{payload}");
            let text = if number == 2 { format!("{input}.{signature}") } else { rig.issuer.seal(&input) };
            cases.push(Case::token(format!("part {number} of {} characters", part.len()), text));
        }
    }
    assert!(cases.len() >= 5);
    cases
}

pub async fn foreign_characters(rig: &Rig) -> Vec<Case> {
    let foreign =
        ["+", "/", " ", "\t", "$", "~", "*", "%20", "\u{e9}", "\u{2010}", "\u{feff}", "?", "!", ","];
    let inserted = |foreign: &'static str| {
        let within = respelt(rig, foreign, move |part| format!("{}{foreign}{}", &part[..9], &part[9..]));
        // A space before the header is one more after the scheme, which may have several.
        let before = respelt(rig, foreign, move |part| format!("{foreign}{part}"));
        within.into_iter().chain(before.into_iter().filter(move |_| foreign != " "))
    };
    foreign.into_iter().flat_map(inserted).collect()
}

pub async fn character_left_over(rig: &Rig) -> Vec<Case> {
    // Whatever its length was, with one to three characters more it is once one more than a multiple of four.
    let longer = |more: &'static str| respelt(rig, more, move |part| format!("{part}{more}"));
    ["A", "AA", "AAA"].into_iter().flat_map(longer).collect()
}

/// Header and claims, each replaced by what `change` makes of it, truly signed; and the claims with the old signature.
fn rewritten(rig: &Rig, name: &str, change: impl Fn(&str) -> Vec<u8>) -> [Case; 3] {
    let (header, claims) = (rig.issuer.header().to_string(), rig.issuer.claims().to_string());
    let token = rig.issuer.token();
    let [kept_header, _, kept_signature] = parts(&token);
    let stale = format!("{kept_header}.{}.{kept_signature}", base64url::encode(&change(&claims)));
    [
        Case::token(format!("{name}, header"), rig.issuer.token_of(&change(&header), claims.as_bytes())),
        Case::token(format!("{name}, claims"), rig.issuer.token_of(header.as_bytes(), &change(&claims))),
        Case::token(format!("{name}, claims, old signature"), stale),
    ]
}

pub async fn not_utf8(rig: &Rig) -> Vec<Case> {
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    [
        rewritten(rig, "a byte order mark", |text| format!("\u{feff}{text}").into_bytes()),
        rewritten(rig, "UTF-16", utf16),
        rewritten(rig, "a stray byte", |text| [text.as_bytes(), b"\xff"].concat()),
        rewritten(rig, "an overlong text", |text| {
            [&text.as_bytes()[..text.len() - 1], b",\"x\":\"\xc0\xaf\"}"].concat()
        }),
        rewritten(rig, "a surrogate", |text| {
            [&text.as_bytes()[..text.len() - 1], b",\"x\":\"\xed\xa0\x80\"}"].concat()
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

pub async fn not_strict_json(rig: &Rig) -> Vec<Case> {
    let endings = [
        "",
        ",}",
        "/* no */}",
        ",\"x\":\"\\x\"}",
        ",\"x\":\"\n\"}",
        ",x:1}",
        ",\"x\":NaN}",
        "}x",
        "}{}",
        "}\0",
        "}]",
    ];
    let mut cases: Vec<Case> = endings
        .into_iter()
        .flat_map(|ending| {
            rewritten(rig, ending, move |text| {
                format!("{}{ending}", text.strip_suffix('}').unwrap()).into_bytes()
            })
        })
        .collect();
    cases.extend(rewritten(rig, "single quotes", |text| text.replace('"', "'").into_bytes()));
    cases.extend(rewritten(rig, "twice", |text| text.repeat(2).into_bytes()));
    cases
}

pub async fn no_object(rig: &Rig) -> Vec<Case> {
    let mut cases: Vec<Case> = ["[]", "\"text\"", "1", "null", "true", "", " "]
        .into_iter()
        .flat_map(|other| rewritten(rig, other, move |_| other.as_bytes().to_vec()))
        .collect();
    cases.extend(rewritten(rig, "in an array", |text| format!("[{text}]").into_bytes()));
    cases.extend(rewritten(rig, "as a text", |text| format!("{text:?}").into_bytes()));
    cases
}

pub async fn nested(rig: &Rig) -> Vec<Case> {
    let issuer = &rig.issuer;
    let inner = issuer.token();
    let header = issuer.header_with("cty", "JWT".into()).to_string();
    let nested = issuer.token_of(header.as_bytes(), inner.as_bytes());
    let input = nested.rsplit_once('.').unwrap().0;
    let own = format!("{input}.{}", base64url::encode(&rig.own().sign(input.as_bytes()).unwrap()));
    vec![
        Case::token("a token in a token", &nested),
        Case::token("with a key of its own", own),
        Case::token("without cty", issuer.token_of(issuer.header().to_string().as_bytes(), inner.as_bytes())),
    ]
}

pub async fn deep(rig: &Rig) -> Vec<Case> {
    let nest = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    [500, 2500, 2900]
        .into_iter()
        .flat_map(|depth| {
            let inside = move |text: &str| {
                format!("{},\"x\":{}}}", text.strip_suffix('}').unwrap(), nest(depth / 2)).into_bytes()
            };
            let open = move |_: &str| "[".repeat(depth).into_bytes();
            rewritten(rig, "within", inside).into_iter().chain(rewritten(rig, "open", open))
        })
        .collect()
}
