//! What the other modules count by themselves.
//! In: their counts, at the moment of a scrape. Out: lines of the exposition.
//! Owns: a scrape takes no lock that a request waits for, and asks neither database nor network.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::process;
use super::writer::MetricWriter;
use crate::http::framework::shares::Kind;
use crate::http::server::ConnectionLimit;
use crate::http::tasks::Resource;
use crate::identity::Mailing;
use crate::keys::keyring::Keyring;
use crate::mail;
use crate::model::signing_key::KeyState;
use crate::oauth::{DecisionCounts, NoticeCounts, TokenCounts};
use crate::password::Passwords;
use crate::store::Database;
use crate::sync::limiter::Limiter;
use crate::sync::redis::Redis;
use crate::sync::revocations::Revocations;
use signet_verify::clock::{Clock, Timestamp};
use signet_verify::crypto::Algorithm;
use signet_verify::verifier::Verifier;

/// What this process counts.
pub struct Sources {
    /// Connections of callers.
    pub connections: ConnectionLimit,
    /// Where everything is kept.
    pub database: Database,
    /// What tokens are signed with, where this process signs.
    pub keyring: Option<Arc<Keyring>>,
    /// What tokens are verified with, where this process verifies.
    pub verifier: Option<Arc<Verifier>>,
    /// The tasks API and its share of the database, where this process serves it.
    pub tasks: Option<(Arc<Resource>, Database)>,
    /// The hashing threads, where this process signs people in.
    pub passwords: Option<Arc<Passwords>>,
    /// How mail is asked for, where this process signs people in.
    pub mailing: Option<Arc<Mailing>>,
    /// What clients get, where this process signs people in.
    pub client_tokens: Option<Arc<TokenCounts>>,
    /// What became of their requests.
    pub decisions: Option<Arc<DecisionCounts>>,
    /// What became of word to clients, where this process gives it.
    pub logout_notices: Option<Arc<NoticeCounts>>,
    /// What the delivery of mail counts, where this process delivers it.
    pub mail: Option<Arc<mail::Status>>,
    /// Limits.
    pub limiter: Arc<Limiter>,
    /// Ended sessions.
    pub revocations: Arc<Revocations>,
    /// Redis, where one is configured.
    pub redis: Option<Arc<Redis>>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources").finish_non_exhaustive()
    }
}

impl Collector for Sources {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = MetricWriter(encoder);
        page.gauges(
            "signet_build",
            "Always 1; the label says which version runs",
            [([("version", env!("CARGO_PKG_VERSION"))], 1.0)],
        )?;
        if let Some(keyring) = &self.keyring {
            self.keys(keyring, &mut page)?;
        }
        if let Some(verifier) = &self.verifier {
            verification(verifier, &mut page)?;
        }
        if let Some((resource, database)) = &self.tasks {
            tasks(resource, database, &mut page)?;
        }
        if let Some(passwords) = &self.passwords {
            hashing(passwords, &mut page)?;
        }
        if let Some(mailing) = &self.mailing {
            mail_requests(mailing, &mut page)?;
        }
        self.oauth(&mut page)?;
        if let Some(status) = &self.mail {
            delivery(&status.counts(), self.clock.now(), &mut page)?;
        }
        page.counters(
            "signet_rate_limit_decisions",
            "Attempts that a limit let through or turned away",
            self.limiter.decisions().into_iter().flat_map(|(rule, count)| {
                [
                    ([("rule", rule), ("decision", "allowed")], count.allowed),
                    ([("rule", rule), ("decision", "limited")], count.limited),
                ]
            }),
        )?;
        if let Some(redis) = &self.redis {
            self.redis(redis, &mut page)?;
        }
        page.gauge(
            "signet_revoked_sessions",
            "Sessions that ended while tokens of theirs may still live",
            self.revocations.len() as f64,
        )?;
        let connections = self.database.connections();
        page.gauges(
            "signet_database_connections",
            "Connections to the database by what they do",
            [
                ([("state", "used")], f64::from(connections.used)),
                ([("state", "idle")], f64::from(connections.idle)),
            ],
        )?;
        page.gauge(
            "signet_database_answer_age_seconds",
            "Time since the database was last known to answer",
            self.clock.monotonic().saturating_sub(self.database.answered_at()).as_secs_f64(),
        )?;
        clients(&self.connections, &mut page)?;
        own_process(&mut page)
    }
}

