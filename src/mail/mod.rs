//! Mail: what is said to people, and how it reaches them.
//! In: a letter, in the transaction that promises it. Out: a message that arrives, at least once and never before the
//! commit.
//!
//! [`Outbox::write`] makes a message of a letter, the transaction keeps it, and [`worker::Worker`] delivers it.

mod attempt;
mod compose;
mod error;
mod file;
pub mod letter;
pub mod outbox;
pub mod rewrap;
mod smtp;
mod status;
mod templates;
pub mod transport;
pub mod worker;

pub use compose::Posting;
pub use error::{Error, StartError};
pub use letter::{Content, Language, Letter};
pub use outbox::Outbox;
pub use status::{Counts, Status};
