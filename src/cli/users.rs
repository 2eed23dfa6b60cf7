//! `signet users …`: helping users who cannot help themselves, also while servers run.

mod invite;

use std::io::Read;

use clap::{Args, Subcommand};
use serde_json::json;
use signet::app::{Environment, UsersHalf};
use signet::config::Config;
use signet::identity::{self, Profile};
use signet::model::session::Remember;
use signet::model::user::User;
use signet::secret::Password;
use signet::store::{self, UserSummary};
use zeroize::Zeroizing;

use super::error::Error;
use super::keys::{With, operator};
use super::log;
use super::output::Output;
use super::shapes;

/// The longest line that is read as a password: whatever is longer is none.
const MAX_LINE_BYTES: u64 = 4096;

/// What to do for users.
#[derive(Subcommand)]
pub enum UsersCommand {
    /// List the users, in the order of their ids
    List(With<List>),
    /// Show what is kept of a user: address, ways to sign in, sessions
    Show(With<Whom>),
    /// Make an account for a person, and mail them a link to set a password
    Invite(With<invite::Invite>),
    /// Give a user another password, read from the standard input; their sessions end
    SetPassword(With<SetPassword>),
    /// Sign a user out everywhere; their tokens are refused
    EndSessions(With<Whom>),
    /// Delete a user with everything that is theirs, tasks too
    Remove(With<Whom>),
}

#[derive(Args)]
pub struct List {
    /// Only those after this id, as `next` of the page before says
    #[arg(long, value_name = "ID", default_value = "", allow_hyphen_values = true)]
    after: String,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
}

#[derive(Args)]
pub struct Whom {
    /// Who: the address, or the id
    #[arg(value_name = "ADDRESS|ID", allow_hyphen_values = true)]
    user: String,
}

#[derive(Args)]
pub struct SetPassword {
    #[command(flatten)]
    whom: Whom,
    /// Read the password from the standard input, so that no other user of this machine sees it
    #[arg(long, required = true)]
    password_stdin: bool,
}

/// Does it.
///
/// # Errors
/// [`Error`].
pub fn run(command: UsersCommand) -> Result<(), Error> {
    match command {
        UsersCommand::List(given) => given.run(list),
        UsersCommand::Show(given) => given.run(show),
        UsersCommand::Invite(given) => given.run(invite::run),
        UsersCommand::SetPassword(given) => given.run(set_password),
        UsersCommand::EndSessions(given) => given.run(end_sessions),
        UsersCommand::Remove(given) => given.run(remove),
    }
}

/// The users of this deployment; none for the role that has none, which is said.
async fn open(config: &Config, output: Output) -> Result<Option<UsersHalf>, Error> {
    if !config.server.role.serves_identity() {
        let why = "The role `resource` has no users; look after them at the identity service.";
        return output.print(|| format!("{why}\n"), || json!({})).map(|()| None);
    }
    Ok(Some(UsersHalf::open(config, &Environment::system()).await?))
}

/// The user who is meant.
async fn find(half: &UsersHalf, Whom { user }: &Whom) -> Result<User, Error> {
    half.users.find(user).await?.ok_or(Error::NoSuchUser)
}

async fn list(config: Config, List { after, limit }: List, output: Output) -> Result<(), Error> {
    let Some(half) = open(&config, output).await? else { return Ok(()) };
    // One more says whether there are more.
    let mut users = half.users.list(&after, limit.saturating_add(1)).await?;
    let more = users.len() > limit as usize;
    users.truncate(limit as usize);
    let next = users.last().filter(|_| more).map(|last| last.id.clone());
    let printed = output.print(|| table(&users, next.as_deref()), || shapes::users(&users, next.as_deref()));
    half.close().await;
    printed
}

fn table(users: &[UserSummary], next: Option<&str>) -> String {
    let mut text = format!("{:<32}  {:<24}  {:<8}  {:<32}  NAME\n", "ID", "SIGNED UP", "VERIFIED", "ADDRESS");
    for UserSummary { id, email, email_verified, name, created_at } in users {
        let verified = if *email_verified { "yes" } else { "no" };
        let (id, email, name) = (shown(id), shown(email), shown(name));
        text += &format!("{id:<32}  {:<24}  {verified:<8}  {email:<32}  {name}\n", created_at.iso_8601());
    }
    if let Some(next) = next {
        text += &format!("There are more: signet users list --after {}\n", shown(next));
    }
    text
}

