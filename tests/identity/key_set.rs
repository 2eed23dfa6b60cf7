//! The key set and caches.

use reqwest::Method;
use serde_json::json;

use crate::support::{Caller, TestApp};

/// `max-age` and `stale-while-revalidate` of the key set; in an error it may be kept for a token's life.
fn cache_life(reply: &crate::support::Reply) -> (u64, u64) {
    let header = reply.header("cache-control");
    let said = |name: &str| {
        let directive = header.split(", ").find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        directive.map_or(0, |seconds| seconds.parse::<u64>().unwrap())
    };
    assert!(header.starts_with("public, "), "{header}");
    assert_eq!(said("stale-if-error"), 900, "{header}");
    (said("max-age"), said("stale-while-revalidate"))
}

#[tokio::test]
async fn get_jwks_spreads_the_return_of_caches_and_lets_none_come_too_late() {
    let app = TestApp::start().await;
    let mut lives = Vec::new();
    for _ in 0..40 {
        let (max_age, later) = cache_life(&app.anonymous().get("/.well-known/jwks.json").await);
        assert_eq!(max_age + later, 300, "what the contract allows, and not more");
        lives.push(max_age);
    }
    lives.sort_unstable();
    assert!(lives[0] >= 225 && lives[39] <= 300, "{lives:?}");
    // Evenly: no gap between two of forty is wider than a tenth of the range.
    assert!(lives.windows(2).all(|pair| pair[1] - pair[0] <= 7), "{lives:?}");
}

#[tokio::test]
async fn get_jwks_can_be_cached_and_asked_for_again_cheaply() {
    let app = TestApp::start().await;
    for path in ["/api/auth/jwks", "/.well-known/jwks.json"] {
        let first = app.anonymous().get(path).await;
        let etag = first.header("etag").to_owned();
        assert!(etag.starts_with('"') && etag.ends_with('"'), "{etag}");
        let (max_age, later) = cache_life(&first);
        assert_eq!((max_age + later, max_age >= 225), (300, true), "{}", first.header("cache-control"));
        assert!(!first.text.contains("\"d\"") && !first.text.contains("oct"), "{}", first.text);
        let again = app.anonymous().request(Method::GET, path).header("if-none-match", &etag);
        let again = Caller::send(again).await;
        assert_eq!(
            (again.status.as_u16(), again.text.as_str(), again.header("etag")),
            (304, "", etag.as_str())
        );
        let head = Caller::send(app.anonymous().request(Method::HEAD, path)).await;
        assert_eq!((head.status.as_u16(), head.text.as_str(), head.header("etag")), (200, "", etag.as_str()));
    }
    let discovery = app.anonymous().get("/.well-known/openid-configuration").await.expect(200);
    let jwks_uri = discovery["jwks_uri"].as_str().unwrap().replace("localhost", "127.0.0.1");
    assert_eq!(jwks_uri, format!("{}/.well-known/jwks.json", app.base_url));
    assert_eq!(discovery["id_token_signing_alg_values_supported"], json!(["EdDSA", "ES256", "RS256"]));
}
