//! Tells clients that sessions have ended (OpenID Connect Back-Channel Logout 1.0), beside the workers of other instances.
//! In: notices, written in the units of work that ended the sessions. Out: a logout token at the address of each client.
//! Owns: a notice is given at least once, or tried for [`TRIED_FOR`] and dropped with a line; each client has a lane of its own,
//! so that one which hangs holds up no other.
//!
//! [`TRIED_FOR`]: crate::model::logout_notice::TRIED_FOR

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE};
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::{Value, json};
use signet_verify::clock::{Clock, Entropy, random_alphanumeric};
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::outbound::Outbound;
use crate::audit::{self, Event};
use crate::identity::tokens::Issuer;
use crate::model::client::{Client, ClientId};
use crate::model::logout_notice::{ClaimedNotice, Next};
use crate::store::{self, Database};

/// How many clients are told at once.
const LANES: usize = 32;
/// How many notices to one client are under way at once.
const PER_CLIENT: usize = 4;
/// How many requests are under way at once, in all.
pub const AT_ONCE: usize = LANES * PER_CLIENT;
/// How long a claim holds: longer than a request takes, with half a minute for clocks that differ. What an instance that was
/// killed had claimed is claimed again then.
const LEASE: Duration = Duration::from_secs(40);
/// How often the rows are looked at if no call comes: other processes write some.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long a logout token is good (section 2.4 of the specification recommends two minutes at most).
const TOKEN_LIFE: Duration = Duration::from_secs(120);
/// The longest answer that is read, in bytes; none is needed.
const ANSWER_BYTES: usize = 64 * 1024;
/// Letters and digits of a `jti` and of the name of a claim.
const ID_LENGTH: usize = 32;
/// The event of a logout token (section 2.4).
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// The claims of a logout token; a nonce is forbidden (section 2.4).
#[derive(Serialize)]
struct LogoutTokenClaims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
    jti: &'a str,
    sid: &'a str,
    events: Value,
}

/// What became of an attempt to tell a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeResult {
    /// The client has said yes.
    Delivered,
    /// It is tried again.
    Postponed,
    /// It was tried for long enough.
    Dropped,
}

impl NoticeResult {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 3] = [Self::Delivered, Self::Postponed, Self::Dropped];

    /// The word for it, in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Postponed => "postponed",
            Self::Dropped => "dropped",
        }
    }
}

/// How often each has happened in this process.
#[derive(Debug, Default)]
pub struct NoticeCounts([AtomicU64; NoticeResult::ALL.len()]);

impl NoticeCounts {
    /// Each with its count.
    pub fn read(&self) -> impl Iterator<Item = (NoticeResult, u64)> {
        NoticeResult::ALL
            .into_iter()
            .zip(&self.0)
            .map(|(result, count)| (result, count.load(Ordering::Relaxed)))
    }

    fn note(&self, result: NoticeResult) {
        if let Some(count) = self.0.get(result as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The worker of one instance.
#[derive(Clone)]
pub struct BackchannelWorker {
    shared: Arc<Shared>,
}

struct Shared {
    database: Database,
    issuer: Arc<Issuer>,
    /// None where the certificates of the operating system cannot be used.
    outbound: Option<Outbound>,
    counts: Arc<NoticeCounts>,
    /// Called when a notice was committed by this process.
    written: Arc<Notify>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    /// The clients that have a lane.
    busy: Mutex<HashSet<String>>,
    /// Called when one has no lane any more.
    left: Notify,
}

impl std::fmt::Debug for BackchannelWorker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BackchannelWorker").finish_non_exhaustive()
    }
}

/// The lane of a client, as long as it is used.
struct Lane {
    shared: Arc<Shared>,
    client: String,
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.shared.busy.lock().remove(&self.client);
        self.shared.left.notify_one();
    }
}

impl BackchannelWorker {
    /// A worker that signs with the keys of `issuer`; `written` calls it.
    pub fn new(
        database: Database,
        issuer: Arc<Issuer>,
        outbound: Option<Outbound>,
        (counts, written): (Arc<NoticeCounts>, Arc<Notify>),
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let (busy, left) = (Mutex::default(), Notify::new());
        let shared = Shared { database, issuer, outbound, counts, written, clock, entropy, busy, left };
        Self { shared: Arc::new(shared) }
    }

    /// Tells clients until `stop`; what is not answered then is given back.
    pub async fn run(self, stop: CancellationToken) {
        let lanes = TaskTracker::new();
        while !stop.is_cancelled() {
            match self.shared.free_clients().await {
                Ok(clients) => {
                    for client in clients {
                        let lane = Lane { shared: self.shared.clone(), client };
                        let stop = stop.clone();
                        lanes.spawn(async move { lane.work(&stop).await });
                    }
                }
                Err(error) => tracing::warn!(%error, "word of ended sessions waits for the database"),
            }
            let called = async {
                tokio::select! {
                    () = self.shared.written.notified() => {}
                    () = self.shared.left.notified() => {}
                }
            };
            let _ = stop.run_until_cancelled(timeout(LOOK_EVERY, called)).await;
        }
        lanes.close();
        lanes.wait().await;
    }
}

