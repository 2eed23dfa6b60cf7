//! The session's cookies and headers, byte for byte as Better Auth's clients know them.
//! In: session tokens; `Cookie` and `Authorization` headers. Out: `Set-Cookie` and `set-auth-token`; session tokens.
//! Owns: a cookie whose signature is wrong is no cookie at all.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};
use poem::http::HeaderMap;
use poem::http::header::{
    ACCESS_CONTROL_EXPOSE_HEADERS, AUTHORIZATION, COOKIE, HeaderName, HeaderValue, SET_COOKIE,
};
use zeroize::Zeroizing;

use crate::identity::SignedIn;
use crate::model::session::{REMEMBERED_FOR, Remember};
use crate::secret::{OpaqueToken, SharedSecret};
use signet_verify::crypto::MacKey;
use signet_verify::guard::bearer;

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
    /// Cookies signed with `secret`, for browsers that know the service by `base_url`.
    pub fn new(secret: &SharedSecret, base_url: &str) -> Self {
        Self { key: MacKey::new(secret), secure: base_url.starts_with("https:") }
    }

    /// The session token that a request shows, if it carries one whose signature is right.
    ///
    /// A bearer token goes before the cookie, unless it is signed and the signature is wrong. Of several cookies of the
    /// name (of another path or domain, or planted by a neighbour) the first whose signature is right counts.
    pub fn session_token(&self, headers: &HeaderMap) -> Option<OpaqueToken> {
        self.bearer_token(headers).or_else(|| {
            let name = self.name("session_token");
            let own = cookie_pairs(headers).filter(|(key, _)| *key == name.as_bytes());
            own.filter_map(|(_, value)| self.opened(&decoded(value)?)).next().map(OpaqueToken::new)
        })
    }

    fn bearer_token(&self, headers: &HeaderMap) -> Option<OpaqueToken> {
        let value = bearer(headers.get(AUTHORIZATION)?.as_bytes())?.trim_ascii();
        if value.contains(&b'.') {
            return self.opened(&decoded(value)?).map(OpaqueToken::new);
        }
        let value = std::str::from_utf8(value).ok()?;
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

/// The cookies of a request, pair by pair, as Better Auth's parser reads them: what one of them holds spoils no other, and
/// HTTP/2 may send each as a line of its own (RFC 9113 section 8.2.3).
pub(in crate::http) fn cookie_pairs(headers: &HeaderMap) -> impl Iterator<Item = (&[u8], &[u8])> {
    headers.get_all(COOKIE).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b';')).filter_map(
        |pair| {
            let equals = pair.iter().position(|byte| *byte == b'=')?;
            let (name, value) = (pair[..equals].trim_ascii(), pair[equals + 1..].trim_ascii());
            // RFC 6265 section 4.1.1 lets a value stand in quotes.
            let unquoted = value.strip_prefix(b"\"").map(|rest| rest.strip_suffix(b"\"").unwrap_or(rest));
            Some((name, unquoted.unwrap_or(value)))
        },
    )
}

