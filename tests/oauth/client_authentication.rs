//! How clients prove who they are.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use signet::model::client::{AuthMethod, Client};
use signet::secret::ClientSecret;

use super::support::{Asked, Provider, assert_error, basic, encoded, form, post, secret_of};
use crate::support::{BEGINNING, Reply, TestApp};

fn machine() -> Vec<(&'static str, String)> {
    form(&[("grant_type", "client_credentials")])
}

async fn with_basic(app: &TestApp, value: &str) -> Reply {
    post(&app.anonymous(), Some(value), encoded(&machine())).await
}

async fn with_post(app: &TestApp, more: &[(&'static str, &str)]) -> Reply {
    let mut all = machine();
    all.extend(form(more));
    post(&app.anonymous(), None, encoded(&all)).await
}

fn assert_refused(reply: &Reply) {
    assert_error(reply, 401, "invalid_client");
    assert!(reply.header("www-authenticate").starts_with("Basic realm="), "{:?}", reply.headers);
}

async fn three_clients(provider: &Provider) -> [Client; 3] {
    let methods = [AuthMethod::ClientSecretBasic, AuthMethod::ClientSecretPost, AuthMethod::None];
    let mut all = Vec::new();
    for (id, method) in ["basic", "post", "public"].into_iter().zip(methods) {
        all.push(provider.client(id, |client| client.auth_method = method).await);
    }
    all.try_into().unwrap()
}

#[tokio::test]
async fn unknown_client_and_wrong_secret_are_the_same_answer() {
    let provider = Provider::start().await;
    three_clients(&provider).await;
    let wrong = with_basic(&provider.app, &basic("basic", "wrong")).await;
    let unknown = with_basic(&provider.app, &basic("unknown", "wrong")).await;
    let posted = with_post(&provider.app, &[("client_id", "post"), ("client_secret", "wrong")]).await;
    let nobody = with_post(&provider.app, &[("client_id", "unknown"), ("client_secret", "wrong")]).await;
    let public = with_post(&provider.app, &[("client_id", "unknown")]).await;
    let without = with_post(&provider.app, &[]).await;
    for reply in [&wrong, &unknown, &posted, &nobody, &public, &without] {
        assert_refused(reply);
        assert_eq!(reply.text, wrong.text);
    }
}

#[tokio::test]
async fn basic_takes_a_secret_that_is_encoded_as_a_form_and_one_that_is_not() {
    let provider = Provider::start().await;
    three_clients(&provider).await;
    let secret = secret_of("basic");
    with_basic(&provider.app, &basic("basic", &secret)).await.expect(200);
    let plain = format!("Basic {}", STANDARD.encode(format!("basic:{secret}")));
    with_basic(&provider.app, &plain).await.expect(200);
    with_basic(&provider.app, &plain.replace("Basic", "bASIC")).await.expect(200);
}

#[tokio::test]
async fn basic_that_is_malformed_is_refused() {
    let provider = Provider::start().await;
    three_clients(&provider).await;
    let encoded = |text: &[u8]| format!("Basic {}", STANDARD.encode(text));
    for value in [
        "Basic",
        "Basic ",
        "Basic !!!",
        "Bearer abc",
        "",
        &encoded(b"basic"),
        &encoded(b"\xff:\xff"),
        &encoded(b":"),
        &encoded(b"basic:"),
        &encoded(b"%zz:%"),
        &encoded(&[b'a'; 6000]),
    ] {
        assert_refused(&with_basic(&provider.app, value).await);
    }
}

#[tokio::test]
async fn each_client_proves_itself_in_its_own_way_alone() {
    let provider = Provider::start().await;
    three_clients(&provider).await;
    let (of_basic, of_post) = (secret_of("basic"), secret_of("post"));
    assert_refused(&with_post(&provider.app, &[("client_id", "basic"), ("client_secret", &of_basic)]).await);
    assert_refused(&with_basic(&provider.app, &basic("post", &of_post)).await);
    assert_refused(&with_post(&provider.app, &[("client_id", "basic")]).await);
    assert_refused(&with_post(&provider.app, &[("client_id", "post")]).await);
    assert_refused(&with_basic(&provider.app, &basic("public", "")).await);
    assert_refused(&with_post(&provider.app, &[("client_id", "public"), ("client_secret", "x")]).await);
    with_post(&provider.app, &[("client_id", "post"), ("client_secret", &of_post)]).await.expect(200);
}

#[tokio::test]
async fn public_client_redeems_its_code_without_a_secret() {
    let provider = Provider::start().await;
    let [_, _, public] = three_clients(&provider).await;
    let user = provider.app.signed_up("alice").await;
    let answer = provider.granted(&public, &user, &Asked::default()).await;
    provider.refresh(&public, answer["refresh_token"].as_str().unwrap()).await.expect(200);
}

#[tokio::test]
async fn two_ways_at_once_are_refused() {
    let provider = Provider::start().await;
    three_clients(&provider).await;
    let (app, secret) = (&provider.app, secret_of("basic"));
    let value = basic("basic", &secret);
    let both = |more: &[(&'static str, &str)]| {
        let mut all = machine();
        all.extend(form(more));
        encoded(&all)
    };
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    for more in [
        &[("client_secret", secret.as_str())][..],
        &[("client_id", "basic"), ("client_secret", &secret)],
        &[("client_assertion", "a.b.c"), ("client_assertion_type", kind)],
        &[("client_id", "post")],
    ] {
        let reply = post(&app.anonymous(), Some(&value), both(more)).await;
        assert_error(&reply, 400, "invalid_request");
    }
    let post_and_assertion = [
        ("client_id", "post"),
        ("client_secret", "x"),
        ("client_assertion", "a.b.c"),
        ("client_assertion_type", kind),
    ];
    assert_error(&with_post(app, &post_and_assertion).await, 400, "invalid_request");
    // The same client named twice is no second way.
    post(&app.anonymous(), Some(&value), both(&[("client_id", "basic")])).await.expect(200);
}

#[tokio::test]
async fn two_secrets_are_good_while_one_takes_the_place_of_the_other() {
    let provider = Provider::start().await;
    let client = provider.client("basic", |_| ()).await;
    let (old, new) = (ClientSecret::new(secret_of("basic")), ClientSecret::new("signet_cs_new".to_owned()));
    let clients = provider.database.clients();
    clients.add_secret(&client.id, &new.hash(), BEGINNING).await.unwrap();
    let end = BEGINNING.after(std::time::Duration::from_secs(60));
    clients.end_secret(&old.hash(), end).await.unwrap();
    for secret in [&old, &new] {
        with_basic(&provider.app, &basic("basic", secret.expose())).await.expect(200);
    }
    provider.advance(60);
    assert_refused(&with_basic(&provider.app, &basic("basic", old.expose())).await);
    with_basic(&provider.app, &basic("basic", new.expose())).await.expect(200);
}

#[tokio::test]
async fn guesses_of_secrets_are_limited_by_address_and_no_client_is_locked_out_elsewhere() {
    let provider = Provider::with(|settings| {
        settings.unset("SIGNET_RATE_LIMIT");
        settings.set("SIGNET_TRUSTED_PROXIES", "127.0.0.1".to_owned());
    });
    let provider = provider.await;
    provider.client("basic", |_| ()).await;
    let from = |address: &'static str, secret: String| {
        let caller = provider.app.anonymous();
        async move {
            let request = caller.request(reqwest::Method::POST, "/api/auth/oauth2/token");
            let request = request
                .header("content-type", "application/x-www-form-urlencoded")
                .header("authorization", basic("basic", &secret))
                .header("x-forwarded-for", address)
                .body("grant_type=client_credentials");
            crate::support::Caller::send(request).await
        }
    };
    let mut refused = 0;
    let limited = loop {
        let reply = from("203.0.113.7", "wrong".to_owned()).await;
        if reply.status != 401 {
            break reply;
        }
        refused += 1;
        assert!(refused <= 1000, "guesses are not limited");
    };
    assert_error(&limited, 429, "temporarily_unavailable");
    assert!(limited.header("retry-after").parse::<u32>().unwrap() >= 1);
    from("198.51.100.9", secret_of("basic")).await.expect(200);
}

/// Enough addresses that none of them meets its own limit, which is half of that of a client.
const ADDRESSES: [&str; 4] = ["203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4"];

#[tokio::test]
async fn client_is_limited_from_wherever_it_asks_and_no_other_client_with_it() {
    let provider = Provider::with(|settings| {
        settings.unset("SIGNET_RATE_LIMIT");
        settings.set("SIGNET_TRUSTED_PROXIES", "127.0.0.1".to_owned());
    });
    let provider = provider.await;
    for id in ["busy", "other"] {
        provider.client(id, |_| ()).await;
    }
    // Not the token endpoint: nothing has to be signed.
    let ask = |id: &'static str, address: &'static str| {
        let request = provider.app.anonymous().request(reqwest::Method::POST, "/api/auth/oauth2/revoke");
        let request = request
            .header("content-type", "application/x-www-form-urlencoded")
            .header("authorization", basic(id, &secret_of(id)))
            .header("x-forwarded-for", address)
            .body("token=nonsense");
        crate::support::Caller::send(request)
    };
    // The clock stands still: nothing is given back.
    let (mut answered, mut limited) = (0, None);
    while limited.is_none() {
        for reply in futures_util::future::join_all(ADDRESSES.map(|address| ask("busy", address))).await {
            match reply.status.as_u16() {
                200 => answered += 1,
                _ => limited = Some(reply),
            }
        }
        assert!(answered <= 1300, "a client is not limited");
    }
    let limited = limited.unwrap();
    assert_error(&limited, 429, "temporarily_unavailable");
    assert!(limited.header("retry-after").parse::<u32>().unwrap() >= 1);
    assert!(answered >= 1200, "{answered}");
    assert_error(&ask("busy", "198.51.100.9").await, 429, "temporarily_unavailable");
    ask("other", "203.0.113.1").await.expect(200);
}
