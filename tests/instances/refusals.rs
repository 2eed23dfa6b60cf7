//! A database says no in every way that it knows: 503 with a time to come back, and good again as soon as it says yes.

use super::database::is_good;
use super::*;
use crate::support::Reply;
use crate::support::postgres_server::PostgresServer;
use crate::support::small_disk::SmallDisk;

const END_SESSIONS: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app' AND pid <> pg_backend_pid();";

/// One instance on a PostgreSQL of its own, as a user who is nobody special.
struct Subject {
    folder: TempDir,
    url: String,
    server: Server,
    token: String,
}

impl Subject {
    /// On the database `app` of `database`, in which somebody has signed up.
    async fn on(database: &PostgresServer, tablespace: &str) -> Self {
        database.run_in("template1", "CREATE ROLE app LOGIN").await;
        let create = format!("CREATE DATABASE app OWNER app ENCODING 'UTF8' TEMPLATE template0 {tablespace}");
        database.run_in("template1", &create).await;
        let folder = tempfile::tempdir().unwrap();
        let url = database.url_of("app", "app");
        let server = Server::start(folder.path(), &[("DATABASE_URL", &url), ("BETTER_AUTH_URL", ISSUER)]);
        let token = jwt(&signed_up(&server, "ada").await).await;
        Self { folder, url, server, token }
    }

    async fn sign_in(&self) -> Reply {
        let body = json!({ "email": "ada@example.com", "password": PASSWORD });
        self.server.caller().post("/api/auth/sign-in/email", &body).await
    }

    /// Waits until nobody can sign in, and the balancer hears of it. No answer is anything but good or a proper 503.
    async fn is_refused(&self, why: &str) {
        soon(why, async || !is_good(&self.sign_in().await)).await;
        soon(why, async || self.server.caller().get("/readyz").await.status == 503).await;
        self.server.caller().get("/readyz").await.assert_error(503, "NOT_READY");
        self.server.caller().get("/healthz").await.expect(200);
        self.server.caller().get("/api/auth/jwks").await.expect(200);
    }

