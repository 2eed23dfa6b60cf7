//! Wiring: settings in, a bound and running server out.
//! In: a [`Config`], a clock, randomness. Out: a server that reports its address, and stops when told to.
//! Owns: the only place where the halves meet; tests start exactly this.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;

mod notifications;

use self::notifications::Instance;
use crate::clock::{Clock, Entropy, SystemClock, SystemEntropy};
use crate::config::{Config, Error as SettingError, IssuerSecrets, TokenMode, duration};
use crate::http::identity::{Cookies, Identity};
use crate::http::metrics::{self, Metrics, Rooms};
use crate::http::server::{Bounds, Places, serve};
use crate::http::tasks::Resource;
use crate::http::{IdentityParts, Parts, health::Readiness};
use crate::identity::account::AccountDesk;
use crate::identity::issuing::{Issuer, Signature, Terms};
use crate::identity::password::{HashingError, Passwords};
use crate::identity::session::SessionDesk;
use crate::keys::contract::{Contract, ContractFault, Terms as ContractTerms};
use crate::keys::keyring::Keyring;
use crate::keys::rotation::{Rotation, RotationFault};
use crate::keys::transfer::TransferFault;
use crate::keys::vault::Vault;
use crate::keys::worker::RotationWorker;
use crate::resource::fetch::{EndpointFault, JwksEndpoint, Limits};
use crate::resource::key_cache::{KeyCache, Settings as KeyCacheSettings};
use crate::resource::task::TaskDesk;
use crate::resource::verifier::{KeySource, Trust, Verifier};
use crate::secret::SharedSecret;
use crate::shared::announced::Announced;
use crate::shared::exchange::Exchange;
use crate::shared::link::Link;
use crate::shared::revocations::Revocations;
use crate::shared::throttle::Throttle;
use crate::store::accounts::Accounts;
use crate::store::keys::Keys;
use crate::store::sessions::{SWEPT_AT_ONCE, Sessions};
use crate::store::tasks::Tasks;
use crate::store::{Database, OpenError, StoreError};
use crate::token::arithmetic::MacKey;
use crate::token::verify::{Policy, SharedKey};

/// Connections to the database for requests.
const CONNECTIONS: u32 = 16;
/// Connections for what must go on whatever requests do: rotation, revocations of other instances, tidying up.
const UPKEEP_CONNECTIONS: u32 = 3;
/// How soon a session that was ended by another process is refused here, by way of the database alone.
pub const RECALL_EVERY: Duration = Duration::from_secs(5);
/// How often expired rows are deleted.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// The longest life of a token that other issuers may give it.
const LONGEST_FOREIGN_TOKEN: Duration = Duration::from_secs(24 * 60 * 60);