/// A value without its percent-encoding; none where that is not UTF-8, as no token of ours is.
pub(super) fn decoded(value: &[u8]) -> Option<Cow<'_, str>> {
    percent_decode(value).decode_utf8().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookies() -> Cookies {
        let secret = "golden-secret-0123456789abcdefghijklmnopqrstuv";
        Cookies::new(&SharedSecret::new(secret.to_owned()).unwrap(), "http://localhost:3000")
    }

    fn request(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    const TOKEN: &str = "nUcswAlgr9c9K48Wpu72vMXQ9PCrQzg8";
    const SIGNED: &str = "nUcswAlgr9c9K48Wpu72vMXQ9PCrQzg8.G09ReWZ1N671chc4GvHOAmpMCpwzIveyYT/BV3YbVgw=";
    const COOKIE_VALUE: &str =
        "nUcswAlgr9c9K48Wpu72vMXQ9PCrQzg8.G09ReWZ1N671chc4GvHOAmpMCpwzIveyYT%2FBV3YbVgw%3D";

    #[test]
    fn set_session_signs_the_cookie_exactly_as_better_auth_does() {
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
    fn session_token_is_read_from_a_cookie_or_bearer_of_better_auth() {
        let read =
            |headers: HeaderMap| cookies().session_token(&headers).map(|token| token.expose().to_owned());
        let cookie = format!("theme=dark; better-auth.session_token={COOKIE_VALUE}; x=y");
        assert_eq!(read(request(COOKIE, &cookie)).as_deref(), Some(TOKEN));
        for value in [TOKEN, SIGNED, COOKIE_VALUE] {
            assert_eq!(read(request(AUTHORIZATION, &format!("bEaReR {value}"))).as_deref(), Some(TOKEN));
        }
    }

    #[test]
    fn session_token_reads_cookies_pair_by_pair_whatever_the_others_hold() {
        let good = format!("better-auth.session_token={COOKIE_VALUE}");
        let unsigned = "better-auth.session_token=nobody";
        let forged = good.replace("nUcs", "mUcs");
        for line in [
            format!("a=\u{eb}; {good}"),
            format!("{good}; \u{43f}=\u{1f36a}"),
            format!("{good};"),
            format!(";;  ; =; a; {good} ;b"),
            format!("a=b=c; {good}"),
            format!("a=\"b; {good}"),
            format!("a={{\"b\":[1,2]}}; {good}"),
            format!("{unsigned}; {good}"),
            format!("{forged};{unsigned};{good};{unsigned}"),
            format!("better-auth.session_token=%ff; {good}"),
            format!("better-auth.session_token=%; {good}"),
            format!("better-auth.session_token={SIGNED}"),
            format!("better-auth.session_token=\"{COOKIE_VALUE}\""),
            format!("better-auth.session_token = {COOKIE_VALUE}"),
            format!("Better-Auth.session_token=x;\t{good}"),
        ] {
            let mut bytes = line.clone().into_bytes();
            for latin_1 in [&b""[..], b"; b=\xeb", b"; \xff"] {
                bytes.extend_from_slice(latin_1);
                let value = HeaderValue::from_bytes(&bytes).unwrap();
                let read = cookies().session_token(&HeaderMap::from_iter([(COOKIE, value)]));
                assert_eq!(read.as_ref().map(OpaqueToken::expose), Some(TOKEN), "{line}");
            }
        }
    }

    #[test]
    fn session_token_reads_every_line_of_cookies() {
        let mut headers = request(COOKIE, "a=b");
        for line in [&b"c=\xeb"[..], b"better-auth.session_token=nobody"] {
            headers.append(COOKIE, HeaderValue::from_bytes(line).unwrap());
        }
        assert!(cookies().session_token(&headers).is_none());
        append(&mut headers, COOKIE, &format!("better-auth.session_token={COOKIE_VALUE}"));
        assert_eq!(cookies().session_token(&headers).unwrap().expose(), TOKEN);
    }

    #[test]
    fn session_token_of_a_bearer_may_have_several_spaces_and_one_that_cannot_be_read_leaves_the_cookie() {
        let read = |value: &[u8]| {
            let mut headers = request(COOKIE, &format!("better-auth.session_token={COOKIE_VALUE}"));
            headers.insert(AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
            cookies().session_token(&headers).unwrap().expose().to_owned()
        };
        for value in [&b"Bearer   other"[..], b"bearer other ", b"BEARER  other"] {
            assert_eq!(read(value), "other");
        }
        for value in [&b"Basic other"[..], b"Bearer", b"Bearer  ", b"Bearer \xff", b"Bearer \xff.x", b"\xff"]
        {
            assert_eq!(read(value), TOKEN, "{value:?}");
        }
    }

    #[test]
    fn session_token_is_not_read_from_unsigned_or_tampered_cookies() {
        for value in [TOKEN, "", ".", &COOKIE_VALUE.replace("nUcs", "mUcs"), &COOKIE_VALUE.replace("%3D", "")]
        {
            let cookie = format!("better-auth.session_token={value}");
            assert!(cookies().session_token(&request(COOKIE, &cookie)).is_none(), "{value}");
        }
    }
}
