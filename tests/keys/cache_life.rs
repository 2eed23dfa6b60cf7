//! For how long caches are told to keep the key set.

use std::time::Duration;

use signet::store::Database;
use signet_verify::clock::Clock;

use super::support::{Process, contract, seconds};

#[tokio::test]
async fn cache_life_never_exceeds_the_contract_and_shrinks_before_a_change() {
    let database = Database::open("sqlite::memory:", 1).await.unwrap();
    database.migrate().await.unwrap();
    let process = Process::new(&database, 1);
    let worker = process.start().await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..200 {
        let age = worker.keyring().max_age(process.clock.now());
        assert!(age >= seconds(1) && age <= contract().jwks_max_age(), "{age:?}");
        seen.push(age);
        process.clock.advance(Duration::from_millis(500));
        worker.reconcile().await.unwrap();
    }
    assert_eq!(seen[0], seconds(4));
    // 49.5 s: the successor comes in half a second.
    assert_eq!(seen[99], seconds(1));
    assert_eq!(seen[100], seconds(4));
}
