//! The rows of the ways in which people sign in: the table `accounts`.
//! In: credentials and password hashes to keep, addresses to look up. Out: credentials, and the hashes by themselves.
//! Owns: of two changes of a password one wins.

use super::database::Dialect;
use super::error::Error;
use super::rows::{Columns, FromColumns, entities};
use super::scope::{Scope, Statement, Transactional};
use super::users::user_columns;
use crate::model::credential::{Credential, PASSWORD_PROVIDER};
use crate::model::user::User;
use signet_verify::clock::Timestamp;

/// The statement behind [`CredentialRepository::by_email`]; public for the tests of query plans.
pub const BY_EMAIL: &str = concat!(
    "SELECT ",
    user_columns!("u."),
    ", a.password_hash FROM users u LEFT JOIN accounts a ON a.user_id = u.id AND a.provider_id = $2 \
     WHERE u.email = $1"
);

/// The columns of a credential, in the order in which [`Credential`] is read.
macro_rules! columns {
    () => {
        "id, user_id, provider_id, account_id, created_at, updated_at"
    };
}

impl FromColumns for Credential {
    fn from_columns(columns: &mut Columns<'_>) -> Result<Self, Error> {
        Ok(Self {
            id: columns.next()?,
            user_id: columns.next()?,
            provider_id: columns.next()?,
            account_id: columns.next()?,
            created_at: columns.moment()?,
            updated_at: columns.moment()?,
        })
    }
}

/// The ways to sign in.
#[derive(Clone, Debug)]
pub struct CredentialRepository<S> {
    scope: S,
}

impl<S: Scope> CredentialRepository<S> {
    pub(super) fn new(scope: S) -> Self {
        Self { scope }
    }

    /// Keeps a new credential, with the hash of its password.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the user has one of this provider, [`Error::ForeignKeyViolation`] when the user is gone.
    pub async fn insert(&self, credential: &Credential, password_hash: &str) -> Result<(), Error> {
        let statement = with_values(
            concat!(
                "INSERT INTO accounts (",
                columns!(),
                ", password_hash) VALUES ($1, $2, $3, $4, $5, $6, $7)"
            ),
            credential,
            password_hash,
        );
        self.scope.execute(statement).await.map(drop)
    }

    /// The same, if the user is there; where they are not, nothing happens.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the user has one of this provider.
    pub async fn insert_if_user(&self, credential: &Credential, password_hash: &str) -> Result<(), Error> {
        let statement = with_values(
            concat!(
                "INSERT INTO accounts (",
                columns!(),
                ", password_hash) SELECT $1, $2, $3, $4, $5, $6, $7 WHERE EXISTS (SELECT 1 FROM users WHERE id = $2)"
            ),
            credential,
            password_hash,
        );
        self.scope.execute(statement).await.map(drop)
    }

