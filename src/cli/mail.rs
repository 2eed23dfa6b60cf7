//! `signet mail`: what happens to mail, for operators.
//! In: settings and arguments. Out: tables and sentences, or one JSON document.
//! Owns: whoever has the master key sees whom a message is for; what it says is shown to no one.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use signet::app::{Environment, KeysHalf};
use signet::config::{Config, Settings};
use signet::mail::outbox;
use signet::model::message::{Entry, State};
use signet_verify::clock::Timestamp;

use super::error::Error;
use super::output::Output;
use super::runtime::with_config;
use super::table;

/// What to do about mail.
#[derive(Subcommand)]
pub enum MailCommand {
    /// Print the messages of the outbox, newest first
    List(With<List>),
    /// Let messages be tried again now, for another day
    Retry(With<Retry>),
}

/// A verb with what every verb about mail takes.
#[derive(Args)]
pub struct With<A: Args> {
    #[command(flatten)]
    arguments: A,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    settings: Box<Settings>,
}

#[derive(Args)]
pub struct List {
    /// Only those that are waiting, sent or parked; sent ones are kept for a day, parked ones for a week
    #[arg(long, value_enum)]
    state: Option<StateArgument>,
    /// How many at most
    #[arg(long, value_name = "NUMBER", default_value = "100", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
}

#[derive(Args)]
pub struct Retry {
    /// The messages, as `mail list` names them
    #[arg(value_name = "ID", required_unless_present = "parked", conflicts_with = "parked")]
    ids: Vec<String>,
    /// Every message that is parked
    #[arg(long)]
    parked: bool,
}

/// Where a message is.
#[derive(Clone, Copy, ValueEnum)]
pub enum StateArgument {
    /// It is to be sent
    Waiting,
    /// The next server has it
    Sent,
    /// It is not tried any more
    Parked,
}

/// A message, and whom it is for, as far as that can be read.
struct Line {
    entry: Entry,
    to: Option<String>,
}

/// Does it.
///
/// # Errors
/// [`Error`].
pub fn run(command: MailCommand) -> Result<(), Error> {
    match command {
        MailCommand::List(given) => given.run(list),
        MailCommand::Retry(given) => given.run(retry),
    }
}

impl<A: Args> With<A> {
    fn run<F>(self, verb: impl FnOnce(Config, A, Output) -> F) -> Result<(), Error>
    where
        F: Future<Output = Result<(), Error>>,
    {
        let Self { arguments, output, settings } = self;
        with_config(&settings, |config| verb(config, arguments, output))
    }
}

impl From<StateArgument> for State {
    fn from(state: StateArgument) -> Self {
        match state {
            StateArgument::Waiting => Self::Waiting,
            StateArgument::Sent => Self::Sent,
            StateArgument::Parked => Self::Parked,
        }
    }
}

async fn list(config: Config, List { state, limit }: List, output: Output) -> Result<(), Error> {
    let Some(half) = open(&config, output).await? else { return Ok(()) };
    let entries = half.database.outbox().list(state.map(State::from), limit).await.map_err(app_error)?;
    let lines: Vec<Line> = entries.into_iter().map(|entry| line(&half, entry)).collect();
    half.database.close().await;
    let now = Environment::system().clock.now();
    output.print(|| rendered(&lines, now), || shape(&lines))
}

async fn retry(config: Config, Retry { ids, parked }: Retry, output: Output) -> Result<(), Error> {
    let Some(half) = open(&config, output).await? else { return Ok(()) };
    let (rows, now) = (half.database.outbox(), Environment::system().clock.now());
    let (mut retried, mut refused) = (0, Vec::new());
    if parked {
        retried = rows.retry_parked(now).await.map_err(app_error)?;
    }
    for id in ids {
        match rows.retry(&id, now).await.map_err(app_error)? {
            true => retried += 1,
            false => refused.push(id),
        }
    }
    half.database.close().await;
    let text = || match retried {
        1 => "1 message is tried again within a few seconds, by whichever instance runs.\n".to_owned(),
        count => {
            format!("{count} messages are tried again within a few seconds, by whichever instance runs.\n")
        }
    };
    output.print(text, || json!({ "retried": retried, "not_retried": refused }))?;
    if refused.is_empty() { Ok(()) } else { Err(Error::NoSuchMessage(refused.join(", "))) }
}

fn line(half: &KeysHalf, entry: Entry) -> Line {
    let posting =
        entry.sealed.as_ref().map(|sealed| outbox::open(&half.vault, &entry.id, entry.created_at, sealed));
    let to = posting.and_then(Result::ok).map(|posting| posting.to);
    Line { entry, to }
}

/// The document of `mail list`.
fn shape(lines: &[Line]) -> Value {
    let message = |Line { entry, to }: &Line| {
        let due = |waits| (waits == (entry.state == State::Waiting.name())).then(|| entry.due_at.iso_8601());
        json!({
            "id": entry.id,
            "kind": entry.kind,
            "state": entry.state,
            "to": to,
            "created_at": entry.created_at.iso_8601(),
            "next_attempt_at": due(true),
            "deleted_at": due(false),
            "attempts": entry.attempts,
            "claimed": entry.claimed,
            "problem": entry.problem,
        })
    };
    json!({ "messages": lines.iter().map(message).collect::<Vec<_>>() })
}

fn rendered(lines: &[Line], now: Timestamp) -> String {
    if lines.is_empty() {
        return "There are no such messages.\n".to_owned();
    }
    let head = ["ID", "STATE", "AGE", "ATTEMPTS", "KIND", "TO", "PROBLEM"].map(str::to_owned);
    let row = |Line { entry, to }: &Line| {
        [
            entry.id.clone(),
            entry.state.clone(),
            table::age(now.since(entry.created_at)),
            entry.attempts.to_string(),
            entry.kind.clone(),
            to.clone().unwrap_or_else(|| "-".to_owned()),
            entry.problem.clone().unwrap_or_else(|| "-".to_owned()),
        ]
    };
    table::render(std::iter::once(head).chain(lines.iter().map(row)))
}

/// The secrets and the rows of this deployment; none for the role that sends no mail, which is said.
async fn open(config: &Config, output: Output) -> Result<Option<KeysHalf>, Error> {
    if !config.server.role.serves_identity() {
        let why = "The role `resource` sends no mail; look after it at the identity service.";
        return output.print(|| format!("{why}\n"), || json!({})).map(|()| None);
    }
    Ok(Some(KeysHalf::open(config, &Environment::system()).await?))
}

fn app_error(error: signet::store::Error) -> Error {
    Error::App(error.into())
}
