//! Devices that ask to be signed in while a user decides elsewhere (RFC 8628), as a state machine.
//! In: polls of the device, the decision of a user, and the time. Out: what the device is told.
//! Owns: one decision, by one user, before the end; what was approved is redeemed once; polls that come too soon make the
//! interval longer for good.

use std::time::Duration;

use signet_verify::clock::Timestamp;

use super::amr::Amr;
use super::client::ClientId;
use super::scope::ScopeSet;

/// How long a user may take.
pub const LIFETIME: Duration = Duration::from_secs(600);
/// How long a device waits between two polls, at first.
pub const INTERVAL: Duration = Duration::from_secs(5);
/// How much longer it waits after each poll that came too soon (RFC 8628 section 3.5).
pub const SLOWER_BY: Duration = Duration::from_secs(5);

/// A device that asks, but for its codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceAuthorization {
    /// The grant that it becomes.
    pub grant_id: String,
    /// Which client runs there.
    pub client_id: ClientId,
    /// What it asks for.
    pub scope: ScopeSet,
    /// The audiences that it asks for (RFC 8707).
    pub resources: Vec<String>,
    /// Where it asked from; empty where that is not known.
    pub ip_address: String,
    /// When it asked.
    pub created_at: Timestamp,
    /// When it is over.
    pub expires_at: Timestamp,
    /// How long it waits between two polls.
    pub interval: Duration,
    /// When it last polled in vain.
    pub polled_at: Option<Timestamp>,
    /// What has become of it.
    pub state: DeviceState,
}

/// What has become of a device that asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceState {
    /// No user has decided.
    Pending,
    /// A user has said no.
    Denied,
    /// A user has said yes.
    Approved(DeviceApproval),
    /// The device has its tokens.
    Redeemed(DeviceApproval),
}

/// Who said yes, and how they had proved who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceApproval {
    /// The user.
    pub user_id: String,
    /// The session in which they did.
    pub session_id: String,
    /// When they last proved who they are.
    pub authenticated_at: Timestamp,
    /// How they did.
    pub amr: Amr,
}

/// What a user decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceDecision {
    /// No.
    Deny,
    /// Yes.
    Approve(DeviceApproval),
}

/// What a poll comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Poll {
    /// No user has decided yet.
    Pending,
    /// No user has decided yet, and this poll came too soon.
    TooSoon,
    /// A user has said no.
    Denied,
    /// No user has decided in time, or the device has not come for its tokens in time.
    Expired,
    /// A user has said yes.
    Approved(DeviceApproval),
    /// The device has its tokens already.
    Spent,
}

impl DeviceAuthorization {
    /// What a poll at `now` comes to.
    pub fn poll(&self, now: Timestamp) -> Poll {
        match &self.state {
            DeviceState::Redeemed(_) => Poll::Spent,
            DeviceState::Denied => Poll::Denied,
            DeviceState::Pending | DeviceState::Approved(_) if self.expires_at <= now => Poll::Expired,
            DeviceState::Approved(approval) => Poll::Approved(approval.clone()),
            DeviceState::Pending if self.polled_at.is_some_and(|at| now < at.after(self.interval)) => {
                Poll::TooSoon
            }
            DeviceState::Pending => Poll::Pending,
        }
    }

    /// The same after a poll that came to `Pending` or `TooSoon`.
    #[must_use]
    pub fn polled(&self, now: Timestamp) -> Self {
        let interval = match self.poll(now) {
            Poll::TooSoon => self.interval + SLOWER_BY,
            _ => self.interval,
        };
        Self { interval, polled_at: Some(now), ..self.clone() }
    }

