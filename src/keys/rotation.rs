//! Takes the steps that are due and writes them down.
//! In: the key rows and the clock. Out: the rows as they should be now.
//! Owns: every step is written on top of the version it was decided on; who loses a race reads again and finds it taken.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use signet_verify::clock::{Clock, Reading};
use signet_verify::crypto::{Algorithm, PrivateKey, PublicKey};
use signet_verify::jose::jwk::{Kid, thumbprint};
use tokio::sync::Mutex;

use crate::audit;
use crate::keys::generator::{self, Generator};
use crate::keys::key_formats::ImportedKey;
use crate::keys::observed_age::ObservedAges;
use crate::keys::opened_keys::OpenedKeys;
use crate::keys::repository::{self, KeyRepository};
use crate::keys::sealing::{self, Place, seal};
use crate::model::contract::Contract;
use crate::model::key_rows::{KeyEvent, KeyRow, Snapshot};
use crate::model::signing_key::{KeyRecord, KeyState, Ring, Transition, WrongState, apply, due, lead};
use crate::vault::{Sealed, Vault};

/// How often a lost race is tried again. Each loss means that another process went ahead, so a few are plenty.
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
pub enum Error {
    /// The rows could not be read or written.
    #[error(transparent)]
    Rows(#[from] repository::Error),
    /// A private half could not be sealed or opened.
    #[error(transparent)]
    Sealing(#[from] sealing::Error),
    /// No key could be made.
    #[error(transparent)]
    Generator(#[from] generator::Error),
    /// The thread that made a key has died, or the process is going down.
    #[error("the signing key was not made: {0}")]
    Interrupted(#[from] tokio::task::JoinError),
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
    /// No key of the algorithm is public, and none is made for it.
    #[error("there is no signing key for {0}: it is not among SIGNET_ALGORITHMS")]
    NotConfigured(Algorithm),
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

/// The rows, and the moment at which they were read.
#[derive(Clone, Debug)]
pub struct Reconciled {
    /// The rows; nothing was due in them.
    pub snapshot: Snapshot,
    pub(super) read_at: Reading,
}

/// Everything that is needed to take the keys through their lives.
pub struct Rotation<R> {
    pub(super) rows: R,
    pub(super) vault: Arc<Vault>,
    pub(super) opened: OpenedKeys,
    pub(super) generator: Arc<dyn Generator>,
    pub(super) contract: Contract,
    pub(super) clock: Arc<dyn Clock>,
    observed: Mutex<ObservedAges>,
}

/// Keys that were made and are not in the rows yet.
#[derive(Default)]
struct Fresh(HashMap<Algorithm, (PrivateKey, PublicKey)>);

/// What one attempt came to.
pub(super) struct Committed {
    /// The rows that it was decided on.
    pub(super) snapshot: Snapshot,
    pub(super) read_at: Reading,
    /// The rows that were written.
    pub(super) written: Vec<KeyRow>,
    pub(super) events: Vec<KeyEvent>,
}

impl<R: KeyRepository> Rotation<R> {
    /// Rotates the keys in `rows`, whose private halves `generator` makes and `vault` seals.
    pub fn new(
        rows: R,
        vault: Arc<Vault>,
        generator: Arc<dyn Generator>,
        contract: Contract,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let opened = OpenedKeys::new(Arc::clone(&vault));
        Self { rows, vault, opened, generator, contract, clock, observed: Mutex::default() }
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
    pub async fn reconcile(&self) -> Result<Reconciled, Error> {
        let mut observed = self.observed.lock().await;
        for _ in 0..ATTEMPTS {
            let done = self
                .commit(&"rotation".into(), None, |keys, now| {
                    let records = records(keys);
                    observed.observe(&records, now);
                    let mut steps = self.plan(keys, now);
                    steps.retain(|step| self.has_waited(step, &records, &observed, now));
                    Ok(steps)
                })
                .await?;
            if done.events.is_empty() {
                return Ok(Reconciled { snapshot: done.snapshot, read_at: done.read_at });
            }
        }
        Err(Error::Contended)
    }

    /// Whether the keys of `step` have been public for long enough by the monotonic clock.
    fn has_waited(
        &self,
        step: &Transition,
        keys: &[KeyRecord],
        observed: &ObservedAges,
        now: Reading,
    ) -> bool {
        let key = |kid: &Kid| keys.iter().find(|key| key.kid == *kid);
        match step {
            Transition::Promote { kid, retires } => {
                // Where nothing signs, there is nothing to wait for.
                if keys.iter().all(|key| key.state != KeyState::Active) {
                    return true;
                }
                let active = retires.as_ref().and_then(key);
                key(kid).is_some_and(|pending| {
                    // No process may have been there to serve it: what caches handed out meanwhile, verifiers keep.
                    observed.age(pending, now) >= lead(active, pending, &self.contract)
                        && observed.observed_for(pending, now) >= self.contract.refresh()
                })
            }
            Transition::Remove { kid } => key(kid).is_some_and(|key| observed.retention_elapsed(key, now)),
            _ => true,
        }
    }

    /// The steps that are due, less those that this process must not take because it lacks a master key.
    pub(super) fn plan(&self, keys: &[KeyRow], now: Reading) -> Vec<Transition> {
        let sealed = |row: &KeyRow| self.opened.signing_key(row).is_err();
        let sealed_in = |state: KeyState| -> Vec<Algorithm> {
            let rows = keys.iter().filter(|row| row.record.state == state && sealed(row));
            rows.map(|row| row.record.algorithm()).collect()
        };
        let (blind, waiting) = (sealed_in(KeyState::Active), sealed_in(KeyState::Pending));
        let mut records = records(keys);
        if records.iter().all(|key| key.state != KeyState::Active) {
            // Nothing signs, and what waits can't: a new key has to.
            records.retain(|key| key.state != KeyState::Pending || !waiting.contains(&key.algorithm()));
        }
        let mut steps = due(&records, &self.contract, now.wall);
        steps.retain(|step| match step {
            // Keys that we make or promote would shut out the processes that can open the present ones, or ourselves.
            Transition::Announce { .. } => blind.is_empty(),
            Transition::Promote { kid, .. } => {
                let key = records.iter().find(|key| key.kid == *kid);
                key.is_some_and(|key| !waiting.contains(&key.algorithm())) && blind.is_empty()
            }
            _ => true,
        });
        steps
    }

    /// Reads the rows, lets `decide` choose steps, and writes those; again if another process was faster.
    pub(super) async fn commit(
        &self,
        order: &Order,
        imported: Option<&ImportedKey>,
        mut decide: impl FnMut(&[KeyRow], Reading) -> Result<Vec<Transition>, Error> + Send,
    ) -> Result<Committed, Error> {
        let mut fresh = Fresh::default();
        for _ in 0..ATTEMPTS {
            // Before the read: what is read is at least as new as that.
            let read_at = Reading::now(&*self.clock);
            let snapshot = self.rows.live().await?;
            self.opened.forget_others(&snapshot.keys);
            let steps = decide(&snapshot.keys, read_at)?;
            self.make_fresh(&steps, &mut fresh).await?;
            let (rows, events) = self.apply_all(&snapshot, &steps, order, imported, &fresh, read_at)?;
            if rows.is_empty() || self.write(&snapshot, &rows, &events).await? {
                return Ok(Committed { snapshot, read_at, written: rows, events });
            }
        }
        Err(Error::Contended)
    }

    /// Makes the keys that `steps` ask for and that are not there yet, off the runtime's own threads: an RSA key takes
    /// as long as many requests.
    async fn make_fresh(&self, steps: &[Transition], fresh: &mut Fresh) -> Result<(), Error> {
        for step in steps {
            let (Transition::Announce { algorithm } | Transition::Bootstrap { algorithm }) = *step else {
                continue;
            };
            if let Entry::Vacant(place) = fresh.0.entry(algorithm) {
                let generator = self.generator.clone();
                let made = tokio::task::spawn_blocking(move || generator.generate(algorithm)).await??;
                place.insert(made);
            }
        }
        Ok(())
    }

    /// Writes rows on top of `snapshot` and tells the audit log what happened; false if another process was faster.
    pub(super) async fn write(
        &self,
        snapshot: &Snapshot,
        rows: &[KeyRow],
        events: &[KeyEvent],
    ) -> Result<bool, Error> {
        match self.rows.write(snapshot.version, rows, events).await {
            Ok(()) => {
                for KeyEvent { kid, event, actor, reason, .. } in events {
                    let (kid, event, reason) = (kid.as_ref(), event.name(), reason.as_deref());
                    audit::record(audit::Event::SigningKey { kid, event, actor, reason });
                }
                Ok(true)
            }
            Err(repository::Error::Stale) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The rows that change by `steps`, and the record of it.
    fn apply_all(
        &self,
        snapshot: &Snapshot,
        steps: &[Transition],
        order: &Order,
        imported: Option<&ImportedKey>,
        fresh: &Fresh,
        now: Reading,
    ) -> Result<(Vec<KeyRow>, Vec<KeyEvent>), Error> {
        let mut keys = records(&snapshot.keys);
        let mut seals: HashMap<Kid, Sealed> = HashMap::new();
        let mut seal_new = |kid: &Kid, private: &PrivateKey| -> Result<(), Error> {
            let place = Place { kid, algorithm: private.algorithm(), created: now.wall };
            seals.insert(kid.clone(), seal(&self.vault, place, private)?);
            Ok(())
        };
        let mut events = Vec::new();
        for step in steps {
            let make = |algorithm: Algorithm| -> Result<_, Error> {
                let made = fresh.0.get(&algorithm).ok_or(Error::NotConfigured(algorithm))?;
                let (private, public) = made;
                let kid = thumbprint(public);
                seal_new(&kid, private)?;
                Ok((kid, public.clone()))
            };
            let happened = apply(&mut keys, step, make, &self.contract, now.wall)?;
            if let (Transition::Import { kid, .. }, Some(private)) =
                (step, imported.and_then(|key| key.private.as_ref()))
            {
                seal_new(kid, private)?;
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

    /// Why this process must not make or promote keys: one that has to sign cannot be opened here.
    pub(super) fn check_active(&self, keys: &[KeyRow]) -> Result<(), Error> {
        let mut active = keys.iter().filter(|row| row.record.state == KeyState::Active).peekable();
        if active.peek().is_none() {
            return Err(Error::NoKey);
        }
        active.try_for_each(|row| {
            self.opened.signing_key(row).map(|_| ()).map_err(|error| Error::ActiveSealed {
                kid: row.record.kid.clone(),
                why: error.to_string(),
                have: self.vault.master_key().to_owned(),
            })
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

/// The keys of `algorithm` that sign and wait, without their private halves.
pub(super) fn ring(rows: &[KeyRow], algorithm: Algorithm) -> (Option<KeyRecord>, Option<KeyRecord>) {
    let records = records(rows);
    let ring = Ring::of(&records, algorithm);
    (ring.active.cloned(), ring.pending.cloned())
}
