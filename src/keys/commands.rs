//! What an operator may order: rotate, now or in time; revoke; rewrap.
//! In: an order, and who gave it. Out: what it came to, as a sentence.
//! Owns: an order never shortens what caches need, unless it is a revocation or says that it will not wait; then a new key
//! signs in the same write.

use std::fmt;

use signet_verify::clock::{Reading, Timestamp};
use signet_verify::crypto::Algorithm;
use signet_verify::jose::jwk::Kid;

use crate::keys::repository::KeyRepository;
use crate::keys::rotation::{ATTEMPTS, Error, Order, Rotation, records, ring};
use crate::keys::sealing::{Place, open, seal};
use crate::model::contract::Contract;
use crate::model::key_rows::{KeyEvent, KeyRow};
use crate::model::signing_key::{Event, KeyState, Transition, lead, published, takeover};

/// A rotation that was asked for; prints as a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requested {
    /// The key that takes over.
    pub kid: Kid,
    /// What it will sign with.
    pub algorithm: Algorithm,
    /// Since when it is public.
    pub public_since: Timestamp,
    /// From when on it signs, as soon as a running server has seen to it.
    pub signs_from: Timestamp,
}

impl fmt::Display for Requested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} key {} is public since {} and signs from {} on, when every cache knows it; the key of today signs until then.",
            self.algorithm,
            self.kid,
            self.public_since.iso_8601(),
            self.signs_from.iso_8601(),
        )
    }
}

/// A rotation that could not wait; prints as sentences that say what it costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForcedRotation {
    /// The key that signs now.
    pub kid: Kid,
    /// What it signs with.
    pub algorithm: Algorithm,
    /// The key that signs no more, and until when it stays public.
    pub retired: Option<(Kid, Timestamp)>,
    /// From when on every cache knows the key that signs.
    pub known_from: Timestamp,
}

impl fmt::Display for ForcedRotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} key {} signs now.", self.algorithm, self.kid)?;
        if let Some((kid, until)) = &self.retired {
            write!(
                f,
                " Key {kid} signs no more and stays public until {}: tokens that exist stay good.",
                until.iso_8601()
            )?;
        }
        write!(
            f,
            " What it costs: until {} there may be caches that do not know the new key; a verifier behind one that does not \
             ask again for a key it does not know refuses new tokens.",
            self.known_from.iso_8601(),
        )
    }
}

/// A revocation that was carried out; prints as a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// The key that is gone.
    pub kid: Kid,
    /// What it signed with.
    pub algorithm: Algorithm,
    /// The key of that algorithm that signs now; none where the algorithm is not configured any more.
    pub signs_now: Option<Kid>,
    /// From when on no verifier that keeps to the contract accepts a token of the revoked key.
    pub refused_from: Timestamp,
}

impl fmt::Display for Revoked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} key {} is revoked: its tokens are refused everywhere from {} on, and by this deployment earlier.",
            self.algorithm,
            self.kid,
            self.refused_from.iso_8601(),
        )?;
        match &self.signs_now {
            Some(kid) => write!(f, " Key {kid} signs."),
            None => write!(f, " No key of this algorithm signs: it is not among SIGNET_ALGORITHMS."),
        }
    }
}

/// Whether [`Rotation::rewrap`] writes what it has sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rewrap {
    /// It does.
    Write,
    /// It only says which keys it would seal anew.
    DryRun,
}

/// What to do with a key that signs and that this process cannot open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnreadableKey {
    /// Leave it: the command probably runs with the wrong master key, and the successor would be sealed under that.
    Refuse,
    /// Give it up; the master key that sealed it is lost.
    Abandon,
}

/// What a rewrap came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rewrapped {
    /// Keys that are sealed under the current master key now; with a dry run, that would be.
    pub rewrapped: Vec<Kid>,
    /// Keys that were so already.
    pub current: Vec<Kid>,
    /// Keys that no master key of ours opens, with the reason.
    pub unreadable: Vec<(Kid, String)>,
}

impl<R: KeyRepository> Rotation<R> {
    /// Sees to it that a new key of `algorithm` signs as soon as every cache knows it. Asked again before that, nothing
    /// changes.
    ///
    /// # Errors
    /// [`Error::ActiveSealed`] when this process could seal a key that the others cannot open,
    /// [`Error::NotConfigured`], [`Error::TooManyKeys`], and when the database fails.
    pub async fn request_rotation(
        &self,
        algorithm: Algorithm,
        order: impl Into<Order>,
    ) -> Result<Requested, Error> {
        self.check_configured(algorithm)?;
        let order = order.into();
        // At most: a first key, its successor, the request, and a look at what came of it.
        for _ in 0..4 {
            let done =
                self.commit(&order, None, |keys, now| self.next_requested_step(algorithm, keys, now)).await?;
            if !done.events.is_empty() {
                continue;
            }
            if let (active, Some(pending)) = ring(&done.snapshot.keys, algorithm) {
                return Ok(Requested {
                    signs_from: takeover(active.as_ref(), &pending, &self.contract),
                    kid: pending.kid,
                    algorithm,
                    public_since: pending.announced_at,
                });
            }
        }
        Err(Error::Contended)
    }

