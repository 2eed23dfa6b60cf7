//! People who signed up at a real Better Auth, of each year, go on at Signet.

use std::path::Path;
use std::process::Output;
use std::sync::atomic::{AtomicU32, Ordering};

use reqwest::Method;
use reqwest::header::COOKIE;
use rstest::rstest;
use serde_json::{Value, json};
use sqlx::{AnyPool, AssertSqlSafe, Row};
use tempfile::TempDir;

use super::{installed, run};
use crate::support::{Caller, SECRET, TestApp, postgres};

/// What the old server calls itself, and the new one has to.
const BASE_URL: &str = "http://localhost:3000";

/// The database that a Better Auth of `version` has made, and the people in it.
struct Old {
    url: String,
    people: Vec<Value>,
    printed: String,
    _folder: TempDir,
}

impl Old {
    /// None, said loudly, where something is not installed.
    async fn make(version: &str, kind: &str) -> Option<Self> {
        Self::make_in("UTC", version, kind).await
    }

    /// The same, with a server whose clocks show the time of a zone.
    async fn make_in(zone: &str, version: &str, kind: &str) -> Option<Self> {
        let clients = installed()?;
        let folder = tempfile::tempdir().unwrap();
        let (place, url) = match kind {
            "sqlite" => {
                let file = folder.path().join("theirs.db").display().to_string();
                (file.clone(), format!("sqlite:{file}"))
            }
            _ => {
                static MADE: AtomicU32 = AtomicU32::new(0);
                let url =
                    postgres::database(&format!("better_auth_{}", MADE.fetch_add(1, Ordering::Relaxed)))
                        .await?;
                (url.clone(), url)
            }
        };
        let printed = run(&clients, "older/make.mjs", &[version, &place, SECRET, BASE_URL, zone]).await;
        let people = serde_json::from_str(&printed).unwrap();
        Some(Self { url, people, printed, _folder: folder })
    }
}

fn text<'a>(person: &'a Value, member: &str) -> &'a str {
    person[member].as_str().unwrap()
}

/// Runs the command beside a server that keeps its files in `folder`.
async fn import(folder: &Path, arguments: &[&str]) -> Output {
    let database = format!("sqlite:{}", folder.join("signet.db").display());
    import_into(&database, folder, arguments).await
}

/// The same, where its database is another one.
async fn import_into(database: &str, folder: &Path, arguments: &[&str]) -> Output {
    let path = |name: &str| folder.join(name);
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_signet"));
    command.args(["import", "better-auth"]).args(arguments).current_dir(folder);
    command.env("DATABASE_URL", database);
    command.env("SIGNET_KEYS_DIR", path("keys")).env("BETTER_AUTH_SECRET", SECRET);
    command.env("BETTER_AUTH_URL", BASE_URL).output().await.unwrap()
}

#[track_caller]
fn report(ran: &Output) -> Value {
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    serde_json::from_slice(&ran.stdout).unwrap()
}

fn counts(read: u64, inserted: u64, skipped: u64) -> Value {
    json!({ "read": read, "inserted": inserted, "skipped": skipped, "refused": 0 })
}

/// The server that they move to.
async fn new_server(folder: std::sync::Arc<TempDir>) -> TestApp {
    TestApp::in_folder(folder).with(|settings| settings.set("BETTER_AUTH_URL", BASE_URL)).start().await
}

