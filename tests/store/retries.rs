//! What a database undoes so that others can go on is done again, and once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rstest::rstest;
use signet::model::task::{Completion, Task};
use signet::model::user::ProfileChange;
use signet::store::{Database, Error};
use sqlx::Executor;
use tokio::sync::Barrier;

use super::support::*;

fn task(id: &str) -> Task {
    Task {
        id: id.to_owned(),
        user_id: "ada".to_owned(),
        title: String::new(),
        description: String::new(),
        completed: false,
        created_at: START,
        updated_at: START,
    }
}

/// Turns `first` over, then `second`, and counts the tries. Those who meet after the first wait for each other there.
async fn turn_both(
    database: Database,
    [first, second]: [&'static str; 2],
    meet: Option<Arc<Barrier>>,
    tries: Arc<AtomicUsize>,
) -> Result<(), Error> {
    let (meet, tries) = (&meet, &tries);
    let turned = database.write(|unit| async move {
        let is_first_try = tries.fetch_add(1, Ordering::SeqCst) < 2;
        unit.tasks().complete("ada", first, Completion::Toggle, START).await?;
        if let (Some(barrier), true) = (meet, is_first_try) {
            barrier.wait().await;
        }
        unit.tasks().complete("ada", second, Completion::Toggle, START).await?;
        unit.tasks().insert(&task(&format!("{first} before {second}"))).await
    });
    turned.await
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn write_of_two_units_in_opposite_order_applies_both_once(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    for id in ["one", "two"] {
        fresh.database.tasks().insert(&task(id)).await.unwrap();
    }
    // On SQLite the second unit begins when the first has ended: they cannot meet.
    let meet = (kind == Postgres).then(|| Arc::new(Barrier::new(2)));
    let tries = Arc::new(AtomicUsize::new(0));
    let turn = |order| tokio::spawn(turn_both(fresh.database.clone(), order, meet.clone(), tries.clone()));
    let (a, b) = (turn(["one", "two"]), turn(["two", "one"]));
    a.await.unwrap().unwrap();
    b.await.unwrap().unwrap();
    let expected = if kind == Postgres { 3 } else { 2 };
    assert_eq!(tries.load(Ordering::SeqCst), expected, "one of two that deadlock is tried again");
    for id in ["one", "two"] {
        let turned = fresh.database.tasks().get("ada", id).await.unwrap().unwrap();
        assert!(!turned.completed, "{id} was turned over twice");
    }
    for id in ["one before two", "two before one"] {
        assert!(fresh.database.tasks().get("ada", id).await.unwrap().is_some(), "{id}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn write_that_cannot_be_put_in_an_order_is_tried_again_and_applied_once() {
    let Some(fresh) = Fresh::open(Postgres).await else { return };
    fresh.database.tasks().insert(&task("one")).await.unwrap();
    let url = format!("{}?options[default_transaction_isolation]=serializable", fresh.url);
    let strict = Database::open(&url, 2).await.unwrap();
    let (tries, others) = (&AtomicUsize::new(0), &fresh.database);
    let turned = strict.write(|unit| async move {
        let before = unit.tasks().get("ada", "one").await?.unwrap();
        if tries.fetch_add(1, Ordering::SeqCst) == 0 {
            // Another transaction writes what was read.
            others.tasks().complete("ada", "one", Completion::Toggle, START).await?;
        }
        unit.tasks().complete("ada", "one", Completion::Toggle, START).await?;
        Ok::<_, Error>(before.completed)
    });
    assert!(turned.await.unwrap(), "the second try reads what the other transaction has written");
    assert_eq!(tries.load(Ordering::SeqCst), 2);
    assert!(
        !fresh.database.tasks().get("ada", "one").await.unwrap().unwrap().completed,
        "turned twice in all"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn write_that_is_undone_again_and_again_is_given_up() {
    let Some(fresh) = Fresh::open(Postgres).await else { return };
    let others = fresh.others().await;
    for statement in [
        "CREATE FUNCTION undo() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN RAISE EXCEPTION 'not now' USING ERRCODE = 'serialization_failure'; END $$",
        "CREATE TRIGGER undo BEFORE INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION undo()",
    ] {
        others.execute(statement).await.unwrap();
    }
    let tries = &AtomicUsize::new(0);
    let undone = fresh.database.write(|unit| async move {
        tries.fetch_add(1, Ordering::SeqCst);
        unit.users().insert(&user("ada")).await?;
        unit.tasks().insert(&task("one")).await
    });
    let undone = undone.await;
    assert!(matches!(undone, Err(Error::Unavailable(_))), "{undone:?}");
    assert_eq!(tries.load(Ordering::SeqCst), 4);
    assert!(fresh.database.credentials().by_email("ada@example.com").await.unwrap().is_none());
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn write_that_is_refused_for_good_is_tried_once(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    let ada = &fresh.sign_up("ada", 1).await;
    let tries = &AtomicUsize::new(0);
    let refused = fresh.database.write(|unit| async move {
        tries.fetch_add(1, Ordering::SeqCst);
        let change = ProfileChange { name: Some("Countess".to_owned()), ..ProfileChange::default() };
        unit.users().update_profile(&ada.id, &change, START).await?;
        unit.users().insert(ada).await
    });
    let refused = refused.await;
    assert!(is_conflict(&refused), "{refused:?}");
    assert_eq!(tries.load(Ordering::SeqCst), 1);
    let (found, _) = fresh.database.credentials().by_email(&ada.email).await.unwrap().unwrap();
    assert_eq!(found, *ada);
}
