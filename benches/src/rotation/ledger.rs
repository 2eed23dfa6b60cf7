//! What every verifier said of every token, and whether it should have.
//! In: answers, and the orders that were given meanwhile. Out: tallies, failures, and how long revocations took.
//! Owns: every answer is judged; a refusal is forgiven only for a reason that is counted and shown.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::moments::Moment;
use super::tokens::Token;

/// One way of verifying, and what is promised of it.
#[derive(Clone, Debug)]
pub struct Kind {
    /// What it is, for people.
    pub name: &'static str,
    /// After this no token of a revoked key may be accepted.
    pub key_bound: f64,
    /// After this no token of an ended session may be accepted.
    pub session_bound: f64,
    /// Whether it hears of ended sessions at all, rather than waiting for the end of their tokens.
    pub hears_of_sessions: bool,
    /// For how long after their end it accepts tokens.
    pub leeway: f64,
    /// Whether it may be without an answer while the identity process is dead: it is that process, or its library
    /// keeps no keys past their time.
    pub needs_issuer: bool,
}

/// What a verifier said.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The token is good.
    Accepted,
    /// The token is no good, and why.
    Refused(String),
    /// It cannot tell, and why.
    Silent(String),
    /// Anything else; that must not happen.
    Broken(String),
}

/// What happened with one verifier.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Tokens that were accepted or refused.
    pub verified: u64,
    /// Tokens that were refused as they should be: expired, of a revoked key, of an ended session.
    pub rightly_refused: u64,
    /// Tokens of a key that had to sign before every cache could know it, refused until it could.
    pub too_new: u64,
    /// Questions without an answer while the identity process was dead.
    pub silent: u64,
    /// What must not happen.
    pub failures: u64,
    /// The longest time from a revocation of a key to the last accepted token of it.
    pub key_lag: Option<f64>,
    /// The longest time from the end of a session to the last accepted token of it.
    pub session_lag: Option<f64>,
}

/// A revocation of a key or the end of a session.
#[derive(Clone, Debug)]
struct Order {
    ordered: Moment,
    done: Option<Moment>,
    /// By verifier: when a token was shown for the last time that was accepted.
    accepted: Vec<Option<Moment>>,
    /// By verifier: whether a token was refused that was good otherwise.
    refused: Vec<bool>,
}

/// An answer that may be forgiven, once everything is known.
#[derive(Clone, Debug)]
struct Doubt {
    kind: Option<usize>,
    what: String,
    kid: String,
    shown: Moment,
    answered: Moment,
    silent: bool,
}

/// How many doubts and failures are kept word by word.
const KEPT: usize = 100_000;

#[derive(Debug, Default)]
struct Pages {
    tallies: Vec<Tally>,
    keys: BTreeMap<String, Order>,
    sessions: BTreeMap<String, Order>,
    /// Keys that signed before every cache could know them, and when every cache had to.
    hurried: BTreeMap<String, Moment>,
    outages: Vec<(Moment, Moment)>,
    doubts: Vec<Doubt>,
    failures: Vec<String>,
}

/// The books of a run.
#[derive(Debug)]
pub struct Ledger {
    kinds: Vec<Kind>,
    pages: Mutex<Pages>,
}

impl Ledger {
    /// Empty books for these verifiers.
    pub fn new(kinds: Vec<Kind>) -> Self {
        let tallies = vec![Tally::default(); kinds.len()];
        Self { kinds, pages: Mutex::new(Pages { tallies, ..Pages::default() }) }
    }

    /// The verifiers.
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    fn pages(&self) -> std::sync::MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down what the verifier `kind` said of `token`, which it was shown at `shown`.
    pub fn record(&self, kind: usize, token: &Arc<Token>, shown: Moment, answered: Moment, answer: Answer) {
        let terms = &self.kinds[kind];
        let mut pages = self.pages();
        let Pages { tallies, keys, sessions, doubts, failures, .. } = &mut *pages;
        let tally = &mut tallies[kind];
        let (key, session) = (keys.get_mut(&token.kid), sessions.get_mut(&token.sid));
        let doubt = |why: &str, silent| Doubt {
            kind: Some(kind),
            what: format!("token {} of key {}, {}: {why}", token.number, token.kid, lived(token, shown)),
            kid: token.kid.clone(),
            shown,
            answered,
            silent,
        };
        match answer {
            Answer::Accepted => {
                tally.verified += 1;
                for order in key.into_iter().chain(session) {
                    order.accepted[kind] = Some(shown); // each verifier is asked one thing after the other
                }
                // Verifiers count whole seconds.
                if shown > token.exp + terms.leeway + 1.0 {
                    tally.failures += 1;
                    failures.push(format!(
                        "{shown:.3} s: {} accepted a dead token {}",
                        terms.name,
                        lived(token, shown)
                    ));
                }
            }
            Answer::Refused(why) => {
                tally.verified += 1;
                let dead = answered >= token.exp;
                let mut due = dead;
                for order in key.into_iter().chain(session).filter(|order| answered >= order.ordered) {
                    order.refused[kind] |= !dead;
                    due = true;
                }
                if due {
                    tally.rightly_refused += 1;
                } else if doubts.len() < KEPT {
                    doubts.push(doubt(&why, false));
                } else {
                    tally.failures += 1;
                }
            }
            Answer::Silent(why) if doubts.len() < KEPT => doubts.push(doubt(&why, true)),
            Answer::Silent(_) => tally.failures += 1,
            Answer::Broken(why) => {
                tally.failures += 1;
                failures.push(format!("{answered:.3} s: {}: {why}", terms.name));
            }
        }
    }

