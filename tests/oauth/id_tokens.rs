//! ID tokens and access tokens: what they say, and who signs them.

use serde_json::{Value, json};
use signet::model::client::Client;
use signet_verify::crypto::Algorithm;
use signet_verify::jose::base64url;
use signet_verify::jose::jwk::KeySet;

use super::support::{Asked, ISSUER, Provider, claims, part_of};
use crate::support::User;

async fn start() -> (Provider, Client, User) {
    let provider = Provider::start().await;
    let client = provider.client("app", |_| ()).await;
    let user = provider.app.signed_up("alice").await;
    (provider, client, user)
}

/// Whether a key that is published has signed this token.
async fn is_signed(provider: &Provider, token: &Value) -> bool {
    let document = provider.app.anonymous().get("/.well-known/jwks.json").await.text;
    let keys = KeySet::parse(document.as_bytes()).unwrap().keys;
    let header = part_of(token, 0);
    let (input, signature) = token.as_str().unwrap().rsplit_once('.').unwrap();
    let Some(key) = keys.get(header["kid"].as_str().unwrap()) else { return false };
    assert_eq!(header["alg"], key.algorithm().name());
    key.verify(input.as_bytes(), &base64url::decode(signature).unwrap())
}

#[tokio::test]
async fn id_token_says_who_has_signed_in_when_and_how() {
    let (provider, client, user) = start().await;
    provider.advance(10);
    let answer = provider.granted(&client, &user, &Asked::default()).await;
    assert_eq!(part_of(&answer["id_token"], 0)["typ"], "JWT");
    let said = claims(&answer["id_token"]);
    let (iat, auth_time) = (said["iat"].as_i64().unwrap(), said["auth_time"].as_i64().unwrap());
    assert_eq!((iat - auth_time, said["exp"].as_i64().unwrap() - iat), (10, 900));
    assert_eq!((&said["iss"], &said["aud"], &said["sub"]), (&json!(ISSUER), &json!("app"), &json!(user.id)));
    assert_eq!((&said["nonce"], &said["amr"]), (&json!("a nonce"), &json!(["pwd"])));
    assert_eq!((&said["email"], &said["email_verified"]), (&json!("alice@example.com"), &json!(false)));
    assert_eq!((&said["name"], said["azp"].is_null()), (&json!("alice"), true));
    assert!(said["updated_at"].is_i64() && said["at_hash"].is_null() && said["scope"].is_null());
    assert!(is_signed(&provider, &answer["id_token"]).await);
    let session = user.session.get("/api/auth/get-session").await.expect(200);
    assert_eq!(said["sid"], session["session"]["id"]);
}

#[tokio::test]
async fn id_token_says_of_a_user_what_the_scope_allows_and_repeats_no_nonce_that_was_not_sent() {
    let (provider, client, user) = start().await;
    let asked = Asked { scope: "openid", nonce: None, ..Asked::default() };
    let said = claims(&provider.granted(&client, &user, &asked).await["id_token"]);
    for member in ["email", "email_verified", "name", "updated_at", "picture", "nonce"] {
        assert_eq!(said.get(member), None, "{member}");
    }
    let with_email =
        claims(&provider.granted(&client, &user, &Asked::scope("openid email")).await["id_token"]);
    assert!(with_email["email"].is_string() && with_email.get("name").is_none());
    let without = provider.granted(&client, &user, &Asked::scope("tasks:read email")).await;
    assert_eq!(without.get("id_token"), None);
}

#[tokio::test]
async fn id_token_is_signed_with_the_algorithm_of_its_client_and_has_the_hash_that_all_agree_on() {
    let provider =
        Provider::with(|settings| settings.set("SIGNET_ALGORITHMS", "EdDSA,ES256,RS256".to_owned()));
    let provider = provider.await;
    let user = provider.app.signed_up("alice").await;
    for (id, algorithm) in [("one", Algorithm::EdDsa), ("two", Algorithm::Es256), ("three", Algorithm::Rs256)]
    {
        let client = provider.client(id, |client| client.id_token_alg = algorithm).await;
        let answer = provider.granted(&client, &user, &Asked::default()).await;
        assert_eq!(part_of(&answer["id_token"], 0)["alg"], algorithm.name());
        assert!(is_signed(&provider, &answer["id_token"]).await, "{algorithm}");
        assert_eq!(part_of(&answer["access_token"], 0)["alg"], "EdDSA");
        let access_token = answer["access_token"].as_str().unwrap().as_bytes();
        let half = base64url::encode(&signet_verify::crypto::sha256(access_token)[..16]);
        let expected = if algorithm == Algorithm::EdDsa { Value::Null } else { json!(half) };
        assert_eq!(claims(&answer["id_token"])["at_hash"], expected, "{algorithm}");
    }
}

#[tokio::test]
async fn access_token_has_the_shape_of_rfc_9068() {
    let (provider, client, user) = start().await;
    let answer = provider.granted(&client, &user, &Asked::default()).await;
    let (header, said) = (part_of(&answer["access_token"], 0), claims(&answer["access_token"]));
    assert_eq!(header["typ"], "at+jwt");
    assert_eq!(said["aud"], json!([ISSUER, format!("{ISSUER}/api/auth/oauth2/userinfo")]));
    assert_eq!((&said["sub"], &said["client_id"]), (&json!(user.id), &json!("app")));
    assert_eq!(said["scope"], "openid profile email tasks:read tasks:write");
    assert_eq!(said["amr"], json!(["pwd"]));
    for absent in ["nonce", "at_hash", "email", "name", "azp"] {
        assert_eq!(said.get(absent), None, "{absent}");
    }
    assert!(said["auth_time"].is_i64() && said["jti"].is_string());
    assert_ne!(said["sid"], claims(&answer["id_token"])["sid"]);
    assert!(is_signed(&provider, &answer["access_token"]).await);
    assert!(provider.opens_tasks(&answer["access_token"]).await);
}

#[tokio::test]
async fn access_token_for_userinfo_and_an_id_token_and_a_refresh_token_open_no_tasks() {
    let (provider, client, user) = start().await;
    let answer = provider.granted(&client, &user, &Asked::scope("openid email offline_access")).await;
    let userinfo = json!(format!("{ISSUER}/api/auth/oauth2/userinfo"));
    assert_eq!(claims(&answer["access_token"])["aud"], userinfo);
    for token in ["access_token", "id_token", "refresh_token"] {
        assert!(!provider.opens_tasks(&answer[token]).await, "{token}");
    }
}

#[tokio::test]
async fn tokens_end_with_the_session_that_they_are_bound_to() {
    let (provider, client, user) = start().await;
    // A remembered session that nobody uses ends after a week.
    provider.advance(7 * 24 * 60 * 60 - 300);
    let bound = provider.granted(&client, &user, &Asked::default()).await;
    assert_eq!(bound["expires_in"], 300);
    for token in ["access_token", "id_token"] {
        let said = claims(&bound[token]);
        assert_eq!(said["exp"].as_i64().unwrap() - said["iat"].as_i64().unwrap(), 300, "{token}");
    }
    let offline = provider.granted(&client, &user, &Asked::scope("openid offline_access")).await;
    assert_eq!(offline["expires_in"], 900);
}
