//! The sweep, at each way of running the tasks API.

use std::time::Duration;

use serde_json::{Value, json};
use signet::secret::SharedSecret;
use signet_verify::crypto::{MacKey, SigningKey};
use signet_verify::jose::jwk::Kid;
use signet_verify::jose::{base64url, sign};

use super::People;
use super::issuer::Issuer;
use super::operation::Operation;
use crate::support::{SECRET, TestApp};

fn part(jwt: &str, number: usize) -> Value {
    serde_json::from_slice(&base64url::decode(jwt.split('.').nth(number).unwrap()).unwrap()).unwrap()
}

/// The same token with other claims and the old signature.
fn tampered(jwt: &str, claims: &Value) -> String {
    let parts: Vec<&str> = jwt.split('.').collect();
    format!("{}.{}.{}", parts[0], base64url::encode(claims.to_string().as_bytes()), parts[2])
}

fn unsigned(claims: &Value) -> String {
    let encode = |value: &Value| base64url::encode(value.to_string().as_bytes());
    format!("{}.{}.", encode(&json!({ "alg": "none" })), encode(claims))
}

fn mac(secret: &str, claims: &Value) -> String {
    sign::hs256(&MacKey::new(&SharedSecret::new(secret.to_owned()).unwrap()), claims).unwrap()
}

#[tokio::test]
async fn isolation_in_one_process_admits_the_owner_only() {
    let app = TestApp::builder().manual_clock().start().await;
    let (alice, bob) = (app.signed_up("alice").await, app.signed_up("bob").await);
    let operations = Operation::all(&app).await;

    // Everything that can be wrong with a token, before and after its time.
    let expired = alice.jwt().await;
    app.advance(Duration::from_secs(1000));
    let elsewhere = alice.sign_in_again(&app).await;
    let signed_out = elsewhere.jwt().await;
    elsewhere.session.post("/api/auth/sign-out", &json!({})).await.expect(200);

    let jwt = alice.jwt().await;
    let claims = part(&jwt, 1);
    let kid = Kid::parse(part(&jwt, 0)["kid"].as_str().unwrap()).unwrap();
    let own_key = SigningKey::from_seed(&[7; 32]).unwrap();
    let mut as_bob = claims.clone();
    as_bob["sub"] = bob.id.clone().into();
    let x =
        app.anonymous().get("/api/auth/jwks").await.expect(200)["keys"][0]["x"].as_str().unwrap().to_owned();
    let tokens = [
        ("expired", expired),
        ("signed out", signed_out),
        ("forged under the same kid", sign::jwt(&own_key, &kid, &claims).unwrap()),
        ("claims changed", tampered(&jwt, &as_bob)),
        ("alg none", unsigned(&claims)),
        ("HS256 with the public key", mac(&x, &claims)),
        ("HS256 with the real secret", mac(SECRET, &claims)),
        ("a session token", alice.session_token.clone()),
        ("no token at all", "x".to_owned()),
    ];
    let people = People {
        owner: alice.api().await,
        owner_id: alice.id,
        other_user: bob.api().await,
        stranger_id: bob.id,
        anonymous: app.anonymous(),
    };
    people.refuse(&operations, &tokens).await;
    people.sweep(&operations).await;
}

#[tokio::test]
async fn isolation_in_a_resource_process_admits_the_owner_only() {
    let issuer = Issuer::start().await;
    let app = TestApp::builder()
        .with(|settings| {
            settings.set("SIGNET_ROLE", "resource");
            settings.unset("BETTER_AUTH_SECRET");
            settings.set("SIGNET_JWKS_URL", issuer.jwks_url.clone());
            settings.set("SIGNET_ISSUER", issuer.url.clone());
            settings.set("SIGNET_AUDIENCE", issuer.url.clone());
        })
        .start()
        .await;
    let operations = Operation::all(&app).await;
    let now = part(&issuer.token("alice", |_| {}), 1)["iat"].as_i64().unwrap();
    let with =
        |member: &'static str, value: Value| issuer.token("alice", move |claims| claims[member] = value);
    let without = |member: &'static str| {
        issuer.token("alice", move |claims| {
            claims.as_object_mut().unwrap().remove(member);
        })
    };
    let good = part(&issuer.token("alice", |_| {}), 1);
    let tokens = [
        ("expired", with("exp", (now - 31).into())),
        ("without an end", without("exp")),
        ("of a far future", with("exp", (now + 100 * 86400).into())),
        ("not valid yet", with("nbf", (now + 3600).into())),
        ("issued in the future", with("iat", (now + 3600).into())),
        ("for another audience", with("aud", "https://other.example".into())),
        ("for no audience", without("aud")),
        ("of another issuer", with("iss", "https://other.example".into())),
        ("of no issuer", without("iss")),
        ("without sub", without("sub")),
        ("bound to a key", with("cnf", json!({ "jkt": "x" }))),
        ("forged under the same kid", issuer.forged("alice")),
        ("claims changed", tampered(&issuer.token("bob", |_| {}), &good)),
        ("alg none", unsigned(&good)),
        ("HS256 with the public key", mac(&base64url::encode(&issuer.public()), &good)),
    ];
    let people = People {
        owner: app.anonymous().bearing(&issuer.token("alice", |_| {})),
        owner_id: "alice".to_owned(),
        other_user: app.anonymous().bearing(&issuer.token("bob", |_| {})),
        stranger_id: "bob".to_owned(),
        anonymous: app.anonymous(),
    };
    people.refuse(&operations, &tokens).await;
    people.sweep(&operations).await;
    app.anonymous().post("/api/auth/sign-in/email", &json!({})).await.assert_error(404, "NOT_FOUND");
}

#[tokio::test]
async fn operations_of_identity_ask_for_a_session_or_stand_on_a_short_list() {
    let app = TestApp::start().await;
    let document = app.anonymous().get("/openapi/identity.json").await.expect(200);
    let public = [
        "signUpEmail",
        "signInEmail",
        "signOut",
        "getSession",
        "getJwks",
        "ok",
        "errorPage",
        "sendVerificationEmail",
        "verifyEmail",
        "verifyEmailWithToken",
        "requestPasswordReset",
        "forgetPassword",
        "resetPassword",
        "resetPasswordCallback",
        // Says 404 where no user is signed in.
        "deleteUserCallback",
    ];
    let mut swept = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            // An empty requirement among them says that a session is welcome and not needed.
            let asks = operation["security"]
                .as_array()
                .is_some_and(|ways| !ways.is_empty() && ways.iter().all(|way| *way != json!({})));
            assert_eq!(asks, !public.contains(&id), "{id}");
            if !asks {
                continue;
            }
            swept += 1;
            let anonymous = app.anonymous();
            let request = anonymous.request(method.to_uppercase().parse().unwrap(), path);
            let request = match id {
                "updateUser" => request.json(&json!({ "name": "x" })),
                "changePassword" => {
                    request.json(&json!({ "newPassword": "new password", "currentPassword": "old" }))
                }
                "changeEmail" => request.json(&json!({ "newEmail": "a@example.com" })),
                "verifyPassword" => request.json(&json!({ "password": "x" })),
                "revokeSession" => request.json(&json!({ "token": "x" })),
                "deleteConsent" => request.json(&json!({ "id": "x" })),
                _ if method == "post" => request.json(&json!({})),
                _ => request,
            };
            crate::support::Caller::send(request).await.assert_error(401, "UNAUTHORIZED");
        }
    }
    assert!(swept >= 9, "{swept}");
}
