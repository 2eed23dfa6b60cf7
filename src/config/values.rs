//! Single settings, each by its own rule.
//! In: the texts of [`Settings`]. Out: one typed value, or the fault of one setting.
//! Owns: the default values.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::error::{Error, Errors};
use super::sources::{SecretSetting, list, plain};
use super::{
    BaseUrl, DatabaseUrl, OriginPattern, RedisUrl, Role, Settings, duration, master_key, byte_size, origin,
};
use crate::secret::{MasterKey, SecretTooShort, SharedSecret};

const MAX_LEEWAY: Duration = Duration::from_secs(300);
const MAX_TTL: Duration = Duration::from_secs(24 * 60 * 60);

pub(super) fn listen(settings: &Settings) -> Result<SocketAddr, Error> {
    socket("SIGNET_LISTEN", plain(settings.listen.as_ref()).unwrap_or("127.0.0.1:8080"))
}

pub(super) fn metrics_listen(settings: &Settings) -> Result<Option<SocketAddr>, Error> {
    plain(settings.metrics_listen.as_ref()).map(|text| socket("SIGNET_METRICS_LISTEN", text)).transpose()
}

/// A collector may be reached over plain HTTP: what it is sent holds no secrets.
pub(super) fn otlp_endpoint(settings: &Settings) -> Result<Option<String>, Error> {
    const NAME: &str = "SIGNET_OTLP_ENDPOINT";
    let Some(text) = plain(settings.otlp_endpoint.as_ref()) else { return Ok(None) };
    if !cfg!(feature = "otlp") {
        let problem = "is set, but this binary was built without the feature otlp; unset it, or build with --features otlp";
        return Err(Error::new(NAME, problem));
    }
    let url = origin::parse_absolute(text).filter(|url| origin::web_origin(url).is_some());
    let Some(url) = url.filter(|url| url.query().is_none() && url.fragment().is_none()) else {
        let problem = "which is not the URL of a collector; write it like http://127.0.0.1:4318";
        return Err(Error::new(NAME, format!("is {}, {problem}", shown(text))));
    };
    Ok(Some(url.as_str().trim_end_matches('/').to_owned()))
}

fn socket(name: &'static str, text: &str) -> Result<SocketAddr, Error> {
    text.parse().map_err(|_| {
        let problem = "which is not an IP address with a port; write it like 127.0.0.1:8080, 0.0.0.0:8080 or [::1]:8080";
        Error::new(name, format!("is {text:?}, {problem}"))
    })
}

pub(super) fn role(settings: &Settings) -> Result<Role, Error> {
    match plain(settings.role.as_ref()).unwrap_or("all") {
        "all" => Ok(Role::All),
        "identity" => Ok(Role::Identity),
        "resource" => Ok(Role::Resource),
        text => Err(Error::new("SIGNET_ROLE", format!("is {text:?}; it must be all, identity or resource"))),
    }
}

pub(super) fn base_url(settings: &Settings) -> Result<BaseUrl, Error> {
    let Some(text) = plain(settings.base_url.as_ref()) else { return Ok(BaseUrl::FollowsPort) };
    let fault = |problem: &str| Error::new("BETTER_AUTH_URL", format!("is {}, {problem}", shown(text)));
    let example = "which is not an http or https URL; write it like https://auth.example.com";
    let url = origin::parse_absolute(text).ok_or_else(|| fault(example))?;
    let canonical = origin::web_origin(&url).ok_or_else(|| fault(example))?;
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(fault(&format!(
            "which is more than an origin; write it without path and query: {canonical}"
        )));
    }
    Ok(BaseUrl::Given(canonical))
}

pub(super) fn rate_limit(settings: &Settings) -> Result<bool, Error> {
    switch("SIGNET_RATE_LIMIT", settings.rate_limit.as_ref(), true)
}

pub(super) fn jwks_plain_http(settings: &Settings) -> Result<bool, Error> {
    switch("SIGNET_JWKS_PLAIN_HTTP", settings.jwks_plain_http.as_ref(), false)
}

