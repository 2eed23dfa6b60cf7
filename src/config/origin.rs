//! Which origins may act for a signed-in browser, and where it may be sent afterwards.
//! In: an `Origin` or `Referer` header, or a `callbackURL` from a body. Out: trusted or not.
//! Owns: a text that two readers could take for two different places is not trusted.

use super::pattern::OriginPattern;
use super::web_url::{is_visible_ascii, parse_absolute, web_origin};

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

    /// All of them, for people.
    pub fn describe(&self) -> String {
        let patterns = self.patterns.iter().map(OriginPattern::to_string);
        self.own.iter().cloned().chain(patterns).collect::<Vec<_>>().join(", ")
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
