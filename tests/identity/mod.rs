//! The identity service beyond its contract: what is kept, what is limited, what ends.

mod bodies;
mod change_password;
mod cookies;
mod cors;
mod delete_user;
mod hs256;
pub mod interleavings;
mod key_set;
mod limits;
mod mail_flows;
mod moved;
mod password_hashes;
mod postgres;
mod sessions;
mod sign_up;
mod storage;
mod use_cases;

use crate::support::TestApp;

/// What Better Auth stores for [`PASSWORD`](crate::support::caller::PASSWORD).
pub const IMPORTED: &str = "a0e014037b839ad93760ba84c9342905:77eff3801c2604bae5738c8193abdbab84ee733b1b4a9fbf708a365a6707809d\
                        de4261f94185d5bc84cb5b69d5fde2ecb428a02b8bb215fb3bc5eec3b6d595f1";

/// The database of a server, beside it.
async fn pool(app: &TestApp) -> sqlx::AnyPool {
    sqlx::any::install_default_drivers();
    let url = format!("sqlite:{}", app.folder.path().join("signet.db").display());
    sqlx::AnyPool::connect(&url).await.unwrap()
}
