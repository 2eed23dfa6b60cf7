//! What promises mail and what delivers it, as a server has them, on a clock that the test turns.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use signet::config::{Config, Settings};
use signet::mail::transport::{Limits, Transport};
use signet::mail::worker::Worker;
use signet::mail::{Content, Language, Letter, Outbox, Status};
use signet::model::message::{Entry, Message};
use signet::secret::MasterKey;
use signet::store::Database;
use signet::vault::Vault;
use signet_verify::clock::ManualClock;
use signet_verify::crypto::SystemEntropy;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::store::support::{Fresh, Kind};
use crate::support::wait::until;

/// The link of every letter here.
pub const LINK: &str = "https://id.example/reset-password#token=S3CRETlinkS3CRETlinkS3CRETlink00";
/// Limits for a server that hangs for ever, so that a test need not wait long; a good one keeps them on a busy machine too.
pub const SHORT: Limits = Limits {
    greeting: Duration::from_secs(4),
    step: Duration::from_secs(4),
    prepared: Duration::from_secs(8),
    handed_over: Duration::from_secs(4),
    patience: Duration::from_secs(1),
};

/// An instance: an outbox, and a worker once it is started.
pub struct Instance {
    pub outbox: Arc<Outbox>,
    pub status: Arc<Status>,
    pub clock: Arc<ManualClock>,
    pub database: Database,
    settings: Config,
    running: Option<(CancellationToken, JoinHandle<()>)>,
}

/// The settings of a deployment that sends mail to `url`.
pub fn settings(url: &str) -> Settings {
    Settings::from([("SIGNET_MAIL", url), ("BETTER_AUTH_URL", "https://id.example")])
}

impl Instance {
    /// One on the database `fresh`, which sends mail to `url`; it delivers nothing yet.
    pub fn new(fresh: &Fresh, url: &str) -> Self {
        Self::with(
            fresh.database.clone(),
            &settings(url),
            Arc::new(ManualClock::at(crate::support::BEGINNING)),
        )
    }

    /// One with these settings, on a clock that it may share with others.
    pub fn with(database: Database, settings: &Settings, clock: Arc<ManualClock>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let settings = Config::resolve(settings).unwrap();
        let entropy = Arc::new(SystemEntropy::new());
        let vault = Vault::new(MasterKey::new([7; 32]), Vec::new(), entropy.clone());
        let outbox =
            Outbox::open(&settings.mail, "https://id.example", Arc::new(vault), entropy, clock.clone());
        let outbox = Arc::new(outbox.unwrap());
        Self { outbox, status: Arc::default(), clock, database, settings, running: None }
    }

    /// Lets it deliver.
    pub fn start(&mut self, limits: Limits) {
        let transport = Transport::new(&self.settings.mail.url, self.outbox.sender(), limits);
        let worker = Worker::new(
            self.outbox.clone(),
            transport.unwrap().unwrap(),
            self.database.clone(),
            self.status.clone(),
            Arc::new(SystemEntropy::new()),
            self.clock.clone(),
        );
        let stop = CancellationToken::new();
        self.running = Some((stop.clone(), tokio::spawn(worker.run(stop))));
    }

    /// Stops it as SIGTERM does.
    pub async fn stop(&mut self) {
        let (stop, running) = self.running.take().unwrap();
        stop.cancel();
        running.await.unwrap();
    }

    /// Ends it as `kill -9` does.
    pub async fn kill(&mut self) {
        let (_, running) = self.running.take().unwrap();
        running.abort();
        let _ = running.await;
    }

    /// Promises a letter to `to`, as a request does; the id of its message.
    pub async fn promise(&self, to: &str) -> String {
        let message = self.message(to, Content::ResetPassword { link: LINK });
        self.keep(&message).await;
        message.id
    }

    /// A message that is not kept yet.
    pub fn message(&self, to: &str, content: Content<'_>) -> Message {
        let letter = Letter { to, name: "Ada", language: Language::English, content };
        self.outbox.write(&letter).unwrap()
    }

    /// Keeps a message in a transaction, and wakes the worker after it.
    pub async fn keep(&self, message: &Message) {
        let kept = self.database.write(|unit| async move { unit.outbox().insert(message).await });
        kept.await.unwrap();
        self.outbox.wake();
    }

    /// The row of a message.
    pub async fn entry(&self, id: &str) -> Entry {
        let entries = self.database.outbox().list(None, 1000).await.unwrap();
        entries.into_iter().find(|entry| entry.id == id).expect("the message is there")
    }

    /// Waits until a message is in `state`.
    pub async fn is_in_state(&self, id: &str, state: &str) {
        until(&format!("{state}: {id}"), async || self.entry(id).await.state == state).await;
    }

    /// Waits until a message was tried `attempts` times, and is in the hands of no worker.
    pub async fn was_tried(&self, id: &str, attempts: u32) -> Entry {
        let what = format!("tried {attempts} times: {id}");
        until(&what, async || {
            let entry = self.entry(id).await;
            entry.attempts == attempts && entry.problem.is_some() && !entry.claimed
        })
        .await;
        self.entry(id).await
    }

    /// Lets time pass, and the worker look at its rows.
    pub fn advance(&self, span: Duration) {
        self.clock.advance(span);
        self.outbox.wake();
    }
}

/// An outbox with the master key that a server keeps in `folder`, for a test that promises mail beside that server.
pub async fn beside(folder: &Path, database_url: &str, mail: &str) -> (Arc<Outbox>, Database) {
    let key = std::fs::read_to_string(folder.join("keys/master.key")).unwrap();
    use base64::Engine as _;
    let key = base64::engine::general_purpose::STANDARD.decode(key.trim()).unwrap();
    let entropy = Arc::new(SystemEntropy::new());
    let vault = Vault::new(MasterKey::new(key.try_into().unwrap()), Vec::new(), entropy.clone());
    let settings = Config::resolve(&settings(mail)).unwrap();
    let clock = Arc::new(signet_verify::clock::SystemClock::new());
    let outbox = Outbox::open(&settings.mail, "https://id.example", Arc::new(vault), entropy, clock).unwrap();
    (Arc::new(outbox), Database::open(database_url, 1).await.unwrap())
}

/// Opens a database of this kind; none, said loudly, where there is none.
pub async fn database(kind: Kind) -> Option<Fresh> {
    Fresh::open(kind).await
}
