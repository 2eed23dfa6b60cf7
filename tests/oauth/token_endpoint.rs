//! What the token endpoint says to requests that are none.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use signet::model::client::GrantType;

use super::support::{Asked, Provider, assert_error, basic, encoded, form, post, secret_of, token_at};
use crate::support::Caller;

const PATH: &str = "/api/auth/oauth2/token";

#[tokio::test]
async fn token_answers_every_error_as_json_that_no_cache_keeps() {
    let provider = Provider::start().await;
    let caller = provider.app.anonymous();
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let reply = Caller::send(caller.request(method, PATH)).await;
        assert_error(&reply, 405, "invalid_request");
        assert_eq!(reply.header("allow"), "POST");
    }
    assert_error(&caller.post(PATH, &serde_json::json!({ "grant_type": "x" })).await, 415, "invalid_request");
    let untyped = caller.request(Method::POST, PATH).body("grant_type=x");
    assert_error(&Caller::send(untyped).await, 415, "invalid_request");
    let large = format!("grant_type=x&a={}", "a".repeat(2_000_000));
    assert_error(&post(&caller, None, large).await, 413, "invalid_request");
    assert_error(&post(&caller, None, "a=1&".repeat(100)).await, 400, "invalid_request");
    assert_error(&post(&caller, None, String::new()).await, 400, "invalid_request");
    let elsewhere = Caller::send(caller.request(Method::POST, "/api/auth/oauth2/nothing")).await;
    assert_error(&elsewhere, 404, "invalid_request");
}

#[tokio::test]
async fn token_takes_a_charset_beside_the_type_of_a_form() {
    let provider = Provider::start().await;
    let request = provider.app.anonymous().request(Method::POST, PATH).body("grant_type=x&client_id=none");
    let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded; charset=UTF-8");
    assert_error(&Caller::send(request).await, 401, "invalid_client");
}

#[tokio::test]
async fn token_refuses_parameters_in_the_query() {
    let provider = Provider::start().await;
    let client = provider.client("app", |_| ()).await;
    let user = provider.app.signed_up("alice").await;
    let code = provider.code(&client, &user, &Asked::default()).await;
    let request = provider.app.anonymous().request(Method::POST, &format!("{PATH}?code={code}"));
    let request = request
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header("authorization", basic("app", &secret_of("app")))
        .body(encoded(&Provider::exchange_form(&code)));
    assert_error(&Caller::send(request).await, 400, "invalid_request");
    provider.exchange(&client, &code).await.expect(200);
}

#[tokio::test]
async fn token_refuses_a_parameter_that_is_given_twice() {
    let provider = Provider::start().await;
    let client = provider.client("app", |_| ()).await;
    let user = provider.app.signed_up("alice").await;
    let code = provider.code(&client, &user, &Asked::default()).await;
    for name in ["grant_type", "code", "redirect_uri", "code_verifier"] {
        let mut twice = Provider::exchange_form(&code);
        let again = twice.iter().find(|(other, _)| *other == name).unwrap().clone();
        twice.push(again);
        assert_error(&provider.token(&client, &twice).await, 400, "invalid_request");
    }
    for name in ["client_id", "client_secret", "client_assertion", "scope", "refresh_token"] {
        let mut twice = Provider::exchange_form(&code);
        twice.extend([(name, "app".to_owned()), (name, "app".to_owned())]);
        assert_error(&provider.token(&client, &twice).await, 400, "invalid_request");
    }
    provider.exchange(&client, &code).await.expect(200);
}

#[tokio::test]
async fn token_ignores_parameters_that_it_does_not_know() {
    let provider = Provider::start().await;
    let client = provider.client("app", |_| ()).await;
    let user = provider.app.signed_up("alice").await;
    let code = provider.code(&client, &user, &Asked::default()).await;
    let mut more = Provider::exchange_form(&code);
    more.extend(form(&[("state", "x"), ("state", "y"), ("nonce", "z")]));
    provider.token(&client, &more).await.expect(200);
}

#[tokio::test]
async fn token_refuses_grants_that_are_unknown_or_not_the_clients() {
    let provider = Provider::start().await;
    let all = provider.client("app", |_| ()).await;
    for grant in ["password", "implicit", "authorization_code ", "Authorization_Code"] {
        let reply = provider.token(&all, &form(&[("grant_type", grant)])).await;
        assert_error(&reply, 400, "unsupported_grant_type");
    }
    let none = provider.client("none", |client| client.grant_types = vec![GrantType::DeviceCode]).await;
    let user = provider.app.signed_up("alice").await;
    let code = provider.code(&none, &user, &Asked::default()).await;
    assert_error(&provider.exchange(&none, &code).await, 400, "unauthorized_client");
    assert_error(&provider.refresh(&none, "signet_rt_x").await, 400, "unauthorized_client");
    let machine = form(&[("grant_type", "client_credentials")]);
    assert_error(&provider.token(&none, &machine).await, 400, "unauthorized_client");
}

#[tokio::test]
async fn token_reflects_nothing_of_a_request() {
    let provider = Provider::start().await;
    let client = provider.client("app", |_| ()).await;
    let evil = "<script>alert(1)</script>";
    for name in ["grant_type", "code", "scope", "resource", "client_id", "refresh_token"] {
        let mut form = Provider::exchange_form("nonsense");
        form.retain(|(other, _)| *other != name);
        form.push((name, evil.to_owned()));
        let reply = provider.token(&client, &form).await;
        assert!(reply.status.is_client_error() && !reply.text.contains("alert"), "{}", reply.text);
    }
}

#[tokio::test]
async fn token_answers_a_bearer_token_that_no_cache_keeps_and_says_the_scope_always() {
    let provider = Provider::start().await;
    let client = provider.client("app", |_| ()).await;
    let user = provider.app.signed_up("alice").await;
    let code = provider.code(&client, &user, &Asked::scope("openid tasks:read")).await;
    let reply = token_at(&provider.app, &client, &Provider::exchange_form(&code)).await;
    let answer = reply.expect(200);
    assert_eq!((reply.header("cache-control"), reply.header("pragma")), ("no-store", "no-cache"));
    assert_eq!((&answer["token_type"], &answer["expires_in"]), (&"Bearer".into(), &900.into()));
    assert_eq!(answer["scope"], "openid tasks:read");
    let again = provider.refresh(&client, answer["refresh_token"].as_str().unwrap()).await.expect(200);
    assert_eq!(again["scope"], "openid tasks:read");
}
