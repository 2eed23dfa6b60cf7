//! Moving from Better Auth.

use serde_json::json;
use sqlx::{ConnectOptions, Row};

use super::IMPORTED;
use crate::support::TestApp;
use crate::support::caller::PASSWORD;

#[tokio::test]
async fn import_from_better_auth_on_sqlite_keeps_people_and_sign_in_replaces_their_hashes() {
    let app = TestApp::start().await;
    let alice = app.signed_up("alice").await;
    let theirs = app.folder.path().join("theirs.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&theirs).create_if_missing(true);
    let mut old = options.connect().await.unwrap();
    // As Better Auth's own migration makes them.
    sqlx::raw_sql(
        r#"CREATE TABLE "user" ("id" text NOT NULL PRIMARY KEY, "name" text NOT NULL, "email" text NOT NULL UNIQUE,
             "emailVerified" integer NOT NULL, "image" text, "createdAt" date NOT NULL, "updatedAt" date NOT NULL);
           CREATE TABLE "account" ("id" text NOT NULL PRIMARY KEY, "accountId" text NOT NULL, "providerId" text NOT NULL,
             "userId" text NOT NULL, "password" text, "createdAt" date NOT NULL, "updatedAt" date NOT NULL);
           INSERT INTO "user" VALUES
             ('bob', 'Bob', 'bob@example.com', 1, NULL, '2024-02-29T12:00:00.123Z', '2025-01-01T00:00:00.000Z'),
             ('other', 'Another Alice', 'alice@example.com', 0, NULL, '2025-01-01T00:00:00.000Z', '2025-01-01T00:00:00.000Z');
           INSERT INTO "account" VALUES
             ('a1', 'bob', 'github', 'bob', NULL, '2025-01-01T00:00:00.000Z', '2025-01-01T00:00:00.000Z'),
             ('a3', 'other', 'credential', 'other', 'x', '2025-01-01T00:00:00.000Z', '2025-01-01T00:00:00.000Z');"#,
    )
    .execute(&mut old)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO account VALUES ('a2', 'bob', 'credential', 'bob', $1, '2025-01-01T00:00:00Z', '2025-01-01T00:00:00Z')",
    )
    .bind(IMPORTED)
    .execute(&mut old)
    .await
    .unwrap();

    let ours = app.folder.path().join("signet.db");
    let mut ours = sqlx::sqlite::SqliteConnectOptions::new().filename(ours).connect().await.unwrap();
    sqlx::query("ATTACH $1 AS theirs").bind(theirs.to_str().unwrap()).execute(&mut ours).await.unwrap();
    for _ in 0..2 {
        let script = include_str!("../../migrations/better-auth/sqlite.sql");
        sqlx::raw_sql(script).execute(&mut ours).await.unwrap();
    }

    let sign_in = async |password: &str| {
        let body = json!({ "email": "bob@example.com", "password": password });
        app.anonymous().post("/api/auth/sign-in/email", &body).await
    };
    sign_in("correct horse batterz").await.assert_error(401, "INVALID_EMAIL_OR_PASSWORD");
    let user = sign_in(PASSWORD).await.expect(200)["user"].clone();
    assert_eq!((&user["id"], &user["createdAt"]), (&json!("bob"), &json!("2024-02-29T12:00:00.123Z")));
    assert_eq!((&user["name"], &user["emailVerified"]), (&json!("Bob"), &json!(true)));
    let row =
        sqlx::query("SELECT password_hash FROM accounts WHERE user_id = 'bob'").fetch_one(&mut ours).await;
    assert!(row.unwrap().get::<String, _>("password_hash").starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    sign_in(PASSWORD).await.expect(200);
    // Who has the address here already stays who they are.
    assert_eq!(alice.sign_in_again(&app).await.id, alice.id);
}
