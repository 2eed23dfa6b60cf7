//! The keys as an operator sees them.
//! In: key records and the present moment. Out: what each key is doing, what happens to it next and when; the same as a
//! table. Pure.
//! Owns: what is announced here is what [`due`](crate::model::signing_key::due) will do.

use std::fmt::Write;
use std::time::Duration;

use crate::duration;
use crate::keys::margins::{lead_margin, retain_margin};
use crate::model::contract::Contract;
use crate::model::key_rows::KeyEvent;
use crate::model::signing_key::{KeyRecord, KeyState, Ring, announcement};
use signet_verify::clock::Timestamp;
use signet_verify::crypto::Algorithm;
use signet_verify::jose::jwk::Kid;

/// One key of the list.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Its name.
    pub kid: Kid,
    /// What it signs with.
    pub algorithm: Algorithm,
    /// Where it stands.
    pub state: KeyState,
    /// How long ago it was made.
    pub age: Duration,
    /// What happens next, and when; nothing happens to keys that are gone.
    pub next: Option<(Next, Timestamp)>,
    /// How far it is from breaking the rule that it is subject to, in seconds; negative when that rule is broken.
    pub margin: Option<(&'static str, f64)>,
    /// Why it was revoked.
    pub reason: Option<String>,
}

/// What happens to a key next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// A pending key takes over.
    Signs,
    /// The active key gets a successor.
    SuccessorAnnounced,
    /// The active key gives way to the pending one.
    Retires,
    /// A retiring key leaves the key set.
    Removed,
}

impl Next {
    fn words(self) -> &'static str {
        match self {
            Self::Signs => "signs",
            Self::SuccessorAnnounced => "successor is announced",
            Self::Retires => "retires",
            Self::Removed => "removed",
        }
    }
}

/// Says of every key what it is doing and what happens next, in the order given.
pub fn describe(keys: &[KeyRecord], contract: &Contract, now: Timestamp) -> Vec<Line> {
    keys.iter().map(|key| line(key, Ring::of(keys, key.algorithm()), contract, now)).collect()
}

fn line(key: &KeyRecord, ring: Ring<'_>, contract: &Contract, now: Timestamp) -> Line {
    let change = ring.takeover(contract);
    Line {
        kid: key.kid.clone(),
        algorithm: key.algorithm(),
        state: key.state,
        age: now.since(key.announced_at),
        next: match key.state {
            KeyState::Pending => change.map(|at| (Next::Signs, at)),
            KeyState::Active => Some(match change {
                Some(at) => (Next::Retires, at),
                None if contract.algorithms().contains(key.algorithm()) => {
                    (Next::SuccessorAnnounced, announcement(key, contract))
                }
                None => (Next::Retires, key.signs_until(contract)),
            }),
            KeyState::Retiring => Some((Next::Removed, key.public_until())),
            KeyState::Removed | KeyState::Revoked => None,
        },
        margin: match key.state {
            KeyState::Pending => Some(("lead", lead_margin(ring.active, key, contract))),
            KeyState::Active => unknown_for(key, contract, now).map(|span| ("lead", -span.as_secs_f64())),
            KeyState::Retiring => Some(("retain", retain_margin(key, contract))),
            KeyState::Removed | KeyState::Revoked => None,
        },
        reason: key.reason.clone(),
    }
}

/// For how much longer there may be caches that do not know a key which signs: the very first one, the successor of a
/// revoked one, or one that could not wait.
fn unknown_for(key: &KeyRecord, contract: &Contract, now: Timestamp) -> Option<Duration> {
    let span = key.announced_at.after(key.lead.max(contract.lead())).since(now);
    (!span.is_zero()).then_some(span)
}

/// What happened to the keys, as a table for a terminal, oldest first.
pub fn render_events(events: &[KeyEvent]) -> String {
    let mut table = format!("{:24}  {:43}  {:9}  BY\n", "WHEN", "KID", "WHAT");
    for event in events {
        let why = event.reason.as_ref().map(|why| format!(": {}", printable(why))).unwrap_or_default();
        let (kid, what, by) = (event.kid.as_ref(), event.event.name(), printable(&event.actor));
        let _ = writeln!(table, "{:24}  {kid:43}  {what:9}  {by}{why}", event.at.iso_8601());
    }
    table
}