    /// Writes down that a request to the identity process for `what` failed.
    pub fn missed(&self, what: &str, why: &str, shown: Moment, answered: Moment) {
        let what = format!("{what}: {why}");
        self.pages().doubts.push(Doubt {
            kind: None,
            what,
            kid: String::new(),
            shown,
            answered,
            silent: true,
        });
    }

    /// Writes down something that must not happen.
    pub fn fail(&self, failure: String) {
        self.pages().failures.push(failure);
    }

    fn order(&self, now: Moment) -> Order {
        let count = self.kinds.len();
        Order { ordered: now, done: None, accepted: vec![None; count], refused: vec![false; count] }
    }

    /// A key is about to be revoked.
    pub fn revoking(&self, kid: &str, now: Moment) {
        let order = self.order(now);
        self.pages().keys.insert(kid.to_owned(), order);
    }

    /// The key is revoked.
    pub fn revoked(&self, kid: &str, now: Moment) {
        if let Some(order) = self.pages().keys.get_mut(kid) {
            order.done = Some(now);
        }
    }

    /// A session is about to end.
    pub fn ending(&self, sid: &str, now: Moment) {
        let order = self.order(now);
        self.pages().sessions.insert(sid.to_owned(), order);
    }

    /// The session has ended.
    pub fn ended(&self, sid: &str, now: Moment) {
        if let Some(order) = self.pages().sessions.get_mut(sid) {
            order.done = Some(now);
        }
    }

    /// A key signs although not every cache can know it before `known_by`.
    pub fn hurried(&self, kid: &str, known_by: Moment) {
        self.pages().hurried.insert(kid.to_owned(), known_by);
    }

    /// The identity process was dead or not yet ready.
    pub fn outage(&self, from: Moment, to: Moment) {
        self.pages().outages.push((from, to));
    }

    /// Judges what is still in doubt and closes the books; `grace` is added to every bound.
    pub fn close(&self, grace: f64) -> (Vec<Tally>, Vec<String>) {
        let mut pages = self.pages();
        let Pages { tallies, keys, sessions, hurried, outages, doubts, failures } = &mut *pages;
        for doubt in doubts.drain(..) {
            let too_new = hurried.get(&doubt.kid).is_some_and(|known_by| doubt.answered <= *known_by);
            let dead = doubt.silent
                && doubt.kind.is_none_or(|kind| self.kinds[kind].needs_issuer)
                && outages.iter().any(|(from, to)| doubt.shown <= *to && *from <= doubt.answered);
            let mut tally = doubt.kind.map(|kind| &mut tallies[kind]);
            match &mut tally {
                Some(tally) if dead => tally.silent += 1,
                Some(tally) if too_new => tally.too_new += 1,
                None if dead => {}
                _ => {
                    if let Some(tally) = tally {
                        tally.failures += 1;
                    }
                    let who = doubt.kind.map_or("a verifier", |kind| self.kinds[kind].name);
                    failures.push(format!("{:.3} s: {who}: {}", doubt.answered, doubt.what));
                }
            }
        }
        for (number, (kind, tally)) in self.kinds.iter().zip(tallies.iter_mut()).enumerate() {
            tally.key_lag = longest(keys.values(), number);
            tally.session_lag = longest(sessions.values(), number);
            for (what, lag, bound) in [
                ("a revoked key", tally.key_lag, kind.key_bound),
                ("an ended session", tally.session_lag, kind.session_bound),
            ] {
                if let Some(lag) = lag.filter(|lag| *lag > bound + grace) {
                    tally.failures += 1;
                    let name = kind.name;
                    failures.push(format!(
                        "{name} accepted a token of {what} {lag:.2} s after, bound {bound:.2} s"
                    ));
                }
            }
            let heard = |orders: &BTreeMap<String, Order>| orders.values().all(|order| order.refused[number]);
            if !heard(keys) {
                failures.push(format!("{} refused no living token of a key that was revoked", kind.name));
            }
            if kind.hears_of_sessions && !heard(sessions) {
                failures.push(format!("{} refused no living token of a session that had ended", kind.name));
            }
        }
        failures.truncate(KEPT);
        (tallies.clone(), failures.clone())
    }
}

fn longest<'a>(orders: impl Iterator<Item = &'a Order>, kind: usize) -> Option<f64> {
    let lag =
        |order: &Order| Some(order.accepted[kind].map_or(0.0, |at| (at - order.done.unwrap_or(at)).max(0.0)));
    orders.filter(|order| order.done.is_some()).filter_map(lag).max_by(f64::total_cmp)
}

fn lived(token: &Token, now: Moment) -> String {
    format!("{:.3} s old, {:.3} s before its end", now - token.issued, token.exp - now)
}