fn switch(name: &'static str, value: Option<&String>, unless_told: bool) -> Result<bool, Error> {
    match plain(value) {
        None => Ok(unless_told),
        Some("on") => Ok(true),
        Some("off") => Ok(false),
        Some(text) => Err(Error::new(name, format!("is {text:?}; it must be on or off"))),
    }
}

pub(super) fn trusted_origins(settings: &Settings, faults: &mut Errors) -> Vec<OriginPattern> {
    let parse = |text: &str| {
        text.parse::<OriginPattern>().map_err(|why| {
            Error::new("BETTER_AUTH_TRUSTED_ORIGINS", format!("contains {}, which {why}", shown(text)))
        })
    };
    list(settings.trusted_origins.as_ref()).filter_map(|text| faults.keep(parse(text))).collect()
}

pub(super) fn trusted_proxies(settings: &Settings, faults: &mut Errors) -> Vec<IpNet> {
    let parse = |text: &str| {
        let single = || text.parse::<IpAddr>().ok().map(IpNet::from);
        text.parse::<IpNet>().ok().map(|net| net.trunc()).or_else(single).ok_or_else(|| {
            let problem = "which is not an IP network; write it like 10.0.0.0/8, 192.168.1.7 or fd00::/8";
            Error::new("SIGNET_TRUSTED_PROXIES", format!("contains {text:?}, {problem}"))
        })
    };
    list(settings.trusted_proxies.as_ref()).filter_map(|text| faults.keep(parse(text))).collect()
}

/// The four secrets that may come from a file.
pub(super) struct SecretSettings<'a> {
    pub(super) shared: SecretSetting<'a>,
    pub(super) master: SecretSetting<'a>,
    pub(super) retired_masters: SecretSetting<'a>,
    pub(super) database: SecretSetting<'a>,
    pub(super) redis: SecretSetting<'a>,
}

pub(super) fn secrets(settings: &Settings) -> SecretSettings<'_> {
    SecretSettings {
        shared: SecretSetting {
            name: "BETTER_AUTH_SECRET",
            file_name: "BETTER_AUTH_SECRET_FILE",
            value: settings.secret.as_ref(),
            file: settings.secret_file.as_deref(),
            empty_is_unset: false,
        },
        master: SecretSetting {
            name: "SIGNET_MASTER_KEY",
            file_name: "SIGNET_MASTER_KEY_FILE",
            value: settings.master_key.as_ref(),
            file: settings.master_key_file.as_deref(),
            empty_is_unset: false,
        },
        retired_masters: SecretSetting {
            name: "SIGNET_MASTER_KEYS_OLD",
            file_name: "SIGNET_MASTER_KEYS_OLD_FILE",
            value: settings.master_keys_old.as_ref(),
            file: settings.master_keys_old_file.as_deref(),
            empty_is_unset: true,
        },
        database: SecretSetting {
            name: "DATABASE_URL",
            file_name: "DATABASE_URL_FILE",
            value: settings.database_url.as_ref(),
            file: settings.database_url_file.as_deref(),
            empty_is_unset: false,
        },
        redis: SecretSetting {
            name: "REDIS_URL",
            file_name: "REDIS_URL_FILE",
            value: settings.redis_url.as_ref(),
            file: settings.redis_url_file.as_deref(),
            empty_is_unset: true,
        },
    }
}

pub(super) fn shared_secret(setting: SecretSetting<'_>) -> Result<Option<SharedSecret>, Error> {
    let Some(text) = setting.read()? else { return Ok(None) };
    SharedSecret::new(text.expose().to_owned()).map(Some).map_err(|SecretTooShort(length)| {
        let problem = format!(
            "has {length} bytes; it needs at least 32, such as the output of: openssl rand -base64 32"
        );
        Error::new(setting.name, problem)
    })
}

const NOT_A_MASTER_KEY: &str = "32 bytes in base64; make one with: openssl rand -base64 32";

pub(super) fn master_key(setting: SecretSetting<'_>) -> Result<Option<MasterKey>, Error> {
    let Some(text) = setting.read()? else { return Ok(None) };
    let fault = || Error::new(setting.name, format!("is not {NOT_A_MASTER_KEY}"));
    master_key::decode(text.expose()).map(Some).ok_or_else(fault)
}

