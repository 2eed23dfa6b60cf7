//! The settings as they are given: environment variables and flags, nothing judged yet.
//! In: the command line and the environment, through clap. Out: texts for [`super::Config::resolve`].
//! Owns: the one list of settings; `signet serve --help` is printed from it.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use clap::Args;
use zeroize::Zeroizing;

const SERVER: &str = "Server";
const SECRETS: &str =
    "Secrets (better in a file or the environment: a command line is seen by every user of the machine)";
const STORAGE: &str = "Storage";
const TOKENS: &str = "Tokens and keys";
const RESOURCE: &str = "Whose tokens to trust (role resource only)";

/// A given text that must not be seen before it has found its own secret type.
#[derive(Clone)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl FromStr for SecretText {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(Zeroizing::new(text.to_owned())))
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(..)")
    }
}

/// Every setting of Signet, each a flag and an environment variable; the flag wins.
///
/// All are texts: clap would stop at the first bad value, and a start shall report every one.
#[derive(Args, Clone, Debug, Default)]
pub struct Settings {
    /// Address to listen on; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, env = "SIGNET_LISTEN", value_name = "ADDRESS", help_heading = SERVER)]
    pub listen: Option<String>,

    /// Address for /metrics alone, which is then not on SIGNET_LISTEN [default: none]
    #[arg(long, env = "SIGNET_METRICS_LISTEN", value_name = "ADDRESS", help_heading = SERVER)]
    pub metrics_listen: Option<String>,

    /// Collector that traces are sent to, such as http://127.0.0.1:4318; needs a binary with the feature otlp [default: none]
    #[arg(long, env = "SIGNET_OTLP_ENDPOINT", value_name = "URL", help_heading = SERVER)]
    pub otlp_endpoint: Option<String>,

    /// How long /readyz says 503 before a stopping process takes no more connections, so that balancers notice [default: 0s]
    #[arg(long, env = "SIGNET_DRAIN_DELAY", value_name = "DURATION", help_heading = SERVER)]
    pub drain_delay: Option<String>,

    /// What this process is: all, identity (signs people in) or resource (serves tasks) [default: all]
    #[arg(long, env = "SIGNET_ROLE", value_name = "ROLE", help_heading = SERVER)]
    pub role: Option<String>,

    /// Public base URL: the issuer, the default audience and the first trusted origin [default: http://localhost:8080]
    #[arg(long, env = "BETTER_AUTH_URL", value_name = "ORIGIN", help_heading = SERVER)]
    pub base_url: Option<String>,

    /// Further origins of frontends, for CSRF and CORS: a comma list of origins such as https://app.example.com,
    /// or patterns with * and ? such as https://*.example.com or *.example.com [default: none]
    #[arg(long, env = "BETTER_AUTH_TRUSTED_ORIGINS", value_name = "LIST", help_heading = SERVER)]
    pub trusted_origins: Option<String>,

    /// Networks whose forwarded headers are believed: a comma list such as 10.0.0.0/8,::1 [default: none]
    #[arg(long, env = "SIGNET_TRUSTED_PROXIES", value_name = "LIST", help_heading = SERVER)]
    pub trusted_proxies: Option<String>,

    /// Limits on sign-ins and sign-ups: on, or off for tests, benchmarks and proxies that limit [default: on]
    #[arg(long, env = "SIGNET_RATE_LIMIT", value_name = "SWITCH", help_heading = SERVER)]
    pub rate_limit: Option<String>,

    /// Signs cookies, and tokens in HS256 mode: at least 32 bytes [default: generated]
    #[arg(long, env = "BETTER_AUTH_SECRET", value_name = "TEXT", help_heading = SECRETS, hide_env_values = true)]
    pub secret: Option<SecretText>,

    /// File that holds BETTER_AUTH_SECRET
    #[arg(long, env = "BETTER_AUTH_SECRET_FILE", value_name = "FILE", help_heading = SECRETS)]
    pub secret_file: Option<String>,

    /// Seals private keys at rest: 32 bytes in base64 [default: generated]
    #[arg(long, env = "SIGNET_MASTER_KEY", value_name = "BASE64", help_heading = SECRETS, hide_env_values = true)]
    pub master_key: Option<SecretText>,

    /// File that holds SIGNET_MASTER_KEY
    #[arg(long, env = "SIGNET_MASTER_KEY_FILE", value_name = "FILE", help_heading = SECRETS)]
    pub master_key_file: Option<String>,

