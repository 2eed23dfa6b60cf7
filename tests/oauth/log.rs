//! What the log says of what clients do: who got what for which grant, and never a token, a code or a secret.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use signet::secret::ClientSecret;
use signet::store::Database;
use signet_verify::clock::{Clock, SystemClock};

use super::authorize::{Browser, hidden, parameters, url as authorize_url, with};
use super::support::{Asked, Provider, basic, client, encoded, form, issue_code, post, secret_of};
use crate::command_line::server::Server;
use crate::support::BEGINNING;
use crate::support::caller::PASSWORD;

#[tokio::test]
async fn log_names_what_clients_got_and_what_ended_a_grant_and_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("signet.db").display());
    let server = Server::start(folder.path(), &[("DATABASE_URL", &url), ("RUST_LOG", "debug")]);
    let database = Database::open(&url, 2).await.unwrap();
    let app = client("app");
    database.clients().insert(&app).await.unwrap();
    let secret = secret_of("app");
    database
        .clients()
        .add_secret(&app.id, &ClientSecret::new(secret.clone()).hash(), BEGINNING)
        .await
        .unwrap();
    let caller = server.caller();
    let account = json!({ "name": "Alice", "email": "alice@example.com", "password": PASSWORD });
    let session = caller.post("/api/auth/sign-up/email", &account).await.expect(200)["token"].clone();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let session = session.as_str().unwrap();
    let code = issue_code(&database, clock, &app, session, &Asked::default()).await.unwrap();
    let authorization = basic("app", &secret);
    let ask =
        async |form: &[(&'static str, String)]| post(&caller, Some(&authorization), encoded(form)).await;
    let refresh = |answer: &Value| {
        form(&[("grant_type", "refresh_token"), ("refresh_token", answer["refresh_token"].as_str().unwrap())])
    };
    let first = ask(&Provider::exchange_form(&code)).await.expect(200);
    let second = ask(&refresh(&first)).await.expect(200);
    let third = ask(&refresh(&second)).await.expect(200);
    let machine = ask(&form(&[("grant_type", "client_credentials")])).await.expect(200);
    assert_eq!(ask(&refresh(&first)).await.status, 400);
    assert_eq!(ask(&Provider::exchange_form(&code)).await.status, 400);
    let (_, log) = server.terminate();
    for (event, lines) in [
        ("code_redeemed", 1),
        ("refreshed", 2),
        ("issued_to_machine", 1),
        ("refresh_token_reused", 1),
        ("code_replayed", 1),
    ] {
        let named = format!("\"event\":\"{event}\"");
        assert_eq!(log.lines().filter(|line| line.contains(&named)).count(), lines, "{event}: {log}");
    }
    let grant = super::support::claims(&first["access_token"])["sid"].as_str().unwrap().to_owned();
    assert_eq!(log.lines().filter(|line| line.contains(&grant)).count(), 5, "{log}");
    let tokens = [&first, &second, &third, &machine].map(|answer| answer["access_token"].as_str().unwrap());
    let refreshes = [&first, &second, &third].map(|answer| answer["refresh_token"].as_str().unwrap());
    let signatures = tokens.map(|token| token.rsplit('.').next().unwrap());
    let encoded_secret = authorization.trim_start_matches("Basic ");
    for secret in [code.as_str(), &secret, encoded_secret, super::support::VERIFIER]
        .into_iter()
        .chain(refreshes)
        .chain(signatures)
    {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
    assert!(!log.contains("signet_rt_") && !log.contains("signet_code_"), "{log}");
}

#[tokio::test]
async fn log_names_what_was_decided_about_requests_and_neither_codes_nor_what_the_pages_carry() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("signet.db").display());
    let server = Server::start(folder.path(), &[("DATABASE_URL", &url), ("RUST_LOG", "debug")]);
    let database = Database::open(&url, 2).await.unwrap();
    database.clients().insert(&client("app")).await.unwrap();
    let account = json!({ "name": "Alice", "email": "alice@example.com", "password": PASSWORD });
    let made = server.caller().post("/api/auth/sign-up/email", &account).await.expect(200);
    let user = made["user"]["id"].as_str().unwrap().to_owned();
    let mut browser = Browser { caller: server.caller(), cookies: BTreeMap::new() };
    let begun = browser.get(&authorize_url(&parameters())).await;
    let page = browser.get(begun.location()).await;
    let typed = [("email", "alice@example.com"), ("password", PASSWORD)];
    let signed_in = browser.submit(&page, "/sign-in", &typed).await;
    let page = browser.get(signed_in.location()).await;
    let (id, csrf) = (hidden(&page, "request"), hidden(&page, "csrf"));
    let answered = browser.submit(&page, "/consent", &[("decision", "allow")]).await;
    let code = answered.location().split(['=', '&']).nth(1).unwrap().to_owned();
    assert!(code.starts_with("signet_code_"), "{code}");
    browser.get(&authorize_url(&with("scope", "nothing"))).await;
    let over = browser.get(&format!("/consent?request={id}")).await;
    let incident = over.header("x-request-id").to_owned();
    assert!(over.text.contains(&incident), "{}", over.text);
    let (_, log) = server.terminate();
    for event in ["sign_in_asked", "consent_asked", "consent_given", "code_issued", "refused"] {
        let named = format!("\"event\":\"{event}\"");
        let lines: Vec<_> = log.lines().filter(|line| line.contains(&named)).collect();
        assert_eq!(lines.len(), 1, "{event}: {log}");
        assert!(lines[0].contains("\"action\":\"authorization\"") && lines[0].contains("\"client\":\"app\""));
        assert_eq!(
            lines[0].contains(&user),
            ["consent_asked", "consent_given", "code_issued"].contains(&event)
        );
        assert_eq!(lines[0].contains("\"reason\":\"invalid_scope\""), event == "refused", "{}", lines[0]);
    }
    assert!(
        log.lines().any(|line| line.contains(&incident) && line.contains("\"problem\":\"over\"")),
        "{log}"
    );
    for secret in [&code, &id, &csrf, "a state & more", "a nonce"] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}