    /// Whether a user can still decide.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.state == DeviceState::Pending && self.expires_at > now
    }

    /// The same after a decision; none where there is nothing to decide any more.
    pub fn decided(&self, decision: DeviceDecision, now: Timestamp) -> Option<Self> {
        let state = match decision {
            DeviceDecision::Deny => DeviceState::Denied,
            DeviceDecision::Approve(approval) => DeviceState::Approved(approval),
        };
        self.is_open(now).then(|| Self { state, ..self.clone() })
    }

    /// The same once the device has its tokens; none where there are none for it, or no more.
    pub fn redeemed(&self, now: Timestamp) -> Option<Self> {
        match self.poll(now) {
            Poll::Approved(approval) => Some(Self { state: DeviceState::Redeemed(approval), ..self.clone() }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

    /// What can happen.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Step {
        Poll,
        Approve(u8),
        Deny,
        Redeem,
        Wait(u64),
    }

    fn asked() -> DeviceAuthorization {
        DeviceAuthorization {
            grant_id: "grant".to_owned(),
            client_id: ClientId::parse("tv").unwrap(),
            scope: ScopeSet::parse("openid").unwrap(),
            resources: Vec::new(),
            ip_address: String::new(),
            created_at: START,
            expires_at: START.after(LIFETIME),
            interval: INTERVAL,
            polled_at: None,
            state: DeviceState::Pending,
        }
    }

    fn approval(user: u8) -> DeviceApproval {
        DeviceApproval {
            user_id: format!("user-{user}"),
            session_id: "session".to_owned(),
            authenticated_at: START,
            amr: Amr::password(),
        }
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let wait = prop_oneof![0_u64..12, 100_u64..700].prop_map(Step::Wait);
        let step = prop_oneof![
            3 => Just(Step::Poll), 1 => (0_u8..3).prop_map(Step::Approve), 1 => Just(Step::Deny),
            2 => Just(Step::Redeem), 3 => wait,
        ];
        proptest::collection::vec(step, 0..25)
    }

    proptest! {
        #[test]
        fn device_is_decided_once_and_redeemed_once_in_every_order(steps in steps()) {
            let mut device = asked();
            let (mut now, mut yes, mut no, mut redeemed, mut soon) = (START, None, 0, 0, 0_u32);
            for step in steps {
                let over = now >= START.after(LIFETIME);
                match step {
                    Step::Wait(seconds) => now = now.after(Duration::from_secs(seconds)),
                    Step::Approve(user) => {
                        if let Some(next) = device.decided(DeviceDecision::Approve(approval(user)), now) {
                            prop_assert!(yes.is_none() && no == 0 && !over);
                            (device, yes) = (next, Some(user));
                        }
                    }
                    Step::Deny => {
                        if let Some(next) = device.decided(DeviceDecision::Deny, now) {
                            prop_assert!(yes.is_none() && no == 0 && !over);
                            (device, no) = (next, 1);
                        }
                    }
                    Step::Redeem => {
                        if let Some(next) = device.redeemed(now) {
                            prop_assert!(yes.is_some() && no == 0 && redeemed == 0 && !over);
                            (device, redeemed) = (next, 1);
                        }
                    }
                    Step::Poll => {
                        let told = device.poll(now);
                        let expected = match (yes, no, redeemed, over) {
                            (_, _, 1, _) => Some(Poll::Spent),
                            (_, 1, _, _) => Some(Poll::Denied),
                            (_, _, _, true) => Some(Poll::Expired),
                            (Some(user), ..) => Some(Poll::Approved(approval(user))),
                            (None, ..) => None,
                        };
                        match expected {
                            Some(expected) => prop_assert_eq!(told, expected),
                            None => {
                                prop_assert!(matches!(told, Poll::Pending | Poll::TooSoon));
                                soon += u32::from(told == Poll::TooSoon);
                                device = device.polled(now);
                            }
                        }
                    }
                }
                prop_assert_eq!(device.interval, INTERVAL + SLOWER_BY * soon, "kept, whatever else happens");
            }
        }
    }

    #[test]
    fn poll_is_too_soon_within_the_interval_and_each_time_waits_longer() {
        let at = |seconds| START.after(Duration::from_secs(seconds));
        let first = asked();
        assert_eq!(first.poll(START), Poll::Pending, "the first may come at once");
        let second = first.polled(START);
        assert_eq!((second.poll(at(4)), second.poll(at(5))), (Poll::TooSoon, Poll::Pending));
        let third = second.polled(at(4));
        assert_eq!((third.poll(at(13)), third.poll(at(14))), (Poll::TooSoon, Poll::Pending));
        assert_eq!(third.polled(at(14)).interval, Duration::from_secs(10), "kept");
        assert_eq!(third.polled(at(13)).interval, Duration::from_secs(15));
    }
}
