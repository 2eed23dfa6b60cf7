//! Promises about what is kept: the same on SQLite and on PostgreSQL.

mod credentials;
mod devices;
mod limits;
mod mail_requests;
mod mailed_tokens;
mod migrations;
mod older_version;
mod plans;
mod quota;
mod refusals;
mod retries;
mod schema;
mod sessions;
pub mod support;
mod tasks;
mod texts;
mod units;
mod users;

/// The address of a file of this test alone.
pub fn sqlite() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("signet.db").display());
    (folder, url)
}
