//! Every path of the contract, and what holds on it.
//! In: a path. Out: its pattern, how often one address may call it, which pages may read it, and who reads its errors.
//! Owns: what has no row is not mounted; tests hold the rows to the OpenAPI documents and to what is really served.

use std::time::Duration;

use poem::error::MethodNotAllowedError;
use poem::{Endpoint, EndpointExt, IntoEndpoint, Route as Router};

use crate::http::framework::code::Code;
use crate::http::framework::error::ApiError;
use crate::sync::rule::Rule;

/// The methods of a page that takes a form.
const FORMS_ALLOW: &str = "GET, HEAD, POST";

/// How often a client may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// As often as it likes: cheap, or limited by something else.
    None,
    /// Attempts of one address are counted together.
    Address(&'static Rule),
    /// The same, but a device that has signed in before is counted by itself: whoever shares its address does not keep it
    /// out.
    AddressOrDevice {
        /// Attempts of one address, and those of one device.
        each: &'static Rule,
        /// Attempts of the devices of one address together.
        devices: &'static Rule,
    },
    /// Attempts of one address are counted for each path.
    AddressAndPath(&'static Rule),
}

/// Which pages of other origins may read an answer (the CORS protocol of the Fetch standard).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origins {
    /// Those that the settings trust, with credentials.
    Trusted,
    /// Any, without credentials: public documents.
    Any,
    /// None: browsers come by navigation alone.
    None,
}

/// Who reads the errors of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// JSON, whoever asks.
    Program,
    /// A page where a browser asks for one and nothing is there.
    Person,
    /// A client of OAuth: JSON of the shape of RFC 6749 section 5.2.
    Client,
}

/// What holds on a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How often it may be called.
    pub limit: Limit,
    /// Which pages may read it.
    pub origins: Origins,
    /// Who reads its errors.
    pub reader: Reader,
}

/// One path of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// As OpenAPI writes it: `{name}` is one segment, and a last `{*name}` is all that follows.
    pub pattern: &'static str,
    /// What holds there.
    pub policy: Policy,
}

const WINDOW: Duration = Duration::from_secs(10);
const MINUTE: Duration = Duration::from_secs(60);

/// Where passwords are tried, or accounts made: three in ten seconds.
const SIGN_INS: &Rule = &Rule { name: "sign-in", burst: 3, window: WINDOW };
const SIGN_UPS: &Rule = &Rule { name: "sign-up", burst: 3, window: WINDOW };
/// Devices that have signed in before: ten of them at one address.
const SIGN_INS_OF_DEVICES: &Rule = &Rule { name: "sign-in-device", burst: 30, window: WINDOW };

/// Where mail is asked for: three in a minute.
const VERIFICATION_MAIL: &Rule = &Rule { name: "verification-mail", burst: 3, window: MINUTE };
const RESET_MAIL: &Rule = &Rule { name: "reset-mail", burst: 3, window: MINUTE };
const CHANGE_MAIL: &Rule = &Rule { name: "change-mail", burst: 3, window: MINUTE };
/// Links whose path holds a token: counted together, whatever the token.
const LINKS: &Rule = &Rule { name: "link", burst: 100, window: WINDOW };

/// Everything else of the identity API: a hundred in ten seconds.
const IDENTITY: &Rule = &Rule { name: "identity", burst: 100, window: WINDOW };

const API: Policy = Policy { limit: Limit::None, origins: Origins::Trusted, reader: Reader::Program };
const PUBLIC: Policy = Policy { origins: Origins::Any, ..API };
const PAGE: Policy = Policy { reader: Reader::Person, ..API };
const ORDINARY: Policy = Policy { limit: Limit::AddressAndPath(IDENTITY), ..API };

/// What clients ask for, from their servers: many users behind one address, and the client is counted by itself.
const TOKENS: &Rule = &Rule { name: "oauth", burst: 600, window: WINDOW };
/// Where clients send users; what is kept of each request is bounded by this.
const AUTHORIZATIONS: &Rule = &Rule { name: "authorize", burst: 100, window: WINDOW };
const OAUTH: Policy = Policy { limit: Limit::AddressAndPath(TOKENS), reader: Reader::Client, ..PUBLIC };

const fn strict(rule: &'static Rule) -> Policy {
    Policy { limit: Limit::Address(rule), ..API }
}

const fn at(pattern: &'static str, policy: Policy) -> Route {
    Route { pattern, policy }
}

/// Everything of the identity API begins so.
const IDENTITY_PREFIX: &str = "/api/auth/";

/// Where passwords are shown; its outcomes are counted by themselves.
pub const SIGN_IN: &str = "/api/auth/sign-in/email";
/// How often, there and on the page that needs no script.
pub const SIGN_IN_LIMIT: Limit = Limit::AddressOrDevice { each: SIGN_INS, devices: SIGN_INS_OF_DEVICES };

