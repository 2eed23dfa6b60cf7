//! Tables of each adapter, and of the operator's own names.

use rstest::rstest;
use serde_json::json;
use sqlx::{AnyPool, AssertSqlSafe};

use super::super::server::{Server, printed, run};
use super::{BUILT_IN, THEN, account, counts, execute, import, rows, user};
use crate::identity::IMPORTED;
use crate::support::caller::PASSWORD;
use crate::support::postgres;

/// 2025-01-02T03:04:05Z in seconds.
const SECONDS: i64 = 1_735_787_045;

async fn sign_in(server: &Server, email: &str) -> serde_json::Value {
    let body = json!({ "email": email, "password": PASSWORD });
    server.caller().post("/api/auth/sign-in/email", &body).await.expect(200)["user"].clone()
}

/// Drizzle's columns on SQLite, with times in seconds or milliseconds, and numbers as ids.
fn drizzle(tables: [&str; 2], unit: i64) -> String {
    let at = SECONDS * unit;
    let [users, accounts] = tables;
    format!(
        "CREATE TABLE {users} (id integer PRIMARY KEY, name text NOT NULL, email text NOT NULL, email_verified integer NOT NULL, \
           image text, created_at integer NOT NULL, updated_at integer NOT NULL, plan text); \
         CREATE TABLE {accounts} (id integer PRIMARY KEY, account_id text NOT NULL, provider_id text NOT NULL, \
           user_id integer NOT NULL, password text, created_at integer NOT NULL, updated_at integer NOT NULL); \
         INSERT INTO {users} VALUES (7, 'Ada', 'ada@example.com', 1, NULL, {at}, {at}, 'gold'); \
         INSERT INTO {accounts} VALUES (1, '7', 'credential', 7, '{IMPORTED}', {at}, {at});"
    )
}

#[rstest]
#[case::drizzle_of_seconds(drizzle(["user", "account"], 1))]
#[case::drizzle_of_milliseconds_with_plural_names(drizzle(["users", "accounts"], 1000))]
#[case::prisma_of_milliseconds(format!(
    r#"CREATE TABLE "User" ("id" TEXT PRIMARY KEY, "name" TEXT, "email" TEXT, "emailVerified" BOOLEAN, "createdAt" DATETIME,
         "updatedAt" DATETIME, "plan" TEXT);
       CREATE TABLE "Account" ("id" TEXT PRIMARY KEY, "accountId" TEXT, "providerId" TEXT, "userId" TEXT, "password" TEXT,
         "createdAt" DATETIME, "updatedAt" DATETIME);
       INSERT INTO "User" VALUES ('7', 'Ada', 'Ada@Example.com', true, {ms}, {ms}, 'gold');
       INSERT INTO "Account" VALUES ('1', '7', 'credential', '7', '{IMPORTED}', {ms}, {ms});"#,
    ms = SECONDS * 1000,
))]
#[case::prisma_of_texts(format!(
    r#"CREATE TABLE "user" ("id" TEXT PRIMARY KEY, "name" TEXT, "email" TEXT, "emailVerified" BOOLEAN, "createdAt" DATETIME,
         "updatedAt" DATETIME, "plan" TEXT);
       CREATE TABLE "account" ("id" TEXT PRIMARY KEY, "accountId" TEXT, "providerId" TEXT, "userId" TEXT, "password" TEXT,
         "createdAt" DATETIME, "updatedAt" DATETIME);
       INSERT INTO "user" VALUES ('7', 'Ada', 'ada@example.com', 1, '2025-01-02T03:04:05.000+00:00', '2025-01-02 03:04:05', 'gold');
       INSERT INTO "account" VALUES ('1', 'ada@example.com', 'credential', '7', '{IMPORTED}', '2025-01-02', '2025-01-02');"#,
))]
#[tokio::test]
async fn import_knows_the_tables_of_each_adapter_on_sqlite(#[case] statements: String) {
    let folder = tempfile::tempdir().unwrap();
    execute(&folder.path().join("theirs.db"), &statements).await;
    let before = std::fs::read(folder.path().join("theirs.db")).unwrap();
    let came = import(folder.path(), &[]);
    assert_eq!((&came["users"], &came["accounts"]), (&counts(1, 1, 0, 0), &counts(1, 1, 0, 0)), "{came}");
    assert_eq!(came["columns_not_taken"], json!(["user.plan"]));
    assert!(std::fs::read(folder.path().join("theirs.db")).unwrap() == before, "the source is only read");
    let server = Server::start(folder.path(), &[]);
    let ada = sign_in(&server, "ada@example.com").await;
    assert_eq!((&ada["id"], &ada["emailVerified"]), (&json!("7"), &json!(true)));
    assert_eq!(
        (&ada["createdAt"], &ada["updatedAt"]),
        (&json!("2025-01-02T03:04:05.000Z"), &json!("2025-01-02T03:04:05.000Z"))
    );
}

