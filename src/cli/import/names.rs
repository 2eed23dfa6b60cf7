//! What the tables and columns of a database of Better Auth are called.
//! In: the tables that there are, and what the operator says of them. Out: where each field is.
//! Owns: a field that is needed and cannot be found stops everything before anything is read.

use std::collections::BTreeMap;
use std::str::FromStr;

/// The tables of a database, each with its columns and the types that the database says they have.
pub type Tables = BTreeMap<String, Vec<(String, String)>>;

/// How a field is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text, or something that is kept as one.
    Text,
    /// A time.
    Moment,
}

/// Whether a field has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    Required,
    Optional,
}

/// A model of Better Auth with the fields that are read of it.
pub struct Model {
    /// What Better Auth calls it.
    pub name: &'static str,
    /// What the table may be called: as it is made, plural, as a class.
    tables: [&'static str; 4],
    fields: &'static [(&'static str, Kind, Need)],
}

use Kind::{Moment, Text};
use Need::{Optional, Required};

/// Tables of Better Auth's plugins, in lower case and the singular: nothing of them is taken.
const OF_PLUGINS: [&str; 19] = [
    "apikey",
    "devicecode",
    "invitation",
    "member",
    "oauthaccesstoken",
    "oauthapplication",
    "oauthclient",
    "oauthconsent",
    "oauthrefreshtoken",
    "organization",
    "organizationrole",
    "passkey",
    "scimprovider",
    "ssoprovider",
    "subscription",
    "team",
    "teammember",
    "twofactor",
    "walletaddress",
];

/// The tables of plugins among those of a database, however an adapter spells them.
pub fn of_plugins(there: &Tables) -> Vec<String> {
    let singular = |name: &String| {
        let name = name.replace(['_', '-'], "").to_lowercase();
        name.strip_suffix('s').map(str::to_owned).unwrap_or(name)
    };
    there.keys().filter(|name| OF_PLUGINS.contains(&singular(name).as_str())).cloned().collect()
}

/// People.
pub const USER: Model = Model {
    name: "user",
    tables: ["user", "users", "User", "Users"],
    fields: &[
        ("id", Text, Required),
        ("email", Text, Required),
        ("emailVerified", Text, Required),
        ("name", Text, Required),
        ("image", Text, Optional),
        ("createdAt", Moment, Required),
        ("updatedAt", Moment, Required),
        ("banned", Text, Optional),
        ("banExpires", Moment, Optional),
    ],
};

/// The ways in which they sign in.
pub const ACCOUNT: Model = Model {
    name: "account",
    tables: ["account", "accounts", "Account", "Accounts"],
    fields: &[
        ("id", Text, Required),
        ("userId", Text, Required),
        ("providerId", Text, Required),
        ("accountId", Text, Required),
        ("password", Text, Optional),
        ("createdAt", Moment, Required),
        ("updatedAt", Moment, Required),
    ],
};

/// Where they are signed in.
pub const SESSION: Model = Model {
    name: "session",
    tables: ["session", "sessions", "Session", "Sessions"],
    fields: &[
        ("id", Text, Required),
        ("userId", Text, Required),
        ("token", Text, Required),
        ("createdAt", Moment, Required),
        ("updatedAt", Moment, Required),
        ("expiresAt", Moment, Required),
        ("ipAddress", Text, Optional),
        ("userAgent", Text, Optional),
        ("impersonatedBy", Text, Optional),
    ],
};

/// The signing keys of the plugin `jwt`.
pub const JWKS: Model = Model {
    name: "jwks",
    tables: ["jwks", "jwkss", "Jwks", "Jwkss"],
    fields: &[
        ("id", Text, Required),
        ("publicKey", Text, Required),
        ("privateKey", Text, Required),
        ("createdAt", Moment, Required),
        ("expiresAt", Moment, Optional),
        ("alg", Text, Optional),
    ],
};

const MODELS: [&Model; 4] = [&USER, &ACCOUNT, &SESSION, &JWKS];

/// Why fields cannot be found; each prints as one sentence.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// An entry of `--map` that is none.
    #[error("--map wants entries like user=app_users or user.emailVerified=verified, and {0:?} is none")]
    Entry(String),
    /// An entry of `--map` about something that is not read.
    #[error("--map names {0}, and what is read is: {known}", known = known())]
    Unknown(String),
    /// Two entries of `--map` about one thing.
    #[error("--map says twice what {0} is called")]
    Twice(String),
    /// No such table.
    #[error("there is no table {wanted}; say what it is called with --map {model}=NAME (there are: {there})")]
    NoTable {
        /// What Better Auth calls it.
        model: &'static str,
        /// What was looked for.
        wanted: String,
        /// What is there.
        there: String,
    },
    /// No such column.
    #[error(
        "the table {table} has no column {wanted}; say what it is called with --map {model}.{field}=NAME (there are: {there})"
    )]
    NoColumn {
        /// What Better Auth calls the table.
        model: &'static str,
        /// What Better Auth calls the column.
        field: &'static str,
        /// The table.
        table: String,
        /// What was looked for.
        wanted: String,
        /// What is there.
        there: String,
    },
}