impl Sources {
    fn oauth(&self, page: &mut MetricWriter<'_>) -> fmt::Result {
        if let Some(counts) = &self.client_tokens {
            page.counters(
                "signet_client_token_events",
                "What happened to codes, refresh tokens and tokens of clients",
                counts.read().map(|(event, count)| ([("event", event.name())], count)),
            )?;
        }
        if let Some(counts) = &self.decisions {
            page.counters(
                "signet_authorization_events",
                "What became of requests of clients for the authorization of users",
                counts.read().map(|(event, count)| ([("event", event.name())], count)),
            )?;
        }
        if let Some(counts) = &self.logout_notices {
            page.counters(
                "signet_logout_notices",
                "Attempts to tell clients that a session has ended",
                counts.read().map(|(result, count)| ([("result", result.name())], count)),
            )?;
        }
        Ok(())
    }

    fn redis(&self, redis: &Redis, page: &mut MetricWriter<'_>) -> fmt::Result {
        let status = redis.status();
        page.gauge(
            "signet_redis_up",
            "1 while Redis answers commands and delivers messages, else 0",
            f64::from(u8::from(status.up)),
        )?;
        page.counter("signet_redis_failures", "Commands that Redis did not answer in time", status.failures)?;
        page.counter(
            "signet_rate_limit_local_decisions",
            "Attempts that this process judged by itself, more strictly, because Redis did not answer",
            self.limiter.alone(),
        )
    }

    fn keys(&self, keyring: &Keyring, page: &mut MetricWriter<'_>) -> fmt::Result {
        let (health, contract) = (keyring.health(), keyring.contract());
        let now = self.clock.now();
        let counts = health.rings.iter().flat_map(|ring| {
            let labels = |state: KeyState| [("algorithm", ring.algorithm.name()), ("state", state.name())];
            ring.states.iter().map(move |(state, count)| (labels(*state), *count as f64))
        });
        page.gauges("signet_signing_keys", "Signing keys by algorithm and state", counts)?;
        page.gauge(
            "signet_signing_keys_unreadable",
            "Keys that no master key of this process opens",
            health.unreadable.len() as f64,
        )?;
        page.gauge(
            "signet_signer_available",
            "1 while this process can sign tokens, else 0",
            f64::from(u8::from(keyring.signer().is_some())),
        )?;
        let ages = health.rings.iter().filter_map(|ring| {
            Some(([("algorithm", ring.algorithm.name())], ring.active_for?.as_secs_f64()))
        });
        page.gauges(
            "signet_active_key_age_seconds",
            "Time since the active key of each algorithm began to sign",
            ages,
        )?;
        if let Some(next) = health.next_deadline {
            let help = "Time until the next step of a key's life; negative when it is late";
            page.gauge(
                "signet_key_next_action_seconds",
                help,
                (next.millis() - now.millis()) as f64 / 1000.0,
            )?;
        }
        page.gauge(
            "signet_key_rows_age_seconds",
            "Time since the keys were read from the database",
            health.read_ago.as_secs_f64(),
        )?;
        let spans = [
            ("lead", contract.lead()),
            ("retain", contract.retain()),
            ("reload", contract.reload()),
            ("revocation", contract.revocation_bound()),
        ];
        page.gauges(
            "signet_key_contract_seconds",
            "The spans that keys are promised to keep",
            spans.map(|(span, length)| ([("span", span)], length.as_secs_f64())),
        )?;
        let margins = health.margins.iter().map(|margin| {
            let algorithm = margin.algorithm.map_or("", Algorithm::name);
            ([("algorithm", algorithm), ("rule", margin.rule)], margin.seconds)
        });
        page.gauges(
            "signet_key_margin_seconds",
            "How far the keys are from breaking a rule of the contract; negative when one is broken",
            margins,
        )
    }
}

