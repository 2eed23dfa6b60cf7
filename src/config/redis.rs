//! The URL of the Redis that instances share.
//! In: `REDIS_URL`. Out: the URL for the driver, and one without the password for people.
//! Owns: the password of Redis is shown by nothing but `expose`; TLS is never without a check of the certificate.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use url::{Host, Url};
use zeroize::Zeroizing;

use super::web_url::redacted;

/// The URL of a Redis server.
#[derive(Clone)]
pub struct RedisUrl {
    text: Zeroizing<String>,
    database: u16,
}

/// Why a text is no address of Redis: the rest of a sentence that shows nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Something else.
    #[error(
        "is not an address of Redis; write it like redis://:PASSWORD@HOST:6379/0, rediss:// for TLS, or \
         unix:///run/redis.sock?db=0&pass=PASSWORD, with special characters of the password percent-encoded"
    )]
    NotRedis,
    /// `0.0.0.0` or `::`.
    #[error("names an address that only a server can listen on; give the address of the server itself")]
    Unspecified,
    /// Parameters of some driver.
    #[error("has a query or a fragment, and Signet takes none; drop everything from ? or # on")]
    Parameters,
    /// A path of some other kind.
    #[error("has a path that is not the number of a database, such as /2")]
    Path,
    /// A socket with something besides its path.
    #[error(
        "is a socket, which takes nothing but a path and the parameters db, user and pass, each once: \
         unix:///run/redis.sock?db=2&user=USER&pass=PASSWORD"
    )]
    Socket,
}

impl FromStr for RedisUrl {
    type Err = Error;

    /// Reads `redis://…`, `rediss://…`, or `unix:///…` and `redis+unix:///…` for a socket of this machine.
    fn from_str(text: &str) -> Result<Self, Error> {
        let url = Url::parse(text).map_err(|_| Error::NotRedis)?;
        if matches!(url.scheme(), "unix" | "redis+unix") {
            let database = database_of_socket(&url).ok_or(Error::Socket)?;
            return Ok(Self { text: Zeroizing::new(text.to_owned()), database });
        }
        let host =
            url.host().filter(|_| matches!(url.scheme(), "redis" | "rediss")).ok_or(Error::NotRedis)?;
        let address = match host {
            Host::Ipv4(address) => Some(IpAddr::from(address)),
            Host::Ipv6(address) => Some(IpAddr::from(address)),
            Host::Domain(name) => name.parse().ok(),
        };
        if address.is_some_and(|address| address.is_unspecified()) {
            return Err(Error::Unspecified);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(Error::Parameters);
        }
        let database = match url.path().trim_start_matches('/') {
            "" => Some(0),
            digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok(),
            _ => None,
        };
        Ok(Self { text: Zeroizing::new(text.to_owned()), database: database.ok_or(Error::Path)? })
    }
}

impl RedisUrl {
    /// The URL itself, for the driver and nothing else.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// The number of the database.
    pub fn database(&self) -> u16 {
        self.database
    }

    /// The URL with its password replaced.
    pub fn redacted(&self) -> String {
        let shown = redacted(&self.text);
        let Ok(mut url) = Url::parse(&shown) else { return shown };
        if url.query().is_none() {
            return shown;
        }
        let pairs: Vec<(String, String)> = url
            .query_pairs()
            .map(|(name, value)| {
                (name.to_string(), if name == "pass" { "***".to_owned() } else { value.into() })
            })
            .collect();
        url.query_pairs_mut().clear().extend_pairs(pairs);
        url.to_string()
    }
}

/// The number of the database behind a socket, whose URL names nothing else but whom to sign in as.
fn database_of_socket(url: &Url) -> Option<u16> {
    let (mut database, mut names) = (0, Vec::new());
    for (name, value) in url.query_pairs() {
        match &*name {
            "db" if value.bytes().all(|byte| byte.is_ascii_digit()) => database = value.parse().ok()?,
            "user" | "pass" => {}
            _ => return None,
        }
        names.push(name);
    }
    names.sort_unstable();
    let is_once = names.windows(2).all(|two| two[0] != two[1]);
    let is_socket =
        url.host_str().is_none_or(str::is_empty) && url.path().len() > 1 && !url.path().ends_with('/');
    let has_nothing_else = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    (is_once && is_socket && has_nothing_else && url.path().starts_with('/')).then_some(database)
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisUrl({})", self.redacted())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_password_of_a_redis_url() {
        for url in ["redis://:hunter2@cache.example.com", "rediss://ada:hunter2@10.0.0.7:6380/3"] {
            let url = url.parse::<RedisUrl>().unwrap();
            assert!(url.expose().contains("hunter2"));
            let shown = format!("{url:?}{}", url.redacted());
            assert!(!shown.contains("hunter2") && shown.contains("***"), "{shown}");
        }
        for url in [
            "unix:///run/redis.sock?pass=hunter%232",
            "redis+unix:///run/r.sock?db=3&user=ada&pass=hunter%232",
        ] {
            let url = url.parse::<RedisUrl>().unwrap();
            let shown = format!("{url:?}{}", url.redacted());
            assert!(!shown.contains("hunter") && shown.contains("***") && shown.contains(".sock"), "{shown}");
        }
        assert_eq!("redis://cache/2".parse::<RedisUrl>().unwrap().redacted(), "redis://cache/2");
    }

    #[test]
    fn from_str_reads_the_path_as_the_number_of_the_database() {
        for (url, number) in [
            ("redis://h", 0),
            ("redis://h/", 0),
            ("rediss://h:1/12", 12),
            ("redis://[::1]/7", 7),
            ("unix:///run/redis.sock", 0),
            ("redis+unix:///run/redis.sock?user=a&db=12&pass=%23", 12),
        ] {
            assert_eq!(url.parse::<RedisUrl>().unwrap().database(), number, "{url}");
        }
    }

    #[test]
    fn from_str_refuses_other_schemes_and_unsafe_options() {
        for text in [
            "",
            "localhost:6379",
            "http://h",
            "redis://",
            "redis:///run/redis.sock",
            "unix:",
            "unix:///",
            "unix://run/redis.sock",
            "unix://:secret@/run/redis.sock",
            "unix:///run/redis.sock/",
            "unix:///run/redis.sock?db=one",
            "unix:///run/redis.sock?db=99999",
            "unix:///run/redis.sock?db=1&db=2",
            "unix:///run/redis.sock?protocol=resp3",
            "redis+unix:///run/redis.sock#pass",
            "redis://0.0.0.0",
            "redis://[::]",
            "redis://h/one",
            "redis://h/-1",
            "redis://h/99999",
            "redis://h/1/2",
            "redis://h?protocol=resp3",
            "rediss://h/#insecure",
        ] {
            assert!(text.parse::<RedisUrl>().is_err(), "{text}");
        }
    }
}
