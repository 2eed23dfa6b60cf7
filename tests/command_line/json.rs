//! What verbs say to programs: of every verb one document, of the shape that `docs/command-line.md` shows.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};
use sqlx::Connection;

use super::server::{Server, printed, run};

const DOCUMENT: &str = include_str!("../../docs/command-line.md");

/// The example of each verb, by its heading.
fn examples() -> BTreeMap<&'static str, Value> {
    DOCUMENT
        .split("\n### `")
        .skip(1)
        .map(|part| {
            let (verb, rest) = part.split_once('`').unwrap();
            let (_, example) = rest.split_once("```json\n").unwrap_or_else(|| panic!("no example: {verb}"));
            (verb, serde_json::from_str(example.split("```").next().unwrap()).unwrap())
        })
        .collect()
}

/// Asserts that `shown` has the members of `example`, all of its kind or null, and no others.
fn assert_shape(place: &str, shown: &Value, example: &Value) {
    match (shown, example) {
        (Value::Null, _) => {}
        (_, Value::Object(members)) if members.is_empty() => assert!(shown.is_object(), "{place}: {shown}"),
        (Value::Object(shown), Value::Object(example)) => {
            let names = |object: &serde_json::Map<_, _>| object.keys().cloned().collect::<Vec<String>>();
            assert_eq!(names(shown), names(example), "{place}");
            for (name, member) in shown {
                assert_shape(&format!("{place}.{name}"), member, &example[name]);
            }
        }
        (Value::Array(shown), Value::Array(example)) => {
            for entry in shown {
                assert_shape(&format!("{place}[]"), entry, &example[0]);
            }
        }
        _ => {
            let kind = |value: &Value| {
                [
                    value.is_string(),
                    value.is_number(),
                    value.is_boolean(),
                    value.is_array(),
                    value.is_object(),
                ]
            };
            assert_eq!(kind(shown), kind(example), "{place}: {shown}");
        }
    }
}

/// The document that a verb prints, which has the shape of its example.
#[track_caller]
pub fn document(verb: &str, ran: &Output) -> Value {
    assert!(ran.status.success(), "{verb}: {}", printed(ran));
    let shown: Value = serde_json::from_slice(&ran.stdout)
        .unwrap_or_else(|fault| panic!("{verb}: {fault}: {}", printed(ran)));
    let examples = examples();
    assert_shape(verb, &shown, examples.get(verb).unwrap_or_else(|| panic!("{verb} is not in the document")));
    shown
}

/// Runs the verb of an example; what follows it is not part of the heading.
fn says(folder: &Path, verb: &str, more: &[&str]) -> Value {
    let words: Vec<&str> = verb.split(' ').chain(more.iter().copied()).collect();
    document(verb, &run(folder, &words, &[("USER", "alice")]))
}

