//! Who is signed in while a client asks: hints, other users, what is kept, what is told of it; on both databases.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;
use signet::model::client::Client;
use signet_verify::jose::base64url;

use super::authorize::{Browser, assert_page, assert_told, hidden, parameters, told, url, with};
use super::support::{Asked, ISSUER, Provider, encoded, form};
use crate::store::support::Kind;
use crate::support::{Caller, PASSWORD, TestApp, User};

async fn start() -> (Provider, Client, User) {
    let provider = Provider::start().await;
    let client = provider.client("app", |_| ()).await;
    let user = provider.app.signed_up("alice").await;
    (provider, client, user)
}

/// Parameters with a hint, in silence.
fn hinting(hint: &str) -> String {
    url(&[with("prompt", "none"), form(&[("id_token_hint", hint)])].concat())
}

#[tokio::test]
async fn authorize_with_a_hint_is_about_the_user_whom_an_id_token_of_the_client_names() {
    let (provider, client, user) = start().await;
    let other = provider.client("other", |_| ()).await;
    let bob = provider.app.signed_up("bob").await;
    let mut browser = Browser::new(&provider);
    let begun = browser.get(&url(&parameters())).await;
    let page = browser.sign_in(&begun, &user).await;
    browser.submit(&page, "/consent", &[("decision", "allow")]).await;
    let id_token = |answer: &Value| answer["id_token"].as_str().unwrap().to_owned();
    let hers = id_token(&provider.granted(&client, &user, &Asked::default()).await);
    let his = id_token(&provider.granted(&client, &bob, &Asked::default()).await);
    let of_other = id_token(&provider.granted(&other, &user, &Asked::default()).await);
    let access = provider.granted(&client, &user, &Asked::default()).await["access_token"].clone();
    assert!(told(&browser.get(&hinting(&hers)).await).contains_key("code"));
    assert_told(&browser.get(&hinting(&his)).await, "login_required");
    let asked = [parameters(), form(&[("id_token_hint", &his)])].concat();
    assert!(browser.get(&url(&asked)).await.location().starts_with("/sign-in?request="));
    // Forged, of another client, of another kind, or none at all.
    let (begin, signature) = hers.rsplit_once('.').unwrap();
    let mut bytes = base64url::decode(signature).unwrap();
    bytes[0] ^= 1;
    let forged = format!("{begin}.{}", base64url::encode(&bytes));
    let claims = base64url::encode(hers.split('.').nth(1).unwrap().as_bytes());
    let unsigned = format!("{}.{claims}.", base64url::encode(b"{\"alg\":\"none\"}"));
    for hint in [&forged, &of_other, access.as_str().unwrap(), &unsigned, "x.y.z", &user.jwt().await] {
        assert_told(&browser.get(&hinting(hint)).await, "invalid_request");
    }
    // Expired long ago, it is still a hint.
    provider.advance(2 * 60 * 60);
    assert!(told(&browser.get(&hinting(&hers)).await).contains_key("code"));
}

#[tokio::test]
async fn sign_in_for_a_client_takes_the_place_of_another_users_session_and_is_a_new_one() {
    let (provider, client, alice) = start().await;
    let bob = provider.app.signed_up("bob").await;
    let mut browser = Browser::new(&provider);
    let begun = browser.get(&url(&parameters())).await;
    let page = browser.sign_in(&begun, &alice).await;
    let answered = browser.submit(&page, "/consent", &[("decision", "allow")]).await;
    let tokens = provider.exchange(&client, &told(&answered)["code"]).await.expect(200);
    let before = browser.cookies.clone();
    let begun = browser.get(&url(&with("prompt", "login"))).await;
    let page = browser.sign_in(&begun, &bob).await;
    assert!(page.text.contains(&bob.email), "{}", page.text);
    assert_ne!(before["better-auth.session_token"], browser.cookies["better-auth.session_token"]);
    // The session that was there is over, with what was bound to it.
    let mut old = Browser { caller: provider.app.anonymous(), cookies: before };
    assert_eq!(old.get("/api/auth/get-session").await.text, "null");
    assert!(!provider.refresh(&client, tokens["refresh_token"].as_str().unwrap()).await.status.is_success());
    // Whoever signs in again as the same user loses nothing, and has a fresh session all the same.
    let answered = browser.submit(&page, "/consent", &[("decision", "allow")]).await;
    let tokens = provider.exchange(&client, &told(&answered)["code"]).await.expect(200);
    let before = browser.cookies["better-auth.session_token"].clone();
    let begun = browser.get(&url(&with("prompt", "login"))).await;
    browser.sign_in(&begun, &bob).await;
    assert_ne!(before, browser.cookies["better-auth.session_token"]);
    provider.refresh(&client, tokens["refresh_token"].as_str().unwrap()).await.expect(200);
}

