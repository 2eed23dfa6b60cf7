//! From texts to a [`Config`].
//! In: [`Settings`]. Out: the typed settings, or every fault.
//! Owns: the rules between settings; each is judged as soon as the settings it speaks of are readable.

use url::Url;

use super::error::{Error, Errors};
use super::sources::plain;
use super::{
    BaseUrl, Config, GivenSecrets, Public, Role, Rotation, Server, Settings, TokenMode, Tokens, Upstream,
};
use super::{origin, values};
use crate::clock::Timestamp;

pub(super) fn config(settings: &Settings) -> Result<Config, Vec<Error>> {
    let mut faults = Errors::default();
    let secrets = values::secrets(settings);

    let listen = faults.keep(values::listen(settings));
    let metrics_listen = faults.keep(values::metrics_listen(settings));
    let otlp_endpoint = faults.keep(values::otlp_endpoint(settings));
    let drain_delay = faults.keep(values::drain_delay(settings));
    let role = faults.keep(values::role(settings));
    let base_url = faults.keep(values::base_url(settings));
    let trusted_origins = values::trusted_origins(settings, &mut faults);
    let trusted_proxies = values::trusted_proxies(settings, &mut faults);
    let rate_limit = faults.keep(values::rate_limit(settings));
    let shared = faults.keep(values::shared_secret(secrets.shared));
    let master = faults.keep(values::master_key(secrets.master));
    let retired_masters = faults.keep(values::master_keys(secrets.retired_masters));
    let database_url = faults.keep(values::database_url(secrets.database));
    let redis_url = faults.keep(values::redis_url(secrets.redis));
    let mode = faults.keep(token_mode(settings));
    let ttl = faults.keep(values::token_ttl(settings));
    let leeway = faults.keep(values::leeway(settings));
    let memory = faults.keep(values::token_memory(settings));
    let every = faults.keep(values::rotate_every(settings));
    let jwks_max_age = faults.keep(values::jwks_max_age(settings));

    if let (Some(Role::Resource), Some(TokenMode::Hs256 | TokenMode::Migrate { .. }), Some(None)) =
        (role, mode, &shared)
    {
        faults.add(Error::new(
            "BETTER_AUTH_SECRET",
            "is missing: with SIGNET_ROLE=resource, the token modes hs256 and migrate need the secret of the identity service",
        ));
    }
    let upstream = match (role, &base_url) {
        (Some(Role::Resource), Some(base_url)) => faults.keep(upstream(settings, base_url)).map(Some),
        (Some(Role::All | Role::Identity), _) => {
            refuse_upstream(settings, &mut faults);
            Some(None)
        }
        _ => None,
    };

    let complete = || {
        Some(Config {
            server: Server {
                listen: listen?,
                metrics_listen: metrics_listen?,
                otlp_endpoint: otlp_endpoint?,
                drain_delay: drain_delay?,
                role: role?,
                rate_limit: rate_limit?,
                trusted_proxies,
            },
            public: Public { base_url: base_url?, trusted_origins },
            secrets: GivenSecrets {
                keys_dir: values::keys_dir(settings),
                shared: shared?,
                master: master?,
                retired_masters: retired_masters?,
            },
            database_url: database_url?,
            redis_url: redis_url?,
            tokens: Tokens { mode: mode?, ttl: ttl?, leeway: leeway?, byte_size: memory? },
            rotation: Rotation { every: every?, jwks_max_age: jwks_max_age? },
            upstream: upstream?,
        })
    };
    if !faults.is_empty() {
        return Err(faults.into_vec());
    }
    complete().ok_or_else(|| faults.into_vec())
}

fn token_mode(settings: &Settings) -> Result<TokenMode, Error> {
    const UNTIL: &str = "SIGNET_HS256_UNTIL";
    let until = plain(settings.hs256_until.as_ref());
    let mode = match plain(settings.token_mode.as_ref()).unwrap_or("eddsa") {
        "eddsa" => TokenMode::Eddsa,
        "hs256" => TokenMode::Hs256,
        "migrate" => {
            let example =
                "with SIGNET_TOKEN_MODE=migrate it is an RFC 3339 time such as 2027-01-31T00:00:00Z";
            let text = until.ok_or_else(|| Error::new(UNTIL, format!("is missing; {example}")))?;
            let hs256_until = Timestamp::parse_rfc_3339(text)
                .ok_or_else(|| Error::new(UNTIL, format!("is {text:?}, which is no time; {example}")))?;
            return Ok(TokenMode::Migrate { hs256_until });
        }
        text => {
            return Err(Error::new(
                "SIGNET_TOKEN_MODE",
                format!("is {text:?}; it must be eddsa, hs256 or migrate"),
            ));
        }
    };
    if until.is_some() {
        return Err(Error::new(
            UNTIL,
            "is set, but only SIGNET_TOKEN_MODE=migrate has an end; unset it or set that mode",
        ));
    }
    Ok(mode)
}

fn upstream(settings: &Settings, base_url: &BaseUrl) -> Result<Upstream, Error> {
    const NAME: &str = "SIGNET_JWKS_URL";
    let base_url = match base_url {
        BaseUrl::Given(url) => Some(url.as_str()),
        BaseUrl::FollowsPort => None,
    };
    let given = plain(settings.jwks_url.as_ref());
    let (name, text) = match (given, base_url) {
        (Some(text), _) => (NAME, text.to_owned()),
        (None, Some(base_url)) => ("BETTER_AUTH_URL", format!("{base_url}/api/auth/jwks")),
        (None, None) => {
            let problem = "is missing: SIGNET_ROLE=resource needs it, or BETTER_AUTH_URL, to know whose tokens to trust";
            return Err(Error::new(NAME, problem));
        }
    };
    let problem = || {
        let problem =
            "which is not an http or https URL; write it like https://auth.example.com/api/auth/jwks";
        Error::new(name, format!("is {}, {problem}", values::shown(&text)))
    };
    let url = origin::parse_absolute(&text).ok_or_else(problem)?;
    let origin = origin::web_origin(&url).ok_or_else(problem)?;
    let plain_http = values::jwks_plain_http(settings)?;
    if url.scheme() != "https" && !origin::is_loopback(&url) && !plain_http {
        return Err(Error::new(
            name,
            format!(
                "leads to the key set at {url}, where anybody on the way could put their own keys; it must be https, or http \
                 on this very machine; SIGNET_JWKS_PLAIN_HTTP=on trusts the network in between"
            ),
        ));
    }
    let issuer = plain(settings.issuer.as_ref()).or(base_url).unwrap_or(&origin).to_owned();
    let audience = plain(settings.audience.as_ref()).or(base_url).unwrap_or(&issuer).to_owned();
    Ok(Upstream { jwks_url: without_fragment(url), plain_http, issuer, audience })
}

fn without_fragment(mut url: Url) -> String {
    url.set_fragment(None);
    url.into()
}

fn refuse_upstream(settings: &Settings, faults: &mut Errors) {
    for (name, value) in [
        ("SIGNET_JWKS_URL", &settings.jwks_url),
        ("SIGNET_JWKS_PLAIN_HTTP", &settings.jwks_plain_http),
        ("SIGNET_ISSUER", &settings.issuer),
        ("SIGNET_AUDIENCE", &settings.audience),
    ] {
        if plain(value.as_ref()).is_some() {
            let problem =
                "is only for SIGNET_ROLE=resource; other roles trust the tokens that they issue: unset it";
            faults.add(Error::new(name, problem));
        }
    }
}