    pub(super) fn check_configured(&self, algorithm: Algorithm) -> Result<(), Error> {
        let configured = self.contract.algorithms().contains(algorithm);
        configured.then_some(()).ok_or(Error::NotConfigured(algorithm))
    }

    /// The next step on the way to a requested rotation; none when it is requested.
    fn next_requested_step(
        &self,
        algorithm: Algorithm,
        keys: &[KeyRow],
        now: Reading,
    ) -> Result<Vec<Transition>, Error> {
        if nothing_signs(keys) {
            return Ok(self.plan(keys, now));
        }
        self.check_active(keys)?;
        match ring(keys, algorithm) {
            (None, Some(_)) => Ok(Vec::new()),
            (Some(_), Some(pending)) if pending.requested_at.is_some() => Ok(Vec::new()),
            (Some(_), Some(pending)) => Ok(vec![Transition::Request { kid: pending.kid }]),
            (_, None) => {
                check_capacity(keys, now)?;
                Ok(vec![Transition::Announce { algorithm }])
            }
        }
    }

    /// Lets another key of `algorithm` sign at once, although caches may not know it: the pending one, or else one that is
    /// made now. Tokens of the present key stay good. For an emergency in which that key is not lost; else revoke it.
    ///
    /// # Errors
    /// As [`Rotation::request_rotation`], and [`Error::Sealing`] when the pending key cannot be opened here.
    pub async fn rotate_now(
        &self,
        algorithm: Algorithm,
        order: impl Into<Order>,
    ) -> Result<ForcedRotation, Error> {
        self.check_configured(algorithm)?;
        let order = order.into();
        // A new key, and its promotion; again if another process promotes it in between.
        for _ in 0..4 {
            let done =
                self.commit(&order, None, |keys, now| self.next_forced_step(algorithm, keys, now)).await?;
            let key =
                |kid: &Kid| done.snapshot.keys.iter().map(|row| &row.record).find(|key| key.kid == *kid);
            // Where nothing signed, keys of other algorithms sign now, too.
            let is_ours = |kid: &Kid| {
                done.written.iter().any(|row| row.record.kid == *kid && row.record.algorithm() == algorithm)
            };
            let happened = |event| done.events.iter().find(|done| done.event == event && is_ours(&done.kid));
            let Some(activated) = happened(Event::Activated) else { continue };
            let now = done.read_at.wall;
            let retired = happened(Event::Retired).and_then(|event| key(&event.kid));
            let known_from = match key(&activated.kid) {
                Some(pending) => pending.announced_at.after(lead(retired, pending, &self.contract)),
                None => now.after(self.contract.lead()),
            };
            return Ok(ForcedRotation {
                kid: activated.kid.clone(),
                algorithm,
                retired: retired.map(|key| (key.kid.clone(), now.after(key.retain))),
                known_from,
            });
        }
        Err(Error::Contended)
    }

    /// The next step on the way to a rotation that does not wait.
    fn next_forced_step(
        &self,
        algorithm: Algorithm,
        keys: &[KeyRow],
        now: Reading,
    ) -> Result<Vec<Transition>, Error> {
        if nothing_signs(keys) {
            return Ok(self.plan(keys, now));
        }
        self.check_active(keys)?;
        let (active, pending) = ring(keys, algorithm);
        let Some(pending) = pending else {
            check_capacity(keys, now)?;
            return Ok(vec![Transition::Announce { algorithm }]);
        };
        if let Some(row) = keys.iter().find(|row| row.record.kid == pending.kid) {
            self.opened.signing_key(row)?;
        }
        Ok(vec![Transition::Promote { kid: pending.kid, retires: active.map(|active| active.kid) }])
    }

