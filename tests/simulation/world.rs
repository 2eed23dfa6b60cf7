//! The world of a story: true time, the rows of the keys, the issuer's processes, the verifiers, tokens and sessions.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use signet::keys::key_formats::ImportedKey;
use signet::keys::rotation::Rotation;
use signet::model::algorithms::Algorithms;
use signet::model::contract::Contract;
use signet::model::signing_key::ImportAs;
use signet::vault::Vault;
use signet_verify::clock::{Clock, ManualClock, SeededEntropy, Timestamp};
use signet_verify::crypto::PrivateKey;
use signet_verify::crypto::SigningKey;
use signet_verify::jose::jwk::thumbprint;

use super::dice::Dice;
use super::generator::Pool;
use super::members::Member;
use super::rows::{Connection, Rows};
use super::verifiers::{Balancer, Bearer, Ours, ThirdParty};
use crate::keys::support::{START, contract_for, master, seconds};

/// True time moves by this much, and everybody with it.
pub const TICK: Duration = Duration::from_millis(250);
/// How often a process asks the database for ended sessions.
pub const RECALL: Duration = seconds(2);

pub const ISSUERS: usize = 3;

/// What processes promise unless they are started with other settings.
pub fn usual_contract() -> Contract {
    contract_for(20, 2, 8, Algorithms::default())
}

/// A rule of the contract that the world breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breach {
    /// Shared caches keep a set for longer than its `max-age`.
    SharedCaches,
    /// Verifiers keep a set for longer than its `max-age`.
    VerifierCaches,
    /// Processes read the rows less often than they promise, and go on serving.
    Reload,
    /// Clocks differ by more than the leeway.
    Clocks,
    /// Tokens live longer than the retention has room for.
    TokenLife,
    /// A process that cannot read the rows goes on signing as if nothing could have changed.
    SignsBlind,
    /// Ended sessions are asked for less often than promised.
    Recall,
}

impl Breach {
    pub const ALL: [Self; 7] = [
        Self::SharedCaches,
        Self::VerifierCaches,
        Self::Reload,
        Self::Clocks,
        Self::TokenLife,
        Self::SignsBlind,
        Self::Recall,
    ];
}

/// A session that has ended.
pub struct Ended {
    pub at: Duration,
    pub forget_at: Timestamp,
}

/// Everything that there is.
pub struct World {
    pub dice: Dice,
    pub breach: Option<Breach>,
    pub elapsed: Duration,
    pub rows: Rows,
    pub generator: Arc<Pool>,
    pub balancer: Balancer,
    pub members: Vec<Member>,
    pub ours: Vec<Ours>,
    /// Since when each of them has heard the database, where it does.
    pub hears_since: Vec<Option<Duration>>,
    pub third_parties: Vec<ThirdParty>,
    pub tokens: Vec<Bearer>,
    pub sessions: Vec<String>,
    pub ended: HashMap<String, Ended>,
    pub made: u64,
}

impl World {
    pub async fn begin(seed: u64, breach: Option<Breach>) -> Self {
        let dice = Dice::new(seed);
        let rows = Rows::default();
        let balancer = Balancer::new(seed + 1);
        // Two clocks that both keep to the leeway may lie a whole leeway apart.
        let reach = if breach == Some(Breach::Clocks) { 4000 } else { 500 };
        let mut offsets = (0..20).map(|_| i64::try_from(dice.below(2 * reach + 1)).unwrap() - reach as i64);
        let mut clock = || {
            let offset = offsets.next().unwrap();
            (Arc::new(ManualClock::at(Timestamp::from_millis(START.millis() + offset))), offset)
        };
        let members = (0..ISSUERS)
            .map(|_| {
                let (clock, offset) = clock();
                Member {
                    clock,
                    offset,
                    connection: rows.connect(),
                    contract: usual_contract(),
                    running: None,
                    read_at: Duration::ZERO,
                    next_at: Duration::ZERO,
                    sleeps_until: Duration::ZERO,
                    leaps_until: Duration::ZERO,
                }
            })
            .collect();
        let ours = vec![
            Ours::remote(&balancer, clock().0, seed + 2, 1 << 20),
            Ours::remote(&balancer, clock().0, seed + 3, 0),
        ];
        let mut third_parties: Vec<_> =
            (0..3).map(|hurries| ThirdParty::new(&balancer, clock().0, hurries)).collect();
        for third_party in &mut third_parties {
            match breach {
                Some(Breach::SharedCaches) => third_party.too_long[0] = seconds(5),
                Some(Breach::VerifierCaches) => third_party.too_long[1] = seconds(5),
                _ => {}
            }
        }
        let mut world = Self {
            dice,
            breach,
            elapsed: Duration::ZERO,
            rows,
            generator: Arc::new(Pool::new(seed)),
            balancer,
            members,
            hears_since: vec![Some(Duration::ZERO); ours.len()],
            ours,
            third_parties,
            tokens: Vec::new(),
            sessions: (0..6).map(|number| format!("session-{number}")).collect(),
            ended: HashMap::new(),
            made: seed.wrapping_mul(1_000_003),
        };
        if world.dice.in_thousand(100) {
            // A deployment whose first key comes from elsewhere.
            let rotation = world.rotation(0);
            let key = world.foreign_key();
            rotation.import(&key, ImportAs::Successor, "operator").await.unwrap();
        }
        world
    }

