//! A resource process of its own, and an issuer that would fill its memory.

use super::server::Server;
use super::server::until;
use crate::resource::origin::{Answer, Origin};

/// The value of one series of `/metrics`.
async fn metric(server: &Server, series: &str) -> f64 {
    let page = server.caller().get("/metrics").await.text;
    let value = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("{series}: {page}")).parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn fetch_cuts_an_endless_key_set_off_below_a_megabyte_and_memory_does_not_grow() {
    let folder = tempfile::tempdir().unwrap();
    let origin = Origin::answering(Answer::Endless).await;
    let jwks_url = origin.url();
    let settings = [
        ("SIGNET_ROLE", "resource"),
        ("SIGNET_JWKS_URL", jwks_url.as_str()),
        ("SIGNET_ISSUER", "https://id.test"),
    ];
    let server = Server::start(folder.path(), &settings);
    let cut_off = async |times: f64| {
        let errors = r#"signet_key_cache_fetch_failures_total{reason="too_large"}"#;
        until("the document is cut off", async || metric(&server, errors).await >= times).await;
        metric(&server, "process_resident_memory_bytes").await
    };
    let before = cut_off(1.0).await;
    let after = cut_off(5.0).await;
    assert!(after - before < f64::from(8 << 20), "{before} bytes have become {after}");
    let sent = origin.bytes_sent() / origin.fetches();
    assert!(sent <= 1 << 20, "{sent} bytes of each document were sent");
}
