//! The secrets of one client, as they follow one another.
//! In: the hash of another secret. Out: whether it is the one that is kept, and until when the former one is accepted.
//! Owns: at most two are accepted, and of two all but the newest have an end; one that was replaced does not come back.

use std::time::Duration;

use signet_verify::clock::Timestamp;

use crate::model::client::Client;
use crate::store::{self, Unit};

/// The secrets of a client, in a unit of work.
pub(super) struct Secrets<'a> {
    pub(super) unit: &'a Unit,
    pub(super) client: &'a Client,
    pub(super) now: Timestamp,
}

/// What has become of a secret that a file declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    /// It is the one that is kept; or none is declared and none is needed.
    Kept,
    /// It is new.
    Added {
        /// Until when the former one is accepted; none if there was none.
        old_until: Option<Timestamp>,
    },
    /// None is declared, and the client has none.
    Missing,
    /// It was the client's once, and another one has taken its place.
    Replaced,
    /// Another client has it.
    OfAnother,
}

impl Secrets<'_> {
    /// Lets `declared`, the hash of a secret, be the secret of the client.
    pub(super) async fn settle(
        &self,
        declared: Option<&[u8; 32]>,
        keep: Duration,
    ) -> Result<Settled, store::Error> {
        let clients = self.unit.clients();
        if !self.client.auth_method.is_by_secret() {
            clients.delete_secrets(&self.client.id).await?;
            return Ok(Settled::Kept);
        }
        let kept = clients.secrets(&self.client.id).await?;
        let Some(declared) = declared else {
            let has_one = kept.iter().any(|secret| secret.is_alive(self.now));
            return Ok(if has_one { Settled::Kept } else { Settled::Missing });
        };
        match kept.iter().find(|secret| secret.hash == *declared) {
            Some(secret) if secret.expires_at.is_none() => return Ok(Settled::Kept),
            Some(_) => return Ok(Settled::Replaced),
            None => {}
        }
        if clients.has_secret(declared).await? {
            return Ok(Settled::OfAnother);
        }
        Ok(Settled::Added { old_until: self.replace(declared, keep).await? })
    }

    /// Adds a secret; the one that it replaces is accepted for `keep` more, and those before it no more.
    pub(super) async fn replace(
        &self,
        hash: &[u8; 32],
        keep: Duration,
    ) -> Result<Option<Timestamp>, store::Error> {
        let clients = self.unit.clients();
        let kept = clients.secrets(&self.client.id).await?;
        let mut alive = kept.iter().filter(|secret| secret.is_alive(self.now));
        let end = self.now.after(keep);
        let former = alive.next();
        let until = former.map(|former| former.expires_at.map_or(end, |own| own.min(end)));
        if let Some((former, until)) = former.zip(until) {
            clients.end_secret(&former.hash, until).await?;
        }
        for older in alive {
            clients.end_secret(&older.hash, self.now).await?;
        }
        clients.add_secret(&self.client.id, hash, self.now).await?;
        Ok(until.filter(|until| *until > self.now))
    }
}
