//! What an operator sees: starts, verbs, and sentences when something is wrong.

mod apply;
mod balancer;
mod clients;
pub mod crash;
mod crowd;
mod import;
mod invite;
mod json;
mod key_set;
mod logs;
mod mail;
mod notices;
mod restore;
mod rights;
mod rotation;
pub mod server;
mod start_errors;
mod streams;
mod tls;
mod topology;
mod users;
mod writers;

use std::os::unix::fs::PermissionsExt;

use serde_json::json;
use server::{Server, printed, run, until};

use crate::support::caller::PASSWORD;

fn sign_up_body(email: &str) -> serde_json::Value {
    json!({ "name": "Ada", "email": email, "password": PASSWORD })
}

#[tokio::test]
async fn serve_makes_what_a_first_start_needs_and_the_next_one_uses_it() {
    let folder = tempfile::tempdir().unwrap();
    let first = Server::start(folder.path(), &[]);
    let ada =
        first.caller().post("/api/auth/sign-up/email", &sign_up_body("ada@example.com")).await.expect(200);
    let jwks = first.caller().get("/api/auth/jwks").await.expect(200);
    let (status, log) = first.terminate();
    assert!(status.success(), "{status}");
    for said in ["generated", "master.key", "better-auth.secret", "/docs", "stopped"] {
        assert!(log.contains(said), "{said}: {log}");
    }
    for file in ["keys/master.key", "keys/better-auth.secret", "signet.db"] {
        let mode = std::fs::metadata(folder.path().join(file)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{file}");
    }

    let second = Server::start(folder.path(), &[]);
    assert_eq!(second.caller().get("/api/auth/jwks").await.expect(200), jwks, "the keys are the same");
    let session = second.caller().bearing(ada["token"].as_str().unwrap());
    assert_eq!(session.get("/api/auth/get-session").await.expect(200)["user"]["id"], ada["user"]["id"]);
    let (_, log) = second.terminate();
    assert!(!log.contains("generated"), "{log}");
}

#[tokio::test]
async fn serve_twice_on_the_same_files_is_one_service() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("BETTER_AUTH_URL", "http://localhost:9")];
    let (one, two) = std::thread::scope(|scope| {
        let one = scope.spawn(|| Server::start(folder.path(), &settings));
        let two = scope.spawn(|| Server::start(folder.path(), &settings));
        (one.join().unwrap(), two.join().unwrap())
    });
    let ada =
        one.caller().post("/api/auth/sign-up/email", &sign_up_body("ada@example.com")).await.expect(200);
    let session = two.caller().bearing(ada["token"].as_str().unwrap());
    let token = session.get("/api/auth/token").await.expect(200)["token"].as_str().unwrap().to_owned();
    one.caller().bearing(&token).get("/api/me/tasks").await.expect(200);
    assert_eq!(
        one.caller().get("/api/auth/jwks").await.expect(200),
        two.caller().get("/api/auth/jwks").await.expect(200)
    );
    let listed = printed(&run(folder.path(), &["keys", "list"], &[]));
    for algorithm in ["EdDSA", "ES256", "RS256"] {
        let active = listed.lines().filter(|line| line.contains(algorithm) && line.contains("active"));
        assert_eq!(active.count(), 1, "{algorithm}: {listed}");
    }
    assert_eq!(listed.matches("active").count(), 3, "{listed}");
}

