//! What users have given to applications: they see it, and take it back.

use serde_json::{Value, json};
use signet::model::client::Client;

use super::authorize::{Browser, parameters, told, url, with};
use super::support::{Asked, Provider, assert_error};
use crate::store::support::Kind;
use crate::support::{Reply, User};

async fn consents(user: &User) -> Value {
    user.session.get("/api/auth/oauth2/get-consents").await.expect(200)
}

async fn withdraw(user: &User, id: &str) -> Reply {
    user.session.post("/api/auth/oauth2/delete-consent", &json!({ "id": id })).await
}

/// Everything that a user gives to a client that asks them: the answer of the token endpoint, and the browser.
async fn agreed(provider: &Provider, client: &Client, user: &User, scope: &str) -> (Value, Browser) {
    let mut browser = Browser::new(provider);
    let mut asked = with("scope", scope);
    asked.retain(|(name, _)| *name != "client_id");
    asked.push(("client_id", client.id.to_string()));
    let begun = browser.get(&url(&asked)).await;
    let page = browser.sign_in(&begun, user).await;
    let answered = match page.status.as_u16() {
        200 => browser.submit(&page, "/consent", &[("decision", "allow")]).await,
        _ => page,
    };
    let tokens = provider.exchange(client, &told(&answered)["code"]).await.expect(200);
    (tokens, browser)
}

async fn withdrawing_ends_all(kind: Kind) {
    let Some(provider) = Provider::on(kind).await else { return };
    let there = provider.another_instance().await;
    let client = provider.client("app", |_| ()).await;
    let user = provider.app.signed_up("alice").await;
    assert_eq!(consents(&user).await, json!([]));
    let scope = "openid offline_access tasks:read";
    let (tokens, mut browser) = agreed(&provider, &client, &user, scope).await;
    let listed = consents(&user).await;
    let consent = &listed[0];
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(
        (&consent["id"], &consent["clientId"], &consent["clientName"], &consent["clientHost"]),
        (&json!("app"), &json!("app"), &json!("The client app"), &json!("app.example"))
    );
    assert_eq!(consent["scopes"], json!(["openid", "offline_access", "tasks:read"]));
    assert_eq!(consent["descriptions"][2], "read your tasks");
    assert_eq!(consent["userId"], user.id);
    assert!(provider.opens_tasks(&tokens["access_token"]).await);
    assert_eq!(withdraw(&user, "app").await.expect(200), json!({ "success": true }));
    assert_eq!(consents(&user).await, json!([]));
    // At once, and on every instance.
    assert!(!provider.opens_tasks(&tokens["access_token"]).await);
    let bearing = there.anonymous().bearing(tokens["access_token"].as_str().unwrap());
    assert_eq!(bearing.get("/api/auth/oauth2/userinfo").await.status, 401);
    let refreshed = provider.refresh(&client, tokens["refresh_token"].as_str().unwrap()).await;
    assert_error(&refreshed, 400, "invalid_grant");
    // The user is asked again.
    let again = browser.get(&url(&parameters())).await;
    assert!(again.location().starts_with("/consent?request="), "{}", again.text);
    assert_eq!(withdraw(&user, "app").await.status, 404);
}

#[tokio::test]
async fn delete_consent_ends_what_the_client_has_on_sqlite() {
    withdrawing_ends_all(Kind::Sqlite).await;
}

#[tokio::test]
async fn delete_consent_ends_what_the_client_has_on_postgres() {
    withdrawing_ends_all(Kind::Postgres).await;
}

#[tokio::test]
async fn delete_consent_ends_codes_that_are_on_their_way() {
    let provider = Provider::start().await;
    let client = provider.client("app", |_| ()).await;
    let user = provider.app.signed_up("alice").await;
    let code = provider.code(&client, &user, &Asked::default()).await;
    withdraw(&user, "app").await.expect(200);
    assert_error(&provider.exchange(&client, &code).await, 400, "invalid_grant");
}

#[tokio::test]
async fn get_consents_lists_clients_that_ask_nobody_while_they_hold_something() {
    let provider = Provider::start().await;
    let ours = provider.client("ours", |client| client.skip_consent = true).await;
    let user = provider.app.signed_up("alice").await;
    let (tokens, _) = agreed(&provider, &ours, &user, "openid offline_access").await;
    assert_eq!(consents(&user).await[0]["clientId"], "ours");
    withdraw(&user, "ours").await.expect(200);
    let refreshed = provider.refresh(&ours, tokens["refresh_token"].as_str().unwrap()).await;
    assert_error(&refreshed, 400, "invalid_grant");
    assert_eq!(consents(&user).await, json!([]));
    // What was bound to a session that is over is nothing that lasts.
    agreed(&provider, &ours, &user, "openid").await;
    assert_eq!(consents(&user).await.as_array().unwrap().len(), 1);
    provider.advance(8 * 24 * 60 * 60);
    let user = user.sign_in_again(&provider.app).await;
    assert_eq!(consents(&user).await, json!([]));
}

