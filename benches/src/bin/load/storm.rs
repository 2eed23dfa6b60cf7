//! A storm of sign-ins, and what the others feel of it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use signet_benches::client::{Connection, get};
use signet_benches::process::Process;
use signet_benches::traffic::{Course, at_a_rate};

use super::speed::argon2_rate;
use signet_benches::people::Person;

const LENGTH: Duration = Duration::from_secs(10);
/// How often the others ask, per second and course.
const RATE: f64 = 200.0;
/// Memory of one Argon2 computation, in bytes.
const BLOCK: f64 = 19.0 * 1024.0 * 1024.0;

/// What became of the attempts.
#[derive(Default)]
struct Attempts {
    signed_in: AtomicU64,
    told_to_wait: AtomicU64,
    over: AtomicBool,
}

/// Signs in again and again; told to wait, waits as long as told.
async fn insist(address: SocketAddr, request: Vec<u8>, attempts: Arc<Attempts>) {
    let mut connection = Connection::open(address).await.unwrap();
    while !attempts.over.load(Ordering::Relaxed) {
        let answer = connection.ask(&request).await.unwrap();
        match answer.status {
            200 => drop(attempts.signed_in.fetch_add(1, Ordering::Relaxed)),
            503 => {
                attempts.told_to_wait.fetch_add(1, Ordering::Relaxed);
                let seconds =
                    answer.header("retry-after").expect("503 says how long to wait").parse().unwrap();
                tokio::time::sleep(Duration::from_secs(seconds)).await;
            }
            other => panic!("{other}: {}", answer.json()),
        }
    }
}

/// How long the others wait: p99 of the key set and of a protected request.
async fn others(courses: &[Arc<Course>; 2]) -> [Duration; 2] {
    let [one, two] = courses;
    let both = tokio::join!(at_a_rate(one, 4, RATE, LENGTH), at_a_rate(two, 4, RATE, LENGTH));
    [both.0.quantile(0.99), both.1.quantile(0.99)]
}

pub async fn run(binary: &Path) {
    println!("The others ask {RATE} times a second each; client and server on the same cores.\n");
    println!(
        "| people | key set p99 | to idle | list p99 | to idle | peak memory | beyond Argon2 | sign-ins per second | to bare | 503 |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for people in [0, 50, 500] {
        storm(binary, people).await;
    }
}

async fn storm(binary: &Path, people: usize) {
    let folder = tempfile::tempdir().unwrap();
    let signet = Process::signet(binary, folder.path(), &[]).await;
    let mut persons = Vec::new();
    for number in 0..20 {
        persons.push(Person::sign_up(signet.address, &format!("person{number}")).await);
    }
    let token = persons[0].token(signet.address).await;
    let course = |name, requests| Arc::new(Course { name, address: signet.address, requests, status: 200 });
    let courses = [
        course("key set", vec![get("/.well-known/jwks.json", None)]),
        course("list", vec![get("/api/me/tasks", Some(&token))]),
    ];
    let bare = argon2_rate(Duration::from_secs(3));
    let idle = others(&courses).await;

    let attempts = Arc::new(Attempts::default());
    let insisting: Vec<_> = (0..people)
        .map(|number| {
            let request = persons[number % persons.len()].sign_in();
            tokio::spawn(insist(signet.address, request, attempts.clone()))
        })
        .collect();
    // The wave itself is not what the others feel for long.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = attempts.signed_in.load(Ordering::Relaxed);
    let stormy = others(&courses).await;
    let rate = (attempts.signed_in.load(Ordering::Relaxed) - before) as f64 / LENGTH.as_secs_f64();
    attempts.over.store(true, Ordering::Relaxed);
    for person in insisting {
        person.await.unwrap();
    }
    let cores = std::thread::available_parallelism().unwrap().get() as f64;
    let millis = |span: Duration| span.as_secs_f64() * 1000.0;
    let times = |number: usize| stormy[number].as_secs_f64() / idle[number].as_secs_f64();
    println!(
        "| {people} | {:.2} ms | {:.2} | {:.2} ms | {:.2} | {:.1} MB | {:.1} MB | {rate:.1} | {:.2} | {} |",
        millis(stormy[0]),
        times(0),
        millis(stormy[1]),
        times(1),
        signet.peak() / 1e6,
        (signet.peak() - cores * BLOCK) / 1e6,
        rate / bare,
        attempts.told_to_wait.load(Ordering::Relaxed),
    );
    assert!(signet.terminate().success());
}
