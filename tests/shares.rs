//! No stranger holds more than a share of connections, requests and memory, over HTTP/1.1 or HTTP/2.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use poem::{EndpointExt, IntoResponse, Request, Response};
use signet::http::framework::shares::{Kind, Share};
use signet::http::server::{Bounds, ConnectionLimit, serve};
use signet_verify::clock::{Clock, SystemClock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;

use crate::support::wait::{LONGEST, until};
use crate::support::{Caller, TestApp};

const ONE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const ANOTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// What `/large` answers with: less than one connection may hold.
const LARGE: usize = 400 << 10;

fn bounds() -> Bounds {
    Bounds {
        idle_timeout: Duration::from_secs(1),
        requests: Share { each: 40, all: 200 },
        bytes: Share { each: 1 << 20, all: 8 << 20 },
        ..Bounds::default()
    }
}

/// A server: `/large` answers with much, `/held` when the test lets it, `/body` once it has read a body.
struct Server {
    address: SocketAddr,
    limit: ConnectionLimit,
    let_go: Arc<Semaphore>,
}

impl Server {
    async fn start(limit: ConnectionLimit) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let let_go = Arc::new(Semaphore::new(0));
        let held = let_go.clone();
        let endpoint = poem::endpoint::make(move |mut request: Request| {
            let held = held.clone();
            async move {
                match request.uri().path() {
                    "/large" => return Ok(vec![b'x'; LARGE].into_response()),
                    "/huge" => return Ok(vec![b'x'; 16 << 20].into_response()),
                    "/held" => drop(held.acquire().await),
                    "/body" => drop(request.take_body().into_vec().await?),
                    _ => {}
                }
                Ok::<Response, poem::Error>("served".into_response())
            }
        });
        tokio::spawn(serve(listener, endpoint.boxed(), limit.clone(), std::future::pending()));
        Self { address, limit, let_go }
    }

    async fn connect(&self, from: IpAddr) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        tokio::time::timeout(LONGEST, socket.connect(self.address)).await.unwrap().unwrap()
    }

    /// The whole answer to one request of HTTP/1.1.
    async fn get(&self, from: IpAddr, path: &str, headers: &str) -> String {
        let mut stream = self.connect(from).await;
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        rest(&mut stream).await
    }

    /// A caller of HTTP/2 who has room for `window` bytes of each answer, and makes no more.
    async fn h2(&self, from: IpAddr, window: u32) -> SendRequest<Bytes> {
        let (asking, connection) = h2::client::Builder::new()
            .initial_window_size(window)
            .initial_connection_window_size(8 << 20)
            .handshake::<_, Bytes>(self.connect(from).await)
            .await
            .unwrap();
        tokio::spawn(connection);
        asking
    }

    fn held(&self, kind: Kind) -> u64 {
        self.limit.shares().held(kind)
    }
}

async fn rest(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    let _ = tokio::time::timeout(LONGEST, stream.read_to_end(&mut said)).await.expect("it ends");
    String::from_utf8_lossy(&said).into_owned()
}

/// Asks for `path`; nothing, once the connection takes no more.
async fn ask(asking: &SendRequest<Bytes>, path: &str) -> Option<ResponseFuture> {
    let request = http(path, "GET");
    Some(asking.clone().ready().await.ok()?.send_request(request, true).ok()?.0)
}

fn http(path: &str, method: &str) -> poem::http::Request<()> {
    poem::http::Request::builder().method(method).uri(format!("http://x{path}")).body(()).unwrap()
}

async fn whole(answer: ResponseFuture) -> Result<Vec<u8>, h2::Error> {
    let mut body = answer.await?.into_body();
    let mut read = Vec::new();
    while let Some(part) = body.data().await {
        read.extend_from_slice(&part?);
    }
    Ok(read)
}

