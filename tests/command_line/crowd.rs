//! Thousands of idle connections of an attacker, and ordinary clients among them.

use std::net::SocketAddr;
use std::time::Duration;

use signet_verify::clock::{Clock, SystemClock};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpSocket;
use tokio::task::JoinSet;

use super::server::Server;

/// How many idle connections there are where there is room for all of them.
const IDLE: usize = 3000;

/// Connects from one of many addresses, each of which takes no more than its share, and then says nothing, or one byte of a
/// header or a body a second, in HTTP/1.1 and HTTP/2.
async fn hold(address: SocketAddr, number: usize) {
    let socket = TcpSocket::new_v4().unwrap();
    let host = u8::try_from(1 + number % 200).unwrap();
    socket.bind(SocketAddr::from(([127, 0, 1, host], 0))).unwrap();
    let Ok(mut stream) = socket.connect(address).await else { return };
    let beginning: &[u8] = match number % 4 {
        0 => b"",
        1 => b"GET /api/me/tasks HTTP/1.1\r\nhost: x\r\nx-slow: ",
        2 => b"POST /api/auth/sign-in/email HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n",
        // The preface, empty settings, and the beginning of a HEADERS frame of 200 bytes.
        _ => b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\xc8\x01\x04\0\0\0\x01",
    };
    if stream.write_all(beginning).await.is_err() || number.is_multiple_of(4) {
        return std::future::pending().await;
    }
    while stream.write_all(b" ").await.is_ok() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

fn crowd(server: &Server, idle: usize) -> JoinSet<()> {
    let address = server.base_url.trim_start_matches("http://").parse().unwrap();
    (0..idle).map(|number| hold(address, number)).collect()
}

async fn open_descriptors(server: &Server) -> usize {
    let page = server.caller().get("/metrics").await.text;
    page.lines()
        .find_map(|line| line.strip_prefix("process_open_fds ")?.split('.').next()?.parse().ok())
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serve_goes_on_among_thousands_of_idle_and_dribbling_connections() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let mut crowd = crowd(&server, IDLE);
    while open_descriptors(&server).await < IDLE * 9 / 10 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(crowd.try_join_next().is_none(), "a connection was closed before all were open");
    }
    for _ in 0..20 {
        server.caller().get("/api/auth/jwks").await.expect(200);
        server.caller().get("/readyz").await.expect(200);
    }
    crowd.shutdown().await;
    let (status, _) = server.terminate();
    assert!(status.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serve_with_few_descriptors_turns_excess_connections_away_and_serves_ordinary_clients() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_limited(folder.path(), 600);
    let mut crowd = crowd(&server, 1000);
    tokio::time::sleep(Duration::from_secs(1)).await;
    // It waits behind those in the kernel's queue.
    let caller = server.caller();
    let answer = tokio::time::timeout(Duration::from_secs(60), caller.get("/api/auth/jwks")).await;
    answer.expect("its turn comes").expect(200);
    crowd.shutdown().await;
    let (status, log) = server.terminate();
    assert!(status.success());
    assert!(!log.contains("could not be accepted"), "places end before descriptors do: {log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serve_without_descriptors_rests_between_its_tries_and_then_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    // Fewer than a server of ours can do with: places do not end before descriptors do.
    let server = Server::start_limited(folder.path(), 100);
    let clock = SystemClock::new();
    let mut crowd = crowd(&server, 200);
    while !server.log().contains("could not be accepted") {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    crowd.shutdown().await;
    let answer = tokio::time::timeout(Duration::from_secs(60), server.caller().get("/api/auth/jwks")).await;
    answer.expect("its turn comes").expect(200);
    let took = clock.monotonic();
    let (status, log) = server.terminate();
    assert!(status.success());
    let tries = u32::try_from(log.matches("could not be accepted").count()).unwrap();
    assert!(Duration::from_millis(50) * tries <= took, "{tries} tries within {took:?}");
}
