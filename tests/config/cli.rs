//! The command line, run as people run it.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Runs the binary in `folder`, with these variables and no others.
fn signet(folder: &Path, variables: &[(&str, &str)], arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_signet"))
        .args(arguments)
        .env_clear()
        .envs(variables.iter().copied())
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A verb that does not read its input may have ended by now.
    child.stdin.take().unwrap().write_all(input).ok();
    child.wait_with_output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Every setting of the product, and its default.
const SETTINGS: [(&str, &str, &str); 26] = [
    ("SIGNET_LISTEN", "--listen", "127.0.0.1:8080"),
    ("SIGNET_METRICS_LISTEN", "--metrics-listen", "none"),
    ("SIGNET_OTLP_ENDPOINT", "--otlp-endpoint", "none"),
    ("SIGNET_DRAIN_DELAY", "--drain-delay", "0s"),
    ("SIGNET_ROLE", "--role", "all"),
    ("BETTER_AUTH_URL", "--base-url", "http://localhost:8080"),
    ("BETTER_AUTH_TRUSTED_ORIGINS", "--trusted-origins", "none"),
    ("SIGNET_TRUSTED_PROXIES", "--trusted-proxies", "none"),
    ("SIGNET_RATE_LIMIT", "--rate-limit", "on"),
    ("BETTER_AUTH_SECRET", "--secret", "generated"),
    ("SIGNET_MASTER_KEY", "--master-key", "generated"),
    ("SIGNET_MASTER_KEYS_OLD", "--master-keys-old", "none"),
    ("SIGNET_KEYS_DIR", "--keys-dir", "keys"),
    ("DATABASE_URL", "--database-url", "sqlite:signet.db"),
    ("REDIS_URL", "--redis-url", "none"),
    ("SIGNET_TOKEN_MODE", "--token-mode", "eddsa"),
    ("SIGNET_HS256_UNTIL", "--hs256-until", "none"),
    ("SIGNET_TOKEN_TTL", "--token-ttl", "15m"),
    ("SIGNET_LEEWAY", "--leeway", "30s"),
    ("SIGNET_TOKEN_MEMORY", "--token-memory", "32MiB"),
    ("SIGNET_ROTATE_EVERY", "--rotate-every", "30d"),
    ("SIGNET_JWKS_MAX_AGE", "--jwks-max-age", "5m"),
    ("SIGNET_JWKS_URL", "--jwks-url", "BETTER_AUTH_URL + /api/auth/jwks"),
    ("SIGNET_JWKS_PLAIN_HTTP", "--jwks-plain-http", "off"),
    ("SIGNET_ISSUER", "--issuer", "BETTER_AUTH_URL"),
    ("SIGNET_AUDIENCE", "--audience", "BETTER_AUTH_URL"),
];

#[test]
fn help_lists_every_setting_with_its_default_and_no_secret() {
    let home = tempfile::tempdir().unwrap();
    let variables = [
        ("BETTER_AUTH_SECRET", "hunter2"),
        ("SIGNET_MASTER_KEY", "hunter2"),
        ("SIGNET_MASTER_KEYS_OLD", "hunter2"),
        ("DATABASE_URL", "hunter2"),
        ("REDIS_URL", "hunter2"),
    ];
    let output = signet(home.path(), &variables, &["serve", "--help"], b"");
    assert!(output.status.success());
    let help = stdout(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(!help.contains("hunter2"), "{help}");
    for (name, flag, default) in SETTINGS {
        let entry = help.split(" --").find(|entry| entry.starts_with(&format!("{} <", &flag[2..])));
        let entry = entry.unwrap_or_else(|| panic!("{flag} in\n{help}"));
        assert!(entry.contains(&format!("[env: {name}")), "{entry}");
        assert!(entry.contains(&format!("[default: {default}")), "{entry}");
    }
    for name in
        ["BETTER_AUTH_SECRET", "SIGNET_MASTER_KEY", "SIGNET_MASTER_KEYS_OLD", "DATABASE_URL", "REDIS_URL"]
    {
        assert!(help.contains(&format!("[env: {name}_FILE=]")), "{name}_FILE");
    }
}

#[test]
fn a_check_shows_every_default_and_creates_nothing() {
    let home = tempfile::tempdir().unwrap();
    let output = signet(home.path(), &[], &["config", "check"], b"");
    assert!(output.status.success(), "{}", stderr(&output));
    let report = stdout(&output);
    for (name, _, default) in &SETTINGS[..22] {
        let line = report.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
        let value = line[name.len()..].trim_start();
        let expected = if *default == "generated" { "will be generated into keys/" } else { default };
        assert!(value.starts_with(expected), "{line}");
        assert!(line.ends_with(if *default == "generated" { "(generated)" } else { "(default)" }), "{line}");
    }
    assert_eq!(report.split("\n\n").next().unwrap().lines().count(), 22);
    for line in [
        "29d23h49m15s  B is announced",
        "30d  A signs no more",
        "30d  B signs",
        "30d16m15s  A leaves the key set",
        "10m45s public before it signs = 5m in shared caches + 5m in verifiers + 15s",
    ] {
        assert!(report.contains(line), "{line}: {report}");
    }
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn a_check_names_the_source_of_each_value_and_hides_secrets() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("secret"), "hunter2-hunter2-hunter2-hunter2-hunter2\n").unwrap();
    fs::create_dir(home.path().join("keys")).unwrap();
    fs::write(home.path().join("keys/master.key"), "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n").unwrap();
    let variables = [
        ("BETTER_AUTH_SECRET_FILE", "secret"),
        ("DATABASE_URL", "postgres://ada:hunter2@db/signet"),
        ("SIGNET_TOKEN_TTL", "90s"),
        ("SIGNET_LEEWAY", "1s"),
    ];
    let output = signet(home.path(), &variables, &["config", "check", "--leeway", "120s"], b"");
    let report = stdout(&output);
    for (name, value, source) in [
        ("BETTER_AUTH_SECRET", "SharedSecret(sha256:", "(file)"),
        ("SIGNET_MASTER_KEY", "MasterKey(sha256:", "(generated)"),
        ("DATABASE_URL", "postgres://ada:***@db/signet", "(environment or flag)"),
        ("SIGNET_TOKEN_TTL", "1m30s", "(environment or flag)"),
        ("SIGNET_LEEWAY", "2m", "(environment or flag)"),
    ] {
        let line = report.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
        assert!(line.contains(value) && line.ends_with(source), "{line}");
    }
    assert!(!report.contains("hunter2") && !report.contains("AAEC"), "{report}");
    assert!(stderr(&output).contains("chmod 600 keys/master.key"), "{}", stderr(&output));
}

#[test]
fn bad_settings_end_with_exit_code_2_and_a_sentence_each() {
    let home = tempfile::tempdir().unwrap();
    let variables = [("SIGNET_LEEWAY", "10m"), ("BETTER_AUTH_SECRET", "hunter2")];
    let output = signet(home.path(), &variables, &["config", "check", "--role", "judge"], b"");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stdout(&output), "");
    let faults = stderr(&output);
    assert_eq!(faults.lines().count(), 3, "{faults}");
    assert!(
        faults.contains("SIGNET_LEEWAY is 10m, but") && faults.contains("SIGNET_ROLE is \"judge\""),
        "{faults}"
    );
    assert!(!faults.contains("hunter2"), "{faults}");
    let unknown = signet(home.path(), &[], &["config", "check", "--colour"], b"");
    assert_eq!(unknown.status.code(), Some(2));
}

