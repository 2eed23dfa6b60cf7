//! Whatever is not exactly a compact JWS is refused, however well it is signed.

use rstest::rstest;
use serde_json::json;
use signet_verify::crypto::Algorithm;
use signet_verify::jose::verify::Refusal;
use signet_verify::jose::{MAX_TOKEN_BYTES, base64url};

use super::support::{Issuer, parts, signing_input};

#[rstest]
fn verify_wants_three_parts(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let issuer = Issuer::of(algorithm);
    let token = issuer.token();
    let [header, payload, signature] = parts(&token);
    for (case, text) in [
        ("nothing", String::new()),
        ("one part", header.to_owned()),
        ("two parts", format!("{header}.{payload}")),
        ("four parts", format!("{token}.{signature}")),
        ("an empty fourth part", format!("{token}.")),
        ("a leading dot", format!(".{token}")),
        ("five parts", format!("{header}.{payload}.{signature}.{payload}.{signature}")),
        ("a detached payload", format!("{header}..{signature}")),
        ("a space in place of a dot", format!("{header} {payload} {signature}")),
    ] {
        let refusal = issuer.verify(&text).unwrap_err();
        assert!(matches!(refusal, Refusal::Shape | Refusal::Header), "{case}: {refusal:?}");
    }
    for dots in 1..=10 {
        assert!(issuer.verify(&".".repeat(dots)).is_err(), "{dots} dots");
    }
}

#[rstest]
fn verify_refuses_a_token_without_its_signature(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let issuer = Issuer::of(algorithm);
    let token = issuer.token();
    let input = token.rsplit_once('.').unwrap().0;
    issuer.refuses("empty third part", &format!("{input}."), Refusal::Signature);
    issuer.refuses("third part dropped", input, Refusal::Shape);
}

#[rstest]
fn verify_refuses_the_json_serialization(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let issuer = Issuer::of(algorithm);
    let token = issuer.token();
    let [header, payload, signature] = parts(&token);
    let flat = json!({ "protected": header, "payload": payload, "signature": signature });
    let general =
        json!({ "payload": payload, "signatures": [{ "protected": header, "signature": signature }] });
    for document in [flat, general] {
        let document = document.to_string();
        issuer.refuses("plain", &document, Refusal::Shape);
        issuer.refuses("in base64url", &base64url::encode(document.as_bytes()), Refusal::Shape);
        issuer.refuses(
            "as a header",
            &format!("{}.{payload}.{signature}", base64url::encode(document.as_bytes())),
            Refusal::Algorithm,
        );
    }
}

#[rstest]
fn verify_refuses_an_encrypted_token_without_work(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let issuer = Issuer::of(algorithm);
    let part = base64url::encode(&[7; 48]);
    for header in [
        json!({ "alg": "dir", "enc": "A256GCM" }),
        json!({ "alg": "RSA1_5", "enc": "A128CBC-HS256" }),
        json!({ "alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2s": "c2FsdA", "p2c": 2_147_483_647 }),
    ] {
        let header = base64url::encode(header.to_string().as_bytes());
        issuer.refuses("five parts", &format!("{header}.{part}.{part}.{part}.{part}"), Refusal::Shape);
        issuer.refuses("three parts", &format!("{header}.{part}.{part}"), Refusal::HeaderMember);
    }
}

