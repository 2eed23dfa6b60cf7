//! The rows of what users have given to clients.
//! In: grants, and the hashes of their refresh tokens. Out: the same, never a token but a sealed one.
//! Owns: a refresh token is rotated in one statement, and at most once; a grant that ends says so to whoever revokes
//! its tokens.

use super::authorization_codes::{client_id, json, resources, scope};
use super::error::Error;
use super::rows::{Columns, FromColumns, entities, entity, prefixed};
use super::scope::{Scope, Statement, Transactional};
use super::sessions::Ending;
use super::users::user_columns;
use crate::model::amr::Amr;
use crate::model::client::ClientId;
use crate::model::grant::{Bound, Family, Grant, GrantState};
use crate::model::sealed::Sealed;
use crate::model::session::Revocation;
use signet_verify::clock::Timestamp;

/// How many rows one sweep deletes at most.
pub const SWEPT_AT_ONCE: u64 = 5000;

/// How many grants a user has given to a client at once, on as many devices; with one more the oldest ends.
pub const MAX_GRANTS: i64 = 64;

/// The columns of a grant, each after the given prefix, in the order in which [`Grant`] is read.
macro_rules! columns {
    ($prefix:literal) => {
        prefixed!(
            $prefix,
            "id",
            "client_id",
            "user_id",
            "session_id",
            "offline",
            "scope",
            "resources",
            "authenticated_at",
            "amr",
            "created_at",
            "expires_at"
        )
    };
}

/// The columns of a [`GrantState`], others that are given, and the tables of all.
macro_rules! state {
    ($others:literal) => {
        concat!(
            columns!("g."),
            ", s.expires_at, ",
            user_columns!("u."),
            $others,
            " FROM grants g JOIN users u ON u.id = g.user_id LEFT JOIN sessions s ON s.id = g.session_id"
        )
    };
}

/// The statement behind [`GrantRepository::state`]; public for the tests of query plans.
pub const STATE: &str = concat!("SELECT ", state!(""), " WHERE g.id = $1");

/// The statement behind [`GrantRepository::by_family`]; public for the tests of query plans.
pub const BY_FAMILY: &str = concat!(
    "SELECT ",
    state!(", g.refresh_hash, g.previous_hash, g.rotated_at, g.successor, g.successor_key"),
    " WHERE g.family_hash = $1"
);

impl FromColumns for Grant {
    fn from_columns(columns: &mut Columns<'_>) -> Result<Self, Error> {
        Ok(Self {
            id: columns.next()?,
            client_id: client_id(columns)?,
            user_id: columns.next()?,
            session_id: columns.next()?,
            bound: if columns.flag()? { Bound::Offline } else { Bound::Session },
            scope: scope(columns)?,
            resources: resources(columns)?,
            authenticated_at: columns.moment()?,
            amr: Amr::from_words(columns.next()?),
            created_at: columns.moment()?,
            expires_at: columns.moment()?,
        })
    }
}

impl FromColumns for GrantState {
    fn from_columns(columns: &mut Columns<'_>) -> Result<Self, Error> {
        let grant = columns.entity()?;
        let session_end = columns.next::<Option<i64>>()?.map(Timestamp::from_millis);
        Ok(Self { grant, session_end, user: columns.entity()? })
    }
}

/// A grant that has refresh tokens.
#[derive(Clone, Debug)]
pub struct Refreshable {
    /// The grant as it is now.
    pub state: GrantState,
    /// Its refresh tokens.
    pub family: Family,
    /// The present one, sealed, once there was another before it.
    pub successor: Option<Sealed>,
}

impl FromColumns for Refreshable {
    fn from_columns(columns: &mut Columns<'_>) -> Result<Self, Error> {
        let state = columns.entity()?;
        let current =
            hash(columns.next()?)?.ok_or_else(|| Error::Corrupt("a family without a token".to_owned()))?;
        let previous = hash(columns.next()?)?;
        let rotated_at = columns.next::<Option<i64>>()?.map(Timestamp::from_millis);
        let (bytes, master_key): (Option<Vec<u8>>, Option<String>) = (columns.next()?, columns.next()?);
        let successor = bytes.zip(master_key).map(|(bytes, master_key)| Sealed { bytes, master_key });
        Ok(Self { state, family: Family { current, previous, rotated_at }, successor })
    }
}

fn hash(bytes: Option<Vec<u8>>) -> Result<Option<[u8; 32]>, Error> {
    let sized = bytes.map(<[u8; 32]>::try_from).transpose();
    sized.map_err(|_| Error::Corrupt("the hash of a refresh token".to_owned()))
}

/// One refresh token that takes the place of another.
#[derive(Clone, Copy, Debug)]
pub struct Rotation<'a> {
    /// The hash of the one that was shown.
    pub from: &'a [u8; 32],
    /// The hash of its successor.
    pub to: &'a [u8; 32],
    /// The successor.
    pub successor: &'a Sealed,
    /// Now.
    pub at: Timestamp,
    /// When the successor ends.
    pub expires_at: Timestamp,
}

