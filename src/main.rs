//! The `signet` binary: reads the command line and hands over to the library.

use std::process::ExitCode;

use cli::{Command, ConfigCommand, TokenCommand};

mod cli;

fn main() -> ExitCode {
    match cli::parse(std::env::args_os()) {
        Command::Config(ConfigCommand::Check(settings)) => cli::check_config(&settings),
        Command::Token(TokenCommand::Inspect { token }) => cli::inspect::run(token),
        Command::Serve(_) | Command::Keys(_) | Command::Openapi { .. } | Command::Migrate(_) => {
            eprintln!("signet: this verb is not wired yet");
            ExitCode::FAILURE
        }
    }
}
