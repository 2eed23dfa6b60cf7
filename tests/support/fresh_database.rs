//! A database of this test alone, of either kind.

use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

/// Where Signet can keep its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Sqlite,
    Postgres,
}

/// An empty database, for as long as this value lives.
pub struct Fresh {
    pub url: String,
    /// Where a SQLite file is.
    _folder: Option<TempDir>,
}

impl Dialect {
    /// An empty database; none, said loudly, when there is no PostgreSQL and something may be skipped.
    pub async fn fresh(self) -> Option<Fresh> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        match self {
            Self::Sqlite => Some(Fresh::sqlite()),
            Self::Postgres => {
                let name = format!("fresh_{}", MADE.fetch_add(1, Ordering::Relaxed));
                Some(Fresh { url: super::postgres::database(&name).await?, _folder: None })
            }
        }
    }
}

impl Fresh {
    /// An empty SQLite file.
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { url: format!("sqlite:{}", folder.path().join("signet.db").display()), _folder: Some(folder) }
    }
}
