//! What an operator may order: rotate, now or in time; revoke; rewrap.
//! In: an order, and who gave it. Out: what it came to, as a sentence.
//! Owns: an order never shortens what caches need, unless it is a revocation or says that it will not wait; then a new key
//! signs in the same write.

use std::fmt;

use crate::clock::Timestamp;
use crate::keys::contract::Contract;
use crate::keys::keyring::Moment;
use crate::keys::lifecycle::{Event, KeyRecord, KeyState, Transition, lead, published, takeover};
use crate::keys::port::{KeyEvent, KeyRow, KeyRows};
use crate::keys::rotation::{ATTEMPTS, Order, Rotation, RotationFault, only, records};
use crate::token::jwk::Kid;

/// A rotation that was asked for; prints as a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requested {
    /// The key that takes over.
    pub kid: Kid,
    /// Since when it is public.
    pub public_since: Timestamp,
    /// From when on it signs, as soon as a running server has seen to it.
    pub signs_from: Timestamp,
}

impl fmt::Display for Requested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Key {} is public since {} and signs from {} on, when every cache knows it; the key of today signs until then.",
            self.kid,
            self.public_since.iso_8601(),
            self.signs_from.iso_8601(),
        )
    }
}

/// A rotation that could not wait; prints as sentences that say what it costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hurried {
    /// The key that signs now.
    pub kid: Kid,
    /// The key that signs no more, and until when it stays public.
    pub retired: Option<(Kid, Timestamp)>,
    /// From when on every cache knows the key that signs.
    pub known_from: Timestamp,
}

impl fmt::Display for Hurried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key {} signs now.", self.kid)?;
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
    /// The key that signs now.
    pub signs_now: Kid,
    /// From when on nobody who keeps to the contract accepts a token of the revoked key.
    pub refused_from: Timestamp,
}

impl fmt::Display for Revoked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Key {} is revoked: its tokens are refused everywhere from {} on, and by this deployment earlier. Key {} signs.",
            self.kid,
            self.refused_from.iso_8601(),
            self.signs_now,
        )
    }
}

/// What to do with a key that signs and that this process cannot open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenSealed {
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

impl<R: KeyRows> Rotation<R> {
    /// Sees to it that a new key signs as soon as every cache knows it. Asked again before that, nothing changes.
    ///
    /// # Errors
    /// [`RotationFault::ActiveSealed`] when this process could seal a key that the others cannot open,
    /// [`RotationFault::TooManyKeys`], and when the database fails.
    pub async fn request_rotation(&self, order: impl Into<Order>) -> Result<Requested, RotationFault> {
        let order = order.into();
        // At most: a first key, its successor, the request, and a look at what came of it.
        for _ in 0..4 {
            let done = self.commit(&order, None, |keys, now| self.toward_rotation(keys, now)).await?;
            if !done.events.is_empty() {
                continue;
            }
            let rows = &done.snapshot.keys;
            if let (Some(active), Some(pending)) =
                (only(rows, KeyState::Active), only(rows, KeyState::Pending))
            {
                return Ok(Requested {
                    signs_from: takeover(&active, &pending, &self.contract),
                    kid: pending.kid,
                    public_since: pending.announced_at,
                });
            }
        }
        Err(RotationFault::Contended)
    }

    /// The next step on the way to a requested rotation; none when it is requested.
    fn toward_rotation(&self, keys: &[KeyRow], now: Moment) -> Result<Vec<Transition>, RotationFault> {
        if only(keys, KeyState::Active).is_none() {
            return Ok(self.plan(keys, now));
        }
        self.check_active(keys)?;
        match only(keys, KeyState::Pending) {
            Some(pending) if pending.requested_at.is_some() => Ok(Vec::new()),
            Some(pending) => Ok(vec![Transition::Request { kid: pending.kid }]),
            None => {
                check_room(keys, now)?;
                Ok(vec![Transition::Announce])
            }
        }
    }

    /// Lets another key sign at once, although caches may not know it: the pending one, or else one that is made now.
    /// Tokens of the present key stay good. For an emergency in which that key is not lost; else revoke it.
    ///
    /// # Errors
    /// As [`Rotation::request_rotation`], and [`RotationFault::Vault`] when the pending key cannot be opened here.
    pub async fn rotate_now(&self, order: impl Into<Order>) -> Result<Hurried, RotationFault> {
        let order = order.into();
        // A new key, and its promotion; again if somebody else promotes it in between.
        for _ in 0..4 {
            let done = self.commit(&order, None, |keys, now| self.toward_haste(keys, now)).await?;
            let happened = |event| done.events.iter().find(|done| done.event == event);
            let Some(activated) = happened(Event::Activated) else { continue };
            let key =
                |kid: &Kid| done.snapshot.keys.iter().map(|row| &row.record).find(|key| key.kid == *kid);
            let (now, retired) = (done.read_at.wall, happened(Event::Retired));
            let retired = retired.and_then(|event| key(&event.kid));
            let known_from = match (retired, key(&activated.kid)) {
                (Some(active), Some(pending)) => {
                    pending.announced_at.after(lead(active, pending, &self.contract))
                }
                _ => now.after(self.contract.lead()),
            };
            return Ok(Hurried {
                kid: activated.kid.clone(),
                retired: retired.map(|key| (key.kid.clone(), now.after(key.retain))),
                known_from,
            });
        }
        Err(RotationFault::Contended)
    }

