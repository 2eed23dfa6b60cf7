//! `signet keys …`: looking after the signing keys, also while servers run.

use std::io::Read;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use signet::app::{Environment, KeysHalf, Storage, contract};
use signet::config::{Config, Settings};
use signet::duration;
use signet::keys::commands::{self, UnreadableKey};
use signet::keys::key_formats::{self, MAX_FILE_BYTES};
use signet::keys::listing;
use signet::keys::repository::KeyRepository;
use signet::keys::rotation::{self, Order};
use signet::keys::selection::Selection;
use signet::mail::rewrap::rewrap as rewrap_messages;
use signet::model::signing_key::ImportAs;
use signet::store::keys::Keys;
use signet_verify::crypto::Algorithm;
use signet_verify::jose::jwk::Kid;
use zeroize::Zeroizing;

use super::error::Error;
use super::output::Output;
use super::runtime::with_config;
use super::shapes;
use super::standard_output::print_text;

/// What to do with the signing keys.
#[derive(Subcommand)]
pub enum KeysCommand {
    /// List the signing keys: state, age, margin to the contract, and what happens next
    List(With<List>),
    /// Announce the next signing key now; it signs as soon as every cache can know it
    Rotate(With<Rotate>),
    /// Take a key out of the key set at once, and for ever; its tokens are refused
    Revoke(With<Revoke>),
    /// Print the public keys as a JWK set
    Export(With<Export>),
    /// Let a key from elsewhere join: a PEM or JWK file, or what `keys export --sealed` wrote
    Import(With<Import>),
    /// Seal every private key, and mail that is not sent yet, anew under the current master key, so that old ones can be thrown away
    Rewrap(With<Rewrap>),
}

/// The arguments of a verb, and all settings.
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
    /// What happened to them in place of how they stand: who did what, when and why
    #[arg(long)]
    events: bool,
}

