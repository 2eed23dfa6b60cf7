//! What clients and users do with one code and one refresh token at once, at two instances: nothing is redeemed twice, a
//! replay or a reuse ends everything, and what has ended leaves nothing alive.
//! In: every pair of operations with every place at which one of them can be overtaken; any three in any order.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rstest::rstest;
use signet::identity::tokens::{Issuer, Signature, TokenProfile};
use signet::identity::{Sessions, Users};
use signet::model::algorithms::Algorithms;
use signet::model::client::{Client, GrantType};
use signet::model::scope::ScopeSet;
use signet::model::session::Revocation;
use signet::oauth::{
    Approved, AskedByDevice, CodeExchange, Codes, Devices, Error, Grants, Issued, Refresh, RefreshToken,
    Targets, TokenCounts, Tokens,
};
use signet::secret::OpaqueToken;
use signet::store::Database;
use signet::sync::revocations::Revocations;
use signet::vault::Vault;
use signet_verify::clock::{Clock, ManualClock};
use signet_verify::crypto::{Algorithm, SystemEntropy};

use super::support::{ISSUER, REDIRECT_URI, VERIFIER, challenge, claims, client};
use crate::identity::interleavings::schedule::{Running, Turn, run};
use crate::keys::support::{Process, contract_for, master};
use crate::store::support::{Fresh, Kind, Postgres, START, Sqlite, session, sign_up, user};

/// More steps than any operation has.
const ALL: usize = 1000;
const TOKEN_LIFE: Duration = Duration::from_secs(900);

/// What somebody does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    /// The client redeems the one code.
    Exchange,
    /// The client redeems what its device has been approved.
    Poll,
    /// The client shows the refresh token that is good.
    Refresh,
    /// The client shows one that was used before that.
    RefreshOld,
    /// The user signs out.
    SignOut,
    /// The user takes back what they gave to the client.
    Withdraw,
    /// An operator ends all sessions of the user.
    EndSessions,
    /// An operator removes the user.
    Remove,
}
use Operation::{EndSessions, Exchange, Poll, Refresh as Rotate, RefreshOld, Remove, SignOut, Withdraw};

impl Operation {
    fn ends_grants(self) -> bool {
        matches!(self, SignOut | Withdraw | EndSessions | Remove)
    }
}

/// What it came to.
#[derive(Debug)]
enum Outcome {
    Done,
    Tokens {
        grant: String,
        expires_at: i64,
        refresh: String,
    },
    Refused,
    /// A busy machine has kept it from coming to anything that can be judged.
    Unknown,
    Broken(String),
}

#[derive(Clone)]
struct Instance {
    tokens: Arc<Tokens>,
    grants: Arc<Grants>,
    users: Arc<Users>,
    sessions: Arc<Sessions>,
}

struct World {
    fresh: Fresh,
    instances: [Instance; 2],
    codes: Codes,
    devices: Devices,
    client: Client,
    accounts: Cell<u8>,
}

/// What a new user has: a session, a code and an approved device that are not redeemed, and a grant with two refresh tokens, one of them used.
#[derive(Clone)]
struct Story {
    user: String,
    session: OpaqueToken,
    code: OpaqueToken,
    device: OpaqueToken,
    old: RefreshToken,
    current: RefreshToken,
    grant: String,
}

struct After {
    operations: Vec<Operation>,
    outcomes: Vec<(Outcome, usize)>,
    story: Story,
    /// The grants that live.
    living: Vec<String>,
    revoked: Vec<Revocation>,
}

impl World {
    async fn start(kind: Kind) -> Option<Self> {
        let fresh = Fresh::open(kind).await?;
        let other = Database::open(&fresh.url, 4).await.unwrap();
        let clock = Arc::new(ManualClock::at(START));
        let instances = [instance(&fresh.database, &clock).await, instance(&other, &clock).await];
        let mut client = client("app");
        client.grant_types.push(GrantType::DeviceCode);
        fresh.database.clients().insert(&client).await.unwrap();
        let entropy = Arc::new(SystemEntropy::new());
        let targets = Targets::new(fresh.database.clone(), ISSUER.to_owned());
        let devices = Devices::new(
            fresh.database.clone(),
            targets,
            clock.clone(),
            entropy.clone(),
            Arc::<TokenCounts>::default(),
        );
        let codes = Codes::new(fresh.database.clone(), clock, entropy);
        Some(Self { fresh, instances, codes, devices, client, accounts: Cell::new(0) })
    }

