//! No answer of OAuth repeats what was sent in a way that a browser takes for markup, or a header for another header.

use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};

use super::authorize::{Browser, hidden, parameters, url};
use super::support::{Provider, VERIFIER, encoded, form};
use crate::support::{Caller, PASSWORD, Reply};

/// What a page must not repeat as it is: markup, and the end of a header.
const NASTY: [&str; 3] = [
    "\"><script>alert(1)</script>",
    "x\r\nset-cookie: planted=1\r\n\r\n<script>alert(1)</script>",
    "'\"><img src=x onerror=alert(1)>",
];

/// Every parameter that any endpoint of OAuth reads, and some that none does.
const NAMES: [&str; 38] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "response_mode",
    "prompt",
    "max_age",
    "login_hint",
    "id_token_hint",
    "ui_locales",
    "acr_values",
    "display",
    "claims_locales",
    "claims",
    "request",
    "request_uri",
    "registration",
    "resource",
    "grant_type",
    "code",
    "code_verifier",
    "refresh_token",
    "device_code",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "token",
    "token_type_hint",
    "access_token",
    "csrf",
    "decision",
    "email",
    "password",
    "<script>alert(1)</script>",
];

/// Where forms are taken.
const ENDPOINTS: [&str; 8] = [
    "/api/auth/oauth2/authorize",
    "/api/auth/oauth2/par",
    "/api/auth/oauth2/token",
    "/api/auth/oauth2/introspect",
    "/api/auth/oauth2/revoke",
    "/api/auth/oauth2/userinfo",
    "/sign-in",
    "/consent",
];

#[track_caller]
fn assert_harmless(reply: &Reply, place: &str) {
    assert!(reply.status.as_u16() < 500, "{place}: {} {}", reply.status, reply.text);
    assert!(
        !reply.text.contains("<script>alert") && !reply.text.contains("<img src=x"),
        "{place}: {}",
        reply.text
    );
    assert!(!reply.text.contains("\nset-cookie"), "{place}: {}", reply.text);
    let planted = |value: &reqwest::header::HeaderValue| value.as_bytes().starts_with(b"planted");
    assert!(!reply.headers.get_all("set-cookie").iter().any(planted), "{place}");
    for (name, value) in &reply.headers {
        let text = String::from_utf8_lossy(value.as_bytes());
        assert!(
            !text.contains(['<', '"']) || *name == "etag" || *name == "www-authenticate",
            "{place}: {name}: {text}"
        );
        assert!(!text.contains("alert(1)<"), "{place}: {name}: {text}");
    }
    if reply.header("content-type").starts_with("text/html") {
        let policy = reply.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{place}: {policy}");
    }
}

#[tokio::test]
async fn answers_of_every_endpoint_reflect_no_markup_and_no_header() {
    let provider = Provider::start().await;
    provider.client("app", |_| ()).await;
    let anonymous = provider.app.anonymous();
    for nasty in NASTY {
        for name in NAMES {
            let mut asked = parameters();
            asked.extend(form(&[
                ("grant_type", "authorization_code"),
                ("code_verifier", VERIFIER),
                ("token", "x"),
            ]));
            asked.retain(|(other, _)| *other != name);
            asked.push((name, nasty.to_owned()));
            for path in ENDPOINTS {
                let request = anonymous.request(Method::POST, path);
                let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
                let reply = Caller::send(request.body(encoded(&asked))).await;
                assert_harmless(&reply, &format!("POST {path} {name}"));
                let reply = anonymous.get(&format!("{path}?{}", encoded(&asked))).await;
                assert_harmless(&reply, &format!("GET {path} {name}"));
            }
        }
    }
    for path in ENDPOINTS {
        let nasty = NASTY[0];
        let request = anonymous.request(Method::POST, path).header(AUTHORIZATION, format!("Basic {nasty}"));
        assert_harmless(&Caller::send(request.header(CONTENT_TYPE, nasty).body("")).await, path);
        let bearer = anonymous.request(Method::GET, path).header(AUTHORIZATION, format!("Bearer {nasty}"));
        assert_harmless(&Caller::send(bearer.header("x-request-id", nasty)).await, path);
        let encoded = encoded(&form(&[("request", nasty)]));
        assert_harmless(&anonymous.get(&format!("{path}?{encoded}")).await, path);
    }
}

#[tokio::test]
async fn pages_of_a_request_reflect_no_markup_whatever_its_client_sends_and_its_user_types() {
    let provider = Provider::start().await;
    provider.client("app", |client| client.name = NASTY[0].to_owned()).await;
    let user = provider.app.signed_up("alice").await;
    for nasty in [NASTY[0], NASTY[2]] {
        for name in ["state", "nonce", "login_hint", "ui_locales", "display", "acr_values", "claims"] {
            for mode in ["query", "form_post"] {
                let mut asked = parameters();
                asked.retain(|(other, _)| *other != name);
                asked.extend([
                    (name, nasty.to_owned()),
                    ("response_mode", mode.to_owned()),
                    ("prompt", "consent".to_owned()),
                ]);
                let mut browser = Browser::new(&provider);
                let begun = browser.get(&url(&asked)).await;
                assert_harmless(&begun, name);
                let page = browser.get(begun.location()).await;
                assert_harmless(&page, name);
                let typed = [("email", nasty), ("password", nasty)];
                assert_harmless(&browser.submit(&page, "/sign-in", &typed).await, name);
                let right = [("email", user.email.as_str()), ("password", PASSWORD)];
                let signed_in = browser.submit(&page, "/sign-in", &right).await;
                let page = browser.get(signed_in.location()).await;
                assert_harmless(&page, name);
                assert!(
                    page.text.contains("&lt;script&gt;"),
                    "the name of the client is shown: {}",
                    page.text
                );
                let answered = browser.submit(&page, "/consent", &[("decision", "allow")]).await;
                assert_harmless(&answered, name);
                if mode == "form_post" {
                    assert!(!hidden(&answered, "code").is_empty());
                }
            }
        }
    }
}
