//! The rows of the ways to sign in.

use rstest::rstest;
use signet::model::credential::PASSWORD_PROVIDER;
use signet::model::user::User;

use super::support::*;

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_email_finds_a_user_as_they_were_kept_with_their_hash(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    let image = Some("https://example.com/a.png".to_owned());
    let ada = User { image, email_verified: true, updated_at: START.after(MINUTE), ..user("ada") };
    sign_up(&fresh.database, &ada, &session("ada", 1), &[1; 32]).await.unwrap();
    let credentials = fresh.database.credentials();
    let (found, hash) = credentials.by_email("ada@example.com").await.unwrap().unwrap();
    assert_eq!((found, hash.as_deref()), (ada.clone(), Some(HASH)));
    assert!(
        credentials.by_email("Ada@example.com").await.unwrap().is_none(),
        "addresses are compared as they are"
    );
    assert_eq!(credentials.password_hash(&ada.id).await.unwrap().as_deref(), Some(HASH));
    assert!(credentials.password_hash("nobody").await.unwrap().is_none());
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_user_lists_a_password_until_it_is_deleted(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    let (ada, bob) = (fresh.sign_up("ada", 1).await, fresh.sign_up("bob", 2).await);
    let credentials = fresh.database.credentials();
    let listed = credentials.of_user(&ada.id).await.unwrap();
    assert_eq!((listed.len(), listed[0].provider_id.as_str()), (1, PASSWORD_PROVIDER));
    assert_eq!((&listed[0].account_id, &listed[0].user_id), (&ada.id, &ada.id));
    assert!(is_conflict(&credentials.insert(&listed[0], HASH).await), "a user has one password");
    credentials.delete_of(&ada.id).await.unwrap();
    assert!(credentials.of_user(&ada.id).await.unwrap().is_empty());
    let (found, hash) = credentials.by_email(&ada.email).await.unwrap().unwrap();
    assert_eq!((found, hash), (ada, None));
    assert_eq!(credentials.of_user(&bob.id).await.unwrap().len(), 1);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replace_password_lets_one_of_two_at_once_win(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    let ada = fresh.sign_up("ada", 1).await;
    let change = |new: &'static str| {
        let (credentials, id) = (fresh.database.credentials(), ada.id.clone());
        async move { credentials.replace_password(&id, HASH, new, START.after(MINUTE)).await }
    };
    let (one, two) = tokio::join!(change("hash two"), change("hash three"));
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    assert!(is_conflict(&one) || is_conflict(&two));
    let won = if one.is_ok() { "hash two" } else { "hash three" };
    assert_eq!(fresh.database.credentials().password_hash(&ada.id).await.unwrap().as_deref(), Some(won));
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hashes_of_each_kind_holds_one_of_each_program_and_cost_but_todays(
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    let credentials = fresh.database.credentials();
    let todays = "$argon2id$v=19$m=19456,t=2,p=1$";
    assert!(credentials.hashes_of_each_kind(todays).await.unwrap().is_empty());
    let hashes = [
        "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=65536,t=2,p=1$b3RoZXJzYWx0$ATFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.",
        "$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe",
        "$2a$10$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe",
        crate::identity::IMPORTED,
    ];
    for (number, hash) in hashes.iter().enumerate() {
        let person = fresh.sign_up(&format!("person{number}"), number as u8).await;
        credentials.replace_password(&person.id, HASH, hash, START).await.unwrap();
    }
    let found = credentials.hashes_of_each_kind(todays).await.unwrap();
    let kinds = [&hashes[1..3], &hashes[3..4], &hashes[4..6], &hashes[6..7], &hashes[7..]];
    assert_eq!(found.len(), kinds.len(), "{found:?}");
    for kind in kinds {
        assert_eq!(
            found.iter().filter(|hash| kind.contains(&hash.as_str())).count(),
            1,
            "{kind:?}: {found:?}"
        );
    }
}
