//! `signet clients`: an operator looks after the applications that may sign people in.

use std::path::Path;

use serde_json::{Value, json};

use super::json::document;
use super::server::{printed, run};

#[track_caller]
fn says(folder: &Path, verb: &str, more: &[&str]) -> Value {
    let words: Vec<&str> = verb.split(' ').chain(more.iter().copied()).collect();
    document(verb, &run(folder, &words, &[("USER", "alice")]))
}

#[track_caller]
fn refused(folder: &Path, arguments: &[&str], code: i32) -> String {
    let ran = run(folder, &[&["clients"], arguments].concat(), &[]);
    assert_eq!(ran.status.code(), Some(code), "{}", printed(&ran));
    printed(&ran)
}

const REDIRECT: [&str; 2] = ["--redirect-uri", "https://app.example/cb"];

#[test]
fn clients_add_shows_the_secret_once_and_keeps_its_hash_alone() {
    let folder = tempfile::tempdir().unwrap();
    let added =
        says(folder.path(), "clients add --json", &[&["app", "--name", "App"][..], &REDIRECT].concat());
    let secret = added["client_secret"].as_str().unwrap();
    assert!(secret.starts_with("signet_cs_") && secret.len() >= 53, "{secret}");
    for verb in ["list", "show app", "list --json", "show app --json"] {
        let words: Vec<&str> = std::iter::once("clients").chain(verb.split(' ')).collect();
        let said = printed(&run(folder.path(), &words, &[]));
        assert!(said.contains("App") && !said.contains("signet_cs_"), "{said}");
    }
    let files = [folder.path().join("signet.db"), folder.path().join("signet.db-wal")];
    for bytes in files.iter().filter_map(|file| std::fs::read(file).ok()) {
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
    }
    let again = refused(folder.path(), &[&["add", "app"][..], &REDIRECT].concat(), 2);
    assert!(again.contains("client \"app\": is there already"), "{again}");
    let text = printed(&run(folder.path(), &[&["clients", "add", "two"][..], &REDIRECT].concat(), &[]));
    assert!(text.contains("Secret  signet_cs_") && text.contains("not shown again"), "{text}");
    assert!(text.contains(r#""event":"added","client":"two""#), "{text}");
}

#[test]
fn clients_add_is_held_to_the_rules_of_registration() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, said) in [
        (&["add", "app"][..], "redirect_uris is missing"),
        (&["add", "app", "--redirect-uri", "http://app.example/cb"], "redirect_uris[0] is"),
        (
            &["add", "app", "--redirect-uri", "https://a.example/", "--scope", "openid reports:reed"],
            "scope has reports:reed",
        ),
        (&["add", "--redirect-uri", "https://a.example/"], "client_id is missing"),
        (
            &["add", "0123456789abcdefghijABCDEFGHIJkl", "--redirect-uri", "https://a.example/"],
            "client_id is",
        ),
        (
            &["add", "app", "--grant-type", "client_credentials", "--token-endpoint-auth-method", "none"],
            "grant_types has client_credentials",
        ),
    ] {
        let refused = refused(folder.path(), arguments, 2);
        assert!(refused.contains(said), "{said}: {refused}");
    }
    let public = ["--token-endpoint-auth-method", "none", "--type", "native", "--name", "My App"];
    let added = says(folder.path(), "clients add --json", &[&public[..], &REDIRECT].concat());
    assert_eq!(added, json!({ "client_id": "my-app", "client_secret": null }));
    let device = [
        "tv",
        "--grant-type",
        "device_code",
        "--grant-type",
        "refresh_token",
        "--token-endpoint-auth-method",
        "none",
    ];
    says(folder.path(), "clients add --json", &device);
    let shown = says(folder.path(), "clients show --json", &["tv"]);
    assert_eq!(
        shown["grant_types"],
        json!(["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"])
    );
    assert_eq!(says(folder.path(), "clients list --json", &[])["clients"].as_array().unwrap().len(), 2);
}

#[test]
fn clients_rotate_secret_lets_two_live_of_which_the_former_has_an_end() {
    let folder = tempfile::tempdir().unwrap();
    let first = says(folder.path(), "clients add --json", &[&["app"][..], &REDIRECT].concat());
    let rotated = says(folder.path(), "clients rotate-secret --json", &["app", "--keep", "1h"]);
    assert_ne!(rotated["client_secret"], first["client_secret"]);
    let secrets =
        || says(folder.path(), "clients show --json", &["app"])["secrets"].as_array().unwrap().clone();
    let two = secrets();
    assert_eq!((two.len(), &two[0]["expires_at"]), (2, &json!(null)));
    assert_eq!(two[1]["expires_at"], rotated["former_accepted_until"]);
    // Once more: the oldest of three has its end at once, and the other no later one than it had.
    says(folder.path(), "clients rotate-secret --json", &["app"]);
    assert_eq!(secrets().len(), 2);
    let at_once = says(folder.path(), "clients rotate-secret --json", &["app", "--keep", "0s"]);
    assert_eq!((&at_once["former_accepted_until"], secrets().len()), (&json!(null), 1));
    let text = printed(&run(folder.path(), &["clients", "rotate-secret", "app"], &[]));
    assert!(text.contains("The old one is accepted until") && text.contains("secret_rotated"), "{text}");

    let public = ["tool", "--token-endpoint-auth-method", "none"];
    says(folder.path(), "clients add --json", &[&public[..], &REDIRECT].concat());
    let none = refused(folder.path(), &["rotate-secret", "tool"], 2);
    assert!(none.contains("has no secret"), "{none}");
    for arguments in [&["rotate-secret", "unknown"][..], &["show", "unknown"], &["remove", "a b"]] {
        assert!(refused(folder.path(), arguments, 1).contains("no client with this id"));
    }
}

#[test]
fn clients_remove_takes_a_client_away_for_good() {
    let folder = tempfile::tempdir().unwrap();
    says(folder.path(), "clients add --json", &[&["app"][..], &REDIRECT].concat());
    let removed = says(folder.path(), "clients remove --json", &["app"]);
    assert_eq!(removed, json!({ "client_id": "app", "grants_ended": 0 }));
    assert!(refused(folder.path(), &["show", "app"], 1).contains("no client"));
    assert_eq!(says(folder.path(), "clients list --json", &[]), json!({ "clients": [] }));
    let resource = [("SIGNET_ROLE", "resource"), ("BETTER_AUTH_URL", "https://auth.example.com")];
    let ran = run(folder.path(), &["clients", "list", "--json"], &resource);
    assert_eq!(serde_json::from_slice::<Value>(&ran.stdout).unwrap(), json!({}), "{}", printed(&ran));
}
