//! What an operator may write to trust further origins.
//! In: `https://app.example.com`, `https://*.example.com`, `*.example.com`, `myapp://`. Out: does a URL come from there?
//! Owns: a wildcard never reaches past the name that the operator wrote: the end of the host is always literal.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

use super::web_url::{parse_absolute, web_origin};

/// One entry of `BETTER_AUTH_TRUSTED_ORIGINS`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginPattern {
    text: String,
    rule: Rule,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    /// An http(s) origin, in its canonical spelling.
    Exact(String),
    /// Wildcards over http(s) origins. Without a port only the default port of the scheme is meant.
    Wild { scheme: Option<String>, host: String, port: Option<String>, addresses_only: bool },
    /// The scheme of a mobile or desktop app or a browser extension, with or without a host.
    App { scheme: String, host: Option<String> },
}

/// Why a text is not an origin pattern: the rest of a sentence that begins with the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Neither a URL nor a pattern.
    #[error(
        "is neither an origin such as https://app.example.com nor a pattern such as https://*.example.com"
    )]
    NotAnOrigin,
    /// More than an origin.
    #[error("is more than an origin; leave out user, path, query and fragment")]
    MoreThanAnOrigin,
    /// The wildcard would also match foreign hosts.
    #[error(
        "does not end in a literal host name, so it would trust the hosts of strangers; write it like *.example.com"
    )]
    OpenEnd,
    /// Wildcards work for http and https alone.
    #[error("has wildcards, so its scheme must be http, https or left out")]
    WildScheme,
    /// A scheme whose URLs carry code or files.
    #[error("has a scheme that no frontend comes from")]
    UnsafeScheme,
}

/// URLs of these schemes carry code or local data, so being sent to one is never safe.
const UNSAFE_SCHEMES: [&str; 9] =
    ["about", "blob", "data", "file", "filesystem", "ftp", "javascript", "vbscript", "view-source"];

impl OriginPattern {
    /// Does this pattern trust the origin of `url`?
    pub(super) fn matches(&self, url: &Url) -> bool {
        match &self.rule {
            Rule::Exact(origin) => web_origin(url).as_ref() == Some(origin),
            Rule::App { scheme, host } => {
                let given = url.host_str().unwrap_or_default();
                url.scheme() == scheme && host.as_ref().is_none_or(|host| host.eq_ignore_ascii_case(given))
            }
            Rule::Wild { scheme, host, port, addresses_only } => {
                let default_port = url.port().is_none();
                let effective = url.port_or_known_default().unwrap_or_default().to_string();
                matches!(url.scheme(), "http" | "https")
                    && scheme.as_ref().is_none_or(|scheme| glob(scheme, url.scheme()))
                    && (!addresses_only || matches!(url.host(), Some(Host::Ipv4(_))))
                    && glob(host, url.host_str().unwrap_or_default())
                    && port.as_ref().map_or(default_port, |port| glob(port, &effective))
            }
        }
    }
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for OriginPattern {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let text =
            text.strip_suffix('/').filter(|rest| !rest.ends_with('/')).unwrap_or(text).to_ascii_lowercase();
        let rule = if text.contains(['*', '?']) { wild(&text)? } else { exact(&text)? };
        Ok(Self { text, rule })
    }
}

fn exact(text: &str) -> Result<Rule, Error> {
    // An app's bare scheme, `myapp://`, has lost nothing but a slash to the caller, which only strips a single one.
    let url = parse_absolute(text).ok_or(Error::NotAnOrigin)?;
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err(Error::MoreThanAnOrigin);
    }
    if let Some(origin) = web_origin(&url) {
        return Ok(Rule::Exact(origin));
    }
    if UNSAFE_SCHEMES.contains(&url.scheme()) || url.port().is_some() {
        return Err(Error::UnsafeScheme);
    }
    let host = url.host_str().filter(|host| !host.is_empty()).map(str::to_owned);
    Ok(Rule::App { scheme: url.scheme().to_owned(), host })
}

fn wild(text: &str) -> Result<Rule, Error> {
    let (scheme, authority) = match text.split_once("://") {
        Some((scheme, authority)) => (Some(scheme), authority),
        None => (None, text),
    };
    if scheme.is_some_and(|scheme| !glob(scheme, "http") && !glob(scheme, "https")) {
        return Err(Error::WildScheme);
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    let host_character = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '*' | '?');
    let port_character = |c: char| c.is_ascii_digit() || matches!(c, '*' | '?');
    if authority.contains(['/', '@', '#']) {
        return Err(Error::MoreThanAnOrigin);
    }
    if !host.chars().all(host_character)
        || port.is_some_and(|port| port.is_empty() || !port.chars().all(port_character))
    {
        return Err(Error::NotAnOrigin);
    }
    let last_label = host.rsplit('.').next().unwrap_or_default();
    // `192.168.1.*` may end in a wildcard, for it is matched against addresses and never against names.
    let addresses_only = host.starts_with(|c: char| c.is_ascii_digit())
        && host.contains('.')
        && !host.contains(|c: char| c.is_ascii_alphabetic() || matches!(c, '-' | '_'));
    if last_label.is_empty() || (last_label.contains(['*', '?']) && !addresses_only) {
        return Err(Error::OpenEnd);
    }
    Ok(Rule::Wild {
        scheme: scheme.map(str::to_owned),
        host: host.to_owned(),
        port: port.map(str::to_owned),
        addresses_only,
    })
}

/// `*` stands for any characters or none, `?` for exactly one. Linear in memory and never recursive.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&byte) if byte == b'?' || byte == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                // The last star takes one character more, and what follows it is tried again.
                Some((star_at, taken)) => {
                    star = Some((star_at, taken + 1));
                    p = star_at + 1;
                    t = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::glob;

    #[test]
    fn matches_takes_stars_and_question_marks_as_shells_do() {
        for (pattern, text) in
            [("*", ""), ("a*c", "abc"), ("a*c", "ac"), ("a?c", "abc"), ("*b*b", "abab"), ("**", "x")]
        {
            assert!(glob(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("", "a"), ("?", ""), ("a*c", "abd"), ("a?c", "ac"), ("*b", "bc")] {
            assert!(!glob(pattern, text), "{pattern} {text}");
        }
    }
}
