//! No sequence lets a token that was mailed work twice, or for another purpose or person.
//! In: what two users and whoever holds their links do, in any order. Out: after each step, both accounts as a model has them.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config as Runs, TestRunner};
use signet::config::{Config, Settings};
use signet::identity::{
    Accounts, DeletionProof, Device, Devices, Email, Found, MailOptions, MailRequestWorker, Mailing,
    NewAccount, OtherSessions, Sessions, SignedIn, Slide, Unverified,
};
use signet::mail::{Language, Outbox, outbox};
use signet::model::mailed_token::{Purpose, TokenUse};
use signet::model::session::Remember;
use signet::password::Passwords;
use signet::secret::{MasterKey, OpaqueToken, Password, SharedSecret};
use signet::store::Database;
use signet::sync::limiter::Limiter;
use signet::sync::revocations::Revocations;
use signet::vault::Vault;
use signet_verify::clock::{Clock, ManualClock, Timestamp};
use signet_verify::crypto::SystemEntropy;

use crate::store::support::{Fresh, Sqlite};
use crate::support::SECRET;
use crate::support::letters::Letter;

/// What happens. Users are 0 and 1; a link is one of those that were mailed, counted from the newest.
#[derive(Clone, Copy, Debug)]
enum Step {
    Ask(usize, Purpose),
    /// Shows a link for a use, in a session of a user or in none.
    Show(usize, TokenUse, Option<usize>),
    ChangePassword(usize),
    Wait(Duration),
}

fn step() -> impl Strategy<Value = Step> {
    let user = 0..2_usize;
    let asked = prop_oneof![
        Just(Purpose::VerifyEmail),
        Just(Purpose::ResetPassword),
        Just(Purpose::ChangeEmail),
        Just(Purpose::DeleteUser)
    ];
    let shown_for =
        prop_oneof![Just(TokenUse::ProveAddress), Just(TokenUse::SetPassword), Just(TokenUse::DeleteUser)];
    prop_oneof![
        4 => (user.clone(), asked).prop_map(|(user, purpose)| Step::Ask(user, purpose)),
        6 => (0..5_usize, shown_for, prop::option::of(user.clone()))
            .prop_map(|(link, shown_for, by)| Step::Show(link, shown_for, by)),
        1 => user.prop_map(Step::ChangePassword),
        1 => (1..30_u64).prop_map(|minutes| Step::Wait(Duration::from_secs(60 * minutes))),
    ]
}

/// A link as the model has it.
#[derive(Clone, Debug)]
struct Link {
    token: String,
    purpose: Purpose,
    user: usize,
    address: String,
    expires_at: Timestamp,
    lives: bool,
}

/// An account as the model has it.
#[derive(Clone, Debug)]
struct Model {
    id: String,
    email: String,
    verified: bool,
    password: String,
    session: SignedIn,
    is_there: bool,
}

/// The use cases over a database, and the model of what they have done.
struct World {
    fresh: Fresh,
    vault: Arc<Vault>,
    clock: Arc<ManualClock>,
    accounts: Accounts,
    sessions: Arc<Sessions>,
    worker: MailRequestWorker,
    seen: Vec<String>,
    links: Vec<Link>,
    users: Vec<Model>,
    number: u32,
}

fn secret(text: &str) -> Password {
    Password::new(text.to_owned())
}