    /// The next step on the way to a rotation that does not wait.
    fn toward_haste(&self, keys: &[KeyRow], now: Moment) -> Result<Vec<Transition>, RotationFault> {
        let Some(active) = only(keys, KeyState::Active) else { return Ok(self.plan(keys, now)) };
        self.check_active(keys)?;
        let Some(pending) = keys.iter().find(|row| row.record.state == KeyState::Pending) else {
            check_room(keys, now)?;
            return Ok(vec![Transition::Announce]);
        };
        self.vault.signing_key(&pending.record, pending.sealed.as_ref())?;
        Ok(vec![Transition::Promote { kid: pending.record.kid.clone(), retires: Some(active.kid) }])
    }

    /// Takes a key out of the key set at once. If it was the one that signs, another signs in the same write: the pending
    /// one if there is one, else a new one that caches have to fetch first.
    ///
    /// # Errors
    /// [`RotationFault::UnknownKey`], [`RotationFault::ActiveSealed`] unless the key is to be abandoned, and when the
    /// database fails.
    pub async fn revoke(
        &self,
        kid: &Kid,
        actor: &str,
        reason: &str,
        when_sealed: WhenSealed,
    ) -> Result<Revoked, RotationFault> {
        let done = self
            .commit(&actor.into(), None, |keys, now| {
                let target = keys.iter().find(|row| row.record.kid == *kid);
                let target = target.ok_or_else(|| RotationFault::UnknownKey(kid.clone()))?;
                if target.record.state == KeyState::Active && when_sealed == WhenSealed::Refuse {
                    self.check_active(keys)?;
                }
                let others: Vec<KeyRow> = keys.iter().filter(|row| row.record.kid != *kid).cloned().collect();
                let mut steps = vec![Transition::Revoke { kid: kid.clone(), reason: reason.to_owned() }];
                if target.record.state == KeyState::Active {
                    steps.extend(self.plan(&others, now));
                }
                Ok(steps)
            })
            .await?;
        let activated =
            done.events.iter().find(|event| event.event == Event::Activated).map(|event| event.kid.clone());
        let active = || only(&done.snapshot.keys, KeyState::Active).map(|key| key.kid);
        Ok(Revoked {
            kid: kid.clone(),
            signs_now: activated.or_else(active).ok_or(RotationFault::NoKey)?,
            refused_from: done.read_at.wall.after(self.contract.revocation_bound()),
        })
    }

    /// Seals every private half anew under the current master key, so that old ones can be thrown away. A dry run
    /// opens everything and writes nothing.
    ///
    /// # Errors
    /// When the database or the source of randomness fails; keys that cannot be opened are part of the answer.
    pub async fn rewrap(&self, order: impl Into<Order>, dry_run: bool) -> Result<Rewrapped, RotationFault> {
        let Order { by, why } = order.into();
        for _ in 0..ATTEMPTS {
            let now = self.clock.now();
            let snapshot = self.rows.live().await?;
            let mut outcome = Rewrapped::default();
            let mut rows = Vec::new();
            for row in &snapshot.keys {
                let Some(sealed) = &row.sealed else { continue };
                let KeyRecord { kid, announced_at, .. } = &row.record;
                match self.vault.open(kid, *announced_at, sealed) {
                    Ok(_) if sealed.master_key == self.vault.master_key() => {
                        outcome.current.push(kid.clone())
                    }
                    Ok(seed) => {
                        let sealed = Some(self.vault.seal(kid, *announced_at, &seed)?);
                        rows.push(KeyRow { record: row.record.clone(), sealed });
                        outcome.rewrapped.push(kid.clone());
                    }
                    Err(fault) => outcome.unreadable.push((kid.clone(), fault.to_string())),
                }
            }
            if dry_run || rows.is_empty() {
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
        Err(RotationFault::Contended)
    }
}

/// Refuses one more public key where verifiers would not read it any more.
pub(super) fn check_room(keys: &[KeyRow], now: Moment) -> Result<(), RotationFault> {
    match published(&records(keys), now.wall).len() {
        public if public >= Contract::MAX_PUBLIC => Err(RotationFault::TooManyKeys(public)),
        _ => Ok(()),
    }
}
