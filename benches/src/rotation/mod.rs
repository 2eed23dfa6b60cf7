//! Rotation under traffic: real processes, constant sign-ins and verifications, and keys that come and go.
//! In: a [`Plan`]. Out: an [`Outcome`]: what was verified, what went wrong, how long revocations took.
//! Owns: everything that the contract of the keys promises is checked on every single answer.

mod chronicle;
mod ledger;
mod moments;
mod people;
mod processes;
mod script;
mod tokens;
mod verifiers;
mod watch;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use self::chronicle::Chronicle;
pub use self::chronicle::{Event, History, KeyLife, Mark};
use self::ledger::Ledger;
pub use self::ledger::{Kind, Tally};
use self::moments::Clock;
use self::processes::{LineVerifier, Signet, free_port, shared_cache};
pub use self::script::Step;
use self::tokens::Pool;
use self::verifiers::Verifier;

/// Anything that keeps a run from being carried out; not the same as a failure that the run finds.
pub type Trouble = Box<dyn std::error::Error + Send + Sync>;

/// What a server logs when it serves.
const SERVES: &str = "\"address\":";

/// How often a process of Signet asks the database for ended sessions, in seconds.
const SESSION_POLL: f64 = 5.0;

/// nginx counts in whole seconds, so what it hands out may be older by up to one.
const CACHE_ROUNDING: f64 = 1.0;

/// A run, laid out. Spans are in whole seconds where they are settings of Signet.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The program.
    pub signet: PathBuf,
    /// Where other people's libraries are installed.
    pub clients: PathBuf,
    /// Where the scripts are that use them.
    pub scripts: PathBuf,
    /// The shared cache.
    pub nginx: PathBuf,
    /// How long it takes.
    pub seconds: f64,
    /// `SIGNET_ROTATE_EVERY`.
    pub rotate_every: u64,
    /// `SIGNET_JWKS_MAX_AGE`.
    pub jwks_max_age: u64,
    /// `SIGNET_TOKEN_TTL`.
    pub token_ttl: u64,
    /// `SIGNET_LEEWAY`.
    pub leeway: u64,
    /// How many people sign in and take tokens; one more signs out.
    pub people: usize,
    /// How many tokens each verifier is shown in a second.
    pub rate: u32,
    /// What is done, and not before when.
    pub steps: Vec<(f64, Step)>,
    /// For the random moments.
    pub seed: u64,
    /// Added to every bound.
    pub grace: f64,
    /// Whether events are printed as they happen.
    pub aloud: bool,
}

/// The spans that `signet serve` promises, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Spans {
    /// How long a key is public before it signs.
    pub lead: f64,
    /// How long it stays public after.
    pub retain: f64,
    /// After this no verifier that keeps to the contract accepts a token of a revoked key.
    pub revocation_bound: f64,
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What was promised.
    pub spans: Spans,
    /// The verifiers, and what happened with each.
    pub verifiers: Vec<(Kind, Tally)>,
    /// Everything that must not happen, in words; empty when all went well.
    pub failures: Vec<String>,
    /// The keys and the events.
    pub history: History,
    /// How many sign-ins there were.
    pub sign_ins: u64,
    /// How many tokens were issued.
    pub tokens: usize,
}

impl Outcome {
    /// How many tokens were verified, by all verifiers together.
    pub fn verified(&self) -> u64 {
        self.verifiers.iter().map(|(_, tally)| tally.verified).sum()
    }

    /// How many keys went through every state that time brings.
    pub fn whole_lives(&self) -> usize {
        let passed = |key: &&KeyLife| {
            ["pending", "active", "retiring", "removed"]
                .into_iter()
                .all(|name| key.states.iter().any(|(_, state)| state == name))
        };
        self.history.keys.iter().filter(passed).count()
    }
}

/// Everything that the tasks of a run share.
struct World {
    plan: Plan,
    spans: Spans,
    clock: Clock,
    issuer: String,
    client: reqwest::Client,
    /// For the verbs of the command line; never a server.
    operator: Signet,
    pool: Pool,
    ledger: Ledger,
    chronicle: Chronicle,
    sign_ins: AtomicU64,
    closing: AtomicBool,
    over: AtomicBool,
}

impl World {
    /// Whether people still come.
    fn is_open(&self) -> bool {
        !self.closing.load(Ordering::Relaxed)
    }

    /// Whether requests have stopped.
    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    fn key_set_url(&self) -> String {
        format!("{}/.well-known/jwks.json", self.issuer)
    }
}

