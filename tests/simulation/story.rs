//! One story: issuers on one table of keys, verifiers around them, an operator, people who sign out; and everything that
//! can go wrong. After every tick it is asked whether every promise still holds.

use super::checks::{Record, Tally};
use super::world::{Breach, TICK, World};

/// How long a story takes: several lives of a key.
const TICKS: u32 = 360;

/// Plays the story of `seed`; the failure is a sentence.
pub fn play(seed: u64, breach: Option<Breach>) -> Result<Tally, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let (mut world, mut record) = (World::begin(seed, breach).await, Record::new());
        for _ in 0..TICKS {
            tick(&mut world, &mut record)
                .await
                .map_err(|failure| format!("after {:?}: {failure}", world.elapsed))?;
        }
        Ok(record.tally)
    })
}

async fn tick(world: &mut World, record: &mut Record) -> Result<(), String> {
    world.pass_time();
    world.mishaps();
    world.members_live(record).await?;
    record.note_news(world)?;
    world.balance();
    // Lets the tasks of the key caches run.
    tokio::time::advance(TICK).await;
    world.operator().await?;
    record.note_news(world)?;
    world.people_sign_out(record);
    world.hear_of_ended_sessions();
    for third_party in &mut world.third_parties {
        third_party.live(world.elapsed);
    }
    world.issue().await?;
    record.check(world).await
}