#[tokio::test]
async fn sign_in_page_without_a_request_works_without_script_and_refuses_foreign_pages() {
    let (provider, _, user) = start().await;
    let mut browser = Browser::new(&provider);
    let fill = |password: &str| form(&[("email", &user.email), ("password", password)]);
    let wrong = browser.send(Method::POST, "/sign-in", Some(&fill("not the password"))).await;
    assert!(wrong.status == 200 && wrong.text.contains("The address or the password is wrong."));
    let signed_in = browser.send(Method::POST, "/sign-in", Some(&fill(PASSWORD))).await;
    assert_eq!((signed_in.status.as_u16(), signed_in.location()), (303, "/account"));
    let session = browser.get("/api/auth/get-session").await.expect(200);
    assert_eq!(session["user"]["id"], user.id);
    for (name, value) in [
        ("origin", "https://elsewhere.example"),
        ("origin", "null"),
        ("referer", "https://elsewhere.example/page"),
        ("sec-fetch-site", "cross-site"),
    ] {
        let request = provider.app.anonymous().request(Method::POST, "/sign-in").header(name, value);
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let refused = Caller::send(request.body(encoded(&fill(PASSWORD)))).await;
        assert_page(&refused);
        assert!(!refused.headers.contains_key("set-cookie"), "{name}: {value}");
    }
}

#[tokio::test]
async fn sign_in_forms_are_counted_with_the_sign_ins_of_the_api() {
    let provider = Provider::with(|settings| settings.set("SIGNET_RATE_LIMIT", "on")).await;
    let mut browser = Browser::new(&provider);
    let pairs = form(&[("email", "nobody@example.com"), ("password", PASSWORD)]);
    for _ in 0..3 {
        assert_eq!(browser.send(Method::POST, "/sign-in", Some(&pairs)).await.status, 200);
    }
    let limited = browser.send(Method::POST, "/sign-in", Some(&pairs)).await;
    assert_eq!(limited.status, 429, "{}", limited.text);
    assert!(limited.text.contains("Too many attempts") && !limited.header("retry-after").is_empty());
    let body = serde_json::json!({ "email": "nobody@example.com", "password": PASSWORD });
    let by_api = provider.app.anonymous().post("/api/auth/sign-in/email", &body).await;
    assert_eq!(by_api.status, 429);
    provider.advance(10);
    assert_eq!(browser.send(Method::POST, "/sign-in", Some(&pairs)).await.status, 200);
}

#[tokio::test]
async fn authorize_keeps_a_bounded_number_of_requests_of_one_address() {
    let provider = Provider::with(|settings| settings.set("SIGNET_RATE_LIMIT", "on")).await;
    provider.client("app", |_| ()).await;
    let mut browser = Browser::new(&provider);
    // Requests that are longer than any client sends are the fewest.
    let long = url(&with("unknown", &"x".repeat(4000)));
    let mut kept = 0;
    let refused = loop {
        let reply = browser.get(&long).await;
        match reply.status.as_u16() {
            303 => kept += 1,
            _ if reply.text.contains("TOO_MANY_REQUESTS") => provider.advance(10),
            _ => break reply,
        }
        assert!(kept < 700, "{kept} requests are kept");
    };
    assert_eq!(refused.status, 429, "{}", refused.text);
    assert!(refused.text.contains("Too many attempts") && !refused.header("retry-after").is_empty());
    // Those of the usual length go on.
    provider.advance(10);
    assert!(browser.get(&url(&parameters())).await.location().starts_with("/sign-in?request="));
}

