//! Clients that prove who they are by signing (RFC 7523).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::Mutex;
use poem::endpoint::make_sync;
use poem::listener::{Acceptor, Listener, TcpListener};
use rstest::rstest;
use serde_json::{Value, json};
use signet::model::client::{AuthMethod, Client, GrantType};
use signet_verify::crypto::SigningKey;
use signet_verify::jose::base64url;

use super::support::{
    Asked, ISSUER, Provider, REDIRECT_URI, VERIFIER, assert_error, challenge, encoded, form, post, post_to,
};
use crate::store::support::{Kind, Postgres, Sqlite};
use crate::support::{BEGINNING, Reply, TestApp};

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32]).unwrap()
}

fn key_set(seeds: &[u8]) -> String {
    let keys: Vec<Value> = seeds
        .iter()
        .map(|seed| {
            let x = base64url::encode(key(*seed).public().as_bytes());
            json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": format!("key-{seed}"), "alg": "EdDSA" })
        })
        .collect();
    json!({ "keys": keys }).to_string()
}

/// An assertion of the client `app`, but for what `change` makes of it.
fn assertion(seed: u8, alg: &str, now: i64, change: impl FnOnce(&mut Value)) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let jti = format!("jti {}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let mut claims =
        json!({ "iss": "app", "sub": "app", "aud": ISSUER, "jti": jti, "iat": now, "exp": now + 60 });
    change(&mut claims);
    let header = json!({ "alg": alg, "kid": format!("key-{seed}") });
    let part = |value: &Value| base64url::encode(value.to_string().as_bytes());
    let input = format!("{}.{}", part(&header), part(&claims));
    format!("{input}.{}", base64url::encode(&key(seed).sign(input.as_bytes()).unwrap()))
}

