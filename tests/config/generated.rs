//! The secrets that a first start makes for itself.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Barrier;

use signet::clock::SeededEntropy;
use signet::config::{Config, Error, IssuerSecrets, Settings};

use super::{resolve, secret, text};

fn config(folder: &Path) -> Config {
    resolve(&Settings { keys_dir: text(folder.to_str().unwrap()), ..Settings::default() })
}

fn start(folder: &Path, seed: u64) -> Result<IssuerSecrets, Error> {
    config(folder).issuer_secrets(&SeededEntropy::new(seed)).map(Option::unwrap)
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_first_start_generates_what_it_needs_and_the_next_one_finds_it() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("deep/keys");
    let first = start(&folder, 1).unwrap();
    assert_eq!(first.created, [folder.join("master.key"), folder.join("better-auth.secret")]);
    assert_eq!(first.warnings, [""; 0]);
    assert_eq!(names(&folder), ["better-auth.secret", "master.key"]);
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    for name in names(&folder) {
        assert_eq!(fs::metadata(folder.join(name)).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let second = start(&folder, 2).unwrap();
    assert!(second.created.is_empty());
    assert_eq!(second.master.expose(), first.master.expose());
    assert_eq!(second.shared.expose(), first.shared.expose());
}

#[test]
fn a_generated_secret_can_be_moved_into_a_setting() {
    let home = tempfile::tempdir().unwrap();
    let generated = start(home.path(), 1).unwrap();
    let path = |name: &str| text(home.path().join(name).to_str().unwrap());
    let settings = Settings {
        master_key_file: path("master.key"),
        secret_file: path("better-auth.secret"),
        keys_dir: text("/nowhere/at/all"),
        ..Settings::default()
    };
    let moved = resolve(&settings).issuer_secrets(&SeededEntropy::new(2)).unwrap().unwrap();
    assert_eq!(moved.master.expose(), generated.master.expose());
    assert_eq!(moved.shared.expose(), generated.shared.expose());
}

#[test]
fn only_what_the_settings_leave_out_is_generated() {
    let home = tempfile::tempdir().unwrap();
    let given = Settings {
        secret: secret("0123456789abcdef0123456789abcdef"),
        keys_dir: text(home.path().to_str().unwrap()),
        ..Settings::default()
    };
    resolve(&given).issuer_secrets(&SeededEntropy::new(1)).unwrap();
    assert_eq!(names(home.path()), ["master.key"]);
    let resource = Settings { role: text("resource"), base_url: text("https://auth.example.com"), ..given };
    let other = tempfile::tempdir().unwrap();
    let resource = Settings { keys_dir: text(other.path().to_str().unwrap()), ..resource };
    assert!(resolve(&resource).issuer_secrets(&SeededEntropy::new(1)).unwrap().is_none());
    assert!(names(other.path()).is_empty());
}

#[test]
fn processes_that_start_together_share_one_secret() {
    for round in 0..20 {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("keys");
        let barrier = Barrier::new(8);
        let (folder, barrier) = (&folder, &barrier);
        let started: Vec<IssuerSecrets> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|seed| {
                    scope.spawn(move || {
                        barrier.wait();
                        start(folder, round * 8 + seed).unwrap()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for other in &started[1..] {
            assert_eq!(other.master.expose(), started[0].master.expose());
            assert_eq!(other.shared.expose(), started[0].shared.expose());
        }
        let created: usize = started.iter().map(|one| one.created.len()).sum();
        assert_eq!(created, 2, "each file has one author");
        assert_eq!(names(folder), ["better-auth.secret", "master.key"]);
    }
}

#[test]
fn what_a_crash_left_behind_is_not_read_and_goes_away() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join(".master.key.abcdefghijklmnop.tmp"), "AAAA").unwrap();
    fs::write(home.path().join("README.md"), "kept").unwrap();
    start(home.path(), 1).unwrap();
    assert_eq!(names(home.path()), ["README.md", "better-auth.secret", "master.key"]);
}

#[test]
fn a_file_of_wrong_content_stops_the_start_and_is_left_alone() {
    for (name, content, setting) in [
        ("master.key", "", "SIGNET_MASTER_KEY"),
        ("master.key", "c2hvcnQ=\n", "SIGNET_MASTER_KEY"),
        ("better-auth.secret", "short\n", "BETTER_AUTH_SECRET"),
        ("better-auth.secret", &"x".repeat(5000), "BETTER_AUTH_SECRET"),
    ] {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join(name), content).unwrap();
        let sentence = start(home.path(), 1).unwrap_err().to_string();
        assert!(sentence.starts_with("SIGNET_KEYS_DIR holds ") && sentence.contains(setting), "{sentence}");
        assert_eq!(sentence.lines().count(), 1);
        assert_eq!(fs::read_to_string(home.path().join(name)).unwrap(), content);
    }
}

#[test]
fn a_secret_that_others_can_read_is_used_with_a_warning() {
    let home = tempfile::tempdir().unwrap();
    start(home.path(), 1).unwrap();
    fs::set_permissions(home.path().join("master.key"), Permissions::from_mode(0o644)).unwrap();
    let warnings = start(home.path(), 1).unwrap().warnings;
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].contains("chmod 600"), "{warnings:?}");
}

#[test]
fn a_folder_that_cannot_be_made_is_one_sentence() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("file");
    fs::write(&file, "").unwrap();
    for folder in [file.clone(), file.join("keys"), Path::new("/proc/nowhere").to_owned()] {
        let sentence = start(&folder, 1).unwrap_err().to_string();
        assert!(sentence.starts_with("SIGNET_KEYS_DIR is "), "{sentence}");
        assert!(sentence.contains("or set SIGNET_MASTER_KEY") && sentence.lines().count() == 1, "{sentence}");
    }
}
