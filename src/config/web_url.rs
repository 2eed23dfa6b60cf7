//! URLs, read as browsers read them and shown without what is secret in them.
//! In: a text. Out: a URL that all readers take for the same place, its origin, or a text for people.
//! Owns: a text that two readers could take for two different places is not read; no password is shown.

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

/// The URL with every password replaced, also those that drivers take as parameters.
pub(super) fn redacted(text: &str) -> String {
    const HIDDEN: &str = "***";
    let Ok(mut url) = Url::parse(text) else { return "(hidden)".to_owned() };
    if url.password().is_some() && url.set_password(Some(HIDDEN)).is_err() {
        return "(hidden)".to_owned();
    }
    if url.query().is_some() {
        let pairs: Vec<(String, String)> = url
            .query_pairs()
            .map(|(key, value)| {
                let shown = if key.contains("password") { HIDDEN.to_owned() } else { value.into_owned() };
                (key.into_owned(), shown)
            })
            .collect();
        url.query_pairs_mut().clear().extend_pairs(pairs);
    }
    url.to_string()
}

/// A text in a message that is no URL but should be one: without what stands before an `@`, which may be a password.
pub(super) fn quoted(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((_, rest)) => format!("\"…@{}\"", rest.escape_debug()),
        None => format!("{text:?}"),
    }
}
