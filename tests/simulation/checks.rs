//! What has happened, by the true clock, and whether every promise still holds.

use std::collections::HashMap;
use std::time::Duration;

use signet::model::contract::Contract;
use signet::model::signing_key::Event;
use signet_verify::clock::{Clock, Timestamp};
use signet_verify::jose::jwk::Kid;

use super::rows::News;
use super::verifiers::{Bearer, LEEWAY, Verdict};
use super::world::{Breach, RECALL, TICK, World, usual_contract};
use crate::keys::support::START;

/// What a story came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub verifications: u64,
    pub rotations: u64,
    pub revocations: u64,
    pub ended_sessions: u64,
    pub crashes: u64,
}

impl Tally {
    pub fn add(&mut self, other: Self) {
        self.verifications += other.verifications;
        self.rotations += other.rotations;
        self.revocations += other.revocations;
        self.ended_sessions += other.ended_sessions;
        self.crashes += other.crashes;
    }
}

/// What has happened to the keys so far, and what was promised about them.
pub struct Record {
    announced: HashMap<Kid, Duration>,
    revoked: HashMap<String, Duration>,
    /// Keys that signed before every cache could know them, and until when that may show.
    hurried: HashMap<String, Duration>,
    /// The longest spans that any process has promised so far.
    bound: Duration,
    lead: Duration,
    pub tally: Tally,
}

/// Whether a verifier's keys are within their life.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keys {
    Fresh,
    Stale,
}

impl Keys {
    fn of(fresh: bool) -> Self {
        if fresh { Self::Fresh } else { Self::Stale }
    }
}

/// Who gives a verdict, and what they could know.
struct Witness {
    name: String,
    /// What its clock shows.
    now: Timestamp,
    keys: Keys,
    /// Since when it has heard of ended sessions, if it does.
    hears_since: Option<Duration>,
}

impl Record {
    /// Nothing has happened, and the usual contract is promised.
    pub fn new() -> Self {
        let contract = usual_contract();
        Self {
            announced: HashMap::new(),
            revoked: HashMap::new(),
            hurried: HashMap::new(),
            bound: contract.revocation_bound(),
            lead: contract.lead(),
            tally: Tally::default(),
        }
    }

    /// Takes note of what a process promises.
    pub fn note_contract(&mut self, contract: &Contract) {
        self.bound = self.bound.max(contract.revocation_bound());
        self.lead = self.lead.max(contract.lead());
    }

    /// Takes note of what was written, and judges it.
    pub fn note_news(&mut self, world: &mut World) -> Result<(), String> {
        if let Some(violation) = world.rows.violation() {
            return Err(violation);
        }
        let news = world.rows.news();
        for News { at, event, lead } in &news {
            match event.event {
                Event::Announced | Event::Imported => drop(self.announced.insert(event.kid.clone(), *at)),
                Event::Revoked => {
                    self.tally.revocations += 1;
                    self.revoked.insert(event.kid.to_string(), *at);
                }
                Event::Retired => self.tally.rotations += 1,
                Event::Activated => {
                    let public_for = *at - self.announced[&event.kid];
                    // The two clocks that stamped and judged may differ.
                    let known = public_for + LEEWAY >= *lead;
                    let succeeds = news.iter().any(|News { event: other, .. }| {
                        other.event == Event::Retired && other.actor == event.actor && other.at == event.at
                    });
                    if !known && succeeds && event.actor == "rotation" {
                        return Err(format!("{} signs after {public_for:?} in public", event.kid));
                    }
                    if !known {
                        self.hurried.insert(event.kid.to_string(), *at + self.lead);
                    }
                }
                Event::Extended | Event::Requested | Event::Removed | Event::Rewrapped => {}
            }
        }
        // The word of a change reaches some of the others at once.
        if !news.is_empty() {
            for member in &mut world.members {
                if world.dice.in_thousand(600) && world.breach != Some(Breach::Reload) {
                    member.next_at = world.elapsed;
                }
            }
        }
        Ok(())
    }

