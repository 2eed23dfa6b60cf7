//! Clients are told that sessions have ended (OpenID Connect Back-Channel Logout 1.0).

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};
use signet::identity::{Sessions, Users};
use signet::model::client::{AuthMethod, Client};
use signet::model::logout_notice::TRIED_FOR;
use signet::sync::revocations::Revocations;
use signet_verify::clock::Clock;
use signet_verify::crypto::{Algorithm, SystemEntropy};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};

use super::party::{Mood, Party};
use super::support::{Asked, ISSUER, Provider, claims};
use crate::clients::{installed, script};
use crate::store::support::{Kind, Postgres, Sqlite};
use crate::support::wait::until;
use crate::support::{BEGINNING, PASSWORD, TestApp, User};

/// Registers a client that wants to be told at this address.
async fn told_client(provider: &Provider, id: &str, address: &str) -> Client {
    provider.client(id, |client| client.backchannel_logout_uri = Some(address.to_owned())).await
}

fn sid(answer: &Value) -> String {
    claims(&answer["id_token"])["sid"].as_str().unwrap().to_owned()
}

async fn sign_out(user: &User) {
    user.session.post("/api/auth/sign-out", &json!({})).await.expect(200);
}

/// How many notices wait.
async fn waiting(provider: &Provider) -> i64 {
    let pool = sqlx::AnyPool::connect(&provider.url).await.unwrap();
    let count = sqlx::query_scalar("SELECT COUNT(*) FROM logout_notices").fetch_one(&pool).await.unwrap();
    pool.close().await;
    count
}

async fn counted(app: &TestApp, result: &str) -> f64 {
    let page = app.anonymous().get("/metrics").await.text;
    let begin = format!("signet_logout_notices_total{{result=\"{result}\"}} ");
    page.lines().find_map(|line| line.strip_prefix(&begin)).unwrap().parse().unwrap()
}

/// A relying party in Node that verifies with `jose`.
struct JoseParty {
    _running: Child,
    lines: Lines<BufReader<ChildStdout>>,
    address: String,
}

impl JoseParty {
    async fn start(provider: &Provider) -> Option<Self> {
        let folder = installed()?;
        let keys = format!("{}/.well-known/jwks.json", provider.app.base_url);
        let path = format!("{}/tests/clients/logout_party.mjs", env!("CARGO_MANIFEST_DIR"));
        let now = BEGINNING.seconds().to_string();
        let mut command = script(&folder, &path, &[&keys, ISSUER, &now]);
        command.env("SIGNET_TEST_CLIENTS", &folder);
        let mut running = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let mut lines = BufReader::new(running.stdout.take().unwrap()).lines();
        let port = lines.next_line().await.unwrap().unwrap();
        Some(Self { _running: running, lines, address: format!("http://127.0.0.1:{port}") })
    }

    async fn next(&mut self) -> Value {
        serde_json::from_str(&self.lines.next_line().await.unwrap().unwrap()).unwrap()
    }
}

#[rstest]
#[tokio::test]
async fn logout_token_is_verified_by_jose_for_every_algorithm(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(provider) = Provider::on(kind).await else { return };
    let Some(mut party) = JoseParty::start(&provider).await else { return };
    let user = provider.app.signed_up("alice").await;
    let mut session = String::new();
    for algorithm in Algorithm::ALL {
        let id = algorithm.name();
        let address = format!("{}/{id}", party.address);
        let client = provider.client(id, |client| {
            client.backchannel_logout_uri = Some(address);
            client.id_token_alg = algorithm;
        });
        let client = client.await;
        session = sid(&provider.granted(&client, &user, &Asked::default()).await);
    }
    sign_out(&user).await;
    let mut algorithms = Vec::new();
    for _ in Algorithm::ALL {
        let heard = party.next().await;
        let (header, payload) = (&heard["header"], &heard["payload"]);
        assert_eq!((&heard["method"], &header["typ"]), (&json!("POST"), &json!("logout+jwt")), "{heard}");
        assert_eq!(heard["type"], "application/x-www-form-urlencoded");
        assert_eq!(header["alg"], payload["aud"]);
        assert_eq!((&payload["sub"], &payload["sid"]), (&json!(user.id), &json!(session)));
        let events = json!({ "http://schemas.openid.net/event/backchannel-logout": {} });
        assert_eq!(payload["events"], events);
        let life = payload["exp"].as_i64().unwrap() - payload["iat"].as_i64().unwrap();
        assert!((1..=120).contains(&life), "{payload}");
        let mut names: Vec<&String> = payload.as_object().unwrap().keys().collect();
        names.sort();
        assert_eq!(names, ["aud", "events", "exp", "iat", "iss", "jti", "sid", "sub"]);
        algorithms.push(header["alg"].as_str().unwrap().to_owned());
    }
    algorithms.sort();
    assert_eq!(algorithms, ["ES256", "EdDSA", "RS256"]);
    until("nothing waits", async || waiting(&provider).await == 0).await;
}