async fn ask_at(app: &TestApp, assertion: &str, more: &[(&'static str, &str)]) -> Reply {
    let mut all = form(&[
        ("grant_type", "client_credentials"),
        ("client_assertion_type", TYPE),
        ("client_assertion", assertion),
    ]);
    all.extend(form(more));
    post(&app.anonymous(), None, encoded(&all)).await
}

const NOW: i64 = BEGINNING.seconds();

fn signs(client: &mut Client) {
    client.auth_method = AuthMethod::PrivateKeyJwt;
    client.jwks = Some(key_set(&[1, 2]));
}

#[tokio::test]
async fn assertion_proves_its_client_by_both_names_of_the_algorithm_and_both_audiences() {
    let provider = Provider::start().await;
    provider.client("app", signs).await;
    let endpoint = format!("{ISSUER}/api/auth/oauth2/token");
    for alg in ["EdDSA", "Ed25519"] {
        ask_at(&provider.app, &assertion(1, alg, NOW, |_| ()), &[]).await.expect(200);
        let at_endpoint = assertion(2, alg, NOW, |claims| claims["aud"] = json!(endpoint));
        ask_at(&provider.app, &at_endpoint, &[("client_id", "app")]).await.expect(200);
    }
}

#[tokio::test]
async fn assertion_proves_its_client_at_every_endpoint_that_asks_who_it_is_and_another_key_s_at_none() {
    let provider = Provider::start().await;
    let client = provider.client("app", |client| {
        signs(client);
        client.grant_types.push(GrantType::DeviceCode);
    });
    let client = client.await;
    let token = ask_at(&provider.app, &assertion(1, "EdDSA", NOW, |_| ()), &[]).await.expect(200);
    let token = token["access_token"].as_str().unwrap();
    let pushed = form(&[
        ("response_type", "code"),
        ("redirect_uri", REDIRECT_URI),
        ("scope", "openid"),
        ("code_challenge", &challenge(VERIFIER)),
        ("code_challenge_method", "S256"),
    ]);
    for (path, said, status) in [
        ("/api/auth/oauth2/par", pushed, 201),
        ("/api/auth/device/code", form(&[("scope", "openid")]), 200),
        ("/api/auth/oauth2/introspect", form(&[("token", token)]), 200),
        ("/api/auth/oauth2/revoke", form(&[("token", token)]), 200),
    ] {
        let asked = async |seed: u8| {
            let assertion = assertion(seed, "EdDSA", NOW, |_| ());
            let proof = form(&[("client_assertion_type", TYPE), ("client_assertion", &assertion)]);
            post_to(&provider.app, &client, path, &[said.clone(), proof].concat()).await
        };
        assert_error(&asked(3).await, 401, "invalid_client");
        asked(1).await.expect(status);
        assert_error(&post_to(&provider.app, &client, path, &said).await, 401, "invalid_client");
    }
}

#[tokio::test]
async fn assertion_that_breaks_a_rule_proves_nothing() {
    let provider = Provider::start().await;
    provider.client("app", signs).await;
    provider.client("secret", |_| ()).await;
    let others = [json!([ISSUER]), json!([ISSUER, "https://other.example"]), json!("https://other.example")];
    let mut broken: Vec<String> =
        others.into_iter().map(|aud| assertion(1, "EdDSA", NOW, |claims| claims["aud"] = aud)).collect();
    for (name, value) in [
        ("iss", json!("secret")),
        ("sub", json!("secret")),
        ("exp", json!(NOW)),
        ("exp", json!(NOW + 600)),
        ("exp", Value::Null),
        ("jti", Value::Null),
        ("iat", json!(NOW + 120)),
    ] {
        broken.push(assertion(1, "EdDSA", NOW, |claims| claims[name] = value));
    }
    let named = |name: &'static str| {
        assertion(1, "EdDSA", NOW, |claims| (claims["iss"], claims["sub"]) = (json!(name), json!(name)))
    };
    broken.extend([named("secret"), named("unknown")]);
    broken.extend([assertion(3, "EdDSA", NOW, |_| ()), assertion(1, "ES256", NOW, |_| ())]);
    broken.extend(["none", "HS256"].map(|alg| assertion(1, alg, NOW, |_| ())));
    broken.extend(["a.b.c".to_owned(), "x".to_owned(), "a".repeat(10_000)]);
    for assertion in &broken {
        assert_error(&ask_at(&provider.app, assertion, &[]).await, 401, "invalid_client");
    }
    let fine = assertion(1, "EdDSA", NOW, |_| ());
    let other = ask_at(&provider.app, &fine, &[("client_id", "secret")]).await;
    assert_error(&other, 401, "invalid_client");
    ask_at(&provider.app, &fine, &[]).await.expect(200);
}

#[rstest]
#[tokio::test]
async fn assertion_is_good_once_at_every_instance(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(provider) = Provider::on(kind).await else { return };
    provider.client("app", signs).await;
    let another = provider.another_instance().await;
    let crowd_of_one = assertion(1, "EdDSA", NOW, |_| ());
    let crowd = (0..6).map(|number| {
        let app = if number % 2 == 0 { &provider.app } else { &another };
        ask_at(app, &crowd_of_one, &[])
    });
    let replies = futures_util::future::join_all(crowd).await;
    let won = replies.iter().filter(|reply| reply.status == 200).count();
    assert_eq!((won, replies.iter().filter(|reply| reply.status == 401).count()), (1, 5));
    // Another client may use the same name.
    provider.client("app2", signs).await;
    let jti = |id: &'static str| {
        assertion(1, "EdDSA", NOW, |claims| {
            (claims["iss"], claims["sub"], claims["jti"]) = (json!(id), json!(id), json!("same"));
        })
    };
    ask_at(&provider.app, &jti("app"), &[]).await.expect(200);
    ask_at(&provider.app, &jti("app2"), &[]).await.expect(200);
    assert_error(&ask_at(&provider.app, &jti("app"), &[]).await, 401, "invalid_client");
}

