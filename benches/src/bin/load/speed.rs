//! How much of everything, beside what nothing costs and what the work alone costs, all within one run.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use serde_json::json;
use signet::secret::OpaqueToken;
use signet::store::Database;
use signet_benches::client::{Connection, get, post};
use signet_benches::median;
use signet_benches::process::Process;
use signet_benches::traffic::{Course, Outcome, as_fast_as_it_goes, at_a_rate};
use signet_verify::clock::{Clock, SystemClock};
use signet_verify::crypto::SigningKey;

use super::floor;
use signet_benches::people::Person;

const CONNECTIONS: usize = 8;
const TURN: Duration = Duration::from_millis(500);
const ROUNDS: usize = 16;
const TOKENS: usize = 4000;
const TASKS: usize = 10;
/// How long each course is asked at half of its rate.
const STEADY: Duration = Duration::from_secs(5);

/// A course and what it is compared with.
struct Entry {
    course: Arc<Course>,
    /// The number of the floor among the entries.
    floor: usize,
    rates: Vec<f64>,
    outcome: Outcome,
    /// Processor time of the server.
    worked: Duration,
}

/// The people, the tokens and the requests.
async fn entries(signet: &Process, floors: &Process, reader: &Person) -> Vec<Entry> {
    let address = signet.address;
    let writer = Person::sign_up(address, "writer").await;
    let mut tokens = Vec::new();
    for _ in 0..TOKENS {
        tokens.push(reader.token(address).await);
    }
    let mut connection = Connection::open(address).await.unwrap();
    for number in 0..TASKS {
        let body = json!({ "title": format!("Task {number}"), "description": "Water the plants" });
        let added = connection.ask(&post("/api/me/tasks", Some(&tokens[0]), &body)).await.unwrap();
        assert_eq!(added.status, 201);
    }
    let writing = writer.token(address).await;
    let session = Some(reader.session.as_str());
    let list = |token: &String| get("/api/me/tasks", Some(token));
    let task = json!({ "title": "Buy milk", "description": "Two litres" });
    let course = |process: &Process, name, floor, requests, status| Entry {
        course: Arc::new(Course { name, address: process.address, requests, status }),
        floor,
        rates: Vec::new(),
        outcome: Outcome::default(),
        worked: Duration::ZERO,
    };
    vec![
        course(floors, "empty handler (floor)", 0, vec![get("/empty", None)], 200),
        course(signet, "key set", 0, vec![get("/.well-known/jwks.json", None)], 200),
        course(floors, "list without guard (floor)", 2, vec![get("/list", None)], 200),
        course(signet, "list, one token again and again", 2, vec![list(&tokens[0])], 200),
        course(signet, "list, 4000 tokens in turn", 2, tokens.iter().map(list).collect(), 200),
        course(floors, "session read and signature (floor)", 5, vec![get("/session", None)], 200),
        course(signet, "token", 5, vec![get("/api/auth/token", session)], 200),
        course(signet, "get-session", 5, vec![get("/api/auth/get-session", session)], 200),
        course(signet, "create a task", 0, vec![post("/api/me/tasks", Some(&writing), &task)], 201),
        course(signet, "sign in", 0, vec![writer.sign_in()], 200),
    ]
}

