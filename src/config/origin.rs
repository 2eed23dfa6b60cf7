//! Which origins may act for a signed-in browser, and where it may be sent afterwards.
//! In: an `Origin` or `Referer` header, or a `callbackURL` from a body. Out: trusted or not.
//! Owns: a text that two readers could take for two different places is not trusted.

use url::Url;

use super::pattern::OriginPattern;

/// The origins of this deployment: its own, and those that the operator listed.
#[derive(Clone, Debug)]
pub struct TrustedOrigins {
    own: Vec<String>,
    patterns: Vec<OriginPattern>,
}

impl TrustedOrigins {
    /// Trusts the origin of every URL in `own`, and what `patterns` match.
    pub fn new(own: impl IntoIterator<Item = String>, patterns: Vec<OriginPattern>) -> Self {
        let own = own.into_iter().filter_map(|url| web_origin(&parse_absolute(&url)?)).collect();
        Self { own, patterns }
    }

    /// Is this `Origin` (or the origin of this `Referer`) trusted?
    ///
    /// `null`, relative references and texts that are not plain URLs never are.
    pub fn trusts(&self, origin: &str) -> bool {
        let Some(url) = parse_absolute(origin) else { return false };
        web_origin(&url).is_some_and(|origin| self.own.contains(&origin))
            || self.patterns.iter().any(|pattern| pattern.matches(&url))
    }

    /// May a browser be sent to this URL: an absolute one on a trusted origin, or a path on our own?
    pub fn trusts_url(&self, url: &str) -> bool {
        if url.starts_with('/') { is_plain_path(url) } else { self.trusts(url) }
    }
}

/// A path that every browser and proxy resolves to our own origin: `//host`, `/\host` and what a proxy may decode to
/// them lead elsewhere.
fn is_plain_path(reference: &str) -> bool {
    let path = reference.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    is_visible_ascii(reference)
        && !reference.contains('\\')
        && !["//", "%2f", "%5c"].iter().any(|trap| path.contains(trap))
}

/// Browsers drop tabs and newlines inside a URL and other readers do not, so none is accepted.
fn is_visible_ascii(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

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
