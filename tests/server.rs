//! No client holds the server by being slow, and stopping it loses nothing.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use poem::{EndpointExt, IntoResponse, Response};
use reqwest::Method;
use serde_json::json;
use signet::http::server::Bounds;
use signet::http::server::ConnectionLimit;
use signet::http::server::serve;
use signet::keys::generator::SystemGenerator;
use signet::keys::rotation::Rotation;
use signet::model::algorithms::Algorithms;
use signet::model::contract::{Contract, Terms};
use signet::secret::MasterKey;
use signet::store::Database;
use signet::store::keys::Keys;
use signet::vault::Vault;
use signet_verify::clock::SystemClock;
use signet_verify::crypto::Algorithm;
use signet_verify::crypto::SystemEntropy;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

use crate::support::wait::{LONGEST, until};
use crate::support::{Caller, TestApp};

/// A server with short bounds: `/` answers at once, `/slow` after a second, `/large` with more than any buffer holds.
async fn start(bounds: Bounds) -> (std::net::SocketAddr, oneshot::Sender<()>, JoinHandle<bool>) {
    start_noting(bounds, Arc::default()).await
}

/// The same, which notes in `begun` that a request for `/slow` is being answered.
async fn start_noting(
    bounds: Bounds,
    begun: Arc<Notify>,
) -> (std::net::SocketAddr, oneshot::Sender<()>, JoinHandle<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let endpoint = poem::endpoint::make(move |request: poem::Request| {
        let begun = begun.clone();
        async move {
            let answer = match request.uri().path() {
                "/slow" => {
                    begun.notify_one();
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    "served".into_response()
                }
                "/slower" => {
                    tokio::time::sleep(Duration::from_secs(3)).await;
                    "served".into_response()
                }
                "/large" => vec![b'x'; 64 << 20].into_response(),
                _ => "served".into_response(),
            };
            Ok::<Response, poem::Error>(answer)
        }
    });
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(serve(listener, endpoint.boxed(), ConnectionLimit::new(bounds), async move {
        let _ = stopped.await;
    }));
    (address, stop, running)
}

fn short() -> Bounds {
    Bounds {
        connections: 4,
        idle_timeout: Duration::from_millis(400),
        header_bytes: 16 * 1024,
        drain: Duration::from_secs(30),
        ..Bounds::default()
    }
}

/// Reads until the server closes; what it said.
async fn rest(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    let _ = tokio::time::timeout(LONGEST, stream.read_to_end(&mut said)).await.expect("it is closed");
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test]
async fn connections_that_send_nothing_or_send_slowly_are_closed_and_the_next_are_served() {
    let (address, _stop, _running) = start(short()).await;
    let mut held = Vec::new();
    for beginning in ["", "PRI * HT", "GET / HTTP/1.1\r\nhost: x\r\nx-slow: 1", "GET / HTTP/1.1\r\n"] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(beginning.as_bytes()).await.unwrap();
        held.push(stream);
    }
    // All four places are taken; the fifth waits until the slow ones are gone.
    let served = reqwest::get(format!("http://{address}/")).await.unwrap();
    assert_eq!(served.text().await.unwrap(), "served");
    for mut stream in held {
        assert!(!rest(&mut stream).await.contains("served"));
    }
}

#[tokio::test]
async fn connection_stays_open_while_requests_come_and_while_one_is_answered() {
    let bounds = Bounds { idle_timeout: Duration::from_secs(2), ..short() };
    let (address, _stop, _running) = start(bounds).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut answer = async |path: &str, pause: u64| {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
        let mut buffer = [0; 1024];
        let read = stream.read(&mut buffer).await.unwrap();
        assert!(buffer[..read].ends_with(b"served"), "{path}: {}", String::from_utf8_lossy(&buffer[..read]));
    };
    // Longer than a connection may be quiet, each way.
    for _ in 0..4 {
        answer("/", 700).await;
    }
    answer("/slower", 0).await;
    answer("/", 0).await;
}

#[tokio::test]
async fn connection_of_a_client_that_does_not_read_is_closed() {
    let (address, _stop, _running) = start(short()).await;
    // Where the server itself has no time, it may be longer until it notices.
    for pause in [3, 10, 30] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut beginning = [0; 16];
        stream.read_exact(&mut beginning).await.unwrap();
        tokio::time::sleep(Duration::from_secs(pause)).await;
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        if rest.len() < 64 << 20 {
            return;
        }
    }
    panic!("it waits for a reader that does not read");
}

