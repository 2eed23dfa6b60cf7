//! People and the accounts that they sign in with.
//! In: users to keep, addresses to look up. Out: users and password hashes.
//! Owns: an address belongs to one user (a unique index is the judge); a user never exists without an account and,
//! at sign-up, without the first session.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::sessions::{NewSession, insert_session};
use super::{Database, StoreError, flag, moment};
use signet_verify::clock::Timestamp;

/// The provider id of accounts that sign in with a password.
pub const CREDENTIAL: &str = "credential";

/// The statement behind [`Accounts::by_email`], for who asks a database how it goes about it.
pub const BY_EMAIL: &str = "SELECT u.id, u.email, u.email_verified, u.name, u.image, u.created_at, u.updated_at, \
     a.password_hash FROM users u LEFT JOIN accounts a ON a.user_id = u.id AND a.provider_id = $2 WHERE u.email = $1";

/// A person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// 32 letters and digits.
    pub id: String,
    /// In lower case.
    pub email: String,
    /// Whether the address has been proved.
    pub email_verified: bool,
    /// What the person wants to be called; may be empty.
    pub name: String,
    /// Where a picture is.
    pub image: Option<String>,
    /// When the person signed up.
    pub created_at: Timestamp,
    /// When one of these fields last changed.
    pub updated_at: Timestamp,
}

/// A way in which a person signs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// 32 letters and digits.
    pub id: String,
    /// Whose it is.
    pub user_id: String,
    /// [`CREDENTIAL`] for passwords.
    pub provider_id: String,
    /// The id at the provider; the user's own id for passwords.
    pub account_id: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A change of somebody's profile; `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
pub struct ProfileChange {
    /// The new name.
    pub name: Option<String>,
    /// The new picture; `Some(None)` takes it away.
    pub image: Option<Option<String>>,
}

/// The port of people and accounts.
#[derive(Clone, Debug)]
pub struct Accounts {
    database: Database,
}

impl Accounts {
    /// The accounts of `database`.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Keeps a new user with a password account and the first session, all or nothing.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the address is taken.
    pub async fn sign_up(
        &self,
        user: &User,
        account_id: &str,
        password_hash: &str,
        session: &NewSession,
    ) -> Result<(), StoreError> {
        self.database
            .within(async {
                let mut transaction = self.database.write().await?;
                sqlx::query(
                    "INSERT INTO users (id, email, email_verified, name, image, created_at, \
                     updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                )
                .bind(&user.id)
                .bind(&user.email)
                .bind(i64::from(user.email_verified))
                .bind(&user.name)
                .bind(user.image.as_ref())
                .bind(user.created_at.millis())
                .bind(user.updated_at.millis())
                .execute(&mut *transaction)
                .await?;
                sqlx::query(
                    "INSERT INTO accounts (id, user_id, provider_id, account_id, password_hash, \
                     created_at, updated_at) VALUES ($1, $2, $3, $2, $4, $5, $5)",
                )
                .bind(account_id)
                .bind(&user.id)
                .bind(CREDENTIAL)
                .bind(password_hash)
                .bind(user.created_at.millis())
                .execute(&mut *transaction)
                .await?;
                insert_session(&mut transaction, session).await?;
                transaction.commit().await?;
                Ok(())
            })
            .await
    }

    /// The user with this address and the hash of their password, if they have one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn by_email(&self, email: &str) -> Result<Option<(User, Option<String>)>, StoreError> {
        self.database
            .within(async {
                let row = sqlx::query(BY_EMAIL)
                    .bind(email)
                    .bind(CREDENTIAL)
                    .fetch_optional(self.database.reader())
                    .await?;
                row.map(|row| Ok((user(&row)?, row.try_get("password_hash")?))).transpose()
            })
            .await
    }

    /// The hash of this user's password, if they have one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn password_hash(&self, user_id: &str) -> Result<Option<String>, StoreError> {
        self.database
            .within(async {
                let row =
                    sqlx::query("SELECT password_hash FROM accounts WHERE user_id = $1 AND provider_id = $2")
                        .bind(user_id)
                        .bind(CREDENTIAL)
                        .fetch_optional(self.database.reader())
                        .await?;
                row.map_or(Ok(None), |row| Ok(row.try_get("password_hash")?))
            })
            .await
    }

    /// Whether any password still has a hash that another program made: ours begin with a dollar sign.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn has_imported_passwords(&self) -> Result<bool, StoreError> {
        let row = sqlx::query(
            "SELECT 1 FROM accounts WHERE provider_id = $1 AND password_hash NOT LIKE '$%' LIMIT 1",
        )
        .bind(CREDENTIAL)
        .fetch_optional(self.database.reader())
        .await?;
        Ok(row.is_some())
    }

    /// Replaces a password hash, but only if it is still `old`: of two changes at once, one wins.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the hash has changed meanwhile.
    pub async fn replace_password(
        &self,
        user_id: &str,
        old: &str,
        new: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.database
            .within(async {
                let mut transaction = self.database.write().await?;
                update_password(&mut transaction, user_id, old, new, now).await?;
                transaction.commit().await?;
                Ok(())
            })
            .await
    }

    /// Changes a profile.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn change_profile(
        &self,
        user_id: &str,
        change: &ProfileChange,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.database
            .within(async {
                sqlx::query(
                    "UPDATE users SET name = COALESCE($2, name), image = CASE WHEN $3 = 1 THEN $4 \
                     ELSE image END, updated_at = $5 WHERE id = $1",
                )
                .bind(user_id)
                .bind(change.name.as_ref())
                .bind(i64::from(change.image.is_some()))
                .bind(change.image.clone().flatten())
                .bind(now.millis())
                .execute(self.database.writer())
                .await?;
                Ok(())
            })
            .await
    }

    /// How this user can sign in.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn of_user(&self, user_id: &str) -> Result<Vec<Account>, StoreError> {
        self.database
            .within(async {
                let rows = sqlx::query(
                    "SELECT id, user_id, provider_id, account_id, created_at, updated_at FROM \
                     accounts WHERE user_id = $1 ORDER BY created_at, id",
                )
                .bind(user_id)
                .fetch_all(self.database.reader())
                .await?;
                rows.iter()
                    .map(|row| {
                        Ok(Account {
                            id: row.try_get("id")?,
                            user_id: row.try_get("user_id")?,
                            provider_id: row.try_get("provider_id")?,
                            account_id: row.try_get("account_id")?,
                            created_at: moment(row, "created_at")?,
                            updated_at: moment(row, "updated_at")?,
                        })
                    })
                    .collect()
            })
            .await
    }
}

/// Replaces a hash inside a transaction; see [`Accounts::replace_password`].
pub(super) async fn update_password(
    transaction: &mut sqlx::Transaction<'static, sqlx::Any>,
    user_id: &str,
    old: &str,
    new: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let done = sqlx::query(
        "UPDATE accounts SET password_hash = $4, updated_at = $5 WHERE user_id = $1 AND \
         provider_id = $2 AND password_hash = $3",
    )
    .bind(user_id)
    .bind(CREDENTIAL)
    .bind(old)
    .bind(new)
    .bind(now.millis())
    .execute(&mut **transaction)
    .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Conflict) }
}

/// A user out of a row with the columns of `users`.
pub(super) fn user(row: &AnyRow) -> Result<User, StoreError> {
    Ok(User {
        id: row.try_get("id")?,
        email: row.try_get("email")?,
        email_verified: flag(row, "email_verified")?,
        name: row.try_get("name")?,
        image: row.try_get("image")?,
        created_at: moment(row, "created_at")?,
        updated_at: moment(row, "updated_at")?,
    })
}
