//! What is wrong with a setting, in one sentence.
//! In: the name of the setting and what is wrong with it. Out: a line for the person who starts the server.
//! Owns: an error names its setting first and never shows a secret.

use std::borrow::Cow;
use std::fmt;

/// One setting that cannot be used as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    setting: Cow<'static, str>,
    problem: String,
}

impl Error {
    /// What `problem` says of `setting`: the rest of a sentence that begins with the name of the setting.
    pub fn new(setting: impl Into<Cow<'static, str>>, problem: impl Into<String>) -> Self {
        Self { setting: setting.into(), problem: problem.into() }
    }

    /// The environment name of the setting.
    pub fn setting(&self) -> &str {
        &self.setting
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}.", self.setting, self.problem)
    }
}

impl std::error::Error for Error {}

impl From<Error> for Vec<Error> {
    fn from(error: Error) -> Self {
        vec![error]
    }
}