/// Why the server does not start; each prints as one sentence for the operator.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting or a generated secret.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// Settings that contradict each other over time.
    #[error(transparent)]
    Contract(#[from] ContractFault),
    /// The address can't be bound.
    #[error("SIGNET_LISTEN is {address}, which cannot be bound: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The database.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The database, once open.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The signing keys.
    #[error("the signing keys cannot be used: {0}")]
    Keys(#[from] RotationFault),
    /// A mode that verifies with the shared secret, and no secret.
    #[error("BETTER_AUTH_SECRET is missing: the token modes hs256 and migrate verify with it")]
    NoSharedSecret,
    /// An argument that should name a key.
    #[error("this is not the name of a key; `signet keys list` prints them")]
    NotAKid,
    /// An argument that should say how long tokens of an imported key may live.
    #[error("--for wants a duration like 15m or 1h")]
    NotADuration,
    /// A file with a key that cannot be read.
    #[error("the file with the key cannot be read: {0}")]
    KeyFile(#[source] std::io::Error),
    /// A file that holds no key to import.
    #[error("no key was imported: {0}")]
    Transfer(#[from] TransferFault),
    /// The hashing threads.
    #[error(transparent)]
    Hashing(#[from] HashingError),
    /// Where instances meet.
    #[error("REDIS_URL cannot be used: {0}")]
    Redis(#[from] redis::RedisError),
    /// The way to the collector of traces.
    #[error("SIGNET_OTLP_ENDPOINT cannot be used: {0}")]
    Traces(String),
    /// The log.
    #[error("the log cannot be written: {0}")]
    Log(#[source] std::io::Error),
    /// The key set of the identity service elsewhere.
    #[error("SIGNET_JWKS_URL cannot be used: {0}")]
    KeySet(#[from] EndpointFault),
}

impl StartError {
    /// Whether other settings would help: then the exit code is that of an error of usage.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Setting(_)
                | Self::Contract(_)
                | Self::KeySet(_)
                | Self::Redis(_)
                | Self::NotAKid
                | Self::NotADuration
                | Self::KeyFile(_)
                | Self::Transfer(_)
                | Self::NoSharedSecret
                | Self::Open(OpenError::Address)
        )
    }
}

/// What a server takes from its surroundings.
#[derive(Clone)]
pub struct Ambient {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

impl Ambient {
    /// The machine's own clock and generator.
    pub fn system() -> Self {
        Self { clock: Arc::new(SystemClock::new()), entropy: Arc::new(SystemEntropy::new()) }
    }
}

impl std::fmt::Debug for Ambient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ambient").finish_non_exhaustive()
    }
}

/// A bound server, ready to run.
#[derive(Debug)]
pub struct App {
    listener: TcpListener,
    address: SocketAddr,
    metrics: Option<TcpListener>,
    base_url: String,
    notes: Vec<String>,
    parts: Parts,
    /// The sessions, by way of the connections for upkeep.
    house: Arc<SessionDesk>,
    worker: Option<Arc<Worker>>,
    instance: Option<Instance>,
    /// For requests, and for upkeep.
    databases: [Database; 2],
    places: Places,
    drain_delay: Duration,
}

/// What keeps the keys of this process up to date, and the other instances too.
type Worker = RotationWorker<Announced<Keys>>;

/// What the identity half needs of its secrets.
struct Signing {
    secrets: IssuerSecrets,
    worker: Arc<Worker>,
}

impl App {
    /// Opens and migrates the database, makes what a first start needs, and binds the address. Nothing is served yet.
    ///
    /// # Errors
    /// [`StartError`]; what was generated until then stays, and the next start uses it.
    pub async fn bind(config: Config, ambient: Ambient) -> Result<Self, StartError> {
        let Ambient { clock, entropy } = ambient.clone();
        let contract = contract(&config)?;
        let address = config.server.listen;
        let listener = listen(address)?;
        let address = listener.local_addr().map_err(|source| StartError::Listen { address, source })?;
        let metrics_listener = match config.server.metrics_listen {
            Some(address) => Some(listen(address)?),
            None => None,
        };
        let base_url = config.base_url_for(address);
        let origins = Arc::new(config.trusted_origins_for(address));

        let secrets = config.issuer_secrets(&*entropy)?;
        let database = Database::open(config.database_url.expose(), CONNECTIONS).await?;
        database.migrate().await?;

        let revocations = Arc::new(Revocations::new(clock.clone()));
        // Beside the verifier's clock, that of the instance which signed and of the one which ends it may differ.
        let remembered = config.tokens.ttl + 3 * config.tokens.leeway;
        let upkeep = database.apart(config.database_url.expose(), UPKEEP_CONNECTIONS).await?;
        let desk = |database: &Database| {
            let sessions = Sessions::new(database.clone(), remembered);
            Arc::new(SessionDesk::new(sessions, revocations.clone(), clock.clone(), entropy.clone()))
        };
        let (sessions, house) = (desk(&database), desk(&upkeep));
        house.recall_revocations().await?;
        database.note_answer(clock.monotonic());
        let link = config.redis_url.as_ref().map(Link::new).transpose()?.map(Arc::new);
        let instance = match &link {
            Some(link) => {
                let exchange = Exchange::join(link.clone(), revocations.clone(), clock.clone()).await;
                Some(Instance { link: link.clone(), exchange })
            }
            None => None,
        };
        let throttle = Arc::new(Throttle::new(clock.clone(), config.server.rate_limit).shared(link.clone()));

        let mut notes = Vec::new();
        let signing = match secrets {
            None => None,
            Some(secrets) => {
                notes.extend(secrets.created.iter().map(|file| format!("generated {}", file.display())));
                notes.extend(secrets.warnings.iter().cloned());
                let vault =
                    Vault::new(secrets.master.clone(), secrets.retired_masters.clone(), entropy.clone());
                let keys = Announced::new(Keys::new(upkeep.clone()), link.clone());
                let rotation = Rotation::new(keys, Arc::new(vault), contract, clock.clone());
                Some(Signing { secrets, worker: Arc::new(RotationWorker::start(rotation).await?) })
            }
        };

        let keyring = signing.as_ref().map(|signing| signing.worker.keyring());
        let verifier = if config.server.role.serves_tasks() {
            let verifier = verifier(&config, &base_url, keyring.as_deref(), signing.as_ref(), &ambient)?;
            let ended = revocations.clone();
            let is_revoked = move |sid: &str| ended.contains(sid);
            Some(Arc::new(verifier.with_revocations(Arc::new(is_revoked))))
        } else {
            None
        };
        let accounts = Accounts::new(database.clone());
        let passwords = match &signing {
            Some(_) => Some(Arc::new(Passwords::start(entropy.clone())?)),
            None => None,
        };
        let places = Places::new(Bounds::within_descriptors());
        if let Some(passwords) = &passwords
            && accounts.has_imported_passwords().await?
        {
            passwords.expect_imported();
        }
        let metrics = Metrics::new(Rooms {
            places: places.clone(),
            database: database.clone(),
            keyring: keyring.clone(),
            verifier: verifier.clone(),
            passwords: passwords.clone(),
            throttle: throttle.clone(),
            revocations: revocations.clone(),
            link,
            clock: clock.clone(),
        });
        let identity = match (&signing, &keyring, passwords) {
            (Some(signing), Some(keyring), Some(passwords)) => Some(IdentityParts {
                identity: Arc::new(Identity {
                    accounts: AccountDesk::new(
                        accounts,
                        sessions.clone(),
                        passwords,
                        throttle.clone(),
                        clock.clone(),
                        entropy.clone(),
                    ),
                    sessions: sessions.clone(),
                    issuer: issuer(&config, &base_url, keyring, &signing.secrets.shared, &ambient),
                    keyring: keyring.clone(),
                    cookies: Cookies::new(&signing.secrets.shared, base_url.starts_with("https:")),
                    origins: origins.clone(),
                    clock: clock.clone(),
                }),
                keyring: keyring.clone(),
                base_url: base_url.clone(),
                algorithm: if config.tokens.mode == TokenMode::Hs256 { "HS256" } else { "EdDSA" },
            }),
            _ => None,
        };
        let parts = Parts {
            identity,
            resource: verifier.clone().map(|verifier| {
                let tasks = TaskDesk::new(Tasks::new(database.clone()), clock.clone(), entropy.clone());
                Arc::new(Resource { tasks, verifier })
            }),
            readiness: Arc::new(Readiness {
                database: database.clone(),
                keyring,
                verifier,
                draining: AtomicBool::new(false),
            }),
            metrics: Arc::new(metrics),
            shows_metrics: metrics_listener.is_none(),
            throttle,
            origins,
            trusted_proxies: config.server.trusted_proxies.clone(),
            clock,
            entropy,
        };
        let worker = signing.map(|signing| signing.worker);
        let metrics = metrics_listener;
        Ok(Self {
            listener,
            address,
            metrics,
            base_url,
            notes,
            parts,
            house,
            worker,
            instance,
            databases: [database, upkeep],
            places,
            drain_delay: config.server.drain_delay,
        })
    }

    /// The address that was bound.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address that metrics are served on, where they have one of their own.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref()?.local_addr().ok()
    }

    /// The public base URL, which is the issuer of the tokens.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// What the operator should know about this start: secrets that were generated, files that others can read.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The bounds that were promised for keys, where this process signs.
    pub fn contract(&self) -> Option<&Contract> {
        self.worker.as_ref().map(|worker| worker.rotation().contract())
    }

    /// Serves until `stop` completes, lets running requests finish, and closes the database. Answers whether all finished in time.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) -> bool {
        let Self {
            listener, metrics, parts, house, worker, instance, databases, places, drain_delay, ..
        } = self;
        let readiness = parts.readiness.clone();
        let (stopping, stopped) = watch::channel(false);
        let mut helpers = JoinSet::new();
        if let Some(instance) = instance {
            let cache =
                parts.resource.as_ref().and_then(|resource| resource.verifier.key_caches().next().cloned());
            instance.spawn(worker.clone(), cache, &stopped, &mut helpers);
        }
        if let Some(worker) = worker {
            let stopped = stopped.clone();
            helpers.spawn(async move { worker.run(told(stopped)).await });
        }
        if let Some(listener) = metrics {
            let (page, stopped) = (metrics::endpoint(parts.metrics.clone()), stopped.clone());
            helpers.spawn(async move {
                serve(listener, page, Places::new(Bounds::default()), told(stopped)).await;
            });
        }
        helpers.spawn(keep_house(house, databases[0].clone(), parts.clock.clone(), stopped));
        let stop = async move {
            stop.await;
            readiness.drain();
            tokio::time::sleep(drain_delay).await;
        };
        let finished = serve(listener, crate::http::endpoint(parts), places, stop).await;
        stopping.send_replace(true);
        helpers.join_all().await;
        for database in databases {
            database.close().await;
        }
        finished
    }
}

/// How many connections the kernel may keep until they are accepted; more than its own bound has no effect.
const WAITING_CONNECTIONS: u32 = 4096;

fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    let open = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // As the standard library does: a restart need not wait for connections of its predecessor to be forgotten.
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(WAITING_CONNECTIONS)
    };
    open().map_err(|source| StartError::Listen { address, source })
}

