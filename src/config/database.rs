//! Where the rows are kept.
//! In: `DATABASE_URL`. Out: the URL for the driver, and one without the password for people.
//! Owns: the password of the database is shown by nothing but `expose`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use url::Url;
use zeroize::Zeroizing;

use super::web_url::{has_stray_at, redacted};

/// The URL of a SQLite file or a PostgreSQL server.
#[derive(Clone)]
pub struct DatabaseUrl {
    text: Zeroizing<String>,
    /// How many parameters were left out that mean nothing here: the driver would write them into the log.
    unknown: usize,
}

/// Why a text is no address of a database: the rest of a sentence that shows nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// SQLite without a file.
    #[error("names no file; write it like sqlite:signet.db or sqlite:///var/lib/signet/signet.db")]
    NoFile,
    /// PostgreSQL at something that is no URL.
    #[error("is not a well-formed URL; special characters in the password must be percent-encoded")]
    NotAUrl,
    /// PostgreSQL with something in its URL that ends a part of it too early.
    #[error(
        "is not a well-formed URL; special characters in the password must be percent-encoded (/ is %2F, ? is %3F, # is %23, @ \
         is %40)"
    )]
    Unescaped,
    /// SQLite with a parameter of its own.
    #[error("has a parameter that SQLite does not take; it takes mode, cache, immutable and vfs")]
    Parameter,
    /// Another database.
    #[error("must begin with sqlite: or postgres://")]
    Scheme,
}

/// What the driver takes in a URL of SQLite.
const SQLITE_PARAMETERS: [&str; 4] = ["mode", "cache", "immutable", "vfs"];

/// What the driver takes in a URL of PostgreSQL and people may see.
const PLAIN_PARAMETERS: [&str; 17] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "application_name",
    // Not one, but harmless to see: hosted databases write it into the URLs that they hand out.
    "channel_binding",
];

/// Whether the driver takes this parameter in a URL of PostgreSQL.
fn is_known(name: &str) -> bool {
    let is_plain = PLAIN_PARAMETERS.contains(&name) && name != "channel_binding";
    is_plain || ["password", "options"].contains(&name) || name.starts_with("options[")
}

impl FromStr for DatabaseUrl {
    type Err = Error;

    /// Reads `sqlite:…`, `postgres://…` or `postgresql://…`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let (scheme, rest) = text.split_once(':').unwrap_or_default();
        match scheme {
            "sqlite" => sqlite(text, rest),
            "postgres" | "postgresql" if rest.starts_with("//") => postgres(text),
            _ => Err(Error::Scheme),
        }
    }
}

fn sqlite(text: &str, rest: &str) -> Result<DatabaseUrl, Error> {
    let (file, query) = rest.split_once('?').unwrap_or((rest, ""));
    if file.trim_start_matches('/').is_empty() {
        return Err(Error::NoFile);
    }
    let mut names = url::form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name);
    if names.any(|name| !SQLITE_PARAMETERS.contains(&&*name)) {
        return Err(Error::Parameter);
    }
    Ok(DatabaseUrl { text: Zeroizing::new(text.to_owned()), unknown: 0 })
}

fn postgres(text: &str) -> Result<DatabaseUrl, Error> {
    let mut url = Url::parse(text).map_err(|_| Error::NotAUrl)?;
    let unknown = url.query_pairs().filter(|(name, _)| !is_known(name)).count();
    // A user of the query may have an `@` in it (`user=ada@server`), since there everything has its name.
    let is_split = url.path().contains('@') || (unknown > 0 && has_stray_at(text));
    if url.fragment().is_some() || is_split {
        return Err(Error::Unescaped);
    }
    if unknown > 0 {
        let known: Vec<(String, String)> =
            url.query_pairs().filter(|(name, _)| is_known(name)).map(|(n, v)| (n.into(), v.into())).collect();
        url.set_query(None);
        if !known.is_empty() {
            url.query_pairs_mut().extend_pairs(known);
        }
        return Ok(DatabaseUrl { text: Zeroizing::new(url.into()), unknown });
    }
    Ok(DatabaseUrl { text: Zeroizing::new(text.to_owned()), unknown })
}

impl DatabaseUrl {
    /// The URL itself, for the driver and nothing else.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// The URL with every password replaced.
    pub fn redacted(&self) -> String {
        match self.text.strip_prefix("sqlite:") {
            // Another database was meant.
            Some(rest)
                if rest.starts_with("//")
                    && rest[2..].split('/').next().is_some_and(|host| host.contains(['@', ':'])) =>
            {
                "sqlite:(hidden)".to_owned()
            }
            Some(_) => self.text.to_string(),
            None => redacted(&self.text, &PLAIN_PARAMETERS),
        }
    }

    /// The file of a SQLite database that is one.
    pub fn file(&self) -> Option<PathBuf> {
        let rest = self.text.strip_prefix("sqlite:")?;
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        let (file, query) = rest.split_once('?').unwrap_or((rest, ""));
        if file == ":memory:" || query.contains("mode=memory") {
            return None;
        }
        Some(PathBuf::from(&*percent_decode_str(file).decode_utf8().ok()?))
    }

    /// What is to be said of parameters that mean nothing here.
    pub(super) fn unknown_parameters(&self) -> Option<String> {
        let unused = "that Signet does not know and leaves out; operating.md says which it takes";
        match self.unknown {
            0 => None,
            1 => Some(format!("has a parameter {unused}")),
            several => Some(format!("has {several} parameters {unused}")),
        }
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
    fn from_str_refuses_what_splits_a_password_without_a_character_of_it() {
        for text in [
            "postgres://u:1/S3CRET@h/d",
            "postgres://u:1?S3CRET@h/d",
            "postgres://u:1?S3=CRET@h/d",
            "postgres://u:1#S3CRET@h/d",
            "postgres://u:S3/CRET@h/d",
            "postgres://u:S3?CRET@h/d",
            "postgres://u:S3#CRET@h/d",
            "postgres://h/d#S3CRET",
            "sqlite:a.db?key=S3CRET",
        ] {
            let refusal = text.parse::<DatabaseUrl>().unwrap_err().to_string();
            assert!(!refusal.contains("S3") && !refusal.contains("CRET"), "{text}: {refusal}");
            assert!(refusal.contains("percent-encoded") || text.starts_with("sqlite"), "{text}: {refusal}");
        }
        let split = "sqlite://u:S3CRET@h/d".parse::<DatabaseUrl>().unwrap();
        assert!(!format!("{split:?}").contains("S3CRET"));
    }

    #[test]
    fn from_str_keeps_parameters_that_mean_nothing_from_the_driver_and_values_from_people() {
        let url = "postgres://ada@h/d?sslmode=require&sslpassword=S3CRET&channel_binding=require&user=a@b&options=-c%20x=S3CRET";
        let refused = url.parse::<DatabaseUrl>();
        assert_eq!(refused.unwrap_err(), Error::Unescaped, "an @ beside what is unknown");
        let url = url.replace("a@b", "a%40b").parse::<DatabaseUrl>().unwrap();
        assert_eq!(url.expose(), "postgres://ada@h/d?sslmode=require&user=a%40b&options=-c+x%3DS3CRET");
        assert!(url.unknown_parameters().unwrap().contains("2 parameters"));
        assert_eq!(url.redacted(), "postgres://ada@h/d?sslmode=require&user=a%40b&options=***");
        for text in ["postgres://h/d?user=ada@server", "postgres://h/d", "postgres://u:p@ss@h/d"] {
            let url = text.parse::<DatabaseUrl>().unwrap();
            assert_eq!((url.expose(), url.unknown_parameters()), (text, None), "byte for byte");
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
