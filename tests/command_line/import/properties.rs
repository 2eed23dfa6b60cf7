//! Whatever stands in the old database: an import twice is an import once, and nothing is lost without a word.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

use super::{BUILT_IN, LATER, THEN, counts, execute, import, rows};
use crate::identity::IMPORTED;

const TIMES: [&str; 5] = [THEN, LATER, "2025-01-02 03:04:05", "soon", "2024-02-29T12:00:00Z"];
const HASHES: [&str; 4] =
    [IMPORTED, "$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe", "c2FsdA==$aGFzaA==", ""];
const ADDRESSES: [&str; 5] =
    ["ada@x.example", "Ada@X.example", "bob@x.example", "cleo@b\u{fc}cher.example", ""];

fn time() -> impl Strategy<Value = &'static str> {
    // Most of them are sound.
    prop_oneof![6 => Just(THEN), 2 => Just(LATER), 2 => prop::sample::select(TIMES.to_vec())]
}

fn id() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c", "d", "e"]).prop_map(str::to_owned)
}

fn users() -> impl Strategy<Value = String> {
    let one = (id(), prop::sample::select(ADDRESSES.to_vec()), time(), 0..2_u8, any::<bool>());
    prop::collection::btree_map(id(), one, 0..5).prop_map(|users| {
        let row = |(id, (_, email, at, verified, banned)): (String, (String, &str, &str, u8, bool))| {
            format!(
                "INSERT INTO \"user\" (id, name, email, emailVerified, createdAt, updatedAt, banned) VALUES \
                 ('{id}', 'N', '{email}', {verified}, '{at}', '{THEN}', {});",
                u8::from(banned && verified == 0)
            )
        };
        users.into_iter().map(row).collect()
    })
}

fn accounts() -> impl Strategy<Value = String> {
    let provider = prop::sample::select(vec!["credential", "credential", "github", "google"]);
    let hash = prop::sample::select(HASHES.to_vec());
    let one = (id(), provider, prop::sample::select(vec!["1", "2"]), hash, time());
    prop::collection::vec(one, 0..8).prop_map(|accounts| {
        let row = |(number, (user, provider, account, hash, at)): (usize, (String, &str, &str, &str, &str))| {
            format!("INSERT INTO account VALUES ('a{number}', '{account}', '{provider}', '{user}', '{hash}', '{THEN}', '{at}');")
        };
        accounts.into_iter().enumerate().map(row).collect()
    })
}

fn sessions() -> impl Strategy<Value = String> {
    let one = (id(), time(), time(), 0..4_u8);
    prop::collection::vec(one, 0..6).prop_map(|sessions| {
        let row = |(number, (user, expires_at, updated_at, token)): (usize, (String, &str, &str, u8))| {
            format!(
                "INSERT INTO session (id, expiresAt, token, createdAt, updatedAt, userId) VALUES \
                 ('s{number}', '{expires_at}', 't{token}', '{THEN}', '{updated_at}', '{user}');"
            )
        };
        sessions.into_iter().enumerate().map(row).collect()
    })
}

/// What was read is inserted, skipped or refused, and of each that is refused something is said.
fn assert_nothing_is_lost(report: &Value) {
    let mut refused = 0;
    for table in ["users", "accounts", "sessions", "keys"] {
        let count = |member: &str| report[table][member].as_u64().unwrap();
        assert_eq!(
            count("read"),
            count("inserted") + count("skipped") + count("refused"),
            "{table}: {report}"
        );
        refused += count("refused");
    }
    let said =
        report["conflicts"].as_array().unwrap().len() + report["unverifiable"].as_array().unwrap().len();
    // Two passwords of one user that cannot be verified are said once.
    assert!(said as u64 <= refused && (refused == 0) == (said == 0), "{report}");
}

#[test]
fn import_twice_is_import_once_whatever_stands_in_the_old_database() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() });
    let databases = (users(), accounts(), sessions());
    runner
        .run(&databases, |(users, accounts, sessions)| {
            let folder = tempfile::tempdir().unwrap();
            let statements = format!("{BUILT_IN}{users}{accounts}{sessions}");
            runtime.block_on(execute(&folder.path().join("theirs.db"), &statements));
            let options = ["--skip-conflicts", "--sessions"];
            let looked = import(folder.path(), &["--skip-conflicts", "--sessions", "--dry-run"]);
            prop_assert!(runtime.block_on(rows(folder.path())).is_empty());
            let first = import(folder.path(), &options);
            assert_nothing_is_lost(&first);
            prop_assert_eq!(&looked["users"], &first["users"]);
            prop_assert_eq!(&looked["accounts"], &first["accounts"]);
            let once = runtime.block_on(rows(folder.path()));
            let second = import(folder.path(), &options);
            assert_nothing_is_lost(&second);
            prop_assert_eq!(runtime.block_on(rows(folder.path())), once);
            for table in ["users", "accounts", "sessions"] {
                prop_assert_eq!(
                    &second[table]["inserted"],
                    &counts(0, 0, 0, 0)["inserted"],
                    "{}: {}",
                    table,
                    second
                );
            }
            prop_assert!(!first.to_string().contains(".example") && !first.to_string().contains("$2a$"));
            Ok(())
        })
        .unwrap();
}
