//! PostgreSQL goes, hangs, is slow and comes back under load: 503 meanwhile, no wrong answer, and recovery by itself.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use reqwest::Method;
use sqlx::{AnyPool, Executor};
use tokio::task::JoinSet;

use super::*;
use crate::support::Reply;
use crate::support::postgres_server::PostgresServer;

/// Two instances on a PostgreSQL of their own.
struct OnTheirOwn {
    folder: TempDir,
    database: PostgresServer,
    servers: [Server; 2],
}

impl OnTheirOwn {
    fn start() -> Option<Self> {
        let database = PostgresServer::start()?;
        let folder = tempfile::tempdir().unwrap();
        let url = database.url();
        let settings = [("DATABASE_URL", url.as_str()), ("BETTER_AUTH_URL", ISSUER)];
        let servers = [(); 2].map(|()| Server::start(folder.path(), &settings));
        Some(Self { folder, database, servers })
    }
}

/// Says whether an answer is a good one; anything but that and a proper 503 is a wrong answer.
pub fn is_good(reply: &Reply) -> bool {
    if reply.status.is_success() {
        return true;
    }
    reply.assert_error(503, "DATABASE_UNAVAILABLE");
    assert!(reply.header("retry-after").parse::<u64>().is_ok_and(|wait| wait >= 1), "{:?}", reply.headers);
    false
}

/// People who keep tasks, read sessions and sign up as long as they may, and remember what was acknowledged.
struct Load {
    stop: Arc<AtomicBool>,
    good: Arc<AtomicUsize>,
    refused: Arc<AtomicUsize>,
    titles: Arc<Mutex<Vec<String>>>,
    people: JoinSet<()>,
}

impl Load {
    fn on(servers: &[Server], session: &Caller, api_token: &str) -> Self {
        let mut load = Self {
            stop: Arc::default(),
            good: Arc::default(),
            refused: Arc::default(),
            titles: Arc::default(),
            people: JoinSet::new(),
        };
        for (number, server) in servers.iter().enumerate() {
            for person in 0..3 {
                let (stop, good, refused) = (load.stop.clone(), load.good.clone(), load.refused.clone());
                let titles = load.titles.clone();
                let (api, session, client) =
                    (server.caller().bearing(api_token), session.clone(), server.caller());
                load.people.spawn(async move {
                    for round in 0.. {
                        if stop.load(Ordering::SeqCst) {
                            return;
                        }
                        let title = format!("{number}-{person}-{round}");
                        let kept = api.post("/api/me/tasks", &json!({ "title": title })).await;
                        if is_good(&kept) {
                            titles.lock().unwrap().push(title.clone());
                        }
                        let email = format!("u{title}@example.com");
                        let body = json!({ "name": "U", "email": email, "password": PASSWORD });
                        let signed_up = client.post("/api/auth/sign-up/email", &body).await;
                        let read = session.get("/api/auth/get-session").await;
                        for reply in [kept, signed_up, read] {
                            let count = if is_good(&reply) { &good } else { &refused };
                            count.fetch_add(1, Ordering::SeqCst);
                        }
                    }
                });
            }
        }
        load
    }

    async fn flows(&self, count: &AtomicUsize, many: usize) {
        let before = count.load(Ordering::SeqCst);
        soon("answers", async || count.load(Ordering::SeqCst) >= before + many).await;
    }

    /// Ends the load; what was kept in all.
    async fn end(mut self) -> Vec<String> {
        self.stop.store(true, Ordering::SeqCst);
        while let Some(person) = self.people.join_next().await {
            person.expect("no wrong answer");
        }
        std::mem::take(&mut self.titles.lock().unwrap())
    }
}

