//! How far the keys are from breaking their contract.
//! In: key records, and how long ago they were read. Out: a margin per rule; below zero, the rule is broken. Pure.
//! Owns: a margin is computed from what really stands in the rows, not from what the settings promise.

use std::time::Duration;

use crate::model::contract::Contract;
use crate::model::signing_key::{KeyRecord, KeyState, Ring, lead, takeover};
use signet_verify::clock::Timestamp;
use signet_verify::crypto::Algorithm;

/// A rule of the contract, and how far the keys that are subject to it are from breaking it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Margin {
    /// Whose keys; none for the rule about all rows.
    pub algorithm: Option<Algorithm>,
    /// Which rule.
    pub rule: &'static str,
    /// The distance in seconds; negative when the rule is broken.
    pub seconds: f64,
}

/// Every rule with its margin. A rule is left out while no key is subject to it.
///
/// - `lead`: how much longer than needed the pending key is public before it takes over;
/// - `retain`: how much longer than its last token can live the retiring key that goes next stays public;
/// - `reload`: how much later than now the rows must have been read again.
pub fn margins(records: &[KeyRecord], contract: &Contract, read_ago: Duration) -> Vec<Margin> {
    let of_ring = |algorithm: Algorithm| {
        let ring = Ring::of(records, algorithm);
        let lead = ring.pending.map(|pending| lead_margin(ring.active, pending, contract));
        let retiring =
            records.iter().filter(|key| key.algorithm() == algorithm && key.state == KeyState::Retiring);
        let retain = retiring.map(|key| retain_margin(key, contract)).min_by(f64::total_cmp);
        [("lead", lead), ("retain", retain)].into_iter().filter_map(move |(rule, margin)| {
            Some(Margin { algorithm: Some(algorithm), rule, seconds: margin? })
        })
    };
    let reload = contract.reload().as_secs_f64() - read_ago.as_secs_f64();
    let reload = Margin { algorithm: None, rule: "reload", seconds: reload };
    Algorithm::ALL.into_iter().flat_map(of_ring).chain([reload]).collect()
}

/// How much longer than needed `pending` is public before it takes over from `active`, in seconds.
pub(super) fn lead_margin(active: Option<&KeyRecord>, pending: &KeyRecord, contract: &Contract) -> f64 {
    let needed = pending.announced_at.after(lead(active, pending, contract));
    seconds(takeover(active, pending, contract)) - seconds(needed)
}

/// How much longer than its last token can live a retiring key stays public, in seconds.
pub(super) fn retain_margin(key: &KeyRecord, contract: &Contract) -> f64 {
    let last_token = key.retired_at.unwrap_or(key.announced_at).after(contract.token_ttl() + contract.skew());
    seconds(key.public_until()) - seconds(last_token)
}

fn seconds(moment: Timestamp) -> f64 {
    moment.millis() as f64 / 1000.0
}
