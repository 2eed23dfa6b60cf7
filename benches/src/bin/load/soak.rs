//! A long time of everything at once: two halves in two processes, keys that rotate every few seconds, people who come and go.
//! Prints memory and descriptors at intervals, and at the end every answer by what it was; an unexpected one is a failure.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use signet_benches::client::{Connection, get, post, request};
use signet_benches::process::Process;
use signet_verify::clock::{Clock, SystemClock};

use signet_benches::people::Person;

const PEOPLE: usize = 8;
/// The pause between two requests of one person.
const PAUSE: Duration = Duration::from_millis(40);
const REPORT_EVERY: Duration = Duration::from_secs(30);
/// The life of a token here; it is used until shortly before its end, over several rotations.
const TOKEN_TTL: Duration = Duration::from_secs(10);
/// How long before its end a token is not shown any more.
const MARGIN: Duration = Duration::from_secs(1);
const SETTINGS: [(&str, &str); 4] = [
    ("SIGNET_ROTATE_EVERY", "4s"),
    ("SIGNET_JWKS_MAX_AGE", "1s"),
    ("SIGNET_TOKEN_TTL", "10s"),
    ("SIGNET_LEEWAY", "1s"),
];

/// What was seen.
#[derive(Default)]
struct Seen {
    /// How often each answer came, by what was asked.
    answers: BTreeMap<(&'static str, u16, String), u64>,
    /// Unexpected answers.
    unexpected: Vec<String>,
    /// Keys that were published.
    keys: BTreeSet<String>,
}

/// One person's way of asking.
struct Asker {
    address: SocketAddr,
    connection: Connection,
    seen: Arc<Mutex<Seen>>,
}

impl Asker {
    async fn new(address: SocketAddr, seen: &Arc<Mutex<Seen>>) -> Self {
        Self { address, connection: Connection::open(address).await.unwrap(), seen: seen.clone() }
    }

