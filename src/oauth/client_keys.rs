//! The keys of clients that prove themselves by signing.
//! In: a client. Out: its public keys, from what it has registered or from where it says they are.
//! Owns: whatever assertions come, an address is asked at most every [`PAUSE`]; what was fetched is kept for [`FRESH`], and
//! for [`STALE`] where the address does not answer; memory is bounded.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::ACCEPT;
use hyper::{Request, StatusCode};
use parking_lot::Mutex;
use serde_json::Value;

use super::outbound::Outbound;
use crate::model::client::Client;
use signet_verify::clock::Timestamp;
use signet_verify::crypto::PublicKey;
use signet_verify::jose::json;
use signet_verify::jose::jwk::KeySet;

/// How long a document is taken for the present one.
const FRESH: Duration = Duration::from_secs(5 * 60);
/// How long it is used where its address does not answer.
const STALE: Duration = Duration::from_secs(60 * 60);
/// How long an address is left alone after it was asked.
const PAUSE: Duration = Duration::from_secs(10);
/// The longest document, in bytes.
const DOCUMENT_BYTES: usize = 64 * 1024;
/// How many keys of one algorithm are tried for an assertion that names none.
const TRIED: usize = 8;
/// How many documents are kept.
const KEPT: usize = 1024;

/// Keys by name; the name is empty where a key has none.
type Keys = Arc<[(String, PublicKey)]>;

/// What is known of an address.
#[derive(Default)]
struct Known {
    keys: Option<(Keys, Timestamp)>,
    asked_at: Option<Timestamp>,
}

/// The keys of all clients.
pub struct ClientKeys {
    outbound: Option<Outbound>,
    known: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Known>>>>,
}

impl std::fmt::Debug for ClientKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientKeys").field("documents", &self.known.lock().len()).finish_non_exhaustive()
    }
}

impl ClientKeys {
    /// Keys that are fetched by way of `outbound`; without it, only what clients have registered.
    pub fn new(outbound: Option<Outbound>) -> Self {
        Self { outbound, known: Mutex::default() }
    }

    /// The keys with which this client may have signed something in the name of `kid`.
    pub(super) async fn of(&self, client: &Client, kid: Option<&str>, now: Timestamp) -> Vec<PublicKey> {
        if let Some(document) = &client.jwks {
            return fitting(&read(document.as_bytes()), kid);
        }
        let Some(address) = &client.jwks_uri else { return Vec::new() };
        let known = self.entry(address);
        let mut known = known.lock().await;
        let fresh = known.keys.as_ref().filter(|(_, at)| now < at.after(FRESH)).map(|(keys, _)| keys.clone());
        // A key that is not there may be new.
        let found = fresh.map(|keys| fitting(&keys, kid)).unwrap_or_default();
        if !found.is_empty() || known.asked_at.is_some_and(|at| now < at.after(PAUSE)) {
            return if found.is_empty() { Self::stale(&known, kid, now) } else { found };
        }
        known.asked_at = Some(now);
        match self.fetch(address).await {
            Some(keys) => {
                let found = fitting(&keys, kid);
                known.keys = Some((keys, now));
                found
            }
            None => Self::stale(&known, kid, now),
        }
    }

    fn stale(known: &Known, kid: Option<&str>, now: Timestamp) -> Vec<PublicKey> {
        let usable = known.keys.as_ref().filter(|(_, at)| now < at.after(STALE));
        usable.map(|(keys, _)| fitting(keys, kid)).unwrap_or_default()
    }

    fn entry(&self, address: &str) -> Arc<tokio::sync::Mutex<Known>> {
        let mut known = self.known.lock();
        if known.len() >= KEPT && !known.contains_key(address) {
            // Those that nobody waits for; what is needed again is fetched again.
            known.retain(|_, entry| Arc::strong_count(entry) > 1);
        }
        known.entry(address.to_owned()).or_default().clone()
    }

    async fn fetch(&self, address: &str) -> Option<Keys> {
        let request = Request::get(address).header(ACCEPT, "application/jwk-set+json, application/json");
        let request = request.body(Full::<Bytes>::default()).ok()?;
        match self.outbound.as_ref()?.send(request, DOCUMENT_BYTES).await {
            Ok((StatusCode::OK, document)) => Some(read(&document)),
            Ok((status, _)) => {
                tracing::warn!(address, %status, "the keys of a client were not answered");
                None
            }
            Err(error) => {
                tracing::warn!(address, %error, "the keys of a client cannot be fetched");
                None
            }
        }
    }
}

/// Those that are called `kid`, or have no name; without one, the first ones.
fn fitting(keys: &[(String, PublicKey)], kid: Option<&str>) -> Vec<PublicKey> {
    let fits = |name: &str| kid.is_none_or(|kid| name == kid || name.is_empty());
    keys.iter().filter(|(name, _)| fits(name)).map(|(_, key)| key.clone()).take(TRIED).collect()
}

/// The keys of a JWK set. A client with a single key often gives it no name; what is no key for signatures is left out.
fn read(document: &[u8]) -> Keys {
    let Ok(document) = json::parse(document) else { return Keys::default() };
    let entries = document.get("keys").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut keys = Vec::new();
    for entry in entries.iter().take(64) {
        let name = entry.get("kid").and_then(Value::as_str).unwrap_or_default();
        let mut named = entry.clone();
        let Some(members) = named.as_object_mut() else { continue };
        members.insert("kid".to_owned(), Value::from("a"));
        let alone = serde_json::json!({ "keys": [named] }).to_string();
        let parsed = KeySet::parse(alone.as_bytes());
        keys.extend(
            parsed.iter().flat_map(|set| set.keys.iter()).map(|(_, key)| (name.to_owned(), key.clone())),
        );
    }
    keys.into()
}

#[cfg(test)]
mod tests {
    use signet_verify::crypto::SigningKey;
    use signet_verify::jose::base64url;

    use super::*;

    fn jwk(seed: u8, more: &str) -> String {
        let key = SigningKey::from_seed(&[seed; 32]).unwrap();
        let x = base64url::encode(key.public().as_bytes());
        format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}"{more}}}"#)
    }

    fn keys(entries: &[String]) -> Keys {
        read(format!(r#"{{"keys":[{}]}}"#, entries.join(",")).as_bytes())
    }

    #[test]
    fn read_takes_keys_with_and_without_names_and_both_names_of_the_algorithm() {
        let named = jwk(1, r#","kid":"one","alg":"Ed25519""#);
        let found =
            keys(&[named, jwk(2, r#","alg":"EdDSA""#), jwk(3, r#","use":"enc""#), jwk(4, r#","d":"x""#)]);
        let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["one", ""]);
        for nonsense in ["", "[]", "{}", r#"{"keys":[1,null,{"kty":"oct","k":"AAAA"}]}"#] {
            assert!(read(nonsense.as_bytes()).is_empty(), "{nonsense}");
        }
    }

    #[test]
    fn fitting_finds_by_name_and_falls_back_to_keys_without_one() {
        let found = keys(&[jwk(1, r#","kid":"one""#), jwk(2, r#","kid":"two""#)]);
        assert_eq!((fitting(&found, Some("two")).len(), fitting(&found, Some("three")).len()), (1, 0));
        assert_eq!(fitting(&found, None).len(), 2);
        assert_eq!(fitting(&keys(&[jwk(1, "")]), Some("whatever")).len(), 1);
        let many: Vec<String> = (1..=20).map(|seed| jwk(seed, "")).collect();
        assert_eq!(fitting(&keys(&many), None).len(), TRIED);
    }
}
