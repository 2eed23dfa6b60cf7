//! Wiring: settings in, a bound and running server out.
//! In: a [`Config`], a clock, randomness. Out: a server that reports its address, and stops when told to.
//! Owns: the only place where the halves meet; tests and the command line use the same halves.

mod bounds;
mod clients;
mod environment;
mod error;
mod http;
mod identity;
mod instances;
mod inviting;
mod keys;
mod mail;
mod mailing;
mod maintenance;
mod notifying;
mod oauth;
mod peers;
mod resource;
mod sockets;
mod storage;
mod users;
mod workers;

use std::net::SocketAddr;
use std::time::Duration;

pub use self::bounds::{contract, session_bound};
pub use self::clients::ClientsHalf;
pub use self::environment::Environment;
pub use self::error::Error;
use self::identity::IdentityHalf;
pub use self::inviting::InvitationsHalf;
pub use self::keys::KeysHalf;
pub use self::maintenance::RECALL_EVERY;
use self::peers::Peers;
use self::resource::ResourceHalf;
use self::sockets::Sockets;
pub use self::storage::Storage;
pub use self::users::UsersHalf;
use self::workers::{Worker, Workers};
use crate::config::{BaseUrl, Config};
use crate::http::Parts;
use crate::http::server::{ConnectionLimit, serve};
use crate::model::contract::Contract;

/// A bound server, ready to run.
#[derive(Debug)]
pub struct App {
    sockets: Sockets,
    base_url: String,
    /// The public base URL was not given.
    follows_port: bool,
    startup_notices: Vec<String>,
    contract: Option<Contract>,
    parts: Parts,
    workers: Vec<Worker>,
    storage: Storage,
    connections: ConnectionLimit,
    drain_delay: Duration,
}

/// How a server came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// Every request was answered.
    Complete,
    /// Some requests did not finish in time.
    TimedOut,
}

impl App {
    /// Opens and migrates the database, makes what a first start needs, and binds the address. Nothing is served yet.
    ///
    /// # Errors
    /// [`Error`]; what was generated until then stays, and the next start uses it.
    pub async fn bind(config: Config, environment: Environment) -> Result<Self, Error> {
        contract(&config)?;
        let sockets = Sockets::bind(&config.server)?;
        let base_url = config.server.base_url_for(sockets.address());
        let storage = Storage::open(&config.storage).await?;
        let peers = Peers::join(&config, &storage, &environment).await?;
        let role = config.server.role;
        let identity = match role.serves_identity() {
            true => Some(IdentityHalf::start(&config, &base_url, &storage, &peers, &environment).await?),
            false => None,
        };
        let provisioned = match &identity {
            Some(half) => {
                let (database, mailing) = (&storage.requests, &half.mailing);
                clients::provision(&config, &base_url, database, mailing, &environment).await?
            }
            None => Vec::new(),
        };
        let resource = match role.serves_tasks() {
            true => {
                let identity = identity.as_ref();
                Some(ResourceHalf::new(&config, &base_url, identity, &storage, &peers, &environment)?)
            }
            false => None,
        };
        let connections = http::connection_limit(&config);
        let halves = http::Halves { identity: identity.as_ref(), resource: resource.as_ref() };
        let parts = http::parts(&config, &sockets, &storage, &peers, halves, &connections, &environment);
        let mut startup_notices = identity.as_ref().map_or_else(Vec::new, IdentityHalf::startup_notices);
        startup_notices.extend(provisioned);
        startup_notices.extend(config.storage.warnings());
        startup_notices.extend(sockets.notice.clone());
        let contract = identity.as_ref().map(|half| *half.worker.rotation().contract());
        let workers = workers(identity, resource, peers, &storage, &environment);
        let drain_delay = config.server.drain_delay;
        Ok(Self {
            sockets,
            base_url,
            follows_port: config.server.base_url == BaseUrl::FollowsPort,
            startup_notices,
            contract,
            parts,
            workers,
            storage,
            connections,
            drain_delay,
        })
    }

    /// The address that was bound.
    pub fn address(&self) -> SocketAddr {
        self.sockets.address()
    }

    /// The address that metrics are served on, where they have one of their own.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.sockets.metrics.as_ref()?.local_addr().ok()
    }

    /// The public base URL, which is the issuer of the tokens.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Which pages may sign people in and call the APIs from a browser, as one sentence.
    pub fn trusted_pages(&self) -> String {
        let pages = self.parts.origins.describe();
        let unreachable = !self.address().ip().is_loopback() && self.follows_port;
        let cure = if unreachable {
            "; this process listens beyond this machine, and BETTER_AUTH_URL should say by which address people open it"
        } else {
            "; others join with BETTER_AUTH_TRUSTED_ORIGINS"
        };
        format!("pages of these origins may sign people in: {pages}{cure}")
    }

    /// What the operator should know about this start: secrets that were generated, files that others can read.
    pub fn startup_notices(&self) -> &[String] {
        &self.startup_notices
    }

    /// The bounds that were promised for keys, where this process signs.
    pub fn contract(&self) -> Option<&Contract> {
        self.contract.as_ref()
    }

    /// Serves until `stop` completes, lets running requests finish, and closes the database.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) -> Shutdown {
        let Self { sockets, parts, mut workers, storage, connections, drain_delay, .. } = self;
        workers.extend(sockets.metrics.map(|listener| http::metrics_worker(listener, &parts)));
        let workers = Workers::start(workers);
        let readiness = parts.readiness.clone();
        let stop = async move {
            stop.await;
            readiness.drain();
            tokio::time::sleep(drain_delay).await;
        };
        let finished = serve(sockets.requests, crate::http::endpoint(parts), connections, stop).await;
        workers.stop().await;
        storage.close().await;
        if finished { Shutdown::Complete } else { Shutdown::TimedOut }
    }
}

/// What goes on in the background of this process; a new feature adds its workers here.
fn workers(
    identity: Option<IdentityHalf>,
    resource: Option<ResourceHalf>,
    peers: Peers,
    storage: &Storage,
    environment: &Environment,
) -> Vec<Worker> {
    let key_cache = resource.as_ref().and_then(ResourceHalf::key_cache);
    let mailing = identity.as_ref().map(|half| half.mailing.clone());
    let mail = identity.as_ref().map_or_else(Vec::new, |half| half.mail.workers());
    let backchannel = identity.as_ref().map(|half| half.backchannel.clone());
    let key_worker = identity.map(|half| half.worker);
    let mut workers = vec![
        maintenance::recall(&peers, storage, environment),
        maintenance::forget(&peers, storage, environment),
        maintenance::follow_deletions(&peers, storage),
    ];
    if key_worker.is_some() {
        workers.push(maintenance::cleanup(&peers, storage, environment));
        workers.push(maintenance::cleanup_of_oauth(storage, environment));
    }
    if let Some(mailing) = mailing {
        workers.push(mailing::requests(mailing, storage, environment));
        workers.push(mailing::cleanup(storage, environment));
    }
    workers.extend(mail);
    workers.extend(
        backchannel.map(|worker| Worker::new("word of ended sessions", move |stop| worker.run(stop))),
    );
    workers.extend(resource.as_ref().and_then(ResourceHalf::warm_up));
    workers.extend(instances::workers(peers, key_worker.clone(), key_cache));
    workers.extend(key_worker.map(|worker| {
        Worker::new("signing keys", move |stop| async move { worker.run(stop.cancelled_owned()).await })
    }));
    workers
}
