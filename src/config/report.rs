//! What the settings amount to, for `signet config check`.
//! In: the settings and the [`Config`] made from them. Out: one line for each setting, with its source.
//! Owns: nothing is created and no secret is shown.

use std::fmt;

use super::error::Error;
use super::generated::{COOKIE_SECRET, Folder, MASTER_KEY, SecretFile};
use super::sources::plain;
use super::settings::SecretText;
use super::{BaseUrl, Config, RedisUrl, Role, Settings, TokenMode, duration, byte_size};

/// Where the value of a setting comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nobody gave one.
    Default,
    /// An environment variable or a flag.
    Given,
    /// The file that `NAME_FILE` names.
    File,
    /// A file in the folder of generated secrets.
    Generated,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "default",
            Self::Given => "environment or flag",
            Self::File => "file",
            Self::Generated => "generated",
        })
    }
}

/// One setting as it takes effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The environment name.
    pub name: &'static str,
    /// The effective value; secrets show a fingerprint.
    pub value: String,
    /// Where it comes from.
    pub source: Source,
}

/// Every setting as it takes effect, and what the operator should mend.
#[derive(Debug)]
pub struct Report {
    /// One line for each setting, in the order of the help text.
    pub lines: Vec<Line>,
    /// One sentence each.
    pub warnings: Vec<String>,
}

impl Report {
    /// Describes what `settings` amount to; looks at generated secrets and creates none.
    ///
    /// # Errors
    /// A [`Error`] when a secret that an earlier start generated cannot be read.
    pub fn new(settings: &Settings, config: &Config) -> Result<Self, Error> {
        let mut folder = Folder::new(&config.secrets.keys_dir);
        let identity = config.server.role.serves_identity();
        let shared = match &config.secrets.shared {
            Some(secret) => format!("{secret:?}"),
            None => generated(&mut folder, &COOKIE_SECRET, identity)?,
        };
        let master = match &config.secrets.master {
            Some(key) => format!("{key:?}"),
            None => generated(&mut folder, &MASTER_KEY, identity)?,
        };
        let generated_source = if identity { Source::Generated } else { Source::Default };
        let secret = |value: &Option<SecretText>, file: &Option<String>, otherwise| match (value, file) {
            (_, Some(file)) if !file.is_empty() => Source::File,
            (Some(text), _) if !text.expose().is_empty() => Source::Given,
            _ => otherwise,
        };
        let source = |value: &Option<String>| {
            if plain(value.as_ref()).is_some() { Source::Given } else { Source::Default }
        };
        let line = |name, value: String, source| Line { name, value, source };
        let s = settings;
        let mut lines = vec![
            line("SIGNET_LISTEN", config.server.listen.to_string(), source(&s.listen)),
            line(
                "SIGNET_METRICS_LISTEN",
                config
                    .server
                    .metrics_listen
                    .map_or_else(|| "none (/metrics is on SIGNET_LISTEN)".to_owned(), |a| a.to_string()),
                source(&s.metrics_listen),
            ),
            line(
                "SIGNET_OTLP_ENDPOINT",
                config.server.otlp_endpoint.clone().unwrap_or_else(|| "none".to_owned()),
                source(&s.otlp_endpoint),
            ),
            line("SIGNET_DRAIN_DELAY", duration::format(config.server.drain_delay), source(&s.drain_delay)),
            line("SIGNET_ROLE", role(config.server.role).to_owned(), source(&s.role)),
            line("BETTER_AUTH_URL", base_url(config), source(&s.base_url)),
            line(
                "BETTER_AUTH_TRUSTED_ORIGINS",
                joined(&config.public.trusted_origins),
                source(&s.trusted_origins),
            ),
            line(
                "SIGNET_TRUSTED_PROXIES",
                joined(&config.server.trusted_proxies),
                source(&s.trusted_proxies),
            ),
            line(
                "SIGNET_RATE_LIMIT",
                if config.server.rate_limit { "on" } else { "off" }.to_owned(),
                source(&s.rate_limit),
            ),
            line("BETTER_AUTH_SECRET", shared, secret(&s.secret, &s.secret_file, generated_source)),
            line("SIGNET_MASTER_KEY", master, secret(&s.master_key, &s.master_key_file, generated_source)),
            line(
                "SIGNET_MASTER_KEYS_OLD",
                joined(config.secrets.retired_masters.iter().map(|key| format!("{key:?}"))),
                secret(&s.master_keys_old, &s.master_keys_old_file, Source::Default),
            ),
            line("SIGNET_KEYS_DIR", config.secrets.keys_dir.display().to_string(), source(&s.keys_dir)),
            line(
                "DATABASE_URL",
                config.database_url.redacted(),
                secret(&s.database_url, &s.database_url_file, Source::Default),
            ),
            line(
                "REDIS_URL",
                config.redis_url.as_ref().map_or_else(
                    || "none (limits are counted by this instance alone)".to_owned(),
                    RedisUrl::redacted,
                ),
                secret(&s.redis_url, &s.redis_url_file, Source::Default),
            ),
            line("SIGNET_TOKEN_MODE", mode(config.tokens.mode).to_owned(), source(&s.token_mode)),
            line("SIGNET_HS256_UNTIL", hs256_until(config.tokens.mode), source(&s.hs256_until)),
            line("SIGNET_TOKEN_TTL", duration::format(config.tokens.ttl), source(&s.token_ttl)),
            line("SIGNET_LEEWAY", duration::format(config.tokens.leeway), source(&s.leeway)),
            line("SIGNET_TOKEN_MEMORY", byte_size::format(config.tokens.memory), source(&s.token_memory)),
            line("SIGNET_ROTATE_EVERY", duration::format(config.rotation.every), source(&s.rotate_every)),
            line(
                "SIGNET_JWKS_MAX_AGE",
                duration::format(config.rotation.jwks_max_age),
                source(&s.jwks_max_age),
            ),
        ];
        if let Some(upstream) = &config.upstream {
            lines.push(line("SIGNET_JWKS_URL", upstream.jwks_url.clone(), source(&s.jwks_url)));
            let plain_http = if upstream.plain_http { "on" } else { "off" };
            lines.push(line("SIGNET_JWKS_PLAIN_HTTP", plain_http.to_owned(), source(&s.jwks_plain_http)));
            lines.push(line("SIGNET_ISSUER", upstream.issuer.clone(), source(&s.issuer)));
            lines.push(line("SIGNET_AUDIENCE", upstream.audience.clone(), source(&s.audience)));
        }
        let (_, warnings) = folder.into_notes();
        Ok(Self { lines, warnings })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name_width = self.lines.iter().map(|line| line.name.len()).max().unwrap_or(0);
        let value_width = self.lines.iter().map(|line| line.value.chars().count()).max().unwrap_or(0);
        for line in &self.lines {
            writeln!(f, "{:name_width$}  {:value_width$}  ({})", line.name, line.value, line.source)?;
        }
        Ok(())
    }
}

