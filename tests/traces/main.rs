//! What a server with the feature `otlp` sends.
//! A binary of its own: the many other tests need not be built a second time for it.
#![cfg(test)]
// Most of what tests share is not needed here.
#![allow(dead_code, unused_imports)]

mod spans;

#[path = "../support/caller.rs"]
pub mod caller;
#[path = "../command_line/server.rs"]
pub mod server;
#[path = "../support/wait.rs"]
pub mod wait;

/// As in the binary of the other tests.
mod command_line {
    pub use super::server;
}

/// As in the binary of the other tests.
mod support {
    pub use super::caller::{self, Caller};
    pub use super::wait;
}

/// A server in the process of the tests, of which there is none here.
pub struct TestApp {
    pub base_url: String,
}

impl TestApp {
    pub fn anonymous(&self) -> caller::Caller {
        caller::Caller::new(&self.base_url)
    }
}
