//! The acceptance scenarios, edge cases and measurable outcomes of the feature specification, in its own order and words.
//! `docs/specification.md` maps every line of it to these tests and to those that go deeper.

use std::time::Duration;

use serde_json::json;
use signet::secret::SharedSecret;
use signet_verify::crypto::{MacKey, SigningKey};
use signet_verify::jose::jwk::Kid;
use signet_verify::jose::{base64url, sign};

use crate::support::caller::PASSWORD;
use crate::support::{Caller, SECRET, TestApp};

fn claims_of(jwt: &str) -> serde_json::Value {
    serde_json::from_slice(&base64url::decode(jwt.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

#[tokio::test]
async fn story_1_1_valid_credentials_make_an_account() {
    let app = TestApp::start().await;
    let body = json!({ "name": "Ada", "email": "ada@example.com", "password": PASSWORD });
    let made = app.anonymous().post("/api/auth/sign-up/email", &body).await.expect(200);
    assert_eq!((&made["user"]["email"], &made["user"]["name"]), (&json!("ada@example.com"), &json!("Ada")));
    app.anonymous()
        .post("/api/auth/sign-up/email", &body)
        .await
        .assert_error(422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL");
}

#[tokio::test]
async fn story_1_2_correct_credentials_lead_to_a_valid_token() {
    let app = TestApp::start().await;
    let alice = app.signed_up("alice").await;
    let jwt = alice.sign_in_again(&app).await.jwt().await;
    app.anonymous().bearing(&jwt).get("/api/me/tasks").await.expect(200);
    assert_eq!(claims_of(&jwt)["sub"], alice.id);
}

#[tokio::test]
async fn story_1_3_a_request_with_a_token_has_its_users_permissions() {
    let app = TestApp::start().await;
    let alice = app.signed_up("alice").await;
    let task = alice.api().await.post("/api/me/tasks", &json!({ "title": "milk" })).await.expect(201);
    assert_eq!(task["user_id"], alice.id);
}

#[tokio::test]
async fn story_2_1_a_token_in_the_authorization_header_is_enough() {
    let app = TestApp::start().await;
    let alice = app.signed_up("alice").await;
    let own = format!("/api/{}/tasks", alice.id);
    alice.api().await.get(&own).await.expect(200);
}

#[tokio::test]
async fn story_2_2_without_a_token_the_answer_is_401() {
    let app = TestApp::start().await;
    let refused = app.anonymous().get("/api/me/tasks").await;
    refused.assert_error(401, "UNAUTHORIZED");
    let challenge = refused.header("www-authenticate");
    assert!(challenge.starts_with("Bearer realm=\"signet\"") && !challenge.contains("error"), "{challenge}");
}

#[tokio::test]
async fn story_2_3_with_an_invalid_or_expired_token_the_answer_is_401() {
    let app = TestApp::builder().manual_clock().start().await;
    let alice = app.signed_up("alice").await;
    let jwt = alice.jwt().await;
    let with = |jwt: &str| app.anonymous().bearing(jwt);
    with(&jwt.replace('.', ".A")).get("/api/me/tasks").await.assert_error(401, "INVALID_TOKEN");
    with(&jwt).get("/api/me/tasks").await.expect(200);
    app.advance(Duration::from_secs(15 * 60 + 31));
    with(&jwt).get("/api/me/tasks").await.assert_error(401, "INVALID_TOKEN");
}

#[tokio::test]
async fn story_3_1_people_reach_their_own_resources() {
    let app = TestApp::start().await;
    let alice = app.signed_up("alice").await;
    let api = alice.api().await;
    let path = api.post("/api/me/tasks", &json!({ "title": "milk" })).await.location().to_owned();
    assert_eq!(api.get(&path).await.expect(200)["title"], "milk");
}

#[tokio::test]
async fn story_3_2_people_do_not_reach_the_resources_of_others() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.signed_up("alice").await, app.signed_up("bob").await);
    let task = alice.api().await.post("/api/me/tasks", &json!({ "title": "secret" })).await.expect(201);
    let id = task["id"].as_str().unwrap();
    let bobs = bob.api().await;
    bobs.get(&format!("/api/{}/tasks", alice.id)).await.assert_error(403, "FORBIDDEN");
    bobs.get(&format!("/api/{}/tasks/{id}", alice.id)).await.assert_error(403, "FORBIDDEN");
    bobs.get(&format!("/api/me/tasks/{id}")).await.assert_error(404, "NOT_FOUND");
    assert_eq!(bobs.get("/api/me/tasks").await.expect(200), json!([]));
}

#[tokio::test]
async fn edge_expired_tokens_ask_to_sign_in_again() {
    let app = TestApp::builder().manual_clock().start().await;
    let api = app.signed_up("alice").await.api().await;
    app.advance(Duration::from_secs(3600));
    let refused = api.get("/api/me/tasks").await;
    refused.assert_error(401, "INVALID_TOKEN");
    assert!(refused.json()["message"].as_str().unwrap().contains("sign in again"));
}

#[tokio::test]
async fn edge_malformed_tokens_are_refused_and_break_nothing() {
    let app = TestApp::start().await;
    for malformed in ["x", "..", "a.b", "a.b.c", "a.b.c.d", "eyJhbGciOiJub25lIn0.e30.", "null", "%00"] {
        app.anonymous().bearing(malformed).get("/api/me/tasks").await.assert_error(401, "INVALID_TOKEN");
    }
}

#[tokio::test]
async fn edge_concurrent_requests_with_one_token_all_succeed_and_all_count() {
    let app = TestApp::start().await;
    let api = app.signed_up("alice").await.api().await;
    let requests = (0..50).map(|number| {
        let api = api.clone();
        tokio::spawn(async move {
            api.post("/api/me/tasks", &json!({ "title": format!("{number}") })).await.status
        })
    });
    for request in requests.collect::<Vec<_>>() {
        assert_eq!(request.await.unwrap(), 201);
    }
    assert_eq!(api.get("/api/me/tasks?limit=100").await.expect(200).as_array().unwrap().len(), 50);
}

#[tokio::test]
async fn edge_after_signing_out_the_token_is_refused() {
    let app = TestApp::start().await;
    let alice = app.signed_up("alice").await;
    let api = alice.api().await;
    api.get("/api/me/tasks").await.expect(200);
    alice.session.post("/api/auth/sign-out", &json!({})).await.expect(200);
    api.get("/api/me/tasks").await.assert_error(401, "INVALID_TOKEN");
    alice.session.get("/api/auth/token").await.assert_error(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn fr_5_the_identity_comes_from_the_token_and_from_nowhere_else() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.signed_up("alice").await, app.signed_up("bob").await);
    let claimed = json!({ "title": "x", "user_id": alice.id, "id": "mine" });
    let task = bob.api().await.post("/api/me/tasks", &claimed).await.expect(201);
    assert_eq!(task["user_id"], bob.id);
    assert_ne!(task["id"], "mine");
}

#[tokio::test]
async fn fr_8_the_life_of_a_token_is_a_setting() {
    let app = TestApp::builder().with(|settings| settings.set("SIGNET_TOKEN_TTL", "2m")).start().await;
    let claims = claims_of(&app.signed_up("alice").await.jwt().await);
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 120);
}

#[tokio::test]
async fn fr_9_the_session_is_in_a_cookie_that_scripts_cannot_read() {
    let app = TestApp::start().await;
    let body = json!({ "name": "Ada", "email": "ada@example.com", "password": PASSWORD });
    let reply = app.anonymous().post("/api/auth/sign-up/email", &body).await;
    let cookie = reply.header("set-cookie");
    assert!(cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Lax"), "{cookie}");
}

#[tokio::test]
async fn fr_10_the_secret_is_a_setting_and_signs() {
    let app = TestApp::start().await;
    let alice = app.signed_up("alice").await;
    let signature =
        MacKey::new(&SharedSecret::new(SECRET.to_owned()).unwrap()).sign(alice.session_token.as_bytes());
    let encoded: String = {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.encode(signature)
    };
    let cookie = format!(
        "better-auth.session_token={}.{}",
        alice.session_token,
        encoded.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
    );
    let request =
        app.anonymous().request(reqwest::Method::GET, "/api/auth/get-session").header("cookie", cookie);
    assert_eq!(Caller::send(request).await.expect(200)["user"]["id"], alice.id);
}

#[tokio::test]
async fn outcome_1_valid_credentials_always_work() {
    let app = TestApp::start().await;
    for number in 0..20 {
        let user = app.signed_up(&format!("user{number}")).await;
        user.sign_in_again(&app).await.api().await.get("/api/me/tasks").await.expect(200);
    }
}

#[tokio::test]
async fn outcome_2_no_forged_token_passes() {
    let app = TestApp::start().await;
    let alice = app.signed_up("alice").await;
    let jwt = alice.jwt().await;
    let header: serde_json::Value =
        serde_json::from_slice(&base64url::decode(jwt.split('.').next().unwrap()).unwrap()).unwrap();
    let kid = Kid::parse(header["kid"].as_str().unwrap()).unwrap();
    let own_key = SigningKey::from_seed(&[7; 32]).unwrap();
    let forged = sign::jwt(&own_key, &kid, &claims_of(&jwt)).unwrap();
    let secret = MacKey::new(&SharedSecret::new(SECRET.to_owned()).unwrap());
    let symmetric = sign::hs256(&secret, &claims_of(&jwt)).unwrap();
    for token in [forged, symmetric] {
        app.anonymous().bearing(&token).get("/api/me/tasks").await.assert_error(401, "INVALID_TOKEN");
    }
}

#[tokio::test]
async fn outcome_6_expiry_is_enforced_within_the_leeway() {
    let app = TestApp::builder().manual_clock().start().await;
    let alice = app.signed_up("alice").await;
    let api = alice.api().await;
    // Half a minute of leeway by default, and never more than the five minutes that are allowed.
    app.advance(Duration::from_secs(15 * 60 + 29));
    api.get("/api/me/tasks").await.expect(200);
    app.advance(Duration::from_secs(2));
    api.get("/api/me/tasks").await.assert_error(401, "INVALID_TOKEN");
}
