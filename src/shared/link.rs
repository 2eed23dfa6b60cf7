//! The line to Redis, where instances meet.
//! In: scripts and messages. Out: answers within a quarter of a second, or none.
//! Owns: nobody waits for a Redis that is gone: after one failure a probe alone asks it, until it answers again. The log
//! says each change once.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection};
use redis::{
    AsyncConnectionConfig, Client, FromRedisValue, IntoConnectionInfo, ProtocolVersion, PushInfo, RedisError,
    Script, ScriptInvocation,
};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::throttle::{RetryAfter, Rule};
use crate::clock::Timestamp;
use crate::config::RedisUrl;
use crate::token::jwk::Kid;

/// How long a command may take, with everything around it.
const PATIENCE: Duration = Duration::from_millis(250);
/// How long an answer may be on its way.
const STEP: Duration = Duration::from_millis(200);
/// How often Redis is asked for a sign of life.
pub(super) const BEAT: Duration = Duration::from_secs(1);
/// How long a connection may take to be made, and the one for news to bring everything that was missed.
const CONNECTING: Duration = Duration::from_secs(1);
const CATCHING_UP: Duration = Duration::from_secs(5);

/// The key of the ended sessions: a sorted set, by the millisecond from which each may be forgotten.
pub(super) const ENDED: &str = "signet:ended";
/// The beginning of the keys of limits.
const LIMIT: &str = "signet:limit:";

/// How the line stands, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkStatus {
    /// Whether Redis answers commands and brings news.
    pub up: bool,
    /// How many commands failed since the start.
    pub failures: u64,
}

/// The line to one Redis.
pub struct Link {
    client: Client,
    commands: ConnectionManager,
    channel: String,
    count: Script,
    tell: Script,
    answers: AtomicBool,
    listens: AtomicBool,
    /// Whether something could not be told and has to be told later.
    owes: AtomicBool,
    /// What the log says: none until anything is known.
    said: Mutex<Option<bool>>,
    failures: AtomicU64,
}

/// A connection that brings news.
pub(super) struct Line {
    pub(super) connection: MultiplexedConnection,
    pub(super) news: UnboundedReceiver<PushInfo>,
}

impl Link {
    /// A line to the Redis at `url`. Nobody is asked yet. It needs a Tokio runtime and, for `rediss://`, rustls's provider
    /// of the process.
    ///
    /// # Errors
    /// When the URL is not one that the driver takes, which `config` has judged before.
    pub fn new(url: &RedisUrl) -> Result<Self, RedisError> {
        let address = url.expose().into_connection_info()?;
        let pushing = address.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let client = Client::open(address.clone().set_redis_settings(pushing))?;
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_min_delay(Duration::from_millis(50))
            .set_max_delay(Duration::from_millis(500))
            .set_connection_timeout(Some(CONNECTING))
            .set_response_timeout(Some(STEP));
        let commands = ConnectionManager::new_lazy_with_config(Client::open(address)?, config)?;
        Ok(Self {
            client,
            commands,
            // Channels are common to all databases of a Redis; instances meet only within one.
            channel: format!("signet:{}:news", url.database()),
            count: Script::new(include_str!("scripts/count.lua")),
            tell: Script::new(include_str!("scripts/tell.lua")),
            answers: AtomicBool::new(false),
            listens: AtomicBool::new(false),
            owes: AtomicBool::new(false),
            said: Mutex::default(),
            failures: AtomicU64::new(0),
        })
    }

    /// How the line stands.
    pub fn status(&self) -> LinkStatus {
        LinkStatus { up: self.is_up(), failures: self.failures.load(Ordering::Relaxed) }
    }

    /// Counts one attempt in the bucket that `name` names, together with all other instances; nothing if Redis does
    /// not answer.
    pub(super) async fn attempt(&self, rule: &Rule, name: &[u8; 16]) -> Option<Result<(), RetryAfter>> {
        if !self.answers.load(Ordering::Relaxed) {
            return None;
        }
        let micros = |span: Duration| u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        let key = name.iter().fold(LIMIT.to_owned(), |key, byte| format!("{key}{byte:02x}"));
        let mut invocation = self.count.key(key);
        invocation.arg(micros(rule.window / rule.burst.max(1))).arg(micros(rule.window));
        let wait: u64 = self.run(&invocation).await?;
        Some(if wait == 0 { Ok(()) } else { Err(RetryAfter(Duration::from_micros(wait))) })
    }

