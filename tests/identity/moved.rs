//! People whose rows another service made: whatever stands in them, they sign in and get tokens.

use serde_json::{Value, json};
use signet_verify::jose::base64url;

use super::pool;
use crate::support::caller::PASSWORD;
use crate::support::{TestApp, User};

fn claims(jwt: &str) -> Value {
    serde_json::from_slice(&base64url::decode(jwt.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

/// Somebody whose profile was stored by another program.
async fn with_profile(app: &TestApp, user: &User, name: &str, email: &str, image: &str) {
    let statement = sqlx::query("UPDATE users SET name = $2, email = $3, image = $4 WHERE id = $1");
    let statement = statement.bind(&user.id).bind(name).bind(email).bind(image);
    assert_eq!(statement.execute(&pool(app).await).await.unwrap().rows_affected(), 1);
}

#[tokio::test]
async fn token_is_issued_whatever_profile_is_stored_and_leaves_out_what_does_not_fit() {
    for mode in ["EdDSA,ES256,RS256", "RS256", "hs256"] {
        let app = TestApp::builder()
            .with(|settings| match mode {
                "hs256" => settings.set("SIGNET_TOKEN_MODE", mode),
                algorithms => settings.set("SIGNET_ALGORITHMS", algorithms),
            })
            .start()
            .await;
        let alice = app.signed_up("alice").await;
        let picture = format!("data:image/png;base64,{}", "A".repeat(6000));
        let wide = "\u{5b57}".repeat(4000);
        let quotes = "\"".repeat(3000);
        for (name, email, image, fits) in [
            ("Ada", "alice@example.com", picture.as_str(), [true, true, false]),
            (&wide, "alice@example.com", "https://img.example/a.png", [false, true, true]),
            ("Ada", &quotes, "https://img.example/a.png", [true, false, true]),
            (&quotes, &wide, &picture, [false; 3]),
            ("\u{202e}\u{1f36a}", "alice@example.com", "", [true; 3]),
            ("a\u{1}b", "alice@example.com", "\u{7f}", [true; 3]),
        ] {
            with_profile(&app, &alice, name, email, image).await;
            let jwt = alice.jwt().await;
            assert!(jwt.len() < 3584, "{}", jwt.len());
            let written = claims(&jwt);
            for (claim, (stored, fits)) in
                ["name", "email", "image"].into_iter().zip([name, email, image].into_iter().zip(fits))
            {
                assert_eq!(written[claim].as_str(), fits.then_some(stored), "{mode} {claim}");
            }
            assert_eq!((&written["sub"], &written["id"]), (&json!(alice.id), &json!(alice.id)));
            app.anonymous().bearing(&jwt).get("/api/me/tasks").await.expect(200);
            let session = alice.session.get("/api/auth/get-session").await;
            assert_eq!(session.expect(200)["user"]["name"], name, "what is stored is shown in full");
            assert!(!session.header("set-auth-jwt").is_empty());
        }
    }
}

/// The largest profile that sign-up takes leaves room in the 4 KiB that proxies commonly take for the head of an answer.
#[tokio::test]
async fn get_session_answers_within_four_kilobytes_whatever_profile_is_permitted() {
    let app = TestApp::builder().with(|settings| settings.set("SIGNET_ALGORITHMS", "RS256")).start().await;
    let alice = app.signed_up("alice").await;
    for (name, image) in [("\u{1f36a}", "\u{1f36a}"), ("x", "x"), ("\"", "\\"), ("\u{5b57}", "x")] {
        let change = json!({ "name": name.repeat(256), "image": image.repeat(1024) });
        alice.session.post("/api/auth/update-user", &change).await.expect(200);
        let session = alice.session.get("/api/auth/get-session").await;
        assert_eq!(session.expect(200)["user"]["image"], change["image"]);
        let head: usize =
            session.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
        assert!(head < 4096, "{head}");
        alice.jwt().await;
    }
}

#[tokio::test]
async fn sign_up_takes_an_international_domain_in_ascii_and_one_address_is_one_account() {
    let app = TestApp::start().await;
    let sign_up = async |email: &str| {
        let body = json!({ "name": "A", "email": email, "password": PASSWORD });
        app.anonymous().post("/api/auth/sign-up/email", &body).await
    };
    let sign_in = async |email: &str| {
        let body = json!({ "email": email, "password": PASSWORD });
        app.anonymous().post("/api/auth/sign-in/email", &body).await
    };
    let user = sign_up("a@xn--e1afmkfd.xn--p1ai").await.expect(200)["user"].clone();
    assert_eq!(user["email"], "a@xn--e1afmkfd.xn--p1ai");
    sign_up("A@XN--E1AFMKFD.XN--P1AI").await.assert_error(422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL");
    // Better Auth's rule for new addresses stands.
    sign_up("a@\u{43f}\u{440}\u{438}\u{43c}\u{435}\u{440}.\u{440}\u{444}")
        .await
        .assert_error(400, "VALIDATION_ERROR");
    for email in [
        "a@xn--e1afmkfd.xn--p1ai",
        "a@\u{43f}\u{440}\u{438}\u{43c}\u{435}\u{440}.\u{440}\u{444}",
        "A@\u{41f}\u{420}\u{418}\u{41c}\u{415}\u{420}.\u{420}\u{424}",
    ] {
        assert_eq!(sign_in(email).await.expect(200)["user"]["id"], user["id"], "{email}");
    }
    sign_in("b@\u{43f}\u{440}\u{438}\u{43c}\u{435}\u{440}.\u{440}\u{444}")
        .await
        .assert_error(401, "INVALID_EMAIL_OR_PASSWORD");
    for email in ["a@", "\u{440}\u{444}", "a b@\u{440}\u{444}.\u{440}\u{444}", "a\0@b.co", "a\n@b.co"] {
        sign_in(email).await.assert_error(400, "INVALID_EMAIL");
    }
    sign_in(&"a".repeat(5000)).await.assert_error(400, "INVALID_EMAIL");
}

#[tokio::test]
async fn sign_in_finds_who_was_moved_with_an_international_address_in_every_spelling() {
    let app = TestApp::start().await;
    for (name, stored, spellings) in [
        ("one", "a@b\u{fc}cher.de", ["a@b\u{fc}cher.de", "A@B\u{dc}CHER.de", "a@xn--bcher-kva.de"]),
        ("two", "\u{fc}@example.org", ["\u{fc}@example.org", "\u{dc}@EXAMPLE.org", "u\u{308}@example.org"]),
        (
            "three",
            "u\u{308}@example.net",
            ["u\u{308}@example.net", "U\u{308}@example.net", "u\u{308}@example.NET"],
        ),
    ] {
        let person = app.signed_up(name).await;
        with_profile(&app, &person, "A", stored, "").await;
        for email in spellings {
            let body = json!({ "email": email, "password": PASSWORD });
            let user =
                app.anonymous().post("/api/auth/sign-in/email", &body).await.expect(200)["user"].clone();
            assert_eq!((&user["id"], &user["email"]), (&json!(person.id), &json!(stored)), "{email}");
        }
    }
    // Who has the address in one spelling has it in the other.
    let body = json!({ "name": "A", "email": "a@xn--bcher-kva.de", "password": PASSWORD });
    let refused = app.anonymous().post("/api/auth/sign-up/email", &body).await;
    refused.assert_error(422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL");
}
