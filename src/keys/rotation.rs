//! Takes the steps that are due and writes them down.
//! In: the key rows and the clock. Out: the rows as they should be now.
//! Owns: every step is written on top of the version it was decided on; who loses a race reads again and finds it taken.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Mutex;

use crate::audit;
use crate::clock::{Clock, EntropyUnavailable};
use crate::keys::contract::Contract;
use crate::keys::keyring::Moment;
use crate::keys::lifecycle::{KeyRecord, KeyState, Transition, WrongState, due, enact, in_state, lead};
use crate::keys::port::{KeyEvent, KeyRow, KeyRows, RowsFault, Snapshot};
use crate::keys::sightings::Sightings;
use crate::keys::transfer::ForeignKey;
use crate::keys::vault::{SealedSeed, Vault, VaultFault};
use crate::token::arithmetic::{SeedRefused, SigningKey};
use crate::token::jwk::{Kid, thumbprint};

/// How often a lost race is tried again. Each loss means that somebody else went ahead, so a few are plenty.
pub(super) const ATTEMPTS: usize = 16;

/// Who orders something about the keys, and why; the record keeps both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// A person, or `rotation` for steps that time has brought.
    pub by: String,
    /// The reason, if there is one to tell.
    pub why: Option<String>,
}

impl From<&str> for Order {
    /// An order without a reason.
    fn from(by: &str) -> Self {
        Self { by: by.to_owned(), why: None }
    }
}

/// Why the keys could not be brought up to date; each prints as one sentence for the operator.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RotationFault {
    /// The rows could not be read or written.
    #[error(transparent)]
    Rows(#[from] RowsFault),
    /// A private half could not be sealed or opened.
    #[error(transparent)]
    Vault(#[from] VaultFault),
    /// The random bytes make no key, which is not known to happen.
    #[error(transparent)]
    Seed(#[from] SeedRefused),
    /// A step did not fit the rows; a defect of ours.
    #[error(transparent)]
    Step(#[from] WrongState),
    /// Others wrote faster than we could read.
    #[error("the signing keys changed {ATTEMPTS} times while they were read; try again")]
    Contended,
    /// There are rows, and none of them is public.
    #[error("there is no public signing key")]
    NoKey,
    /// The key that has to sign cannot be opened with our master keys.
    #[error(
        "{why}; it has master key sha256:{have}. Give it the right one in SIGNET_MASTER_KEY or SIGNET_MASTER_KEYS_OLD, \
         or give the signing key up with `signet keys revoke {kid} --abandon`: a new one signs at once, and every token \
         of the old one is refused"
    )]
    ActiveSealed {
        /// The key.
        kid: Kid,
        /// What is wrong with it, with the fingerprint of the master key that is needed.
        why: String,
        /// Fingerprint of the master key of this process.
        have: String,
    },
    /// The operator named a key that is not public.
    #[error("there is no pending, active or retiring signing key {0}")]
    UnknownKey(Kid),
    /// A key that is to be imported is, or was, here.
    #[error("key {kid} is here already ({}); a key that is gone never comes back", .state.name())]
    KnownKey {
        /// Its name here.
        kid: Kid,
        /// Where it stands.
        state: KeyState,
    },
    /// There is a successor already.
    #[error(
        "key {0} waits to sign already; import when it has taken over, or revoke it first, or import with --verify-only"
    )]
    SuccessorWaits(Kid),
    /// A key without its private half cannot sign.
    #[error("key {0} comes without its private half: import it with --verify-only")]
    NoPrivateHalf(Kid),
    /// Further rotations would make the set longer than verifiers read.
    #[error(
        "{0} signing keys are public already; wait until one of them is removed, or revoke the ones that nobody needs"
    )]
    TooManyKeys(usize),
}

impl From<EntropyUnavailable> for RotationFault {
    fn from(fault: EntropyUnavailable) -> Self {
        Self::Vault(fault.into())
    }
}

/// The rows, and the moment at which they were read.
#[derive(Clone, Debug)]
pub struct Settled {
    /// The rows; nothing was due in them.
    pub snapshot: Snapshot,
    pub(super) read_at: Moment,
}

