//! Promises about what is kept: the same on SQLite and on PostgreSQL.

mod migrations;
mod plans;
mod schema;
pub mod suite;

/// A file of nobody else, as an address.
pub fn sqlite() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("signet.db").display());
    (folder, url)
}

mod on_sqlite {
    macro_rules! on_sqlite {
        ($($promise:ident),* $(,)?) => {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $promise() {
                    let (_folder, url) = super::sqlite();
                    super::suite::$promise(&url).await;
                }
            )*
        };
    }

    super::suite::each_promise!(on_sqlite);
}

mod on_postgres {
    macro_rules! on_postgres {
        ($($promise:ident),* $(,)?) => {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $promise() {
                    let name = concat!("store_", stringify!($promise));
                    let Some(url) = crate::support::postgres::database(name).await else { return };
                    super::suite::$promise(&url).await;
                }
            )*
        };
    }

    super::suite::each_promise!(on_postgres);
}
