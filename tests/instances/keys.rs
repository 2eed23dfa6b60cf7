//! Keys change everywhere at once.

use super::*;

/// Far longer than news take and far shorter than the polls of four changes in a row.
const LOOKS: usize = 80;

pub async fn kids(server: &Server) -> Vec<String> {
    let set = server.caller().get("/api/auth/jwks").await.expect(200);
    set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

/// The key that signs, as `signet keys list` says.
fn active(deployment: &Deployment) -> String {
    let listed = deployment.run(&["keys", "list"]);
    let line = listed.lines().find(|line| line.contains("active")).unwrap();
    line.split(' ').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_revoked_by_an_operator_is_gone_from_every_instance_and_every_verifier() {
    let Some(redis) = RedisServer::start() else { return };
    let url = redis.url(0);
    let Some(deployment) = Deployment::start("keys_everywhere", Some(&url), Some(&url), &[]).await else {
        return;
    };
    let ada = signed_up(&deployment.one, "ada").await;
    for round in 0..4 {
        let (revoked, token) = (active(&deployment), jwt(&ada).await);
        assert_eq!(verdict(&deployment.resource, &token).await, 200, "round {round}");
        deployment.run(&["keys", "revoke", &revoked, "--reason", "a test"]);
        for server in [&deployment.one, &deployment.two] {
            let mut looks = 0;
            while kids(server).await.contains(&revoked) {
                looks += 1;
                assert!(looks < LOOKS, "round {round}: the key set still has {revoked}");
                tokio::time::sleep(Duration::from_millis(25)).await;
            }
        }
        // Its copy of the key set lives for minutes: only the news make it look.
        soon("the verifier knows", async || verdict(&deployment.resource, &token).await == 401).await;
        let fresh = jwt(&ada).await;
        for server in deployment.all() {
            soon("the successor counts", async || verdict(server, &fresh).await == 200).await;
        }
    }
}
