//! Clients hear of ended sessions whatever happens to the server that ended them, and from an operator's verb as well.

use std::time::Duration;

use serde_json::{Value, json};

use super::server::{Server, printed, run};
use super::sign_up_body;
use crate::oauth::party::{Mood, Party};
use crate::oauth::support::{REDIRECT_URI, VERIFIER, basic, challenge, claims, encoded, form, post};
use crate::support::PASSWORD;
use crate::support::agent::Agent;
use crate::support::wait::until_for;

const SECRET: &str = "Qm9yZWQgb2YgdGhpcyBzZWNyZXQgYWxyZWFkeT8x";
const EMAIL: &str = "ada@example.com";

/// Signs a user in to the client in a browser; the browser, and the ID token that the client got.
async fn sign_in(server: &Server) -> (Agent, Value) {
    let mut agent = Agent::new().stopping_at(REDIRECT_URI);
    let challenge = challenge(VERIFIER);
    let asked = encoded(&form(&[
        ("response_type", "code"),
        ("client_id", "app"),
        ("redirect_uri", REDIRECT_URI),
        ("scope", "openid"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ]));
    let page = agent.open(&format!("{}/api/auth/oauth2/authorize?{asked}", server.base_url)).await;
    let typed = page.form("password").fill("email", EMAIL).fill("password", PASSWORD);
    let code = agent.submit(&page, &typed, "").await.parameter("code").unwrap();
    let exchange = form(&[
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
    ]);
    let answer = post(&server.caller(), Some(&basic("app", SECRET)), encoded(&exchange)).await.expect(200);
    (agent, answer["id_token"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn client_is_told_of_an_ended_session_after_a_kill_while_it_was_told_and_by_an_operators_verb() {
    let folder = tempfile::tempdir().unwrap();
    let party = Party::start(Mood::Hangs).await;
    let declared = json!({ "clients": [{
        "client_id": "app", "client_secret": SECRET, "redirect_uris": [REDIRECT_URI], "skip_consent": true,
        "backchannel_logout_uri": party.address, "backchannel_logout_session_required": true,
    }] });
    std::fs::write(folder.path().join("clients.json"), declared.to_string()).unwrap();
    let settings = [("SIGNET_PROVISION", "clients.json")];
    let server = Server::start(folder.path(), &settings);
    server.caller().post("/api/auth/sign-up/email", &sign_up_body(EMAIL)).await.expect(200);
    let (mut agent, first) = sign_in(&server).await;
    let hint = first.as_str().unwrap();
    let page =
        agent.open(&format!("{}/api/auth/oauth2/end-session?id_token_hint={hint}", server.base_url)).await;
    assert!(page.shows("You are signed out"), "{}", page.text);
    party.hears(1).await;
    server.kill();
    party.becomes(Mood::Agrees);
    let server = Server::start(folder.path(), &settings);
    // Once the claim of the server that was killed is over.
    until_for(Duration::from_secs(180), "it is told again", async || party.heard().len() >= 2).await;
    let (_, second) = sign_in(&server).await;
    let ended = run(folder.path(), &["users", "end-sessions", EMAIL], &[]);
    assert!(ended.status.success(), "{}", printed(&ended));
    party.hears(3).await;
    let heard = party.heard();
    let told: Vec<&Value> = heard.iter().map(|claims| &claims["sid"]).collect();
    let (first, second) = (&claims(&first)["sid"], &claims(&second)["sid"]);
    assert_eq!(told, [first, first, second]);
    server.terminate();
}
