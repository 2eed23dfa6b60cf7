//! The cookie of a device that has signed in before; Better Auth has none like it.
//! In: what the device has been given; `Cookie` headers. Out: `Set-Cookie`; what the device brings.
//! Owns: the cookie is no credential, and a request that carries it alone counts as one without cookies.

use std::time::Duration;

use poem::http::HeaderMap;
use poem::http::header::{COOKIE, SET_COOKIE};

use super::cookie::{Cookies, append, cookie_pairs, decoded};
use crate::identity::{DeviceToken, Devices};

const NAME: &str = "device";
/// How long a device is known after it has last signed in.
const KEPT_FOR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// How many cookies of this name are looked at: one is ours, and pages of other hosts of the domain may have put others
/// beside it.
const MOST: usize = 4;

impl Cookies {
    /// Lets the device keep `text`.
    pub fn set_device(&self, headers: &mut HeaderMap, text: &str) {
        append(headers, SET_COOKIE, &self.cookie(NAME, text, Some(KEPT_FOR.as_secs())));
    }

    /// What the device was given by this deployment and brings along.
    pub fn device_tokens(&self, headers: &HeaderMap, devices: &Devices) -> Vec<DeviceToken> {
        let name = self.name(NAME);
        let own = cookie_pairs(headers).filter(|(key, _)| *key == name.as_bytes());
        let texts =
            own.filter_map(|(_, value)| decoded(value)).filter(|text| text.len() == Devices::MAX_BYTES);
        texts.take(MOST).filter_map(|text| devices.read(&text)).collect()
    }

    /// Whether a request carries a cookie that a foreign page could abuse: any but that of the device.
    pub fn any_but_device(&self, headers: &HeaderMap) -> bool {
        let own = format!("{}=", self.name(NAME)).into_bytes();
        let mut pairs =
            headers.get_all(COOKIE).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
        pairs.any(|pair| !pair.trim_ascii().starts_with(&own))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use poem::http::HeaderValue;
    use signet_verify::clock::SeededEntropy;

    use super::*;
    use crate::identity::Email;
    use crate::secret::SharedSecret;

    fn headers(cookies: &[&str]) -> HeaderMap {
        cookies.iter().map(|cookie| (COOKIE, HeaderValue::from_bytes(cookie.as_bytes()).unwrap())).collect()
    }

    #[test]
    fn device_tokens_are_those_that_we_gave_whatever_stands_beside_them() {
        let secret = SharedSecret::new("a".repeat(32)).unwrap();
        let devices = Devices::new(&secret, Arc::new(SeededEntropy::new(7)));
        let text = devices.remember(&Email::parse("ada@example.com").unwrap(), &[]).unwrap();
        for (base_url, name, attributes) in [
            ("http://localhost:3000", "better-auth.device", "HttpOnly; SameSite=Lax"),
            ("https://id.example", "__Secure-better-auth.device", "HttpOnly; Secure; SameSite=Lax"),
        ] {
            let cookies = Cookies::new(&secret, base_url);
            let found = |lines: &[String]| {
                let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
                cookies.device_tokens(&headers(&lines), &devices).len()
            };
            let mut set = HeaderMap::new();
            cookies.set_device(&mut set, &text);
            assert_eq!(set[SET_COOKIE], format!("{name}={text}; Max-Age=31536000; Path=/; {attributes}"));
            assert_eq!(found(&[format!("a=b; {name}={text}; c=d")]), 1);
            assert_eq!(found(&[format!("{name}=; {name}={}; {name}={text}", text.replace('.', "_"))]), 1);
            assert_eq!(found(&[format!("{name}={text}.{text}"), format!("other.device={text}")]), 0);
            assert_eq!(found(&[format!("{name}={text}; ").repeat(100)]), MOST);
            assert_eq!(
                found(&[format!("b={{\"c\"}}; {name} = \"{text}\""), format!("d=\u{eb}; {name}={text}")]),
                2
            );
        }
    }

    #[test]
    fn any_but_device_sees_every_other_cookie() {
        let cookies = Cookies::new(&SharedSecret::new("a".repeat(32)).unwrap(), "http://localhost:3000");
        let sees = |lines: &[&str]| cookies.any_but_device(&headers(lines));
        assert!(!sees(&[]) && !sees(&["better-auth.device=x"]));
        assert!(!sees(&["better-auth.device=x; better-auth.device=y", "better-auth.device="]));
        for other in
            ["", "a", "a=b", "better-auth.device", "better-auth.devices=x", "better-auth.device=x; a=b", ";"]
        {
            assert!(sees(&[other]), "{other:?}");
            assert!(sees(&["better-auth.device=x", other]), "{other:?}");
        }
    }
}
