//! How often one address may call the identity service.
//! In: a path and the client's address. Out: the rule that counts them, and the bucket.
//! Owns: requests are counted before anything else is done with them, good and bad alike.

use std::time::Duration;

use poem::Request;

use super::framework::client_address::ClientAddress;
use crate::shared::throttle::Rule;

const WINDOW: Duration = Duration::from_secs(10);

/// Where passwords are tried, or accounts made: three in ten seconds.
static STRICT: [(&str, Rule); 4] = [
    ("/api/auth/sign-in/", Rule { name: "sign-in", burst: 3, window: WINDOW }),
    ("/api/auth/sign-up/", Rule { name: "sign-up", burst: 3, window: WINDOW }),
    ("/api/auth/change-password", Rule { name: "change-password", burst: 3, window: WINDOW }),
    ("/api/auth/verify-password", Rule { name: "verify-password", burst: 3, window: WINDOW }),
];

/// Everything else below the base path: a hundred in ten seconds for each path.
static ORDINARY: Rule = Rule { name: "identity", burst: 100, window: WINDOW };

/// Cheap, public and cached by everybody: verifiers behind one address must never run dry.
const UNLIMITED: [&str; 2] = ["/api/auth/jwks", "/api/auth/ok"];

/// What counts a request: a rule, and the name of its bucket; nothing for what is not limited.
pub fn bucket(request: &Request) -> Option<(&'static Rule, String)> {
    let path = request.uri().path();
    if !path.starts_with("/api/auth/") || UNLIMITED.contains(&path) {
        return None;
    }
    let address =
        request.extensions().get::<ClientAddress>().map(ClientAddress::subscriber).unwrap_or_default();
    Some(match STRICT.iter().find(|(prefix, _)| path.starts_with(prefix)) {
        Some((_, rule)) => (rule, address),
        None => (&ORDINARY, format!("{address} {path}")),
    })
}