fn known() -> String {
    let of = |model: &&Model| {
        let fields = model.fields.iter().map(|(field, ..)| format!("{}.{field}", model.name));
        std::iter::once(model.name.to_owned()).chain(fields).collect::<Vec<_>>()
    };
    MODELS.iter().flat_map(of).collect::<Vec<_>>().join(", ")
}

/// What the operator says that tables and columns are called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Map(BTreeMap<String, String>);

impl FromStr for Map {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut map = BTreeMap::new();
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let named = entry.split_once('=').map(|(what, name)| (what.trim(), name.trim()));
            let Some((what, name)) = named.filter(|(_, name)| !name.is_empty()) else {
                return Err(Error::Entry(entry.to_owned()));
            };
            let is_known = MODELS.iter().any(|model| match what.split_once('.') {
                None => model.name == what,
                Some((table, field)) => {
                    model.name == table && model.fields.iter().any(|(known, ..)| *known == field)
                }
            });
            if !is_known {
                return Err(Error::Unknown(what.to_owned()));
            }
            if map.insert(what.to_owned(), name.to_owned()).is_some() {
                return Err(Error::Twice(what.to_owned()));
            }
        }
        Ok(Self(map))
    }
}

impl Map {
    /// Whether the operator says anything of a model.
    pub fn names(&self, model: &Model) -> bool {
        self.0.keys().any(|what| what.split('.').next() == Some(model.name))
    }
}

/// A column that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// What Better Auth calls it.
    pub field: &'static str,
    /// What it is called here; none where it is not there.
    pub name: Option<String>,
    /// The type that the database says it has.
    pub declared: String,
    /// How it is read.
    pub kind: Kind,
}

/// A table that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// What Better Auth calls it.
    pub model: &'static str,
    /// What it is called here.
    pub name: String,
    /// Every field of the model, in its order.
    pub columns: Vec<Column>,
    /// The columns that nothing is read of.
    pub left: Vec<String>,
}

impl Table {
    /// Where a field stands among the columns.
    pub fn position(&self, field: &str) -> usize {
        self.columns.iter().position(|column| column.field == field).unwrap_or(usize::MAX)
    }

    /// Whether a field has a column here.
    pub fn has(&self, field: &str) -> bool {
        self.columns.iter().any(|column| column.field == field && column.name.is_some())
    }
}

impl Model {
    /// Finds the table and its columns.
    ///
    /// # Errors
    /// [`Error::NoTable`], [`Error::NoColumn`].
    pub fn find(&self, tables: &Tables, map: &Map) -> Result<Table, Error> {
        // Where Signet keeps its own rows, the plural names are Signet's.
        let is_signets = tables.contains_key("signing_keys") && tables.contains_key("keyring");
        let ours = |name: &str| is_signets && matches!(name, "users" | "accounts" | "sessions");
        let candidates: Vec<&str> = match map.0.get(self.name) {
            Some(name) => vec![name],
            None => self.tables.into_iter().filter(|name| !ours(name)).collect(),
        };
        let there: Vec<(&str, &Vec<(String, String)>)> =
            candidates.iter().filter_map(|name| Some((*name, tables.get(*name)?))).collect();
        let found = there.iter().map(|(name, columns)| self.columns(name, columns, map));
        let mut refusal = None;
        for table in found {
            match table {
                Ok(table) => return Ok(table),
                Err(error) => refusal = refusal.or(Some(error)),
            }
        }
        Err(refusal.unwrap_or_else(|| Error::NoTable {
            model: self.name,
            wanted: candidates.join(" or "),
            there: tables.keys().cloned().collect::<Vec<_>>().join(", "),
        }))
    }

