//! Mail: what is said to people, and how it reaches them.
//! In: a letter, in the transaction that promises it. Out: a message that arrives, at least once and never before the
//! commit.

mod error;
pub mod letter;
pub mod outbox;

pub use error::Error;
pub use letter::{Content, Language, Letter};
pub use outbox::Outbox;