    /// The user with this address and the hash of their password, if they have one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn by_email(&self, email: &str) -> Result<Option<(User, Option<String>)>, Error> {
        let statement = sqlx::query(BY_EMAIL).bind(email).bind(PASSWORD_PROVIDER);
        let Some(row) = self.scope.fetch_optional(statement).await? else { return Ok(None) };
        let mut columns = Columns::of(&row);
        Ok(Some((columns.entity()?, columns.next()?)))
    }

    /// The hash of this user's password, if they have one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn password_hash(&self, user_id: &str) -> Result<Option<String>, Error> {
        let statement =
            sqlx::query("SELECT password_hash FROM accounts WHERE user_id = $1 AND provider_id = $2")
                .bind(user_id)
                .bind(PASSWORD_PROVIDER);
        let row = self.scope.fetch_optional(statement).await?;
        row.map_or(Ok(None), |row| Columns::of(&row).next())
    }

    /// One password hash of each kind that does not begin as `todays`: of each program and cost that made some.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hashes_of_each_kind(&self, todays: &str) -> Result<Vec<String>, Error> {
        // Of a hash of Argon2 all but salt and hash tells what it costs, of bcrypt the first seven characters.
        let statement = sqlx::query(
            "SELECT MIN(password_hash) FROM accounts WHERE provider_id = $1 AND password_hash NOT LIKE $2 GROUP BY \
             CASE WHEN password_hash LIKE '$argon2%' THEN rtrim(rtrim(rtrim(password_hash, $3), '$'), $3) \
             WHEN password_hash LIKE '$2%' THEN substr(password_hash, 1, 7) ELSE '' END LIMIT 32",
        )
        .bind(PASSWORD_PROVIDER)
        .bind(format!("{todays}%"))
        .bind("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
        self.scope.fetch_all(statement).await?.iter().map(|row| Columns::of(row).next()).collect()
    }

    /// Keeps a credential that another service has made, unless its id or its account at the provider is here already;
    /// says whether it is kept. A credential that is no password has no hash.
    ///
    /// # Errors
    /// [`Error::ForeignKeyViolation`] when the user is gone.
    pub async fn insert_moved(
        &self,
        credential: &Credential,
        password_hash: Option<&str>,
    ) -> Result<bool, Error> {
        let statement = sqlx::query(concat!(
            "INSERT INTO accounts (",
            columns!(),
            ", password_hash) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING"
        ))
        .bind(&credential.id)
        .bind(&credential.user_id)
        .bind(&credential.provider_id)
        .bind(&credential.account_id)
        .bind(credential.created_at.millis())
        .bind(credential.updated_at.millis())
        .bind(password_hash);
        Ok(self.scope.execute(statement).await? == 1)
    }

    /// Replaces the password of a user whatever it was, or gives them one.
    ///
    /// # Errors
    /// [`Error::ForeignKeyViolation`] when the user is gone.
    pub async fn put_password(&self, credential: &Credential, password_hash: &str) -> Result<(), Error> {
        let replace = sqlx::query(
            "UPDATE accounts SET password_hash = $3, updated_at = $4 WHERE user_id = $1 AND provider_id = $2",
        )
        .bind(&credential.user_id)
        .bind(&credential.provider_id)
        .bind(password_hash)
        .bind(credential.updated_at.millis());
        if self.scope.execute(replace).await? > 0 {
            return Ok(());
        }
        let statement = sqlx::query(concat!(
            "INSERT INTO accounts (",
            columns!(),
            ", password_hash) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (provider_id, account_id) DO UPDATE SET \
             password_hash = excluded.password_hash, updated_at = excluded.updated_at"
        ))
        .bind(&credential.id)
        .bind(&credential.user_id)
        .bind(&credential.provider_id)
        .bind(&credential.account_id)
        .bind(credential.created_at.millis())
        .bind(credential.updated_at.millis())
        .bind(password_hash);
        self.scope.execute(statement).await.map(drop)
    }

    /// What identifies the credentials after the one with the id `after`, in the order of their ids, with the hashes of
    /// passwords.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn page(&self, after: &str, limit: u32) -> Result<Vec<(Credential, Option<String>)>, Error> {
        let statement = sqlx::query(concat!(
            "SELECT ",
            columns!(),
            ", password_hash FROM accounts WHERE id > $1 ORDER BY id LIMIT $2"
        ))
        .bind(after)
        .bind(i64::from(limit));
        let read = |row| {
            let mut columns = Columns::of(row);
            Ok((columns.entity()?, columns.next()?))
        };
        self.scope.fetch_all(statement).await?.iter().map(read).collect()
    }

    /// Replaces a password hash, but only if it is still `old`: of two changes at once, one wins.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the hash has changed meanwhile.
    pub async fn replace_password(
        &self,
        user_id: &str,
        old: &str,
        new: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        let statement = sqlx::query(
            "UPDATE accounts SET password_hash = $4, updated_at = $5 WHERE user_id = $1 AND provider_id = $2 \
             AND password_hash = $3",
        )
        .bind(user_id)
        .bind(PASSWORD_PROVIDER)
        .bind(old)
        .bind(new)
        .bind(now.millis());
        if self.scope.execute(statement).await? == 1 { Ok(()) } else { Err(Error::Conflict) }
    }

    /// How this user can sign in, the oldest way first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn of_user(&self, user_id: &str) -> Result<Vec<Credential>, Error> {
        let statement = sqlx::query(concat!(
            "SELECT ",
            columns!(),
            " FROM accounts WHERE user_id = $1 ORDER BY created_at, id"
        ))
        .bind(user_id);
        entities(&self.scope.fetch_all(statement).await?)
    }

    /// Takes every way to sign in from a user.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_of(&self, user_id: &str) -> Result<(), Error> {
        let statement = sqlx::query("DELETE FROM accounts WHERE user_id = $1").bind(user_id);
        self.scope.execute(statement).await.map(drop)
    }
}

impl<S: Transactional> CredentialRepository<S> {
    /// Holds the ways in which a user signs in until the end of the unit: meanwhile no other unit signs in, changes the password
    /// or ends all sessions. SQLite has one writer at a time, so that there is nothing to hold.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hold_of(&self, user_id: &str) -> Result<(), Error> {
        match self.scope.dialect() {
            Dialect::Sqlite => Ok(()),
            Dialect::Postgres => {
                let held = "SELECT id FROM accounts WHERE user_id = $1 ORDER BY id FOR UPDATE";
                self.scope.fetch_all(sqlx::query(held).bind(user_id)).await.map(drop)
            }
        }
    }

    /// Takes the password from a user, but only if its hash is still `proved`.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the hash has changed meanwhile.
    pub async fn delete_proved(&self, user_id: &str, proved: &str) -> Result<(), Error> {
        let statement = sqlx::query(
            "DELETE FROM accounts WHERE user_id = $1 AND provider_id = $2 AND password_hash = $3",
        )
        .bind(user_id)
        .bind(PASSWORD_PROVIDER)
        .bind(proved);
        if self.scope.execute(statement).await? == 1 { Ok(()) } else { Err(Error::Conflict) }
    }
}

/// The values of a new credential, in the order of its columns.
fn with_values<'q>(
    statement: &'static str,
    credential: &'q Credential,
    password_hash: &'q str,
) -> Statement<'q> {
    sqlx::query(statement)
        .bind(&credential.id)
        .bind(&credential.user_id)
        .bind(&credential.provider_id)
        .bind(&credential.account_id)
        .bind(credential.created_at.millis())
        .bind(credential.updated_at.millis())
        .bind(password_hash)
}