    /// Tells everybody that keys have changed, or that one was withdrawn. What cannot be said now is said later, to
    /// those that listen then.
    pub async fn tell_of_keys(&self, withdrawn: Option<&Kid>) {
        let message = withdrawn.map_or_else(|| "keys".to_owned(), |kid| format!("withdrawn {kid}"));
        let mut commands = self.commands.clone();
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(&self.channel).arg(message);
        let told = publish.query_async::<()>(&mut commands);
        // Rare, and no request waits for it: there is time to connect first.
        if self.judged(timeout(CONNECTING, told).await).is_none() {
            self.owes.store(true, Ordering::Relaxed);
        }
    }

    /// Keeps these ended sessions for those who come later, and tells everybody.
    pub(super) async fn tell_of_ended(&self, sessions: &[(String, Timestamp)]) {
        let told = match self.answers.load(Ordering::Relaxed) {
            true => self.run::<()>(&self.ended(sessions)).await,
            false => None,
        };
        if told.is_none() {
            self.owes.store(true, Ordering::Relaxed);
        }
    }

    /// The script that keeps ended sessions and tells everybody.
    pub(super) fn ended(&self, sessions: &[(String, Timestamp)]) -> ScriptInvocation<'_> {
        let mut invocation = self.tell.key(ENDED);
        invocation.arg(&self.channel);
        for (session, forget_at) in sessions {
            invocation.arg(session).arg(forget_at.millis());
        }
        invocation
    }

    /// Whether something is still to be told; asking takes the debt over.
    pub(super) fn take_debt(&self) -> bool {
        self.owes.swap(false, Ordering::Relaxed)
    }

    /// The debt could not be paid.
    pub(super) fn owe(&self) {
        self.owes.store(true, Ordering::Relaxed);
    }

    /// A connection that brings all news from now on.
    pub(super) async fn listen(&self) -> Result<Line, RedisError> {
        let (sender, news) = unbounded_channel();
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECTING))
            .set_response_timeout(Some(CATCHING_UP))
            .set_push_sender(sender);
        let mut connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        connection.subscribe(&self.channel).await?;
        Ok(Line { connection, news })
    }

    /// Whether the connection that brings news stands, and why not.
    pub(super) fn hears(&self, heard: Result<(), &dyn fmt::Display>) {
        self.listens.store(heard.is_ok(), Ordering::Relaxed);
        match heard {
            Ok(()) => self.say_good(),
            Err(why) => self.say_broken(why),
        }
    }

    /// Asks Redis for a sign of life: it has to count, as it does for limits.
    pub(super) async fn probe(&self) {
        let mut probe = self.count.key(format!("{LIMIT}probe"));
        probe.arg(1).arg(1_000_000);
        if self.run::<u64>(&probe).await.is_some() {
            self.answers.store(true, Ordering::Relaxed);
            self.say_good();
        }
    }

    /// Keeps asking.
    pub(super) async fn watch(&self) {
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            beat.tick().await;
            self.probe().await;
        }
    }

    async fn run<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Option<T> {
        let mut commands = self.commands.clone();
        self.judged(timeout(PATIENCE, script.invoke_async(&mut commands)).await)
    }

    fn judged<T>(&self, answer: Result<Result<T, RedisError>, tokio::time::error::Elapsed>) -> Option<T> {
        let failed: &dyn fmt::Display = match &answer {
            Ok(Ok(_)) => return answer.ok()?.ok(),
            Ok(Err(error)) => error,
            Err(elapsed) => elapsed,
        };
        self.failures.fetch_add(1, Ordering::Relaxed);
        self.answers.store(false, Ordering::Relaxed);
        self.say_broken(failed);
        None
    }

    fn is_up(&self) -> bool {
        self.answers.load(Ordering::Relaxed) && self.listens.load(Ordering::Relaxed)
    }

    fn say_good(&self) {
        if self.is_up() && self.changes(true) {
            tracing::info!(
                "Redis answers: limits, ended sessions and changes of keys are shared with other instances"
            );
        }
    }

    fn say_broken(&self, why: &dyn fmt::Display) {
        if self.changes(false) {
            tracing::warn!(
                %why,
                "Redis does not answer: this process limits by itself, more strictly, and hears of ended sessions and \
                 changed keys through the database and the key set alone"
            );
        }
    }

    fn changes(&self, up: bool) -> bool {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.replace(up) != Some(up)
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("status", &self.status()).finish_non_exhaustive()
    }
}