#[test]
fn keys_verbs_print_documents_of_the_shapes_that_are_written_down() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let says = |verb: &str, more: &[&str]| says(folder.path(), verb, more);
    let of = |algorithm: &str, state: &str| {
        let listed = says("keys list --json", &[]);
        let keys = listed["keys"].as_array().unwrap().clone();
        keys.into_iter().find(|key| key["algorithm"] == algorithm && key["state"] == state)
    };
    let first = of("ES256", "active").unwrap();
    assert_eq!(first["next"]["event"], "successor_announced", "{first}");
    assert!(first["age_seconds"].as_f64().unwrap() >= 0.0 && first["reason"].is_null(), "{first}");

    let rotated = says("keys rotate --json", &["ES256", "--reason", "a test"]);
    let rotations = rotated["rotations"].as_array().unwrap();
    assert_eq!((rotations.len(), &rotations[0]["algorithm"]), (1, &json!("ES256")));
    let pending = of("ES256", "pending").unwrap();
    assert_eq!(pending["kid"], rotations[0]["kid"]);
    assert_eq!(pending["next"], json!({ "event": "signs", "at": rotations[0]["signs_from"] }));
    assert_eq!(pending["margin"]["rule"], "lead", "{pending}");

    let forced = says("keys rotate --now --json", &[]);
    let forced = forced["rotations"].as_array().unwrap();
    assert_eq!(forced.len(), 3, "one of each algorithm");
    let es256 = forced.iter().find(|one| one["algorithm"] == "ES256").unwrap();
    assert_eq!((&es256["kid"], &es256["retired"]["kid"]), (&pending["kid"], &first["kid"]));

    let kid = es256["kid"].as_str().unwrap();
    let revoked = says("keys revoke --json", &[kid, "--reason", "laptop \u{9b} stolen"]);
    assert_eq!((&revoked["kid"], &revoked["algorithm"]), (&es256["kid"], &json!("ES256")));
    assert_eq!(revoked["signs_now"], of("ES256", "active").unwrap()["kid"]);
    let gone = of("ES256", "revoked").unwrap();
    assert_eq!(
        (&gone["reason"], &gone["next"], &gone["margin"]),
        (&json!("laptop \u{9b} stolen"), &json!(null), &json!(null))
    );

    let events = says("keys list --events --json", &[]);
    let revocation =
        events["events"].as_array().unwrap().iter().find(|event| event["event"] == "revoked").unwrap();
    assert_eq!((&revocation["by"], &revocation["kid"]), (&json!("command line (alice)"), &es256["kid"]));

    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "kid": "theirs", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    std::fs::write(folder.path().join("theirs.json"), jwk.to_string()).unwrap();
    let imported = says("keys import --json", &["theirs.json", "--verify-only", "--for", "1h"]);
    assert_eq!((&imported["kid"], &imported["joins_as"]), (&json!("theirs"), &json!("verify_only")));
    assert!(imported["signs_from"].is_null() && imported["public_until"].is_string(), "{imported}");

    let rewrapped = says("keys rewrap --json", &["--dry-run"]);
    assert_eq!(rewrapped["current"].as_array().unwrap().len(), 3, "{rewrapped}");
    assert_eq!(rewrapped["messages"], json!({ "rewrapped": 0, "unreadable": [] }));
    server.terminate();
}

#[test]
fn keys_import_of_a_private_key_says_in_its_document_when_it_signs() {
    let folder = tempfile::tempdir().unwrap();
    // The key of RFC 8037 appendix A.1.
    let jwk = json!({
        "kty": "OKP", "crv": "Ed25519", "kid": "theirs", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    });
    std::fs::write(folder.path().join("theirs.json"), jwk.to_string()).unwrap();
    let imported = says(folder.path(), "keys import --json", &["theirs.json"]);
    assert_eq!(
        imported,
        json!({ "kid": "theirs", "joins_as": "successor", "signs_from": null, "public_until": null })
    );
}

#[test]
fn config_check_migrate_and_token_inspect_print_documents_of_the_shapes_that_are_written_down() {
    let folder = tempfile::tempdir().unwrap();
    let checked = says(folder.path(), "config check --json", &["--token-ttl", "90s"]);
    let settings = checked["settings"].as_array().unwrap();
    let setting = |name: &str| settings.iter().find(|setting| setting["name"] == name).unwrap();
    assert_eq!(
        setting("SIGNET_TOKEN_TTL"),
        &json!({ "name": "SIGNET_TOKEN_TTL", "value": "1m30s", "source": "given" })
    );
    assert_eq!(setting("SIGNET_LEEWAY")["source"], "default");
    assert_eq!(setting("BETTER_AUTH_SECRET")["source"], "generated");
    assert_eq!(checked["keys"]["lead_seconds"], 645.0);
    assert_eq!(
        checked["keys"]["calendar"][1],
        json!({ "after_seconds": 0.0, "key": 0, "event": "activated" })
    );
    let resource =
        [("SIGNET_ROLE", "resource"), ("SIGNET_JWKS_URL", "https://id.example/.well-known/jwks.json")];
    let checked =
        document("config check --json", &run(folder.path(), &["config", "check", "--json"], &resource));
    assert!(checked["keys"].is_null(), "{checked}");
    let rotated = run(folder.path(), &["keys", "rotate", "--json"], &resource);
    assert_eq!(serde_json::from_slice::<Value>(&rotated.stdout).unwrap(), json!({}));

    let migrated = says(folder.path(), "migrate --json", &[]);
    assert_eq!(migrated, json!({ "database": "sqlite:signet.db", "version": env!("CARGO_PKG_VERSION") }));

    // {"alg":"EdDSA","kid":"k"} . {"sub":"ada","iat":1795378467} . (nonsense)
    let token = "eyJhbGciOiJFZERTQSIsImtpZCI6ImsifQ.eyJzdWIiOiJhZGEiLCJpYXQiOjE3OTUzNzg0Njd9.c2ln";
    let inspected = says(folder.path(), "token inspect --json", &[token]);
    assert_eq!(inspected["claims"]["sub"], "ada");
    let plain = run(folder.path(), &["token", "inspect", token], &[]);
    assert_eq!(serde_json::from_slice::<Value>(&plain.stdout).unwrap(), inspected, "JSON in any case");
}

