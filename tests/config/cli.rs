//! The command line, run as people run it.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use signet::config::{Declaration, GROUPS};

use super::declared;

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

#[test]
fn help_lists_every_setting_with_its_default_and_no_secret() {
    let home = tempfile::tempdir().unwrap();
    let secrets: Vec<&str> =
        declared().filter(|setting| setting.file_name().is_some()).map(|setting| setting.name).collect();
    assert_eq!(
        secrets,
        [
            "BETTER_AUTH_SECRET",
            "SIGNET_MASTER_KEY",
            "SIGNET_MASTER_KEYS_OLD",
            "DATABASE_URL",
            "REDIS_URL",
            "SIGNET_MAIL"
        ]
    );
    let variables: Vec<(&str, &str)> = secrets.iter().map(|name| (*name, "hunter2")).collect();
    let output = signet(home.path(), &variables, &["serve", "--help"], b"");
    assert!(output.status.success());
    let help = stdout(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(!help.contains("hunter2"), "{help}");
    for setting in declared() {
        let Declaration { name, flag, default, .. } = setting;
        let entry = help.split(" --").find(|entry| entry.starts_with(&format!("{flag} <")));
        let entry = entry.unwrap_or_else(|| panic!("{flag} in\n{help}"));
        assert!(entry.contains(&format!("[env: {name}")), "{entry}");
        assert!(entry.contains(&format!("[default: {default}]")), "{entry}");
    }
    for name in secrets {
        assert!(help.contains(&format!("[env: {name}_FILE=]")), "{name}_FILE");
    }
}

#[test]
fn config_check_shows_every_default_and_creates_nothing() {
    let home = tempfile::tempdir().unwrap();
    let output = signet(home.path(), &[], &["config", "check"], b"");
    assert!(output.status.success(), "{}", stderr(&output));
    let report = stdout(&output);
    let shown: Vec<&str> = report.split("\n\n").next().unwrap().lines().collect();
    // What only the role `resource` has is no line of another role.
    let everywhere = GROUPS.iter().filter(|group| !group.heading.contains("role resource only"));
    let expected: Vec<&Declaration> = everywhere.flat_map(|group| group.settings).collect();
    assert_eq!(shown.len(), expected.len());
    for (line, Declaration { name, default, .. }) in shown.iter().zip(expected) {
        let value = line.strip_prefix(name).unwrap().trim_start();
        let generated = *default == "generated";
        let expected = if generated { "will be generated into keys/" } else { default };
        assert!(value.starts_with(expected), "{line}");
        assert!(line.ends_with(if generated { "(generated)" } else { "(default)" }), "{line}");
    }
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
fn config_check_names_the_source_of_each_value_and_hides_secrets() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("secret"), "hunter2-hunter2-hunter2-hunter2-hunter2\n").unwrap();
    fs::create_dir(home.path().join("keys")).unwrap();
    fs::write(home.path().join("keys/master.key"), "CaQ0Yyjmq+4YKhVLlJVmQ+pFk2IkhBT8eSmqHdcEKx8=\n").unwrap();
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
    assert!(!report.contains("hunter2") && !report.contains("CaQ0"), "{report}");
    assert!(stderr(&output).contains("chmod 600 keys/master.key"), "{}", stderr(&output));
}

#[test]
fn config_check_refuses_bad_settings_with_exit_code_2_and_a_sentence_each() {
    let home = tempfile::tempdir().unwrap();
    let variables = [("SIGNET_LEEWAY", "10m"), ("BETTER_AUTH_SECRET", "hunter2")];
    let output = signet(home.path(), &variables, &["config", "check", "--role", "judge"], b"");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stdout(&output), "");
    let errors = stderr(&output);
    assert_eq!(errors.lines().count(), 3, "{errors}");
    assert!(
        errors.contains("SIGNET_LEEWAY is 10m, but") && errors.contains("SIGNET_ROLE is \"judge\""),
        "{errors}"
    );
    assert!(!errors.contains("hunter2"), "{errors}");
    let unknown = signet(home.path(), &[], &["config", "check", "--colour"], b"");
    assert_eq!(unknown.status.code(), Some(2));
}

#[test]
fn config_check_judges_rotation_against_caching() {
    let home = tempfile::tempdir().unwrap();
    let variables = [("SIGNET_ROTATE_EVERY", "1m"), ("SIGNET_JWKS_MAX_AGE", "1h")];
    let output = signet(home.path(), &variables, &["config", "check"], b"");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("SIGNET_ROTATE_EVERY (1m)"), "{}", stderr(&output));
}

#[test]
fn token_inspect_shows_readable_times_from_argument_or_input() {
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
fn token_inspect_answers_junk_with_one_sentence_and_exit_code_1() {
    let home = tempfile::tempdir().unwrap();
    let large = vec![b'a'; 1_000_000];
    for junk in [&b""[..], b"a.b.c", b"\xff\xfe", b"....", b"e30.e30", &large] {
        let output = signet(home.path(), &[], &["token", "inspect"], junk);
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
        assert_eq!(stdout(&output), "");
    }
}
