//! Each kind of process has a role of its own in PostgreSQL, with the rights that `deploy/roles.sql` gives it and no
//! others.

use sqlx::{AnyPool, AssertSqlSafe};

use super::server::{Server, printed, run};
use super::sign_up_body;
use crate::support::postgres_server::PostgresServer;

/// What PostgreSQL says to `statement` from this role: `None` when it may.
async fn refusal(url: &str, statement: &str) -> Option<String> {
    let pool = AnyPool::connect(url).await.unwrap();
    let outcome = sqlx::query(AssertSqlSafe(statement.to_owned())).execute(&pool).await;
    pool.close().await;
    outcome.err().map(|error| error.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_let_each_process_do_its_work_and_nothing_else() {
    sqlx::any::install_default_drivers();
    let Some(postgres) = PostgresServer::start() else { return };
    let owner = postgres.url();
    let of = |role: &str| owner.replace("//signet@", &format!("//{role}@"));
    let (identity, resource) = (of("signet_identity"), of("signet_resource"));
    let folder = tempfile::tempdir().unwrap();
    let migrated = run(folder.path(), &["migrate"], &[("DATABASE_URL", &owner)]);
    assert!(migrated.status.success(), "{}", printed(&migrated));
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/roles.sql");
    // Again and again is the same as once.
    for _ in 0..2 {
        let said = postgres.psql(&[
            "-q",
            "-v",
            "identity_password=one",
            "-v",
            "resource_password=two",
            "-f",
            script,
        ]);
        assert!(said.status.success(), "{}", printed(&said));
    }

    let one = Server::start(folder.path(), &[("DATABASE_URL", &identity), ("SIGNET_ROLE", "identity")]);
    let jwks = format!("{}/api/auth/jwks", one.base_url);
    let issuer = format!("http://localhost:{}", one.base_url.rsplit(':').next().unwrap());
    let settings = [
        ("DATABASE_URL", resource.as_str()),
        ("SIGNET_ROLE", "resource"),
        ("SIGNET_JWKS_URL", &jwks),
        ("SIGNET_ISSUER", &issuer),
        ("SIGNET_AUDIENCE", &issuer),
    ];
    let two = Server::start(folder.path(), &settings);
    let ada =
        one.caller().post("/api/auth/sign-up/email", &sign_up_body("ada@example.com")).await.expect(200);
    let session = one.caller().bearing(ada["token"].as_str().unwrap());
    let token = session.get("/api/auth/token").await.expect(200)["token"].as_str().unwrap().to_owned();
    let tasks = two.caller().bearing(&token);
    let task = tasks.post("/api/me/tasks", &serde_json::json!({ "title": "Buy milk" })).await.expect(201);
    let path = format!("/api/me/tasks/{}", task["id"].as_str().unwrap());
    tasks.get("/api/me/tasks").await.expect(200);
    tasks.delete(&path).await.expect(204);
    session.post("/api/auth/sign-out", &serde_json::json!({})).await.expect(200);
    super::until("the ended session is heard of", async || tasks.get("/api/me/tasks").await.status == 401)
        .await;

    have_no_other_right(&identity, &resource).await;
    for server in [one, two] {
        let (status, log) = server.terminate();
        assert!(status.success() && !log.contains("permission denied"), "{log}");
    }
}

/// What neither role may do, and what the role of resource processes may not even read.
async fn have_no_other_right(identity: &str, resource: &str) {
    for table in ["users", "accounts", "sessions", "signing_keys", "keyring", "key_events", "outbox"] {
        for statement in [
            format!("SELECT * FROM {table}"),
            format!("SELECT 1 FROM {table}"),
            format!("DELETE FROM {table}"),
            format!("COPY {table} TO STDOUT"),
        ] {
            let said = refusal(resource, &statement).await;
            assert!(
                said.as_ref().is_some_and(|said| said.contains("permission denied")),
                "{statement}: {said:?}"
            );
        }
    }
    for role in [identity, resource] {
        for statement in [
            "CREATE TABLE mine (id TEXT)",
            "DROP TABLE users",
            "ALTER TABLE users ADD COLUMN mine TEXT",
            "TRUNCATE revoked_sessions",
            "UPDATE schema_floor SET migration = 0",
            "DELETE FROM _sqlx_migrations",
            "CREATE ROLE mine",
        ] {
            assert!(refusal(role, statement).await.is_some(), "{statement} by {role}");
        }
    }
    assert!(
        refusal(resource, "DELETE FROM revoked_sessions").await.is_some(),
        "no session comes back by way of it"
    );
    assert_eq!(refusal(identity, "SELECT 1 FROM users").await, None);
    assert_eq!(refusal(resource, "SELECT 1 FROM tasks").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_says_who_has_to_migrate_when_its_role_may_not() {
    sqlx::any::install_default_drivers();
    let Some(postgres) = PostgresServer::start() else { return };
    assert_eq!(refusal(&postgres.url(), "CREATE ROLE reader LOGIN").await, None);
    assert_eq!(refusal(&postgres.url(), "REVOKE CREATE ON SCHEMA public FROM PUBLIC").await, None);
    let url = postgres.url().replace("//signet@", "//reader@");
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["serve"], &[("DATABASE_URL", &url), ("SIGNET_LISTEN", "127.0.0.1:0")]);
    let said = printed(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let sentences: Vec<&str> = said.lines().filter(|line| line.starts_with("signet: ")).collect();
    assert!(sentences.len() == 1 && sentences[0].contains("signet migrate"), "{said}");
}
