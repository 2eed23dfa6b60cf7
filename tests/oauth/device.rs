//! Signing in on a device (RFC 8628): the device by HTTP, its user in a browser without script.

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};
use signet::model::client::{ApplicationType, AuthMethod, Client, GrantType};
use signet::model::scope::ScopeSet;

use super::support::{ISSUER, Provider, assert_error, claims, form, post_to};
use crate::store::support::{Kind, Postgres, Sqlite};
use crate::support::agent::{Agent, Page};
use crate::support::{PASSWORD, Reply, TestApp, User};

pub const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
const SCOPE: &str = "openid email tasks:read";
const NOT_GOOD: &str = "This code is not good, or not any more";

/// A public client on a device: nothing to send users back to.
pub fn of_devices(client: &mut Client) {
    client.name = "The <b>television</b>".to_owned();
    client.application_type = ApplicationType::Native;
    client.auth_method = AuthMethod::None;
    client.grant_types = vec![GrantType::DeviceCode, GrantType::RefreshToken];
    client.machine_scope = ScopeSet::default();
    client.redirect_uris = Vec::new();
    client.client_uri = Some("https://tv.example/app".to_owned());
}

async fn begin_at(app: &TestApp, client: &Client, pairs: &[(&'static str, &str)]) -> Reply {
    post_to(app, client, "/api/auth/device/code", &form(pairs)).await
}

pub async fn begin(provider: &Provider, client: &Client) -> Value {
    begin_at(&provider.app, client, &[("scope", SCOPE)]).await.expect(200)
}

async fn poll(provider: &Provider, client: &Client, begun: &Value) -> Reply {
    let code = begun["device_code"].as_str().unwrap();
    provider.token(client, &form(&[("grant_type", GRANT), ("device_code", code)])).await
}

/// A browser in which this user has signed in at `/device`, and the page that it was led to.
async fn signed_in(provider: &Provider, user: &User, path: &str) -> (Agent, Page) {
    let mut agent = Agent::new();
    let page = agent.open(&format!("{}{path}", provider.app.base_url)).await;
    let filled = page.form("E-mail address").fill("E-mail address", &user.email).fill("Password", PASSWORD);
    let page = agent.submit(&page, &filled, "Sign in").await;
    assert_eq!(page.status, 200, "{}", page.text);
    (agent, page)
}

async fn type_code(agent: &mut Agent, page: &Page, code: &str) -> Page {
    let filled = page.form("Code on the device").fill("Code on the device", code);
    agent.submit(page, &filled, "Continue").await
}

/// The user signs in, types the code, and presses a button.
pub async fn decide(provider: &Provider, user: &User, begun: &Value, button: &str) -> Page {
    let (mut agent, page) = signed_in(provider, user, "/device").await;
    let page = type_code(&mut agent, &page, begun["user_code"].as_str().unwrap()).await;
    let form = page.form(button);
    agent.submit(&page, &form, button).await
}

async fn start() -> (Provider, Client, User) {
    let provider = Provider::start().await;
    let client = provider.client("tv", of_devices).await;
    let user = provider.app.signed_up("ada").await;
    (provider, client, user)
}

#[rstest]
#[tokio::test]
async fn device_polls_until_its_user_has_signed_in_elsewhere_and_said_yes(
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(provider) = Provider::on(kind).await else { return };
    let client = provider.client("tv", of_devices).await;
    let user = provider.app.signed_up("ada").await;
    let reply = begin_at(&provider.app, &client, &[("scope", SCOPE)]).await;
    let begun = reply.expect(200);
    assert_eq!(
        (reply.header("cache-control"), reply.header("content-type")),
        ("no-store", "application/json")
    );
    assert_eq!((&begun["expires_in"], &begun["interval"]), (&json!(600), &json!(5)));
    let code = begun["user_code"].as_str().unwrap();
    assert_eq!(begun["verification_uri"], format!("{ISSUER}/device"));
    assert_eq!(begun["verification_uri_complete"], format!("{ISSUER}/device?user_code={code}"));
    assert!(begun["device_code"].as_str().unwrap().starts_with("signet_dc_"));
    assert_error(&poll(&provider, &client, &begun).await, 400, "authorization_pending");

    let (mut agent, page) = signed_in(&provider, &user, &format!("/device?user_code={code}")).await;
    assert_eq!(page.form("Continue").value("user_code"), Some(code), "signing in carries on to the code");
    provider.advance(119);
    let page = agent.submit(&page, &page.form("Continue"), "Continue").await;
    for shown in [
        code,
        "The <b>television</b> (tv.example)",
        "know who you are",
        "see your e-mail address",
        "read your tasks",
        "Asked for a minute ago from the address 127.0.0.1",
        "Allow it only if you began at this device yourself",
        "Signed in as ada@example.com",
    ] {
        assert!(page.shows(shown), "{shown}: {}", page.words());
    }
    assert_error(&poll(&provider, &client, &begun).await, 400, "authorization_pending");
    let done = agent.submit(&page, &page.form("Allow"), "Allow").await;
    assert!(done.shows("Go back to your device"), "{}", done.words());

    let tokens = poll(&provider, &client, &begun).await.expect(200);
    assert_eq!(tokens["scope"], SCOPE);
    let id = claims(&tokens["id_token"]);
    assert_eq!((&id["sub"], &id["aud"], &id["email"]), (&json!(user.id), &json!("tv"), &json!(user.email)));
    assert_eq!(id["amr"], json!(["pwd"]));
    assert!(id.get("nonce").is_none() && id["auth_time"].is_i64());
    assert!(provider.opens_tasks(&tokens["access_token"]).await);
    provider.refresh(&client, tokens["refresh_token"].as_str().unwrap()).await.expect(200);
}

#[tokio::test]
async fn device_that_polls_too_soon_is_slowed_down_by_five_seconds_each_time() {
    let (provider, client, _) = start().await;
    let begun = begin(&provider, &client).await;
    for (wait, told) in [
        (0, "authorization_pending"),
        (4, "slow_down"),
        (9, "slow_down"),
        (14, "slow_down"),
        (20, "authorization_pending"),
        (19, "slow_down"),
        (25, "authorization_pending"),
    ] {
        provider.advance(wait);
        assert_error(&poll(&provider, &client, &begun).await, 400, told);
    }
}

#[tokio::test]
async fn device_is_told_of_a_refusal_and_of_the_end_and_then_nothing() {
    let (provider, client, user) = start().await;
    let (refused, left) = (begin(&provider, &client).await, begin(&provider, &client).await);
    let done = decide(&provider, &user, &refused, "Refuse").await;
    assert!(done.shows("got nothing"), "{}", done.words());
    assert_error(&poll(&provider, &client, &refused).await, 400, "access_denied");
    assert_error(&poll(&provider, &client, &left).await, 400, "authorization_pending");
    provider.advance(599);
    assert_error(&poll(&provider, &client, &left).await, 400, "authorization_pending");
    provider.advance(1);
    assert_error(&poll(&provider, &client, &left).await, 400, "expired_token");
    provider.advance(600);
    let now = signet_verify::clock::Clock::now(&**provider.app.clock.as_ref().unwrap());
    assert_eq!(provider.database.devices().sweep(now).await.unwrap(), 2);
    for begun in [&refused, &left, &json!({ "device_code": "signet_dc_unheard_of" })] {
        assert_error(&poll(&provider, &client, begun).await, 400, "invalid_grant");
    }
}

#[tokio::test]
async fn device_code_is_redeemed_once_by_its_client_and_a_second_use_ends_what_it_gave() {
    let (provider, client, user) = start().await;
    let other = provider.client("other", of_devices).await;
    let begun = begin(&provider, &client).await;
    decide(&provider, &user, &begun, "Allow").await;
    assert_error(&poll(&provider, &other, &begun).await, 400, "invalid_grant");
    let tokens = poll(&provider, &client, &begun).await.expect(200);
    assert!(provider.opens_tasks(&tokens["access_token"]).await);
    assert_error(&poll(&provider, &client, &begun).await, 400, "invalid_grant");
    assert!(!provider.opens_tasks(&tokens["access_token"]).await);
    let refresh = tokens["refresh_token"].as_str().unwrap();
    assert_error(&provider.refresh(&client, refresh).await, 400, "invalid_grant");
}

#[tokio::test]
async fn device_ends_with_the_session_that_let_it_in_unless_it_is_offline() {
    let (provider, client, user) = start().await;
    let bound = begin(&provider, &client).await;
    let offline = begin_at(&provider.app, &client, &[("scope", "openid offline_access")]).await.expect(200);
    let late = begin(&provider, &client).await;
    for begun in [&bound, &offline, &late] {
        decide(&provider, &user, begun, "Allow").await;
    }
    let [bound, offline] = [poll(&provider, &client, &bound).await, poll(&provider, &client, &offline).await];
    let refresh = |reply: Reply| reply.expect(200)["refresh_token"].as_str().unwrap().to_owned();
    let (bound, offline) = (refresh(bound), refresh(offline));
    user.session.post("/api/auth/revoke-sessions", &json!({})).await.expect(200);
    assert_error(&poll(&provider, &client, &late).await, 400, "invalid_grant");
    assert_error(&provider.refresh(&client, &bound).await, 400, "invalid_grant");
    provider.refresh(&client, &offline).await.expect(200);
}

#[tokio::test]
async fn device_code_is_given_to_clients_that_have_the_grant_for_what_there_is() {
    let (provider, client, _) = start().await;
    let web = provider.client("web", |_| ()).await;
    assert_error(&begin_at(&provider.app, &web, &[("scope", SCOPE)]).await, 400, "unauthorized_client");
    assert_error(&poll(&provider, &web, &begin(&provider, &client).await).await, 400, "unauthorized_client");
    let ask = async |pairs: &[(&'static str, &str)]| begin_at(&provider.app, &client, pairs).await;
    assert_error(&ask(&[]).await, 400, "invalid_scope");
    assert_error(&ask(&[("scope", "reports:read")]).await, 400, "invalid_scope");
    assert_error(&ask(&[("scope", SCOPE), ("scope", SCOPE)]).await, 400, "invalid_request");
    let resource = ("resource", "https://elsewhere.example/");
    assert_error(&ask(&[("scope", SCOPE), resource]).await, 400, "invalid_target");
    ask(&[("scope", SCOPE), ("resource", ISSUER)]).await.expect(200);
    let secret = provider
        .client("box", |client| {
            of_devices(client);
            client.auth_method = AuthMethod::ClientSecretBasic;
        })
        .await;
    begin_at(&provider.app, &secret, &[("scope", SCOPE)]).await.expect(200);
    let forged = Client { auth_method: AuthMethod::None, ..secret };
    assert_error(&begin_at(&provider.app, &forged, &[("scope", SCOPE)]).await, 401, "invalid_client");
    let no_form = provider.app.anonymous().post("/api/auth/device/code", &json!({})).await;
    assert_error(&no_form, 415, "invalid_request");
    assert_error(&provider.app.anonymous().get("/api/auth/device/code").await, 405, "invalid_request");
    assert_error(&provider.app.anonymous().get("/api/auth/device/nothing").await, 404, "invalid_request");
    let metadata = provider.app.anonymous().get("/.well-known/oauth-authorization-server").await.expect(200);
    assert_eq!(metadata["device_authorization_endpoint"], format!("{ISSUER}/api/auth/device/code"));
    assert!(metadata["grant_types_supported"].as_array().unwrap().contains(&json!(GRANT)));
}

#[tokio::test]
async fn device_page_says_the_same_of_codes_that_are_unknown_used_or_over() {
    let (provider, client, user) = start().await;
    let (used, over) = (begin(&provider, &client).await, begin(&provider, &client).await);
    decide(&provider, &user, &used, "Refuse").await;
    provider.advance(600);
    let (mut agent, page) = signed_in(&provider, &user, "/device").await;
    for code in
        ["BCDF-GHJK", "nonsense", used["user_code"].as_str().unwrap(), over["user_code"].as_str().unwrap()]
    {
        let told = type_code(&mut agent, &page, code).await;
        assert!(told.shows(NOT_GOOD), "{code}: {}", told.words());
        assert_eq!(told.form("Continue").value("user_code"), Some(code), "what was typed stays");
    }
}

#[tokio::test]
async fn device_page_takes_a_code_as_people_type_it() {
    let (provider, client, user) = start().await;
    let (mut agent, page) = signed_in(&provider, &user, "/device").await;
    let begun = begin(&provider, &client).await;
    let code = begun["user_code"].as_str().unwrap();
    for typed in [code.to_lowercase(), code.replace('-', ""), code.replace('-', " "), format!(" {code} ")] {
        let told = type_code(&mut agent, &page, &typed).await;
        assert!(told.shows(code) && told.find_form("Allow").is_some(), "{typed}: {}", told.words());
    }
}

#[tokio::test]
async fn device_page_decides_for_forms_of_its_own_browser_and_session_alone() {
    let (provider, client, user) = start().await;
    let eve = provider.app.signed_up("eve").await;
    let begun = begin(&provider, &client).await;
    let code = begun["user_code"].as_str().unwrap();
    let device = format!("{}/device", provider.app.base_url);
    let (mut evil, page) = signed_in(&provider, &eve, "/device").await;
    let shown = type_code(&mut evil, &page, code).await;
    let csrf = shown.form("Allow").value("csrf").unwrap().to_owned();
    let entry = page.form("Continue").value("csrf").unwrap().to_owned();
    // A page of another site, also with what its author was shown by us.
    let (mut agent, page) = signed_in(&provider, &user, "/device").await;
    for csrf in [csrf.as_str(), entry.as_str(), ""] {
        let pairs = [("user_code", code), ("csrf", csrf), ("decision", "allow")];
        let refused = agent.post_from_elsewhere(&device, &pairs).await;
        assert_eq!(refused.status, 400, "{}", refused.words());
    }
    // A form of ours that was made for another browser.
    let mut stolen = page.form("Continue");
    for field in &mut stolen.fields {
        if field.name == "csrf" {
            field.value = entry.clone();
        }
    }
    let refused = agent.submit(&page, &stolen.fill("Code on the device", code), "Continue").await;
    assert_eq!(refused.status, 400, "{}", refused.words());
    // Another user has signed in here since the page was shown: they are asked themselves.
    let shown = type_code(&mut agent, &page, code).await;
    let again = agent.follow(&shown, "Not you?").await;
    let filled = again.form("E-mail address").fill("E-mail address", &eve.email).fill("Password", PASSWORD);
    let prefilled = agent.submit(&again, &filled, "Sign in").await;
    assert_eq!(prefilled.form("Continue").value("user_code"), Some(code));
    let answered = agent.submit(&shown, &shown.form("Allow"), "Allow").await;
    assert!(answered.shows("Signed in as eve@example.com"), "{}", answered.words());
    assert_error(&poll(&provider, &client, &begun).await, 400, "authorization_pending");
}

#[tokio::test]
async fn device_page_looks_nothing_up_before_a_user_has_signed_in() {
    let (provider, client, _) = start().await;
    let begun = begin(&provider, &client).await;
    let mut agent = Agent::new();
    let open = format!("{}/device", provider.app.base_url);
    let complete = format!("{open}?user_code={}", begun["user_code"].as_str().unwrap());
    for address in [complete, format!("{open}?user_code=BCDF-GHJK")] {
        let page = agent.open(&address).await;
        assert_eq!(page.status, 200);
        assert!(!page.shows("television") && !page.shows(NOT_GOOD), "{}", page.words());
        let form =
            page.form("E-mail address").fill("E-mail address", "ada@example.com").fill("Password", "wrong");
        let again = agent.submit(&page, &form, "Sign in").await;
        assert!(again.shows("The address or the password is wrong."), "{}", again.words());
        assert_eq!(again.form("Sign in").value("user_code"), page.form("Sign in").value("user_code"));
    }
    let hostile = agent.open(&format!("{open}?user_code=%22%3E%3Cscript%3E")).await;
    assert!(!hostile.text.contains("\"><script>"), "{}", hostile.text);
}

#[tokio::test]
async fn device_page_allows_ten_wrong_codes_in_a_minute_and_good_ones_do_not_count() {
    let provider = Provider::with(|settings| settings.set("SIGNET_RATE_LIMIT", "on")).await;
    let client = provider.client("tv", of_devices).await;
    let user = provider.app.signed_up("ada").await;
    let (mut agent, page) = signed_in(&provider, &user, "/device").await;
    let begun = begin(&provider, &client).await;
    let code = begun["user_code"].as_str().unwrap();
    for guess in 0..10 {
        assert!(type_code(&mut agent, &page, code).await.find_form("Allow").is_some());
        assert!(type_code(&mut agent, &page, "BCDF-GHJK").await.shows(NOT_GOOD), "{guess}");
    }
    let limited = type_code(&mut agent, &page, code).await;
    assert_eq!((limited.status, limited.shows("Too many attempts")), (429, true));
    provider.advance(60);
    assert!(type_code(&mut agent, &page, code).await.find_form("Allow").is_some());
}

#[tokio::test]
async fn device_codes_that_wait_are_bounded_for_each_address() {
    let provider = Provider::with(|settings| settings.set("SIGNET_RATE_LIMIT", "on")).await;
    let client = provider.client("tv", of_devices).await;
    for _ in 0..60 {
        begin(&provider, &client).await;
    }
    let limited = begin_at(&provider.app, &client, &[("scope", SCOPE)]).await;
    assert_error(&limited, 429, "temporarily_unavailable");
    assert!(limited.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds > 0));
    provider.advance(600);
    begin(&provider, &client).await;
}

#[tokio::test]
async fn device_that_was_approved_gets_nothing_once_its_user_has_taken_it_back() {
    let (provider, client, user) = start().await;
    let begun = begin(&provider, &client).await;
    decide(&provider, &user, &begun, "Allow").await;
    let database = &provider.database;
    let consent = database.consents().find(&user.id, &client.id, "").await.unwrap();
    assert_eq!(consent.unwrap().to_string(), SCOPE, "it is remembered, and can be withdrawn");
    assert_eq!(database.devices().delete_unused(&user.id, &client.id).await.unwrap(), 1);
    assert_error(&poll(&provider, &client, &begun).await, 400, "invalid_grant");
}

#[tokio::test]
async fn device_events_are_counted_and_codes_are_kept_as_hashes_alone() {
    let (provider, client, user) = start().await;
    let (yes, no) = (begin(&provider, &client).await, begin(&provider, &client).await);
    decide(&provider, &user, &yes, "Allow").await;
    decide(&provider, &user, &no, "Refuse").await;
    poll(&provider, &client, &yes).await.expect(200);
    poll(&provider, &client, &yes).await;
    let page = provider.app.anonymous().get("/metrics").await.text;
    for (event, count) in [("asked", 2), ("approved", 1), ("denied", 1), ("redeemed", 1), ("replayed", 1)] {
        let line = format!("signet_client_token_events_total{{event=\"device_{event}\"}} {count}");
        assert!(page.contains(&line), "{line}");
    }
    let file = provider.app.folder.path().join("signet.db");
    let kept: Vec<u8> = ["", "-wal"]
        .iter()
        .flat_map(|end| std::fs::read(format!("{}{end}", file.display())).unwrap_or_default())
        .collect();
    for code in [&yes, &no].iter().flat_map(|begun| [&begun["device_code"], &begun["user_code"]]) {
        let code = code.as_str().unwrap();
        for text in [code.to_owned(), code.replace('-', "")] {
            let found = kept.windows(text.len()).any(|window| window == text.as_bytes());
            assert!(!found, "{text} is in the database");
        }
    }
    tokio::time::timeout(Duration::from_secs(30), provider.app.stop()).await.unwrap();
}
