//! Where things are kept: one set of queries for SQLite and PostgreSQL, a repository for each entity.
//! In: entities. Out: entities, or an [`Error`] that says what a caller can do about it.
//! Owns: the schema and its constraints, which judge every race; the time limit of every statement.
//!
//! A statement that stands alone goes through `database.users()` and its like, without a transaction. What belongs
//! together is a unit of work, [`Database::write`].
//!
//! # The order of statements
//! Units that touch rows of the same user touch them in this order, so that no two wait for each other: `mail_requests`,
//! `mailboxes`, `mailed_tokens`, `accounts`, `authorization_codes`, `device_authorizations`, `sessions`, `logout_notices`, `session_clients`, `grants`, `revoked_sessions`, `ended_owners`, `tasks`, `users`. What was
//! mailed comes first because all that follows depends on it, then the credential because a sign-in depends on it, and the
//! user last because every session refers to it. Rows that a unit has just made are exempt: only it can see them.

mod adding;
pub mod authorization_codes;
pub mod authorization_requests;
pub mod client_assertions;
pub mod clients;
mod condition;
mod connection;
mod consents;
pub mod credentials;
mod database;
pub mod devices;
mod error;
pub mod grants;
pub mod keys;
mod lane;
mod logout_notices;
pub mod logout_requests;
pub mod mail_requests;
pub mod mailed_tokens;
pub mod outbox;
mod pooler;
mod refusal;
pub mod resources;
mod rows;
mod schema;
mod schema_behind_pooler;
mod scope;
mod session_clients;
pub mod sessions;
pub mod tasks;
mod unit;
mod users;
mod writable;

pub use adding::Addition;
pub use authorization_codes::AuthorizationCodeRepository;
pub use authorization_requests::AuthorizationRequestRepository;
pub use client_assertions::ClientAssertionRepository;
pub use consents::ConsentRepository;
pub use credentials::CredentialRepository;
pub use database::{Connections, Database, Dialect};
pub use devices::DeviceRepository;
pub use error::{Error, OpenError};
pub use grants::{GrantFilter, GrantRepository};
pub use lane::LaneLoad;
pub use logout_notices::LogoutNoticeRepository;
pub use logout_requests::LogoutRequestRepository;
pub use mail_requests::MailRequestRepository;
pub use mailed_tokens::MailedTokenRepository;
pub use outbox::OutboxRepository;
pub use scope::{Scope, Transactional};
pub use session_clients::SessionClientRepository;
pub use sessions::{SessionFilter, SessionRepository};
pub use tasks::{EndedOwner, TaskRepository};
pub use unit::Unit;
pub use users::{UserRepository, UserSummary};
