//! The rows of sessions, and of those that ended too recently to forget.
//! In: sessions with the hash of their token. Out: sessions and their users, never a token.
//! Owns: a session that ends leaves a revocation in the same unit of work, so that its JWTs can be refused until they expire.

use super::database::Dialect;
use super::error::Error;
use super::rows::{Columns, FromColumns, entities, prefixed};
use super::scope::{Scope, Statement, Transactional};
use super::users::user_columns;
use crate::model::amr::Amr;
use crate::model::credential::PASSWORD_PROVIDER;
use crate::model::session::{Remember, Revocation, Session};
use crate::model::user::User;
use signet_verify::clock::Timestamp;

/// How many rows of each kind one sweep deletes at most: no slow statement, and no long lock.
pub const SWEPT_AT_ONCE: u64 = 5000;

/// The columns of a session, each after the given prefix, in the order in which [`Session`] is read.
macro_rules! session_columns {
    ($prefix:literal) => {
        prefixed!(
            $prefix,
            "id",
            "user_id",
            "created_at",
            "updated_at",
            "expires_at",
            "remembered",
            "ip_address",
            "user_agent",
            "authenticated_at",
            "amr"
        )
    };
}

/// The statement behind [`SessionRepository::by_token_hash`]; public for the tests of query plans.
pub const BY_TOKEN_HASH: &str = concat!(
    "SELECT ",
    session_columns!("s."),
    ", ",
    user_columns!("u."),
    " FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.token_hash = $1"
);

/// The statement behind [`SessionRepository::expiry_and_user`]; public for the tests of query plans.
pub const EXPIRY_AND_USER: &str = concat!(
    "SELECT s.expires_at, ",
    user_columns!("u."),
    " FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = $1"
);

/// Keeps a session whose values are all given.
const INSERT: &str = concat!(
    "INSERT INTO sessions (",
    session_columns!(""),
    ", token_hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
);

/// The same, unless the session has ended here, or its id or its token is here already.
const INSERT_MOVED: &str = concat!(
    "INSERT INTO sessions (",
    session_columns!(""),
    ", token_hash) SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11 \
     WHERE NOT EXISTS (SELECT 1 FROM revoked_sessions WHERE session_id = $1) ON CONFLICT DO NOTHING"
);

/// The same, as long as the password is still what was proved. SQLite has one writer at a time; PostgreSQL makes whoever
/// changes the password or deletes it wait for this session, and this session for them.
macro_rules! insert_proved {
    ($lock:literal) => {
        concat!(
            "INSERT INTO sessions (",
            session_columns!(""),
            ", token_hash) SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11 FROM accounts \
             WHERE user_id = $2 AND provider_id = $12 AND password_hash = $13",
            $lock
        )
    };
}
const INSERT_PROVED_SQLITE: &str = insert_proved!("");
const INSERT_PROVED_POSTGRES: &str = insert_proved!(" FOR SHARE");

impl FromColumns for Session {
    fn from_columns(columns: &mut Columns<'_>) -> Result<Self, Error> {
        let (id, user_id, created_at) = (columns.next()?, columns.next()?, columns.moment()?);
        Ok(Self {
            id,
            user_id,
            created_at,
            updated_at: columns.moment()?,
            expires_at: columns.moment()?,
            remember: if columns.flag()? { Remember::Yes } else { Remember::No },
            ip_address: columns.next()?,
            user_agent: columns.next()?,
            // Null where a version that knows nothing of it has opened the session.
            authenticated_at: columns.next::<Option<i64>>()?.map_or(created_at, Timestamp::from_millis),
            amr: Amr::from_words(columns.next()?),
        })
    }
}

impl FromColumns for Revocation {
    fn from_columns(columns: &mut Columns<'_>) -> Result<Self, Error> {
        Ok(Self { session_id: columns.next()?, forget_at: columns.moment()? })
    }
}

