//! Requests that clients push (RFC 9126), on one instance and on two.

use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::Value;
use signet::model::client::{AuthMethod, Client, GrantType};

use super::authorize::{Browser, assert_page, parameters, told, url, with, without};
use super::support::{Provider, assert_error, basic, encoded, form, secret_of};
use crate::store::support::Kind;
use crate::support::{Caller, Reply, TestApp};

const PAR: &str = "/api/auth/oauth2/par";

/// Pushes these parameters as this client, which proves itself as it has registered.
async fn push(app: &TestApp, client: &Client, pairs: &[(&'static str, String)]) -> Reply {
    let (id, secret) = (client.id.to_string(), secret_of(client.id.as_str()));
    let mut pairs = pairs.to_vec();
    pairs.retain(|(name, _)| *name != "client_id");
    let mut request = app.anonymous().request(Method::POST, PAR);
    match client.auth_method {
        AuthMethod::ClientSecretBasic => request = request.header(AUTHORIZATION, basic(&id, &secret)),
        AuthMethod::ClientSecretPost => pairs.extend([("client_id", id), ("client_secret", secret)]),
        AuthMethod::None | AuthMethod::PrivateKeyJwt => pairs.push(("client_id", id)),
    }
    let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    Caller::send(request.body(encoded(&pairs))).await
}

/// Where the user is sent with what was pushed.
fn place(client: &str, pushed: &Value) -> String {
    let uri = pushed["request_uri"].as_str().unwrap();
    url(&form(&[("client_id", client), ("request_uri", uri)]))
}

#[tokio::test]
async fn push_is_answered_201_and_its_request_uri_signs_in_asks_and_gives_a_code() {
    let provider = Provider::start().await;
    let client = provider.client("app", |client| client.require_pushed = true).await;
    let user = provider.app.signed_up("alice").await;
    let reply = push(&provider.app, &client, &parameters()).await;
    assert_eq!(reply.header("cache-control"), "no-store");
    let pushed = reply.expect(201);
    let uri = pushed["request_uri"].as_str().unwrap();
    assert!(uri.starts_with("urn:ietf:params:oauth:request_uri:") && uri.len() >= 34 + 43, "{uri}");
    assert!((60..=600).contains(&pushed["expires_in"].as_u64().unwrap()), "{pushed}");
    let mut browser = Browser::new(&provider);
    // What stands beside it in the address does not count.
    let begun = browser.get(&format!("{}&scope=openid+tasks:write&state=other", place("app", &pushed))).await;
    let page = browser.sign_in(&begun, &user).await;
    assert!(page.text.contains("see your e-mail address"), "{}", page.text);
    assert!(!page.text.contains("change your tasks"), "{}", page.text);
    let answer = told(&browser.submit(&page, "/consent", &[("decision", "allow")]).await);
    assert_eq!(answer["state"], "a state & more");
    provider.exchange(&client, &answer["code"]).await.expect(200);
}

#[tokio::test]
async fn push_of_every_kind_of_client_is_good_once_in_time_and_for_that_client_alone() {
    let provider = Provider::start().await;
    let other = provider.client("other", |_| ()).await;
    for (id, method) in [
        ("basic", AuthMethod::ClientSecretBasic),
        ("post", AuthMethod::ClientSecretPost),
        ("public", AuthMethod::None),
    ] {
        let client = provider.client(id, |client| client.auth_method = method).await;
        let mut browser = Browser::new(&provider);
        let pushed = push(&provider.app, &client, &with("prompt", "none")).await.expect(201);
        // Another client does not use it up.
        assert_page(&browser.get(&place(other.id.as_str(), &pushed)).await);
        let answered = browser.get(&place(id, &pushed)).await;
        assert_eq!(told(&answered)["error"], "login_required", "{id}");
        let again = browser.get(&place(id, &pushed)).await;
        assert_page(&again);
        assert!(again.text.contains("This sign-in is over"), "{}", again.text);
        let late = push(&provider.app, &client, &with("prompt", "none")).await.expect(201);
        provider.advance(late["expires_in"].as_u64().unwrap());
        assert_page(&browser.get(&place(id, &late)).await);
        // No page of ours takes it for the id of a request.
        let early = push(&provider.app, &client, &parameters()).await.expect(201);
        let uri = early["request_uri"].as_str().unwrap();
        assert_page(&browser.get(&format!("/consent?request={uri}")).await);
        assert!(browser.get(&place(id, &early)).await.location().starts_with("/sign-in?request="));
    }
}

#[tokio::test]
async fn push_refuses_what_does_not_fit_as_json() {
    let provider = Provider::start().await;
    let client = provider.client("app", |_| ()).await;
    let machine =
        provider.client("machine", |client| client.grant_types = vec![GrantType::ClientCredentials]).await;
    let uri = "urn:ietf:params:oauth:request_uri:x";
    for (asked, error) in [
        (without("response_type"), "invalid_request"),
        (with("response_type", "token"), "unsupported_response_type"),
        (without("redirect_uri"), "invalid_request"),
        (with("redirect_uri", "https://elsewhere.example/"), "invalid_request"),
        (without("code_challenge"), "invalid_request"),
        (with("code_challenge_method", "plain"), "invalid_request"),
        (with("prompt", "none login"), "invalid_request"),
        (with("scope", "nothing"), "invalid_scope"),
        (with("resource", "https://elsewhere.example/"), "invalid_target"),
        (with("request_uri", uri), "invalid_request"),
        (with("request", "x.y.z"), "request_not_supported"),
        (with("registration", "{}"), "registration_not_supported"),
        ([parameters(), vec![("nonce", "other".to_owned())]].concat(), "invalid_request"),
    ] {
        assert_error(&push(&provider.app, &client, &asked).await, 400, error);
    }
    assert_error(&push(&provider.app, &machine, &parameters()).await, 400, "unauthorized_client");
    let stranger = super::support::client("unknown");
    assert_error(&push(&provider.app, &stranger, &parameters()).await, 401, "invalid_client");
    let long = [parameters(), vec![("unknown", "x".repeat(9 * 1024))]].concat();
    assert_error(&push(&provider.app, &client, &long).await, 413, "invalid_request");
    let request = provider.app.anonymous().request(Method::POST, PAR).json(&serde_json::json!({}));
    assert_error(&Caller::send(request).await, 415, "invalid_request");
    assert_error(&provider.app.anonymous().get(PAR).await, 405, "invalid_request");
}

#[tokio::test]
async fn push_is_limited_for_each_client() {
    let provider = Provider::with(|settings| settings.set("SIGNET_RATE_LIMIT", "on")).await;
    let (busy, calm) = (provider.client("busy", |_| ()).await, provider.client("calm", |_| ()).await);
    let mut limited = None;
    for _ in 0..=200 {
        let reply = push(&provider.app, &busy, &parameters()).await;
        if reply.status != 201 {
            limited = Some(reply);
            break;
        }
    }
    let limited = limited.expect("the 201st is one too many");
    assert_error(&limited, 429, "temporarily_unavailable");
    assert!(!limited.header("retry-after").is_empty());
    push(&provider.app, &calm, &parameters()).await.expect(201);
}

#[tokio::test]
async fn authorize_of_a_client_that_pushes_takes_nothing_else() {
    let provider = Provider::start().await;
    provider.client("app", |client| client.require_pushed = true).await;
    let mut browser = Browser::new(&provider);
    assert_eq!(told(&browser.get(&url(&parameters())).await)["error"], "invalid_request");
    let metadata = provider.app.anonymous().get("/.well-known/openid-configuration").await.expect(200);
    assert_eq!(metadata["require_pushed_authorization_requests"], false);
    let endpoint = metadata["pushed_authorization_request_endpoint"].as_str().unwrap();
    assert!(endpoint.ends_with(PAR), "{endpoint}");
}

/// A request that is pushed at one instance and used at the other; and at both at once, where one wins.
async fn pushed_here_and_used_there(kind: Kind) {
    let Some(provider) = Provider::on(kind).await else { return };
    let there = provider.another_instance().await;
    let client = provider.client("app", |_| ()).await;
    let pushed = push(&provider.app, &client, &with("prompt", "none")).await.expect(201);
    let answered = Browser::at(&there).get(&place("app", &pushed)).await;
    assert_eq!(told(&answered)["error"], "login_required");
    for _ in 0..8 {
        let pushed = push(&provider.app, &client, &with("prompt", "none")).await.expect(201);
        let place = place("app", &pushed);
        let mut browsers: Vec<_> =
            [&provider.app, &there, &provider.app, &there].into_iter().map(Browser::at).collect();
        let used = browsers.iter_mut().map(|browser| browser.get(&place));
        let replies = futures_util::future::join_all(used).await;
        let winners = replies.iter().filter(|reply| reply.status == 303).count();
        assert_eq!(winners, 1, "{:?}", replies.iter().map(|reply| reply.status).collect::<Vec<_>>());
        replies.iter().filter(|reply| reply.status != 303).for_each(assert_page);
    }
}

#[tokio::test]
async fn push_is_used_once_on_all_instances_of_sqlite() {
    pushed_here_and_used_there(Kind::Sqlite).await;
}

#[tokio::test]
async fn push_is_used_once_on_all_instances_of_postgres() {
    pushed_here_and_used_there(Kind::Postgres).await;
}
