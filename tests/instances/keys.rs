//! Keys change everywhere at once.

use signet_verify::clock::{Clock, SystemClock};

use super::*;

pub async fn kids(server: &Server) -> Vec<String> {
    let set = server.caller().get("/api/auth/jwks").await.expect(200);
    set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

/// The key that signs session tokens, as `signet keys list` says.
fn active(deployment: &Deployment) -> String {
    let listed = deployment.run(&["keys", "list"]);
    let line = listed.lines().find(|line| line.contains("EdDSA") && line.contains("active")).unwrap();
    line.split(' ').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn revoke_by_an_operator_takes_a_key_from_every_instance_and_every_verifier() {
    let Some(redis) = RedisServer::start() else { return };
    let url = redis.url(0);
    let Some(deployment) = Deployment::start("keys_everywhere", Some(&url), Some(&url), &[]).await else {
        return;
    };
    let ada = signed_up(&deployment.one, "ada").await;
    let clock = SystemClock::new();
    let mut at_once = 0;
    for round in 0..4 {
        let (revoked, token) = (active(&deployment), jwt(&ada).await);
        assert_eq!(verdict(&deployment.resource, &token).await, 200, "round {round}");
        deployment.run(&["keys", "revoke", &revoked, "--reason", "a test"]);
        let ordered_at = clock.monotonic();
        for server in [&deployment.one, &deployment.two] {
            soon("the key set has lost the key", async || !kids(server).await.contains(&revoked)).await;
        }
        if clock.monotonic() - ordered_at < Duration::from_secs(2) {
            at_once += 1;
        }
        // Its copy of the key set lives for minutes: only a message makes it fetch.
        soon("the verifier knows", async || verdict(&deployment.resource, &token).await == 401).await;
        let fresh = jwt(&ada).await;
        for server in deployment.all() {
            soon("the successor counts", async || verdict(server, &fresh).await == 200).await;
        }
    }
    // Both processes poll every five seconds; on a busy machine one message may be late.
    assert!(at_once >= 3, "polls alone brought the news, but for {at_once} of 4 times");
}