#[rstest]
#[case("1.0", "sqlite")]
#[case("1.2", "sqlite")]
#[case("1.4", "sqlite")]
#[case("1.7", "sqlite")]
#[case("1.2", "postgres")]
#[case("1.3", "postgres")]
#[case("1.6", "postgres")]
#[case("1.7", "postgres")]
#[tokio::test(flavor = "multi_thread")]
async fn import_from_a_real_better_auth_keeps_ids_passwords_sessions_and_living_tokens(
    #[case] version: &str,
    #[case] kind: &str,
) {
    let Some(old) = Old::make(version, kind).await else { return };
    let folder = std::sync::Arc::new(tempfile::tempdir().unwrap());
    let arguments = [old.url.as_str(), "--sessions", "--json"];
    let looked = report(&import(folder.path(), &[&arguments[..], &["--dry-run"]].concat()).await);
    let came = report(&import(folder.path(), &arguments).await);
    assert_eq!(looked, came, "a dry run says what comes");
    assert_eq!((&came["users"], &came["accounts"]), (&counts(3, 3, 0), &counts(3, 3, 0)));
    assert_eq!((&came["sessions"], &came["keys"]), (&counts(3, 3, 0), &counts(1, 1, 0)));
    assert_eq!((&came["conflicts"], &came["unverifiable"]), (&json!([]), &json!([])));
    let left = came["columns_not_taken"].as_array().unwrap();
    assert!(left.contains(&json!("user.favouriteColour")) && left.contains(&json!("account.accessToken")));
    let again = report(&import(folder.path(), &arguments).await);
    assert_eq!((&again["users"], &again["sessions"]), (&counts(3, 0, 3), &counts(3, 0, 3)));
    assert_eq!((&again["accounts"], &again["keys"]), (&counts(3, 0, 3), &counts(1, 0, 1)));

    let app = new_server(folder).await;
    for person in &old.people {
        // The cookie of the old server, and its session token as a bearer.
        let request = app.anonymous().request(Method::GET, "/api/auth/get-session");
        let session = Caller::send(request.header(COOKIE, text(person, "cookie"))).await.expect(200);
        assert_eq!((&session["user"]["id"], &session["user"]["name"]), (&person["id"], &person["name"]));
        assert_eq!(session["user"]["email"], text(person, "email").to_lowercase());
        assert_eq!(session["user"]["createdAt"], person["createdAt"]);
        let picture = session["user"]["image"]
            .as_str()
            .map(|image| signet_verify::crypto::hex(&signet_verify::crypto::sha256(image.as_bytes())));
        assert_eq!(picture.as_deref(), person["picture"].as_str());
        let bearer = app.anonymous().bearing(text(person, "token"));
        let jwt = bearer.get("/api/auth/token").await.expect(200)["token"].as_str().unwrap().to_owned();
        app.anonymous().bearing(&jwt).get("/api/me/tasks").await.expect(200);
    }
    // A token that the old server has signed; that of a picture of a megabyte goes through no header.
    for person in &old.people[..2] {
        let tasks = format!("/api/{}/tasks", text(person, "id"));
        app.anonymous().bearing(text(person, "jwt")).get(&tasks).await.expect(200);
    }
    let clients = installed().unwrap();
    let said = run(&clients, "older/sign-in.mjs", &[version, &app.base_url, BASE_URL, &old.printed]).await;
    assert!(said.contains("everybody signed in"), "{said}");
    // Björn's password, composed and spelt in another way.
    let bjorn = json!({ "email": "bjorn@example.com", "password": "\u{c5}ngstrom five" });
    app.anonymous().post("/api/auth/sign-in/email", &bjorn).await.expect(200);

    sqlx::any::install_default_drivers();
    let url = format!("sqlite:{}", app.folder.path().join("signet.db").display());
    let rows = sqlx::query("SELECT password_hash FROM accounts")
        .fetch_all(&AnyPool::connect(&url).await.unwrap())
        .await
        .unwrap();
    let hashes: Vec<String> = rows.iter().map(|row| row.get("password_hash")).collect();
    assert!(hashes.len() == 3 && hashes.iter().all(|hash| hash.starts_with("$argon2id$")), "{hashes:?}");
}

