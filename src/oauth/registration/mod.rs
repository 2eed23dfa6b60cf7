//! What clients, resources and first users are described with.
//! In: a file or the arguments of a command. Out: entities that may be kept, or every problem as a sentence.
//! Owns: the rules of RFC 7591, OpenID Connect registration and RFC 9700 about what is registered; all of it pure but
//! for the reading of files.

mod client;
mod contradictions;
mod document;
mod keys;
mod members;
mod metadata;
mod reading;
pub mod redirect_uri;
mod resource;
mod secret;
#[cfg(test)]
mod tests;
mod user;

pub use client::{ClientSecretText, GivenSecret, Registration};
pub use document::{Declaration, Error};
pub use members::{Problem, shown};
pub use metadata::metadata;
pub use resource::Resource;
pub use user::Person;