/// Which of a user's sessions to end.
#[derive(Clone, Copy, Debug)]
pub enum SessionFilter<'a> {
    /// Every one.
    All,
    /// Every one but this.
    AllBut(&'a str),
    /// The one with this id.
    Id(&'a str),
    /// The one with this id, or whose token has this hash.
    IdOrTokenHash(&'a str, &'a [u8; 32]),
}

/// A statement for each [`SessionFilter`], in the order of its variants.
macro_rules! filtered {
    ($before:literal, $after:literal) => {
        [
            concat!($before, " WHERE user_id = $1", $after),
            concat!($before, " WHERE user_id = $1 AND id <> $2", $after),
            concat!($before, " WHERE user_id = $1 AND id = $2", $after),
            concat!($before, " WHERE user_id = $1 AND (id = $2 OR token_hash = $3)", $after),
        ]
    };
}
const END: [&str; 4] = filtered!("DELETE FROM sessions", " RETURNING id");
const LOCK_SQLITE: [&str; 4] = filtered!("SELECT id FROM sessions", " ORDER BY id");
const LOCK_POSTGRES: [&str; 4] = filtered!("SELECT id FROM sessions", " ORDER BY id FOR UPDATE");

impl<'a> SessionFilter<'a> {
    fn statement(self, texts: [&'static str; 4], user_id: &'a str) -> Statement<'a> {
        let [all, all_but, one, either] = texts;
        match self {
            Self::All => sqlx::query(all).bind(user_id),
            Self::AllBut(id) => sqlx::query(all_but).bind(user_id).bind(id),
            Self::Id(id) => sqlx::query(one).bind(user_id).bind(id),
            Self::IdOrTokenHash(id, hash) => sqlx::query(either).bind(user_id).bind(id).bind(hash.as_slice()),
        }
    }
}

/// When sessions end, and how long that is remembered.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    /// Now.
    pub at: Timestamp,
    /// When no JWT of theirs can live any more.
    pub forget_at: Timestamp,
}

/// The sessions.
#[derive(Clone, Debug)]
pub struct SessionRepository<S> {
    scope: S,
}

impl<S: Scope> SessionRepository<S> {
    pub(super) fn new(scope: S) -> Self {
        Self { scope }
    }

    /// Keeps a new session, whose token has the SHA-256 `token_hash`.
    ///
    /// # Errors
    /// [`Error::ForeignKeyViolation`] when the user is gone.
    pub async fn insert(&self, session: &Session, token_hash: &[u8; 32]) -> Result<(), Error> {
        self.scope.execute(with_values(INSERT, session, token_hash)).await.map(drop)
    }

    /// Keeps a session that another service has opened, unless it has ended here, or its id or its token is here already;
    /// says whether it is kept.
    ///
    /// # Errors
    /// [`Error::ForeignKeyViolation`] when the user is gone.
    pub async fn insert_moved(&self, session: &Session, token_hash: &[u8; 32]) -> Result<bool, Error> {
        Ok(self.scope.execute(with_values(INSERT_MOVED, session, token_hash)).await? == 1)
    }

    /// Keeps a new session, as long as `password_hash` is still the hash of the user's password; says whether it was.
    /// Whoever changes or deletes the password ends sessions as well, and finds this one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn insert_proved(
        &self,
        session: &Session,
        token_hash: &[u8; 32],
        password_hash: &str,
    ) -> Result<bool, Error> {
        let text = match self.scope.dialect() {
            Dialect::Sqlite => INSERT_PROVED_SQLITE,
            Dialect::Postgres => INSERT_PROVED_POSTGRES,
        };
        let statement = with_values(text, session, token_hash).bind(PASSWORD_PROVIDER).bind(password_hash);
        Ok(self.scope.execute(statement).await? == 1)
    }

    /// The session with this token, and its user, whether it has expired or not.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn by_token_hash(&self, token_hash: &[u8; 32]) -> Result<Option<(Session, User)>, Error> {
        let statement = sqlx::query(BY_TOKEN_HASH).bind(token_hash.as_slice());
        let Some(row) = self.scope.fetch_optional(statement).await? else { return Ok(None) };
        let mut columns = Columns::of(&row);
        Ok(Some((columns.entity()?, columns.entity()?)))
    }

    /// Whether this session of the user has not ended.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn lives(&self, user_id: &str, id: &str) -> Result<bool, Error> {
        let statement =
            sqlx::query("SELECT 1 FROM sessions WHERE id = $1 AND user_id = $2").bind(id).bind(user_id);
        Ok(self.scope.fetch_optional(statement).await?.is_some())
    }

    /// When the session with this id ends by itself, and whose it is, if it is there.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn expiry_and_user(&self, id: &str) -> Result<Option<(Timestamp, User)>, Error> {
        let statement = sqlx::query(EXPIRY_AND_USER).bind(id);
        let Some(row) = self.scope.fetch_optional(statement).await? else { return Ok(None) };
        let mut columns = Columns::of(&row);
        Ok(Some((columns.moment()?, columns.entity()?)))
    }

    /// The unexpired sessions of a user, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn of_user(&self, user_id: &str, now: Timestamp) -> Result<Vec<Session>, Error> {
        let statement = sqlx::query(concat!(
            "SELECT ",
            session_columns!(""),
            " FROM sessions WHERE user_id = $1 AND expires_at > $2 ORDER BY created_at, id"
        ))
        .bind(user_id)
        .bind(now.millis());
        entities(&self.scope.fetch_all(statement).await?)
    }

    /// Moves the expiry; says whether the session was still there.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn extend(&self, id: &str, expires_at: Timestamp, now: Timestamp) -> Result<bool, Error> {
        let statement = sqlx::query("UPDATE sessions SET expires_at = $2, updated_at = $3 WHERE id = $1")
            .bind(id)
            .bind(expires_at.millis())
            .bind(now.millis());
        Ok(self.scope.execute(statement).await? == 1)
    }

    /// The sessions that ended while JWTs of theirs may still live.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revoked(&self, now: Timestamp) -> Result<Vec<Revocation>, Error> {
        let statement =
            sqlx::query("SELECT session_id, forget_at FROM revoked_sessions WHERE forget_at > $1")
                .bind(now.millis());
        entities(&self.scope.fetch_all(statement).await?)
    }

    /// Whether what carries this id in its tokens has ended while they may still live.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn is_revoked(&self, id: &str) -> Result<bool, Error> {
        let statement = sqlx::query("SELECT 1 FROM revoked_sessions WHERE session_id = $1").bind(id);
        Ok(self.scope.fetch_optional(statement).await?.is_some())
    }

    /// Deletes what time has made useless: expired sessions and forgotten revocations. Says how many rows went,
    /// [`SWEPT_AT_ONCE`] of each kind at most.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sweep(&self, now: Timestamp) -> Result<u64, Error> {
        let mut swept = 0;
        for delete in [
            "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at <= $1 LIMIT $2)",
            "DELETE FROM revoked_sessions WHERE session_id IN \
             (SELECT session_id FROM revoked_sessions WHERE forget_at <= $1 LIMIT $2)",
        ] {
            let limit = i64::try_from(SWEPT_AT_ONCE).unwrap_or(i64::MAX);
            swept += self.scope.execute(sqlx::query(delete).bind(now.millis()).bind(limit)).await?;
        }
        Ok(swept)
    }
}

