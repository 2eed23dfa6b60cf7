//! The ways to Redis: a password, TLS, the number of a database; and none at all.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn redis_url_may_hold_a_password_a_certificate_and_the_number_of_a_database() {
    let Some(redis) = RedisServer::with_tls("open-sesame") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (url, trusted) = (redis.url(3), redis.certificate().display().to_string());
    let server = Server::start(
        folder.path(),
        &[("REDIS_URL", &url), ("SSL_CERT_FILE", &trusted), ("SIGNET_RATE_LIMIT", "on")],
    );
    redis_is(true, &server).await;
    let ada = signed_up(&server, "ada").await;
    sign_out(&ada).await;
    soon("it is kept in its database", async || {
        redis.ask(&["-n", "3", "ZCARD", "signet:ended"]).trim() == "1"
    })
    .await;
    assert_eq!(redis.ask(&["-n", "0", "DBSIZE"]).trim(), "0", "and in no other");
    let (_, log) = server.terminate();
    assert!(!log.contains("open-sesame"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_that_cannot_be_trusted_or_refuses_us_counts_as_down_and_stops_nothing() {
    let (Some(plain), Some(tls)) =
        (RedisServer::with_password("open-sesame"), RedisServer::with_tls("open-sesame"))
    else {
        return;
    };
    let wrong = plain.url(0).replace("open-sesame", "close-sesame");
    let (_bound, port) = crate::support::closed_port();
    let unreachable = format!("redis://127.0.0.1:{port}");
    for url in [wrong, tls.url(0), unreachable] {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(folder.path(), &[("REDIS_URL", &url), ("SIGNET_RATE_LIMIT", "on")]);
        server.caller().get("/readyz").await.expect(200);
        let ada = signed_up(&server, "ada").await;
        let token = jwt(&ada).await;
        assert_eq!(verdict(&server, &token).await, 200);
        sign_out(&ada).await;
        assert_eq!(verdict(&server, &token).await, 401);
        assert_eq!(metric(&server, "signet_redis_up").await, Some(0.0));
        let (status, log) = server.terminate();
        assert!(status.success());
        assert_eq!(log.matches("Redis does not answer").count(), 1, "{log}");
        assert!(!log.contains("sesame"), "{log}");
    }
    let folder = tempfile::tempdir().unwrap();
    let right = Server::start(folder.path(), &[("REDIS_URL", &plain.url(0))]);
    redis_is(true, &right).await;
}
