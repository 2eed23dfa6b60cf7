//! The verbs of the command line.
//! In: arguments and the environment. Out: a [`Command`], or help, or an error of usage (exit code 2).
//! Owns: `signet` without a verb is `signet serve`.

mod apply;
mod buffered_writer;
mod check;
mod clients;
mod error;
mod import;
mod inspect;
mod json;
mod keys;
mod log;
mod mail;
mod migrate;
mod output;
mod runtime;
mod serve;
mod shapes;
mod standard_output;
mod table;
#[cfg(feature = "otlp")]
mod traces;
mod users;

use std::ffi::OsString;

use clap::{Parser, Subcommand, ValueEnum};
use signet::config::Settings;
use signet::http::ops::docs;

use clients::ClientsCommand;
pub use error::Error;
use import::ImportCommand;
use keys::KeysCommand;
use mail::MailCommand;
use output::Output;
use runtime::with_config;
use standard_output::print_text;
pub use standard_output::tell;
use users::UsersCommand;

#[derive(Parser)]
#[command(
    name = "signet",
    version,
    about = "An identity provider in one binary: Better Auth's HTTP contract, EdDSA tokens, rotating keys",
    after_help = "Without a verb, signet serves. All settings are listed by: signet serve --help",
    disable_help_subcommand = true,
    subcommand_required = true
)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

/// What the person asked for.
#[derive(Subcommand)]
pub enum Command {
    /// Run the server (the default)
    #[command(after_help = "Durations are written like 15m, 30d, 90s, 1h30m or 500ms.")]
    Serve(Box<Settings>),
    /// Look after the signing keys
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Look after mail that waits or could not be sent
    #[command(subcommand)]
    Mail(MailCommand),
    /// Help users who cannot help themselves
    #[command(subcommand)]
    Users(UsersCommand),
    /// Look after the applications that may sign people in
    #[command(subcommand)]
    Clients(ClientsCommand),
    /// Let clients, resources and first users be as a file declares them
    Apply(keys::With<apply::Apply>),
    /// Move people in from another service
    #[command(subcommand)]
    Import(ImportCommand),
    /// Print an OpenAPI document
    Openapi {
        /// Which API
        document: Document,
        // It is JSON anyway.
        #[command(flatten)]
        _output: Output,
    },
    /// Judge the settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Bring the database to the schema of this version
    Migrate {
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        settings: Box<Settings>,
    },
    /// Look into tokens
    #[command(subcommand)]
    Token(TokenCommand),
}

/// Which OpenAPI document.
#[derive(Clone, Copy, ValueEnum)]
pub enum Document {
    /// Signing up and in, sessions, tokens
    Identity,
    /// OAuth and OpenID Connect
    #[value(name = "oauth")]
    OAuth,
    /// The tasks API
    Tasks,
}

/// What to do with the settings.
#[derive(Subcommand)]
pub enum ConfigCommand {
    /// Print every setting as it takes effect, secrets as fingerprints; creates nothing
    Check {
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        settings: Box<Settings>,
    },
}

/// What to do with a token.
#[derive(Subcommand)]
pub enum TokenCommand {
    /// Print what a token says, without checking its signature
    Inspect {
        /// The token; read from the standard input when it is left out
        token: Option<String>,
        // It is JSON anyway.
        #[command(flatten)]
        _output: Output,
    },
}

/// Reads the command line; prints help or an error of usage and exits by itself.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Command {
    match CommandLine::try_parse_from(with_default_verb(arguments)) {
        Ok(line) => line.command,
        Err(refusal) if refusal.use_stderr() && refusal.to_string().contains("://") => {
            // An argument in the wrong place is repeated, and may be a URL with a password.
            tell(without_urls(&refusal.to_string()));
            std::process::exit(refusal.exit_code())
        }
        Err(refusal) => refusal.exit(),
    }
}

/// A refusal of arguments without what follows `://`.
fn without_urls(refusal: &str) -> String {
    let mut parts = refusal.trim_start_matches("error: ").trim_end().split("://");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |shown, part| {
        let end = part.find(|c: char| c.is_whitespace() || c == '\'').unwrap_or(part.len());
        format!("{shown}://…{}", &part[end..])
    })
}

/// Puts `serve` before a first argument that is a flag, and where there is no argument at all.
fn with_default_verb(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    let serves = match arguments.get(1).and_then(|first| first.to_str()) {
        None => arguments.len() <= 1,
        Some("-h" | "--help" | "-V" | "--version") => false,
        Some(first) => first.starts_with('-'),
    };
    if serves {
        arguments.insert(arguments.len().min(1), OsString::from("serve"));
    }
    arguments
}

/// Does what was asked for.
///
/// # Errors
/// [`Error`], which has the exit code.
pub fn run(command: Command) -> Result<(), Error> {
    match command {
        Command::Serve(settings) => with_config(&settings, serve::run),
        Command::Migrate { output, settings } => {
            with_config(&settings, |config| migrate::run(config, output))
        }
        Command::Keys(command) => keys::run(command),
        Command::Mail(command) => mail::run(command),
        Command::Users(command) => users::run(command),
        Command::Clients(command) => clients::run(command),
        Command::Apply(given) => given.run(apply::run),
        Command::Import(command) => import::run(command),
        Command::Config(ConfigCommand::Check { output, settings }) => check::run(&settings, output),
        Command::Token(TokenCommand::Inspect { token, .. }) => Ok(inspect::run(token)?),
        Command::Openapi { document, .. } => print_text(document.text()).map_err(Error::Output),
    }
}

impl Document {
    fn text(self) -> String {
        match self {
            Self::Identity => docs::identity_document(),
            Self::OAuth => docs::oauth_document(),
            Self::Tasks => docs::tasks_document(),
        }
    }
}