    /// Waits until it is ready, which it is within ten seconds of looks; then everybody can do everything.
    async fn is_good(&self, why: &str) {
        let mut looks = 0;
        while self.server.caller().get("/readyz").await.status != 200 || !is_good(&self.sign_in().await) {
            looks += 1;
            assert!(looks < 200, "{why}: it does not recover by itself: {}", self.server.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let many = futures_util::future::join_all((0..6).map(|_| self.sign_in())).await;
        for reply in many {
            reply.expect(200);
        }
        let api = self.server.caller().bearing(&self.token);
        api.post("/api/me/tasks", &json!({ "title": why })).await.expect(201);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_of_postgresql_is_a_503_and_passes_without_hands() {
    let Some(database) = PostgresServer::start() else { return };
    let subject = Subject::on(&database, "").await;
    // (what happens, who is thrown out, what mends it)
    let refusals = [
        (
            "ALTER ROLE app SET default_transaction_read_only = on",
            true,
            // The sessions that there are stay as they are; new ones are fine.
            "ALTER ROLE app RESET default_transaction_read_only",
        ),
        ("ALTER ROLE app NOLOGIN", true, "ALTER ROLE app LOGIN"),
        ("ALTER ROLE app CONNECTION LIMIT 0", true, "ALTER ROLE app CONNECTION LIMIT -1"),
        ("ALTER DATABASE app ALLOW_CONNECTIONS false", true, "ALTER DATABASE app ALLOW_CONNECTIONS true"),
        (
            "ALTER DATABASE app ALLOW_CONNECTIONS false",
            true,
            "ALTER DATABASE app RENAME TO away; ALTER DATABASE away RENAME TO app; \
             ALTER DATABASE app ALLOW_CONNECTIONS true",
        ),
    ];
    for (harm, throws_out, mend) in refusals {
        database.run_in("template1", harm).await;
        if throws_out {
            database.run_in("template1", END_SESSIONS).await;
        }
        subject.is_refused(harm).await;
        database.run_in("template1", mend).await;
        subject.is_good(harm).await;
    }
    for (harm, mend) in [
        (
            "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM app",
            "GRANT ALL ON ALL TABLES IN SCHEMA public TO app",
        ),
        ("ALTER SCHEMA public RENAME TO away", "ALTER SCHEMA away RENAME TO public"),
    ] {
        database.run_in("app", harm).await;
        subject.is_refused(harm).await;
        database.run_in("app", mend).await;
        subject.is_good(harm).await;
    }
    // Thrown out again and again, in the middle of everything.
    for _ in 0..10 {
        database.run_in("template1", END_SESSIONS).await;
        for reply in futures_util::future::join_all((0..4).map(|_| subject.sign_in())).await {
            is_good(&reply);
        }
    }
    subject.is_good("sessions were ended").await;
    // And what goes on in the background goes on.
    let settings = [("DATABASE_URL", subject.url.as_str()), ("BETTER_AUTH_URL", ISSUER)];
    let rotated = crate::command_line::server::run(subject.folder.path(), &["keys", "rotate"], &settings);
    assert!(rotated.status.success());
    soon("the next keys are announced", async || {
        let keys = subject.server.caller().get("/api/auth/jwks").await.expect(200);
        keys["keys"].as_array().unwrap().len() == 6
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_code_that_is_not_a_statement_s_fault_is_a_503() {
    let Some(database) = PostgresServer::start() else { return };
    let subject = Subject::on(&database, "").await;
    let codes = [
        "08006", "0A000", "25006", "25P03", "26000", "28000", "28P01", "3D000", "40001", "40P01", "42501",
        "53000", "53200", "53400", "55000", "55P03", "57014", "57P01", "57P03", "58030", "72000", "F0000",
        "P0001", "XX000", "XX001",
    ];
    let raising = |code: &str| {
        format!(
            "CREATE OR REPLACE FUNCTION say_no() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END $$;"
        )
    };
    let triggers = "CREATE TRIGGER say_no BEFORE INSERT ON sessions FOR EACH ROW EXECUTE FUNCTION say_no(); \
                    CREATE TRIGGER say_no BEFORE INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION say_no();";
    database.run_in("app", &format!("{}{triggers}", raising("53100"))).await;
    // No space: what needs none still works, and readiness tries what needs some.
    subject.is_refused("no space").await;
    let message = subject.server.caller().get("/readyz").await.json()["message"].clone();
    assert_eq!(message, "The database cannot be written");
    for code in codes {
        database.run_in("app", &raising(code)).await;
        assert!(!is_good(&subject.sign_in().await), "{code}");
    }
    // A statement that is wrong today is wrong tomorrow.
    for code in ["22012", "42601"] {
        database.run_in("app", &raising(code)).await;
        subject.sign_in().await.assert_error(500, "INTERNAL_SERVER_ERROR");
    }
    database.run_in("app", "DROP FUNCTION say_no CASCADE").await;
    subject.is_good("nothing says no").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_becomes_a_standby_and_is_promoted_costs_503s_and_nothing_else() {
    let Some(mut database) = PostgresServer::start() else { return };
    let subject = Subject::on(&database, "").await;
    let session = signed_up(&subject.server, "bob").await;
    database.crash();
    database.demote();
    database.restart();
    subject.is_refused("a standby").await;
    session.get("/api/auth/get-session").await.expect(200);
    database.run_in("template1", "SELECT pg_promote()").await;
    subject.is_good("promoted").await;
    database.crash();
    subject.is_refused("gone").await;
    database.restart();
    subject.is_good("back").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_is_changed_and_changed_back_costs_503s_and_nothing_else() {
    let Some(database) = PostgresServer::with_tls("open-sesame") else { return };
    let folder = tempfile::tempdir().unwrap();
    let url = |user: &str, password: &str, name: &str| {
        format!("postgres://{user}:{password}@localhost:{}/{name}?sslmode=require", database.port())
    };
    sqlx::any::install_default_drivers();
    let owner = sqlx::AnyPool::connect(&url("signet", "open-sesame", "postgres")).await.unwrap();
    let run = async |statement: &'static str| {
        sqlx::raw_sql(statement).execute(&owner).await.unwrap();
    };
    run("CREATE ROLE app LOGIN PASSWORD 'old-sesame'").await;
    run("CREATE DATABASE app OWNER app").await;
    let settings = url("app", "old-sesame", "app");
    let server = Server::start(folder.path(), &[("DATABASE_URL", &settings), ("BETTER_AUTH_URL", ISSUER)]);
    let token = jwt(&signed_up(&server, "ada").await).await;
    let subject = Subject { folder, url: settings, server, token };
    run("ALTER ROLE app PASSWORD 'new-sesame'").await;
    run(END_SESSIONS).await;
    subject.is_refused("another password").await;
    run("ALTER ROLE app PASSWORD 'old-sesame'").await;
    subject.is_good("the old password").await;
    let (_, log) = subject.server.terminate();
    assert!(log.contains("password authentication failed") && !log.contains("sesame"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_costs_503s_until_there_is_space_again() {
    let Some(disk) = SmallDisk::mount(24) else { return };
    let Some(database) = PostgresServer::start() else { return };
    database.hand_over(disk.path());
    let create = format!("CREATE TABLESPACE small LOCATION '{}'", disk.path().display());
    database.run_in("template1", &create).await;
    let subject = Subject::on(&database, "TABLESPACE small").await;
    disk.fill();
    fills_up(&subject, "a full tablespace").await;
    disk.free();
    subject.is_good("space in the tablespace").await;
    drop(subject);
    drop(database);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_under_a_sqlite_file_costs_503s_until_there_is_space_again() {
    let Some(disk) = SmallDisk::mount(8) else { return };
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", disk.path().join("signet.db").display());
    let server = Server::start(folder.path(), &[("DATABASE_URL", &url), ("BETTER_AUTH_URL", ISSUER)]);
    let token = jwt(&signed_up(&server, "ada").await).await;
    let subject = Subject { folder, url, server, token };
    disk.fill();
    fills_up(&subject, "a full disk").await;
    disk.free();
    subject.is_good("space on the disk").await;
}

/// Keeps large tasks until there is no room for another, and waits until the balancer hears of it.
async fn fills_up(subject: &Subject, why: &str) {
    let api = subject.server.caller().bearing(&subject.token);
    let task = json!({ "title": "large", "description": "ß".repeat(2000) });
    soon(why, async || !is_good(&api.post("/api/me/tasks", &task).await)).await;
    soon(why, async || {
        api.post("/api/me/tasks", &task).await;
        subject.server.caller().get("/readyz").await.status == 503
    })
    .await;
    subject.server.caller().get("/healthz").await.expect(200);
    subject.server.caller().get("/api/auth/jwks").await.expect(200);
}
