//! The rows of users.
//! In: users to keep, changes of their profile. Out: nothing that was not asked for.
//! Owns: an address belongs to one user; a unique index is the judge.

use super::error::Error;
use super::rows::{Columns, FromColumns};
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
