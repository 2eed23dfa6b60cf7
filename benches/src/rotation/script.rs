//! What is done to the keys and to the identity process while the traffic goes on.
//! In: the steps of the plan, each with its time. Out: the same steps, carried out, and written down.
//! Owns: what is revoked is written down before the order is given, so that no answer is judged by hindsight alone.

use super::chronicle::{Mark, short};
use super::processes::Signet;
use super::{Trouble, World};

/// Something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// `signet keys rotate`.
    Rotate,
    /// `signet keys rotate --now`.
    RotateNow,
    /// `signet keys revoke` of the active key while no successor is public.
    RevokeAlone,
    /// `signet keys revoke` of the active key while a successor is public, though not every cache knows it.
    RevokeWithSuccessor,
    /// SIGKILL at a random moment between the announcement of a key and a second after it signs, and a new start at once.
    Kill,
    /// SIGKILL right after the announcement of a key, and a new start when the key is long due to sign.
    StayDead,
}

impl World {
    /// Carries out the steps of the plan.
    pub async fn play(&self, identity: &mut Signet) -> Result<(), Trouble> {
        let mut chance = self.plan.seed;
        for (at, step) in self.plan.steps.clone() {
            self.clock.until(at).await;
            match step {
                Step::Rotate => self.rotate().await?,
                Step::RotateNow => self.rotate_now().await?,
                Step::RevokeAlone => {
                    self.wait_for("pending", true).await;
                    self.wait_for("pending", false).await;
                    // Some tokens of it first.
                    self.clock.until(self.clock.now() + self.plan.rotate_every as f64 / 6.0).await;
                    self.revoke("no successor is public").await?;
                }
                Step::RevokeWithSuccessor => {
                    self.wait_for("pending", false).await;
                    self.wait_for("pending", true).await;
                    self.clock.until(self.clock.now() + self.spans.lead / 2.0).await;
                    self.revoke("a successor is public, but not yet known everywhere").await?;
                }
                Step::StayDead => {
                    self.wait_for("pending", false).await;
                    // At once, so that hardly any cache has seen the key.
                    while !self.list_keys().await?.iter().any(|(_, state)| state == "pending") {}
                    self.crash(identity, self.spans.lead + 1.0).await?;
                }
                Step::Kill => {
                    self.wait_for("pending", false).await;
                    self.wait_for("pending", true).await;
                    let share = random(&mut chance);
                    self.clock.until(self.clock.now() + share * (self.spans.lead + 1.0)).await;
                    self.crash(identity, 0.0).await?;
                }
            }
        }
        self.clock.until(self.plan.seconds).await;
        Ok(())
    }

    async fn rotate(&self) -> Result<(), Trouble> {
        self.operator.run(&["keys", "rotate"]).await?;
        self.chronicle.event(Mark::Rotation, "`signet keys rotate`".to_owned());
        Ok(())
    }

    async fn rotate_now(&self) -> Result<(), Trouble> {
        let before = self.clock.now();
        let said = self.operator.run(&["keys", "rotate", "--now"]).await?;
        self.chronicle.event(Mark::Rotation, format!("`signet keys rotate --now`: {}", said.trim()));
        self.note_hurry(before).await
    }

    async fn revoke(&self, circumstances: &str) -> Result<(), Trouble> {
        let keys = self.list_keys().await?;
        let (kid, _) = keys.into_iter().find(|(_, state)| state == "active").ok_or("no key is active")?;
        self.pool.watch(&kid);
        let before = self.clock.now();
        self.ledger.revoking(&kid, before);
        let order = ["keys", "revoke", &kid, "--reason", "rotation under traffic"];
        self.operator.run(&order).await?;
        self.ledger.revoked(&kid, self.clock.now());
        let text = format!("`signet keys revoke {}…` of the active key; {circumstances}", short(&kid));
        self.chronicle.event(Mark::Revocation, text);
        self.note_hurry(before).await
    }

    /// Writes down that the key which signs since `before` had to sign before every cache could know it.
    async fn note_hurry(&self, before: f64) -> Result<(), Trouble> {
        let keys = self.list_keys().await?;
        let (kid, _) = keys.into_iter().find(|(_, state)| state == "active").ok_or("no key is active")?;
        let public = self.chronicle.public_since(&kid).unwrap_or(self.clock.now());
        if public + self.spans.lead > before {
            self.ledger.hurried(&kid, public + self.spans.lead);
        }
        Ok(())
    }

    async fn crash(&self, identity: &mut Signet, dead_for: f64) -> Result<(), Trouble> {
        let killed = self.clock.now();
        identity.kill().await?;
        self.clock.until(killed + dead_for).await;
        identity.start(super::SERVES).await?;
        let ready = self.clock.now();
        self.ledger.outage(killed, ready);
        let text = format!("the identity process was killed, and serves again after {:.2} s", ready - killed);
        self.chronicle.event(Mark::Crash, text);
        Ok(())
    }
}

/// From 0 to 1; splitmix64.
fn random(seed: &mut u64) -> f64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) as f64 / u64::MAX as f64
}
