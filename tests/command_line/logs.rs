//! What the log says of requests and of security, line by line.

use serde_json::{Value, json};

use super::server::{Server, until};
use super::sign_up_body;
use crate::support::Caller;
use crate::support::caller::PASSWORD;

/// What people did, of the audit; what happened to signing keys stands there too.
fn actions(log: &str) -> Vec<Value> {
    lines(log, "signet::audit").into_iter().filter(|line| line["action"] != "signing_key").collect()
}

/// The lines of `log` under one target.
fn lines(log: &str, target: &str) -> Vec<Value> {
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["target"] == target).collect()
}

#[tokio::test]
async fn log_has_a_line_for_each_request_with_its_id_its_route_its_status_and_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let found = server.caller().get("/api/auth/jwks").await;
    let missing = server.caller().get("/of-nobody?code=private").await;
    let refused = server.caller().get("/api/somebody/tasks").await;
    let (_, log) = server.terminate();
    let logged = lines(&log, "signet::request");
    assert_eq!(logged.len(), 3, "{log}");
    let expected =
        [(found, "/api/auth/jwks", 200), (missing, "-", 404), (refused, "/api/{user_id}/tasks", 401)];
    for (line, (reply, route, status)) in logged.iter().zip(expected) {
        assert_eq!(
            (&line["route"], &line["status"], &line["method"]),
            (&json!(route), &json!(status), &json!("GET"))
        );
        assert_eq!(line["id"], reply.header("x-request-id"));
        assert!(line["micros"].as_u64().is_some_and(|micros| micros > 0), "{line}");
        assert!(line["timestamp"].is_string(), "{line}");
    }
    assert!(!log.contains("private") && !log.contains("somebody"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_has_each_line_soon_and_in_order_however_many_ask() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let caller = server.caller();
        asking.spawn(async move {
            for _ in 0..250 {
                caller.get("/api/auth/jwks").await.expect(200);
            }
        });
    }
    asking.join_all().await;
    // The server is not stopped, and nothing else is written that could push them out.
    until("a line for each request", async || lines(&server.log(), "signet::request").len() == 2000).await;
    // A request and what is written on its way: the line that waits for nothing does not overtake the one before it.
    for number in 0..20 {
        server.caller().get(&format!("/nothing/{number}")).await.expect(404);
        server.caller().bearing("not.a.token").get("/api/me/tasks").await.expect(401);
    }
    let (_, log) = server.terminate();
    let order: Vec<&str> = log
        .lines()
        .filter_map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            match (line["target"].as_str()?, line["status"].as_u64()) {
                ("signet::request", Some(404)) => Some("nothing"),
                ("signet::token", _) => Some("refusal"),
                ("signet::request", Some(401)) => Some("refused"),
                _ => None,
            }
        })
        .collect();
    assert_eq!(order, ["nothing", "refusal", "refused"].repeat(20));
}

#[tokio::test]
async fn log_says_why_a_token_was_refused_and_the_answer_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let ada =
        server.caller().post("/api/auth/sign-up/email", &sign_up_body("ada@example.com")).await.expect(200);
    let session = server.caller().bearing(ada["token"].as_str().unwrap());
    let token =
        async || session.get("/api/auth/token").await.expect(200)["token"].as_str().unwrap().to_owned();
    let (token, other) = (token().await, token().await);
    let (input, _) = token.rsplit_once('.').unwrap();
    let forged = format!("{input}.{}", other.rsplit_once('.').unwrap().1);
    let credentials = [
        ("probe-1", format!("Bearer {forged}"), "signature"),
        ("probe-2", format!("Bearer {input}"), "shape"),
        ("probe-3", format!("Bearer \"{token}\""), "malformed_credential"),
    ];
    let mut replies = Vec::new();
    for (id, credential, _) in &credentials {
        let request = server.caller().request(reqwest::Method::GET, "/api/me/tasks");
        let request = request.header("x-request-id", *id).header("authorization", credential);
        let reply = Caller::send(request).await;
        reply.assert_error(401, "INVALID_TOKEN");
        replies.push(format!("{} {}", reply.text, reply.header("www-authenticate")));
    }
    assert!(replies.iter().all(|reply| *reply == replies[0]), "{replies:?}");
    let (_, log) = server.terminate();
    let refusals = lines(&log, "signet::token");
    for (id, _, reason) in credentials {
        let reasons = refusals.iter().filter(|line| line["span"]["id"] == id).map(|line| &line["reason"]);
        assert_eq!(reasons.collect::<Vec<_>>(), [reason], "{log}");
    }
}