    async fn code(&self, session: &signet::model::session::Session) -> OpaqueToken {
        let scope = ScopeSet::parse("openid tasks:read").unwrap();
        let approved = Approved {
            client: &self.client,
            redirect_uri: REDIRECT_URI,
            scope: &scope,
            resources: &[],
            nonce: None,
            code_challenge: Some(&challenge(VERIFIER)),
            session,
        };
        self.codes.issue(approved).await.unwrap()
    }

    /// A device that the user of this session has approved.
    async fn device(&self, session: &signet::model::session::Session) -> OpaqueToken {
        let asked = AskedByDevice {
            scope: Some("openid tasks:read"),
            resources: Vec::new(),
            ip_address: String::new(),
        };
        let started = self.devices.start(&self.client, asked).await.unwrap();
        let shown = self.devices.find(&started.user_code).await.unwrap().unwrap();
        assert!(self.devices.approve(&started.user_code, &shown, session).await.unwrap());
        started.device_code
    }

    async fn begin(&self) -> Story {
        let number = self.accounts.replace(self.accounts.get() + 1);
        let name = format!("ada{number}");
        let token = OpaqueToken::new(format!("the session {number}"));
        let (user, session) = (user(&name), session(&name, number));
        sign_up(&self.fresh.database, &user, &session, &token.hash()).await.unwrap();
        let first = self.code(&session).await;
        let tokens = &self.instances[0].tokens;
        let old = exchange(tokens, &self.client, &first).await.unwrap().refresh_token.unwrap();
        let asked = Refresh { token: Some(&old), scope: None, resource: None };
        let issued = tokens.refresh(&self.client, &asked).await.unwrap();
        let grant = sid(&issued);
        // The window for lost answers is about the one before the present one: this one is older than that.
        let current = issued.refresh_token.unwrap();
        let asked = Refresh { token: Some(&current), scope: None, resource: None };
        let current = tokens.refresh(&self.client, &asked).await.unwrap().refresh_token.unwrap();
        let code = self.code(&session).await;
        let device = self.device(&session).await;
        Story { user: user.id, session: token, code, device, old, current, grant }
    }

    /// Runs `operations` of a new user, every other one at the other instance, and looks what has become of what they gave.
    async fn run(&self, operations: &[Operation], turns: &[Turn]) -> After {
        let story = self.begin().await;
        let all = operations.iter().enumerate().map(|(number, operation)| {
            let instance = self.instances[number % 2].clone();
            Running::new(operation.run(instance, self.client.clone(), story.clone()))
        });
        let outcomes = run(all.collect(), turns, || ()).await;
        let database = &self.fresh.database;
        let living = database.grants().of_user(&story.user).await.unwrap();
        After {
            operations: operations.to_vec(),
            outcomes,
            living: living.into_iter().map(|state| state.grant.id).collect(),
            revoked: database.sessions().revoked(START).await.unwrap(),
            story,
        }
    }
}

fn sid(issued: &Issued) -> String {
    let said = claims(&issued.access_token.clone().into());
    said["sid"].as_str().unwrap().to_owned()
}

async fn exchange(tokens: &Tokens, client: &Client, code: &OpaqueToken) -> Result<Issued, Error> {
    let asked = CodeExchange {
        code,
        redirect_uri: Some(REDIRECT_URI),
        code_verifier: Some(VERIFIER),
        resource: None,
    };
    tokens.exchange(client, &asked).await
}

impl Operation {
    async fn run(self, instance: Instance, client: Client, story: Story) -> Outcome {
        let Instance { tokens, grants, users, sessions } = instance;
        let issued = match self {
            Exchange => exchange(&tokens, &client, &story.code).await,
            Poll => tokens.for_device(&client, &story.device, None).await,
            Rotate | RefreshOld => {
                let token = if self == Rotate { &story.current } else { &story.old };
                tokens.refresh(&client, &Refresh { token: Some(token), scope: None, resource: None }).await
            }
            SignOut => {
                return match sessions.sign_out(Some(story.session)).await {
                    Ok(()) => Outcome::Done,
                    Err(signet::identity::Error::Store(error)) => refused(&error),
                    Err(error) => Outcome::Broken(error.to_string()),
                };
            }
            EndSessions | Remove => return self.order(&users, &story.user).await,
            Withdraw => {
                let ended = grants.end_of(&story.user, &client.id).await;
                return ended.map_or_else(|error| refused(&error), |_| Outcome::Done);
            }
        };
        match issued {
            Ok(issued) => {
                let said = claims(&issued.access_token.clone().into());
                Outcome::Tokens {
                    grant: sid(&issued),
                    expires_at: said["exp"].as_i64().unwrap(),
                    refresh: issued.refresh_token.unwrap().expose().to_owned(),
                }
            }
            Err(Error::InvalidGrant(_)) => Outcome::Refused,
            Err(Error::Store(error)) => refused(&error),
            Err(error) => Outcome::Broken(error.to_string()),
        }
    }
}