#[tokio::test]
async fn error_pages_name_the_incident_that_is_in_the_log_and_in_the_answer() {
    let (provider, ..) = start().await;
    let mut browser = Browser::new(&provider);
    let page = browser.get(&url(&with("client_id", "other"))).await;
    assert_page(&page);
    let id = page.header("x-request-id");
    assert!(id.len() >= 16 && page.text.contains(&format!("<code>{id}</code>")), "{}", page.text);
    let page = browser.get("/consent?request=none").await;
    assert!(page.text.contains(page.header("x-request-id")), "{}", page.text);
}

#[tokio::test]
async fn authorization_events_are_counted_with_labels_that_no_client_chooses() {
    let (provider, _, user) = start().await;
    let mut browser = Browser::new(&provider);
    let begun = browser.get(&url(&parameters())).await;
    let page = browser.sign_in(&begun, &user).await;
    browser.submit(&page, "/consent", &[("decision", "allow")]).await;
    let more = browser.get(&url(&with("scope", "openid profile"))).await;
    let page = browser.get(more.location()).await;
    browser.submit(&page, "/consent", &[("decision", "deny")]).await;
    browser.get(&url(&with("scope", "nothing"))).await;
    let body = serde_json::json!({ "id": "app" });
    user.session.post("/api/auth/oauth2/delete-consent", &body).await.expect(200);
    let metrics = provider.app.anonymous().get("/metrics").await.text;
    for (event, count) in [
        ("pushed", 0),
        ("sign_in_asked", 1),
        ("consent_asked", 2),
        ("consent_given", 1),
        ("consent_refused", 1),
        ("consent_withdrawn", 1),
        ("code_issued", 1),
        ("refused", 1),
    ] {
        let line = format!("signet_authorization_events_total{{event=\"{event}\"}} {count}");
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
    assert!(!metrics.contains("\"app\""));
}

/// A whole sign-in for a client, begun at one instance and ended at the other.
async fn whole_sign_in(kind: Kind) {
    let Some(provider) = Provider::on(kind).await else { return };
    let there = provider.another_instance().await;
    let client = provider.client("app", |_| ()).await;
    let user = provider.app.signed_up("alice").await;
    let mut browser = Browser::new(&provider);
    let begun = browser.get(&url(&parameters())).await;
    let page = browser.get(begun.location()).await;
    let mut browser = Browser { caller: there.anonymous(), cookies: browser.cookies };
    let values = [("email", user.email.as_str()), ("password", PASSWORD)];
    let signed_in = browser.submit(&page, "/sign-in", &values).await;
    let page = browser.get(signed_in.location()).await;
    let (mut one, mut other) = (
        Browser { caller: provider.app.anonymous(), cookies: browser.cookies.clone() },
        Browser { caller: there.anonymous(), cookies: browser.cookies },
    );
    let allow = [("decision", "allow")];
    let (first, second) = futures_util::future::join(
        one.submit(&page, "/consent", &allow),
        other.submit(&page, "/consent", &allow),
    )
    .await;
    let (answer, over) = if first.status == 303 { (first, second) } else { (second, first) };
    assert_page(&over);
    provider.exchange(&client, &told(&answer)["code"]).await.expect(200);
    let id = hidden(&page, "request");
    provider.advance(60 * 60);
    assert_page(&one.get(&format!("/consent?request={id}")).await);
}

#[tokio::test]
async fn authorize_begun_at_one_instance_ends_at_another_and_once_on_sqlite() {
    whole_sign_in(Kind::Sqlite).await;
}

#[tokio::test]
async fn authorize_begun_at_one_instance_ends_at_another_and_once_on_postgres() {
    whole_sign_in(Kind::Postgres).await;
}

#[tokio::test]
async fn authorize_goes_on_over_a_rotation_of_keys_and_takes_a_hint_of_the_key_before() {
    let (provider, client, user) = start().await;
    let before = provider.granted(&client, &user, &Asked::default()).await;
    let mut browser = Browser::new(&provider);
    let asked = [parameters(), form(&[("id_token_hint", before["id_token"].as_str().unwrap())])].concat();
    let begun = browser.get(&url(&asked)).await;
    let folder = provider.app.folder.path();
    let keys = folder.join("keys").display().to_string();
    let settings = [
        ("BETTER_AUTH_URL", ISSUER),
        ("DATABASE_URL", &provider.url),
        ("SIGNET_KEYS_DIR", &keys),
        ("BETTER_AUTH_SECRET", crate::support::SECRET),
    ];
    let rotate = ["keys", "rotate", "EdDSA", "--now", "--reason", "a test"];
    let said = crate::command_line::server::run(folder, &rotate, &settings);
    assert!(said.status.success(), "{}", crate::command_line::server::printed(&said));
    let there = provider.another_instance().await;
    let mut browser = Browser { caller: there.anonymous(), cookies: browser.cookies };
    let page = browser.sign_in(&begun, &user).await;
    let answer = told(&browser.submit(&page, "/consent", &[("decision", "allow")]).await);
    let exchange = Provider::exchange_form(&answer["code"]);
    let tokens = super::support::token_at(&there, &client, &exchange).await.expect(200);
    let kid = |token: &Value| super::support::part_of(token, 0)["kid"].clone();
    assert_ne!(kid(&before["id_token"]), kid(&tokens["id_token"]));
    // The next request, with hints of either key.
    for token in [&before["id_token"], &tokens["id_token"]] {
        assert!(told(&browser.get(&hinting(token.as_str().unwrap())).await).contains_key("code"));
    }
}

#[tokio::test]
async fn sign_in_for_a_client_before_the_address_is_confirmed_mails_a_link_that_leads_back_to_it() {
    let client = serde_json::json!({
        "client_id": "app", "redirect_uris": [super::support::REDIRECT_URI],
        "token_endpoint_auth_method": "none", "scope": "openid email",
    });
    let (builder, letters) = TestApp::with_letters();
    let app = builder.provisioned(&serde_json::json!({ "clients": [client] })).with(|settings| {
        settings.set("BETTER_AUTH_URL", ISSUER.to_owned());
        settings.set("SIGNET_REQUIRE_VERIFIED_EMAIL", "on");
    });
    let app = app.start().await;
    let body = serde_json::json!({ "name": "Ada", "email": "ada@example.com", "password": PASSWORD });
    app.anonymous().post("/api/auth/sign-up/email", &body).await.expect(200);
    letters.next("ada@example.com", "verify-email").await;
    let mut browser = Browser::at(&app);
    let begun = browser.get(&url(&parameters())).await;
    let page = browser.get(begun.location()).await;
    let typed = [("email", "ada@example.com"), ("password", PASSWORD)];
    let refused = browser.submit(&page, "/sign-in", &typed).await;
    assert!(refused.text.contains("Please confirm your address first"), "{}", refused.text);
    let letter = letters.next("ada@example.com", "callbackURL").await;
    let confirmed = browser.get(&letter.link("/api/auth/verify-email?")).await;
    let place = confirmed.location().to_owned();
    assert!(place.ends_with(&format!("/consent?request={}", hidden(&page, "request"))), "{place}");
    let asked = browser.get(&place[place.find("/consent").unwrap()..]).await;
    let page = browser.get(asked.location()).await;
    let signed_in = browser.submit(&page, "/sign-in", &typed).await;
    let page = browser.get(signed_in.location()).await;
    let answered = browser.submit(&page, "/consent", &[("decision", "allow")]).await;
    assert!(told(&answered).contains_key("code"));
}