/// Every path, once.
pub const ROUTES: &[Route] = &[
    at(SIGN_IN, Policy { limit: SIGN_IN_LIMIT, ..API }),
    at("/api/auth/sign-up/email", strict(SIGN_UPS)),
    // What proves a password here is counted for each session, whoever else is at the address.
    at("/api/auth/change-password", ORDINARY),
    at("/api/auth/verify-password", ORDINARY),
    at("/api/auth/sign-out", ORDINARY),
    at("/api/auth/get-session", ORDINARY),
    at("/api/auth/token", ORDINARY),
    at("/api/auth/list-sessions", ORDINARY),
    at("/api/auth/revoke-session", ORDINARY),
    at("/api/auth/revoke-sessions", ORDINARY),
    at("/api/auth/revoke-other-sessions", ORDINARY),
    at("/api/auth/update-user", ORDINARY),
    at("/api/auth/delete-user", ORDINARY),
    at("/api/auth/delete-user/callback", ORDINARY),
    at("/api/auth/send-verification-email", strict(VERIFICATION_MAIL)),
    at("/api/auth/verify-email", ORDINARY),
    at("/api/auth/change-email", strict(CHANGE_MAIL)),
    at("/api/auth/request-password-reset", strict(RESET_MAIL)),
    at("/api/auth/forget-password", strict(RESET_MAIL)),
    at("/api/auth/reset-password", ORDINARY),
    at("/api/auth/reset-password/{token}", strict(LINKS)),
    at("/api/auth/list-accounts", ORDINARY),
    at("/api/auth/error", ORDINARY),
    // Cheap, public and cached: verifiers behind one address must never be turned away.
    at("/api/auth/jwks", PUBLIC),
    at("/api/auth/ok", API),
    at("/api/auth/oauth2/get-consents", ORDINARY),
    at("/api/auth/oauth2/delete-consent", ORDINARY),
    at("/api/auth/oauth2/token", OAUTH),
    at("/api/auth/oauth2/par", OAUTH),
    at("/api/auth/oauth2/introspect", OAUTH),
    at("/api/auth/oauth2/revoke", OAUTH),
    at("/api/auth/oauth2/userinfo", OAUTH),
    at("/api/auth/device/code", OAUTH),
    at(
        "/api/auth/oauth2/authorize",
        // No page reads what comes here (RFC 9700 section 2.6).
        Policy {
            limit: Limit::AddressAndPath(AUTHORIZATIONS),
            origins: Origins::None,
            reader: Reader::Person,
        },
    ),
    at(
        "/api/auth/oauth2/end-session",
        Policy { limit: Limit::AddressAndPath(AUTHORIZATIONS), reader: Reader::Person, ..API },
    ),
    at("/.well-known/jwks.json", PUBLIC),
    at("/.well-known/openid-configuration", PUBLIC),
    at("/.well-known/oauth-authorization-server", PUBLIC),
    at("/.well-known/oauth-protected-resource", PUBLIC),
    at("/api/{user_id}/tasks", API),
    at("/api/{user_id}/tasks/{id}", API),
    at("/api/{user_id}/tasks/{id}/complete", API),
    at("/", PAGE),
    at("/sign-up", PAGE),
    at("/sign-in", PAGE),
    at("/consent", PAGE),
    at("/device", PAGE),
    at("/forgot-password", PAGE),
    at("/reset-password", PAGE),
    at("/verify-email", PAGE),
    at("/delete-account", PAGE),
    at("/tasks", PAGE),
    at("/account", PAGE),
    at("/.well-known/change-password", API),
    at("/assets/{version}/{*path}", API),
    at("/docs", PAGE),
    at("/docs/oauth2-redirect.html", PAGE),
    at("/openapi/identity.json", PUBLIC),
    at("/openapi/tasks.json", PUBLIC),
    at("/openapi/oauth.json", PUBLIC),
    at("/healthz", API),
    at("/readyz", API),
    at("/metrics", API),
];

/// What holds where nothing is, by the beginning of the path; the first that fits.
const NOWHERE: [(&str, Policy); 9] = [
    ("/api/auth/sign-in/", strict(SIGN_INS)),
    ("/api/auth/sign-up/", strict(SIGN_UPS)),
    ("/api/auth/oauth2/", OAUTH),
    ("/api/auth/device/", OAUTH),
    (IDENTITY_PREFIX, ORDINARY),
    ("/api/", API),
    ("/.well-known/", API),
    ("/openapi/", API),
    ("/", PAGE),
];

/// A path, looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The pattern of its row; none where nothing is.
    pub pattern: Option<&'static str>,
    /// What holds there.
    pub policy: Policy,
}

