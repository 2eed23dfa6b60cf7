//! A signed token is still refused when its claims are missing, malformed, or meant for another audience or time.

use rstest::rstest;
use serde_json::{Value, json};
use signet_verify::clock::Timestamp;
use signet_verify::crypto::Algorithm;
use signet_verify::jose::verify::{Policy, Refusal};

use super::support::{Issuer, LEEWAY, MAX_LIFETIME, NOW};

/// Values of the wrong type for a claim that is a text.
fn not_texts() -> [Value; 7] {
    [Value::Null, json!(0), json!(1.5), json!(true), json!([]), json!({}), json!({ "x": "https://id.test" })]
}

/// Values of the wrong type for a claim that is a number.
fn not_numbers() -> [Value; 9] {
    [
        Value::Null,
        json!(""),
        json!("soon"),
        json!((NOW + 600).to_string()),
        json!([NOW + 600]),
        json!([]),
        json!({}),
        json!(true),
        json!(false),
    ]
}

#[rstest]
fn verify_wants_exactly_the_trusted_iss(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let issuer = Issuer::of(algorithm);
    let refuses = |value: Value| {
        issuer.refuses(
            &value.to_string(),
            &issuer.token_saying(&issuer.claims_with("iss", value.clone())),
            Refusal::Issuer,
        );
    };
    not_texts().into_iter().for_each(refuses);
    for other in [
        "",
        "https://id.test/",
        "https://id.test.mallory.test",
        "https://id.tes",
        "ttps://id.test",
        "HTTPS://id.test",
        "https://ID.test",
        " https://id.test",
        "https://id.test ",
        "https://id.test\0",
        "https://x@id.test",
        "http://id.test",
        "https://id.test:443",
        "https://api.test",
        "*",
    ] {
        refuses(json!(other));
    }
    refuses(json!(["https://id.test"]));
    issuer.refuses("missing", &issuer.token_saying(&issuer.claims_without("iss")), Refusal::Issuer);
}

#[rstest]
fn verify_wants_an_aud_that_names_us_exactly(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let issuer = Issuer::of(algorithm);
    let saying = |value: Value| issuer.token_saying(&issuer.claims_with("aud", value));
    for ours in [
        json!("https://api.test"),
        json!(["https://api.test"]),
        json!(["https://other.test", "https://api.test"]),
    ] {
        issuer.accepts(&ours.to_string(), &saying(ours.clone()));
    }
    for other in not_texts() {
        issuer.refuses(&other.to_string(), &saying(other.clone()), Refusal::Audience);
    }
    for other in [
        json!(""),
        json!("*"),
        json!("https://api.test/"),
        json!("https://api.test.mallory.test"),
        json!("https://api.tes"),
        json!("HTTPS://API.TEST"),
        json!(" https://api.test "),
        json!("https://api.test https://other.test"),
        json!("https://api.test,https://other.test"),
        json!(["https://other.test"]),
        json!([["https://api.test"]]),
        json!(["https://api.test", 1]),
        json!(["https://api.test", null]),
        json!({ "https://api.test": true }),
        json!("https://id.test"),
    ] {
        issuer.refuses(&other.to_string(), &saying(other.clone()), Refusal::Audience);
    }
    issuer.refuses("missing", &issuer.token_saying(&issuer.claims_without("aud")), Refusal::Audience);
}

#[rstest]
fn verify_may_trust_several_issuers_and_have_several_audiences(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let mut issuer = Issuer::of(algorithm);
    issuer.policy.issuers.push("https://old.test".to_owned());
    issuer.policy.audiences.push("https://api2.test".to_owned());
    let mut claims = issuer.claims_with("iss", json!("https://old.test"));
    claims["aud"] = json!("https://api2.test");
    issuer.accepts("the second of each", &issuer.token_saying(&claims));
    let trusting_none = Policy { issuers: Vec::new(), audiences: Vec::new(), ..issuer.policy.clone() };
    let issuer = Issuer { policy: trusting_none, ..issuer };
    issuer.refuses("no issuer is trusted", &issuer.token(), Refusal::Issuer);
}

