//! How tokens are signed and verified, and when signing keys change.
//! In: the settings of the group `Tokens and keys`. Out: [`Tokens`].

use std::time::Duration;

use super::error::Error;
use super::reader::Reader;
use super::setting::{Group, Kind, Problems, Setting, Unset, or_none};
use super::{byte_size, duration};
use crate::model::algorithms::{self, Algorithms};
use signet_verify::clock::Timestamp;

const TOKEN_MODE: Setting<ModeName> = Setting {
    name: "SIGNET_TOKEN_MODE",
    flag: "token-mode",
    value_name: "MODE",
    help: "How tokens are signed: eddsa, hs256, or migrate (signs EdDSA, accepts both for a while)",
    default: "eddsa",
    unset: Unset::Default,
    kind: Kind::Plain,
    parse: |text| match text {
        "eddsa" => Ok(ModeName::Eddsa),
        "hs256" => Ok(ModeName::Hs256),
        "migrate" => Ok(ModeName::Migrate),
        text => Err(format!("is {text:?}; it must be eddsa, hs256 or migrate").into()),
    },
    show: |mode| {
        let name = match mode {
            ModeName::Eddsa => "eddsa",
            ModeName::Hs256 => "hs256",
            ModeName::Migrate => "migrate",
        };
        name.to_owned()
    },
};

const HS256_UNTIL: Setting<Option<Timestamp>> = Setting {
    name: "SIGNET_HS256_UNTIL",
    flag: "hs256-until",
    value_name: "TIME",
    help: "Mode migrate: until when HS256 is accepted, such as 2027-01-31T00:00:00Z",
    default: "none",
    unset: Unset::Is(|| None),
    kind: Kind::Plain,
    parse: |text| {
        let refused = || format!("is {text:?}, which is no time; {UNTIL_EXAMPLE}").into();
        Timestamp::parse_rfc_3339(text).map(Some).ok_or_else(refused)
    },
    show: |until| or_none(&until.map(Timestamp::iso_8601)),
};

const ALGORITHMS: Setting<Algorithms> = Setting {
    name: "SIGNET_ALGORITHMS",
    flag: "algorithms",
    value_name: "LIST",
    help: "Algorithms that have a signing key, the first for the tokens of sessions: a comma list of EdDSA, ES256 and RS256",
    default: "EdDSA,ES256,RS256",
    unset: Unset::Default,
    kind: Kind::Plain,
    parse: algorithms,
    show: |algorithms| algorithms.to_string(),
};

const TOKEN_TTL: Setting<Duration> = Setting {
    name: "SIGNET_TOKEN_TTL",
    flag: "token-ttl",
    value_name: "DURATION",
    help: "Life of a token, from 1s to 24h",
    default: "15m",
    unset: Unset::Default,
    kind: Kind::Plain,
    parse: token_ttl,
    show: duration::show,
};

const LEEWAY: Setting<Duration> = Setting {
    name: "SIGNET_LEEWAY",
    flag: "leeway",
    value_name: "DURATION",
    help: "How far the clocks of issuer and verifier may differ, at most 5m",
    default: "30s",
    unset: Unset::Default,
    kind: Kind::Plain,
    parse: |text| match duration::parse_setting(text)? {
        leeway if leeway > MAX_LEEWAY => Err(format!(
            "is {}, but clocks may differ by 5m at most; set the clocks right instead",
            crate::duration::format(leeway)
        )
        .into()),
        leeway => Ok(leeway),
    },
    show: duration::show,
};

const TOKEN_CACHE: Setting<usize> = Setting {
    name: "SIGNET_TOKEN_CACHE",
    flag: "token-cache",
    value_name: "SIZE",
    help: "Memory for tokens that were verified before, such as 512KiB or 1GiB; off verifies each anew",
    default: "32MiB",
    unset: Unset::Default,
    kind: Kind::Plain,
    parse: |text| byte_size::parse(text).map_err(|problem| format!("is {text:?}; {problem}").into()),
    show: |bytes| byte_size::format(*bytes),
};

const ROTATE_EVERY: Setting<Duration> = Setting {
    name: "SIGNET_ROTATE_EVERY",
    flag: "rotate-every",
    value_name: "DURATION",
    help: "How long a key signs before the next one takes over",
    default: "30d",
    unset: Unset::Default,
    kind: Kind::Plain,
    parse: duration::parse_setting,
    show: duration::show,
};

const JWKS_MAX_AGE: Setting<Duration> = Setting {
    name: "SIGNET_JWKS_MAX_AGE",
    flag: "jwks-max-age",
    value_name: "DURATION",
    help: "How long others may cache the key set",
    default: "5m",
    unset: Unset::Default,
    kind: Kind::Plain,
    parse: duration::parse_setting,
    show: duration::show,
};

