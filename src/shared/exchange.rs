//! What instances tell each other.
//! In: what happened here, and messages of the others. Out: revocations, and the word that keys have changed.
//! Owns: on every connection all that lives is read and whatever Redis lacks is told, so that a lost message, a Redis
//! that lost its memory and an instance that came late all end with everybody knowing.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::{Msg, PushKind, RedisError};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::link::{BEAT, ENDED, Line, Link};
use super::revocations::Revocations;
use signet_verify::clock::{Clock, Timestamp};
use signet_verify::jose::jwk::Kid;

/// How long a start waits for what Redis remembers; then it goes on without.
const START_PATIENCE: Duration = Duration::from_secs(1);
/// How many ended sessions are told at once.
const BATCH: usize = 256;
/// How many may wait to be told; what does not fit is told together later.
const WAITING: usize = 4096;
/// How long to wait before connecting again.
const PAUSE: Duration = Duration::from_millis(500);
/// Names of sessions are 32 letters and digits; longer ones are none of ours.
const LONGEST_NAME: usize = 64;

/// What is heard of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyNews {
    /// Somebody has written keys, or may have while we could not listen.
    Changed,
    /// A key is not public any more.
    Withdrawn(Kid),
}

/// This instance among the others.
pub struct Exchange {
    link: Arc<Link>,
    revocations: Arc<Revocations>,
    clock: Arc<dyn Clock>,
    outgoing: mpsc::Receiver<(String, Timestamp)>,
    first: Option<Line>,
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").field("link", &self.link).finish_non_exhaustive()
    }
}

impl Exchange {
    /// Joins the others: adds to `revocations` what they know, within a second or not yet, and from now on tells them
    /// what is added here.
    pub async fn join(link: Arc<Link>, revocations: Arc<Revocations>, clock: Arc<dyn Clock>) -> Self {
        let (sender, outgoing) = mpsc::channel(WAITING);
        let owing = link.clone();
        revocations.tell_others_by(move |ended| {
            if sender.try_send(ended).is_err() {
                owing.owe();
            }
        });
        let mut exchange = Self { link, revocations, clock, outgoing, first: None };
        let probed = async {
            exchange.link.probe().await;
            exchange.connect().await
        };
        exchange.first = match timeout(START_PATIENCE, probed).await {
            Ok(Ok(line)) => Some(line),
            Ok(Err(error)) => {
                exchange.link.hears(Err(&error));
                None
            }
            Err(elapsed) => {
                exchange.link.hears(Err(&elapsed));
                None
            }
        };
        exchange
    }

    /// Listens and tells until `stopped`; what has happened until then is still told.
    pub async fn run(
        mut self,
        on_keys: impl Fn(KeyNews) + Send + Sync,
        stopped: impl Future<Output = ()> + Send,
    ) {
        let first = self.first.take();
        let (sender, mut outgoing) = (self.link.clone(), self.outgoing);
        let listener =
            Listener { link: self.link, revocations: self.revocations, clock: self.clock, on_keys };
        tokio::select! {
            () = stopped => {}
            () = sender.watch() => {}
            () = deliver(&sender, &mut outgoing) => {}
            () = listener.run(first) => {}
        }
        outgoing.close();
        deliver(&sender, &mut outgoing).await;
    }

    async fn connect(&self) -> Result<Line, RedisError> {
        connect(&self.link, &self.revocations, self.clock.now()).await
    }
}

/// Tells what happens here, until the sending side is gone.
async fn deliver(link: &Link, outgoing: &mut mpsc::Receiver<(String, Timestamp)>) {
    let mut batch = Vec::with_capacity(BATCH);
    while outgoing.recv_many(&mut batch, BATCH).await > 0 {
        link.tell_of_ended(&batch).await;
        batch.clear();
    }
}

/// A connection that brings news, and everything that was missed before it.
async fn connect(link: &Link, revocations: &Revocations, now: Timestamp) -> Result<Line, RedisError> {
    let mut line = link.listen().await?;
    catch_up(link, revocations, now, &mut line).await?;
    link.hears(Ok(()));
    Ok(line)
}

