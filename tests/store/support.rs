//! A fresh database of each kind, and people to keep in it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use signet::model::amr::Amr;
use signet::model::credential::Credential;
use signet::model::session::{Remember, Session};
use signet::model::user::User;
use signet::store::sessions::Ending;
use signet::store::{Database, Error};
use signet_verify::clock::Timestamp;
use sqlx::AnyPool;
use tempfile::TempDir;

pub const START: Timestamp = Timestamp::from_seconds(1_800_000_000);
pub const MINUTE: Duration = Duration::from_secs(60);
/// How long an ended session is remembered.
pub const REMEMBERED: Duration = Duration::from_secs(900);
pub const ENDING: Ending = Ending { at: START, forget_at: Timestamp::from_seconds(1_800_000_900) };
/// The hash of everybody's password.
pub const HASH: &str = "hash one";

/// A kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}
pub use Kind::{Postgres, Sqlite};

/// A database of one test.
pub struct Fresh {
    pub url: String,
    pub database: Database,
    pub kind: Kind,
    _folder: Option<TempDir>,
}

impl Fresh {
    /// An empty database, migrated; none, said loudly, where there is no PostgreSQL.
    pub async fn open(kind: Kind) -> Option<Self> {
        let (folder, url) = match kind {
            Sqlite => {
                let (folder, url) = super::sqlite();
                (Some(folder), url)
            }
            Postgres => (None, crate::support::postgres::database(&name_of_the_test()).await?),
        };
        let database = Database::open(&url, 4).await.unwrap();
        database.migrate().await.unwrap();
        Some(Self { url, database, kind, _folder: folder })
    }

    /// Connections to the same database that are not Signet's.
    pub async fn others(&self) -> AnyPool {
        AnyPool::connect(&self.url).await.unwrap()
    }

    /// Keeps a user with a password and a session whose token has a hash of `byte`.
    pub async fn sign_up(&self, name: &str, byte: u8) -> User {
        let user = user(name);
        sign_up(&self.database, &user, &session(name, byte), &[byte; 32]).await.unwrap();
        user
    }

    /// Opens further sessions of a user.
    pub async fn open_sessions(&self, name: &str, bytes: impl IntoIterator<Item = u8>) {
        for byte in bytes {
            self.database.sessions().insert(&session(name, byte), &[byte; 32]).await.unwrap();
        }
    }

    /// Waits until a transaction waits for a lock of PostgreSQL.
    pub async fn until_a_lock_is_awaited(&self) {
        let others = self.others().await;
        let waiting =
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let found = async {
            while sqlx::query(waiting).fetch_optional(&others).await.unwrap().is_none() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), found).await.expect("no transaction waits for a lock");
        others.close().await;
    }
}

/// What is specific to the running test, short enough for a name of PostgreSQL.
pub fn name_of_the_test() -> String {
    let name = std::thread::current().name().unwrap_or_default().to_owned();
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    let words: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(40).collect();
    format!("{}_{:016x}", words.to_lowercase(), hasher.finish())
}

pub fn user(name: &str) -> User {
    User {
        id: format!("user-{name}"),
        email: format!("{name}@example.com"),
        email_verified: false,
        name: format!("{name} Æ’\"; DROP TABLE users; --"),
        image: None,
        created_at: START,
        updated_at: START,
    }
}

/// A session of the user called `name`, for a token with a hash of `byte`.
pub fn session(name: &str, byte: u8) -> Session {
    Session {
        id: format!("session-{byte}"),
        user_id: format!("user-{name}"),
        created_at: START.after(Duration::from_secs(u64::from(byte))),
        updated_at: START,
        expires_at: START.after(60 * MINUTE),
        remember: if byte.is_multiple_of(2) { Remember::Yes } else { Remember::No },
        ip_address: "2001:db8::1".to_owned(),
        user_agent: String::new(),
        authenticated_at: START.after(Duration::from_secs(u64::from(byte))),
        amr: Amr::password(),
    }
}

/// Keeps a user, a password and a session in one unit, as signing up does.
pub async fn sign_up(
    database: &Database,
    user: &User,
    session: &Session,
    token_hash: &[u8; 32],
) -> Result<(), Error> {
    let credential = &Credential::password(format!("credential-{}", user.id), user);
    database
        .write(|unit| async move {
            unit.users().insert(user).await?;
            unit.credentials().insert(credential, HASH).await?;
            unit.sessions().insert(session, token_hash).await
        })
        .await
}

pub fn is_conflict<T>(outcome: &Result<T, Error>) -> bool {
    matches!(outcome, Err(Error::Conflict))
}
