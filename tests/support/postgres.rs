//! A PostgreSQL database for one test, on the throwaway server that `./test` starts.

use std::io::Write;

use sqlx::AssertSqlSafe;

/// The URL of an empty database called `name`; none, said loudly, when there is no server and something may be skipped.
pub async fn database(name: &str) -> Option<String> {
    let Ok(server) = std::env::var("SIGNET_TEST_POSTGRES") else {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "nothing may be skipped: run ./test");
        // Not by `eprintln!`, whose text a test that succeeds keeps to itself.
        let _ = writeln!(std::io::stderr(), "!! SKIPPED {name}: no PostgreSQL; run ./test");
        return None;
    };
    // PostgreSQL cuts names at 63 bytes.
    let name: String = format!("t_{name}").chars().take(63).collect();
    sqlx::any::install_default_drivers();
    let admin = sqlx::AnyPool::connect(&server).await.unwrap();
    for statement in
        [format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"), format!("CREATE DATABASE {name}")]
    {
        sqlx::query(AssertSqlSafe(statement)).execute(&admin).await.unwrap();
    }
    admin.close().await;
    let (address, _) = server.rsplit_once('/').unwrap();
    Some(format!("{address}/{name}"))
}
