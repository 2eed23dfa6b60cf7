//! What is wrong with a setting, in one sentence.
//! In: the name of the setting and what is wrong with it. Out: a line for the person who starts the server.
//! Owns: a fault names its setting first and never shows a secret.

use std::fmt;

/// One setting that cannot be used as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    setting: &'static str,
    problem: String,
}

impl Error {
    /// The fault that `problem` describes: the rest of a sentence that begins with the name of the setting.
    pub fn new(setting: &'static str, problem: impl Into<String>) -> Self {
        Self { setting, problem: problem.into() }
    }

    /// The environment name of the setting.
    pub fn setting(&self) -> &'static str {
        self.setting
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}.", self.setting, self.problem)
    }
}

impl std::error::Error for Error {}

/// Collects faults, so that a start reports all of them and not only the first.
#[derive(Debug, Default)]
pub(super) struct Errors(Vec<Error>);

impl Errors {
    /// The value, or nothing and the fault kept for later.
    pub(super) fn keep<T>(&mut self, result: Result<T, Error>) -> Option<T> {
        result.map_err(|fault| self.0.push(fault)).ok()
    }

    /// Adds what a rule between settings found.
    pub(super) fn add(&mut self, fault: Error) {
        self.0.push(fault);
    }

    /// Nothing is wrong so far.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The faults, in the order in which they were found.
    pub(super) fn into_vec(self) -> Vec<Error> {
        self.0
    }
}