impl<S: Transactional> SessionRepository<S> {
    /// Whether this session lasts; it can end only after the unit.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hold(&self, id: &str, now: Timestamp) -> Result<bool, Error> {
        let text = match self.scope.dialect() {
            Dialect::Sqlite => "SELECT 1 FROM sessions WHERE id = $1 AND expires_at > $2",
            Dialect::Postgres => "SELECT 1 FROM sessions WHERE id = $1 AND expires_at > $2 FOR SHARE",
        };
        let statement = sqlx::query(text).bind(id).bind(now.millis());
        Ok(self.scope.fetch_optional(statement).await?.is_some())
    }

    /// The ids of sessions of a user that are about to end: whoever uses one is done with it, or waits for the end of the unit.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn lock(&self, user_id: &str, filter: SessionFilter<'_>) -> Result<Vec<String>, Error> {
        let texts = match self.scope.dialect() {
            Dialect::Sqlite => LOCK_SQLITE,
            Dialect::Postgres => LOCK_POSTGRES,
        };
        let rows = self.scope.fetch_all(filter.statement(texts, user_id)).await?;
        rows.iter().map(|row| Columns::of(row).next()).collect()
    }

    /// Ends sessions of a user and answers with their revocations.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end(
        &self,
        user_id: &str,
        filter: SessionFilter<'_>,
        ending: Ending,
    ) -> Result<Vec<Revocation>, Error> {
        let delete = filter.statement(END, user_id);
        let mut ended = Vec::new();
        for row in self.scope.execute_returning(delete).await? {
            ended.push(Revocation { session_id: Columns::of(&row).next()?, forget_at: ending.forget_at });
        }
        self.remember(&ended, ending).await?;
        Ok(ended)
    }

    /// Remembers that what carries these ids in its tokens has ended.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remember(&self, ended: &[Revocation], ending: Ending) -> Result<(), Error> {
        for revocation in ended {
            let statement = sqlx::query(
                "INSERT INTO revoked_sessions (session_id, revoked_at, forget_at) VALUES ($1, $2, $3) \
                 ON CONFLICT (session_id) DO NOTHING",
            )
            .bind(&revocation.session_id)
            .bind(ending.at.millis())
            .bind(revocation.forget_at.millis());
            self.scope.execute(statement).await?;
        }
        Ok(())
    }
}

/// The values of a new session, in the order of its columns.
fn with_values<'q>(statement: &'static str, session: &'q Session, token_hash: &'q [u8; 32]) -> Statement<'q> {
    sqlx::query(statement)
        .bind(&session.id)
        .bind(&session.user_id)
        .bind(session.created_at.millis())
        .bind(session.updated_at.millis())
        .bind(session.expires_at.millis())
        .bind(i64::from(session.remember == Remember::Yes))
        .bind(&session.ip_address)
        .bind(&session.user_agent)
        .bind(session.authenticated_at.millis())
        .bind(session.amr.to_string())
        .bind(token_hash.as_slice())
}
