//! The promises of [`super::suite`] on SQLite files.

macro_rules! on_sqlite {
    ($($promise:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                let place = super::support::sqlite();
                super::suite::$promise(&place.url).await;
            }
        )*
    };
}

super::suite::each_promise!(on_sqlite);