/// Everything that is needed to take the keys through their lives.
pub struct Rotation<R> {
    pub(super) rows: R,
    pub(super) vault: Arc<Vault>,
    pub(super) contract: Contract,
    pub(super) clock: Arc<dyn Clock>,
    sightings: Mutex<Sightings>,
}

/// What one attempt came to.
pub(super) struct Committed {
    pub(super) snapshot: Snapshot,
    pub(super) read_at: Moment,
    pub(super) events: Vec<KeyEvent>,
}

impl<R: KeyRows> Rotation<R> {
    /// Rotates the keys in `rows`.
    pub fn new(rows: R, vault: Arc<Vault>, contract: Contract, clock: Arc<dyn Clock>) -> Self {
        Self { rows, vault, contract, clock, sightings: Mutex::default() }
    }

    /// The rows that this rotation writes.
    pub fn rows(&self) -> &R {
        &self.rows
    }

    /// What seals and opens private halves.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// The spans that this rotation keeps to.
    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    /// Takes every step that is due, and answers the rows of the present moment.
    ///
    /// # Errors
    /// When the database, the vault or the source of randomness fails; nothing is half written then.
    pub async fn settle(&self) -> Result<Settled, RotationFault> {
        let mut sightings = self.sightings.lock().await;
        for _ in 0..ATTEMPTS {
            let done = self
                .commit(&"rotation".into(), None, |keys, now| {
                    let records = records(keys);
                    sightings.note(&records, now);
                    let mut steps = self.plan(keys, now);
                    let known =
                        match (in_state(&records, KeyState::Active), in_state(&records, KeyState::Pending)) {
                            (Some(active), Some(pending)) => {
                                // Nobody may have been there to serve it: what caches handed out meanwhile, verifiers keep.
                                sightings.age(pending, now) >= lead(active, pending, &self.contract)
                                    && sightings.watched(pending, now) >= self.contract.refresh()
                            }
                            _ => false,
                        };
                    let is_over =
                        |kid: &Kid| records.iter().any(|key| key.kid == *kid && sightings.is_over(key, now));
                    steps.retain(|step| match step {
                        Transition::Promote { retires: Some(_), .. } => known,
                        Transition::Remove { kid } => is_over(kid),
                        _ => true,
                    });
                    Ok(steps)
                })
                .await?;
            if done.events.is_empty() {
                return Ok(Settled { snapshot: done.snapshot, read_at: done.read_at });
            }
        }
        Err(RotationFault::Contended)
    }

    /// The steps that are due, less those that this process must not take because it lacks a master key.
    pub(super) fn plan(&self, keys: &[KeyRow], now: Moment) -> Vec<Transition> {
        let opens = |row: &KeyRow| self.vault.signing_key(&row.record, row.sealed.as_ref()).is_ok();
        let mut keys = keys.iter().collect::<Vec<_>>();
        let active = keys.iter().find(|row| row.record.state == KeyState::Active);
        let waits = keys.iter().any(|row| row.record.state == KeyState::Pending && !opens(row));
        let blind = active.is_some_and(|row| !opens(row));
        if active.is_none() && waits {
            // Nothing signs, and what waits can't: a new key has to.
            keys.retain(|row| row.record.state != KeyState::Pending);
        }
        let records: Vec<KeyRecord> = keys.into_iter().map(|row| row.record.clone()).collect();
        let mut steps = due(&records, &self.contract, now.wall);
        steps.retain(|step| match step {
            // Keys that we make or promote would shut out the processes that can open the present one, or ourselves.
            Transition::Announce => !blind,
            Transition::Promote { retires: Some(_), .. } => !blind && !waits,
            _ => true,
        });
        steps
    }

    /// Reads the rows, lets `decide` choose steps, and writes those; again if somebody else was faster.
    pub(super) async fn commit(
        &self,
        order: &Order,
        adopted: Option<&ForeignKey>,
        mut decide: impl FnMut(&[KeyRow], Moment) -> Result<Vec<Transition>, RotationFault> + Send,
    ) -> Result<Committed, RotationFault> {
        for _ in 0..ATTEMPTS {
            // Before the read: what is read is at least as new as that.
            let read_at = Moment::of(&*self.clock);
            let snapshot = self.rows.live().await?;
            let steps = decide(&snapshot.keys, read_at)?;
            let (rows, events) = self.enact_all(&snapshot, &steps, order, adopted, read_at)?;
            if rows.is_empty() || self.write(&snapshot, &rows, &events).await? {
                return Ok(Committed { snapshot, read_at, events });
            }
        }
        Err(RotationFault::Contended)
    }

