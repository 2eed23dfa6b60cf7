//! Signing up and in where an address has to be verified first, and what is mailed when it has not.

use serde_json::json;

use super::*;

async fn start_strict() -> (TestApp, Letters) {
    let (builder, letters) = TestApp::with_letters();
    let strict = builder.with(|settings| settings.set("SIGNET_REQUIRE_VERIFIED_EMAIL", "on"));
    (strict.start().await, letters)
}

async fn sign_up(app: &TestApp, email: &str) -> Reply {
    let body =
        json!({ "name": "Ada", "email": email, "password": PASSWORD, "image": "https://a.example/i.png" });
    post(&app.anonymous(), "sign-up/email", body).await
}

#[tokio::test]
async fn sign_up_opens_no_session_until_the_address_is_verified() {
    let (app, letters) = start_strict().await;
    let reply = sign_up(&app, "Ada@example.com").await;
    let answer = reply.expect(200);
    assert!(answer["token"].is_null() && reply.header("set-cookie").is_empty(), "{answer}");
    assert_eq!(reply.header("set-auth-token"), "");
    assert_eq!(answer["user"]["emailVerified"], false);
    let refused = sign_in(&app, "ada@example.com", PASSWORD).await;
    refused.assert_error(403, "EMAIL_NOT_VERIFIED");
    assert_eq!(refused.json()["message"], "Email not verified");
    assert!(refused.header("set-cookie").is_empty());
    sign_in(&app, "ada@example.com", "not the password").await.assert_error(401, "INVALID_EMAIL_OR_PASSWORD");
    settled(&app).await;
    assert_eq!(
        letters.all_to("ada@example.com").len(),
        2,
        "another link for each sign-in with the right password"
    );
    let [one, two] = [(); 2].map(|()| letters.next("ada@example.com", "/verify-email#token="));
    let mut verified = 0;
    for token in [one.await.token(), two.await.token()] {
        let reply = post(&app.anonymous(), "verify-email", json!({ "token": token })).await;
        verified += usize::from(reply.status == 200);
    }
    assert_eq!(verified, 1);
    let signed_in = sign_in(&app, "ada@example.com", PASSWORD).await.expect(200);
    assert_eq!(signed_in["user"]["id"], answer["user"]["id"]);
}

#[tokio::test]
async fn sign_up_with_a_taken_address_answers_alike_and_tells_its_owner() {
    let (app, letters) = start_strict().await;
    let first = sign_up(&app, "ada@example.com").await;
    verify(&app, &letters, "ada@example.com").await;
    let again = sign_up(&app, "ADA@example.com").await;
    let (first_body, again_body) = (first.expect(200), again.expect(200));
    let shape = |body: &Value| {
        let user = body["user"].as_object().unwrap();
        (
            body["token"].clone(),
            user.keys().cloned().collect::<Vec<_>>(),
            user["email"].clone(),
            user["image"].clone(),
        )
    };
    assert_eq!(shape(&first_body), shape(&again_body));
    assert_eq!(again_body["user"]["emailVerified"], false, "of the request, and not of the account");
    assert_ne!(first_body["user"]["id"], again_body["user"]["id"]);
    let headers = |reply: &Reply| {
        let mut names: Vec<_> = reply.headers.keys().map(|name| name.as_str().to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(headers(&first), headers(&again));
    letters.next("ada@example.com", "/forgot-password").await;
    let signed_in = sign_in(&app, "ada@example.com", PASSWORD).await.expect(200);
    assert_eq!(signed_in["user"]["id"], first_body["user"]["id"], "nothing has become of it");
}

#[tokio::test]
async fn sign_up_with_a_taken_address_in_another_spelling_makes_no_second_user() {
    let (app, letters) = start_strict().await;
    sign_up(&app, "a@xn--bcher-kva.example").await.expect(200);
    settled(&app).await;
    update(&app, "UPDATE users SET email = 'a@b\u{fc}cher.example'").await;
    sign_up(&app, "a@xn--bcher-kva.example").await.expect(200);
    settled(&app).await;
    let pool = pool(&app).await;
    let count: i64 = sqlx::query("SELECT COUNT(*) FROM users").fetch_one(&pool).await.unwrap().get(0);
    assert_eq!(count, 1);
    assert!(letters.all_to("").len() >= 2, "its owner is told");
}

#[tokio::test]
async fn sign_up_judges_the_fields_as_ever() {
    let (app, _) = start_strict().await;
    for (member, value, code) in [
        ("email", "nope", "VALIDATION_ERROR"),
        ("password", "short", "PASSWORD_TOO_SHORT"),
        ("callbackURL", "https://evil.example", "INVALID_CALLBACK_URL"),
    ] {
        let mut body = json!({ "name": "Ada", "email": "ada@example.com", "password": PASSWORD });
        body[member] = value.into();
        let refused = post(&app.anonymous(), "sign-up/email", body).await;
        assert_eq!(refused.json()["code"], code, "{}", refused.text);
    }
}

#[tokio::test]
async fn reset_password_of_an_unverified_user_lets_them_in() {
    let (app, letters) = start_strict().await;
    sign_up(&app, "ada@example.com").await.expect(200);
    let token = reset_token(&app, &letters, "ada@example.com").await;
    reset(&app, &token, NEW_PASSWORD).await.expect(200);
    sign_in(&app, "ada@example.com", NEW_PASSWORD).await.expect(200);
}

#[tokio::test]
async fn sign_up_where_nothing_has_to_be_verified_mails_a_link_and_signs_in() {
    let (app, letters) = start().await;
    let ada = app.signed_up("ada").await;
    assert!(is_signed_in(&ada.session).await);
    let taken = sign_up(&app, "ada@example.com").await;
    taken.assert_error(422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL");
    verify(&app, &letters, &ada.email).await;
    settled(&app).await;
    assert_eq!(letters.all_to(&ada.email).len(), 1);
    assert_eq!(user_of(&ada.session).await["emailVerified"], true);
}

#[tokio::test]
async fn sign_up_mail_leads_to_the_callback_and_is_in_the_language_of_the_request() {
    let (app, letters) = start().await;
    let mut subjects = Vec::new();
    for (name, language) in [("ada", "en-GB"), ("bea", "de-CH,de;q=0.9,en;q=0.5")] {
        let email = format!("{name}@example.com");
        let body = json!({ "name": name, "email": email, "password": PASSWORD, "callbackURL": "/welcome" });
        let request = app.anonymous().request(reqwest::Method::POST, "/api/auth/sign-up/email");
        Caller::send(request.header("accept-language", language).json(&body)).await.expect(200);
        let letter = letters.next(&email, "/api/auth/verify-email?").await;
        let reply = app.anonymous().get(&letter.link("/api/auth/verify-email?")).await;
        assert_eq!((reply.status.as_u16(), reply.location()), (302, "/welcome"));
        subjects.push(letter.subject);
    }
    assert_ne!(subjects[0], subjects[1], "two languages");
}
