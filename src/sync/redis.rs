//! The connections to Redis, which instances share.
//! In: scripts and messages. Out: answers within a quarter of a second, or none.
//! Owns: no request waits for a Redis that is gone: after one failure, whatever it was, only a probe asks it each time over
//! a new connection, until it answers again. The log says each change once, and each reason.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ErrorKind, FromRedisValue, IntoConnectionInfo, ProtocolVersion, PushInfo,
    RedisError, Script, ScriptInvocation,
};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::error::Elapsed;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::greeting;
use super::message::Message;
use super::rule::{RetryAfter, Rule};
use crate::config::RedisUrl;
use signet_verify::clock::Timestamp;
use signet_verify::jose::jwk::Kid;

/// How long a command may take, with everything around it.
const COMMAND_TIMEOUT: Duration = Duration::from_millis(250);
/// How long an answer may be on its way.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(200);
/// How often Redis is asked whether it is alive.
pub(super) const PING_INTERVAL: Duration = Duration::from_secs(1);
/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long the subscribing connection may take to bring everything that was missed.
const CATCH_UP_TIMEOUT: Duration = Duration::from_secs(5);

/// How many reasons of one outage the log says, and how many characters of each.
const REASONS: usize = 8;
const REASON_LENGTH: usize = 200;

/// The key of the revoked sessions: a sorted set, by the millisecond from which each may be forgotten.
pub(super) const REVOKED_SESSIONS: &str = "signet:ended";
/// The key of the deleted users: a sorted set, by the millisecond from which each may be forgotten.
pub(super) const DELETED_USERS: &str = "signet:deleted";
/// The beginning of the keys of limits.
const LIMIT_PREFIX: &str = "signet:limit:";

/// Lets rustls use ring in this process, which the driver of Redis asks for when it connects with TLS. Calling it again
/// changes nothing; a provider that is installed already stays.
pub fn install_tls_provider() {
    // The error says that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Whether Redis is usable, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RedisStatus {
    /// Whether Redis answers commands and delivers messages.
    pub up: bool,
    /// How many commands failed since the start.
    pub failures: u64,
}

/// One Redis, as this process reaches it.
pub struct Redis {
    client: Client,
    /// The connection for commands; none after a failure, which may have been for what the connection is.
    commands: Mutex<Option<MultiplexedConnection>>,
    channel: String,
    gcra: Script,
    keep_ended: Script,
    /// Whether commands are answered.
    answers: AtomicBool,
    /// Whether a subscribing connection stands.
    subscribed: AtomicBool,
    /// Whether something could not be published and has to be later.
    unsent: AtomicBool,
    logged: Mutex<Logged>,
    failures: AtomicU64,
}

/// What the log says.
#[derive(Debug, Default)]
struct Logged {
    /// None until anything is known.
    up: Option<bool>,
    /// The reasons of this outage, or of the last one.
    reasons: Vec<String>,
}

/// A connection that delivers messages.
pub(super) struct Subscription {
    pub(super) connection: MultiplexedConnection,
    pub(super) messages: UnboundedReceiver<PushInfo>,
}

impl Redis {
    /// The Redis at `url`; nothing is connected yet. It needs a Tokio runtime, and [`install_tls_provider`] before it
    /// where the URL asks for TLS.
    ///
    /// # Errors
    /// When the URL is not one that the driver takes, which `config` has judged before.
    pub fn new(url: &RedisUrl) -> Result<Self, RedisError> {
        let address = url.expose().into_connection_info()?;
        let pushing = address.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let client = Client::open(address.set_redis_settings(pushing))?;
        Ok(Self {
            client,
            commands: Mutex::default(),
            // Channels are common to all databases of a Redis; messages stay within one.
            channel: format!("signet:{}:news", url.database()),
            gcra: Script::new(include_str!("gcra.lua")),
            keep_ended: Script::new(include_str!("keep_ended.lua")),
            answers: AtomicBool::new(false),
            subscribed: AtomicBool::new(false),
            unsent: AtomicBool::new(false),
            logged: Mutex::default(),
            failures: AtomicU64::new(0),
        })
    }

    /// Whether Redis is usable now.
    pub fn status(&self) -> RedisStatus {
        RedisStatus { up: self.is_up(), failures: self.failures.load(Ordering::Relaxed) }
    }