#[tokio::test]
async fn users_verbs_and_import_print_documents_of_the_shapes_that_are_written_down() {
    let folder = tempfile::tempdir().unwrap();
    let theirs = folder.path().join("theirs.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(theirs).create_if_missing(true);
    let mut old = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    let tables = r#"CREATE TABLE "user" (id, email, emailVerified, name, createdAt, updatedAt, plan);
         CREATE TABLE account (id, userId, providerId, accountId, password, createdAt, updatedAt);
         CREATE TABLE session (id, userId, token, createdAt, updatedAt, expiresAt);
         INSERT INTO "user" VALUES ('ada', 'ada@example.com', 0, 'Ada', '2025-01-01', '2025-01-01', 'gold');
         INSERT INTO account VALUES ('a', 'ada', 'github', '4711', NULL, '2025-01-01', '2025-01-01'),
           ('b', 'gone', 'github', '4712', NULL, '2025-01-01', '2025-01-01');
         INSERT INTO session VALUES ('s', 'ada', 'token', '2025-01-01', '2025-01-01', '2099-01-01')"#;
    sqlx::raw_sql(tables).execute(&mut old).await.unwrap();
    let says = |verb: &str, more: &[&str]| says(folder.path(), verb, more);
    let moved = says("import better-auth --json", &["sqlite:theirs.db", "--sessions"]);
    assert_eq!(moved["conflicts"], json!([{ "id": "b", "reason": "no_such_user" }]));
    assert_eq!(says("users list --json", &[])["users"][0]["id"], "ada");
    let shown = says("users show --json", &["ada@example.com"]);
    assert_eq!(
        (&shown["accounts"][0]["provider"], &shown["sessions"][0]["id"]),
        (&json!("github"), &json!("s"))
    );
    assert_eq!(says("users end-sessions --json", &["ada"])["sessions_ended"], 1);
    assert_eq!(says("users invite --json", &["bob@example.com"])["email"], "bob@example.com");
    assert_eq!(says("users remove --json", &["ada"])["id"], "ada");
}

#[test]
fn json_is_an_option_of_every_verb_but_serve() {
    let folder = tempfile::tempdir().unwrap();
    let help = |words: &[&str]| printed(&run(folder.path(), &[words, &["--help"]].concat(), &[]));
    let verbs = |text: &str| -> Vec<String> {
        let listed =
            text.split("Commands:").nth(1).map(|rest| rest.split("Options:").next().unwrap().to_owned());
        let lines = listed.unwrap_or_default();
        let first_words = lines.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
        first_words.map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
    };
    let mut seen = 0;
    for verb in verbs(&help(&[])) {
        let below = verbs(&help(&[&verb]));
        let leaves = if below.is_empty() {
            vec![vec![verb.clone()]]
        } else {
            below.into_iter().map(|below| vec![verb.clone(), below]).collect()
        };
        for leaf in leaves {
            let words: Vec<&str> = leaf.iter().map(String::as_str).collect();
            assert_eq!(help(&words).contains("--json"), verb != "serve", "{words:?}");
            seen += 1;
        }
    }
    let all = "serve, six of keys, six of users, five of clients, apply, import better-auth, two of mail, openapi, config check, migrate, token inspect";
    assert_eq!(seen, 26, "{all}");
}
