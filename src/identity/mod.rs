//! Who people are and where they are signed in; use cases without HTTP.
//! In: addresses, passwords, session tokens. Out: users, sessions, JWTs, or a reason why not.
//! Owns: an unknown address and a wrong password are the same answer in the same time.

pub mod account;
pub mod audit;
pub mod email;
mod imported;
pub mod issuing;
pub mod password;
mod phc;
pub mod session;
