//! The use cases without HTTP, on both databases: everything or nothing, whoever else is at it.

use std::sync::Arc;
use std::time::Duration;

use rstest::rstest;
use signet::identity::{
    Accounts, Device, Devices, Email, Error, Found, MailOptions, NewAccount, OtherSessions, Sessions,
    SignedIn, Slide,
};
use signet::model::session::Remember;
use signet::model::task::{Task, TaskFilter};
use signet::password::Passwords;
use signet::secret::{Password, SharedSecret};
use signet::sync::limiter::Limiter;
use signet::sync::revocations::Revocations;
use signet_verify::clock::{Clock, ManualClock};
use signet_verify::crypto::SystemEntropy;
use tokio::task::JoinSet;

use super::IMPORTED;
use crate::store::support::{Fresh, Kind, Postgres, START, Sqlite};
use crate::support::SECRET;
use crate::support::caller::PASSWORD;

/// The use cases over one database.
struct Service {
    fresh: Fresh,
    accounts: Arc<Accounts>,
    sessions: Arc<Sessions>,
    revocations: Arc<Revocations>,
}

impl Service {
    async fn start(kind: Kind) -> Option<Self> {
        let fresh = Fresh::open(kind).await?;
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(START));
        let entropy = Arc::new(SystemEntropy::new());
        let revocations = Arc::new(Revocations::new(clock.clone()));
        let sessions = Arc::new(Sessions::new(
            fresh.database.clone(),
            Duration::from_secs(900),
            revocations.clone(),
            clock.clone(),
            entropy.clone(),
        ));
        let accounts = Arc::new(Accounts::new(
            fresh.database.clone(),
            sessions.clone(),
            Arc::new(Passwords::start(entropy.clone()).unwrap()),
            Arc::new(Limiter::off(clock.clone())),
            Arc::new(Devices::new(&SharedSecret::new(SECRET.to_owned()).unwrap(), entropy.clone())),
            clock,
            entropy,
        ));
        Some(Self { fresh, accounts, sessions, revocations })
    }

    async fn sign_up(&self, name: &str) -> SignedIn {
        self.accounts.sign_up(new_account(name), &Device::default()).await.unwrap()
    }

    async fn sign_in(&self, name: &str, password: &str) -> Result<SignedIn, Error> {
        self.accounts.sign_in(&email(name), &secret(password), Remember::No, &Device::default()).await
    }

    async fn is_signed_in(&self, session: &SignedIn) -> bool {
        let found = self.sessions.authenticate(Some(session.token.clone()), Slide::No).await.unwrap();
        matches!(found, Found::SignedIn(_))
    }
}

fn secret(text: &str) -> Password {
    Password::new(text.to_owned())
}

fn email(name: &str) -> Email {
    Email::parse(&format!("{name}@example.com")).unwrap()
}

