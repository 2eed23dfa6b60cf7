//! Refresh tokens: each answer has another one, and one that was used long ago ends them all.

use rstest::rstest;
use serde_json::{Value, json};
use signet::model::client::{AuthMethod, Client, GrantType};

use super::support::{Asked, Provider, assert_error, claims, form, token_at};
use crate::store::support::{Kind, Postgres, Sqlite};
use crate::support::User;

async fn start() -> (Provider, Client, User) {
    let provider = Provider::start().await;
    let client = provider.client("app", |_| ()).await;
    let user = provider.app.signed_up("alice").await;
    (provider, client, user)
}

fn token_of(answer: &Value) -> &str {
    answer["refresh_token"].as_str().unwrap()
}

fn refresh_form(token: &str, more: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    let mut all = form(&[("grant_type", "refresh_token"), ("refresh_token", token)]);
    all.extend(form(more));
    all
}

#[tokio::test]
async fn refresh_gives_another_refresh_token_each_time() {
    let (provider, client, user) = start().await;
    let mut answer = provider.granted(&client, &user, &Asked::default()).await;
    let grant = claims(&answer["access_token"])["sid"].clone();
    for _ in 0..5 {
        provider.advance(60);
        let next = provider.refresh(&client, token_of(&answer)).await.expect(200);
        assert_ne!(token_of(&next), token_of(&answer));
        assert_ne!(claims(&next["access_token"])["jti"], claims(&answer["access_token"])["jti"]);
        assert_eq!(claims(&next["access_token"])["sid"], grant);
        assert!(provider.opens_tasks(&next["access_token"]).await);
        answer = next;
    }
    assert_eq!(provider.database.grants().of_user(&user.id).await.unwrap().len(), 1);
}

#[rstest]
#[tokio::test]
async fn refresh_whose_answer_was_lost_gets_the_same_token_again_for_ten_seconds(
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(provider) = Provider::on(kind).await else { return };
    let client = provider.client("app", |_| ()).await;
    let user = provider.app.signed_up("alice").await;
    let another = provider.another_instance().await;
    let answer = provider.granted(&client, &user, &Asked::default()).await;
    let next = provider.refresh(&client, token_of(&answer)).await.expect(200);
    for app in [&provider.app, &another, &provider.app] {
        provider.advance(3);
        let again = token_at(app, &client, &refresh_form(token_of(&answer), &[])).await.expect(200);
        assert_eq!(token_of(&again), token_of(&next));
    }
    provider.advance(1);
    let late = provider.refresh(&client, token_of(&answer)).await;
    assert_error(&late, 400, "invalid_grant");
    assert_error(&provider.refresh(&client, token_of(&next)).await, 400, "invalid_grant");
}

#[tokio::test]
async fn refresh_with_a_token_that_was_used_before_the_last_one_ends_them_all_at_once() {
    let (provider, client, user) = start().await;
    let first = provider.granted(&client, &user, &Asked::default()).await;
    let second = provider.refresh(&client, token_of(&first)).await.expect(200);
    let third = provider.refresh(&client, token_of(&second)).await.expect(200);
    assert!(provider.opens_tasks(&third["access_token"]).await);
    assert_error(&provider.refresh(&client, token_of(&first)).await, 400, "invalid_grant");
    for answer in [&first, &second, &third] {
        assert_error(&provider.refresh(&client, token_of(answer)).await, 400, "invalid_grant");
        assert!(!provider.opens_tasks(&answer["access_token"]).await);
    }
}

#[tokio::test]
async fn refresh_with_a_token_of_the_family_that_was_never_given_ends_it() {
    let (provider, client, user) = start().await;
    let answer = provider.granted(&client, &user, &Asked::default()).await;
    let (family, _) = token_of(&answer).split_once('.').unwrap();
    let made_up = format!("{family}.{}", "a".repeat(43));
    assert_error(&provider.refresh(&client, &made_up).await, 400, "invalid_grant");
    assert_error(&provider.refresh(&client, token_of(&answer)).await, 400, "invalid_grant");
}