#[derive(Args)]
pub struct Rotate {
    /// EdDSA, ES256 or RS256, or a key of it; all that are configured when left out
    #[arg(value_name = "ALGORITHM|KID", allow_hyphen_values = true)]
    key: Option<String>,
    /// Let it sign at once: verifiers whose caches do not know it refuse new tokens until they do
    #[arg(long)]
    now: bool,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

#[derive(Args)]
pub struct Revoke {
    /// The key, as `keys list` names it; for an algorithm, the one that signs with it
    #[arg(value_name = "KID|ALGORITHM", allow_hyphen_values = true)]
    // one thumbprint in 64 begins with a hyphen
    key: String,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Also when no master key given here opens it; its successor is sealed under the current one
    #[arg(long)]
    abandon: bool,
}

#[derive(Args)]
pub struct Export {
    /// Only this key, or those of this algorithm
    #[arg(value_name = "KID|ALGORITHM", allow_hyphen_values = true)]
    // one thumbprint in 64 begins with a hyphen
    key: Option<String>,
    /// The key that signs session tokens (or KID, or the one that signs with ALGORITHM) with its private half, as it lies sealed under the master key
    #[arg(long)]
    sealed: bool,
}

#[derive(Args)]
pub struct Import {
    /// The file; `-` is the standard input
    file: String,
    /// What it is called in tokens; as the file says, or its thumbprint, when left out
    #[arg(long, allow_hyphen_values = true)]
    kid: Option<String>,
    /// Which key of a key set that has several: EdDSA, ES256 or RS256
    #[arg(long)]
    algorithm: Option<Algorithm>,
    /// It signs nothing here: only tokens that it signed elsewhere stay good
    #[arg(long)]
    verify_only: bool,
    /// For how long these tokens may live; as long as ours when left out
    #[arg(long = "for", value_name = "DURATION", requires = "verify_only")]
    keep_for: Option<String>,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

#[derive(Args)]
pub struct Rewrap {
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
}

/// Does it.
///
/// # Errors
/// [`Error`].
pub fn run(command: KeysCommand) -> Result<(), Error> {
    match command {
        KeysCommand::List(given) => given.run(list),
        KeysCommand::Rotate(given) => given.run(rotate),
        KeysCommand::Revoke(given) => given.run(revoke),
        KeysCommand::Export(given) => given.run(export),
        KeysCommand::Import(given) => given.run(import),
        KeysCommand::Rewrap(given) => given.run(rewrap),
    }
}

impl<A: Args> With<A> {
    /// Judges the settings and runs a verb with the arguments.
    ///
    /// # Errors
    /// Those of the verb, and [`Error::Settings`].
    pub fn run<F>(self, verb: impl FnOnce(Config, A, Output) -> F) -> Result<(), Error>
    where
        F: Future<Output = Result<(), Error>>,
    {
        let Self { arguments, output, settings } = self;
        with_config(&settings, |config| verb(config, arguments, output))
    }
}

async fn list(config: Config, List { events }: List, output: Output) -> Result<(), Error> {
    let contract = contract(&config)?;
    let database = Storage::open_for_verb(&config.storage).await?;
    let rows = Keys::new(database.clone());
    let printed = if events {
        let events = rows.events().await.map_err(rotation::Error::from)?;
        output.print(|| listing::render_events(&events), || shapes::events(&events))
    } else {
        let records = rows.history().await.map_err(rotation::Error::from)?;
        let now = Environment::system().clock.now();
        let lines = listing::describe(&records, &contract, now);
        output.print(|| listing::render(&lines, now), || shapes::keys(&lines, now))
    };
    database.close().await;
    printed
}

async fn rotate(config: Config, rotate: Rotate, output: Output) -> Result<(), Error> {
    let selection = rotate.key.as_deref().map_or(Ok(Selection::All), selected)?;
    let Some(keys) = open(&config, output).await? else { return Ok(()) };
    let mut done = Vec::new();
    let outcome = rotate_each(&keys, &selection, rotate, &mut done).await;
    // What was done is said also where a later one failed.
    let (sentences, documents): (Vec<String>, Vec<Value>) = done.into_iter().unzip();
    let printed = output.print(|| sentences.concat(), || json!({ "rotations": documents }));
    keys.database.close().await;
    outcome.and(printed)
}

/// Rotates the selected algorithms, and adds what was done: as a sentence, and as a document.
async fn rotate_each(
    keys: &KeysHalf,
    selection: &Selection,
    Rotate { now, reason, .. }: Rotate,
    done: &mut Vec<(String, Value)>,
) -> Result<(), Error> {
    let order = Order { by: operator(), why: reason };
    for algorithm in keys.rotation.selected_algorithms(selection).await? {
        done.push(match now {
            true => {
                let forced = keys.rotation.rotate_now(algorithm, order.clone()).await?;
                (format!("{forced}\n"), shapes::forced(&forced))
            }
            false => {
                let requested = keys.rotation.request_rotation(algorithm, order.clone()).await?;
                (format!("{requested}\n"), shapes::requested(&requested))
            }
        });
    }
    Ok(())
}

async fn revoke(config: Config, revoke: Revoke, output: Output) -> Result<(), Error> {
    let Revoke { key, reason, abandon } = revoke;
    let selection = selected(&key)?;
    let Some(keys) = open(&config, output).await? else { return Ok(()) };
    let kid = keys.rotation.selected_key(&selection).await?;
    let when_sealed = if abandon { UnreadableKey::Abandon } else { UnreadableKey::Refuse };
    let revoked = keys.rotation.revoke(&kid, &operator(), &reason, when_sealed).await?;
    let printed = output.print(|| format!("{revoked}\n"), || shapes::revoked(&revoked));
    keys.database.close().await;
    printed
}

/// A document in any case.
async fn export(config: Config, Export { key, sealed }: Export, output: Output) -> Result<(), Error> {
    let selection = key.as_deref().map_or(Ok(Selection::All), selected)?;
    let Some(keys) = open(&config, output).await? else { return Ok(()) };
    let document = match sealed {
        true => keys.rotation.export_sealed(&selection).await?,
        false => keys.rotation.export_public(&selection).await?,
    };
    keys.database.close().await;
    print_text(document).map_err(Error::Output)
}

async fn import(config: Config, import: Import, output: Output) -> Result<(), Error> {
    let Import { file, kid, algorithm, verify_only, keep_for, reason } = import;
    let kid = kid.as_deref().map(named).transpose()?;
    let life = |text: String| duration::parse(&text).map_err(|_| Error::NotADuration);
    let keep_for = keep_for.map(life).transpose()?;
    let text = read(&file).map_err(Error::KeyFile)?;
    let Some(keys) = open(&config, output).await? else { return Ok(()) };
    let rotation = &keys.rotation;
    let mut key = key_formats::read(&text, algorithm, rotation.vault())?;
    key.kid = kid.unwrap_or(key.kid);
    let adoption = match verify_only {
        false => ImportAs::Successor,
        true => {
            let contract = rotation.contract();
            let life = keep_for.unwrap_or(contract.token_ttl());
            ImportAs::VerifyOnly { retain: contract.retain_for(life) }
        }
    };
    let imported = rotation.import(&key, adoption, Order { by: operator(), why: reason }).await?;
    let mut printed = output.print(|| format!("{imported}\n"), || shapes::imported(&imported));
    if key.private.is_some() && file != "-" {
        printed = printed.and(output.remark("The file still holds the private half: delete it."));
    }
    keys.database.close().await;
    printed
}

async fn rewrap(config: Config, Rewrap { dry_run }: Rewrap, output: Output) -> Result<(), Error> {
    let mode = if dry_run { commands::Rewrap::DryRun } else { commands::Rewrap::Write };
    let Some(keys) = open(&config, output).await? else { return Ok(()) };
    let outcome = keys.rotation.rewrap(operator().as_str(), mode).await?;
    let messages = rewrap_messages(&keys.database, &keys.vault, mode).await?;
    let verb = if dry_run { "would be sealed anew" } else { "is sealed anew" };
    let verb_of_messages = if dry_run { "would be sealed anew" } else { "sealed anew" };
    let text = || {
        let current = |kid: &Kid| format!("Key {kid} is sealed under the current master key already.\n");
        let rewrapped = outcome.rewrapped.iter().map(|kid| format!("Key {kid} {verb}.\n"));
        let unreadable = outcome.unreadable.iter();
        rewrapped
            .chain(outcome.current.iter().map(current))
            .chain(unreadable.map(|(kid, why)| format!("Key {kid} cannot be opened: {why}\n")))
            .chain(std::iter::once(format!(
                "Messages in the outbox: {} {verb_of_messages}.\n",
                messages.rewrapped
            )))
            .chain(
                messages.unreadable.iter().map(|(id, why)| format!("Message {id} cannot be opened: {why}\n")),
            )
            .collect()
    };
    let printed = output.print(text, || shapes::rewrapped(&outcome, &messages));
    keys.database.close().await;
    printed
}

/// The keys of this deployment; none for the role that has none, which is said.
///
/// # Errors
/// [`Error::App`], [`Error::Output`].
pub async fn open(config: &Config, output: Output) -> Result<Option<KeysHalf>, Error> {
    if !config.server.role.serves_identity() {
        let why = "The role `resource` has no signing keys; look after them at the identity service.";
        return output.print(|| format!("{why}\n"), || json!({})).map(|()| None);
    }
    Ok(Some(KeysHalf::open(config, &Environment::system()).await?))
}

/// Whom the record of the keys names for orders from here: the person, as far as the system says who it is.
pub fn operator() -> String {
    let name = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    let sound = |name: &String| {
        (1..=64).contains(&name.len()) && name.chars().all(|c| !c.is_control() && !c.is_whitespace())
    };
    match name.filter(sound) {
        Some(name) => format!("command line ({name})"),
        None => "command line".to_owned(),
    }
}

fn selected(key: &str) -> Result<Selection, Error> {
    Selection::parse(key).ok_or(Error::NotAKid)
}

fn named(kid: &str) -> Result<Kid, Error> {
    Kid::parse(kid).ok_or(Error::NotAKid)
}

/// The text of a file, or of the standard input for `-`; never more than a key can need.
fn read(file: &str) -> std::io::Result<Zeroizing<String>> {
    let limit = MAX_FILE_BYTES as u64 + 1;
    let mut text = Zeroizing::new(String::new());
    match file {
        "-" => std::io::stdin().take(limit).read_to_string(&mut text)?,
        file => std::fs::File::open(file)?.take(limit).read_to_string(&mut text)?,
    };
    Ok(text)
}
