//! `signet clients …`: the applications that may sign people in, also while servers run.

mod add;
mod opening;

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::json;
use signet::config::Config;
use signet::duration;
use signet::model::client::{Client, ClientId};
use signet::oauth::registry::Described;
use signet_verify::clock::Timestamp;

use self::opening::{open, shown};
use super::error::Error;
use super::keys::{With, operator};
use super::log;
use super::output::Output;
use super::shapes;
use super::table;

/// What to do with clients.
#[derive(Subcommand)]
pub enum ClientsCommand {
    /// List the clients, in the order of their ids
    List(With<List>),
    /// Show what is kept of a client
    Show(With<Which>),
    /// Register a client; its secret is shown once
    Add(Box<With<add::Add>>),
    /// Give a client another secret, which is shown once; the old one is accepted for a while
    RotateSecret(With<RotateSecret>),
    /// Remove a client, with everything that users gave it
    Remove(With<Which>),
}

#[derive(Args)]
pub struct List {}

#[derive(Args)]
pub struct Which {
    /// Its id
    #[arg(value_name = "CLIENT", allow_hyphen_values = true)]
    client: String,
}

#[derive(Args)]
pub struct RotateSecret {
    #[command(flatten)]
    which: Which,
    /// How long the old one is still accepted
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = duration::parse)]
    keep: Duration,
}

/// Does it.
///
/// # Errors
/// [`Error`].
pub fn run(command: ClientsCommand) -> Result<(), Error> {
    match command {
        ClientsCommand::List(given) => given.run(list),
        ClientsCommand::Show(given) => given.run(show),
        ClientsCommand::Add(given) => given.run(add::run),
        ClientsCommand::RotateSecret(given) => given.run(rotate_secret),
        ClientsCommand::Remove(given) => given.run(remove),
    }
}

fn id(Which { client }: &Which) -> Result<ClientId, Error> {
    ClientId::parse(client).ok_or(Error::NoSuchClient)
}

async fn list(config: Config, _: List, output: Output) -> Result<(), Error> {
    let Some(half) = open(&config, output).await? else { return Ok(()) };
    let clients = half.registry.list().await;
    half.close().await;
    let clients = clients?;
    output.print(|| rows(&clients), || shapes::clients(&clients))
}

fn rows(clients: &[Client]) -> String {
    let head = ["CLIENT", "TYPE", "PROVES ITSELF BY", "CONSENT", "NAME"].map(str::to_owned);
    let row = |client: &Client| {
        let consent = if client.skip_consent { "skipped" } else { "asked" };
        let (kind, method) = (client.application_type.name(), client.auth_method.name());
        [client.id.to_string(), kind.to_owned(), method.to_owned(), consent.to_owned(), shown(&client.name)]
    };
    table::render(std::iter::once(head).chain(clients.iter().map(row)))
}

async fn show(config: Config, which: Which, output: Output) -> Result<(), Error> {
    let id = id(&which)?;
    let Some(half) = open(&config, output).await? else { return Ok(()) };
    let described = half.registry.describe(&id).await;
    half.close().await;
    let described = described?.ok_or(Error::NoSuchClient)?;
    output.print(|| describe(&described), || shapes::client(&described))
}

/// The members of registration, a line each; those that say nothing are left out.
fn describe(described: &Described) -> String {
    let mut text = String::new();
    let width = described.metadata.keys().map(String::len).max().unwrap_or_default();
    for (name, value) in &described.metadata {
        let value = match value {
            serde_json::Value::String(text) => shown(text),
            serde_json::Value::Array(entries) => {
                entries.iter().filter_map(|entry| entry.as_str()).map(shown).collect::<Vec<_>>().join(" ")
            }
            other => shown(&other.to_string()),
        };
        text += &format!("{name:<width$}  {value}\n");
    }
    for secret in &described.secrets {
        let since = secret.created_at.iso_8601();
        let until =
            secret.expires_at.map(|end| format!(", accepted until {}", end.iso_8601())).unwrap_or_default();
        text += &format!("{:<width$}  since {since}{until}\n", "(secret)");
    }
    text
}

async fn rotate_secret(config: Config, given: RotateSecret, output: Output) -> Result<(), Error> {
    let id = id(&given.which)?;
    let Some(half) = open(&config, output).await? else { return Ok(()) };
    let log = log::start_for_verb()?;
    let rotated = half.registry.rotate_secret(&id, given.keep, &operator()).await;
    half.close().await;
    log.end().await;
    let rotated = rotated?.ok_or(Error::NoSuchClient)?;
    let secret = rotated.secret.expose();
    output.print(
        || {
            let until = rotated.old_until.map_or_else(
                || "The old one is not accepted any more.".to_owned(),
                |end: Timestamp| format!("The old one is accepted until {}.", end.iso_8601()),
            );
            format!("Secret  {secret}\n        (kept as a hash: it is not shown again)\n{until}\n")
        },
        || shapes::secret_rotated(&id, secret, rotated.old_until),
    )
}

async fn remove(config: Config, which: Which, output: Output) -> Result<(), Error> {
    let id = id(&which)?;
    let Some(half) = open(&config, output).await? else { return Ok(()) };
    let log = log::start_for_verb()?;
    let removed = half.registry.remove(&id, &operator()).await;
    half.close().await;
    log.end().await;
    let ended = removed?.ok_or(Error::NoSuchClient)?;
    let grants = if ended == 1 { "1 grant".to_owned() } else { format!("{ended} grants") };
    output.print(
        || format!("Client {id} is gone, with everything that users gave it; {grants} ended.\n"),
        || json!({ "client_id": id.to_string(), "grants_ended": ended }),
    )
}