#[tokio::test]
async fn refresh_by_another_client_is_refused_and_leaves_the_token_alive() {
    let (provider, client, user) = start().await;
    let other = provider.client("other", |_| ()).await;
    let answer = provider.granted(&client, &user, &Asked::default()).await;
    assert_error(&provider.refresh(&other, token_of(&answer)).await, 400, "invalid_grant");
    let next = provider.refresh(&client, token_of(&answer)).await.expect(200);
    // A used one by another client is no theft from this one either.
    provider.advance(60);
    assert_error(&provider.refresh(&other, token_of(&answer)).await, 400, "invalid_grant");
    provider.refresh(&client, token_of(&next)).await.expect(200);
}

#[tokio::test]
async fn refresh_gives_less_where_less_is_asked_for_and_the_whole_the_next_time() {
    let (provider, client, user) = start().await;
    let answer = provider.granted(&client, &user, &Asked::scope("openid email tasks:read tasks:write")).await;
    let narrow = refresh_form(token_of(&answer), &[("scope", "tasks:read")]);
    let narrow = provider.token(&client, &narrow).await.expect(200);
    assert_eq!((&narrow["scope"], narrow.get("id_token")), (&json!("tasks:read"), None));
    assert_eq!(claims(&narrow["access_token"])["scope"], "tasks:read");
    let whole = provider.refresh(&client, token_of(&narrow)).await.expect(200);
    assert_eq!(whole["scope"], "openid email tasks:read tasks:write");
    for wider in ["profile", "openid profile", "offline_access"] {
        let form = refresh_form(token_of(&whole), &[("scope", wider)]);
        assert_error(&provider.token(&client, &form).await, 400, "invalid_scope");
    }
    let other = refresh_form(token_of(&whole), &[("resource", "https://elsewhere.example/")]);
    assert_error(&provider.token(&client, &other).await, 400, "invalid_target");
    provider.refresh(&client, token_of(&whole)).await.expect(200);
}

#[tokio::test]
async fn refreshed_id_token_keeps_the_time_of_sign_in_and_has_no_nonce() {
    let (provider, client, user) = start().await;
    let answer = provider.granted(&client, &user, &Asked::default()).await;
    provider.advance(500);
    let next = provider.refresh(&client, token_of(&answer)).await.expect(200);
    let (one, two) = (claims(&answer["id_token"]), claims(&next["id_token"]));
    for same in ["iss", "sub", "aud", "auth_time", "amr", "sid"] {
        assert_eq!(one[same], two[same], "{same}");
    }
    assert_eq!(two["iat"].as_i64().unwrap() - one["iat"].as_i64().unwrap(), 500);
    assert_eq!((&one["nonce"], two.get("nonce")), (&json!("a nonce"), None));
}

#[tokio::test]
async fn refresh_token_is_for_clients_that_registered_for_it() {
    let (provider, _, user) = start().await;
    let client =
        provider.client("plain", |client| client.grant_types = vec![GrantType::AuthorizationCode]).await;
    let answer = provider.granted(&client, &user, &Asked::scope("openid offline_access")).await;
    assert_eq!(answer.get("refresh_token"), None);
    assert_error(&provider.refresh(&client, "signet_rt_x").await, 400, "unauthorized_client");
}

#[tokio::test]
async fn refresh_token_that_is_not_used_for_a_month_ends() {
    let (provider, _, user) = start().await;
    let client = provider.client("public", |client| client.auth_method = AuthMethod::None).await;
    let answer = provider.granted(&client, &user, &Asked::scope("openid offline_access")).await;
    provider.advance(29 * 24 * 60 * 60);
    let next = provider.refresh(&client, token_of(&answer)).await.expect(200);
    provider.advance(30 * 24 * 60 * 60);
    assert_error(&provider.refresh(&client, token_of(&next)).await, 400, "invalid_grant");
}

#[tokio::test]
async fn refresh_token_that_is_nonsense_is_refused() {
    let (provider, client, _) = start().await;
    for token in ["x", "signet_rt_", "signet_rt_a.b", &"a".repeat(5000), "\u{e9}"] {
        assert_error(&provider.refresh(&client, token).await, 400, "invalid_grant");
    }
    let missing = form(&[("grant_type", "refresh_token")]);
    assert_error(&provider.token(&client, &missing).await, 400, "invalid_request");
}
