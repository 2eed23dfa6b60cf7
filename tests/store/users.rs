//! The rows of users.

use rstest::rstest;
use signet::model::user::{ImageChange, ProfileChange, User};
use tokio::task::JoinSet;

use super::support::*;

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn insert_gives_an_address_to_one_of_many_who_want_it_at_once(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    let mut crowd = JoinSet::new();
    for number in 0..20_u8 {
        let database = fresh.database.clone();
        crowd.spawn(async move {
            let wants = User { id: format!("user-{number}"), ..user("ada") };
            sign_up(&database, &wants, &session(&number.to_string(), number), &[number; 32]).await
        });
    }
    let outcomes = crowd.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert_eq!(outcomes.iter().filter(|outcome| is_conflict(outcome)).count(), 19, "{outcomes:?}");
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn update_profile_changes_what_was_named_and_nothing_else(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    let ada = fresh.sign_up("ada", 1).await;
    fresh.sign_up("bob", 2).await;
    let mut expected = ada.clone();
    let image = "https://example.com/a.png".to_owned();
    for (at, change) in [
        (1, ProfileChange { image: ImageChange::Replace(image), ..ProfileChange::default() }),
        (2, ProfileChange { name: Some("Countess".to_owned()), ..ProfileChange::default() }),
        (3, ProfileChange { image: ImageChange::Remove, ..ProfileChange::default() }),
    ] {
        expected.updated_at = START.after(at * MINUTE);
        expected.name = change.name.clone().unwrap_or(expected.name);
        expected.image = match change.image.clone() {
            ImageChange::Keep => expected.image,
            ImageChange::Remove => None,
            ImageChange::Replace(image) => Some(image),
        };
        fresh.database.users().update_profile(&ada.id, &change, expected.updated_at).await.unwrap();
        let (found, _) = fresh.database.credentials().by_email(&ada.email).await.unwrap().unwrap();
        assert_eq!(found, expected);
    }
    let (bob, _) = fresh.database.credentials().by_email("bob@example.com").await.unwrap().unwrap();
    assert_eq!(bob, user("bob"));
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delete_takes_one_user_with_everything_that_refers_to_them(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    let ada = fresh.sign_up("ada", 1).await;
    fresh.sign_up("bob", 2).await;
    assert!(fresh.database.users().delete(&ada.id).await.unwrap());
    assert!(!fresh.database.users().delete(&ada.id).await.unwrap());
    assert!(fresh.database.credentials().of_user(&ada.id).await.unwrap().is_empty());
    assert!(fresh.database.sessions().by_token_hash(&[1; 32]).await.unwrap().is_none());
    assert!(fresh.database.sessions().by_token_hash(&[2; 32]).await.unwrap().is_some());
}
