//! What the contract means for a key, as a calendar.
//! In: the contract. Out: what happens when, from a first start until its first key is gone; and the sums behind it. Pure.
//! Owns: nothing is printed that the state machine does not do: the calendar is one run of it.

use std::fmt::Write;
use std::time::Duration;

use crate::duration::format as span;
use crate::keys::generator;
use crate::keys::rotation;
use crate::model::contract::Contract;
use crate::model::signing_key::{Event, KeyRecord, apply, due, next_deadline};
use signet_verify::clock::Timestamp;
use signet_verify::crypto::{PublicKey, SigningKey};
use signet_verify::jose::jwk::{Kid, thumbprint};

/// What happens to which key, and how long after the first start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// How long after the first start.
    pub after: Duration,
    /// The key: 0 is the first one.
    pub key: usize,
    /// What happens to it.
    pub event: Event,
}

/// The calendar from the first start until the first key leaves the key set.
pub fn calendar(contract: &Contract) -> Vec<Entry> {
    const START: Timestamp = Timestamp::from_seconds(0);
    // The algorithms live side by side by the same calendar.
    let contract = &contract.of_one_algorithm();
    let (mut keys, mut now, mut entries) = (Vec::<KeyRecord>::new(), START, Vec::new());
    // The contract bounds how many keys come before the first one goes, and each has three deadlines.
    for _ in 0..3 * Contract::MAX_PUBLIC {
        for step in due(&keys, contract, now) {
            let number = keys.len();
            let Ok(events) = apply(&mut keys, &step, |_| example(number), contract, now) else {
                return entries; // a seed that ring refuses, which is not known to happen
            };
            for (kid, event) in events {
                let key = keys.iter().position(|key| key.kid == kid).unwrap_or_default();
                entries.push(Entry { after: now.since(START), key, event });
                if event == Event::Removed {
                    return entries;
                }
            }
        }
        let Some(next) = next_deadline(&keys, contract) else { return entries };
        now = next;
    }
    entries
}

/// The calendar and the sums, for a terminal.
pub fn render(contract: &Contract) -> String {
    let entries = calendar(contract);
    let width = entries.iter().map(|entry| span(entry.after).len()).max().unwrap_or(0);
    let mut text =
        format!("Keys of each algorithm ({}), counted from a first start\n", contract.algorithms());
    for Entry { after, key, event } in &entries {
        let what = match event {
            Event::Announced => "is announced: public, so that caches learn it",
            Event::Activated => "signs",
            Event::Retired => "signs no more, and stays public for the tokens that it signed",
            Event::Removed => "leaves the key set: its last token is dead",
            Event::Imported | Event::Extended | Event::Requested | Event::Revoked | Event::Rewrapped => {
                event.name()
            }
        };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {:>width$}  {} {what}", span(*after), letter(*key));
    }
    let [lead, retain] = [contract.lead(), contract.retain()].map(span);
    let [max_age, refresh, reload, skew] =
        [contract.jwks_max_age(), contract.refresh(), contract.reload(), contract.skew()].map(span);
    let _ = write!(
        text,
        "Because\n  {lead} public before it signs = {max_age} in shared caches + {refresh} in verifiers + {reload} until \
         every process has read the rows + {skew} between two clocks\n  {retain} public afterwards = {} life of a token + \
         2 x {skew} between clocks + {reload} until every process has read the rows\n  a revoked key is refused here \
         within {reload}, and everywhere within {} = {reload} + {max_age} + {refresh}\n",
        span(contract.token_ttl()),
        span(contract.revocation_bound()),
    );
    text
}

fn example(number: usize) -> Result<(Kid, PublicKey), rotation::Error> {
    let byte = u8::try_from(number + 1).unwrap_or(u8::MAX);
    let key = SigningKey::from_seed(&[byte; 32]).map_err(generator::Error::from)?;
    Ok((thumbprint(key.public()), key.public().clone()))
}

/// A, B, C…
fn letter(number: usize) -> char {
    ('A'..='Z').nth(number).unwrap_or('?')
}

#[cfg(test)]
mod tests {
    use signet_verify::crypto::Algorithm;

    use super::*;
    use crate::model::algorithms::Algorithms;
    use crate::model::contract::Terms;

    fn contract(rotate_every: u64, jwks_max_age: u64, token_ttl: u64, leeway: u64) -> Contract {
        let [rotate_every, jwks_max_age, token_ttl, leeway] =
            [rotate_every, jwks_max_age, token_ttl, leeway].map(Duration::from_secs);
        let algorithms = Algorithms::only(Algorithm::EdDsa);
        Contract::new(Terms { rotate_every, jwks_max_age, token_ttl, leeway, algorithms }).unwrap()
    }

    #[test]
    fn calendar_of_the_defaults_says_when_each_step_comes() {
        let text = render(&contract(30 * 86_400, 300, 900, 30));
        let expected = "\
Keys of each algorithm (EdDSA), counted from a first start
            0s  A is announced: public, so that caches learn it
            0s  A signs
  29d23h49m15s  B is announced: public, so that caches learn it
           30d  A signs no more, and stays public for the tokens that it signed
           30d  B signs
     30d16m15s  A leaves the key set: its last token is dead
Because
  10m45s public before it signs = 5m in shared caches + 5m in verifiers + 15s until every process has read the rows + 30s between two clocks
  16m15s public afterwards = 15m life of a token + 2 x 30s between clocks + 15s until every process has read the rows
  a revoked key is refused here within 15s, and everywhere within 10m15s = 15s + 5m + 5m
";
        assert_eq!(text, expected);
    }

    #[test]
    fn calendar_ends_with_the_first_key_even_when_others_come_before() {
        let entries = calendar(&contract(20, 2, 60, 1));
        let last = entries.last().unwrap();
        assert_eq!((last.key, last.event), (0, Event::Removed));
        assert_eq!(entries.iter().filter(|entry| entry.event == Event::Activated).count(), 5);
    }
}