/// What ends a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    SignOut,
    RevokeOne,
    RevokeAll,
    RevokeOthers,
    ChangePassword,
    Delete,
    EndSession,
    OperatorEndsSessions,
    OperatorSetsPassword,
    OperatorRemoves,
}
use Deed::{
    ChangePassword, Delete, EndSession, OperatorEndsSessions, OperatorRemoves, OperatorSetsPassword,
    RevokeAll, RevokeOne, RevokeOthers, SignOut,
};

impl Deed {
    async fn run(self, provider: &Provider, user: &User, answer: &Value) {
        let post = async |user: &User, path: &str, body: Value| {
            user.session.post(&format!("/api/auth/{path}"), &body).await.expect(200);
        };
        match self {
            SignOut => sign_out(user).await,
            RevokeOne | RevokeOthers => {
                let other = user.sign_in_again(&provider.app).await;
                let path = if self == RevokeOne { "revoke-session" } else { "revoke-other-sessions" };
                post(&other, path, json!({ "token": sid(answer) })).await;
            }
            RevokeAll => post(user, "revoke-sessions", json!({})).await,
            ChangePassword => {
                let body = json!({
                    "currentPassword": PASSWORD, "newPassword": "another password", "revokeOtherSessions": true,
                });
                post(user, "change-password", body).await;
            }
            Delete => post(user, "delete-user", json!({ "password": PASSWORD })).await,
            EndSession => {
                let hint = answer["id_token"].as_str().unwrap();
                let path = format!("/api/auth/oauth2/end-session?id_token_hint={hint}");
                assert_eq!(user.session.get(&path).await.status, 200);
            }
            OperatorEndsSessions | OperatorSetsPassword | OperatorRemoves => self.order(provider, user).await,
        }
    }

    async fn order(self, provider: &Provider, user: &User) {
        let clock: Arc<dyn Clock> = provider.app.clock.clone().unwrap();
        let entropy = Arc::new(SystemEntropy::new());
        let (database, revocations) = (provider.database.clone(), Arc::new(Revocations::new(clock.clone())));
        let life = Duration::from_secs(900);
        let sessions =
            Arc::new(Sessions::new(database.clone(), life, revocations, clock.clone(), entropy.clone()));
        let users = Users::new(database, sessions, clock, entropy.clone());
        let found = users.find(&user.id).await.unwrap().unwrap();
        match self {
            OperatorEndsSessions => assert_eq!(users.end_sessions(&found, "operator").await.unwrap(), 1),
            OperatorRemoves => assert_eq!(users.remove(&found, "operator").await.unwrap(), 1),
            _ => {
                let passwords = signet::password::Passwords::start(entropy).unwrap();
                let new = signet::secret::Password::new("another password".to_owned());
                users.set_password(&found, &new, &passwords, "operator").await.unwrap();
            }
        }
    }
}

