//! What the guard costs a service over HTTP: one handler with and without it, in one server, asked in turns.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use poem::listener::{Acceptor, Listener, TcpListener};
use poem::{EndpointExt, Route, Server, get, handler};
use serde_json::json;
use signet_benches::median;
use signet_verify::clock::{Clock, SystemClock};
use signet_verify::crypto::SigningKey;
use signet_verify::guard::poem::Guard;
use signet_verify::jose::jwk::{KeySet, thumbprint};
use signet_verify::jose::sign;
use signet_verify::jose::verify::Policy;
use signet_verify::verifier::{IssuerKeys, KeySource, Verifier};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const ISSUER: &str = "https://id.example.com";
const CONNECTIONS: usize = 8;
const TURN: Duration = Duration::from_millis(250);
const ROUNDS: usize = 40;

#[handler]
fn list() -> String {
    r#"[{"id":"1","title":"Water the plants","completed":false}]"#.repeat(10)
}

/// What one connection asks for, again and again.
struct Course {
    name: &'static str,
    requests: Vec<String>,
}

/// Requests per second of `course` over all connections.
#[expect(clippy::disallowed_methods, reason = "a stopwatch measures real time")]
async fn run(address: std::net::SocketAddr, course: &Arc<Course>) -> f64 {
    let (answered, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let runners: Vec<_> = (0..CONNECTIONS)
        .map(|number| {
            let (course, answered, over) = (course.clone(), answered.clone(), over.clone());
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(address).await.unwrap();
                stream.set_nodelay(true).unwrap();
                let mut buffer = vec![0; 4096];
                let mut next = number * course.requests.len() / CONNECTIONS;
                while !over.load(Ordering::Relaxed) {
                    next = (next + 1) % course.requests.len();
                    stream.write_all(course.requests[next].as_bytes()).await.unwrap();
                    let read = stream.read(&mut buffer).await.unwrap();
                    // The answer is small: it comes in one piece.
                    assert!(
                        buffer[..read].starts_with(b"HTTP/1.1 200 "),
                        "{}",
                        String::from_utf8_lossy(&buffer[..read])
                    );
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let start = Instant::now();
    tokio::time::sleep(TURN).await;
    let (answered, took) = (answered.load(Ordering::Relaxed), start.elapsed());
    over.store(true, Ordering::Relaxed);
    for runner in runners {
        runner.await.unwrap();
    }
    answered as f64 / took.as_secs_f64()
}

#[tokio::main]
async fn main() {
    let key = SigningKey::from_seed(&[7; 32]).unwrap();
    let kid = thumbprint(key.public());
    let (_, keys) = tokio::sync::watch::channel(Arc::new(KeySet::new([(kid.clone(), key.public().clone())])));
    let clock = Arc::new(SystemClock::new());
    let policy =
        Policy::new(ISSUER.into(), ISSUER.into(), Duration::from_secs(30), Duration::from_secs(3600));
    let verifier = || {
        Verifier::new(IssuerKeys::Published(KeySource::Local(keys.clone())), policy.clone(), clock.clone())
    };

    let app = Route::new()
        .at("/open", get(list))
        .at("/guarded", get(list).with(Guard::new(verifier())))
        .at("/forgetful", get(list).with(Guard::new(verifier().with_cache_bytes(0))));
    let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
    let address = *acceptor.local_addr()[0].as_socket_addr().unwrap();
    tokio::spawn(Server::new_with_acceptor(acceptor).run(app));

    let now = clock.now().seconds();
    let token = |number: usize| {
        let claims = json!({
            "iss": ISSUER, "aud": ISSUER, "sub": "user-0123456789abcdef", "jti": format!("token-{number:06}"),
            "iat": now, "exp": now + 900, "email": "somebody@example.com", "name": "Somebody",
        });
        sign::jwt(&key, &kid, &claims).unwrap()
    };
    let request = |path: &str, token: &str| {
        format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n")
    };
    let many: Vec<String> = (0..5000).map(token).collect();
    let to = |path: &str, tokens: &[String]| tokens.iter().map(|token| request(path, token)).collect();
    let courses = [
        Course { name: "no guard (the floor)", requests: to("/open", &many[..1]) },
        Course { name: "guard, one token again and again", requests: to("/guarded", &many[..1]) },
        Course { name: "guard, 5000 tokens in turn", requests: to("/guarded", &many) },
        Course { name: "guard without memory: each token verified anew", requests: to("/forgetful", &many) },
    ]
    .map(Arc::new);

    let mut figures = vec![Vec::new(); courses.len()];
    for round in 0..=ROUNDS {
        for turn in 0..courses.len() {
            let number = (round + turn) % courses.len();
            let rate = run(address, &courses[number]).await;
            if round > 0 {
                figures[number].push(rate); // the first round warms up
            }
        }
    }
    println!(
        "{CONNECTIONS} connections, {ROUNDS} rounds of {TURN:?} each; client and server on the same cores.\n"
    );
    println!("| handler | requests per second, median | to the floor |\n| --- | --- | --- |");
    for (course, rates) in courses.iter().zip(&figures) {
        let ratios = rates.iter().zip(&figures[0]).map(|(own, floor)| own / floor).collect();
        println!("| {} | {:.0} | {:.3} |", course.name, median(rates.clone()), median(ratios));
    }
}