fn verification(verifier: &Verifier, page: &mut MetricWriter<'_>) -> fmt::Result {
    page.counter("signet_tokens_accepted", "Tokens that were accepted", verifier.accepted())?;
    page.counters(
        "signet_token_refusals",
        "Tokens that were not accepted, by reason",
        verifier.denials().map(|(reason, count)| ([("reason", reason)], count)),
    )?;
    page.counter(
        "signet_tokens_hs256",
        "Tokens under the shared secret that were accepted",
        verifier.hs256_uses(),
    )?;
    if let Some(cache) = verifier.token_cache() {
        page.counters(
            "signet_token_cache_lookups",
            "Tokens by whether they had been verified before",
            [([("result", "hit")], cache.hits), ([("result", "miss")], cache.misses)],
        )?;
        page.gauge("signet_token_cache_tokens", "Tokens that are cached", cache.tokens as f64)?;
        page.gauge("signet_token_cache_bytes", "Memory that they take", cache.bytes as f64)?;
        page.gauge("signet_token_cache_limit_bytes", "Memory that they may take", cache.capacity as f64)?;
    }
    // A process of ours trusts one issuer; where its keys are its own, there is no cache.
    let Some(cache) = verifier.key_caches().next() else { return Ok(()) };
    let status = cache.status();
    page.gauge("signet_key_cache_keys", "Keys of the issuer that are at hand", status.kids.len() as f64)?;
    page.gauge(
        "signet_key_cache_fresh",
        "1 while they are within the life that their issuer gave them, else 0",
        f64::from(u8::from(status.fresh)),
    )?;
    if let Some(age) = status.age {
        page.gauge(
            "signet_key_cache_age_seconds",
            "Time since the issuer confirmed them",
            age.as_secs_f64(),
        )?;
    }
    page.gauge(
        "signet_key_cache_trusted_seconds",
        "How much longer they are used if nothing more comes",
        status.trusted_for.as_secs_f64(),
    )?;
    page.counter("signet_key_cache_fetches", "Fetches of the key set that were started", status.attempts)?;
    page.counters(
        "signet_key_cache_fetch_failures",
        "Fetches that brought no keys, by reason",
        cache.failures_by_reason().map(|(reason, count)| ([("reason", reason)], count)),
    )?;
    page.gauge(
        "signet_key_cache_consecutive_failures",
        "Fetches that failed since the last good one",
        f64::from(status.failures),
    )
}

fn tasks(resource: &Resource, database: &Database, page: &mut MetricWriter<'_>) -> fmt::Result {
    let help = "Requests for tasks that are worked on";
    page.gauge("signet_tasks_in_flight", help, resource.in_flight.len() as f64)?;
    let Some([reads, writes]) = database.lane_load() else { return Ok(()) };
    page.gauges(
        "signet_tasks_queue",
        "Reads and writes of tasks that wait for the database",
        [([("access", "read")], reads.waiting as f64), ([("access", "write")], writes.waiting as f64)],
    )?;
    page.counters(
        "signet_tasks_turned_away",
        "Requests for tasks that were told to come back later, by the bound that they met",
        [
            ([("bound", "subject")], resource.in_flight.turned_away()),
            ([("bound", "read")], reads.turned_away),
            ([("bound", "write")], writes.turned_away),
        ],
    )
}

