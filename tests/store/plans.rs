//! The statements of every request walk an index, however many rows there are.

use signet::store::{Database, credentials, grants, sessions, tasks};
use sqlx::{AssertSqlSafe, Executor, Row};

/// The hot statements with something for each of their places.
fn statements() -> [(&'static str, String); 7] {
    let filled = |text: &str, values: &[&str]| {
        values
            .iter()
            .enumerate()
            .fold(text.to_owned(), |text, (place, value)| text.replace(&format!("${}", place + 1), value))
    };
    [
        ("sign-in", filled(credentials::BY_EMAIL, &["'a@example.com'", "'credential'"])),
        ("session", filled(sessions::BY_TOKEN_HASH, &["HASH"])),
        ("code exchange", filled(sessions::EXPIRY_AND_USER, &["'s'"])),
        ("refresh", filled(grants::BY_FAMILY, &["HASH"])),
        ("introspection", filled(grants::STATE, &["'g'"])),
        ("add", filled(tasks::ADD, &["'i'", "'u'", "'t'", "'d'", "0", "5", "5", "100"])),
        ("page", filled(tasks::PAGE, &["'u'", "5", "'x'", "-1", "50"])),
    ]
}

async fn plan(connection: &mut sqlx::AnyConnection, statement: String) -> String {
    let rows = connection.fetch_all(sqlx::query(AssertSqlSafe(statement))).await.unwrap();
    let column = if rows[0].len() > 1 { 3 } else { 0 };
    rows.iter().map(|row| row.get::<String, _>(column)).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn plans_of_hot_statements_on_sqlite_use_an_index_and_sort_nothing() {
    let (_folder, url) = super::sqlite();
    let database = Database::open(&url, 1).await.unwrap();
    database.migrate().await.unwrap();
    let pool = sqlx::AnyPool::connect(&url).await.unwrap();
    let mut connection = pool.acquire().await.unwrap();
    for (name, statement) in statements() {
        let statement = format!("EXPLAIN QUERY PLAN {}", statement.replace("HASH", "x'00'"));
        let plan = plan(&mut connection, statement).await;
        // One row of values, and what an index has found already.
        let plan = plan.replace("SCAN CONSTANT ROW", "").replace("SCAN own", "");
        assert!(plan.contains("USING INDEX") || plan.contains("USING COVERING INDEX"), "{name}: {plan}");
        assert!(!plan.contains("SCAN") && !plan.contains("TEMP B-TREE"), "{name}: {plan}");
    }
}

#[tokio::test]
async fn plans_of_hot_statements_on_postgresql_use_an_index_and_sort_nothing() {
    let Some(url) = crate::support::postgres::database("plans").await else { return };
    let database = Database::open(&url, 1).await.unwrap();
    database.migrate().await.unwrap();
    let pool = sqlx::AnyPool::connect(&url).await.unwrap();
    let mut connection = pool.acquire().await.unwrap();
    // The tables are empty: a scan would be cheaper, if it were allowed at all.
    for setting in ["SET enable_seqscan = off", "SET enable_bitmapscan = off", "SET enable_sort = off"] {
        connection.execute(setting).await.unwrap();
    }
    for (name, statement) in statements() {
        let statement = format!("EXPLAIN {}", statement.replace("HASH", "'\\x00'::bytea"));
        let plan = plan(&mut connection, statement).await;
        assert!(plan.contains("Index"), "{name}: {plan}");
        assert!(!plan.contains("Seq Scan") && !plan.contains("Sort"), "{name}: {plan}");
    }
}
