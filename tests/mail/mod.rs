//! Mail that was promised arrives, whatever a mail server does, and says what it should and no more.

mod claims;
mod faults;
mod files;
mod messages;
pub mod office;
