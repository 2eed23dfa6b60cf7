//! What instances publish and receive.
//! In: what happened here, and messages of the others. Out: revocations, deletions, and the word that keys have changed.
//! Owns: on every connection all that lives is read and whatever Redis lacks is sent, so that a lost message, a Redis
//! that lost its memory and an instance that came late all end with every instance knowing.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::{Msg, PushKind, RedisError};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::message::{DeletedUser, Message, RevokedSession};
use super::redis::{DELETED_USERS, PING_INTERVAL, REVOKED_SESSIONS, Redis, Subscription, reason};
use super::revocations::Revocations;
use signet_verify::clock::{Clock, Timestamp};
use signet_verify::jose::jwk::Kid;

/// How long a start waits for what Redis remembers; then it goes on without.
const JOIN_TIMEOUT: Duration = Duration::from_secs(1);
/// How many revoked sessions or deleted users are published at once.
const BATCH: usize = 256;
/// How many may wait to be published; what does not fit is sent together later.
const QUEUE: usize = 4096;
/// How long to wait before connecting again.
const RECONNECT_DELAY: Duration = Duration::from_millis(500);

/// What a message says of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyChange {
    /// Another process has written keys, or may have while this one was not connected.
    Changed,
    /// A key is not public any more.
    Withdrawn(Kid),
}

/// This instance among the others.
pub struct PubSub {
    redis: Arc<Redis>,
    revocations: Arc<Revocations>,
    clock: Arc<dyn Clock>,
    outgoing: Outgoing,
    first: Option<Subscription>,
}

/// What waits to be published.
struct Outgoing {
    revoked: mpsc::Receiver<(String, Timestamp)>,
    deleted: mpsc::Receiver<(String, Timestamp)>,
}

impl fmt::Debug for PubSub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PubSub").field("redis", &self.redis).finish_non_exhaustive()
    }
}

impl PubSub {
    /// Joins the others: adds to `revocations` what they know, within a second or not yet, and from now on publishes
    /// what is added here.
    pub async fn join(redis: Arc<Redis>, revocations: Arc<Revocations>, clock: Arc<dyn Clock>) -> Self {
        let (publisher, revoked) = queue(&redis);
        revocations.publish_with(publisher);
        let (publisher, deleted) = queue(&redis);
        revocations.deletions().publish_with(publisher);
        let outgoing = Outgoing { revoked, deleted };
        let joined = async {
            redis.probe().await;
            connect(&redis, &revocations, clock.now()).await
        };
        let first = match timeout(JOIN_TIMEOUT, joined).await {
            Ok(Ok(subscription)) => Some(subscription),
            Ok(Err(error)) => {
                redis.set_subscribed(Err(reason(&error)));
                None
            }
            Err(elapsed) => {
                redis.set_subscribed(Err(elapsed.to_string()));
                None
            }
        };
        Self { redis, revocations, clock, outgoing, first }
    }

    /// Listens and publishes until `stopped`; what has happened until then is still published.
    pub async fn run(
        mut self,
        on_keys: impl Fn(KeyChange) + Send + Sync,
        stopped: impl Future<Output = ()> + Send,
    ) {
        let first = self.first.take();
        let (redis, mut outgoing) = (self.redis.clone(), self.outgoing);
        let subscriber =
            Subscriber { redis: self.redis, revocations: self.revocations, clock: self.clock, on_keys };
        tokio::select! {
            () = stopped => {}
            () = redis.keep_probing() => {}
            () = publish_queued(&redis, &mut outgoing) => {}
            () = subscriber.run(first) => {}
        }
        outgoing.revoked.close();
        outgoing.deleted.close();
        publish_queued(&redis, &mut outgoing).await;
    }
}

/// Publishes what happens here, until the sending side is gone.
async fn publish_queued(redis: &Redis, outgoing: &mut Outgoing) {
    let Outgoing { revoked, deleted } = outgoing;
    let sessions = async {
        let mut batch = Vec::with_capacity(BATCH);
        while revoked.recv_many(&mut batch, BATCH).await > 0 {
            redis.publish_revoked(&batch).await;
            batch.clear();
        }
    };
    let users = async {
        let mut batch = Vec::new();
        while deleted.recv_many(&mut batch, BATCH).await > 0 {
            redis.publish_deleted(&batch).await;
            batch.clear();
        }
    };
    tokio::join!(sessions, users);
}

/// What has ended, and from when on it may be forgotten.
type News = (String, Timestamp);

/// A queue of what is to be published, and how it is filled; what does not fit is sent later.
fn queue(redis: &Arc<Redis>) -> (impl Fn(News) + Send + Sync + 'static, mpsc::Receiver<News>) {
    let (sender, outgoing) = mpsc::channel(QUEUE);
    let overflow = redis.clone();
    let publisher = move |news| {
        if sender.try_send(news).is_err() {
            overflow.mark_unsent();
        }
    };
    (publisher, outgoing)
}

/// A connection that delivers messages, after everything that was missed before it.
async fn connect(
    redis: &Redis,
    revocations: &Revocations,
    now: Timestamp,
) -> Result<Subscription, RedisError> {
    let mut subscription = redis.subscribe().await?;
    catch_up(redis, revocations, now, &mut subscription).await?;
    redis.set_subscribed(Ok(()));
    Ok(subscription)
}

