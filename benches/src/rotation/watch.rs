//! Watches the keys as outsiders and operators see them.
//! In: the key set and `signet keys list`, many times. Out: the lives of the keys.
//! Owns: a key set without a key of each algorithm is a failure.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::{Trouble, World};

/// Those that have a key of their own unless the settings say otherwise.
const ALGORITHMS: [&str; 3] = [SESSION_ALGORITHM, "ES256", "RS256"];

/// That of the tokens which the verifiers are shown.
const SESSION_ALGORITHM: &str = "EdDSA";

impl World {
    /// Reads the key set ten times a second.
    pub async fn watch_key_set(self: Arc<Self>) {
        while !self.is_over() {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let Ok(response) = self.client.get(self.key_set_url()).send().await else { continue };
            let Ok(set) = response.json::<Value>().await else { continue };
            let now = self.clock.now();
            let keys = set["keys"].as_array().map(Vec::as_slice).unwrap_or_default();
            for key in keys.iter().filter(|key| key["alg"] == SESSION_ALGORITHM) {
                self.chronicle.public(key["kid"].as_str().unwrap_or_default(), now);
            }
            for algorithm in ALGORITHMS {
                if !keys.iter().any(|key| key["alg"] == algorithm) {
                    self.ledger.fail(format!("{now:.3} s: the key set holds no key of {algorithm}: {set}"));
                }
            }
        }
    }

    /// Lists the keys as an operator does: those that sign session tokens, each with its state, and every change is written
    /// down. Of every algorithm one has to be active.
    pub async fn list_keys(&self) -> Result<Vec<(String, String)>, Trouble> {
        let listed = self.operator.run(&["keys", "list"]).await?;
        let now = self.clock.now();
        let rows = listed.lines().skip(1).filter_map(|line| {
            let mut cells = line.split_whitespace();
            Some([cells.next()?, cells.next()?, cells.next()?])
        });
        let rows: Vec<[&str; 3]> = rows.collect();
        for algorithm in ALGORITHMS {
            let active = rows.iter().filter(|[_, of, state]| *of == algorithm && *state == "active").count();
            if active != 1 {
                self.ledger.fail(format!("{now:.3} s: {active} keys of {algorithm} are active: {listed}"));
            }
        }
        let of_sessions = rows.iter().filter(|[_, of, _]| *of == SESSION_ALGORITHM);
        let of_sessions: Vec<(String, String)> =
            of_sessions.map(|[kid, _, state]| ((*kid).to_owned(), (*state).to_owned())).collect();
        for (kid, state) in &of_sessions {
            self.chronicle.state(kid, state, now);
        }
        Ok(of_sessions)
    }

    /// Lists the keys twice a second.
    pub async fn watch_keys(self: Arc<Self>) {
        while !self.is_over() {
            if let Err(error) = self.list_keys().await {
                self.ledger.fail(format!("{:.3} s: {error}", self.clock.now()));
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// The key in this state, as it was seen last.
    pub fn key_in(&self, state: &str) -> Option<String> {
        self.chronicle.states().into_iter().find(|(_, last)| last == state).map(|(kid, _)| kid)
    }

    /// Returns once `signet keys list` shows a key in this state, or none.
    pub async fn wait_for(&self, state: &str, there: bool) {
        while self.key_in(state).is_some() != there && self.is_open() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