/// All titles of the caller, page by page.
async fn titles(api: &Caller) -> Vec<String> {
    let (mut found, mut path) = (Vec::new(), "/api/me/tasks?limit=100".to_owned());
    loop {
        let page = api.get(&path).await;
        let tasks = page.expect(200);
        found.extend(tasks.as_array().unwrap().iter().map(|task| task["title"].as_str().unwrap().to_owned()));
        let Some(next) = page.header("link").split(['<', '>']).nth(1) else { return found };
        path = next.strip_prefix(ISSUER).unwrap_or(next).to_owned();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_over_tls_has_its_certificate_checked_when_the_url_says_so() {
    let Some(database) = PostgresServer::with_tls("open-sesame") else { return };
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.pem");
    crate::support::certify(&other, &folder.path().join("other.key"));
    let (own, other) = (database.certificate().display().to_string(), other.display().to_string());
    let url = |host: &str, rest: &str| {
        format!("postgres://signet:open-sesame@{host}:{}/postgres{rest}", database.port())
    };

    let by_url = (url("localhost", &format!("?sslmode=verify-full&sslrootcert={own}")), None);
    let by_the_system = (url("localhost", "?sslmode=verify-full"), Some(&own));
    let unchecked = (url("127.0.0.1", "?sslmode=require"), None);
    let as_it_comes = (url("127.0.0.1", ""), None);
    for (url, trusted) in [by_url, by_the_system, unchecked, as_it_comes] {
        let mut settings = vec![("DATABASE_URL", url.as_str())];
        settings.extend(trusted.map(|file| ("SSL_CERT_FILE", file.as_str())));
        let server = Server::start(folder.path(), &settings);
        let (email, client) = ("ada@example.com", server.caller());
        let body = json!({ "name": "Ada", "email": email, "password": PASSWORD });
        let reply = client.post("/api/auth/sign-up/email", &body).await;
        assert!(matches!(reply.status.as_u16(), 200 | 422), "{url}: {}", reply.status);
        client.post("/api/auth/sign-in/email", &body).await.expect(200);
        let (_, log) = server.terminate();
        assert!(!log.contains("open-sesame"), "{log}");
    }

    let of_another_authority = url("localhost", &format!("?sslmode=verify-full&sslrootcert={other}"));
    let of_another_name = url("127.0.0.1", &format!("?sslmode=verify-full&sslrootcert={own}"));
    let of_no_authority = url("localhost", "?sslmode=verify-full");
    let in_the_open = url("127.0.0.1", "?sslmode=disable");
    let wrong = url("localhost", "?sslmode=require").replace("open-sesame", "close-sesame");
    for (url, why) in [
        (of_another_authority, "certificate"),
        (of_another_name, "certificate"),
        (of_no_authority, "certificate"),
        (in_the_open, "no encryption"),
        (wrong, "password authentication failed"),
    ] {
        let run =
            crate::command_line::server::run(folder.path(), &["migrate"], &[("DATABASE_URL", url.as_str())]);
        let said = String::from_utf8(run.stderr).unwrap();
        assert!(!run.status.success(), "{url}");
        assert!(said.contains("the database cannot be opened") && said.contains(why), "{url}: {said}");
        assert!(!said.contains("sesame"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_that_crashes_or_hangs_under_load_costs_503s_and_nothing_acknowledged() {
    let Some(mut deployment) = OnTheirOwn::start() else { return };
    let ada = signed_up(&deployment.servers[0], "ada").await;
    let token = jwt(&ada).await;
    let load = Load::on(&deployment.servers, &ada, &token);
    load.flows(&load.good, 30).await;
    for outage in 0..2 {
        if outage == 0 {
            deployment.database.crash();
        } else {
            deployment.database.freeze();
        }
        load.flows(&load.refused, 6).await;
        for server in &deployment.servers {
            server.caller().get("/api/auth/jwks").await.expect(200);
            server.caller().get("/healthz").await.expect(200);
            server.caller().get("/readyz").await.assert_error(503, "NOT_READY");
            server
                .caller()
                .bearing("no.good.token")
                .get("/api/me/tasks")
                .await
                .assert_error(401, "INVALID_TOKEN");
        }
        if outage == 0 {
            deployment.database.restart();
        } else {
            deployment.database.thaw();
        }
        // Five seconds, in looks.
        let mut looks = 0;
        for server in &deployment.servers {
            while server.caller().get("/readyz").await.status != 200 {
                looks += 1;
                assert!(looks < 100, "it does not recover by itself");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        load.flows(&load.good, 30).await;
    }
    let acknowledged = load.end().await;
    let kept = titles(&deployment.servers[1].caller().bearing(&jwt(&ada).await)).await;
    assert!(acknowledged.len() > 10);
    let lost: Vec<(usize, &String)> =
        acknowledged.iter().enumerate().filter(|(_, title)| !kept.contains(title)).collect();
    assert!(
        lost.is_empty(),
        "acknowledged and lost: {lost:?} of {}, kept {}",
        acknowledged.len(),
        kept.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn overload_of_a_slow_database_is_turned_away_and_stops_neither_rotation_nor_revocation() {
    let Some(deployment) = OnTheirOwn::start() else { return };
    let [one, two] = &deployment.servers;
    let ada = signed_up(one, "ada").await;
    let token = jwt(&ada).await;
    let url = deployment.database.url();
    sqlx::any::install_default_drivers();
    let pool = AnyPool::connect(&url).await.unwrap();
    let mut lock = pool.begin().await.unwrap();
    // Everybody who signs in waits for this.
    lock.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE").await.unwrap();

    let stop = Arc::new(AtomicBool::new(false));
    let (refused, told_at_once) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut storm = JoinSet::new();
    for number in 0..200 {
        let (caller, stop) = (two.caller(), stop.clone());
        let (refused, told_at_once) = (refused.clone(), told_at_once.clone());
        storm.spawn(async move {
            while !stop.load(Ordering::SeqCst) {
                let body = json!({ "email": format!("u{number}@example.com"), "password": PASSWORD });
                let request = caller.request(Method::POST, "/api/auth/sign-in/email").json(&body);
                let reply = Caller::send(request).await;
                if reply.json()["code"] == "SIGN_IN_BUSY" {
                    reply.assert_error(503, "SIGN_IN_BUSY");
                    told_at_once.fetch_add(1, Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    continue;
                }
                assert!(!is_good(&reply), "no sign-in can succeed now");
                refused.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
    soon("the excess is told so without asking the database", async || {
        told_at_once.load(Ordering::SeqCst) > 100
    })
    .await;
    soon("the others are turned away", async || refused.load(Ordering::SeqCst) > 60).await;

    let settings = [("DATABASE_URL", url.as_str()), ("BETTER_AUTH_URL", ISSUER)];
    let rotated = crate::command_line::server::run(deployment.folder.path(), &["keys", "rotate"], &settings);
    assert!(rotated.status.success());
    let keys =
        async || two.caller().get("/api/auth/jwks").await.expect(200)["keys"].as_array().unwrap().len();
    soon("the next key of each algorithm is announced in the middle of it", async || keys().await == 6).await;
    let id = part(&token, 1)["sid"].as_str().unwrap().to_owned();
    let ended =
        "INSERT INTO revoked_sessions (session_id, revoked_at, forget_at) VALUES ($1, 0, 9000000000000)";
    sqlx::query(ended).bind(id).execute(&pool).await.unwrap();
    soon("an ended session is heard of in the middle of it", async || verdict(two, &token).await == 401)
        .await;

    stop.store(true, Ordering::SeqCst);
    while let Some(request) = storm.join_next().await {
        request.unwrap();
    }
    lock.rollback().await.unwrap();
    let body = json!({ "email": "ada@example.com", "password": PASSWORD });
    two.caller().post("/api/auth/sign-in/email", &body).await.expect(200);
}

/// What a part of a token says.
fn part(token: &str, number: usize) -> serde_json::Value {
    let part = signet_verify::jose::base64url::decode(token.split('.').nth(number).unwrap()).unwrap();
    serde_json::from_slice(&part).unwrap()
}
