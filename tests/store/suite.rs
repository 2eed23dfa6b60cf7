//! Promises of the ports of accounts, sessions and tasks. Each takes the address of a fresh database, so that every
//! database can be asked; `each_promise!` hands all their names to a macro that makes tests of them.

use std::task::Poll;
use std::time::Duration;

use signet::store::accounts::{Accounts, CREDENTIAL, ProfileChange, User};
use signet::store::sessions::{NewSession, Session, Sessions, Which};
use signet::store::tasks::{Place, Task, Tasks};
use signet::store::{Database, StoreError};
use signet_verify::clock::Timestamp;
use tokio::task::JoinSet;

/// Calls `$make!` with the name of every promise of this module.
macro_rules! each_promise {
    ($make:ident) => {
        $make! {
            who_signs_up_is_kept_whole_and_found_by_their_address,
            an_address_belongs_to_one_of_many_who_want_it_at_once,
            a_sign_up_that_fails_leaves_nothing,
            of_two_changes_of_a_password_one_wins,
            a_profile_changes_in_what_was_named_and_nothing_else,
            a_session_is_found_by_the_hash_of_its_token_with_its_user,
            sessions_of_a_user_are_listed_oldest_first_without_those_that_ended,
            an_expiry_moves_unless_the_session_has_ended,
            sessions_end_as_named_and_leave_their_revocations,
            a_new_password_ends_every_session_and_opens_one_or_changes_nothing,
            who_deletes_themselves_takes_everything_along,
            a_sweep_takes_what_time_has_made_useless_and_no_more,
            tasks_are_kept_as_they_were_written,
            a_page_of_tasks_is_newest_first_and_goes_on_where_the_last_one_ended,
            nobody_reaches_the_tasks_of_another,
            two_who_turn_a_task_over_at_once_turn_it_twice,
            what_is_kept_after_a_write_was_given_up_on_stays_kept,
        }
    };
}
pub(crate) use each_promise;

const START: Timestamp = Timestamp::from_seconds(1_800_000_000);
const MINUTE: Duration = Duration::from_secs(60);
/// How long an ended session is remembered.
const REMEMBERED: Duration = Duration::from_secs(900);

/// The ports of one database.
struct Ports {
    accounts: Accounts,
    sessions: Sessions,
    tasks: Tasks,
}

async fn open(url: &str) -> Ports {
    let database = Database::open(url, 4).await.unwrap();
    database.migrate().await.unwrap();
    Ports {
        accounts: Accounts::new(database.clone()),
        sessions: Sessions::new(database.clone(), REMEMBERED),
        tasks: Tasks::new(database),
    }
}

fn user(name: &str) -> User {
    User {
        id: format!("user-{name}"),
        email: format!("{name}@example.com"),
        email_verified: false,
        name: format!("{name} Æ’\"; DROP TABLE users; --"),
        image: None,
        created_at: START,
        updated_at: START,
    }
}

/// A session whose token has a hash of `byte`, of the user called `name`.
fn session(name: &str, byte: u8) -> NewSession {
    NewSession {
        session: Session {
            id: format!("session-{byte}"),
            user_id: format!("user-{name}"),
            created_at: START.after(Duration::from_secs(u64::from(byte))),
            updated_at: START,
            expires_at: START.after(60 * MINUTE),
            remembered: byte.is_multiple_of(2),
            ip_address: "2001:db8::1".to_owned(),
            user_agent: String::new(),
        },
        token_hash: [byte; 32],
    }
}

async fn sign_up(ports: &Ports, name: &str, byte: u8) -> User {
    let user = user(name);
    ports
        .accounts
        .sign_up(&user, &format!("account-{name}"), "hash one", &session(name, byte))
        .await
        .unwrap();
    user
}

/// Opens further sessions of somebody.
async fn open_sessions(ports: &Ports, name: &str, bytes: impl IntoIterator<Item = u8>) {
    for byte in bytes {
        ports.sessions.open(&session(name, byte)).await.unwrap();
    }
}

fn is_conflict<T>(outcome: &Result<T, StoreError>) -> bool {
    matches!(outcome, Err(StoreError::Conflict))
}