impl World {
    async fn start() -> Self {
        let fresh = Fresh::open(Sqlite).await.unwrap();
        let manual = Arc::new(ManualClock::at(crate::support::BEGINNING));
        let clock: Arc<dyn Clock> = manual.clone();
        let entropy = Arc::new(SystemEntropy::new());
        let database = fresh.database.clone();
        let revocations = Arc::new(Revocations::new(clock.clone()));
        let life = Duration::from_secs(900);
        let sessions =
            Arc::new(Sessions::new(database.clone(), life, revocations, clock.clone(), entropy.clone()));
        let settings =
            Settings::from([("SIGNET_MAIL", "file:unused"), ("BETTER_AUTH_URL", "https://id.example")]);
        let settings = Config::resolve(&settings).unwrap().mail;
        let vault = Arc::new(Vault::new(MasterKey::new([7; 32]), Vec::new(), entropy.clone()));
        let outbox =
            Outbox::open(&settings, "https://id.example", vault.clone(), entropy.clone(), clock.clone())
                .unwrap();
        let limiter = Arc::new(Limiter::off(clock.clone()));
        let base_url = "https://id.example".to_owned();
        let mailing =
            Arc::new(Mailing::new(Arc::new(outbox), base_url, limiter.clone(), Unverified::Accepted));
        let accounts = Accounts::new(
            database.clone(),
            sessions.clone(),
            Arc::new(Passwords::start(entropy.clone()).unwrap()),
            limiter,
            Arc::new(Devices::new(&SharedSecret::new(SECRET.to_owned()).unwrap(), entropy.clone())),
            clock.clone(),
            entropy.clone(),
        )
        .with_mail(mailing.clone());
        let worker = MailRequestWorker::new(database, mailing, clock, entropy);
        let mut world = Self {
            fresh,
            vault,
            clock: manual,
            accounts,
            sessions,
            worker,
            seen: Vec::new(),
            links: Vec::new(),
            users: Vec::new(),
            number: 0,
        };
        for (user, name) in ["ada", "bob"].into_iter().enumerate() {
            let email = format!("{name}@example.com");
            let new = NewAccount {
                name: name.to_owned(),
                email: Email::parse(&email).unwrap(),
                password: secret("the first password"),
                image: None,
                remember: Remember::Yes,
                mail: MailOptions::default(),
            };
            let session = world.accounts.sign_up(new, &Device::default()).await.unwrap();
            world.users.push(Model {
                id: session.user.id.clone(),
                email,
                verified: false,
                password: "the first password".to_owned(),
                session,
                is_there: true,
            });
            world.receive(user, Purpose::VerifyEmail).await;
        }
        world
    }

    fn database(&self) -> &Database {
        &self.fresh.database
    }

    /// Works off what was asked for, and adds the link that was mailed, if one was.
    async fn receive(&mut self, user: usize, purpose: Purpose) {
        while self.worker.work().await.unwrap().is_some() {}
        for entry in self.database().outbox().list(None, 100).await.unwrap() {
            if self.seen.contains(&entry.id) {
                continue;
            }
            let sealed = entry.sealed.as_ref().unwrap();
            let posting = outbox::open(&self.vault, &entry.id, entry.created_at, sealed).unwrap();
            self.seen.push(entry.id);
            let letter = Letter::parse(&posting.text);
            if !letter.text.contains("#token=") {
                continue;
            }
            for link in &mut self.links {
                link.lives &= (link.user, link.purpose) != (user, purpose);
            }
            self.links.push(Link {
                token: letter.token(),
                purpose,
                user,
                address: posting.to,
                expires_at: self.clock.now().after(purpose.lifetime()),
                lives: true,
            });
        }
    }

    /// The session of a user as it is now; none if it has ended or was never there.
    async fn session(&self, user: usize) -> Option<SignedIn> {
        let token = self.users[user].session.token.clone();
        match self.sessions.authenticate(Some(token), Slide::No).await.unwrap() {
            Found::SignedIn(found) => Some(*found),
            _ => None,
        }
    }

    async fn ask(&mut self, user: usize, purpose: Purpose) {
        let Some(session) = self.session(user).await else { return };
        let (accounts, options) = (&self.accounts, MailOptions::default());
        let email = Email::parse(&self.users[user].email).unwrap();
        match purpose {
            Purpose::VerifyEmail => accounts.send_verification(&email, None, &options).await.unwrap(),
            Purpose::ResetPassword | Purpose::Invitation => {
                accounts.request_password_reset(&email, &options).await.unwrap();
            }
            Purpose::ChangeEmail => {
                let new = Email::parse(&format!("new{}@example.com", self.number)).unwrap();
                accounts.request_email_change(&session, &new, &options).await.unwrap();
            }
            Purpose::DeleteUser => {
                let shown = DeletionProof::default();
                accounts.request_deletion(&session, shown, &options).await.unwrap();
            }
        }
        self.receive(user, purpose).await;
    }