fn new_account(name: &str) -> NewAccount {
    NewAccount {
        name: name.to_owned(),
        email: email(name),
        password: secret(PASSWORD),
        image: None,
        remember: Remember::Yes,
        mail: MailOptions::default(),
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sign_up_of_many_with_one_address_lets_one_win_and_tells_the_others(
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(service) = Service::start(kind).await else { return };
    let mut crowd = JoinSet::new();
    for _ in 0..10 {
        let accounts = service.accounts.clone();
        crowd.spawn(async move { accounts.sign_up(new_account("ada"), &Device::default()).await });
    }
    let (won, lost): (Vec<_>, Vec<_>) = crowd.join_all().await.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, 9));
    assert!(lost.iter().all(|outcome| matches!(outcome, Err(Error::EmailTaken))), "{lost:?}");
    let won = won[0].as_ref().unwrap();
    assert!(service.is_signed_in(won).await);
    assert_eq!(service.sign_in("ada", PASSWORD).await.unwrap().user, won.user);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn change_password_by_two_at_once_lets_one_win_and_ends_every_session_but_the_new_one(
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(service) = Service::start(kind).await else { return };
    let ada = service.sign_up("ada").await;
    let elsewhere = service.sign_in("ada", PASSWORD).await.unwrap();
    let (old, device) = (secret(PASSWORD), Device::default());
    let (one, two) = (secret("another password"), secret("a third password"));
    let (first, second) = tokio::join!(
        service.accounts.change_password(&ada, &old, &one, OtherSessions::End, &device),
        service.accounts.change_password(&elsewhere, &old, &two, OtherSessions::End, &device),
    );
    let (opened, password, refused) = match (first, second) {
        (Ok(Some(opened)), refused) => (opened, "another password", refused),
        (refused, Ok(Some(opened))) => (opened, "a third password", refused),
        outcomes => panic!("{outcomes:?}"),
    };
    assert!(matches!(refused, Err(Error::InvalidPassword)), "{refused:?}");
    for ended in [&ada, &elsewhere] {
        assert!(!service.is_signed_in(ended).await);
        assert!(service.revocations.contains(&ended.session.id));
    }
    assert!(service.is_signed_in(&opened).await);
    assert!(!service.revocations.contains(&opened.session.id));
    let outdated = service.sign_in("ada", PASSWORD).await;
    assert!(matches!(outdated, Err(Error::InvalidEmailOrPassword)), "{outdated:?}");
    service.sign_in("ada", password).await.unwrap();
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn change_password_can_keep_every_session(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(service) = Service::start(kind).await else { return };
    let ada = service.sign_up("ada").await;
    let (old, new) = (secret(PASSWORD), secret("another password"));
    let device = Device::default();
    let wrong = service.accounts.change_password(&ada, &new, &old, OtherSessions::Keep, &device).await;
    assert!(matches!(wrong, Err(Error::InvalidPassword)), "{wrong:?}");
    let kept = service.accounts.change_password(&ada, &old, &new, OtherSessions::Keep, &device).await;
    assert!(kept.unwrap().is_none());
    assert!(service.is_signed_in(&ada).await && service.revocations.is_empty());
    service.sign_in("ada", "another password").await.unwrap();
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sign_in_by_two_while_a_hash_is_upgraded_lets_both_in(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(service) = Service::start(kind).await else { return };
    let ada = service.sign_up("ada").await;
    let credentials = service.fresh.database.credentials();
    for _ in 0..5 {
        let now = credentials.password_hash(&ada.user.id).await.unwrap().unwrap();
        credentials.replace_password(&ada.user.id, &now, IMPORTED, START).await.unwrap();
        let (one, two) = tokio::join!(service.sign_in("ada", PASSWORD), service.sign_in("ada", PASSWORD));
        assert!(one.is_ok() && two.is_ok(), "{one:?} {two:?}");
        let upgraded = credentials.password_hash(&ada.user.id).await.unwrap().unwrap();
        assert!(upgraded.starts_with("$argon2id$"), "{upgraded}");
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delete_user_takes_everything_along_and_nothing_of_others(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(service) = Service::start(kind).await else { return };
    let (ada, bob) = (service.sign_up("ada").await, service.sign_up("bob").await);
    let elsewhere = service.sign_in("ada", PASSWORD).await.unwrap();
    let database = &service.fresh.database;
    for owner in [&ada, &bob] {
        let task = Task {
            id: format!("task of {}", owner.user.name),
            user_id: owner.user.id.clone(),
            title: "Milk".to_owned(),
            description: String::new(),
            completed: false,
            created_at: START,
            updated_at: START,
        };
        database.tasks().insert(&task).await.unwrap();
    }
    let wrong = service.accounts.delete_user(&ada, Some(&secret("not the password"))).await;
    assert!(matches!(wrong, Err(Error::InvalidPassword)), "{wrong:?}");
    assert!(service.is_signed_in(&ada).await);
    service.accounts.delete_user(&ada, Some(&secret(PASSWORD))).await.unwrap();

    for ended in [&ada, &elsewhere] {
        assert!(!service.is_signed_in(ended).await);
        assert!(service.revocations.contains(&ended.session.id));
    }
    assert!(database.credentials().of_user(&ada.user.id).await.unwrap().is_empty());
    assert!(database.tasks().page(&ada.user.id, TaskFilter::All, None, 10).await.unwrap().is_empty());
    let gone = service.sign_in("ada", PASSWORD).await;
    assert!(matches!(gone, Err(Error::InvalidEmailOrPassword)), "{gone:?}");
    assert!(service.is_signed_in(&bob).await && !service.revocations.contains(&bob.session.id));
    assert_eq!(database.tasks().page(&bob.user.id, TaskFilter::All, None, 10).await.unwrap().len(), 1);
    assert_ne!(service.sign_up("ada").await.user.id, ada.user.id, "the address is free again");
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delete_user_while_others_sign_in_and_change_the_password_leaves_no_session_unrevoked(
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(service) = Service::start(kind).await else { return };
    for _ in 0..5 {
        let ada = service.sign_up("ada").await;
        let (old, new, device) = (secret(PASSWORD), secret("another password"), Device::default());
        let (deleted, changed, one, two) = tokio::join!(
            service.accounts.delete_user(&ada, Some(&old)),
            service.accounts.change_password(&ada, &old, &new, OtherSessions::End, &device),
            service.sign_in("ada", PASSWORD),
            service.sign_in("ada", PASSWORD),
        );
        let changed = match changed {
            Ok(opened) => opened,
            Err(Error::InvalidPassword | Error::SessionEnded) => None,
            Err(error) => panic!("{error:?}"),
        };
        let opened: Vec<SignedIn> = changed.into_iter().chain(one).chain(two).chain([ada]).collect();
        match deleted {
            Ok(()) => {}
            // The password was changed first: the newest session deletes the user.
            Err(Error::InvalidPassword) => service.accounts.delete_user(&opened[0], None).await.unwrap(),
            Err(error) => panic!("{error:?}"),
        }
        for session in &opened {
            assert!(!service.is_signed_in(session).await);
            assert!(service.revocations.contains(&session.session.id), "its tokens are refused");
        }
    }
}
