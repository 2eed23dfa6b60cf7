//! Signing out at the wish of a client, as a browser without script meets it (OpenID Connect RP-Initiated Logout 1.0).
//!
//! Tests whose names begin with `oidcc_rp_initiated_logout` stand for the modules of that plan of the OpenID Foundation.

use std::time::Duration;

use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};
use signet::model::client::{AuthMethod, Client};
use signet_verify::crypto::Algorithm;
use signet_verify::jose::base64url;

use super::support::{Asked, ISSUER, Provider, REDIRECT_URI, VERIFIER, assert_error, challenge, part_of};
use crate::store::support::{Kind, Postgres, Sqlite};
use crate::support::agent::{Agent, Page};
use crate::support::{Caller, PASSWORD, User};

const PATH: &str = "/api/auth/oauth2/end-session";
/// Where the usual client wants users to be sent.
const PLACE: &str = "https://app.example/signed-out";

/// A browser in which a user has signed in to the client `app`, and what that got.
struct Story {
    provider: Provider,
    client: Client,
    user: User,
    agent: Agent,
    tokens: Value,
}

fn query(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// Signs a user in to a client in a browser; what the client gets.
async fn sign_in(provider: &Provider, agent: &mut Agent, client: &Client, user: &User) -> Value {
    let challenge = challenge(VERIFIER);
    let asked = query(&[
        ("response_type", "code"),
        ("client_id", client.id.as_str()),
        ("redirect_uri", REDIRECT_URI),
        ("scope", "openid email offline_access tasks:read"),
        ("nonce", "a nonce"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ]);
    let mut page = agent.open(&format!("{}/api/auth/oauth2/authorize?{asked}", provider.app.base_url)).await;
    if let Some(form) = page.find_form("password") {
        let form = form.fill("email", &user.email).fill("password", PASSWORD);
        page = agent.submit(&page, &form, "").await;
    }
    let code = page.parameter("code").unwrap_or_else(|| panic!("no code: {} {}", page.url, page.text));
    provider.exchange(client, &code).await.expect(200)
}

impl Story {
    async fn begin() -> Self {
        Self::on(Sqlite).await.unwrap()
    }

    async fn on(kind: Kind) -> Option<Self> {
        let provider = Provider::on(kind).await?;
        let client = provider.client("app", |client| {
            client.skip_consent = true;
            client.post_logout_redirect_uris = vec![PLACE.to_owned(), format!("{PLACE}?from=signet")];
        });
        let client = client.await;
        let user = provider.app.signed_up("alice").await;
        let mut agent = Agent::new().stopping_at("https://app.example");
        let tokens = sign_in(&provider, &mut agent, &client, &user).await;
        Some(Self { provider, client, user, agent, tokens })
    }

    fn id_token(&self) -> String {
        self.tokens["id_token"].as_str().unwrap().to_owned()
    }

    fn url(&self, pairs: &[(&str, &str)]) -> String {
        format!("{}{PATH}?{}", self.provider.app.base_url, query(pairs))
    }

    async fn open(&mut self, pairs: &[(&str, &str)]) -> Page {
        self.agent.open(&self.url(pairs)).await
    }

    async fn lives(&self) -> bool {
        let sid = part_of(&self.tokens["id_token"], 1)["sid"].as_str().unwrap().to_owned();
        self.provider.database.sessions().lives(&self.user.id, &sid).await.unwrap()
    }

    /// Asserts that the browser is signed out: at the database, and in what it holds.
    async fn assert_signed_out(&self) {
        assert!(!self.lives().await);
        assert_eq!(self.agent.cookies.value("better-auth.session_token"), None);
    }

    async fn assert_still_signed_in(&self) {
        assert!(self.lives().await);
        assert!(self.agent.cookies.value("better-auth.session_token").is_some());
    }

    /// Asserts a page that tells what is wrong, and that nothing has ended.
    #[track_caller]
    fn refused(&self, page: &Page) -> impl Future<Output = ()> {
        assert_eq!((page.status, page.url.path()), (400, PATH), "{}", page.text);
        assert!(page.text.contains("<h1"));
        self.assert_still_signed_in()
    }
}

#[track_caller]
fn assert_asks(page: &Page) {
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.shows("Sign out?") && page.shows("alice@example.com"), "{}", page.text);
}

#[rstest]
#[tokio::test]
async fn oidcc_rp_initiated_logout(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(mut story) = Story::on(kind).await else { return };
    let hint = story.id_token();
    let state = "a state & more";
    let page =
        story.open(&[("id_token_hint", &hint), ("post_logout_redirect_uri", PLACE), ("state", state)]).await;
    assert_eq!((page.status, page.url.as_str().split('?').next().unwrap()), (0, PLACE));
    assert_eq!(page.parameter("state").as_deref(), Some(state));
    story.assert_signed_out().await;
    // What was bound to the session has ended; offline access goes on.
    let refresh = story.tokens["refresh_token"].as_str().unwrap();
    story.provider.refresh(&story.client, refresh).await.expect(200);
}

#[tokio::test]
async fn oidcc_rp_initiated_logout_bad_id_token_hint() {
    let mut story = Story::begin().await;
    for hint in ["nonsense", "a.b.c", "..", "e30.e30.", &"x".repeat(9000)] {
        let page = story.open(&[("id_token_hint", hint), ("post_logout_redirect_uri", PLACE)]).await;
        story.refused(&page).await;
    }
}

#[tokio::test]
async fn oidcc_rp_initiated_logout_modified_id_token_hint() {
    let mut story = Story::begin().await;
    let hint = story.id_token();
    let (input, signature) = hint.rsplit_once('.').unwrap();
    let (header, payload) = input.split_once('.').unwrap();
    let mut claims: Value = serde_json::from_slice(&base64url::decode(payload).unwrap()).unwrap();
    claims["nonce"] = json!("another");
    let changed = base64url::encode(claims.to_string().as_bytes());
    let none = base64url::encode(br#"{"alg":"none","typ":"JWT"}"#);
    for modified in [
        format!("{header}.{changed}.{signature}"),
        format!("{none}.{payload}."),
        format!("{none}.{payload}.{signature}"),
        format!("{input}.{}", signature.chars().rev().collect::<String>()),
    ] {
        let page = story.open(&[("id_token_hint", &modified), ("post_logout_redirect_uri", PLACE)]).await;
        story.refused(&page).await;
    }
}

#[tokio::test]
async fn oidcc_rp_initiated_logout_bad_post_logout_redirect_uri() {
    let mut story = Story::begin().await;
    let hint = story.id_token();
    for place in [
        "https://elsewhere.example/",
        "https://app.example/signed-out/",
        "https://APP.example/signed-out",
        "https://app.example/signed-out#x",
        "javascript:alert(1)",
        "//elsewhere.example",
        REDIRECT_URI,
    ] {
        let page = story.open(&[("id_token_hint", &hint), ("post_logout_redirect_uri", place)]).await;
        story.refused(&page).await;
    }
}

#[tokio::test]
async fn oidcc_rp_initiated_logout_query_added_to_post_logout_redirect_uri() {
    let mut story = Story::begin().await;
    let hint = story.id_token();
    let place = format!("{PLACE}?foo=bar");
    let page = story.open(&[("id_token_hint", &hint), ("post_logout_redirect_uri", &place)]).await;
    story.refused(&page).await;
    // One that is registered with a query is another matter.
    let place = format!("{PLACE}?from=signet");
    let pairs = [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", &place), ("state", "s")];
    let page = story.open(&pairs).await;
    assert_eq!(page.url.as_str(), format!("{place}&state=s"));
    story.assert_signed_out().await;
}

#[tokio::test]
async fn oidcc_rp_initiated_logout_no_id_token_hint() {
    let mut story = Story::begin().await;
    // Whose place it is, is not known.
    let page = story.open(&[("post_logout_redirect_uri", PLACE), ("state", "s")]).await;
    story.refused(&page).await;
    // With the client's name it is; but any page may know that name, so the user is asked.
    let page = story.open(&[("client_id", "app"), ("post_logout_redirect_uri", PLACE), ("state", "s")]).await;
    assert_asks(&page);
    assert!(page.shows("The client app wants to sign you out"), "{}", page.text);
    story.assert_still_signed_in().await;
    let form = page.form("Sign out");
    let page = story.agent.submit(&page, &form, "Sign out").await;
    assert_eq!(page.url.as_str(), format!("{PLACE}?state=s"));
    story.assert_signed_out().await;
}

#[tokio::test]
async fn oidcc_rp_initiated_logout_no_params() {
    let mut story = Story::begin().await;
    let page = story.open(&[]).await;
    assert_asks(&page);
    // It says who is signed out of what.
    assert!(page.shows("Signed in as alice@example.com") && page.shows("The client app"), "{}", page.text);
    let form = page.form("Stay signed in");
    let stayed = story.agent.submit(&page, &form, "Stay signed in").await;
    assert!(stayed.status == 200 && stayed.shows("You are still signed in"), "{}", stayed.text);
    story.assert_still_signed_in().await;
    let page = story.agent.submit(&page, &form, "Sign out").await;
    assert!(page.status == 200 && page.shows("You are signed out"), "{}", page.text);
    story.assert_signed_out().await;
    // And where nobody is signed in, it says so.
    let page = story.open(&[]).await;
    assert!(page.status == 200 && page.shows("You are signed out"), "{}", page.text);
}

#[tokio::test]
async fn oidcc_rp_initiated_logout_no_post_logout_redirect_uri() {
    let mut story = Story::begin().await;
    let hint = story.id_token();
    let page = story.open(&[("id_token_hint", &hint), ("state", "s")]).await;
    assert!(page.status == 200 && page.shows("You are signed out"), "{}", page.text);
    story.assert_signed_out().await;
}

#[tokio::test]
async fn oidcc_rp_initiated_logout_no_state() {
    let mut story = Story::begin().await;
    let hint = story.id_token();
    let page = story.open(&[("id_token_hint", &hint), ("post_logout_redirect_uri", PLACE)]).await;
    assert_eq!(page.url.as_str(), PLACE);
    story.assert_signed_out().await;
}

#[tokio::test]
async fn oidcc_rp_initiated_logout_only_state() {
    let mut story = Story::begin().await;
    let page = story.open(&[("state", "s")]).await;
    assert_asks(&page);
    let form = page.form("Sign out");
    let page = story.agent.submit(&page, &form, "Sign out").await;
    assert!(page.status == 200 && page.shows("You are signed out"), "{}", page.text);
    story.assert_signed_out().await;
}

#[tokio::test]
async fn oidcc_rp_initiated_logout_discovery_endpoint_verification() {
    let provider = Provider::start().await;
    let document = provider.app.anonymous().get("/.well-known/openid-configuration").await.expect(200);
    assert_eq!(document["end_session_endpoint"], format!("{ISSUER}{PATH}"));
}

#[tokio::test]
async fn end_session_takes_a_form_of_another_site_whose_cookies_did_not_come_along() {
    let mut story = Story::begin().await;
    let hint = story.id_token();
    let url = format!("{}{PATH}", story.provider.app.base_url);
    let pairs = [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", PLACE), ("state", "s")];
    let page = story.agent.post_from_elsewhere(&url, &pairs).await;
    assert_eq!(page.url.as_str(), format!("{PLACE}?state=s"), "{}", page.text);
    story.assert_signed_out().await;
}

#[tokio::test]
async fn end_session_form_of_another_site_shows_no_token_in_an_address_and_is_kept_for_a_while_only() {
    let story = Story::begin().await;
    let hint = story.id_token();
    let anonymous = story.provider.app.anonymous();
    let post = async |pairs: &[(&str, &str)]| {
        let request = anonymous.request(Method::POST, PATH);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        Caller::send(request.body(query(pairs))).await
    };
    let sent = post(&[("id_token_hint", &hint)]).await;
    let begin = format!("{PATH}?request=");
    assert!(sent.status == 303 && sent.location().starts_with(&begin), "{}", sent.text);
    assert!(sent.location().len() < 100 && !sent.headers.contains_key("set-cookie"));
    assert_eq!(anonymous.get(sent.location()).await.status, 200);
    assert_eq!(anonymous.get(&format!("{begin}{}", "x".repeat(32))).await.status, 400);
    story.provider.advance(3600);
    assert_eq!(anonymous.get(sent.location()).await.status, 400);
    let now = story.provider.app.clock.as_ref().map(|clock| signet_verify::clock::Clock::now(&**clock));
    assert_eq!(story.provider.database.logout_requests().sweep(now.unwrap()).await.unwrap(), 1);
    // What is too long is not kept.
    let long = "x".repeat(1500);
    let long = [("logout_hint", long.as_str()); 1];
    assert_eq!(post(&long).await.status, 303);
    let far_too_long = "x".repeat(9000);
    assert_eq!(post(&[("logout_hint", &far_too_long)]).await.status, 400);
    assert_eq!(post(&[("state", &"x".repeat(2049))]).await.status, 400);
}

#[tokio::test]
async fn end_session_takes_an_expired_hint_and_one_of_a_key_that_has_left_the_key_set() {
    let mut story = Story::begin().await;
    let hint = story.id_token();
    story.provider.advance(3600);
    // As the rotation leaves them in the end.
    let pool = sqlx::AnyPool::connect(&story.provider.url).await.unwrap();
    let removed = "UPDATE signing_keys SET state = 'removed', sealed_seed = NULL, master_key = NULL, retired_at = announced_at, removed_at = announced_at \
                   WHERE algorithm = 'EdDSA' AND state = 'active'";
    sqlx::query(removed).execute(&pool).await.unwrap();
    let page = story.open(&[("id_token_hint", &hint), ("post_logout_redirect_uri", PLACE)]).await;
    assert_eq!(page.url.as_str(), PLACE, "{}", page.text);
    story.assert_signed_out().await;
}

#[tokio::test]
async fn end_session_refuses_a_hint_of_a_key_that_was_revoked() {
    let mut story = Story::begin().await;
    let hint = story.id_token();
    let pool = sqlx::AnyPool::connect(&story.provider.url).await.unwrap();
    let revoked = "UPDATE signing_keys SET state = 'revoked', sealed_seed = NULL, master_key = NULL, revoked_at = announced_at, reason = 'leaked' \
                   WHERE algorithm = 'EdDSA' AND state = 'active'";
    sqlx::query(revoked).execute(&pool).await.unwrap();
    let page = story.open(&[("id_token_hint", &hint), ("post_logout_redirect_uri", PLACE)]).await;
    story.refused(&page).await;
}

#[tokio::test]
async fn end_session_refuses_what_is_no_id_token_of_this_client_and_user() {
    let mut story = Story::begin().await;
    let other = story.provider.client("other", |client| client.skip_consent = true).await;
    let bob = story.provider.app.signed_up("bob").await;
    let of_bob = story.provider.granted(&story.client, &bob, &Asked::default()).await;
    let of_other = story.provider.granted(&other, &story.user, &Asked::default()).await;
    let hint = story.id_token();
    let access = story.tokens["access_token"].as_str().unwrap().to_owned();
    let session_token = story.user.jwt().await;
    let text = |answer: &Value| answer["id_token"].as_str().unwrap().to_owned();
    let elsewhere = foreign_hint(&hint, |claims| claims["iss"] = json!("https://elsewhere.example"));
    for (hint, client) in [
        (access, None),
        (session_token, None),
        // Of another client than the one that is named: its place, and its name, are not this one's.
        (text(&of_other), None),
        (text(&of_other), Some("app")),
        (hint.clone(), Some("other")),
        (text(&of_bob), None),
        (elsewhere, None),
        (foreign_hint(&hint, |_| ()), None),
        (foreign_hint(&hint, |claims| claims["aud"] = json!(["app", "other"])), None),
    ] {
        let mut pairs = vec![("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", PLACE)];
        pairs.extend(client.map(|client| ("client_id", client)));
        let page = story.open(&pairs).await;
        story.refused(&page).await;
    }
    let page = story.open(&[("client_id", "nobody")]).await;
    story.refused(&page).await;
    for name in ["id_token_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales"] {
        let page = story.open(&[(name, "app"), (name, "app")]).await;
        story.refused(&page).await;
    }
}

/// The claims of a hint, changed, and signed with another key under the same name.
fn foreign_hint(hint: &str, change: impl FnOnce(&mut Value)) -> String {
    let header = hint.split('.').next().unwrap();
    let mut claims = part_of(&json!(hint), 1);
    change(&mut claims);
    let input = format!("{header}.{}", base64url::encode(claims.to_string().as_bytes()));
    let key = signet_verify::crypto::SigningKey::from_seed(&[9; 32]).unwrap();
    format!("{input}.{}", base64url::encode(&key.sign(input.as_bytes()).unwrap()))
}

#[tokio::test]
async fn end_session_asks_a_user_whose_hint_is_of_an_earlier_session() {
    let mut story = Story::begin().await;
    let hint = story.id_token();
    story.agent.cookies.clear();
    let client = story.client.clone();
    story.tokens = sign_in(&story.provider, &mut story.agent, &client, &story.user).await;
    let page = story.open(&[("id_token_hint", &hint), ("post_logout_redirect_uri", PLACE)]).await;
    assert_asks(&page);
    story.assert_still_signed_in().await;
    let form = page.form("Sign out");
    let page = story.agent.submit(&page, &form, "Sign out").await;
    assert_eq!(page.url.as_str(), PLACE);
    story.assert_signed_out().await;
}

#[tokio::test]
async fn end_session_form_counts_from_our_own_page_in_the_same_browser_and_session_alone() {
    let mut story = Story::begin().await;
    let page = story.open(&[("client_id", "app")]).await;
    let form = page.form("Sign out");
    let pairs = form.pressed("Sign out");
    // From a page of another site: no cookies come along, and so nobody is signed in.
    let url = format!("{}{PATH}", story.provider.app.base_url);
    let as_text: Vec<_> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let posted = story.agent.clone().post_from_elsewhere(&url, &as_text).await;
    assert_eq!(posted.status, 400, "{}", posted.text);
    story.assert_still_signed_in().await;
    // Without the proof, or with that of another browser.
    let mut other = Agent::new();
    let client = story.client.clone();
    let mut elsewhere = other.clone().stopping_at("https://app.example");
    sign_in(&story.provider, &mut elsewhere, &client, &story.user).await;
    let foreign = elsewhere.open(&story.url(&[])).await;
    let mut forged = form.clone();
    for csrf in [foreign.form("Sign out").value("csrf").unwrap().to_owned(), String::new()] {
        forged.fields.iter_mut().find(|field| field.name == "csrf").unwrap().value = csrf;
        let posted = story.agent.submit(&page, &forged, "Sign out").await;
        story.refused(&posted).await;
    }
    // In a browser without a session it says what is so, and ends nothing.
    let posted = other.submit(&page, &form, "Sign out").await;
    assert_eq!(posted.status, 200);
    assert!(story.lives().await);
}

#[tokio::test]
async fn end_session_at_another_instance_ends_everything_that_was_bound_to_the_session() {
    for kind in [Sqlite, Postgres] {
        let Some(story) = Story::on(kind).await else { continue };
        let instance = story.provider.another_instance().await;
        let (mut agent, hint) = (story.agent.clone(), story.id_token());
        let bound = story.provider.client("bound", |client| {
            client.skip_consent = true;
            client.auth_method = AuthMethod::ClientSecretPost;
        });
        let bound = bound.await;
        let session = agent.cookies.value("better-auth.session_token").unwrap().to_owned();
        let token = percent_encoding::percent_decode_str(&session).decode_utf8().unwrap();
        let user = User { session_token: token.split('.').next().unwrap().to_owned(), ..story.user.clone() };
        let given = story.provider.granted(&bound, &user, &Asked::default()).await;
        assert!(story.provider.opens_tasks(&given["access_token"]).await);
        let page = agent.open(&format!("{}{PATH}?id_token_hint={hint}", instance.base_url)).await;
        assert!(page.shows("You are signed out"), "{}", page.text);
        let refresh = given["refresh_token"].as_str().unwrap();
        assert_error(&story.provider.refresh(&bound, refresh).await, 400, "invalid_grant");
        let access = given["access_token"].as_str().unwrap();
        assert_eq!(instance.anonymous().bearing(access).get("/api/me/tasks").await.status, 401);
        crate::support::wait::until("the other instance hears of it", async || {
            !story.provider.opens_tasks(&given["access_token"]).await
        })
        .await;
    }
}

#[tokio::test]
async fn end_session_pages_reflect_nothing_unescaped_and_speak_the_language_that_is_asked_for() {
    let mut story = Story::begin().await;
    let nasty = "\"'><img src=x onerror=alert(1)>";
    for name in
        ["id_token_hint", "logout_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales"]
    {
        let page = story.open(&[(name, nasty)]).await;
        assert!(!page.text.contains("<img src=x"), "{name}: {}", page.text);
        assert!(!page.text.contains("<script"), "{name}");
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("form-action"), "{policy}");
        assert_eq!(page.headers["cache-control"], "no-store");
    }
    let page = story.open(&[("ui_locales", "fr de")]).await;
    assert!(page.text.contains("<html lang=\"de\">") && page.shows("Angemeldet bleiben"), "{}", page.text);
    let form = page.form("Abmelden");
    let page = story.agent.submit(&page, &form, "Abmelden").await;
    assert!(page.shows("Sie sind abgemeldet"), "{}", page.text);
}

#[tokio::test]
async fn end_session_takes_hints_of_every_algorithm() {
    for algorithm in [Algorithm::Es256, Algorithm::Rs256] {
        let provider = Provider::start().await;
        let client = provider.client("app", |client| {
            client.skip_consent = true;
            client.id_token_alg = algorithm;
        });
        let client = client.await;
        let user = provider.app.signed_up("alice").await;
        let mut agent = Agent::new().stopping_at("https://app.example");
        let tokens = sign_in(&provider, &mut agent, &client, &user).await;
        let hint = tokens["id_token"].as_str().unwrap();
        provider.app.advance(Duration::from_secs(3600));
        let page = agent.open(&format!("{}{PATH}?id_token_hint={hint}", provider.app.base_url)).await;
        assert!(page.shows("You are signed out"), "{algorithm}: {}", page.text);
        assert_eq!(agent.cookies.value("better-auth.session_token"), None, "{algorithm}");
    }
}