#[tokio::test]
async fn consents_of_a_user_are_neither_seen_nor_ended_by_another() {
    let provider = Provider::start().await;
    let client = provider.client("app", |_| ()).await;
    let (alice, bob) = (provider.app.signed_up("alice").await, provider.app.signed_up("bob").await);
    let (tokens, _) = agreed(&provider, &client, &alice, "openid tasks:read").await;
    assert_eq!(consents(&bob).await, json!([]));
    assert_eq!(withdraw(&bob, "app").await.status, 404);
    assert_eq!(withdraw(&bob, &alice.id).await.status, 404);
    assert!(provider.opens_tasks(&tokens["access_token"]).await);
    // With the same client, each has their own.
    agreed(&provider, &client, &bob, "openid email").await;
    withdraw(&bob, "app").await.expect(200);
    assert!(provider.opens_tasks(&tokens["access_token"]).await);
    assert_eq!(consents(&alice).await[0]["scopes"], json!(["openid", "tasks:read"]));
    let anonymous = provider.app.anonymous();
    anonymous.get("/api/auth/oauth2/get-consents").await.assert_error(401, "UNAUTHORIZED");
    let body = json!({ "id": "app" });
    let posted = anonymous.post("/api/auth/oauth2/delete-consent", &body).await;
    posted.assert_error(401, "UNAUTHORIZED");
    // Neither an access token of a client nor a foreign page takes anything back.
    let access = anonymous.bearing(tokens["access_token"].as_str().unwrap());
    assert_eq!(access.get("/api/auth/oauth2/get-consents").await.status, 401);
}

#[tokio::test]
async fn delete_consent_from_a_foreign_page_is_refused() {
    let provider = Provider::start().await;
    let client = provider.client("app", |_| ()).await;
    let user = provider.app.signed_up("alice").await;
    let (tokens, browser) = agreed(&provider, &client, &user, "openid tasks:read").await;
    let cookies: Vec<_> = browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    for origin in ["https://elsewhere.example", "null"] {
        let request = browser.caller.request(reqwest::Method::POST, "/api/auth/oauth2/delete-consent");
        let request = request.header("cookie", cookies.join("; ")).header("origin", origin);
        let refused = crate::support::Caller::send(request.json(&json!({ "id": "app" }))).await;
        assert_eq!(refused.status, 403, "{}", refused.text);
    }
    assert!(provider.opens_tasks(&tokens["access_token"]).await);
}

async fn two_tabs_lose_no_consent(kind: Kind) {
    let Some(provider) = Provider::on(kind).await else { return };
    let there = provider.another_instance().await;
    provider.client("app", |_| ()).await;
    let user = provider.app.signed_up("alice").await;
    let mut browser = Browser::new(&provider);
    let begun = browser.get(&url(&parameters())).await;
    browser.sign_in(&begun, &user).await;
    let mut tabs = Vec::new();
    for scope in ["openid profile", "openid email", "openid tasks:read", "openid tasks:write"] {
        let begun = browser.get(&url(&with("scope", scope))).await;
        tabs.push(browser.get(begun.location()).await);
    }
    let mut browsers: Vec<_> = [&provider.app, &there, &provider.app, &there]
        .into_iter()
        .map(|app| Browser { caller: app.anonymous(), cookies: browser.cookies.clone() })
        .collect();
    let allowing = browsers.iter_mut().zip(&tabs).map(|(browser, page)| {
        let values = [("decision", "allow")];
        async move { browser.submit(page, "/consent", &values).await }
    });
    for reply in futures_util::future::join_all(allowing).await {
        assert!(told(&reply).contains_key("code"));
    }
    let all = "openid profile email tasks:read tasks:write";
    assert!(told(&browser.get(&url(&with("scope", all))).await).contains_key("code"));
}

#[tokio::test]
async fn consents_that_are_given_at_once_add_up_on_sqlite() {
    two_tabs_lose_no_consent(Kind::Sqlite).await;
}

#[tokio::test]
async fn consents_that_are_given_at_once_add_up_on_postgres() {
    two_tabs_lose_no_consent(Kind::Postgres).await;
}
