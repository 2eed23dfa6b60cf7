//! Units of work: everything or nothing, whoever gives up on them and whenever.

use std::task::Poll;

use rstest::rstest;
use signet::model::task::Task;
use signet::store::{Database, Error};

use super::support::*;

fn task(owner: &str, id: String) -> Task {
    Task {
        id,
        user_id: owner.to_owned(),
        title: "Water the plants".to_owned(),
        description: String::new(),
        completed: false,
        created_at: START,
        updated_at: START,
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn write_that_is_refused_leaves_nothing(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    fresh.sign_up("ada", 1).await;
    // The last of three rows is refused: the token is another session's.
    let clash = sign_up(&fresh.database, &user("bob"), &session("bob", 2), &[1; 32]).await;
    assert!(is_conflict(&clash), "{clash:?}");
    assert!(fresh.database.credentials().by_email("bob@example.com").await.unwrap().is_none());
    assert!(fresh.database.credentials().of_user("user-bob").await.unwrap().is_empty());
    fresh.sign_up("bob", 2).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn write_whose_work_fails_by_itself_leaves_nothing(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    let ada = &user("ada");
    let failed = fresh.database.write(|unit| async move {
        unit.users().insert(ada).await?;
        Err::<(), _>(Error::Corrupt("a reason of its own".to_owned()))
    });
    assert!(matches!(failed.await, Err(Error::Corrupt(_))));
    assert!(fresh.database.credentials().by_email(&ada.email).await.unwrap().is_none());
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn write_that_goes_on_after_a_refused_statement_is_not_committed(
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    let ada = &fresh.sign_up("ada", 1).await;
    let went_on = fresh.database.write(|unit| async move {
        unit.tasks().insert(&task(&ada.id, "before".to_owned())).await?;
        let _swallowed = unit.users().insert(ada).await;
        Ok::<_, Error>(())
    });
    let went_on = went_on.await;
    assert!(matches!(went_on, Err(Error::Abandoned)), "{went_on:?}");
    assert!(fresh.database.tasks().get(&ada.id, "before").await.unwrap().is_none());
}

/// Polls `work` so many times and drops it; says whether it came to an end.
async fn give_up_after(mut polls: usize, work: impl Future) -> bool {
    let mut work = Box::pin(work);
    std::future::poll_fn(move |context| {
        polls -= 1;
        match work.as_mut().poll(context) {
            Poll::Ready(_) => Poll::Ready(true),
            Poll::Pending if polls == 0 => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn write_that_is_given_up_on_leaves_all_or_nothing_and_a_sound_connection(
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    let (mut nothing, mut ended) = (0, 0);
    // Which statement the n-th poll meets depends on how fast the database answers. It goes on until enough came through.
    for polls in 1_u8..=200 {
        let name = format!("person-{polls}");
        let database = Database::open(&fresh.url, 1).await.unwrap();
        let (user, session) = (user(&name), session(&name, polls));
        let has_ended = give_up_after(polls.into(), sign_up(&database, &user, &session, &[polls; 32])).await;
        // The next statement on the same connection is acknowledged, and so it is there for everybody.
        let kept = task(&user.id, format!("task-{polls}"));
        database.tasks().insert(&kept).await.unwrap();
        assert_eq!(
            fresh.database.tasks().get(&user.id, &kept.id).await.unwrap(),
            Some(kept),
            "{polls} polls"
        );
        let rows = [
            fresh.database.credentials().by_email(&user.email).await.unwrap().is_some(),
            !fresh.database.credentials().of_user(&user.id).await.unwrap().is_empty(),
            fresh.database.sessions().by_token_hash(&[polls; 32]).await.unwrap().is_some(),
        ];
        match rows {
            [false, false, false] => nothing += 1,
            [true, true, true] => {}
            rows => panic!("{polls} polls leave a part: {rows:?}"),
        }
        if has_ended {
            assert!(rows[0], "{polls} polls: acknowledged and gone");
            ended += 1;
        }
        database.close().await;
        if ended == 5 {
            break;
        }
    }
    assert!(nothing > 1 && ended > 0, "{nothing} left nothing, {ended} came to an end");
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn write_whose_unit_outlives_it_reaches_nothing_any_more(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let sender = std::sync::Mutex::new(Some(sender));
    let sender = &sender;
    let took = fresh.database.write(|unit| async move {
        unit.users().insert(&user("ada")).await?;
        let _ = sender.lock().unwrap().take().unwrap().send(unit);
        Ok::<_, Error>(())
    });
    took.await.unwrap();
    let late = receiver.await.unwrap().users().insert(&user("bob")).await;
    assert!(matches!(late, Err(Error::Abandoned)), "{late:?}");
    assert!(fresh.database.credentials().by_email("ada@example.com").await.unwrap().is_some());
}
