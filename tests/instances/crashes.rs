//! Instances are killed at any moment, again and again, while the others go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::{AnyPool, Row};

use super::keys::kids;
use super::*;
use crate::command_line::crash::write;

const KILLS: u32 = 50;
/// How many there may be on a machine that is too busy to acknowledge much between them.
const MOST_KILLS: u32 = 250;

#[tokio::test(flavor = "multi_thread")]
async fn kill_of_one_of_two_instances_fifty_times_loses_no_rotation_and_no_sign_up() {
    let Some(url) = postgres::database("killed_fifty_times").await else { return };
    let folder = tempfile::tempdir().unwrap();
    // A new key of each algorithm every three seconds.
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("BETTER_AUTH_URL", ISSUER),
        ("SIGNET_ROTATE_EVERY", "3s"),
        ("SIGNET_JWKS_MAX_AGE", "1s"),
        ("SIGNET_TOKEN_TTL", "2s"),
        ("SIGNET_LEEWAY", "0s"),
    ];
    let survivor = Server::start(folder.path(), &settings);
    let first = kids(&survivor).await;
    let mut acknowledged: Vec<(String, Vec<String>)> = Vec::new();
    for round in 0..MOST_KILLS {
        if round >= KILLS && acknowledged.len() >= KILLS as usize {
            break;
        }
        let server = Server::start(folder.path(), &settings);
        let stop = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = [&server, &server, &survivor]
            .into_iter()
            .enumerate()
            .map(|(writer, server)| {
                tokio::spawn(write(server.caller(), stop.clone(), format!("k{round}x{writer}")))
            })
            .collect();
        // Any moment will do; each round takes another.
        tokio::time::sleep(Duration::from_millis(20 + u64::from(round * 37 % 250))).await;
        server.kill();
        stop.store(true, Ordering::SeqCst);
        for writer in writers {
            acknowledged.extend(writer.await.unwrap());
        }
    }
    assert!(kids(&survivor).await.iter().all(|kid| !first.contains(kid)), "keys were rotated meanwhile");
    let (status, log) = survivor.terminate();
    assert!(status.success() && !log.contains("panicked"), "{log}");

    let pool = AnyPool::connect(&url).await.unwrap();
    let count =
        async |query: &'static str| sqlx::query(query).fetch_one(&pool).await.unwrap().get::<i64, _>(0);
    let half_made = "SELECT COUNT(*) FROM users u WHERE NOT EXISTS (SELECT 1 FROM accounts a WHERE a.user_id = u.id) \
                     OR NOT EXISTS (SELECT 1 FROM sessions s WHERE s.user_id = u.id)";
    assert_eq!(count(half_made).await, 0, "a user without account or session");
    for algorithm in ["EdDSA", "ES256", "RS256"] {
        let in_state = async |state: &str| {
            let query = "SELECT COUNT(*) FROM signing_keys WHERE algorithm = $1 AND state = $2";
            let row = sqlx::query(query).bind(algorithm).bind(state).fetch_one(&pool).await.unwrap();
            row.get::<i64, _>(0)
        };
        assert_eq!(in_state("active").await, 1, "{algorithm}");
        assert!(in_state("pending").await <= 1, "{algorithm}");
    }
    let sealed = "SELECT COUNT(*) FROM signing_keys WHERE sealed_seed IS NOT NULL AND state NOT IN ('pending', 'active')";
    assert_eq!(count(sealed).await, 0, "a private half that is not needed");

    assert!(acknowledged.len() >= KILLS as usize, "the writers wrote: {}", acknowledged.len());
    for (email, titles) in &acknowledged {
        let owned = "SELECT COUNT(*) FROM users u JOIN tasks t ON t.user_id = u.id WHERE u.email = $1";
        let kept: i64 = sqlx::query(owned).bind(email).fetch_one(&pool).await.unwrap().get(0);
        assert!(kept as usize >= titles.len(), "{email} has lost a task");
        let known: i64 = sqlx::query("SELECT COUNT(*) FROM users WHERE email = $1")
            .bind(email)
            .fetch_one(&pool)
            .await
            .unwrap()
            .get(0);
        assert_eq!(known, 1, "{email} was acknowledged and is lost");
    }
    // And the service goes on with what is left.
    let last = Server::start(folder.path(), &settings);
    let body = json!({ "email": acknowledged[0].0, "password": PASSWORD });
    let answer = last.caller().post("/api/auth/sign-in/email", &body).await.expect(200);
    let token = jwt(&last.caller().bearing(answer["token"].as_str().unwrap())).await;
    assert_eq!(verdict(&last, &token).await, 200);
}