#[rstest]
#[case("1.2", "sqlite", true)]
#[case("1.7", "postgres", true)]
#[case("1.7", "sqlite", false)]
#[tokio::test(flavor = "multi_thread")]
async fn import_of_the_private_key_lets_it_go_on_signing_before_and_after_a_first_start(
    #[case] version: &str,
    #[case] kind: &str,
    #[case] is_fresh: bool,
) {
    let Some(old) = Old::make(version, kind).await else { return };
    let folder = std::sync::Arc::new(tempfile::tempdir().unwrap());
    if !is_fresh {
        assert!(new_server(folder.clone()).await.stop().await);
    }
    let arguments = [old.url.as_str(), "--keys", "private", "--json"];
    assert_eq!(report(&import(folder.path(), &arguments).await)["keys"], counts(1, 1, 0));
    assert_eq!(report(&import(folder.path(), &arguments).await)["keys"], counts(1, 0, 1));
    let app = new_server(folder).await;
    let header = |jwt: &str| jwt.split('.').next().unwrap().to_owned();
    let kid = |jwt: &str| {
        let header = signet_verify::jose::base64url::decode(&header(jwt)).unwrap();
        serde_json::from_slice::<Value>(&header).unwrap()["kid"].clone()
    };
    let person = &old.people[1];
    let body = json!({ "email": person["email"], "password": person["password"] });
    let signed_in = app.anonymous().post("/api/auth/sign-in/email", &body).await.expect(200);
    let session = app.anonymous().bearing(signed_in["token"].as_str().unwrap());
    let jwt = session.get("/api/auth/token").await.expect(200)["token"].as_str().unwrap().to_owned();
    assert_eq!(kid(&jwt), kid(text(person, "jwt")), "the key of the old server signs");
    for jwt in [jwt.as_str(), text(person, "jwt")] {
        app.anonymous().bearing(jwt).get("/api/me/tasks").await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn import_with_another_secret_says_so_and_takes_the_public_key() {
    let Some(old) = Old::make("1.6", "sqlite").await else { return };
    let folder = tempfile::tempdir().unwrap();
    let arguments = [
        old.url.as_str(),
        "--keys",
        "private",
        "--json",
        "--secret",
        "another secret of thirty-two bytes or more",
    ];
    let came = report(&import(folder.path(), &arguments).await);
    assert_eq!(came["keys"], counts(1, 1, 0));
    assert_eq!(came["conflicts"][0]["reason"], "wrong_secret", "{came}");
    assert_eq!(came["users"], counts(3, 3, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn import_reads_times_without_a_zone_in_the_zone_of_the_old_server() {
    let Some(old) = Old::make_in("America/New_York", "1.2", "postgres").await else { return };
    let folder = std::sync::Arc::new(tempfile::tempdir().unwrap());
    let refused = import(folder.path(), &[&old.url, "--timezone", "Nowhere/Town"]).await;
    assert_eq!(refused.status.code(), Some(2), "{}", String::from_utf8_lossy(&refused.stderr));
    report(&import(folder.path(), &[&old.url, "--timezone", "America/New_York", "--json"]).await);
    let app = new_server(folder).await;
    let person = &old.people[1];
    let body = json!({ "email": person["email"], "password": person["password"] });
    let signed_in = app.anonymous().post("/api/auth/sign-in/email", &body).await.expect(200);
    assert_eq!(signed_in["user"]["createdAt"], person["createdAt"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn import_into_the_postgresql_database_of_the_old_server_leaves_its_tables_as_they_are() {
    let Some(old) = Old::make("1.4", "postgres").await else { return };
    let folder = std::sync::Arc::new(tempfile::tempdir().unwrap());
    let arguments = [old.url.as_str(), "--sessions", "--json"];
    for expected in [counts(3, 3, 0), counts(3, 0, 3)] {
        let came = report(&import_into(&old.url, folder.path(), &arguments).await);
        assert_eq!((&came["users"], &came["accounts"], &came["sessions"]), (&expected, &expected, &expected));
    }
    let pool = sqlx::PgPool::connect(&old.url).await.unwrap();
    for table in ["\"user\"", "users", "account", "accounts", "session", "sessions"] {
        let count = sqlx::query(AssertSqlSafe(format!("SELECT count(*) FROM {table}")));
        assert_eq!(count.fetch_one(&pool).await.unwrap().get::<i64, _>(0), 3, "{table}");
    }
    let builder = TestApp::in_folder(folder).with(|settings| {
        settings.set("BETTER_AUTH_URL", BASE_URL);
        settings.set("DATABASE_URL", old.url.clone());
    });
    let app = builder.start().await;
    for person in &old.people[..2] {
        let bearer = app.anonymous().bearing(text(person, "token"));
        assert_eq!(bearer.get("/api/auth/get-session").await.expect(200)["user"]["id"], person["id"]);
        app.anonymous().bearing(text(person, "jwt")).get("/api/me/tasks").await.expect(200);
    }
}
