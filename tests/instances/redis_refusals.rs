//! Redis says no, in every way that it knows, and then yes: the log has the reason, and nobody has to restart anything.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::*;

/// A way to a server, on which somebody else may answer.
struct Interloper {
    port: u16,
    says: Arc<watch::Sender<Option<&'static [u8]>>>,
}

impl Interloper {
    /// Passes everything on to `upstream`.
    async fn before(upstream: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let says = Arc::new(watch::Sender::new(None));
        let state = says.clone();
        tokio::spawn(async move {
            while let Ok((mut outside, _)) = listener.accept().await {
                let mut state = state.subscribe();
                tokio::spawn(async move {
                    let said: Option<&'static [u8]> = *state.borrow_and_update();
                    if let Some(said) = said {
                        let mut heard = [0; 4096];
                        while outside.read(&mut heard).await.is_ok_and(|length| length > 0) {
                            // One for each command of a pipeline, and more.
                            let _ = outside.write_all(&said.repeat(4)).await;
                        }
                        return;
                    }
                    let Ok(mut inside) = TcpStream::connect(("127.0.0.1", upstream)).await else { return };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut outside, &mut inside) => {}
                        _ = state.changed() => {}
                    }
                });
            }
        });
        Self { port, says }
    }
}

/// A server that shares its limits, and does not notice that Redis is away.
struct Subject {
    _folder: TempDir,
    server: Server,
}

impl Subject {
    async fn with(redis: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(folder.path(), &[("REDIS_URL", redis), ("SIGNET_RATE_LIMIT", "on")]);
        redis_is(true, &server).await;
        Self { _folder: folder, server }
    }

    /// Waits until it knows that Redis is no use, and why.
    async fn is_refused(&self, reason: &str) {
        redis_is(false, &self.server).await;
        self.server.logs(reason).await;
        self.server.caller().get("/readyz").await.expect(200);
        self.server.caller().get("/api/auth/get-session").await.expect(200);
    }

