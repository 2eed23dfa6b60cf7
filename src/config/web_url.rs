//! URLs, read as browsers read them and shown without what is secret in them.
//! In: a text. Out: a URL that all readers take for the same place, its origin, or a text for people.
//! Owns: a text that two readers could take for two different places is not read; no password is shown.

use std::borrow::Cow;

use url::Url;

/// Reads `scheme://…` with neither user nor password, spelled so that all readers agree on the host.
pub(super) fn parse_absolute(text: &str) -> Option<Url> {
    if !is_visible_ascii(text) || text.contains('\\') {
        return None;
    }
    let (scheme, rest) = text.split_once("://")?;
    let url = Url::parse(text).ok()?;
    // WHATWG URLs also read `https:///host` as `https://host`.
    let skipped_slash = matches!(url.scheme(), "http" | "https") && rest.starts_with('/');
    let agreed = url.scheme().eq_ignore_ascii_case(scheme) && !skipped_slash;
    (agreed && url.username().is_empty() && url.password().is_none()).then_some(url)
}

/// The same for a text that an operator writes: an international host may be spelled in its own letters, which is
/// read as browsers read it, into the ASCII form that they send (UTS 46).
pub(super) fn parse_configured(text: &str) -> Option<Url> {
    if text.is_ascii() {
        return parse_absolute(text);
    }
    let (scheme, rest) = text.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, after) = rest.split_at(end);
    let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
    let colon = if authority.contains(':') { ":" } else { "" };
    parse_absolute(&format!("{scheme}://{}{colon}{port}{after}", ascii_host(host)?))
}

/// The ASCII form of the name of a host, or of a part of one.
pub(super) fn ascii_host(name: &str) -> Option<String> {
    if name.is_ascii() {
        return Some(name.to_owned());
    }
    // Only what is a name by itself: nothing that the reading of a URL would take for something else.
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_') || !c.is_ascii();
    let read = name.chars().all(is_name).then(|| Url::parse(&format!("https://{name}")).ok()).flatten()?;
    match read.host() {
        Some(url::Host::Domain(host)) if read.path() == "/" => Some(host.to_owned()),
        _ => None,
    }
}

/// Browsers drop tabs and newlines inside a URL and other readers do not, so none is accepted.
pub(super) fn is_visible_ascii(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The canonical origin of an http or https URL: lower case, default port left out (RFC 6454 section 6.2).
pub(super) fn web_origin(url: &Url) -> Option<String> {
    matches!(url.scheme(), "http" | "https").then(|| url.origin().ascii_serialization())
}

/// Is the host of this URL this very machine?
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

/// What stands in place of a secret.
pub(super) const HIDDEN: &str = "***";

/// The URL for people: without its password, and without the values of parameters, but for those in `plain`.
pub(super) fn redacted(text: &str, plain: &[&str]) -> String {
    let nothing = || "(hidden)".to_owned();
    let Ok(mut url) = Url::parse(text) else { return nothing() };
    // One that was not percent-encoded may have split a password: then where it ends is unknown.
    if has_stray_at(text) || (url.password().is_some() && url.set_password(Some(HIDDEN)).is_err()) {
        return nothing();
    }
    if url.query().is_some() {
        let show = |(key, value): (Cow<'_, str>, Cow<'_, str>)| match plain.contains(&&*key) {
            true => (key.into_owned(), value.into_owned()),
            false => (key.into_owned(), HIDDEN.to_owned()),
        };
        let pairs: Vec<(String, String)> = url.query_pairs().map(show).collect();
        url.query_pairs_mut().clear().extend_pairs(pairs);
    }
    url.to_string()
}

/// The text of a URL after its authority: path, query and fragment, as they are written.
pub(super) fn after_authority(text: &str) -> &str {
    let rest = text.split_once("//").map_or(text, |(_, rest)| rest);
    rest.find(['/', '?', '#']).map_or("", |end| &rest[end..])
}

/// Whether there is an `@` after the authority: there it should be percent-encoded, and mostly means that a `/`, `?`
/// or `#` of a password is not.
pub(super) fn has_stray_at(text: &str) -> bool {
    after_authority(text).contains('@')
}

/// A text in a message that is no URL but should be one. Of one that may hold a password or a key nothing is shown
/// that may be a part of it.
pub(super) fn quoted(text: &str) -> String {
    const NOTHING: &str = "\"…\"";
    let authority = text.split_once("//").map_or(text, |(_, rest)| rest);
    let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
    let port = authority.rsplit_once(':').filter(|_| !authority.ends_with(']')).map_or("", |(_, port)| port);
    if text.contains('@') || !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return NOTHING.to_owned();
    }
    match text.find(['?', '#']) {
        Some(end) => format!("\"{}…\"", text[..=end].escape_debug()),
        None => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_shows_nothing_that_may_be_a_part_of_a_password_or_a_key() {
        for text in [
            "https://u:S3CRET@h",
            "https://u:1/S3CRET@h",
            "https://u:1?S3CRET@h",
            "https://u:1#S3CRET@h",
            "u:S3CRET@h",
            "https://u:S3CRET",
            "https://u:S3CRET@S3CRET@h/S3CRET@",
            "https://h/?key=S3CRET",
            "https://h/#S3CRET",
        ] {
            let shown = quoted(text);
            assert!(!shown.contains("S3C") && !shown.contains('1'), "{text}: {shown}");
        }
        for text in [
            "auth.example.com",
            "auth.example.com:8080",
            "https://h/path",
            "http://[::1]:80/",
            "http://[::1]",
        ] {
            assert_eq!(quoted(text), format!("{text:?}"));
        }
    }
}