#[rstest]
fn verify_refuses_a_token_from_its_exp_on(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let issuer = Issuer::of(algorithm);
    let ending = |value: Value| issuer.token_saying(&issuer.claims_with("exp", value));
    for (case, value) in [
        ("a while ahead", json!(NOW + 600)),
        ("with a fraction", json!(NOW as f64 + 600.5)),
        ("a second ago, within the leeway", json!(NOW - 1)),
        ("the last millisecond of the leeway", json!((NOW - LEEWAY) as f64 + 0.001)),
        ("as far ahead as allowed", json!(NOW + MAX_LIFETIME + LEEWAY)),
    ] {
        issuer.accepts(case, &ending(value));
    }
    for (case, value) in [
        ("the leeway is over", json!(NOW - LEEWAY)),
        ("an hour ago", json!(NOW - 3600)),
        ("beyond the leeway by 5 s", json!(NOW - LEEWAY - 5)),
        ("zero", json!(0)),
        ("negative", json!(-1)),
        ("hugely negative", json!(i64::MIN)),
        ("hugely negative with an exponent", json!(-1e308)),
        ("tiny", json!(1e-300)),
    ] {
        issuer.refuses(case, &ending(value), Refusal::Expired);
    }
    for (case, value) in [
        ("one second further than allowed", json!(NOW + MAX_LIFETIME + LEEWAY + 1)),
        ("milliseconds", json!(NOW * 1000)),
        ("2^63 - 1", json!(i64::MAX)),
        ("2^63", json!(9_223_372_036_854_775_808_u64)),
        ("2^64 - 1", json!(u64::MAX)),
        ("2^65", json!(36_893_488_147_419_103_232_f64)),
        ("1e308", json!(1e308)),
    ] {
        issuer.refuses(case, &ending(value), Refusal::LivesTooLong);
    }
    for value in not_numbers() {
        issuer.refuses(&value.to_string(), &ending(value.clone()), Refusal::Expiry);
    }
    issuer.refuses("missing", &issuer.token_saying(&issuer.claims_without("exp")), Refusal::Expiry);
}

#[rstest]
fn verify_reads_numbers_only_as_json_writes_them(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let issuer = Issuer::of(algorithm);
    let claims = issuer.claims_without("exp").to_string();
    let open = claims.strip_suffix('}').unwrap();
    for number in [
        "NaN",
        "Infinity",
        "-Infinity",
        "+1800000600",
        "0x6b49d458",
        "01800000600",
        "1800000600.",
        ".5",
        "1e400",
        "1_800_000_600",
    ] {
        let payload = format!("{open},\"exp\":{number}}}");
        let token = issuer.token_of(issuer.header().to_string().as_bytes(), payload.as_bytes());
        issuer.refuses(number, &token, Refusal::Claims);
    }
    let payload = format!("{open},\"exp\":1.8000006E9}}");
    issuer
        .accepts("1.8000006E9", &issuer.token_of(issuer.header().to_string().as_bytes(), payload.as_bytes()));
}

#[rstest]
fn verify_refuses_a_token_from_the_future(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let issuer = Issuer::of(algorithm);
    for (name, reason) in [("nbf", Refusal::NotYetValid), ("iat", Refusal::IssuedAhead)] {
        let saying = |value: Value| issuer.token_saying(&issuer.claims_with(name, value));
        for value in [
            json!(NOW),
            json!(NOW + LEEWAY),
            json!(NOW - 86_400),
            json!(NOW as f64 - 0.5),
            json!(0),
            json!(i64::MIN),
        ] {
            issuer.accepts(name, &saying(value));
        }
        for value in
            [json!(NOW + LEEWAY + 1), json!(NOW + 3600), json!(NOW * 1000), json!(u64::MAX), json!(1e308)]
        {
            issuer.refuses(name, &saying(value), reason);
        }
        for value in not_numbers() {
            issuer.refuses(name, &saying(value), reason);
        }
        issuer.refuses(name, &saying(json!((NOW - 600).to_string())), reason);
    }
    issuer.accepts("no iat", &issuer.token_saying(&issuer.claims_without("iat")));
}

