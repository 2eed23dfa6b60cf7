//! Whether a refresh stays as fast as grants grow: one user's chain beside few grants, and beside a million of other users
//! and clients.
//! In: addresses of empty databases, and how many grants to make. Out: p50 and p99 of both, and their ratios.

use std::path::Path;

use signet::store::Dialect;
use sqlx::{AnyConnection, AnyPool, AssertSqlSafe, Executor};

use super::providers::Provider;
use super::race::refreshed;

/// How many refreshes are measured.
const REFRESHES: usize = 4000;
/// How many rows one statement makes.
const CHUNK: u64 = 250_000;
/// Each user has given as many.
const GRANTS_EACH: u64 = 10;
const CLIENTS: u64 = 1000;

/// Measures, makes the rows, and measures once more; on SQLite, and on each of these databases.
pub async fn run(binary: &Path, grants: u64, databases: &[String]) {
    sqlx::any::install_default_drivers();
    let folder = tempfile::tempdir().unwrap();
    let sqlite = format!("sqlite:{}", folder.path().join("signet.db").display());
    println!("| refresh | few grants: p50, p99 | {grants} grants: p50, p99 | ratio of p50 | ratio of p99 |");
    println!("| --- | --- | --- | --- | --- |");
    for url in [sqlite].iter().chain(databases) {
        let dialect = if url.starts_with("sqlite:") { Dialect::Sqlite } else { Dialect::Postgres };
        let signet = Provider::signet(binary, &[("DATABASE_URL", url.as_str())]).await;
        let small = measure(&signet).await;
        load(url, dialect, grants).await.unwrap();
        let large = measure(&signet).await;
        let at = |nanos: &[u64], share: f64| nanos[((nanos.len() - 1) as f64 * share) as usize] as f64 / 1e3;
        let [a, b, c, d] = [at(&small, 0.5), at(&small, 0.99), at(&large, 0.5), at(&large, 0.99)];
        println!(
            "| {dialect:?} | {a:.0} µs, {b:.0} µs | {c:.0} µs, {d:.0} µs | {:.2} | {:.2} |",
            c / a,
            d / b
        );
    }
}

/// How long each refresh takes, one after the other.
async fn measure(signet: &Provider) -> Vec<u64> {
    let token = |tokens: serde_json::Value| tokens["refresh_token"].as_str().unwrap().to_owned();
    let warm = token(signet.tokens("web-eddsa").await);
    refreshed(signet, vec![warm], REFRESHES / 10).await;
    let measured = token(signet.tokens("web-eddsa").await);
    let mut nanos = refreshed(signet, vec![measured], REFRESHES).await;
    nanos.sort_unstable();
    nanos
}

/// Makes clients, users and their grants, whose names lie all over the indexes as random ones do.
async fn load(url: &str, dialect: Dialect, grants: u64) -> Result<(), sqlx::Error> {
    let pool = AnyPool::connect(url).await?;
    let mut connection = pool.acquire().await?;
    if dialect == Dialect::Sqlite {
        connection.execute("PRAGMA synchronous = OFF; PRAGMA cache_size = -2000000").await?;
    }
    let users = grants.div_ceil(GRANTS_EACH);
    let (id, user) = (id_in(dialect, "n"), id_in(dialect, &format!("(n % {users})")));
    let hash = |text: &str| match dialect {
        Dialect::Sqlite => format!("CAST({text} AS BLOB)"),
        Dialect::Postgres => format!("convert_to({text}, 'UTF8')"),
    };
    let client = "INSERT INTO clients (client_id, name, application_type, token_endpoint_auth_method, id_token_alg, grant_types, \
                  scope, machine_scope, skip_consent, require_pushed, require_pkce, redirect_uris, post_logout_redirect_uris, \
                  created_at, updated_at) SELECT 'other-' || n, 'Another', 'web', 'client_secret_post', 'EdDSA', \
                  'authorization_code refresh_token', 'openid', '', 1, 0, 1, '[]', '[]', 1800000000000, 1800000000000 FROM numbers";
    let person = format!(
        "INSERT INTO users (id, email, email_verified, name, created_at, updated_at) \
         SELECT {id}, {id} || '@example.com', 0, 'Another', 1800000000000 + n, 1800000000000 + n FROM numbers"
    );
    let grant = format!(
        "INSERT INTO grants (id, client_id, user_id, session_id, offline, scope, resources, authenticated_at, amr, created_at, \
         expires_at, family_hash, refresh_hash) \
         SELECT {id}, 'other-' || (n % {CLIENTS}), {user}, {id}, 1, 'openid profile email offline_access', '[]', \
         1800000000000 + n, 'pwd', 1800000000000 + n, 4000000000000, {hash}, {hash} FROM numbers",
        hash = hash(&format!("substr({id}, 1, 32)"))
    );
    make(&mut connection, dialect, client, CLIENTS).await?;
    make(&mut connection, dialect, &person, users).await?;
    make(&mut connection, dialect, &grant, grants).await?;
    let tidy = match dialect {
        Dialect::Sqlite => "ANALYZE; PRAGMA wal_checkpoint(TRUNCATE)",
        Dialect::Postgres => "VACUUM ANALYZE",
    };
    connection.execute(tidy).await?;
    drop(connection);
    pool.close().await;
    Ok(())
}

/// 32 letters and digits of a number.
fn id_in(dialect: Dialect, number: &str) -> String {
    match dialect {
        Dialect::Sqlite => format!("printf('%08x%024x', {number} * 2654435761 % 4294967296, {number})"),
        Dialect::Postgres => format!(
            "lpad(to_hex({number} * 2654435761 % 4294967296), 8, '0') || lpad(to_hex({number}), 24, '0')"
        ),
    }
}

/// Runs a statement over the numbers from 0 to before `end`, a chunk at a time.
async fn make(
    connection: &mut AnyConnection,
    dialect: Dialect,
    statement: &str,
    end: u64,
) -> Result<(), sqlx::Error> {
    for from in (0..end).step_by(CHUNK as usize) {
        let to = (from + CHUNK).min(end) - 1;
        let numbers = match dialect {
            Dialect::Sqlite => format!(
                "WITH RECURSIVE numbers (n) AS (SELECT {from} UNION ALL SELECT n + 1 FROM numbers WHERE n < {to})"
            ),
            Dialect::Postgres => {
                format!("WITH numbers AS (SELECT n FROM generate_series({from}::bigint, {to}::bigint) AS n)")
            }
        };
        sqlx::query(AssertSqlSafe(format!("{numbers} {statement}"))).execute(&mut *connection).await?;
    }
    Ok(())
}
