//! The cookies of one browser, as far as sign-ins depend on them (RFC 6265bis).

use reqwest::header::{HeaderMap, SET_COOKIE};
use url::Url;

/// Where a request comes from, which decides about cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// The person typed the address, or the page is of the same site.
    SameSite,
    /// A page of another site leads there.
    CrossSite,
}

#[derive(Clone, Debug)]
struct Cookie {
    host: String,
    name: String,
    value: String,
    path: String,
    same_site: String,
}

/// The cookies of one browser. Ports do not separate them.
#[derive(Clone, Debug, Default)]
pub struct Cookies(Vec<Cookie>);

impl Cookies {
    /// Keeps what an answer sets.
    ///
    /// # Panics
    /// When a browser would refuse a cookie for its name or attributes.
    pub fn keep(&mut self, url: &Url, headers: &HeaderMap) {
        for line in headers.get_all(SET_COOKIE) {
            let line = String::from_utf8_lossy(line.as_bytes()).into_owned();
            let mut parts = line.split(';').map(str::trim);
            let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { continue };
            let attributes: Vec<(String, String)> = parts
                .map(|part| {
                    let (name, value) = part.split_once('=').unwrap_or((part, ""));
                    (name.to_ascii_lowercase(), value.to_owned())
                })
                .collect();
            let get = |wanted: &str| {
                attributes.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
            };
            let host = url.host_str().unwrap().to_owned();
            if let Some(domain) = get("domain") {
                let domain = domain.trim_start_matches('.');
                assert!(
                    host == domain || host.ends_with(&format!(".{domain}")),
                    "a cookie of another host: {line}"
                );
            }
            let is_secure = get("secure").is_some();
            if name.starts_with("__Host-") {
                let sound = is_secure && get("domain").is_none() && get("path") == Some("/");
                assert!(sound, "browsers refuse it: {line}");
            }
            let is_here = url.scheme() == "https" || host == "localhost" || host == "127.0.0.1";
            if is_secure && !is_here {
                continue;
            }
            let path = get("path").filter(|path| path.starts_with('/')).map_or_else(
                || {
                    url.path()
                        .rsplit_once('/')
                        .map_or("/", |(folder, _)| if folder.is_empty() { "/" } else { folder })
                        .to_owned()
                },
                str::to_owned,
            );
            self.0.retain(|kept| !(kept.host == host && kept.name == name && kept.path == path));
            // Expiry dates are those of cookies that are deleted.
            let is_over = get("max-age").is_some_and(|age| age.parse::<i64>().is_ok_and(|age| age <= 0))
                || get("expires").is_some_and(|date| date.contains("1970") || date.contains("1969"));
            if !is_over {
                let same_site = get("samesite").unwrap_or("lax").to_ascii_lowercase();
                self.0.push(Cookie { host, name: name.to_owned(), value: value.to_owned(), path, same_site });
            }
        }
    }

    /// The header for a navigation.
    pub fn header(&self, url: &Url, method: &str, from: From) -> Option<String> {
        let host = url.host_str()?;
        let is_sent = |cookie: &&Cookie| {
            let begins = url.path().starts_with(&cookie.path);
            let path = begins
                && (cookie.path.ends_with('/')
                    || url.path().len() == cookie.path.len()
                    || url.path()[cookie.path.len()..].starts_with('/'));
            let site = match (from, cookie.same_site.as_str()) {
                (From::SameSite, _) | (_, "none") => true,
                (From::CrossSite, "strict") => false,
                (From::CrossSite, _) => method == "GET",
            };
            cookie.host == host && path && site
        };
        let pairs: Vec<String> =
            self.0.iter().filter(is_sent).map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// The value of a cookie, wherever it belongs.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|cookie| cookie.name == name).map(|cookie| cookie.value.as_str())
    }

    /// Forgets one cookie.
    pub fn forget(&mut self, name: &str) {
        self.0.retain(|cookie| cookie.name != name);
    }

    /// Forgets everything, as a browser that is closed for good.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}
