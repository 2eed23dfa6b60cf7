//! One GET costs a bounded time and a bounded number of bytes, and goes where it was told to go.

use std::time::Duration;

use signet_verify::clock::Clock;
use signet_verify::jwks::endpoint::{JwksEndpoint, Limits};
use signet_verify::jwks::fetch::{Error, Fetch, Fetched};

use super::origin::{Answer, Origin};
use super::{set, system_clock};
use crate::support::wait::LONGEST;

fn endpoint(origin: &Origin) -> JwksEndpoint {
    let limits = Limits { total_time: Duration::from_millis(300), ..Limits::default() };
    JwksEndpoint::new(&origin.url(), limits).unwrap()
}

async fn error(origin: &Origin) -> Error {
    endpoint(origin).fetch(None).await.unwrap_err()
}

#[tokio::test]
async fn fetch_brings_validator_and_life_of_a_document() {
    let keys = set(&["one"]);
    let origin = Origin::publishing(&keys).await;
    let fetched = endpoint(&origin).fetch(None).await.unwrap();
    let expected = Fetched::Fresh {
        bytes: keys.to_json().into_bytes(),
        etag: Some("\"one\"".to_owned()),
        max_age: Some(Duration::from_secs(300)),
    };
    assert_eq!(fetched, expected);
    let request = origin.last_request();
    assert!(request.starts_with("GET /jwks HTTP/1.1\r\n") && !request.contains("if-none-match"), "{request}");
}

#[tokio::test]
async fn fetch_asks_for_a_document_only_if_it_changed() {
    let origin = Origin::publishing(&set(&["one"])).await;
    let fetched = endpoint(&origin).fetch(Some("\"one\"")).await.unwrap();
    assert_eq!(fetched, Fetched::NotModified { max_age: Some(Duration::from_secs(300)) });
    assert_eq!(origin.not_modified(), 1);
}

#[tokio::test]
async fn fetch_follows_no_redirect() {
    let elsewhere = Origin::publishing(&set(&["evil"])).await;
    let origin = Origin::answering(Answer::Hang).await;
    for status in [301, 302, 303, 307, 308] {
        let head =
            format!("HTTP/1.1 {status} Moved\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", elsewhere.url());
        origin.answer(Answer::Raw(head.into_bytes()));
        assert_eq!(error(&origin).await, Error::Status(status));
    }
    assert_eq!((origin.fetches(), elsewhere.fetches()), (5, 0));
}

#[tokio::test]
async fn fetch_reads_200_and_304_only() {
    let origin = Origin::answering(Answer::Hang).await;
    for status in [201, 204, 206, 400, 401, 404, 429, 500, 503] {
        origin.status(&format!("{status} Any"));
        assert_eq!(error(&origin).await, Error::Status(status));
    }
}

#[tokio::test]
async fn fetch_cuts_an_endless_document_off_early() {
    let origin = Origin::answering(Answer::Endless).await;
    assert_eq!(error(&origin).await, Error::TooLarge(256 * 1024));
    assert!(origin.bytes_sent() <= 1 << 20, "{} bytes were sent", origin.bytes_sent());
}

#[tokio::test]
async fn fetch_does_not_read_a_document_that_announces_too_great_a_length() {
    let origin =
        Origin::answering(Answer::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 262145\r\n\r\n".to_vec())).await;
    assert_eq!(error(&origin).await, Error::TooLarge(256 * 1024));
}

#[tokio::test]
async fn fetch_cuts_endless_headers_off() {
    let flood = format!("HTTP/1.1 200 OK\r\nX-Flood: {}\r\n\r\n", "x".repeat(64 * 1024));
    let origin = Origin::answering(Answer::Raw(flood.into_bytes())).await;
    assert!(matches!(error(&origin).await, Error::Unreachable(_)));
}

#[tokio::test]
async fn fetch_ends_in_time_however_slow_the_exchange() {
    for answer in [Answer::Hang, Answer::Trickle] {
        let origin = Origin::answering(answer.clone()).await;
        let since = system_clock();
        assert_eq!(error(&origin).await, Error::Timeout(Duration::from_millis(300)), "{answer:?}");
        assert!(since.monotonic() < LONGEST);
    }
}

#[tokio::test]
async fn fetch_reports_a_broken_connection_with_its_cause() {
    let origin = Origin::answering(Answer::Reset).await;
    assert!(matches!(error(&origin).await, Error::Unreachable(_)));
    let cut = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"keys\":[".to_vec();
    origin.answer(Answer::Raw(cut));
    assert!(matches!(error(&origin).await, Error::Unreachable(_)));
    origin.answer(Answer::Raw(b"SSH-2.0-OpenSSH_9.9\r\n\r\n".to_vec()));
    assert!(matches!(error(&origin).await, Error::Unreachable(_)));
    let closed = JwksEndpoint::new("http://127.0.0.1:1/jwks", Limits::default()).unwrap();
    let Error::Unreachable(cause) = closed.fetch(None).await.unwrap_err() else { panic!() };
    assert!(cause.contains("refused"), "{cause}");
}

#[tokio::test]
async fn fetch_over_https_never_takes_plain_http() {
    let origin = Origin::publishing(&set(&["one"])).await;
    let url = origin.url().replace("http://", "https://");
    let limits = Limits { total_time: Duration::from_millis(300), ..Limits::default() };
    let endpoint = JwksEndpoint::new(&url, limits).unwrap();
    assert!(endpoint.fetch(None).await.is_err());
    assert_eq!(origin.fetches(), 0);
}
