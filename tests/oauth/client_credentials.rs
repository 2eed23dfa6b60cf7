//! Tokens of clients for themselves.

use serde_json::Value;
use signet::model::client::{ApplicationType, ClientId, GrantType};
use signet::model::resource_server::ResourceServer;
use signet::model::scope::ScopeSet;
use signet_verify::crypto::Algorithm;

use super::support::{ISSUER, Provider, assert_error, claims, form, part_of};
use crate::support::BEGINNING;

fn asking(more: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    let mut all = form(&[("grant_type", "client_credentials")]);
    all.extend(form(more));
    all
}

#[tokio::test]
async fn client_credentials_give_an_access_token_and_nothing_else() {
    let provider = Provider::start().await;
    let client = provider.client("machine", |_| ()).await;
    let answer = provider.token(&client, &asking(&[])).await.expect(200);
    let mut members: Vec<&String> = answer.as_object().unwrap().keys().collect();
    members.sort();
    assert_eq!(members, ["access_token", "expires_in", "scope", "token_type"]);
    assert_eq!((&answer["scope"], &answer["expires_in"]), (&"tasks:read".into(), &900.into()));
    let (header, claims) = (part_of(&answer["access_token"], 0), claims(&answer["access_token"]));
    assert_eq!((&header["typ"], &header["alg"]), (&"at+jwt".into(), &"EdDSA".into()));
    assert_eq!((&claims["sub"], &claims["client_id"]), (&"machine".into(), &"machine".into()));
    assert_eq!((&claims["iss"], &claims["aud"]), (&ISSUER.into(), &ISSUER.into()));
    assert_eq!(claims["scope"], "tasks:read");
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 900);
    assert!(claims["jti"].as_str().unwrap().len() == 32 && claims["jti"] == claims["sid"]);
    for of_users in ["auth_time", "amr", "nonce", "email", "at_hash"] {
        assert_eq!(claims[of_users], Value::Null, "{of_users}");
    }
}

#[tokio::test]
async fn client_credentials_take_their_scope_from_what_the_operator_gave_and_never_from_that_of_users() {
    let provider = Provider::start().await;
    let client = provider.client("machine", |_| ()).await;
    for wider in ["tasks:write", "tasks:read tasks:write", "openid", "offline_access", "unknown"] {
        let reply = provider.token(&client, &asking(&[("scope", wider)])).await;
        assert_error(&reply, 400, "invalid_scope");
    }
    for malformed in ["tasks:read  tasks:read", " tasks:read", "\"", "\u{e9}"] {
        let reply = provider.token(&client, &asking(&[("scope", malformed)])).await;
        assert_error(&reply, 400, "invalid_scope");
    }
    let answer = provider.token(&client, &asking(&[("scope", "tasks:read")])).await.expect(200);
    assert_eq!(answer["scope"], "tasks:read");
}

#[tokio::test]
async fn client_credentials_are_for_the_resource_that_was_asked_for() {
    let provider = Provider::start().await;
    let identifier = "https://metrics.example/".to_owned();
    let scopes = ScopeSet::parse("metrics:read").unwrap();
    let resource = ResourceServer {
        identifier: identifier.clone(),
        scopes,
        access_token_alg: Algorithm::EdDsa,
        introspection_clients: Vec::new(),
        created_at: BEGINNING,
        updated_at: BEGINNING,
    };
    provider.database.resources().insert(&resource).await.unwrap();
    let client = provider.client("machine", |client| {
        client.machine_scope = ScopeSet::parse("tasks:read metrics:read").unwrap();
    });
    let client = client.await;
    let answer = provider.token(&client, &asking(&[("resource", &identifier)])).await.expect(200);
    let claims = claims(&answer["access_token"]);
    assert_eq!((&claims["aud"], &claims["scope"]), (&identifier.clone().into(), &"metrics:read".into()));
    assert!(!provider.opens_tasks(&answer["access_token"]).await);
    let without = provider.client("other", |_| ()).await;
    let reply = provider.token(&without, &asking(&[("resource", &identifier)])).await;
    assert_error(&reply, 400, "invalid_target");
    for unknown in ["https://metrics.example", "https://elsewhere.example/", "nonsense"] {
        let reply = provider.token(&client, &asking(&[("resource", unknown)])).await;
        assert_error(&reply, 400, "invalid_target");
    }
}

#[tokio::test]
async fn client_credentials_are_for_clients_that_registered_for_them() {
    let provider = Provider::start().await;
    let client =
        provider.client("app", |client| client.grant_types = vec![GrantType::AuthorizationCode]).await;
    assert_error(&provider.token(&client, &asking(&[])).await, 400, "unauthorized_client");
}

#[test]
fn client_id_never_looks_like_the_id_of_a_user() {
    for id in ["a".repeat(32), "0123456789abcdefABCDEF0123456789".to_owned()] {
        assert_eq!(ClientId::parse(&id), None);
    }
    for id in [String::new(), "a".repeat(65), "a b".to_owned(), "a:b".to_owned(), ISSUER.to_owned()] {
        assert_eq!(ClientId::parse(&id), None, "{id}");
    }
    assert!(ClientId::parse(&"a".repeat(31)).is_some() && ClientId::parse(&"-".repeat(32)).is_some());
    assert_eq!(ApplicationType::parse("web"), Some(ApplicationType::Web));
}
