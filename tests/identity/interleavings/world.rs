//! Two instances on one database, and an account that several people use at once.
//! In: a database, operations and a schedule. Out: the account before and after.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use signet::identity::tokens::{Issuer, Signature, TokenProfile};
use signet::identity::{Accounts, Devices, Email, Sessions};
use signet::keys::worker::RotationWorker;
use signet::model::amr::Amr;
use signet::model::credential::Credential;
use signet::model::session::{Remember, Revocation, Session};
use signet::model::user::User;
use signet::password::{Comparison, Passwords, Requester};
use signet::secret::{OpaqueToken, SharedSecret};
use signet::store::Database;
use signet::sync::limiter::Limiter;
use signet::sync::revocations::Revocations;
use signet_verify::clock::{Clock, ManualClock};
use signet_verify::crypto::{MacKey, SystemEntropy};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use super::operations::{Instance, Operation, Outcome, Typed};
use super::schedule::{Running, Turn, run};
use crate::identity::IMPORTED;
use crate::keys::support::Process;
use crate::store::support::{Fresh, Kind, START};
use crate::support::SECRET;

/// The life of a token, and for how long an ended session is remembered.
const TOKEN_LIFE: Duration = Duration::from_secs(900);

/// How much time passes with each step; all the steps of a unit of work fit into the time that it may take.
pub const STEP: Duration = Duration::from_millis(20);

/// How the hash of the first password was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    Own,
    /// By Better Auth: signing in replaces it.
    Imported,
}

pub struct World {
    pub fresh: Fresh,
    pub instances: [Instance; 2],
    pub passwords: Arc<Passwords>,
    pub clock: Arc<ManualClock>,
    own_hash: String,
    accounts: std::cell::Cell<u32>,
    /// While there is one subscriber alone, `tracing` asks the subscriber of whichever thread comes first to a line
    /// whether the line is wanted; where there are several, it asks them all. So no thread that listens to nothing silences a line for the others.
    _second_subscriber: tracing::Dispatch,
}

/// What came of a schedule.
pub struct After {
    pub operations: Vec<Operation>,
    pub outcomes: Vec<(Outcome, usize)>,
    /// The sessions that were there from the beginning.
    pub first_sessions: [String; 2],
    /// The ids of the sessions that live.
    pub living: Vec<String>,
    pub revoked: Vec<Revocation>,
    pub user: Option<User>,
    pub credentials: usize,
    /// The passwords, of those that anybody typed or changed to, which open the account.
    pub fitting: Vec<Typed>,
    /// The `action` of every line of the audit log with outcome `done`.
    pub audit: Vec<String>,
}

impl World {
    pub async fn start(kind: Kind) -> Option<Self> {
        let fresh = Fresh::open(kind).await?;
        let other = Database::open(&fresh.url, 4).await.unwrap();
        let clock = Arc::new(ManualClock::at(START));
        let passwords = Arc::new(Passwords::start(Arc::new(SystemEntropy::new())).unwrap());
        let one = instance(&fresh.database, &passwords, &clock).await;
        let two = instance(&other, &passwords, &clock).await;
        let own_hash = passwords
            .hash(passwords.enter(Requester::Known).unwrap(), &Typed::First.password())
            .await
            .unwrap();
        let instances = [one, two];
        Some(Self {
            fresh,
            instances,
            passwords,
            clock,
            own_hash,
            accounts: std::cell::Cell::new(0),
            _second_subscriber: tracing::Dispatch::new(tracing_subscriber::registry()),
        })
    }

    /// Runs `operations` on a new account, every other one at the other instance, and looks what has become of it.
    pub async fn run(&self, hash: Hash, operations: &[Operation], turns: &[Turn]) -> After {
        let (_, email, user_id, first_sessions, tokens) = self.new_account(hash).await;

        let lines = Lines::default();
        let heard = tracing_subscriber::registry().with(lines.clone());
        let listening = tracing::subscriber::set_default(heard);
        let all = operations.iter().enumerate().map(|(number, operation)| {
            let instance = self.instances[number % 2].clone();
            Running::new(operation.run(number, instance, email.clone(), tokens.clone()))
        });
        let outcomes = run(all.collect(), turns, || self.clock.advance(STEP)).await;
        drop(listening);
        let database = &self.fresh.database;
        let found = database.credentials().by_email(email.as_str()).await.unwrap();
        let stored = found.as_ref().and_then(|(_, hash)| hash.clone());
        let living = database.sessions().of_user(&user_id, START).await.unwrap();
        After {
            operations: operations.to_vec(),
            first_sessions,
            outcomes,
            living: living.into_iter().map(|session| session.id).collect(),
            revoked: database.sessions().revoked(START).await.unwrap(),
            credentials: database.credentials().of_user(&user_id).await.unwrap().len(),
            user: found.map(|(user, _)| user),
            fitting: self.fitting(operations, stored.as_deref()).await,
            audit: lines.0.lock().clone(),
        }
    }

