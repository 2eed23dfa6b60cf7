//! `signet import better-auth`: the people of a Better Auth move in, with passwords, sessions and keys.
//! In: the address of its database. Out: their rows here, and a report of what came and what stayed behind.
//! Owns: everything is looked at before anything is written; the source is only read; a second run adds what is new and
//! changes no user.

mod error;
mod here;
mod keys;
mod look;
mod moment;
mod names;
mod report;
mod sessions;
mod source;
mod write;

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use signet::app::{Environment, KeysHalf};
use signet::config::Config;
use signet::keys::rotation::Order;
use signet::secret::SharedSecret;
use signet::store::Database;
use signet_verify::clock::Timestamp;

pub use self::error::Error;
use self::here::Here;
use self::keys::Wanted;
use self::names::{ACCOUNT, JWKS, Map, SESSION, Table, USER};
use self::report::Report;
use self::source::Source;
use super::keys::{With, open, operator};
use super::output::Output;
use super::standard_output::tell;

/// How long a batch of rows may take: longer than a request, since a page of pictures is larger.
const BATCH_LIMIT: Duration = Duration::from_secs(60);

/// What to move people from.
#[derive(Subcommand)]
pub enum ImportCommand {
    /// Let the people of a Better Auth move in: ids, passwords, linked accounts, sessions and keys; run again, it adds what is new
    #[command(
        after_help = "BETTER_AUTH_SECRET is that of the old server: browsers stay signed in, and private keys open."
    )]
    BetterAuth(With<BetterAuth>),
}

#[derive(Args)]
pub struct BetterAuth {
    /// Its database: postgres://USER:PASSWORD@HOST/NAME or sqlite:FILE; it is only read
    from_url: String,
    /// Only look and report; exit code 3 where users conflict with each other
    #[arg(long)]
    dry_run: bool,
    /// The schema of PostgreSQL that its tables are in
    #[arg(long, value_name = "NAME", default_value = "public")]
    schema: String,
    /// What its tables and columns are called, where they have names of your own: user=app_users,user.emailVerified=verified
    #[arg(long, value_name = "LIST")]
    map: Vec<String>,
    /// People stay signed in
    #[arg(long)]
    sessions: bool,
    /// Its signing keys: public ones verify living tokens; the private one goes on signing
    #[arg(long, value_enum, default_value_t = Keys::Public)]
    keys: Keys,
    /// The zone of times in PostgreSQL that have none: that of the old server's TZ
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    timezone: String,
    /// Let all others come where users conflict with each other
    #[arg(long)]
    skip_conflicts: bool,
    /// Write the report to this file, as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// Which signing keys come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Keys {
    /// Public ones, for as long as their tokens live
    Public,
    /// The private one too: it signs
    Private,
    /// None
    None,
}

/// Does it.
///
/// # Errors
/// [`super::Error`].
pub fn run(command: ImportCommand) -> Result<(), super::Error> {
    match command {
        ImportCommand::BetterAuth(given) => given.run(better_auth),
    }
}

/// What is read of the source.
struct Tables {
    users: Table,
    accounts: Table,
    sessions: Option<Table>,
    keys: Option<Table>,
    version: &'static str,
    /// Those of plugins, of which nothing is taken.
    of_plugins: Vec<String>,
}

async fn better_auth(config: Config, import: BetterAuth, output: Output) -> Result<(), super::Error> {
    let map: Map = import.map.join(",").parse().map_err(Error::from)?;
    let secrets = match import.keys {
        Keys::Private => Some(secrets(&config)?),
        Keys::Public | Keys::None => None,
    };
    let mut source =
        Source::open(&import.from_url, &import.schema, &import.timezone).await.map_err(Error::from)?;
    let tables = find(&mut source, &map, &import).await?;
    let file = import.report.as_ref().map(File::create).transpose().map_err(Error::Report)?;
    let Some(ours) = open(&config, output).await? else { return Ok(()) };
    let now = Environment::system().clock.now();
    let moved = Move {
        database: ours.database.clone().with_time_limit(BATCH_LIMIT),
        ours,
        wanted: Wanted { secrets, now },
        now,
    };
    let mut report = Report {
        columns_not_taken: tables.left(),
        tables_not_taken: tables.of_plugins.clone(),
        ..Report::default()
    };
    let outcome = moved.run(&mut source, &tables, &import, &mut report).await;
    source.close().await;
    moved.ours.database.close().await;
    let said = match outcome {
        Err(error) if !matches!(error, Error::Conflicts(_)) => return Err(error.into()),
        outcome => outcome,
    };
    if let Some(mut file) = file {
        writeln!(file, "{:#}", report.document()).map_err(Error::Report)?;
    }
    let inserted = if import.dry_run { "to come" } else { "came" };
    let text = || {
        let sentences = said.as_ref().map(|said| said.concat()).unwrap_or_default();
        format!("{}{sentences}{}", tables.describe(), report.text(inserted))
    };
    output.print(text, || report.document())?;
    for remark in remarks(&config, &import, &tables) {
        tell(remark);
    }
    said.map(drop).map_err(super::Error::from)
}