#[tokio::test]
async fn http_2_is_spoken_without_tls_to_clients_that_begin_with_it() {
    let app = TestApp::start().await;
    let client = reqwest::Client::builder().http2_prior_knowledge().no_proxy().build().unwrap();
    let alice = app.signed_up("alice").await;
    let jwt = alice.jwt().await;
    // Many requests at once on one connection.
    let lists = (0..50).map(|_| {
        let request = client.get(format!("{}/api/me/tasks", app.base_url)).bearer_auth(&jwt);
        tokio::spawn(async move { request.send().await.unwrap() })
    });
    for list in lists.collect::<Vec<_>>() {
        let answer = list.await.unwrap();
        assert_eq!((answer.version(), answer.status()), (reqwest::Version::HTTP_2, reqwest::StatusCode::OK));
    }
    let wrong = client.get(format!("{}/api/me/tasks", app.base_url)).bearer_auth("x").send().await.unwrap();
    assert_eq!(
        (wrong.version(), wrong.status()),
        (reqwest::Version::HTTP_2, reqwest::StatusCode::UNAUTHORIZED)
    );
}

#[tokio::test]
async fn http_2_closes_an_idle_connection_and_no_busy_one() {
    let (address, _stop, _running) = start(short()).await;
    let client = reqwest::Client::builder().http2_prior_knowledge().no_proxy().build().unwrap();
    let slow = client.get(format!("http://{address}/slow")).send().await.unwrap();
    assert_eq!((slow.version(), slow.text().await.unwrap().as_str()), (reqwest::Version::HTTP_2, "served"));
    // The preface and empty settings, and then nothing.
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let said = rest(&mut stream).await;
    assert!(!said.is_empty(), "the settings of the server at least");
}

#[tokio::test]
async fn connection_that_is_idle_is_closed_after_its_answer() {
    let (address, _stop, _running) = start(short()).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(rest(&mut stream).await.contains("served"));
}

#[tokio::test]
async fn headers_beyond_the_bound_are_refused() {
    let (address, _stop, _running) = start(short()).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET / HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n", "a".repeat(20_000));
    let _ = stream.write_all(request.as_bytes()).await;
    let said = rest(&mut stream).await;
    assert!(said.starts_with("HTTP/1.1 431") || said.is_empty(), "{said}");
}

#[tokio::test]
async fn request_with_two_lengths_is_refused() {
    let (address, _stop, _running) = start(short()).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let smuggling = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!";
    stream.write_all(smuggling.as_bytes()).await.unwrap();
    let said = rest(&mut stream).await;
    assert!(said.starts_with("HTTP/1.1 400"), "{said}");
}

#[tokio::test]
async fn shutdown_finishes_requests_in_flight_and_takes_no_new_ones() {
    let begun = Arc::new(Notify::new());
    let (address, stop, running) = start_noting(short(), begun.clone()).await;
    let slow =
        tokio::spawn(
            async move { reqwest::get(format!("http://{address}/slow")).await.unwrap().text().await },
        );
    begun.notified().await;
    stop.send(()).unwrap();
    assert_eq!(slow.await.unwrap().unwrap(), "served");
    assert!(running.await.unwrap(), "everything finished in time");
    assert!(TcpStream::connect(address).await.is_err(), "the address is free again");
}

#[tokio::test]
async fn shutdown_does_not_wait_for_a_half_sent_request() {
    let bounds = Bounds { idle_timeout: Duration::from_secs(60), ..short() };
    let (address, stop, running) = start(bounds).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost:").await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    stop.send(()).unwrap();
    assert!(running.await.unwrap(), "within the time to drain");
}

#[tokio::test]
async fn readyz_says_which_key_another_process_has_sealed_and_stays_ready() {
    let [old, new] = [1, 2].map(|byte| MasterKey::new([byte; 32]));
    let text = |master: &MasterKey| base64::engine::general_purpose::STANDARD.encode(master.expose());
    let app = TestApp::builder()
        .with(|settings| {
            settings.set("SIGNET_MASTER_KEY", text(&old));
            settings.set("SIGNET_JWKS_MAX_AGE", "1s");
        })
        .start()
        .await;
    let alice = app.signed_up("alice").await;
    assert_eq!(app.anonymous().get("/readyz").await.expect(200), json!({ "status": "ready" }));

    // Another process has a newer master key and announces a successor under it.
    let url = format!("sqlite:{}", app.folder.path().join("signet.db").display());
    let entropy = Arc::new(SystemEntropy::new());
    let generator = Arc::new(SystemGenerator::new(entropy.clone()));
    let vault = Vault::new(new, vec![old], entropy);
    let terms = Terms {
        rotate_every: Duration::from_secs(86_400),
        jwks_max_age: Duration::from_secs(1),
        token_ttl: Duration::from_secs(900),
        leeway: Duration::from_secs(30),
        algorithms: Algorithms::default(),
    };
    let (rows, clock) = (Keys::new(Database::open(&url, 1).await.unwrap()), Arc::new(SystemClock::new()));
    let ahead = Rotation::new(rows, Arc::new(vault), generator, Contract::new(terms).unwrap(), clock);
    let kid = ahead.request_rotation(Algorithm::EdDsa, "bob").await.unwrap().kid.to_string();

    let warning = async || {
        let ready = app.anonymous().get("/readyz").await.expect(200);
        ready["warnings"][0].as_str().unwrap_or_default().to_owned()
    };
    until("readiness warns", async || !warning().await.is_empty()).await;
    let said = warning().await;
    assert!(said.contains(&kid) && said.contains("master key"), "{said}");
    let metrics = app.anonymous().get("/metrics").await.text;
    assert!(metrics.contains("signet_signing_keys_unreadable 1"), "{metrics}");
    alice.api().await.get("/api/me/tasks").await.expect(200);
    let set = app.anonymous().get("/api/auth/jwks").await.expect(200);
    assert!(set.to_string().contains(&kid), "what cannot be opened here is public here all the same");
}

