//! Where mail goes: a server, a folder, or nowhere.
//! In: `SIGNET_MAIL`. Out: what a delivery needs to know of it, and a text without the password for people.
//! Owns: the password of a mail server is shown by nothing but `expose`; no mail leaves this machine without TLS.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use url::{Host, Url};

use super::web_url::HIDDEN;
use crate::secret::MailPassword;

/// Where mail goes.
#[derive(Clone, Debug)]
pub enum MailUrl {
    /// To a server.
    Smtp(SmtpServer),
    /// Into files, one for each message.
    Folder(PathBuf),
    /// Nowhere: none is promised.
    Off,
}

/// A server that takes mail (RFC 6409).
#[derive(Clone, Debug)]
pub struct SmtpServer {
    /// Its name or address, an IPv6 address without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the way to it is protected.
    pub protection: Protection,
    /// Who we are there.
    pub login: Option<Login>,
}

/// How the way to a mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// TLS from the first byte (RFC 8314).
    Tls,
    /// STARTTLS (RFC 3207), without which nothing is sent.
    StartTls,
    /// STARTTLS where it is offered, with whatever certificate: the server is this machine.
    Loopback,
}

/// Who we are at a mail server.
#[derive(Clone, Debug)]
pub struct Login {
    /// The user.
    pub user: String,
    /// The password.
    pub password: MailPassword,
}

/// Why a text says nowhere that mail could go: the rest of a sentence that shows nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Something else.
    #[error(
        "is nowhere that mail could go; write it like smtp://USER:PASSWORD@HOST:587, smtps://USER:PASSWORD@HOST:465, \
         file:FOLDER or off, with special characters of user and password percent-encoded"
    )]
    NotMail,
    /// Something after the host.
    #[error(
        "has a path, a query or a fragment, and takes nothing but ?tls=required; where it is a part of the password it \
         must be percent-encoded (/ is %2F, ? is %3F, # is %23)"
    )]
    Parameters,
    /// A user without a password or the other way round.
    #[error("has a user or a password without the other; write both, USER:PASSWORD@HOST, or neither")]
    HalfLogin,
}

impl FromStr for MailUrl {
    type Err = Error;

    /// Reads `smtp://…`, `smtps://…`, `file:…` or `off`.
    fn from_str(text: &str) -> Result<Self, Error> {
        if text == "off" {
            return Ok(Self::Off);
        }
        if let Some(folder) = text.strip_prefix("file:") {
            let folder = folder.strip_prefix("//").unwrap_or(folder);
            let is_folder = !folder.is_empty() && !folder.chars().any(char::is_control);
            return if is_folder { Ok(Self::Folder(folder.into())) } else { Err(Error::NotMail) };
        }
        smtp(text).map(Self::Smtp)
    }
}

fn smtp(text: &str) -> Result<SmtpServer, Error> {
    let url = Url::parse(text).map_err(|_| Error::NotMail)?;
    let implicit = match url.scheme() {
        "smtps" => true,
        "smtp" => false,
        _ => return Err(Error::NotMail),
    };
    let tls_required = match url.query() {
        None => false,
        Some("tls=required") => true,
        Some(_) => return Err(Error::Parameters),
    };
    if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
        return Err(Error::Parameters);
    }
    let (host, is_this_machine) = host(&url).ok_or(Error::NotMail)?;
    let protection = match implicit {
        true => Protection::Tls,
        false if is_this_machine && !tls_required => Protection::Loopback,
        false => Protection::StartTls,
    };
    let port = url.port().unwrap_or(if implicit { 465 } else { 587 });
    let login = match (url.username(), url.password()) {
        ("", None) => None,
        ("", Some(_)) | (_, None | Some("")) => return Err(Error::HalfLogin),
        (user, Some(password)) => Some(Login {
            user: decoded(user).ok_or(Error::NotMail)?,
            password: MailPassword::new(decoded(password).ok_or(Error::NotMail)?),
        }),
    };
    Ok(SmtpServer { host, port, protection, login })
}

