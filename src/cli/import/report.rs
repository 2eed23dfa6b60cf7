//! What an import came to.
//! In: each row, as it is decided on. Out: counts, and whoever stayed behind with the reason; for people and as JSON.
//! Owns: rows are named by their ids; no address, name, hash or token stands in it. What was read is inserted, skipped or
//! refused.

use serde_json::{Value, json};

/// What became of the rows of one table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows of the source.
    pub read: u64,
    /// Those that are here now, and were not before.
    pub inserted: u64,
    /// Those that were here before, or that there is nothing to take of.
    pub skipped: u64,
    /// Those that stay behind, each with a reason.
    pub refused: u64,
}

/// Why a row stays behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Another person of the source has the same address, once both are in lower case.
    SameAddress,
    /// Another user here has the address.
    AddressTaken,
    /// Another user here has the id.
    IdTaken,
    /// The user was deleted here a short time ago.
    DeletedHere,
    /// There is no address.
    NoAddress,
    /// The user is banned, and there is no way yet to keep them out here.
    Banned,
    /// A time cannot be read.
    UnreadableTime,
    /// A text holds NUL.
    UnstorableText,
    /// Something that has to be there is not.
    Incomplete,
    /// The row belongs to a user who is not in the source.
    NoSuchUser,
    /// The row belongs to a user who stays behind.
    UserRefused,
    /// The user has a younger password.
    SecondPassword,
    /// The hash of the password is of a kind that cannot be verified.
    UnverifiablePassword,
    /// The same account of the provider belongs to another row.
    LinkedTwice,
    /// The id or the account of the provider is here already, with another user.
    AccountTaken,
    /// An administrator acts as the user in this session.
    Impersonated,
    /// The password has been used or changed here since the user came.
    SignedInHere,
    /// The session has ended here, or its id or token is another one's.
    SessionTaken,
    /// The key cannot be read.
    UnreadableKey,
    /// The key is of an algorithm that does not sign or verify here.
    OtherAlgorithm,
    /// The private half does not open with the secret; its public half comes.
    WrongSecret,
    /// Another key waits to sign.
    SuccessorWaits,
    /// There are as many public keys as verifiers read.
    TooManyKeys,
    /// Another process was faster.
    TakenMeanwhile,
}

impl Reason {
    /// The word in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::SameAddress => "same_address",
            Self::AddressTaken => "address_taken",
            Self::IdTaken => "id_taken",
            Self::DeletedHere => "deleted_here",
            Self::NoAddress => "no_address",
            Self::Banned => "banned",
            Self::UnreadableTime => "unreadable_time",
            Self::UnstorableText => "unstorable_text",
            Self::Incomplete => "incomplete",
            Self::NoSuchUser => "no_such_user",
            Self::UserRefused => "user_refused",
            Self::SecondPassword => "second_password",
            Self::UnverifiablePassword => "unverifiable_password",
            Self::LinkedTwice => "linked_twice",
            Self::AccountTaken => "account_taken",
            Self::Impersonated => "impersonated",
            Self::SignedInHere => "signed_in_here",
            Self::SessionTaken => "session_taken",
            Self::UnreadableKey => "unreadable_key",
            Self::OtherAlgorithm => "other_algorithm",
            Self::WrongSecret => "wrong_secret",
            Self::SuccessorWaits => "successor_waits",
            Self::TooManyKeys => "too_many_keys",
            Self::TakenMeanwhile => "taken_meanwhile",
        }
    }

    /// Whether it is a person who would not come, or would be taken for another one: then nothing is written unless the
    /// operator says so.
    pub fn stops(self) -> bool {
        matches!(self, Self::SameAddress | Self::AddressTaken | Self::IdTaken)
    }
}

/// What an import came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// People.
    pub users: Counts,
    /// Their ways to sign in.
    pub accounts: Counts,
    /// Where they are signed in.
    pub sessions: Counts,
    /// Signing keys.
    pub keys: Counts,
    /// The ids of rows that stay behind, with the reason.
    pub conflicts: Vec<(String, Reason)>,
    /// The ids of users whose password cannot be verified: they come without one.
    pub unverifiable: Vec<String>,
    /// Columns of which nothing was taken.
    pub columns_not_taken: Vec<String>,
    /// Tables of plugins, of which nothing was taken.
    pub tables_not_taken: Vec<String>,
}

impl Report {
    /// How many people stop the import.
    pub fn stopping(&self) -> usize {
        self.conflicts.iter().filter(|(_, reason)| reason.stops()).count()
    }

    /// The same with nothing written.
    pub fn nothing_inserted(&mut self) {
        for counts in [&mut self.users, &mut self.accounts, &mut self.sessions, &mut self.keys] {
            counts.inserted = 0;
        }
    }

    /// The document; its shape is part of the public contract.
    pub fn document(&self) -> Value {
        let counts = |counts: &Counts| {
            json!({
                "read": counts.read,
                "inserted": counts.inserted,
                "skipped": counts.skipped,
                "refused": counts.refused,
            })
        };
        let conflict = |(id, reason): &(String, Reason)| json!({ "id": id, "reason": reason.name() });
        json!({
            "users": counts(&self.users),
            "accounts": counts(&self.accounts),
            "sessions": counts(&self.sessions),
            "keys": counts(&self.keys),
            "conflicts": self.conflicts.iter().map(conflict).collect::<Vec<_>>(),
            "unverifiable": self.unverifiable,
            "columns_not_taken": self.columns_not_taken,
            "tables_not_taken": self.tables_not_taken,
        })
    }

    /// The same for people.
    pub fn text(&self, inserted: &str) -> String {
        let mut text = String::new();
        for (name, counts) in [
            ("Users", &self.users),
            ("Accounts", &self.accounts),
            ("Sessions", &self.sessions),
            ("Keys", &self.keys),
        ] {
            text += &format!(
                "{name:<9} {:>8} read {:>8} {inserted} {:>8} skipped {:>8} refused\n",
                counts.read, counts.inserted, counts.skipped, counts.refused,
            );
        }
        for (id, reason) in &self.conflicts {
            text += &format!("Stays behind: {} ({})\n", shown(id), reason.name());
        }
        for id in &self.unverifiable {
            text +=
                &format!("Comes without a password, whose hash is of an unknown kind: user {}\n", shown(id));
        }
        for (what, names) in
            [("Not taken", &self.columns_not_taken), ("Tables of plugins, not taken", &self.tables_not_taken)]
        {
            if !names.is_empty() {
                let names: Vec<String> = names.iter().map(|name| shown(name)).collect();
                text += &format!("{what}: {}\n", names.join(", "));
            }
        }
        text
    }
}

/// An id of another database, as a terminal may show it.
fn shown(id: &str) -> String {
    id.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