#[tokio::test]
async fn keys_rotate_and_revoke_work_while_the_server_runs() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ("SIGNET_ROTATE_EVERY", "1h"),
        ("SIGNET_JWKS_MAX_AGE", "1s"),
        ("SIGNET_LEEWAY", "0s"),
        ("SIGNET_TOKEN_TTL", "10m"),
    ];
    let server = Server::start(folder.path(), &settings);
    let ada =
        server.caller().post("/api/auth/sign-up/email", &sign_up_body("ada@example.com")).await.expect(200);
    let session = server.caller().bearing(ada["token"].as_str().unwrap());
    let token =
        async || session.get("/api/auth/token").await.expect(200)["token"].as_str().unwrap().to_owned();
    let header = |token: &str| token.split('.').next().unwrap().to_owned();
    let old = token().await;

    let rotated = run(folder.path(), &["keys", "rotate"], &settings);
    assert!(rotated.status.success(), "{}", printed(&rotated));
    until("the announced key signs after its lead", async || header(&token().await) != header(&old)).await;
    let new = token().await;
    for token in [&old, &new] {
        server.caller().bearing(token).get("/api/me/tasks").await.expect(200);
    }

    let listed = printed(&run(folder.path(), &["keys", "list"], &settings));
    let signs = |line: &&str| line.contains("EdDSA") && line.contains("active");
    let kid = listed.lines().find(signs).unwrap().split(' ').next().unwrap();
    let revoked = run(folder.path(), &["keys", "revoke", kid, "--reason", "a test"], &settings);
    assert!(revoked.status.success(), "{}", printed(&revoked));
    let caller = server.caller().bearing(&new);
    until("a token of a revoked key is refused", async || caller.get("/api/me/tasks").await.status == 401)
        .await;
    server.caller().bearing(&token().await).get("/api/me/tasks").await.expect(200);
    let listed = printed(&run(folder.path(), &["keys", "list"], &settings));
    assert!(listed.contains("revoked") && listed.contains("a test"), "{listed}");
}

#[tokio::test]
async fn stop_is_said_at_readyz_and_serves_on_until_balancers_have_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[("SIGNET_DRAIN_DELAY", "8s")]);
    server.caller().get("/readyz").await.expect(200);
    server.tell_to_stop();
    let refusal = loop {
        let answer = server.caller().get("/readyz").await;
        if answer.status != 200 {
            break answer;
        }
    };
    refusal.assert_error(503, "NOT_READY");
    // A new caller, on a new connection.
    server.caller().get("/api/auth/jwks").await.expect(200);
    let (status, log) = server.terminate();
    assert!(status.success() && log.contains("stopped"), "{log}");
}

