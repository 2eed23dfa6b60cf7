//! Tokens that come back: to UserInfo, to introspection, to revocation; and what clients find out by themselves.

use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::{Value, json};
use signet::model::client::{AuthMethod, Client, ClientId};
use signet::model::resource_server::ResourceServer;
use signet::model::scope::ScopeSet;
use signet_verify::crypto::Algorithm;

use super::support::{Asked, ISSUER, Provider, assert_error, basic, encoded, form, secret_of};
use crate::store::support::Kind;
use crate::support::{BEGINNING, Caller, Reply, TestApp};

const USERINFO: &str = "/api/auth/oauth2/userinfo";

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// Posts a token to an endpoint as this client.
async fn show(app: &TestApp, client: &Client, path: &str, pairs: &[(&'static str, &str)]) -> Reply {
    let id = client.id.as_str();
    let mut pairs = form(pairs);
    let mut request = app.anonymous().request(Method::POST, path);
    match client.auth_method {
        AuthMethod::None => pairs.push(("client_id", id.to_owned())),
        _ => request = request.header(AUTHORIZATION, basic(id, &secret_of(id))),
    }
    let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    Caller::send(request.body(encoded(&pairs))).await
}

async fn introspect(app: &TestApp, client: &Client, token: &str) -> Value {
    show(app, client, "/api/auth/oauth2/introspect", &[("token", token)]).await.expect(200)
}

async fn revoke(app: &TestApp, client: &Client, token: &str) {
    let reply = show(app, client, "/api/auth/oauth2/revoke", &[("token", token)]).await;
    assert_eq!((reply.status.as_u16(), reply.text.as_str()), (200, ""));
}

async fn userinfo(app: &TestApp, token: &str) -> Reply {
    app.anonymous().bearing(token).get(USERINFO).await
}

#[tokio::test]
async fn userinfo_answers_get_and_post_by_header_and_by_body_alike() {
    let provider = Provider::start().await;
    let client = provider.client("app", |_| ()).await;
    let user = provider.app.signed_up("ada").await;
    let tokens = provider.granted(&client, &user, &Asked::default()).await;
    let token = text(&tokens["access_token"]);
    let reply = userinfo(&provider.app, token).await;
    assert_eq!(reply.header("cache-control"), "no-store");
    let by_get = reply.expect(200);
    assert_eq!((&by_get["email"], &by_get["email_verified"]), (&json!("ada@example.com"), &json!(false)));
    assert!(by_get["updated_at"].is_i64() && by_get.get("picture").is_none(), "{by_get}");
    let anonymous = provider.app.anonymous();
    let by_header =
        anonymous.request(Method::POST, USERINFO).header(AUTHORIZATION, format!("bearer {token}"));
    assert_eq!(Caller::send(by_header).await.expect(200), by_get);
    let by_body = anonymous.request(Method::POST, USERINFO);
    let by_body = by_body.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    let body = encoded(&form(&[("access_token", token)]));
    let twice =
        by_body.try_clone().unwrap().body(body.clone()).header(AUTHORIZATION, format!("Bearer {token}"));
    assert_eq!(Caller::send(by_body.body(body)).await.expect(200), by_get);
    assert_error(&Caller::send(twice).await, 400, "invalid_request");
}

#[tokio::test]
async fn userinfo_tells_what_the_scope_allows_and_leaves_the_rest_out() {
    let provider = Provider::start().await;
    let client = provider.client("app", |_| ()).await;
    let user = provider.app.signed_up("ada").await;
    for (scope, members) in [
        ("openid", vec!["sub"]),
        ("openid email", vec!["email", "email_verified", "sub"]),
        ("openid profile", vec!["name", "sub", "updated_at"]),
    ] {
        let tokens = provider.granted(&client, &user, &Asked::scope(scope)).await;
        let answer = userinfo(&provider.app, text(&tokens["access_token"])).await.expect(200);
        let mut names: Vec<&String> = answer.as_object().unwrap().keys().collect();
        names.sort();
        assert_eq!(names, members, "{scope}");
    }
}

#[tokio::test]
async fn userinfo_refuses_other_tokens_and_says_how() {
    let provider = Provider::start().await;
    let machines = |client: &mut Client| client.machine_scope = ScopeSet::parse("tasks:read").unwrap();
    let client = provider.client("app", machines).await;
    let user = provider.app.signed_up("ada").await;
    let missing = provider.app.anonymous().get(USERINFO).await;
    assert_error(&missing, 401, "invalid_token");
    assert_eq!(missing.header("www-authenticate"), "Bearer realm=\"Signet\"");
    let tokens = provider.granted(&client, &user, &Asked::default()).await;
    // Never in the query.
    let query = format!("{USERINFO}?access_token={}", text(&tokens["access_token"]));
    assert_eq!(provider.app.anonymous().get(&query).await.status, 401);
    let machine = provider.token(&client, &form(&[("grant_type", "client_credentials")])).await.expect(200);
    let tasks = provider.granted(&client, &user, &Asked::scope("tasks:read")).await;
    for other in [
        text(&tokens["id_token"]),
        text(&tokens["refresh_token"]),
        text(&machine["access_token"]),
        text(&tasks["access_token"]),
        "nonsense",
    ] {
        let reply = userinfo(&provider.app, other).await;
        assert_error(&reply, 401, "invalid_token");
        assert!(reply.header("www-authenticate").contains("error=\"invalid_token\""));
    }
    let narrow = provider.granted(&client, &user, &Asked::scope("profile")).await;
    let reply = userinfo(&provider.app, text(&narrow["access_token"])).await;
    assert_error(&reply, 403, "insufficient_scope");
    assert!(reply.header("www-authenticate").contains("error=\"insufficient_scope\", scope=\"openid\""));
    provider.advance(901);
    assert_error(&userinfo(&provider.app, text(&tokens["access_token"])).await, 401, "invalid_token");
}

#[tokio::test]
async fn introspection_describes_tokens_to_their_own_client_alone() {
    let provider = Provider::start().await;
    let client = provider.client("app", |_| ()).await;
    let other = provider.client("other", |_| ()).await;
    let public = provider.client("public", |client| client.auth_method = AuthMethod::None).await;
    let user = provider.app.signed_up("ada").await;
    let tokens = provider.granted(&client, &user, &Asked::default()).await;
    let (access, refresh) = (text(&tokens["access_token"]), text(&tokens["refresh_token"]));
    let described = introspect(&provider.app, &client, access).await;
    assert_eq!((&described["active"], &described["client_id"]), (&json!(true), &json!("app")));
    assert_eq!((&described["token_type"], &described["iss"]), (&json!("Bearer"), &json!(ISSUER)));
    assert_eq!(described["aud"], json!([ISSUER, format!("{ISSUER}{USERINFO}")]));
    let described = introspect(&provider.app, &client, refresh).await;
    assert_eq!((&described["active"], &described["client_id"]), (&json!(true), &json!("app")));
    let inactive = json!({ "active": false });
    for token in [access, refresh] {
        assert_eq!(introspect(&provider.app, &other, token).await, inactive);
        // A wrong hint does not matter.
        for hint in ["access_token", "refresh_token", "nonsense"] {
            let pairs = [("token", token), ("token_type_hint", hint)];
            let reply = show(&provider.app, &client, "/api/auth/oauth2/introspect", &pairs).await;
            assert_eq!(reply.header("cache-control"), "no-store");
            assert_eq!(reply.expect(200)["active"], true);
        }
    }
    for text in [text(&tokens["id_token"]), "nonsense"] {
        assert_eq!(introspect(&provider.app, &client, text).await, inactive);
    }
    let reply = show(&provider.app, &public, "/api/auth/oauth2/introspect", &[("token", access)]).await;
    assert_error(&reply, 401, "invalid_client");
    let reply = show(&provider.app, &client, "/api/auth/oauth2/introspect", &[]).await;
    assert_error(&reply, 400, "invalid_request");
    provider.advance(901);
    assert_eq!(introspect(&provider.app, &client, access).await, inactive);
}

#[tokio::test]
async fn introspection_tells_the_client_of_a_resource_about_tokens_for_it_alone() {
    let provider = Provider::start().await;
    let resource = |identifier: &str, asking: &[&str]| ResourceServer {
        identifier: identifier.to_owned(),
        scopes: ScopeSet::parse("reports:read").unwrap(),
        access_token_alg: Algorithm::Es256,
        introspection_clients: asking.iter().map(|id| ClientId::parse(id).unwrap()).collect(),
        created_at: BEGINNING,
        updated_at: BEGINNING,
    };
    let (reports, elsewhere) = ("https://reports.example/", "https://elsewhere.example/");
    for resource in [resource(reports, &["api", "machine"]), resource(elsewhere, &["other"])] {
        provider.database.resources().insert(&resource).await.unwrap();
    }
    let [api, other] = [provider.client("api", |_| ()).await, provider.client("other", |_| ()).await];
    let machine = |client: &mut Client| client.machine_scope = ScopeSet::parse("reports:read").unwrap();
    let machine = provider.client("machine", machine).await;
    let public = provider.client("public", |client| client.auth_method = AuthMethod::None).await;
    let asked = [("grant_type", "client_credentials"), ("resource", reports)];
    let tokens = provider.token(&machine, &form(&asked)).await.expect(200);
    let token = text(&tokens["access_token"]);
    let described = introspect(&provider.app, &api, token).await;
    assert_eq!((&described["active"], &described["client_id"]), (&json!(true), &json!("machine")));
    assert_eq!((&described["aud"], &described["scope"]), (&json!([reports]), &json!("reports:read")));
    assert_eq!(introspect(&provider.app, &other, token).await, json!({ "active": false }));
    let reply = show(&provider.app, &public, "/api/auth/oauth2/introspect", &[("token", token)]).await;
    assert_error(&reply, 401, "invalid_client");
    // It learns nothing of tokens for others, and ends none.
    let app = provider.client("app", |_| ()).await;
    let user = provider.app.signed_up("ada").await;
    let given = provider.granted(&app, &user, &Asked::default()).await;
    for foreign in [text(&given["access_token"]), text(&given["refresh_token"])] {
        assert_eq!(introspect(&provider.app, &api, foreign).await, json!({ "active": false }));
    }
    revoke(&provider.app, &api, token).await;
    assert_eq!(introspect(&provider.app, &api, token).await["active"], true);
    revoke(&provider.app, &machine, token).await;
    assert_eq!(introspect(&provider.app, &api, token).await, json!({ "active": false }));
}

async fn ends_everywhere(kind: Kind, shown: &str) {
    let Some(provider) = Provider::on(kind).await else { return };
    let client = provider.client("app", |_| ()).await;
    let other = provider.client("other", |_| ()).await;
    let user = provider.app.signed_up("ada").await;
    let instance = provider.another_instance().await;
    let tokens = provider.granted(&client, &user, &Asked::default()).await;
    let (access, refresh) = (text(&tokens["access_token"]), text(&tokens["refresh_token"]));
    // Neither what is unknown nor the token of another client.
    revoke(&instance, &other, text(&tokens[shown])).await;
    revoke(&instance, &client, "nonsense").await;
    assert_eq!(introspect(&provider.app, &client, access).await["active"], true);
    let hint = if shown == "access_token" { "refresh_token" } else { "access_token" };
    let pairs = [("token", text(&tokens[shown])), ("token_type_hint", hint)];
    show(&instance, &client, "/api/auth/oauth2/revoke", &pairs).await;
    for app in [&provider.app, &instance] {
        for token in [access, refresh] {
            assert_eq!(introspect(app, &client, token).await, json!({ "active": false }));
        }
        assert_error(&userinfo(app, access).await, 401, "invalid_token");
    }
    assert_error(&provider.refresh(&client, refresh).await, 400, "invalid_grant");
    assert_eq!(instance.anonymous().bearing(access).get("/api/me/tasks").await.status, 401);
}

#[tokio::test]
async fn revocation_of_a_refresh_token_ends_its_access_tokens_whatever_the_hint() {
    ends_everywhere(Kind::Sqlite, "refresh_token").await;
}

#[tokio::test]
async fn revocation_of_an_access_token_ends_its_grant_whatever_the_hint() {
    ends_everywhere(Kind::Sqlite, "access_token").await;
}

#[tokio::test]
async fn revocation_ends_tokens_at_every_instance_on_postgres() {
    ends_everywhere(Kind::Postgres, "refresh_token").await;
}

#[tokio::test]
async fn revocation_ends_the_token_of_a_machine() {
    let provider = Provider::start().await;
    let client = provider.client("machine", |_| ()).await;
    let machine = provider.token(&client, &form(&[("grant_type", "client_credentials")])).await.expect(200);
    let token = text(&machine["access_token"]);
    assert_eq!(introspect(&provider.app, &client, token).await["sub"], "machine");
    revoke(&provider.app, &client, token).await;
    assert_eq!(introspect(&provider.app, &client, token).await, json!({ "active": false }));
    assert!(!provider.opens_tasks(&machine["access_token"]).await);
}

#[tokio::test]
async fn metadata_is_one_value_and_announces_nothing_that_is_not_served() {
    let provider = Provider::start().await;
    let anonymous = provider.app.anonymous();
    let document = anonymous.get("/.well-known/openid-configuration").await.expect(200);
    assert_eq!(anonymous.get("/.well-known/oauth-authorization-server").await.expect(200), document);
    assert_eq!(
        (&document["issuer"], &document["request_uri_parameter_supported"]),
        (&ISSUER.into(), &false.into())
    );
    let endpoints = document.as_object().unwrap().iter().filter(|(name, _)| name.ends_with("_endpoint"));
    let endpoints: Vec<&str> = endpoints.map(|(_, address)| text(address)).collect();
    assert!(endpoints.len() >= 4, "{endpoints:?}");
    for address in endpoints {
        let path = address.strip_prefix(ISSUER).unwrap();
        let reply = Caller::send(anonymous.request(Method::POST, path)).await;
        assert_ne!(reply.status, 404, "{path}");
    }
    let client = provider.client("app", |_| ()).await;
    for grant in document["grant_types_supported"].as_array().unwrap() {
        let reply = provider.token(&client, &form(&[("grant_type", text(grant))])).await;
        assert_ne!(reply.json()["error"], "unsupported_grant_type", "{grant}");
    }
}