pub async fn who_signs_up_is_kept_whole_and_found_by_their_address(url: &str) {
    let ports = open(url).await;
    let ada = User { image: Some("https://example.com/a.png".to_owned()), ..user("ada") };
    ports.accounts.sign_up(&ada, "account", "a hash", &session("ada", 1)).await.unwrap();
    let (found, hash) = ports.accounts.by_email("ada@example.com").await.unwrap().unwrap();
    assert_eq!((found, hash.as_deref()), (ada.clone(), Some("a hash")));
    assert_eq!(ports.accounts.password_hash(&ada.id).await.unwrap().as_deref(), Some("a hash"));
    let accounts = ports.accounts.of_user(&ada.id).await.unwrap();
    assert_eq!((accounts.len(), accounts[0].provider_id.as_str()), (1, CREDENTIAL));
    assert_eq!(accounts[0].account_id, ada.id);
    assert!(
        ports.accounts.by_email("Ada@example.com").await.unwrap().is_none(),
        "addresses are compared as they are"
    );
    assert!(ports.accounts.password_hash("nobody").await.unwrap().is_none());
}

pub async fn an_address_belongs_to_one_of_many_who_want_it_at_once(url: &str) {
    let ports = open(url).await;
    let mut crowd = JoinSet::new();
    for number in 0..20_u8 {
        let accounts = ports.accounts.clone();
        crowd.spawn(async move {
            let wants = User { id: format!("user-{number}"), ..user("ada") };
            let session = session(&number.to_string(), number);
            accounts.sign_up(&wants, &format!("account-{number}"), "hash", &session).await
        });
    }
    let outcomes = crowd.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert_eq!(outcomes.iter().filter(|outcome| is_conflict(outcome)).count(), 19, "{outcomes:?}");
}

pub async fn a_sign_up_that_fails_leaves_nothing(url: &str) {
    let ports = open(url).await;
    sign_up(&ports, "ada", 1).await;
    // The last of its three rows is refused: the token is somebody else's.
    let clash = ports.accounts.sign_up(&user("bob"), "account-bob", "hash", &session("bob", 1)).await;
    assert!(is_conflict(&clash), "{clash:?}");
    assert!(ports.accounts.by_email("bob@example.com").await.unwrap().is_none());
    assert!(ports.accounts.of_user("user-bob").await.unwrap().is_empty());
    sign_up(&ports, "bob", 2).await;
}

pub async fn of_two_changes_of_a_password_one_wins(url: &str) {
    let ports = open(url).await;
    let ada = sign_up(&ports, "ada", 1).await;
    let change = |new: &'static str| {
        let (accounts, id) = (ports.accounts.clone(), ada.id.clone());
        async move { accounts.replace_password(&id, "hash one", new, START.after(MINUTE)).await }
    };
    let (one, two) = tokio::join!(change("hash two"), change("hash three"));
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    assert!(is_conflict(&one) || is_conflict(&two));
    let won = if one.is_ok() { "hash two" } else { "hash three" };
    assert_eq!(ports.accounts.password_hash(&ada.id).await.unwrap().as_deref(), Some(won));
}

pub async fn a_profile_changes_in_what_was_named_and_nothing_else(url: &str) {
    let ports = open(url).await;
    let ada = sign_up(&ports, "ada", 1).await;
    sign_up(&ports, "bob", 2).await;
    let mut expected = ada.clone();
    let image = Some("https://example.com/a.png".to_owned());
    for (at, change) in [
        (1, ProfileChange { image: Some(image.clone()), ..ProfileChange::default() }),
        (2, ProfileChange { name: Some("Countess".to_owned()), ..ProfileChange::default() }),
        (3, ProfileChange { image: Some(None), ..ProfileChange::default() }),
    ] {
        expected.updated_at = START.after(at * MINUTE);
        expected.name = change.name.clone().unwrap_or(expected.name);
        expected.image = change.image.clone().unwrap_or(expected.image);
        ports.accounts.change_profile(&ada.id, &change, expected.updated_at).await.unwrap();
        let (found, _) = ports.accounts.by_email(&ada.email).await.unwrap().unwrap();
        assert_eq!(found, expected);
    }
    assert_eq!(ports.accounts.by_email("bob@example.com").await.unwrap().unwrap().0, user("bob"));
}