pub async fn run(binary: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let signet = Process::signet(binary, folder.path(), &[]).await;
    let reader = Person::sign_up(signet.address, "reader").await;
    let floors = floor::start(folder.path(), &reader).await;
    let mut entries = entries(&signet, &floors, &reader).await;

    let count = entries.len();
    for round in 0..=ROUNDS {
        for turn in 0..count {
            let entry = &mut entries[(round + turn) % count];
            let server = if entry.course.address == signet.address { &signet } else { &floors };
            let before = server.processor_time();
            let outcome = as_fast_as_it_goes(&entry.course, CONNECTIONS, TURN).await;
            // The first round warms up.
            if round > 0 {
                entry.worked += server.processor_time() - before;
                entry.rates.push(outcome.rate());
                entry.outcome.extend(outcome);
            }
        }
    }
    println!(
        "{CONNECTIONS} connections, {ROUNDS} turns of {TURN:?} each; client and servers on the same cores.\n"
    );
    println!("| request | per second | to its floor | p50 | p99 | server CPU per 1000 |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for entry in &entries {
        let floor = entries[entry.floor].rates.iter();
        let ratio = median(entry.rates.iter().zip(floor).map(|(own, floor)| own / floor).collect());
        println!(
            "| {} | {:.0} | {ratio:.3} | {} | {} | {:.1} ms |",
            entry.course.name,
            median(entry.rates.clone()),
            millis(entry.outcome.quantile(0.5)),
            millis(entry.outcome.quantile(0.99)),
            entry.worked.as_secs_f64() * 1e6 / entry.outcome.nanos.len() as f64,
        );
    }
    println!(
        "\nMemory of Signet: {:.1} MB now, {:.1} MB at most.\n",
        signet.resident() / 1e6,
        signet.peak() / 1e6
    );

    println!("At half of that rate, each request timed from when it was due:\n");
    println!("| request | per second | p50 | p99 | p99.9 |\n| --- | --- | --- | --- | --- |");
    for entry in &entries {
        let rate = median(entry.rates.clone()) / 2.0;
        let outcome = at_a_rate(&entry.course, 2 * CONNECTIONS, rate, STEADY).await;
        let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|share| millis(outcome.quantile(share)));
        println!("| {} | {rate:.0} | {p50} | {p99} | {p999} |", entry.course.name);
    }
    bare(folder.path(), &reader).await;
    assert!(signet.terminate().success());
}

fn millis(span: Duration) -> String {
    format!("{:.2} ms", span.as_secs_f64() * 1000.0)
}

/// What the work costs without a server, on one thread unless it says otherwise.
async fn bare(folder: &Path, reader: &Person) {
    println!("\n| bare | per second | each |\n| --- | --- | --- |");
    let row = |name: &str, rate: f64| println!("| {name} | {rate:.0} | {:.1} µs |", 1e6 / rate);
    let key = SigningKey::from_seed(&[7; 32]).unwrap();
    let signature = key.sign(&[1; 400]).unwrap();
    let clock = SystemClock::new();
    let rate = |calls: u32, took: Duration| f64::from(calls) / took.as_secs_f64();

    let before = clock.monotonic();
    for _ in 0..20_000 {
        std::hint::black_box(key.sign(&[1; 400]).unwrap());
    }
    row("Ed25519 signature", rate(20_000, clock.monotonic() - before));
    let public =
        ring::signature::UnparsedPublicKey::new(&ring::signature::ED25519, key.public().as_bytes().to_vec());
    let before = clock.monotonic();
    (0..20_000).for_each(|_| public.verify(&[1; 400], signature.as_ref()).unwrap());
    row("Ed25519 verification", rate(20_000, clock.monotonic() - before));

    let database = Database::open(&floor::database(folder), 1).await.unwrap();
    let (sessions, hash) = (database.sessions(), OpaqueToken::new(reader.session.clone()).hash());
    let before = clock.monotonic();
    for _ in 0..20_000 {
        assert!(sessions.by_token_hash(&hash).await.unwrap().is_some());
    }
    row("indexed read of a session (SQLite)", rate(20_000, clock.monotonic() - before));
    row("Argon2id, all cores", argon2_rate(Duration::from_secs(3)));
}

/// How many passwords all cores hash in a second, when they do nothing else.
pub fn argon2_rate(length: Duration) -> f64 {
    let cores = std::thread::available_parallelism().unwrap().get();
    let clock = Arc::new(SystemClock::new());
    let hashers: Vec<_> = (0..cores)
        .map(|_| {
            let clock = clock.clone();
            std::thread::spawn(move || {
                let params = Params::new(19 * 1024, 2, 1, Some(32)).unwrap();
                let mut memory = vec![Block::default(); params.block_count()];
                let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
                let (mut hash, mut count, begin) = ([0; 32], 0, clock.monotonic());
                while clock.monotonic() - begin < length {
                    argon2
                        .hash_password_into_with_memory(
                            b"correct horse battery",
                            &[7; 16],
                            &mut hash,
                            &mut memory,
                        )
                        .unwrap();
                    count += 1;
                }
                f64::from(count) / (clock.monotonic() - begin).as_secs_f64()
            })
        })
        .collect();
    hashers.into_iter().map(|hasher| hasher.join().unwrap()).sum()
}