/// Carries out a plan in an empty `folder`.
///
/// # Errors
/// When a program is missing or does not start. What goes wrong afterwards is part of the outcome.
pub async fn run(plan: Plan, folder: &Path) -> Result<Outcome, Trouble> {
    let ports = [free_port()?, free_port()?];
    let [port, cache_port] = ports;
    let issuer = format!("http://127.0.0.1:{port}");
    let database = format!("sqlite:{}", folder.join("signet.db").display());
    let settings = |role: &str, listen: u16| {
        vec![
            ("SIGNET_ROLE", role.to_owned()),
            ("SIGNET_LISTEN", format!("127.0.0.1:{listen}")),
            ("BETTER_AUTH_URL", issuer.clone()),
            ("DATABASE_URL", database.clone()),
            ("SIGNET_RATE_LIMIT", "off".to_owned()),
            ("SIGNET_ROTATE_EVERY", format!("{}s", plan.rotate_every)),
            ("SIGNET_JWKS_MAX_AGE", format!("{}s", plan.jwks_max_age)),
            ("SIGNET_TOKEN_TTL", format!("{}s", plan.token_ttl)),
            ("SIGNET_LEEWAY", format!("{}s", plan.leeway)),
        ]
    };
    let mut identity = Signet::new(&plan.signet, folder, &settings("all", port));
    identity.start("\"revocation_bound\":").await?;
    let spans = promised(&identity.log()).ok_or("signet does not say what it promises")?;
    let _cache = shared_cache(&plan.nginx, &folder.join("nginx"), cache_port, port).await?;

    let key_set = |port| format!("http://127.0.0.1:{port}/.well-known/jwks.json");
    let mut resources = Vec::new();
    for key_set in [key_set(port), key_set(cache_port)] {
        let port = free_port()?;
        let mut settings = settings("resource", port);
        settings.push(("SIGNET_JWKS_URL", key_set));
        let mut resource = Signet::new(&plan.signet, folder, &settings);
        resource.start(SERVES).await?;
        resources.push((resource, format!("http://127.0.0.1:{port}")));
    }
    let script = |name: &str, port, cache: f64, cooldown: f64| {
        let arguments = [key_set(port), issuer.clone(), cache.to_string(), cooldown.to_string()];
        LineVerifier::start(&plan.clients, &plan.scripts.join(name), &arguments)
    };
    let life = plan.jwks_max_age as f64;
    // What the libraries do of themselves with keys that may be cached for five minutes, in the same proportion.
    let jose = script("jose_lines.mjs", port, 2000.0 * life, 100.0 * life)?;
    let pyjwt = script("pyjwt_lines.py", cache_port, life, 0.1 * life)?;
    let patient = script("pyjwt_lines.py", cache_port, life, 1e9)?;
    let verifiers = [
        Verifier::Tasks(issuer.clone()),
        Verifier::Tasks(resources[0].1.clone()),
        Verifier::Tasks(resources[1].1.clone()),
        Verifier::Lines(Box::new(jose)),
        Verifier::Lines(Box::new(pyjwt)),
        Verifier::Lines(Box::new(patient)),
    ];

    let clock = Clock::start();
    let world = Arc::new(World {
        spans,
        clock,
        client: reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build()?,
        operator: Signet::new(&plan.signet, folder, &settings("all", port)),
        pool: Pool::new(verifiers.len()),
        ledger: Ledger::new(kinds(&plan, &spans)),
        chronicle: Chronicle::new(clock, plan.aloud),
        sign_ins: AtomicU64::new(0),
        closing: AtomicBool::new(false),
        over: AtomicBool::new(false),
        issuer,
        plan,
    });
    let people: Vec<String> = (1..=world.plan.people).map(|number| format!("person{number}")).collect();
    for name in people.iter().map(String::as_str).chain(["guest"]) {
        world.sign_up(name).await?;
    }
    let mut tasks = tokio::task::JoinSet::new();
    for name in people {
        tasks.spawn(world.clone().live(name));
    }
    tasks.spawn(world.clone().come_and_go("guest".to_owned()));
    tasks.spawn(world.clone().watch_key_set());
    tasks.spawn(world.clone().watch_keys());
    for (kind, verifier) in verifiers.into_iter().enumerate() {
        tasks.spawn(world.clone().verify(kind, verifier));
    }
    let played = world.play(&mut identity).await;
    world.closing.store(true, Ordering::Relaxed);
    world.over.store(true, Ordering::Relaxed);
    while tasks.join_next().await.is_some() {}
    played?;

    let (tallies, failures) = world.ledger.close(world.plan.grace);
    Ok(Outcome {
        spans,
        verifiers: world.ledger.kinds().iter().cloned().zip(tallies).collect(),
        failures,
        history: world.chronicle.read(),
        sign_ins: world.sign_ins.load(Ordering::Relaxed),
        tokens: world.pool.issued(),
    })
}

/// The verifiers, and what the contract says of each.
fn kinds(plan: &Plan, spans: &Spans) -> Vec<Kind> {
    let (life, token) = (plan.jwks_max_age as f64, plan.token_ttl as f64);
    let leeway = plan.leeway as f64;
    let reload = spans.revocation_bound - 2.0 * life;
    let cached = spans.revocation_bound + CACHE_ROUNDING;
    let ours = |name, key_bound, session_bound| Kind {
        name,
        key_bound,
        session_bound,
        hears_of_sessions: true,
        leeway,
        needs_issuer: false,
    };
    let theirs = |name, key_bound| Kind {
        name,
        key_bound,
        session_bound: token,
        hears_of_sessions: false,
        leeway: 0.0,
        needs_issuer: true,
    };
    vec![
        Kind { needs_issuer: true, ..ours("the identity process itself", reload, 0.0) },
        ours("a resource process", reload + life, SESSION_POLL),
        ours("a resource process behind a shared cache", cached, SESSION_POLL),
        theirs("jose", spans.revocation_bound),
        theirs("PyJWT behind a shared cache", cached),
        theirs("PyJWT behind a shared cache, never asking for an unknown key", cached),
    ]
}

/// What the log of `signet serve` promises.
fn promised(log: &str) -> Option<Spans> {
    let line = log.lines().find(|line| line.contains("\"revocation_bound\":"))?;
    let said: serde_json::Value = serde_json::from_str(line).ok()?;
    let span = |name: &str| moments::span(said[name].as_str()?);
    Some(Spans { lead: span("lead")?, retain: span("retain")?, revocation_bound: span("revocation_bound")? })
}
