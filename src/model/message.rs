//! A message that was promised to a person, as the outbox keeps it.
//! In: a sealed text and the time. Out: the states that a delivery takes it through, and when each of them ends.
//! Owns: a message is tried for a day, ever more seldom, and then parked; what is sent or parked is deleted after a bound.

use std::time::Duration;

use signet_verify::clock::Timestamp;

use crate::model::sealed::Sealed;

/// How long a message is tried before it is parked.
pub const TRIED_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// How long the row of a sent message stays, without its text.
pub const SENT_KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a parked message stays.
pub const PARKED_KEPT_FOR: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The pause after a first attempt that failed; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(60 * 60);

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An address is to be verified.
    VerifyAddress,
    /// A password is to be reset.
    ResetPassword,
    /// A password was reset.
    PasswordWasReset,
    /// A new address is to be confirmed.
    ConfirmNewAddress,
    /// The address is about to change.
    AddressWillChange,
    /// The address has changed.
    AddressChanged,
    /// A deletion is to be confirmed.
    ConfirmDeletion,
    /// The account is deleted.
    AccountDeleted,
    /// An invitation.
    Invitation,
    /// A sign-up with an address that has an account.
    AlreadyRegistered,
}

impl Kind {
    /// Every one.
    pub const ALL: [Self; 10] = [
        Self::VerifyAddress,
        Self::ResetPassword,
        Self::PasswordWasReset,
        Self::ConfirmNewAddress,
        Self::AddressWillChange,
        Self::AddressChanged,
        Self::ConfirmDeletion,
        Self::AccountDeleted,
        Self::Invitation,
        Self::AlreadyRegistered,
    ];

    /// How rows, lists and the files of templates name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::VerifyAddress => "verify-address",
            Self::ResetPassword => "reset-password",
            Self::PasswordWasReset => "password-was-reset",
            Self::ConfirmNewAddress => "confirm-new-address",
            Self::AddressWillChange => "address-will-change",
            Self::AddressChanged => "address-changed",
            Self::ConfirmDeletion => "confirm-deletion",
            Self::AccountDeleted => "account-deleted",
            Self::Invitation => "invitation",
            Self::AlreadyRegistered => "already-registered",
        }
    }
}

/// A message that is to be kept in the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// 32 letters and digits; the left side of its Message-ID.
    pub id: String,
    /// What it is about.
    pub kind: Kind,
    /// Address and text.
    pub sealed: Sealed,
    /// When it was written.
    pub created_at: Timestamp,
}

/// A message that this instance has claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// The message.
    pub id: String,
    /// Address and text.
    pub sealed: Sealed,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it is parked if it is not sent.
    pub give_up_at: Timestamp,
    /// How often it was tried, this time included.
    pub attempts: u32,
}

/// Where a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// It is to be sent.
    Waiting,
    /// The next server has it.
    Sent,
    /// It is not tried any more until an operator says so.
    Parked,
}

impl State {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Sent, Self::Parked];

    /// How rows and lists name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sent => "sent",
            Self::Parked => "parked",
        }
    }
}

/// A message as an operator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The message.
    pub id: String,
    /// What it is about, as its row has it: a later version may know more kinds.
    pub kind: String,
    /// Where it is, as its row has it.
    pub state: String,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it is tried again, or deleted.
    pub due_at: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// Whether an instance delivers it, or has ended while it did.
    pub claimed: bool,
    /// What the last attempt came to.
    pub problem: Option<String>,
    /// Address and text, as long as they are needed.
    pub sealed: Option<Sealed>,
}

/// A message whose text is needed, as it lies sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedMessage {
    /// The message.
    pub id: String,
    /// When it was written.
    pub created_at: Timestamp,
    /// Address and text.
    pub sealed: Sealed,
}

/// How many messages there are in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Where they are.
    pub state: State,
    /// How many.
    pub count: u64,
    /// When the oldest of them was written.
    pub oldest: Timestamp,
}

/// What becomes of a message after an attempt that may succeed another time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It is tried again then.
    Retry(Timestamp),
    /// It has been tried for long enough.
    Park,
}

impl Claimed {
    /// When to try again. `jitter` spreads messages that failed together: 0 is the shortest pause, 255 half as much more.
    pub fn after_failure(&self, jitter: u8, now: Timestamp) -> Next {
        let doublings = self.attempts.saturating_sub(1).min(16);
        let pause = FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE);
        let due = now.after(pause + pause * u32::from(jitter) / 512);
        if due > self.give_up_at { Next::Park } else { Next::Retry(due) }
    }
}
