//! Where people are signed in.
//! In: rows of sessions, and what was decided about their users. Out: sessions whose cookies and tokens go on.
//! Owns: of a token only the hash is kept; no session comes back that may have been ended here.

use std::time::Duration;

use futures_util::TryStreamExt;
use signet::model::amr::Amr;
use signet::model::session::{Remember, Session};
use signet::secret::OpaqueToken;
use signet::store::{self, Database};
use signet_verify::clock::Timestamp;

use super::error::Error;
use super::here::Here;
use super::look::{Fate, Plan};
use super::names::Table;
use super::report::{Reason, Report};
use super::source::{Pictures, Row, Source};
use super::write::BATCH;

/// A session that is not to be remembered lives as long as this in Better Auth.
const NOT_REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);
/// What is kept of the name of a program, in characters, as of those that sign in here.
const USER_AGENT_LENGTH: usize = 512;

struct Columns {
    id: usize,
    user: usize,
    token: usize,
    created_at: usize,
    updated_at: usize,
    expires_at: usize,
    ip_address: usize,
    user_agent: usize,
    impersonated_by: usize,
}

impl Columns {
    fn of(table: &Table) -> Self {
        Self {
            id: table.position("id"),
            user: table.position("userId"),
            token: table.position("token"),
            created_at: table.position("createdAt"),
            updated_at: table.position("updatedAt"),
            expires_at: table.position("expiresAt"),
            ip_address: table.position("ipAddress"),
            user_agent: table.position("userAgent"),
            impersonated_by: table.position("impersonatedBy"),
        }
    }

    /// The session with the hash of its token; none where it has expired.
    fn read(&self, row: &Row, now: Timestamp) -> Result<Option<(Session, [u8; 32])>, Reason> {
        let text = |at: usize| row.text(at).filter(|text| !text.is_empty()).ok_or(Reason::Incomplete);
        let moment = |at: usize| row.moment(at).ok_or(Reason::UnreadableTime);
        if row.has_nul() {
            return Err(Reason::UnstorableText);
        }
        let (expires_at, updated_at) = (moment(self.expires_at)?, moment(self.updated_at)?);
        let is_remembered = expires_at.since(updated_at) > NOT_REMEMBERED;
        let created_at = moment(self.created_at)?;
        let session = Session {
            id: text(self.id)?.to_owned(),
            user_id: text(self.user)?.to_owned(),
            created_at,
            updated_at,
            expires_at,
            remember: if is_remembered { Remember::Yes } else { Remember::No },
            ip_address: row.text(self.ip_address).unwrap_or_default().to_owned(),
            user_agent: row
                .text(self.user_agent)
                .unwrap_or_default()
                .chars()
                .take(USER_AGENT_LENGTH)
                .collect(),
            authenticated_at: created_at,
            // Whatever it was proved with elsewhere, a password is what can be said of it here.
            amr: Amr::password(),
        };
        let token = OpaqueToken::new(text(self.token)?.to_owned());
        Ok((expires_at > now).then(|| (session, token.hash())))
    }
}

/// Looks at the sessions.
///
/// # Errors
/// When the source or the database cannot be read.
pub async fn look(
    source: &mut Source,
    table: &Table,
    database: &Database,
    here: &Here,
    now: Timestamp,
    plan: &mut Plan,
    report: &mut Report,
) -> Result<(), Error> {
    let columns = Columns::of(table);
    let mut rows = source.rows(table, Pictures::Leave);
    while let Some(row) = rows.try_next().await? {
        report.sessions.read += 1;
        match judge(&row, &columns, database, here, now, plan).await? {
            Ok(Some(id)) => {
                report.sessions.inserted += 1;
                plan.sessions.insert(id);
            }
            Ok(None) => report.sessions.skipped += 1,
            Err(reason) => {
                report.sessions.refused += 1;
                report.conflicts.push((row.text(columns.id).unwrap_or_default().to_owned(), reason));
            }
        }
    }
    Ok(())
}

/// The id of a session that comes; none where there is nothing to do, or the reason why it stays behind.
async fn judge(
    row: &Row,
    columns: &Columns,
    database: &Database,
    here: &Here,
    now: Timestamp,
    plan: &Plan,
) -> Result<Result<Option<String>, Reason>, store::Error> {
    let (session, token_hash) = match columns.read(row, now) {
        Ok(Some(read)) => read,
        Ok(None) => return Ok(Ok(None)),
        Err(reason) => return Ok(Err(reason)),
    };
    let user = session.user_id.as_str();
    let fate = match plan.users.get(user) {
        None => return Ok(Err(Reason::NoSuchUser)),
        Some(Fate::Refused) => return Ok(Err(Reason::UserRefused)),
        Some(fate) => *fate,
    };
    if row.text(columns.impersonated_by).is_some_and(|by| !by.is_empty()) {
        return Ok(Err(Reason::Impersonated));
    }
    if plan.sessions.contains(&session.id) {
        return Ok(Err(Reason::SessionTaken));
    }
    if fate == Fate::Comes {
        return Ok(Ok(Some(session.id)));
    }
    if let Some((known, _)) = database.sessions().by_token_hash(&token_hash).await? {
        let is_same = known.id == session.id && known.user_id == session.user_id;
        return Ok(if is_same { Ok(None) } else { Err(Reason::SessionTaken) });
    }
    // Who has proved a password here, or changed it, may have ended the session here.
    let is_untouched = !here.passwords.contains_key(user) || plan.same_password.contains(user);
    Ok(if is_untouched { Ok(Some(session.id)) } else { Err(Reason::SignedInHere) })
}

/// Writes the sessions that come.
///
/// # Errors
/// When the source cannot be read or the database fails.
pub async fn write(
    source: &mut Source,
    table: &Table,
    database: &Database,
    now: Timestamp,
    plan: &mut Plan,
    report: &mut Report,
) -> Result<(), Error> {
    let columns = Columns::of(table);
    let mut batch = Vec::new();
    let mut rows = source.rows(table, Pictures::Leave);
    while let Some(row) = rows.try_next().await? {
        if let Ok(Some((session, token_hash))) = columns.read(&row, now)
            && plan.sessions.remove(&session.id)
        {
            batch.push((session, token_hash));
        }
        if batch.len() >= BATCH {
            keep(database, &mut batch, report).await?;
        }
    }
    keep(database, &mut batch, report).await
}

async fn keep(
    database: &Database,
    batch: &mut Vec<(Session, [u8; 32])>,
    report: &mut Report,
) -> Result<(), Error> {
    let sessions = batch.as_slice();
    let kept = database.write(|unit| async move {
        let mut kept = Vec::with_capacity(sessions.len());
        for (session, token_hash) in sessions {
            kept.push(unit.sessions().insert_moved(session, token_hash).await?);
        }
        Ok::<_, store::Error>(kept)
    });
    let kept = kept.await?;
    for ((session, _), kept) in batch.drain(..).zip(kept) {
        if !kept {
            report.sessions.inserted -= 1;
            report.sessions.refused += 1;
            report.conflicts.push((session.id, Reason::SessionTaken));
        }
    }
    Ok(())
}