#[tokio::test]
async fn readyz_follows_what_the_work_needs_and_healthz_does_not() {
    let app = TestApp::start().await;
    assert_eq!(app.anonymous().get("/healthz").await.expect(200), json!({ "status": "alive" }));
    assert_eq!(app.anonymous().get("/readyz").await.expect(200), json!({ "status": "ready" }));
    // A resource process whose identity service is not there: alive, and not ready.
    let alone = |settings: &mut signet::config::Settings| {
        settings.set("SIGNET_ROLE", "resource");
        settings.unset("BETTER_AUTH_SECRET");
        settings.set("SIGNET_JWKS_URL", "http://127.0.0.1:1/jwks");
    };
    let resource = TestApp::builder().with(alone).start().await;
    resource.anonymous().get("/healthz").await.expect(200);
    resource.anonymous().get("/readyz").await.assert_error(503, "NOT_READY");
    // A token that may be good is not called bad while there are no keys to tell.
    let alice = app.signed_up("alice").await;
    let waits = alice.api().await.at(&resource).get("/api/me/tasks").await;
    waits.assert_error(503, "KEY_SET_UNAVAILABLE");
    assert!(!waits.header("retry-after").is_empty());
}

#[tokio::test]
async fn responses_have_an_id_and_security_headers_and_errors_one_shape() {
    let app = TestApp::start().await;
    for path in [
        "/healthz",
        "/nothing/here",
        "/api/auth/nope",
        "/api/me/tasks",
        "/api/me/tasks/%ff",
        "/docs",
        "/api/auth/ok/",
    ] {
        let reply = app.anonymous().get(path).await;
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{path}");
        assert!(reply.header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(reply.header("x-request-id").len(), 16, "{path}");
        if reply.status.is_client_error() {
            assert!(reply.json()["code"].is_string() && reply.json()["message"].is_string(), "{path}");
        }
    }
    let own = app.anonymous().request(Method::GET, "/healthz").header("x-request-id", "mine-1");
    assert_eq!(Caller::send(own).await.header("x-request-id"), "mine-1");
    let hostile = app.anonymous().request(Method::GET, "/healthz").header("x-request-id", "a b\tc");
    assert_eq!(Caller::send(hostile).await.header("x-request-id").len(), 16);
    let wrong = Caller::send(app.anonymous().request(Method::PATCH, "/api/me/tasks")).await;
    wrong.assert_error(405, "METHOD_NOT_ALLOWED");
    assert_eq!(wrong.header("allow"), "GET, HEAD, POST");
}

#[tokio::test]
async fn readiness_asks_once_a_second_whether_the_database_can_be_written_however_many_want_to_know() {
    let app = TestApp::builder().manual_clock().start().await;
    let caller = app.anonymous();
    caller.get("/readyz").await.expect(200);
    let file = format!("sqlite:{}", app.folder.path().join("signet.db").display());
    let database = sqlx::AnyPool::connect(&file).await.unwrap();
    sqlx::raw_sql("ALTER TABLE revoked_sessions RENAME TO away").execute(&database).await.unwrap();
    for _ in 0..50 {
        caller.get("/readyz").await.expect(200);
    }
    app.advance(Duration::from_secs(1));
    let reply = caller.get("/readyz").await;
    reply.assert_error(503, "NOT_READY");
    assert_eq!(reply.json()["message"], "The database cannot be written");
    assert_eq!(reply.header("retry-after"), "1");
    sqlx::raw_sql("ALTER TABLE away RENAME TO revoked_sessions").execute(&database).await.unwrap();
    caller.get("/readyz").await.assert_error(503, "NOT_READY");
    app.advance(Duration::from_secs(1));
    caller.get("/readyz").await.expect(200);
}