async fn show(config: Config, whom: Whom, output: Output) -> Result<(), Error> {
    let Some(half) = open(&config, output).await? else { return Ok(()) };
    let profile = half.users.profile(find(&half, &whom).await?).await?;
    let printed = output.print(|| describe(&profile), || shapes::user(&profile));
    half.close().await;
    printed
}

fn describe(Profile { user, accounts, sessions }: &Profile) -> String {
    let verified = if user.email_verified { "verified" } else { "not verified" };
    let mut text = format!("Id        {}\nAddress   {} ({verified})\n", shown(&user.id), shown(&user.email));
    text += &format!("Name      {}\n", shown(&user.name));
    if let Some(image) = &user.image {
        let begin: String = image.chars().take(80).collect();
        text += &format!("Picture   {} ({} bytes)\n", shown(&begin), image.len());
    }
    text +=
        &format!("Signed up {}, last changed {}\n", user.created_at.iso_8601(), user.updated_at.iso_8601());
    for account in accounts {
        let since = account.created_at.iso_8601();
        let (provider, id) = (shown(&account.provider_id), shown(&account.account_id));
        text += &match account.is_password() {
            true => format!("Signs in  with a password, since {since}\n"),
            false => format!("Signs in  with {provider} ({id}), since {since}\n"),
        };
    }
    for session in sessions {
        let kind = if session.remember == Remember::Yes { "" } else { ", until the browser closes" };
        text += &format!(
            "Session   {} since {} until {}{kind}: {} {}\n",
            shown(&session.id),
            session.created_at.iso_8601(),
            session.expires_at.iso_8601(),
            shown(&session.ip_address),
            shown(&session.user_agent),
        );
    }
    text
}

async fn set_password(config: Config, given: SetPassword, output: Output) -> Result<(), Error> {
    let password = read_password().map_err(Error::Input)?;
    let Some(half) = open(&config, output).await? else { return Ok(()) };
    let log = log::start_for_verb()?;
    let user = find(&half, &given.whom).await?;
    let ended = half.users.set_password(&user, &password, &half.passwords()?, &operator()).await;
    half.close().await;
    log.end().await;
    let ended = ended?;
    output.print(
        || format!("User {} has another password; {} ended.\n", shown(&user.id), sessions(ended)),
        || shapes::sessions_ended(&user, ended),
    )
}

async fn end_sessions(config: Config, whom: Whom, output: Output) -> Result<(), Error> {
    let Some(half) = open(&config, output).await? else { return Ok(()) };
    let log = log::start_for_verb()?;
    let user = find(&half, &whom).await?;
    let ended = half.users.end_sessions(&user, &operator()).await;
    half.close().await;
    log.end().await;
    let ended = ended?;
    output.print(
        || format!("User {} is signed out everywhere; {} ended.\n", shown(&user.id), sessions(ended)),
        || shapes::sessions_ended(&user, ended),
    )
}

async fn remove(config: Config, whom: Whom, output: Output) -> Result<(), Error> {
    let Some(half) = open(&config, output).await? else { return Ok(()) };
    let log = log::start_for_verb()?;
    let user = find(&half, &whom).await?;
    let ended = half.users.remove(&user, &operator()).await;
    half.close().await;
    log.end().await;
    let ended = ended?;
    output.print(
        || {
            format!(
                "User {} is gone, with everything that was theirs; {} ended.\n",
                shown(&user.id),
                sessions(ended)
            )
        },
        || shapes::sessions_ended(&user, ended),
    )
}

fn sessions(count: usize) -> String {
    if count == 1 { "1 session".to_owned() } else { format!("{count} sessions") }
}

/// A text of a user, as a terminal may show it.
fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// The first line of the standard input.
fn read_password() -> std::io::Result<Password> {
    let mut line = Zeroizing::new(String::new());
    std::io::stdin().take(MAX_LINE_BYTES).read_to_string(&mut line)?;
    let password = line.lines().next().unwrap_or_default();
    Ok(Password::new(password.to_owned()))
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        Self::App(error.into())
    }
}

impl From<identity::Error> for Error {
    fn from(error: identity::Error) -> Self {
        match error {
            identity::Error::Store(error) => error.into(),
            error => Self::Users(error),
        }
    }
}
