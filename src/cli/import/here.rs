//! Who is here already.
//! In: the database of Signet. Out: users and accounts by what they could collide with.

use std::collections::{HashMap, HashSet};

use signet::identity::Email;
use signet::model::credential::PASSWORD_PROVIDER;
use signet::store::{self, Database};
use signet_verify::clock::Timestamp;

/// How many rows are read at once.
const PAGE: u32 = 1000;

/// The users and accounts of Signet.
#[derive(Default)]
pub struct Here {
    /// When each user was made, by their id.
    pub users: HashMap<String, Timestamp>,
    /// Whose address it is, in the one spelling.
    pub addresses: HashMap<String, String>,
    /// Whose account it is, by its id.
    pub accounts: HashMap<String, String>,
    /// Whose account it is, by provider and the id there.
    pub linked: HashMap<(String, String), String>,
    /// The hash of each user's password.
    pub passwords: HashMap<String, String>,
    /// Users who were deleted a short time ago.
    pub deleted: HashSet<String>,
}

impl Here {
    /// Reads them all.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read(database: &Database, now: Timestamp) -> Result<Self, store::Error> {
        let mut here = Self::default();
        let mut after = String::new();
        loop {
            let page = database.users().page(&after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.id);
            for user in page {
                here.addresses.insert(one_spelling(&user.email), user.id.clone());
                here.users.insert(user.id, user.created_at);
            }
        }
        let mut after = String::new();
        loop {
            let page = database.credentials().page(&after, PAGE).await?;
            let Some((last, _)) = page.last() else { break };
            after.clone_from(&last.id);
            for (account, hash) in page {
                if account.provider_id == PASSWORD_PROVIDER {
                    here.passwords.extend(hash.map(|hash| (account.user_id.clone(), hash)));
                }
                here.accounts.insert(account.id, account.user_id.clone());
                here.linked.insert((account.provider_id, account.account_id), account.user_id);
            }
        }
        here.deleted = database.tasks().ended(now).await?.into_iter().map(|owner| owner.user_id).collect();
        Ok(here)
    }
}

/// The spelling by which two addresses are one: in lower case, with the domain in ASCII where that can be told.
pub fn one_spelling(address: &str) -> String {
    let lower = address.to_lowercase();
    Email::parse_existing(&lower).map_or(lower, |email| email.as_str().to_owned())
}
