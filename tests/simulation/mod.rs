//! Keys under random schedules: several issuers with clocks, settings, outages and crashes of their
//! own, verifiers of ours and of others with caches of every age, operators, people who sign out.
//!
//! A few hundred stories are told on every change. For more: `SIGNET_STORIES=10000 cargo test --release -- simulation
//! --nocapture`; to tell one again: `SIGNET_STORY=SEED`.

mod checks;
mod dice;
mod generator;
mod members;
mod mishaps;
mod people;
mod rows;
mod story;
mod verifiers;
mod world;

use std::sync::atomic::{AtomicU64, Ordering};

use checks::Tally;
use parking_lot::Mutex;
use story::play;
use world::Breach;

/// How many stories are told unless SIGNET_STORIES asks for more.
const STORIES: u64 = 200;

fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} wants a number")))
}

#[test]
fn verify_accepts_a_living_token_always_and_a_dead_one_never_whatever_happens() {
    let seeds = match asked("SIGNET_STORY") {
        Some(seed) => seed..seed + 1,
        None => 0..asked("SIGNET_STORIES").unwrap_or(STORIES),
    };
    let (next, total) = (AtomicU64::new(seeds.start), Mutex::new(Tally::default()));
    let tell = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            match play(seed, None) {
                Ok(tally) => total.lock().add(tally),
                Err(failure) => {
                    next.store(seeds.end, Ordering::Relaxed); // the others need not go on
                    panic!("story {seed} (SIGNET_STORY={seed} tells it again) {failure}")
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(tell);
        }
    });
    let Tally { verifications, rotations, revocations, ended_sessions, crashes } = total.into_inner();
    println!(
        "{} stories: {verifications} verifications, {rotations} rotations, {revocations} revoked keys, \
         {ended_sessions} ended sessions, {crashes} crashes",
        seeds.end - seeds.start
    );
    assert!(rotations > 0 && verifications > 1000, "something happens in these stories");
}

#[test]
fn simulation_notices_every_broken_rule() {
    for breach in Breach::ALL {
        let noticed = (0..100).find_map(|seed| play(seed, Some(breach)).err().map(|failure| (seed, failure)));
        let (seed, failure) = noticed.unwrap_or_else(|| panic!("no check notices {breach:?}"));
        println!("{breach:?}: story {seed} {failure}");
    }
}