pub async fn a_session_is_found_by_the_hash_of_its_token_with_its_user(url: &str) {
    let ports = open(url).await;
    let ada = sign_up(&ports, "ada", 1).await;
    let found = ports.sessions.by_token_hash(&[1; 32]).await.unwrap().unwrap();
    assert_eq!(found, (session("ada", 1).session, ada));
    assert!(ports.sessions.by_token_hash(&[2; 32]).await.unwrap().is_none());
    assert!(is_conflict(&ports.sessions.open(&session("ada", 1)).await), "a token opens one session");
}

pub async fn sessions_of_a_user_are_listed_oldest_first_without_those_that_ended(url: &str) {
    let ports = open(url).await;
    let ada = sign_up(&ports, "ada", 5).await;
    sign_up(&ports, "bob", 6).await;
    open_sessions(&ports, "ada", [3, 9, 7]).await;
    ports.sessions.end(&ada.id, Which::Id("session-7"), START).await.unwrap();
    let ids = async |now| {
        let sessions = ports.sessions.of_user("user-ada", now).await.unwrap();
        sessions.into_iter().map(|session| session.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(START).await, ["session-3", "session-5", "session-9"]);
    assert!(ids(START.after(60 * MINUTE)).await.is_empty(), "they have expired");
}

pub async fn an_expiry_moves_unless_the_session_has_ended(url: &str) {
    let ports = open(url).await;
    let ada = sign_up(&ports, "ada", 1).await;
    let (later, now) = (START.after(90 * MINUTE), START.after(MINUTE));
    assert!(ports.sessions.extend("session-1", later, now).await.unwrap());
    let (session, _) = ports.sessions.by_token_hash(&[1; 32]).await.unwrap().unwrap();
    assert_eq!((session.expires_at, session.updated_at), (later, now));
    ports.sessions.end(&ada.id, Which::All, now).await.unwrap();
    assert!(!ports.sessions.extend("session-1", later, now).await.unwrap());
}

pub async fn sessions_end_as_named_and_leave_their_revocations(url: &str) {
    let ports = open(url).await;
    let ada = sign_up(&ports, "ada", 1).await;
    sign_up(&ports, "bob", 50).await;
    open_sessions(&ports, "ada", 2..=6).await;
    let end = async |which: Which<'_>| {
        let ended = ports.sessions.end(&ada.id, which, START).await.unwrap();
        let mut ids: Vec<String> = ended.into_iter().map(|revoked| revoked.session_id).collect();
        ids.sort();
        ids
    };
    assert_eq!(end(Which::Id("session-2")).await, ["session-2"]);
    assert_eq!(end(Which::TokenHash(&[3; 32])).await, ["session-3"]);
    assert!(end(Which::TokenHash(&[50; 32])).await.is_empty(), "somebody else's");
    assert!(end(Which::Id("session-50")).await.is_empty(), "somebody else's");
    assert_eq!(end(Which::AllBut("session-5")).await, ["session-1", "session-4", "session-6"]);
    assert_eq!(end(Which::All).await, ["session-5"]);
    assert!(end(Which::All).await.is_empty(), "none is left");

    let revoked = ports.sessions.revoked(START).await.unwrap();
    assert_eq!(revoked.len(), 6);
    assert!(revoked.iter().all(|revoked| revoked.forget_at == START.after(REMEMBERED)));
    assert!(ports.sessions.revoked(START.after(REMEMBERED)).await.unwrap().is_empty());
    assert!(ports.sessions.by_token_hash(&[50; 32]).await.unwrap().is_some());
}

