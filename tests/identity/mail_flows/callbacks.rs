//! Where links may lead: the parameters that name a place, in bodies and queries.

use serde_json::json;

use super::*;

const PLACES: [(&str, &str); 4] = [
    ("callbackURL", "INVALID_CALLBACK_URL"),
    ("redirectTo", "INVALID_REDIRECT_URL"),
    ("errorCallbackURL", "INVALID_ERROR_CALLBACK_URL"),
    ("newUserCallbackURL", "INVALID_NEW_USER_CALLBACK_URL"),
];

const FOREIGN: [&str; 9] = [
    "https://evil.example/x",
    "//evil.example",
    "/\\evil.example",
    "/%2fevil.example",
    "/a%5cb",
    "javascript:alert(1)",
    "https://localhost@evil.example",
    "evil",
    "/a\nb",
];

#[tokio::test]
async fn places_that_are_not_trusted_are_refused_in_body_and_query_of_every_flow() {
    let (app, letters) = start().await;
    let ada = app.signed_up("ada").await;
    settled(&app).await;
    let before = letters.all_to("").len();
    let flows = [
        ("send-verification-email", json!({ "email": "ada@example.com" })),
        ("request-password-reset", json!({ "email": "ada@example.com" })),
        ("change-email", json!({ "newEmail": "new@example.com" })),
        ("delete-user", json!({})),
        ("reset-password", json!({ "newPassword": NEW_PASSWORD, "token": "nope" })),
    ];
    for (path, body) in &flows {
        for (member, code) in PLACES {
            for foreign in FOREIGN {
                let mut body = body.clone();
                body[member] = foreign.into();
                post(&ada.session, path, body).await.assert_error(403, code);
            }
            let in_query = format!("{path}?{member}=https%3A%2F%2Fevil.example");
            post(&ada.session, &in_query, body.clone()).await.assert_error(403, code);
        }
    }
    settled(&app).await;
    assert_eq!(letters.all_to("").len(), before, "nothing is mailed");
}

#[tokio::test]
async fn places_that_are_no_text_are_refused() {
    let (app, _) = start().await;
    let body = |member: &str, value: Value| json!({ "email": "ada@example.com", member: value });
    for path in ["request-password-reset", "send-verification-email"] {
        for (member, label) in [
            ("callbackURL", "callbackURL"),
            ("redirectTo", "redirectURL"),
            ("errorCallbackURL", "errorCallbackURL"),
            ("newUserCallbackURL", "newUserCallbackURL"),
        ] {
            for value in [json!(7), json!(-0.5), json!(true), json!([]), json!({}), json!(["/"])] {
                let reply = post(&app.anonymous(), path, body(member, value.clone())).await;
                let expected = format!("Invalid {label}: expected a string");
                assert_eq!(reply.json()["message"], expected, "{path} {member} {value}");
                reply.assert_error(400, "VALIDATION_ERROR");
            }
        }
    }
    for (path, member) in
        [("request-password-reset", "redirectTo"), ("send-verification-email", "callbackURL")]
    {
        // What is false in JavaScript is left to the schema, which names the member.
        for value in [json!(0), json!(false)] {
            let reply = post(&app.anonymous(), path, body(member, value)).await;
            assert!(reply.text.contains(&format!("[body.{member}] ")), "{}", reply.text);
            reply.assert_error(400, "VALIDATION_ERROR");
        }
        let long = body(member, format!("/{}", "x".repeat(2048)).into());
        post(&app.anonymous(), path, long).await.assert_error(400, "VALIDATION_ERROR");
    }
}

#[tokio::test]
async fn links_lead_to_origins_that_the_settings_trust() {
    let (builder, letters) = TestApp::with_letters();
    let trusting = builder.with(|settings| {
        settings.set("BETTER_AUTH_TRUSTED_ORIGINS", "https://app.example,myapp://");
    });
    let app = trusting.start().await;
    let ada = app.signed_up("ada").await;
    let path = "/api/auth/reset-password/";
    for place in ["https://app.example/reset?a=b#c", "myapp://reset"] {
        let body = json!({ "email": ada.email, "redirectTo": place });
        post(&app.anonymous(), "request-password-reset", body).await.expect(200);
        let reply = app.anonymous().get(&letters.next(&ada.email, path).await.link(path)).await;
        let location = reply.location();
        assert!(location.starts_with(place.split(['?', '#']).next().unwrap()), "{location}");
        assert!(location.contains("token="), "{location}");
    }
    let query = "token=nope&callbackURL=https%3A%2F%2Fapp.example%2Fv%3Fa%3Db%23c";
    let reply = app.anonymous().get(&format!("/api/auth/verify-email?{query}")).await;
    assert_eq!(reply.location(), "https://app.example/v?a=b&error=INVALID_TOKEN#c");
}

#[tokio::test]
async fn verify_email_link_checks_its_place_before_its_token() {
    let (app, letters) = start().await;
    let ada = app.signed_up("ada").await;
    let token = letters.next(&ada.email, "/verify-email#token=").await.token();
    for foreign in ["https%3A%2F%2Fevil.example", "%2F%2Fevil.example", "x"] {
        let path = format!("/api/auth/verify-email?token={token}&callbackURL={foreign}");
        app.anonymous().get(&path).await.assert_error(403, "INVALID_CALLBACK_URL");
    }
    let twice = format!("/api/auth/verify-email?token={token}&callbackURL=%2F&callbackURL=%2F");
    app.anonymous().get(&twice).await.assert_error(400, "VALIDATION_ERROR");
    let reply =
        app.anonymous().get(&format!("/api/auth/verify-email?token={token}&callbackURL=%2Fv%23x")).await;
    assert_eq!((reply.status.as_u16(), reply.location(), reply.text.as_str()), (302, "/v#x", ""));
    assert_eq!(reply.header("content-type"), "application/json");
}