#[rstest]
#[tokio::test]
async fn session_that_ends_in_any_way_is_told_once_to_each_client_that_signed_in_in_it(
    #[values(
        SignOut,
        RevokeOne,
        RevokeAll,
        RevokeOthers,
        ChangePassword,
        Delete,
        EndSession,
        OperatorEndsSessions,
        OperatorSetsPassword,
        OperatorRemoves
    )]
    deed: Deed,
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(provider) = Provider::on(kind).await else { return };
    let (told, also) = (Party::start(Mood::Agrees).await, Party::start(Mood::Agrees).await);
    let client = told_client(&provider, "app", &told.address).await;
    let offline = told_client(&provider, "offline", &also.address).await;
    let silent = provider.client("silent", |_| ()).await;
    let (user, bob) = (provider.app.signed_up("alice").await, provider.app.signed_up("bob").await);
    let answer = provider.granted(&client, &user, &Asked::default()).await;
    // Twice in one session, with offline access, and with none; one that got no ID token; and another user.
    provider.granted(&client, &user, &Asked::default()).await;
    provider.granted(&offline, &user, &Asked::scope("openid offline_access")).await;
    provider.granted(&silent, &user, &Asked::default()).await;
    let mute = Party::start(Mood::Agrees).await;
    let tasks = told_client(&provider, "tasks", &mute.address).await;
    provider.granted(&tasks, &user, &Asked::scope("tasks:read")).await;
    provider.granted(&client, &bob, &Asked::default()).await;
    deed.run(&provider, &user, &answer).await;
    told.hears(1).await;
    also.hears(1).await;
    until("nothing waits", async || waiting(&provider).await == 0).await;
    assert_eq!((told.sessions(), also.sessions()), (vec![sid(&answer)], vec![sid(&answer)]));
    assert_eq!((told.heard()[0]["sub"].as_str(), mute.heard().len()), (Some(user.id.as_str()), 0));
    assert!(told.heard()[0].get("nonce").is_none());
}

#[tokio::test]
async fn client_whose_grant_is_over_long_before_the_session_is_told_as_well() {
    let provider = Provider::start().await;
    let party = Party::start(Mood::Agrees).await;
    let client = provider.client("app", |client| {
        client.backchannel_logout_uri = Some(party.address.clone());
        client.grant_types = vec![signet::model::client::GrantType::AuthorizationCode];
    });
    let client = client.await;
    let user = provider.app.signed_up("alice").await;
    let answer = provider.granted(&client, &user, &Asked::default()).await;
    provider.advance(3600);
    let now = provider.app.clock.as_ref().unwrap().now();
    provider.database.grants().sweep(now).await.unwrap();
    sign_out(&user).await;
    party.hears(1).await;
    assert_eq!(party.sessions(), [sid(&answer)]);
}

#[tokio::test]
async fn session_that_expires_by_itself_tells_nobody() {
    let provider = Provider::start().await;
    let party = Party::start(Mood::Agrees).await;
    let client = told_client(&provider, "app", &party.address).await;
    let user = provider.app.signed_up("alice").await;
    provider.granted(&client, &user, &Asked::default()).await;
    provider.advance(8 * 24 * 60 * 60);
    user.session.get("/api/auth/get-session").await.expect(200);
    assert_eq!((waiting(&provider).await, party.heard().len()), (0, 0));
}

#[rstest]
#[case::error(Mood::Answers(500))]
#[case::refusal(Mood::Answers(400))]
#[case::redirect(Mood::Answers(302))]
#[case::silence(Mood::Hangs)]
#[case::flood(Mood::Rambles)]
#[tokio::test]
async fn notice_is_given_again_until_the_client_says_yes(#[case] mood: Mood) {
    let provider = Provider::start().await;
    let party = Party::start(mood).await;
    let client = told_client(&provider, "app", &party.address).await;
    let user = provider.app.signed_up("alice").await;
    let answer = provider.granted(&client, &user, &Asked::default()).await;
    sign_out(&user).await;
    for attempts in 1..3_usize {
        party.hears(attempts).await;
        until("it waits for its next time", async || {
            counted(&provider.app, "postponed").await >= attempts as f64
        })
        .await;
        provider.advance(60);
    }
    party.becomes(Mood::Agrees);
    until("it is told", async || {
        counted(&provider.app, "delivered").await > 0.0 || {
            provider.advance(60);
            false
        }
    })
    .await;
    assert_eq!(waiting(&provider).await, 0);
    let heard = party.heard();
    assert!(heard.iter().all(|claims| claims["sid"] == json!(sid(&answer))));
    // Each time it is a token of its own.
    let mut ids: Vec<&str> = heard.iter().map(|claims| claims["jti"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), heard.len());
}