#[rstest]
fn verify_takes_one_spelling_of_each_part(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let issuer = Issuer::of(algorithm);
    let token = issuer.token();
    let [header, payload, signature] = parts(&token);
    let spoil = |part: &str| {
        let (head, tail) = part.split_at(part.len() / 2);
        let mut spoilt: Vec<String> =
            ["+", "/", " ", "\t", "\n", "\r\n", "$", "~", "*", "%20", "=", "\0", "é", "‐", "\u{feff}"]
                .iter()
                .flat_map(|foreign| {
                    [format!("{head}{foreign}{tail}"), format!("{part}{foreign}"), format!("{foreign}{part}")]
                })
                .collect();
        spoilt.extend([format!("{part}=="), format!("{part}A"), format!("{part}A=")]);
        spoilt
    };
    for (case, spoilt) in [("header", spoil(header)), ("payload", spoil(payload))] {
        for part in spoilt {
            let input =
                if case == "header" { format!("{part}.{payload}") } else { format!("{header}.{part}") };
            // Signed anew over the text as it stands, so that nothing but the spelling is wrong.
            let refusal = issuer.verify(&issuer.seal(&input)).unwrap_err();
            // One character more may still be base64url; it is then another header or claim set.
            let allowed = matches!(refusal, Refusal::Encoding)
                || (part.ends_with('A') && matches!(refusal, Refusal::Header | Refusal::Claims));
            assert!(allowed, "{case} {part:?}: {refusal:?}");
        }
    }
    for part in spoil(signature) {
        let refusal = issuer.verify(&format!("{header}.{payload}.{part}")).unwrap_err();
        assert!(matches!(refusal, Refusal::Encoding | Refusal::Signature), "{part:?}: {refusal:?}");
    }
}

#[rstest]
fn verify_refuses_unused_bits_that_are_not_zero(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let issuer = Issuer::of(algorithm);
    // Every spelling of the last character that means the same bytes to a lenient reader.
    let others = |part: &str| {
        let free = [1, 0, 16, 4][part.len() % 4];
        let last = ALPHABET.iter().position(|byte| part.ends_with(char::from(*byte))).unwrap();
        let same = (1..free).map(move |bits| last - last % free + (last + bits) % free);
        same.map(|index| format!("{}{}", &part[..part.len() - 1], char::from(ALPHABET[index])))
            .collect::<Vec<_>>()
    };
    let mut seen = 0;
    for padding in ["", "x", "xx"] {
        let claims = issuer.claims_with("padding", padding.into());
        let input = signing_input(&issuer.header_with("padding", padding.into()), &claims);
        let token = issuer.seal(&input);
        issuer.accepts("as it should be", &token);
        let [header, payload, signature] = parts(&token);
        for other in others(signature) {
            seen += 1;
            issuer.refuses("signature", &format!("{input}.{other}"), Refusal::Encoding);
        }
        for other in others(payload) {
            seen += 1;
            issuer.refuses("payload", &issuer.seal(&format!("{header}.{other}")), Refusal::Encoding);
        }
        for other in others(header) {
            seen += 1;
            issuer.refuses("header", &issuer.seal(&format!("{other}.{payload}")), Refusal::Encoding);
        }
    }
    assert_eq!(seen, 3 * 15 + 2 * (15 + 3), "every length modulo 3 was tried");
}

#[rstest]
fn verify_wants_header_and_claims_as_one_strict_json_object_each(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let issuer = Issuer::of(algorithm);
    let header = issuer.header().to_string();
    let claims = issuer.claims().to_string();
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    let spoil = |text: &str| {
        let open = text.strip_suffix('}').unwrap();
        vec![
            format!("\u{feff}{text}").into_bytes(),
            utf16(text),
            [text.as_bytes(), b"\xff"].concat(),
            [open.as_bytes(), b",\"x\":\"\xc3\x28\"}"].concat(),
            [open.as_bytes(), b",\"x\":\"\xed\xa0\x80\"}"].concat(),
            format!("{text}x").into_bytes(),
            format!("{text}{text}").into_bytes(),
            format!("{text}\0").into_bytes(),
            format!("{open},}}").into_bytes(),
            format!("{open}/* no */}}").into_bytes(),
            open.to_owned().into_bytes(),
            text.replace('"', "'").into_bytes(),
            format!("{open},\"x\":\"\\x\"}}").into_bytes(),
            format!("{open},\"x\":\"\n\"}}").into_bytes(),
            format!("{open},\"x\":\"\\ud800\"}}").into_bytes(),
            format!("{open},\"x\":NaN}}").into_bytes(),
            format!("{open},\"x\":01}}").into_bytes(),
            format!("{open},\"x\":1e400}}").into_bytes(),
            format!("{open},x:1}}").into_bytes(),
            format!("{open},\"x\":1,\"x\":1}}").into_bytes(),
            format!("{open},\"x\":{{\"y\":1,\"\\u0079\":1}}}}").into_bytes(),
            format!("{open},\"x\":{}{}}}", "[".repeat(32), "]".repeat(32)).into_bytes(),
            format!("{open},\"x\":{}{}}}", "[".repeat(2500), "]".repeat(2500)).into_bytes(),
            format!("[{text}]").into_bytes(),
            format!("{text:?}").into_bytes(),
            b"1".to_vec(),
            b"null".to_vec(),
            b"true".to_vec(),
            b"[]".to_vec(),
            b" ".to_vec(),
        ]
    };
    for spoilt in spoil(&header) {
        issuer.refuses("header", &issuer.token_of(&spoilt, claims.as_bytes()), Refusal::Header);
    }
    for spoilt in spoil(&claims) {
        issuer.refuses("claims", &issuer.token_of(header.as_bytes(), &spoilt), Refusal::Claims);
    }
    issuer.refuses("empty header", &issuer.token_of(b"", claims.as_bytes()), Refusal::Header);
    issuer.refuses("empty claims", &issuer.token_of(header.as_bytes(), b""), Refusal::Shape);
    issuer.refuses("no claims", &issuer.token_of(header.as_bytes(), b"{}"), Refusal::Issuer);
    issuer.refuses(
        "a nested token",
        &issuer.token_of(header.as_bytes(), issuer.token().as_bytes()),
        Refusal::Claims,
    );
}

