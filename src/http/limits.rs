//! How often one address may call the identity service.
//! In: a path and the client's address. Out: go on, or 429.
//! Owns: requests are counted before anything else is done with them, good and bad alike.

use std::time::Duration;

use poem::Request;

use super::client_address::ClientAddress;
use super::error::ApiError;
use crate::shared::throttle::{Rule, Throttle};

const WINDOW: Duration = Duration::from_secs(10);

/// Where passwords are tried, or accounts made: three in ten seconds.
const STRICT: [(&str, Rule); 4] = [
    ("/api/auth/sign-in/", Rule { name: "sign-in", burst: 3, window: WINDOW }),
    ("/api/auth/sign-up/", Rule { name: "sign-up", burst: 3, window: WINDOW }),
    ("/api/auth/change-password", Rule { name: "change-password", burst: 3, window: WINDOW }),
    ("/api/auth/verify-password", Rule { name: "verify-password", burst: 3, window: WINDOW }),
];

/// Everything else below the base path: a hundred in ten seconds for each path.
const ORDINARY: Rule = Rule { name: "identity", burst: 100, window: WINDOW };

/// Cheap, public and cached by everybody: verifiers behind one address must never run dry.
const UNLIMITED: [&str; 2] = ["/api/auth/jwks", "/api/auth/ok"];

/// Counts a request.
///
/// # Errors
/// 429 with `Retry-After` and Better Auth's `X-Retry-After`.
pub fn count(throttle: &Throttle, request: &Request) -> Result<(), ApiError> {
    let path = request.uri().path();
    if !path.starts_with("/api/auth/") || UNLIMITED.contains(&path) {
        return Ok(());
    }
    let address =
        request.extensions().get::<ClientAddress>().map(ClientAddress::subscriber).unwrap_or_default();
    let strict = STRICT.iter().find(|(prefix, _)| path.starts_with(prefix));
    let attempt = match strict {
        Some((_, rule)) => throttle.attempt(rule, &address),
        None => throttle.attempt(&ORDINARY, &format!("{address} {path}")),
    };
    attempt.map_err(ApiError::too_many_requests)
}
