//! Signing in on a device that has no browser (RFC 8628).
//! In: a client on a device that asks; a user elsewhere who types its code and decides; the device that polls. Out: codes,
//! what the user is asked, tokens.
//! Owns: what a user approves is what the device asked for, and it is redeemed once; a code that is unknown and one that is
//! over are the same to whoever types it.

use std::sync::Arc;

use super::audience::Targets;
use super::authorize::scope_for;
use super::error::Error;
use super::events::{TokenCounts, TokenEvent};
use super::token::{Begun, First, Issued, Spent, Tokens, one_of, require};
use crate::model::client::{Client, GrantType};
use crate::model::device::{
    DeviceApproval, DeviceAuthorization, DeviceDecision, DeviceState, INTERVAL, LIFETIME, Poll,
};
use crate::model::grant::{Bound, Grant};
use crate::model::session::Session;
use crate::secret::{OpaqueToken, UserCode};
use crate::store::{self, Database};
use signet_verify::clock::{Clock, Entropy, Timestamp, random_alphanumeric};

/// Letters and digits of the code of a device: 256 bits.
const CODE_LENGTH: usize = 43;
/// Letters and digits of the id of a grant.
const ID_LENGTH: usize = 32;
/// How often another code for users is tried where one is taken, and a poll is judged anew that another one has overtaken.
const ATTEMPTS: usize = 3;

const BAD_DEVICE_CODE: Error = Error::InvalidGrant("the device code is not good");

/// What a device asks for.
#[derive(Debug)]
pub struct AskedByDevice<'a> {
    /// The words, as they were sent.
    pub scope: Option<&'a str>,
    /// Whom the tokens are to be for (RFC 8707).
    pub resources: Vec<&'a str>,
    /// Where it asks from; empty where that is not known.
    pub ip_address: String,
}

/// A device that has asked.
#[derive(Debug)]
pub struct StartedDevice {
    /// What it polls with.
    pub device_code: OpaqueToken,
    /// What its user types.
    pub user_code: UserCode,
}

/// What a user is asked about.
#[derive(Debug)]
pub struct ShownToUser {
    /// What is asked for, and from where.
    pub device: DeviceAuthorization,
    /// Who asks.
    pub client: Client,
}

/// The devices that ask.
pub struct Devices {
    database: Database,
    targets: Targets,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    counts: Arc<TokenCounts>,
}

impl std::fmt::Debug for Devices {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Devices").finish_non_exhaustive()
    }
}

impl Devices {
    /// Those that `database` keeps, asking for what there is in `targets`.
    pub fn new(
        database: Database,
        targets: Targets,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        counts: Arc<TokenCounts>,
    ) -> Self {
        Self { database, targets, clock, entropy, counts }
    }

    /// Begins: codes for the device and for its user (RFC 8628 section 3.2).
    ///
    /// # Errors
    /// [`Error::UnauthorizedClient`], [`Error::InvalidScope`] and [`Error::InvalidTarget`].
    pub async fn start(&self, client: &Client, asked: AskedByDevice<'_>) -> Result<StartedDevice, Error> {
        require(client, GrantType::DeviceCode)?;
        let scope = scope_for(client, asked.scope).ok_or(Error::InvalidScope)?;
        for resource in &asked.resources {
            if *resource != self.targets.userinfo() && !self.targets.knows(resource).await? {
                return Err(Error::InvalidTarget);
            }
        }
        let text = random_alphanumeric(&*self.entropy, CODE_LENGTH)?;
        let device_code = OpaqueToken::new(format!("signet_dc_{text}"));
        let now = self.clock.now();
        let device = DeviceAuthorization {
            grant_id: random_alphanumeric(&*self.entropy, ID_LENGTH)?,
            client_id: client.id.clone(),
            scope,
            resources: asked.resources.into_iter().map(str::to_owned).collect(),
            ip_address: asked.ip_address,
            created_at: now,
            expires_at: now.after(LIFETIME),
            interval: INTERVAL,
            polled_at: None,
            state: DeviceState::Pending,
        };
        for _ in 0..ATTEMPTS {
            let user_code = UserCode::generate(&*self.entropy)?;
            let hashes = (device_code.hash(), user_code.hash());
            match self.database.devices().insert(&device, &hashes.0, &hashes.1).await {
                Ok(()) => {
                    self.counts.note_device(TokenEvent::DeviceAsked, &device, None);
                    return Ok(StartedDevice { device_code, user_code });
                }
                // Another device has this code: it happens once in billions.
                Err(store::Error::Conflict) => continue,
                Err(error) => return Err(error.into()),
            }
        }
        Err(store::Error::Conflict.into())
    }

