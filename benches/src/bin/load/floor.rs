//! What nothing costs, and what the work alone costs: handlers without guard, log and metrics behind the same accept loop.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use poem::endpoint::{BoxEndpoint, make};
use poem::{EndpointExt, Response, Route, get};
use serde::Serialize;
use signet::http::server::Bounds;
use signet::http::server::ConnectionLimit;
use signet::http::server::serve as accept;
use signet::model::task::Task;
use signet::model::task::TaskFilter;
use signet::secret::OpaqueToken;
use signet::store::Database;
use signet_benches::process::{Process, free_address};
use signet_verify::crypto::SigningKey;

use signet_benches::people::Person;

/// The first argument of the process that serves the floors.
pub const MODE: &str = "floor";

/// Connections to the database, as many as Signet has.
const CONNECTIONS: u32 = 16;

/// Starts the floors on the database of Signet in `folder`, for the tasks and the session of `person`.
pub async fn start(folder: &Path, person: &Person) -> Process {
    let address = free_address();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([MODE, &address.to_string(), &database(folder), &person.id, &person.session]);
    Process::start(command, address, "/empty").await
}

/// The address of Signet's database in `folder`.
pub fn database(folder: &Path) -> String {
    format!("sqlite:{}", folder.join("signet.db").display())
}

#[derive(Serialize)]
struct Listed<'a> {
    id: &'a str,
    user_id: &'a str,
    title: &'a str,
    description: &'a str,
    completed: bool,
    created_at: String,
    updated_at: String,
}

fn listed(tasks: &[Task]) -> Vec<u8> {
    let listed: Vec<Listed<'_>> = tasks
        .iter()
        .map(|task| Listed {
            id: &task.id,
            user_id: &task.user_id,
            title: &task.title,
            description: &task.description,
            completed: task.completed,
            created_at: task.created_at.iso_8601(),
            updated_at: task.updated_at.iso_8601(),
        })
        .collect();
    serde_json::to_vec(&listed).unwrap()
}

fn endpoint(database: Database, owner: String, session: OpaqueToken) -> BoxEndpoint<'static, Response> {
    let (tasks, owner) = (Arc::new(database.tasks()), Arc::new(owner));
    let list = make(move |_| {
        let (tasks, owner) = (tasks.clone(), owner.clone());
        async move {
            let page = tasks.page(&owner, TaskFilter::All, None, 21).await.unwrap();
            Ok::<_, poem::Error>(Response::builder().content_type("application/json").body(listed(&page)))
        }
    });
    let sessions = Arc::new(database.sessions());
    let (key, token) = (Arc::new(SigningKey::from_seed(&[7; 32]).unwrap()), Arc::new(session));
    let session = make(move |_| {
        let (sessions, key, token) = (sessions.clone(), key.clone(), token.clone());
        async move {
            let found = sessions.by_token_hash(&token.hash()).await.unwrap().unwrap();
            let signature = key.sign(found.0.id.as_bytes()).unwrap();
            Ok::<_, poem::Error>(Response::builder().body(signature))
        }
    });
    let empty = make(|_| async { Ok::<_, poem::Error>(Response::default()) });
    let route = Route::new().at("/empty", get(empty)).at("/list", get(list)).at("/session", get(session));
    route.map_to_response().boxed()
}

/// Serves the floors until it is killed.
pub async fn serve() {
    let arguments: Vec<String> = std::env::args().skip(2).collect();
    let [address, database, owner, session] = &arguments[..] else { panic!("not for people") };
    signet::http::server::raise_descriptor_limit(10_000).unwrap();
    let listener = tokio::net::TcpListener::bind(address.parse::<SocketAddr>().unwrap()).await.unwrap();
    let database = Database::open(database, CONNECTIONS).await.unwrap();
    let endpoint = endpoint(database, owner.clone(), OpaqueToken::new(session.clone()));
    accept(
        listener,
        endpoint,
        ConnectionLimit::new(Bounds::default().within_descriptors()),
        std::future::pending(),
    )
    .await;
}
