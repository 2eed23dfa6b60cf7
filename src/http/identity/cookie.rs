//! The session's cookies and headers, byte for byte as Better Auth's clients know them.
//! In: session tokens; `Cookie` and `Authorization` headers. Out: `Set-Cookie` and `set-auth-token`; session tokens.
//! Owns: a cookie whose signature is wrong is no cookie at all.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use poem::http::HeaderMap;
use poem::http::header::{
    ACCESS_CONTROL_EXPOSE_HEADERS, AUTHORIZATION, COOKIE, HeaderName, HeaderValue, SET_COOKIE,
};
use zeroize::Zeroizing;

use crate::identity::SignedIn;
use crate::model::session::{REMEMBERED_FOR, Remember};
use crate::secret::{OpaqueToken, SharedSecret};
use signet_verify::crypto::MacKey;

/// The characters that JavaScript's `encodeURIComponent` leaves alone.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// Where a browser that got a session also learns the value for `Authorization: Bearer`.
const SET_AUTH_TOKEN: HeaderName = HeaderName::from_static("set-auth-token");
/// Where a signed-in caller of get-session gets a fresh JWT.
const SET_AUTH_JWT: HeaderName = HeaderName::from_static("set-auth-jwt");

/// Base64 of a SHA-256 MAC: 43 characters and one `=`.
const SIGNATURE_LENGTH: usize = 44;

/// Writes and reads the cookies of one deployment.
pub struct Cookies {
    key: MacKey,
    /// Browsers take `__Secure-` names over HTTPS only.
    secure: bool,
}

impl std::fmt::Debug for Cookies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cookies").field("secure", &self.secure).finish_non_exhaustive()
    }
}

impl Cookies {
    /// Cookies signed with `secret`; `secure` when the public base URL is https.
    pub fn new(secret: &SharedSecret, secure: bool) -> Self {
        Self { key: MacKey::new(secret), secure }
    }

    /// The session token that a request shows, if it carries one whose signature is right.
    ///
    /// A bearer token goes before the cookie, unless it is signed and the signature is wrong.
    pub fn session_token(&self, headers: &HeaderMap) -> Option<OpaqueToken> {
        self.bearer_token(headers).or_else(|| {
            let name = self.name("session_token");
            let value = cookie_values(headers).find_map(|(key, value)| (key == name).then_some(value))?;
            self.opened(&percent_decode_str(value).decode_utf8().ok()?).map(OpaqueToken::new)
        })
    }

    fn bearer_token(&self, headers: &HeaderMap) -> Option<OpaqueToken> {
        let (scheme, value) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let value = value.trim();
        if value.contains('.') {
            let decoded = percent_decode_str(value).decode_utf8().ok()?;
            return self.opened(&decoded).map(OpaqueToken::new);
        }
        (!value.is_empty()).then(|| OpaqueToken::new(value.to_owned()))
    }

    /// The headers that hand a session to the caller.
    pub fn set_session(&self, signed_in: &SignedIn) -> HeaderMap {
        let remembered = signed_in.session.remember == Remember::Yes;
        let max_age = remembered.then_some(REMEMBERED_FOR.as_secs());
        let signed = self.sealed(signed_in.token.expose());
        let mut headers = HeaderMap::new();
        append(&mut headers, SET_AUTH_TOKEN, &signed);
        append(&mut headers, ACCESS_CONTROL_EXPOSE_HEADERS, SET_AUTH_TOKEN.as_str());
        append(&mut headers, SET_COOKIE, &self.cookie("session_token", &signed, max_age));
        if !remembered {
            append(&mut headers, SET_COOKIE, &self.cookie("dont_remember", &self.sealed("true"), None));
        }
        headers
    }

    /// The headers that take a session away from the browser.
    pub fn clear(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for name in ["session_token", "session_data", "dont_remember"] {
            append(&mut headers, SET_COOKIE, &self.cookie(name, "", Some(0)));
        }
        headers
    }

    pub(super) fn name(&self, name: &str) -> String {
        format!("{}better-auth.{name}", if self.secure { "__Secure-" } else { "" })
    }

