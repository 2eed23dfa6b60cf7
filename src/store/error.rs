//! What databases refuse, sorted by what a caller can do about it.
//! In: errors of sqlx. Out: an [`Error`] of a statement, or an [`OpenError`] as a sentence for the operator.

use std::time::Duration;

use super::refusal::Cause;

/// What went wrong, sorted by what a caller can do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database is gone, or says no for whatever reason that is not the statement's: try again later (503).
    #[error("the database is not available: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// The database did not answer in time; what was asked of it may or may not have happened (503).
    #[error("the database did not answer within {0:?}")]
    Slow(Duration),
    /// Too many wait for the database already; after this time one may ask again (503).
    #[error("too many wait for the database already")]
    Busy(Duration),
    /// A unique constraint refused the row: another write was first.
    #[error("the row exists already")]
    Conflict,
    /// The row belongs to another one that is gone: it was deleted meanwhile.
    #[error("what the row belongs to is gone")]
    ForeignKeyViolation,
    /// A text holds NUL, which PostgreSQL cannot keep; on SQLite it is refused as well. A defect of ours: what comes in is
    /// read as a type that cannot hold it.
    #[error("a text holds a character that no database of ours keeps")]
    Unstorable,
    /// A row holds what this version never writes.
    #[error("a row of the database cannot be read: {0}")]
    Corrupt(String),
    /// A unit of work went on after one of its statements had failed, or after its end; a defect of ours.
    #[error("a unit of work went on after it had failed or ended")]
    Abandoned,
    /// A statement that is wrong; a defect of ours.
    #[error("the database refused a statement: {0}")]
    Refused(#[source] sqlx::Error),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(refusal) if refusal.is_unique_violation() => Self::Conflict,
            sqlx::Error::Database(refusal) if refusal.is_foreign_key_violation() => Self::ForeignKeyViolation,
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Self::Corrupt(error.to_string()),
            _ if Cause::of(&error) == Cause::Statement => Self::Refused(error),
            _ => Self::Unavailable(error),
        }
    }
}

/// Why a database could not be opened; each prints as one sentence for the operator.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address is not one that we know.
    #[error("DATABASE_URL is not an address of SQLite (sqlite:FILE) or PostgreSQL (postgres://...)")]
    Address,
    /// The server did not answer, or the file can't be opened.
    #[error("the database cannot be opened: {0}")]
    Unreachable(#[source] sqlx::Error),
    /// PostgreSQL keeps texts in an encoding that has no room for all of Unicode.
    #[error(
        "the database keeps its texts as {0}, which has no room for many of them; make one with \
         CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0"
    )]
    Encoding(String),
    /// A pooler that refuses what the driver sends first.
    #[error(
        "the pooler in front of PostgreSQL refuses the startup parameter {0}; \
         set ignore_startup_parameters = {0} in pgbouncer.ini"
    )]
    StartupParameter(String),
    /// A pooler that shares sessions out by statement.
    #[error(
        "the pooler in front of PostgreSQL gives every statement another session (pool_mode = statement), and Signet \
         needs transactions; set pool_mode = transaction or session"
    )]
    StatementPooling,
    /// Later versions have taken away what this one needs.
    #[error(
        "the database is newer than this binary, which does not know migration {0}; run the version that wrote it, or a \
         later one"
    )]
    Newer(i64),
    /// The text of an applied migration differs from ours.
    #[error(
        "migration {0} of the database differs from this binary's; it was made by another build of Signet"
    )]
    Foreign(i64),
    /// The schema is an older one, and this role must not change it.
    #[error(
        "the database does not have the schema of this version, and the role of DATABASE_URL may not change it; run `signet migrate` \
         with the role that owns the tables"
    )]
    NotOurs,
    /// A migration failed.
    #[error("the database cannot be migrated: {0}")]
    Migration(#[source] sqlx::migrate::MigrateError),
}

impl OpenError {
    /// Why no connection could be made.
    pub(super) fn connecting(error: sqlx::Error) -> Self {
        const REFUSAL: &str = "unsupported startup parameter: ";
        if let sqlx::Error::Database(refusal) = &error
            && let Some((_, parameter)) = refusal.message().split_once(REFUSAL)
        {
            return Self::StartupParameter(parameter.trim().to_owned());
        }
        Self::Unreachable(error)
    }
}

impl Error {
    /// Why the database said no; none where it did not.
    pub(super) fn cause(&self) -> Option<Cause> {
        match self {
            Self::Unavailable(error) | Self::Refused(error) => Some(Cause::of(error)),
            _ => None,
        }
    }

    /// Whether the database answered, and its answer was no.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Unavailable(sqlx::Error::Database(_)) | Self::Refused(_))
    }

    /// Whether the database has undone a whole transaction so that another one could go on: it may be done again.
    /// PostgreSQL's class 40, but for 40003, which does not say whether it was undone.
    pub(super) fn is_undone(&self) -> bool {
        let Self::Unavailable(sqlx::Error::Database(refusal)) = self else { return false };
        refusal.code().is_some_and(|code| code.len() == 5 && code.starts_with("40") && code != "40003")
    }

    /// Whether SQLite has another writer at this moment: code BUSY (5), with whatever extension.
    pub(super) fn is_busy(&self) -> bool {
        let Self::Unavailable(sqlx::Error::Database(refusal)) = self else { return false };
        let code = refusal.code();
        code.is_some_and(|code| code.len() < 5 && code.parse::<u32>().is_ok_and(|code| code & 0xff == 5))
    }
}