    /// Earlier master keys, which still open what they sealed: a list like SIGNET_MASTER_KEY [default: none]
    #[arg(long, env = "SIGNET_MASTER_KEYS_OLD", value_name = "LIST", help_heading = SECRETS, hide_env_values = true)]
    pub master_keys_old: Option<SecretText>,

    /// File that holds SIGNET_MASTER_KEYS_OLD
    #[arg(long, env = "SIGNET_MASTER_KEYS_OLD_FILE", value_name = "FILE", help_heading = SECRETS)]
    pub master_keys_old_file: Option<String>,

    /// Folder where secrets are generated that are not given [default: keys]
    #[arg(long, env = "SIGNET_KEYS_DIR", value_name = "FOLDER", help_heading = SECRETS)]
    pub keys_dir: Option<String>,

    /// Database: sqlite:FILE or postgres://USER:PASSWORD@HOST/NAME [default: sqlite:signet.db]
    #[arg(long, env = "DATABASE_URL", value_name = "URL", help_heading = STORAGE, hide_env_values = true)]
    pub database_url: Option<SecretText>,

    /// File that holds DATABASE_URL
    #[arg(long, env = "DATABASE_URL_FILE", value_name = "FILE", help_heading = STORAGE)]
    pub database_url_file: Option<String>,

    /// Redis 6 or later, where instances meet: redis://:PASSWORD@HOST:PORT/NUMBER, rediss:// for TLS [default: none]
    #[arg(long, env = "REDIS_URL", value_name = "URL", help_heading = STORAGE, hide_env_values = true)]
    pub redis_url: Option<SecretText>,

    /// File that holds REDIS_URL
    #[arg(long, env = "REDIS_URL_FILE", value_name = "FILE", help_heading = STORAGE)]
    pub redis_url_file: Option<String>,

    /// How tokens are signed: eddsa, hs256, or migrate (signs EdDSA, accepts both for a while) [default: eddsa]
    #[arg(long, env = "SIGNET_TOKEN_MODE", value_name = "MODE", help_heading = TOKENS)]
    pub token_mode: Option<String>,

    /// Mode migrate: until when HS256 is accepted, such as 2027-01-31T00:00:00Z [default: none]
    #[arg(long, env = "SIGNET_HS256_UNTIL", value_name = "TIME", help_heading = TOKENS)]
    pub hs256_until: Option<String>,

    /// Life of a token, from 1s to 24h [default: 15m]
    #[arg(long, env = "SIGNET_TOKEN_TTL", value_name = "DURATION", help_heading = TOKENS)]
    pub token_ttl: Option<String>,

    /// How far the clocks of issuer and verifier may differ, at most 5m [default: 30s]
    #[arg(long, env = "SIGNET_LEEWAY", value_name = "DURATION", help_heading = TOKENS)]
    pub leeway: Option<String>,

    /// Memory for tokens that were verified before, such as 512KiB or 1GiB; off verifies each anew [default: 32MiB]
    #[arg(long, env = "SIGNET_TOKEN_MEMORY", value_name = "SIZE", help_heading = TOKENS)]
    pub token_memory: Option<String>,

    /// How long a key signs before the next one takes over [default: 30d]
    #[arg(long, env = "SIGNET_ROTATE_EVERY", value_name = "DURATION", help_heading = TOKENS)]
    pub rotate_every: Option<String>,

    /// How long others may cache the key set [default: 5m]
    #[arg(long, env = "SIGNET_JWKS_MAX_AGE", value_name = "DURATION", help_heading = TOKENS)]
    pub jwks_max_age: Option<String>,

    /// Key set of the issuer [default: BETTER_AUTH_URL + /api/auth/jwks]
    #[arg(long, env = "SIGNET_JWKS_URL", value_name = "URL", help_heading = RESOURCE)]
    pub jwks_url: Option<String>,

    /// on: the key set may come over plain http from another machine, inside a network of your own [default: off]
    #[arg(long, env = "SIGNET_JWKS_PLAIN_HTTP", value_name = "on|off", help_heading = RESOURCE)]
    pub jwks_plain_http: Option<String>,

    /// Issuer that tokens must name [default: BETTER_AUTH_URL, or else the origin of SIGNET_JWKS_URL]
    #[arg(long, env = "SIGNET_ISSUER", value_name = "TEXT", help_heading = RESOURCE)]
    pub issuer: Option<String>,

    /// Audience that tokens must name [default: BETTER_AUTH_URL, or else the issuer]
    #[arg(long, env = "SIGNET_AUDIENCE", value_name = "TEXT", help_heading = RESOURCE)]
    pub audience: Option<String>,
}