#[rstest]
fn verify_wants_a_sub_that_is_safe_as_text(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let issuer = Issuer::of(algorithm);
    let saying = |value: Value| issuer.token_saying(&issuer.claims_with("sub", value));
    for value in not_texts() {
        issuer.refuses(&value.to_string(), &saying(value.clone()), Refusal::Subject);
    }
    for other in [
        "",
        "\0",
        "alice\0",
        "alice\r\nX-Admin: 1",
        "\nalice",
        "alice\u{7f}",
        "alice\u{85}",
        "alice\t",
        "\u{1b}[2J",
    ] {
        issuer.refuses(&format!("{other:?}"), &saying(json!(other)), Refusal::Subject);
    }
    issuer.refuses("256 bytes", &saying(json!("a".repeat(256))), Refusal::Subject);
    issuer.refuses("256 bytes in 128 characters", &saying(json!("é".repeat(128))), Refusal::Subject);
    issuer.refuses("5 kB", &saying(json!("a".repeat(5000))), Refusal::Subject);
    issuer.refuses("missing", &issuer.token_saying(&issuer.claims_without("sub")), Refusal::Subject);
    let lone = issuer.claims().to_string().replace("\"alice\"", "\"\\ud800\"");
    issuer.refuses(
        "lone surrogate",
        &issuer.token_of(issuer.header().to_string().as_bytes(), lone.as_bytes()),
        Refusal::Claims,
    );
    // Another user's name is not ours to refuse, but it never becomes Alice's.
    let longest = "a".repeat(255);
    for other in [
        "Alice",
        " alice",
        "alice ",
        "ali\u{200b}ce",
        "ａlice",
        "alice\u{301}",
        "\u{202e}ecila",
        "../bob",
        "' OR 1=1",
        &longest,
    ] {
        assert_eq!(issuer.verify(&saying(json!(other))).unwrap().subject, other);
    }
}

#[rstest]
fn verify_refuses_a_token_that_cnf_binds_to_a_key(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let issuer = Issuer::of(algorithm);
    for value in [json!({ "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" }), json!({}), Value::Null] {
        issuer.refuses("cnf", &issuer.token_saying(&issuer.claims_with("cnf", value)), Refusal::BoundToKey);
    }
}

#[rstest]
fn verify_wants_sid_and_jti_as_texts_or_absent(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let issuer = Issuer::of(algorithm);
    for name in ["sid", "jti"] {
        for value in not_texts() {
            issuer.refuses(name, &issuer.token_saying(&issuer.claims_with(name, value)), Refusal::Identifier);
        }
        issuer.accepts(name, &issuer.token_saying(&issuer.claims_without(name)));
    }
}

#[rstest]
fn verify_refuses_a_claim_named_twice_whichever_one_is_right(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let issuer = Issuer::of(algorithm);
    for (name, wrong) in [
        ("exp", json!(NOW - 3600)),
        ("aud", json!("https://other.test")),
        ("iss", json!("https://mallory.test")),
        ("sub", json!("bob")),
        ("\\u0073ub", json!("bob")),
        ("name", json!("Bob")),
    ] {
        let wrong_last = issuer.claims_text_with(&format!("\"{name}\":{wrong}"));
        let right = issuer.claims().to_string();
        let wrong_first = format!("{{\"{name}\":{wrong},{}", right.strip_prefix('{').unwrap());
        for payload in [wrong_last, wrong_first] {
            let token = issuer.token_of(issuer.header().to_string().as_bytes(), payload.as_bytes());
            issuer.refuses(name, &token, Refusal::Claims);
        }
    }
}

#[rstest]
fn verify_ignores_unknown_claims(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let issuer = Issuer::of(algorithm);
    for name in ["__proto__", "constructor", "role", "SUB", "Exp", "scope", ""] {
        issuer.accepts(
            name,
            &issuer.token_saying(&issuer.claims_with(name, json!({ "sub": "bob", "admin": true }))),
        );
    }
    let mut many = issuer.claims();
    for number in 0..250 {
        many[format!("claim{number}")] = json!(number);
    }
    issuer.accepts("250 claims", &issuer.token_saying(&many));
}

#[rstest]
fn verify_hands_on_what_the_token_says(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let issuer = Issuer::of(algorithm);
    let alice = issuer.verify(&issuer.token()).unwrap();
    assert_eq!(alice.subject, "alice");
    assert_eq!(alice.session.as_deref(), Some("s1"));
    assert_eq!(alice.token_id.as_deref(), Some("t1"));
    assert_eq!(alice.issuer.as_deref(), Some("https://id.test"));
    assert_eq!(alice.expires, Timestamp::from_seconds(NOW + 900));
    assert_eq!(alice.issued_at, Some(Timestamp::from_seconds(NOW)));
    assert_eq!(alice.kid.as_ref(), Some(&issuer.kid));
    assert_eq!(alice.claim("email"), Some(&json!("alice@example.test")));
    assert_eq!(alice.claim("sub"), Some(&json!("alice")));
    assert_eq!(alice.claim("role"), None);
    let shown = format!("{alice:?}");
    assert!(shown.contains("alice") && !shown.contains("example.test"), "{shown}");
}