impl Shared {
    /// Clients that can be told something, and have no lane; each has one from here on.
    async fn free_clients(&self) -> Result<Vec<String>, store::Error> {
        let due = self.database.logout_notices().due_clients(self.clock.now(), 2 * LANES).await?;
        let mut busy = self.busy.lock();
        let free = LANES.saturating_sub(busy.len());
        let clients: Vec<String> =
            due.into_iter().filter(|client| !busy.contains(client)).take(free).collect();
        busy.extend(clients.iter().cloned());
        Ok(clients)
    }

    /// A logout token, as the body of the request.
    async fn body(&self, client: &Client, notice: &ClaimedNotice) -> Option<Vec<u8>> {
        let now = self.clock.now();
        let jti = random_alphanumeric(&*self.entropy, ID_LENGTH).ok()?;
        let until = now.after(TOKEN_LIFE);
        let signed =
            self.issuer.sign(Some(client.id_token_alg), "logout+jwt", until, |exp, _| LogoutTokenClaims {
                iss: &self.issuer.profile().issuer,
                sub: &notice.user_id,
                aud: client.id.as_str(),
                iat: now.seconds(),
                exp,
                jti: &jti,
                sid: &notice.session_id,
                events: json!({ EVENT: {} }),
            });
        let token = signed.await.inspect_err(|error| tracing::warn!(%error, "no logout token could be made"));
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        Some(form.append_pair("logout_token", &token.ok()?).finish().into_bytes())
    }

    /// Tells a client; says why it could not be told.
    async fn tell(&self, client: &Client, notice: &ClaimedNotice) -> Result<(), String> {
        let outbound =
            self.outbound.as_ref().ok_or_else(|| "nothing can be reached over https".to_owned())?;
        let body =
            self.body(client, notice).await.ok_or_else(|| "no logout token could be made".to_owned())?;
        let request = Request::post(&notice.uri)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(CACHE_CONTROL, "no-store")
            .body(Full::new(Bytes::from(body)))
            .map_err(|_| "its address is none".to_owned())?;
        match outbound.send(request, ANSWER_BYTES).await {
            Ok((status, _)) if status.is_success() => Ok(()),
            Ok((status, _)) => Err(format!("it answers {}", status.as_u16())),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Lane {
    /// Tells the client what there is to tell.
    async fn work(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            match self.work_once(stop).await {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(client = self.client, %error, "word of ended sessions waits for the database");
                    break;
                }
            }
        }
    }

    /// Some notices, side by side; says how many there were.
    async fn work_once(&self, stop: &CancellationToken) -> Result<usize, store::Error> {
        let shared = &self.shared;
        let Ok(lease) = random_alphanumeric(&*shared.entropy, ID_LENGTH) else { return Ok(0) };
        let Some(id) = ClientId::parse(&self.client) else { return Ok(0) };
        let Some(client) = shared.database.clients().find(&id).await? else { return Ok(0) };
        let (rows, now) = (shared.database.logout_notices(), shared.clock.now());
        let claimed = rows.claim(&self.client, &lease, PER_CLIENT, now, now.after(LEASE)).await?;
        let told = claimed.iter().map(|notice| self.give(&client, notice, &lease, stop));
        join_all(told).await.into_iter().collect::<Result<(), _>>()?;
        Ok(claimed.len())
    }

    async fn give(
        &self,
        client: &Client,
        notice: &ClaimedNotice,
        lease: &str,
        stop: &CancellationToken,
    ) -> Result<(), store::Error> {
        let (shared, id) = (&self.shared, notice.id.as_str());
        let rows = shared.database.logout_notices();
        if notice.expires_at <= shared.clock.now() {
            return self.drop_notice(notice, lease, "no instance was there to tell it").await;
        }
        let problem = match stop.run_until_cancelled(shared.tell(client, notice)).await {
            None => return rows.postpone(id, lease, shared.clock.now()).await.map(drop),
            Some(Ok(())) => {
                rows.delete(id, lease).await?;
                shared.counts.note(NoticeResult::Delivered);
                return Ok(());
            }
            Some(Err(problem)) => problem,
        };
        let mut jitter = [0];
        // Without randomness there is none: better all at once than not at all.
        let _ = shared.entropy.fill(&mut jitter);
        match notice.after_failure(jitter[0], shared.clock.now()) {
            Next::Retry(due) => {
                let (client, attempts) = (self.client.as_str(), notice.attempts);
                tracing::warn!(
                    client,
                    attempts,
                    problem,
                    "a client could not be told of an ended session; it is tried again"
                );
                rows.postpone(id, lease, due).await?;
                shared.counts.note(NoticeResult::Postponed);
                Ok(())
            }
            Next::Drop => self.drop_notice(notice, lease, &problem).await,
        }
    }

    async fn drop_notice(&self, notice: &ClaimedNotice, lease: &str, why: &str) -> Result<(), store::Error> {
        if self.shared.database.logout_notices().delete(&notice.id, lease).await? {
            let client = self.client.as_str();
            tracing::error!(client, why, "a client was not told of an ended session, and is not any more");
            self.shared.counts.note(NoticeResult::Dropped);
            let (user, session) = (notice.user_id.as_str(), notice.session_id.as_str());
            audit::record(Event::ClientNotTold { client, user, session });
        }
        Ok(())
    }
}
