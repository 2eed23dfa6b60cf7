//! Looks at everything before anything is written.
//! In: the rows of the source, and who is here. Out: what becomes of each row, with the reason where it stays behind.
//! Owns: what is decided here depends on the rows alone, so that a second import decides that everything is here.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use futures_util::TryStreamExt;
use signet::model::credential::PASSWORD_PROVIDER;
use signet::password;
use signet_verify::clock::Timestamp;

use super::error::Error;
use super::here::{Here, one_spelling};
use super::names::Table;
use super::report::{Reason, Report};
use super::source::{Pictures, Row, Source};

/// What becomes of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// They come.
    Comes,
    /// They are here.
    Here,
    /// They stay behind.
    Refused,
}

/// What was decided.
#[derive(Default)]
pub struct Plan {
    /// Every user of the source.
    pub users: HashMap<String, Fate>,
    /// The accounts that come, by their ids.
    pub accounts: HashMap<String, AccountFate>,
    /// Users who are here and have the password that they came with.
    pub same_password: HashSet<String>,
    /// The sessions that come, by their ids.
    pub sessions: HashSet<String>,
}

/// What becomes of an account that comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountFate {
    /// It is a password.
    Password,
    /// It is an account of a provider.
    Linked,
}

/// Looks at the users.
///
/// # Errors
/// When the source cannot be read.
pub async fn users(
    source: &mut Source,
    table: &Table,
    here: &Here,
    now: Timestamp,
    report: &mut Report,
) -> Result<Plan, Error> {
    let mut plan = Plan::default();
    let columns = UserColumns::of(table);
    // Who had an address first, and whether that is reported already.
    let mut addresses: HashMap<String, (String, bool)> = HashMap::new();
    let mut rows = source.rows(table, Pictures::Leave);
    while let Some(row) = rows.try_next().await? {
        report.users.read += 1;
        let id = row.text(columns.id).unwrap_or_default().to_owned();
        let address = row.text(columns.email).map(one_spelling).unwrap_or_default();
        let mut fate = columns.judge(&row, &id, &address, here, now);
        if plan.users.contains_key(&id) {
            fate = Err(Reason::IdTaken);
        }
        if !address.is_empty() {
            match addresses.entry(address) {
                Entry::Vacant(place) => {
                    place.insert((id.clone(), false));
                }
                Entry::Occupied(mut first) => {
                    let (first, is_reported) = first.get_mut();
                    if !std::mem::replace(is_reported, true) {
                        refuse_first(&mut plan, first, report);
                    }
                    fate = Err(Reason::SameAddress);
                }
            }
        }
        let fate = match fate {
            Ok(Fate::Here) => {
                report.users.skipped += 1;
                Fate::Here
            }
            Ok(fate) => {
                report.users.inserted += 1;
                fate
            }
            Err(reason) => {
                report.users.refused += 1;
                report.conflicts.push((id.clone(), reason));
                Fate::Refused
            }
        };
        plan.users.entry(id).or_insert(fate);
    }
    Ok(plan)
}

/// Takes back that the first of two people with one address comes.
fn refuse_first(plan: &mut Plan, id: &str, report: &mut Report) {
    let Some(fate) = plan.users.get_mut(id) else { return };
    match fate {
        Fate::Comes => report.users.inserted -= 1,
        Fate::Here => report.users.skipped -= 1,
        // Reported for another reason.
        Fate::Refused => {
            report.users.refused -= 1;
            report.conflicts.retain(|(other, _)| other != id);
        }
    }
    *fate = Fate::Refused;
    report.users.refused += 1;
    report.conflicts.push((id.to_owned(), Reason::SameAddress));
}

/// Where the fields of a user stand.
struct UserColumns {
    id: usize,
    email: usize,
    created_at: usize,
    updated_at: usize,
    banned: usize,
    ban_expires: usize,
}

impl UserColumns {
    fn of(table: &Table) -> Self {
        Self {
            id: table.position("id"),
            email: table.position("email"),
            created_at: table.position("createdAt"),
            updated_at: table.position("updatedAt"),
            banned: table.position("banned"),
            ban_expires: table.position("banExpires"),
        }
    }

    /// What becomes of a user by themselves.
    fn judge(&self, row: &Row, id: &str, address: &str, here: &Here, now: Timestamp) -> Result<Fate, Reason> {
        if id.is_empty() {
            return Err(Reason::Incomplete);
        }
        if row.has_nul() {
            return Err(Reason::UnstorableText);
        }
        if address.is_empty() {
            return Err(Reason::NoAddress);
        }
        let (Some(created_at), Some(_)) = (row.moment(self.created_at), row.moment(self.updated_at)) else {
            return Err(Reason::UnreadableTime);
        };
        match here.users.get(id) {
            // Who came before may have another address by now, but was made at the same moment.
            Some(known) if *known == created_at => return Ok(Fate::Here),
            Some(_) if here.addresses.get(address).is_some_and(|owner| owner == id) => return Ok(Fate::Here),
            Some(_) => return Err(Reason::IdTaken),
            None => {}
        }
        if row.flag(self.banned) && row.moment(self.ban_expires).is_none_or(|expires| expires > now) {
            return Err(Reason::Banned);
        }
        if here.deleted.contains(id) {
            return Err(Reason::DeletedHere);
        }
        match here.addresses.contains_key(address) {
            true => Err(Reason::AddressTaken),
            false => Ok(Fate::Comes),
        }
    }
}

