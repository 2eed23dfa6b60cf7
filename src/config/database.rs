//! Where the rows are kept.
//! In: `DATABASE_URL`. Out: the URL for the driver, and one without the password for people.
//! Owns: the password of the database is shown by nothing but `expose`.

use std::fmt;
use std::str::FromStr;

use url::Url;
use zeroize::Zeroizing;

use super::web_url::redacted;

/// The URL of a SQLite file or a PostgreSQL server.
#[derive(Clone)]
pub struct DatabaseUrl(Zeroizing<String>);

/// Why a text is no address of a database: the rest of a sentence that shows nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// SQLite without a file.
    #[error("names no file; write it like sqlite:signet.db or sqlite:///var/lib/signet/signet.db")]
    NoFile,
    /// PostgreSQL at something that is no URL.
    #[error("is not a well-formed URL; special characters in the password must be percent-encoded")]
    NotAUrl,
    /// Another database.
    #[error("must begin with sqlite: or postgres://")]
    Scheme,
}

impl FromStr for DatabaseUrl {
    type Err = Error;

    /// Reads `sqlite:…`, `postgres://…` or `postgresql://…`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let (scheme, rest) = text.split_once(':').unwrap_or_default();
        match scheme {
            "sqlite" if rest.trim_start_matches('/').is_empty() => Err(Error::NoFile),
            "sqlite" => Ok(Self(Zeroizing::new(text.to_owned()))),
            "postgres" | "postgresql" if rest.starts_with("//") => match Url::parse(text) {
                Ok(_) => Ok(Self(Zeroizing::new(text.to_owned()))),
                Err(_) => Err(Error::NotAUrl),
            },
            _ => Err(Error::Scheme),
        }
    }
}

impl DatabaseUrl {
    /// The URL itself, for the driver and nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The URL with every password replaced.
    pub fn redacted(&self) -> String {
        if self.0.starts_with("sqlite:") { self.0.to_string() } else { redacted(&self.0) }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({})", self.redacted())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_password_of_a_database_url() {
        for url in [
            "postgres://ada:hunter2@db.example.com/signet",
            "postgresql://ada@db.example.com/signet?sslmode=require&password=hunter2",
            "postgres://ada:hunter2@%2Fvar%2Frun%2Fpostgresql/signet",
        ] {
            let url = url.parse::<DatabaseUrl>().unwrap();
            assert!(url.expose().contains("hunter2"));
            assert!(!format!("{url:?}{}", url.redacted()).contains("hunter2"), "{url:?}");
            assert!(url.redacted().contains("ada") && url.redacted().contains("***"), "{url:?}");
        }
    }

    #[test]
    fn from_str_refuses_urls_of_other_databases() {
        for text in [
            "",
            "sqlite",
            "sqlite:",
            "sqlite://",
            "mysql://a/b",
            "postgres:a",
            "postgres://a:b@c:d/e",
            "signet.db",
        ] {
            assert!(text.parse::<DatabaseUrl>().is_err(), "{text}");
        }
        for text in ["sqlite:signet.db", "sqlite::memory:", "sqlite:///var/lib/signet.db", "postgres://h/d"] {
            assert!(text.parse::<DatabaseUrl>().is_ok(), "{text}");
        }
    }
}