#[tokio::test]
async fn keys_rotate_now_export_and_import_work_while_the_server_runs() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("SIGNET_JWKS_MAX_AGE", "1s"), ("SIGNET_LEEWAY", "0s"), ("USER", "alice")];
    let server = Server::start(folder.path(), &settings);
    let keys = |arguments: &[&str]| {
        let output = run(folder.path(), &[&["keys"], arguments].concat(), &settings);
        (output.status.code().unwrap(), printed(&output))
    };
    let public = async || {
        let set = server.caller().get("/.well-known/jwks.json").await.expect(200);
        let kids = set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned());
        kids.collect::<Vec<_>>()
    };
    let first = public().await.remove(0);

    let (code, said) = keys(&["rotate", "EdDSA", "--now", "--reason", "moving house"]);
    assert_eq!(code, 0, "{said}");
    for part in ["EdDSA key", "signs now", "What it costs", &first] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("ES256") && !said.contains("RS256"), "one algorithm alone: {said}");
    let (_, document) = keys(&["export"]);
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    let algorithms: Vec<&str> =
        document["keys"].as_array().unwrap().iter().map(|key| key["alg"].as_str().unwrap()).collect();
    assert_eq!(algorithms, ["EdDSA", "EdDSA", "ES256", "RS256"]);
    assert!(!document.to_string().contains("\"d\""));
    let (_, one) = keys(&["export", &first]);
    assert!(one.contains(&first), "{one}");

    // To another deployment that has the same master key.
    let other = tempfile::tempdir().unwrap();
    std::fs::create_dir(other.path().join("keys")).unwrap();
    for file in ["keys/master.key", "keys/better-auth.secret"] {
        std::fs::copy(folder.path().join(file), other.path().join(file)).unwrap();
    }
    let (code, sealed) = keys(&["export", "--sealed"]);
    assert_eq!(code, 0, "{sealed}");
    std::fs::write(other.path().join("sealed.json"), &sealed).unwrap();
    let imported = printed(&run(other.path(), &["keys", "import", "sealed.json"], &[]));
    assert!(imported.contains("signs as soon as a server runs"), "{imported}");
    let moved = Server::start(other.path(), &[]);
    let set = moved.caller().get("/api/auth/jwks").await.expect(200);
    assert!(sealed.contains(set["keys"][0]["kid"].as_str().unwrap()), "{set}");

    // From another provider: what it signed stays good here, and what it published appears.
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "kid": "theirs", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    std::fs::write(folder.path().join("theirs.json"), jwk.to_string()).unwrap();
    let (code, said) = keys(&["import", "theirs.json"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("--verify-only"), "{said}");
    let (code, said) =
        keys(&["import", "theirs.json", "--verify-only", "--for", "1h", "--reason", "moved here"]);
    assert_eq!(code, 0, "{said}");
    until("the imported key is public", async || public().await.contains(&"theirs".to_owned())).await;
    // One key in 64 has such a name: a thumbprint is base64url (RFC 7638).
    let dashed = "-iXO-IMBKn-Bqf_gxhiOPxE0O3Ymfx17aG6WgbuAMdE";
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": "PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw" });
    std::fs::write(folder.path().join("another.json"), jwk.to_string()).unwrap();
    let (code, said) = keys(&["import", "another.json", "--kid", dashed, "--verify-only", "--for", "1h"]);
    assert_eq!(code, 0, "{said}");
    let (_, one) = keys(&["export", dashed]);
    assert!(one.contains(dashed), "{one}");
    let (code, said) = keys(&["revoke", dashed, "--reason", "lost"]);
    assert!(code == 0 && said.contains(dashed), "{said}");
    let (_, said) = keys(&["revoke", "--reason", "lost", dashed]);
    assert!(said.contains(dashed), "understood, wherever it stands: {said}");
    assert_eq!(keys(&["import", "nothing-here.pem"]).0, 2);
    assert_eq!(keys(&["import", "theirs.json", "--verify-only", "--for", "soon"]).0, 2);

    let (_, events) = keys(&["list", "--events"]);
    for part in
        ["imported   command line (alice): moved here", "activated  command line (alice): moving house"]
    {
        assert!(events.contains(part), "{part}: {events}");
    }
    let (_, log) = server.terminate();
    assert!(!log.contains("theirs"), "the audit log of an order is where it was given");
}

