//! Where instances meet.
//! In: `REDIS_URL`. Out: the URL for the driver, and one without the password for people.
//! Owns: the password of Redis is shown by nothing but `expose`; TLS is never without a check of the certificate.

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};
use zeroize::Zeroizing;

/// The URL of a Redis server.
#[derive(Clone)]
pub struct RedisUrl {
    text: Zeroizing<String>,
    database: u16,
}

impl RedisUrl {
    /// Reads `redis://…` or `rediss://…`; the error is the rest of a sentence and shows nothing of the text.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        const SHAPE: &str = "is not an address of Redis; write it like redis://:PASSWORD@HOST:6379/0, or rediss:// for TLS, \
                             with special characters of the password percent-encoded";
        let url = Url::parse(text).map_err(|_| SHAPE)?;
        let host = url.host().filter(|_| matches!(url.scheme(), "redis" | "rediss")).ok_or(SHAPE)?;
        let address = match host {
            Host::Ipv4(address) => Some(IpAddr::from(address)),
            Host::Ipv6(address) => Some(IpAddr::from(address)),
            Host::Domain(name) => name.parse().ok(),
        };
        if address.is_some_and(|address| address.is_unspecified()) {
            return Err(
                "names an address that only a server can listen on; give the address of the server itself",
            );
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("has a query or a fragment, and Signet takes none; drop everything from ? or # on");
        }
        let database = match url.path().trim_start_matches('/') {
            "" => Some(0),
            digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok(),
            _ => None,
        };
        let database = database.ok_or("has a path that is not the number of a database, such as /2")?;
        Ok(Self { text: Zeroizing::new(text.to_owned()), database })
    }

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
        let Ok(mut url) = Url::parse(&self.text) else { return "(hidden)".to_owned() };
        if url.password().is_some() && url.set_password(Some("***")).is_err() {
            return "(hidden)".to_owned();
        }
        url.to_string()
    }
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
    fn the_password_of_redis_is_never_shown() {
        for url in ["redis://:hunter2@cache.example.com", "rediss://ada:hunter2@10.0.0.7:6380/3"] {
            let url = RedisUrl::parse(url).unwrap();
            assert!(url.expose().contains("hunter2"));
            let shown = format!("{url:?}{}", url.redacted());
            assert!(!shown.contains("hunter2") && shown.contains("***"), "{shown}");
        }
        assert_eq!(RedisUrl::parse("redis://cache/2").unwrap().redacted(), "redis://cache/2");
    }

    #[test]
    fn the_path_is_the_number_of_the_database() {
        for (url, number) in
            [("redis://h", 0), ("redis://h/", 0), ("rediss://h:1/12", 12), ("redis://[::1]/7", 7)]
        {
            assert_eq!(RedisUrl::parse(url).unwrap().database(), number, "{url}");
        }
    }

    #[test]
    fn what_is_no_redis_or_less_than_safe_is_refused() {
        for text in [
            "",
            "localhost:6379",
            "http://h",
            "redis://",
            "redis:///run/redis.sock",
            "unix:///run/redis.sock",
            "redis://0.0.0.0",
            "redis://[::]",
            "redis://h/one",
            "redis://h/-1",
            "redis://h/99999",
            "redis://h/1/2",
            "redis://h?protocol=resp3",
            "rediss://h/#insecure",
        ] {
            assert!(RedisUrl::parse(text).is_err(), "{text}");
        }
    }
}