/// The promise that the settings make about ended sessions, as one sentence.
pub fn session_bound(config: &Config) -> String {
    let bound = duration::format(RECALL_EVERY);
    let sooner = match config.redis_url {
        Some(_) => ", and within 1s while Redis answers",
        None => "",
    };
    format!(
        "a session that ends at another instance is refused here within {bound}, by way of the database{sooner}"
    )
}

/// The promise that the settings make about keys.
///
/// # Errors
/// When they contradict each other.
pub fn contract(config: &Config) -> Result<Contract, ContractFault> {
    Contract::new(ContractTerms {
        rotate_every: config.rotation.every,
        jwks_max_age: config.rotation.jwks_max_age,
        token_ttl: config.tokens.ttl,
        leeway: config.tokens.leeway,
    })
}

fn issuer(
    config: &Config,
    base_url: &str,
    keyring: &Arc<Keyring>,
    secret: &SharedSecret,
    ambient: &Ambient,
) -> Issuer {
    let signature = match config.tokens.mode {
        TokenMode::Hs256 => Signature::SharedSecret(MacKey::new(secret)),
        TokenMode::Eddsa | TokenMode::Migrate { .. } => Signature::Keyring,
    };
    let terms = Terms { issuer: base_url.to_owned(), audience: base_url.to_owned(), ttl: config.tokens.ttl };
    Issuer::new(keyring.clone(), signature, terms, ambient.clock.clone(), ambient.entropy.clone())
}