#[tokio::test]
async fn import_names_the_tables_of_plugins_of_which_nothing_comes() {
    let folder = tempfile::tempdir().unwrap();
    // As the built-in adapter, Drizzle and Prisma spell them; and a table of the application's own.
    let plugins = ["twoFactor", "passkeys", "oauth_access_tokens", "TeamMember", "apikey"];
    let tables: Vec<String> =
        plugins.iter().map(|name| format!(r#"CREATE TABLE "{name}" ("id" TEXT PRIMARY KEY);"#)).collect();
    let statements =
        format!("{}; {} CREATE TABLE invoices (id TEXT);", drizzle(["user", "account"], 1), tables.concat());
    execute(&folder.path().join("theirs.db"), &statements).await;
    let came = import(folder.path(), &[]);
    let expected = ["TeamMember", "apikey", "oauth_access_tokens", "passkeys", "twoFactor"];
    assert_eq!(
        (&came["users"], &came["tables_not_taken"]),
        (&counts(1, 1, 0, 0), &json!(expected)),
        "{came}"
    );
}

#[rstest]
#[case::drizzle("public", "id uuid PRIMARY KEY", "boolean", "timestamp", [
    "users", "accounts", "email_verified", "created_at", "updated_at", "user_id", "provider_id", "account_id"])]
#[case::prisma("public", "id text PRIMARY KEY", "boolean", "timestamp(3)", [
    "\"User\"", "\"Account\"", "\"emailVerified\"", "\"createdAt\"", "\"updatedAt\"", "\"userId\"", "\"providerId\"", "\"accountId\""])]
#[case::built_in_in_a_schema_of_its_own("auth", "id text PRIMARY KEY", "boolean", "timestamptz", [
    "\"user\"", "account", "\"emailVerified\"", "\"createdAt\"", "\"updatedAt\"", "\"userId\"", "\"providerId\"", "\"accountId\""])]
#[tokio::test]
async fn import_knows_the_tables_of_each_adapter_on_postgresql_whatever_the_zone_of_the_session(
    #[case] schema: &str,
    #[case] id: &str,
    #[case] flag: &str,
    #[case] moment: &str,
    #[case] names: [&str; 8],
) {
    let name = format!("import_{schema}_{}_{}", moment.len(), id.len());
    let Some(url) = postgres::database(&name).await else { return };
    let [users, accounts, verified, created, updated, user, provider, account] = names;
    let ada = "7d444840-9dc0-11d1-b245-5ffdce74fad2";
    let foreign = id.split(' ').nth(1).unwrap();
    sqlx::any::install_default_drivers();
    let old = AnyPool::connect(&url).await.unwrap();
    // The time without a zone is what a clock in UTC showed.
    let statements = format!(
        "CREATE SCHEMA IF NOT EXISTS {schema}; SET search_path = {schema}; SET TimeZone = 'UTC'; \
         CREATE TABLE {users} ({id}, name text, email text, {verified} {flag}, image text, {created} {moment}, {updated} {moment}); \
         CREATE TABLE {accounts} (id serial PRIMARY KEY, {account} text, {provider} text, {user} {foreign}, password text, \
           {created} {moment}, {updated} {moment}); \
         INSERT INTO {users} VALUES ('{ada}', 'Ada', 'Ada@example.com', true, NULL, '2025-01-02 03:04:05.678', '2025-01-02 03:04:05.678'); \
         INSERT INTO {accounts} ({account}, {provider}, {user}, password, {created}, {updated}) VALUES \
           ('{ada}', 'credential', '{ada}', '{IMPORTED}', now(), now()), ('4711', 'github', '{ada}', NULL, now(), now());"
    );
    sqlx::raw_sql(AssertSqlSafe(statements)).execute(&old).await.unwrap();
    let database = url.rsplit_once('/').unwrap().1;
    let zone = format!("ALTER DATABASE {database} SET TimeZone = 'Asia/Tokyo'");
    sqlx::raw_sql(AssertSqlSafe(zone)).execute(&old).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ran = run(folder.path(), &["import", "better-auth", &url, "--schema", schema, "--json"], &[]);
    assert!(ran.status.success(), "{}", printed(&ran));
    let server = Server::start(folder.path(), &[]);
    let found = sign_in(&server, "ada@example.com").await;
    assert_eq!((&found["id"], &found["createdAt"]), (&json!(ada), &json!(THEN)));
}