    /// Counts one attempt in the bucket that `name` names, together with all other instances; nothing if Redis does
    /// not answer.
    pub(super) async fn attempt(&self, rule: &Rule, name: &[u8; 16]) -> Option<Result<(), RetryAfter>> {
        if !self.answers.load(Ordering::Relaxed) {
            return None;
        }
        let wait: u64 = self.run(&self.counting(rule, name, micros(rule.share()))).await?;
        Some(if wait == 0 { Ok(()) } else { Err(RetryAfter(Duration::from_micros(wait))) })
    }

    /// Takes one attempt out of the bucket again; it stays if Redis does not answer.
    pub(super) async fn take_back(&self, rule: &Rule, name: &[u8; 16]) {
        if self.answers.load(Ordering::Relaxed) {
            let _: Option<u64> = self.run(&self.counting(rule, name, -micros(rule.share()))).await;
        }
    }

    /// The script that adds `share` microseconds to a bucket.
    fn counting(&self, rule: &Rule, name: &[u8; 16], share: i64) -> ScriptInvocation<'_> {
        let mut invocation = self.gcra.key(format!("{LIMIT_PREFIX}{}", hex::encode(name)));
        invocation.arg(share).arg(micros(rule.window));
        invocation
    }

    /// Publishes that the rows of the signing keys have changed. What cannot be sent now is sent later, to those that
    /// listen then.
    pub async fn publish_keys_changed(&self) {
        self.publish(&Message::KeysChanged).await;
    }

    /// Publishes that a key is not public any more.
    pub async fn publish_withdrawn(&self, kid: &Kid) {
        self.publish(&Message::KeyWithdrawn { kid: kid.clone() }).await;
    }

    async fn publish(&self, message: &Message) {
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(&self.channel).arg(message.to_json());
        let sent = async { publish.query_async::<()>(&mut self.connect().await?).await };
        // Rare, and no request waits for it: there is time to connect first.
        if self.track(timeout(CONNECT_TIMEOUT, sent).await).is_none() {
            self.mark_unsent();
        }
    }

    /// The connection for commands, made if there is none.
    async fn connect(&self) -> Result<MultiplexedConnection, RedisError> {
        if let Some(connection) = &*self.commands.lock() {
            return Ok(connection.clone());
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT));
        let connection = self.open(&config).await?;
        Ok(self.commands.lock().insert(connection).clone())
    }

    /// A new connection, or why there is none.
    async fn open(&self, config: &AsyncConnectionConfig) -> Result<MultiplexedConnection, RedisError> {
        match self.client.get_multiplexed_async_connection_with_config(config).await {
            Err(error) if error.is_connection_dropped() => {
                let refusal = greeting::refusal(self.client.get_connection_info().addr()).await;
                Err(refusal.map_or(error, |words| (ErrorKind::Io, "Redis hung up", words).into()))
            }
            outcome => outcome,
        }
    }

    /// Keeps these revoked sessions for instances that come later, and publishes them.
    pub(super) async fn publish_revoked(&self, sessions: &[(String, Timestamp)]) {
        self.keep_and_publish(&self.revoking(sessions)).await;
    }

    /// Keeps these deleted users for instances that come later, and publishes them.
    pub(super) async fn publish_deleted(&self, users: &[(String, Timestamp)]) {
        self.keep_and_publish(&self.deleting(users)).await;
    }

    /// The script that keeps revoked sessions and publishes them.
    pub(super) fn revoking(&self, sessions: &[(String, Timestamp)]) -> ScriptInvocation<'_> {
        self.keeping(REVOKED_SESSIONS, &Message::revoking(sessions), sessions)
    }

    /// The script that keeps deleted users and publishes them.
    pub(super) fn deleting(&self, users: &[(String, Timestamp)]) -> ScriptInvocation<'_> {
        self.keeping(DELETED_USERS, &Message::deleting(users), users)
    }

    /// The script that keeps these ids under `key`, each until it may be forgotten, and publishes `message`.
    fn keeping(&self, key: &str, message: &Message, ids: &[(String, Timestamp)]) -> ScriptInvocation<'_> {
        let mut invocation = self.keep_ended.key(key);
        invocation.arg(&self.channel).arg(message.to_json());
        for (id, forget_at) in ids {
            invocation.arg(id).arg(forget_at.millis());
        }
        invocation
    }

    /// Runs such a script, if Redis answers; else it is to be sent later.
    async fn keep_and_publish(&self, invocation: &ScriptInvocation<'_>) {
        let sent = match self.answers.load(Ordering::Relaxed) {
            true => self.run::<()>(invocation).await,
            false => None,
        };
        if sent.is_none() {
            self.mark_unsent();
        }
    }

    /// Whether something is still to be sent; whoever asks has to send it.
    pub(super) fn take_unsent(&self) -> bool {
        self.unsent.swap(false, Ordering::Relaxed)
    }

    /// Something could not be sent, and has to be sent later.
    pub(super) fn mark_unsent(&self) {
        self.unsent.store(true, Ordering::Relaxed);
    }

    /// A connection that delivers all messages from now on.
    pub(super) async fn subscribe(&self) -> Result<Subscription, RedisError> {
        let (sender, messages) = unbounded_channel();
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(CATCH_UP_TIMEOUT))
            .set_push_sender(sender);
        let mut connection = self.open(&config).await?;
        connection.subscribe(&self.channel).await?;
        Ok(Subscription { connection, messages })
    }

    /// Notes whether a subscribing connection stands, and why not.
    pub(super) fn set_subscribed(&self, subscribed: Result<(), String>) {
        self.subscribed.store(subscribed.is_ok(), Ordering::Relaxed);
        match subscribed {
            Ok(()) => self.log_up(),
            Err(why) => self.log_down(&why),
        }
    }

    /// Asks Redis whether it is alive: it has to count, as it does for limits.
    pub(super) async fn probe(&self) {
        if self.track(Ok(self.connect().await)).is_none() {
            return;
        }
        let mut probe = self.gcra.key(format!("{LIMIT_PREFIX}probe"));
        probe.arg(1).arg(1_000_000);
        if self.run::<u64>(&probe).await.is_some() {
            self.answers.store(true, Ordering::Relaxed);
            self.log_up();
        }
    }

    /// Keeps asking.
    pub(super) async fn keep_probing(&self) {
        let mut ticks = interval(PING_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.probe().await;
        }
    }

    /// Runs a script over the connection that there is.
    async fn run<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Option<T> {
        let mut commands = self.commands.lock().clone()?;
        self.track(timeout(COMMAND_TIMEOUT, script.invoke_async(&mut commands)).await)
    }

    /// Counts and logs a command that failed, after which only the probe asks.
    fn track<T>(&self, answer: Result<Result<T, RedisError>, Elapsed>) -> Option<T> {
        let failure = match answer {
            Ok(Ok(value)) => return Some(value),
            Ok(Err(error)) => reason(&error),
            Err(elapsed) => elapsed.to_string(),
        };
        self.failures.fetch_add(1, Ordering::Relaxed);
        self.answers.store(false, Ordering::Relaxed);
        self.commands.lock().take();
        self.log_down(&failure);
        None
    }

    fn is_up(&self) -> bool {
        self.answers.load(Ordering::Relaxed) && self.subscribed.load(Ordering::Relaxed)
    }

    fn log_up(&self) {
        if self.is_up() && self.logged.lock().up.replace(true) != Some(true) {
            tracing::info!(
                "Redis answers: limits, ended sessions and changes of keys are shared with other instances"
            );
        }
    }

    fn log_down(&self, why: &str) {
        let why: String = why.chars().take(REASON_LENGTH).collect();
        let mut logged = self.logged.lock();
        let is_news = logged.up.replace(false) != Some(false);
        if is_news {
            logged.reasons.clear();
        }
        if logged.reasons.len() >= REASONS || logged.reasons.contains(&why) {
            return;
        }
        logged.reasons.push(why.clone());
        drop(logged);
        if is_news {
            tracing::warn!(
                %why,
                "Redis does not answer: this process limits by itself, more strictly, and hears of ended sessions and \
                 changed keys through the database and the key set alone"
            );
        } else {
            tracing::warn!(%why, "Redis cannot be used yet, for another reason");
        }
    }
}

/// Why Redis did not do what it was asked: in its own words, where it said no.
pub(super) fn reason(error: &RedisError) -> String {
    match error.code() {
        Some(code) => format!("{code} {}", error.detail().unwrap_or_default()).trim_end().to_owned(),
        None => error.to_string(),
    }
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("status", &self.status()).finish_non_exhaustive()
    }
}