#[test]
fn a_check_also_judges_rotation_against_caching() {
    let home = tempfile::tempdir().unwrap();
    let variables = [("SIGNET_ROTATE_EVERY", "1m"), ("SIGNET_JWKS_MAX_AGE", "1h")];
    let output = signet(home.path(), &variables, &["config", "check"], b"");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("SIGNET_ROTATE_EVERY (1m)"), "{}", stderr(&output));
}

#[test]
fn a_token_is_shown_with_readable_times_from_argument_or_input() {
    let home = tempfile::tempdir().unwrap();
    // {"alg":"EdDSA","kid":"k"} . {"sub":"ada","iat":1795378467} . (nonsense)
    let token = "eyJhbGciOiJFZERTQSIsImtpZCI6ImsifQ.eyJzdWIiOiJhZGEiLCJpYXQiOjE3OTUzNzg0Njd9.c2ln";
    let from_argument = signet(home.path(), &[], &["token", "inspect", token], b"");
    let from_input = signet(home.path(), &[], &["token", "inspect"], format!("{token}\n").as_bytes());
    assert!(from_argument.status.success(), "{}", stderr(&from_argument));
    assert_eq!(stdout(&from_argument), stdout(&from_input));
    let shown: serde_json::Value = serde_json::from_slice(&from_argument.stdout).unwrap();
    assert_eq!(shown["header"]["kid"], "k");
    assert_eq!(shown["claims"]["sub"], "ada");
    assert_eq!(shown["times"]["iat"], "2026-11-22T20:14:27.000Z");
    assert_eq!(shown["signature"], "NOT checked");
    assert!(stderr(&from_argument).contains("NOT checked"));
}

#[test]
fn junk_instead_of_a_token_is_one_sentence_and_exit_code_1() {
    let home = tempfile::tempdir().unwrap();
    let large = vec![b'a'; 1_000_000];
    for junk in [&b""[..], b"a.b.c", b"\xff\xfe", b"....", b"e30.e30", &large] {
        let output = signet(home.path(), &[], &["token", "inspect"], junk);
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
        assert_eq!(stdout(&output), "");
    }
}
