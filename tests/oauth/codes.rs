//! Codes: good once, for a minute, for the client, the redirect URI and the verifier that they were made for.

use std::time::Duration;

use rstest::rstest;
use serde_json::Value;
use signet::model::client::{AuthMethod, Client};

use super::support::{Asked, Provider, REDIRECT_URI, VERIFIER, assert_error, token_at};
use crate::store::support::{Kind, Postgres, Sqlite};
use crate::support::User;

async fn start() -> (Provider, Client, User) {
    let provider = Provider::start().await;
    let client = provider.client("app", |_| ()).await;
    let user = provider.app.signed_up("alice").await;
    (provider, client, user)
}

/// The form of an exchange with another value in it, or none.
fn form_with(code: &str, name: &'static str, value: Option<&str>) -> Vec<(&'static str, String)> {
    let mut form = Provider::exchange_form(code);
    form.retain(|(other, _)| *other != name);
    form.extend(value.map(|value| (name, value.to_owned())));
    form
}

#[tokio::test]
async fn code_is_unguessable_and_says_what_it_is() {
    let (provider, client, user) = start().await;
    let code = provider.code(&client, &user, &Asked::default()).await;
    let secret = code.strip_prefix("signet_code_").unwrap();
    assert!(secret.len() == 43 && secret.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{code}");
    assert_ne!(code, provider.code(&client, &user, &Asked::default()).await);
}

#[tokio::test]
async fn code_is_kept_as_a_hash_alone() {
    let (provider, client, user) = start().await;
    let code = provider.code(&client, &user, &Asked::default()).await;
    let answer = provider.exchange(&client, &code).await.expect(200);
    let refresh = answer["refresh_token"].as_str().unwrap();
    let file = |name: &str| std::fs::read(provider.app.folder.path().join(name)).unwrap_or_default();
    let kept = [file("signet.db"), file("signet.db-wal")].concat();
    for secret in [&code["signet_code_".len()..], &refresh["signet_rt_".len()..][..43], &refresh[54..]] {
        assert!(!kept.windows(secret.len()).any(|bytes| bytes == secret.as_bytes()), "{secret}");
    }
    assert!(kept.windows(REDIRECT_URI.len()).any(|bytes| bytes == REDIRECT_URI.as_bytes()));
}

#[rstest]
#[tokio::test]
async fn code_that_is_shown_again_ends_what_it_gave(
    #[values(0, 30, 1800)] later: u64,
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(provider) = Provider::on(kind).await else { return };
    let client = provider.client("app", |_| ()).await;
    let user = provider.app.signed_up("alice").await;
    let code = provider.code(&client, &user, &Asked::scope("openid offline_access tasks:read")).await;
    let answer = provider.exchange(&client, &code).await.expect(200);
    assert!(provider.opens_tasks(&answer["access_token"]).await);
    provider.advance(later);
    let refreshed = provider.refresh(&client, answer["refresh_token"].as_str().unwrap()).await.expect(200);
    assert!(provider.opens_tasks(&refreshed["access_token"]).await);
    assert_error(&provider.exchange(&client, &code).await, 400, "invalid_grant");
    for given in [&answer, &refreshed] {
        assert!(!provider.opens_tasks(&given["access_token"]).await);
        let token = given["refresh_token"].as_str().unwrap();
        assert_error(&provider.refresh(&client, token).await, 400, "invalid_grant");
    }
    assert!(user.session.get("/api/auth/get-session").await.expect(200)["user"].is_object());
}

#[tokio::test]
async fn code_that_is_shown_again_with_a_wrong_verifier_ends_what_it_gave() {
    let (provider, client, user) = start().await;
    let code = provider.code(&client, &user, &Asked::default()).await;
    let answer = provider.exchange(&client, &code).await.expect(200);
    let reply = provider.token(&client, &form_with(&code, "code_verifier", None)).await;
    assert_error(&reply, 400, "invalid_grant");
    assert!(!provider.opens_tasks(&answer["access_token"]).await);
}

#[tokio::test]
async fn code_is_good_for_a_minute() {
    let (provider, client, user) = start().await;
    let (one, two) = (
        provider.code(&client, &user, &Asked::default()).await,
        provider.code(&client, &user, &Asked::default()).await,
    );
    provider.app.advance(Duration::from_millis(59_999));
    provider.exchange(&client, &one).await.expect(200);
    provider.app.advance(Duration::from_millis(1));
    assert_error(&provider.exchange(&client, &two).await, 400, "invalid_grant");
}

#[tokio::test]
async fn code_of_another_client_is_refused_and_stays_good() {
    let (provider, client, user) = start().await;
    let other = provider.client("other", |_| ()).await;
    let code = provider.code(&client, &user, &Asked::default()).await;
    assert_error(&provider.exchange(&other, &code).await, 400, "invalid_grant");
    let answer = provider.exchange(&client, &code).await.expect(200);
    // Nor does another client end what it gave.
    assert_error(&provider.exchange(&other, &code).await, 400, "invalid_grant");
    assert!(provider.opens_tasks(&answer["access_token"]).await);
}

#[tokio::test]
async fn code_needs_the_verifier_of_its_challenge() {
    let (provider, client, user) = start().await;
    let code = provider.code(&client, &user, &Asked::default()).await;
    let challenge = super::support::challenge(VERIFIER);
    let (short, long) = (&VERIFIER[..42], VERIFIER.repeat(3));
    for wrong in [None, Some("x".repeat(43).as_str()), Some(&challenge), Some(short), Some(&long)] {
        let reply = provider.token(&client, &form_with(&code, "code_verifier", wrong)).await;
        assert_error(&reply, 400, "invalid_grant");
    }
    provider.exchange(&client, &code).await.expect(200);
}

#[tokio::test]
async fn code_without_a_challenge_takes_no_verifier() {
    let (provider, client, user) = start().await;
    let asked = Asked { verifier: None, ..Asked::default() };
    let code = provider.code(&client, &user, &asked).await;
    assert_error(&provider.exchange(&client, &code).await, 400, "invalid_grant");
    provider.token(&client, &form_with(&code, "code_verifier", None)).await.expect(200);
}

#[tokio::test]
async fn code_of_a_short_verifier_is_refused_even_if_its_challenge_fits() {
    let (provider, client, user) = start().await;
    let asked = Asked { verifier: Some("short"), ..Asked::default() };
    let code = provider.code(&client, &user, &asked).await;
    let reply = provider.token(&client, &form_with(&code, "code_verifier", Some("short"))).await;
    assert_error(&reply, 400, "invalid_grant");
}

#[tokio::test]
async fn code_fits_its_redirect_uri_where_that_is_sent() {
    let (provider, client, user) = start().await;
    let code = provider.code(&client, &user, &Asked::default()).await;
    for wrong in ["https://app.example/callback/", "https://APP.example/callback", "https://evil.example/"] {
        let reply = provider.token(&client, &form_with(&code, "redirect_uri", Some(wrong))).await;
        assert_error(&reply, 400, "invalid_grant");
    }
    provider.token(&client, &form_with(&code, "redirect_uri", None)).await.expect(200);
}

#[tokio::test]
async fn code_that_is_nonsense_is_refused() {
    let (provider, client, _) = start().await;
    for code in ["x", "signet_code_x", &"a".repeat(5000), "\u{e9}"] {
        assert_error(&provider.exchange(&client, code).await, 400, "invalid_grant");
    }
    let missing = provider.token(&client, &form_with("", "code", None)).await;
    assert_error(&missing, 400, "invalid_request");
}

#[tokio::test]
async fn code_of_a_session_that_has_ended_is_refused() {
    let (provider, client, user) = start().await;
    let code = provider.code(&client, &user, &Asked::scope("openid offline_access")).await;
    user.session.post("/api/auth/sign-out", &serde_json::json!({})).await.expect(200);
    assert_error(&provider.exchange(&client, &code).await, 400, "invalid_grant");
}

#[rstest]
#[tokio::test]
async fn code_of_one_instance_is_redeemed_at_another_and_once_by_ten_at_a_time(
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(provider) = Provider::on(kind).await else { return };
    let client = provider.client("app", |client| client.auth_method = AuthMethod::ClientSecretPost).await;
    let user = provider.app.signed_up("alice").await;
    let another = provider.another_instance().await;
    let code = provider.code(&client, &user, &Asked::default()).await;
    token_at(&another, &client, &Provider::exchange_form(&code)).await.expect(200);

    let code = provider.code(&client, &user, &Asked::default()).await;
    let form = Provider::exchange_form(&code);
    let crowd = (0..10).map(|number| {
        let app = if number % 2 == 0 { &provider.app } else { &another };
        token_at(app, &client, &form)
    });
    let replies = futures_util::future::join_all(crowd).await;
    let (won, lost): (Vec<_>, Vec<_>) = replies.into_iter().partition(|reply| reply.status == 200);
    assert!(won.len() == 1 && lost.len() == 9, "{won:?} {lost:?}");
    for reply in &lost {
        assert_error(reply, 400, "invalid_grant");
    }
    let answer: Value = won[0].json();
    let refreshed = provider.refresh(&client, answer["refresh_token"].as_str().unwrap()).await;
    assert_error(&refreshed, 400, "invalid_grant");
}

#[tokio::test]
async fn code_that_names_no_resource_gives_no_token_for_one_whose_scopes_were_not_given() {
    let (provider, client, user) = start().await;
    let identifier = "https://metrics.example/";
    let resource = signet::model::resource_server::ResourceServer {
        identifier: identifier.to_owned(),
        scopes: signet::model::scope::ScopeSet::parse("metrics:read").unwrap(),
        access_token_alg: signet_verify::crypto::Algorithm::EdDsa,
        introspection_clients: Vec::new(),
        created_at: crate::support::BEGINNING,
        updated_at: crate::support::BEGINNING,
    };
    provider.database.resources().insert(&resource).await.unwrap();
    let code = provider.code(&client, &user, &Asked::default()).await;
    let reply = provider.token(&client, &form_with(&code, "resource", Some(identifier))).await;
    assert_error(&reply, 400, "invalid_target");
    let tasks = super::support::ISSUER;
    provider.token(&client, &form_with(&code, "resource", Some(tasks))).await.expect(200);
}

#[tokio::test]
async fn code_for_a_resource_gives_a_token_for_that_alone() {
    let (provider, client, user) = start().await;
    let tasks = super::support::ISSUER.to_owned();
    let asked = Asked { resources: vec![tasks.clone()], ..Asked::default() };
    let code = provider.code(&client, &user, &asked).await;
    let other = form_with(&code, "resource", Some("https://elsewhere.example/"));
    assert_error(&provider.token(&client, &other).await, 400, "invalid_target");
    let mut two = form_with(&code, "resource", Some(&tasks));
    two.push(("resource", "https://elsewhere.example/".to_owned()));
    assert_error(&provider.token(&client, &two).await, 400, "invalid_target");
    let answer = provider.token(&client, &form_with(&code, "resource", Some(&tasks))).await.expect(200);
    let audience = super::support::claims(&answer["access_token"])["aud"].clone();
    assert_eq!(audience, serde_json::json!([tasks, format!("{tasks}/api/auth/oauth2/userinfo")]));
}
