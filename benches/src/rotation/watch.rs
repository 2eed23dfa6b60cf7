//! Watches the keys as outsiders and operators see them.
//! In: the key set and `signet keys list`, many times. Out: the lives of the keys.
//! Owns: a key set without keys is a failure.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::{Trouble, World};

impl World {
    /// Reads the key set ten times a second.
    pub async fn watch_key_set(self: Arc<Self>) {
        while !self.is_over() {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let Ok(response) = self.client.get(self.key_set_url()).send().await else { continue };
            let Ok(set) = response.json::<Value>().await else { continue };
            let now = self.clock.now();
            let kids = set["keys"].as_array().into_iter().flatten().filter_map(|key| key["kid"].as_str());
            let mut empty = true;
            for kid in kids {
                self.chronicle.public(kid, now);
                empty = false;
            }
            if empty {
                self.ledger.fail(format!("{now:.3} s: the key set holds no key: {set}"));
            }
        }
    }

    /// Lists the keys as an operator does; each with its state, and every change is written down.
    pub async fn list_keys(&self) -> Result<Vec<(String, String)>, Trouble> {
        let listed = self.operator.run(&["keys", "list"]).await?;
        let now = self.clock.now();
        let rows = listed.lines().skip(1).filter_map(|line| {
            let mut cells = line.split_whitespace();
            Some((cells.next()?.to_owned(), cells.next()?.to_owned()))
        });
        let rows: Vec<(String, String)> = rows.collect();
        for (kid, state) in &rows {
            self.chronicle.state(kid, state, now);
        }
        let active = rows.iter().filter(|(_, state)| state == "active").count();
        if active != 1 {
            self.ledger.fail(format!("{now:.3} s: {active} keys are active: {listed}"));
        }
        Ok(rows)
    }

    /// Lists the keys twice a second.
    pub async fn watch_keys(self: Arc<Self>) {
        while !self.is_over() {
            if let Err(fault) = self.list_keys().await {
                self.ledger.fail(format!("{:.3} s: {fault}", self.clock.now()));
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
