//! Keeps the keyring of a running server up to date.
//! In: a rotation, and time. Out: a keyring that follows the rows, whoever changes them.
//! Owns: every change of the rows is in the keyring within the contract's `reload`; a failing database stops nothing.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::keys::keyring::Keyring;
use crate::keys::repository::KeyRepository;
use crate::keys::rotation::{Error, Rotation};

/// How long the database may take; a connection that hangs must not stop the keys.
const PATIENCE: Duration = Duration::from_secs(10);

/// The pause after a first failure; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// The task that rotates keys and rereads the rows.
#[derive(Debug)]
pub struct RotationWorker<R> {
    rotation: Rotation<R>,
    keyring: Arc<Keyring>,
}

impl<R: KeyRepository> RotationWorker<R> {
    /// Brings the rows up to date, makes the first key if there is none, and opens the keyring.
    ///
    /// # Errors
    /// [`Error::ActiveSealed`] when the key that has to sign cannot be opened, and when the database fails: a
    /// server that can't sign must not start.
    pub async fn start(rotation: Rotation<R>) -> Result<Self, Error> {
        let reconciled = rotation.reconcile().await?;
        rotation.check_active(&reconciled.snapshot.keys)?;
        let (contract, clock) = (rotation.contract, rotation.clock.clone());
        let keyring =
            Keyring::open(contract, clock, &rotation.opened, &reconciled.snapshot, reconciled.read_at)
                .ok_or(Error::NoKey)?;
        for key in keyring.health().unreadable {
            tracing::error!(kid = %key.kid, "{}", key.why);
        }
        Ok(Self { rotation, keyring: Arc::new(keyring) })
    }

    /// What this process signs with and publishes.
    pub fn keyring(&self) -> Arc<Keyring> {
        self.keyring.clone()
    }

    /// For orders of an operator to a running server; [`RotationWorker::reconcile`] afterwards makes them show at once.
    pub fn rotation(&self) -> &Rotation<R> {
        &self.rotation
    }

    /// Takes every step that is due and brings the keyring up to date.
    ///
    /// # Errors
    /// When the database, the vault or the source of randomness fails; the keyring goes on with the rows it knows.
    pub async fn reconcile(&self) -> Result<(), Error> {
        match self.rotation.reconcile().await {
            Ok(reconciled) => {
                self.keyring.load(&self.rotation.opened, &reconciled.snapshot, reconciled.read_at);
                Ok(())
            }
            Err(error) => {
                self.keyring.republish();
                Err(error)
            }
        }
    }

    /// Makes [`RotationWorker::run`] read the rows now, because another process says that they have changed.
    pub fn wake(&self) {
        self.keyring.request_reload();
    }

    /// Reconciles at every deadline, and often enough to see other processes' changes in time, until `shutdown`.
    pub async fn run(&self, shutdown: impl Future<Output = ()> + Send) {
        let mut shutdown = pin!(shutdown);
        let mut failures = 0_u32;
        loop {
            tokio::select! {
                () = &mut shutdown => return,
                () = sleep(self.pause(failures)) => {}
                // Not after a failure: who asks for a signer while the database is down must not keep us asking it.
                () = self.keyring.outdated(), if failures == 0 => {}
            }
            let outcome = tokio::select! {
                () = &mut shutdown => return,
                outcome = timeout(PATIENCE, self.reconcile()) => outcome,
            };
            match outcome {
                Ok(Ok(())) => failures = 0,
                Ok(Err(error)) => {
                    failures = failures.saturating_add(1);
                    tracing::warn!(failures, "the signing keys could not be brought up to date: {error}");
                }
                Err(_) => {
                    failures = failures.saturating_add(1);
                    self.keyring.republish();
                    tracing::warn!(
                        failures,
                        "the signing keys could not be brought up to date: no answer in time"
                    );
                }
            }
        }
    }

    /// How long to wait before the next look at the rows.
    fn pause(&self, failures: u32) -> Duration {
        let contract = self.rotation.contract();
        // Three looks in the time that the contract allows: one may fail, and none is exactly on time.
        let interval = contract.reload() / 3;
        if let Some(doublings) = failures.checked_sub(1) {
            return FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(doublings)).min(interval);
        }
        let now = self.rotation.clock.now();
        match self.keyring.health().next_deadline {
            Some(deadline) if deadline > now => deadline.since(now).min(interval),
            _ => interval,
        }
    }
}