    /// Waits until Redis is of use again, which it is within ten seconds of looks.
    async fn is_good(&self) {
        let mut looks = 0;
        while metric(&self.server, "signet_redis_up").await != Some(1.0) {
            looks += 1;
            assert!(looks < 200, "it does not recover by itself: {}", self.server.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// A connection that is there before anybody else is refused one.
fn admin(redis: &RedisServer) -> ::redis::Connection {
    ::redis::Client::open(redis.url(0)).unwrap().get_connection().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_of_redis_passes_without_hands_and_its_reason_is_in_the_log() {
    let Some(redis) = RedisServer::start() else { return };
    let mut admin = admin(&redis);
    let mut order = |commands: &[&str]| {
        for command in commands {
            let mut words = command.split(' ');
            let mut command = ::redis::cmd(words.next().unwrap());
            words.for_each(|word| {
                command.arg(word);
            });
            command.exec(&mut admin).unwrap();
        }
    };
    order(&["ACL SETUSER app on >sesame ~* &* +@all"]);
    let (_bound, nobody) = crate::support::closed_port();
    let of_nobody = format!("REPLICAOF 127.0.0.1 {nobody}");
    let as_app = Subject::with(&format!("redis://app:sesame@127.0.0.1:{}", redis.port())).await;
    let as_anybody = Subject::with(&redis.url(0)).await;
    let thrown_out = "CLIENT KILL SKIPME yes TYPE normal";
    let deafened = "CLIENT KILL TYPE pubsub";
    let refusals: [(&Subject, &str, &[&str], &[&str]); 7] = [
        (
            &as_app,
            "WRONGPASS",
            &["ACL SETUSER app resetpass >other", "CLIENT KILL USER app"],
            &["ACL SETUSER app >sesame"],
        ),
        (&as_app, "NOPERM", &["ACL SETUSER app -evalsha"], &["ACL SETUSER app +evalsha"]),
        (&as_app, "NOPERM", &["ACL SETUSER app -@all", "CLIENT KILL USER app"], &["ACL SETUSER app +@all"]),
        (
            &as_anybody,
            "NOAUTH",
            &["CONFIG SET requirepass other", thrown_out, deafened],
            &["CONFIG SET requirepass "],
        ),
        (
            &as_anybody,
            "max number of clients",
            &["CONFIG SET maxclients 1", thrown_out, deafened],
            &["CONFIG SET maxclients 1000"],
        ),
        (&as_anybody, "READONLY", &[&of_nobody], &["REPLICAOF NO ONE"]),
        (
            &as_anybody,
            "MASTERDOWN",
            &["CONFIG SET replica-serve-stale-data no", &of_nobody],
            &["REPLICAOF NO ONE"],
        ),
    ];
    for (subject, reason, harm, mend) in refusals {
        order(harm);
        subject.is_refused(reason).await;
        order(mend);
        subject.is_good().await;
    }
    for subject in [as_app, as_anybody] {
        subject.is_good().await;
        let (_, log) = subject.server.terminate();
        assert_said_once(&log, 3);
        assert!(!log.contains("sesame"), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_reads_its_file_for_a_while_passes_without_hands() {
    let Some(mut redis) = RedisServer::start() else { return };
    let subject = Subject::with(&redis.url(0)).await;
    redis.restart_loading();
    subject.server.logs("LOADING").await;
    subject.is_good().await;
    assert_said_once(&subject.server.log(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_answers_instead_of_redis_passes_without_hands_and_fills_no_log() {
    let Some(redis) = RedisServer::start() else { return };
    let way = Interloper::before(redis.port()).await;
    let subject = Subject::with(&format!("redis://127.0.0.1:{}", way.port)).await;
    let lies: [(&'static [u8], &str); 7] = [
        (b"-LOADING Redis is loading the dataset in memory\r\n", "LOADING"),
        (b"-MISCONF Redis is configured to save RDB snapshots\r\n", "MISCONF"),
        (b"-CLUSTERDOWN The cluster is down\r\n", "CLUSTERDOWN"),
        (b"-TRYAGAIN later\r\n", "TRYAGAIN"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "why"),
        (b"+OK\r\n", "why"),
        (b"\0\xff*-5\r\n$-7\r\n", "why"),
    ];
    for (lie, reason) in lies {
        way.says.send_replace(Some(lie));
        subject.is_refused(reason).await;
        way.says.send_replace(None);
        subject.is_good().await;
    }
    let (_, log) = subject.server.terminate();
    assert_said_once(&log, lies.len());
    assert!(log.lines().filter(|line| line.contains("Redis")).count() < 100, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_in_the_url_works_with_a_password_and_the_number_of_a_database() {
    let Some(redis) = RedisServer::with_password("open-sesame") else { return };
    let folder = tempfile::tempdir().unwrap();
    for (scheme, database) in [("unix", 3), ("redis+unix", 4)] {
        let url = format!("{scheme}://{}?db={database}&pass=open-sesame", redis.socket().display());
        let settings = [("REDIS_URL", url.as_str()), ("SIGNET_RATE_LIMIT", "on")];
        let server = Server::start(folder.path(), &settings);
        redis_is(true, &server).await;
        let person = signed_up(&server, &format!("ada{database}")).await;
        let number = database.to_string();
        sign_out(&person).await;
        soon("it is kept in its database", async || {
            redis.ask(&["-n", &number, "ZCARD", "signet:ended"]).trim() != "0"
        })
        .await;
        let output = crate::command_line::server::run(folder.path(), &["config", "check"], &settings);
        let said = crate::command_line::server::printed(&output);
        assert!(said.contains("redis.sock?") && said.contains("pass=***"), "{said}");
        let (_, log) = server.terminate();
        assert!(!log.contains("open-sesame") && !said.contains("open-sesame"), "{log}{said}");
    }
}