pub async fn a_new_password_ends_every_session_and_opens_one_or_changes_nothing(url: &str) {
    let ports = open(url).await;
    let ada = sign_up(&ports, "ada", 1).await;
    open_sessions(&ports, "ada", [2]).await;
    let replace = |old: &'static str, byte| {
        let (sessions, new) = (ports.sessions.clone(), session("ada", byte));
        async move { sessions.replace_all(old, "hash two", &new, START).await }
    };
    let wrong = replace("not the hash", 3).await;
    assert!(is_conflict(&wrong), "{wrong:?}");
    assert_eq!(ports.sessions.of_user(&ada.id, START).await.unwrap().len(), 2);
    assert!(ports.sessions.revoked(START).await.unwrap().is_empty());

    assert_eq!(replace("hash one", 3).await.unwrap().len(), 2);
    let sessions = ports.sessions.of_user(&ada.id, START).await.unwrap();
    assert_eq!(sessions.iter().map(|session| session.id.as_str()).collect::<Vec<_>>(), ["session-3"]);
    assert_eq!(ports.accounts.password_hash(&ada.id).await.unwrap().as_deref(), Some("hash two"));
}

pub async fn who_deletes_themselves_takes_everything_along(url: &str) {
    let ports = open(url).await;
    let ada = sign_up(&ports, "ada", 1).await;
    let bob = sign_up(&ports, "bob", 2).await;
    for (number, owner) in [(1, &ada), (2, &bob)] {
        ports.tasks.add(&task(&owner.id, number)).await.unwrap();
    }
    let ended = ports.sessions.delete_user(&ada.id, START).await.unwrap();
    assert_eq!(ended.len(), 1);
    assert!(ports.accounts.by_email(&ada.email).await.unwrap().is_none());
    assert!(ports.accounts.of_user(&ada.id).await.unwrap().is_empty());
    assert!(ports.sessions.by_token_hash(&[1; 32]).await.unwrap().is_none());
    assert!(ports.tasks.page(&ada.id, None, None, 10).await.unwrap().is_empty());
    assert_eq!(ports.tasks.page(&bob.id, None, None, 10).await.unwrap().len(), 1);
    assert!(ports.sessions.by_token_hash(&[2; 32]).await.unwrap().is_some());
    let orphan = ports.sessions.open(&session("ada", 9)).await;
    assert!(orphan.is_err(), "no session of somebody who is not there: {orphan:?}");
}

pub async fn a_sweep_takes_what_time_has_made_useless_and_no_more(url: &str) {
    let ports = open(url).await;
    let ada = sign_up(&ports, "ada", 1).await;
    open_sessions(&ports, "ada", [2, 3]).await;
    ports.sessions.extend("session-3", START.after(120 * MINUTE), START).await.unwrap();
    ports.sessions.end(&ada.id, Which::Id("session-2"), START).await.unwrap();
    assert_eq!(ports.sessions.sweep(START).await.unwrap(), 0);
    assert_eq!(ports.sessions.sweep(START.after(REMEMBERED)).await.unwrap(), 1, "the revocation");
    assert_eq!(ports.sessions.sweep(START.after(60 * MINUTE)).await.unwrap(), 1, "the expired session");
    assert!(ports.sessions.by_token_hash(&[3; 32]).await.unwrap().is_some());
}

fn task(owner: &str, number: u32) -> Task {
    Task {
        id: format!("task-{number:04}"),
        user_id: owner.to_owned(),
        title: format!("Nr. {number} 🥛"),
        description: "'; --\n\u{7f}".to_owned(),
        completed: number.is_multiple_of(3),
        // Some share a moment: then the name decides.
        created_at: START.after(Duration::from_millis(u64::from(number / 4))),
        updated_at: START,
    }
}

pub async fn tasks_are_kept_as_they_were_written(url: &str) {
    let tasks = open(url).await.tasks;
    let milk = task("ada", 1);
    tasks.add(&milk).await.unwrap();
    assert_eq!(tasks.get("ada", &milk.id).await.unwrap(), Some(milk.clone()));
    assert!(is_conflict(&tasks.add(&milk).await));
    let later = START.after(MINUTE);
    let replaced = tasks.replace("ada", &milk.id, "Bread", "", true, later).await.unwrap();
    let bread = Task {
        title: "Bread".to_owned(),
        description: String::new(),
        completed: true,
        updated_at: later,
        ..milk
    };
    assert_eq!(replaced, Some(bread.clone()));
    assert_eq!(tasks.get("ada", &bread.id).await.unwrap(), Some(bread.clone()));
    let undone = tasks.complete("ada", &bread.id, Some(false), later).await.unwrap().unwrap();
    assert!(!undone.completed);
    assert!(tasks.complete("ada", &bread.id, None, later).await.unwrap().unwrap().completed);
    assert!(tasks.remove("ada", &bread.id).await.unwrap());
    assert!(!tasks.remove("ada", &bread.id).await.unwrap());
    assert_eq!(tasks.get("ada", &bread.id).await.unwrap(), None);
}