pub(super) const GROUP: Group = Group {
    heading: "Tokens and keys",
    settings: &[
        TOKEN_MODE.declaration(),
        HS256_UNTIL.declaration(),
        ALGORITHMS.declaration(),
        TOKEN_TTL.declaration(),
        LEEWAY.declaration(),
        TOKEN_CACHE.declaration(),
        ROTATE_EVERY.declaration(),
        JWKS_MAX_AGE.declaration(),
    ],
};

const MAX_LEEWAY: Duration = Duration::from_secs(300);
const MAX_TTL: Duration = Duration::from_secs(24 * 60 * 60);
const UNTIL_EXAMPLE: &str =
    "with SIGNET_TOKEN_MODE=migrate it is an RFC 3339 time such as 2027-01-31T00:00:00Z";

/// How tokens are signed and verified, and when signing keys change.
///
/// The inequalities between rotation, caching and token life are judged by `model::contract`, not here.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// Whether the shared secret signs, and what is accepted.
    pub mode: TokenMode,
    /// The algorithms that have a signing key; the first signs the tokens of sessions. Distinct, and at least one.
    pub algorithms: Algorithms,
    /// Life of a token.
    pub ttl: Duration,
    /// How far the clocks of issuer and verifier may differ.
    pub leeway: Duration,
    /// How many bytes of memory tokens seen before may take.
    pub cache_bytes: usize,
    /// How long a key signs.
    pub rotate_every: Duration,
    /// How long others may cache the key set.
    pub jwks_max_age: Duration,
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

/// What `SIGNET_TOKEN_MODE` can say.
#[derive(Clone, Copy)]
enum ModeName {
    Eddsa,
    Hs256,
    Migrate,
}

pub(super) fn read(reader: &mut Reader<'_>) -> Option<Tokens> {
    let mode = reader.read(&TOKEN_MODE).and_then(|mode| match mode {
        ModeName::Eddsa => without_end(reader).map(|()| TokenMode::Eddsa),
        ModeName::Hs256 => without_end(reader).map(|()| TokenMode::Hs256),
        ModeName::Migrate => end(reader).map(|hs256_until| TokenMode::Migrate { hs256_until }),
    });
    let algorithms = reader.read(&ALGORITHMS);
    let ttl = reader.read(&TOKEN_TTL);
    let leeway = reader.read(&LEEWAY);
    let cache_bytes = reader.read(&TOKEN_CACHE);
    let rotate_every = reader.read(&ROTATE_EVERY);
    let jwks_max_age = reader.read(&JWKS_MAX_AGE);
    Some(Tokens {
        mode: mode?,
        algorithms: algorithms?,
        ttl: ttl?,
        leeway: leeway?,
        cache_bytes: cache_bytes?,
        rotate_every: rotate_every?,
        jwks_max_age: jwks_max_age?,
    })
}

/// Whether tokens are verified with the shared secret, as far as the settings of the mode can be used.
pub(super) fn verifies_with_shared_secret(reader: &Reader<'_>) -> bool {
    match reader.peek(&TOKEN_MODE) {
        Some(ModeName::Hs256) => !reader.is_given(&HS256_UNTIL.declaration()),
        Some(ModeName::Migrate) => matches!(reader.peek(&HS256_UNTIL), Some(Some(_))),
        Some(ModeName::Eddsa) | None => false,
    }
}

/// The end that the mode `migrate` must have.
fn end(reader: &mut Reader<'_>) -> Option<Timestamp> {
    let until = reader.read(&HS256_UNTIL)?;
    if until.is_none() {
        reader.refuse(Error::new(HS256_UNTIL.name, format!("is missing; {UNTIL_EXAMPLE}")));
    }
    until
}

/// Other modes have no end.
fn without_end(reader: &mut Reader<'_>) -> Option<()> {
    if reader.is_given(&HS256_UNTIL.declaration()) {
        let problem = "is set, but only SIGNET_TOKEN_MODE=migrate has an end; unset it or set that mode";
        reader.refuse(Error::new(HS256_UNTIL.name, problem));
        return None;
    }
    reader.read(&HS256_UNTIL).map(|_| ())
}

fn token_ttl(text: &str) -> Result<Duration, Problems> {
    let ttl = duration::parse_setting(text)?;
    let problem = if ttl > MAX_TTL {
        "but a token lives 24h at most: whoever holds one cannot be stopped before it ends"
    } else if ttl.is_zero() || ttl.subsec_millis() != 0 {
        "but the times in a token are whole seconds; write it like 15m or 90s"
    } else {
        return Ok(ttl);
    };
    Err(format!("is {}, {problem}", crate::duration::format(ttl)).into())
}

fn algorithms(text: &str) -> Result<Algorithms, Problems> {
    const CURE: &str = "it must be a list of EdDSA, ES256 and RS256, each at most once, such as EdDSA,ES256";
    text.parse::<Algorithms>().map_err(|error| match error {
        algorithms::Error::Empty | algorithms::Error::Gap => {
            format!("is {text:?}, which {error}; {CURE}").into()
        }
        algorithms::Error::Unknown(_) | algorithms::Error::Doubled(_) => format!("{error}; {CURE}").into(),
    })
}
