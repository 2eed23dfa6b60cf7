//! Pieces of the specifications that other tests reach only in passing; the names begin with the piece, as in the table of
//! docs/oauth-conformance.md.

use super::*;
use reqwest::header::{ACCEPT, HOST, ORIGIN};
use signet::model::client::ApplicationType;

use super::super::support::{Provider, assert_error};

const METADATA: &str = "/.well-known/openid-configuration";
const USERINFO: &str = "/api/auth/oauth2/userinfo";

#[tokio::test(flavor = "multi_thread")]
async fn iss_is_in_every_answer_by_query_and_by_form() {
    let mut party = Party::start().await;
    for mode in ["query", "form_post"] {
        party.agent = Party::browser();
        let mode = ("response_mode", Some(mode));
        let page = party.ask(&[mode, ("prompt", Some("none"))]).await;
        let page = party.on_by_form(page).await;
        party.assert_error(&page, "login_required");
        let page = party.authorize(&[mode]).await;
        let page = party.on_by_form(page).await;
        party.assert_answer(&page);
        party.exchange(&page.parameter("code").unwrap()).await.expect(200);
    }
}

impl Party {
    /// Sends the form that carries an answer, where the page is one.
    async fn on_by_form(&mut self, page: Page) -> Page {
        match page.document.forms.first().cloned() {
            Some(form) if form.action == REDIRECT_URI => self.agent.send_by_script(&page, &form).await,
            _ => page,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redirect_uri_of_a_native_client_may_have_any_port_of_a_loopback_address_and_nothing_else() {
    let native = |client: &mut Client| {
        client.application_type = ApplicationType::Native;
        client.auth_method = AuthMethod::None;
        client.redirect_uris =
            ["http://127.0.0.1/cb", "http://[::1]:1/cb", "com.example.app:/cb"].map(str::to_owned).to_vec();
    };
    let mut party = Party::with(native).await;
    for place in
        ["http://127.0.0.1/cb", "http://127.0.0.1:4711/cb", "http://[::1]:4711/cb", "com.example.app:/cb"]
    {
        party.agent = Agent::new().stopping_at(place);
        let page = party.ask(&[("redirect_uri", Some(place)), ("prompt", Some("none"))]).await;
        assert!(page.url.as_str().starts_with(place), "{place}: {}", page.text);
        assert_eq!(page.parameter("error").as_deref(), Some("login_required"), "{place}");
    }
    for place in [
        "http://localhost/cb",
        "http://localhost:4711/cb",
        "http://127.0.0.2:4711/cb",
        "http://127.0.0.1:4711/cb/",
        "https://127.0.0.1:4711/cb",
        "http://127.0.0.1:4711@evil.example/cb",
        "http://127.0.0.1.evil.example:4711/cb",
        "com.example.app:/cb/",
        "com.example.app://cb",
        "com.example.other:/cb",
    ] {
        let page = party.ask(&[("redirect_uri", Some(place)), ("prompt", Some("none"))]).await;
        party.assert_page_of_error(&page);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pkce_may_be_left_out_by_a_confidential_client_that_is_registered_so_and_sends_a_nonce() {
    const WITHOUT: [(&str, Option<&str>); 2] = [("code_challenge", None), ("code_challenge_method", None)];
    let mut party = Party::with(|client| client.require_pkce = false).await;
    let code = party.code(&WITHOUT).await;
    let mut pairs = Provider::exchange_form(&code);
    // A verifier without a challenge is a downgrade (RFC 9700 section 2.1.1).
    assert_error(&token_at(&party.app, &party.client, &pairs).await, 400, "invalid_grant");
    let code = party.code(&WITHOUT).await;
    pairs = Provider::exchange_form(&code);
    pairs.retain(|(name, _)| *name != "code_verifier");
    let tokens = token_at(&party.app, &party.client, &pairs).await.expect(200);
    assert_eq!(claims(&tokens["id_token"])["nonce"], NONCE);
    let page = party.ask(&[WITHOUT[0], WITHOUT[1], ("nonce", None)]).await;
    party.assert_error(&page, "invalid_request");
    let public = |client: &mut Client| {
        client.require_pkce = false;
        client.auth_method = AuthMethod::None;
    };
    let mut party = Party::with(public).await;
    let page = party.ask(&WITHOUT).await;
    party.assert_error(&page, "invalid_request");
}

#[tokio::test(flavor = "multi_thread")]
async fn scope_that_is_not_known_is_left_out_and_the_answer_says_so() {
    let mut party = Party::start().await;
    let tokens = party.tokens(&[("scope", Some("openid nothing email address"))]).await;
    assert_eq!(tokens["scope"], "openid email");
    assert_eq!(claims(&tokens["access_token"])["scope"], "openid email");
    let page = party.ask(&[("scope", Some("nothing address"))]).await;
    party.assert_error(&page, "invalid_scope");
}

#[tokio::test(flavor = "multi_thread")]
async fn scope_offline_access_is_asked_for_in_words_and_given_by_the_user() {
    let mut party = Party::with(|client| client.skip_consent = false).await;
    let asked = [("scope", Some("openid offline_access"))];
    let page = party.authorize(&asked).await;
    assert!(page.shows("go on when you are not there"), "{}", page.text);
    let silent = party.ask(&[asked[0], ("prompt", Some("none"))]).await;
    party.assert_error(&silent, "consent_required");
    let page = party.agent.submit(&page, &page.form("Allow"), "Allow").await;
    party.assert_answer(&page);
    let tokens = party.exchange(&page.parameter("code").unwrap()).await.expect(200);
    assert!(tokens["refresh_token"].is_string(), "{tokens}");
    // What was agreed to is not asked again, unless the client wants it so (OpenID Connect Core section 11).
    let page = party.ask(&asked).await;
    party.assert_answer(&page);
    let page = party.ask(&[asked[0], ("prompt", Some("consent"))]).await;
    assert!(page.find_form("Allow").is_some(), "{}", page.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn discovery_takes_the_issuer_from_the_settings_whatever_a_request_says() {
    let party = Party::start().await;
    let expected = party.app.anonymous().get(METADATA).await.expect(200);
    let request = party.app.anonymous().request(Method::GET, METADATA).header(HOST, "evil.example");
    let request = request.header("x-forwarded-host", "evil.example").header("x-forwarded-proto", "https");
    assert_eq!(Caller::send(request).await.expect(200), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn discovery_userinfo_and_key_set_may_be_read_by_pages_of_any_site_without_cookies() {
    let mut party = Party::start().await;
    let tokens = party.tokens(&[]).await;
    for path in [METADATA, "/.well-known/oauth-authorization-server", "/.well-known/jwks.json", USERINFO] {
        let caller = party.app.anonymous().bearing(tokens["access_token"].as_str().unwrap());
        let request = caller.request(Method::GET, path).header(ORIGIN, "https://spa.example");
        let reply = Caller::send(request).await;
        assert_eq!(
            (reply.status.as_u16(), reply.header("access-control-allow-origin")),
            (200, "*"),
            "{path}"
        );
        assert!(!reply.headers.contains_key("access-control-allow-credentials"), "{path}");
        let preflight =
            party.app.anonymous().request(Method::OPTIONS, path).header(ORIGIN, "https://spa.example");
        let preflight = preflight
            .header("access-control-request-method", "GET")
            .header("access-control-request-headers", "authorization");
        let reply = Caller::send(preflight).await;
        assert_eq!(reply.header("access-control-allow-origin"), "*", "{path}");
        assert!(reply.header("access-control-allow-headers").contains("authorization"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jwks_may_be_kept_a_quarter_of_an_hour_at_most_and_each_key_says_what_it_is() {
    let party = Party::start().await;
    let metadata = party.app.anonymous().get(METADATA).await.expect(200);
    let path = metadata["jwks_uri"].as_str().unwrap().strip_prefix(&party.issuer).unwrap();
    let reply = party.app.anonymous().get(path).await;
    let age = reply.header("cache-control").split(", ").find_map(|word| word.strip_prefix("max-age="));
    assert!((1..=900).contains(&age.unwrap().parse::<u32>().unwrap()), "{:?}", reply.headers);
    let keys = reply.expect(200)["keys"].as_array().unwrap().clone();
    for name in metadata["id_token_signing_alg_values_supported"].as_array().unwrap() {
        let key = keys.iter().find(|key| key["alg"] == *name).unwrap_or_else(|| panic!("{name}: {keys:?}"));
        assert_eq!(key["use"], "sig");
        assert!(key["kid"].as_str().is_some_and(|kid| !kid.is_empty()));
        for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert!(key.get(private).is_none(), "{private} of {name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn resource_decides_about_the_audience_and_an_unknown_one_is_an_invalid_target() {
    let mut party = Party::start().await;
    let tasks = party.issuer.clone();
    let asked = [("resource", Some(tasks.as_str())), ("scope", Some("openid tasks:read"))];
    let tokens = party.tokens(&asked).await;
    let token = claims(&tokens["access_token"]);
    assert_eq!(token["aud"], serde_json::json!([tasks, format!("{tasks}{USERINFO}")]));
    party.userinfo(&tokens["access_token"]).await;
    for wrong in
        ["https://elsewhere.example/", "no address", &format!("{tasks}#fragment"), &format!("{tasks}/")]
    {
        let page = party.ask(&[("resource", Some(wrong))]).await;
        party.assert_error(&page, "invalid_target");
        let code = party.code(&[]).await;
        let mut pairs = Provider::exchange_form(&code);
        pairs.push(("resource", wrong.to_owned()));
        assert_error(&token_at(&party.app, &party.client, &pairs).await, 400, "invalid_target");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn authorize_answers_a_browser_and_a_program_alike() {
    let mut party = Party::start().await;
    party.tokens(&[]).await;
    let url = party.endpoint("authorize", &party.parameters(&[("prompt", Some("none"))]));
    let path = url.strip_prefix(&party.issuer).unwrap();
    let request = party.app.anonymous().request(Method::GET, path).header(ACCEPT, "application/json");
    let reply = Caller::send(request.header("sec-fetch-mode", "cors")).await;
    assert_eq!(reply.status, 303, "{}", reply.text);
    assert!(reply.location().starts_with(REDIRECT_URI), "{}", reply.location());
}

#[tokio::test(flavor = "multi_thread")]
async fn authorize_is_read_by_no_page_of_another_site_not_even_a_trusted_one() {
    let trusting =
        Provider::with(|settings| settings.set("BETTER_AUTH_TRUSTED_ORIGINS", "https://spa.example"));
    let provider = trusting.await;
    let caller = provider.app.anonymous();
    for method in [Method::GET, Method::POST, Method::OPTIONS] {
        let request = caller.request(method.clone(), "/api/auth/oauth2/authorize");
        let request = request.header("access-control-request-method", "GET");
        let reply = Caller::send(request.header(ORIGIN, "https://spa.example")).await;
        assert!(!reply.headers.contains_key("access-control-allow-origin"), "{method}: {:?}", reply.headers);
    }
    let request = caller.request(Method::GET, "/api/auth/get-session").header(ORIGIN, "https://spa.example");
    let reply = Caller::send(request).await;
    assert_eq!(reply.header("access-control-allow-origin"), "https://spa.example");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_authorization_send_no_referrer_and_let_no_frame_in() {
    let mut party = Party::with(|client| client.skip_consent = false).await;
    let sign_in = party.ask(&[]).await;
    assert!(sign_in.find_form("password").is_some(), "{}", sign_in.text);
    let consent = party.sign_in(sign_in.clone()).await;
    assert!(consent.find_form("Allow").is_some(), "{}", consent.text);
    let problem = party.ask(&[("client_id", Some("unknown"))]).await;
    let form = party.ask(&[("prompt", Some("none")), ("response_mode", Some("form_post"))]).await;
    for page in [sign_in, consent, problem, form] {
        let header = |name: &str| page.headers[name].to_str().unwrap();
        assert_eq!(header("referrer-policy"), "no-referrer", "{}", page.url);
        assert_eq!(
            (header("x-frame-options"), header("cache-control")),
            ("DENY", "no-store"),
            "{}",
            page.url
        );
        let policy = header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        // Browsers hold the redirect after a form to `form-action`.
        assert!(!policy.contains("form-action"), "{policy}");
        for from_elsewhere in ["src=\"http", "href=\"http", "src=\"//", "href=\"//"] {
            assert!(!page.text.contains(from_elsewhere), "{}", page.text);
        }
    }
}
