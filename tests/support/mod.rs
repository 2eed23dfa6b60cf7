//! A real server for every test, and the people who call it.
//! In: settings that differ from the usual. Out: a running app on a free port with a database of its own; callers as types.
//! Owns: what runs here is `signet::app::App`, exactly as the binary runs it.

pub mod agent;
pub mod apache;
pub mod caller;
pub mod fresh_database;
pub mod gate;
pub mod letters;
pub mod nginx;
pub mod pause;
pub mod pgbouncer;
pub mod postgres;
pub mod postgres_server;
pub mod redis;
mod skipping;
pub mod small_disk;
pub mod smtp;
pub mod wait;

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Once};
use std::time::Duration;

use signet::app::App;
use signet::app::Environment;
use signet::app::Shutdown;
use signet::config::Config;
use signet::config::Settings;
use signet_verify::clock::ManualClock;
use signet_verify::clock::SystemClock;
use signet_verify::clock::Timestamp;
use signet_verify::crypto::SystemEntropy;
use tempfile::TempDir;
use tokio::net::TcpSocket;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub use caller::{Caller, PASSWORD, Reply, User};

/// The secret of every test server, so that tests can make cookies and HS256 tokens of their own.
pub const SECRET: &str = "only the tests sign with this: 7Qv2 mZ8r LkT4";

/// Where a test's clock begins, when it is turned by hand: 2026-11-22T20:00:00Z.
pub const BEGINNING: Timestamp = Timestamp::from_seconds(1_795_377_600);

/// A free port that is given out once: not here a second time, and, since it lies below the
/// ephemeral ones, not by the kernel.
pub fn free_port() -> u16 {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    // Two runs of the tests at once begin at different places.
    let begin = std::process::id().wrapping_mul(97);
    loop {
        let number = begin.wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed)) % 12_000;
        let port = 20_000 + u16::try_from(number).unwrap();
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A port on this machine without a listener: connections to it are refused for as long as the value beside it lives.
pub fn closed_port() -> (TcpSocket, u16) {
    let bound = TcpSocket::new_v4().unwrap();
    bound.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let port = bound.local_addr().unwrap().port();
    (bound, port)
}

/// Says, past the capture of the test harness, that a test is left out since something is not installed. For the harness it
/// passes; whoever names a file in `SIGNET_TEST_SKIPPED`, as `./test` does, finds a line there for each such test.
///
/// # Panics
/// Where nothing may be skipped (`CI=true`).
#[track_caller]
pub fn skip(why: &str) {
    use std::io::Write;
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "nothing may be skipped, and {why}: run ./test");
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let _ = writeln!(std::io::stderr(), "!! SKIPPED {test}: {why}; run ./test");
    if let Some(file) = std::env::var_os("SIGNET_TEST_SKIPPED") {
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(file).unwrap();
        file.write_all(format!("{test}\t{why}\n").as_bytes()).unwrap();
    }
}

/// Writes a certificate of `localhost`, which signs itself, and its key.
pub fn certify(certificate: &Path, key: &Path) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(certificate, made.cert.pem()).unwrap();
    std::fs::write(key, made.signing_key.serialize_pem()).unwrap();
}

/// What the binary does for its process: many servers here take many descriptors, and one provider of TLS.
fn prepare_process() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        signet::http::server::raise_descriptor_limit(10_000).unwrap();
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// A running server.
pub struct TestApp {
    /// Its public base URL, which is the issuer of its tokens.
    pub base_url: String,
    /// Where its metrics are, when they have an address of their own.
    pub metrics_url: Option<String>,
    /// The clock, when it is turned by hand.
    pub clock: Option<Arc<ManualClock>>,
    /// Where its database and secrets are, unless told otherwise.
    pub folder: Arc<TempDir>,
    stop: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<Shutdown>>,
}

/// A server to be started.
pub struct Builder {
    settings: Settings,
    clock: Option<Arc<ManualClock>>,
    folder: Arc<TempDir>,
}

impl TestApp {
    /// A server with the usual settings: EdDSA, no limits, the machine's clock.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// A server whose settings are still to be chosen.
    pub fn builder() -> Builder {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        Self::in_folder(folder)
    }

    /// A server that keeps its files where another one did.
    pub fn in_folder(folder: Arc<TempDir>) -> Builder {
        let path = |name: &str| folder.path().join(name).display().to_string();
        let settings = Settings::from([
            ("SIGNET_LISTEN", "127.0.0.1:0".to_owned()),
            ("SIGNET_RATE_LIMIT", "off".to_owned()),
            ("SIGNET_KEYS_DIR", path("keys")),
            ("DATABASE_URL", format!("sqlite:{}", path("signet.db"))),
            ("BETTER_AUTH_SECRET", SECRET.to_owned()),
            // What is about mail says where it goes: see `letters`.
            ("SIGNET_MAIL", "off".to_owned()),
        ]);
        Builder { settings, clock: None, folder }
    }

    /// Lets time pass, where the clock is turned by hand.
    pub fn advance(&self, span: Duration) {
        self.clock.as_ref().unwrap().advance(span);
    }

    /// A client that is not signed in.
    pub fn anonymous(&self) -> Caller {
        Caller::new(&self.base_url)
    }

    /// A user who has just signed up as `NAME@example.com`.
    pub async fn signed_up(&self, name: &str) -> User {
        User::sign_up(self, name).await
    }

    /// Stops the server as SIGTERM does; says whether all requests finished in time.
    pub async fn stop(mut self) -> bool {
        drop(self.stop.take());
        self.running.take().unwrap().await.unwrap() == Shutdown::Complete
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.abort();
        }
    }
}

impl Builder {
    /// Changes a setting.
    pub fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// Changes settings that name a place in the folder of the server.
    pub fn with_folder(mut self, change: impl FnOnce(&mut Settings, &Path)) -> Self {
        change(&mut self.settings, self.folder.path());
        self
    }

    /// Declares clients, resources and users, which are applied at the start.
    pub fn provisioned(self, declared: &serde_json::Value) -> Self {
        self.with_folder(|settings, folder| {
            let file = folder.join("declared.json");
            std::fs::write(&file, declared.to_string()).unwrap();
            settings.set("SIGNET_PROVISION", file.display().to_string());
        })
    }

    /// Turns the clock by hand, from [`BEGINNING`].
    pub fn manual_clock(self) -> Self {
        self.clock(Arc::new(ManualClock::at(BEGINNING)))
    }

    /// Shares a clock with another server.
    pub fn clock(mut self, clock: Arc<ManualClock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Binds and runs it.
    pub async fn start(self) -> TestApp {
        prepare_process();
        let config = Config::resolve(&self.settings).unwrap();
        let clock: Arc<dyn signet_verify::clock::Clock> = match &self.clock {
            Some(clock) => clock.clone(),
            None => Arc::new(SystemClock::new()),
        };
        let environment = Environment { clock, entropy: Arc::new(SystemEntropy::new()) };
        let app = App::bind(config, environment).await.unwrap();
        // The base URL says `localhost`; connecting to the address spares every test the look-up.
        let base_url = format!("http://{}", app.address());
        let metrics_url = app.metrics_address().map(|address| format!("http://{address}"));
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(app.run(async move {
            let _ = stopped.await;
        }));
        TestApp {
            base_url,
            metrics_url,
            clock: self.clock,
            folder: self.folder,
            stop: Some(stop),
            running: Some(running),
        }
    }
}
