//! Whether a browser acts for its user or for a foreign page (CSRF).
//! In: the headers of a request that changes something. Out: go on, or 403.
//! Owns: a request that carries a cookie, or that signs a user in from a browser, comes from a trusted origin.

use std::borrow::Cow;

use poem::http::HeaderMap;
use poem::http::header::{HOST, HeaderName, ORIGIN, REFERER};

use super::cookie::Cookies;
use crate::config::TrustedOrigins;
use crate::http::framework::code::Code;
use crate::http::framework::headers::first;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
/// Where the client of Better Auth's Expo plugin says which app it is: apps have no origin of their own. A page can
/// only send it once a preflight has let its origin in, and then sends `Origin` too, which goes before.
const EXPO_ORIGIN: HeaderName = HeaderName::from_static("expo-origin");

/// Judges a request that carries a cookie; others pass, since a foreign page has nothing to abuse. So do those with the
/// cookie of a device alone: a program that keeps cookies has no other left when it has signed out.
///
/// # Errors
/// 403 `MISSING_OR_NULL_ORIGIN` or `INVALID_ORIGIN`.
pub fn check_cookie_request(
    headers: &HeaderMap,
    cookies: &Cookies,
    trusted: &TrustedOrigins,
) -> Result<(), Code> {
    if cookies.any_but_device(headers) { check_origin(headers, trusted) } else { Ok(()) }
}

/// Judges a sign-in or sign-up without a cookie: a foreign page must not sign its visitor in as another user.
///
/// A browser always says where such a request comes from. Programs do not; Node's fetch is one of them, though it sends
/// `Sec-Fetch-Mode` like a browser, so that header alone proves nothing.
///
/// # Errors
/// 403 `CROSS_SITE_NAVIGATION_LOGIN_BLOCKED`, `MISSING_OR_NULL_ORIGIN` or `INVALID_ORIGIN`.
pub fn check_sign_in_request(headers: &HeaderMap, trusted: &TrustedOrigins) -> Result<(), Code> {
    let site = first(headers, &SEC_FETCH_SITE);
    let mode = first(headers, &SEC_FETCH_MODE);
    if site.as_deref() == Some("cross-site") && mode.as_deref() == Some("navigate") {
        return Err(Code::CrossSiteLoginBlocked);
    }
    let says_where = [ORIGIN, REFERER, EXPO_ORIGIN].iter().any(|name| headers.contains_key(name));
    if says_where || site.is_some() { check_origin(headers, trusted) } else { Ok(()) }
}

fn check_origin(headers: &HeaderMap, trusted: &TrustedOrigins) -> Result<(), Code> {
    let site = first(headers, &SEC_FETCH_SITE);
    let origin = match first(headers, &ORIGIN) {
        // A privacy setting may hide the origin of a page of ours; the browser still vouches for it.
        Some(origin) if origin == "null" && site.as_deref() == Some("same-origin") => {
            own_origin(headers, trusted)
        }
        Some(origin) if origin == "null" => None,
        Some(origin) => Some(origin.into_owned()),
        None => {
            let app = first(headers, &EXPO_ORIGIN).filter(|app| !app.is_empty());
            app.or_else(|| first(headers, &REFERER)).map(Cow::into_owned)
        }
    };
    let origin = origin.ok_or(Code::MissingOrNullOrigin)?;
    if trusted.trusts(&origin) { Ok(()) } else { Err(Code::InvalidOrigin) }
}

/// The origin that the request itself was sent to.
fn own_origin(headers: &HeaderMap, trusted: &TrustedOrigins) -> Option<String> {
    let host = first(headers, &HOST)?;
    ["https", "http"].iter().map(|scheme| format!("{scheme}://{host}")).find(|origin| trusted.trusts(origin))
}
