//! Nobody keeps more tasks than they may, and an owner who has ended keeps none, whatever happens at the same time.

use std::pin::pin;
use std::time::Duration;

use rstest::rstest;
use signet::model::task::{Task, TaskFilter};
use signet::store::{Addition, Database};
use signet_verify::clock::{Clock, SystemClock};
use sqlx::Row;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::support::*;
use crate::support::pause::Paused;

const QUOTA: u32 = 5;

fn task(owner: &str, id: impl ToString) -> Task {
    Task {
        id: format!("{owner}-{}", id.to_string()),
        user_id: owner.to_owned(),
        title: "Milk".to_owned(),
        description: String::new(),
        completed: false,
        created_at: START,
        updated_at: START,
    }
}

/// Two instances on one database.
async fn instances(fresh: &Fresh) -> [Database; 2] {
    [fresh.database.clone(), Database::open(&fresh.url, 4).await.unwrap()]
}

async fn kept(fresh: &Fresh, owner: &str) -> i64 {
    let others = fresh.others().await;
    let count = sqlx::query("SELECT COUNT(*) FROM tasks WHERE user_id = $1").bind(owner);
    let count = count.fetch_one(&others).await.unwrap().get(0);
    others.close().await;
    count
}

async fn end(database: &Database, owner: &str) {
    let forget_at = START.after(REMEMBERED);
    let ended = database.write(|unit| async move { unit.tasks().end_owner(owner, forget_at).await });
    ended.await.unwrap();
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn add_by_many_at_once_on_two_instances_keeps_as_many_as_the_quota(
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    let instances = instances(&fresh).await;
    for round in 0..5 {
        let owner = format!("ada{round}");
        let mut crowd = JoinSet::new();
        for number in 0..20 {
            let (tasks, task) = (instances[number % 2].tasks(), task(&owner, number));
            crowd.spawn(async move { tasks.add(&task, QUOTA).await.unwrap() });
        }
        let outcomes = crowd.join_all().await;
        let added = outcomes.iter().filter(|outcome| **outcome == Addition::Kept).count();
        assert_eq!((added, kept(&fresh, &owner).await), (5, 5), "{outcomes:?}");
        assert!(!outcomes.contains(&Addition::OwnerEnded), "{outcomes:?}");
        assert_eq!(instances[0].tasks().add(&task("bob", round), QUOTA).await.unwrap(), Addition::Kept);
    }
    let tasks = instances[0].tasks();
    assert!(tasks.delete("bob", "bob-0").await.unwrap());
    assert_eq!(tasks.add(&task("bob", "again"), QUOTA).await.unwrap(), Addition::Kept);
    assert_eq!(tasks.add(&task("bob", "once more"), QUOTA).await.unwrap(), Addition::QuotaReached);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn end_owner_is_remembered_as_long_as_it_was_told_and_ends_nobody_else(
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    let tasks = fresh.database.tasks();
    for owner in ["ada", "bob"] {
        assert_eq!(tasks.add(&task(owner, 1), QUOTA).await.unwrap(), Addition::Kept);
    }
    for _ in 0..2 {
        end(&fresh.database, "ada").await;
    }
    assert_eq!(tasks.add(&task("ada", 2), QUOTA).await.unwrap(), Addition::OwnerEnded);
    assert_eq!(tasks.add(&task("bob", 2), QUOTA).await.unwrap(), Addition::Kept);
    assert_eq!((kept(&fresh, "ada").await, kept(&fresh, "bob").await), (0, 2));
    let forget_at = START.after(REMEMBERED);
    assert_eq!(tasks.sweep(forget_at.before(Duration::from_millis(1))).await.unwrap(), 0);
    let ended = tasks.ended(START).await.unwrap();
    assert_eq!((ended.len(), ended[0].user_id.as_str(), ended[0].forget_at), (1, "ada", forget_at));
    assert_eq!(tasks.sweep(forget_at).await.unwrap(), 1);
    assert!(!tasks.has_ended("ada").await.unwrap() && tasks.ended(START).await.unwrap().is_empty());
}

/// Runs `first` up to one of its awaits, then `second` as far as it gets, then both to their ends. Says whether `first`
/// has so many awaits.
async fn interleave<A, B>(
    first: impl Future<Output = A>,
    awaits: u32,
    second: impl Future<Output = B>,
) -> (A, B, bool) {
    let mut first = pin!(Paused::after(awaits, first));
    first.as_mut().until_paused().await;
    let was_paused = first.is_paused();
    let mut second = pin!(second);
    // Where the second waits for what the first one holds, this ends the wait; it decides no outcome.
    let early = tokio::time::timeout(Duration::from_millis(150), second.as_mut()).await;
    first.as_mut().get_mut().resume();
    match early {
        Ok(second) => (first.await, second, was_paused),
        Err(_) => {
            let (first, second) = tokio::join!(first, second);
            (first, second, was_paused)
        }
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn end_owner_at_every_await_of_a_task_that_is_added_leaves_none(
    #[values(Sqlite, Postgres)] kind: Kind,
    #[values("the same instance", "another instance")] place: &str,
) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    let [here, there] = instances(&fresh).await;
    let other = if place == "the same instance" { here.clone() } else { there };
    let mut ended_first = 0;
    for awaits in 0.. {
        let owner = format!("ada{awaits}");
        let (tasks, task) = (here.tasks(), task(&owner, 1));
        let (added, (), was_paused) = interleave(tasks.add(&task, QUOTA), awaits, end(&other, &owner)).await;
        ended_first += u32::from(added.unwrap() == Addition::OwnerEnded);
        assert_eq!(kept(&fresh, &owner).await, 0, "ended at await {awaits}");
        if !was_paused {
            assert!(awaits > 0, "nothing was interleaved");
            break;
        }
    }
    // SQLite has the one statement before anybody can come between; there the crowd below makes the end come first.
    assert!(ended_first > 0 || kind == Sqlite, "the end never came first");
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn add_at_every_await_of_the_end_of_its_owner_leaves_none(
    #[values(Sqlite, Postgres)] kind: Kind,
    #[values("the same instance", "another instance")] place: &str,
) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    let [here, there] = instances(&fresh).await;
    let other = if place == "the same instance" { here.clone() } else { there };
    for awaits in 0.. {
        let owner = format!("ada{awaits}");
        let (tasks, before, task) = (other.tasks(), task(&owner, 0), task(&owner, 1));
        tasks.add(&before, QUOTA).await.unwrap();
        let ((), added, was_paused) = interleave(end(&here, &owner), awaits, tasks.add(&task, QUOTA)).await;
        added.unwrap();
        assert_eq!(kept(&fresh, &owner).await, 0, "added at await {awaits}");
        if !was_paused {
            assert!(awaits > 0, "nothing was interleaved");
            break;
        }
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn end_owner_while_many_add_on_two_instances_leaves_none(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    let instances = instances(&fresh).await;
    for round in 0..20 {
        let owner = format!("ada{round}");
        let mut crowd = JoinSet::new();
        for number in 0..8 {
            let (tasks, owner) = (instances[number % 2].tasks(), owner.clone());
            crowd.spawn(async move {
                for turn in 0..10 {
                    tasks.add(&task(&owner, format!("{number}-{turn}")), 1000).await.unwrap();
                }
            });
        }
        end(&instances[round % 2], &owner).await;
        crowd.join_all().await;
        assert_eq!(kept(&fresh, &owner).await, 0);
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_lane_a_crowd_of_writes_lets_whoever_is_outside_pass_by(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    let database = Database::open(&fresh.url, 6).await.unwrap();
    let clock: std::sync::Arc<dyn Clock> = std::sync::Arc::new(SystemClock::new());
    let lane = database.in_lane(&clock);
    // Somebody holds what all the others wait for: the writer of SQLite, the lock of the owner on PostgreSQL.
    let (begun, holds) = oneshot::channel::<()>();
    let (release, released) = oneshot::channel::<()>();
    let held = std::sync::Mutex::new(Some((begun, released)));
    let holder = database.clone();
    let holder = tokio::spawn(async move {
        let outcome = holder.write(|unit| {
            let held = held.lock().unwrap().take();
            async move {
                unit.tasks().end_owner("nobody", START).await?;
                if let Some((begun, released)) = held {
                    begun.send(()).unwrap();
                    released.await.unwrap();
                }
                Ok::<_, signet::store::Error>(())
            }
        });
        outcome.await.unwrap();
    });
    holds.await.unwrap();
    let mut crowd = JoinSet::new();
    for number in 0..100 {
        let tasks = lane.tasks();
        crowd.spawn(async move { tasks.add(&task("nobody", number), QUOTA).await });
    }
    let waits = || lane.lane_load().unwrap()[1].waiting > 80;
    crate::support::wait::until("a crowd waits", async || waits()).await;
    let outside = database.users();
    let ada = user("ada");
    let signing_up = tokio::spawn(async move { outside.insert(&ada).await.unwrap() });
    if kind == Postgres {
        // It needs nothing that the crowd waits for.
        signing_up.await.unwrap();
        assert!(waits());
        release.send(()).unwrap();
    } else {
        tokio::task::yield_now().await;
        release.send(()).unwrap();
        signing_up.await.unwrap();
    }
    holder.await.unwrap();
    for outcome in crowd.join_all().await {
        assert!(
            matches!(outcome, Ok(Addition::OwnerEnded) | Err(signet::store::Error::Busy(_))),
            "{outcome:?}"
        );
    }
    assert!(lane.tasks().page("nobody", TaskFilter::All, None, 10).await.unwrap().is_empty());
}
