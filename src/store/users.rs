//! The rows of users.
//! In: users to keep, changes of their profile. Out: nothing that was not asked for.
//! Owns: an address belongs to one user; a unique index is the judge.

use super::error::Error;
use super::rows::{Columns, FromColumns, entities, entity};
use super::scope::{Scope, Statement};
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
        let statement = with_values(
            concat!("INSERT INTO users (", user_columns!(""), ") VALUES ($1, $2, $3, $4, $5, $6, $7)"),
            user,
        );
        self.scope.execute(statement).await.map(drop)
    }

    /// Keeps a new user, unless the address is taken; says whether it did.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn insert_if_free(&self, user: &User) -> Result<bool, Error> {
        let statement = with_values(
            concat!(
                "INSERT INTO users (",
                user_columns!(""),
                ") VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (email) DO NOTHING"
            ),
            user,
        );
        Ok(self.scope.execute(statement).await? == 1)
    }

    /// The user with this id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn by_id(&self, user_id: &str) -> Result<Option<User>, Error> {
        let statement =
            sqlx::query(concat!("SELECT ", user_columns!(""), " FROM users WHERE id = $1")).bind(user_id);
        self.scope.fetch_optional(statement).await?.as_ref().map(entity).transpose()
    }

    /// Notes that the address of a user is proved, as long as it is still `address`; says whether it was.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn mark_verified(&self, user_id: &str, address: &str, now: Timestamp) -> Result<bool, Error> {
        let statement =
            sqlx::query("UPDATE users SET email_verified = 1, updated_at = $3 WHERE id = $1 AND email = $2")
                .bind(user_id)
                .bind(address)
                .bind(now.millis());
        Ok(self.scope.execute(statement).await? == 1)
    }

    /// Gives a user a new address that is proved, as long as the old one is still `from`; says whether it was.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the address is taken.
    pub async fn change_email(
        &self,
        user_id: &str,
        from: &str,
        to: &str,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let statement = sqlx::query(
            "UPDATE users SET email = $3, email_verified = 1, updated_at = $4 WHERE id = $1 AND email = $2",
        )
        .bind(user_id)
        .bind(from)
        .bind(to)
        .bind(now.millis());
        Ok(self.scope.execute(statement).await? == 1)
    }

    /// Keeps a user who was another service's, unless the id or the address is here already; says whether they are kept.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn insert_moved(&self, user: &User) -> Result<bool, Error> {
        let statement = with_values(
            concat!(
                "INSERT INTO users (",
                user_columns!(""),
                ") VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING"
            ),
            user,
        );
        Ok(self.scope.execute(statement).await? == 1)
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

/// The values of a new user, in the order of its columns.
fn with_values<'q>(statement: &'static str, user: &'q User) -> Statement<'q> {
    sqlx::query(statement)
        .bind(&user.id)
        .bind(&user.email)
        .bind(i64::from(user.email_verified))
        .bind(&user.name)
        .bind(user.image.as_ref())
        .bind(user.created_at.millis())
        .bind(user.updated_at.millis())
}
