//! Text is kept alike by both databases, or refused by both.

use rstest::rstest;
use signet::model::user::{ProfileChange, User};
use signet::store::Error;

use super::support::*;

#[rstest]
#[tokio::test]
async fn text_that_one_database_cannot_keep_is_refused_by_both_and_undoes_its_unit(
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    let ada = fresh.sign_up("ada", 1).await;
    let change = ProfileChange { name: Some("a\0b".to_owned()), ..ProfileChange::default() };
    let alone = fresh.database.users().update_profile(&ada.id, &change, START).await;
    assert!(matches!(alone, Err(Error::Unstorable)), "{alone:?}");
    let looked_up = fresh.database.tasks().get(&ada.id, "\0").await;
    assert!(matches!(looked_up, Err(Error::Unstorable)), "{looked_up:?}");

    let (bob, change) = (&user("bob"), &change);
    let unit = fresh.database.write(|unit| async move {
        unit.users().insert(bob).await?;
        // Also where a use case overlooks it.
        let _ = unit.users().update_profile(&bob.id, change, START).await;
        Ok::<_, Error>(())
    });
    assert!(unit.await.is_err());
    let credentials = fresh.database.credentials();
    assert!(credentials.by_email(&bob.email).await.unwrap().is_none());
}

#[rstest]
#[tokio::test]
async fn every_other_character_is_kept_as_it_came(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    let name: String =
        ('\u{1}'..='\u{2fff}').step_by(7).chain("\u{fffe}\u{10ffff}\u{378}\u{202e}".chars()).collect();
    let ada = User { name, ..user("ada") };
    sign_up(&fresh.database, &ada, &session("ada", 1), &[1; 32]).await.unwrap();
    let kept = fresh.database.credentials().by_email(&ada.email).await.unwrap().unwrap().0;
    assert_eq!(kept, ada);
}