#[tokio::test]
async fn import_follows_names_of_the_operators_own_and_says_which_option_helps() {
    let folder = tempfile::tempdir().unwrap();
    let theirs = folder.path().join("theirs.db");
    execute(&theirs, &format!("{BUILT_IN}{}", user("ada", "ada@example.com"))).await;
    execute(
        &theirs,
        r#"ALTER TABLE "user" RENAME TO app_users; ALTER TABLE app_users RENAME COLUMN "emailVerified" TO verified;"#,
    )
    .await;
    let attempt = |map: &str| {
        run(folder.path(), &["import", "better-auth", "sqlite:theirs.db", "--map", map, "--json"], &[])
    };
    for (map, says) in [
        ("", "--map user=NAME"),
        ("user=app_users", "--map user.emailVerified=NAME"),
        ("user=people", "people"),
        ("team=teams", "team"),
        ("user", "user=app_users"),
    ] {
        let ran = attempt(map);
        assert!(ran.status.code() == Some(2) && printed(&ran).contains(says), "{map}: {}", printed(&ran));
    }
    let ran = attempt("user=app_users,user.emailVerified=verified");
    assert!(ran.status.success(), "{}", printed(&ran));
    assert_eq!(rows(folder.path()).await.len(), 1);
}

#[tokio::test]
async fn import_reads_a_database_that_is_signets_own_as_well() {
    // As after moving by hand: the tables of both in one file.
    let folder = tempfile::tempdir().unwrap();
    assert!(run(folder.path(), &["migrate"], &[]).status.success());
    let both = format!(
        "{BUILT_IN}{}{}",
        user("ada", "ada@example.com"),
        account("a", "ada", "credential", "ada", Some(IMPORTED))
    );
    execute(&folder.path().join("signet.db"), &both).await;
    let ran = run(folder.path(), &["import", "better-auth", "sqlite:signet.db", "--sessions", "--json"], &[]);
    assert!(ran.status.success(), "{}", printed(&ran));
    assert_eq!(rows(folder.path()).await.len(), 2);
    // Without those of Better Auth there is nothing to move from.
    execute(&folder.path().join("signet.db"), r#"DROP TABLE "user"; DROP TABLE account; DROP TABLE session"#)
        .await;
    let ran = run(folder.path(), &["import", "better-auth", "sqlite:signet.db"], &[]);
    assert_eq!(ran.status.code(), Some(2), "{}", printed(&ran));
}

#[test]
fn import_says_in_a_sentence_why_a_database_cannot_be_read_and_repeats_no_password() {
    let folder = tempfile::tempdir().unwrap();
    for (url, code) in [
        ("sqlite:missing.db", 1),
        ("postgres://u:s3cret-word@127.0.0.1:1/x", 1),
        ("mysql://u:s3cret-word@127.0.0.1/x", 2),
        ("u:s3cret-word@127.0.0.1", 2),
    ] {
        let ran = run(folder.path(), &["import", "better-auth", url], &[]);
        let said = printed(&ran);
        assert!(ran.status.code() == Some(code) && said.starts_with("signet: "), "{url}: {said}");
        assert!(!said.contains("s3cret-word") && said.trim().lines().count() == 1, "{said}");
    }
    assert!(!folder.path().join("missing.db").exists());
    assert!(!folder.path().join("signet.db").exists(), "nothing was made");
}
