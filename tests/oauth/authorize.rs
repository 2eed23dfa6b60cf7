//! The authorization endpoint and its pages, as a browser without scripts meets them.

use std::collections::BTreeMap;

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, COOKIE};
use signet::model::client::{ApplicationType, AuthMethod, Client, GrantType};

use super::support::{ISSUER, Provider, REDIRECT_URI, VERIFIER, challenge, encoded};
use crate::support::{Caller, Reply};

/// A browser: its cookies, and what it was shown last.
pub struct Browser {
    pub caller: Caller,
    pub cookies: BTreeMap<String, String>,
}

impl Browser {
    pub fn new(provider: &Provider) -> Self {
        Self::at(&provider.app)
    }

    pub fn at(app: &crate::support::TestApp) -> Self {
        Self { caller: app.anonymous(), cookies: BTreeMap::new() }
    }

    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        form: Option<&[(&'static str, String)]>,
    ) -> Reply {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = self.caller.request(method, path);
        if !cookies.is_empty() {
            request = request.header(COOKIE, cookies.join("; "));
        }
        if let Some(form) = form {
            let body = encoded(form);
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body);
        }
        let reply = Caller::send(request).await;
        for cookie in reply.headers.get_all("set-cookie") {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        reply
    }

    pub async fn get(&mut self, path: &str) -> Reply {
        self.send(Method::GET, path, None).await
    }

    /// Sends the form of a page, with these values beside those that it holds.
    pub async fn submit(&mut self, page: &Reply, path: &str, values: &[(&'static str, &str)]) -> Reply {
        let mut form = vec![("request", hidden(page, "request")), ("csrf", hidden(page, "csrf"))];
        form.extend(values.iter().map(|(name, value)| (*name, (*value).to_owned())));
        self.send(Method::POST, path, Some(&form)).await
    }

    /// Signs in on the page that `reply` leads to, and follows to the next.
    pub async fn sign_in(&mut self, reply: &Reply, user: &crate::support::User) -> Reply {
        let page = self.get(reply.location()).await;
        assert_eq!(page.status, 200, "{}", page.text);
        let values = [("email", user.email.as_str()), ("password", crate::support::PASSWORD)];
        let signed_in = self.submit(&page, "/sign-in", &values).await;
        assert_eq!(signed_in.status, 303, "{}", signed_in.text);
        self.get(signed_in.location()).await
    }
}

pub fn hidden(page: &Reply, name: &str) -> String {
    let begin = format!("name=\"{name}\" value=\"");
    let rest = page.text.split_once(&begin).unwrap_or_else(|| panic!("no {name} in {}", page.text)).1;
    rest.split_once('"').unwrap().0.to_owned()
}

pub fn parameters() -> Vec<(&'static str, String)> {
    super::support::form(&[
        ("response_type", "code"),
        ("client_id", "app"),
        ("redirect_uri", REDIRECT_URI),
        ("scope", "openid email"),
        ("state", "a state & more"),
        ("nonce", "a nonce"),
        ("code_challenge", &challenge(VERIFIER)),
        ("code_challenge_method", "S256"),
    ])
}

pub fn with(name: &'static str, value: &str) -> Vec<(&'static str, String)> {
    let mut parameters = parameters();
    parameters.retain(|(other, _)| *other != name);
    parameters.push((name, value.to_owned()));
    parameters
}

pub fn without(name: &str) -> Vec<(&'static str, String)> {
    parameters().into_iter().filter(|(other, _)| *other != name).collect()
}

pub fn url(parameters: &[(&'static str, String)]) -> String {
    format!("/api/auth/oauth2/authorize?{}", encoded(parameters))
}

/// What a client is told at its place.
#[track_caller]
pub fn told(reply: &Reply) -> BTreeMap<String, String> {
    assert_eq!(reply.status, 303, "{}", reply.text);
    let query = reply.location().strip_prefix(&format!("{REDIRECT_URI}?")).expect("the place of the client");
    let told: BTreeMap<_, _> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    assert_eq!(told.get("iss").map(String::as_str), Some(ISSUER));
    told
}

#[track_caller]
pub fn assert_told(reply: &Reply, error: &str) {
    let told = told(reply);
    assert_eq!(told.get("error").map(String::as_str), Some(error), "{told:?}");
    assert_eq!(told.get("state").map(String::as_str), Some("a state & more"));
}

#[track_caller]
pub fn assert_page(reply: &Reply) {
    assert_eq!(reply.status, 400, "{}", reply.text);
    assert_eq!(reply.header("content-type"), "text/html; charset=utf-8");
    assert!(!reply.headers.contains_key("location"));
}

async fn start() -> (Provider, Client) {
    let provider = Provider::start().await;
    let client = provider.client("app", |_| ()).await;
    (provider, client)
}

#[tokio::test]
async fn authorize_signs_in_asks_and_gives_a_code_without_script() {
    let (provider, client) = start().await;
    let user = provider.app.signed_up("alice").await;
    let mut browser = Browser::new(&provider);
    let begun = browser.get(&url(&parameters())).await;
    assert!(begun.status == 303 && begun.location().starts_with("/sign-in?request="), "{}", begun.location());
    let page = browser.sign_in(&begun, &user).await;
    assert!(page.status == 200 && page.text.contains("app.example") && page.text.contains(&user.email));
    assert!(!page.header("content-security-policy").contains("form-action"));
    let answered = browser.submit(&page, "/consent", &[("decision", "allow")]).await;
    let answer = told(&answered);
    assert_eq!(answer["state"], "a state & more");
    provider.exchange(&client, &answer["code"]).await.expect(200);
    // The back button and a double click.
    let again = browser.submit(&page, "/consent", &[("decision", "allow")]).await;
    assert_page(&again);
    assert!(again.text.contains("This sign-in is over"), "{}", again.text);
    // What was agreed to is not asked again; what is new is.
    assert!(told(&browser.get(&url(&parameters())).await).contains_key("code"));
    let more = browser.get(&url(&with("scope", "openid email profile"))).await;
    assert!(more.location().starts_with("/consent?request="));
    let forced = browser.get(&url(&with("prompt", "consent"))).await;
    assert!(forced.location().starts_with("/consent?request="));
}

#[tokio::test]
async fn authorize_tells_the_user_alone_of_an_unknown_client_or_a_wrong_redirect_uri() {
    let (provider, _) = start().await;
    let mut browser = Browser::new(&provider);
    for wrong in [
        with("client_id", "other"),
        without("client_id"),
        without("redirect_uri"),
        with("redirect_uri", "https://app.example/callback/"),
        with("redirect_uri", "https://APP.example/callback"),
        with("redirect_uri", "https://app.example/callback?x"),
        [parameters(), vec![("client_id", "app".to_owned())]].concat(),
        [parameters(), vec![("redirect_uri", REDIRECT_URI.to_owned())]].concat(),
    ] {
        assert_page(&browser.get(&url(&wrong)).await);
        assert_page(&browser.send(Method::POST, "/api/auth/oauth2/authorize", Some(&wrong)).await);
    }
}

#[tokio::test]
async fn authorize_tells_the_client_what_does_not_fit() {
    let (provider, _) = start().await;
    provider.client("machine", |client| client.grant_types = vec![GrantType::ClientCredentials]).await;
    let mut browser = Browser::new(&provider);
    for (asked, error) in [
        (without("response_type"), "invalid_request"),
        (with("response_type", "token"), "unsupported_response_type"),
        (with("client_id", "machine"), "unauthorized_client"),
        (without("code_challenge"), "invalid_request"),
        (without("code_challenge_method"), "invalid_request"),
        (with("code_challenge_method", "plain"), "invalid_request"),
        (with("code_challenge", "short"), "invalid_request"),
        (with("prompt", "none login"), "invalid_request"),
        (with("prompt", "none"), "login_required"),
        (with("max_age", "soon"), "invalid_request"),
        (with("scope", "nothing"), "invalid_scope"),
        (with("resource", "https://elsewhere.example/"), "invalid_target"),
        (with("request", "x.y.z"), "request_not_supported"),
        (with("request_uri", "https://app.example/r"), "request_uri_not_supported"),
        (with("registration", "{}"), "registration_not_supported"),
        (with("response_mode", "fragment"), "invalid_request"),
        ([parameters(), vec![("nonce", "other".to_owned())]].concat(), "invalid_request"),
    ] {
        assert_told(&browser.get(&url(&asked)).await, error);
    }
}

#[tokio::test]
async fn authorize_ignores_what_it_does_not_know_and_what_is_harmless() {
    let (provider, _) = start().await;
    let mut browser = Browser::new(&provider);
    for (name, value) in [
        ("unknown", "x"),
        ("display", "page"),
        ("acr_values", "1"),
        ("claims_locales", "de"),
        ("claims", "{}"),
    ] {
        let begun = browser.get(&url(&with(name, value))).await;
        assert!(begun.location().starts_with("/sign-in?request="), "{name}");
    }
    let begun = browser.get(&url(&with("ui_locales", "fr de"))).await;
    let page = browser.get(begun.location()).await;
    assert!(page.text.contains("<html lang=\"de\">"), "{}", page.text);
}

#[tokio::test]
async fn authorize_by_a_form_of_another_site_goes_on_with_the_session_of_the_browser() {
    let (provider, _) = start().await;
    let user = provider.app.signed_up("alice").await;
    let mut browser = Browser::new(&provider);
    let begun = browser.get(&url(&parameters())).await;
    browser.sign_in(&begun, &user).await;
    let cookies = std::mem::take(&mut browser.cookies);
    let posted = browser.send(Method::POST, "/api/auth/oauth2/authorize", Some(&parameters())).await;
    assert!(posted.status == 303 && posted.location().starts_with("/consent?request="));
    browser.cookies = cookies;
    let page = browser.get(posted.location()).await;
    assert!(page.status == 200 && page.text.contains(&user.email), "{}", page.text);
}

#[tokio::test]
async fn authorize_signs_in_again_for_prompt_login_and_max_age() {
    let (provider, _) = start().await;
    let user = provider.app.signed_up("alice").await;
    let mut browser = Browser::new(&provider);
    let begun = browser.get(&url(&parameters())).await;
    browser.sign_in(&begun, &user).await;
    provider.advance(100);
    let fresh = browser.get(&url(&with("max_age", "1000"))).await;
    assert!(fresh.location().starts_with("/consent?"));
    for (name, value) in
        [("prompt", "login"), ("prompt", "select_account"), ("max_age", "10"), ("max_age", "0")]
    {
        let begun = browser.get(&url(&with(name, value))).await;
        assert!(begun.location().starts_with("/sign-in?"), "{name}={value}");
        // No way around it by the address of the next page.
        let around = browser.get(&begun.location().replace("/sign-in", "/consent")).await;
        assert!(around.location().starts_with("/sign-in?"), "{name}={value}");
        let page = browser.sign_in(&begun, &user).await;
        assert_eq!(page.status, 200, "{name}={value}");
        provider.advance(100);
    }
}

#[tokio::test]
async fn authorize_request_of_one_browser_does_nothing_in_another_and_forms_need_their_token() {
    let (provider, _) = start().await;
    let user = provider.app.signed_up("alice").await;
    let (mut browser, mut other) = (Browser::new(&provider), Browser::new(&provider));
    let begun = browser.get(&url(&parameters())).await;
    assert_page(&other.get(begun.location()).await);
    let page = browser.sign_in(&begun, &user).await;
    assert_page(&other.submit(&page, "/consent", &[("decision", "allow")]).await);
    let id = hidden(&page, "request");
    for csrf in ["", "wrong"] {
        let form = [("request", id.clone()), ("csrf", csrf.to_owned()), ("decision", "allow".to_owned())];
        assert_page(&browser.send(Method::POST, "/consent", Some(&form)).await);
    }
    assert!(told(&browser.submit(&page, "/consent", &[("decision", "allow")]).await).contains_key("code"));
}

#[tokio::test]
async fn authorize_refusal_of_the_user_is_access_denied_on_both_pages() {
    let (provider, _) = start().await;
    let user = provider.app.signed_up("alice").await;
    let mut browser = Browser::new(&provider);
    let begun = browser.get(&url(&parameters())).await;
    let page = browser.get(begun.location()).await;
    assert_told(&browser.submit(&page, "/sign-in", &[("decision", "deny")]).await, "access_denied");
    let begun = browser.get(&url(&parameters())).await;
    let page = browser.sign_in(&begun, &user).await;
    assert_told(&browser.submit(&page, "/consent", &[("decision", "deny")]).await, "access_denied");
}

#[tokio::test]
async fn authorize_of_a_first_party_skips_consent_and_of_a_native_public_client_never() {
    let (provider, _) = start().await;
    provider.client("ours", |client| client.skip_consent = true).await;
    let native = provider.client("native", |client| {
        client.application_type = ApplicationType::Native;
        client.auth_method = AuthMethod::None;
        client.redirect_uris = vec!["http://127.0.0.1/cb".to_owned()];
    });
    native.await;
    let user = provider.app.signed_up("alice").await;
    let mut browser = Browser::new(&provider);
    let begun = browser.get(&url(&with("client_id", "ours"))).await;
    assert!(told(&browser.sign_in(&begun, &user).await).contains_key("code"));
    let mut asked = with("client_id", "native");
    asked.retain(|(name, _)| *name != "redirect_uri");
    asked.push(("redirect_uri", "http://127.0.0.1:4711/cb".to_owned()));
    for _ in 0..2 {
        let begun = browser.get(&url(&asked)).await;
        assert!(begun.location().starts_with("/consent?"), "{}", begun.text);
        let page = browser.get(begun.location()).await;
        let answered = browser.submit(&page, "/consent", &[("decision", "allow")]).await;
        assert!(answered.location().starts_with("http://127.0.0.1:4711/cb?code="), "{}", answered.text);
    }
}

#[tokio::test]
async fn authorize_form_post_carries_the_answer_escaped_and_hashes_its_script() {
    let (provider, _) = start().await;
    let mut browser = Browser::new(&provider);
    let mut asked = with("response_mode", "form_post");
    asked.retain(|(name, _)| *name != "state");
    asked.extend([("state", "\"><script>alert(1)</script>".to_owned()), ("prompt", "none".to_owned())]);
    let reply = browser.get(&url(&asked)).await;
    assert_eq!(reply.status, 200);
    assert!(reply.text.contains("login_required") && reply.text.contains("name=\"iss\""), "{}", reply.text);
    assert!(!reply.text.contains("<script>alert"), "{}", reply.text);
    assert!(reply.header("content-security-policy").contains("script-src 'sha256-"));
}

#[tokio::test]
async fn authorize_pages_reflect_nothing_unescaped() {
    let (provider, _) = start().await;
    let mut browser = Browser::new(&provider);
    let nasty = "\"'><img src=x onerror=alert(1)>";
    for (name, _) in
        parameters().iter().chain(&[("login_hint", String::new()), ("ui_locales", String::new())])
    {
        let reply = browser.get(&url(&with(name, nasty))).await;
        assert!(!reply.text.contains("<img src=x"), "{name}: {}", reply.text);
        if reply.headers.contains_key("location") && reply.location().starts_with("/sign-in") {
            let page = browser.get(reply.location()).await;
            assert!(page.status == 200 && !page.text.contains("<img src=x"), "{name}: {}", page.text);
        }
    }
}