/// Where the fields of an account stand.
pub struct AccountColumns {
    pub id: usize,
    pub user: usize,
    pub provider: usize,
    pub account: usize,
    pub password: usize,
    pub created_at: usize,
    pub updated_at: usize,
}

impl AccountColumns {
    pub fn of(table: &Table) -> Self {
        Self {
            id: table.position("id"),
            user: table.position("userId"),
            provider: table.position("providerId"),
            account: table.position("accountId"),
            password: table.position("password"),
            created_at: table.position("createdAt"),
            updated_at: table.position("updatedAt"),
        }
    }
}

/// What is known of the accounts that come, besides their rows.
#[derive(Default)]
struct Seen {
    /// The password of each user: the account, and when it last changed.
    passwords: HashMap<String, (String, Timestamp)>,
    /// Accounts of providers: the provider, and the id there.
    linked: HashSet<(String, String)>,
    /// Users whose password cannot be verified.
    unverifiable: HashSet<String>,
}

/// Looks at the accounts of users who come or are here.
///
/// # Errors
/// When the source cannot be read.
pub async fn accounts(
    source: &mut Source,
    table: &Table,
    here: &Here,
    plan: &mut Plan,
    report: &mut Report,
) -> Result<(), Error> {
    let columns = AccountColumns::of(table);
    let mut seen = Seen::default();
    let mut rows = source.rows(table, Pictures::Leave);
    while let Some(row) = rows.try_next().await? {
        report.accounts.read += 1;
        let id = row.text(columns.id).unwrap_or_default().to_owned();
        match judge_account(&row, &columns, &id, here, plan, &mut seen, report) {
            Ok(Some(fate)) => {
                report.accounts.inserted += 1;
                plan.accounts.insert(id, fate);
            }
            Ok(None) => report.accounts.skipped += 1,
            Err(Reason::UnverifiablePassword) => {
                report.accounts.refused += 1;
                let user = row.text(columns.user).unwrap_or_default();
                if seen.unverifiable.insert(user.to_owned()) {
                    report.unverifiable.push(user.to_owned());
                }
            }
            Err(reason) => {
                report.accounts.refused += 1;
                report.conflicts.push((id, reason));
            }
        }
    }
    Ok(())
}

/// What becomes of an account: it comes, there is nothing to do, or it stays behind.
fn judge_account(
    row: &Row,
    columns: &AccountColumns,
    id: &str,
    here: &Here,
    plan: &mut Plan,
    seen: &mut Seen,
    report: &mut Report,
) -> Result<Option<AccountFate>, Reason> {
    let text = |at: usize| row.text(at).filter(|text| !text.is_empty()).ok_or(Reason::Incomplete);
    let (user, provider) = (text(columns.user)?, text(columns.provider)?);
    if id.is_empty() {
        return Err(Reason::Incomplete);
    }
    if row.has_nul() {
        return Err(Reason::UnstorableText);
    }
    match plan.users.get(user) {
        None => return Err(Reason::NoSuchUser),
        Some(Fate::Refused) => return Err(Reason::UserRefused),
        Some(Fate::Comes | Fate::Here) => {}
    }
    let (Some(_), Some(updated_at)) = (row.moment(columns.created_at), row.moment(columns.updated_at)) else {
        return Err(Reason::UnreadableTime);
    };
    let is_password = provider == PASSWORD_PROVIDER;
    let account = if is_password { user } else { text(columns.account)? };
    let key = (provider.to_owned(), account.to_owned());
    if is_password {
        let Some(hash) = row.text(columns.password).filter(|hash| !hash.is_empty()) else { return Ok(None) };
        if here.passwords.get(user).is_some_and(|known| known == hash) {
            plan.same_password.insert(user.to_owned());
        }
        if !here.linked.contains_key(&key) && !password::is_verifiable(hash) {
            return Err(Reason::UnverifiablePassword);
        }
    }
    match (here.accounts.get(id), here.linked.get(&key)) {
        (Some(owner), _) | (None, Some(owner)) if owner == user => return Ok(None),
        (Some(_), _) | (None, Some(_)) => return Err(Reason::AccountTaken),
        (None, None) => {}
    }
    if plan.accounts.contains_key(id) {
        return Err(Reason::AccountTaken);
    }
    if !is_password {
        let is_first = seen.linked.insert(key);
        return if is_first { Ok(Some(AccountFate::Linked)) } else { Err(Reason::LinkedTwice) };
    }
    match seen.passwords.entry(user.to_owned()) {
        Entry::Vacant(place) => {
            place.insert((id.to_owned(), updated_at));
        }
        Entry::Occupied(kept) if kept.get().1 >= updated_at => return Err(Reason::SecondPassword),
        Entry::Occupied(mut kept) => {
            // The one that was seen before is older.
            let (older, _) = kept.insert((id.to_owned(), updated_at));
            plan.accounts.remove(&older);
            report.accounts.inserted -= 1;
            report.accounts.refused += 1;
            report.conflicts.push((older, Reason::SecondPassword));
        }
    }
    Ok(Some(AccountFate::Password))
}