    /// Takes a key out of the key set at once. If it was the one that signs, another signs in the same write: the pending
    /// one if there is one, else a new one that caches have to fetch first.
    ///
    /// # Errors
    /// [`Error::UnknownKey`], [`Error::ActiveSealed`] unless the key is to be abandoned, and when the
    /// database fails.
    pub async fn revoke(
        &self,
        kid: &Kid,
        actor: &str,
        reason: &str,
        unreadable: UnreadableKey,
    ) -> Result<Revoked, Error> {
        let done = self
            .commit(&actor.into(), None, |keys, _| {
                let target = keys.iter().find(|row| row.record.kid == *kid);
                let target = target.ok_or_else(|| Error::UnknownKey(kid.clone()))?;
                let mut steps = vec![Transition::Revoke { kid: kid.clone(), reason: reason.to_owned() }];
                if target.record.state == KeyState::Active {
                    if unreadable == UnreadableKey::Refuse {
                        self.check_active(std::slice::from_ref(target))?;
                    }
                    steps.extend(self.succession_at_once(target.record.algorithm(), keys));
                }
                Ok(steps)
            })
            .await?;
        let rows = &done.snapshot.keys;
        let algorithm = rows.iter().find(|row| row.record.kid == *kid).map(|row| row.record.algorithm());
        let algorithm = algorithm.ok_or_else(|| Error::UnknownKey(kid.clone()))?;
        let activated = done.events.iter().find(|event| event.event == Event::Activated);
        let active = || ring(rows, algorithm).0.map(|key| key.kid).filter(|active| active != kid);
        Ok(Revoked {
            kid: kid.clone(),
            algorithm,
            signs_now: activated.map(|event| event.kid.clone()).or_else(active),
            refused_from: done.read_at.wall.after(self.contract.revocation_bound()),
        })
    }

    /// The step by which another key of `algorithm` signs although no cache knows it yet. A key that some caches know
    /// beats one that none knows, if it can be opened here. None where the algorithm is not wanted any more.
    fn succession_at_once(&self, algorithm: Algorithm, keys: &[KeyRow]) -> Option<Transition> {
        let waits = |row: &&KeyRow| {
            row.record.algorithm() == algorithm
                && row.record.state == KeyState::Pending
                && self.opened.signing_key(row).is_ok()
        };
        match keys.iter().find(waits) {
            Some(row) => Some(Transition::Promote { kid: row.record.kid.clone(), retires: None }),
            None if self.contract.algorithms().contains(algorithm) => {
                Some(Transition::Bootstrap { algorithm })
            }
            None => None,
        }
    }

    /// Seals every private half anew under the current master key, so that old ones can be thrown away. A dry run
    /// opens everything and writes nothing.
    ///
    /// # Errors
    /// When the database or the source of randomness fails; keys that cannot be opened are part of the answer.
    pub async fn rewrap(&self, order: impl Into<Order>, rewrap: Rewrap) -> Result<Rewrapped, Error> {
        let Order { by, why } = order.into();
        for _ in 0..ATTEMPTS {
            let now = self.clock.now();
            let snapshot = self.rows.live().await?;
            let mut outcome = Rewrapped::default();
            let mut rows = Vec::new();
            for row in &snapshot.keys {
                let Some(sealed) = &row.sealed else { continue };
                let (kid, place) = (&row.record.kid, Place::of(&row.record));
                match open(&self.vault, place, sealed) {
                    Ok(_) if sealed.master_key == self.vault.master_key() => {
                        outcome.current.push(kid.clone())
                    }
                    Ok(private) => {
                        let sealed = Some(seal(&self.vault, place, &private)?);
                        rows.push(KeyRow { record: row.record.clone(), sealed });
                        outcome.rewrapped.push(kid.clone());
                    }
                    Err(error) => outcome.unreadable.push((kid.clone(), error.to_string())),
                }
            }
            if rewrap == Rewrap::DryRun || rows.is_empty() {
                return Ok(outcome);
            }
            let rewrapped = |kid: &Kid| KeyEvent {
                at: now,
                kid: kid.clone(),
                event: Event::Rewrapped,
                actor: by.clone(),
                reason: why.clone(),
            };
            let events: Vec<KeyEvent> = outcome.rewrapped.iter().map(rewrapped).collect();
            if self.write(&snapshot, &rows, &events).await? {
                return Ok(outcome);
            }
        }
        Err(Error::Contended)
    }
}

/// Whether no key signs, of whatever algorithm: then the steps of a first start are due.
fn nothing_signs(keys: &[KeyRow]) -> bool {
    keys.iter().all(|row| row.record.state != KeyState::Active)
}

/// Refuses one more public key where verifiers would not read it any more.
pub(super) fn check_capacity(keys: &[KeyRow], now: Reading) -> Result<(), Error> {
    match published(&records(keys), now.wall).len() {
        public if public >= Contract::MAX_PUBLIC => Err(Error::TooManyKeys(public)),
        _ => Ok(()),
    }
}
