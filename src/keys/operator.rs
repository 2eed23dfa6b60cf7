//! What an operator may order: rotate, revoke, rewrap.
//! In: an order, and who gave it. Out: what it came to, as a sentence.
//! Owns: an order never shortens what caches need; only a revocation does, and a new key signs in the same write.

use std::fmt;

use crate::clock::Timestamp;
use crate::keys::contract::Contract;
use crate::keys::keyring::Moment;
use crate::keys::lifecycle::{Event, KeyRecord, KeyState, Transition, published, takeover};
use crate::keys::port::{KeyEvent, KeyRow, KeyRows, RowsFault};
use crate::keys::rotation::{ATTEMPTS, Rotation, RotationFault, only, records};
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
    pub async fn request_rotation(&self, actor: &str) -> Result<Requested, RotationFault> {
        // At most: a first key, its successor, the request, and a look at what came of it.
        for _ in 0..4 {
            let done = self.commit(actor, |keys, now| self.toward_rotation(keys, now)).await?;
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
                let public = published(&records(keys), now.wall).len();
                if public >= Contract::MAX_PUBLIC {
                    return Err(RotationFault::TooManyKeys(public));
                }
                Ok(vec![Transition::Announce])
            }
        }
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
            .commit(actor, |keys, now| {
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
    pub async fn rewrap(&self, actor: &str, dry_run: bool) -> Result<Rewrapped, RotationFault> {
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
                actor: actor.to_owned(),
                reason: None,
            };
            let events: Vec<KeyEvent> = outcome.rewrapped.iter().map(rewrapped).collect();
            match self.rows.write(snapshot.version, &rows, &events).await {
                Ok(()) => return Ok(outcome),
                Err(RowsFault::Stale) => {}
                Err(fault) => return Err(fault.into()),
            }
        }
        Err(RotationFault::Contended)
    }
}
