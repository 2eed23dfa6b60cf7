//! The tokens that people hold, and which of them is shown next.
//! In: tokens as they are issued. Out: one to verify, for each verifier in turn.
//! Owns: every token is shown to every verifier again and again, until it has been dead for a while.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use signet_verify::jose::base64url;

use super::moments::{Clock, Moment};

/// How long after its end a token is still shown, to see that it is refused.
const SHOWN_DEAD: f64 = 3.0;

/// One token.
#[derive(Clone, Debug)]
pub struct Token {
    /// Counts up.
    pub number: usize,
    /// As it travels.
    pub text: String,
    /// The key that signed it.
    pub kid: String,
    /// Its session.
    pub sid: String,
    /// When it came.
    pub issued: Moment,
    /// When it ends.
    pub exp: Moment,
}

impl Token {
    /// Takes a token apart, unverified; none if it is no token of ours.
    pub fn read(text: &str, issued: Moment, clock: &Clock) -> Option<Self> {
        let mut parts = text.split('.').map(|part| base64url::decode(part).unwrap_or_default());
        let header: Value = serde_json::from_slice(&parts.next()?).ok()?;
        let claims: Value = serde_json::from_slice(&parts.next()?).ok()?;
        Some(Self {
            number: 0,
            text: text.to_owned(),
            kid: header["kid"].as_str()?.to_owned(),
            sid: claims["sid"].as_str()?.to_owned(),
            issued,
            exp: clock.of_unix(claims["exp"].as_f64()?),
        })
    }
}

/// All tokens that are of interest.
#[derive(Debug)]
pub struct Pool {
    held: Mutex<Held>,
    turns: Vec<AtomicUsize>,
}

#[derive(Debug, Default)]
struct Held {
    issued: usize,
    tokens: Vec<Arc<Token>>,
    /// Keys and sessions whose tokens are shown more often than others: they have been revoked, or soon will be.
    watched: HashSet<String>,
}

impl Pool {
    /// No tokens yet, for so many verifiers.
    pub fn new(verifiers: usize) -> Self {
        let turns = (0..verifiers).map(|_| AtomicUsize::new(0)).collect();
        Self { held: Mutex::default(), turns }
    }

    /// One more.
    pub fn add(&self, mut token: Token, now: Moment) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.issued += 1;
        token.number = held.issued;
        held.tokens.retain(|token| now < token.exp + SHOWN_DEAD);
        held.tokens.push(Arc::new(token));
    }

    /// Shows the tokens of this key or session more often from now on.
    pub fn watch(&self, kid_or_sid: &str) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).watched.insert(kid_or_sid.to_owned());
    }

    /// The next token for this verifier.
    pub fn next(&self, verifier: usize, now: Moment) -> Option<Arc<Token>> {
        let turn = self.turns[verifier].fetch_add(1, Ordering::Relaxed);
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = |token: &&Arc<Token>| now < token.exp + SHOWN_DEAD;
        let watched = |token: &&Arc<Token>| {
            now < token.exp && (held.watched.contains(&token.kid) || held.watched.contains(&token.sid))
        };
        let pick = |of: Vec<&Arc<Token>>, turn: usize| of.get(turn % of.len().max(1)).copied().cloned();
        if turn.is_multiple_of(2) {
            let some = pick(held.tokens.iter().filter(watched).collect(), turn / 2);
            if some.is_some() {
                return some;
            }
        }
        pick(held.tokens.iter().filter(shown).collect(), turn)
    }

    /// How many tokens were issued.
    pub fn issued(&self) -> usize {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).issued
    }
}