/// Looks a path up.
pub fn find(path: &str) -> Found {
    // Below the identity API no segment is a variable: `/api/auth/tasks` is no list.
    let is_identity = path.starts_with(IDENTITY_PREFIX);
    let mut routes = ROUTES.iter().filter(|route| !is_identity || route.pattern.starts_with(IDENTITY_PREFIX));
    if let Some(route) = routes.find(|route| route.matches(path)) {
        return Found { pattern: Some(route.pattern), policy: route.policy };
    }
    let policy =
        NOWHERE.iter().find(|(prefix, _)| path.starts_with(prefix)).map_or(PAGE, |(_, policy)| *policy);
    Found { pattern: None, policy }
}

impl Route {
    /// Whether a path is one of this pattern.
    pub fn matches(&self, path: &str) -> bool {
        let mut pattern = self.pattern;
        let mut rest = path;
        // Up to the next variable both are the same; a variable is at least one character.
        while let Some((before, after)) = pattern.split_once('{') {
            let Some(begun) = rest.strip_prefix(before) else { return false };
            let Some((name, remaining)) = after.split_once('}') else { return false };
            let end =
                if name.starts_with('*') { begun.len() } else { begun.find('/').unwrap_or(begun.len()) };
            if end == 0 {
                return false;
            }
            (pattern, rest) = (remaining, &begun[end..]);
        }
        pattern == rest
    }
}

/// Adds an endpoint that answers GET and HEAD at a path of the table.
///
/// # Panics
/// When the path has no row: what is not in the table is not served.
#[must_use]
pub fn mount<E>(router: Router, pattern: &'static str, endpoint: E) -> Router
where
    E: IntoEndpoint,
    E::Endpoint: 'static,
{
    assert!(
        ROUTES.iter().any(|route| route.pattern == pattern),
        "{pattern} has no row in the table of routes"
    );
    let path = pattern.replace("{*", "*").replace('{', ":").replace('}', "");
    router.at(path, poem::get(endpoint))
}

/// Adds a page that also takes a form; its path is one of [`ROUTES`].
///
/// # Panics
/// As [`mount`] does.
#[must_use]
pub fn mount_form<E: Endpoint + Clone + 'static>(
    router: Router,
    pattern: &'static str,
    endpoint: E,
) -> Router {
    assert!(
        ROUTES.iter().any(|route| route.pattern == pattern),
        "{pattern} has no row in the table of routes"
    );
    let taken = poem::get(endpoint.clone()).post(endpoint);
    let refused =
        |_: MethodNotAllowedError| async { ApiError::from(Code::MethodNotAllowed).allowing(FORMS_ALLOW) };
    router.at(pattern, taken.catch_error(refused))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn find_matches_whole_segments_and_at_most_one_row() {
        for (path, pattern) in [
            ("/api/me/tasks", Some("/api/{user_id}/tasks")),
            ("/api/me/tasks/1", Some("/api/{user_id}/tasks/{id}")),
            ("/api/me/tasks/1/complete", Some("/api/{user_id}/tasks/{id}/complete")),
            ("/assets/v/js/api.js", Some("/assets/{version}/{*path}")),
            ("/api//tasks", None),
            ("/api/me/tasks/", None),
            ("/api/a/b/tasks", None),
            ("/assets/v/", None),
            ("/api/auth/tasks", None),
            ("/healthz/", None),
            ("/healthzz", None),
        ] {
            assert_eq!(find(path).pattern, pattern, "{path}");
        }
        for route in ROUTES {
            let path = route.pattern.replace("{*path}", "a/b").replace(['{', '}'], "");
            assert_eq!(ROUTES.iter().filter(|other| other.matches(&path)).count(), 1, "{}", route.pattern);
        }
    }

    #[test]
    fn find_limits_what_is_not_there_like_its_neighbours() {
        for (path, limit) in [
            ("/api/auth/sign-in/social", Limit::Address(SIGN_INS)),
            ("/api/auth/sign-in/email/", Limit::Address(SIGN_INS)),
            ("/api/auth/nothing", Limit::AddressAndPath(IDENTITY)),
            ("/api/auth/jwks", Limit::None),
            ("/api/nothing", Limit::None),
        ] {
            assert_eq!(find(path).policy.limit, limit, "{path}");
        }
        assert_eq!(find("/nothing").policy.reader, Reader::Person);
        assert_eq!(find("/api/nothing").policy.reader, Reader::Program);
    }

    #[test]
    #[should_panic(expected = "has no row")]
    fn mount_refuses_a_path_without_a_row() {
        let _ = mount(Router::new(), "/unheard-of", poem::endpoint::make_sync(|_| "?"));
    }
}
