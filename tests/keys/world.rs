//! Several processes, each with its own clock, settings, outages and luck, and verifiers with caches of different ages:
//! a token that lives always verifies, and a revoked key is forgotten within the bound, whatever the schedule.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use signet::clock::{Clock, ManualClock, Timestamp};
use signet::keys::contract::Contract;
use signet::keys::operator::WhenSealed;
use signet::keys::worker::RotationWorker;
use signet::store::Database;
use signet::store::keys::Keys;
use signet::token::jwk::{KeySet, Kid};

use super::support::{Process, START, contract, contract_of, seconds};

/// How many processes issue tokens and serve the key set; as many verifiers fetch it.
const ISSUERS: usize = 3;

/// True time moves by this much, and every process and verifier with it.
const TICK: Duration = Duration::from_millis(250);

#[derive(Clone, Debug)]
enum Happening {
    /// Everybody lives on for so many ticks.
    Live(u16),
    /// One process is cut off from the database, or finds it again.
    Toggle(usize),
    /// An operator asks for a rotation.
    Rotate,
    /// An operator revokes the key that signs.
    Revoke,
    /// One process starts again, with other settings.
    Restart(usize, Contract),
}

fn happening() -> impl Strategy<Value = Happening> {
    let contracts = prop_oneof![Just(contract()), Just(contract_of(90, 8, 5)), Just(contract_of(40, 4, 30))];
    prop_oneof![
        8 => (1_u16..120).prop_map(Happening::Live),
        2 => (0..ISSUERS).prop_map(Happening::Toggle),
        2 => Just(Happening::Rotate),
        1 => Just(Happening::Revoke),
        1 => (0..ISSUERS, contracts).prop_map(|(which, contract)| Happening::Restart(which, contract)),
    ]
}

struct Issuer {
    process: Process,
    worker: RotationWorker<Keys>,
    connected: bool,
    heard_at: Duration,
}

impl Issuer {
    /// Whether it keeps to its part of the contract.
    fn is_fresh(&self, elapsed: Duration) -> bool {
        elapsed.saturating_sub(self.heard_at) <= self.process.contract.reload()
    }

    fn set(&self) -> Arc<KeySet> {
        Arc::clone(&self.worker.keyring().published().set)
    }
}

/// Keeps a set as long as the contract allows: it came out of a shared cache that had kept it for max-age already.
struct Verifier {
    source: usize,
    fetched_at: Duration,
    keeps: Duration,
    set: Arc<KeySet>,
}

struct Token {
    kid: Kid,
    exp: Timestamp,
}

struct World {
    issuers: Vec<Issuer>,
    verifiers: Vec<Verifier>,
    tokens: Vec<Token>,
    elapsed: Duration,
    /// When each key was revoked; tokens of its hurried successor are not known everywhere for as long as it is not.
    revoked: HashMap<Kid, Duration>,
    /// The longest revocation bound of any process so far.
    bound: Duration,
}

impl World {
    async fn new(database: &Database, offsets: [i64; ISSUERS]) -> Self {
        let mut issuers = Vec::new();
        for (seed, offset) in (0..).zip(offsets) {
            let clock = Arc::new(ManualClock::at(Timestamp::from_millis(START.millis() + offset)));
            let process = Process::new(database, seed).with_clock(&clock);
            let worker = process.start().await.unwrap();
            issuers.push(Issuer { process, worker, connected: true, heard_at: Duration::ZERO });
        }
        let first = |source: usize| Verifier {
            source,
            fetched_at: Duration::ZERO,
            keeps: contract().jwks_max_age() + contract().refresh(),
            set: issuers[source].set(),
        };
        let verifiers = (0..ISSUERS).map(first).collect();
        let bound = contract().revocation_bound();
        Self {
            issuers,
            verifiers,
            tokens: Vec::new(),
            elapsed: Duration::ZERO,
            revoked: HashMap::new(),
            bound,
        }
    }