#[tokio::test]
async fn audit_names_each_event_of_security_and_no_email_address() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[("SIGNET_MAIL", "off")]);
    let caller = server.caller();
    let ada = caller.post("/api/auth/sign-up/email", &sign_up_body("ada@example.com")).await.expect(200);
    let user = ada["user"]["id"].clone();
    let sign_in = async |email: &str, password: &str| {
        caller.post("/api/auth/sign-in/email", &json!({ "email": email, "password": password })).await
    };
    sign_in("ada@example.com", "not her password").await.expect(401);
    sign_in("eve@example.com", "not her password").await.expect(401);
    let session = async |password| {
        let answer = sign_in("ada@example.com", password).await.expect(200);
        caller.bearing(answer["token"].as_str().unwrap())
    };
    let (one, two) = (session(PASSWORD).await, session(PASSWORD).await);
    let change = async |by: &Caller, old: &str, new: &str| {
        by.post("/api/auth/change-password", &json!({ "currentPassword": old, "newPassword": new })).await
    };
    change(&one, "not her password", "another password").await.expect(400);
    change(&one, PASSWORD, "another password").await.expect(200);
    one.post("/api/auth/revoke-session", &json!({ "token": two.token() })).await.expect(200);
    one.post("/api/auth/revoke-other-sessions", &json!({})).await.expect(200);
    one.post("/api/auth/sign-out", &json!({})).await.expect(200);
    let last = session("another password").await;
    last.post("/api/auth/delete-user", &json!({ "password": "another password" })).await.expect(200);
    let (_, log) = server.terminate();

    let audit = actions(&log);
    let told: Vec<Value> = audit
        .iter()
        .map(|line| {
            json!([
                line["action"],
                line["outcome"],
                line["user"],
                line["session"].is_string(),
                line["sessions"]
            ])
        })
        .collect();
    let expected = [
        json!(["sign_up", "done", user, true, null]),
        json!(["sign_in", "wrong_credentials", user, false, null]),
        json!(["sign_in", "wrong_credentials", null, false, null]),
        json!(["sign_in", "done", user, true, null]),
        json!(["sign_in", "done", user, true, null]),
        json!(["prove_password", "wrong_credentials", user, true, null]),
        json!(["change_password", "done", user, true, null]),
        json!(["revoke_sessions", "done", user, false, 1]),
        json!(["revoke_sessions", "done", user, false, 1]),
        json!(["sign_out", "done", user, true, null]),
        json!(["sign_in", "done", user, true, null]),
        json!(["delete_account", "done", user, true, null]),
    ];
    assert_eq!(told, expected, "{audit:#?}");
    assert_eq!(audit[3]["level"], "INFO");
    for private in ["example.com", "Ada", PASSWORD, "another password", two.token()] {
        assert!(!log.contains(private), "{private}: {log}");
    }
}

#[tokio::test]
async fn audit_names_whoever_tries_too_many_passwords() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(
        folder.path(),
        &[("SIGNET_RATE_LIMIT", "on"), ("SIGNET_TRUSTED_PROXIES", "127.0.0.0/8")],
    );
    let body = json!({ "email": "ada@example.com", "password": "any password" });
    // From many addresses, so that it is the account that is protected; at once, so that none is forgotten meanwhile.
    let mut tries = tokio::task::JoinSet::new();
    for number in 0..60 {
        let request = server.caller().request(reqwest::Method::POST, "/api/auth/sign-in/email").json(&body);
        let request = request.header("x-forwarded-for", format!("192.0.2.{number}"));
        tries.spawn(async move { Caller::send(request).await.status.as_u16() });
    }
    let answers = tries.join_all().await;
    let (_, log) = server.terminate();
    let actions = actions(&log);
    let said = |outcome: &str| actions.iter().filter(|line| line["outcome"] == outcome).count();
    let answered = |status: u16| answers.iter().filter(|answer| **answer == status).count();
    assert_eq!((said("wrong_credentials"), said("limited")), (answered(401), answered(429)), "{log}");
    assert!(answered(401) >= 30 && answered(429) > 0, "{answers:?}");
}

#[tokio::test]
async fn log_says_once_in_a_while_that_a_trusted_proxy_cannot_be_understood() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[("SIGNET_TRUSTED_PROXIES", "127.0.0.0/8")]);
    for number in 0..50 {
        let request = server.caller().request(reqwest::Method::GET, "/api/auth/ok");
        let value = if number % 2 == 0 { "unknown".to_owned() } else { format!("192.0.2.{number}:http") };
        Caller::send(request.header("x-forwarded-for", value)).await.expect(200);
    }
    for good in ["192.0.2.7", "192.0.2.7:443", "", "[2001:db8::7]"] {
        let request = server.caller().request(reqwest::Method::GET, "/api/auth/ok");
        Caller::send(request.header("x-forwarded-for", good)).await.expect(200);
    }
    let (_, log) = server.terminate();
    let told = lines(&log, "signet::proxy");
    assert_eq!(told.len(), 1, "{log}");
    assert_eq!((&told[0]["proxy"], &told[0]["level"]), (&json!("127.0.0.1"), &json!("WARN")));
    assert!(!log.contains("192.0.2"), "what it said may name somebody: {log}");
}

#[tokio::test]
async fn log_says_at_the_start_which_pages_may_sign_in() {
    let pages = |settings: &[(&str, &str)]| {
        let folder = tempfile::tempdir().unwrap();
        let (_, log) = Server::start(folder.path(), settings).terminate();
        let line = log.lines().find(|line| line.contains("pages of these origins may sign people in"));
        line.unwrap_or_else(|| panic!("{log}")).to_owned()
    };
    let alone = pages(&[]);
    assert!(alone.contains("http://localhost:") && alone.contains("http://127.0.0.1:"), "{alone}");
    let open = pages(&[("SIGNET_LISTEN", "0.0.0.0:0")]);
    assert!(open.contains("BETTER_AUTH_URL should say"), "{open}");
    let named = pages(&[
        ("BETTER_AUTH_URL", "https://a.example"),
        ("BETTER_AUTH_TRUSTED_ORIGINS", "https://пример.рф,myapp://"),
    ]);
    assert!(named.contains("https://a.example, ") && named.contains("myapp://"), "{named}");
}
