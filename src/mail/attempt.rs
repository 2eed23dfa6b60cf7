//! One attempt to hand a message over: how long its steps may take, and why it fails.

use std::time::Duration;

/// How long the steps of a delivery may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connecting, and the greeting.
    pub greeting: Duration,
    /// The answer to a command.
    pub step: Duration,
    /// Everything up to the point where the message can be handed over.
    pub prepared: Duration,
    /// Handing it over: from its first byte to the word that it was taken.
    pub handed_over: Duration,
    /// After how long the delivery holds up no other any more.
    pub patience: Duration,
}

impl Limits {
    /// Those of a server: generous for a machine that scans messages.
    pub const USUAL: Self = Self {
        greeting: Duration::from_secs(20),
        step: Duration::from_secs(15),
        prepared: Duration::from_secs(40),
        handed_over: Duration::from_secs(30),
        patience: Duration::from_secs(4),
    };
}

/// Why a message was not handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Whether trying again may help.
    pub prospect: Prospect,
    /// What happened; neither an address nor a link.
    pub problem: String,
}

/// Whether trying again may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prospect {
    /// It may.
    Temporary,
    /// The server will never take this message.
    Permanent,
}

impl Failure {
    /// One after which trying again may help.
    pub fn temporary(problem: impl Into<String>) -> Self {
        Self { prospect: Prospect::Temporary, problem: problem.into() }
    }
}
