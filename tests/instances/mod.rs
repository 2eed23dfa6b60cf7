//! Several instances are one service: with Redis at once, without it within the stated bounds.

mod agreement;
mod crashes;
mod database;
mod deletions;
mod keys;
mod limits;
mod mail;
mod operator;
mod outages;
mod pooler;
mod pubsub;
mod redis;
mod redis_refusals;
mod refusals;
mod sessions;

use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use crate::command_line::server::{Server, until as soon};
use crate::support::caller::PASSWORD;
use crate::support::redis::RedisServer;
use crate::support::{Caller, postgres};

/// The issuer of every deployment here; no request goes there.
const ISSUER: &str = "http://localhost:9";

/// Two instances of the whole service on one PostgreSQL, and a resource process with a database of its own.
struct Deployment {
    folder: TempDir,
    settings: Vec<(&'static str, String)>,
    one: Server,
    two: Server,
    resource: Server,
}

impl Deployment {
    /// Starts it on the database `name`; `redis` is where the two meet, `resource_redis` where the resource process does.
    async fn start(
        name: &str,
        redis: Option<&str>,
        resource_redis: Option<&str>,
        more: &[(&'static str, &str)],
    ) -> Option<Self> {
        let database = postgres::database(name).await?;
        let folder = tempfile::tempdir().unwrap();
        let mut settings = vec![("DATABASE_URL", database), ("BETTER_AUTH_URL", ISSUER.to_owned())];
        settings.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        settings.extend(redis.map(|url| ("REDIS_URL", url.to_owned())));
        let one = Server::start(folder.path(), &borrowed(&settings));
        let two = Server::start(folder.path(), &borrowed(&settings));
        let resource = Self::resource(&folder, &one, resource_redis);
        Some(Self { folder, settings, one, two, resource })
    }

    fn resource(folder: &TempDir, issuer: &Server, redis: Option<&str>) -> Server {
        let jwks = format!("{}/api/auth/jwks", issuer.base_url);
        let mut settings = vec![
            ("SIGNET_ROLE", "resource".to_owned()),
            ("SIGNET_ISSUER", ISSUER.to_owned()),
            ("SIGNET_AUDIENCE", ISSUER.to_owned()),
            ("SIGNET_JWKS_URL", jwks),
        ];
        settings.extend(redis.map(|url| ("REDIS_URL", url.to_owned())));
        Server::start(folder.path(), &borrowed(&settings))
    }

    /// Runs a verb with the settings of the two.
    fn run(&self, arguments: &[&str]) -> String {
        use crate::command_line::server::{printed, run};
        let output = run(self.folder.path(), arguments, &borrowed(&self.settings));
        assert!(output.status.success(), "{}", printed(&output));
        printed(&output)
    }

    fn all(&self) -> [&Server; 3] {
        [&self.one, &self.two, &self.resource]
    }
}

fn borrowed<'a>(settings: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
    settings.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

/// A user who has signed up at `server`; calls the identity API there.
pub async fn signed_up(server: &Server, name: &str) -> Caller {
    let body = json!({ "name": name, "email": format!("{name}@example.com"), "password": PASSWORD });
    let answer = server.caller().post("/api/auth/sign-up/email", &body).await.expect(200);
    server.caller().bearing(answer["token"].as_str().unwrap())
}

/// A fresh JWT.
pub async fn jwt(session: &Caller) -> String {
    session.get("/api/auth/token").await.expect(200)["token"].as_str().unwrap().to_owned()
}

async fn sign_out(session: &Caller) {
    session.post("/api/auth/sign-out", &json!({})).await.expect(200);
}

/// What `server` says to a token.
async fn verdict(server: &Server, token: &str) -> u16 {
    server.caller().bearing(token).get("/api/me/tasks").await.status.as_u16()
}

/// One number of `/metrics`.
async fn metric(server: &Server, name: &str) -> Option<f64> {
    let page = server.caller().get("/metrics").await.text;
    page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

/// Waits until `server` says that Redis is there, or that it is not.
async fn redis_is(up: bool, server: &Server) {
    let wanted = f64::from(u8::from(up));
    soon("Redis up or down", async || metric(server, "signet_redis_up").await == Some(wanted)).await;
}

/// Asserts that `log` says each change once, however many requests came between: that Redis is there, that it has gone
/// at least `times`, and nothing twice in a row.
#[track_caller]
fn assert_said_once(log: &str, times: usize) {
    let said: Vec<bool> = log
        .lines()
        .filter_map(|line| match line {
            line if line.contains("Redis does not answer") => Some(false),
            line if line.contains("Redis answers: ") => Some(true),
            _ => None,
        })
        .collect();
    assert!(said.windows(2).all(|two| two[0] != two[1]), "{said:?}");
    assert_eq!(said.first(), Some(&true), "{log}");
    assert!(said.iter().filter(|up| !**up).count() >= times, "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_and_config_check_say_the_bound_for_ended_sessions() {
    let folder = tempfile::tempdir().unwrap();
    let said = |settings: &[(&str, &str)]| {
        let output = crate::command_line::server::run(folder.path(), &["config", "check"], settings);
        crate::command_line::server::printed(&output)
    };
    let alone = said(&[]);
    assert!(alone.contains("refused here within 5s, by way of the database\n"), "{alone}");
    let among_others = said(&[("REDIS_URL", "redis://:hunter2@cache.example.com/4")]);
    assert!(
        among_others.contains("by way of the database, and within 1s while Redis answers"),
        "{among_others}"
    );
    assert!(among_others.contains("redis://:***@cache.example.com/4"), "{among_others}");
    assert!(!among_others.contains("hunter2"), "{among_others}");
    Server::start(folder.path(), &[]).logs("refused here within 5s").await;
}
