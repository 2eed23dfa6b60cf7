//! Ending sessions, with what was given to clients in them.
//! In: sessions of a user. Out: the revocations of everything that has ended.
//! Owns: a session never ends without the grants that are bound to it, and without word to the clients that have registered
//! for it, in the same unit of work.

use crate::model::session::Revocation;
use crate::store::sessions::Ending;
use crate::store::{self, GrantFilter, SessionFilter, Unit};

/// Which grants end along with sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grants {
    /// Those that are bound to these sessions; what was given for offline access stays.
    Bound,
    /// All of the user: whoever has signed in as them may have given them away.
    All,
}

/// What has ended.
#[derive(Debug, Default)]
pub(super) struct Ended {
    /// Sessions.
    pub(super) sessions: Vec<Revocation>,
    /// Grants of clients.
    pub(super) grants: Vec<Revocation>,
    /// How many clients are to be told.
    pub(super) notices: u64,
}

/// Ends sessions of a user and grants along with them.
///
/// # Errors
/// When the database fails.
pub(super) async fn end(
    unit: &Unit,
    user_id: &str,
    filter: SessionFilter<'_>,
    grants: Grants,
    ending: Ending,
) -> Result<Ended, store::Error> {
    // Before they are gone: a client that gets an ID token at this moment is told as well, or gets none.
    let mut notices = 0;
    for session in unit.sessions().lock(user_id, filter).await? {
        notices += unit.logout_notices().write(&session, ending.at).await?;
    }
    let sessions = unit.sessions().end(user_id, filter, ending).await?;
    let mut ended = Ended { sessions, grants: Vec::new(), notices };
    match grants {
        Grants::Bound => {
            for session in &ended.sessions {
                let filter = GrantFilter::BoundTo(&session.session_id);
                ended.grants.extend(unit.grants().end(filter, ending).await?);
            }
        }
        Grants::All => ended.grants = unit.grants().end(GrantFilter::OfUser(user_id), ending).await?,
    }
    unit.sessions().remember(&ended.grants, ending).await?;
    Ok(ended)
}
