//! When something is wrong: one clear sentence, and an exit code.

use super::server::{Server, printed, run};

/// Runs `signet serve`, which is to fail; its exit code and its only line that is no log.
fn refuses(folder: &std::path::Path, settings: &[(&str, &str)]) -> (i32, String) {
    let output = run(folder, &["serve"], &[&[("SIGNET_LISTEN", "127.0.0.1:0")], settings].concat());
    let said = printed(&output);
    assert!(!said.contains("panicked"), "{said}");
    let sentences: Vec<&str> = said.lines().filter(|line| line.starts_with("signet: ")).collect();
    assert_eq!(sentences.len(), 1, "{said}");
    (output.status.code().unwrap(), sentences[0].to_owned())
}

#[test]
fn serve_says_that_a_port_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, said) = refuses(folder.path(), &[("SIGNET_LISTEN", &address)]);
    assert_eq!(code, 1);
    assert!(said.contains(&address) && said.contains("in use"), "{said}");
}

#[test]
fn serve_says_that_a_folder_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("keys"), "a file where a folder should be").unwrap();
    let (code, said) = refuses(folder.path(), &[]);
    assert_eq!(code, 2);
    assert!(said.contains("SIGNET_KEYS_DIR"), "{said}");
}

#[test]
fn serve_says_that_a_file_is_no_database_and_leaves_it_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("signet.db");
    std::fs::write(&file, "this is a letter to my grandmother, and no database at all ".repeat(40)).unwrap();
    let before = std::fs::read(&file).unwrap();
    let (code, said) = refuses(folder.path(), &[]);
    assert_eq!(code, 1);
    assert!(said.contains("database"), "{said}");
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

#[test]
fn serve_says_that_a_master_key_is_wrong_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    Server::start(folder.path(), &[]).terminate();
    let other = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let (code, said) = refuses(folder.path(), &[("SIGNET_MASTER_KEY", other)]);
    assert_eq!(code, 1);
    assert!(said.contains("SIGNET_MASTER_KEYS_OLD") && !said.contains(other), "{said}");
}

#[test]
fn serve_says_that_a_postgresql_is_not_there_without_its_password() {
    let folder = tempfile::tempdir().unwrap();
    let url = "postgres://signet:sesame-open@127.0.0.1:1/signet";
    let (code, said) = refuses(folder.path(), &[("DATABASE_URL", url)]);
    assert_eq!(code, 1);
    assert!(said.contains("database") && !said.contains("sesame"), "{said}");
}

#[cfg(not(feature = "otlp"))]
#[test]
fn serve_refuses_a_collector_in_a_binary_that_cannot_send_traces() {
    let folder = tempfile::tempdir().unwrap();
    let (code, said) = refuses(folder.path(), &[("SIGNET_OTLP_ENDPOINT", "http://127.0.0.1:4318")]);
    assert_eq!(code, 2);
    assert!(said.contains("--features otlp"), "{said}");
}

#[test]
fn serve_says_all_settings_that_do_not_fit_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let settings =
        [("SIGNET_TOKEN_TTL", "a while"), ("SIGNET_ROLE", "king"), ("BETTER_AUTH_SECRET", "short")];
    let output = run(folder.path(), &["serve"], &settings);
    assert_eq!(output.status.code(), Some(2));
    let said = printed(&output);
    assert_eq!(said.lines().count(), 3, "{said}");
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "nothing was made");

    let contradiction = run(folder.path(), &["config", "check"], &[("SIGNET_ROTATE_EVERY", "1m")]);
    assert_eq!(contradiction.status.code(), Some(2));
    assert!(printed(&contradiction).contains("SIGNET_JWKS_MAX_AGE"), "{}", printed(&contradiction));
}