    /// What the user who types this code is asked, while they can decide.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find(&self, code: &UserCode) -> Result<Option<ShownToUser>, Error> {
        let found = self.database.devices().find_open(&code.hash(), self.clock.now()).await?;
        let Some(device) = found else { return Ok(None) };
        let client = self.database.clients().find(&device.client_id).await?;
        Ok(client.map(|client| ShownToUser { device, client }))
    }

    /// The user of this session lets the device in; says no where there was nothing to decide any more. What they have
    /// agreed to is remembered as that of the authorization endpoint is, so that it can be withdrawn.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn approve(&self, code: &UserCode, shown: &ShownToUser, by: &Session) -> Result<bool, Error> {
        let approval = DeviceApproval {
            user_id: by.user_id.clone(),
            session_id: by.id.clone(),
            authenticated_at: by.authenticated_at,
            amr: by.amr.clone(),
        };
        let decided = self.decide(code, shown, DeviceDecision::Approve(approval), by).await?;
        if decided {
            self.remember(shown, &by.user_id).await?;
        }
        Ok(decided)
    }

    /// The user of this session keeps the device out; says no where there was nothing to decide any more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn deny(&self, code: &UserCode, shown: &ShownToUser, by: &Session) -> Result<bool, Error> {
        self.decide(code, shown, DeviceDecision::Deny, by).await
    }

    async fn decide(
        &self,
        code: &UserCode,
        shown: &ShownToUser,
        decision: DeviceDecision,
        by: &Session,
    ) -> Result<bool, Error> {
        let event = match decision {
            DeviceDecision::Deny => TokenEvent::DeviceDenied,
            DeviceDecision::Approve(_) => TokenEvent::DeviceApproved,
        };
        let decided = self.database.devices().decide(&code.hash(), &decision, self.clock.now()).await?;
        if decided {
            self.counts.note_device(event, &shown.device, Some(&by.user_id));
        }
        Ok(decided)
    }

    async fn remember(&self, shown: &ShownToUser, user: &str) -> Result<(), Error> {
        let (device, now) = (&shown.device, self.clock.now());
        let kept = self.database.write(|unit| async move {
            let none = device.resources.is_empty().then_some("");
            for resource in none.into_iter().chain(device.resources.iter().map(String::as_str)) {
                unit.consents().add(user, &device.client_id, resource, &device.scope, now).await?;
            }
            Ok::<_, store::Error>(())
        });
        Ok(kept.await?)
    }
}

impl Tokens {
    /// Tokens for a device whose user has said yes (RFC 8628 section 3.4).
    ///
    /// # Errors
    /// [`Error::AuthorizationPending`], [`Error::SlowDown`], [`Error::AccessDenied`], [`Error::ExpiredToken`];
    /// [`Error::InvalidGrant`] when the code is not good for this client; when it was used before, what it gave has ended.
    pub async fn for_device(
        &self,
        client: &Client,
        device_code: &OpaqueToken,
        resource: Option<&str>,
    ) -> Result<Issued, Error> {
        require(client, GrantType::DeviceCode)?;
        let hash = device_code.hash();
        for _ in 0..ATTEMPTS {
            let now = self.clock.now();
            let found = self.database.devices().find(&hash).await?;
            let device = found.filter(|device| device.client_id == client.id).ok_or(BAD_DEVICE_CODE)?;
            let told = match device.poll(now) {
                Poll::Pending => Error::AuthorizationPending,
                Poll::TooSoon => Error::SlowDown,
                Poll::Denied => return Err(Error::AccessDenied),
                Poll::Expired => return Err(Error::ExpiredToken),
                Poll::Spent => return Err(self.device_replayed(&device).await?),
                Poll::Approved(approval) => {
                    let grant = self.bounded(client, grant_of(&device, approval, now));
                    let resource = one_of(&device.resources, resource)?;
                    let begun = Begun { spent: Spent::DeviceCode(&hash), nonce: None, resource, now };
                    return match self.begin(client, &grant, begun).await? {
                        First::Issued(issued) => {
                            self.counts.note(TokenEvent::DeviceRedeemed, &grant);
                            Ok(*issued)
                        }
                        First::SessionOver => Err(BAD_DEVICE_CODE),
                        First::Late => Err(self.device_replayed(&device).await?),
                    };
                }
            };
            // Else another poll, or the user, was faster: it is judged anew.
            if self.database.devices().keep_poll(&hash, &device, &device.polled(now)).await? {
                return Err(told);
            }
        }
        Err(Error::SlowDown)
    }

    /// What a client is told that shows the code of a device once more; what it gave has ended, as with other codes.
    async fn device_replayed(&self, device: &DeviceAuthorization) -> Result<Error, Error> {
        self.grants.end(&device.grant_id).await?;
        self.counts.note_device(TokenEvent::DeviceReplayed, device, None);
        Ok(BAD_DEVICE_CODE)
    }
}

/// What an approval becomes, but for how long it lasts.
fn grant_of(device: &DeviceAuthorization, approval: DeviceApproval, now: Timestamp) -> Grant {
    Grant {
        id: device.grant_id.clone(),
        client_id: device.client_id.clone(),
        user_id: approval.user_id,
        session_id: approval.session_id,
        bound: Bound::Session,
        scope: device.scope.clone(),
        resources: device.resources.clone(),
        authenticated_at: approval.authenticated_at,
        amr: approval.amr,
        created_at: now,
        expires_at: now,
    }
}
