//! Writes the users and accounts that come.
//! In: the rows of the source once more, and what was decided about them. Out: the same in the database of Signet.
//! Owns: what is here is changed by nothing; a batch is one unit of work, and no batch is larger than a few rows or one
//! large picture.

use futures_util::TryStreamExt;
use signet::model::credential::{Credential, PASSWORD_PROVIDER};
use signet::model::user::User;
use signet::store::{self, Database};

use super::error::Error;
use super::look::{AccountColumns, AccountFate, Fate, Plan};
use super::names::Table;
use super::report::{Reason, Report};
use super::source::{Pictures, Source};

/// How many rows are written at once.
pub const BATCH: usize = 200;
/// How many bytes of pictures are written at once, but for one that is larger.
const BATCH_BYTES: usize = 1 << 20;

/// Writes the users that come.
///
/// # Errors
/// When the source cannot be read or the database fails.
pub async fn users(
    source: &mut Source,
    table: &Table,
    database: &Database,
    plan: &mut Plan,
    report: &mut Report,
) -> Result<(), Error> {
    let at = |field| table.position(field);
    let (id, email, verified, name) = (at("id"), at("email"), at("emailVerified"), at("name"));
    let (image, created_at, updated_at) = (at("image"), at("createdAt"), at("updatedAt"));
    let (mut batch, mut bytes) = (Vec::new(), 0);
    let mut rows = source.rows(table, Pictures::Read);
    while let Some(mut row) = rows.try_next().await? {
        let comes = row.text(id).and_then(|id| plan.users.get(id)) == Some(&Fate::Comes);
        let (Some(created_at), Some(updated_at)) = (row.moment(created_at), row.moment(updated_at)) else {
            continue;
        };
        if !comes {
            continue;
        }
        let user = User {
            email_verified: row.flag(verified),
            id: row.take(id).unwrap_or_default(),
            email: row.take(email).unwrap_or_default().to_lowercase(),
            name: row.take(name).unwrap_or_default(),
            image: row.take(image),
            created_at,
            updated_at,
        };
        bytes += user.image.as_ref().map_or(0, String::len);
        batch.push(user);
        if batch.len() >= BATCH || bytes >= BATCH_BYTES {
            keep_users(database, &mut batch, plan, report).await?;
            bytes = 0;
        }
    }
    keep_users(database, &mut batch, plan, report).await
}

async fn keep_users(
    database: &Database,
    batch: &mut Vec<User>,
    plan: &mut Plan,
    report: &mut Report,
) -> Result<(), Error> {
    let users = batch.as_slice();
    let kept = database.write(|unit| async move {
        let mut kept = Vec::with_capacity(users.len());
        for user in users {
            kept.push(unit.users().insert_moved(user).await?);
        }
        Ok::<_, store::Error>(kept)
    });
    let kept = kept.await?;
    for (user, kept) in batch.drain(..).zip(kept) {
        if !kept {
            report.users.inserted -= 1;
            report.users.refused += 1;
            report.conflicts.push((user.id.clone(), Reason::TakenMeanwhile));
            plan.users.insert(user.id, Fate::Refused);
        }
    }
    Ok(())
}

/// Writes the accounts that come.
///
/// # Errors
/// When the source cannot be read or the database fails.
pub async fn accounts(
    source: &mut Source,
    table: &Table,
    database: &Database,
    plan: &Plan,
    report: &mut Report,
) -> Result<(), Error> {
    let columns = AccountColumns::of(table);
    let mut batch = Vec::new();
    let mut rows = source.rows(table, Pictures::Leave);
    while let Some(mut row) = rows.try_next().await? {
        let fate = row.text(columns.id).and_then(|id| plan.accounts.get(id));
        let moments = row.moment(columns.created_at).zip(row.moment(columns.updated_at));
        let (Some(fate), Some((created_at, updated_at))) = (fate, moments) else { continue };
        let user_id = row.take(columns.user).unwrap_or_default();
        let id = row.take(columns.id).unwrap_or_default();
        if plan.users.get(&user_id) == Some(&Fate::Refused) {
            refuse(report, id, Reason::UserRefused);
            continue;
        }
        let account = match fate {
            AccountFate::Password => {
                let (provider_id, account_id) = (PASSWORD_PROVIDER.to_owned(), user_id.clone());
                let credential = Credential { id, user_id, provider_id, account_id, created_at, updated_at };
                (credential, row.take(columns.password))
            }
            AccountFate::Linked => {
                let provider_id = row.take(columns.provider).unwrap_or_default();
                let account_id = row.take(columns.account).unwrap_or_default();
                (Credential { id, user_id, provider_id, account_id, created_at, updated_at }, None)
            }
        };
        batch.push(account);
        if batch.len() >= BATCH {
            keep_accounts(database, &mut batch, report).await?;
        }
    }
    keep_accounts(database, &mut batch, report).await
}

async fn keep_accounts(
    database: &Database,
    batch: &mut Vec<(Credential, Option<String>)>,
    report: &mut Report,
) -> Result<(), Error> {
    let accounts = batch.as_slice();
    let kept = database.write(|unit| async move {
        let mut kept = Vec::with_capacity(accounts.len());
        for (credential, hash) in accounts {
            kept.push(unit.credentials().insert_moved(credential, hash.as_deref()).await?);
        }
        Ok::<_, store::Error>(kept)
    });
    let kept = kept.await?;
    for ((account, _), kept) in batch.drain(..).zip(kept) {
        if !kept {
            refuse(report, account.id, Reason::TakenMeanwhile);
        }
    }
    Ok(())
}

fn refuse(report: &mut Report, id: String, reason: Reason) {
    report.accounts.inserted -= 1;
    report.accounts.refused += 1;
    report.conflicts.push((id, reason));
}
