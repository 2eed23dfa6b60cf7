//! The settings of a process, judged once at its start.
//! In: environment variables and flags. Out: a typed [`Config`], or every fault as one sentence each.
//! Owns: a `Config` in hand means that its settings fit together; nobody reads the environment later.
//!
//! The inequalities between rotation, caching and token life are judged by `keys::contract`, not here.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use crate::clock::{Entropy, Timestamp};
use crate::secret::{MasterKey, SharedSecret};

mod database;
pub mod duration;
mod error;
mod generated;
mod sources;
mod master_key;
mod byte_size;
mod origin;
mod pattern;
mod redis;
pub mod report;
mod resolve;
mod settings;
mod values;

pub use database::DatabaseUrl;
pub use error::Error;
pub use origin::TrustedOrigins;
pub use pattern::{OriginPattern, PatternFault};
pub use redis::RedisUrl;
pub use settings::{SecretText, Settings};

/// Everything a process needs to know before it starts.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where and as what the process serves.
    pub server: Server,
    /// How the world reaches it.
    pub public: Public,
    /// The secrets that were given.
    pub secrets: GivenSecrets,
    /// Where rows are kept.
    pub database_url: DatabaseUrl,
    /// Where instances meet; none where there is only one.
    pub redis_url: Option<RedisUrl>,
    /// How tokens are signed and verified.
    pub tokens: Tokens,
    /// When signing keys change.
    pub rotation: Rotation,
    /// Whose tokens to trust; present exactly for the role `resource`.
    pub upstream: Option<Upstream>,
}

/// Where and as what the process serves.
#[derive(Clone, Debug)]
pub struct Server {
    /// Address to bind; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Address of `/metrics`, where it has one of its own.
    pub metrics_listen: Option<SocketAddr>,
    /// Where traces are sent, if anywhere: the URL of a collector, without `/v1/traces`.
    pub otlp_endpoint: Option<String>,
    /// How long the process takes new connections after it was told to stop and has said so at `/readyz`.
    pub drain_delay: Duration,
    /// Which halves run in this process.
    pub role: Role,
    /// Whether sign-ins and sign-ups are limited.
    pub rate_limit: bool,
    /// Networks whose forwarded headers are believed.
    pub trusted_proxies: Vec<IpNet>,
}

/// Which halves of Signet a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Both halves.
    All,
    /// Signing people in, tokens and key set.
    Identity,
    /// The tasks API, which verifies tokens of an identity service elsewhere.
    Resource,
}

impl Role {
    /// Whether this process signs people in.
    pub fn serves_identity(self) -> bool {
        self != Self::Resource
    }

    /// Whether this process serves tasks.
    pub fn serves_tasks(self) -> bool {
        self != Self::Identity
    }
}

/// How the world reaches the identity service.
#[derive(Clone, Debug)]
pub struct Public {
    /// Issuer and default audience.
    pub base_url: BaseUrl,
    /// Origins of frontends besides the base URL.
    pub trusted_origins: Vec<OriginPattern>,
}

/// The public base URL: an origin without a trailing slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BaseUrl {
    /// As the operator gave it, in canonical spelling.
    Given(String),
    /// `http://localhost` with the port that was bound.
    FollowsPort,
}

/// The secrets that the settings give; the others come from [`GivenSecrets::keys_dir`].
#[derive(Clone, Debug)]
pub struct GivenSecrets {
    /// Folder of generated secrets.
    pub keys_dir: PathBuf,
    /// Signs cookies; the key of HS256.
    pub shared: Option<SharedSecret>,
    /// Seals private keys at rest.
    pub master: Option<MasterKey>,
    /// Earlier master keys, which still open what they sealed.
    pub retired_masters: Vec<MasterKey>,
}

