//! A pooler in front of PostgreSQL: works in the modes that keep transactions together, and says what to set in others.

use sqlx::{AnyConnection, Connection, Executor, Row};

use super::database::is_good;
use super::*;
use crate::command_line::server::{printed, run};
use crate::support::pgbouncer::PgBouncer;
use crate::support::postgres_server::PostgresServer;

/// What the driver sends and PgBouncer does not know.
const KNOWS_THE_DRIVER: &str = "ignore_startup_parameters = extra_float_digits";

/// The only value of a row.
async fn value(connection: &mut AnyConnection, statement: &'static str) -> String {
    connection.fetch_one(statement).await.unwrap().get(0)
}

/// Everybody does everything, at two instances at once, and they start again on what they have made.
async fn works(pooler: &PgBouncer) {
    let folder = tempfile::tempdir().unwrap();
    let url = pooler.url();
    let settings = [("DATABASE_URL", url.as_str()), ("BETTER_AUTH_URL", ISSUER)];
    for round in 0..2 {
        let (one, two) = std::thread::scope(|scope| {
            let start = || scope.spawn(|| Server::start(folder.path(), &settings));
            let (one, two) = (start(), start());
            (one.join().unwrap(), two.join().unwrap())
        });
        let people = (0..12).map(|number| {
            let (one, two) = (&one, &two);
            async move {
                let name = format!("p{round}-{number}");
                let session = signed_up(if number % 2 == 0 { one } else { two }, &name).await;
                let token = jwt(&session).await;
                let api = two.caller().bearing(&token);
                for title in ["one", "two", "three"] {
                    api.post("/api/me/tasks", &json!({ "title": title })).await.expect(201);
                }
                let tasks = api.get("/api/me/tasks").await.expect(200);
                assert_eq!(tasks.as_array().unwrap().len(), 3, "{tasks}");
                let email = format!("{name}@example.com");
                let body = json!({ "email": email, "password": PASSWORD });
                one.caller().post("/api/auth/sign-in/email", &body).await.expect(200);
                let body = json!({ "name": "P", "email": email, "password": PASSWORD });
                one.caller().post("/api/auth/sign-up/email", &body).await.assert_error(422, TAKEN);
                sign_out(&session).await;
                soon("both refuse what was ended", async || {
                    verdict(one, &token).await == 401 && verdict(two, &token).await == 401
                })
                .await;
            }
        });
        futures_util::future::join_all(people).await;
        one.caller().get("/readyz").await.expect(200);
        let rotated = run(folder.path(), &["keys", "rotate"], &settings);
        assert!(rotated.status.success(), "{}", printed(&rotated));
        for server in [one, two] {
            let (status, log) = server.terminate();
            assert!(status.success());
            assert!(!log.contains(r#""level":"ERROR""#) && !log.contains("not available"), "{log}");
        }
    }
}

const TAKEN: &str = "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL";

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_in_transaction_mode_works_and_its_sessions_stay_as_they_were() {
    let Some(database) = PostgresServer::start() else { return };
    for settings in [
        &[KNOWS_THE_DRIVER, "default_pool_size = 4"][..],
        &[KNOWS_THE_DRIVER, "default_pool_size = 1", "server_round_robin = 1"],
    ] {
        let Some(pooler) = PgBouncer::start(database.port(), "transaction", settings) else { return };
        works(&pooler).await;
        sqlx::any::install_default_drivers();
        let mut other = AnyConnection::connect(&pooler.url()).await.unwrap();
        for _ in 0..8 {
            assert_eq!(value(&mut other, "SHOW statement_timeout").await, "0");
            let prepared =
                value(&mut other, "SELECT CAST(count(*) AS TEXT) FROM pg_prepared_statements").await;
            assert_eq!(prepared, "0", "nobody else's names are taken");
        }
        let locks = "SELECT CAST(count(*) AS TEXT) FROM pg_locks WHERE locktype = 'advisory'";
        assert_eq!(value(&mut other, locks).await, "0", "no lock outlives its owner");
        drop(other);
        // The other kind of process agrees on what has been migrated.
        let folder = tempfile::tempdir().unwrap();
        let direct = run(folder.path(), &["migrate"], &[("DATABASE_URL", &database.url())]);
        assert!(direct.status.success(), "{}", printed(&direct));
        database.run_in("postgres", "DROP SCHEMA public CASCADE; CREATE SCHEMA public").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_in_session_mode_works() {
    let Some(database) = PostgresServer::start() else { return };
    let settings = [KNOWS_THE_DRIVER, "default_pool_size = 60"];
    let Some(pooler) = PgBouncer::start(database.port(), "session", &settings) else { return };
    works(&pooler).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_cannot_work_is_told_so_in_one_sentence() {
    let Some(database) = PostgresServer::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    for (mode, settings, sentence) in [
        ("transaction", &[][..], "set ignore_startup_parameters = extra_float_digits"),
        ("statement", &[KNOWS_THE_DRIVER], "set pool_mode = transaction or session"),
    ] {
        let Some(pooler) = PgBouncer::start(database.port(), mode, settings) else { return };
        let refused = run(folder.path(), &["serve"], &[("DATABASE_URL", &pooler.url())]);
        let said = printed(&refused);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        let sentences: Vec<&str> = said.lines().filter(|line| line.starts_with("signet: ")).collect();
        assert!(sentences.len() == 1 && sentences[0].contains(sentence), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgresql_that_goes_and_comes_back_behind_a_pooler_costs_503s_and_nothing_else() {
    let Some(mut database) = PostgresServer::start() else { return };
    // Without a wait of its own after a failure, and no longer patient than a caller.
    let settings = [KNOWS_THE_DRIVER, "server_login_retry = 1", "query_wait_timeout = 3"];
    let Some(pooler) = PgBouncer::start(database.port(), "transaction", &settings) else { return };
    let folder = tempfile::tempdir().unwrap();
    let server =
        Server::start(folder.path(), &[("DATABASE_URL", &pooler.url()), ("BETTER_AUTH_URL", ISSUER)]);
    signed_up(&server, "ada").await;
    let body = json!({ "email": "ada@example.com", "password": PASSWORD });
    let sign_in = async || is_good(&server.caller().post("/api/auth/sign-in/email", &body).await);
    database.crash();
    soon("nobody can sign in", async || !sign_in().await).await;
    server.caller().get("/readyz").await.assert_error(503, "NOT_READY");
    database.restart();
    soon("it is ready", async || server.caller().get("/readyz").await.status == 200).await;
    soon("everybody can sign in", sign_in).await;
}
