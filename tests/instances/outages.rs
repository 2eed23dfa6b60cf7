//! Redis goes, hangs and comes back under traffic, and requests that do not need it do not notice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::*;

/// Verifies a good token, signs in tokens and reads sessions all the time; counts, and insists on the right answers.
struct Traffic {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    callers: Vec<tokio::task::JoinHandle<()>>,
}

impl Traffic {
    async fn at(deployment: &Deployment, session: &Caller, token: &str) -> Self {
        let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let verifying = deployment.all().map(|server| (server.caller().bearing(token), "/api/me/tasks"));
        let asking = [(session.clone(), "/api/auth/token"), (session.clone(), "/api/auth/get-session")];
        let callers = verifying.into_iter().chain(asking).map(|(caller, path)| {
            let (stop, answered) = (stop.clone(), answered.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    caller.get(path).await.expect(200);
                    answered.fetch_add(1, Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            })
        });
        let callers = callers.collect();
        Self { stop, answered, callers }
    }

    /// Waits until `many` more requests have been answered.
    async fn flows(&self, many: usize) {
        let before = self.answered.load(Ordering::SeqCst);
        soon("traffic flows", async || self.answered.load(Ordering::SeqCst) >= before + many).await;
    }

    async fn end(self) {
        self.stop.store(true, Ordering::SeqCst);
        for caller in self.callers {
            caller.await.expect("every answer was right");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_outage_stops_neither_signing_nor_verifying_and_ends_by_itself() {
    let Some(mut redis) = RedisServer::start() else { return };
    let url = redis.url(0);
    let limited = [("SIGNET_RATE_LIMIT", "on"), ("SIGNET_TRUSTED_PROXIES", "127.0.0.1")];
    let Some(deployment) = Deployment::start("outages", Some(&url), Some(&url), &[]).await else { return };
    // Limits on, in a deployment of its own: its traffic is counted at Redis with every request.
    let counting = tempfile::tempdir().unwrap();
    let counting = Server::start(counting.path(), &[&limited[..], &[("REDIS_URL", url.as_str())]].concat());
    let ada = signed_up(&deployment.one, "ada").await;
    let token = jwt(&ada).await;
    let traffic = Traffic::at(&deployment, &ada, &token).await;
    let asks = async |number: usize| {
        let request = counting.caller().request(reqwest::Method::GET, "/api/auth/get-session");
        Caller::send(request.header("x-forwarded-for", format!("198.51.100.{number}"))).await.expect(200)
    };
    traffic.flows(50).await;

    for outage in 0..2 {
        if outage == 0 {
            redis.freeze();
        } else {
            redis.kill();
        }
        for number in 0..20 {
            asks(number).await;
        }
        for server in deployment.all() {
            redis_is(false, server).await;
            server.caller().get("/readyz").await.expect(200);
        }
        traffic.flows(200).await;
        if outage == 0 {
            redis.thaw();
        } else {
            redis.restart();
        }
        for server in [&deployment.one, &deployment.two, &deployment.resource, &counting] {
            redis_is(true, server).await;
        }
        for number in 20..40 {
            asks(number).await;
        }
        traffic.flows(50).await;
    }

    traffic.end().await;
    // And what is shared is shared again.
    sign_out(&ada).await;
    soon("the resource process hears", async || verdict(&deployment.resource, &token).await == 401).await;
    for server in [deployment.one, deployment.two, deployment.resource, counting] {
        let (_, log) = server.terminate();
        assert_said_once(&log, 2);
    }
}
