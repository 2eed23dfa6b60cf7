//! What Signet keeps, as plain values: entities, and the states that time takes them through.
//! In: fields and the time. Out: what they mean; no database, no HTTP, no randomness.

pub mod algorithms;
pub mod amr;
pub mod authorization_request;
pub mod client;
pub mod contract;
pub mod credential;
pub mod device;
pub mod grant;
pub mod key_rows;
pub mod logout_notice;
pub mod mailed_token;
pub mod message;
pub mod resource_server;
pub mod scope;
pub mod sealed;
pub mod session;
pub mod signing_key;
pub mod task;
pub mod user;
