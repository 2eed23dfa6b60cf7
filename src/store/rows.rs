//! Reading rows, column after column.
//! In: a row of either database. Out: the fields of an entity, in the order in which its columns are selected.
//!
//! By position and not by name: a statement that joins two entities reads one after the other, whatever names they share.

use sqlx::any::{Any, AnyRow};
use sqlx::{Decode, Row, Type};

use super::error::Error;
use signet_verify::clock::Timestamp;

/// The columns of an entity as a list, each after the same prefix: `u.id, u.email`.
macro_rules! prefixed {
    ($prefix:literal, $first:literal $(, $next:literal)*) => {
        concat!($prefix, $first $(, ", ", $prefix, $next)*)
    };
}
pub(super) use prefixed;

/// The columns of a row that have not been read yet.
pub(super) struct Columns<'r> {
    row: &'r AnyRow,
    next: usize,
}

/// What can be read out of the next columns of a row.
pub(super) trait FromColumns: Sized {
    /// Reads it; the order of the fields is that of the entity's list of columns.
    fn from_columns(columns: &mut Columns<'_>) -> Result<Self, Error>;
}

impl<'r> Columns<'r> {
    /// All columns of `row`.
    pub(super) fn of(row: &'r AnyRow) -> Self {
        Self { row, next: 0 }
    }

    /// The next column.
    pub(super) fn next<T: Decode<'r, Any> + Type<Any>>(&mut self) -> Result<T, Error> {
        let value = self.row.try_get(self.next)?;
        self.next += 1;
        Ok(value)
    }

    /// A moment out of a BIGINT column of milliseconds.
    pub(super) fn moment(&mut self) -> Result<Timestamp, Error> {
        self.next().map(Timestamp::from_millis)
    }

    /// A flag out of a BIGINT column.
    pub(super) fn flag(&mut self) -> Result<bool, Error> {
        Ok(self.next::<i64>()? != 0)
    }

    /// The next entity.
    pub(super) fn entity<T: FromColumns>(&mut self) -> Result<T, Error> {
        T::from_columns(self)
    }
}

/// The entity that a row is.
pub(super) fn entity<T: FromColumns>(row: &AnyRow) -> Result<T, Error> {
    Columns::of(row).entity()
}

/// The entities that rows are.
pub(super) fn entities<T: FromColumns>(rows: &[AnyRow]) -> Result<Vec<T>, Error> {
    rows.iter().map(entity).collect()
}

/// A moment out of a BIGINT column with this name.
pub(super) fn moment(row: &AnyRow, column: &'static str) -> Result<Timestamp, Error> {
    Ok(Timestamp::from_millis(row.try_get(column)?))
}

/// A moment out of a BIGINT column with this name that may be NULL.
pub(super) fn moment_or_none(row: &AnyRow, column: &'static str) -> Result<Option<Timestamp>, Error> {
    Ok(row.try_get::<Option<i64>, _>(column)?.map(Timestamp::from_millis))
}
