//! Word to a client that a session has ended (OpenID Connect Back-Channel Logout 1.0), as it waits to be given.
//! In: how often it was tried, and the time. Out: when it is tried again.
//! Owns: it is tried for [`TRIED_FOR`], ever more seldom, and then dropped.

use std::time::Duration;

use signet_verify::clock::Timestamp;

/// How long a client is tried: whoever was away for longer has sessions of its own that end.
pub const TRIED_FOR: Duration = Duration::from_secs(4 * 60 * 60);

/// The pause after a first attempt that failed; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(10 * 60);

/// A notice that this instance has claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedNotice {
    /// The notice.
    pub id: String,
    /// Whose session has ended.
    pub user_id: String,
    /// The session.
    pub session_id: String,
    /// Where the client is told.
    pub uri: String,
    /// How often it was tried, this time included.
    pub attempts: u32,
    /// When it is dropped.
    pub expires_at: Timestamp,
}

/// What becomes of a notice after an attempt that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It is tried again then.
    Retry(Timestamp),
    /// It has been tried for long enough.
    Drop,
}

impl ClaimedNotice {
    /// When to try again. `jitter` spreads notices that failed together: 0 is the shortest pause, 255 half as much more.
    pub fn after_failure(&self, jitter: u8, now: Timestamp) -> Next {
        let doublings = self.attempts.saturating_sub(1).min(16);
        let pause = FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE);
        let due = now.after(pause + pause * u32::from(jitter) / 512);
        if due > self.expires_at { Next::Drop } else { Next::Retry(due) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

    #[test]
    fn after_failure_waits_ever_longer_and_gives_up_after_four_hours() {
        let mut notice = ClaimedNotice {
            id: "1".to_owned(),
            user_id: "user".to_owned(),
            session_id: "session".to_owned(),
            uri: "https://app.example/logout".to_owned(),
            attempts: 1,
            expires_at: START.after(TRIED_FOR),
        };
        let mut now = START;
        let mut pauses = Vec::new();
        while let Next::Retry(due) = notice.after_failure(0, now) {
            pauses.push(due.since(now).as_secs());
            (now, notice.attempts) = (due, notice.attempts + 1);
        }
        assert_eq!(pauses[..9], [5, 10, 20, 40, 80, 160, 320, 600, 600]);
        let in_all = now.since(START);
        assert!(in_all <= TRIED_FOR && in_all + LONGEST_PAUSE > TRIED_FOR, "{in_all:?}");
        assert!(
            matches!(notice.after_failure(255, START), Next::Retry(due) if due == START.after(Duration::from_millis(898_828)))
        );
    }
}