impl Operation {
    async fn order(self, users: &Users, user: &str) -> Outcome {
        let found = match users.find(user).await {
            Ok(Some(found)) => found,
            Ok(None) => return Outcome::Done,
            Err(error) => return refused(&error),
        };
        let ended = match self {
            Remove => users.remove(&found, "operator").await,
            _ => users.end_sessions(&found, "operator").await,
        };
        match ended {
            Ok(_) => Outcome::Done,
            Err(signet::identity::Error::Store(error)) => refused(&error),
            Err(error) => Outcome::Broken(error.to_string()),
        }
    }
}

fn refused(error: &signet::store::Error) -> Outcome {
    use signet::store::Error::{Slow, Unavailable};
    match error {
        Slow(_) | Unavailable(_) => Outcome::Unknown,
        error => Outcome::Broken(error.to_string()),
    }
}

impl After {
    fn is_unknown(&self) -> bool {
        self.outcomes.iter().any(|(outcome, _)| matches!(outcome, Outcome::Unknown))
    }

    fn count(&self, which: impl Fn(Operation) -> bool) -> usize {
        self.operations.iter().filter(|operation| which(**operation)).count()
    }

    fn given(&self, which: Operation) -> Vec<(&String, &i64, &String)> {
        let both = self.operations.iter().zip(&self.outcomes).filter(|(operation, _)| **operation == which);
        let tokens = both.filter_map(|(_, (outcome, _))| match outcome {
            Outcome::Tokens { grant, expires_at, refresh } => Some((grant, expires_at, refresh)),
            _ => None,
        });
        tokens.collect()
    }

    /// The promises that were broken.
    fn broken(&self) -> Vec<String> {
        let mut broken = Vec::new();
        let mut must = |holds: bool, promise: &str| {
            if !holds {
                broken.push(promise.to_owned());
            }
        };
        for (outcome, _) in &self.outcomes {
            if let Outcome::Broken(error) = outcome {
                must(false, &format!("nothing fails but for a reason of the protocol: {error}"));
            }
        }
        let lives = |grant: &String| self.living.contains(grant);
        let (ends, reuses) = (self.count(Operation::ends_grants), self.count(|one| one == RefreshOld));
        for first in [Exchange, Poll] {
            let (shown, gave) = (self.count(|one| one == first), self.given(first));
            must(gave.len() <= 1, "a code, also of a device, is redeemed once");
            must(ends > 0 || shown == 0 || gave.len() == 1, "of several that show a code one gets tokens");
            for (grant, ..) in &gave {
                must(shown == 1 || !lives(grant), "a replay ends what the code gave");
                must(shown > 1 || ends > 0 || lives(grant), "what a code gave lives until something ends it");
            }
        }
        let exchanged = [self.given(Exchange), self.given(Poll)].concat();
        must(self.given(RefreshOld).is_empty(), "a refresh token that was used long ago gives nothing");
        let refreshed = self.given(Rotate);
        for pair in refreshed.windows(2) {
            must(pair[0].2 == pair[1].2, "two that show one refresh token have the same successor");
        }
        let family = &self.story.grant;
        must(reuses == 0 || !lives(family), "a reuse ends the family");
        must(ends + reuses > 0 || lives(family), "a family lives until something ends it");
        let rotations = self.count(|one| one == Rotate);
        must(
            ends + reuses > 0 || refreshed.len() == rotations,
            "a refresh token is good until something ends it",
        );
        must(ends == 0 || self.living.is_empty(), "of what was taken back nothing lives");
        for (grant, expires_at, _) in exchanged.iter().chain(&refreshed) {
            let revoked = self.revoked.iter().find(|revoked| revoked.session_id == **grant);
            let forget_at = revoked.map(|revoked| revoked.forget_at.seconds());
            must(lives(grant) != forget_at.is_some(), "a grant that ends leaves a revocation, and only then");
            must(forget_at.is_none_or(|end| **expires_at <= end), "no token outlives its revocation");
        }
        broken
    }
}