#[tokio::test]
async fn an_answer_that_is_not_read_over_http_2_ends_and_its_connection_goes_on() {
    let bytes = Share { each: 4 << 20, all: 16 << 20 };
    let server = Server::start(ConnectionLimit::new(Bounds { bytes, ..bounds() })).await;
    let asking = server.h2(ONE, 64 << 10).await;
    let stuck = tokio::spawn(whole(ask(&asking, "/large").await.unwrap()));
    // Others are read; so the connection itself is never idle, and never stuck.
    while !stuck.is_finished() {
        assert_eq!(whole(ask(&asking, "/").await.unwrap()).await.unwrap(), b"served");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let error = stuck.await.unwrap().unwrap_err();
    assert_eq!(error.reason(), Some(h2::Reason::CANCEL), "{error}");
    assert_eq!(whole(ask(&asking, "/").await.unwrap()).await.unwrap(), b"served");
    until("what it held is free", async || server.held(Kind::Unsent) == 0).await;
    assert_eq!(server.limit.stalled(), 1);
}

#[tokio::test]
async fn answers_on_a_connection_of_http_2_that_opens_no_window_end_and_so_does_the_connection_however_often_it_asks()
 {
    let server = Server::start(ConnectionLimit::new(bounds())).await;
    let asking = server.h2(ONE, 0).await;
    let mut kept = Vec::new();
    let asks_on = async {
        while let Some(answer) = ask(&asking, "/").await {
            kept.extend(answer.await);
            assert!(server.held(Kind::Requests) <= 40);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LONGEST, asks_on)
        .await
        .expect("a connection that takes no byte of what waits for it closes");
    assert!(server.limit.stalled() > 0, "and streams end before that");
    until("what it held is free", async || server.held(Kind::Unsent) == 0 && server.limit.open() == 0).await;
    assert_eq!(server.held(Kind::Requests), 0);
}

#[tokio::test]
async fn answers_that_are_not_read_over_http_2_hold_no_more_than_a_share() {
    let server = Server::start(ConnectionLimit::new(Bounds { idle_timeout: LONGEST, ..bounds() })).await;
    let mut callers = Vec::new();
    let mut refused = 0;
    for _ in 0..6 {
        let asking = server.h2(ONE, 0).await;
        for _ in 0..20 {
            match ask(&asking, "/large").await.unwrap().await {
                Ok(answer) if answer.status() == 200 => callers.push(answer),
                Ok(answer) => assert_eq!(answer.status(), 503),
                Err(error) => {
                    assert_eq!(error.reason(), Some(h2::Reason::REFUSED_STREAM), "{error}");
                    refused += 1;
                }
            }
            assert!(server.held(Kind::Unsent) <= 1 << 20 && server.held(Kind::Requests) <= 40);
        }
    }
    assert_eq!(callers.len(), 2, "as many as fit");
    assert!(refused > 0, "most of them without any work");
    // Whoever holds nothing finds everything as it was.
    let honest = server.h2(ANOTHER, 1 << 20).await;
    assert_eq!(whole(ask(&honest, "/large").await.unwrap()).await.unwrap().len(), LARGE);
    assert!(server.get(ANOTHER, "/large", "").await.len() > LARGE);
}

#[tokio::test]
async fn answers_that_are_not_read_over_http_1_hold_no_more_than_a_share() {
    let bytes = Share { each: 40 << 20, all: 160 << 20 };
    let limit = ConnectionLimit::new(Bounds { idle_timeout: LONGEST, bytes, ..bounds() });
    let server = Server::start(limit).await;
    let mut held = Vec::new();
    for _ in 0..6 {
        let mut stream = server.connect(ONE).await;
        stream.write_all(b"GET /huge HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut beginning = [0; 12];
        stream.read_exact(&mut beginning).await.unwrap();
        assert!(server.held(Kind::Unsent) <= 40 << 20);
        held.push((String::from_utf8_lossy(&beginning).into_owned(), stream));
    }
    let (status, stream) = held.last_mut().unwrap();
    assert_eq!(status, "HTTP/1.1 503");
    let said = rest(stream).await;
    assert!(said.contains("SERVER_BUSY") && said.to_lowercase().contains("retry-after: 1\r\n"), "{said}");
    assert!(server.get(ANOTHER, "/huge", "").await.len() > 16 << 20);
    drop(held);
    until("nothing is held", async || server.held(Kind::Unsent) == 0).await;
}

#[tokio::test]
async fn an_answer_that_is_read_slowly_arrives_as_a_whole() {
    let bytes = Share { each: 64 << 20, all: 256 << 20 };
    let bounds = Bounds { idle_timeout: Duration::from_secs(4), bytes, ..bounds() };
    let server = Server::start(ConnectionLimit::new(bounds)).await;
    let mut stream = server.connect(ONE).await;
    stream.write_all(b"GET /huge HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let (mut read, mut buffer) = (0, vec![0; 128 << 10]);
    loop {
        match stream.read(&mut buffer).await.unwrap() {
            0 => break,
            more => read += more,
        }
        // It takes longer than a connection may be idle.
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    assert!(read > 16 << 20, "{read}");
}

#[tokio::test]
async fn a_request_under_way_is_answered_though_the_idle_timeout_passes() {
    let bounds = Bounds { idle_timeout: Duration::from_secs(4), ..bounds() };
    let server = Server::start(ConnectionLimit::new(bounds)).await;
    let pause = || tokio::time::sleep(Duration::from_millis(2500));
    let slow_header = async {
        let mut stream = server.connect(ONE).await;
        pause().await;
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnec").await.unwrap();
        pause().await;
        stream.write_all(b"tion: close\r\n\r\n").await.unwrap();
        assert!(rest(&mut stream).await.ends_with("served"));
    };
    let slow_body = async {
        let mut stream = server.connect(ONE).await;
        let header = b"POST /body HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 4\r\n\r\n";
        stream.write_all(header).await.unwrap();
        for byte in [b"a", b"b", b"c", b"d"] {
            pause().await;
            stream.write_all(byte).await.unwrap();
        }
        assert!(rest(&mut stream).await.ends_with("served"));
    };
    let slow_body_of_http_2 = async {
        let asking = server.h2(ONE, 1 << 16).await;
        let (answer, mut body) =
            asking.ready().await.unwrap().send_request(http("/body", "POST"), false).unwrap();
        for last in [false, false, true] {
            pause().await;
            body.send_data(Bytes::from_static(b"a"), last).unwrap();
        }
        assert_eq!(whole(answer).await.unwrap(), b"served");
    };
    tokio::join!(slow_header, slow_body, slow_body_of_http_2);
}

#[tokio::test]
async fn a_body_that_does_not_come_ends_whatever_else_its_connection_does() {
    let app = TestApp::builder().with(|settings| settings.set("SIGNET_IDLE_TIMEOUT", "1s")).start().await;
    let address: SocketAddr = app.base_url.strip_prefix("http://").unwrap().parse().unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let header = "POST /api/auth/sign-in/email HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    stream.write_all(format!("{header}content-length: 50\r\n\r\n{{").as_bytes()).await.unwrap();
    let said = rest(&mut stream).await;
    assert!(said.starts_with("HTTP/1.1 408") && said.contains("REQUEST_TIMEOUT"), "{said}");

    let stream = TcpStream::connect(address).await.unwrap();
    let (asking, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let request = poem::http::Request::post("http://x/api/auth/sign-in/email")
        .header("content-type", "application/json")
        .body(())
        .unwrap();
    let (answer, body) = asking.clone().ready().await.unwrap().send_request(request, false).unwrap();
    let answer = tokio::spawn(answer);
    while !answer.is_finished() {
        whole(ask(&asking, "/healthz").await.unwrap()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(answer.await.unwrap().unwrap().status(), 408);
    drop(body);
}

#[tokio::test]
async fn an_address_is_served_while_another_fills_every_place() {
    for client_connections in [30, 10] {
        let bounds = Bounds { connections: 20, client_connections, idle_timeout: LONGEST, ..bounds() };
        let server = Server::start(ConnectionLimit::new(bounds)).await;
        let mut held = Vec::new();
        for _ in 0..5 {
            for beginning in ["", "GET / HTTP/1.1\r\nhost:", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"].repeat(9) {
                let mut stream = server.connect(ONE).await;
                // Closed already, perhaps.
                let _ = stream.write_all(beginning.as_bytes()).await;
                held.push(stream);
            }
            assert!(server.get(ANOTHER, "/", "").await.ends_with("served"));
            assert!(server.limit.open() <= 20);
        }
        assert!(server.limit.displaced() > 50, "{}", server.limit.displaced());
    }
}

#[tokio::test]
async fn a_request_that_is_worked_on_keeps_its_connection_in_a_crowd() {
    let bounds = Bounds { connections: 6, client_connections: 6, idle_timeout: LONGEST, ..bounds() };
    let server = Arc::new(Server::start(ConnectionLimit::new(bounds)).await);
    let working = {
        let server = server.clone();
        tokio::spawn(async move { server.get(ONE, "/held", "").await })
    };
    until("it is worked on", async || server.held(Kind::Requests) == 1).await;
    let mut held = Vec::new();
    for _ in 0..20 {
        held.push(server.connect(ONE).await);
    }
    assert!(server.get(ANOTHER, "/", "").await.ends_with("served"));
    server.let_go.add_permits(100);
    assert!(working.await.unwrap().ends_with("served"));
}

#[tokio::test]
async fn requests_of_one_address_are_bounded_and_others_and_probes_are_served() {
    let requests = Share { each: 12, all: 1000 };
    let server = Arc::new(Server::start(ConnectionLimit::new(Bounds { requests, ..bounds() })).await);
    let hold = |from: IpAddr| {
        let server = server.clone();
        tokio::spawn(async move { server.get(from, "/held", "").await })
    };
    let held: Vec<_> = (0..12).map(|_| hold(ONE)).collect();
    until("all of them are worked on", async || server.held(Kind::Requests) == 12).await;
    let refused = server.get(ONE, "/", "").await;
    assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("SERVER_BUSY"), "{refused}");
    assert!(server.get(ONE, "/healthz", "").await.ends_with("served"));
    assert!(refused.to_lowercase().contains("x-content-type-options: nosniff"), "{refused}");
    let asking = server.h2(ONE, 1 << 16).await;
    let error = whole(ask(&asking, "/").await.unwrap()).await.unwrap_err();
    assert_eq!(error.reason(), Some(h2::Reason::REFUSED_STREAM));
    assert!(server.get(ANOTHER, "/", "").await.ends_with("served"));
    assert_eq!(server.limit.shares().refused(Kind::Requests), 3);
    server.let_go.add_permits(100);
    for answer in held {
        assert!(answer.await.unwrap().ends_with("served"));
    }
}

#[tokio::test]
async fn refusals_over_http_2_are_told_to_one_client_a_thousand_times_a_second_at_most() {
    // ONE may hold nothing, so that every request of it is refused.
    let requests = Share { each: 0, all: 1000 };
    let server = Server::start(ConnectionLimit::new(Bounds { requests, ..bounds() })).await;
    let (asking, clock) = (server.h2(ONE, 1 << 16).await, SystemClock::new());
    let began = clock.monotonic();
    for _ in 0..10 {
        let batch: Vec<_> = (0..40).map(|_| ask(&asking, "/")).collect();
        for refused in futures_util::future::join_all(batch).await {
            let error = whole(refused.unwrap()).await.unwrap_err();
            assert_eq!(error.reason(), Some(h2::Reason::REFUSED_STREAM));
        }
    }
    // The last ones may be told before they are waited for.
    assert!(clock.monotonic() - began >= Duration::from_millis(9 * 40), "{:?}", clock.monotonic() - began);
    assert_eq!(server.limit.shares().refused(Kind::Requests), 400);
}

#[tokio::test]
async fn probes_are_answered_when_the_whole_process_is_full() {
    // Nobody may hold anything, so it is full from the beginning.
    let requests = Share { each: 0, all: 0 };
    let server = Server::start(ConnectionLimit::new(Bounds { requests, ..bounds() })).await;
    assert!(server.get(ONE, "/", "").await.contains("SERVER_BUSY"));
    for probe in ["/healthz", "/readyz"] {
        assert!(server.get(ONE, probe, "").await.ends_with("served"), "{probe}");
    }
}

#[tokio::test]
async fn requests_of_a_trusted_proxy_count_for_its_clients_and_those_of_others_for_themselves() {
    let requests = Share { each: 2, all: 1000 };
    let bounds = Bounds { requests, client_connections: 2, ..bounds() };
    let limit = ConnectionLimit::new(bounds).trusting(&["127.0.0.1/32".parse().unwrap()]);
    let server = Arc::new(Server::start(limit).await);
    let hold = |client: &'static str| {
        let server = server.clone();
        tokio::spawn(async move { server.get(ONE, "/held", &format!("x-forwarded-for: {client}\r\n")).await })
    };
    let _held = [hold("203.0.113.1"), hold("203.0.113.1"), hold("2001:db8::1"), hold("2001:db8::2")];
    until("all of them are worked on", async || server.held(Kind::Requests) == 4).await;
    for (client, served) in [("203.0.113.1", false), ("203.0.113.2", true), ("2001:db8::3", false)] {
        let said = server.get(ONE, "/", &format!("x-forwarded-for: {client}\r\n")).await;
        assert_eq!(said.ends_with("served"), served, "{client}: {said}");
    }
    // Who is no proxy chooses no address.
    let asking = server.h2(ANOTHER, 1 << 16).await;
    let stuck = [ask(&asking, "/held").await.unwrap(), ask(&asking, "/held").await.unwrap()];
    until("both are worked on", async || server.held(Kind::Requests) == 6).await;
    let said = server.get(ANOTHER, "/", "x-forwarded-for: 203.0.113.77\r\n").await;
    assert!(said.contains("SERVER_BUSY"), "{said}");
    drop(stuck);
}

#[tokio::test]
async fn bodies_under_way_hold_no_more_than_a_share() {
    let bytes = Share { each: 1 << 20, all: 8 << 20 };
    let server =
        Server::start(ConnectionLimit::new(Bounds { idle_timeout: LONGEST, bytes, ..bounds() })).await;
    let mut held = Vec::new();
    for _ in 0..20 {
        let mut stream = server.connect(ONE).await;
        let header = "POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000\r\n\r\n";
        stream.write_all(header.as_bytes()).await.unwrap();
        held.push(stream);
    }
    until("there is no room for all", async || server.limit.shares().refused(Kind::Received) > 0).await;
    assert!(server.held(Kind::Received) <= 1 << 20);
    let asking = server.h2(ANOTHER, 1 << 16).await;
    let mut bodies = Vec::new();
    for _ in 0..20 {
        let ready = asking.clone().ready().await.unwrap();
        bodies.push(ready.clone().send_request(http("/body", "POST"), false).unwrap());
    }
    until("nor on one connection of HTTP/2", async || server.held(Kind::Received) > 1 << 20).await;
    assert!(server.held(Kind::Received) <= (1 << 20) + (512 << 10));
    let mut stream = server.connect(IpAddr::from([127, 0, 0, 3])).await;
    let header = "POST /body HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi";
    stream.write_all(header.as_bytes()).await.unwrap();
    assert!(rest(&mut stream).await.ends_with("served"));
}

#[tokio::test]
async fn metrics_show_what_clients_hold_and_may_hold() {
    let app = TestApp::builder()
        .with(|settings| {
            settings.set("SIGNET_MAX_REQUESTS_PER_CLIENT", "7");
            settings.set("SIGNET_TRANSFER_MEMORY", "16MiB");
            settings.set("SIGNET_MAX_CONNECTIONS", "50");
        })
        .start()
        .await;
    let page = Caller::new(&app.base_url).get("/metrics").await.text;
    for line in [
        "signet_connections_limit 50.0",
        "signet_clients_hold{kind=\"requests\"} 1.0",
        "signet_clients_hold_limit{kind=\"requests\",of=\"client\"} 7.0",
        "signet_clients_hold_limit{kind=\"unsent_bytes\",of=\"process\"} 16777216.0",
        "signet_clients_refused_total{kind=\"received_bytes\"} 0",
        "signet_connections_unwelcome_total{result=\"displaced\"} 0",
        "signet_answers_stalled_total 0",
        "signet_clients 1.0",
    ] {
        assert!(page.lines().any(|served| served == line), "{line} in {page}");
    }
}