    /// Asks everybody about some tokens.
    pub async fn check(&mut self, world: &mut World) -> Result<(), String> {
        let elapsed = world.elapsed;
        let now = START.after(elapsed);
        world.tokens.retain(|token| now < token.exp.after(3 * LEEWAY));
        for member in world.members.iter().filter_map(|member| member.running.as_ref()) {
            let published = member.worker.keyring().published();
            if published.set.is_empty() || published.json.windows(3).any(|window| window == b"\"d\"") {
                return Err("a key set is empty, or holds a private half".to_owned());
            }
        }
        // The newest and the oldest ones, and some in between.
        let mut chosen: Vec<usize> = (0..world.tokens.len().min(2)).collect();
        chosen.extend((0..world.tokens.len()).rev().take(1));
        chosen.extend((0..3).map(|_| world.dice.place(world.tokens.len())));
        for (turn, place) in chosen.into_iter().enumerate() {
            let Some(token) = world.tokens.get(place) else { continue };
            for (number, third_party) in world.third_parties.iter().enumerate() {
                let witness = Witness {
                    name: format!("third party {number}"),
                    now: third_party.clock.now(),
                    keys: Keys::of(third_party.is_fresh(elapsed)),
                    hears_since: None,
                };
                self.judge(world, &witness, token, third_party.verdict(token))?;
            }
            for (number, ours) in world.ours.iter().enumerate() {
                if number > 0 && turn % 3 != 0 {
                    continue; // the one that remembers nothing is slow
                }
                let verdict = ours.verdict(token).await;
                let witness = Witness {
                    name: format!("verifier {number}"),
                    now: ours.clock.now(),
                    keys: Keys::of(ours.is_fresh()),
                    hears_since: world.hears_since[number],
                };
                self.judge(world, &witness, token, verdict)?;
            }
            for (number, member) in world.members.iter().enumerate() {
                if !member.works(elapsed) || turn % 3 != number {
                    continue;
                }
                let room = &member.running.as_ref().unwrap().room;
                let verdict = room.verdict(token).await;
                let witness = Witness {
                    name: format!("issuer {number}"),
                    now: member.clock.now(),
                    keys: Keys::Fresh,
                    // While its clock showed nonsense it took ended sessions for forgotten ones.
                    hears_since: (elapsed - room.asked_at <= RECALL).then_some(member.leaps_until),
                };
                self.judge(world, &witness, token, verdict)?;
            }
        }
        Ok(())
    }

    /// Whether a verdict is one that the promises allow.
    fn judge(
        &mut self,
        world: &World,
        witness: &Witness,
        token: &Bearer,
        verdict: Verdict,
    ) -> Result<(), String> {
        self.tally.verifications += 1;
        let Witness { name, now, keys, hears_since } = witness;
        let fresh = *keys == Keys::Fresh;
        let elapsed = world.elapsed;
        let revoked = self.revoked.get(&token.kid);
        let ended = world.ended.get(&token.sid);
        let accepted = verdict == Verdict::Accepted;
        if accepted && *now >= token.exp.after(LEEWAY) {
            return Err(format!("{name} accepts a token that has expired"));
        }
        if accepted && fresh && revoked.is_some_and(|at| elapsed > *at + self.bound) {
            return Err(format!(
                "{name} accepts a token of {}, revoked {:?} ago",
                token.kid,
                elapsed - *revoked.unwrap()
            ));
        }
        if let (true, Some(ended), Some(hears)) = (accepted, ended, *hears_since)
            && elapsed > ended.at.max(hears) + RECALL + TICK
        {
            return Err(format!(
                "{name} accepts a token of a session that ended {:?} ago",
                elapsed - ended.at
            ));
        }
        let unknown_yet = self.hurried.get(&token.kid).is_some_and(|until| elapsed <= *until);
        let lives = revoked.is_none() && ended.is_none() && *now < token.exp && !unknown_yet;
        match verdict {
            Verdict::Refused(why) if lives && fresh => {
                let left = token.exp.since(*now);
                Err(format!("{name} refuses ({why}) a token of {} with {left:?} to live", token.kid))
            }
            Verdict::Refused(why) if lives && why != "unknown_kid" => {
                Err(format!("{name} refuses ({why}) a token that lives"))
            }
            Verdict::Unavailable if fresh => Err(format!("{name} has keys and says that it has none")),
            _ => Ok(()),
        }
    }
}