#[rstest]
fn verify_takes_white_space_escapes_and_nesting_within_bounds(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let issuer = Issuer::of(algorithm);
    let header = serde_json::to_string_pretty(&issuer.header()).unwrap();
    let claims = serde_json::to_string_pretty(&issuer.claims()).unwrap();
    issuer.accepts("white space", &issuer.token_of(header.as_bytes(), claims.as_bytes()));
    let escaped = issuer.claims().to_string().replace("\"sub\"", "\"\\u0073ub\"");
    issuer.accepts("escaped names", &issuer.token_of(header.as_bytes(), escaped.as_bytes()));
    let deep = issuer.claims_text_with(&format!("\"x\":{}{}", "[".repeat(31), "]".repeat(31)));
    issuer.accepts("32 deep with the claim set", &issuer.token_of(header.as_bytes(), deep.as_bytes()));
}

#[rstest]
fn verify_refuses_a_token_longer_than_the_bound_unread(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let issuer = Issuer::of(algorithm);
    // A part of so many bytes takes so many characters; none takes one more than a multiple of four.
    let encoded = |bytes: usize| (4 * bytes).div_ceil(3);
    let signature = encoded(issuer.key.sign(b"").unwrap().len());
    let bare = issuer.claims_text_with("\"x\":\"\"").len();
    let of_length = |length: usize| {
        let exact = (0..3).find_map(|padding| {
            let header = issuer.header_with("padding", "x".repeat(padding).into()).to_string();
            let payload = length - encoded(header.len()) - signature - 2;
            let filler = "x".repeat(payload * 3 / 4 - bare);
            let claims = issuer.claims_text_with(&format!("\"x\":\"{filler}\""));
            (encoded(claims.len()) == payload).then(|| issuer.token_of(header.as_bytes(), claims.as_bytes()))
        });
        exact.filter(|token| token.len() == length).unwrap()
    };
    for length in MAX_TOKEN_BYTES - 2..=MAX_TOKEN_BYTES {
        issuer.accepts("just within", &of_length(length));
    }
    for length in MAX_TOKEN_BYTES + 1..=MAX_TOKEN_BYTES + 4 {
        issuer.refuses("just beyond", &of_length(length), Refusal::TooLong);
    }
    issuer.refuses("60 kB", &of_length(60_000), Refusal::TooLong);
    issuer.refuses("100,000 dots", &".".repeat(100_000), Refusal::TooLong);
    issuer.refuses(
        "a megabyte of signature",
        &format!("{}{}", issuer.token(), "A".repeat(1 << 20)),
        Refusal::TooLong,
    );
}
