//! The rows of users.
//! In: users to keep, changes of their profile. Out: nothing that was not asked for.
//! Owns: an address belongs to one user; a unique index is the judge.

use super::error::Error;
use super::rows::{Columns, FromColumns, entities};
use super::scope::Scope;
use crate::model::user::{ImageChange, ProfileChange, User};
use signet_verify::clock::Timestamp;

/// The columns of a user, each after the given prefix, in the order in which [`User`] is read.
macro_rules! user_columns {
    ($prefix:literal) => {
        $crate::store::rows::prefixed!(
            $prefix,
            "id",
            "email",
            "email_verified",
            "name",
            "image",
            "created_at",
            "updated_at"
        )
    };
}
pub(super) use user_columns;

impl FromColumns for User {
    fn from_columns(columns: &mut Columns<'_>) -> Result<Self, Error> {
        Ok(Self {
            id: columns.next()?,
            email: columns.next()?,
            email_verified: columns.flag()?,
            name: columns.next()?,
            image: columns.next()?,
            created_at: columns.moment()?,
            updated_at: columns.moment()?,
        })
    }
}

/// A user without the picture, for lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserSummary {
    /// The id.
    pub id: String,
    /// The address, in lower case.
    pub email: String,
    /// Whether the address has been proved.
    pub email_verified: bool,
    /// The name.
    pub name: String,
    /// When the user signed up.
    pub created_at: Timestamp,
}

impl FromColumns for UserSummary {
    fn from_columns(columns: &mut Columns<'_>) -> Result<Self, Error> {
        Ok(Self {
            id: columns.next()?,
            email: columns.next()?,
            email_verified: columns.flag()?,
            name: columns.next()?,
            created_at: columns.moment()?,
        })
    }
}

/// The users.
#[derive(Clone, Debug)]
pub struct UserRepository<S> {
    scope: S,
}

impl<S: Scope> UserRepository<S> {
    pub(super) fn new(scope: S) -> Self {
        Self { scope }
    }

    /// Keeps a new user.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the address is taken.
    pub async fn insert(&self, user: &User) -> Result<(), Error> {
        let statement = sqlx::query(concat!(
            "INSERT INTO users (",
            user_columns!(""),
            ") VALUES ($1, $2, $3, $4, $5, $6, $7)"
        ))
        .bind(&user.id)
        .bind(&user.email)
        .bind(i64::from(user.email_verified))
        .bind(&user.name)
        .bind(user.image.as_ref())
        .bind(user.created_at.millis())
        .bind(user.updated_at.millis());
        self.scope.execute(statement).await.map(drop)
    }

    /// Keeps a user who was another service's, unless the id or the address is here already; says whether they are kept.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn insert_moved(&self, user: &User) -> Result<bool, Error> {
        let statement = sqlx::query(concat!(
            "INSERT INTO users (",
            user_columns!(""),
            ") VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING"
        ))
        .bind(&user.id)
        .bind(&user.email)
        .bind(i64::from(user.email_verified))
        .bind(&user.name)
        .bind(user.image.as_ref())
        .bind(user.created_at.millis())
        .bind(user.updated_at.millis());
        Ok(self.scope.execute(statement).await? == 1)
    }

    /// The user with this id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn by_id(&self, user_id: &str) -> Result<Option<User>, Error> {
        let statement = sqlx::query(concat!("SELECT ", user_columns!(""), " FROM users WHERE id = $1"));
        let row = self.scope.fetch_optional(statement.bind(user_id)).await?;
        row.map(|row| Columns::of(&row).entity()).transpose()
    }

    /// The users after the one with the id `after`, in the order of their ids.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn page(&self, after: &str, limit: u32) -> Result<Vec<UserSummary>, Error> {
        let statement = sqlx::query(
            "SELECT id, email, email_verified, name, created_at FROM users WHERE id > $1 ORDER BY id LIMIT $2",
        );
        entities(&self.scope.fetch_all(statement.bind(after).bind(i64::from(limit))).await?)
    }

    /// Changes a profile, and says whether there was such a user.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn update_profile(
        &self,
        user_id: &str,
        change: &ProfileChange,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let (changes_image, image) = match &change.image {
            ImageChange::Keep => (0_i64, None),
            ImageChange::Remove => (1, None),
            ImageChange::Replace(image) => (1, Some(image)),
        };
        let statement = sqlx::query(
            "UPDATE users SET name = COALESCE($2, name), image = CASE WHEN $3 = 1 THEN $4 ELSE image END, \
             updated_at = $5 WHERE id = $1",
        )
        .bind(user_id)
        .bind(change.name.as_ref())
        .bind(changes_image)
        .bind(image)
        .bind(now.millis());
        Ok(self.scope.execute(statement).await? == 1)
    }

    /// Deletes a user, and says whether there was one. What refers to the user in this database goes along.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete(&self, user_id: &str) -> Result<bool, Error> {
        let statement = sqlx::query("DELETE FROM users WHERE id = $1").bind(user_id);
        Ok(self.scope.execute(statement).await? == 1)
    }
}
