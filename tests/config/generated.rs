//! The secrets that a first start makes for itself.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Barrier;

use signet::config::Config;
use signet::config::Error;
use signet::config::IssuerSecrets;
use signet_verify::clock::SeededEntropy;

use super::{given, resolve};

fn config(folder: &Path) -> Config {
    resolve(&given(&[("SIGNET_KEYS_DIR", folder.to_str().unwrap())]))
}

fn start(folder: &Path, seed: u64) -> Result<IssuerSecrets, Error> {
    config(folder).secrets.load_or_generate(&SeededEntropy::new(seed))
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
fn load_or_generate_makes_what_a_first_start_needs_and_the_next_one_finds_it() {
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
fn load_or_generate_takes_a_generated_secret_that_was_moved_into_a_setting() {
    let home = tempfile::tempdir().unwrap();
    let generated = start(home.path(), 1).unwrap();
    let path = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    let settings = given(&[
        ("SIGNET_MASTER_KEY_FILE", &path("master.key")),
        ("BETTER_AUTH_SECRET_FILE", &path("better-auth.secret")),
        ("SIGNET_KEYS_DIR", "/nowhere/at/all"),
    ]);
    let moved = resolve(&settings).secrets.load_or_generate(&SeededEntropy::new(2)).unwrap();
    assert_eq!(moved.master.expose(), generated.master.expose());
    assert_eq!(moved.shared.expose(), generated.shared.expose());
}

#[test]
fn load_or_generate_makes_only_what_the_settings_leave_out() {
    let home = tempfile::tempdir().unwrap();
    let settings = given(&[
        ("BETTER_AUTH_SECRET", "0123456789abcdef0123456789abcdef"),
        ("SIGNET_KEYS_DIR", home.path().to_str().unwrap()),
    ]);
    resolve(&settings).secrets.load_or_generate(&SeededEntropy::new(1)).unwrap();
    assert_eq!(names(home.path()), ["master.key"]);
}

#[test]
fn load_or_generate_gives_processes_that_start_together_one_secret() {
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
fn load_or_generate_removes_what_a_crash_left_behind() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join(".master.key.abcdefghijklmnop.tmp"), "AAAA").unwrap();
    fs::write(home.path().join("README.md"), "kept").unwrap();
    start(home.path(), 1).unwrap();
    assert_eq!(names(home.path()), ["README.md", "better-auth.secret", "master.key"]);
}

#[test]
fn load_or_generate_refuses_a_file_of_wrong_content_and_leaves_it_alone() {
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
fn load_or_generate_warns_of_a_secret_that_others_can_read() {
    let home = tempfile::tempdir().unwrap();
    start(home.path(), 1).unwrap();
    fs::set_permissions(home.path().join("master.key"), Permissions::from_mode(0o644)).unwrap();
    let warnings = start(home.path(), 1).unwrap().warnings;
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].contains("chmod 600"), "{warnings:?}");
}

#[test]
fn load_or_generate_warns_of_secrets_and_a_folder_that_others_can_write() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("keys");
    start(&folder, 1).unwrap();
    fs::set_permissions(folder.join("better-auth.secret"), Permissions::from_mode(0o620)).unwrap();
    for mode in [0o770, 0o707, 0o1777] {
        fs::set_permissions(&folder, Permissions::from_mode(mode)).unwrap();
        let warnings = start(&folder, 1).unwrap().warnings;
        assert_eq!(warnings.len(), 2, "{warnings:?}");
        assert!(warnings.iter().any(|warning| warning.contains("chmod 700")), "{warnings:?}");
        assert!(
            warnings.iter().any(|warning| warning.contains("can be changed by other users")),
            "{warnings:?}"
        );
        let (_, report) = Config::check(&given(&[("SIGNET_KEYS_DIR", folder.to_str().unwrap())])).unwrap();
        assert_eq!(report.warnings.len(), 2, "{:?}", report.warnings);
    }
    fs::set_permissions(&folder, Permissions::from_mode(0o750)).unwrap();
    assert_eq!(start(&folder, 1).unwrap().warnings.len(), 1, "to read its names is nothing");
}

#[test]
fn warnings_tell_of_a_database_that_others_can_read_or_write() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("signet.db");
    let warnings = || {
        resolve(&given(&[("DATABASE_URL", &format!("sqlite:{}?mode=rwc", file.display()))]))
            .storage
            .warnings()
    };
    assert_eq!(warnings(), [""; 0], "nothing is there yet");
    fs::write(&file, "").unwrap();
    for (mode, said) in [(0o600, 0), (0o640, 1), (0o606, 1)] {
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        assert_eq!(warnings().len(), said, "{mode:o}: {:?}", warnings());
    }
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(home.path(), Permissions::from_mode(0o777)).unwrap();
    assert!(warnings()[0].contains("chmod go-w"), "{:?}", warnings());
    let memory = resolve(&given(&[("DATABASE_URL", "sqlite::memory:")]));
    assert_eq!(memory.storage.warnings(), [""; 0]);
}

#[test]
fn load_or_generate_judges_a_secret_in_the_folder_as_one_that_is_given() {
    let home = tempfile::tempdir().unwrap();
    start(home.path(), 1).unwrap();
    fs::write(home.path().join("better-auth.secret"), "better-auth-secret-12345678901234567890\n").unwrap();
    let warnings = start(home.path(), 1).unwrap().warnings;
    assert!(warnings.iter().any(|warning| warning.contains("published")), "{warnings:?}");
    let folder = home.path().to_str().unwrap().to_owned();
    let hs256 = resolve(&given(&[("SIGNET_KEYS_DIR", &folder), ("SIGNET_TOKEN_MODE", "hs256")]));
    let refusal = hs256.secrets.load_or_generate(&SeededEntropy::new(1)).unwrap_err().to_string();
    assert!(refusal.starts_with("SIGNET_KEYS_DIR holds ") && refusal.contains("published"), "{refusal}");
    fs::write(home.path().join("master.key"), "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n").unwrap();
    let refusal = start(home.path(), 1).unwrap_err().to_string();
    assert!(refusal.starts_with("SIGNET_KEYS_DIR holds ") && refusal.contains("rewrap"), "{refusal}");
}

#[test]
fn load_or_generate_refuses_a_folder_that_cannot_be_made_in_one_sentence() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("file");
    fs::write(&file, "").unwrap();
    for folder in [file.clone(), file.join("keys"), Path::new("/proc/nowhere").to_owned()] {
        let sentence = start(&folder, 1).unwrap_err().to_string();
        assert!(sentence.starts_with("SIGNET_KEYS_DIR is "), "{sentence}");
        assert!(sentence.contains("or set SIGNET_MASTER_KEY") && sentence.lines().count() == 1, "{sentence}");
    }
}
