//! The rows of the tokens that were mailed.

use std::time::Duration;

use rstest::rstest;
use signet::model::mailed_token::{MailedToken, Purpose, TokenUse};
use signet::store::Error;
use signet_verify::clock::Timestamp;
use tokio::task::JoinSet;

use super::support::*;

const HOUR: Duration = Duration::from_secs(3600);
const USES: [TokenUse; 3] = [TokenUse::ProveAddress, TokenUse::SetPassword, TokenUse::DeleteUser];

fn token(name: &str, purpose: Purpose, expires_at: Timestamp) -> MailedToken {
    MailedToken {
        purpose,
        user_id: format!("user-{name}"),
        address: format!("{name}@example.com"),
        expires_at,
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consume_takes_a_token_once_and_for_the_uses_of_its_purpose_alone(
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    fresh.sign_up("ada", 1).await;
    let tokens = fresh.database.mailed_tokens();
    for (number, purpose) in (1..).zip(Purpose::ALL) {
        let kept = token("ada", purpose, START.after(HOUR));
        tokens.replace(&kept, &[number; 32]).await.unwrap();
        for shown_for in USES.into_iter().filter(|shown_for| !shown_for.purposes().contains(&purpose)) {
            assert_eq!(tokens.find(&[number; 32], shown_for).await.unwrap(), None);
            assert_eq!(tokens.consume(&[number; 32], shown_for, START).await.unwrap(), None);
        }
        let right = USES.into_iter().find(|shown_for| shown_for.purposes().contains(&purpose)).unwrap();
        assert_eq!(tokens.find(&[number; 32], right).await.unwrap().as_ref(), Some(&kept));
        assert_eq!(tokens.consume(&[99; 32], right, START).await.unwrap(), None, "another token");
        assert_eq!(tokens.consume(&[number; 32], right, START).await.unwrap(), Some(kept));
        assert_eq!(tokens.consume(&[number; 32], right, START).await.unwrap(), None, "it is spent");
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consume_by_many_at_once_gives_the_token_to_one(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    fresh.sign_up("ada", 1).await;
    for round in 0..5 {
        let kept = token("ada", Purpose::ResetPassword, START.after(HOUR));
        fresh.database.mailed_tokens().replace(&kept, &[round; 32]).await.unwrap();
        let mut crowd = JoinSet::new();
        for _ in 0..10 {
            let tokens = fresh.database.mailed_tokens();
            crowd.spawn(
                async move { tokens.consume(&[round; 32], TokenUse::SetPassword, START).await.unwrap() },
            );
        }
        let got = crowd.join_all().await.into_iter().flatten().count();
        assert_eq!(got, 1);
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replace_leaves_one_token_for_each_user_and_purpose(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    fresh.sign_up("ada", 1).await;
    fresh.sign_up("bob", 2).await;
    let tokens = fresh.database.mailed_tokens();
    let reset = |name| token(name, Purpose::ResetPassword, START.after(HOUR));
    for (name, byte) in [("ada", 1), ("bob", 2), ("ada", 3)] {
        tokens.replace(&reset(name), &[byte; 32]).await.unwrap();
    }
    tokens.replace(&token("ada", Purpose::Invitation, START.after(HOUR)), &[4; 32]).await.unwrap();
    let live = async |byte| tokens.find(&[byte; 32], TokenUse::SetPassword).await.unwrap().is_some();
    assert_eq!([live(1).await, live(2).await, live(3).await, live(4).await], [false, true, true, true]);
    let orphan = tokens.replace(&reset("nobody"), &[5; 32]).await;
    assert!(matches!(orphan, Err(Error::ForeignKeyViolation)), "{orphan:?}");
    fresh.database.users().delete("user-ada").await.unwrap();
    assert_eq!(
        [live(2).await, live(3).await, live(4).await],
        [true, false, false],
        "they go with their user"
    );
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delete_of_a_user_leaves_those_of_others_and_what_only_proves_the_address(
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    let tokens = fresh.database.mailed_tokens();
    for (name, first) in [("ada", 10), ("bob", 20)] {
        fresh.sign_up(name, first).await;
        for (number, purpose) in (first..).zip(Purpose::ALL) {
            tokens.replace(&token(name, purpose, START.after(HOUR)), &[number; 32]).await.unwrap();
        }
    }
    let live = async |first: u8| {
        let mut purposes = Vec::new();
        for byte in first..first + 5 {
            for shown_for in USES {
                purposes
                    .extend(tokens.find(&[byte; 32], shown_for).await.unwrap().map(|token| token.purpose));
            }
        }
        purposes
    };
    tokens.delete_powerful_of("user-ada").await.unwrap();
    assert_eq!(live(10).await, [Purpose::VerifyEmail]);
    tokens.delete_of("user-ada").await.unwrap();
    assert!(live(10).await.is_empty());
    assert_eq!(live(20).await, Purpose::ALL);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sweep_deletes_what_has_expired_a_day_ago_and_an_expired_token_works_no_more(
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    fresh.sign_up("ada", 1).await;
    let tokens = fresh.database.mailed_tokens();
    tokens.replace(&token("ada", Purpose::VerifyEmail, START), &[1; 32]).await.unwrap();
    assert_eq!(tokens.consume(&[1; 32], TokenUse::ProveAddress, START).await.unwrap(), None);
    assert!(tokens.find(&[1; 32], TokenUse::ProveAddress).await.unwrap().is_some(), "it is known as expired");
    assert_eq!(tokens.sweep(START.after(23 * HOUR)).await.unwrap(), 0);
    assert_eq!(tokens.sweep(START.after(24 * HOUR)).await.unwrap(), 1);
    assert_eq!(tokens.find(&[1; 32], TokenUse::ProveAddress).await.unwrap(), None);
}
