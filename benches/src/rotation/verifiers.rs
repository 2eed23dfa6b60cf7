//! The verifiers: each is shown one token after the other.
//! In: the pool. Out: answers for the ledger.
//! Owns: the verifiers are asked at one pace, whatever the others do.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use super::World;
use super::ledger::Answer;
use super::people::chain;
use super::processes::LineVerifier;

/// How a verifier is asked.
#[derive(Debug)]
pub enum Verifier {
    /// A process of Signet: the caller's tasks.
    Tasks(String),
    /// A script.
    Lines(Box<LineVerifier>),
}

impl World {
    /// Shows tokens to verifier `kind` until the run is over.
    pub async fn verify(self: Arc<Self>, kind: usize, mut verifier: Verifier) {
        let mut pace = tokio::time::interval(Duration::from_secs(1) / self.plan.rate);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.is_over() {
            pace.tick().await;
            let Some(token) = self.pool.next(kind, self.clock.now()) else { continue };
            let shown = self.clock.now();
            let answer = match &mut verifier {
                Verifier::Tasks(base) => self.tasks(base, &token.text).await,
                Verifier::Lines(script) => match script.ask(&token.text).await {
                    Ok(answer) => answer,
                    Err(error) => {
                        self.ledger.fail(format!("{}: {error}", self.ledger.kinds()[kind].name));
                        return;
                    }
                },
            };
            self.ledger.record(kind, &token, shown, self.clock.now(), answer);
        }
    }

    async fn tasks(&self, base: &str, token: &str) -> Answer {
        let request = self.client.get(format!("{base}/api/me/tasks")).bearer_auth(token);
        let answer = async {
            let response = request.send().await?;
            let status = response.status();
            Ok::<_, reqwest::Error>((status, response.text().await?))
        };
        match answer.await {
            Ok((status, _)) if status == 200 => Answer::Accepted,
            Ok((status, text)) if status == 503 => Answer::Silent(text),
            Ok((status, text)) if status == 401 => Answer::Refused(text),
            Ok((status, text)) => Answer::Broken(format!("{status} {text}")),
            Err(error) => Answer::Silent(chain(&error)),
        }
    }
}
