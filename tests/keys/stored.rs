//! The promises of [`super::suite`], on SQLite files and on PostgreSQL.

mod sqlite {
    macro_rules! on_sqlite {
        ($($promise:ident),* $(,)?) => {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $promise() {
                    let place = super::super::support::sqlite();
                    super::super::suite::$promise(&place.url).await;
                }
            )*
        };
    }

    super::super::suite::each_promise!(on_sqlite);
}

mod postgres {
    macro_rules! on_postgres {
        ($($promise:ident),* $(,)?) => {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $promise() {
                    let name = concat!("keys_", stringify!($promise));
                    let Some(url) = crate::support::postgres::database(name).await else { return };
                    super::super::suite::$promise(&url).await;
                }
            )*
        };
    }

    super::super::suite::each_promise!(on_postgres);
}
