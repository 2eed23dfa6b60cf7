//! The settings of a process, judged once at its start.
//! In: environment variables and flags. Out: a typed [`Config`], or every error as one sentence each.
//! Owns: a `Config` in hand means that its settings fit together; nothing reads the environment later.
//!
//! Each concern is a file that declares its settings and reads them; a further concern is one more file, and its line in
//! `concerns!`.

mod byte_size;
mod database;
mod duration;
mod error;
mod flags;
mod generated;
mod guessable;
mod limits;
mod mail;
mod mail_url;
mod master_key;
mod origin;
mod pattern;
mod provision;
mod reader;
mod redis;
mod report;
mod resource;
mod secrets;
mod server;
mod setting;
mod settings;
mod sources;
mod storage;
mod tasks;
mod tokens;
mod web_url;

pub use database::DatabaseUrl;
pub use error::Error;
pub use guessable::{Guessable, text as guessable};
pub use limits::Limits;
pub use mail::{Mail, Sender};
pub use mail_url::{Login, MailUrl, Protection, SmtpServer};
pub use origin::TrustedOrigins;
pub use pattern::OriginPattern;
pub use provision::Provision;
pub use reader::Line;
pub use redis::RedisUrl;
pub use report::Report;
pub use resource::Upstream;
pub use secrets::{IssuerSecrets, Secrets};
pub use server::{BaseUrl, Docs, Role, Server};
pub use setting::{Declaration, Empty, Group, Kind};
pub use settings::{SecretText, Settings};
pub use sources::Source;
pub use storage::Storage;
pub use tasks::Tasks;
pub use tokens::{TokenMode, Tokens};

use reader::Reader;

/// From files of settings to [`Config`]: each is declared by its `GROUP` and read by its `read`.
macro_rules! concerns {
    ($($(#[doc = $doc:literal])+ $concern:ident: $type:ty,)+) => {
        /// Everything a process needs to know before it starts.
        #[derive(Clone, Debug)]
        pub struct Config {
            $($(#[doc = $doc])+ pub $concern: $type,)+
        }

        /// Every setting of Signet, in the order of the help.
        pub const GROUPS: &[Group] = &[$($concern::GROUP),+];

        fn read(reader: &mut Reader<'_>) -> Option<Config> {
            $(let $concern = $concern::read(reader);)+
            Some(Config { $($concern: $concern?),+ })
        }
    };
}

concerns! {
    /// Where and as what the process serves, and how the world reaches it.
    server: Server,
    /// What callers may take of a process, and for how long.
    limits: Limits,
    /// The secrets that were given.
    secrets: Secrets,
    /// The database, and the Redis that instances share.
    storage: Storage,
    /// How tokens are signed and verified, and when signing keys change.
    tokens: Tokens,
    /// How people are written to.
    mail: Mail,
    /// What users may keep.
    tasks: Tasks,
    /// What is applied at each start.
    provision: Provision,
    /// Whose tokens to trust; present exactly for the role `resource`.
    resource: Option<Upstream>,
}

impl Config {
    /// Judges all settings; reads the files that they name and creates nothing.
    ///
    /// # Errors
    /// Every error that was found, in the order of the help text; the rules between settings come last.
    pub fn resolve(settings: &Settings) -> Result<Self, Vec<Error>> {
        resolve(settings).map(|(config, _)| config)
    }

    /// The same, with what the settings amount to; looks at generated secrets too, and creates none.
    ///
    /// # Errors
    /// As [`Config::resolve`], and when a secret that an earlier start generated cannot be read.
    pub fn check(settings: &Settings) -> Result<(Self, Report), Vec<Error>> {
        let (config, mut lines) = resolve(settings)?;
        let mut warnings = match config.server.role.serves_identity() {
            true => config.secrets.describe_generated(&mut lines)?,
            false => Vec::new(),
        };
        warnings.extend(config.storage.warnings());
        Ok((config, Report { lines, warnings }))
    }
}

fn resolve(settings: &Settings) -> Result<(Config, Vec<Line>), Vec<Error>> {
    let mut reader = Reader::new(settings);
    for name in settings.names().filter(|name| !is_declared(name)) {
        reader.refuse(Error::new(name.to_owned(), "is not a setting of Signet"));
    }
    let config = read(&mut reader);
    let lines = reader.finish()?;
    config.map(|config| (config, lines)).ok_or_else(Vec::new)
}

fn is_declared(name: &str) -> bool {
    let mut settings = GROUPS.iter().flat_map(|group| group.settings);
    settings.any(|setting| setting.name == name || setting.file_name().as_deref() == Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_reports_every_declared_setting_in_the_order_of_the_help() {
        let declared: Vec<&str> =
            GROUPS.iter().flat_map(|group| group.settings).map(|setting| setting.name).collect();
        let of_role_resource =
            |name: &str| resource::GROUP.settings.iter().any(|setting| setting.name == name);
        let reported = |settings: &[(&str, &str); 2]| -> Vec<&str> {
            Config::check(&Settings::from(*settings)).unwrap().1.lines.iter().map(|line| line.name).collect()
        };
        let resource = [("SIGNET_ROLE", "resource"), ("BETTER_AUTH_URL", "https://auth.example.com")];
        assert_eq!(reported(&resource), declared);
        let all = [("SIGNET_ROLE", "all"), ("BETTER_AUTH_URL", "https://auth.example.com")];
        let elsewhere: Vec<&str> = declared.into_iter().filter(|name| !of_role_resource(name)).collect();
        assert_eq!(reported(&all), elsewhere);
    }
}