    pub(super) fn cookie(&self, name: &str, value: &str, max_age: Option<u64>) -> String {
        let max_age = max_age.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
        let secure = if self.secure { "; Secure" } else { "" };
        let value = utf8_percent_encode(value, COMPONENT);
        format!("{}={value}{max_age}; Path=/; HttpOnly{secure}; SameSite=Lax", self.name(name))
    }

    /// `text.signature`.
    fn sealed(&self, text: &str) -> Zeroizing<String> {
        Zeroizing::new(format!("{text}.{}", STANDARD.encode(self.key.sign(text.as_bytes()))))
    }

    /// The text of `text.signature`, if the signature is ours.
    fn opened(&self, signed: &str) -> Option<String> {
        let (text, signature) = signed.rsplit_once('.')?;
        if signature.len() != SIGNATURE_LENGTH {
            return None;
        }
        let signature = STANDARD.decode(signature).ok()?;
        self.key.verify(text.as_bytes(), &signature).then(|| text.to_owned())
    }
}

/// Adds a fresh JWT for the caller of get-session.
pub fn set_jwt(headers: &mut HeaderMap, jwt: &str) {
    append(headers, SET_AUTH_JWT, jwt);
    let exposed = match headers.get(ACCESS_CONTROL_EXPOSE_HEADERS) {
        Some(others) => format!("{SET_AUTH_JWT}, {}", others.to_str().unwrap_or_default()),
        None => SET_AUTH_JWT.as_str().to_owned(),
    };
    if let Ok(exposed) = HeaderValue::from_str(&exposed) {
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
}

pub(super) fn append(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.append(name, value);
    }
}

pub(super) fn cookie_values(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookies() -> Cookies {
        let secret = "golden-secret-0123456789abcdefghijklmnopqrstuv";
        Cookies::new(&SharedSecret::new(secret.to_owned()).unwrap(), false)
    }

    fn request(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    const TOKEN: &str = "nUcswAlgr9c9K48Wpu72vMXQ9PCrQzg8";
    const SIGNED: &str = "nUcswAlgr9c9K48Wpu72vMXQ9PCrQzg8.G09ReWZ1N671chc4GvHOAmpMCpwzIveyYT/BV3YbVgw=";
    const COOKIE_VALUE: &str =
        "nUcswAlgr9c9K48Wpu72vMXQ9PCrQzg8.G09ReWZ1N671chc4GvHOAmpMCpwzIveyYT%2FBV3YbVgw%3D";

    #[test]
    fn a_cookie_is_signed_exactly_as_better_auth_signs_it() {
        assert_eq!(*cookies().sealed(TOKEN), SIGNED);
        assert_eq!(*cookies().sealed("true"), "true.vbG3J02l7Kg8LZ4PS8JwieU1QBaEselq4Pxnh1A078g=");
        assert_eq!(
            cookies().cookie("session_token", SIGNED, Some(604_800)),
            format!(
                "better-auth.session_token={COOKIE_VALUE}; Max-Age=604800; Path=/; HttpOnly; SameSite=Lax"
            )
        );
    }

    #[test]
    fn a_cookie_or_bearer_of_better_auth_is_read() {
        let read =
            |headers: HeaderMap| cookies().session_token(&headers).map(|token| token.expose().to_owned());
        let cookie = format!("theme=dark; better-auth.session_token={COOKIE_VALUE}; x=y");
        assert_eq!(read(request(COOKIE, &cookie)).as_deref(), Some(TOKEN));
        for value in [TOKEN, SIGNED, COOKIE_VALUE] {
            assert_eq!(read(request(AUTHORIZATION, &format!("bEaReR {value}"))).as_deref(), Some(TOKEN));
        }
    }

    #[test]
    fn unsigned_and_tampered_cookies_are_no_cookies() {
        for value in [TOKEN, "", ".", &COOKIE_VALUE.replace("nUcs", "mUcs"), &COOKIE_VALUE.replace("%3D", "")]
        {
            let cookie = format!("better-auth.session_token={value}");
            assert!(cookies().session_token(&request(COOKIE, &cookie)).is_none(), "{value}");
        }
    }
}