    pub fn fresh_seed(&mut self) -> u64 {
        self.made += 1;
        self.made
    }

    pub fn foreign_key(&mut self) -> ImportedKey {
        let mut bytes = [7; 32];
        bytes[..8].copy_from_slice(&self.fresh_seed().to_le_bytes());
        let public = SigningKey::from_seed(&bytes).unwrap().public().clone();
        ImportedKey { kid: thumbprint(&public), public, private: Some(PrivateKey::ed25519(bytes)) }
    }

    pub fn rotation(&mut self, which: usize) -> Rotation<Connection> {
        let entropy = Arc::new(SeededEntropy::new(self.fresh_seed()));
        let vault = Arc::new(Vault::new(master(1), Vec::new(), entropy));
        let generator = self.generator.clone();
        let member = &self.members[which];
        Rotation::new(member.connection.clone(), vault, generator, member.contract, member.clock.clone())
    }

    /// Lets a tick of true time pass, for every clock.
    pub fn pass_time(&mut self) {
        self.elapsed += TICK;
        let elapsed = self.elapsed;
        self.rows.advance_to(elapsed);
        for member in &self.members {
            if elapsed < member.sleeps_until {
                continue; // neither of its clocks is asked before it wakes
            }
            member.clock.advance(TICK);
            if member.is_sane(elapsed) {
                // After a sleep or a leap, the clock is set right.
                let right = START.after(elapsed).millis() + member.offset;
                member.clock.set_wall(Timestamp::from_millis(right));
            }
        }
        for clock in
            self.ours.iter().map(|ours| &ours.clock).chain(self.third_parties.iter().map(|one| &one.clock))
        {
            clock.advance(TICK);
        }
    }

    /// Reads the ended sessions from the database, as every process does now and then.
    pub fn hear_of_ended_sessions(&mut self) {
        let late = if self.breach == Some(Breach::Recall) { seconds(8) } else { Duration::ZERO };
        for number in 0..self.ours.len() {
            let due = self.elapsed >= self.ours[number].asked_at + RECALL + late;
            if due && self.hears_since[number].is_some() {
                self.recall(number);
                self.ours[number].revocations.sweep();
            }
        }
        for member in &mut self.members {
            if !member.is_awake(self.elapsed) || member.connection.is_cut() {
                continue;
            }
            let room = &mut member.running.as_mut().unwrap().room;
            if self.elapsed >= room.asked_at + RECALL + late {
                room.asked_at = self.elapsed;
                let now = room.clock.now();
                let living = self.ended.iter().filter(|(_, ended)| ended.forget_at > now);
                room.revocations.add(living.map(|(sid, ended)| (sid.clone(), ended.forget_at)));
                room.revocations.sweep();
            }
        }
    }

    pub fn recall(&mut self, number: usize) {
        let ours = &mut self.ours[number];
        ours.asked_at = self.elapsed;
        let now = ours.clock.now();
        let living = self.ended.iter().filter(|(_, ended)| ended.forget_at > now);
        ours.revocations.add(living.map(|(sid, ended)| (sid.clone(), ended.forget_at)));
    }
}
