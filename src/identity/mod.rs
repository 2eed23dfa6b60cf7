//! Who people are and where they are signed in; use cases without HTTP, one a file.
//! In: addresses, passwords, session tokens. Out: users, sessions, JWTs, or an [`Error`] that says why not.
//! Owns: an unknown address and a wrong password are the same answer in the same time.

mod accounts;
mod asking;
mod attempts;
mod change_email;
mod change_password;
mod delete_user;
mod devices;
mod email;
mod endings;
mod error;
mod invite;
mod links;
mod mail_request_worker;
mod mailing;
mod proofs;
mod reset_password;
mod sessions;
mod sign_in;
mod sign_out;
mod sign_up;
pub mod tokens;
mod update_user;
mod users;
mod verify_email;
mod verify_password;

pub use accounts::Accounts;
pub use change_password::OtherSessions;
pub use delete_user::{Deletion, DeletionProof};
pub use devices::{DeviceToken, Devices};
pub use email::Email;
pub use error::Error;
pub use invite::{Invitations, Prepared as PreparedInvitation};
pub use mail_request_worker::{Handled, MailRequestWorker, Outcome};
pub use mailing::{MailOptions, Mailing, Unverified};
pub use proofs::PASSWORD_LENGTH;
pub use sessions::{Device, Expiry, Found, Sessions, SignedIn, Slide};
pub use sign_up::NewAccount;
pub use users::{Profile, Users};
pub use verify_email::Proved;