/// What the operator should know besides.
fn remarks(config: &Config, import: &BetterAuth, tables: &Tables) -> Vec<&'static str> {
    let mut remarks = Vec::new();
    if import.sessions && tables.sessions.is_none() {
        remarks.push("there is no table of sessions: they are in a secondary storage, and stay behind");
    }
    if import.sessions && config.secrets.shared.is_none() {
        remarks.push(
            "BETTER_AUTH_SECRET is not given: browsers stay signed in only where it is the one of the old server",
        );
    }
    let has_second_factor =
        |name: &String| matches!(name.as_str(), "twoFactorEnabled" | "two_factor_enabled");
    if tables.users.left.iter().any(has_second_factor) {
        remarks.push("second factors stay behind: whoever has one signs in with the password alone");
    }
    remarks
}

/// What private keys may be sealed with: the secret, and those of `BETTER_AUTH_SECRETS` (`2:new,1:old`).
fn secrets(config: &Config) -> Result<Vec<SharedSecret>, Error> {
    let versioned = std::env::var("BETTER_AUTH_SECRETS").unwrap_or_default();
    let entries = versioned.split(',').filter_map(|entry| entry.split_once(':'));
    let older = entries.filter_map(|(_, secret)| SharedSecret::new(secret.trim().to_owned()).ok());
    let secrets: Vec<SharedSecret> = config.secrets.shared.iter().cloned().chain(older).collect();
    if secrets.is_empty() { Err(Error::NoSecret) } else { Ok(secrets) }
}

async fn find(source: &mut Source, map: &Map, import: &BetterAuth) -> Result<Tables, Error> {
    let there = source.tables().await?;
    let users = USER.find(&there, map)?;
    let accounts = ACCOUNT.find(&there, map)?;
    // A table that Better Auth may do without is missed only where it is there, or said to be.
    let optional = |model: &names::Model| match model.find(&there, map) {
        Ok(table) => Ok(Some(table)),
        Err(names::Error::NoTable { .. }) if !map.names(model) => Ok(None),
        Err(error) => Err(error),
    };
    let keys = optional(&JWKS)?;
    let version = names::version(&there, &accounts, keys.as_ref());
    let sessions = if import.sessions { optional(&SESSION)? } else { None };
    let keys = keys.filter(|_| import.keys != Keys::None);
    let of_plugins = names::of_plugins(&there);
    Ok(Tables { users, accounts, sessions, keys, version, of_plugins })
}

impl Tables {
    fn all(&self) -> impl Iterator<Item = &Table> {
        [Some(&self.users), Some(&self.accounts), self.sessions.as_ref(), self.keys.as_ref()]
            .into_iter()
            .flatten()
    }

    fn left(&self) -> Vec<String> {
        self.all()
            .flat_map(|table| table.left.iter().map(|column| format!("{}.{column}", table.model)))
            .collect()
    }

    fn describe(&self) -> String {
        let names: Vec<&str> = self.all().map(|table| table.name.as_str()).collect();
        format!("The tables are those of Better Auth {}: {}.\n", self.version, names.join(", "))
    }
}

/// A move that is under way.
struct Move {
    ours: KeysHalf,
    database: Database,
    wanted: Wanted,
    now: Timestamp,
}

impl Move {
    /// Looks, and writes if nothing stands against it; answers sentences about keys.
    async fn run(
        &self,
        source: &mut Source,
        tables: &Tables,
        import: &BetterAuth,
        report: &mut Report,
    ) -> Result<Vec<String>, Error> {
        let Self { ours, database, wanted, now } = self;
        let here = Here::read(database, *now).await?;
        let mut plan = look::users(source, &tables.users, &here, *now, report).await?;
        look::accounts(source, &tables.accounts, &here, &mut plan, report).await?;
        if let Some(table) = &tables.sessions {
            sessions::look(source, table, database, &here, *now, &mut plan, report).await?;
        }
        let coming = match &tables.keys {
            Some(table) => keys::look(source, table, ours, wanted, report).await?,
            None => Vec::new(),
        };
        drop(here);
        let stopping = report.stopping();
        if stopping > 0 && !import.skip_conflicts {
            report.nothing_inserted();
            return Err(Error::Conflicts(stopping));
        }
        if import.dry_run {
            return Ok(Vec::new());
        }
        write::users(source, &tables.users, database, &mut plan, report).await?;
        write::accounts(source, &tables.accounts, database, &plan, report).await?;
        if let Some(table) = &tables.sessions {
            sessions::write(source, table, database, *now, &mut plan, report).await?;
        }
        let order = Order { by: operator(), why: Some("moved in from Better Auth".to_owned()) };
        let said = keys::write(ours, coming, &order, report).await?;
        Ok(said.into_iter().map(|sentence| format!("{sentence}\n")).collect())
    }
}
