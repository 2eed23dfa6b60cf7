//! Failures of processes and networks, and the commands of an operator.

use signet::keys::commands::UnreadableKey;
use signet::keys::rotation;
use signet::model::signing_key::ImportAs;
use signet_verify::clock::{Clock, Timestamp};
use signet_verify::crypto::Algorithm;

use super::members::Member;
use super::rows::Crash;
use super::verifiers::Ours;
use super::world::{ISSUERS, TICK, World};

impl World {
    /// Every failure of a process or a network.
    pub fn mishaps(&mut self) {
        let elapsed = self.elapsed;
        for which in 0..ISSUERS {
            let dice = &self.dice;
            let member = &mut self.members[which];
            if dice.in_thousand(8) {
                member.connection.cut(!member.connection.is_cut());
            } else if dice.in_thousand(15) {
                let points = [Crash::Reading, Crash::BeforeCommit, Crash::AfterCommit];
                member.connection.crash_at(points[dice.place(points.len())]);
            } else if dice.in_thousand(4) && elapsed >= member.sleeps_until {
                // Its clocks stand still, so that monotonic time knows nothing of it; when it wakes, wall time is right.
                member.sleeps_until = elapsed + TICK * (1 + u32::try_from(dice.below(150)).unwrap());
            } else if dice.in_thousand(4) && member.running.is_some() {
                let far = i64::try_from(dice.below(400 * 86_400_000)).unwrap() + 60_000;
                let leap = if dice.in_thousand(700) { far } else { -far };
                member.leaps_until = elapsed + TICK * (1 + u32::try_from(dice.below(40)).unwrap());
                let now = member.clock.now().millis();
                member.clock.set_wall(Timestamp::from_millis(now + leap));
            }
        }
        for number in 0..self.ours.len() {
            if self.dice.in_thousand(8) {
                self.ours[number].toggle();
            }
            if self.dice.in_thousand(8) {
                let hears = &mut self.hears_since[number];
                *hears = if hears.is_some() { None } else { Some(elapsed) };
            }
            if self.dice.in_thousand(4) {
                // A new process: nothing is cached, and the database is asked before anything else.
                let (clock, memory) =
                    (self.ours[number].clock.clone(), if number == 0 { 1 << 20 } else { 0 });
                let seed = self.fresh_seed();
                self.ours[number] = Ours::remote(&self.balancer, clock, seed, memory);
                self.hears_since[number] = Some(elapsed);
                self.recall(number);
            }
        }
        for third_party in &mut self.third_parties {
            if self.dice.in_thousand(8) {
                third_party.toggle();
            }
        }
    }

    /// Orders, given through a process that works.
    pub async fn operator(&mut self) -> Result<(), String> {
        let works = |member: &Member| member.works(self.elapsed);
        let Some(which) = self.members.iter().position(works) else { return Ok(()) };
        let luck = self.dice.below(1000);
        if luck >= 22 {
            return Ok(());
        }
        let key = self.foreign_key();
        let algorithm = Algorithm::ALL[self.dice.place(Algorithm::ALL.len())];
        let worker = &self.members[which].running.as_ref().unwrap().worker;
        let rotation = worker.rotation();
        let outcome = match luck {
            0..12 => rotation.request_rotation(algorithm, "operator").await.map(drop),
            12..15 => rotation.rotate_now(algorithm, "operator").await.map(drop),
            15..19 => match worker.keyring().signer_for(algorithm).map(|signer| signer.kid.clone()) {
                Some(kid) => rotation.revoke(&kid, "operator", "test", UnreadableKey::Refuse).await.map(drop),
                None => Ok(()),
            },
            _ => rotation.import(&key, ImportAs::Successor, "operator").await.map(drop),
        };
        match outcome {
            // Another process was there first, or the process died over it.
            Ok(())
            | Err(
                rotation::Error::Rows(_)
                | rotation::Error::UnknownKey(_)
                | rotation::Error::SuccessorWaits(_),
            ) => Ok(()),
            Err(error) => Err(format!("an order failed: {error}")),
        }
    }
}
