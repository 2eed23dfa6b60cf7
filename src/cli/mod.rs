//! The verbs of the command line.
//! In: arguments and the environment. Out: a [`Command`], or help, or an error of usage (exit code 2).
//! Owns: `signet` without a verb is `signet serve`.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use signet::config::report::Report;
use signet::config::{Config, Error, Settings};
use signet::keys::timeline;

pub mod migrate;
pub mod inspect;
mod json;
pub mod keys;
mod buffered_writer;
pub mod log;
#[cfg(feature = "otlp")]
mod traces;

/// Exit code for settings and arguments that cannot be used, the same that clap uses.
pub const EXIT_USAGE: u8 = 2;

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
    /// Print an OpenAPI document
    Openapi {
        /// Which API
        document: Document,
    },
    /// Judge the settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Bring the database to the schema of this version
    Migrate(Box<Settings>),
    /// Look into tokens
    #[command(subcommand)]
    Token(TokenCommand),
}

/// What to do with the signing keys.
#[derive(Subcommand)]
pub enum KeysCommand {
    /// List the signing keys: state, age, margin to the contract, and what happens next
    List {
        /// What happened to them in place of how they stand: who did what, when and why
        #[arg(long)]
        events: bool,
        #[command(flatten)]
        settings: Box<Settings>,
    },
    /// Announce the next signing key now; it signs as soon as every cache can know it
    Rotate {
        /// Let it sign at once: verifiers whose caches do not know it refuse new tokens until they do
        #[arg(long)]
        now: bool,
        /// Why, for the record
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        #[command(flatten)]
        settings: Box<Settings>,
    },
    /// Take a key out of the key set at once, and for ever; its tokens are refused
    Revoke {
        /// The key, as `keys list` names it
        #[arg(allow_hyphen_values = true)] // one thumbprint in 64 begins with a hyphen
        kid: String,
        /// Why, for the record
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Also when no master key given here opens it; its successor is sealed under the current one
        #[arg(long)]
        abandon: bool,
        #[command(flatten)]
        settings: Box<Settings>,
    },
    /// Print the public keys as a JWK set
    Export {
        /// Only this key
        #[arg(allow_hyphen_values = true)] // one thumbprint in 64 begins with a hyphen
        kid: Option<String>,
        /// The key that signs (or KID) with its private half, as it lies sealed under the master key
        #[arg(long)]
        sealed: bool,
        #[command(flatten)]
        settings: Box<Settings>,
    },
    /// Let a key from elsewhere join: a PEM or JWK file, or what `keys export --sealed` wrote
    Import {
        /// The file; `-` is the standard input
        file: String,
        /// What it is called in tokens; as the file says, or its thumbprint, when left out
        #[arg(long, allow_hyphen_values = true)]
        kid: Option<String>,
        /// It signs nothing here: only tokens that it signed elsewhere stay good
        #[arg(long)]
        verify_only: bool,
        /// For how long these tokens may live; as long as ours when left out
        #[arg(long = "for", value_name = "DURATION", requires = "verify_only")]
        keep_for: Option<String>,
        /// Why, for the record
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        #[command(flatten)]
        settings: Box<Settings>,
    },
    /// Seal every private key anew under the current master key, so that old ones can be thrown away
    Rewrap {
        /// Only say what would be done
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        settings: Box<Settings>,
    },
}

/// Which OpenAPI document.
#[derive(Clone, Copy, ValueEnum)]
pub enum Document {
    /// Signing up and in, sessions, tokens
    Identity,
    /// The tasks API
    Tasks,
}

/// What to do with the settings.
#[derive(Subcommand)]
pub enum ConfigCommand {
    /// Print every setting as it takes effect, secrets as fingerprints; creates nothing
    Check(Box<Settings>),
}

/// What to do with a token.
#[derive(Subcommand)]
pub enum TokenCommand {
    /// Print what a token says, without checking its signature
    Inspect {
        /// The token; read from the standard input when it is left out
        token: Option<String>,
    },
}

/// Reads the command line; prints help or an error of usage and exits by itself.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Command {
    CommandLine::parse_from(with_default_verb(arguments)).command
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

/// Prints every fault on the standard error output, one line each.
pub fn report_faults(faults: &[Error]) -> ExitCode {
    for fault in faults {
        eprintln!("signet: {fault}");
    }
    ExitCode::from(EXIT_USAGE)
}

/// `signet config check`.
pub fn check_config(settings: &Settings) -> ExitCode {
    let checked = Config::resolve(settings).and_then(|config| {
        let report = Report::new(settings, &config).map_err(|fault| vec![fault])?;
        Ok((config, report))
    });
    let (config, report) = match checked {
        Ok(checked) => checked,
        Err(faults) => return report_faults(&faults),
    };
    let contract =
        match config.server.role.serves_identity().then(|| signet::app::contract(&config)).transpose() {
            Ok(contract) => contract,
            Err(fault) => {
                eprintln!("signet: {fault}.");
                return ExitCode::from(EXIT_USAGE);
            }
        };
    for warning in &report.warnings {
        eprintln!("signet: warning: {warning}");
    }
    print!("{report}");
    if let Some(contract) = contract {
        print!("\n{}", timeline::render(&contract));
    }
    println!("\nSessions: {}", signet::app::session_bound(&config));
    ExitCode::SUCCESS
}

/// Prints a document on the standard output.
pub fn print(text: &str) -> ExitCode {
    print!("{text}");
    ExitCode::SUCCESS
}
