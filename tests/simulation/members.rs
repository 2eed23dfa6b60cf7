//! The processes of the issuer: they start, read the rows of the keys, serve, and crash.

use std::sync::Arc;
use std::time::Duration;

use signet::identity::tokens::{Issuer, Signature, TokenProfile};
use signet::keys::keyring::Signer;
use signet::keys::rotation;
use signet::keys::worker::RotationWorker;
use signet::model::algorithms::Algorithms;
use signet::model::contract::Contract;
use signet_verify::clock::{Clock, ManualClock, SeededEntropy};

use super::checks::Record;
use super::rows::Connection;
use super::verifiers::{AUDIENCE, ISSUER, Ours, Serving};
use super::world::{Breach, ISSUERS, TICK, World};
use crate::keys::support::{contract_for, seconds};

/// A process of the issuer.
pub struct Member {
    pub clock: Arc<ManualClock>,
    /// How far its clock is from the truth, in milliseconds.
    pub offset: i64,
    pub connection: Connection,
    pub contract: Contract,
    pub running: Option<Running>,
    /// When it last read the rows, and when it does so next; when it starts, if it does not run.
    pub read_at: Duration,
    pub next_at: Duration,
    /// Until when it sleeps like a suspended machine, or its clock shows nonsense.
    pub sleeps_until: Duration,
    pub leaps_until: Duration,
}

pub struct Running {
    pub worker: RotationWorker<Connection>,
    pub issuer: Issuer,
    pub room: Ours,
    /// The last signer that it had, for a process that signs blind.
    pub signer: Option<Arc<Signer>>,
}

impl Member {
    pub fn is_awake(&self, elapsed: Duration) -> bool {
        self.running.is_some() && elapsed >= self.sleeps_until
    }

    pub fn is_sane(&self, elapsed: Duration) -> bool {
        elapsed >= self.leaps_until
    }

    /// Whether an order or a caller can be sent to it: it keeps to its contract, its clock is right, and the database
    /// answers.
    pub fn works(&self, elapsed: Duration) -> bool {
        self.is_fresh(elapsed) && self.is_sane(elapsed) && !self.connection.is_cut()
    }

    /// Whether it keeps to its part of the contract.
    pub fn is_fresh(&self, elapsed: Duration) -> bool {
        self.is_awake(elapsed) && elapsed.saturating_sub(self.read_at) <= self.contract.reload()
    }
}

impl World {
    /// Processes that are down start, those that run read the rows when they should.
    pub async fn members_live(&mut self, record: &mut Record) -> Result<(), String> {
        let elapsed = self.elapsed;
        for which in 0..ISSUERS {
            if self.members[which].connection.has_crashed() {
                record.tally.crashes += 1;
                let member = &mut self.members[which];
                member.running = None;
                member.connection = self.rows.connect();
                member.next_at = elapsed + TICK * u32::try_from(self.dice.below(12)).unwrap();
                // A process that starts with a wrong clock has nothing to tell it by.
                member.leaps_until = Duration::ZERO;
                continue;
            }
            let restarts = self.dice.in_thousand(5);
            let member = &self.members[which];
            if elapsed < member.sleeps_until || (elapsed < member.next_at && !restarts) {
                continue;
            }
            if member.running.is_none() || (restarts && member.is_sane(elapsed)) {
                self.start(which, record).await?;
                continue;
            }
            let member = &mut self.members[which];
            let worker = &member.running.as_ref().unwrap().worker;
            match worker.reconcile().await {
                Ok(()) => member.read_at = elapsed,
                Err(rotation::Error::Rows(_)) => {}
                Err(error) => return Err(format!("process {which} could not reconcile: {error}")),
            }
            let reload = member.contract.reload();
            let late = if self.breach == Some(Breach::Reload) { seconds(6) } else { Duration::ZERO };
            // At the latest when it has promised to, and at the next deadline.
            let sooner = worker.keyring().health().next_deadline.map(|at| at.since(member.clock.now()));
            let pause = reload.min(sooner.unwrap_or(reload)).max(TICK) + late;
            let early = self.dice.below(2) == 0 && late.is_zero();
            member.next_at = elapsed + if early { TICK } else { pause };
        }
        Ok(())
    }

    async fn start(&mut self, which: usize, record: &mut Record) -> Result<(), String> {
        let elapsed = self.elapsed;
        let spans = [(20, 2, 8), (20, 2, 8), (30, 3, 6), (25, 1, 12)];
        let (rotate_every, max_age, ttl) = spans[self.dice.place(spans.len())];
        self.members[which].contract = contract_for(rotate_every, max_age, ttl, Algorithms::default());
        let rotation = self.rotation(which);
        let seed = self.fresh_seed();
        let member = &mut self.members[which];
        member.next_at = elapsed + TICK * 4;
        member.running = match RotationWorker::start(rotation).await {
            Ok(worker) => {
                let terms = TokenProfile {
                    issuer: ISSUER.to_owned(),
                    audience: AUDIENCE.to_owned(),
                    ttl: member.contract.token_ttl(),
                };
                let entropy = Arc::new(SeededEntropy::new(seed));
                let keyring = worker.keyring();
                let room = Ours::local(&keyring, member.clock.clone(), 1 << 20);
                let issuer = Issuer::new(keyring, Signature::Keyring, terms, entropy);
                member.read_at = elapsed;
                record.note_contract(&member.contract);
                let ended = self.ended.iter().map(|(sid, ended)| (sid.clone(), ended.forget_at));
                room.revocations.add(ended);
                Some(Running { worker, issuer, room, signer: None })
            }
            Err(rotation::Error::Rows(_)) => None,
            Err(error) => return Err(format!("process {which} does not start: {error}")),
        };
        Ok(())
    }

    /// Tells the balancer who answers: those that are ready, as /readyz says.
    pub fn balance(&self) {
        let elapsed = self.elapsed;
        let serves = |member: &&Member| match self.breach {
            Some(Breach::Reload) => member.is_awake(elapsed),
            _ => member.is_fresh(elapsed),
        };
        let serving = self.members.iter().filter(serves).filter_map(|member| {
            let running = member.running.as_ref()?;
            Some(Serving { keyring: Arc::downgrade(&running.worker.keyring()), clock: member.clock.clone() })
        });
        self.balancer.set(serving.collect(), 50);
    }
}
