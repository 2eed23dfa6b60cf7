//! What an operator does from the command line is heard by every instance.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn users_end_sessions_is_heard_by_all_instances_even_with_another_database() {
    let Some(redis) = RedisServer::start() else { return };
    let url = redis.url(0);
    let Some(deployment) = Deployment::start("ended_by_hand", Some(&url), Some(&url), &[]).await else {
        return;
    };
    let ada = signed_up(&deployment.one, "ada").await;
    let bob = signed_up(&deployment.two, "bob").await;
    let (token, other) = (jwt(&ada).await, jwt(&bob).await);
    for server in deployment.all() {
        assert_eq!(verdict(server, &token).await, 200);
    }
    let said = deployment.run(&["users", "end-sessions", "ada@example.com"]);
    assert!(said.contains("1 session ended"), "{said}");
    for server in deployment.all() {
        soon("the ended session is refused", async || verdict(server, &token).await == 401).await;
        assert_eq!(verdict(server, &other).await, 200, "and no other's");
    }
    let said = deployment.run(&["users", "remove", "bob@example.com"]);
    assert!(said.contains("is gone"), "{said}");
    for server in deployment.all() {
        soon("the removed user is refused", async || verdict(server, &other).await == 401).await;
    }
}