/// How tokens are signed and verified.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// Which algorithm signs and which are accepted.
    pub mode: TokenMode,
    /// Life of a token.
    pub ttl: Duration,
    /// How far the clocks of issuer and verifier may differ.
    pub leeway: Duration,
    /// How many bytes of memory tokens seen before may take.
    pub memory: usize,
}

/// Which algorithm signs tokens and which are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenMode {
    /// EdDSA alone.
    Eddsa,
    /// HS256 with the shared secret.
    Hs256,
    /// Signs EdDSA; accepts HS256 too until then.
    Migrate {
        /// From this moment HS256 is refused.
        hs256_until: Timestamp,
    },
}

/// When signing keys change.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// How long a key signs.
    pub every: Duration,
    /// How long others may cache the key set.
    pub jwks_max_age: Duration,
}

/// The identity service whose tokens a resource process trusts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// Where its key set is.
    pub jwks_url: String,
    /// Whether it may be fetched over plain http from another machine.
    pub plain_http: bool,
    /// What tokens must name as `iss`.
    pub issuer: String,
    /// What tokens must name as `aud`.
    pub audience: String,
}

/// The secrets of a process that signs people in.
#[derive(Debug)]
pub struct IssuerSecrets {
    /// Signs cookies; the key of HS256.
    pub shared: SharedSecret,
    /// Seals private keys at rest.
    pub master: MasterKey,
    /// Earlier master keys.
    pub retired_masters: Vec<MasterKey>,
    /// Files that were generated just now; a start says so, and asks for a backup.
    pub created: Vec<PathBuf>,
    /// What the operator should mend, one sentence each.
    pub warnings: Vec<String>,
}

impl Config {
    /// Judges all settings; reads the files that they name and creates nothing.
    ///
    /// # Errors
    /// Every fault that was found, in the order of the help text.
    pub fn resolve(settings: &Settings) -> Result<Self, Vec<Error>> {
        resolve::config(settings)
    }

    /// The public base URL of a server that is bound to `bound`.
    pub fn base_url_for(&self, bound: SocketAddr) -> String {
        match &self.public.base_url {
            BaseUrl::Given(url) => url.clone(),
            BaseUrl::FollowsPort => format!("http://localhost:{}", bound.port()),
        }
    }

    /// The origins trusted by a server that is bound to `bound`.
    ///
    /// Without a given base URL the loopback address itself is trusted beside `localhost`, since people open either.
    pub fn trusted_origins_for(&self, bound: SocketAddr) -> TrustedOrigins {
        let mut own = vec![self.base_url_for(bound)];
        if self.public.base_url == BaseUrl::FollowsPort {
            let address = match bound.ip() {
                ip if ip.is_loopback() => Some(ip),
                ip if ip.is_unspecified() => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
                _ => None,
            };
            own.extend(address.map(|ip| format!("http://{}", SocketAddr::new(ip, bound.port()))));
        }
        TrustedOrigins::new(own, self.public.trusted_origins.clone())
    }

    /// The secrets of this process, generated where neither the settings nor an earlier start gave them; none for the
    /// role `resource`, which signs nothing.
    ///
    /// # Errors
    /// A [`Error`] when the folder or a file in it cannot be used.
    pub fn issuer_secrets(&self, entropy: &dyn Entropy) -> Result<Option<IssuerSecrets>, Error> {
        if !self.server.role.serves_identity() {
            return Ok(None);
        }
        let given = &self.secrets;
        let mut folder = generated::Folder::new(&given.keys_dir);
        let master = match &given.master {
            Some(key) => key.clone(),
            None => folder.load_or_generate(&generated::MASTER_KEY, entropy)?,
        };
        let shared = match &given.shared {
            Some(secret) => secret.clone(),
            None => folder.load_or_generate(&generated::COOKIE_SECRET, entropy)?,
        };
        let (created, warnings) = folder.into_notes();
        Ok(Some(IssuerSecrets {
            shared,
            master,
            retired_masters: given.retired_masters.clone(),
            created,
            warnings,
        }))
    }
}