/// Reads all that lives, and tells what Redis lacks.
async fn catch_up(
    link: &Link,
    revocations: &Revocations,
    now: Timestamp,
    line: &mut Line,
) -> Result<(), RedisError> {
    let mut living = redis::cmd("ZRANGEBYSCORE");
    living.arg(ENDED).arg(now.millis()).arg("+inf").arg("WITHSCORES");
    let living: Vec<(String, f64)> = living.query_async(&mut line.connection).await?;
    let known: HashSet<String> = living.iter().map(|(session, _)| session.clone()).collect();
    revocations
        .add(living.into_iter().map(|(session, millis)| (session, Timestamp::from_millis(millis as i64))));
    let mut lacking = revocations.living(now);
    lacking.retain(|(session, _)| !known.contains(session));
    for batch in lacking.chunks(BATCH) {
        link.ended(batch).invoke_async::<()>(&mut line.connection).await?;
    }
    Ok(())
}

struct Listener<F> {
    link: Arc<Link>,
    revocations: Arc<Revocations>,
    clock: Arc<dyn Clock>,
    on_keys: F,
}

impl<F: Fn(KeyNews)> Listener<F> {
    async fn run(&self, mut first: Option<Line>) {
        loop {
            let line = match first.take() {
                Some(line) => Ok(line),
                None => connect(&self.link, &self.revocations, self.clock.now()).await,
            };
            let lost = match line {
                Ok(line) => {
                    // Whatever was said of keys before has been missed.
                    (self.on_keys)(KeyNews::Changed);
                    self.attend(line).await
                }
                Err(error) => error.to_string(),
            };
            self.link.hears(Err(&lost));
            sleep(PAUSE).await;
        }
    }

    /// Hears what the connection brings, until it ends; answers why.
    async fn attend(&self, mut line: Line) -> String {
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                push = line.news.recv() => match push {
                    Some(push) if push.kind == PushKind::Disconnection => return "the connection has ended".to_owned(),
                    None => return "the connection has ended".to_owned(),
                    Some(push) => {
                        if let Some(message) = Msg::from_push_info(push) {
                            self.hear(&String::from_utf8_lossy(message.get_payload_bytes()));
                        }
                    }
                },
                _ = beat.tick() => {
                    let ping = redis::cmd("PING");
                    match timeout(BEAT, ping.query_async::<String>(&mut line.connection)).await {
                        Ok(Ok(_)) => {}
                        Ok(Err(error)) => return error.to_string(),
                        Err(elapsed) => return elapsed.to_string(),
                    }
                    if self.link.take_debt()
                        && let Err(error) = self.settle(&mut line).await
                    {
                        self.link.owe();
                        return error.to_string();
                    }
                }
            }
        }
    }

    /// Tells what could not be told when it happened.
    async fn settle(&self, line: &mut Line) -> Result<(), RedisError> {
        catch_up(&self.link, &self.revocations, self.clock.now(), line).await?;
        self.link.tell_of_keys(None).await;
        Ok(())
    }

    /// Understands a message. What a later version says and this one does not know is left alone.
    fn hear(&self, message: &str) {
        let mut words = message.split(' ');
        match words.next() {
            Some("ended") => self.revocations.add(ended(words)),
            Some("keys") => (self.on_keys)(KeyNews::Changed),
            Some("withdrawn") => {
                if let Some(kid) = words.next().and_then(Kid::parse) {
                    (self.on_keys)(KeyNews::Withdrawn(kid));
                }
            }
            _ => {}
        }
    }
}

/// Pairs of a session and the millisecond from which it may be forgotten; ends at the first that is none.
fn ended<'a>(mut words: impl Iterator<Item = &'a str>) -> impl Iterator<Item = (String, Timestamp)> {
    std::iter::from_fn(move || {
        let name = words.next().filter(|name| {
            (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })?;
        let millis: i64 = words.next()?.parse().ok()?;
        Some((name.to_owned(), Timestamp::from_millis(millis)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, i64)> {
        ended(text.split(' ')).map(|(session, at)| (session, at.millis())).collect()
    }

    #[test]
    fn pairs_are_read_up_to_the_first_that_is_none() {
        assert_eq!(read("abc 5 d0 70"), [("abc".to_owned(), 5), ("d0".to_owned(), 70)]);
        assert_eq!(read("abc 5 d-0 70"), [("abc".to_owned(), 5)]);
        for nonsense in ["", "abc", "abc x", " 5", "abc 1e3", &format!("{} 5", "a".repeat(65))] {
            assert_eq!(read(nonsense), [], "{nonsense}");
        }
    }
}
