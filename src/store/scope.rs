//! Where the statements of a repository run.
//! In: statements. Out: rows.
//! Owns: repositories have no other way to a database, so that none of their statements can outlast the time limit.

use sqlx::any::{Any, AnyArguments, AnyRow};
use sqlx::query::Query;

use super::database::{Database, Dialect};
use super::error::Error;
use super::lane::Access;

/// A statement with its values.
pub type Statement<'q> = Query<'q, Any, AnyArguments>;

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

impl Scope for Database {
    fn dialect(&self) -> Dialect {
        Self::dialect(self)
    }

    async fn fetch_all(&self, statement: Statement<'_>) -> Result<Vec<AnyRow>, Error> {
        self.within(async {
            let _place = self.enter(Access::Read).await?;
            Ok(statement.fetch_all(self.reader()).await?)
        })
        .await
    }

    async fn fetch_optional(&self, statement: Statement<'_>) -> Result<Option<AnyRow>, Error> {
        self.within(async {
            let _place = self.enter(Access::Read).await?;
            Ok(statement.fetch_optional(self.reader()).await?)
        })
        .await
    }

    async fn execute(&self, statement: Statement<'_>) -> Result<u64, Error> {
        self.within(async {
            let _place = self.enter(Access::Write).await?;
            Ok(statement.execute(self.writer()).await?.rows_affected())
        })
        .await
    }

    async fn execute_returning(&self, statement: Statement<'_>) -> Result<Vec<AnyRow>, Error> {
        self.within(async {
            let _place = self.enter(Access::Write).await?;
            Ok(statement.fetch_all(self.writer()).await?)
        })
        .await
    }
}
