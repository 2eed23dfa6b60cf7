//! The providers take turns, and what counts is what each answers in a second of its own processor time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use signet_benches::client::{Connection, get};
use signet_benches::median;
use signet_benches::traffic::{Course, as_fast_as_it_goes};
use signet_verify::clock::{Clock, SystemClock};
use tokio::sync::Mutex;

use super::providers::Provider;

const CONNECTIONS: usize = 8;
/// Of requests that are good again and again.
const TURN: Duration = Duration::from_millis(500);
/// How many codes are exchanged in one turn.
const CODES: usize = 400;
/// How often the token of each connection is refreshed in one turn.
const REFRESHES: usize = 50;

/// What one provider did of one kind.
#[derive(Default)]
struct Figures {
    /// Answers for each second of its processor time, a figure per round.
    per_processor_second: Vec<f64>,
    nanos: Vec<u64>,
}

/// Lets everybody take turns and prints a table of Markdown; the first is compared with each of the others.
pub async fn run(providers: &[Provider], rounds: usize) {
    let (own, peers) = (&providers[0], &providers[1..]);
    let names: String = peers.iter().map(|peer| format!(" {} | ratio |", peer.name)).collect();
    println!("| per second of processor time | {} |{names} p50 of each |", own.name);
    println!("| --- | --- |{} --- |", " --- | --- |".repeat(peers.len()));
    for row in [
        "code exchange, ID token RS256",
        "code exchange, ID token EdDSA",
        "refresh",
        "client_credentials",
        "introspection",
        "UserInfo",
    ] {
        let mut figures: Vec<Figures> = providers.iter().map(|_| Figures::default()).collect();
        for round in 0..=rounds {
            for (provider, figures) in providers.iter().zip(&mut figures) {
                let (answered, took, nanos) = turn(provider, row).await;
                // The first one warms up.
                if round > 0 {
                    figures.per_processor_second.push(answered as f64 / took.as_secs_f64());
                    figures.nanos.extend(nanos);
                }
            }
        }
        let own = figures[0].per_processor_second.clone();
        let mut line = format!("| {row} | {:.0} |", median(own.clone()));
        for peer in &figures[1..] {
            let ratios = own.iter().zip(&peer.per_processor_second).map(|(own, other)| own / other).collect();
            line += &format!(" {:.0} | {:.1} |", median(peer.per_processor_second.clone()), median(ratios));
        }
        let halves = figures.into_iter().map(|mut figures| {
            figures.nanos.sort_unstable();
            format!("{:.2} ms", figures.nanos[figures.nanos.len() / 2] as f64 / 1e6)
        });
        println!("{line} {} |", halves.collect::<Vec<_>>().join(", "));
    }
}

/// One turn: how many answers, in how much processor time of the provider, and how long each took.
async fn turn(provider: &Provider, row: &'static str) -> (usize, Duration, Vec<u64>) {
    let address = provider.process.address;
    let again_and_again = |request: Vec<u8>| {
        let course = Arc::new(Course { name: row, address, requests: vec![request], status: 200 });
        async move { as_fast_as_it_goes(&course, CONNECTIONS, TURN).await.nanos }
    };
    let before = || provider.process.processor_time_of_all();
    let (begun, nanos) = match row {
        "code exchange, ID token RS256" | "code exchange, ID token EdDSA" => {
            let client = if row.ends_with("RS256") { "web-rs256" } else { "web-eddsa" };
            let exchanges = provider.exchanges(client, CODES).await;
            (before(), each_once(address, exchanges).await)
        }
        "refresh" => {
            let mut tokens = Vec::new();
            for _ in 0..CONNECTIONS {
                tokens.push(provider.tokens("web-eddsa").await["refresh_token"].as_str().unwrap().to_owned());
            }
            (before(), refreshed(provider, tokens, REFRESHES).await)
        }
        "client_credentials" => (before(), again_and_again(provider.client_credentials()).await),
        _ => {
            let token = provider.tokens("web-eddsa").await["access_token"].as_str().unwrap().to_owned();
            match row {
                "UserInfo" => (before(), again_and_again(get(provider.userinfo, Some(&token))).await),
                _ => {
                    let request = provider.introspect("web-eddsa", &token);
                    let mut connection = Connection::open(address).await.unwrap();
                    let answer = connection.ask(&request).await.unwrap().json();
                    assert_eq!(answer["active"], true, "{answer}");
                    (before(), again_and_again(request).await)
                }
            }
        }
    };
    (nanos.len(), provider.process.processor_time_of_all() - begun, nanos)
}

/// Sends each request once, on as many connections as ever.
async fn each_once(address: SocketAddr, requests: Vec<Vec<u8>>) -> Vec<u64> {
    let clock = Arc::new(SystemClock::new());
    let waiting = Arc::new(Mutex::new(requests));
    let runners: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (waiting, clock) = (waiting.clone(), clock.clone());
            tokio::spawn(async move {
                let mut connection = Connection::open(address).await.unwrap();
                let mut nanos = Vec::new();
                loop {
                    let Some(request) = waiting.lock().await.pop() else { return nanos };
                    let asked = clock.monotonic();
                    let answer = connection.ask(&request).await.unwrap();
                    assert_eq!(answer.status, 200, "{}", answer.json());
                    nanos.push((clock.monotonic() - asked).as_nanos() as u64);
                }
            })
        })
        .collect();
    let mut nanos = Vec::new();
    for runner in runners {
        nanos.extend(runner.await.unwrap());
    }
    nanos
}

/// Refreshes each token and then its successors, each on a connection of its own.
pub async fn refreshed(provider: &Provider, tokens: Vec<String>, times: usize) -> Vec<u64> {
    let clock = SystemClock::new();
    let chain = async |mut token: String| {
        let mut connection = Connection::open(provider.process.address).await.unwrap();
        let mut nanos = Vec::with_capacity(times);
        for _ in 0..times {
            let request = provider.refresh("web-eddsa", &token);
            let asked = clock.monotonic();
            let answer = connection.ask(&request).await.unwrap();
            nanos.push((clock.monotonic() - asked).as_nanos() as u64);
            let tokens = answer.json();
            assert_eq!(answer.status, 200, "{tokens}");
            token = tokens["refresh_token"].as_str().unwrap().to_owned();
        }
        nanos
    };
    let mut running: Vec<_> = tokens.into_iter().map(chain).map(Box::pin).collect();
    let mut nanos = Vec::new();
    // All at once: what one waits for, the others use.
    std::future::poll_fn(|context| {
        running.retain_mut(|chain| match chain.as_mut().poll(context) {
            std::task::Poll::Ready(done) => {
                nanos.extend(done);
                false
            }
            std::task::Poll::Pending => true,
        });
        if running.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    nanos
}
