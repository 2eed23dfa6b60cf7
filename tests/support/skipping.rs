//! What a test that lacks something does to a run.

use std::process::{Command, Output};

/// Runs one test that needs a PostgreSQL where there is none, with these variables.
fn without_postgres(variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([
        "--exact",
        "store::plans::plans_of_hot_statements_on_postgresql_use_an_index_and_sort_nothing",
    ]);
    command.env_remove("SIGNET_TEST_POSTGRES").env_remove("SIGNET_TEST_SKIPPED").env_remove("CI");
    command.envs(variables.iter().copied()).output().unwrap()
}

#[test]
fn a_test_that_lacks_a_postgresql_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("skipped");
    for lines in 1..=2 {
        let ran = without_postgres(&[("SIGNET_TEST_SKIPPED", file.to_str().unwrap())]);
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(ran.status.success() && said.contains("!! SKIPPED store::plans::"), "{said}");
        let counted = std::fs::read_to_string(&file).unwrap();
        assert_eq!(counted.lines().count(), lines, "{counted}");
        assert!(
            counted.lines().all(|line| line.starts_with("store::plans::") && line.contains("PostgreSQL"))
        );
    }
}

#[test]
fn a_test_that_lacks_a_postgresql_fails_where_nothing_may_be_skipped() {
    let ran = without_postgres(&[("CI", "true")]);
    assert_eq!(ran.status.code(), Some(101), "{}", String::from_utf8_lossy(&ran.stdout));
}