    /// Shows a link; answers whether it worked.
    async fn show(
        &mut self,
        link: usize,
        shown_for: TokenUse,
        by: Option<usize>,
    ) -> Result<(), TestCaseError> {
        let Some(at) = self.links.len().checked_sub(link + 1) else { return Ok(()) };
        let session = match by {
            Some(user) => self.session(user).await,
            None => None,
        };
        let Link { token, purpose, user, address, expires_at, lives } = self.links[at].clone();
        let works = lives && expires_at > self.clock.now() && shown_for.purposes().contains(&purpose);
        let token = OpaqueToken::new(token);
        let is_owner = session.as_ref().is_some_and(|session| session.user.id == self.users[user].id);
        match shown_for {
            TokenUse::ProveAddress => {
                let proved = self.accounts.verify_email(&token, session.as_ref(), Language::English).await;
                let works = works && (purpose != Purpose::ChangeEmail || session.is_none() || is_owner);
                prop_assert_eq!(proved.is_ok(), works, "{:?}", proved);
                if works && purpose == Purpose::ChangeEmail {
                    self.kill(user, |_| true);
                    self.users[user].email = address;
                }
                if works {
                    self.users[user].verified = true;
                    self.links[at].lives = false;
                }
            }
            TokenUse::SetPassword => {
                let new = format!("the new password {}", self.number);
                let reset = self.accounts.reset_password(&token, &secret(&new), Language::German).await;
                prop_assert_eq!(reset.is_ok(), works, "{:?}", reset);
                if works {
                    self.links[at].lives = false;
                    self.kill(user, |purpose| purpose != Purpose::VerifyEmail);
                    self.users[user].verified = true;
                    self.users[user].password = new;
                    prop_assert!(self.session(user).await.is_none(), "every session has ended");
                    self.sign_in(user).await;
                }
            }
            TokenUse::DeleteUser => {
                let Some(session) = session else { return Ok(()) };
                let shown = DeletionProof { token: Some(&token), password: None };
                let deleted = self.accounts.request_deletion(&session, shown, &MailOptions::default()).await;
                prop_assert_eq!(deleted.is_ok(), works && is_owner, "{:?}", deleted);
                if works {
                    // Shown by another user it is spent.
                    self.links[at].lives = false;
                }
                if works && is_owner {
                    self.kill(user, |_| true);
                    self.users[user].is_there = false;
                }
            }
        }
        Ok(())
    }

    fn kill(&mut self, user: usize, which: impl Fn(Purpose) -> bool) {
        for link in &mut self.links {
            link.lives &= link.user != user || !which(link.purpose);
        }
    }

    async fn sign_in(&mut self, user: usize) {
        let (email, password) = (self.users[user].email.clone(), secret(&self.users[user].password));
        let (email, device) = (Email::parse(&email).unwrap(), Device::default());
        let session = self.accounts.sign_in(&email, &password, Remember::Yes, &device).await.unwrap();
        self.users[user].session = session;
    }

    async fn change_password(&mut self, user: usize) {
        let Some(session) = self.session(user).await else { return };
        let (old, new) = (secret(&self.users[user].password), format!("the next password {}", self.number));
        let (new_secret, device) = (secret(&new), Device::default());
        let keep = OtherSessions::Keep;
        self.accounts.change_password(&session, &old, &new_secret, keep, &device).await.unwrap();
        self.users[user].password = new;
        self.kill(user, |purpose| purpose != Purpose::VerifyEmail);
    }

    async fn make(&mut self, step: Step) -> Result<(), TestCaseError> {
        self.number += 1;
        match step {
            Step::Ask(user, purpose) => self.ask(user, purpose).await,
            Step::Show(link, shown_for, by) => self.show(link, shown_for, by).await?,
            Step::ChangePassword(user) => self.change_password(user).await,
            Step::Wait(span) => self.clock.advance(span),
        }
        for (number, model) in self.users.iter().enumerate() {
            let found = self.database().users().by_id(&model.id).await.unwrap();
            let found = found.map(|user| (user.email, user.email_verified));
            prop_assert_eq!(
                found,
                model.is_there.then(|| (model.email.clone(), model.verified)),
                "user {}",
                number
            );
            prop_assert_eq!(
                self.session(number).await.is_some(),
                model.is_there,
                "the session of {}",
                number
            );
        }
        Ok(())
    }
}

#[test]
fn tokens_work_once_for_their_purpose_and_their_user_in_any_sequence() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let runs = Runs { cases: 16, max_shrink_iters: 30, failure_persistence: None, ..Runs::default() };
    let worked = std::cell::Cell::new(0);
    let outcome = TestRunner::new(runs).run(&prop::collection::vec(step(), 4..24), |steps| {
        runtime.block_on(async {
            let mut world = World::start().await;
            for step in steps {
                world.make(step).await?;
            }
            worked.set(worked.get() + world.links.iter().filter(|link| !link.lives).count());
            Ok(())
        })
    });
    outcome.unwrap();
    assert!(worked.get() > 10, "links were used: {}", worked.get());
}