fn verifier(
    config: &Config,
    base_url: &str,
    keyring: Option<&Keyring>,
    signing: Option<&Signing>,
    ambient: &Ambient,
) -> Result<Verifier, StartError> {
    let leeway = config.tokens.leeway;
    let (issuer, audience, longest) = match &config.upstream {
        Some(upstream) => (upstream.issuer.clone(), upstream.audience.clone(), LONGEST_FOREIGN_TOKEN),
        None => (base_url.to_owned(), base_url.to_owned(), config.tokens.ttl),
    };
    let published = || -> Result<KeySource, StartError> {
        match (keyring, &config.upstream) {
            (Some(keyring), _) => Ok(KeySource::Local(keyring.subscribe())),
            (None, upstream) => {
                let upstream = upstream.as_ref();
                let url = upstream.map(|upstream| upstream.jwks_url.as_str()).unwrap_or_default();
                let allow_plain_http = upstream.is_some_and(|upstream| upstream.plain_http);
                let endpoint = JwksEndpoint::new(url, Limits { allow_plain_http, ..Limits::default() })?;
                let (clock, entropy) = (ambient.clock.clone(), ambient.entropy.clone());
                let cache = KeyCache::new(endpoint, KeyCacheSettings::default(), clock, entropy);
                let warming = cache.clone();
                tokio::spawn(async move {
                    if let Err(miss) = warming.warm_up().await {
                        tracing::warn!(?miss, "the key set is not there yet; it is asked for again");
                    }
                });
                Ok(KeySource::Remote(cache))
            }
        }
    };
    let secret = signing.map(|signing| &signing.secrets.shared).or(config.secrets.shared.as_ref());
    let shared = |until| {
        let secret = secret.ok_or(StartError::NoSharedSecret)?;
        Ok::<_, StartError>(SharedKey { key: MacKey::new(secret), until })
    };
    let trust = match config.tokens.mode {
        TokenMode::Eddsa => Trust::Published(published()?),
        TokenMode::Hs256 => Trust::Shared(shared(None)?),
        TokenMode::Migrate { hs256_until } => Trust::Migrating(published()?, shared(Some(hs256_until))?),
    };
    let policy = Policy::new(issuer, audience, leeway, longest);
    Ok(Verifier::new(trust, policy, ambient.clock.clone()).with_memory(config.tokens.memory))
}

/// Hears of sessions that other processes ended, and deletes what time has made useless.
async fn keep_house(
    house: Arc<SessionDesk>,
    database: Database,
    clock: Arc<dyn Clock>,
    stopped: watch::Receiver<bool>,
) {
    let mut recall = tokio::time::interval(RECALL_EVERY);
    let mut sweep = tokio::time::interval(SWEEP_EVERY);
    let stopped = told(stopped);
    tokio::pin!(stopped);
    loop {
        let done = tokio::select! {
            () = &mut stopped => return,
            _ = recall.tick() => house.recall_revocations().await.map(|_| ()),
            _ = sweep.tick() => house.sweep().await.map(|swept| {
                if swept >= SWEPT_AT_ONCE {
                    sweep.reset_immediately();
                }
            }),
        };
        match done {
            Ok(()) => database.note_answer(clock.monotonic()),
            Err(error) => tracing::warn!(%error, "housekeeping waits for the database"),
        }
    }
}

async fn told(mut stopped: watch::Receiver<bool>) {
    // The sender gone means stopped as well.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}