pub async fn a_page_of_tasks_is_newest_first_and_goes_on_where_the_last_one_ended(url: &str) {
    let tasks = open(url).await.tasks;
    for number in 0..30 {
        tasks.add(&task("ada", number)).await.unwrap();
        tasks.add(&Task { id: format!("other-{number}"), ..task("bob", number) }).await.unwrap();
    }
    for completed in [None, Some(true), Some(false)] {
        let expected: Vec<String> = (0..30)
            .rev()
            .map(|number| task("ada", number))
            .filter(|task| completed.is_none_or(|completed| task.completed == completed))
            .map(|task| task.id)
            .collect();
        let (mut found, mut place) = (Vec::new(), None);
        loop {
            let page = tasks.page("ada", completed, place.as_ref(), 7).await.unwrap();
            let Some(last) = page.last() else { break };
            place = Some(Place { created_at: last.created_at, id: last.id.clone() });
            found.extend(page.into_iter().map(|task| task.id));
        }
        assert_eq!(found, expected, "{completed:?}");
    }
}

pub async fn nobody_reaches_the_tasks_of_another(url: &str) {
    let tasks = open(url).await.tasks;
    let milk = task("ada", 1);
    tasks.add(&milk).await.unwrap();
    for owner in ["bob", "", "ada' OR '1'='1", "ADA", "ada "] {
        assert!(tasks.page(owner, None, None, 10).await.unwrap().is_empty());
        assert!(tasks.get(owner, &milk.id).await.unwrap().is_none());
        assert!(tasks.replace(owner, &milk.id, "x", "", true, START).await.unwrap().is_none());
        assert!(tasks.complete(owner, &milk.id, None, START).await.unwrap().is_none());
        assert!(!tasks.remove(owner, &milk.id).await.unwrap());
    }
    assert_eq!(tasks.get("ada", &milk.id).await.unwrap(), Some(milk));
}

pub async fn two_who_turn_a_task_over_at_once_turn_it_twice(url: &str) {
    let tasks = open(url).await.tasks;
    let milk = Task { completed: false, ..task("ada", 1) };
    tasks.add(&milk).await.unwrap();
    let mut crowd = JoinSet::new();
    for _ in 0..10 {
        let (tasks, id) = (tasks.clone(), milk.id.clone());
        crowd.spawn(async move { tasks.complete("ada", &id, None, START).await.unwrap().unwrap().completed });
    }
    let turned = crowd.join_all().await;
    assert_eq!(turned.iter().filter(|completed| **completed).count(), 5, "{turned:?}");
    assert!(!tasks.get("ada", &milk.id).await.unwrap().unwrap().completed);
}

pub async fn what_is_kept_after_a_write_was_given_up_on_stays_kept(url: &str) {
    let others = open(url).await;
    sign_up(&others, "ada", 1).await;
    // Which statement the n-th poll meets depends on how fast the database answers; 30 are enough to end the write.
    for polls in 1..=30 {
        let database = Database::open(url, 1).await.unwrap();
        let (sessions, tasks) = (Sessions::new(database.clone(), REMEMBERED), Tasks::new(database.clone()));
        let new = session("ada", 100 + polls);
        let mut given_up = Box::pin(sessions.open(&new));
        let mut left = polls;
        std::future::poll_fn(|context| {
            left -= 1;
            if given_up.as_mut().poll(context).is_pending() && left > 0 {
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
        .await;
        drop(given_up);
        let kept = Task {
            id: format!("task-{polls}"),
            user_id: "user-ada".to_owned(),
            title: "Water the plants".to_owned(),
            description: String::new(),
            completed: false,
            created_at: START,
            updated_at: START,
        };
        tasks.add(&kept).await.unwrap();
        assert_eq!(others.tasks.get("user-ada", &kept.id).await.unwrap(), Some(kept), "{polls} polls");
        database.close().await;
    }
}