fn clients(connections: &ConnectionLimit, page: &mut MetricWriter<'_>) -> fmt::Result {
    let shares = connections.shares();
    page.gauge("signet_connections", "Open connections of callers", f64::from(connections.open()))?;
    page.gauge(
        "signet_connections_limit",
        "Connections that may be open at once",
        f64::from(connections.allowed()),
    )?;
    page.counters(
        "signet_connections_unwelcome",
        "Connections that ended, or did not begin, since their clients had as many as they may",
        [
            ([("result", "displaced")], connections.displaced()),
            ([("result", "turned_away")], connections.turned_away()),
        ],
    )?;
    page.gauge(
        "signet_clients",
        "Addresses that connections or requests are open of",
        shares.holders() as f64,
    )?;
    page.gauges(
        "signet_clients_hold",
        "What clients hold together",
        Kind::ALL.map(|kind| ([("kind", kind.name())], shares.held(kind) as f64)),
    )?;
    let limits = Kind::ALL.into_iter().flat_map(|kind| {
        let bound = shares.bound(kind);
        let labels = |of| [("kind", kind.name()), ("of", of)];
        [(labels("client"), bound.each as f64), (labels("process"), bound.all as f64)]
    });
    page.gauges("signet_clients_hold_limit", "How much of it one client and all together may hold", limits)?;
    page.counters(
        "signet_clients_refused",
        "Requests and answers that found no room",
        Kind::ALL.map(|kind| ([("kind", kind.name())], shares.refused(kind))),
    )?;
    page.counter(
        "signet_answers_stalled",
        "Streams that ended since their answers made no progress",
        connections.stalled(),
    )
}

fn hashing(passwords: &Passwords, page: &mut MetricWriter<'_>) -> fmt::Result {
    let load = passwords.load();
    page.gauge("signet_password_queue", "Passwords that wait to be hashed", load.waiting as f64)?;
    page.gauge("signet_password_queue_limit", "Passwords that may wait", load.capacity as f64)?;
    page.gauge("signet_password_threads", "Threads that hash passwords", load.threads as f64)?;
    page.counters(
        "signet_password_hashes",
        "Passwords that were hashed, and that found the queue full",
        [([("result", "hashed")], load.hashed), ([("result", "rejected")], load.turned_away)],
    )
}

fn delivery(counts: &mail::Counts, now: Timestamp, page: &mut MetricWriter<'_>) -> fmt::Result {
    page.gauges(
        "signet_mail_messages",
        "Messages that wait to be sent, and that are parked, of all instances",
        [
            ([("state", "waiting")], counts.messages_waiting as f64),
            ([("state", "parked")], counts.messages_parked as f64),
        ],
    )?;
    page.gauge(
        "signet_mail_oldest_waiting_seconds",
        "Time since the oldest waiting message was written; 0 when none waits",
        counts.oldest_waiting.map_or(0.0, |oldest| now.since(oldest).as_secs_f64()),
    )?;
    page.counters(
        "signet_mail_deliveries",
        "Attempts of this process to send a message, by what became of it",
        [
            ([("result", "sent")], counts.sent),
            ([("result", "postponed")], counts.postponed),
            ([("result", "parked")], counts.parked),
        ],
    )
}

fn own_process(page: &mut MetricWriter<'_>) -> fmt::Result {
    let gauges = [
        ("process_resident_memory_bytes", "Resident memory", process::resident_bytes()),
        ("process_open_fds", "Open file descriptors", process::open_descriptors()),
        ("process_threads", "Threads", process::threads()),
    ];
    gauges.into_iter().try_for_each(|(name, help, value)| match value {
        Some(value) => page.gauge(name, help, value),
        None => Ok(()),
    })
}

fn mail_requests(mailing: &Mailing, page: &mut MetricWriter<'_>) -> fmt::Result {
    page.counters(
        "signet_mail_requests",
        "Requests for mail that were worked off, whether or not mail went out",
        mailing.handled().map(|(kind, count)| ([("kind", kind.name())], count)),
    )?;
    page.counter(
        "signet_mail_requests_bounded",
        "Requests for mail that came to nothing because their mailbox had had enough for a day",
        mailing.bounded(),
    )
}
