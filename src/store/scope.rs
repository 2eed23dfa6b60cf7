//! Where the statements of a repository run.
//! In: statements. Out: rows.
//! Owns: repositories have no other way to a database, so that none of their statements can outlast the time limit, and
//! no text reaches one of the two databases that the other one refuses.

use sqlx::any::{Any, AnyArguments, AnyRow, AnyTypeInfoKind, AnyValue};
use sqlx::query::Query;
use sqlx::{Decode, Execute, Value};

use super::connection::{Connection, run_on};
use super::database::{Database, Dialect};
use super::error::Error;
use super::lane::Access;

/// A statement with its values.
pub type Statement<'q> = Query<'q, Any, AnyArguments>;

/// The same statement, if both databases can hold every text of it: PostgreSQL refuses NUL, and SQLite would keep it.
///
/// # Errors
/// [`Error::Unstorable`].
pub(super) fn storable(mut statement: Statement<'_>) -> Result<Statement<'_>, Error> {
    let arguments = statement.take_arguments().map_err(sqlx::Error::Encode)?.unwrap_or_default();
    for kind in &arguments.values.0 {
        let value = AnyValue { kind: kind.clone() }; // a count of references
        if value.type_info().kind() == AnyTypeInfoKind::Text
            && <&str as Decode<Any>>::decode(value.as_ref()).map_err(sqlx::Error::Decode)?.contains('\0')
        {
            return Err(Error::Unstorable);
        }
    }
    Ok(sqlx::query_with(statement.sql(), arguments))
}

/// Where the statements of a repository run: each by itself, or all within a unit of work.
pub trait Scope: Send + Sync {
    /// Which database this is.
    fn dialect(&self) -> Dialect;

    /// Reads all rows.
    fn fetch_all(&self, statement: Statement<'_>) -> impl Future<Output = Result<Vec<AnyRow>, Error>> + Send;

    /// Reads one row, if there is one.
    fn fetch_optional(
        &self,
        statement: Statement<'_>,
    ) -> impl Future<Output = Result<Option<AnyRow>, Error>> + Send;

    /// Writes, and says how many rows that touched.
    fn execute(&self, statement: Statement<'_>) -> impl Future<Output = Result<u64, Error>> + Send;

    /// Writes, and reads the rows of the RETURNING clause to their end, which comes after the commit of a statement
    /// that stands alone; the first row comes before.
    fn execute_returning(
        &self,
        statement: Statement<'_>,
    ) -> impl Future<Output = Result<Vec<AnyRow>, Error>> + Send;
}

/// A scope whose statements happen together: what takes several statements to be right is only to be had there.
pub trait Transactional: Scope {}

/// Runs one statement by itself.
macro_rules! run_alone {
    ($database:expr, $pool:expr, $access:expr, $statement:expr, $method:ident) => {
        async {
            let place = $database.enter($access).await?;
            let work = async {
                let mut connection = Connection::for_statement($database, $pool, place).await?;
                let outcome = run_on!(&mut connection, $statement, $method)?;
                connection.commit().await?;
                Ok(outcome)
            };
            $database.within(work).await
        }
    };
}

impl Scope for Database {
    fn dialect(&self) -> Dialect {
        Self::dialect(self)
    }

    async fn fetch_all(&self, statement: Statement<'_>) -> Result<Vec<AnyRow>, Error> {
        let statement = storable(statement)?;
        run_alone!(self, self.reader(), Access::Read, statement, fetch_all).await
    }

    async fn fetch_optional(&self, statement: Statement<'_>) -> Result<Option<AnyRow>, Error> {
        let statement = storable(statement)?;
        run_alone!(self, self.reader(), Access::Read, statement, fetch_optional).await
    }

    async fn execute(&self, statement: Statement<'_>) -> Result<u64, Error> {
        let statement = storable(statement)?;
        let outcome = run_alone!(self, self.writer(), Access::Write, statement, execute).await?;
        self.condition.note_write();
        Ok(outcome.rows_affected())
    }

    async fn execute_returning(&self, statement: Statement<'_>) -> Result<Vec<AnyRow>, Error> {
        let statement = storable(statement)?;
        let rows = run_alone!(self, self.writer(), Access::Write, statement, fetch_all).await?;
        self.condition.note_write();
        Ok(rows)
    }
}
