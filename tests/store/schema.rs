//! The two schemas mean the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use signet::store::Database;
use sqlx::{AnyPool, AssertSqlSafe, Row};

fn folder(dialect: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(dialect)
}

/// The migrations of a dialect by their file names, as words: spaces and comments mean nothing.
fn migrations(dialect: &str) -> BTreeMap<String, Vec<String>> {
    let files = fs::read_dir(folder(dialect)).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let lines = text.lines().map(|line| line.split("--").next().unwrap_or_default());
            let words = lines.flat_map(|line| {
                line.replace(',', " , ").split_whitespace().map(str::to_owned).collect::<Vec<_>>()
            });
            (path.file_name().unwrap().to_str().unwrap().to_owned(), words.collect())
        })
        .collect()
}

#[test]
fn migrations_are_the_same_in_both_dialects_but_for_the_name_of_bytes() {
    let mut postgres = migrations("postgres");
    for words in postgres.values_mut() {
        words.iter_mut().filter(|word| *word == "BYTEA").for_each(|word| *word = "BLOB".to_owned());
    }
    assert_eq!(postgres, migrations("sqlite"));
    assert!(postgres.len() >= 4);
}

/// A table as a database describes it: its columns with type and whether they may be empty, its primary key, the sets
/// of columns that are unique or indexed, and where its columns lead.
#[derive(Debug, Default, PartialEq, Eq)]
struct Table {
    columns: BTreeSet<(String, String, bool)>,
    key: Vec<String>,
    /// Columns in their order, and whether they are unique.
    indexes: BTreeSet<(Vec<String>, bool)>,
    references: BTreeSet<(String, String, String)>,
}

type Schema = BTreeMap<String, Table>;

async fn rows(pool: &AnyPool, query: &str) -> Vec<sqlx::any::AnyRow> {
    sqlx::query(AssertSqlSafe(query.to_owned())).fetch_all(pool).await.unwrap()
}

fn text(row: &sqlx::any::AnyRow, column: usize) -> String {
    row.get(column)
}

fn meaning(kind: &str) -> String {
    match kind {
        "BLOB" | "bytea" => "bytes".to_owned(),
        kind => kind.to_lowercase(),
    }
}

async fn of_sqlite(pool: &AnyPool) -> Schema {
    let mut schema = Schema::new();
    let tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '_sqlx%'";
    for row in rows(pool, tables).await {
        let name = text(&row, 0);
        let mut table = Table::default();
        let mut key: Vec<(i64, String)> = Vec::new();
        for row in
            rows(pool, &format!("SELECT name, type, \"notnull\", pk FROM pragma_table_info('{name}')")).await
        {
            table.columns.insert((text(&row, 0), meaning(&text(&row, 1)), row.get::<i64, _>(2) == 0));
            key.push((row.get(3), text(&row, 0)));
        }
        key.retain(|(place, _)| *place > 0);
        key.sort();
        table.key = key.into_iter().map(|(_, column)| column).collect();
        let list = format!("SELECT name, \"unique\" FROM pragma_index_list('{name}') WHERE origin <> 'pk'");
        for row in rows(pool, &list).await {
            let info = format!("SELECT name FROM pragma_index_info('{}') ORDER BY seqno", text(&row, 0));
            let columns = rows(pool, &info).await.iter().map(|row| text(row, 0)).collect();
            table.indexes.insert((columns, row.get::<i64, _>(1) == 1));
        }
        let leads = format!("SELECT \"from\", \"table\", on_delete FROM pragma_foreign_key_list('{name}')");
        for row in rows(pool, &leads).await {
            table.references.insert((text(&row, 0), text(&row, 1), text(&row, 2)));
        }
        schema.insert(name, table);
    }
    schema
}

async fn of_postgres(pool: &AnyPool) -> Schema {
    let mut schema = Schema::new();
    let columns = "SELECT table_name::text, column_name::text, data_type::text, is_nullable::text \
                   FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> '_sqlx_migrations'";
    for row in rows(pool, columns).await {
        let table: &mut Table = schema.entry(text(&row, 0)).or_default();
        table.columns.insert((text(&row, 1), meaning(&text(&row, 2)), text(&row, 3) == "YES"));
    }
    let indexes = "SELECT t.relname::text, i.indisprimary::int::bigint, i.indisunique::int::bigint, \
                   array_to_string(ARRAY(SELECT a.attname FROM unnest(i.indkey) WITH ORDINALITY AS k(number, place) \
                   JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number ORDER BY k.place), ' ') \
                   FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace \
                   WHERE n.nspname = 'public' AND t.relname <> '_sqlx_migrations'";
    for row in rows(pool, indexes).await {
        let table = schema.get_mut(&text(&row, 0)).unwrap();
        let columns: Vec<String> = text(&row, 3).split(' ').map(str::to_owned).collect();
        if row.get::<i64, _>(1) == 1 {
            table.key = columns;
        } else {
            table.indexes.insert((columns, row.get::<i64, _>(2) == 1));
        }
    }
    let references = "SELECT c.conrelid::regclass::text, a.attname::text, c.confrelid::regclass::text, \
                      CASE c.confdeltype WHEN 'c' THEN 'CASCADE' ELSE 'NO ACTION' END \
                      FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1] \
                      WHERE c.contype = 'f'";
    for row in rows(pool, references).await {
        let lead = (text(&row, 1), text(&row, 2), text(&row, 3));
        schema.get_mut(&text(&row, 0)).unwrap().references.insert(lead);
    }
    schema
}

#[tokio::test]
async fn migrate_ends_with_the_same_tables_keys_indexes_and_references_on_both_databases() {
    let Some(postgres) = crate::support::postgres::database("schemas").await else { return };
    let (_folder, sqlite) = super::sqlite();
    for url in [&postgres, &sqlite] {
        Database::open(url, 1).await.unwrap().migrate().await.unwrap();
    }
    let postgres = of_postgres(&AnyPool::connect(&postgres).await.unwrap()).await;
    let sqlite = of_sqlite(&AnyPool::connect(&sqlite).await.unwrap()).await;
    assert_eq!(sqlite.keys().collect::<Vec<_>>(), postgres.keys().collect::<Vec<_>>());
    for (name, table) in &sqlite {
        assert_eq!(table, &postgres[name], "{name}");
    }
    assert!(sqlite.contains_key("tasks") && !sqlite["users"].indexes.is_empty(), "{sqlite:?}");
}
