//! `signet apply FILE`: what a deployment is declared to consist of.
//! In: a file. Out: what was changed, or with a dry run what would be.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use signet::app::{self, ClientsHalf, Environment};
use signet::config::Config;
use signet::oauth::changes::Outcome;
use signet::oauth::provision::Run;

use super::error::Error;
use super::keys::operator;
use super::log;
use super::output::Output;
use super::shapes;
use super::standard_output::tell;

#[derive(Args)]
pub struct Apply {
    /// TOML or JSON, by its ending: clients, resources, users
    file: PathBuf,
    /// Only say what would be changed
    #[arg(long)]
    dry_run: bool,
}

/// Applies the file: all of it, or nothing.
///
/// # Errors
/// [`Error`].
pub async fn run(config: Config, Apply { file, dry_run }: Apply, output: Output) -> Result<(), Error> {
    if !config.server.role.serves_identity() {
        let why = "The role `resource` has no clients; apply the file at the identity service.";
        return output.print(|| format!("{why}\n"), || json!({}));
    }
    let half = ClientsHalf::open(&config, &Environment::system()).await?;
    let log = log::start_for_verb()?;
    let run = if dry_run { Run::Dry } else { Run::Real };
    let applied = half.apply(&file, run, &operator()).await;
    half.close().await;
    log.end().await;
    let outcome = applied.map_err(|error| match error {
        // Here there is room for every one of them.
        app::Error::Provision(problems) => Error::Declared(problems),
        error => error.into(),
    })?;
    for notice in &outcome.notices {
        tell(format_args!("warning: {notice}"));
    }
    output.print(|| sentences(&outcome, run), || shapes::applied(&outcome, run))
}

fn sentences(outcome: &Outcome, run: Run) -> String {
    let mut text: String = outcome.changes.iter().map(|change| format!("{change}\n")).collect();
    let count = outcome.changes.len();
    let changes = if count == 1 { "1 change".to_owned() } else { format!("{count} changes") };
    text += &match (run, count) {
        (_, 0) => format!("Nothing to change: {} as they are declared.\n", outcome.unchanged),
        (Run::Dry, _) => format!("{changes} would be made; nothing was.\n"),
        (Run::Real | Run::New, _) => format!("{changes} made, {} as they were.\n", outcome.unchanged),
    };
    text
}
