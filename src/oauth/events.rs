//! What happens to the tokens of clients.
//! In: an event. Out: a line of the audit log, and a count.
//! Owns: the list is closed, and no line has a token in it.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::audit::{self, Event};
use crate::model::client::ClientId;
use crate::model::device::DeviceAuthorization;
use crate::model::grant::{AuthorizationCode, Grant};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenEvent {
    /// A code was redeemed.
    CodeRedeemed,
    /// A code was shown that had been used: what it gave has ended.
    CodeReplayed,
    /// A refresh token was used.
    Refreshed,
    /// A refresh token was shown that had been used long ago: its grant has ended.
    RefreshTokenReused,
    /// A client got a token for itself.
    IssuedToMachine,
    /// A client gave a token back (RFC 7009).
    Revoked,
    /// A device asked to be signed in (RFC 8628).
    DeviceAsked,
    /// A user approved a device.
    DeviceApproved,
    /// A user refused a device.
    DeviceDenied,
    /// A device that was approved got its tokens.
    DeviceRedeemed,
    /// A device code was shown that had been used: what it gave has ended.
    DeviceReplayed,
}

impl TokenEvent {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 11] = [
        Self::CodeRedeemed,
        Self::CodeReplayed,
        Self::Refreshed,
        Self::RefreshTokenReused,
        Self::IssuedToMachine,
        Self::Revoked,
        Self::DeviceAsked,
        Self::DeviceApproved,
        Self::DeviceDenied,
        Self::DeviceRedeemed,
        Self::DeviceReplayed,
    ];

    /// The word for it, in the audit log and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::CodeRedeemed => "code_redeemed",
            Self::CodeReplayed => "code_replayed",
            Self::Refreshed => "refreshed",
            Self::RefreshTokenReused => "refresh_token_reused",
            Self::IssuedToMachine => "issued_to_machine",
            Self::Revoked => "revoked",
            Self::DeviceAsked => "device_asked",
            Self::DeviceApproved => "device_approved",
            Self::DeviceDenied => "device_denied",
            Self::DeviceRedeemed => "device_redeemed",
            Self::DeviceReplayed => "device_replayed",
        }
    }
}

/// How often each has happened in this process.
#[derive(Debug, Default)]
pub struct TokenCounts([AtomicU64; TokenEvent::ALL.len()]);

impl TokenCounts {
    /// Each with its count.
    pub fn read(&self) -> impl Iterator<Item = (TokenEvent, u64)> {
        TokenEvent::ALL.into_iter().zip(&self.0).map(|(event, count)| (event, count.load(Ordering::Relaxed)))
    }

    /// Notes what happened to a grant.
    pub(super) fn note(&self, event: TokenEvent, grant: &Grant) {
        self.record(event, &grant.client_id, Some((&grant.user_id, &grant.id)));
    }

    /// Notes what happened to a code.
    pub(super) fn note_code(&self, event: TokenEvent, code: &AuthorizationCode) {
        self.record(event, &code.client_id, Some((&code.user_id, &code.grant_id)));
    }

    /// Notes what happened to a device, and which user did it.
    pub(super) fn note_device(&self, event: TokenEvent, device: &DeviceAuthorization, user: Option<&str>) {
        self.record(event, &device.client_id, user.map(|user| (user, device.grant_id.as_str())));
    }

    /// Notes what a client has got for itself.
    pub(super) fn note_machine(&self, event: TokenEvent, client: &ClientId) {
        self.record(event, client, None);
    }

    fn record(&self, event: TokenEvent, client: &ClientId, given: Option<(&str, &str)>) {
        if let Some(count) = self.0.get(event as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let (user, grant) = given.unzip();
        audit::record(Event::ClientToken { event: event.name(), client: client.as_str(), user, grant });
    }
}
