//! Whether a refresh stays as fast as grants grow: one user's chain beside few grants, and beside a million.
//! In: how many grants. Out: p50 and p99 of both, and their ratio.

use std::path::Path;

use sqlx::{AnyPool, AssertSqlSafe, Executor};

use super::providers::Provider;
use super::race::refreshed;

/// How many refreshes are measured.
const REFRESHES: usize = 4000;
/// How many rows one statement makes.
const CHUNK: u64 = 250_000;

/// Measures, makes the rows, and measures once more.
pub async fn run(binary: &Path, grants: u64) {
    let database = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", database.path().join("signet.db").display());
    let small = measure(binary, &url).await;
    load(&url, grants).await;
    let large = measure(binary, &url).await;
    let at = |nanos: &[u64], share: f64| nanos[((nanos.len() - 1) as f64 * share) as usize] as f64 / 1e3;
    let [a, b, c, d] = [at(&small, 0.5), at(&small, 0.99), at(&large, 0.5), at(&large, 0.99)];
    println!("| refresh | few grants: p50, p99 | {grants} grants: p50, p99 | ratio of p50 | ratio of p99 |");
    println!("| --- | --- | --- | --- | --- |");
    println!("| SQLite | {a:.0} µs, {b:.0} µs | {c:.0} µs, {d:.0} µs | {:.2} | {:.2} |", c / a, d / b);
}

/// How long each refresh takes, one after the other.
async fn measure(binary: &Path, url: &str) -> Vec<u64> {
    let signet = Provider::signet(binary, &[("DATABASE_URL", url)]).await;
    let token = |tokens: serde_json::Value| tokens["refresh_token"].as_str().unwrap().to_owned();
    let warm = token(signet.tokens("web-eddsa").await);
    refreshed(&signet, vec![warm], REFRESHES / 10).await;
    let measured = token(signet.tokens("web-eddsa").await);
    let mut nanos = refreshed(&signet, vec![measured], REFRESHES).await;
    nanos.sort_unstable();
    nanos
}

/// Makes grants of the one user, whose names lie all over the indexes as random ones do.
async fn load(url: &str, grants: u64) {
    sqlx::any::install_default_drivers();
    let pool = AnyPool::connect(url).await.unwrap();
    let mut connection = pool.acquire().await.unwrap();
    connection.execute("PRAGMA synchronous = OFF; PRAGMA cache_size = -2000000; PRAGMA foreign_keys = OFF").await.unwrap();
    let id = "printf('%08x%024x', n * 2654435761 % 4294967296, n)";
    for from in (0..grants).step_by(CHUNK as usize) {
        let to = (from + CHUNK).min(grants) - 1;
        let statement = format!(
            "WITH RECURSIVE numbers (n) AS (SELECT {from} UNION ALL SELECT n + 1 FROM numbers WHERE n < {to}) \
             INSERT INTO grants (id, client_id, user_id, session_id, offline, scope, resources, authenticated_at, amr, created_at, \
             expires_at, family_hash, refresh_hash) \
             SELECT {id}, 'web-eddsa', (SELECT id FROM users LIMIT 1), {id}, 1, 'openid profile email offline_access', '[]', \
             1800000000000 + n, 'pwd', 1800000000000 + n, 4000000000000, CAST({id} AS BLOB), CAST({id} AS BLOB) FROM numbers"
        );
        sqlx::query(AssertSqlSafe(statement)).execute(&mut *connection).await.unwrap();
    }
    connection.execute("ANALYZE; PRAGMA wal_checkpoint(TRUNCATE)").await.unwrap();
    drop(connection);
    pool.close().await;
}
