//! What happened when: the lives of the keys as seen from outside, and the events.
//! In: what was seen and done. Out: the same, for the report and the plot.
//! Owns: nothing is inferred; a state is what `signet keys list` said, and public is what the key set held.

use std::sync::{Mutex, PoisonError};

use super::moments::{Clock, Moment};

/// What sort of event it was, for the plot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A step of a key's life.
    Step,
    /// A rotation that was ordered.
    Rotation,
    /// A key was revoked.
    Revocation,
    /// The identity process was killed and started again.
    Crash,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Event {
    /// When.
    pub at: Moment,
    /// What sort of event.
    pub mark: Mark,
    /// What, for people.
    pub text: String,
}

/// One key.
#[derive(Clone, Debug)]
pub struct KeyLife {
    /// Its name.
    pub kid: String,
    /// Each state, and since when.
    pub states: Vec<(Moment, String)>,
    /// When it was in the key set for the first and for the last time.
    pub public: Option<(Moment, Moment)>,
    /// When the first and the last token of it came.
    pub signed: Option<(Moment, Moment)>,
    /// When the last token of it ends.
    pub last_exp: Moment,
}

/// Everything that was seen.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The keys, in the order of their appearance.
    pub keys: Vec<KeyLife>,
    /// The events, in order.
    pub events: Vec<Event>,
}

impl History {
    fn key(&mut self, kid: &str) -> &mut KeyLife {
        let at = self.keys.iter().position(|key| key.kid == kid).unwrap_or_else(|| {
            self.keys.push(KeyLife {
                kid: kid.to_owned(),
                states: Vec::new(),
                public: None,
                signed: None,
                last_exp: 0.0,
            });
            self.keys.len() - 1
        });
        &mut self.keys[at]
    }
}

/// Writes a [`History`], and tells the person who waits.
#[derive(Debug)]
pub struct Chronicle {
    clock: Clock,
    aloud: bool,
    history: Mutex<History>,
}

/// The beginning of a key's name, which is enough to tell it from the others.
pub fn short(kid: &str) -> &str {
    kid.get(..6).unwrap_or(kid)
}

impl Chronicle {
    /// Nothing has happened yet.
    pub fn new(clock: Clock, aloud: bool) -> Self {
        Self { clock, aloud, history: Mutex::default() }
    }

    fn history(&self) -> std::sync::MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something happened now.
    pub fn event(&self, mark: Mark, text: String) {
        let at = self.clock.now();
        if self.aloud {
            println!("{at:7.2} s  {text}");
        }
        self.history().events.push(Event { at, mark, text });
    }

    /// `signet keys list` says that the key is in this state.
    pub fn state(&self, kid: &str, state: &str, now: Moment) {
        let mut history = self.history();
        let key = history.key(kid);
        let before = key.states.last().map(|(_, state)| state.clone());
        if before.as_deref() == Some(state) {
            return;
        }
        key.states.push((now, state.to_owned()));
        drop(history);
        let text = match before {
            None => format!("key {} is {state}", short(kid)),
            Some(before) => format!("key {} is {state}, was {before}", short(kid)),
        };
        self.event(Mark::Step, text);
    }

    /// The key set holds the key.
    pub fn public(&self, kid: &str, now: Moment) {
        self.history().key(kid).public.get_or_insert((now, now)).1 = now;
    }

    /// Since when the key set holds the key.
    pub fn public_since(&self, kid: &str) -> Option<Moment> {
        self.history().key(kid).public.map(|(since, _)| since)
    }

    /// A token of the key came.
    pub fn signed(&self, kid: &str, now: Moment, exp: Moment) {
        let mut history = self.history();
        let key = history.key(kid);
        key.signed.get_or_insert((now, now)).1 = now;
        key.last_exp = key.last_exp.max(exp);
    }

    /// The last state of every key that had one.
    pub fn states(&self) -> Vec<(String, String)> {
        let last = |key: &KeyLife| Some((key.kid.clone(), key.states.last()?.1.clone()));
        self.history().keys.iter().filter_map(last).collect()
    }

    /// All of it.
    pub fn read(&self) -> History {
        self.history().clone()
    }
}
