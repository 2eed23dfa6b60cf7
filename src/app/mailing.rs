//! Mail that people ask for, worked off after the answer.
//! In: the outbox and the settings. Out: how mail is asked for, and the workers that look whose address it is.
//! Owns: what a request leads to happens at no moment that its sender could tell.

use std::sync::Arc;
use std::time::Duration;

use super::environment::Environment;
use super::storage::Storage;
use super::workers::{Next, Worker};
use crate::config::Config;
use crate::identity::{MailRequestWorker, Mailing, Unverified};
use crate::mail::Outbox;
use crate::store::{mail_requests, mailed_tokens};
use crate::sync::limiter::Limiter;
use signet_verify::clock::Entropy;

/// How soon a request is worked off whose own instance does not.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long requests wait at least, so that the work for one falls on no moment of its own; up to 255 ms more by chance.
const APART: Duration = Duration::from_millis(50);
/// How often what has expired is deleted.
const CLEANUP_EVERY: Duration = Duration::from_secs(60);

/// How mail is asked for, as the settings have it.
pub(super) fn mailing(
    config: &Config,
    base_url: &str,
    outbox: Arc<Outbox>,
    limiter: Arc<Limiter>,
) -> Arc<Mailing> {
    let unverified =
        if config.mail.require_verified_email { Unverified::Refused } else { Unverified::Accepted };
    Arc::new(Mailing::new(outbox, base_url.to_owned(), limiter, unverified))
}

/// The worker that works requests off.
pub(super) fn requests(mailing: Arc<Mailing>, storage: &Storage, environment: &Environment) -> Worker {
    let database = storage.upkeep.clone();
    let Environment { clock, entropy } = environment.clone();
    let requests = MailRequestWorker::new(database.clone(), mailing, clock, entropy.clone());
    Worker::new("requests for mail", move |stop| async move {
        let wait = async || {
            let was_asked = tokio::time::timeout(LOOK_EVERY, requests.asked()).await.is_ok();
            if was_asked {
                tokio::time::sleep(by_chance(&*entropy)).await;
            }
        };
        while stop.run_until_cancelled(wait()).await.is_some() {
            match database.mail_requests().waiting().await {
                Ok(0) => continue,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "requests for mail wait for the database");
                    continue;
                }
            }
            while !stop.is_cancelled() {
                match requests.work().await {
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(error) => {
                        tracing::warn!(%error, "requests for mail wait");
                        break;
                    }
                }
            }
        }
    })
}

/// Deletes tokens that have expired, and what is known of mailboxes that have had no mail for long.
pub(super) fn cleanup(storage: &Storage, environment: &Environment) -> Worker {
    let (database, clock) = (storage.upkeep.clone(), environment.clock.clone());
    Worker::every("cleanup of mailed tokens", CLEANUP_EVERY, move || {
        let (database, now) = (database.clone(), clock.now());
        async move {
            let tokens = database.mailed_tokens().sweep(now).await;
            let mailboxes = database.mail_requests().sweep_mailboxes(now).await;
            match (tokens, mailboxes) {
                (Ok(tokens), Ok(mailboxes)) => {
                    let is_more =
                        tokens >= mailed_tokens::SWEPT_AT_ONCE || mailboxes >= mail_requests::SWEPT_AT_ONCE;
                    if is_more { Next::AtOnce } else { Next::AfterInterval }
                }
                (Err(error), _) | (_, Err(error)) => {
                    tracing::warn!(%error, "housekeeping waits for the database");
                    Next::AfterInterval
                }
            }
        }
    })
}

/// A time that nobody can foresee, as far as there is randomness.
fn by_chance(entropy: &dyn Entropy) -> Duration {
    let mut byte = [0];
    let _ = entropy.fill(&mut byte);
    APART + Duration::from_millis(u64::from(byte[0]))
}
