//! A PostgreSQL database for one test, on the throwaway server that `./test` starts.

use sqlx::AnyPool;
use sqlx::AssertSqlSafe;
use sqlx::Row;
use tokio::sync::OnceCell;

/// The URL of an empty database called `name`; none, said loudly, when there is no server and something may be skipped.
///
/// Runs of the tests beside each other on one server have databases of their own; a run drops those of runs that have
/// ended.
pub async fn database(name: &str) -> Option<String> {
    static SWEPT: OnceCell<()> = OnceCell::const_new();
    let Ok(server) = std::env::var("SIGNET_TEST_POSTGRES") else {
        super::skip("SIGNET_TEST_POSTGRES, a PostgreSQL, is not set");
        return None;
    };
    // PostgreSQL cuts names at 63 bytes.
    let name: String = format!("t_{}_{name}", std::process::id()).chars().take(63).collect();
    sqlx::any::install_default_drivers();
    let admin = AnyPool::connect(&server).await.unwrap();
    SWEPT.get_or_init(async || drop_databases_of_ended_runs(&admin).await).await;
    for statement in
        [format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"), format!("CREATE DATABASE {name}")]
    {
        sqlx::query(AssertSqlSafe(statement)).execute(&admin).await.unwrap();
    }
    admin.close().await;
    let (address, _) = server.rsplit_once('/').unwrap();
    Some(format!("{address}/{name}"))
}

async fn drop_databases_of_ended_runs(admin: &AnyPool) {
    let all = sqlx::query("SELECT CAST(datname AS TEXT) FROM pg_database").fetch_all(admin).await.unwrap();
    for name in all.iter().map(|row| row.get::<String, _>(0)) {
        let run = name.strip_prefix("t_").and_then(|rest| rest.split('_').next()?.parse::<u32>().ok());
        if run.is_some_and(|run| !std::path::Path::new(&format!("/proc/{run}")).exists()) {
            let statement = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
            // Another run may drop it at the same time.
            let _ = sqlx::query(AssertSqlSafe(statement)).execute(admin).await;
        }
    }
}