/// Which grants end.
#[derive(Clone, Copy, Debug)]
pub enum GrantFilter<'a> {
    /// The one with this id.
    Id(&'a str),
    /// Those that are bound to this session.
    BoundTo(&'a str),
    /// All that this user has given.
    OfUser(&'a str),
    /// All that this user has given to this client.
    OfUserTo(&'a str, &'a ClientId),
    /// The oldest that this user has given to this client, beyond [`MAX_GRANTS`].
    Surplus(&'a str, &'a ClientId),
    /// All that were given to this client.
    To(&'a ClientId),
}

impl GrantFilter<'_> {
    fn statement(&self) -> Statement<'_> {
        match self {
            Self::Id(id) => sqlx::query("DELETE FROM grants WHERE id = $1 RETURNING id").bind(*id),
            Self::BoundTo(session) => {
                sqlx::query("DELETE FROM grants WHERE session_id = $1 AND offline = 0 RETURNING id")
                    .bind(*session)
            }
            Self::OfUser(user) => {
                sqlx::query("DELETE FROM grants WHERE user_id = $1 RETURNING id").bind(*user)
            }
            Self::OfUserTo(user, client) => {
                sqlx::query("DELETE FROM grants WHERE user_id = $1 AND client_id = $2 RETURNING id")
                    .bind(*user)
                    .bind(client.as_str())
            }
            Self::Surplus(user, client) => sqlx::query(
                "DELETE FROM grants WHERE id IN (SELECT id FROM grants WHERE user_id = $1 AND client_id = $2 \
                 ORDER BY created_at DESC, id LIMIT 1000 OFFSET $3) RETURNING id",
            )
            .bind(*user)
            .bind(client.as_str())
            .bind(MAX_GRANTS),
            Self::To(client) => {
                sqlx::query("DELETE FROM grants WHERE client_id = $1 RETURNING id").bind(client.as_str())
            }
        }
    }
}

/// The grants.
#[derive(Clone, Debug)]
pub struct GrantRepository<S> {
    scope: S,
}

impl<S: Scope> GrantRepository<S> {
    pub(super) fn new(scope: S) -> Self {
        Self { scope }
    }

    /// Keeps a grant; `tokens` are the hash of what its refresh tokens have in common and that of the first of them.
    ///
    /// # Errors
    /// [`Error::ForeignKeyViolation`] when the client or the user is gone, [`Error::Conflict`] when it is there already.
    pub async fn insert(&self, grant: &Grant, tokens: Option<(&[u8; 32], &[u8; 32])>) -> Result<(), Error> {
        let statement = sqlx::query(concat!(
            "INSERT INTO grants (",
            columns!(""),
            ", family_hash, refresh_hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
        ))
        .bind(&grant.id)
        .bind(grant.client_id.as_str())
        .bind(&grant.user_id)
        .bind(&grant.session_id)
        .bind(i64::from(grant.bound == Bound::Offline))
        .bind(grant.scope.to_string())
        .bind(json(&grant.resources))
        .bind(grant.authenticated_at.millis())
        .bind(grant.amr.to_string())
        .bind(grant.created_at.millis())
        .bind(grant.expires_at.millis())
        .bind(tokens.map(|(family, _)| family.as_slice()))
        .bind(tokens.map(|(_, first)| first.as_slice()));
        self.scope.execute(statement).await.map(drop)
    }

    /// The grant with this id as it is now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn state(&self, id: &str) -> Result<Option<GrantState>, Error> {
        let statement = sqlx::query(STATE).bind(id);
        self.scope.fetch_optional(statement).await?.as_ref().map(entity).transpose()
    }

    /// The grant whose refresh tokens have in common what has this hash.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn by_family(&self, family_hash: &[u8; 32]) -> Result<Option<Refreshable>, Error> {
        let statement = sqlx::query(BY_FAMILY).bind(family_hash.as_slice());
        self.scope.fetch_optional(statement).await?.as_ref().map(entity).transpose()
    }

    /// The grants of a user as they are now, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn of_user(&self, user_id: &str) -> Result<Vec<GrantState>, Error> {
        let statement =
            sqlx::query(concat!("SELECT ", state!(""), " WHERE g.user_id = $1 ORDER BY g.created_at, g.id"))
                .bind(user_id);
        entities(&self.scope.fetch_all(statement).await?)
    }

    /// Puts one refresh token in the place of another; says whether that was still the present one, and the session
    /// lasts that the grant is bound to. Whoever ends the session ends the grant in the same unit, before this statement
    /// or after it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn rotate(&self, id: &str, rotation: Rotation<'_>) -> Result<bool, Error> {
        let statement = sqlx::query(
            "UPDATE grants SET refresh_hash = $3, previous_hash = $2, successor = $4, successor_key = $5, \
             rotated_at = $6, expires_at = $7 WHERE id = $1 AND refresh_hash = $2 AND (offline = 1 OR EXISTS \
             (SELECT 1 FROM sessions s WHERE s.id = grants.session_id AND s.expires_at > $6))",
        )
        .bind(id)
        .bind(rotation.from.as_slice())
        .bind(rotation.to.as_slice())
        .bind(rotation.successor.bytes.as_slice())
        .bind(&rotation.successor.master_key)
        .bind(rotation.at.millis())
        .bind(rotation.expires_at.millis());
        Ok(self.scope.execute(statement).await? == 1)
    }

    /// Deletes what has expired, [`SWEPT_AT_ONCE`] rows at most; says how many went. Their last tokens have expired too.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sweep(&self, now: Timestamp) -> Result<u64, Error> {
        let statement = sqlx::query(
            "DELETE FROM grants WHERE id IN (SELECT id FROM grants WHERE expires_at <= $1 LIMIT $2)",
        )
        .bind(now.millis())
        .bind(i64::try_from(SWEPT_AT_ONCE).unwrap_or(i64::MAX));
        self.scope.execute(statement).await
    }
}

impl<S: Transactional> GrantRepository<S> {
    /// Ends grants, and answers with the revocations of their tokens, which have to be kept in the same unit.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end(&self, filter: GrantFilter<'_>, ending: Ending) -> Result<Vec<Revocation>, Error> {
        let rows = self.scope.execute_returning(filter.statement()).await?;
        let revoked =
            |row| Ok(Revocation { session_id: Columns::of(row).next()?, forget_at: ending.forget_at });
        rows.iter().map(revoked).collect()
    }
}
