//! Tokens under the shared secret.

use std::time::Duration;

use serde_json::json;

use crate::support::{SECRET, TestApp};

#[tokio::test]
async fn migrate_refuses_hs256_after_its_end() {
    let migrating = |settings: &mut signet::config::Settings| {
        settings.set("SIGNET_TOKEN_MODE", "migrate".to_owned());
        settings.set("SIGNET_HS256_UNTIL", "2026-11-22T21:00:00Z".to_owned());
    };
    let app = TestApp::builder().manual_clock().with(migrating).start().await;
    let alice = app.signed_up("alice").await;
    let secret = signet::secret::SharedSecret::new(SECRET.to_owned()).unwrap();
    let claims = json!({ "sub": alice.id, "exp": 1_795_377_600 + 86_400 });
    let old =
        signet_verify::jose::sign::hs256(&signet_verify::crypto::MacKey::new(&secret), &claims).unwrap();
    let old = app.anonymous().bearing(&old);
    old.get("/api/me/tasks").await.expect(200);
    alice.api().await.get("/api/me/tasks").await.expect(200);
    app.advance(Duration::from_secs(3600));
    old.get("/api/me/tasks").await.assert_error(401, "INVALID_TOKEN");
    alice.api().await.get("/api/me/tasks").await.expect(200);
}
