//! Why a verb failed, and with which exit code.

use std::process::ExitCode;

use signet::identity;
use signet::keys::key_formats;
use signet::keys::rotation;
use signet::mail::rewrap::RewrapError;
use signet::model::contract;
use signet::{app, config};

/// Exit code for settings and arguments that cannot be used, the same that clap uses.
const EXIT_USAGE: u8 = 2;

/// Exit code for users of an import that conflict: the operator decides.
const EXIT_CONFLICTS: u8 = 3;

/// Why a verb failed; each line that it prints is one sentence.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Settings that cannot be used.
    #[error("{}", lines(.0))]
    Settings(Vec<config::Error>),
    /// What a server meets, too.
    #[error(transparent)]
    App(#[from] app::Error),
    /// An order about keys that was not carried out.
    #[error("the signing keys cannot be used: {0}")]
    Keys(#[from] rotation::Error),
    /// An argument that should name a key.
    #[error("this is not the name of a key; `signet keys list` prints them")]
    NotAKid,
    /// An argument that should say how long tokens of an imported key may live.
    #[error("--for wants a duration like 15m or 1h")]
    NotADuration,
    /// A file with a key that cannot be read.
    #[error("the file with the key cannot be read: {0}")]
    KeyFile(#[source] std::io::Error),
    /// A file that holds no key to import.
    #[error("no key was imported: {0}")]
    Transfer(#[from] key_formats::Error),
    /// Messages that could not be sealed anew.
    #[error("mail cannot be sealed anew: {0}")]
    Rewrap(#[from] RewrapError),
    /// Messages that are not there, sent already, or being delivered.
    #[error(
        "not tried again, since they are not there, are sent, or are being delivered at this moment: {0}"
    )]
    NoSuchMessage(String),
    /// An argument that should name a user.
    #[error("there is no user with this address or id; `signet users list` prints them")]
    NoSuchUser,
    /// An order about a user that was not carried out.
    #[error("nothing was done: {0}")]
    Users(#[source] identity::Error),
    /// An argument that should name a client.
    #[error("there is no client with this id; `signet clients list` prints them")]
    NoSuchClient,
    /// What was declared cannot be: a sentence each.
    #[error("{}", .0.join("\nsignet: "))]
    Declared(Vec<String>),
    /// An order about a client that was not carried out.
    #[error("nothing was done: {0}")]
    Clients(#[source] signet::oauth::registry::Error),
    /// The standard input.
    #[error("the standard input cannot be read: {0}")]
    Input(#[source] std::io::Error),
    /// People who were not moved in.
    #[error(transparent)]
    Import(#[from] super::import::Error),
    /// A text that is no token.
    #[error(transparent)]
    Token(#[from] super::inspect::Error),
    /// The way to the collector of traces.
    #[cfg(feature = "otlp")]
    #[error("SIGNET_OTLP_ENDPOINT cannot be used: {0}")]
    Traces(String),
    /// What a verb has to say.
    #[error("the output cannot be written: {0}")]
    Output(#[source] std::io::Error),
    /// The log.
    #[error("the log cannot be written: {0}")]
    Log(#[source] std::io::Error),
    /// Threads and timers.
    #[error("the runtime does not start: {0}")]
    Runtime(#[source] std::io::Error),
}

impl Error {
    /// 2 where other settings or arguments would help, as clap has it; 3 for conflicts of an import; 1 otherwise.
    pub fn exit_code(&self) -> ExitCode {
        if let Self::Import(super::import::Error::Conflicts(_)) = self {
            return ExitCode::from(EXIT_CONFLICTS);
        }
        let is_usage = match self {
            Self::App(error) => error.is_usage(),
            Self::Import(error) => error.is_usage(),
            Self::Settings(_) | Self::NotAKid | Self::NotADuration => true,
            Self::KeyFile(_) | Self::Transfer(_) => true,
            Self::Users(error) => matches!(
                error,
                identity::Error::PasswordTooShort
                    | identity::Error::PasswordTooLong
                    | identity::Error::VerificationMailOff
            ),
            Self::Declared(_) | Self::Clients(_) => true,
            Self::NoSuchClient | Self::NoSuchUser | Self::NoSuchMessage(_) | Self::Input(_) => false,
            Self::Keys(_)
            | Self::Rewrap(_)
            | Self::Token(_)
            | Self::Output(_)
            | Self::Log(_)
            | Self::Runtime(_) => false,
            #[cfg(feature = "otlp")]
            Self::Traces(_) => false,
        };
        if is_usage { ExitCode::from(EXIT_USAGE) } else { ExitCode::FAILURE }
    }
}

impl From<Vec<config::Error>> for Error {
    fn from(errors: Vec<config::Error>) -> Self {
        Self::Settings(errors)
    }
}

impl From<contract::Error> for Error {
    fn from(error: contract::Error) -> Self {
        Self::App(error.into())
    }
}

/// One sentence a line, each begun as the first is.
fn lines(errors: &[config::Error]) -> String {
    errors.iter().map(config::Error::to_string).collect::<Vec<_>>().join("\nsignet: ")
}

impl From<signet::oauth::registry::Error> for Error {
    fn from(error: signet::oauth::registry::Error) -> Self {
        match error {
            signet::oauth::registry::Error::Store(error) => error.into(),
            error => Self::Clients(error),
        }
    }
}