pub(super) fn master_keys(setting: SecretSetting<'_>) -> Result<Vec<MasterKey>, Error> {
    let Some(text) = setting.read()? else { return Ok(Vec::new()) };
    let entries =
        text.expose().split(|c: char| c == ',' || c.is_whitespace()).filter(|entry| !entry.is_empty());
    entries
        .enumerate()
        .map(|(at, entry)| {
            let fault = || {
                Error::new(
                    setting.name,
                    format!("has an entry (number {}) that is not {NOT_A_MASTER_KEY}", at + 1),
                )
            };
            master_key::decode(entry).ok_or_else(fault)
        })
        .collect()
}

pub(super) fn database_url(setting: SecretSetting<'_>) -> Result<DatabaseUrl, Error> {
    let given = setting.read()?;
    let text = given.as_ref().map_or("sqlite:signet.db", |text| text.expose());
    DatabaseUrl::parse(text).map_err(|problem| Error::new(setting.name, problem))
}

pub(super) fn redis_url(setting: SecretSetting<'_>) -> Result<Option<RedisUrl>, Error> {
    let Some(text) = setting.read()? else { return Ok(None) };
    RedisUrl::parse(text.expose()).map(Some).map_err(|problem| Error::new(setting.name, problem))
}

pub(super) fn keys_dir(settings: &Settings) -> PathBuf {
    plain(settings.keys_dir.as_ref()).unwrap_or("keys").into()
}

pub(super) fn token_ttl(settings: &Settings) -> Result<Duration, Error> {
    let ttl = span("SIGNET_TOKEN_TTL", settings.token_ttl.as_ref(), "15m")?;
    let problem = if ttl > MAX_TTL {
        "but a token lives 24h at most: whoever holds one cannot be stopped before it ends"
    } else if ttl.is_zero() || ttl.subsec_millis() != 0 {
        "but the times in a token are whole seconds; write it like 15m or 90s"
    } else {
        return Ok(ttl);
    };
    Err(Error::new("SIGNET_TOKEN_TTL", format!("is {}, {problem}", duration::format(ttl))))
}

pub(super) fn leeway(settings: &Settings) -> Result<Duration, Error> {
    let leeway = span("SIGNET_LEEWAY", settings.leeway.as_ref(), "30s")?;
    if leeway > MAX_LEEWAY {
        let problem = "but clocks may differ by 5m at most; set the clocks right instead";
        return Err(Error::new("SIGNET_LEEWAY", format!("is {}, {problem}", duration::format(leeway))));
    }
    Ok(leeway)
}

pub(super) fn token_memory(settings: &Settings) -> Result<usize, Error> {
    const NAME: &str = "SIGNET_TOKEN_MEMORY";
    let text = plain(settings.token_memory.as_ref()).unwrap_or("32MiB");
    let problem =
        || Error::new(NAME, format!("is {text:?}; it must be off, or a size such as 512KiB, 32MiB or 1GiB"));
    byte_size::parse(text).ok_or_else(problem)
}

pub(super) fn rotate_every(settings: &Settings) -> Result<Duration, Error> {
    span("SIGNET_ROTATE_EVERY", settings.rotate_every.as_ref(), "30d")
}

pub(super) fn drain_delay(settings: &Settings) -> Result<Duration, Error> {
    span("SIGNET_DRAIN_DELAY", settings.drain_delay.as_ref(), "0s")
}

pub(super) fn jwks_max_age(settings: &Settings) -> Result<Duration, Error> {
    span("SIGNET_JWKS_MAX_AGE", settings.jwks_max_age.as_ref(), "5m")
}

fn span(name: &'static str, value: Option<&String>, default: &str) -> Result<Duration, Error> {
    let text = plain(value).unwrap_or(default);
    duration::parse(text).ok_or_else(|| {
        Error::new(
            name,
            format!("is {text:?}, which is not a duration; write it like 15m, 30d, 90s, 1h30m or 500ms"),
        )
    })
}

/// A URL in a message: without what stands before an `@`, which may be a password.
pub(super) fn shown(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((_, rest)) => format!("\"…@{}\"", rest.escape_debug()),
        None => format!("{text:?}"),
    }
}
