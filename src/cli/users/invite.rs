//! `signet users invite`: an account for a person who sets a password by the link in a mail.
//! In: an address, a name, a language. Out: the user, as a sentence or a document.

use clap::{Args, ValueEnum};
use serde_json::json;
use signet::app::{Environment, InvitationsHalf};
use signet::config::Config;
use signet::identity::Email;
use signet::mail::Language;
use signet::model::user::User;

use crate::cli::error::Error;
use crate::cli::log;
use crate::cli::output::Output;

/// The longest name, in characters, as where people sign up themselves.
const LONGEST_NAME: usize = 256;

#[derive(Args)]
pub struct Invite {
    /// The address to send the invitation to
    #[arg(value_parser = address)]
    address: Email,
    /// What to call the person
    #[arg(long, default_value = "", value_parser = name)]
    name: String,
    /// The language of the mail
    #[arg(long, default_value = "en")]
    language: Tag,
}

/// A language, as arguments name it.
#[derive(Clone, Copy, ValueEnum)]
enum Tag {
    En,
    De,
}

fn address(text: &str) -> Result<Email, &'static str> {
    Email::parse(text).ok_or("it is no address of e-mail")
}

fn name(text: &str) -> Result<String, &'static str> {
    let fits = text.chars().count() <= LONGEST_NAME && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned()).ok_or("it must be one line of at most 256 characters")
}

/// Makes the account, and promises the mail.
///
/// # Errors
/// [`Error`].
pub async fn run(config: Config, invite: Invite, output: Output) -> Result<(), Error> {
    let Invite { address, name, language } = invite;
    let language = match language {
        Tag::En => Language::English,
        Tag::De => Language::German,
    };
    if !config.server.role.serves_identity() {
        let why = "The role `resource` has no users; invite them at the identity service.";
        return output.print(|| format!("{why}\n"), || json!({}));
    }
    let half = InvitationsHalf::open(&config, &Environment::system()).await?;
    let log = log::start_for_verb()?;
    let invited = half.invitations.invite(&address, &name, language).await;
    half.close().await;
    log.end().await;
    let user = invited?;
    output.print(
        || format!("{} is invited as {}; a running server sends the mail.\n", user.email, user.id),
        || document(&user),
    )
}

fn document(user: &User) -> serde_json::Value {
    json!({ "id": user.id, "email": user.email })
}
