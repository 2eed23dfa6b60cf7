//! One account floods the tasks API, and others sign in and out meanwhile: what do they notice?
//!
//!     flood [--signet BINARY] [--seconds NUMBER] [--accounts NUMBER] [--unlimited] [DATABASE_URL…]
//!
//! Starts Signet with its default settings, on a SQLite file of its own and on each database that is named (an empty one
//! of PostgreSQL). 100 connections of HTTP/2 with 100 streams each write tasks as fast as they are answered, all of one
//! account or of as many as `--accounts` says; `--unlimited` turns the limits off, so that all of it reaches the database.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use poem::http::Request;
use serde_json::{Value, json};
use signet_benches::client::{Connection, get, post};
use signet_benches::process::Process;
use signet_verify::clock::{Clock, SystemClock};

/// Where the flood comes from; the others ask by way of a proxy at 127.0.0.1.
const FLOODING: (Ipv4Addr, u16) = (Ipv4Addr::new(127, 0, 0, 2), 0);
const CONNECTIONS: usize = 100;
const STREAMS: usize = 100;
/// How many others there are, and how long each waits between signing out and in again: as the limit for an account asks.
const OTHERS: usize = 20;
const PAUSE: Duration = Duration::from_millis(3600);
const PASSWORD: &str = "correct horse battery";
const STEPS: [&str; 4] = ["sign in", "token", "list tasks", "sign out"];

struct Options {
    signet: Option<PathBuf>,
    length: Duration,
    accounts: usize,
    limits: &'static str,
    databases: Vec<String>,
}

fn options() -> Options {
    let mut options = Options {
        signet: None,
        length: Duration::from_secs(20),
        accounts: 1,
        limits: "on",
        databases: Vec::new(),
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().unwrap_or_else(|| panic!("{argument} needs a value"));
        match argument.as_str() {
            "--signet" => options.signet = Some(value().into()),
            "--seconds" => options.length = Duration::from_secs(value().parse().unwrap()),
            "--accounts" => options.accounts = value().parse().unwrap(),
            "--unlimited" => options.limits = "off",
            url if !url.starts_with('-') => options.databases.push(argument),
            unknown => panic!("{unknown} is not an option"),
        }
    }
    options
}

/// Each request comes from an address of its own, by way of a proxy that is trusted: the limits for addresses are not what is
/// measured here.
fn from_anywhere(request: &[u8]) -> Vec<u8> {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let [_, a, b, c] = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    let text = String::from_utf8(request.to_vec()).unwrap();
    text.replacen("\r\n", &format!("\r\nx-forwarded-for: 10.{a}.{b}.{c}\r\n"), 1).into_bytes()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text, not {value}")).to_owned()
}

/// Makes an account, and answers with its session.
async fn sign_up(address: SocketAddr, name: &str) -> String {
    let body = json!({ "name": name, "email": format!("{name}@example.com"), "password": PASSWORD });
    let mut connection = Connection::open(address).await.unwrap();
    let asked = from_anywhere(&post("/api/auth/sign-up/email", None, &body));
    text(&connection.ask(&asked).await.unwrap().json()["token"])
}

async fn token(address: SocketAddr, session: &str) -> String {
    let mut connection = Connection::open(address).await.unwrap();
    let asked = from_anywhere(&get("/api/auth/token", Some(session)));
    text(&connection.ask(&asked).await.unwrap().json()["token"])
}

/// What somebody noticed: how long each step took, and what was refused.
#[derive(Default)]
struct Noticed {
    nanos: BTreeMap<&'static str, Vec<u64>>,
    refused: BTreeMap<(&'static str, u16), u64>,
}

/// Signs in and out, again and again, until it is over.
async fn live(address: SocketAddr, name: String, over: Arc<AtomicBool>, noticed: Arc<Mutex<Noticed>>) {
    let clock = SystemClock::new();
    let mut connection = Connection::open(address).await.unwrap();
    let mut step = async |step: &'static str, request: Vec<u8>| {
        let asked = clock.monotonic();
        let (status, body) = match connection.ask(&from_anywhere(&request)).await {
            Ok(answer) => (answer.status, answer.json()),
            Err(_) => {
                connection = Connection::open(address).await.unwrap();
                (0, Value::Null)
            }
        };
        let took = (clock.monotonic() - asked).as_nanos() as u64;
        let mut noticed = noticed.lock().unwrap();
        noticed.nanos.entry(step).or_default().push(took);
        if status != 200 {
            *noticed.refused.entry((step, status)).or_default() += 1;
        }
        body
    };
    // They come one after the other.
    let number: u32 = name.trim_start_matches("other").parse().unwrap_or_default();
    tokio::time::sleep(PAUSE * number / OTHERS as u32).await;
    while !over.load(Ordering::Relaxed) {
        let body = json!({ "email": format!("{name}@example.com"), "password": PASSWORD });
        let signed_in = step("sign in", post("/api/auth/sign-in/email", None, &body)).await;
        if let Some(session) = signed_in["token"].as_str() {
            let token = step("token", get("/api/auth/token", Some(session))).await;
            step("list tasks", get("/api/me/tasks", token["token"].as_str())).await;
            step("sign out", post("/api/auth/sign-out", Some(session), &json!({}))).await;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// What the others notice within `length`.
async fn others(address: SocketAddr, length: Duration) -> Noticed {
    let (over, noticed) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Noticed::default())));
    let living: Vec<_> = (0..OTHERS)
        .map(|number| tokio::spawn(live(address, format!("other{number}"), over.clone(), noticed.clone())))
        .collect();
    tokio::time::sleep(length).await;
    over.store(true, Ordering::Relaxed);
    for other in living {
        other.await.unwrap();
    }
    let mut noticed = noticed.lock().unwrap();
    std::mem::take(&mut *noticed)
}