#[tokio::test]
async fn assertion_needs_its_type_and_a_client_that_registered_for_it() {
    let provider = Provider::start().await;
    let client = provider.client("app", signs).await;
    let fine = assertion(1, "EdDSA", NOW, |_| ());
    let asked = [("grant_type", "client_credentials"), ("client_assertion", fine.as_str())];
    for kind in [None, Some("urn:ietf:params:oauth:client-assertion-type:saml2-bearer")] {
        let mut all = form(&asked);
        all.extend(kind.map(|kind| ("client_assertion_type", kind.to_owned())));
        let reply = post(&provider.app.anonymous(), None, encoded(&all)).await;
        assert_error(&reply, 400, "invalid_request");
    }
    let user = provider.app.signed_up("alice").await;
    let code = provider.code(&client, &user, &Asked::default()).await;
    assert_error(&provider.exchange(&client, &code).await, 401, "invalid_client");
}

/// A server of a client that answers its keys, and counts how often it is asked.
struct KeyServer {
    address: String,
    document: Arc<Mutex<Option<String>>>,
    asked: Arc<AtomicU32>,
}

impl KeyServer {
    async fn start(document: &str) -> Self {
        let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
        let address = acceptor.local_addr()[0].as_socket_addr().unwrap().to_owned();
        let document = Arc::new(Mutex::new(Some(document.to_owned())));
        let asked = Arc::new(AtomicU32::new(0));
        let (served, count) = (document.clone(), asked.clone());
        let endpoint = make_sync(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            let status = poem::http::StatusCode::SERVICE_UNAVAILABLE;
            served.lock().clone().map_or_else(|| status.into(), poem::Response::from)
        });
        tokio::spawn(poem::Server::new_with_acceptor(acceptor).run(endpoint));
        Self { address: format!("http://{address}/jwks"), document, asked }
    }

    fn asked(&self) -> u32 {
        self.asked.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn jwks_uri_is_asked_seldom_and_hears_of_new_keys() {
    let provider = Provider::start().await;
    let server = KeyServer::start(&key_set(&[1])).await;
    let address = server.address.clone();
    let from_address = |client: &mut Client| {
        client.auth_method = AuthMethod::PrivateKeyJwt;
        client.jwks_uri = Some(address);
    };
    provider.client("app", from_address).await;
    let ask =
        async |seed: u8, now: i64| ask_at(&provider.app, &assertion(seed, "EdDSA", now, |_| ()), &[]).await;
    for _ in 0..5 {
        ask(1, NOW).await.expect(200);
    }
    assert_eq!(server.asked(), 1);
    // A name that is not there is asked for, but not by everybody who makes one up.
    provider.advance(20);
    for seed in 2..8 {
        assert_error(&ask(seed, NOW).await, 401, "invalid_client");
    }
    assert_eq!(server.asked(), 2);
    *server.document.lock() = Some(key_set(&[1, 2]));
    provider.advance(20);
    ask(2, NOW + 40).await.expect(200);
    assert_eq!(server.asked(), 3);
    // What was fetched is good for an hour where nothing answers.
    *server.document.lock() = None;
    provider.advance(1800);
    ask(2, NOW + 1840).await.expect(200);
    provider.advance(1800);
    assert_error(&ask(2, NOW + 3640).await, 401, "invalid_client");
}

#[tokio::test]
async fn jwks_uri_on_a_network_that_is_not_public_is_never_asked() {
    let provider =
        Provider::with(|settings| settings.set("BETTER_AUTH_URL", "https://id.example".to_owned())).await;
    let server = KeyServer::start(&key_set(&[1])).await;
    let local = server.address.replace("127.0.0.1", "localhost");
    for (id, address) in [("one", server.address.clone()), ("two", local)] {
        provider
            .client(id, |client| {
                client.auth_method = AuthMethod::PrivateKeyJwt;
                client.jwks_uri = Some(address);
            })
            .await;
        let own = assertion(1, "EdDSA", NOW, |claims| {
            (claims["iss"], claims["sub"]) = (json!(id), json!(id));
            claims["aud"] = json!("https://id.example");
        });
        assert_error(&ask_at(&provider.app, &own, &[]).await, 401, "invalid_client");
    }
    assert_eq!(server.asked(), 0);
}
