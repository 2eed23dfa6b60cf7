//! Whether the process lives, and whether it can do its work.
//! In: what the work needs. Out: 200, or 503 that names what is missing.
//! Owns: a process that drains says so before it stops answering.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use poem::{Endpoint, IntoResponse, Request, Response, Result};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::duration;
use crate::http::framework::code::Code;
use crate::http::framework::error::ApiError;
use crate::keys::keyring::Keyring;
use crate::store::Database;
use signet_verify::clock::Clock;
use signet_verify::verifier::Verifier;

/// How long the database may take to show that it can be written, and for how long that is believed: whoever asks more
/// often than that asks nothing of the database.
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
    /// What tells when the database was last asked.
    pub clock: Arc<dyn Clock>,
    /// What it came to.
    pub probe: Mutex<Option<Probe>>,
}

/// What asking the database whether it can be written came to.
#[derive(Clone, Copy, Debug)]
pub struct Probe {
    at: Duration,
    missing: Option<&'static str>,
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
        if let Some(missing) = self.database_missing().await {
            return Some(missing);
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

impl Readiness {
    /// What is wrong with the database, if anything. However many ask, one at a time asks the database.
    async fn database_missing(&self) -> Option<&'static str> {
        let mut last = self.probe.lock().await;
        if let Some(probe) = &*last
            && self.clock.monotonic().saturating_sub(probe.at) < ANSWER_TIMEOUT
        {
            return probe.missing;
        }
        let missing = match self.database.check_writable(ANSWER_TIMEOUT).await {
            Ok(()) => None,
            Err(error) => {
                let missing = match error.is_refusal() {
                    true => "The database cannot be written",
                    false => "The database does not answer",
                };
                if last.is_none_or(|probe| probe.missing != Some(missing)) {
                    tracing::warn!(%error, "this process is not ready: the database cannot be written");
                }
                Some(missing)
            }
        };
        *last = Some(Probe { at: self.clock.monotonic(), missing });
        missing
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