async fn instance(database: &Database, manual: &Arc<ManualClock>) -> Instance {
    let clock: Arc<dyn Clock> = manual.clone();
    let entropy = Arc::new(SystemEntropy::new());
    let revocations = Arc::new(Revocations::new(clock.clone()));
    let sessions =
        Arc::new(Sessions::new(database.clone(), TOKEN_LIFE, revocations, clock.clone(), entropy.clone()));
    let contract = contract_for(90 * 24 * 60 * 60, 300, 900, Algorithms::only(Algorithm::EdDsa));
    let keys = Process::new(database, 1).with_clock(manual).with_contract(contract);
    let keyring = keys.start().await.unwrap().keyring();
    let profile = TokenProfile { issuer: ISSUER.to_owned(), audience: ISSUER.to_owned(), ttl: TOKEN_LIFE };
    let issuer = Arc::new(Issuer::new(keyring, Signature::Keyring, profile, entropy.clone()));
    let vault = Arc::new(Vault::new(master(1), Vec::new(), entropy.clone()));
    let users = Users::new(database.clone(), sessions.clone(), clock.clone(), entropy.clone());
    let tokens = Tokens::new(database.clone(), sessions.clone(), issuer, vault, clock, entropy);
    let grants = Grants::new(database.clone(), sessions.clone());
    Instance { tokens: Arc::new(tokens), grants: Arc::new(grants), users: Arc::new(users), sessions }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

#[rstest]
#[case::exchange(&[Exchange], &[Exchange, SignOut, Withdraw, EndSessions, Remove])]
#[case::device(&[Poll], &[Poll, SignOut, Withdraw, EndSessions, Remove])]
#[case::end_of_device(&[SignOut, Withdraw, EndSessions, Remove], &[Poll])]
#[case::refresh(&[Rotate], &[Rotate, RefreshOld, SignOut, Withdraw, EndSessions, Remove])]
#[case::end(&[SignOut, Withdraw, EndSessions, Remove], &[Exchange, Rotate, SignOut, Withdraw])]
#[case::reuse(&[RefreshOld], &[Rotate, RefreshOld, SignOut])]
fn grants_that_are_used_and_ended_at_any_wait_are_redeemed_once_and_leave_nothing_alive(
    #[case] first: &[Operation],
    #[case] second: &[Operation],
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    runtime().block_on(async {
        for (first, second) in first.iter().flat_map(|first| second.iter().map(move |second| (first, second)))
        {
            let Some(world) = World::start(kind).await else { return };
            let mut judged = 0;
            for pause in 0..ALL {
                let after = world.run(&[*first, *second], &[(0, pause), (1, ALL), (0, ALL)]).await;
                let (broken, unknown) = (after.broken(), after.is_unknown());
                assert!(
                    unknown || broken.is_empty(),
                    "{first:?} overtaken by {second:?} after {pause} steps: {broken:#?}\n{:#?}",
                    after.outcomes
                );
                judged += usize::from(!unknown);
                if after.outcomes[0].1 <= pause {
                    assert!(pause >= 1 && judged >= 1, "{first:?} and {second:?}: {judged} of {pause}");
                    break;
                }
            }
        }
    });
}

#[rstest]
fn grants_that_three_use_at_once_in_any_order_are_redeemed_once(#[values(Sqlite, Postgres)] kind: Kind) {
    let runtime = runtime();
    let Some(world) = runtime.block_on(World::start(kind)) else { return };
    let operation = prop::sample::select(vec![
        Exchange,
        Exchange,
        Poll,
        Poll,
        Rotate,
        Rotate,
        RefreshOld,
        SignOut,
        Withdraw,
        EndSessions,
    ]);
    let turns = prop::collection::vec((0..3_usize, 1..12_usize), 2..9);
    let cases = (prop::collection::vec(operation, 3), turns);
    let config = Config { cases: 48, max_shrink_iters: 40, failure_persistence: None, ..Config::default() };
    let judged = Cell::new(0);
    let outcome = TestRunner::new(config).run(&cases, |(operations, turns)| {
        let after = runtime.block_on(world.run(&operations, &turns));
        if !after.is_unknown() {
            judged.set(judged.get() + 1);
            let broken = after.broken();
            prop_assert!(broken.is_empty(), "{operations:?}: {broken:#?}\n{:#?}", after.outcomes);
        }
        Ok(())
    });
    outcome.unwrap();
    assert!(judged.get() >= 12, "{} of 48 could be judged", judged.get());
}