/// The list as a table for a terminal.
pub fn render(lines: &[Line], now: Timestamp) -> String {
    let width = lines.iter().map(|line| line.kid.as_ref().len()).chain([3]).max().unwrap_or(3);
    let mut table =
        format!("{:width$}  {:5}  {:8}  {:8}  {:14}  NEXT\n", "KID", "ALG", "STATE", "AGE", "MARGIN");
    for line in lines {
        let next = match (&line.next, &line.reason) {
            (Some((next, at)), _) => format!("{} {} ({})", next.words(), at.iso_8601(), distance(*at, now)),
            (None, Some(reason)) => format!("- ({})", printable(reason)),
            (None, None) => "-".to_owned(),
        };
        let (kid, state, age) = (line.kid.as_ref(), line.state.name(), coarse(line.age));
        let margin = line.margin.map_or_else(
            || "-".to_owned(),
            |(rule, margin)| {
                let sign = if margin < 0.0 { '-' } else { '+' };
                format!("{rule} {sign}{}", coarse(Duration::from_secs_f64(margin.abs())))
            },
        );
        // Writing to a String cannot fail.
        let algorithm = line.algorithm.name();
        let _ = writeln!(table, "{kid:width$}  {algorithm}  {state:8}  {age:8}  {margin:14}  {next}");
    }
    table
}

fn distance(at: Timestamp, now: Timestamp) -> String {
    if at > now { format!("in {}", coarse(at.since(now))) } else { "due".to_owned() }
}

/// The two largest units: the seconds of a month tell nothing.
fn coarse(span: Duration) -> String {
    let unit = match span.as_secs() {
        86_400.. => 3_600_000,
        3_600.. => 60_000,
        1.. => 1000,
        0 => 1,
    };
    let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    duration::format(Duration::from_millis(millis - millis % unit))
}

/// A reason is typed by a person; a terminal must not obey it.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::contract::Terms;
    use signet_verify::crypto::SigningKey;

    use crate::model::algorithms::Algorithms;

    const NOON: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn contract() -> Contract {
        Contract::new(Terms {
            rotate_every: Duration::from_secs(30 * 86_400),
            jwks_max_age: Duration::from_secs(300),
            token_ttl: Duration::from_secs(900),
            leeway: Duration::from_secs(30),
            algorithms: Algorithms::only(Algorithm::EdDsa),
        })
        .unwrap()
    }

    fn key(name: &str, state: KeyState, ago: Duration) -> KeyRecord {
        let public = SigningKey::from_seed(&[name.len() as u8; 32]).unwrap().public().clone();
        let since = NOON.before(ago);
        KeyRecord {
            state,
            activated_at: Some(since),
            retired_at: (state == KeyState::Retiring).then_some(since),
            reason: (state == KeyState::Revoked).then(|| "leaked\x1b[2J".to_owned()),
            ..KeyRecord::announced(Kid::parse(name).unwrap(), public, &contract(), since)
        }
    }

    #[test]
    fn render_says_what_happens_next_and_when() {
        let minute = Duration::from_secs(60);
        let keys = [
            key("pending", KeyState::Pending, minute),
            key("active", KeyState::Active, 43_200 * minute),
            key("old", KeyState::Retiring, 10 * minute),
            key("gone", KeyState::Removed, 100_000 * minute),
            key("leaked", KeyState::Revoked, 90 * minute),
        ];
        let expected = "\
KID      ALG    STATE     AGE       MARGIN          NEXT
pending  EdDSA  pending   1m        lead +0s        signs 2027-01-15T08:09:45.000Z (in 9m45s)
active   EdDSA  active    30d       -               retires 2027-01-15T08:09:45.000Z (in 9m45s)
old      EdDSA  retiring  10m       retain +45s     removed 2027-01-15T08:06:15.000Z (in 6m15s)
gone     EdDSA  removed   69d10h    -               -
leaked   EdDSA  revoked   1h30m     -               - (leaked [2J)
";
        assert_eq!(render(&describe(&keys, &contract(), NOON), NOON), expected);
    }

    #[test]
    fn render_of_a_lone_key_waits_for_its_successor_to_be_announced() {
        let keys = [key("active", KeyState::Active, Duration::ZERO)];
        let lines = describe(&keys, &contract(), NOON);
        let announced = NOON.after(Duration::from_secs(30 * 86_400 - 645));
        assert_eq!(lines[0].next, Some((Next::SuccessorAnnounced, announced)));
    }

    #[test]
    fn render_says_how_long_a_key_signs_before_every_cache_knows_it() {
        let keys = [key("active", KeyState::Active, Duration::from_secs(45))];
        let table = render(&describe(&keys, &contract(), NOON), NOON);
        assert!(table.contains("active    45s       lead -10m  "), "{table}");
    }

    #[test]
    fn render_of_no_keys_is_a_table_too() {
        assert_eq!(render(&[], NOON), "KID  ALG    STATE     AGE       MARGIN          NEXT\n");
    }
}