    /// Writes rows on top of `snapshot` and tells the audit log what happened; false if somebody else was faster.
    pub(super) async fn write(
        &self,
        snapshot: &Snapshot,
        rows: &[KeyRow],
        events: &[KeyEvent],
    ) -> Result<bool, RotationFault> {
        match self.rows.write(snapshot.version, rows, events).await {
            Ok(()) => {
                for KeyEvent { kid, event, actor, reason, .. } in events {
                    let (kid, event, reason) = (kid.as_ref(), event.name(), reason.as_deref());
                    audit::record(audit::Event::SigningKey { kid, event, actor, reason });
                }
                Ok(true)
            }
            Err(RowsFault::Stale) => Ok(false),
            Err(fault) => Err(fault.into()),
        }
    }

    /// The rows that change by `steps`, and the record of it.
    fn enact_all(
        &self,
        snapshot: &Snapshot,
        steps: &[Transition],
        order: &Order,
        adopted: Option<&ForeignKey>,
        now: Moment,
    ) -> Result<(Vec<KeyRow>, Vec<KeyEvent>), RotationFault> {
        let mut keys = records(&snapshot.keys);
        let mut seals: HashMap<Kid, SealedSeed> = HashMap::new();
        let mut events = Vec::new();
        for step in steps {
            let fresh = || -> Result<_, RotationFault> {
                let seed = self.vault.generate()?;
                let public = SigningKey::from_seed(&seed)?.public();
                let kid = thumbprint(&public);
                seals.insert(kid.clone(), self.vault.seal(&kid, now.wall, &seed)?);
                Ok((kid, public))
            };
            let happened = enact(&mut keys, step, fresh, &self.contract, now.wall)?;
            if let (Transition::Adopt { kid, .. }, Some(seed)) =
                (step, adopted.and_then(|key| key.seed.as_ref()))
            {
                seals.insert(kid.clone(), self.vault.seal(kid, now.wall, seed)?);
            }
            // The reason of a revocation is the key's own, and not that of the key which takes over.
            let why = match step {
                Transition::Revoke { reason, .. } => Some(reason),
                _ => order.why.as_ref(),
            };
            events.extend(happened.into_iter().map(|(kid, event)| KeyEvent {
                at: now.wall,
                kid,
                event,
                actor: order.by.clone(),
                reason: why.cloned(),
            }));
        }
        keys.retain(|key| events.iter().any(|event| event.kid == key.kid));
        let rows = keys
            .into_iter()
            .map(|record| {
                let kept = snapshot.keys.iter().find(|row| row.record.kid == record.kid);
                let sealed = seals.remove(&record.kid).or_else(|| kept.and_then(|row| row.sealed.clone()));
                KeyRow { sealed: sealed.filter(|_| record.state.signs()), record }
            })
            .collect();
        Ok((rows, events))
    }

    /// The fault to start with when the key that has to sign cannot be opened.
    pub(super) fn check_active(&self, keys: &[KeyRow]) -> Result<(), RotationFault> {
        let active = keys.iter().find(|row| row.record.state == KeyState::Active);
        let row = active.ok_or(RotationFault::NoKey)?;
        self.vault.signing_key(&row.record, row.sealed.as_ref()).map(|_| ()).map_err(|fault| {
            RotationFault::ActiveSealed {
                kid: row.record.kid.clone(),
                why: fault.to_string(),
                have: self.vault.master_key().to_owned(),
            }
        })
    }
}

impl<R> std::fmt::Debug for Rotation<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rotation")
            .field("contract", &self.contract)
            .field("vault", &self.vault)
            .finish_non_exhaustive()
    }
}

/// The rows without their private halves.
pub(super) fn records(rows: &[KeyRow]) -> Vec<KeyRecord> {
    rows.iter().map(|row| row.record.clone()).collect()
}

/// The only key in `state`, without its private half.
pub(super) fn only(rows: &[KeyRow], state: KeyState) -> Option<KeyRecord> {
    in_state(&records(rows), state).cloned()
}