#[test]
fn audit_tells_what_happens_to_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let (_, log) = Server::start(folder.path(), &[]).terminate();
    for event in ["announced", "activated"] {
        let line = log.lines().find(|line| line.contains(&format!(r#""event":"{event}""#)));
        let line: serde_json::Value = serde_json::from_str(line.unwrap_or_else(|| panic!("{log}"))).unwrap();
        assert_eq!(line["target"], "signet::audit", "{line}");
        assert_eq!(line["actor"], "rotation", "{line}");
        assert!(line["kid"].is_string() && line["timestamp"].is_string(), "{line}");
    }
}

#[tokio::test]
async fn serve_gives_many_first_requests_to_many_first_servers_one_key_of_each_algorithm() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("BETTER_AUTH_URL", "http://localhost:9")];
    let servers: Vec<Server> = std::thread::scope(|scope| {
        let starts: Vec<_> =
            (0..4).map(|_| scope.spawn(|| Server::start(folder.path(), &settings))).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    let mut requests = tokio::task::JoinSet::new();
    for number in 0..20 {
        let caller = servers[number % servers.len()].caller();
        requests.spawn(async move {
            let sign_up = sign_up_body(&format!("person{number}@example.com"));
            let person = caller.post("/api/auth/sign-up/email", &sign_up).await.expect(200);
            let session = caller.bearing(person["token"].as_str().unwrap());
            let token = session.get("/api/auth/token").await.expect(200);
            let token = token["token"].as_str().unwrap().to_owned();
            (caller.get("/api/auth/jwks").await.text, token.split('.').next().unwrap().to_owned())
        });
    }
    let mut answers = requests.join_all().await;
    answers.sort();
    answers.dedup();
    assert_eq!(answers.len(), 1, "one key set, one header: {answers:?}");
    let set: serde_json::Value = serde_json::from_str(&answers[0].0).unwrap();
    let algorithms: Vec<&str> =
        set["keys"].as_array().unwrap().iter().map(|key| key["alg"].as_str().unwrap()).collect();
    assert_eq!(algorithms, ["EdDSA", "ES256", "RS256"]);
}

#[test]
fn openapi_and_migrate_work_without_a_server() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["identity", "tasks"] {
        let output = run(folder.path(), &["openapi", name], &[]);
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(document["paths"].as_object().unwrap().len() >= 3);
    }
    let migrated = run(folder.path(), &["migrate"], &[]);
    assert!(migrated.status.success() && folder.path().join("signet.db").exists(), "{}", printed(&migrated));
}

#[tokio::test]
async fn token_inspect_shows_a_token_of_ours() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let ada =
        server.caller().post("/api/auth/sign-up/email", &sign_up_body("ada@example.com")).await.expect(200);
    let session = server.caller().bearing(ada["token"].as_str().unwrap());
    let token = session.get("/api/auth/token").await.expect(200)["token"].as_str().unwrap().to_owned();
    let seen = printed(&run(folder.path(), &["token", "inspect", &token], &[]));
    assert!(seen.contains(ada["user"]["id"].as_str().unwrap()) && seen.contains("NOT checked"), "{seen}");
    assert_eq!(run(folder.path(), &["token", "inspect", "nonsense"], &[]).status.code(), Some(1));
}

#[tokio::test]
async fn log_holds_no_secret_however_much_is_logged() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[("RUST_LOG", "trace")]);
    let reply = server.caller().post("/api/auth/sign-up/email", &sign_up_body("ada@example.com")).await;
    let ada = reply.expect(200);
    let wrong = json!({ "email": "ada@example.com", "password": "a wrong password" });
    server.caller().post("/api/auth/sign-in/email", &wrong).await.expect(401);
    let session_token = ada["token"].as_str().unwrap();
    let session = server.caller().bearing(session_token);
    let token = session.get("/api/auth/token").await.expect(200)["token"].as_str().unwrap().to_owned();
    let api = server.caller().bearing(&token);
    api.post("/api/me/tasks", &json!({ "title": "a private matter" })).await.expect(201);
    api.get("/api/me/tasks").await.expect(200);
    let cookie = reply.header("set-auth-token").to_owned();
    let (_, log) = server.terminate();
    assert!(log.contains("/api/auth/sign-in/email"), "requests are logged: {log}");
    let read = |file: &str| {
        std::fs::read_to_string(folder.path().join("keys").join(file)).unwrap().trim().to_owned()
    };
    let (master, shared) = (read("master.key"), read("better-auth.secret"));
    let signature = token.rsplit('.').next().unwrap();
    let mac = cookie.rsplit('.').next().unwrap();
    for secret in [PASSWORD, "a wrong password", session_token, &token, signature, mac, &master, &shared] {
        assert!(!log.contains(secret), "the log holds {secret}");
    }
}

#[tokio::test]
async fn serve_listens_on_the_loopback_of_both_families_unless_it_is_told_where() {
    let folder = tempfile::tempdir().unwrap();
    // The port of nobody's choice is 8080, which may be taken here: only what the settings amount to is looked at.
    let report = printed(&run(folder.path(), &["config", "check"], &[]));
    assert!(report.contains("127.0.0.1:8080 and [::1]:8080"), "{report}");
    let report = printed(&run(folder.path(), &["config", "check"], &[("SIGNET_LISTEN", "127.0.0.1:8080")]));
    assert!(!report.contains("[::1]"), "{report}");
}
