//! Every peer is asked for the same in turns, within one run.
//! In: where Signet and the peers are. Out: how much of everything each of them did, for the report.
//! Owns: the turns that are compared follow one another, and every answer has the status of success.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use signet_benches::client::{get, post};
use signet_benches::traffic::{Course, Outcome, as_fast_as_it_goes};

use super::people::People;
use super::servers::{self, Server};
use super::{install, report};

pub const CONNECTIONS: usize = 8;
pub const TURN: Duration = Duration::from_millis(500);
const TOKENS: usize = 4000;
/// Rounds in which each is asked on a single connection.
const ROUNDS_ALONE: usize = 4;

/// One server, and what it is asked for.
pub struct Entry<'a> {
    pub server: &'a Server,
    course: Arc<Course>,
    /// Answers per second, a figure per round.
    pub rates: Vec<f64>,
    pub outcome: Outcome,
    /// Processor time of the server.
    pub worked: Duration,
    /// On a single connection.
    pub alone: Outcome,
}

/// One request, and whom it is put to: Signet first.
pub struct Row<'a> {
    pub name: &'static str,
    pub entries: Vec<Entry<'a>>,
}

/// Who is asked, with whose help.
struct Field {
    signet: (Server, People),
    /// A Signet that does not remember which tokens it has verified.
    forgetful: (Server, People),
    better_auth: Vec<(Server, People)>,
    fastapi: Vec<Server>,
}

impl Field {
    async fn gather(binary: &Path, installed: &Path) -> Self {
        let cores = std::thread::available_parallelism().unwrap().get();
        let signet = servers::signet(binary, "**Signet**", &[]).await;
        let off = [("SIGNET_TOKEN_CACHE", "off")];
        let forgetful = servers::signet(binary, "**Signet**, without memory of tokens", &off).await;
        let mut better_auth = Vec::new();
        let mut fastapi = Vec::new();
        for processes in [1, cores] {
            better_auth.push(servers::better_auth(installed, processes).await);
        }
        for processes in [1, cores] {
            fastapi.push(servers::fastapi(installed, &better_auth[0], processes).await);
        }
        let people = |server: &Server| People::gather(server.process.address, TOKENS);
        let (known, forgotten) = (people(&signet).await, people(&forgetful).await);
        let mut others = Vec::new();
        for server in better_auth {
            let people = people(&server).await;
            others.push((server, people));
        }
        known.bring_tasks(signet.process.address, &others[0].1).await;
        forgotten.bring_tasks(forgetful.process.address, &known).await;
        for server in &fastapi {
            others[0].1.bring_tasks(server.process.address, &known).await;
        }
        Self { signet: (signet, known), forgetful: (forgetful, forgotten), better_auth: others, fastapi }
    }

    fn servers(&self) -> impl Iterator<Item = &Server> {
        [&self.signet.0, &self.forgetful.0]
            .into_iter()
            .chain(self.better_auth.iter().map(|(server, _)| server))
            .chain(&self.fastapi)
    }

    /// Every request to every peer that answers it; the resource servers believe the first Better Auth.
    fn rows(&self) -> Vec<Row<'_>> {
        let identity = beside(&self.signet, self.better_auth.iter().map(|(server, people)| (server, people)));
        let believed = &self.better_auth[0].1;
        let remembering = beside(&self.signet, self.fastapi.iter().map(|server| (server, believed)));
        let forgetful = beside(&self.forgetful, self.fastapi.iter().map(|server| (server, believed)));
        let list = |token: &String| get("/api/me/tasks", Some(token));
        let everything = |people: &People| people.tokens.iter().map(list).collect::<Vec<_>>();
        let task = json!({ "title": "Buy milk", "description": "Two litres" });
        vec![
            row("key set", &identity, 200, |_| vec![get("/api/auth/jwks", None)]),
            row("get-session", &identity, 200, |people| {
                vec![get("/api/auth/get-session", Some(&people.session))]
            }),
            row("token", &identity, 200, |people| vec![get("/api/auth/token", Some(&people.session))]),
            row("sign in", &identity, 200, |people| vec![people.writer.sign_in()]),
            row("list, one token again and again", &remembering, 200, |people| vec![list(&people.tokens[0])]),
            row("list, 4000 tokens in turn", &remembering, 200, everything),
            row("list, each token verified anew", &forgetful, 200, everything),
            row("create a task", &remembering, 201, |people| {
                vec![post("/api/me/tasks", Some(&people.writing), &task)]
            }),
        ]
    }
}

/// A Signet and its peers, each with the people it knows.
fn beside<'a>(
    (signet, people): &'a (Server, People),
    peers: impl Iterator<Item = (&'a Server, &'a People)>,
) -> Vec<(&'a Server, &'a People)> {
    std::iter::once((signet, people)).chain(peers).collect()
}

fn row<'a>(
    name: &'static str,
    asked: &[(&'a Server, &People)],
    status: u16,
    requests: impl Fn(&People) -> Vec<Vec<u8>>,
) -> Row<'a> {
    let entry = |&(server, people): &(&'a Server, &People)| {
        let (address, requests) = (server.process.address, requests(people));
        let course = Arc::new(Course { name, address, requests, status });
        Entry {
            server,
            course,
            rates: Vec::new(),
            outcome: Outcome::default(),
            worked: Duration::ZERO,
            alone: Outcome::default(),
        }
    };
    Row { name, entries: asked.iter().map(entry).collect() }
}

impl Entry<'_> {
    async fn take_turn(&mut self, counts: bool) {
        let before = self.server.process.processor_time_of_all();
        let outcome = as_fast_as_it_goes(&self.course, CONNECTIONS, TURN).await;
        if counts {
            self.worked += self.server.process.processor_time_of_all() - before;
            self.rates.push(outcome.rate());
            self.outcome.extend(outcome);
        }
    }
}

/// Lets the peers take turns and prints what came of it.
pub async fn run(binary: &Path, installed: &Path, rounds: usize) {
    let field = Field::gather(binary, installed).await;
    let mut rows = field.rows();
    let count = rows.len();
    for round in 0..=rounds {
        for turn in 0..count {
            let entries = &mut rows[(round + turn) % count].entries;
            let contenders = entries.len();
            for turn in 0..contenders {
                // The first round warms up.
                entries[(round + turn) % contenders].take_turn(round > 0).await;
            }
        }
    }
    for _ in 0..ROUNDS_ALONE {
        for entry in rows.iter_mut().flat_map(|row| &mut row.entries) {
            let outcome = as_fast_as_it_goes(&entry.course, 1, TURN).await;
            entry.alone.extend(outcome);
        }
    }
    println!("{}.\n", install::versions(installed));
    report::print(&rows, rounds);
    report::memory(field.servers());
}
