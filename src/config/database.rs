//! Where the rows are kept.
//! In: `DATABASE_URL`. Out: the URL for the driver, and one without the password for people.
//! Owns: the password of the database is shown by nothing but `expose`.

use std::fmt;

use url::Url;
use zeroize::Zeroizing;

/// The URL of a SQLite file or a PostgreSQL server.
#[derive(Clone)]
pub struct DatabaseUrl(Zeroizing<String>);

impl DatabaseUrl {
    /// Reads `sqlite:…`, `postgres://…` or `postgresql://…`; the error is the rest of a sentence and shows nothing of
    /// the text.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = text.split_once(':').unwrap_or_default();
        match scheme {
            "sqlite" if rest.trim_start_matches('/').is_empty() => {
                Err("names no file; write it like sqlite:signet.db or sqlite:///var/lib/signet/signet.db")
            }
            "sqlite" => Ok(Self(Zeroizing::new(text.to_owned()))),
            "postgres" | "postgresql" if rest.starts_with("//") => match Url::parse(text) {
                Ok(_) => Ok(Self(Zeroizing::new(text.to_owned()))),
                Err(_) => Err(
                    "is not a well-formed URL; special characters in the password must be percent-encoded",
                ),
            },
            _ => Err("must begin with sqlite: or postgres://"),
        }
    }

    /// The URL itself, for the driver and nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The URL with every password replaced.
    pub fn redacted(&self) -> String {
        if self.0.starts_with("sqlite:") {
            return self.0.to_string();
        }
        let Ok(mut url) = Url::parse(&self.0) else { return "(hidden)".to_owned() };
        if url.password().is_some() && url.set_password(Some("***")).is_err() {
            return "(hidden)".to_owned();
        }
        if url.query().is_some() {
            let pairs: Vec<(String, String)> = url
                .query_pairs()
                .map(|(key, value)| {
                    let hidden = key.contains("password");
                    (key.into_owned(), if hidden { "***".to_owned() } else { value.into_owned() })
                })
                .collect();
            url.query_pairs_mut().clear().extend_pairs(pairs);
        }
        url.to_string()
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
    fn passwords_of_databases_are_never_shown() {
        for url in [
            "postgres://ada:hunter2@db.example.com/signet",
            "postgresql://ada@db.example.com/signet?sslmode=require&password=hunter2",
            "postgres://ada:hunter2@%2Fvar%2Frun%2Fpostgresql/signet",
        ] {
            let url = DatabaseUrl::parse(url).unwrap();
            assert!(url.expose().contains("hunter2"));
            assert!(!format!("{url:?}{}", url.redacted()).contains("hunter2"), "{url:?}");
            assert!(url.redacted().contains("ada") && url.redacted().contains("***"), "{url:?}");
        }
    }

    #[test]
    fn other_databases_are_refused() {
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
            assert!(DatabaseUrl::parse(text).is_err(), "{text}");
        }
        for text in ["sqlite:signet.db", "sqlite::memory:", "sqlite:///var/lib/signet.db", "postgres://h/d"] {
            assert!(DatabaseUrl::parse(text).is_ok(), "{text}");
        }
    }
}