    async fn take(&mut self, happening: Happening) -> Result<(), TestCaseError> {
        let elapsed = self.elapsed;
        match happening {
            Happening::Live(ticks) => {
                for _ in 0..ticks {
                    self.tick().await;
                    self.check()?;
                }
            }
            Happening::Toggle(which) => self.issuers[which].connected ^= true,
            Happening::Rotate => {
                if let Some(issuer) = self.issuers.iter().find(|issuer| issuer.connected) {
                    issuer.worker.rotation().request_rotation("operator").await.unwrap();
                }
            }
            Happening::Revoke => {
                if let Some(issuer) = self.issuers.iter_mut().find(|issuer| issuer.connected) {
                    issuer.worker.settle().await.unwrap();
                    issuer.heard_at = elapsed;
                    let kid = issuer.worker.keyring().signer().unwrap().kid.clone();
                    issuer
                        .worker
                        .rotation()
                        .revoke(&kid, "operator", "test", WhenSealed::Refuse)
                        .await
                        .unwrap();
                    self.revoked.insert(kid, elapsed);
                }
            }
            Happening::Restart(which, contract) => {
                let issuer = &mut self.issuers[which];
                if issuer.connected {
                    issuer.process.contract = contract;
                    issuer.process.seed += 100;
                    issuer.worker = issuer.process.start().await.unwrap();
                    issuer.heard_at = elapsed;
                    self.bound = self.bound.max(contract.revocation_bound());
                }
            }
        }
        Ok(())
    }

    async fn tick(&mut self) {
        self.elapsed += TICK;
        let elapsed = self.elapsed;
        for issuer in &mut self.issuers {
            issuer.process.clock.advance(TICK);
            if issuer.connected && elapsed >= issuer.heard_at + issuer.process.contract.reload() {
                issuer.worker.settle().await.unwrap();
                issuer.heard_at = elapsed;
            }
        }
        for verifier in &mut self.verifiers {
            if elapsed < verifier.fetched_at + verifier.keeps {
                continue;
            }
            // The contract speaks of processes that hear of each other: ask one of those, if there is one.
            let fresh = |source: &usize| self.issuers[*source].is_fresh(elapsed);
            if let Some(source) = (0..ISSUERS).map(|step| (verifier.source + step) % ISSUERS).find(fresh) {
                let source_contract = &self.issuers[source].process.contract;
                *verifier = Verifier {
                    source,
                    fetched_at: elapsed,
                    keeps: source_contract.jwks_max_age() + source_contract.refresh(),
                    set: self.issuers[source].set(),
                };
            }
        }
        for issuer in &self.issuers {
            if let Some(signer) = issuer.worker.keyring().signer() {
                self.tokens.push(Token { kid: signer.kid.clone(), exp: signer.latest_exp });
            }
        }
    }

    fn check(&mut self) -> Result<(), TestCaseError> {
        let (elapsed, bound) = (self.elapsed, self.bound);
        let now = START.after(elapsed);
        let emergency = self.revoked.values().any(|at| elapsed <= *at + bound);
        self.tokens.retain(|token| now < token.exp && !self.revoked.contains_key(&token.kid));
        for (number, verifier) in self.verifiers.iter().enumerate() {
            let kept = elapsed - verifier.fetched_at;
            if kept > verifier.keeps {
                continue; // no process was there to ask; its own bound on stale keys takes over
            }
            for (kid, at) in &self.revoked {
                let forgotten = elapsed <= *at + bound || verifier.set.get(kid.as_ref()).is_none();
                prop_assert!(forgotten, "verifier {number} trusts {kid} at {elapsed:?}, revoked at {at:?}");
            }
            for token in self.tokens.iter().filter(|_| !emergency) {
                prop_assert!(
                    verifier.set.get(token.kid.as_ref()).is_some(),
                    "verifier {number} with a set of {kept:?} ago refuses a living token of {} at {elapsed:?}",
                    token.kid
                );
            }
        }
        Ok(())
    }
}

async fn memory() -> Database {
    let database = Database::open("sqlite::memory:", 1).await.unwrap();
    database.migrate().await.unwrap();
    database
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_living_token_always_verifies_and_a_revoked_key_is_forgotten_in_time(
        story in proptest::collection::vec(happening(), 4..24),
        offsets in prop::array::uniform3(-500_i64..=500),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new(&memory().await, offsets).await;
            for happening in story {
                world.take(happening).await?;
            }
            Ok::<(), TestCaseError>(())
        })?;
    }
}

#[tokio::test]
async fn the_cache_life_never_exceeds_the_contract_and_shrinks_before_a_change() {
    let process = Process::new(&memory().await, 1);
    let worker = process.start().await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..200 {
        let age = worker.keyring().max_age(process.clock.now());
        assert!(age >= seconds(1) && age <= contract().jwks_max_age(), "{age:?}");
        seen.push(age);
        process.clock.advance(Duration::from_millis(500));
        worker.settle().await.unwrap();
    }
    assert_eq!(seen[0], seconds(4));
    // 49.5 s: the successor comes in half a second.
    assert_eq!(seen[99], seconds(1));
    assert_eq!(seen[100], seconds(4));
}