#[tokio::test]
async fn notice_is_dropped_after_hours_and_counted() {
    let provider = Provider::start().await;
    let party = Party::start(Mood::Answers(500)).await;
    let client = told_client(&provider, "app", &party.address).await;
    let user = provider.app.signed_up("alice").await;
    provider.granted(&client, &user, &Asked::default()).await;
    sign_out(&user).await;
    party.hears(1).await;
    until("it waits for its next time", async || counted(&provider.app, "postponed").await > 0.0).await;
    provider.advance(TRIED_FOR.as_secs());
    until("it is dropped", async || counted(&provider.app, "dropped").await == 1.0).await;
    assert_eq!(waiting(&provider).await, 0);
}

#[tokio::test]
async fn client_that_hangs_delays_no_other() {
    let provider = Provider::start().await;
    let (hanging, prompt) = (Party::start(Mood::Hangs).await, Party::start(Mood::Agrees).await);
    let slow = told_client(&provider, "slow", &hanging.address).await;
    let quick = told_client(&provider, "quick", &prompt.address).await;
    let user = provider.app.signed_up("alice").await;
    // As many as all requests that may be under way at once: each with a session of its own.
    for _ in 0..140 {
        let other = user.sign_in_again(&provider.app).await;
        provider.granted(&slow, &other, &Asked::scope("openid")).await;
        sign_out(&other).await;
    }
    hanging.hears(1).await;
    let other = user.sign_in_again(&provider.app).await;
    let answer = provider.granted(&quick, &other, &Asked::scope("openid")).await;
    sign_out(&other).await;
    prompt.hears(1).await;
    assert_eq!(prompt.sessions(), [sid(&answer)]);
    assert!(waiting(&provider).await >= 100, "the others are still to be told");
}

#[rstest]
#[tokio::test]
async fn two_instances_give_each_notice_once(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(provider) = Provider::on(kind).await else { return };
    let other = provider.another_instance().await;
    let party = Party::start(Mood::Agrees).await;
    let client = told_client(&provider, "app", &party.address).await;
    let user = provider.app.signed_up("alice").await;
    let mut sessions = Vec::new();
    for number in 0..24 {
        let app = if number % 2 == 0 { &provider.app } else { &other };
        let again = user.sign_in_again(app).await;
        sessions.push(sid(&provider.granted(&client, &again, &Asked::default()).await));
    }
    user.session.at(&other).post("/api/auth/revoke-sessions", &json!({})).await.expect(200);
    party.hears_exactly(24).await;
    sessions.sort();
    assert_eq!(party.sessions(), sessions);
    assert_eq!(waiting(&provider).await, 0);
}

#[tokio::test]
async fn address_on_a_network_that_is_not_public_is_never_told() {
    let provider =
        Provider::with(|settings| settings.set("BETTER_AUTH_URL", "https://id.example".to_owned())).await;
    let party = Party::start(Mood::Agrees).await;
    let user = provider.app.signed_up("alice").await;
    for (id, address) in [
        ("one", party.address.clone()),
        ("two", party.address.replace("127.0.0.1", "localhost")),
        ("three", party.address.replace("http:", "https:")),
    ] {
        let client = told_client(&provider, id, &address).await;
        provider.granted(&client, &user, &Asked::default()).await;
    }
    sign_out(&user).await;
    until("they were tried", async || counted(&provider.app, "postponed").await >= 3.0).await;
    assert_eq!(party.heard().len(), 0);
}

#[tokio::test]
async fn client_that_is_removed_is_not_told_any_more() {
    let provider = Provider::start().await;
    let party = Party::start(Mood::Answers(500)).await;
    let client = provider.client("app", |client| {
        client.backchannel_logout_uri = Some(party.address.clone());
        client.auth_method = AuthMethod::ClientSecretPost;
    });
    let client = client.await;
    let user = provider.app.signed_up("alice").await;
    provider.granted(&client, &user, &Asked::default()).await;
    sign_out(&user).await;
    party.hears(1).await;
    assert!(provider.database.clients().delete(&client.id).await.unwrap());
    assert_eq!(waiting(&provider).await, 0);
}

#[tokio::test]
async fn metadata_says_that_clients_are_told_and_of_which_session() {
    let provider = Provider::start().await;
    let document = provider.app.anonymous().get("/.well-known/openid-configuration").await.expect(200);
    let members = ["backchannel_logout_supported", "backchannel_logout_session_supported"];
    assert_eq!(members.map(|member| &document[member]), [&json!(true), &json!(true)]);
}