/// The answers to the flood, by status; 0 where a stream or a connection broke.
type Answers = Arc<Mutex<BTreeMap<u16, u64>>>;

async fn flood_on_one_connection(
    address: SocketAddr,
    token: String,
    over: Arc<AtomicBool>,
    answers: Answers,
) -> Result<(), h2::Error> {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(FLOODING.into()).unwrap();
    let Ok(stream) = socket.connect(address).await else { return Ok(()) };
    let (sender, connection) = h2::client::handshake(stream).await?;
    let driving = tokio::spawn(connection);
    let mut streams = Vec::new();
    for _ in 0..STREAMS {
        let (sender, token, over, answers) = (sender.clone(), token.clone(), over.clone(), answers.clone());
        streams.push(tokio::spawn(async move {
            let mut sender = sender;
            let body = Bytes::from(json!({ "title": "Milk", "description": "x".repeat(1900) }).to_string());
            while !over.load(Ordering::Relaxed) {
                let request = Request::post(format!("http://{address}/api/me/tasks"))
                    .header("authorization", format!("Bearer {token}"))
                    .header("content-type", "application/json")
                    .body(())
                    .unwrap();
                let answered = async {
                    sender = sender.clone().ready().await?;
                    let (response, mut sending) = sender.send_request(request, false)?;
                    sending.send_data(body.clone(), true)?;
                    let response = response.await?;
                    let status = response.status().as_u16();
                    let mut body = response.into_body();
                    while let Some(piece) = body.data().await {
                        body.flow_control().release_capacity(piece?.len())?;
                    }
                    Ok::<_, h2::Error>(status)
                };
                let status = answered.await.unwrap_or_default();
                *answers.lock().unwrap().entry(status).or_default() += 1;
                if status == 0 {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }));
    }
    drop(sender);
    for stream in streams {
        stream.await.unwrap();
    }
    driving.abort();
    Ok(())
}

/// Floods until it is over, reconnecting where a connection was ended.
async fn flood(address: SocketAddr, token: String, over: Arc<AtomicBool>, answers: Answers) {
    let connections: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (token, over, answers) = (token.clone(), over.clone(), answers.clone());
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    let flooded =
                        flood_on_one_connection(address, token.clone(), over.clone(), answers.clone());
                    let _ = flooded.await;
                }
            })
        })
        .collect();
    for connection in connections {
        connection.await.unwrap();
    }
}

fn millis(nanos: &[u64], share: f64) -> String {
    let mut sorted = nanos.to_vec();
    sorted.sort_unstable();
    let last = sorted.len().saturating_sub(1);
    let at = sorted.get((last as f64 * share).round() as usize).copied().unwrap_or_default();
    format!("{:.1} ms", at as f64 / 1e6)
}

async fn measure(binary: &Path, url: Option<&str>, options: &Options) {
    let folder = tempfile::tempdir().unwrap();
    let mut settings =
        vec![("SIGNET_RATE_LIMIT", options.limits), ("SIGNET_TRUSTED_PROXIES", "127.0.0.1/32")];
    settings.extend(url.map(|url| ("DATABASE_URL", url)));
    let signet = Process::signet(binary, folder.path(), &settings).await;
    let address = signet.address;
    for number in 0..OTHERS {
        sign_up(address, &format!("other{number}")).await;
    }
    let mut tokens = Vec::new();
    for number in 0..options.accounts {
        let session = sign_up(address, &format!("flooding{number}")).await;
        tokens.push(token(address, &session).await);
    }
    let idle = others(address, options.length).await;

    let (over, answers) = (Arc::new(AtomicBool::new(false)), Answers::default());
    let floods: Vec<_> = tokens
        .iter()
        .map(|token| tokio::spawn(flood(address, token.clone(), over.clone(), answers.clone())))
        .collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let flooded = others(address, options.length).await;
    over.store(true, Ordering::Relaxed);
    for flood in floods {
        flood.await.unwrap();
    }

    let kind = url.map_or("SQLite", |_| "PostgreSQL");
    println!("\n| {kind} | idle: p50, p99 | flooded: p50, p99 | how often | not answered with 200 |");
    println!("| --- | --- | --- | --- | --- |");
    for step in STEPS {
        let shown = |noticed: &Noticed| {
            let nanos = noticed.nanos.get(step).map(Vec::as_slice).unwrap_or_default();
            format!("{}, {}", millis(nanos, 0.5), millis(nanos, 0.99))
        };
        let asked = flooded.nanos.get(step).map_or(0, Vec::len);
        let refused: Vec<String> = flooded
            .refused
            .iter()
            .filter(|((of, _), _)| *of == step)
            .map(|((_, status), count)| format!("{count} of {status}"))
            .collect();
        let refused = if refused.is_empty() { "none".to_owned() } else { refused.join(", ") };
        println!("| {step} | {} | {} | {asked} | {refused} |", shown(&idle), shown(&flooded));
    }
    let answers = answers.lock().unwrap();
    let answers: Vec<String> = answers.iter().map(|(status, count)| format!("{count} of {status}")).collect();
    println!(
        "\nThe flood was answered with {}; memory {:.0} MB at most.",
        answers.join(", "),
        signet.peak() / 1e6
    );
    assert!(signet.terminate().success());
}

#[tokio::main]
async fn main() {
    let options = options();
    let binary = signet_benches::process::signet(options.signet.clone());
    measure(&binary, None, &options).await;
    for url in &options.databases {
        measure(&binary, Some(url), &options).await;
    }
}
