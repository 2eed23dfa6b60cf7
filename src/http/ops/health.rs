//! Whether the process lives, and whether it can do its work.
//! In: what the work needs. Out: 200, or 503 that names what is missing.
//! Owns: a process that drains says so before it stops answering.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use poem::{Endpoint, IntoResponse, Request, Response, Result};
use serde_json::{Value, json};

use crate::duration;
use crate::http::framework::code::Code;
use crate::http::framework::error::ApiError;
use crate::keys::keyring::Keyring;
use crate::store::Database;
use signet_verify::verifier::Verifier;

/// How long the database may take to show that it lives.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// What readiness depends on.
#[derive(Debug)]
pub struct Readiness {
    /// Where everything is kept.
    pub database: Database,
    /// What tokens are signed with, where this process signs.
    pub keyring: Option<Arc<Keyring>>,
    /// What tokens are verified with, where this process verifies.
    pub verifier: Option<Arc<Verifier>>,
    /// Whether the process is about to stop.
    pub draining: AtomicBool,
}

impl Readiness {
    /// Says that no more requests should be sent here.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
    }

    /// What an operator should look at although everything works.
    fn warnings(&self) -> Vec<String> {
        let Some(keyring) = &self.keyring else { return Vec::new() };
        let health = keyring.health();
        let unreadable = health.unreadable.iter().map(|key| key.why.clone());
        let late = (health.read_ago > keyring.contract().reload()).then(|| {
            format!(
                "the signing keys were last read {} ago",
                duration::format(whole_seconds(health.read_ago))
            )
        });
        let ahead = (!health.ahead.is_zero()).then(|| {
            let ahead = duration::format(whole_seconds(health.ahead));
            format!("the signing keys lie {ahead} ahead of this clock, and rotation waits for it")
        });
        unreadable.chain(late).chain(ahead).collect()
    }

    /// The first thing that is missing, if any.
    async fn missing(&self) -> Option<&'static str> {
        if self.draining.load(Ordering::SeqCst) {
            return Some("The server is stopping");
        }
        if !matches!(tokio::time::timeout(ANSWER_TIMEOUT, self.database.ping()).await, Ok(Ok(()))) {
            return Some("The database does not answer");
        }
        if self.keyring.as_ref().is_some_and(|keyring| keyring.signer().is_none()) {
            return Some("There is no key to sign with");
        }
        if self.verifier.as_ref().is_some_and(|verifier| !verifier.is_ready()) {
            return Some("There are no keys to verify with");
        }
        None
    }
}

/// `/healthz`: the process runs.
pub fn liveness() -> impl Endpoint<Output = Response> {
    poem::endpoint::make_sync(|_| answer("alive"))
}

/// `/readyz`: the process can do its work.
pub struct ReadinessEndpoint(pub Arc<Readiness>);

impl Endpoint for ReadinessEndpoint {
    type Output = Response;

    async fn call(&self, _: Request) -> Result<Response> {
        match self.0.missing().await {
            None => Ok(match self.0.warnings() {
                warnings if warnings.is_empty() => answer("ready"),
                warnings => json_answer(&json!({ "status": "ready", "warnings": warnings })),
            }),
            Some(message) => Ok(not_ready(message).into_response()),
        }
    }
}

fn not_ready(message: &'static str) -> ApiError {
    ApiError { message: message.into(), ..Code::NotReady.retry_after(ANSWER_TIMEOUT) }
}

fn answer(status: &str) -> Response {
    json_answer(&json!({ "status": status }))
}

fn json_answer(body: &Value) -> Response {
    Response::builder().content_type("application/json").body(body.to_string())
}

fn whole_seconds(span: Duration) -> Duration {
    Duration::from_secs(span.as_secs())
}