    fn columns(&self, name: &str, there: &[(String, String)], map: &Map) -> Result<Table, Error> {
        let mut columns = Vec::new();
        for (field, kind, need) in self.fields {
            let given = map.0.get(&format!("{}.{field}", self.name));
            let candidates = match given {
                Some(name) => vec![name.clone()],
                None => vec![(*field).to_owned(), snake_case(field), field.to_lowercase()],
            };
            let found =
                candidates.iter().find_map(|wanted| there.iter().find(|(column, _)| column == wanted));
            if found.is_none() && (*need == Required || given.is_some()) {
                let mut wanted = candidates;
                wanted.dedup();
                return Err(Error::NoColumn {
                    model: self.name,
                    field,
                    table: name.to_owned(),
                    wanted: wanted.join(" or "),
                    there: there.iter().map(|(column, _)| column.as_str()).collect::<Vec<_>>().join(", "),
                });
            }
            let (name, declared) =
                found.cloned().map_or((None, String::new()), |(name, of)| (Some(name), of));
            columns.push(Column { field, name, declared, kind: *kind });
        }
        let is_read = |column: &str| columns.iter().any(|read| read.name.as_deref() == Some(column));
        let left = there.iter().map(|(column, _)| column.clone()).filter(|column| !is_read(column)).collect();
        Ok(Table { model: self.name, name: name.to_owned(), columns, left })
    }
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// Which versions of Better Auth make such tables.
pub fn version(tables: &Tables, accounts: &Table, keys: Option<&Table>) -> &'static str {
    let has = |table: &str, column: &str| {
        tables.get(table).is_some_and(|columns| columns.iter().any(|(name, _)| name == column))
    };
    match keys {
        _ if has(&accounts.name, "issuer") => "1.7.0 to 1.7.2",
        Some(keys) if keys.has("alg") => "1.7",
        Some(keys) if keys.has("expiresAt") => "1.4 to 1.6",
        Some(_) => "1.0 to 1.3",
        None => "1",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tables(of: &[(&str, &[&str])]) -> Tables {
        let columns =
            |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), "text".to_owned())).collect();
        of.iter().map(|(name, names)| ((*name).to_owned(), columns(names))).collect()
    }

    const CAMEL: &[&str] = &["id", "email", "emailVerified", "name", "createdAt", "updatedAt", "plan"];
    const SNAKE: &[&str] = &["id", "email", "email_verified", "name", "image", "created_at", "updated_at"];

    #[test]
    fn find_knows_the_names_of_each_adapter() {
        for (name, columns, left) in [
            ("user", CAMEL, vec!["plan"]),
            ("users", SNAKE, vec![]),
            ("User", CAMEL, vec!["plan"]),
            ("user", &["id", "email", "emailverified", "name", "createdat", "updatedat"], vec![]),
        ] {
            let table = USER.find(&tables(&[("post", &["id"]), (name, columns)]), &Map::default()).unwrap();
            assert_eq!(
                (table.name.as_str(), table.left.clone()),
                (name, left.iter().map(|s| (*s).to_owned()).collect())
            );
            assert_eq!(table.has("image"), columns.contains(&"image"));
        }
    }

    #[test]
    fn find_takes_the_table_that_has_the_fields_and_never_one_of_ours() {
        let both = tables(&[("user", &["id", "handle"]), ("users", SNAKE)]);
        assert_eq!(USER.find(&both, &Map::default()).unwrap().name, "users");
        let ours = tables(&[("users", SNAKE), ("signing_keys", &["kid"]), ("keyring", &["id"])]);
        assert!(matches!(USER.find(&ours, &Map::default()), Err(Error::NoTable { model: "user", .. })));
        let shared = tables(&[("users", SNAKE), ("user", CAMEL), ("signing_keys", &[]), ("keyring", &[])]);
        assert_eq!(USER.find(&shared, &Map::default()).unwrap().name, "user");
    }

    #[test]
    fn find_follows_what_the_operator_says_and_says_what_is_missing_with_the_option_that_helps() {
        let own = tables(&[("app_users", &["id", "mail", "verified", "name", "createdAt", "updatedAt"])]);
        let map: Map = "user=app_users, user.emailVerified=verified,user.email=mail".parse().unwrap();
        let table = USER.find(&own, &map).unwrap();
        assert_eq!(table.columns[table.position("email")].name.as_deref(), Some("mail"));
        let map: Map = "user=app_users,user.email=mail".parse().unwrap();
        let said = USER.find(&own, &map).unwrap_err().to_string();
        assert!(said.contains("--map user.emailVerified=NAME") && said.contains("verified"), "{said}");
        let said = USER.find(&own, &Map::default()).unwrap_err().to_string();
        assert!(said.contains("--map user=NAME") && said.contains("app_users"), "{said}");
        // A name that was given and is not there is no guess to fall back from.
        let map: Map = "user.image=picture".parse().unwrap();
        assert!(matches!(
            USER.find(&tables(&[("user", CAMEL)]), &map),
            Err(Error::NoColumn { field: "image", .. })
        ));
    }

    #[test]
    fn map_refuses_what_names_nothing() {
        for text in [
            "user",
            "user=",
            "=x",
            "user.email",
            "team=teams",
            "user.plan=x",
            "user=a,user=b",
            "user..email=x",
        ] {
            assert!(text.parse::<Map>().is_err(), "{text}");
        }
        assert_eq!("".parse::<Map>(), Ok(Map::default()));
    }

    #[test]
    fn version_is_told_by_the_columns_that_came_and_went() {
        let account = |more: &'static str| {
            tables(&[(
                "account",
                &["id", "userId", "providerId", "accountId", "createdAt", "updatedAt", more],
            )])
        };
        let keys = |more: &'static str| {
            JWKS.find(
                &tables(&[("jwks", &["id", "publicKey", "privateKey", "createdAt", more])]),
                &Map::default(),
            )
            .unwrap()
        };
        for (issuer, key, expected) in [
            ("issuer", Some("alg"), "1.7.0 to 1.7.2"),
            ("password", Some("alg"), "1.7"),
            ("password", Some("expiresAt"), "1.4 to 1.6"),
            ("password", Some("other"), "1.0 to 1.3"),
            ("password", None, "1"),
        ] {
            let tables = account(issuer);
            let accounts = ACCOUNT.find(&tables, &Map::default()).unwrap();
            assert_eq!(version(&tables, &accounts, key.map(keys).as_ref()), expected);
        }
    }
}
