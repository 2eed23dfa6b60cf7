//! The client of the page `/docs`: built in, with one place to return to and one grant, and no operator's to manage.

use reqwest::Method;
use serde_json::json;
use signet::model::client::Client;
use signet::oauth::{DOCS_CLIENT, DOCS_RETURN};

use super::support::{ISSUER, Provider, assert_error, challenge, claims, encoded, form, post};
use crate::support::agent::Agent;
use crate::support::{Caller, PASSWORD, SECRET};

const VERIFIER: &str = super::support::VERIFIER;

fn address(provider: &Provider, redirect_uri: &str) -> String {
    let query = form(&[
        ("response_type", "code"),
        ("client_id", DOCS_CLIENT),
        ("redirect_uri", redirect_uri),
        ("scope", "openid tasks:read offline_access"),
        ("state", "s"),
        ("code_challenge", &challenge(VERIFIER)),
        ("code_challenge_method", "S256"),
    ]);
    format!("{}/api/auth/oauth2/authorize?{}", provider.app.base_url, encoded(&query))
}

#[tokio::test]
async fn docs_client_gets_a_code_at_our_own_origin_for_the_tasks_and_nothing_more() {
    let provider = Provider::start().await;
    let user = provider.app.signed_up("ada").await;
    let place = format!("{ISSUER}{DOCS_RETURN}");
    let mut agent = Agent::new().stopping_at(&place);
    for elsewhere in ["https://evil.example/docs/oauth2-redirect.html", &format!("{place}?x"), ISSUER] {
        let refused = agent.open(&address(&provider, elsewhere)).await;
        assert_eq!((refused.status, refused.shows("Wrong way back")), (400, true), "{elsewhere}");
    }
    let page = agent.open(&address(&provider, &place)).await;
    let filled = page.form("Sign in").fill("E-mail address", &user.email).fill("Password", PASSWORD);
    let landed = agent.submit(&page, &filled, "Sign in").await;
    let code = landed.parameter("code").expect("no consent is asked for a page of our own");
    let exchange = form(&[
        ("grant_type", "authorization_code"),
        ("client_id", DOCS_CLIENT),
        ("client_secret", ""),
        ("redirect_uri", &place),
        ("code", &code),
        ("code_verifier", VERIFIER),
    ]);
    let answer = post(&provider.app.anonymous(), None, encoded(&exchange)).await.expect(200);
    assert_eq!(answer["scope"], "tasks:read");
    assert!(answer.get("refresh_token").is_none() && answer.get("id_token").is_none());
    assert_eq!(claims(&answer["access_token"])["client_id"], DOCS_CLIENT);
    assert!(provider.opens_tasks(&answer["access_token"]).await);
    for grant in ["refresh_token", "client_credentials", "urn:ietf:params:oauth:grant-type:device_code"] {
        let other = form(&[
            ("grant_type", grant),
            ("client_id", DOCS_CLIENT),
            ("refresh_token", "x"),
            ("device_code", "x"),
        ]);
        let refused = post(&provider.app.anonymous(), None, encoded(&other)).await;
        assert_error(&refused, 400, "unauthorized_client");
    }
    let order = |verbs: &[&str]| {
        let mut order = std::process::Command::new(env!("CARGO_BIN_EXE_signet"));
        order.args(verbs).env("DATABASE_URL", &provider.url).env("BETTER_AUTH_SECRET", SECRET);
        order.env("BETTER_AUTH_URL", ISSUER).env("SIGNET_KEYS_DIR", provider.app.folder.path().join("keys"));
        let done = order.output().unwrap();
        (done.status.success(), String::from_utf8_lossy(&done.stdout).into_owned())
    };
    provider.client("grafana", |_| ()).await;
    let (listed, clients) = order(&["clients", "list", "--json"]);
    assert!(listed && clients.contains("grafana") && !clients.contains(DOCS_CLIENT), "{clients}");
    for verb in ["show", "remove", "rotate-secret"] {
        assert!(!order(&["clients", verb, DOCS_CLIENT]).0, "{verb}");
    }
    let again = agent.open(&address(&provider, &place)).await;
    assert!(again.parameter("code").is_some(), "its row is still there");
}

#[tokio::test]
async fn docs_client_goes_with_the_page_where_that_is_switched_off() {
    let provider = Provider::with(|settings| settings.set("SIGNET_DOCS", "off")).await;
    // Also where another process has made its row.
    let row = Client {
        redirect_uris: vec![format!("{ISSUER}{DOCS_RETURN}")],
        ..super::support::client(DOCS_CLIENT)
    };
    provider.database.clients().insert(&row).await.unwrap();
    let refused = Agent::new().open(&address(&provider, &row.redirect_uris[0])).await;
    assert_eq!((refused.status, refused.shows("Unknown application")), (400, true), "{}", refused.words());
    let form = form(&[("grant_type", "authorization_code"), ("client_id", DOCS_CLIENT), ("code", "x")]);
    assert_error(&post(&provider.app.anonymous(), None, encoded(&form)).await, 401, "invalid_client");
    for path in ["/docs", DOCS_RETURN] {
        provider.app.anonymous().get(path).await.assert_error(404, "NOT_FOUND");
    }
    let home = Caller::send(provider.app.anonymous().request(Method::GET, "/")).await;
    assert!(!home.text.contains("\"/docs\""), "no page leads there");
    let there = Provider::start().await;
    assert!(there.app.anonymous().get("/").await.text.contains("\"/docs\""));
}

#[test]
fn docs_client_is_none_of_those_that_operators_declare() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("declared.json");
    let client = json!({ "client_id": DOCS_CLIENT, "redirect_uris": ["https://app.example/cb"] });
    std::fs::write(&file, json!({ "clients": [client] }).to_string()).unwrap();
    let refused = format!("{:?}", signet::oauth::registration::Declaration::read(&file).err().unwrap());
    assert!(refused.contains("swagger-ui, which is built in"), "{refused}");
}