/// Reads all revocations and deletions that live, and sends what Redis lacks.
async fn catch_up(
    redis: &Redis,
    revocations: &Revocations,
    now: Timestamp,
    subscription: &mut Subscription,
) -> Result<(), RedisError> {
    let sessions = living(REVOKED_SESSIONS, now, subscription).await?;
    let lacking = lacking(revocations.living(now), &sessions);
    revocations.add(sessions);
    for batch in lacking.chunks(BATCH) {
        redis.revoking(batch).invoke_async::<()>(&mut subscription.connection).await?;
    }
    let users = living(DELETED_USERS, now, subscription).await?;
    let lacking = self::lacking(revocations.deletions().living(now), &users);
    revocations.deletions().hear(users);
    for batch in lacking.chunks(BATCH) {
        redis.deleting(batch).invoke_async::<()>(&mut subscription.connection).await?;
    }
    Ok(())
}

/// What Redis remembers under `key` that may not be forgotten yet.
async fn living(
    key: &str,
    now: Timestamp,
    subscription: &mut Subscription,
) -> Result<Vec<(String, Timestamp)>, RedisError> {
    let mut living = redis::cmd("ZRANGEBYSCORE");
    living.arg(key).arg(now.millis()).arg("+inf").arg("WITHSCORES");
    let living: Vec<(String, f64)> = living.query_async(&mut subscription.connection).await?;
    Ok(living.into_iter().map(|(id, millis)| (id, Timestamp::from_millis(millis as i64))).collect())
}

/// What is known here and not there.
fn lacking(here: Vec<(String, Timestamp)>, there: &[(String, Timestamp)]) -> Vec<(String, Timestamp)> {
    let there: HashSet<&str> = there.iter().map(|(id, _)| id.as_str()).collect();
    here.into_iter().filter(|(id, _)| !there.contains(id.as_str())).collect()
}

struct Subscriber<F> {
    redis: Arc<Redis>,
    revocations: Arc<Revocations>,
    clock: Arc<dyn Clock>,
    on_keys: F,
}

impl<F: Fn(KeyChange)> Subscriber<F> {
    /// Reads messages, and connects again whenever the connection is lost.
    async fn run(&self, mut first: Option<Subscription>) {
        loop {
            let subscription = match first.take() {
                Some(subscription) => Ok(subscription),
                None => connect(&self.redis, &self.revocations, self.clock.now()).await,
            };
            let lost = match subscription {
                Ok(subscription) => {
                    // Whatever was published about keys before has been missed.
                    (self.on_keys)(KeyChange::Changed);
                    self.read_messages(subscription).await
                }
                Err(error) => reason(&error),
            };
            self.redis.set_subscribed(Err(lost));
            sleep(RECONNECT_DELAY).await;
        }
    }

    /// Handles what the connection delivers, until it ends; answers why it did.
    async fn read_messages(&self, mut subscription: Subscription) -> String {
        let mut ticks = interval(PING_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                push = subscription.messages.recv() => match push {
                    None => return "the connection has ended".to_owned(),
                    Some(push) if push.kind == PushKind::Disconnection => {
                        return "the connection has ended".to_owned();
                    }
                    Some(push) => {
                        if let Some(message) = Msg::from_push_info(push) {
                            self.handle(message.get_payload_bytes());
                        }
                    }
                },
                _ = ticks.tick() => {
                    if let Err(lost) = self.ping(&mut subscription).await {
                        return lost;
                    }
                }
            }
        }
    }

    /// Asks whether the connection is alive, and sends over it what could not be sent before.
    async fn ping(&self, subscription: &mut Subscription) -> Result<(), String> {
        let ping = redis::cmd("PING");
        match timeout(PING_INTERVAL, ping.query_async::<String>(&mut subscription.connection)).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(reason(&error)),
            Err(elapsed) => return Err(elapsed.to_string()),
        }
        if self.redis.take_unsent()
            && let Err(error) = self.send_unsent(subscription).await
        {
            self.redis.mark_unsent();
            return Err(reason(&error));
        }
        Ok(())
    }

    /// Sends what could not be sent when it happened.
    async fn send_unsent(&self, subscription: &mut Subscription) -> Result<(), RedisError> {
        catch_up(&self.redis, &self.revocations, self.clock.now(), subscription).await?;
        self.redis.publish_keys_changed().await;
        Ok(())
    }

    /// Acts on a message. What a later version publishes and this one does not know changes nothing.
    fn handle(&self, text: &[u8]) {
        match Message::parse(text) {
            Ok(Message::SessionsRevoked { sessions }) => self.revocations.add(
                sessions
                    .into_iter()
                    .map(|RevokedSession { id, forget_at }| (id, Timestamp::from_millis(forget_at))),
            ),
            Ok(Message::UsersDeleted { users }) => {
                let users = users.into_iter();
                let users =
                    users.map(|DeletedUser { id, forget_at }| (id, Timestamp::from_millis(forget_at)));
                self.revocations.deletions().hear(users);
            }
            Ok(Message::KeysChanged) => (self.on_keys)(KeyChange::Changed),
            Ok(Message::KeyWithdrawn { kid }) => (self.on_keys)(KeyChange::Withdrawn(kid)),
            Err(error) => tracing::debug!(%error, "a message of another version is passed over"),
        }
    }
}