/// The host, and whether it is this machine.
fn host(url: &Url) -> Option<(String, bool)> {
    let named = match url.host()? {
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => address.to_string(),
        Host::Domain(name) => name.to_ascii_lowercase(),
    };
    // The addresses of URLs of a scheme that is not the web's are names to the reader of URLs.
    if let Ok(address) = named.parse::<IpAddr>() {
        return (!address.is_unspecified()).then(|| (named, address.is_loopback()));
    }
    let is_name =
        !named.is_empty() && named.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    let is_this_machine = named == "localhost" || named.ends_with(".localhost");
    is_name.then_some((named, is_this_machine))
}

fn decoded(text: &str) -> Option<String> {
    let text = percent_decode_str(text).decode_utf8().ok()?;
    (!text.chars().any(char::is_control)).then(|| text.into_owned())
}

impl MailUrl {
    /// Where mail goes, without the password.
    pub fn redacted(&self) -> String {
        match self {
            Self::Off => "off".to_owned(),
            Self::Folder(folder) => format!("file:{}", folder.display()),
            Self::Smtp(server) => server.redacted(),
        }
    }
}

impl SmtpServer {
    fn redacted(&self) -> String {
        let (scheme, after) = match self.protection {
            Protection::Tls => ("smtps", ""),
            Protection::StartTls => ("smtp", " (STARTTLS demanded)"),
            Protection::Loopback => ("smtp", " (TLS where it is offered)"),
        };
        let login = match &self.login {
            Some(login) => format!("{}:{HIDDEN}@", login.user),
            None => String::new(),
        };
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        format!("{scheme}://{login}{host}:{}{after}", self.port)
    }
}

impl fmt::Display for SmtpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        text.parse::<MailUrl>().map_or_else(|why| format!("{why:?}"), |url| url.redacted())
    }

    #[test]
    fn from_str_demands_tls_unless_the_host_is_this_machine() {
        for (text, expected) in [
            ("smtp://mail.example.com", "smtp://mail.example.com:587 (STARTTLS demanded)"),
            ("smtp://u:p@Mail.Example.com:25", "smtp://u:***@mail.example.com:25 (STARTTLS demanded)"),
            ("smtp://10.0.0.7:25", "smtp://10.0.0.7:25 (STARTTLS demanded)"),
            ("smtp://localhost.example.com", "smtp://localhost.example.com:587 (STARTTLS demanded)"),
            ("smtp://localhost:25", "smtp://localhost:25 (TLS where it is offered)"),
            ("smtp://127.0.0.1:25/", "smtp://127.0.0.1:25 (TLS where it is offered)"),
            ("smtp://[::1]:25", "smtp://[::1]:25 (TLS where it is offered)"),
            ("smtp://127.0.0.1:25?tls=required", "smtp://127.0.0.1:25 (STARTTLS demanded)"),
            ("smtps://u:p@mail.example.com", "smtps://u:***@mail.example.com:465"),
            ("file:mail", "file:mail"),
            ("file:///var/spool/signet", "file:/var/spool/signet"),
            ("off", "off"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn from_str_decodes_user_and_password() {
        let Ok(MailUrl::Smtp(server)) = "smtp://ada%40example.com:p%2F%3F%23%40%3A@h".parse() else {
            panic!()
        };
        let login = server.login.unwrap();
        assert_eq!((login.user.as_str(), login.password.expose()), ("ada@example.com", "p/?#@:"));
    }

    #[test]
    fn from_str_refuses_what_it_could_misread_and_shows_no_password() {
        for text in [
            "",
            "on",
            "mail.example.com",
            "http://h",
            "smtp:h",
            "smtp://",
            "smtp://0.0.0.0",
            "file:",
            "smtp://a b",
            "smtp://u@h",
            "smtp://:S3CRET@h",
            "smtp://u:@h",
            "smtp://h/S3CRET",
            "smtp://u:S3CRET/x@h",
            "smtp://u:1#S3CRET@h",
            "smtp://u:1?S3CRET@h",
            "smtp://h?tls=none",
            "smtp://u:%0AS3CRET@h",
            "smtp://u:%FF@h",
        ] {
            let refusal = text.parse::<MailUrl>().expect_err(text).to_string();
            assert!(!refusal.contains("S3CRET"), "{text}: {refusal}");
        }
        let url = "smtp://ada:S3CRET@h".parse::<MailUrl>().unwrap();
        assert!(!format!("{url:?} {}", url.redacted()).contains("S3CRET"));
    }
}