    /// Asks, waits a little, and notes the answer beside what it should be.
    async fn ask(&mut self, what: &'static str, request: &[u8], expected: (u16, &str)) -> Value {
        tokio::time::sleep(PAUSE).await;
        let asked = match self.connection.ask(request).await {
            Ok(answer) => Ok((answer.status, answer.json())),
            Err(error) => Err(error.to_string()),
        };
        let (status, body) = match asked {
            Ok(answer) => answer,
            Err(error) => {
                self.seen.lock().unwrap().unexpected.push(format!("{what}: {error}"));
                self.connection = Connection::open(self.address).await.unwrap();
                return Value::Null;
            }
        };
        let mut seen = self.seen.lock().unwrap();
        let code = body["code"].as_str().unwrap_or_default().to_owned();
        if (status, code.as_str()) != expected {
            seen.unexpected.push(format!("{what}: {status} {code}"));
        }
        *seen.answers.entry((what, status, code)).or_default() += 1;
        body
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Lives one life after the other until it is over.
async fn live(
    number: usize,
    identity: SocketAddr,
    resource: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    length: Duration,
) {
    let clock = SystemClock::new();
    let (mut at_home, mut away) = (Asker::new(identity, &seen).await, Asker::new(resource, &seen).await);
    let person = Person::sign_up(identity, &format!("person{number}")).await;
    while clock.monotonic() < length {
        let signed_in = at_home.ask("sign in", &person.sign_in(), (200, "")).await;
        let session = text(&signed_in["token"]).to_owned();
        let mut tokens: VecDeque<(String, Duration)> = VecDeque::new();
        for _ in 0..20 {
            day(&mut at_home, &mut away, &session, &mut tokens, &clock).await;
        }
        let wrong = json!({ "email": format!("person{number}@example.com"), "password": "not the password" });
        let wrong = post("/api/auth/sign-in/email", None, &wrong);
        at_home.ask("sign in, wrong password", &wrong, (401, "INVALID_EMAIL_OR_PASSWORD")).await;
        at_home.ask("sign out", &post("/api/auth/sign-out", Some(&session), &json!({})), (200, "")).await;
        at_home
            .ask("token after signing out", &get("/api/auth/token", Some(&session)), (401, "UNAUTHORIZED"))
            .await;
        if let Some((token, gone)) = tokens.back()
            && clock.monotonic() < *gone
        {
            let list = get("/api/me/tasks", Some(token));
            at_home.ask("list after signing out", &list, (401, "INVALID_TOKEN")).await;
        }
    }
}

/// A fresh token, and something done with the oldest that still lives, at home and away.
async fn day(
    at_home: &mut Asker,
    away: &mut Asker,
    session: &str,
    tokens: &mut VecDeque<(String, Duration)>,
    clock: &SystemClock,
) {
    at_home.ask("get-session", &get("/api/auth/get-session", Some(session)), (200, "")).await;
    let asked = clock.monotonic();
    let fresh = at_home.ask("token", &get("/api/auth/token", Some(session)), (200, "")).await;
    tokens.push_back((text(&fresh["token"]).to_owned(), asked + TOKEN_TTL - MARGIN));
    while tokens.front().is_some_and(|(_, gone)| *gone <= clock.monotonic()) {
        tokens.pop_front();
    }
    let Some((oldest, gone)) = tokens.front().cloned() else { return };
    let bearer = Some(oldest.as_str());
    let newest = tokens.back().map(|(token, _)| token.clone()).unwrap_or_default();
    for place in [&mut *at_home, &mut *away] {
        // Where the machine has stood still, a token may have ended since it was chosen.
        if clock.monotonic() < gone {
            place.ask("list, oldest token", &get("/api/me/tasks", bearer), (200, "")).await;
        }
        place.ask("list, newest token", &get("/api/me/tasks", Some(&newest)), (200, "")).await;
        let task = post("/api/me/tasks", Some(&newest), &json!({ "title": "Water the plants" }));
        let id = text(&place.ask("create a task", &task, (201, "")).await["id"]).to_owned();
        let path = format!("/api/me/tasks/{id}");
        let complete = request("PATCH", &format!("{path}/complete"), Some(&newest), None);
        place.ask("complete it", &complete, (200, "")).await;
        place.ask("delete it", &request("DELETE", &path, Some(&newest), None), (204, "")).await;
        place.ask("read it afterwards", &get(&path, Some(&newest)), (404, "NOT_FOUND")).await;
    }
    let forged = format!("{oldest}A");
    away.ask("list, forged token", &get("/api/me/tasks", Some(&forged)), (401, "INVALID_TOKEN")).await;
    away.ask("list of another user", &get("/api/somebody/tasks", Some(&newest)), (403, "FORBIDDEN")).await;
    at_home.ask("nothing", &get("/nothing/here", None), (404, "NOT_FOUND")).await;
    let set = at_home.ask("key set", &get("/.well-known/jwks.json", None), (200, "")).await;
    let kids = set["keys"].as_array().into_iter().flatten().map(|key| text(&key["kid"]).to_owned());
    at_home.seen.lock().unwrap().keys.extend(kids);
}

pub async fn run(binary: &Path, length: Duration) {
    let (home, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let address = signet_benches::process::free_address();
    let url = format!("http://localhost:{}", address.port());
    let identity = [&SETTINGS[..], &[("BETTER_AUTH_URL", url.as_str())]].concat();
    let identity = Process::signet_at(binary, home.path(), address, &identity).await;
    let keys = format!("http://{address}/.well-known/jwks.json");
    let trusting = [
        ("SIGNET_ROLE", "resource"),
        ("SIGNET_JWKS_URL", keys.as_str()),
        ("SIGNET_ISSUER", &url),
        ("SIGNET_AUDIENCE", &url),
        ("SIGNET_LEEWAY", "1s"),
    ];
    let resource = Process::signet(binary, elsewhere.path(), &trusting).await;

    let (seen, clock) = (Arc::new(Mutex::new(Seen::default())), SystemClock::new());
    let people: Vec<_> = (0..PEOPLE)
        .map(|number| tokio::spawn(live(number, identity.address, resource.address, seen.clone(), length)))
        .collect();
    println!(
        "| after | memory of `all` | descriptors | memory of `resource` | descriptors | answers | keys so far | unexpected |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    while !people.iter().all(|person| person.is_finished()) {
        {
            let seen = seen.lock().unwrap();
            println!(
                "| {} s | {:.1} MB | {} | {:.1} MB | {} | {} | {} | {} |",
                clock.monotonic().as_secs(),
                identity.resident() / 1e6,
                identity.descriptors(),
                resource.resident() / 1e6,
                resource.descriptors(),
                seen.answers.values().sum::<u64>(),
                seen.keys.len(),
                seen.unexpected.len(),
            );
        }
        tokio::time::sleep(REPORT_EVERY).await;
    }
    for person in people {
        person.await.unwrap();
    }
    let seen = seen.lock().unwrap();
    println!("\n| asked | status | code | how often |\n| --- | --- | --- | --- |");
    for ((what, status, code), count) in &seen.answers {
        println!("| {what} | {status} | {code} | {count} |");
    }
    assert!(resource.terminate().success() && identity.terminate().success());
    assert!(seen.unexpected.is_empty(), "{:#?}", &seen.unexpected[..seen.unexpected.len().min(50)]);
    println!("\nNo answer was unexpected; both processes stopped when told to.");
}
