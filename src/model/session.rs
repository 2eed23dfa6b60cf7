//! Sessions, and what time makes of them.
//! In: a session and the time. Out: whether it lasts, slides or is over, and whether it is fresh.
//! Owns: a remembered session slides at most once a day; one that the browser forgets never does.

use std::time::Duration;

use signet_verify::clock::Timestamp;

use super::amr::Amr;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Life of a remembered session, counted from when its expiry last slid.
pub const REMEMBERED_FOR: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Life of a session that the browser forgets.
pub const BROWSER_SESSION_FOR: Duration = DAY;
/// A session slides when its expiry was set at least this long ago.
const SLIDES_AFTER: Duration = DAY;
/// How long after signing in a session is fresh.
pub const FRESH_FOR: Duration = DAY;

/// Whether a session outlives the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remember {
    /// It lasts [`REMEMBERED_FOR`], and slides when it is used.
    Yes,
    /// The browser forgets it when it closes; it lasts [`BROWSER_SESSION_FOR`] at most.
    No,
}

impl Remember {
    /// How long a session lasts that begins now.
    pub fn lifetime(self) -> Duration {
        match self {
            Self::Yes => REMEMBERED_FOR,
            Self::No => BROWSER_SESSION_FOR,
        }
    }
}

/// A user who is signed in on one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// 32 letters and digits; the `sid` of its JWTs. Not a credential.
    pub id: String,
    /// Who is signed in.
    pub user_id: String,
    /// When they signed in.
    pub created_at: Timestamp,
    /// When the expiry last slid.
    pub updated_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// Whether it outlives the browser and slides.
    pub remember: Remember,
    /// The address that signed in; empty when unknown.
    pub ip_address: String,
    /// The program that signed in; empty when unknown.
    pub user_agent: String,
    /// When the user last proved who they are.
    pub authenticated_at: Timestamp,
    /// How they did.
    pub amr: Amr,
}

/// What time has made of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is over, and has to be ended.
    Expired,
    /// It lasts.
    Current,
    /// It lasts, and its expiry moves when it is used now.
    Slides {
        /// The new expiry.
        to: Timestamp,
    },
}

impl Session {
    /// What time has made of it.
    pub fn standing(&self, now: Timestamp) -> Standing {
        let set_at = self.expires_at.before(REMEMBERED_FOR);
        if self.expires_at <= now {
            Standing::Expired
        } else if self.remember == Remember::Yes && set_at.after(SLIDES_AFTER) <= now {
            Standing::Slides { to: now.after(REMEMBERED_FOR) }
        } else {
            Standing::Current
        }
    }

    /// Whether signing in was so recent that sensitive reading is allowed.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        now.since(self.created_at) < FRESH_FOR
    }
}

/// A session that has ended, whose JWTs are to be refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// The `sid` to refuse.
    pub session_id: String,
    /// From when on no JWT of it can live any more.
    pub forget_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_seconds(1_800_000_000);
    const SECOND: Duration = Duration::from_secs(1);

    fn session(remember: Remember) -> Session {
        Session {
            id: "session".to_owned(),
            user_id: "user".to_owned(),
            created_at: START,
            updated_at: START,
            expires_at: START.after(remember.lifetime()),
            remember,
            ip_address: String::new(),
            user_agent: String::new(),
            authenticated_at: START,
            amr: Amr::password(),
        }
    }

    #[test]
    fn standing_of_a_remembered_session_slides_after_a_day_and_expires_after_a_week() {
        let session = session(Remember::Yes);
        assert_eq!(session.standing(START.after(DAY - SECOND)), Standing::Current);
        let day = START.after(DAY);
        assert_eq!(session.standing(day), Standing::Slides { to: day.after(REMEMBERED_FOR) });
        assert_eq!(session.standing(START.after(REMEMBERED_FOR)), Standing::Expired);
    }

    #[test]
    fn standing_of_a_browser_session_never_slides_and_expires_after_a_day() {
        let session = session(Remember::No);
        assert_eq!(session.standing(START.after(DAY - SECOND)), Standing::Current);
        assert_eq!(session.standing(START.after(DAY)), Standing::Expired);
    }

    #[test]
    fn is_fresh_for_a_day_after_signing_in() {
        let session = session(Remember::Yes);
        assert!(session.is_fresh(START.after(DAY - SECOND)));
        assert!(!session.is_fresh(START.after(DAY)));
    }
}