    /// A new account: its number, address and user, and its sessions with their tokens.
    pub async fn new_account(&self, hash: Hash) -> (u32, Email, String, [String; 2], [OpaqueToken; 2]) {
        let number = self.accounts.replace(self.accounts.get() + 1);
        let email = Email::parse(&format!("ada{number}@example.com")).unwrap();
        let sessions = [0, 1].map(|place| format!("session{number}x{place}"));
        let tokens = sessions.clone().map(|id| OpaqueToken::new(format!("token of {id}")));
        let hash = if hash == Hash::Own { self.own_hash.as_str() } else { IMPORTED };
        let user_id = self.keep_account(number, &email, hash, &sessions, &tokens).await;
        (number, email, user_id, sessions, tokens)
    }

    async fn keep_account(
        &self,
        number: u32,
        email: &Email,
        hash: &str,
        sessions: &[String; 2],
        tokens: &[OpaqueToken; 2],
    ) -> String {
        let now = self.clock.now();
        let user = &User {
            id: format!("user{number}"),
            email: email.to_string(),
            email_verified: false,
            name: "Ada".to_owned(),
            image: None,
            created_at: now,
            updated_at: now,
        };
        let credential = &Credential::password(format!("credential{number}"), user);
        let session = |id: &String| Session {
            id: id.clone(),
            user_id: user.id.clone(),
            created_at: now,
            updated_at: now,
            expires_at: now.after(Remember::Yes.lifetime()),
            remember: Remember::Yes,
            ip_address: String::new(),
            user_agent: String::new(),
            authenticated_at: now,
            amr: Amr::password(),
        };
        let (one, two) = (&session(&sessions[0]), &session(&sessions[1]));
        let (first, second) = (&tokens[0].hash(), &tokens[1].hash());
        let kept = self.fresh.database.write(|unit| async move {
            unit.users().insert(user).await?;
            unit.credentials().insert(credential, hash).await?;
            unit.sessions().insert(one, first).await?;
            unit.sessions().insert(two, second).await
        });
        let kept: Result<(), signet::store::Error> = kept.await;
        kept.unwrap();
        user.id.clone()
    }

    async fn fitting(&self, operations: &[Operation], stored: Option<&str>) -> Vec<Typed> {
        let mut typed = vec![Typed::First];
        let changes = operations.iter().enumerate().filter(|(_, operation)| operation.changes());
        typed.extend(changes.map(|(number, _)| Typed::Of(number)));
        let mut fitting = Vec::new();
        for typed in typed {
            let permit = self.passwords.enter(Requester::Known).unwrap();
            let compared = self.passwords.compare(permit, &typed.password(), stored).await.unwrap();
            if compared != Comparison::Wrong {
                fitting.push(typed);
            }
        }
        fitting
    }
}

async fn instance(database: &Database, passwords: &Arc<Passwords>, manual: &Arc<ManualClock>) -> Instance {
    let clock: Arc<dyn Clock> = manual.clone();
    let entropy = Arc::new(SystemEntropy::new());
    let revocations = Arc::new(Revocations::new(clock.clone()));
    let sessions =
        Arc::new(Sessions::new(database.clone(), TOKEN_LIFE, revocations, clock.clone(), entropy.clone()));
    let secret = SharedSecret::new(SECRET.to_owned()).unwrap();
    let accounts = Accounts::new(
        database.clone(),
        sessions.clone(),
        passwords.clone(),
        Arc::new(Limiter::off(clock.clone())),
        Arc::new(Devices::new(&secret, entropy.clone())),
        clock,
        entropy.clone(),
    );
    // Tokens are signed with the shared secret; the keys are there because there have to be some.
    let keys = Process::new(database, 1).with_clock(manual);
    let keyring = RotationWorker::start(keys.rotation()).await.unwrap().keyring();
    let profile =
        TokenProfile { issuer: "http://a".to_owned(), audience: "http://a".to_owned(), ttl: TOKEN_LIFE };
    let signature = Signature::SharedSecret(MacKey::new(&secret));
    let issuer = Arc::new(Issuer::new(keyring, signature, profile, entropy));
    Instance { accounts: Arc::new(accounts), sessions, issuer }
}

/// What the audit log says is done.
#[derive(Clone, Debug, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl<S: tracing::Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        #[derive(Default)]
        struct Fields(String, String);
        impl tracing::field::Visit for Fields {
            fn record_str(&mut self, field: &tracing::field::Field, value: &str) {
                match field.name() {
                    "action" => self.0 = value.to_owned(),
                    "outcome" => self.1 = value.to_owned(),
                    _ => {}
                }
            }
            fn record_debug(&mut self, _: &tracing::field::Field, _: &dyn std::fmt::Debug) {}
        }
        if event.metadata().target() == "signet::audit" {
            let mut fields = Fields::default();
            event.record(&mut fields);
            if fields.1 == "done" {
                self.0.lock().push(fields.0);
            }
        }
    }
}