fn generated<T: fmt::Debug>(
    folder: &mut Folder<'_>,
    file: &SecretFile<T>,
    identity: bool,
) -> Result<String, Error> {
    if !identity {
        return Ok("none (not used by this role)".to_owned());
    }
    let path = folder.path_of(file).display().to_string();
    Ok(match folder.load(file)? {
        Some(secret) => format!("{secret:?} in {path}"),
        None => format!("will be generated into {path} by the first start"),
    })
}

fn role(role: Role) -> &'static str {
    match role {
        Role::All => "all",
        Role::Identity => "identity",
        Role::Resource => "resource",
    }
}

fn base_url(config: &Config) -> String {
    match &config.public.base_url {
        BaseUrl::FollowsPort if config.server.listen.port() == 0 => {
            "http://localhost with the port that is bound".to_owned()
        }
        _ => config.base_url_for(config.server.listen),
    }
}

fn mode(mode: TokenMode) -> &'static str {
    match mode {
        TokenMode::Eddsa => "eddsa",
        TokenMode::Hs256 => "hs256",
        TokenMode::Migrate { .. } => "migrate",
    }
}

fn hs256_until(mode: TokenMode) -> String {
    match mode {
        TokenMode::Migrate { hs256_until } => hs256_until.iso_8601(),
        TokenMode::Eddsa | TokenMode::Hs256 => "none".to_owned(),
    }
}

fn joined<T: fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    let texts: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    if texts.is_empty() { "none".to_owned() } else { texts.join(",") }
}
